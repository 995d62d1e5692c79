"""Keys that clients negotiate with the owner: what they get, what they are refused, and what they sign.  RFC 3645"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Generator

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.dns import tsig
from bossa.dns.server import contexts
from bossa.gss import tokens
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.gss.spnego import NegState, NegTokenResp, offer
from bossa.krb.names import NameType, PrincipalName
from bossa.observe import log
from bossa.testing import packets
from bossa.testing.contexts import DELETION, WISH, Failed, Manner, Negotiated, Tkey, negotiate, query
from tests.talk.keys import HERE, SECRET, THERE, Room, play
from tests.unit.gss.specimens import NOW, Source, credential

NOERROR, FORMERR, REFUSED, NOTAUTH = 0, 1, 5, 9
BADSIG, BADKEY, BADTIME, BADMODE, BADNAME, BADALG = 16, 17, 18, 19, 20, 21
SOA = packets.query("example.test", "SOA")
ADD = packets.update("example.test", packets.record("a.example.test", "A", "192.0.2.7", ttl=60))
BOB = PrincipalName(NameType.PRINCIPAL, ("bob",))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Collect the lines of the log."""
    found: list[dict[str, object]] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(log, level, lambda event, **fields: found.append({"event": event, **fields}))
    return found


def error(room: Room, wire: bytes) -> int:
    """Return the TKEY error of an answer whose code is NOERROR."""
    reply = room.udp(wire)
    assert packets.rcode(reply) == NOERROR
    return Tkey.found(reply).error


def first_token(**changes: object) -> bytes:
    """Return the first token of alice's initiator."""
    return Initiator(credential(**changes), Source("first")).step(None, NOW).token  # type: ignore[arg-type]


# Item 17: the record's section, and its owner.


@pytest.mark.parametrize("in_answer", [False, True], ids=["additional", "answer"])
@pytest.mark.parametrize("spnego", [False, True], ids=["krb5", "spnego"])
@pytest.mark.parametrize("algorithm", ["gss-tsig", "GSS-TSIG", "gss.microsoft.com", "Gss.Microsoft.Com"])
def test_17_21_23_a_key_is_negotiated_and_signs_both_ways(in_answer: bool, spnego: bool, algorithm: str) -> None:
    def talk(room: Room) -> None:
        key = room.negotiate("Key.Test", in_answer=in_answer, spnego=spnego, algorithm=algorithm)
        request = key.sign(SOA, moment=NOW)
        reply = room.udp(request)
        assert packets.rcode(reply) == NOERROR
        key.check(reply, request)
        assert packets.request_mac(reply) != packets.request_mac(request)

    play(talk)


def test_17_a_record_of_another_name_is_a_format_error() -> None:
    def talk(room: Room) -> None:
        for in_answer in (False, True):
            reply = room.udp(query("a.test", Tkey(token=first_token(), owner="b.test"), in_answer=in_answer))
            assert packets.rcode(reply) == FORMERR
        assert error(room, query("a.test", Tkey(token=first_token(), owner="A.Test"))) == NOERROR

    play(talk)


@pytest.mark.parametrize("count", [0, 2])
def test_17_there_is_one_record(count: int) -> None:
    def talk(room: Room) -> None:
        record = Tkey(token=first_token()).record("a.test")
        head = packets.header((1, 0, 0, count)) + packets.question("a.test", 249, packets.ANY)
        assert packets.rcode(room.udp(head + record * count)) == FORMERR

    play(talk)


def test_17_a_record_that_ends_too_early_is_a_format_error() -> None:
    def talk(room: Room) -> None:
        data = packets.name("gss-tsig") + bytes(13)
        record = packets.record("a.test", 249, data, rclass=packets.ANY)
        head = packets.header((1, 0, 0, 1)) + packets.question("a.test", 249, packets.ANY)
        assert packets.rcode(room.udp(head + record)) == FORMERR

    play(talk)


# Item 18: what is wrong with the record, told in the record.


@pytest.mark.parametrize("mode", [0, 1, 2, 4, 6, 99, 65535])
def test_18_other_modes_are_badmode(mode: int) -> None:
    play(lambda room: check_error(room, Tkey(mode=mode, algorithm="hmac-md5.sig-alg.reg.int"), BADMODE))


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "gss-tsig.test", ".", "gss"])
def test_18_other_algorithms_are_badalg(algorithm: str) -> None:
    play(lambda room: check_error(room, Tkey(algorithm=algorithm, token=first_token()), BADALG))


@pytest.mark.parametrize(
    "token",
    [b"", b"token", b"NTLMSSP\0", bytes(4096), first_token()[:-1], tokens.frame(tokens.SPNEGO, b"\xa0\x00")],
    ids=["empty", "no token", "ntlm", "zeros", "cut", "empty spnego"],
)
def test_18_bad_tokens_are_badkey(token: bytes) -> None:
    play(lambda room: check_error(room, Tkey(token=token), BADKEY))


def check_error(room: Room, tkey: Tkey, expected: int) -> None:
    """Ask, and see the error, the rest of the record as it was, and no signature."""
    reply = room.udp(query("a.test", tkey))
    told = Tkey.found(reply)
    assert (told.error, told.mode, told.algorithm) == (expected, tkey.mode, tkey.algorithm.strip("."))
    assert packets.tsig_of(reply) is None


def test_18_a_key_without_a_name_is_badname() -> None:
    def talk(room: Room) -> None:
        assert error(room, query(".", Tkey(token=first_token()))) == BADNAME

    play(talk)


# Item 19: who signs the answer.


def test_19_the_answer_to_an_unsigned_request_is_signed_with_the_new_key() -> None:
    def talk(room: Room) -> None:
        key = room.negotiate()
        key.check(key.reply, None)

    play(talk)


def test_19_the_answer_to_a_signed_request_is_signed_with_its_key() -> None:
    def talk(room: Room) -> None:
        old = room.negotiate("old.test")
        asked: list[bytes] = []

        def send(wire: bytes) -> bytes:
            asked.append(old.sign(wire, moment=NOW))
            return room.udp(asked[-1])

        new = negotiate(credential(), send, "new.test", Manner(now=room.clock))
        old.check(new.reply, asked[-1])

    play(talk)


def test_a_copy_of_the_datagram_that_made_a_key_gets_the_first_answer() -> None:
    """Its token is good once, and the answer may have been lost."""

    def talk(room: Room) -> None:
        request = query("a.test", Tkey(token=first_token()))
        answer = room.udp(request)
        assert Tkey.found(answer).error == NOERROR
        assert room.udp(request) == answer
        # Not for others, nor for another request of that name.
        assert error_at(room, request, THERE) == BADNAME
        other = Initiator(credential(), Source("other")).step(None, NOW).token
        assert error(room, query("a.test", Tkey(token=other))) == BADNAME
        room.clock.now += 31
        assert error(room, request) == BADNAME

    play(talk)


def error_at(room: Room, wire: bytes, address: bytes) -> int:
    """Return the TKEY error of an answer to somebody else."""
    return Tkey.found(room.udp(wire, address)).error


# Item 20: names that are taken.


@pytest.mark.parametrize("name", ["live.test", "LIVE.test", "secret"])
def test_20_a_name_that_is_taken_is_badname_and_its_key_lives_on(name: str) -> None:
    def talk(room: Room) -> None:
        key = room.negotiate("live.test")
        with pytest.raises(Failed) as failed:
            room.negotiate(name)
        assert failed.value.error == BADNAME
        assert packets.rcode(room.udp(key.sign(SOA, moment=NOW))) == NOERROR

    play(talk)


def test_20_22_an_expired_key_is_badkey_and_makes_room_for_one_of_its_name() -> None:
    def talk(room: Room) -> None:
        key = room.negotiate("live.test")
        room.clock.now = NOW + 3600
        reply = room.udp(key.sign(SOA, moment=room.clock.now))
        tsig_record = packets.tsig_of(reply)
        assert packets.rcode(reply) == NOTAUTH
        assert tsig_record is not None
        assert (tsig_record.error, tsig_record.mac) == (BADKEY, b"")
        again = room.negotiate("live.test", credential(endtime=int(NOW) + 9000))
        assert packets.rcode(room.udp(again.sign(SOA, moment=room.clock.now))) == NOERROR

    play(talk)


# Item 21: rounds.


OFFER = offer((tokens.NTLM, tokens.KRB5), b"a token of NTLM")


def in_rounds(room: Room, name: str, address: bytes = HERE) -> Generator[Tkey, None, Negotiated]:
    """Offer another mechanism first, which takes two rounds more; yield what is answered, and return the key."""

    reply = b""

    def told(token: bytes) -> Tkey:
        nonlocal reply
        reply = room.udp(query(name, Tkey(token=token)), address)
        return Tkey.found(reply)

    initiator = Initiator(credential(), Source("rounds"), WISH)
    yield told(tokens.frame(tokens.SPNEGO, OFFER.encode()))
    answer = told(NegTokenResp(token=initiator.step(None, NOW).token).encode())
    yield answer
    proof = NegTokenResp.decode(answer.token).token
    assert proof is not None
    context = initiator.step(proof, NOW).context
    assert context is not None
    last = NegTokenResp(NegState.ACCEPT_COMPLETED, mic=context.get_mic(OFFER.list_raw)).encode()
    answer = told(last)
    yield answer
    return Negotiated(name, "gss-tsig", context, reply)


def whole(talk: Generator[Tkey, None, Negotiated]) -> tuple[list[Tkey], Negotiated]:
    """Have a talk to its end."""
    said = []
    while True:
        try:
            said.append(next(talk))
        except StopIteration as end:
            return said, end.value


def test_21_a_negotiation_of_three_rounds_ends_with_a_key() -> None:
    """RFC 3645 §4.1.3: where the acceptor has no more to say, the client's own token comes back."""

    def talk(room: Room) -> None:
        said, key = whole(in_rounds(room, "a.test"))
        assert [one.error for one in said] == [NOERROR] * 3
        assert [one.expiration - one.inception for one in said] == [contexts.TALK_SECONDS] * 2 + [3600]
        assert NegTokenResp.decode(said[2].token).state == NegState.ACCEPT_COMPLETED
        key.check(key.reply, None)
        request = key.sign(SOA, moment=NOW)
        key.check(room.udp(request), request)

    play(talk)


def test_21_nobody_else_takes_part_in_a_negotiation() -> None:
    def talk(room: Room) -> None:
        ours, theirs = in_rounds(room, "a.test"), in_rounds(room, "a.test", THERE)
        assert next(ours).error == next(theirs).error == NOERROR
        assert whole(ours)[1].name == "a.test"
        # The name is taken by now.
        assert next(theirs).error == BADNAME

    play(talk)


def test_21_a_negotiation_waits_for_half_a_minute() -> None:
    def talk(room: Room) -> None:
        rounds = in_rounds(room, "a.test")
        next(rounds)
        room.clock.now += contexts.TALK_SECONDS + 1
        # Its second word is a stranger's first now.
        assert next(rounds).error == BADKEY

    play(talk)


# Item 22: how long a key lives.


@pytest.mark.parametrize(("ticket", "wish", "expected"), [(600, 0, 600), (7200, 0, 3600), (864000, 864000, 3600)])
def test_22_a_key_lives_as_long_as_its_ticket_and_an_hour_at_most(ticket: int, wish: int, expected: int) -> None:
    def talk(room: Room) -> None:
        token = first_token(endtime=int(NOW) + ticket)
        told = Tkey.found(room.udp(query("a.test", Tkey(token=token, inception=int(NOW), expiration=int(NOW) + wish))))
        assert (told.inception, told.expiration) == (int(NOW), int(NOW) + expected)

    play(talk)


# Item 23: whose MIC, and which.


@pytest.mark.parametrize("enctype", list(Enctype), ids=lambda one: one.text)
def test_23_macs_have_the_length_of_their_mechanism(enctype: Enctype) -> None:
    def talk(room: Room) -> None:
        key = room.negotiate(asked=credential(enctype))
        request = key.sign(ADD, moment=NOW)
        reply = room.udp(request)
        key.check(reply, request)
        assert len(packets.request_mac(reply)) == len(packets.request_mac(request)) in (28, 32, 40)

    play(talk)


def unsigned_error(reply: bytes) -> int:
    """Return the TSIG error of a NOTAUTH whose MAC is empty."""
    found = packets.tsig_of(reply)
    assert packets.rcode(reply) == NOTAUTH
    assert found is not None
    assert found.mac == b""
    return found.error


def test_23_a_mic_that_does_not_fit_is_badsig() -> None:
    def talk(room: Room) -> None:
        key = room.negotiate()
        assert unsigned_error(room.udp(key.sign(SOA, moment=NOW, spoiled=True))) == BADSIG

    play(talk)


@pytest.mark.parametrize("off", [-301, 301])
def test_23_a_clock_that_is_off_is_badtime_signed(off: int) -> None:
    def talk(room: Room) -> None:
        key = room.negotiate()
        request = key.sign(SOA, moment=NOW + off)
        reply = room.udp(request)
        found = packets.tsig_of(reply)
        assert found is not None
        assert (found.error, found.time, found.other) == (BADTIME, int(NOW) + off, int(NOW).to_bytes(6, "big"))
        key.check(reply, request)

    play(talk)


def test_23_another_algorithm_than_was_negotiated_is_badkey() -> None:
    def talk(room: Room) -> None:
        key = room.negotiate()
        key.algorithm = "gss.microsoft.com"
        assert unsigned_error(room.udp(key.sign(SOA, moment=NOW))) == BADKEY

    play(talk)


def test_a_copy_of_a_query_is_refused_and_one_out_of_its_turn_is_not() -> None:
    """Datagrams get lost and overtake one another, also where the client asks for order."""

    def talk(room: Room) -> None:
        key = room.negotiate(wish=Wish(ContextFlags.MUTUAL | ContextFlags.SEQUENCE | ContextFlags.INTEG))
        first, second, lost, third = (key.sign(SOA, moment=NOW) for _ in range(4))
        assert [packets.rcode(room.udp(one)) for one in (second, first, third)] == [NOERROR] * 3
        assert unsigned_error(room.udp(first)) == BADSIG
        assert packets.rcode(room.udp(lost)) == NOERROR

    play(talk)


@pytest.mark.parametrize("flags", [ContextFlags.MUTUAL, ContextFlags.INTEG])
def test_a_copy_is_refused_whatever_the_client_says_of_copies(flags: ContextFlags) -> None:
    """Who overhears an update puts nothing back."""

    def talk(room: Room) -> None:
        key = room.negotiate(wish=Wish(flags))
        request = key.sign(SOA, moment=NOW)
        assert packets.rcode(room.udp(request)) == NOERROR
        assert unsigned_error(room.udp(request, THERE)) == BADSIG

    play(talk)


def test_a_copy_of_an_update_gets_the_first_answer(
    monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, object]]
) -> None:
    """Though its MIC is no good for a second time."""

    def talk(room: Room) -> None:
        monkeypatch.setattr(room.owner._updates, "is_known", lambda exchange: True)
        key = room.negotiate()
        request = key.sign(ADD, moment=NOW)
        assert room.udp(request) == room.udp(request)
        # From elsewhere it is a replay.
        assert unsigned_error(room.udp(request, THERE)) == BADSIG

    play(talk)
    assert (lines[-1]["event"], lines[-1]["rule"]) == (
        "update refused",
        "BADSIG: the MAC came before: 0 messages behind",
    )


# Item 25: deletion.


def delete(name: str) -> bytes:
    """Return an unsigned request to delete a key."""
    return query(name, Tkey(mode=DELETION))


def test_25_a_key_is_deleted_by_its_owner_and_unknown_from_then_on() -> None:
    def talk(room: Room) -> None:
        key, other = room.negotiate("a.test"), room.negotiate("b.test")
        request = key.sign(delete("a.test"), moment=NOW)
        reply = room.udp(request)
        assert (packets.rcode(reply), Tkey.found(reply).error, Tkey.found(reply).mode) == (NOERROR, NOERROR, DELETION)
        key.check(reply, request)
        assert unsigned_error(room.udp(key.sign(SOA, moment=NOW))) == BADKEY
        assert packets.rcode(room.udp(other.sign(SOA, moment=NOW))) == NOERROR

    play(talk)


def test_25_nobody_else_deletes_a_key() -> None:
    def talk(room: Room) -> None:
        alice, bob = room.negotiate("a.test"), room.negotiate("b.test", credential(cname=BOB))
        assert packets.rcode(room.udp(delete("a.test"))) == REFUSED
        assert error(room, bob.sign(delete("a.test"), moment=NOW)) == BADNAME
        assert error(room, bob.sign(delete("none.test"), moment=NOW)) == BADNAME
        assert error(room, tsig.sign_request(delete("a.test"), SECRET, int(NOW))) == BADNAME
        assert error(room, alice.sign(delete("secret"), moment=NOW)) == BADNAME
        assert unsigned_error(room.udp(alice.sign(delete("a.test"), moment=NOW, spoiled=True))) == BADSIG
        assert packets.rcode(room.udp(alice.sign(SOA, moment=NOW))) == NOERROR

    play(talk)


# Item 26: over streams, and transfers of many messages.


def test_26_one_key_signs_over_streams_and_datagrams_and_transfers_of_many_messages() -> None:
    async def talk(room: Room) -> None:
        text = "x" * 250
        records = [packets.record(f"t{n}.example.test", "TXT", f'"{text}" "{n}"', ttl=60) for n in range(200)]
        for at in (0, 100):
            added = tsig.sign_request(packets.update("example.test", *records[at : at + 100]), SECRET, int(NOW))
            assert packets.rcode((await room.tcp(added))[0]) == NOERROR
        key = room.negotiate()
        request = key.sign(SOA, moment=NOW)
        (reply,) = await room.tcp(request)
        key.check(reply, request)
        request = key.sign(packets.query("example.test", "AXFR"), moment=NOW)
        messages = await room.tcp(request)
        assert len(messages) > 2
        prior = packets.request_mac(request)
        for number, message in enumerate(messages):
            assert packets.rcode(message) == NOERROR
            key.check_after(message, prior, timers=number > 0)
            prior = packets.request_mac(message)
        request = key.sign(SOA, moment=NOW)
        key.check(room.udp(request), request)

    play(talk)


def test_26_a_transfer_is_its_principals_only() -> None:
    async def talk(room: Room) -> None:
        bob = room.negotiate(asked=credential(cname=BOB))
        request = bob.sign(packets.query("example.test", "AXFR"), moment=NOW)
        (reply,) = await room.tcp(request)
        assert packets.rcode(reply) == REFUSED
        bob.check(reply, request)

    play(talk)


# Item 27: floods.


def test_27_ten_thousand_half_done_negotiations_leave_memory_and_live_keys_as_they_were() -> None:
    def talk(room: Room) -> None:
        key = room.negotiate()
        half = tokens.frame(tokens.SPNEGO, OFFER.encode())

        def flood(first: int) -> None:
            for number in range(first, first + 5000):
                room.owner.datagram(query(f"h{number}.test", Tkey(token=half)), HERE, lambda answer: None)
            # A talk and its acceptor hold each other.
            gc.collect()

        tracemalloc.start()
        flood(0)
        before = tracemalloc.get_traced_memory()[0]
        flood(5000)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 200_000
        assert packets.rcode(room.udp(key.sign(SOA, moment=NOW))) == NOERROR

    play(talk)


def test_27_datagrams_of_made_up_senders_push_no_talk_over_a_stream_out() -> None:
    async def talk(room: Room) -> None:
        half = tokens.frame(tokens.SPNEGO, OFFER.encode())
        initiator = Initiator(credential(), Source("rounds"), WISH)
        await room.tcp(query("a.test", Tkey(token=half)))
        for number in range(contexts.MOST_TALKS + 1):
            room.udp(query("a.test", Tkey(token=half)), HERE[:4] + number.to_bytes(4, "big") + HERE[8:])
        next_token = NegTokenResp(token=initiator.step(None, NOW).token).encode()
        [reply] = await room.tcp(query("a.test", Tkey(token=next_token)))
        assert Tkey.found(reply).error == NOERROR

    play(talk)


def test_27_bad_tokens_leave_nothing_behind() -> None:
    def talk(room: Room) -> None:
        for number in range(200):
            check_error(room, Tkey(token=b"token"), BADKEY)
            assert error(room, query(f"k{number}.test", Tkey(token=bytes(30)))) == BADKEY
        assert len(room.owner._signers) == 1

    play(talk)


def test_27_a_principal_at_its_limit_gets_no_more_keys_and_loses_none(
    monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, object]]
) -> None:
    monkeypatch.setattr(contexts, "MOST_OF_ONE", 3)

    def talk(room: Room) -> None:
        keys = [room.negotiate(f"a{number}.test") for number in range(3)]
        assert [packets.rcode(room.udp(one.sign(SOA, moment=NOW))) for one in keys] == [NOERROR] * 3
        with pytest.raises(Failed) as failed:
            room.negotiate("a3.test")
        assert failed.value.error == BADKEY
        assert lines[-1]["why"] == "all keys of one principal are in use, 3 live in all"
        assert [packets.rcode(room.udp(one.sign(SOA, moment=NOW))) for one in keys] == [NOERROR] * 3
        room.negotiate("b.test", credential(cname=BOB))

    play(talk)


# Item 29: what Windows does first.


def test_29_an_unsigned_update_that_no_rule_names_is_refused() -> None:
    def talk(room: Room) -> None:
        assert packets.rcode(room.udp(ADD)) == REFUSED

    play(talk)


# Why not, in the log alone.


def otherwise(kind: str) -> dict[str, object]:
    """Return what a ticket has that is not to be taken."""
    kinds: dict[str, dict[str, object]] = {
        "for another service": {"sname": PrincipalName(NameType.SRV_HST, ("HTTP", "other.bossa.test"))},
        "under another key": {"kvno": 7},
        "expired": {"endtime": int(NOW) - 301},
        "expired, but for the clocks' skew": {"endtime": int(NOW) - 60},
        "from the future": {"starttime": int(NOW) + 301},
    }
    return kinds[kind]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("for another service", "NO_CRED: no key for HTTP/other.bossa.test@BOSSA.TEST, version 3, type 18"),
        ("under another key", "NO_CRED: no key for HTTP/web.bossa.test@BOSSA.TEST, version 7, type 18"),
        ("expired", "CREDENTIALS_EXPIRED: the ticket has expired"),
        ("expired, but for the clocks' skew", "the ticket expired 60 s ago"),
        ("from the future", "FAILURE: the ticket is not valid yet"),
    ],
)
def test_a_ticket_that_is_not_good_is_badkey_and_the_log_says_why(
    lines: list[dict[str, object]], kind: str, why: str
) -> None:
    def talk(room: Room) -> None:
        check_error(room, Tkey(token=first_token(**otherwise(kind))), BADKEY)

    play(talk)
    assert lines[-1] == {
        "event": "key refused",
        "client": "192.0.2.1",
        "key": "a.test.",
        "algorithm": "gss-tsig.",
        "code": "BADKEY",
        "why": why,
    }


def test_a_token_that_came_before_is_badkey_and_the_log_says_so(lines: list[dict[str, object]]) -> None:
    def talk(room: Room) -> None:
        token = first_token()
        assert error(room, query("a.test", Tkey(token=token))) == NOERROR
        assert error(room, query("b.test", Tkey(token=token))) == BADKEY

    play(talk)
    assert lines[-1]["why"] == "DUPLICATE_TOKEN: the authenticator of alice@BOSSA.TEST came before"


@pytest.mark.parametrize("off", [-400, 400])
def test_a_clock_that_is_off_is_badkey_and_the_log_says_by_how_much(lines: list[dict[str, object]], off: int) -> None:
    def talk(room: Room) -> None:
        room.clock.now = NOW - off
        check_error(room, Tkey(token=first_token(endtime=int(NOW) + 9000)), BADKEY)

    play(talk)
    assert lines[-1]["why"] == f"FAILURE: the client's clock is {off:+.0f} s from ours"


def test_a_client_is_known_by_its_principal(lines: list[dict[str, object]]) -> None:
    def talk(room: Room) -> None:
        room.negotiate("a.test")

    play(talk)
    assert (lines[-1]["event"], lines[-1]["by"]) == ("key established", "krb5:alice@BOSSA.TEST")


def test_a_key_whose_answer_does_not_fit_is_nobodys() -> None:
    """The client comes again over TCP."""

    def talk(room: Room) -> None:
        name = ".".join(["n" * 60] * 4)
        reply = room.udp(query(name, Tkey(token=first_token())))
        assert reply[2] & 2
        assert len(room.owner._signers) == 1

    play(talk)


def test_a_key_whose_signed_answer_does_not_fit_is_nobodys() -> None:
    def talk(room: Room) -> None:
        old = room.negotiate("old.test")
        name = ".".join(["n" * 60] * 4)
        reply = room.udp(old.sign(query(name, Tkey(token=first_token())), moment=NOW))
        assert reply[2] & 2
        assert len(room.owner._signers) == 2

    play(talk)
