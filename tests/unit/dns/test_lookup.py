"""Answers from zones in memory, against the examples of the RFCs."""

from __future__ import annotations

import pytest

from bossa.dns import types
from bossa.dns.errors import Rcode
from bossa.dns.lookup import Answer, Zones, lookup
from bossa.dns.names import from_text, to_text
from bossa.dns.zone import Soa
from tests.unit.dns.specimens import zone

_EXAMPLE = zone(
    "example.",
    """
    *           3600 TXT  "this is a wildcard"
    *           3600 MX   10 host1
    sub.*       3600 TXT  "this is not a wildcard"
    host1       3600 A    192.0.2.1
    _ssh._tcp.host1 3600 SRV 0 0 22 host1
    _ssh._tcp.host2 3600 SRV 0 0 22 host2
    subdel      3600 NS   ns.example.com.
    subdel      3600 NS   ns.subdel
    ns.subdel   3600 A    192.0.2.53
    www         CNAME host1
    loop1       CNAME loop2
    loop2       CNAME loop1
    away        CNAME elsewhere.invalid.
    dangling    CNAME ghost.host1
    old         DNAME host1
    a.ent       A     192.0.2.9
    """,
)
_ZONES = Zones({_EXAMPLE.apex: _EXAMPLE})


def _ask(name: str, rtype: int) -> Answer:
    answer = lookup(_ZONES, from_text(name), rtype)
    assert answer is not None
    return answer


def _owners(section: list) -> list[str]:
    return [f"{to_text(owner)} {types.type_text(rrset.type)}" for owner, rrset in section]


@pytest.mark.parametrize(
    ("name", "rtype", "rcode", "answers"),
    [
        # The table of RFC 4592 §2.2.1, in its order.
        ("host3.example.", types.MX, Rcode.NOERROR, ["host3.example. MX"]),
        ("host3.example.", types.A, Rcode.NOERROR, []),
        ("foo.bar.example.", types.TXT, Rcode.NOERROR, ["foo.bar.example. TXT"]),
        ("host1.example.", types.MX, Rcode.NOERROR, []),
        ("sub.*.example.", types.MX, Rcode.NOERROR, []),
        ("_telnet._tcp.host1.example.", types.SRV, Rcode.NXDOMAIN, []),
        ("ghost.*.example.", types.MX, Rcode.NXDOMAIN, []),
        # Empty non-terminals exist: RFC 8020 §2.
        ("ent.example.", types.A, Rcode.NOERROR, []),
        ("_tcp.host1.example.", types.SRV, Rcode.NOERROR, []),
        ("x.ent.example.", types.A, Rcode.NXDOMAIN, []),
        ("www.example.", types.A, Rcode.NOERROR, ["www.example. CNAME", "host1.example. A"]),
        ("www.example.", types.CNAME, Rcode.NOERROR, ["www.example. CNAME"]),
        ("www.example.", types.TXT, Rcode.NOERROR, ["www.example. CNAME"]),
        ("dangling.example.", types.A, Rcode.NXDOMAIN, ["dangling.example. CNAME"]),
        ("loop1.example.", types.A, Rcode.NOERROR, ["loop1.example. CNAME", "loop2.example. CNAME"]),
        (
            "_tcp.old.example.",
            types.SRV,
            Rcode.NOERROR,
            ["old.example. DNAME", "_tcp.old.example. CNAME"],
        ),
    ],
)
def test_answer_section_and_code(name: str, rtype: int, rcode: Rcode, answers: list[str]) -> None:
    answer = _ask(name, rtype)
    assert (answer.rcode, _owners(answer.answer)) == (rcode, answers)


def test_below_a_cut_is_a_referral_with_glue_and_no_authority_of_ours() -> None:
    answer = _ask("host.subdel.example.", types.A)
    assert not answer.authoritative
    assert answer.answer == []
    assert _owners(answer.authority) == ["subdel.example. NS"]
    assert _owners(answer.additional) == ["ns.subdel.example. A"]


def test_glue_itself_is_only_a_referral() -> None:
    assert _owners(_ask("ns.subdel.example.", types.A).answer) == []


def test_negative_answer_carries_the_soa_with_the_lesser_ttl() -> None:
    (owner, soa), *rest = _ask("ent.example.", types.A).authority
    assert (owner, soa.type, rest) == (_EXAMPLE.apex, types.SOA, [])
    assert soa.ttl == min(600, Soa.decode(soa.rdatas[0]).minimum) == 300


def test_alias_that_leaves_says_where_to() -> None:
    assert _ask("away.example.", types.A).elsewhere == from_text("elsewhere.invalid.")


def test_dname_that_makes_too_long_a_name_is_yxdomain() -> None:
    long = zone("t.", "d DNAME " + ".".join(["y" * 60] * 4) + ".")
    name = b"\x3f" + b"x" * 63 + from_text("d.t.")
    answer = lookup(Zones({long.apex: long}), name, types.A)
    assert answer is not None
    assert answer.rcode is Rcode.YXDOMAIN


def test_any_is_answered_with_one_rrset() -> None:
    assert len(_ask("example.", types.ANY).answer) == 1


def test_ds_at_a_cut_is_the_parents() -> None:
    child = zone("subdel.example.", "")
    zones = Zones({_EXAMPLE.apex: _EXAMPLE, child.apex: child})
    answer = lookup(zones, child.apex, types.DS)
    assert answer is not None
    assert answer.authority[0][0] == _EXAMPLE.apex


def test_a_name_of_nobody_is_none() -> None:
    assert lookup(_ZONES, from_text("example.org."), types.A) is None
