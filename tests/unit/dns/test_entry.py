"""What of an answer is kept, for how long, and how it is told again."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import pytest

from bossa.dns import names
from bossa.dns.entry import Entry, Kind, alias_chain, asked_key, dead_end, failed, remember
from bossa.dns.errors import Ede
from bossa.dns.relay import Asked, Unanswered
from tests.unit.dns.replies import answer, asked

WWW = "www.example.org."
SOA = "authority: example.org. 7200 SOA ns.example.org. host.example.org. 1 3600 600 86400 900"
A = f"{WWW} 300 A 192.0.2.1"


def kept(question: Asked, *lines: str, now: float = 1000.7, max_ttl: int = 86400, **how: int) -> Entry:
    entry = remember(answer(question, *lines, **how), now, max_ttl)
    assert entry is not None
    return entry


def told(entry: Entry, question: Asked, now: float = 1000.7, limit: int = 1232) -> dns.message.Message:
    return dns.message.from_wire(entry.reply(question, limit, now))


@pytest.mark.parametrize(
    ("lines", "rcode", "kind", "life"),
    [
        ([A], 0, Kind.POSITIVE, 300),
        ([A, f"{WWW} 300 A 192.0.2.2", "additional: ns.example.org. 60 A 192.0.2.3"], 0, Kind.POSITIVE, 60),
        (["WWW.example.org. 50 CNAME b.example.", "b.example. 90 A 192.0.2.1"], 0, Kind.POSITIVE, 50),
        (["b.example. 90 A 192.0.2.1", "www.example.org. 50 CNAME b.example."], 0, Kind.POSITIVE, 50),
        (["example.org. 50 DNAME d.", "www.example.org. 50 CNAME www.d.", "www.d. 9 A 192.0.2.1"], 0, Kind.POSITIVE, 9),
        ([SOA], 3, Kind.NXDOMAIN, 900),
        ([SOA], 0, Kind.NODATA, 900),
        ([SOA.replace(" 7200", " 30")], 3, Kind.NXDOMAIN, 30),
        ([SOA.replace("900", "40000").replace(" 7200", " 50000")], 3, Kind.NXDOMAIN, 10800),
        ([f"{WWW} 20 CNAME x.example.org.", SOA], 3, Kind.NXDOMAIN, 20),
        (["www.example.org. 999999 A 192.0.2.1"], 0, Kind.POSITIVE, 86400),
        ([], 2, Kind.FAILURE, 5),
    ],
)
def test_an_answer_is_kept_for_its_least_ttl(lines: list[str], rcode: int, kind: Kind, life: int) -> None:
    """RFC 2181 §5.2, RFC 2308 §5, RFC 9520 §3.2, RFC 8767 §4."""
    entry = kept(asked(WWW), *lines, rcode=rcode)
    assert (entry.kind, entry.born, entry.life) == (kind, 1000, life)


@pytest.mark.parametrize(
    ("lines", "rcode", "flags"),
    [
        ([f"{WWW} 0 A 192.0.2.1"], 0, 0),
        ([A, "additional: ns.example.org. 0 A 192.0.2.3"], 0, 0),
        ([A], 0, dns.flags.TC),
        ([A, "victim.example. 300 A 203.0.113.66"], 0, 0),
        ([A, f"{WWW} 300 MX 10 mail.example.org."], 0, 0),
        (["victim.example. 300 A 203.0.113.66"], 0, 0),
        (["victim.example. 300 CNAME www.example.org.", A], 0, 0),
        ([f"{WWW} 300 CH/TXT x"], 0, 0),
        ([f"{WWW} 300 CNAME b.", "b. 300 CNAME www.example.org."], 0, 0),
        ([f"{WWW} 300 CNAME b.", "b. 300 CNAME b."], 0, 0),
        ([], 3, 0),
        ([], 0, 0),
        (["authority: example.org. 300 NS ns.example.org."], 0, 0),
        (["authority: other.test. 300 SOA ns. host. 1 2 3 4 500"], 3, 0),
        ([SOA.replace("900", "0")], 3, 0),
        ([A], 5, 0),
        ([A], 6, 0),
    ],
    ids=[
        "TTL 0", "a TTL of 0 beside it", "truncated", "a stranger's record", "another type", "another name",
        "an alias to the question", "another class", "a loop", "an alias of itself", "NXDOMAIN without SOA",
        "NODATA without SOA", "a referral", "a stranger's SOA", "a minimum of 0", "REFUSED", "YXDOMAIN",
    ],
)  # fmt: skip
def test_what_does_not_plainly_answer_the_question_is_not_kept(lines: list[str], rcode: int, flags: int) -> None:
    """RFC 5452 §6, RFC 2181 §5.4.1, RFC 2308 §5."""
    assert remember(answer(asked(WWW), *lines, rcode=rcode, flags=flags), 1000) is None


def test_a_ttl_with_the_highest_bit_counts_as_none() -> None:
    """RFC 2181 §8."""
    reply = answer(asked(WWW), A)
    at = reply.message.answer[0].rdata - 6
    wire = bytearray(reply.message.wire)
    wire[at] |= 0x80
    assert remember(type(reply)(type(reply.message).decode(bytes(wire)), 0, None), 1000) is None


def test_ttls_are_counted_down_with_the_clients_id_case_and_bits() -> None:
    entry = kept(asked(WWW), "www.example.org. 300 CNAME b.example.", "b.example. 500 A 192.0.2.1")
    other = Asked.decode(
        b"\x12\x34\x01\x10" + b"\x00\x01" + bytes(6) + names.from_text("wWw.Example.ORG.") + b"\0\1\0\1"
    )
    reply = told(entry, other, 1042.3)
    assert (reply.id, reply.edns) == (0x1234, -1)
    assert str(reply.question[0].name) == str(reply.answer[0].name) == "wWw.Example.ORG."
    assert [rrset.ttl for rrset in reply.answer] == [258, 458]
    assert reply.flags & 0xFFFF == dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.CD
    assert not reply.flags & (dns.flags.AD | dns.flags.AA)


def test_an_answer_that_is_told_late_has_nothing_left() -> None:
    """Between its look-up and its writing a moment can pass."""
    entry = remember(answer(asked(WWW), f"{WWW} 1 A 192.0.2.1", f"{WWW} 1 A 192.0.2.2"), 1000)
    assert entry is not None
    assert dns.message.from_wire(entry.reply(asked(WWW), 1232, 1003.5)).answer[0].ttl == 0


def test_a_negative_answers_soa_shows_how_long_it_still_holds() -> None:
    reply = told(kept(asked(WWW), SOA, rcode=3), asked(WWW), 1100)
    assert reply.rcode() == 3 and reply.authority[0].ttl == 800


def test_a_client_keeps_nothing_longer_than_we_do() -> None:
    entry = kept(asked(WWW), "www.example.org. 99999 A 192.0.2.1", max_ttl=600)
    assert told(entry, asked(WWW)).answer[0].ttl == 600


def test_an_answer_too_large_for_the_client_is_truncated() -> None:
    texts = [f'{WWW} 300 TXT "{i:0200}"' for i in range(5)]
    entry = kept(asked(WWW, "TXT"), *texts)
    short = told(entry, asked(WWW, "TXT"), limit=512)
    assert short.flags & dns.flags.TC and not short.answer
    assert len(told(entry, asked(WWW, "TXT")).answer[0]) == 5


def test_a_stale_answer_has_thirty_seconds_and_says_what_it_is() -> None:
    """RFC 8767 §4, RFC 8914 §4.4 and §4.20."""
    for entry, code in ((kept(asked(WWW), A), 3), (kept(asked(WWW), SOA, rcode=3), 19), (kept(asked(WWW), SOA), 3)):
        reply = dns.message.from_wire(entry.stale_reply(asked(WWW), 1232))
        assert [rrset.ttl for rrset in reply.answer + reply.authority] == [30]
        assert [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)] == [code]


def test_an_upstreams_extended_errors_are_told_again_and_only_by_the_owner() -> None:
    entry = kept(asked(WWW), rcode=2, ede=(dns.edns.EDEOption(6, "bogus"), dns.edns.EDEOption(9)))
    codes = [int(o.code) for o in told(entry, asked(WWW)).options if isinstance(o, dns.edns.EDEOption)]
    assert codes == [6, 9, 13]
    assert entry.fill() is None
    assert kept(asked(WWW), A, ede=(dns.edns.EDEOption(4),)).fill() is None
    fill = kept(asked(WWW), A).fill()
    assert fill is not None and fill[0] == 0x8080 and fill[4:] == (1000, 300)


def test_a_failure_for_want_of_room_is_not_remembered() -> None:
    assert failed(Unanswered(Ede.OTHER, "too many"), 5) is None
    entry = failed(Unanswered(Ede.NETWORK_ERROR, "no route"), 5.5)
    assert entry is not None
    reply = told(entry, asked(WWW), 6)
    assert reply.rcode() == 2
    assert [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)] == [23, 13]


def test_do_and_cd_are_questions_of_their_own_and_case_is_not() -> None:
    keys = {asked_key(asked(WWW, do=do, cd=cd)) for do in (False, True) for cd in (False, True)}
    assert len(keys) == 4
    assert asked_key(asked("WWW.Example.org.")) == asked_key(asked(WWW, edns=False))
    # Types look like letters: 65 must not become 97.
    assert asked_key(asked(WWW, "HTTPS")) != asked_key(asked(WWW, "TYPE97"))


def test_it_is_time_for_a_new_answer_in_the_last_tenth_and_never_for_short_lived_ones() -> None:
    entry = kept(asked(WWW), A)
    assert [entry.is_due(now) for now in (1000, 1269.9, 1270)] == [False, False, True]
    entry.refreshed = True
    assert not entry.is_due(1290)
    assert not kept(asked(WWW), f"{WWW} 9 A 192.0.2.1").is_due(1008.9)


def test_the_end_of_a_chain_without_records_is_a_dead_end() -> None:
    alias = f"{WWW} 300 CNAME inner.home."
    for lines, end in (([alias], "inner.home."), ([alias, "inner.home. 5 A 192.0.2.1"], None), ([A], None), ([], None)):
        message = answer(asked(WWW), *lines).message
        assert dead_end(message) == (names.from_text(end) if end else None)
    assert alias_chain(answer(asked(WWW), alias).message) == [names.from_text(WWW), names.from_text("inner.home.")]
    assert alias_chain(answer(asked(WWW, "CNAME"), alias).message) == [names.from_text(WWW)]


def test_signatures_are_kept_with_what_they_sign() -> None:
    sig = "A 8 3 300 20300101000000 20200101000000 1 example.org. AAAA"
    entry = kept(asked(WWW, do=True), A, f"{WWW} 300 RRSIG {sig}")
    reply = told(entry, asked(WWW, do=True))
    assert len(reply.answer) == 2 and not reply.flags & dns.flags.AD
