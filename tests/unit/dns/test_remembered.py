"""The query workers' table of others' answers: what it says, and what it leaves to the owner."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest

from bossa.dns import names
from bossa.dns.entry import asked_key, remember
from bossa.dns.relay import Asked
from bossa.dns.remembered import FORGET, Remembered, encode_fills, is_of, key_name
from tests.unit.dns.replies import answer, asked, query

WWW = "www.example.org."
A = f"{WWW} 300 A 192.0.2.1"
SOA = "authority: example.org. 7200 SOA ns.example.org. host.example.org. 1 3600 600 86400 900"


def fill(table: Remembered, question: Asked, *lines: str, rcode: int = 0, now: float = 1000) -> bytes:
    entry = remember(answer(question, *lines, rcode=rcode), now)
    assert entry is not None
    key = asked_key(question)
    table.apply(encode_fills([(key, entry.fill())]))
    return key


def table_with(*lines: str, rtype: str = "A", rcode: int = 0, **how: bool) -> Remembered:
    table = Remembered(1 << 20)
    fill(table, asked(WWW, rtype, **how), *lines, rcode=rcode)
    return table


@pytest.mark.parametrize("now", [1000, 1000.5, 1001, 1123.9, 1299.9])
@pytest.mark.parametrize("edns", [False, True], ids=["plain", "EDNS"])
def test_the_table_says_what_the_owner_would(now: float, edns: bool) -> None:
    for lines, rcode in (([A], 0), ([SOA], 3), ([SOA], 0), ([f"{WWW} 310 CNAME b.", "b. 300 A 192.0.2.1"], 0)):
        entry = remember(answer(asked(WWW), *lines, rcode=rcode), 1000)
        assert entry is not None
        table = Remembered(1 << 20)
        table.apply(encode_fills([(asked_key(asked(WWW)), entry.fill())]))
        for name in (WWW, "wWW.EXAMPLE.org."):
            packet = query(name, edns=edns).to_wire()
            owners = entry.reply(Asked.decode(packet), 1232, now)
            for _ in range(2):
                found = table.answer(packet, now)
                assert found is not None and found[0] == owners


def test_an_answer_that_is_over_is_the_owners() -> None:
    table = table_with(A)
    packet = query(WWW).to_wire()
    assert table.answer(packet, 1299.999) is not None
    assert table.answer(packet, 1300) is None
    assert table.answer(packet, 1200) is None


def test_do_and_cd_have_answers_of_their_own() -> None:
    for do in (False, True):
        for cd in (False, True):
            table = table_with(A, do=do, cd=cd)
            for other_do in (False, True):
                for other_cd in (False, True):
                    packet = query(WWW, do=other_do, cd=other_cd).to_wire()
                    for _ in range(2):
                        assert (table.answer(packet, 1000) is not None) is ((do, cd) == (other_do, other_cd))


def test_rd_and_cd_come_back_and_ad_does_not() -> None:
    client = query(WWW, cd=True)
    client.flags |= dns.flags.AD
    found = table_with(A, cd=True).answer(client.to_wire(), 1000)
    assert found is not None
    reply = dns.message.from_wire(found[0])
    assert reply.flags & 0xFFFF == dns.flags.QR | dns.flags.RD | dns.flags.RA | dns.flags.CD
    assert (reply.edns, reply.payload) == (0, 1232)


def unusual() -> dict[str, bytes]:
    plain, edns = query(WWW, edns=False).to_wire(), query(WWW).to_wire()
    return {
        "without RD": plain[:2] + b"\x00" + plain[3:],
        "a reply": plain[:2] + b"\x81" + plain[3:],
        "an update": plain[:2] + b"\x29" + plain[3:],
        "two questions": plain[:5] + b"\x02" + plain[6:],
        "an option": edns[:-2] + b"\x00\x04\x00\x0a\x00\x00",
        "another version": edns[:-5] + b"\x01" + edns[-4:],
        "octets behind it": plain + b"\x00",
        "another type": plain[:-3] + b"\x1c" + plain[-2:],
        "another class": plain[:-1] + b"\x03",
        "a record that is no OPT": edns[:-9] + b"\x10" + edns[-8:],
        "nothing": b"",
        "a header": plain[:12],
        "a header of EDNS": edns[:12],
        "cut": plain[:-1],
        "cut in its OPT": edns[:-1],
    }


@pytest.mark.parametrize("what", unusual())
def test_whatever_is_unusual_is_the_owners(what: str) -> None:
    table = table_with(A)
    assert table.answer(query(WWW, edns=False).to_wire(), 1000) is not None
    assert table.answer(unusual()[what], 1000) is None


@pytest.mark.parametrize("do", [False, True])
@pytest.mark.parametrize("cd", [False, True])
def test_octets_behind_a_question_never_make_it_another_one(do: bool, cd: bool) -> None:
    table = Remembered(1 << 20)
    mark = fill(table, asked(WWW, do=do, cd=cd), A).removeprefix(asked(WWW).question.lower())
    for _ in range(2):
        assert table.answer(query(WWW, do=do, cd=cd).to_wire(), 1000) is not None
        plain = query(WWW, edns=False, cd=cd).to_wire()
        edns = query(WWW, cd=cd).to_wire()
        assert table.answer(plain + (mark or b"\x00").lower(), 1000) is None
        assert table.answer(plain + (mark or b"\x00"), 1000) is None
        assert table.answer(edns[:-11] + (mark or b"\x00") + edns[-11:], 1000) is None


def test_an_answer_larger_than_the_client_takes_is_the_owners() -> None:
    texts = [f'{WWW} 300 TXT "{i:0200}"' for i in range(5)]
    table = table_with(*texts, rtype="TXT")
    for payload, fits in ((512, False), (1200, True), (65535, True), (0, False)):
        client = query(WWW, "TXT")
        client.use_edns(0, payload=payload)
        for _ in range(2):
            assert (table.answer(client.to_wire(), 1000) is not None) is fits, payload
    assert table.answer(query(WWW, "TXT", edns=False).to_wire(), 1000) is None


def test_that_it_is_time_for_a_new_answer_is_said_once() -> None:
    table = table_with(A)
    packet = query(WWW).to_wire()
    said = [found[1] for now in (1000, 1269, 1270, 1270.5, 1271, 1299) if (found := table.answer(packet, now))]
    assert said == [False, False, True, False, False, False]
    fill(table, asked(WWW), A, now=1272)
    again = [table.answer(packet, now) for now in (1273, 1542)]
    assert [found and found[1] for found in again] == [False, True]


def test_what_is_forgotten_is_gone() -> None:
    other = "www.example.com."
    table = Remembered(1 << 20)
    packets = {name: query(name).to_wire() for name in (WWW, other)}

    def known() -> list[str]:
        return [name for name, packet in packets.items() if table.answer(packet, 1000)]

    def refill() -> list[bytes]:
        return [fill(table, asked(name), f"{name} 300 A 192.0.2.1") for name in packets]

    key, _ = refill()
    assert known() == [WWW, other]
    table.apply(encode_fills([(key, None)]))
    assert known() == [other]
    refill()
    table.apply(encode_fills([(FORGET, (names.from_text("example.org."), False))]))
    assert known() == [WWW, other]
    table.apply(encode_fills([(FORGET, (names.from_text("example.org."), True))]))
    assert known() == [other]
    table.apply(encode_fills([(FORGET, None)]))
    assert known() == [] and table.octets == 0


def test_only_what_was_there_can_go() -> None:
    table = table_with(A)
    key = asked_key(asked(WWW))
    assert [table.apply(encode_fills([(key, None)])) for _ in range(2)] == [True, False]


def test_a_flood_of_names_stays_in_bounds_and_leaves_what_is_in_use() -> None:
    table = Remembered(100_000)
    fill(table, asked(WWW), A)
    packet = query(WWW).to_wire()
    assert table.answer(packet, 1000)
    template = remember(answer(asked(WWW), SOA, rcode=3), 1000)
    assert template is not None
    for number in range(5000):
        key = asked_key(asked(f"x{number:05}.example.org."))
        table.apply(encode_fills([(key, template.fill())]))
        assert table.octets <= 100_000
    assert table.answer(packet, 1001)
    assert 100 < len(table) < 300


def test_keys_know_their_names() -> None:
    key = asked_key(asked("a.b.example.org.", do=True))
    assert key_name(key) == names.from_text("a.b.example.org.")
    for name, alone, tree in (("a.b.example.org.", True, True), ("b.example.org.", False, True), (".", False, True)):
        assert (is_of(key, names.from_text(name), tree=False), is_of(key, names.from_text(name), tree=True)) == (
            alone,
            tree,
        )
    for name in ("ample.org.", "x.b.example.org.", "c.a.b.example.org."):
        assert not is_of(key, names.from_text(name), tree=True)
