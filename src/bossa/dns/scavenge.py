"""Scavenging: which records of updates have gone stale, and what a repeated update does to their stamps.

A record that an update put there carries a stamp.  For ``no_refresh`` seconds
updates that repeat it change nothing; in the ``refresh`` seconds after that a
repeat renews the stamp, which moves no serial; a record whose stamp is older
than both is stale, and a sweep takes it away.  Invariants: records of any other
origin never go, nor do SOA and NS of the zone itself; a repeat in the first
window leaves nothing to store; a sweep decides on what is there when it is
done, not on what was there when it looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bossa.dns import types
from bossa.dns.changes import Draft
from bossa.dns.ports import ZoneOptions
from bossa.dns.rdata import canonical
from bossa.dns.update import UpdateRecord
from bossa.dns.zone import Mark, Origin, RRset

# Seconds between two sweeps of a zone, where its windows are not shorter.
_SWEEP_EVERY = 3600


class Windows(NamedTuple):
    """The two times in the life of a stamp, in seconds."""

    no_refresh: int
    refresh: int

    @property
    def pause(self) -> int:
        """Seconds between two sweeps."""
        return max(1, min(_SWEEP_EVERY, self.refresh))


class Stale(NamedTuple):
    """A record that goes with the next sweep; ``stamp`` in seconds since 1970."""

    owner: bytes
    type: int
    rdata: bytes
    stamp: int


def windows(options: ZoneOptions) -> Windows:
    """Return the windows of a zone, scavenged or not."""
    return Windows(options.no_refresh, options.refresh)


def is_swept(options: ZoneOptions) -> bool:
    """Tell whether a zone is scavenged; the records of a secondary are its primary's."""
    return options.scavenge and not options.primaries


def is_renewed(mark: Mark, times: Windows, now: int) -> bool:
    """Tell whether a repeat of the record renews its stamp; so does one of a clock that was ahead."""
    return mark.origin is Origin.UPDATE and not 0 <= now - mark.stamp < times.no_refresh


def is_stale(mark: Mark, times: Windows, now: int) -> bool:
    """Tell whether nobody repeated the record for longer than both windows."""
    return mark.origin is Origin.UPDATE and now - mark.stamp >= times.no_refresh + times.refresh


def find(apex: bytes, nodes: Iterable[tuple[bytes, tuple[RRset, ...]]], times: Windows, now: int) -> Iterator[Stale]:
    """Yield the stale records at some names of a zone."""
    for owner, node in nodes:
        for rrset in node:
            if owner == apex and rrset.type in (types.SOA, types.NS):
                continue
            for rdata, mark in zip(rrset.rdatas, rrset.marks, strict=True):
                if is_stale(mark, times, now):
                    yield Stale(owner, rrset.type, rdata, mark.stamp)


def sweep(draft: Draft, owners: Iterable[bytes], times: Windows, now: int) -> list[Stale]:
    """Take the stale records at some names out of a draft; return them."""
    gone = list(find(draft.apex, [(owner, draft.node(owner)) for owner in dict.fromkeys(owners)], times, now))
    for one in gone:
        draft.members(one.owner, one.type).remove(one.rdata)
    return gone


def keep_stamps(updates: Iterable[UpdateRecord], draft: Draft, times: Windows, now: int) -> None:
    """Give the records that an update repeats the marks that they had, renewed where it is time.

    Who deletes a record and adds it in one message repeats it.
    """
    repeated: dict[tuple[bytes, int], set[bytes]] = {}
    for record in updates:
        if record.rclass == types.IN:
            repeated.setdefault((record.owner, record.type), set()).add(canonical(record.type, record.rdata))
    for (owner, rtype), rdatas in repeated.items():
        before, after = draft.before(owner, rtype), draft.find(owner, rtype)
        if before is not None and after is not None:
            draft.put(owner, rtype, _with_marks(before, after, rdatas, times, now))


def _with_marks(before: RRset, after: RRset, repeated: set[bytes], times: Windows, now: int) -> RRset:
    known = {
        key: Mark(Origin.UPDATE, now) if is_renewed(mark, times, now) else mark
        for rdata, mark in zip(before.rdatas, before.marks, strict=True)
        if (key := canonical(before.type, rdata)) in repeated
    }
    pairs = zip(after.rdatas, after.marks, strict=True)
    return after._replace(marks=tuple(known.get(canonical(after.type, rdata), mark) for rdata, mark in pairs))
