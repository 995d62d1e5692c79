"""Drafts: what is a change, what moves the serial, and what a change costs."""

from __future__ import annotations

import pytest

from bossa.dns import changes, names, types
from bossa.dns.changes import Draft, Members, without_record
from bossa.dns.rdata import canonical
from bossa.dns.zone import Mark, Origin, RRset
from tests.unit.dns.specimens import MARK, zone

APEX = names.from_text("t.")
OWNER = names.from_text("x.t.")
ONE, TWO = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
LATER = Mark(Origin.UPDATE, 1_800_000_000)


def draft() -> Draft:
    """Return a draft over a zone where x.t. has two addresses; the zone's serial is 10."""
    return Draft(zone("t.", "x A 10.0.0.1\nx A 10.0.0.2\n"))


def test_a_draft_without_changes_is_no_step() -> None:
    assert draft().close() is None


def test_a_change_moves_the_serial_by_one() -> None:
    it = draft()
    it.members(OWNER, types.A).remove(ONE)
    step = it.close()
    assert step is not None
    assert (step.serial_from, step.serial_to) == (10, 11)
    assert {change.type for change in step.changes} == {types.A, types.SOA}


def test_records_in_another_order_are_no_change() -> None:
    """RFC 2136 §3.6: the serial moves when the zone differs, and an RRset has no order."""
    it = draft()
    it.put(OWNER, types.A, RRset(types.A, 600, (TWO, ONE), (MARK, MARK)))
    assert it.close() is None


def test_a_record_that_went_and_came_back_changes_its_mark_and_no_serial() -> None:
    it = draft()
    members = it.members(OWNER, types.A)
    members.remove(ONE)
    members.add(600, ONE, LATER)
    step = it.close()
    assert step is not None
    assert (step.serial_from, step.serial_to) == (10, 10)
    (change,) = step.changes
    assert change.after == RRset(types.A, 600, (TWO, ONE), (MARK, LATER))


def test_a_draft_over_a_draft_leaves_the_lower_one_alone() -> None:
    ground = draft()
    ground.members(OWNER, types.A).add(60, b"\x0a\x00\x00\x03", LATER)
    attempt = Draft(ground)
    attempt.members(OWNER, types.A).clear()
    assert attempt.find(OWNER, types.A) is None
    assert attempt.node(OWNER) == ()
    assert attempt.types(OWNER) == set()
    lower = ground.find(OWNER, types.A)
    assert lower is not None
    assert (lower.ttl, len(lower.rdatas)) == (60, 3)


def test_members_find_a_record_by_its_names_without_case() -> None:
    """RFC 2136 §1.1.1"""
    members = Members(types.PTR)
    members.add(60, names.from_text("Host.T."), MARK)
    members.add(30, names.from_text("host.t."), LATER)
    assert members.rrset() == RRset(types.PTR, 30, (names.from_text("Host.T."),), (MARK,))
    assert names.from_text("HOST.t.") in members
    members.remove(names.from_text("hOST.t."))
    assert (len(members), members.octets, members.rrset()) == (0, 0, None)


def test_members_count_the_octets_they_take_in_a_message() -> None:
    members = Members(types.A, RRset(types.A, 60, (ONE, TWO), (MARK, MARK)))
    assert members.octets == 2 * 16
    members.add(60, ONE, MARK)
    assert members.octets == 2 * 16
    members.remove(TWO)
    assert members.octets == 16


def test_without_record_is_the_same_rrset_when_it_had_none() -> None:
    rrset = RRset(types.A, 60, (ONE,), (MARK,))
    assert without_record(rrset, TWO) is rrset
    assert without_record(rrset, ONE) is None


def test_each_change_of_a_large_rrset_looks_at_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counted(rtype: int, rdata: bytes) -> bytes:
        nonlocal looked_at
        looked_at += 1
        return canonical(rtype, rdata)

    monkeypatch.setattr(changes, "canonical", counted)
    it = draft()
    hosts = [names.from_text(f"h{n}.") for n in range(3000)]
    for host in hosts:
        it.members(OWNER, types.PTR).add(60, host, MARK)
    for host in hosts[1:]:
        it.members(OWNER, types.PTR).remove(host)
    assert looked_at == len(hosts) + len(hosts) - 1
    assert it.find(OWNER, types.PTR) == RRset(types.PTR, 60, (hosts[0],), (MARK,))
