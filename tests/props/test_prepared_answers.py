"""What the image answers is what the owner would have answered, after any history of changes."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns import names, query, types
from bossa.dns.changes import Draft
from bossa.dns.exchange import Exchange, Settings, open_exchange
from bossa.dns.image import Image
from bossa.dns.lookup import Zones
from bossa.dns.message import head
from bossa.dns.prepare import Preparer
from bossa.dns.routes import Rules
from bossa.dns.zone import RRset, Zone
from tests.unit.dns.specimens import MARK, zone

_LABELS = ["a", "b", "*", "ns"]
_OWNERS = ["@", *_LABELS, *(f"{x}.{y}" for x in _LABELS for y in _LABELS), "a.b.ns", "*.a.b", "sub", "x.sub"]
_RDATAS = {
    types.A: [b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"],
    types.AAAA: [bytes(16)],
    types.TXT: [b"\x02hi"],
    types.MX: [b"\x00\x0a" + names.from_text(name) for name in ("a.t.", "b.a.t.", "x.sub.t.", "*.b.t.", "x.b.t.")],
    types.NS: [names.from_text(name) for name in ("ns.t.", "ns.a.t.", "x.sub.t.", "out.side.")],
    types.CNAME: [names.from_text(name) for name in ("a.t.", "b.b.t.", "x.sub.t.", "out.side.", "zz.t.")],
    types.DNAME: [names.from_text("b.t.")],
}
_ASKED = [*_RDATAS, types.SOA, types.DS, types.ANY, types.SRV, 128, 200, 248]
_LOCAL = ipaddress.ip_address("127.0.0.1")
# At names that may be there, that never are, beside and below delegations, aliases and wildcards.
_RULED = ["a", "b.a", "q.a", "q.q.a", "sub", "x.sub", "q", "ns.b", "q.sub.a", "sub.a"]
_RULES = st.sets(st.sampled_from(_RULED), max_size=3)
_SETTINGS = Settings(recursion=(ipaddress.ip_network("127.0.0.0/8"),))


def _change(owner: bytes, rtype: int, rdatas: tuple[bytes, ...], draft: Draft) -> None:
    """Set an RRset as an update could: SOA and apex NS stay, an alias stands alone."""
    if owner == draft.apex and rtype in (types.NS, types.CNAME, types.DNAME):
        return
    there = {rrset.type for rrset in draft.node(owner)} - {rtype}
    if rdatas and ((rtype == types.CNAME and there) or types.CNAME in there):
        return
    if rtype in (types.CNAME, types.DNAME):
        rdatas = rdatas[:1]
    draft.put(owner, rtype, RRset(rtype, 60, rdatas, (MARK,) * len(rdatas)) if rdatas else None)


_CHANGES = st.lists(
    st.sampled_from(_OWNERS).flatmap(
        lambda owner: st.sampled_from(list(_RDATAS)).flatmap(
            lambda rtype: st.lists(st.sampled_from(_RDATAS[rtype]), max_size=2, unique=True).map(
                lambda rdatas: (owner, rtype, tuple(rdatas))
            )
        )
    ),
    max_size=12,
)


def _packet(name: bytes, rtype: int, *, edns: bool) -> bytes:
    question = name + rtype.to_bytes(2, "big") + b"\x00\x01"
    opt = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00" if edns else b""
    return head(0x1234, 0x0100, (1, 0, 0, int(edns))) + question + opt


def _owners_answer(zones: Zones, packet: bytes) -> bytes | query.PassOn:
    exchange = open_exchange(packet, _LOCAL, {}, 0, _SETTINGS, tcp=False)
    assert isinstance(exchange, Exchange)
    return query.answer(exchange, query.Ground(zones))


def _sections(wire: bytes) -> tuple[int, list[set[str]]]:
    import dns.message

    message = dns.message.from_wire(wire)
    return message.flags, [{str(rrset) for rrset in section} for section in message.sections]


def _compare(image: Image, zones: Zones, asked: list[bytes]) -> None:
    for name in asked:
        for rtype in _ASKED:
            packet = _packet(name, rtype, edns=bool(rtype & 1))
            tail = image.answer(packet)
            if tail is not None:
                prepared = packet[:2] + tail
                expected = _owners_answer(zones, packet)
                assert isinstance(expected, bytes), names.to_text(name)
                assert prepared == expected or _sections(prepared) == _sections(expected), (names.to_text(name), rtype)


@pytest.mark.timeout(300)
@settings(max_examples=150, deadline=None)
@given(_CHANGES, st.booleans(), _RULES, _RULES)
def test_image_after_deltas_agrees_with_the_owner(
    changes: list[tuple[str, int, tuple[bytes, ...]]], child: bool, ruled: set[str], ruled_later: set[str]
) -> None:
    ground = zone("t.", "ns A 10.0.0.53\nsub.a NS x.sub.a\nx.sub.a A 10.0.0.9\n")
    zones = Zones({ground.apex: ground})
    zones.rules = _rules(ruled)
    preparer = Preparer(zones, (), recursion=True)
    image = Image()
    image.apply(preparer.zone_forms(ground).encode())
    image.apply(preparer.names(preparer.zone_names(ground), ground).encode())
    for owner, rtype, rdatas in changes:
        draft = Draft(ground)
        _change(names.from_text(owner, ground.apex), rtype, rdatas, draft)
        step = draft.close()
        if step is not None:
            ground.apply(step.changes)
            delta, wanted = preparer.after([step])
            preparer.add(wanted, delta)
            image.apply(delta.encode())
    below = [f"{label}.{domain}" for domain in _RULED for label in ("q", "a")]
    others = ["q", "q.a", "q.q.a", "q.sub", "q.b", "q.a.b", *_RULED, *below]
    asked = [names.from_text(owner, ground.apex) for owner in (*_OWNERS, *others)]
    _compare(image, zones, asked)
    changed = zones.rules.keys() ^ _rules(ruled_later).keys()
    zones.rules = _rules(ruled_later)
    image.apply(preparer.refresh(preparer.rerouted(changed)).encode())
    _compare(image, zones, asked)
    if child:
        sub = zone("sub.t.", "x A 10.1.1.1\n")
        _add_zone(zones, preparer, image, sub)
        _compare(image, zones, asked)
        del zones[sub.apex]
        image.apply(preparer.refresh(preparer.departed(sub), sub).encode())
        image.apply(preparer.without_forms(sub).encode())
        _compare(image, zones, asked)
        other = zone("t.", "a TXT hi\nx.sub A 10.2.2.2\n*.b AAAA ::2\n")
        zones[other.apex] = other
        image.apply(preparer.zone_forms(other).encode())
        image.apply(preparer.refresh({*ground.names(), *preparer.zone_names(other)}, ground).encode())
        _compare(image, zones, asked)


def _rules(domains: set[str]) -> Rules:
    return Rules({names.from_text(domain + ".t."): (("192.0.2.1", 53),) for domain in domains})


def test_a_forward_rule_takes_its_own_names_and_leaves_the_rest_prepared() -> None:
    ground = zone("t.", "ns A 10.0.0.53\n*.w TXT any\nx.corp A 10.0.0.1\n")
    zones = Zones({ground.apex: ground})
    zones.rules = _rules({"corp", "deep.er", "c.w"})
    preparer = Preparer(zones, (), recursion=True)
    image = Image()
    image.apply(preparer.zone_forms(ground).encode())
    image.apply(preparer.names(preparer.zone_names(ground), ground).encode())

    def codes(*owners: str) -> list[int | None]:
        packets = [_packet(names.from_text(owner + ".t."), types.TXT, edns=False) for owner in owners]
        return [answer[1] & 0xF if (answer := image.answer(packet)) else None for packet in packets]

    assert codes("corp", "x.corp", "a.b.corp", "deep.er", "x.deep.er", "c.w", "q.c.w") == [None] * 7
    assert codes("corq", "xcorp", "er", "x.er", "shallow.er", "b.w", "ns") == [3, 3, 3, 3, 3, 0, 0]
    zones.rules = _rules(set())
    image.apply(preparer.refresh(preparer.rerouted([names.from_text(f"{one}.t.") for one in ("corp", "c.w")])).encode())
    assert codes("corp", "x.corp", "a.b.corp", "c.w", "q.c.w") == [0, 0, 3, 0, 0]


def test_what_is_shown_of_names_under_a_forward_rule_is_prepared_anew_when_the_rule_comes_or_goes() -> None:
    ground = zone("t.", "www CNAME x.corp\nm MX 1 x.corp\nx.corp A 10.0.0.1\n")
    zones = Zones({ground.apex: ground})
    preparer = Preparer(zones, (), recursion=True)
    image = Image()
    image.apply(preparer.zone_forms(ground).encode())
    image.apply(preparer.names(preparer.zone_names(ground), ground).encode())
    alias = _packet(names.from_text("www.t."), types.A, edns=False)
    mail = _packet(names.from_text("m.t."), types.MX, edns=False)
    before = image.answer(alias), image.answer(mail)
    assert before[0] is not None and b"\x0a\x00\x00\x01" in before[0]
    for domains in ({"corp"}, set()):
        changed = zones.rules.keys() ^ _rules(domains).keys()
        zones.rules = _rules(domains)
        image.apply(preparer.refresh(preparer.rerouted(changed)).encode())
        shown = image.answer(alias), image.answer(mail)
        assert shown[0] in (None, before[0]) and (shown[0] is None or not domains)
        assert shown[1] is not None and (b"\x0a\x00\x00\x01" in shown[1]) is not bool(domains)


def _add_zone(zones: Zones, preparer: Preparer, image: Image, sub: Zone) -> None:
    hidden = preparer.arrived(sub)
    zones[sub.apex] = sub
    image.apply(preparer.zone_forms(sub).encode())
    image.apply(preparer.refresh({*hidden, *preparer.zone_names(sub)}).encode())
