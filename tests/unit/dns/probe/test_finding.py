"""Where changes go, as answers to an SOA question tell."""

from __future__ import annotations

import pytest

from bossa.dns import types
from bossa.dns.errors import Rcode
from bossa.dns.message import Flag, Message, Reply, encode_reply
from bossa.dns.names import from_text
from bossa.dns.probe.clock import server_time
from bossa.dns.probe.conversation import Cause, Fault, Way
from bossa.dns.probe.finding import Found, find_primary, find_zone
from bossa.dns.zone import RRset
from tests.unit.dns.probe.lying import NOW, PRIMARY, SOA, ZONE, LyingServer, carry, setting

HOST = from_text("ws1.bossa.test.")


def test_the_primary_is_the_one_that_the_soa_names() -> None:
    assert carry(find_primary(ZONE, setting()), LyingServer()) == Found(ZONE, PRIMARY, 7)


def test_a_name_in_the_zone_leads_to_the_zone() -> None:
    assert carry(find_zone(HOST, setting()), LyingServer()) == Found(ZONE, PRIMARY, 7)


def test_a_name_that_is_no_zone_of_its_own_is_told() -> None:
    with pytest.raises(Fault, match="it lies in bossa") as caught:
        carry(find_primary(HOST, setting()), LyingServer())
    assert caught.value.cause is Cause.ZONE


def test_an_answer_out_of_a_cache_is_no_word_of_a_primary() -> None:
    server = LyingServer()
    server.flags = 0
    with pytest.raises(Fault, match="not its own"):
        carry(find_primary(ZONE, setting()), server)


def test_a_server_that_refuses_the_question_is_told_by_its_code() -> None:
    def refuses(way: Way, wire: bytes) -> bytes:
        return encode_reply(Message.decode(wire), Reply(Rcode.REFUSED), 512)

    with pytest.raises(Fault, match="REFUSED"):
        carry(find_primary(ZONE, setting()), refuses)


def test_the_soa_of_another_zone_is_not_believed() -> None:
    def strays(way: Way, wire: bytes) -> bytes:
        other = [(from_text("else.test."), RRset(types.SOA, 300, (SOA,), ()))]
        return encode_reply(Message.decode(wire), Reply(authority=other, flags=Flag.AA), 512)

    with pytest.raises(Fault, match="of the zone else"):
        carry(find_primary(ZONE, setting()), strays)


def test_a_cut_answer_is_fetched_over_tcp() -> None:
    server, ways = LyingServer(), []

    def cuts(way: Way, wire: bytes) -> bytes:
        ways.append(way)
        whole = server(way, wire)
        return whole if way is Way.TCP else encode_reply(Message.decode(wire), Reply(), 512, flags=Flag.TC)

    assert carry(find_primary(ZONE, setting()), cuts).serial == 7
    assert ways == [Way.UDP, Way.TCP]


def test_a_signature_under_nobodys_key_makes_a_server_tell_its_time() -> None:
    server = LyingServer()
    server.ahead = 77
    assert carry(server_time(ZONE, setting()), server) == NOW + 77


def test_a_server_that_does_not_tell_has_no_time() -> None:
    def silent(way: Way, wire: bytes) -> bytes:
        return encode_reply(Message.decode(wire), Reply(Rcode.REFUSED), 512)

    assert carry(server_time(ZONE, setting()), silent) is None
