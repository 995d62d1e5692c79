"""Edits of zones, decided a batch at a time on drafts; nothing is stored or shown here.

Each edit sees what those before it did.  One that declines leaves no trace.
What an edit does to addresses brings the reverse zones along, as steps of
their own behind its step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bossa.dns import names, reverse
from bossa.dns.changes import Draft
from bossa.dns.errors import Declined, Rcode, Refused, StoreFailed
from bossa.dns.lookup import Zones
from bossa.dns.ports import ZoneOptions
from bossa.dns.server import audit
from bossa.dns.zone import RRsetChange, Step, Zone

Decide = Callable[[Draft], Sequence[RRsetChange] | None]
# How an edit ended: the step, None when nothing changed, or why it was not done.
Outcome = Step | Declined | StoreFailed | None
Settled = Callable[[Outcome], None]
Options = Mapping[bytes, ZoneOptions]


@dataclass(slots=True)
class Edit:
    """A change of one zone, and who waits for its end."""

    apex: bytes
    decide: Decide
    settled: Settled
    outcome: Step | Declined | None = None
    # What the reverse zones do along with it.
    companions: reverse.Companions = reverse.NOTHING
    is_settled: bool = False

    def settle(self, failed: StoreFailed | None = None) -> None:
        """Tell whoever waits how it ended; once."""
        if self.is_settled:
            return
        self.is_settled = True
        self.settled(failed or self.outcome)
        if failed is None:
            audit.followed(self.companions.notes)


def settle(batch: Sequence[Edit], failed: StoreFailed | None = None) -> None:
    """Tell everybody how the edits of a batch ended."""
    for edit in batch:
        edit.settle(failed)


def decide(batch: Sequence[Edit], zones: Zones, options: Options) -> list[Step]:
    """Decide on a batch, and return all steps that it makes, in their order."""
    drafts: dict[bytes, Draft] = {}
    steps = []
    for edit in batch:
        try:
            edit.outcome = step = _attempt(edit, zones, drafts)
        except Declined as e:
            edit.outcome = e
            continue
        if step is not None:
            if options[edit.apex].ptr:
                edit.companions = _follow(step, zones, options, drafts)
            steps += [step, *edit.companions.steps]
    return steps


def _attempt(edit: Edit, zones: Zones, drafts: dict[bytes, Draft]) -> Step | None:
    zone = zones.get(edit.apex)
    if zone is None:
        raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(edit.apex)}")
    ground = drafts.setdefault(edit.apex, Draft(zone))

    def beside(name: bytes) -> Zone | Draft | None:
        found = zones.find(name)
        return None if found is None else drafts.get(found.apex, found)

    attempt = Draft(ground, beside)
    changes = edit.decide(attempt)
    if changes:
        attempt.apply(changes)
    step = attempt.close()
    if step is not None:
        ground.apply(step.changes)
    return step


def _follow(step: Step, zones: Zones, options: Options, drafts: dict[bytes, Draft]) -> reverse.Companions:
    """Decide on the batch's drafts what a step's addresses do to the reverse zones."""

    def is_writable(apex: bytes) -> bool:
        # The records of a secondary zone are its primary's.
        return apex in options and not options[apex].primaries

    companions = reverse.follow(step, zones, lambda zone: drafts.setdefault(zone.apex, Draft(zone)), is_writable)
    for companion in companions.steps:
        drafts[companion.apex].apply(companion.changes)
    return companions
