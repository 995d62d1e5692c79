"""Updates decided on a draft: the order of the checks, and what each record does."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import changes, names, rdata, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Rcode, Refused
from bossa.dns.policy import Caller, Rules, parse_rule
from bossa.dns.ports import RuleRow
from bossa.dns.update import Update, UpdateRecord, decide
from bossa.dns.zone import Mark, Origin
from tests.unit.dns.specimens import zone

APEX = names.from_text("t.")
CALLER = Caller(ipaddress.ip_address("192.0.2.1"), names.from_text("k."))
MARK = Mark(Origin.UPDATE, 1_800_000_000)
ALL = RuleRow(who="key:k", scope="zone", types=("ANY",))
BELOW = RuleRow(who="key:k", scope="subdomain", what="own.t.", types=("A", "TXT"))


def record(owner: str, rtype: int, rclass: int, text: str = "", ttl: int = 0) -> UpdateRecord:
    data = rdata.parse(rtype, text, APEX) if text else b""
    return UpdateRecord(names.from_text(owner, APEX).lower(), rtype, rclass, ttl, data)


def add(owner: str, rtype: int, text: str, ttl: int = 60) -> UpdateRecord:
    return record(owner, rtype, types.IN, text, ttl)


def carried_out(*updates: UpdateRecord, needs: tuple[UpdateRecord, ...] = (), rule: RuleRow = ALL) -> Draft:
    """Decide one update; return the draft."""
    ground = zone("t.", "www A 10.0.0.1\nalias CNAME www\n@ NS ns2\n")
    draft = Draft(ground)
    decide(Update(APEX, needs, updates), draft, Rules((parse_rule(rule),)), CALLER, MARK)
    return draft


def refused(*updates: UpdateRecord, needs: tuple[UpdateRecord, ...] = (), rule: RuleRow = ALL) -> Rcode:
    """Decide one update that is refused; return the code."""
    with pytest.raises(Refused) as e:
        carried_out(*updates, needs=needs, rule=rule)
    return e.value.code


MISSING = record("nothing", types.ANY, types.CLASS_ANY)
MISFORMED = record("nothing", types.ANY, types.CLASS_ANY, ttl=1)
FORBIDDEN = add("www", types.A, "10.0.0.2")
OUTSIDE = add("x.elsewhere.", types.A, "10.0.0.2")
META = record("own", types.AXFR, types.CLASS_ANY)


@pytest.mark.parametrize(
    ("needs", "updates", "rule", "code"),
    [
        ((MISSING,), (FORBIDDEN,), BELOW, Rcode.NXDOMAIN),
        ((MISSING,), (OUTSIDE,), ALL, Rcode.NXDOMAIN),
        ((MISSING, MISFORMED), (), ALL, Rcode.NXDOMAIN),
        ((MISFORMED, MISSING), (), ALL, Rcode.FORMERR),
        ((), (OUTSIDE,), BELOW, Rcode.REFUSED),
        ((), (OUTSIDE, FORBIDDEN), BELOW, Rcode.REFUSED),
        ((), (META,), BELOW, Rcode.REFUSED),
        ((), (OUTSIDE,), ALL, Rcode.NOTZONE),
        ((), (META,), ALL, Rcode.FORMERR),
    ],
)
def test_prerequisites_come_before_permission_and_permission_before_the_prescan(
    needs: tuple[UpdateRecord, ...], updates: tuple[UpdateRecord, ...], rule: RuleRow, code: Rcode
) -> None:
    """RFC 2136 §3.2, §3.3, §3.4.1"""
    assert refused(*updates, needs=needs, rule=rule) == code


def test_deleting_all_where_nothing_is_needs_a_right_there() -> None:
    """Otherwise the answers to deletions would tell which names there are."""
    assert refused(record("www", types.ANY, types.CLASS_ANY), rule=BELOW) == Rcode.REFUSED
    assert refused(record("nothing", types.ANY, types.CLASS_ANY), rule=BELOW) == Rcode.REFUSED
    assert carried_out(record("x.own", types.ANY, types.CLASS_ANY), rule=BELOW).close() is None


@pytest.mark.parametrize("rtype", sorted(types.MADE_BY_SIGNING))
def test_records_of_a_signed_zone_are_refused_and_can_be_deleted(rtype: int) -> None:
    """A zone from before the rule can still be rid of them."""
    with pytest.raises(Refused, match="bossa has no DNSSEC") as e:
        carried_out(UpdateRecord(names.from_text("x.t."), rtype, types.IN, 60, b"\0\0"))
    assert e.value.code == Rcode.REFUSED
    assert carried_out(record("x", rtype, types.CLASS_ANY)).close() is None


@pytest.mark.parametrize(("sent", "meant"), [(0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 0), (0xFFFFFFFF, 0)])
@pytest.mark.parametrize(
    ("owner", "rtype", "text"), [("x", types.A, "10.0.0.2"), ("@", types.SOA, "ns1 hostmaster 11 1 1 1 1")]
)
def test_a_ttl_with_its_highest_bit_set_is_zero(owner: str, rtype: int, text: str, sent: int, meant: int) -> None:
    """RFC 2181 §8"""
    rrset = carried_out(add(owner, rtype, text, sent)).find(names.from_text(owner, APEX), rtype)
    assert rrset is not None
    assert rrset.ttl == meant


@pytest.mark.parametrize("rtype", [types.NS, types.A, types.SOA, types.MX])
def test_deleting_a_record_without_its_data_is_formerr(rtype: int) -> None:
    """RFC 2136 §2.5.4: the data says which record."""
    assert refused(record("@", rtype, types.CLASS_NONE)) == Rcode.FORMERR


def test_a_key_may_stand_beside_a_cname() -> None:
    """RFC 3007 §3.1.1"""
    draft = carried_out(
        UpdateRecord(names.from_text("alias.t."), types.KEY, types.IN, 60, b"\2\0\3\5\1"),
        add("alias", types.A, "10.0.0.2"),
    )
    assert draft.types(names.from_text("alias.t.")) == {types.CNAME, types.KEY}


def test_a_cname_in_another_case_is_the_one_that_is_there() -> None:
    assert carried_out(add("alias", types.CNAME, "WWW", 600)).close() is None
    other = carried_out(add("alias", types.CNAME, "ns1")).find(names.from_text("alias.t."), types.CNAME)
    assert other is not None
    assert other.rdatas == (names.from_text("ns1.t."),)


def test_the_last_ns_of_the_apex_stays() -> None:
    """RFC 2136 §3.4.2.4"""
    gone = [record("@", types.NS, types.CLASS_NONE, text) for text in ("ns1", "ns2")]
    rrset = carried_out(*gone).find(APEX, types.NS)
    assert rrset is not None
    assert rrset.rdatas == (names.from_text("ns2.t."),)


def test_a_message_of_thousands_of_records_looks_at_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counted(rtype: int, data: bytes) -> bytes:
        nonlocal looked_at
        looked_at += 1
        return rdata.canonical(rtype, data)

    monkeypatch.setattr(changes, "canonical", counted)
    hosts = [f"h{n}." for n in range(3000)]
    draft = carried_out(*(add("rev", types.PTR, host) for host in hosts))
    rrset = draft.find(names.from_text("rev.t."), types.PTR)
    assert rrset is not None
    assert len(rrset.rdatas) == looked_at == len(hosts)


def test_an_rrset_that_no_message_can_carry_is_refused() -> None:
    text = f'"{"x" * 250}"'
    records = [add("x", types.TXT, f'{text} "{n}"') for n in range(300)]
    assert refused(*records) == Rcode.REFUSED
