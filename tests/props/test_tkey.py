"""A TKEY record reads as it was written; a request that was changed anywhere gets one answer, and nobody else's key."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns import names
from bossa.dns.errors import TkeyError
from bossa.dns.exchange import Rejected, Settings, open_exchange
from bossa.dns.message import Message, encode_reply
from bossa.dns.policy import Person
from bossa.dns.server.contexts import Contexts, Signers
from bossa.dns.server.negotiating import Acceptance, Negotiations
from bossa.dns.tkey import Tkey, is_asked
from bossa.gss import tokens
from bossa.gss.acceptor import Acceptor
from bossa.gss.initiator import Initiator
from bossa.gss.replay import ReplayCache
from bossa.gss.spnego import offer
from bossa.testing import contexts, packets
from fuzz import fuzz_tkey
from tests.unit.gss.specimens import NOW, Source, credential, service

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
NAMES = st.lists(st.binary(min_size=1, max_size=20), max_size=5).map(names.from_labels)
OCTETS = st.binary(max_size=200)
TWO_ROUNDS = tokens.frame(tokens.SPNEGO, offer((tokens.NTLM, tokens.KRB5), b"token").encode())


@settings(max_examples=200, deadline=None)
@given(st.builds(Tkey, st.just(names.from_text("a.test.")), NAMES, U32, U32, U16, U16, OCTETS, OCTETS))
def test_a_record_reads_as_it_was_written(record: Tkey) -> None:
    query = Message.decode(contexts.query("a.test", contexts.Tkey()))
    reply = Message.decode(encode_reply(query, record.reply(), 65535))
    assert Tkey.decode(reply, reply.answer[0]) == record


class Room:
    """Negotiations with a service of the specimens, and no more."""

    def __init__(self) -> None:
        self.contexts = Contexts(lambda: NOW)
        made = service(replay=ReplayCache(), in_order=False)
        acceptance = Acceptance(lambda: Acceptor(made), lambda context: Person(context.principal))
        self.signers = Signers({}, self.contexts)
        self.negotiations = Negotiations(acceptance, self.contexts, self.signers, lambda: NOW)

    def ask(self, wire: bytes) -> bytes | None:
        """Return the answer; None when it is no request for a key."""
        local = fuzz_tkey.LOCAL
        exchange = open_exchange(wire, local, self.signers, int(NOW), Settings(), tcp=True)
        if isinstance(exchange, Rejected) or not is_asked(exchange.message):
            return None
        return self.negotiations.answer(exchange)


@pytest.mark.parametrize("negotiate", [False, True], ids=["krb5", "spnego"])
@settings(max_examples=300, deadline=None)
@given(place=st.integers(0), change=st.integers(1, 255))
def test_a_changed_request_gets_an_answer_and_a_key_is_the_tickets_clients(
    negotiate: bool, place: int, change: int
) -> None:
    token = Initiator(credential(), Source("one"), negotiate=negotiate).step(None, NOW).token
    wire = contexts.query("a.test", contexts.Tkey(token=token))
    at = place % len(wire)
    room = Room()
    answer = room.ask(wire[:at] + bytes((wire[at] ^ change,)) + wire[at + 1 :])
    if answer is not None and packets.rcode(answer) == 0:
        reply = Message.decode(answer)
        assert Tkey.decode(reply, reply.answer[0]).error in TkeyError._value2member_map_
    for key in room.contexts.values():
        assert key.person == Person("alice@BOSSA.TEST")


@settings(max_examples=200, deadline=None)
@given(OCTETS)
def test_no_second_word_of_a_negotiation_breaks_it(word: bytes) -> None:
    room = Room()
    first = room.ask(contexts.query("a.test", contexts.Tkey(token=TWO_ROUNDS)))
    assert first is not None
    assert contexts.Tkey.found(first).error == 0
    second = room.ask(contexts.query("a.test", contexts.Tkey(token=word)))
    assert second is not None
    assert contexts.Tkey.found(second).error == TkeyError.BADKEY
    assert len(room.contexts) == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_octets_of_any_kind_hold_the_fuzzers_invariant(data: bytes) -> None:
    fuzz_tkey.one_input(data)
