"""Mutated packets, one after the other: whatever comes, the server answers the next honest question."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey
from bossa.testing.plugin import DomainFactory

# Questions that a mutation turns into somebody else's names must not reach the network.
CONFIG = '[dns]\nrecursion = ["192.0.2.0/24"]\n'
ZONE = "$TTL 60\n@ SOA ns1.bossa.test. h 1 2 3 4 5\n@ NS ns1.bossa.test.\na A 192.0.2.1\nb CNAME a\n*.w TXT x\n"
NAME = "fuzz.test"
BATCH = 50
Mutation = Callable[[random.Random, bytearray], None]


def corpus(key: TsigKey) -> list[bytes]:
    """Return packets that are right, of every kind that the server takes."""
    owner = f"x.{NAME}"
    records = [
        packets.record(owner, "A", "192.0.2.1", ttl=60),
        packets.record(owner, "MX", f"10 mail.{NAME}.", ttl=60),
        packets.record(owner, "TXT", '"one" "two"', ttl=60),
        packets.record(owner, "SRV", f"1 2 3 srv.{NAME}.", ttl=60),
        packets.record(owner, "NAPTR", f'1 2 "u" "s" "!x!y!" r.{NAME}.', ttl=60),
        packets.record(owner, "HTTPS", "1 . alpn=h2", ttl=60),
        packets.record(owner, 65280, b"\1\2\3", ttl=60),
        packets.record(owner, 255, rclass=packets.ANY),
        packets.record(owner, "A", rclass=packets.ANY),
        packets.record(owner, "A", "192.0.2.1", rclass=packets.NONE),
    ]
    queries = [
        packets.query(f"{name}.{NAME}", rtype) for name in ("a", "b", "q.w", "no") for rtype in ("A", "TXT", 255)
    ]
    plain = [
        *queries,
        *(packets.query(f"a.{NAME}", "A", packets.opt(options=b"\0\x0a\0\x08abcdefgh")) for _ in range(2)),
    ]
    plain.append(packets.update(NAME, *records[:7], prerequisites=[records[8]]))
    plain += [packets.update(NAME, record, records[7]) for record in records]
    return plain + [packets.sign(one, key) for one in plain]


def flip(chance: random.Random, data: bytearray) -> None:
    """Turn one bit."""
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def overwrite(chance: random.Random, data: bytearray) -> None:
    """Put an octet that often matters somewhere."""
    data[chance.randrange(len(data))] = chance.choice((0, 1, 63, 64, 0x7F, 0x80, 0xC0, 0xFF, chance.randrange(256)))


def number(chance: random.Random, data: bytearray) -> None:
    """Put a 16-bit number that often matters somewhere."""
    at = chance.randrange(len(data) - 1)
    data[at : at + 2] = struct.pack("!H", chance.choice((0, 1, 12, 41, 250, 252, 255, 0xC00C, 0x7FFF, 0xFFFF)))


def count(chance: random.Random, data: bytearray) -> None:
    """Change one of the section counts."""
    at = chance.choice((4, 6, 8, 10))
    data[at : at + 2] = struct.pack("!H", chance.choice((0, 1, 2, 3, 255, 65535)))


def cut(chance: random.Random, data: bytearray) -> None:
    """Cut the end off, the header kept."""
    del data[chance.randrange(12, len(data)) :]


def remove(chance: random.Random, data: bytearray) -> None:
    """Take some octets out."""
    at = chance.randrange(12, len(data))
    del data[at : at + chance.randrange(1, 9)]


def repeat(chance: random.Random, data: bytearray) -> None:
    """Put a part in twice."""
    at = chance.randrange(12, len(data))
    data[at:at] = data[at : at + chance.randrange(1, 65)]


MUTATIONS: tuple[Mutation, ...] = (flip, overwrite, number, count, cut, remove, repeat)


def mutated(chance: random.Random, packet: bytes) -> bytes:
    """Mutate a packet once to four times."""
    data = bytearray(packet)
    for _ in range(chance.randint(1, 4)):
        if len(data) < 14:
            break
        chance.choice(MUTATIONS)(chance, data)
    return bytes(data[:65535])


def stream(seed: int, key: TsigKey) -> Iterator[bytes]:
    """Yield mutated packets for ever; every tenth is signed after the mutation, so that it gets past the signature."""
    chance = random.Random(seed)
    right = corpus(key)
    while True:
        packet = mutated(chance, chance.choice(right))
        if chance.random() < 0.1 and len(packet) > 12:
            packet = packets.sign(mutated(chance, chance.choice(right[: len(right) // 2])), key)
        # The honest question's ID is nobody else's.
        yield b"\xaa" + packet[1:]


def honest(domain: Domain) -> bytes:
    """Return a question that must be answered; its ID is unlike those of the mutated ones."""
    return packets.query(domain.name, packets.SOA, ident=0x0001)


def over_udp(domain: Domain, batches: Iterator[list[bytes]]) -> None:
    """Send batches, each followed by an honest question whose answer is waited for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((domain.address, domain.dns_port))
        client.settimeout(5)
        for batch in batches:
            for packet in batch:
                client.send(packet)
            client.send(honest(domain))
            ask_until_answered(client, honest(domain))


def ask_until_answered(client: socket.socket, question: bytes) -> None:
    """Read answers until the honest question's; a datagram that got lost is sent again, three times."""
    for attempt in range(4):
        try:
            while (reply := client.recv(65535))[:2] != question[:2]:
                assert reply[2] & 0x80, "an answer has QR set"
                list(packets.records(reply))
        except TimeoutError:
            assert attempt < 3, "the server does not answer any more"
            client.send(question)
        else:
            assert packets.rcode(reply) == 0
            return


def over_tcp(domain: Domain, batches: Iterator[list[bytes]]) -> None:
    """Send each batch on a connection of its own, which the server may close; then ask over another."""
    for batch in batches:
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection((domain.address, domain.dns_port), 5) as client,
        ):
            client.sendall(b"".join(struct.pack("!H", len(packet)) + packet for packet in batch))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        assert packets.rcode(domain.exchange(honest(domain), tcp=True)) == 0


def in_batches(packets_: Iterator[bytes], total: int) -> Iterator[list[bytes]]:
    """Yield lists of packets, ``total`` in all."""
    for _ in range(total // BATCH):
        yield [next(packets_) for _ in range(BATCH)]


def processes(domain: Domain) -> list[int]:
    """Return the owner and its workers."""
    pid = domain.server.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def memory(domain: Domain) -> int:
    """Return the resident memory of all processes in KiB."""
    total = 0
    for pid in processes(domain):
        status = Path(f"/proc/{pid}/status").read_text()
        total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total


def clean(domain: Domain) -> None:
    """Put the zone back as it was, so that memory grows by no records."""
    domain.add_zone(NAME, ZONE, replace=True)


def fuzz(domain: Domain, total: int, seed: int) -> None:
    """Send so many packets, a quarter of them over TCP; check processes, memory and log."""
    key = domain.add_key("fuzz")
    domain.add_zone(NAME, ZONE)
    domain.allow(NAME, "key:fuzz", types=["ANY"])
    source = stream(seed, key)
    over_udp(domain, in_batches(source, total // 8))
    over_tcp(domain, in_batches(source, total // 8))
    clean(domain)
    there, before = processes(domain), memory(domain)
    over_udp(domain, in_batches(source, total // 2))
    over_tcp(domain, in_batches(source, total // 8))
    clean(domain)
    over_udp(domain, in_batches(source, total // 8))
    assert processes(domain) == there, "no worker was started anew"
    assert memory(domain) - before < 30_000, "KiB"
    assert "Traceback" not in domain.log
    assert domain.values("ns1") == ["127.0.0.1"]


@pytest.fixture
def lonely(domain_factory: DomainFactory) -> Domain:
    """Return a domain that passes nothing on."""
    return domain_factory(config_toml=CONFIG)


def test_twenty_thousand_mutated_packets_do_no_harm(lonely: Domain) -> None:
    """No crash, no hang, no worker started anew, no growth."""
    fuzz(lonely, 20_000, 1035)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_thousand_mutated_packets_of_each_seed_do_no_harm(lonely: Domain, seed: int) -> None:
    """One million in all."""
    fuzz(lonely, 100_000, seed)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_every_octet_of_a_signed_update_turned_is_refused(lonely: Domain, tcp: bool) -> None:
    """RFC 8945 §5.2.2: nothing of what was signed may change unseen, but the header's ID (§4.3.2)."""
    key = lonely.admin_key
    owner = f"turned.{lonely.name}"
    request = packets.sign(packets.update(lonely.name, packets.record(owner, "A", "192.0.2.1", ttl=60)), key)
    for at in range(2, len(request)):
        turned = request[:at] + bytes((request[at] ^ 0x01,)) + request[at + 1 :]
        if turned[2] & 0x80:
            continue
        reply = lonely.exchange(turned, tcp=tcp)
        assert packets.rcode(reply) != 0, f"octet {at}"
    assert lonely.values("turned") == []
    assert packets.rcode(lonely.exchange(request, tcp=tcp)) == 0
