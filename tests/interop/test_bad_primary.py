"""Primaries that sign in their own way, break off, lie, or do not know IXFR: what of it is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey
from bossa.testing.scripted import ScriptedServer

SOA, AXFR, IXFR = 6, 252, 251
REFUSED, NOTIMP = 5, 4


@dataclass
class Primary:
    """A primary of ``zone`` over a scripted server: what it holds, and how it signs and answers."""

    zone: str
    key: TsigKey | None = None
    serial: int = 1
    hosts: list[str] = field(default_factory=lambda: ["a"])
    # Records of an answer to IXFR in their order; None: what is held, in AXFR's form.
    increment: list[bytes] | None = None
    # Places of the messages of a transfer that go without a signature; one message a record when there is a key.
    bare: Container[int] = ()
    # Changes the messages just before they leave.
    spoil: Callable[[list[bytes]], Sequence[bytes | None]] = list
    codes: dict[int, int] = field(default_factory=dict)
    clock: int = 0
    # How a question over UDP is answered: like one over TCP, not at all, or cut short.
    udp: str = "whole"
    asked: list[tuple[int, bool]] = field(default_factory=list)

    def soa(self, serial: int | None = None) -> bytes:
        data = f"ns1.{self.zone}. h.{self.zone}. {serial or self.serial} 3600 1 86400 60"
        return packets.record(self.zone, "SOA", data, ttl=60)

    def a(self, host: str) -> bytes:
        return packets.record(f"{host}.{self.zone}", "A", "192.0.2.1", ttl=60)

    def __call__(self, request: bytes, tcp: bool) -> Iterable[bytes | None]:
        qtype = int.from_bytes(request[12 + len(packets.name(self.zone)) :][:2], "big")
        self.asked.append((qtype, tcp))
        if not tcp and self.udp != "whole":
            return [self._message(request, qtype, [], 0x0200)] if self.udp == "cut" else []
        records = {SOA: [self.soa()], AXFR: self._whole(), IXFR: self.increment or self._whole()}[qtype]
        messages = [self._message(request, qtype, [one]) for one in records]
        if self.codes.get(qtype):
            messages = [self._message(request, qtype, [], self.codes[qtype])]
        if self.key is not None:
            bare = self.bare if qtype != SOA else ()
            when = int(time.time()) + (self.clock if qtype != SOA else 0)
            messages = packets.sign_stream(messages, request, self.key, bare=bare, moment=when)
        return messages if qtype == SOA else self.spoil(messages)

    def _whole(self) -> list[bytes]:
        ns = packets.record(self.zone, "NS", f"ns1.{self.zone}.", ttl=60)
        return [self.soa(), ns, *map(self.a, self.hosts), self.soa()]

    def _message(self, request: bytes, qtype: int, records: list[bytes], code: int = 0) -> bytes:
        ident = int.from_bytes(request[:2], "big")
        head = packets.header((1, len(records), 0, 0), flags=0x8400 | code, ident=ident)
        return head + packets.question(self.zone, qtype) + b"".join(records)


@pytest.fixture(scope="module")
def key(shared_domain: Domain) -> TsigKey:
    return shared_domain.add_key("stream")


@dataclass
class Followed:
    """A zone of the shared domain that follows a scripted primary."""

    domain: Domain
    primary: Primary
    server: ScriptedServer

    def add(self) -> None:
        signed = f"@{self.primary.key.name}" if self.primary.key else ""
        self.domain.follow(self.primary.zone, f"127.0.0.1:{self.server.port}{signed}")

    def hosts(self) -> list[str]:
        held = self.domain.content(self.primary.zone)
        return sorted(owner.partition(".")[0] for owner, rtype, _, _ in held if rtype == "A")

    def serial(self) -> int | None:
        reply = self.domain.ask(dns.name.from_text(self.primary.zone), "SOA")
        return reply.answer[0][0].serial if reply.rcode() == dns.rcode.NOERROR else None

    def wait_for(self, serial: int) -> None:
        deadline = time.monotonic() + 10
        while self.serial() != serial:
            assert time.monotonic() < deadline, f"{self.primary.zone} has serial {self.serial()}, not {serial}"
            time.sleep(0.02)

    def refresh(self, *, full: bool = False) -> str:
        """Ask for a refresh; return why it failed."""
        return self.domain.retransfer(self.primary.zone, full=full)


@pytest.fixture
def followed(shared_domain: Domain, label: str) -> Iterator[Followed]:
    """An unsigned primary whose zone was fetched once."""
    primary = Primary(f"{label}.scripted.test")
    server = ScriptedServer(primary)
    one = Followed(shared_domain, primary, server)
    one.add()
    one.wait_for(1)
    primary.asked.clear()
    yield one
    shared_domain.remove_zone(primary.zone)
    server.close()


@pytest.fixture
def signed(shared_domain: Domain, label: str, key: TsigKey) -> Iterator[Followed]:
    """A primary that signs, and whose zone is not fetched yet; 120 messages a transfer."""
    primary = Primary(f"{label}.scripted.test", key, hosts=[f"h{n}" for n in range(117)])
    server = ScriptedServer(primary)
    yield Followed(shared_domain, primary, server)
    shared_domain.remove_zone(primary.zone)
    server.close()


@pytest.mark.parametrize("bare", [(), range(1, 100), range(20, 119)], ids=["none", "99 from 1", "99 from 20"])
def test_up_to_99_messages_in_a_row_may_be_unsigned(signed: Followed, bare: Container[int]) -> None:
    """RFC 8945 §5.3.1"""
    signed.primary.bare = bare
    signed.add()
    signed.wait_for(1)
    assert len(signed.hosts()) == 117


def _turned(messages: list[bytes]) -> list[bytes]:
    at = messages[60].index(b"h58") + 1
    return [*messages[:60], messages[60][:at] + b"9" + messages[60][at + 1 :], *messages[61:]]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"bare": range(1, 101)}, "more than 99 messages in a row are not signed"),
        ({"bare": (0,)}, "the answer is not signed"),
        ({"bare": (119,)}, "the last message is not signed"),
        ({"spoil": _turned}, "the MAC of a message does not fit"),
        ({"spoil": lambda messages: messages[:50] + messages[51:]}, "the MAC of a message does not fit"),
        ({"clock": -1000}, "BADTIME"),
        ({"spoil": lambda messages: [*messages[:119], None]}, "the connection ended in the middle"),
        ({"codes": {AXFR: REFUSED}}, "the server says REFUSED"),
    ],
    ids=["100 unsigned", "first", "last", "turned", "left out", "BADTIME", "broken off", "REFUSED"],
)
def test_what_is_not_signed_as_it_should_be_is_not_stored(
    signed: Followed, changes: dict[str, object], why: str
) -> None:
    """RFC 8945 §5.3.1, §5.2.3: nothing of it."""
    for name, value in changes.items():
        setattr(signed.primary, name, value)
    signed.add()
    signed.domain.wait_for_log(f"refresh failed.*{signed.primary.zone}.*{why}")
    assert signed.serial() is None
    assert signed.hosts() == []
    for name, value in {"bare": (), "spoil": list, "clock": 0, "codes": {}}.items():
        setattr(signed.primary, name, value)
    signed.refresh()
    signed.wait_for(1)


def test_a_refused_increment_leaves_the_zone_and_the_whole_is_fetched(followed: Followed) -> None:
    """RFC 1995 §3: also a primary that does not know IXFR."""
    followed.primary.serial, followed.primary.hosts = 2, ["a", "b"]
    followed.primary.codes = {IXFR: NOTIMP}
    assert followed.refresh() == ""
    assert (followed.serial(), followed.hosts()) == (2, ["a", "b"])
    assert followed.primary.asked == [(SOA, False), (IXFR, True), (AXFR, True)]
    followed.domain.wait_for_log(f"increment not taken.*{followed.primary.zone}.*NOTIMP")


def test_an_increment_that_deletes_what_is_not_there_is_followed_by_the_whole(followed: Followed) -> None:
    primary = followed.primary
    primary.serial, primary.hosts = 2, ["c"]
    primary.increment = [primary.soa(2), primary.soa(1), primary.a("q"), primary.soa(2), primary.a("c"), primary.soa(2)]
    assert followed.refresh() == ""
    assert (followed.serial(), followed.hosts()) == (2, ["c"])
    followed.domain.wait_for_log(f"increment not taken.*{primary.zone}.*is to be deleted, and is not there")


def test_an_increment_in_the_form_of_a_whole_zone_is_taken(followed: Followed) -> None:
    followed.primary.serial, followed.primary.hosts = 2, ["b"]
    assert followed.refresh() == ""
    assert (followed.serial(), followed.hosts()) == (2, ["b"])
    assert followed.primary.asked == [(SOA, False), (IXFR, True)]


@pytest.mark.parametrize("udp", ["silent", "cut"])
def test_a_serial_that_udp_does_not_tell_is_asked_for_over_tcp(followed: Followed, udp: str) -> None:
    """RFC 7766 §5"""
    followed.primary.udp = udp
    followed.primary.serial, followed.primary.hosts = 2, ["b"]
    assert followed.refresh() == ""
    assert followed.serial() == 2
    assert followed.primary.asked[-2:] == [(SOA, True), (IXFR, True)]


def test_a_serial_past_zero_is_newer(followed: Followed) -> None:
    """RFC 1982"""
    primary = followed.primary
    for serial in (2**31, 2**32 - 1, 3):
        primary.serial, primary.hosts = serial, [f"s{serial}"]
        assert followed.refresh() == ""
        assert (followed.serial(), followed.hosts()) == (serial, [f"s{serial}"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda messages: [*messages[:-1], None],
        lambda messages: [*messages[:-1], b"\0" * 30],
        lambda messages: [b"\0", *messages],
        lambda messages: [None],
    ],
    ids=["hangs up", "garbage at the end", "garbage first", "hangs up at once"],
)
def test_a_transfer_that_breaks_off_changes_nothing(
    followed: Followed, spoil: Callable[[list[bytes]], Sequence[bytes | None]]
) -> None:
    followed.primary.serial, followed.primary.hosts = 2, ["b"]
    followed.primary.spoil = spoil
    assert followed.refresh() != ""
    assert (followed.serial(), followed.hosts()) == (1, ["a"])


def test_a_primary_that_is_behind_is_not_followed_unless_told_to(followed: Followed) -> None:
    followed.primary.serial = 5
    assert followed.refresh() == ""
    followed.primary.serial, followed.primary.hosts = 3, ["old"]
    assert "its serial is 3, ours 5" in followed.refresh()
    assert followed.serial() == 5
    assert followed.refresh(full=True) == ""
    assert (followed.serial(), followed.hosts()) == (3, ["old"])


def test_primaries_are_tried_in_turn(shared_domain: Domain, label: str) -> None:
    primary = Primary(f"{label}.scripted.test")
    server = ScriptedServer(primary)
    wrong = ScriptedServer(Primary(primary.zone, codes={SOA: REFUSED, AXFR: REFUSED}))
    shared_domain.follow(primary.zone, *(f"127.0.0.1:{port}" for port in (1, wrong.port, server.port)))
    one = Followed(shared_domain, primary, server)
    one.wait_for(1)
    assert one.hosts() == ["a"]
    shared_domain.remove_zone(primary.zone)
    server.close()
    wrong.close()


def test_a_signed_zone_is_not_taken(followed: Followed) -> None:
    primary = followed.primary
    primary.serial = 2
    ns = packets.record(primary.zone, "NS", "ns1.elsewhere.", ttl=60)
    dnskey = packets.record(primary.zone, 48, b"\1\0\3\x0d1234", ttl=60)
    primary.increment = [primary.soa(), ns, dnskey, primary.soa()]
    primary.codes = {AXFR: REFUSED}
    assert "the server says REFUSED" in followed.refresh()
    followed.domain.wait_for_log(f"increment not taken.*{primary.zone}.*is of a signed zone")


def test_serials_over_udp_are_believed_only_when_signed(signed: Followed) -> None:
    """RFC 8945 §5.4: what is not signed is waited past."""
    signed.add()
    signed.wait_for(1)
    signed.primary.serial = 2
    forged = Primary(signed.primary.zone, None, serial=9)

    def script(request: bytes, tcp: bool) -> Iterable[bytes | None]:
        if not tcp:
            yield from forged(request, tcp)
        yield from signed.primary(request, tcp)

    signed.server.script = script
    assert signed.refresh() == ""
    assert signed.serial() == 2


def test_an_update_goes_to_one_primary_only(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §6: the next one is asked while there was no connection, and never once the update was sent."""
    zone = f"{label}.scripted.test"
    took: list[bytes] = []

    def silent(request: bytes, tcp: bool) -> Iterable[bytes | None]:
        took.append(request)
        return [None]

    first, second = ScriptedServer(silent), ScriptedServer(Primary(zone))
    shared_domain.follow(zone, "127.0.0.1:1", f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}")
    shared_domain.set_zone(zone, forward_updates=True)
    Followed(shared_domain, Primary(zone), second).wait_for(1)
    took.clear()
    second.asked.clear()
    wire = packets.update(zone, packets.record(f"x.{zone}", "A", "192.0.2.1", ttl=60), ident=0x4242)
    reply = shared_domain.exchange(wire)
    assert (reply[:2], packets.rcode(reply)) == (b"\x42\x42", dns.rcode.SERVFAIL)
    assert [request[2:] for request in took] == [wire[2:]]
    assert second.asked == []
    shared_domain.remove_zone(zone)
    first.close()
    second.close()
