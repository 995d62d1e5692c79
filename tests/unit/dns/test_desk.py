"""The desk: others' answers for who may have them, and the same whoever asked before."""

from __future__ import annotations

import ipaddress
import socket

import dns.message

from bossa.dns.entry import asked_key, remember
from bossa.dns.image import Image
from bossa.dns.lookup import Zones
from bossa.dns.prepare import Preparer
from bossa.dns.remembered import encode_fills
from bossa.dns.server import nearness
from bossa.dns.server.desk import Clocks, Desk, Sizes
from bossa.dns.server.orders import DnsOrder
from tests.unit.dns.replies import answer, asked, query
from tests.unit.dns.specimens import zone

WWW = "www.example.org."
NEAR, FAR = "10.0.0.1", "192.0.2.1"


class Client:
    """Asks one desk, which holds one answer of 300 seconds, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.desk = Desk(Sizes(1232, 1 << 20), Clocks(lambda: self.now, lambda: self.now))
        entry = remember(answer(asked(WWW), f"{WWW} 300 A 192.0.2.7"), self.now)
        assert entry is not None
        self.desk.take(DnsOrder.FILLS, encode_fills([(asked_key(asked(WWW)), entry.fill())]))
        self.desk.take(DnsOrder.NEAR, nearness.encode([ipaddress.ip_network("10.0.0.0/8")]))

    def is_answered(self, host: str, name: str = WWW) -> bool:
        return self.desk.answer(query(name).to_wire(), socket.inet_aton(host)) is not None


def test_who_may_not_recurse_gets_nothing_of_others_and_uses_nothing_up() -> None:
    client = Client()
    for now in (1000.0, 1001.0, 1290.0, 1291.0):
        client.now = now
        assert not client.is_answered(FAR)
    # The owner hears of the first who may, to fetch the answer anew before it ends.
    assert [client.is_answered(NEAR) for _ in range(2)] == [False, True]
    assert not client.is_answered(FAR)
    assert client.desk.counters()["recalled"] == 1


def test_who_may_not_recurse_keeps_no_answer_in_use() -> None:
    client = Client()
    assert not client.is_answered(FAR)
    assert not client.desk._remembered._shelf.used
    assert client.is_answered(NEAR)
    assert len(client.desk._remembered._shelf.used) == 1


def test_an_image_tells_which_answers_may_be_wanted_again_as_they_are() -> None:
    ground = zone("t.", "h A 192.0.2.1\n*.w A 192.0.2.2\n")
    preparer = Preparer(Zones({ground.apex: ground}), (), recursion=True)
    image = Image()
    image.apply(preparer.zone_forms(ground).encode())
    image.apply(preparer.names(preparer.zone_names(ground), ground).encode())
    for name, worth in (("h.t.", True), ("H.t.", False), ("x.w.t.", False), ("none.t.", False), ("h.T.", False)):
        for edns in (False, True):
            asked = dns.message.make_query(name, "A", use_edns=0 if edns else False, payload=1232)
            assert image.answer(asked.to_wire()) is not None
            assert image.worth is worth, name
