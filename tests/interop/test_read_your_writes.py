"""Who got NOERROR for an update sees it in every later answer, whichever process gives it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey

WORKERS = 2
QUERIES = 200


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """Yield a domain whose questions are spread over several workers."""
    domain = Domain(tmp_path_factory.mktemp("spread"), workers=WORKERS)
    try:
        domain.start()
        yield domain
    finally:
        domain.close()


def addresses(domain: Domain, owner: str, count: int = QUERIES) -> set[bytes]:
    """Ask from fresh sockets, which the kernel spreads over the workers; return every rdata seen (b"" for none)."""
    seen = set()
    for _ in range(count):
        reply = domain.exchange(packets.query(f"{owner}.{domain.name}"))
        found = [rdata for _, rtype, _, _, rdata in packets.records(reply) if rtype == packets.A]
        seen.add(found[0] if found else b"")
    return seen


def send(domain: Domain, key: TsigKey, *records: bytes, tcp: bool = False) -> None:
    """Send a signed update that has to succeed."""
    message = packets.sign(packets.update(domain.name, *records), key)
    assert packets.rcode(domain.exchange(message, tcp=tcp)) == 0


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_workers_are_processes_of_their_own(spread: Domain) -> None:
    """As many as BOSSA_DNS_WORKERS says."""
    assert len(children(spread.server.pid)) == WORKERS


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_after_noerror_every_worker_knows_the_change(spread: Domain, tcp: bool) -> None:
    """Added, changed, deleted; each seen by all of two hundred questions."""
    key, owner = spread.admin_key, f"w{int(tcp)}"
    full = f"{owner}.{spread.name}"
    assert addresses(spread, owner, 20) == {b""}
    send(spread, key, packets.record(full, "A", "192.0.2.1", ttl=60), tcp=tcp)
    assert addresses(spread, owner) == {bytes((192, 0, 2, 1))}
    swap = packets.record(full, "A", rclass=packets.ANY), packets.record(full, "A", "192.0.2.2", ttl=60)
    send(spread, key, *swap, tcp=tcp)
    assert addresses(spread, owner) == {bytes((192, 0, 2, 2))}
    send(spread, key, swap[0], tcp=tcp)
    assert addresses(spread, owner) == {b""}


def test_changes_under_load_are_never_seen_late(spread: Domain) -> None:
    """A new value before every question, from sockets that differ each time."""
    key = spread.admin_key
    full = f"moving.{spread.name}"
    for n in range(1, 101):
        swap = packets.record(full, "A", rclass=packets.ANY), packets.record(full, "A", f"192.0.2.{n}", ttl=60)
        send(spread, key, *swap)
        assert addresses(spread, "moving", 4) == {bytes((192, 0, 2, n))}


def test_the_soa_moves_with_the_records(spread: Domain) -> None:
    """RFC 2136 §3.6: if the zone appears to change, the SOA must appear to change as well."""
    key = spread.admin_key
    serial = spread.serial()
    for n in range(20):
        send(spread, key, packets.record(f"s{n}.{spread.name}", "A", "192.0.2.1", ttl=60))
        assert {spread.serial() for _ in range(10)} == {serial + n + 1}


def test_wildcards_and_aliases_follow_a_change_elsewhere(spread: Domain) -> None:
    """An answer that was prepared from another name's records is made anew."""
    key = spread.admin_key
    send(
        spread,
        key,
        packets.record(f"*.w.{spread.name}", "A", "192.0.2.1", ttl=60),
        packets.record(f"alias.{spread.name}", "CNAME", f"target.{spread.name}.", ttl=60),
        packets.record(f"target.{spread.name}", "A", "192.0.2.1", ttl=60),
    )
    for owner in ("a.w", "alias"):
        assert addresses(spread, owner, 20) == {bytes((192, 0, 2, 1))}
    both = [f"*.w.{spread.name}", f"target.{spread.name}"]
    send(spread, key, *(packets.record(owner, "A", rclass=packets.ANY) for owner in both))
    assert addresses(spread, "a.w", 50) == {b""}
    assert addresses(spread, "alias", 50) == {b""}
    send(spread, key, *(packets.record(owner, "A", "192.0.2.9", ttl=60) for owner in both))
    for owner in ("a.w", "alias"):
        assert addresses(spread, owner, 50) == {bytes((192, 0, 2, 9))}


def test_zones_and_keys_made_by_commands_are_seen_by_all(spread: Domain) -> None:
    """A command returns when every worker has what it did."""
    file = spread.home / "new.zone"
    file.write_text("$TTL 60\n@ SOA ns1.bossa.test. h 1 2 3 4 5\n@ NS ns1.bossa.test.\n@ A 192.0.2.5\n")
    spread.run("zone", "import", "new.test", str(file), check=True)
    replies = [spread.exchange(packets.query("new.test")) for _ in range(50)]
    assert {packets.counts(reply)[1] for reply in replies} == {1}
    spread.run("zone", "remove", "new.test", check=True)
    replies = [spread.exchange(packets.query("new.test")) for _ in range(50)]
    assert {packets.counts(reply)[1] for reply in replies} == {0}


def test_a_worker_that_dies_is_replaced_and_nobody_notices_for_long(spread: Domain) -> None:
    """An update after it is seen by all again."""
    victim = children(spread.server.pid)[0]
    os.kill(victim, signal.SIGKILL)
    key = spread.admin_key
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        for attempt in range(10):
            full = f"after{attempt}.{spread.name}"
            message = packets.update(spread.name, packets.record(full, "A", "192.0.2.1", ttl=60))
            client.sendto(packets.sign(message, key), (spread.address, spread.dns_port))
            try:
                assert packets.rcode(client.recv(4096)) == 0
                break
            except TimeoutError:
                continue
    assert addresses(spread, f"after{attempt}") == {bytes((192, 0, 2, 1))}
    deadline = time.monotonic() + 10
    while len(children(spread.server.pid)) < WORKERS:
        assert time.monotonic() < deadline, "the worker was not replaced"
        time.sleep(0.05)


def test_a_worker_that_hangs_is_replaced(spread: Domain) -> None:
    """It answers nobody, whether or not there are changes."""
    victim = children(spread.server.pid)[0]
    since = len(spread.log)
    os.kill(victim, signal.SIGSTOP)
    spread.wait_for_log("worker is silent", since=since, timeout=15)
    deadline = time.monotonic() + 10
    while victim in children(spread.server.pid) or len(children(spread.server.pid)) < WORKERS:
        assert time.monotonic() < deadline, "the worker was not replaced"
        time.sleep(0.05)
    assert addresses(spread, "ns1", 20) == {bytes((127, 0, 0, 1))}
