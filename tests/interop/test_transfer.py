"""Zone transfers out: denied by default, given by key or network, whole or in steps, every message signed."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from typing import BinaryIO

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain, TsigKey

COUNT = 3000


@pytest.fixture(scope="module")
def zone(shared_domain: Domain) -> Iterator[tuple[str, TsigKey]]:
    """A zone too large for one message, that one key may fetch."""
    name = "moved.test"
    records = "".join(f"h{n} A 10.0.{n >> 8}.{n & 255}\n" for n in range(COUNT))
    shared_domain.add_zone(
        name, f"$TTL 300\n@ SOA ns1 host 1 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n{records}"
    )
    key = shared_domain.add_key("fetcher")
    shared_domain.run("zone", "set", name, "--allow-transfer", "key:fetcher", check=True)
    yield name, key


def fetch(domain: Domain, name: str, key: TsigKey | None, *, serial: int | None = None) -> list[dns.message.Message]:
    """Transfer a zone; return its messages, whose signatures dnspython has checked."""
    query = dns.message.make_query(name, "AXFR" if serial is None else "IXFR")
    if serial is not None:
        soa = query.find_rrset(query.authority, dns.name.from_text(name), "IN", "SOA", create=True)
        soa.add(dns.rdata.from_text("IN", "SOA", f". . {serial} 0 0 0 0"))
    if key is not None:
        query.use_tsig(key.dns)
    wire = query.to_wire()
    with socket.create_connection((domain.address, domain.dns_port), 10) as client, client.makefile("rb") as stream:
        client.sendall(len(wire).to_bytes(2, "big") + wire)
        return list(received(query, stream))


def received(query: dns.message.Message, stream: BinaryIO) -> Iterator[dns.message.Message]:
    """Read messages until the SOA that ends a transfer, or an answer that holds no more than one record."""
    context, first, records = None, None, 0
    while True:
        wire = stream.read(int.from_bytes(stream.read(2), "big"))
        reply = dns.message.from_wire(
            wire, query.keyring, query.mac, multi=True, tsig_ctx=context, one_rr_per_rrset=True
        )
        context = reply.tsig_ctx
        yield reply
        records += len(reply.answer)
        first = first or (reply.answer[0] if reply.answer else None)
        if records <= 1 or reply.answer[-1] == first:
            return


def test_nobody_may_fetch_a_zone_unless_it_says_so(shared_domain: Domain) -> None:
    (reply,) = fetch(shared_domain, shared_domain.name, shared_domain.admin_key)
    assert reply.rcode() == dns.rcode.REFUSED
    shared_domain.wait_for_log("transfer refused.*may not fetch")


def test_another_key_may_not(shared_domain: Domain, zone: tuple[str, TsigKey]) -> None:
    (reply,) = fetch(shared_domain, zone[0], shared_domain.admin_key)
    assert reply.rcode() == dns.rcode.REFUSED


def test_a_whole_zone_comes_signed_between_two_soas(shared_domain: Domain, zone: tuple[str, TsigKey]) -> None:
    """RFC 5936 §2.2, RFC 8945 §5.3.1"""
    name, key = zone
    replies = fetch(shared_domain, name, key)
    assert len(replies) > 2
    assert all(reply.had_tsig for reply in replies)
    records = [rrset for reply in replies for rrset in reply.answer]
    assert records[0] == records[-1]
    assert records[0].rdtype == dns.rdatatype.SOA
    assert len(records) == COUNT + 4


def test_dig_fetches_the_zone(shared_domain: Domain, zone: tuple[str, TsigKey]) -> None:
    name, key = zone
    secret = f"{key.algorithm}:{key.name}:{key.secret}"
    done = subprocess.run(
        [*program("dig"), "@127.0.0.1", "-p", str(shared_domain.dns_port), "-y", secret, name, "AXFR"],
        env=environment(), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "; Transfer failed" not in done.stdout
    assert "WARNING" not in done.stdout
    assert f"XFR size: {COUNT + 4} records" in done.stdout


def test_a_client_that_is_up_to_date_gets_the_soa_alone(domain: Domain) -> None:
    """RFC 1995 §2"""
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    (reply,) = fetch(domain, domain.name, None, serial=domain.serial())
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.SOA]


def test_a_client_that_is_behind_gets_the_steps(domain: Domain) -> None:
    """RFC 1995 §4"""
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    start = domain.serial()
    for number in range(3):
        update = domain.update()
        update.replace("stepping", 60, "A", f"192.0.2.{number}")
        assert domain.send(update).rcode() == dns.rcode.NOERROR
    (reply,) = fetch(domain, domain.name, None, serial=start)
    shown = [(rrset.rdtype.name, rrset[0].to_text().split()[2 if rrset.rdtype == 6 else 0]) for rrset in reply.answer]
    soa = [("SOA", str(start + n)) for n in range(4)]
    a = [("A", f"192.0.2.{n}") for n in range(3)]
    assert shown == [soa[3], soa[0], soa[1], a[0], soa[1], a[0], soa[2], a[1], soa[2], a[1], soa[3], a[2], soa[3]]


def test_a_client_from_before_our_history_gets_the_whole_zone(domain: Domain) -> None:
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", "--history", "1", check=True)
    start = domain.serial()
    for number in range(3):
        domain.run("record", "add", domain.name, f"n{number}", "A", "192.0.2.1", check=True)
    (reply,) = fetch(domain, domain.name, None, serial=start)
    kinds = [rrset.rdtype for rrset in reply.answer]
    assert kinds.count(dns.rdatatype.SOA) == 2
    assert dns.rdatatype.NS in kinds


def test_ixfr_without_the_clients_soa_is_formerr(domain: Domain) -> None:
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    query = dns.message.make_query(domain.name, "IXFR")
    assert domain.send(query, tcp=True).rcode() == dns.rcode.FORMERR


# IXFR over UDP


def steps_behind(domain: Domain, count: int) -> int:
    """Let a client with the serial that is returned be so many steps behind."""
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    start = domain.serial()
    for number in range(count):
        update = domain.update()
        update.replace("stepping", 60, "A", f"192.0.2.{number}")
        assert domain.send(update).rcode() == dns.rcode.NOERROR
    return start


def dig(domain: Domain, *arguments: str) -> str:
    done = subprocess.run(
        [*program("dig"), "@127.0.0.1", "-p", str(domain.dns_port), *arguments],
        env=environment(), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_gets_an_increment_over_udp_and_tcp(domain: Domain, transport: str) -> None:
    """RFC 1995 §2"""
    start = steps_behind(domain, 2)
    shown = dig(domain, domain.name, f"IXFR={start}", transport)
    records = [line.split() for line in shown.splitlines() if line and not line.startswith(";")]
    assert [record[6] if record[3] == "SOA" else record[4] for record in records] == [
        *(str(start + n) for n in (2, 0, 1)), "192.0.2.0", str(start + 1), "192.0.2.0", str(start + 2), "192.0.2.1",
        str(start + 2),
    ]  # fmt: skip
    domain.wait_for_log(rf"transfer out  .*kind=IXFR form=steps serial_from={start} serial={start + 2} records=9")


def test_over_udp_an_increment_that_does_not_fit_is_the_soa_alone(domain: Domain) -> None:
    """RFC 1995 §2: and the client tries TCP."""
    start = steps_behind(domain, 20)
    query = dns.message.make_query(domain.name, "IXFR", use_edns=0, payload=1232)
    soa = query.find_rrset(query.authority, domain.origin, "IN", "SOA", create=True)
    soa.add(dns.rdata.from_text("IN", "SOA", f". . {start} 0 0 0 0"))
    reply = domain.send(query)
    assert [(rrset.rdtype, rrset[0].serial) for rrset in reply.answer] == [(dns.rdatatype.SOA, start + 20)]
    assert not reply.flags & dns.flags.TC
    assert reply.edns == 0


def test_over_udp_a_small_whole_zone_may_be_the_answer(domain: Domain) -> None:
    steps_behind(domain, 1)
    shown = dig(domain, domain.name, "IXFR=4000000000", "+notcp", "+bufsize=1232")
    kinds = [line.split()[3] for line in shown.splitlines() if line and not line.startswith(";")]
    assert kinds[0] == kinds[-1] == "SOA"
    assert "NS" in kinds


def test_over_udp_an_increment_is_for_those_who_may_and_signed(
    shared_domain: Domain, zone: tuple[str, TsigKey]
) -> None:
    name, key = zone
    query = dns.message.make_query(name, "IXFR")
    soa = query.find_rrset(query.authority, dns.name.from_text(name), "IN", "SOA", create=True)
    soa.add(dns.rdata.from_text("IN", "SOA", ". . 0 0 0 0 0"))
    assert shared_domain.send(query).rcode() == dns.rcode.REFUSED
    query.use_tsig(key.dns)
    reply = shared_domain.send(query)
    assert reply.had_tsig
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.SOA]


def test_axfr_over_udp_is_refused(domain: Domain) -> None:
    """RFC 5936 §4.2"""
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    assert domain.send(dns.message.make_query(domain.name, "AXFR")).rcode() == dns.rcode.REFUSED


def test_a_transfer_out_is_a_line_in_the_log(domain: Domain) -> None:
    domain.run("zone", "set", domain.name, "--allow-transfer", "net:127.0.0.0/8", check=True)
    fetch(domain, domain.name, None)
    line = domain.wait_for_log("transfer out ")
    count = len(domain.run("record", "list", domain.name, check=True).stdout.splitlines())
    for field in (f"zone={domain.name}.", "client=127.0.0.1", "kind=AXFR", f"records={count + 1} ", "seconds="):
        assert field in line
