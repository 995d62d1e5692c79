"""Messages as a stranger may send them, and replies that do not fit."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import pytest

from bossa.dns import message, names, types
from bossa.dns.message import Edns, Flag, Message, Question, Reply, Writer, encode_reply, head
from bossa.dns.zone import Mark, Origin, RRset
from bossa.wire import WireError

NAME = names.from_text("big.example.")
MARK = Mark(Origin.FILE, 0)
QUESTION = Question(NAME, types.TXT, types.IN)


def query() -> Message:
    w = Writer()
    w.question(QUESTION)
    w.octets[: message.HEADER] = head(7, Flag.RD, (1, 0, 0, 0))
    return Message.decode(bytes(w.octets))


def texts(count: int, size: int = 200) -> RRset:
    rdatas = tuple(bytes((size,)) + (b"%05d" % i).ljust(size) for i in range(count))
    return RRset(types.TXT, 60, rdatas, (MARK,) * count)


def within(seconds: float, wire: bytes) -> None:
    started = time.process_time()
    with pytest.raises(WireError):
        Message.decode(wire)
    assert time.process_time() - started < seconds


def test_two_questions_are_no_message() -> None:
    question = NAME + b"\x00\x10\x00\x01"
    assert Message.decode(head(7, 0, (1, 0, 0, 0)) + question).questions == (QUESTION,)
    with pytest.raises(WireError, match="2 questions"):
        Message.decode(head(7, 0, (2, 0, 0, 0)) + question * 2)


def test_no_question_is_left_to_the_opcode() -> None:
    assert Message.decode(head(7, 0, (0, 0, 0, 0))).questions == ()


def test_a_packet_of_chained_questions_is_refused_unread() -> None:
    chain = b"\x00\x00\x01\x00\x01" + b"".join(
        (0xC000 | min(12 + 6 * i, 0x3FFF)).to_bytes(2, "big") + b"\x00\x01\x00\x01" for i in range(10900)
    )
    within(0.05, head(7, 0, (10901, 0, 0, 0)) + chain)


@pytest.mark.parametrize("counts", [(0, 0, 0, 2), (0, 1, 1, 0), (1, 0, 65535, 65535)])
def test_more_records_than_the_octets_can_hold_are_refused_unread(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(WireError, match="records in 33 octets"):
        Message.decode(head(7, 0, counts) + bytes(21))


@pytest.mark.parametrize("section", ["answer", "authority"])
def test_an_rrset_that_does_not_fit_is_not_written_to_its_end(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    body = Writer.body

    def counted(self: Writer, rtype: int, ttl: int, rdata: bytes) -> None:
        written.append(rdata)
        body(self, rtype, ttl, rdata)

    monkeypatch.setattr(Writer, "body", counted)
    reply = Reply(**{section: ((NAME, texts(300)), (NAME, texts(5)))})
    cut = dns.message.from_wire(encode_reply(query(), reply, 1232, Edns(1232, 0, do=False)))
    assert cut.flags & dns.flags.TC and not cut.answer and not cut.authority
    assert len(written) == 6


def test_additional_records_that_do_not_fit_are_left_out_as_a_whole() -> None:
    reply = Reply(answer=((NAME, texts(2)),), additional=((NAME, texts(1, 9)), (NAME, texts(300))))
    whole = dns.message.from_wire(encode_reply(query(), reply, 1232))
    assert not whole.flags & dns.flags.TC
    assert [len(rrset) for rrset in whole.answer + whole.additional] == [2, 1]


def test_a_reply_may_be_exactly_as_long_as_the_limit() -> None:
    reply = Reply(answer=((NAME, texts(3)),))
    whole = encode_reply(query(), reply, message.MAX_MESSAGE)
    assert encode_reply(query(), reply, len(whole)) == whole
    assert dns.message.from_wire(encode_reply(query(), reply, len(whole) - 1)).flags & dns.flags.TC


def test_options_are_added_behind_those_that_an_answer_has() -> None:
    before = encode_reply(query(), Reply(), 1232, Edns(1232, 0, do=True, options=((15, b"\0\x16"),)))
    after = message.read_edns(Message.decode(message.add_options(before, b"\0\x03\0\x02ns")))
    assert after == Edns(1232, 0, do=True, options=((15, b"\0\x16"), (3, b"ns")))


def test_an_answer_without_opt_gets_no_options() -> None:
    for reply in (Reply(), Reply(additional=((NAME, texts(1)),))):
        before = encode_reply(query(), reply, 1232)
        assert message.add_options(before, b"\0\x03\0\0") == before
