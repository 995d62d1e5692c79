"""Whatever a packet is, the workers' table says what the owner would, or nothing."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from bossa.dns.entry import Entry, asked_key, remember
from bossa.dns.relay import Asked
from bossa.dns.remembered import Remembered, encode_fills
from tests.unit.dns.replies import answer, asked, query

WWW = "www.example.org."
LINES = ("www.example.org. 300 CNAME web.example.org.", "web.example.org. 200 A 192.0.2.1")
WAYS = [{"edns": edns, "do": do, "cd": cd} for edns in (False, True) for do in (False, edns) for cd in (False, True)]
PACKETS = [query(WWW, **way).to_wire() for way in WAYS]
CHANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3)


def entries() -> dict[bytes, Entry]:
    made = {}
    for way in WAYS:
        entry = remember(answer(asked(WWW, **way), *LINES), 1000)
        assert entry is not None
        made[asked_key(asked(WWW, **way))] = entry
    return made


ENTRIES = entries()
FILLS = encode_fills([(key, entry.fill()) for key, entry in ENTRIES.items()])


@given(st.sampled_from(PACKETS), CHANGES, st.integers(0, 60), st.floats(1000, 1300))
@example(PACKETS[0], [], 0, 1000.0)
@example(PACKETS[-1], [(3, 0x30)], 0, 1199.999)
@example(PACKETS[2], [(13, 0x57)], 0, 1180.0)
def test_a_worker_says_what_the_owner_would_or_nothing(
    packet: bytes, changes: list[tuple[int, int]], cut: int, now: float
) -> None:
    changed = bytearray(packet[: len(packet) - cut])
    for at, value in changes:
        if at < len(changed):
            changed[at] = value
    table = Remembered(1 << 20)
    table.apply(FILLS)
    for _ in range(2):
        found = table.answer(bytes(changed), now)
        if found is None:
            assert changed != packet or now >= 1200
            continue
        client = Asked.decode(bytes(changed))
        limit = min(max(client.edns.size, 512), 1232) if client.edns else 512
        assert found[0] == ENTRIES[asked_key(client)].reply(client, limit, now)
