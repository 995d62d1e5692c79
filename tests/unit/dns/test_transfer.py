"""What a transfer holds is settled when it is asked for, however late its messages are taken."""

from __future__ import annotations

from bossa.dns import names, transfer, types
from bossa.dns.changes import Draft
from bossa.dns.ports import HistoryStep
from bossa.dns.zone import RRset, Zone, soa_serial
from tests.unit.dns.specimens import MARK, zone


def _change(served: Zone) -> None:
    draft = Draft(served)
    draft.put(names.from_text("new", served.apex), types.A, RRset(types.A, 60, (b"\x0a\x00\x00\x01",), (MARK,)))
    step = draft.close()
    assert step is not None
    served.apply(step.changes)


def test_a_whole_zone_is_that_of_the_question() -> None:
    served = zone("t.", "a A 10.0.0.1")
    content = transfer.whole(served)
    _change(served)
    taken = list(content)
    assert soa_serial(taken[0].rdata) == soa_serial(taken[-1].rdata) == 10
    assert all(record.owner != names.from_text("new", served.apex) for record in taken)


def test_steps_end_at_the_serial_that_they_lead_to() -> None:
    served = zone("t.", "a A 10.0.0.1")
    content = transfer.increment(served, 9, [HistoryStep(9, 10, (), ())])
    _change(served)
    assert [soa_serial(record.rdata) for record in content] == [10, 9, 10, 10]
