"""A forward zone and its reverse zones, changed by lines: for the tests of PTR upkeep."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bossa.dns import names, rdata, reverse, types
from bossa.dns.changes import Draft
from bossa.dns.lookup import Zones
from bossa.dns.zone import Mark, Origin, RRset
from tests.unit.dns.specimens import zone

STAMP = 1_800_000_000
FORWARD = names.from_text("t.")
REVERSE4 = names.from_text("10.in-addr.arpa.")
REVERSE6 = names.from_text("8.b.d.0.1.0.0.2.ip6.arpa.")


def zones(forward: str = "", reverse4: str = "", reverse6: str = "") -> Zones:
    """Return t. and the zones of 10.0.0.0/8 and 2001:db8::/32, with these records of origin FILE."""
    texts = {"t.": forward, "10.in-addr.arpa.": reverse4, "8.b.d.0.1.0.0.2.ip6.arpa.": reverse6}
    return Zones({names.from_text(apex): zone(apex, text) for apex, text in texts.items()})


def edit(draft: Draft, lines: Iterable[str], origin: Origin, stamp: int) -> None:
    """Change a draft: ``+ owner ttl TYPE data``, ``- owner TYPE data``, ``- owner``."""
    for line in lines:
        sign, owner_text, *words = line.split()
        owner = names.from_text(owner_text, draft.apex).lower()
        if sign == "+":
            add(draft, owner, words, Mark(origin, stamp))
        elif words:
            rtype = types.type_number(words[0])
            draft.members(owner, rtype).remove(rdata.parse(rtype, words[1], draft.apex))
        else:
            for rtype in draft.types(owner) - {types.SOA, types.NS}:
                draft.put(owner, rtype, None)


def add(draft: Draft, owner: bytes, words: list[str], mark: Mark) -> None:
    """Add a record of the words ``ttl TYPE data`` as an update does."""
    rtype = types.type_number(words[1])
    if draft.in_the_way(owner, rtype) is None:
        draft.members(owner, rtype).add(int(words[0]), rdata.parse(rtype, words[2], draft.apex), mark)


def change(
    known: Zones,
    *lines: str,
    apex: bytes = FORWARD,
    origin: Origin = Origin.UPDATE,
    stamp: int = STAMP,
    writable: Callable[[bytes], bool] = lambda apex: True,
) -> reverse.Companions:
    """Change a zone and what goes along with it; return that."""
    draft = Draft(known[apex])
    edit(draft, lines, origin, stamp)
    step = draft.close()
    if step is None:
        return reverse.NOTHING
    known[apex].apply(step.changes)
    companions = reverse.follow(step, known, Draft, writable)
    for companion in companions.steps:
        known[companion.apex].apply(companion.changes)
    return companions


def ptr(known: Zones, address: str) -> RRset | None:
    """Return the PTR records of an address."""
    name = names.reverse(address)
    found = known.find(name)
    return found.find(name, types.PTR) if found else None


def told(companions: reverse.Companions) -> list[tuple[str, str, str]]:
    """Return fate, name and address of each note."""
    return [(note.fate, names.to_text(note.name), note.address) for note in companions.notes]


def shown(known: Zones, address: str) -> str:
    """Return an address' PTR as text: TTL, targets, and who put them there."""
    rrset = ptr(known, address)
    if rrset is None:
        return ""
    pairs = zip(rrset.rdatas, rrset.marks, strict=True)
    return f"{rrset.ttl} " + ", ".join(f"{names.to_text(one)} {mark.origin.name}" for one, mark in pairs)
