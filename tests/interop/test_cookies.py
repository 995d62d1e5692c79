"""DNS cookies and the server's name: what clients of any make see of them."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.edns
import dns.message
import dns.rcode
import pytest

from bossa.testing import packets
from bossa.testing.bench import servers
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory

CLIENT = bytes(range(8))
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
COOKIE, NSID = 10, 3
SHARED = "e5e973e5a6b2a43f48e7dc849e37bfcf"


def dig(domain: Domain, *words: str) -> str:
    """Run dig against the domain; return what it printed."""
    command = [*program("dig"), f"@{domain.address}", "-p", str(domain.dns_port), "+tries=1", "+time=5", *words]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def option(code: int, data: bytes = b"") -> bytes:
    """Return one option as it lies in an OPT."""
    return code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


def query(*options: bytes, owner: str = "ns1.bossa.test", flags: int = 0) -> bytes:
    """Return a query with these options."""
    head = packets.header((1, 0, 0, 1), flags=flags)
    return head + packets.question(owner) + packets.opt(options=b"".join(options))


def options(reply: bytes) -> dict[int, bytes]:
    """Return the options of an answer's OPT by code."""
    found = dns.message.from_wire(reply, ignore_trailing=False).options
    return {int(one.otype): one.to_wire() or b"" for one in found}


def fresh(domain: Domain) -> bytes:
    """Return a client and a server cookie of now."""
    return options(domain.exchange(query(option(COOKIE, CLIENT))))[COOKIE]


@contextmanager
def from_address(address: str) -> Iterator[socket.socket]:
    """Yield a client's socket with this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((address, 0))
        client.settimeout(5)
        yield client


@pytest.fixture(params=[0, 1], ids=["owner", "worker"])
def either(request: pytest.FixtureRequest, domain_factory: DomainFactory) -> Domain:
    """Return a domain that answers by itself, and one with a worker."""
    return domain_factory(workers=request.param, config_toml="[dns]\nnsid = 'first of two'\n")


def test_dig_gets_a_cookie_that_it_finds_good(either: Domain) -> None:
    """RFC 7873 §5.3: dig compares its own part and says what it thinks."""
    said = dig(either, "+cookie", "ns1.bossa.test")
    assert re.search(r"; COOKIE: [0-9a-f]{48} \(good\)", said)
    assert "status: NOERROR" in said


def test_dig_comes_back_with_its_cookie_and_keeps_it(either: Domain) -> None:
    """RFC 9018 §4.3: within half an hour it stays the same."""
    first = re.search(r"; COOKIE: ([0-9a-f]{48})", dig(either, "+cookie", "ns1.bossa.test"))
    assert first is not None
    assert f"; COOKIE: {first[1]} (good)" in dig(either, f"+cookie={first[1]}", "ns1.bossa.test")


@pytest.mark.parametrize("size", [7, 9, 15, 41])
def test_a_cookie_of_a_wrong_length_is_formerr(shared_domain: Domain, size: int) -> None:
    """RFC 7873 §5.2.2"""
    assert packets.rcode(shared_domain.exchange(query(option(COOKIE, bytes(size))))) == FORMERR


def test_dig_is_told_formerr_for_half_a_cookie(shared_domain: Domain) -> None:
    """RFC 7873 §5.2.2"""
    assert "status: FORMERR" in dig(shared_domain, "+cookie=00010203", "ns1.bossa.test")


def test_a_foreign_server_cookie_gets_the_answer_and_one_of_ours(shared_domain: Domain) -> None:
    """RFC 7873 §5.2.4: nothing but a valid one is better than none."""
    reply = shared_domain.exchange(query(option(COOKIE, CLIENT + bytes(32))))
    assert packets.rcode(reply) == NOERROR
    assert packets.counts(reply)[1] == 1
    assert options(reply)[COOKIE][:9] == CLIENT + b"\x01"


@pytest.mark.parametrize(
    ("owner", "rcode"), [("ns1.bossa.test", NOERROR), ("nothing.bossa.test", NXDOMAIN), ("elsewhere.example", REFUSED)]
)
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_every_answer_to_a_cookie_has_one(shared_domain: Domain, owner: str, rcode: int, tcp: bool) -> None:
    """RFC 7873 §5.2.3, errors included"""
    reply = shared_domain.exchange(query(option(COOKIE, CLIENT), owner=owner), tcp=tcp)
    assert packets.rcode(reply) == rcode
    assert options(reply)[COOKIE].startswith(CLIENT)


def test_a_signed_answer_has_a_cookie_under_its_signature(shared_domain: Domain) -> None:
    """dnspython verifies the MAC over the OPT.  RFC 8945 §5.3"""
    asked = dns.message.make_query("ns1.bossa.test", "A", use_edns=0, options=[dns.edns.CookieOption(CLIENT, b"")])
    asked.use_tsig(shared_domain.admin_key.dns)
    reply = shared_domain.send(asked)
    assert reply.had_tsig
    (cookie,) = reply.options
    assert isinstance(cookie, dns.edns.CookieOption)
    assert (cookie.client, len(cookie.server)) == (CLIENT, 16)


def test_an_answer_without_a_cookie_in_its_query_has_none(shared_domain: Domain) -> None:
    """RFC 7873 §5.2.1"""
    assert options(shared_domain.exchange(query())) == {}
    assert options(shared_domain.exchange(query(option(8, b"\0\1\0\0")))) == {}


def test_the_answer_with_a_cookie_keeps_to_the_clients_size(domain: Domain) -> None:
    """RFC 6891 §6.2.3; 28 octets are the cookie's."""
    update = domain.update()
    for letter in "ab":
        update.add("big", 60, "TXT", f'"{letter * 200}"')
    assert domain.send(update).rcode() == NOERROR
    plain = domain.exchange(packets.query("big.bossa.test", "TXT", packets.opt(size=1232)))
    for size in (len(plain), len(plain) + 27, len(plain) + 28):
        reply = domain.exchange(
            packets.query("big.bossa.test", "TXT", packets.opt(size=size, options=option(COOKIE, CLIENT)))
        )
        assert len(reply) <= max(size, 512)
        assert bool(reply[2] & 2) == (max(size, 512) < len(plain) + 28)
        assert COOKIE in options(reply)


def test_a_query_without_a_question_gets_a_cookie_or_is_told_that_its_own_is_bad(shared_domain: Domain) -> None:
    """RFC 7873 §5.4"""
    head = packets.header((0, 0, 0, 1))

    def ask(cookie: bytes) -> dns.message.Message:
        return dns.message.from_wire(shared_domain.exchange(head + packets.opt(options=option(COOKIE, cookie))))

    assert ask(CLIENT).rcode() == NOERROR
    assert ask(fresh(shared_domain)).rcode() == NOERROR
    bad = ask(CLIENT + bytes(16))
    assert bad.rcode() == dns.rcode.BADCOOKIE
    assert len(bad.options) == 1
    assert packets.rcode(shared_domain.exchange(head + packets.opt())) == FORMERR


def test_a_cookie_is_for_one_address(domain_factory: DomainFactory) -> None:
    """RFC 9018 §4.4; 127.0.0.0/8 is all ours."""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    cookie = fresh(domain)
    for address, rcode in (("127.0.0.1", NOERROR), ("127.0.0.2", dns.rcode.BADCOOKIE)):
        with from_address(address) as client:
            client.sendto(query(option(COOKIE, cookie)), (domain.address, domain.dns_port))
            assert dns.message.from_wire(client.recv(4096)).rcode() == rcode


def test_a_cookie_over_ipv6_is_as_good(domain_factory: DomainFactory) -> None:
    """RFC 9018 §4.4: all sixteen octets of the address"""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("::1", domain.dns_port))
        client.send(query(option(COOKIE, CLIENT)))
        first = client.recv(4096)
        assert dns.message.from_wire(first).rcode() == dns.rcode.BADCOOKIE
        client.send(query(option(COOKIE, options(first)[COOKIE])))
        assert dns.message.from_wire(client.recv(4096)).rcode() == NOERROR
    assert dns.message.from_wire(domain.exchange(query(option(COOKIE, options(first)[COOKIE])))).rcode() == 23


def test_a_cookie_survives_a_restart(domain_factory: DomainFactory) -> None:
    """Nobody has to be asked again because the server was upgraded."""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    cookie = fresh(domain)
    domain.restart()
    assert packets.rcode(domain.exchange(query(option(COOKIE, cookie)))) == NOERROR


def test_servers_of_one_secret_take_each_others_cookies(domain_factory: DomainFactory) -> None:
    """RFC 9018 §5, and what a reload changes"""
    one, two = (
        domain_factory(workers=1, config_toml=f"[dns]\ncookies = 'required'\ncookie_secret = '{SHARED}'\n")
        for _ in range(2)
    )
    cookie = fresh(one)
    assert packets.rcode(two.exchange(query(option(COOKIE, cookie)))) == NOERROR
    config = two.home / "bossa.toml"
    config.write_text(config.read_text().replace(f"'{SHARED}'", f"['{'0' * 32}', '{SHARED}']"))
    said = two.run("reload", check=True).stdout
    assert SHARED not in said and "0" * 32 not in said
    renewed = two.exchange(query(option(COOKIE, cookie)))
    assert packets.rcode(renewed) == NOERROR
    assert options(renewed)[COOKIE] != cookie
    assert dns.message.from_wire(one.exchange(query(option(COOKIE, options(renewed)[COOKIE])))).rcode() == 23
    for domain in (one, two):
        assert SHARED not in domain.log and SHARED not in domain.run("status").stdout


NAMED = """\
options {{
    directory "{home}"; pid-file none; session-keyfile none; recursion no;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    cookie-algorithm siphash24; cookie-secret "{secret}"; require-server-cookie yes;
}};
controls {{ }};
"""


@contextmanager
def named(home: Path) -> Iterator[int]:
    """Run a BIND that requires cookies of the shared secret; yield its port."""
    port = servers.free_port()
    (home / "conf").write_text(NAMED.format(home=home, port=port, secret=SHARED))
    with (home / "log").open("wb") as log:
        process = servers.spawn([*program("named"), "-g", "-n", "1", "-c", str(home / "conf")], home, log.fileno())
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.long
def test_bind_and_bossa_take_each_others_cookies(domain_factory: DomainFactory, tmp_path: Path) -> None:
    """RFC 9018 §5: servers of two makers behind one address"""
    config = f"[dns]\ncookies = 'required'\ncookie_secret = '{SHARED}'\n"
    domain = domain_factory(workers=1, config_toml=config)
    with named(tmp_path) as port, from_address("127.0.0.1") as client:

        def ask(where: int, cookie: bytes) -> tuple[int, bytes]:
            client.sendto(query(option(COOKIE, cookie)), ("127.0.0.1", where))
            reply = client.recv(4096)
            return int(dns.message.from_wire(reply).rcode()), options(reply)[COOKIE]

        client.settimeout(0.2)
        for _ in range(100):
            with suppress(TimeoutError):
                code, theirs = ask(port, CLIENT)
                break
        client.settimeout(5)
        assert code == dns.rcode.BADCOOKIE
        assert ask(domain.dns_port, theirs) == (NOERROR, theirs)
        assert ask(port, theirs)[0] == REFUSED
        code, ours = ask(domain.dns_port, CLIENT[::-1])
        assert code == dns.rcode.BADCOOKIE
        assert ask(port, ours)[0] == REFUSED, "it knows us, and has no such zone"


def test_dig_goes_through_badcookie_by_itself(domain_factory: DomainFactory) -> None:
    """RFC 7873 §5.2.3 and §5.3"""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    assert "status: BADCOOKIE" in dig(domain, "+cookie", "+nobadcookie", "ns1.bossa.test")
    said = dig(domain, "+cookie", "ns1.bossa.test")
    assert "status: NOERROR" in said and "ANSWER: 1" in said


@pytest.mark.parametrize("edns", ["+nocookie", "+noedns"])
def test_who_has_no_cookie_where_one_is_required_comes_by_tcp(domain_factory: DomainFactory, edns: str) -> None:
    """RFC 7873 §5.2.1"""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    said = dig(domain, edns, "ns1.bossa.test")
    assert "Truncated, retrying in TCP mode" in said
    assert "status: NOERROR" in said and "ANSWER: 1" in said


def test_updates_and_signed_queries_need_no_cookie(domain_factory: DomainFactory) -> None:
    """A signature proves more."""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'required'\n")
    update = domain.update()
    update.add("signed", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == NOERROR
    assert domain.ask("signed", key=domain.admin_key).rcode() == NOERROR


def test_without_cookies_they_are_ignored(domain_factory: DomainFactory) -> None:
    """RFC 6891 §6.1.2: an option like any other"""
    domain = domain_factory(workers=1, config_toml="[dns]\ncookies = 'off'\n")
    for cookie in (CLIENT, bytes(3)):
        reply = domain.exchange(query(option(COOKIE, cookie)))
        assert packets.rcode(reply) == NOERROR
        assert options(reply) == {}
    assert not (domain.data / "cookie.secret").exists()


def test_dig_learns_which_server_this_is(either: Domain) -> None:
    """RFC 5001 §2.3"""
    assert '("first of two")' in dig(either, "+nsid", "ns1.bossa.test")
    assert "NSID" not in dig(either, "ns1.bossa.test")


def test_a_server_without_a_name_tells_none(shared_domain: Domain) -> None:
    """RFC 5001 §3.1: it is the operator's choice."""
    assert options(shared_domain.exchange(query(option(NSID)))) == {}


def test_what_another_resolver_answered_comes_with_our_options(domain_factory: DomainFactory) -> None:
    """RFC 7873 §5.2.3, RFC 6891 §6.2.6: options go from hop to hop."""
    upstream = domain_factory(name="up.test", config_toml="[dns]\nnsid = 'theirs'\n")
    ours = f"[dns]\nnsid = 'ours'\nforwarders = ['127.0.0.1:{upstream.dns_port}']\n"
    domain = domain_factory(config_toml=ours)
    for asked in (
        (option(COOKIE, CLIENT), option(NSID)),
        (option(NSID), option(8, b"\0\1\0\0"), option(COOKIE, CLIENT)),
    ):
        reply = domain.exchange(query(*asked, owner="ns1.up.test", flags=0x0100))
        assert packets.counts(reply)[1] == 1
        found = options(reply)
        assert found[NSID] == b"ours"
        assert (found[COOKIE][:8], len(found[COOKIE])) == (CLIENT, 24)
    assert '("ours")' in dig(domain, "+nsid", "ns1.up.test")


def test_an_answer_passed_on_with_a_cookie_keeps_to_the_clients_size(domain_factory: DomainFactory) -> None:
    """RFC 6891 §6.2.3"""
    upstream = domain_factory(name="up.test")
    update = upstream.update()
    for letter in "abc":
        update.add("big", 60, "TXT", f'"{letter * 200}"')
    assert upstream.send(update).rcode() == NOERROR
    domain = domain_factory(config_toml=f"[dns]\nforwarders = ['127.0.0.1:{upstream.dns_port}']\n")

    def ask(size: int, *cookie: bytes) -> bytes:
        opt = packets.opt(size=size, options=b"".join(cookie))
        head = packets.header((1, 0, 0, 1), flags=0x0100)
        return domain.exchange(head + packets.question("big.up.test", "TXT") + opt)

    whole = len(ask(1232))
    for size in (whole, whole + 27, whole + 28):
        reply = ask(size, option(COOKIE, CLIENT))
        assert len(reply) <= size
        assert bool(reply[2] & 2) == (size < whole + 28)
        assert COOKIE in options(reply)


def test_a_failure_of_the_forwarder_has_a_cookie_too(domain_factory: DomainFactory) -> None:
    """Beside its extended error.  RFC 8914 §2"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    domain = domain_factory(config_toml=f"[dns]\nforwarders = ['127.0.0.1:{port}']\n")
    reply = domain.exchange(query(option(COOKIE, CLIENT), owner="www.example", flags=0x0100), timeout=10)
    assert packets.rcode(reply) == SERVFAIL
    assert set(options(reply)) == {COOKIE, 15}
