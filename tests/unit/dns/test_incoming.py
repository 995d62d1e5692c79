"""What a primary may send, and what of it is taken."""

from __future__ import annotations

import pytest

from bossa.dns import incoming, names, transfer, types
from bossa.dns.changes import Draft
from bossa.dns.errors import OutOfStep, TransferFailed
from bossa.dns.incoming import Current, Increment, Limits, Transfer, Whole
from bossa.dns.message import Message
from bossa.dns.ports import HistoryStep
from bossa.dns.zone import Mark, Origin, Record, Zone
from bossa.testing import packets
from tests.unit.dns.specimens import zone

APEX = names.from_text("t.")
MARK = Mark(Origin.PRIMARY, 7)
AXFR = incoming.query(APEX, types.AXFR, 0x1234)
NOW = 1_700_000_000
LIMITS = Limits()


def soa(serial: int) -> bytes:
    return packets.record("t.", "SOA", f"ns1.t. host.t. {serial} 3600 600 86400 300", ttl=600)


NS = packets.record("t.", "NS", "ns1.t.", ttl=600)


def a(owner: str, address: str = "10.0.0.1", ttl: int = 600) -> bytes:
    return packets.record(owner, "A", address, ttl=ttl)


def ixfr(serial: int) -> bytes:
    return incoming.query(APEX, types.IXFR, 0x1234, zone("t.", "").soa_rrset)


def answer(*records: bytes, asked: bytes = AXFR, flags: int = 0x8400, questions: int = 1) -> bytes:
    question = asked[12:19] if questions else b""
    return packets.header((questions, len(records), 0, 0), flags=flags) + question + b"".join(records)


def read(*messages: bytes, asked: bytes = AXFR, serial: int | None = None, limits: Limits = LIMITS) -> Transfer:
    reading = Transfer(APEX, asked, serial, MARK, limits)
    done = [reading.take(wire, None, NOW) for wire in messages]
    assert done == [*[False] * (len(messages) - 1), reading.content is not None]
    return reading


def shown(content: object) -> set[tuple[str, str, int, tuple[bytes, ...]]]:
    assert isinstance(content, Whole)
    return {(names.to_text(o), types.type_text(r.type), r.ttl, r.rdatas) for o, r in content.rrsets}


def test_a_whole_zone_comes_in_messages_of_any_size() -> None:
    """RFC 5936 §2.2"""
    records = [soa(5), NS, a("x.t."), a("x.t.", "10.0.0.2"), a("ns1.t."), soa(5)]
    at_once = read(answer(*records)).content
    one_by_one = read(*(answer(record) for record in records)).content
    assert shown(at_once) == shown(one_by_one)
    assert ("x.t.", "A", 600, (b"\n\0\0\1", b"\n\0\0\2")) in shown(at_once)
    assert isinstance(at_once, Whole)
    assert (at_once.serial, at_once.records) == (5, 5)
    assert {mark for _, rrset in at_once.rrsets for mark in rrset.marks} == {MARK}


def test_later_messages_may_leave_the_question_out() -> None:
    assert read(answer(soa(5), NS), answer(soa(5), questions=0)).content is not None


def test_what_we_send_we_can_read() -> None:
    served = zone("t.", "a A 10.0.0.1\nb MX 10 a\nc TXT text\n*.d CNAME a\ne SRV 1 2 3 a\nf TYPE65280 \\# 2 abcd")
    reading = read(*transfer.messages(Message.decode(AXFR), transfer.whole(served)))
    assert isinstance(reading.content, Whole)
    again = Zone(APEX, reading.content.rrsets)
    assert {(o, r.type, r.ttl, r.rdatas) for o, r in again.rrsets()} == {
        (o, r.type, r.ttl, r.rdatas) for o, r in served.rrsets()
    }


def test_the_least_ttl_of_an_rrset_is_that_of_all_and_doubles_are_one() -> None:
    """RFC 2181 §5, §5.2"""
    content = read(answer(soa(5), NS, a("x.t.", ttl=9), a("X.t.", ttl=7), a("x.t.", "10.0.0.9", ttl=8), soa(5))).content
    assert ("x.t.", "A", 7, (b"\n\0\0\1", b"\n\0\0\t")) in shown(content)


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([answer(NS, soa(5), soa(5))], "the first record is no SOA"),
        ([answer(soa(5), NS, soa(6))], "the last SOA is not the first one"),
        ([answer(soa(5), soa(5))], "no NS"),
        ([answer(soa(5), NS, soa(5), a("x.t."))], "after the last SOA"),
        ([answer(soa(5), NS, a("x.u."), soa(5))], "x.u. is not in the zone"),
        ([answer(soa(5), NS, a("xt."), soa(5))], "xt. is not in the zone"),
        ([answer(soa(5), NS, packets.record("x.t.", "A", "1.2.3.4", rclass=3), soa(5))], "CH A belongs into no zone"),
        ([answer(soa(5), NS, packets.record("x.t.", 252, b""), soa(5))], "AXFR belongs into no zone"),
        ([answer(soa(5), NS, packets.record("x.t.", "A", b"\1\2\3"), soa(5))], "address"),
        ([answer(soa(5), NS, packets.record("x.t.", "SOA", ". . 1 1 1 1 1"), soa(5))], "an SOA at x.t."),
        ([answer(soa(5), NS, packets.record("t.", 48, b"\1\0\3\x0d1234"), soa(5))], "DNSKEY is of a signed zone"),
        ([answer(soa(5), NS, packets.record("x.t.", "CNAME", "y."), a("x.t."), soa(5))], "x.t. has A beside a CNAME"),
        (
            [answer(soa(5), NS, *(packets.record("x.t.", "CNAME", n) for n in ("y.", "z.")), soa(5))],
            "x.t. has several CNAME",
        ),
        ([answer(soa(5), flags=0x8405)], "the server says REFUSED"),
        ([answer(soa(5), flags=0x8600)], "cut short"),
        ([answer(soa(5), flags=0x0400)], "answers something else"),
        ([b"\0\0" + answer(soa(5))[2:]], "answers something else"),
        ([answer(soa(5), questions=0)], "no question"),
        ([answer(soa(5), asked=incoming.query(APEX, types.A, 0))], "another question"),
        ([answer(soa(5))[:-1]], "rdata|runs|octets"),
        ([b""], "header"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_zone_is_not_taken(messages: list[bytes], why: str) -> None:
    with pytest.raises(TransferFailed, match=why):
        read(*messages)


@pytest.mark.parametrize(
    "limits", [Limits(messages=2), Limits(records=3), Limits(octets=150)], ids=["messages", "records", "octets"]
)
def test_a_zone_without_end_is_given_up(limits: Limits) -> None:
    reading = Transfer(APEX, AXFR, None, MARK, limits)
    with pytest.raises(TransferFailed, match="too large"):
        for record in [soa(5), NS, *(a(f"h{n}.t.") for n in range(9))]:
            reading.take(answer(record), None, NOW)


# IXFR


def increment(*records: bytes, serial: int = 10, limits: Limits = LIMITS) -> Transfer:
    asked = ixfr(serial)
    return read(answer(*records, asked=asked), asked=asked, serial=serial, limits=limits)


def test_an_increment_is_read_step_by_step() -> None:
    """RFC 1995 §4, §7"""
    content = increment(
        soa(12), soa(10), a("x.t."), soa(11), a("y.t."), soa(11), soa(12), a("z.t."), a("w.t."), soa(12)
    ).content
    assert isinstance(content, Increment)
    assert [(s.serial_from, s.serial_to, len(s.deleted), len(s.added)) for s in content.steps] == [
        (10, 11, 1, 1),
        (11, 12, 0, 2),
    ]
    assert (content.serial, content.records) == (12, 4)


def test_serials_of_an_increment_may_pass_zero() -> None:
    """RFC 1982"""
    top = 2**32 - 1
    content = increment(soa(1), soa(top), soa(1), a("x.t."), soa(1), serial=top).content
    assert isinstance(content, Increment)


def test_an_increment_may_come_record_by_record() -> None:
    asked = ixfr(10)
    records = [soa(11), soa(10), a("x.t."), soa(11), a("y.t."), soa(11)]
    assert isinstance(read(*(answer(one, asked=asked) for one in records), asked=asked, serial=10).content, Increment)


def test_an_increment_may_be_answered_by_the_whole_zone() -> None:
    """RFC 1995 §4"""
    assert isinstance(increment(soa(12), NS, a("x.t."), soa(12)).content, Whole)


@pytest.mark.parametrize("serial", [10, 9])
def test_an_soa_alone_says_that_there_is_nothing_new(serial: int) -> None:
    """RFC 1995 §2"""
    assert increment(soa(serial)).content == Current(serial)


def test_a_newer_soa_alone_is_not_the_end() -> None:
    asked = ixfr(10)
    reading = Transfer(APEX, asked, 10, MARK)
    assert reading.take(answer(soa(11), asked=asked), None, NOW) is False


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([soa(12), soa(9), soa(12), soa(12)], "begins with serial 9 in the place of 10"),
        ([soa(12), soa(10), soa(11), soa(10), soa(12), soa(12)], "begins with serial 10 in the place of 11"),
        ([soa(12), soa(10), soa(10)], "a step from 10 to 10"),
        ([soa(12), soa(10), soa(8)], "a step from 10 to 8"),
        ([soa(12), soa(10), soa(12), soa(13)], "the last SOA is not the first one"),
        ([soa(12), soa(10), soa(12), soa(12), a("x.t.")], "after the last SOA"),
        ([soa(12), soa(10), soa(12), a("x.u."), soa(12)], "not in the zone"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_increment_to_ours_is_not_taken(records: list[bytes], why: str) -> None:
    with pytest.raises(TransferFailed, match=why):
        increment(*records)


def test_an_increment_beyond_its_limit_is_given_up() -> None:
    with pytest.raises(TransferFailed, match="increment of more than 4 records"):
        increment(soa(12), soa(10), soa(12), a("x.t."), a("y.t."), soa(12), limits=Limits(increment=4))


# Carried out


def carry_out(*records: bytes, content: str = "x A 10.0.0.1\nx A 10.0.0.2") -> Draft:
    draft = Draft(zone("t.", content))
    found = increment(*records).content
    assert isinstance(found, Increment)
    for step in found.steps:
        incoming.take_step(step, draft, MARK)
    return draft


def test_steps_change_the_zone_and_end_in_the_primarys_serial() -> None:
    draft = carry_out(soa(20), soa(10), a("x.t."), soa(12), soa(12), soa(20), a("X.t.", "10.0.0.3"), soa(20))
    found = draft.find(names.from_text("x.t."), types.A)
    assert found is not None
    assert found.rdatas == (b"\n\0\0\2", b"\n\0\0\3")
    assert [mark.origin for mark in found.marks] == [Origin.FILE, Origin.PRIMARY]
    step = draft.close()
    assert step is not None
    assert (step.serial_from, step.serial_to) == (10, 20)


def test_a_new_ttl_comes_as_all_records_deleted_and_added() -> None:
    old, new = (tuple(a("x.t.", f"10.0.0.{n}", ttl=ttl) for n in (1, 2)) for ttl in (600, 5))
    draft = carry_out(soa(11), soa(10), *old, soa(11), *new, soa(11))
    found = draft.find(names.from_text("x.t."), types.A)
    assert found is not None
    assert found.ttl == 5


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([soa(11), soa(10), a("x.t.", "10.0.0.9"), soa(11), soa(11)], "x.t. A is to be deleted, and is not there"),
        ([soa(11), soa(10), a("q.t."), soa(11), soa(11)], "q.t. A is to be deleted, and is not there"),
        ([soa(11), soa(10), soa(11), packets.record("x.t.", "CNAME", "y."), soa(11)], "cannot stand beside A"),
        ([soa(11), soa(10), NS, soa(11), soa(11)], "leaves the zone without NS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_step_that_does_not_fit_what_we_have_is_out_of_step(records: list[bytes], why: str) -> None:
    """RFC 1995 §3: then the whole zone is fetched."""
    with pytest.raises(OutOfStep, match=why):
        carry_out(*records)


def test_a_step_for_another_serial_is_out_of_step() -> None:
    found = increment(soa(11), soa(10), soa(11), soa(11)).content
    assert isinstance(found, Increment)
    draft = Draft(zone("t.", ""))
    incoming.take_step(found.steps[0], draft, MARK)
    with pytest.raises(OutOfStep, match="begins with serial 10, we have 11"):
        incoming.take_step(found.steps[0], draft, MARK)


def test_our_own_steps_are_carried_out_as_they_were() -> None:
    served = zone("t.", "x A 10.0.0.2")
    owner = names.from_text("x.t.")
    history = [
        HistoryStep(9, 10, (Record(owner, types.A, 600, b"\n\0\0\1"),), (Record(owner, types.A, 600, b"\n\0\0\2"),))
    ]
    asked = ixfr(9)
    messages = transfer.messages(Message.decode(asked), transfer.increment(served, 9, history))
    content = read(*messages, asked=asked, serial=9).content
    assert isinstance(content, Increment)
    assert content.steps[0].deleted + content.steps[0].added == [*history[0].deleted, *history[0].added]


def test_the_difference_of_two_contents_leaves_what_is_equal_alone() -> None:
    old = zone("t.", "same A 10.0.0.1\nttl A 10.0.0.1\ndata A 10.0.0.1\ngone A 10.0.0.1")
    new = zone("t.", "same A 10.0.0.1\nttl 5 A 10.0.0.1\ndata A 10.0.0.2\ncame A 10.0.0.1")
    changes = incoming.differences(old, new.rrsets())
    found = {names.to_text(c.owner): (c.before is not None, c.after is not None) for c in changes}
    assert found == {
        "ttl.t.": (True, True),
        "data.t.": (True, True),
        "gone.t.": (True, False),
        "came.t.": (False, True),
    }
    old.apply(changes)
    assert dict(old.nodes) == dict(new.nodes)


# The SOA asked for


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (answer(soa(3), flags=0x8000), "no authority"),
        (answer(), "not one SOA"),
        (answer(soa(3), soa(4)), "not one SOA"),
        (answer(packets.record("u.", "SOA", ". . 1 1 1 1 1")), "not one SOA"),
    ],
)
def test_an_answer_that_tells_no_serial_is_not_taken(wire: bytes, why: str) -> None:
    with pytest.raises(TransferFailed, match=why):
        incoming.answered_serial(Message.decode(wire), APEX)


def test_the_serial_of_an_authority_is_taken() -> None:
    assert incoming.answered_serial(Message.decode(answer(soa(7))), APEX) == 7
