"""A zone whose content comes from a primary: when to ask, whom, and when it has been too long.

The SOA's timers of RFC 1034 §4.3.5 (refresh, retry, expire) between bounds,
several primaries in turn, NOTIFY (RFC 1996 §3) and who may send one.  Invariants:
at most one refresh of a zone is under way; a NOTIFY that comes meanwhile makes
another follow; only contact with a primary that is not behind us counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bossa.dns import names, types
from bossa.dns.errors import Ede, Rcode, Refused
from bossa.dns.message import Message, RawRecord, read_serial
from bossa.dns.policy import Caller
from bossa.dns.remote import Remote
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone, serial_gt
from bossa.wire import WireError

# What an SOA may ask of us, in seconds: not to be busy for nothing, and not to sleep for ever.
_REFRESH = (1, 7 * 86400)
_RETRY = (1, 86400)
_EXPIRE_MOST = 366 * 86400
# A zone that was never fetched has no timers: it is asked for again after one second, two, four, and so on.
_FIRST_RETRY, _LAST_RETRY = 1, 300
# Between two refreshes of a zone, however many NOTIFYs come.
_PAUSE = 0.2
# The part of an interval by which chance makes it shorter, so that many zones do not stay in step.
_JITTER = 0.1
# The SOA that stands in for a zone that was never fetched; nobody gets to see it.
_STAND_IN = Soa(names.ROOT, names.ROOT, 0, 3600, 600, 1209600, 300)


def stand_in(apex: bytes, stamp: int) -> list[tuple[bytes, RRset]]:
    """Return what a zone holds until it is fetched for the first time."""
    return [(apex, RRset(types.SOA, 0, (_STAND_IN.encode(),), (Mark(Origin.SYSTEM, stamp),)))]


def is_fetched(zone: Zone) -> bool:
    """Tell whether a zone has content: every real one has NS records."""
    return zone.find(zone.apex, types.NS) is not None


def why_unserved(zone: Zone) -> Ede:
    """Say why a zone gets no answers: never fetched, or expired.  RFC 8914 §4.15, §4.25"""
    return Ede.INVALID_DATA if is_fetched(zone) else Ede.NOT_READY


class Timers(NamedTuple):
    """The SOA's timers between our bounds, in seconds."""

    refresh: int
    retry: int
    expire: int

    @classmethod
    def of(cls, soa: Soa) -> Timers:
        """Bound what an SOA says; a zone never expires before it could be refreshed and tried again."""
        refresh, retry = _between(soa.refresh, _REFRESH), _between(soa.retry, _RETRY)
        return cls(refresh, retry, _between(soa.expire, (refresh + retry, max(refresh + retry, _EXPIRE_MOST))))


def _between(value: int, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(value, bounds[1]))


@dataclass(slots=True)
class Secondary:
    """What is known of one zone; times are seconds since 1970.

    ``contact`` is the last time that a primary confirmed what we have, None
    before the first transfer.
    """

    apex: bytes
    primaries: tuple[Remote, ...]
    contact: float | None
    timers: Timers | None
    # When the next refresh is due.
    due: float
    checked: float | None = None
    # Why the last refresh failed, "" when it did not.
    failure: str = ""
    under_way: bool = False
    # Whether service has ended because there was no contact for too long.
    expired: bool = False
    _again: bool = field(default=False, init=False)
    _failures: int = field(default=0, init=False)
    # Whom to ask first: who sent a NOTIFY, or who answered last.
    _first: int = field(default=0, init=False)

    @property
    def served(self) -> bool:
        """Whether there is content, and it is not too old."""
        return self.contact is not None and not self.expired

    @property
    def expires(self) -> float | None:
        """When the zone expires unless a primary is reached before; None before the first transfer."""
        return None if self.contact is None or self.timers is None else self.contact + self.timers.expire

    def has_expired(self, now: float) -> bool:
        """Tell whether the zone is too old to be served."""
        return self.expires is not None and now >= self.expires

    def wakes(self) -> float:
        """Return when something is to be done: a refresh, or to end service."""
        wanted = [] if self.under_way else [self.due]
        if not self.expired and self.expires is not None:
            wanted.append(self.expires)
        return min(wanted, default=float("inf"))

    def begin(self, now: float) -> list[Remote]:
        """Begin a refresh; return the primaries in the order in which to ask them."""
        self.under_way, self._again, self.checked = True, False, now
        return [*self.primaries[self._first :], *self.primaries[: self._first]]

    def succeeded(self, primary: Remote, soa: Soa, now: float, chance: float) -> None:
        """Note that a primary confirmed or renewed what we have; ``chance`` is from 0 to 1."""
        self.under_way, self._failures, self.failure = False, 0, ""
        self.contact, self.timers, self.expired = now, Timers.of(soa), False
        self._prefer(primary)
        self._wait(now, self.timers.refresh, chance)

    def failed(self, why: str, now: float, chance: float) -> None:
        """Note that no primary had anything for us."""
        self.under_way, self.failure = False, why
        self._failures += 1
        first = min(_FIRST_RETRY << min(self._failures - 1, 16), _LAST_RETRY)
        self._wait(now, self.timers.retry if self.timers is not None else first, chance)

    def _wait(self, now: float, interval: float, chance: float) -> None:
        self.due = self._soon(now) if self._again else now + interval * (1 - _JITTER * chance)

    def _soon(self, now: float) -> float:
        return now if self.checked is None else max(now, self.checked + _PAUSE)

    def _prefer(self, primary: Remote) -> None:
        if primary in self.primaries:
            self._first = self.primaries.index(primary)

    def hurry(self, now: float, sender: Remote | None = None) -> None:
        """Refresh as soon as may be, the sender of the NOTIFY first."""
        self.due = min(self.due, self._soon(now))
        self._again = self.under_way
        if sender is not None:
            self._prefer(sender)

    def is_news(self, zone: Zone, serial: int | None) -> bool:
        """Tell whether a NOTIFY is worth a refresh; its serial is a hint only.  RFC 1996 §3.11"""
        if serial is None or self.failure or self.expired:
            return True
        return not is_fetched(zone) or serial_gt(serial, zone.serial)

    def sender(self, caller: Caller) -> Remote:
        """Return the primary that a NOTIFY is from; raises Refused when it is from none of them.  RFC 1996 §3.10"""
        for primary in self.primaries:
            by_address = ipaddress.ip_address(primary.host.partition("%")[0]) == caller.address
            if by_address or (primary.key is not None and primary.key == caller.key):
                return primary
        raise Refused(Rcode.REFUSED, f"{caller.text} is no primary of the zone", Ede.PROHIBITED)


def read_notify(message: Message) -> tuple[bytes, int | None]:
    """Return the zone that a NOTIFY is about and the serial it tells, if any; raises Refused.  RFC 1996 §3.7, §3.11"""
    if len(message.questions) != 1:
        raise Refused(Rcode.FORMERR, f"{len(message.questions)} questions in a NOTIFY")
    question = message.questions[0]
    if question.rclass != types.IN or question.type != types.SOA:
        what = f"{types.class_text(question.rclass)} {types.type_text(question.type)}"
        raise Refused(Rcode.NOTIMP, f"a NOTIFY of {what}", Ede.NOT_SUPPORTED)
    apex = question.name.lower()
    soas = [raw for raw in message.answer if raw.type == types.SOA and raw.owner.lower() == apex]
    return apex, _serial(message, soas)


def _serial(message: Message, soas: Iterable[RawRecord]) -> int | None:
    for raw in soas:
        try:
            return read_serial(message, raw)
        except WireError as e:
            raise Refused(Rcode.FORMERR, str(e)) from None
    return None
