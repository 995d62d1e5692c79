"""Updates signed with a ticket, by BIND's nsupdate and by hand as Windows does it, over sockets.  RFC 3645"""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.krb.ccache import CredentialCache
from bossa.krb.credential import Credential, Times
from bossa.krb.keytab import Keytab
from bossa.krb.messages import EncTicketPart, Transited
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.ticket import held_key, seal
from bossa.testing import packets
from bossa.testing.contexts import DELETION, Failed, Manner, Negotiated, Tkey, negotiate, query
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from bossa.testing.plugin import DomainFactory
from tests.interop.cast import PASSWORD

REALM = "BOSSA.TEST"
NS = "DNS/ns1.bossa.test"
NOERROR, REFUSED, NOTAUTH = 0, 5, 9
BADKEY = 17
AXFR = "AXFR"


@pytest.fixture
def own(shared_domain: Domain, alice: Seat, label: str) -> str:
    """Return a name below which alice may change everything."""
    assert alice.ccache.exists()
    shared_domain.allow("bossa.test", f"krb5:alice@{REALM}", "subdomain", f"{label}.bossa.test")
    return f"{label}.bossa.test"


@pytest.fixture
def ticket(alice: Seat) -> Credential:
    """Return alice's ticket for the name server."""
    return ticket_of(alice, NS)


def ticket_of(seat: Seat, service: str) -> Credential:
    """Get a ticket with kvno and take it out of the cache."""
    seat.kvno(service)
    cache = CredentialCache.decode(seat.ccache.read_bytes())
    return next(one for one in cache.tickets if one.server.text == service)


def nsupdate(domain: Domain, env: dict[str, str], script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run nsupdate with an environment that says where tickets are."""
    return subprocess.run(
        [*program("nsupdate"), "-t", "10", *words],
        env=env,
        input=f"server {domain.address} {domain.dns_port}\n{script}\nsend\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def over(domain: Domain, ticket: Credential, key: str = "", *, tcp: bool = True, **manner: object) -> Negotiated:
    """Negotiate a key with the domain."""
    how = Manner(**manner)  # type: ignore[arg-type]
    return negotiate(ticket, lambda wire: domain.exchange(wire, tcp=tcp), key, how)


# By nsupdate.


@pytest.mark.parametrize("transport", [(), ("-v",)], ids=["udp", "tcp"])
@pytest.mark.parametrize("way", ["-g", "-o"])
def test_nsupdate_changes_what_its_users_ticket_allows(
    shared_domain: Domain, alice: Seat, own: str, way: str, transport: tuple[str, ...]
) -> None:
    since = len(shared_domain.log)
    done = nsupdate(shared_domain, alice.env, f"update add x.{own} 60 A 192.0.2.1", way, *transport)
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(f"x.{own}.") == ["192.0.2.1"]
    shared_domain.wait_for_log(rf"update.*krb5:alice@{REALM}", since=since)
    done = nsupdate(shared_domain, alice.env, f"update delete x.{own} A", way, *transport)
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(f"x.{own}.") == []


def test_nsupdate_gets_a_ticket_with_a_machines_keytab(shared_domain: Domain, tmp_path: Path, label: str) -> None:
    """KRB5_CLIENT_KTNAME, and no cache: the library signs in by itself."""
    host = f"host/{label}.bossa.test"
    keytab = shared_domain.directory.add_service(host)
    shared_domain.allow("bossa.test", f"krb5:{host}@{REALM}", "subdomain", f"{label}.bossa.test")
    seat = shared_domain.seat()
    env = seat.env | {"KRB5_CLIENT_KTNAME": f"FILE:{keytab}"}
    done = nsupdate(shared_domain, env, f"update add {label}.bossa.test 60 A 192.0.2.9", "-g")
    assert (done.returncode, done.stderr) == (0, ""), seat.trace[-3000:]
    assert shared_domain.values(label) == ["192.0.2.9"]


def test_nsupdate_of_somebody_else_is_refused_and_one_line_says_who_it_was(
    shared_domain: Domain, own: str, label: str
) -> None:
    shared_domain.directory.add_user(f"u{label}", PASSWORD)
    seat, since = shared_domain.kinit(f"u{label}", PASSWORD), len(shared_domain.log)
    done = nsupdate(shared_domain, seat.env, f"update add x.{own} 60 A 192.0.2.1", "-g")
    assert (done.returncode, "update failed: REFUSED" in done.stderr) == (2, True), done.stderr
    shared_domain.wait_for_log(rf"update refused.*krb5:u{label}@{REALM}", since=since)


def test_shared_secrets_work_on_the_same_zone(shared_domain: Domain, alice: Seat, own: str) -> None:
    key = str(shared_domain.data / "admin.key")
    done = nsupdate(shared_domain, alice.env, f"update add k.{own} 60 A 192.0.2.1", "-k", key)
    assert (done.returncode, done.stderr) == (0, "")
    done = nsupdate(shared_domain, alice.env, f"update delete k.{own} A", "-g")
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(f"k.{own}.") == []


def test_dig_signs_with_shared_secrets_as_ever(shared_domain: Domain, ticket: Credential) -> None:
    over(shared_domain, ticket)
    key = ["-k", str(shared_domain.data / "admin.key")]
    done = subprocess.run(
        [*program("dig"), f"@{shared_domain.address}", "-p", str(shared_domain.dns_port), *key, "ns1.bossa.test", "A"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "status: NOERROR" in done.stdout
    assert "TSIG PSEUDOSECTION" in done.stdout
    assert "Couldn't verify signature" not in done.stdout


# As Windows does it.


def windows_update(host: str, address: str, ident: int) -> bytes:
    """Return what Windows sends: no alias there, old addresses away, the new one in."""
    return packets.update(
        "bossa.test",
        packets.record(host, "A", rclass=packets.ANY),
        packets.record(host, "A", address, ttl=1200),
        prerequisites=[packets.record(host, "CNAME", rclass=packets.NONE)],
        ident=ident,
    )


@pytest.mark.parametrize("algorithm", ["gss-tsig", "gss.microsoft.com", "GSS.Microsoft.com"])
@pytest.mark.parametrize("in_answer", [False, True], ids=["additional", "answer"])
def test_29_windows_is_refused_first_and_then_signs(
    shared_domain: Domain, own: str, ticket: Credential, algorithm: str, in_answer: bool
) -> None:
    host = f"win1.{own}"
    for number, address in enumerate(("192.0.2.11", "192.0.2.12")):
        plain = windows_update(host, address, 0x77 + number)
        assert packets.rcode(shared_domain.exchange(plain)) == REFUSED
        key = over(shared_domain, ticket, f"{400 + number}-ms-7.{own}", algorithm=algorithm, in_answer=in_answer)
        key.check(key.reply, None)
        request = key.sign(plain)
        reply = shared_domain.exchange(request)
        assert packets.rcode(reply) == NOERROR
        key.check(reply, request)
        assert shared_domain.values(f"{host}.") == [address]
        # Another server's key of the same name is what it asks for next time.
        assert packets.rcode(shared_domain.exchange(key.sign(query(key.name, Tkey(mode=DELETION))))) == NOERROR


# By hand: the reference's items over sockets.


@pytest.mark.parametrize("spnego", [False, True], ids=["krb5", "spnego"])
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_21_26_one_key_over_both_transports_for_queries_updates_and_transfers(
    shared_domain: Domain, own: str, ticket: Credential, spnego: bool, tcp: bool
) -> None:
    zone = own.replace("bossa.test", "axfr.test")
    shared_domain.add_zone(zone, "$TTL 60\n@ SOA a h 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n")
    shared_domain.set_zone(zone, allow_transfer=("net:127.0.0.1/32",))
    key = over(shared_domain, ticket, tcp=tcp, spnego=spnego)
    key.check(key.reply, None)
    wanted = packets.query("bossa.test", "SOA"), packets.update("bossa.test", packets.record(own, "TXT", "t", ttl=60))
    for wire in wanted:
        for by_stream in (True, False, True):
            request = key.sign(wire)
            reply = shared_domain.exchange(request, tcp=by_stream)
            assert packets.rcode(reply) == NOERROR
            key.check(reply, request)
    request = key.sign(packets.query(zone, AXFR))
    reply = shared_domain.exchange(request, tcp=True)
    assert packets.counts(reply)[1] == 4
    key.check(reply, request)


def test_a_retransmitted_update_gets_its_first_answer(shared_domain: Domain, own: str, ticket: Credential) -> None:
    """From one socket, as a client does it; the MIC of the copy is no good for a second time."""
    key = over(shared_domain, ticket)
    request = key.sign(packets.update("bossa.test", packets.record(own, "TXT", "once", ttl=60)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        answers = []
        for _ in range(2):
            client.sendto(request, (shared_domain.address, shared_domain.dns_port))
            answers.append(client.recv(4096))
    assert answers[0] == answers[1]
    key.check(answers[0], request)


def test_25_a_deleted_key_is_unknown(shared_domain: Domain, ticket: Credential) -> None:
    key = over(shared_domain, ticket)
    assert packets.rcode(shared_domain.exchange(query(key.name, Tkey(mode=DELETION)))) == REFUSED
    request = key.sign(query(key.name, Tkey(mode=DELETION)))
    reply = shared_domain.exchange(request)
    key.check(reply, request)
    reply = shared_domain.exchange(key.sign(packets.query("bossa.test", "SOA")))
    found = packets.tsig_of(reply)
    assert found is not None
    assert (packets.rcode(reply), found.error, found.mac) == (NOTAUTH, BADKEY, b"")


def test_22_a_key_lives_an_hour_at_most_and_no_longer_than_its_ticket(
    shared_domain: Domain, alice: Seat, ticket: Credential
) -> None:
    told = Tkey.found(over(shared_domain, ticket).reply)
    assert abs(told.inception - time.time()) < 5
    assert told.expiration - told.inception == 3600
    short = shared_domain.kinit("alice", PASSWORD, "-l", "10m")
    told = Tkey.found(over(shared_domain, ticket_of(short, NS)).reply)
    assert 500 < told.expiration - told.inception <= 600


@pytest.mark.parametrize("name", ["DNS/ns1.bossa.test", "dns/ns1.bossa.test", "DNS/ns1", "dns/ns1"])
def test_28_the_servers_account_has_the_names_that_clients_ask_for(
    shared_domain: Domain, alice: Seat, name: str
) -> None:
    over(shared_domain, ticket_of(alice, name))


def test_28_the_servers_account_has_the_name_that_an_imported_zone_gives_it(shared_domain: Domain, alice: Seat) -> None:
    text = "$TTL 60\n@ SOA master h 1 2 3 4 5\n@ NS master\nmaster A 127.0.0.1\n"
    since = len(shared_domain.log)
    shared_domain.add_zone("own-master.test", text)
    shared_domain.wait_for_log("the name server has new names.*DNS/master.own-master.test", since=since)
    over(shared_domain, ticket_of(alice, "DNS/master.own-master.test"))


def test_28_a_ticket_under_replaced_keys_is_still_taken(shared_domain: Domain, alice: Seat) -> None:
    before = ticket_of(shared_domain.kinit("alice", PASSWORD), NS)
    shared_domain.directory.rotate(NS)
    after = ticket_of(shared_domain.kinit("alice", PASSWORD), NS)
    for one in (before, after):
        over(shared_domain, one)


# What is not taken, and why: in the log.


@pytest.fixture(scope="module")
def account(shared_domain: Domain) -> Keytab:
    """Return the keys of the name server's account, with which tickets are forged here."""
    return Keytab.decode(shared_domain.directory.keytab(NS).read_bytes())


def forged(account: Keytab, **changes: object) -> Credential:
    """Return a ticket of alice's that no KDC made; ``sname`` is whom it is for."""
    entry = max(account.entries, key=lambda one: (one.kvno, one.key.etype == 18))
    now = int(time.time())
    name, sname = PrincipalName(NameType.PRINCIPAL, ("alice",)), PrincipalName.parse(NS)
    sname = changes.pop("sname", sname)  # type: ignore[assignment]
    plain = EncTicketPart(0, entry.key, REALM, name, Transited(), now - 60, None, now + 3600)
    part = replace(plain, **changes)  # type: ignore[arg-type]
    ticket = seal(part, REALM, sname, held_key(entry.key), entry.kvno, bytes(16))
    times = Times(part.authtime, part.starttime or 0, part.endtime, 0)
    return Credential(name, REALM, sname, REALM, ticket.encode(), part.key, part.flags, times)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"endtime": -600}, "the ticket has expired"),
        ({"endtime": -60}, "the ticket expired 6. s ago"),
        ({"starttime": 900}, "the ticket is not valid yet"),
        ({"sname": PrincipalName.parse("HTTP/web.bossa.test")}, "no key for HTTP/web.bossa.test@BOSSA.TEST"),
        ({"sname": PrincipalName.parse("krbtgt/BOSSA.TEST")}, "no key for krbtgt/BOSSA.TEST@BOSSA.TEST"),
    ],
    ids=["expired", "expired within the skew", "from the future", "for another", "for the KDC"],
)
def test_a_ticket_that_is_not_good_is_badkey_and_the_log_says_why(
    shared_domain: Domain, account: Keytab, changes: dict[str, object], why: str
) -> None:
    now, since = int(time.time()), len(shared_domain.log)
    moved = {field: now + one if isinstance(one, int) else one for field, one in changes.items()}
    with pytest.raises(Failed) as failed:
        over(shared_domain, forged(account, **moved))
    assert failed.value.error == BADKEY
    shared_domain.wait_for_log(f"key refused.*BADKEY.*{why}", since=since)


def test_a_ticket_for_another_service_is_badkey(shared_domain: Domain, alice: Seat, web_keytab: Path) -> None:
    assert web_keytab.exists()
    other, since = ticket_of(alice, "HTTP/web.bossa.test"), len(shared_domain.log)
    with pytest.raises(Failed):
        over(shared_domain, other)
    shared_domain.wait_for_log("key refused.*no key for HTTP/web.bossa.test", since=since)


def test_a_token_that_came_before_is_badkey(shared_domain: Domain, ticket: Credential) -> None:
    sent: list[bytes] = []

    def send(wire: bytes) -> bytes:
        sent.append(wire)
        return shared_domain.exchange(wire, tcp=True)

    key, since = negotiate(ticket, send, "once.test"), len(shared_domain.log)
    again = sent[0].replace(packets.name("once.test"), packets.name("more.test"))
    assert Tkey.found(shared_domain.exchange(again, tcp=True)).error == BADKEY
    shared_domain.wait_for_log("key refused.*DUPLICATE_TOKEN.*alice@BOSSA.TEST came before", since=since)
    request = key.sign(packets.query("bossa.test", "SOA"))
    key.check(shared_domain.exchange(request), request)


@pytest.mark.parametrize("off", [-400, 400])
def test_a_clock_that_is_off_is_badkey_and_the_log_says_by_how_much(
    shared_domain: Domain, account: Keytab, off: int
) -> None:
    since = len(shared_domain.log)
    with pytest.raises(Failed) as failed:
        over(shared_domain, forged(account), now=lambda: time.time() + off)
    assert failed.value.error == BADKEY
    shared_domain.wait_for_log("key refused.*clock is .(399|40.) s from ours", since=since)


def test_27_a_flood_of_keys_evicts_nobodys(shared_domain: Domain, ticket: Credential) -> None:
    """Samba forgets a key after 128 others."""
    first = over(shared_domain, ticket)
    request = first.sign(packets.query("bossa.test", "SOA"))
    first.check(shared_domain.exchange(request), request)
    for _ in range(600):
        over(shared_domain, ticket, wish=Wish(ContextFlags.INTEG))
    request = first.sign(packets.query("bossa.test", "SOA"))
    first.check(shared_domain.exchange(request), request)


def test_an_older_domain_gets_its_name_servers_account(domain: Domain) -> None:
    domain.run("service", "remove", NS, check=True)
    domain.restart()
    domain.directory.add_user("alice", PASSWORD)
    over(domain, ticket_of(domain.kinit("alice", PASSWORD), NS))


def test_without_a_realm_no_keys_are_negotiated(domain_factory: DomainFactory) -> None:
    nowhere = domain_factory(config_toml="[kerberos]\nenabled = false\n")
    assert packets.rcode(nowhere.exchange(query("a.test", Tkey(token=b"token")))) == REFUSED
