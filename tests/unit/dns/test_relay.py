"""What is passed on, what counts as an answer, and what the client gets; dnspython reads along."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from bossa.dns import relay
from bossa.dns.errors import Ede
from bossa.dns.relay import Asked
from bossa.wire import WireError

NAME = "WwW.Example.ORG."
PLAIN = dns.message.make_query(NAME, "A", use_edns=False, id=0x1234)
EDNS = dns.message.make_query(NAME, "A", use_edns=0, payload=4096, want_dnssec=True, id=0x1234)


def asked(query: dns.message.Message = EDNS) -> Asked:
    return Asked.decode(query.to_wire())


def answer_to(query: bytes, *records: str, **edns: object) -> dns.message.Message:
    reply = dns.message.make_response(dns.message.from_wire(query), our_payload=4096)
    reply.flags |= dns.flags.AA | dns.flags.RA | dns.flags.AD
    for text in records:
        owner, ttl, _, kind, data = text.split(" ", 4)
        reply.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, data))
    if edns:
        reply.use_edns(0, **edns)  # type: ignore[arg-type]
    return reply


def read(wire: bytes, query: Asked, message_id: int = 7) -> relay.Answer:
    answer = relay.read_answer(wire, query, message_id)
    assert answer is not None
    return answer


@pytest.mark.parametrize("checking_disabled", [False, True])
def test_the_query_asks_for_recursion_and_keeps_cd_and_do(checking_disabled: bool) -> None:
    """RFC 5625 §4.1, RFC 4035 §3.2.2, RFC 3225 §3"""
    for query in (PLAIN, EDNS):
        client = dns.message.from_wire(query.to_wire())
        client.flags = dns.flags.AD | dns.flags.CD * checking_disabled
        sent = dns.message.from_wire(relay.upstream_query(asked(client), 7, edns=True))
        assert sent.id == 7 and sent.flags & 0xFFFF == dns.flags.RD | dns.flags.CD * checking_disabled
        assert sent.question == client.question and str(sent.question[0].name) == NAME
        assert (sent.edns, sent.payload) == (0, 1232)
        assert bool(sent.ednsflags & dns.flags.DO) is (query is EDNS)
    assert dns.message.from_wire(relay.upstream_query(asked(), 7, edns=False)).edns == -1


def test_the_query_bears_our_mark_behind_those_of_others() -> None:
    marks = [bytes([i]) * relay.MARK_SIZE for i in range(9)]

    def sent(data: bytes, *, edns: bool = True) -> list[bytes]:
        option = dns.edns.GenericOption(relay.HOPS_OPTION, data)
        query = asked(dns.message.make_query(NAME, "A", use_edns=0, options=[option]))
        wire = relay.upstream_query(query, 7, edns=edns, mark=b"ourselfs")
        return [one.to_wire() for one in dns.message.from_wire(wire).options]

    assert sent(b"") == [b"ourselfs"]
    assert sent(marks[0] + marks[1]) == [marks[0] + marks[1] + b"ourselfs"]
    assert sent(b"no mark") == [b"ourselfs"]
    assert sent(b"".join(marks)) == [b"".join(marks[:8]) + b"ourselfs"]
    assert sent(marks[0], edns=False) == []
    assert dns.message.from_wire(relay.upstream_query(asked(), 7, edns=True)).options == ()


def test_the_case_of_letters_follows_random_bits_and_nothing_else_changes() -> None:
    name = b"\x07Az-09_z\x01@\x04q[`{\x00"
    question = name + b"\x00a\x00\x41"
    assert relay.with_case(question, bytes(len(question))) == question
    turned = relay.with_case(question, b"\xff" * len(question))
    assert turned == b"\x07aZ-09_Z\x01@\x04Q[`{\x00" + b"\x00a\x00\x41"
    assert relay.with_case(turned, b"\xff" * len(question)) == question


def test_a_reply_is_in_the_case_of_its_question_or_has_none() -> None:
    query = relay.upstream_query(asked(), 7, edns=True)
    good = answer_to(query).to_wire()
    assert relay.same_case(read(good, asked()), asked())
    assert not relay.same_case(read(good.replace(b"WwW", b"www"), asked()), asked())
    assert relay.same_case(read(b"\x00\x07\x80\x01" + bytes(8), asked()), asked())


def test_a_reply_gets_the_case_of_another_question_wherever_it_points_to_it() -> None:
    sent = Asked.decode(EDNS.to_wire().replace(b"WwW", b"wWw").replace(b"ORG", b"oRg"))
    wire = answer_to(relay.upstream_query(sent, 7, edns=True), "www.example.org. 60 IN CNAME a.example.org.").to_wire()
    answer = relay.in_case_of(read(wire, sent), asked())
    assert relay.same_case(answer, asked()) and len(answer.message.wire) == len(wire)
    (record,) = answer.message.answer
    assert record.owner == asked().question[:-4]
    assert relay.in_case_of(answer, asked()) is answer


def test_what_is_no_single_question_is_refused() -> None:
    none = dns.message.Message(id=1)
    two = dns.message.from_wire(PLAIN.to_wire())
    two.question.append(dns.rrset.RRset(two.question[0].name, 1, 28))
    for wire in (
        none.to_wire(),
        two.to_wire(),
        b"",
        PLAIN.to_wire()[:-1],
        b"\x00\x01\x01\x00\x00\x01" + bytes(6) + b"\xc0\x04\x00\x01\x00\x01",
    ):
        with pytest.raises(WireError):
            Asked.decode(wire)


def test_an_answer_has_our_id_and_question_whatever_its_case() -> None:
    query = relay.upstream_query(asked(), 7, edns=True)
    good = answer_to(query, f"{NAME} 60 IN A 192.0.2.1").to_wire()
    assert relay.read_answer(good, asked(), 7) is not None
    assert relay.read_answer(good.replace(b"WwW", b"wWw"), asked(), 7) is not None
    for bad in (
        good[:1] + b"\x08" + good[2:],
        good.replace(b"Example", b"Fxample"),
        good[:2] + bytes((good[2] & 0x7F,)) + good[3:],
        good[:2] + bytes((good[2] | 0x28,)) + good[3:],
        good.replace(b"ORG\x00\x00\x01\x00\x01", b"ORG\x00\x00\x21\x00\x01"),
        good[:-1],
        good[:11],
        b"",
        dns.message.Message(id=7).to_wire()[:2] + b"\x81\x80" + bytes(8),
    ):
        assert relay.read_answer(bad, asked(), 7) is None


def test_types_are_compared_as_numbers_not_as_letters() -> None:
    query = dns.message.make_query(NAME, 65)
    other = answer_to(relay.upstream_query(asked(dns.message.make_query(NAME, 97)), 7, edns=True))
    assert relay.read_answer(other.to_wire(), asked(query), 7) is None


def test_a_bare_formerr_is_an_old_servers_word_on_edns() -> None:
    assert read(b"\x00\x07\x80\x01" + bytes(8), asked()).rcode == 1
    assert relay.read_answer(b"\x00\x07\x80\x03" + bytes(8), asked(), 7) is None


def test_the_client_gets_its_id_its_question_and_its_flags() -> None:
    for query in (PLAIN, EDNS):
        client = dns.message.from_wire(query.to_wire())
        client.flags = dns.flags.CD
        wire = answer_to(relay.upstream_query(asked(client), 7, edns=True), f"{NAME} 60 IN A 192.0.2.1").to_wire()
        reply = dns.message.from_wire(
            relay.client_reply(asked(client), read(wire.replace(b"WwW", b"www"), asked(client)), 512)
        )
        assert reply.id == client.id
        assert reply.flags & 0xFFFF == dns.flags.QR | dns.flags.RA | dns.flags.CD
        assert str(reply.question[0].name) == NAME
        assert reply.answer[0][0].to_text() == "192.0.2.1"
        assert reply.edns == query.edns
        assert bool(reply.ednsflags & dns.flags.DO) is (query is EDNS)
        assert query is PLAIN or reply.payload == 1232


def test_an_opt_in_the_middle_takes_what_stands_behind_it_along() -> None:
    reply = answer_to(relay.upstream_query(asked(), 7, edns=False), f"{NAME} 60 IN A 192.0.2.1")
    reply.additional.append(dns.rrset.from_text("a.example.", 60, "IN", "A", "192.0.2.2"))
    first = reply.to_wire()
    opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
    behind = b"\x01b\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x03"
    wire = first[:10] + b"\x00\x03" + first[12:] + opt + behind
    out = dns.message.from_wire(relay.client_reply(asked(), read(wire, asked()), 512))
    assert [str(rrset.name) for rrset in out.additional] == ["a.example."]
    assert out.edns == 0


def test_extended_errors_pass_through_and_other_options_do_not() -> None:
    """RFC 6891 §6.2.6: OPT is hop by hop."""
    options = [dns.edns.EDEOption(6, "bogus"), dns.edns.GenericOption(10, bytes(8))]
    reply = answer_to(relay.upstream_query(asked(), 7, edns=True), payload=1232, options=options)
    reply.set_rcode(dns.rcode.SERVFAIL)
    answer = read(reply.to_wire(), asked())
    out = dns.message.from_wire(relay.client_reply(asked(), answer, 512))
    assert out.rcode() == dns.rcode.SERVFAIL
    assert [(o.otype, o.code, o.text) for o in out.options] == [(15, 6, "bogus")]  # type: ignore[attr-defined]


def test_an_extended_code_needs_edns() -> None:
    reply = answer_to(relay.upstream_query(asked(), 7, edns=True), payload=1232)
    reply.set_rcode(dns.rcode.BADVERS)
    answer = read(reply.to_wire(), asked())
    assert answer.rcode == 16
    assert dns.message.from_wire(relay.client_reply(asked(), answer, 512)).rcode() == dns.rcode.BADVERS
    assert dns.message.from_wire(relay.client_reply(asked(PLAIN), answer, 512)).rcode() == dns.rcode.SERVFAIL


def test_both_sides_hear_the_size_that_is_set() -> None:
    query = Asked.decode(EDNS.to_wire(), 4000)
    sent = relay.upstream_query(query, 7, edns=True)
    assert dns.message.from_wire(sent).payload == 4000
    out = relay.client_reply(query, read(answer_to(sent, payload=1400).to_wire(), query), 512)
    assert dns.message.from_wire(out).payload == 4000
    assert dns.message.from_wire(relay.failure(query, Ede.OTHER)).payload == 4000


@pytest.mark.parametrize("query", [PLAIN, EDNS], ids=["plain", "edns"])
def test_what_does_not_fit_is_an_empty_truncated_answer(query: dns.message.Message) -> None:
    wire = answer_to(relay.upstream_query(asked(query), 7, edns=True), f"{NAME} 60 IN TXT {'x' * 200}").to_wire()
    answer = read(wire, asked(query))
    whole = relay.client_reply(asked(query), answer, 512)
    assert relay.client_reply(asked(query), answer, len(whole)) == whole
    cut = dns.message.from_wire(relay.client_reply(asked(query), answer, len(whole) - 1))
    assert cut.flags & dns.flags.TC and not cut.answer
    assert cut.edns == query.edns


def test_failure_tells_the_reason_to_whoever_understands() -> None:
    told = dns.message.from_wire(relay.failure(asked(), Ede.NETWORK_ERROR, "no route"))
    assert told.rcode() == dns.rcode.SERVFAIL and EDNS.is_response(told)
    assert [(o.code, o.text) for o in told.options] == [(23, "no route")]  # type: ignore[attr-defined]
    short = dns.message.from_wire(relay.failure(asked(PLAIN), Ede.NETWORK_ERROR, "no route"))
    assert short.rcode() == dns.rcode.SERVFAIL and short.edns == -1 and PLAIN.is_response(short)
