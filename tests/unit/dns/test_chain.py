"""Alias chains through our zones and those of others, put together without a socket."""

from __future__ import annotations

import pytest

from bossa.dns import names, relay, types
from bossa.dns.chain import Chain
from bossa.dns.errors import Ede, Rcode
from bossa.dns.lookup import MAX_CHAIN, Hidden, Zones, lookup
from bossa.dns.message import Edns, Flag, Question
from bossa.dns.rdata import to_text
from bossa.dns.relay import Asked
from tests.unit.dns.replies import answer
from tests.unit.dns.specimens import zone

HOME = """
out CNAME www.example.org.
there CNAME back.example.org.
a A 192.0.2.7
loop CNAME loop.example.org.
deep CNAME x.sub
sub NS ns.example.org.
nothing CNAME missing
secret CNAME www.secret.test.
old CNAME www.old.test.
"""
CONCEALED = [zone(apex, "www A 192.0.2.99\n") for apex in ("secret.test.", "old.test.")]
ZONES = Zones({one.apex: one for one in (zone("home.test.", HOME), *CONCEALED)})
HIDDEN = Hidden(frozenset((names.from_text("secret.test."),)), frozenset((names.from_text("old.test."),)))
SOA = "authority: example.org. 7200 SOA ns.example.org. host.example.org. 1 3600 600 86400 900"

Elsewhere = dict[str, list[str]]


def follow(name: str, elsewhere: Elsewhere, qtype: int = types.A, hidden: Hidden = HIDDEN) -> tuple[Chain, list[str]]:
    """Follow a name's aliases, others' answers given by name; return the chain and the names that were asked for."""
    question = Question(names.from_text(name), qtype, types.IN)
    found = lookup(ZONES, question.name, qtype, hidden)
    chain = Chain(ZONES, question, hidden, found)
    sent = []
    while chain.next is not None:
        asked = Asked.decode(chain.query(None, 1232, cd=False))
        sent.append(names.to_text(chain.next))
        lines = elsewhere[sent[-1]]
        rcode = int(lines[0]) if lines[:1] and lines[0].isdigit() else 0
        reply = answer(asked, *[line for line in lines if not line.isdigit()], rcode=rcode)
        chain.take(relay.Message.decode(relay.client_reply(asked, reply, 65535)))
        assert len(sent) < 40
    return chain, sent


def records(chain: Chain) -> list[str]:
    return [
        f"{names.to_text(owner)} {types.type_text(rrset.type)} {to_text(rrset.type, data)}"
        for owner, rrset in chain.reply.answer
        for data in rrset.rdatas
    ]


@pytest.mark.parametrize(
    ("name", "elsewhere", "expected", "rcode"),
    [
        (
            "out.home.test.",
            {"www.example.org.": ["www.example.org. 60 CNAME w.example.net.", "w.example.net. 60 A 192.0.2.1"]},
            [
                "out.home.test. CNAME www.example.org.",
                "www.example.org. CNAME w.example.net.",
                "w.example.net. A 192.0.2.1",
            ],
            0,
        ),
        ("out.home.test.", {"www.example.org.": ["3", SOA]}, ["out.home.test. CNAME www.example.org."], 3),
        ("out.home.test.", {"www.example.org.": [SOA]}, ["out.home.test. CNAME www.example.org."], 0),
        ("out.home.test.", {"www.example.org.": ["2"]}, [], 2),
        (
            "there.home.test.",
            {"back.example.org.": ["back.example.org. 60 CNAME A.home.test.", "A.home.test. 60 A 203.0.113.66"]},
            [
                "there.home.test. CNAME back.example.org.",
                "back.example.org. CNAME a.home.test.",
                "a.home.test. A 192.0.2.7",
            ],
            0,
        ),
        (
            "there.home.test.",
            {"back.example.org.": ["3", "back.example.org. 60 CNAME gone.home.test.", SOA]},
            ["there.home.test. CNAME back.example.org.", "back.example.org. CNAME gone.home.test."],
            3,
        ),
        (
            "loop.home.test.",
            {"loop.example.org.": ["loop.example.org. 60 CNAME loop.home.test."]},
            ["loop.home.test. CNAME loop.example.org.", "loop.example.org. CNAME loop.home.test."],
            0,
        ),
        (
            "deep.home.test.",
            {"x.sub.home.test.": ["x.sub.home.test. 60 A 192.0.2.8"]},
            ["deep.home.test. CNAME x.sub.home.test.", "x.sub.home.test. A 192.0.2.8"],
            0,
        ),
        (
            "there.home.test.",
            {"back.example.org.": ["back.example.org. 60 CNAME www.secret.test.", "www.secret.test. 60 A 192.0.2.99"]},
            ["there.home.test. CNAME back.example.org.", "back.example.org. CNAME www.secret.test."],
            0,
        ),
        ("secret.home.test.", {}, ["secret.home.test. CNAME www.secret.test."], 0),
        ("old.home.test.", {}, [], 2),
        ("there.home.test.", {"back.example.org.": ["back.example.org. 60 CNAME www.old.test."]}, [], 2),
        ("nothing.home.test.", {}, ["nothing.home.test. CNAME missing.home.test."], 3),
        ("out.home.test.", {"www.example.org.": ["www.example.org. 60 MX 5 x.", "y. 5 A 192.0.2.1"]}, [], 2),
    ],
    ids=[
        "out", "to NXDOMAIN", "to NODATA", "to a failure", "out and back", "back to nothing", "a loop",
        "below a delegation", "into a hidden zone", "to a hidden zone at once", "to an unserved zone",
        "into an unserved zone", "never out",
        "to an answer to something else",
    ],
)  # fmt: skip
def test_a_chain_is_followed_through_all_zones(
    name: str, elsewhere: Elsewhere, expected: list[str], rcode: int
) -> None:
    """RFC 1034 §3.6.2, RFC 6604 §3."""
    chain, sent = follow(name, elsewhere)
    assert [text.lower() for text in records(chain)] == [text.lower() for text in expected]
    assert chain.reply.rcode == rcode
    assert sent == list(elsewhere)
    # RFC 1035 §4.1.1: the first name is ours.
    assert bool(chain.reply.flags & Flag.AA) is (rcode != Rcode.SERVFAIL)


def test_negative_ends_bring_the_proof_of_whoever_said_so() -> None:
    chain, _ = follow("out.home.test.", {"www.example.org.": ["3", SOA]})
    assert [(names.to_text(o), r.type) for o, r in chain.reply.authority] == [("example.org.", types.SOA)]
    chain, _ = follow("there.home.test.", {"back.example.org.": ["back.example.org. 60 CNAME gone.home.test."]})
    assert [names.to_text(o) for o, _ in chain.reply.authority] == ["home.test."]


def test_a_chain_that_ends_in_an_unserved_zone_says_why() -> None:
    """RFC 8914 §4.25: the specimen has content, which is too old then."""
    chain, _ = follow("old.home.test.", {})
    assert chain.notes == (relay.ede_option(Ede.INVALID_DATA),)


def test_a_chain_of_too_many_names_ends_with_what_is_there() -> None:
    """Aliases that lead out and in again and again, each time by a new name."""
    lines = "\n".join(f"n{i} CNAME n{i}.example.org." for i in range(40))
    zones = Zones({one.apex: one for one in (zone("home.test.", lines),)})
    question = Question(names.from_text("n0.home.test."), types.A, types.IN)
    chain = Chain(zones, question, Hidden(), lookup(zones, question.name, types.A))
    count = 0
    while chain.next is not None:
        asked = Asked.decode(chain.query(None, 1232, cd=False))
        reply = answer(asked, f"{names.to_text(chain.next)} 60 CNAME n{count + 1}.home.test.")
        chain.take(relay.Message.decode(relay.client_reply(asked, reply, 65535)))
        count += 1
    assert 5 < count < 17 and chain.reply.rcode == 0
    assert len(chain.reply.answer) == MAX_CHAIN + 1


def test_an_outside_name_that_leads_into_our_zone_is_completed_without_aa() -> None:
    question = Question(names.from_text("www.example.org."), types.A, types.IN)
    chain = Chain(ZONES, question, HIDDEN)
    asked = Asked.decode(chain.query(Edns(4096, 0, do=True), 1232, cd=True))
    assert asked.edns is not None and asked.edns.do and asked.flags & Flag.CD
    reply = answer(asked, "www.example.org. 60 CNAME a.home.test.", rcode=3)
    chain.take(relay.Message.decode(relay.client_reply(asked, reply, 65535)))
    assert records(chain) == ["www.example.org. CNAME a.home.test.", "a.home.test. A 192.0.2.7"]
    assert (chain.reply.rcode, chain.reply.flags) == (0, 0)
