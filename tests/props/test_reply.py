"""Whatever a resolver sends, the client gets nothing of it or an answer it can read, to its own question, that fits."""

from __future__ import annotations

import dns.message
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns.message import Edns, Message
from bossa.dns.relay import Asked, client_reply, read_answer

_ID = 0x1234
_QUERY = dns.message.make_query("wWw.example.", "MX", id=_ID, use_edns=0, payload=1232)
_QUESTION = _QUERY.to_wire()[12:29]


def _good() -> bytes:
    reply = dns.message.make_response(_QUERY, our_payload=1232)
    for section, text in ((reply.answer, "MX 1 a.www.example."), (reply.answer, "MX 2 b.example.")):
        section.append(dns.rrset.from_text("www.example.", 60, "IN", *text.split(" ", 1)))
    reply.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", "ns.example."))
    reply.additional.append(dns.rrset.from_text("ns.example.", 60, "IN", "A", "192.0.2.1"))
    return reply.to_wire()


_EDITS = st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), max_size=6)


@settings(max_examples=600, deadline=None)
@given(_EDITS, st.integers(0, 220), st.booleans(), st.sampled_from([60, 120, 512, 65535]))
def test_a_reply_with_octets_changed_is_no_answer_or_one_that_the_client_can_read(
    edits: list[tuple[int, int]], size: int, edns: bool, limit: int
) -> None:
    wire = bytearray(_good())
    for place, octet in edits:
        wire[place % len(wire) or 2] = octet
    asked = Asked(77, 0x0100, _QUESTION, Edns(1232, 0, False) if edns else None)
    answer = read_answer(bytes(wire[:size] if size < 30 else wire), asked, _ID)
    if answer is None:
        assert edits or size < 30, "what was not changed is an answer"
        return
    reply = client_reply(asked, answer, limit)
    read = Message.decode(reply)
    assert len(reply) <= limit and read.id == 77 and reply[12 : 12 + len(_QUESTION)] == _QUESTION
    assert len(read.answer) in (0, len(answer.message.answer))
