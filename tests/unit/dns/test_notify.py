"""Whom a NOTIFY goes to, what it says, and what counts as its answer."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from bossa.dns import notify
from bossa.dns.lookup import Zones
from bossa.dns.remote import Remote
from tests.unit.dns.specimens import zone

ZONE = zone("t.", "@ NS ns2\n@ NS ns.other.\n@ NS ns.far.\nns1 A 10.0.0.1\nns2 A 10.0.0.2\nns2 AAAA 2001:db8::2")
OTHER = zone("other.", "ns A 10.0.0.3")
ZONES = Zones({one.apex: one for one in (ZONE, OTHER)})
SENT = notify.notify(ZONE.apex, ZONE.soa_rrset, 4711)


def test_the_name_servers_but_for_the_primary_are_found_in_our_zones() -> None:
    """RFC 1996 §2.3"""
    found = {remote.text for remote in notify.targets(ZONE, ZONES, ["ns"])}
    assert found == {"10.0.0.2", "2001:db8::2", "10.0.0.3"}


def test_a_server_named_with_its_key_is_told_once() -> None:
    found = notify.targets(ZONE, ZONES, ["ns", "10.0.0.2@k", "10.0.0.2:54"])
    assert [remote.text for remote in found if remote.host == "10.0.0.2"] == ["10.0.0.2@k", "10.0.0.2:54"]
    assert len(found) == 4


def test_a_notify_tells_the_soa() -> None:
    """RFC 1996 §3.7"""
    message = dns.message.from_wire(SENT)
    assert (message.id, message.opcode(), message.flags & dns.flags.AA) == (4711, dns.opcode.NOTIFY, dns.flags.AA)
    assert message.question[0].to_text() == "t. IN SOA"
    assert message.answer[0][0].serial == 10


def reply(**changes: object) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(SENT))
    for name, value in changes.items():
        setattr(message, name, value)
    return message.to_wire()


def test_the_answer_is_known_by_id_opcode_and_question() -> None:
    assert notify.read_answer(reply(), SENT) is not None
    other = dns.message.make_query("u.", "SOA").question
    for wire in (reply(id=1), reply(flags=0x2400), reply(flags=0x8400), reply(question=other), b"", SENT):
        assert notify.read_answer(wire, SENT) is None


def test_a_refusal_may_come_without_the_question() -> None:
    answer = notify.read_answer(reply(question=[], flags=0xA000 | dns.rcode.REFUSED), SENT)
    assert answer is not None
    assert answer.rcode == dns.rcode.REFUSED


@pytest.mark.parametrize("wanted", [(), ("ns",)])
def test_a_zone_whose_servers_nobody_knows_tells_nobody(wanted: tuple[str, ...]) -> None:
    lonely = zone("u.", "@ NS ns.far.")
    assert notify.targets(lonely, Zones({lonely.apex: lonely}), wanted) == []


def test_the_name_of_a_primary_is_compared_without_case() -> None:
    found = notify.targets(zone("t.", "@ NS NS1\nns1 A 10.0.0.1"), ZONES, ["ns"])
    assert Remote("10.0.0.1") not in found
