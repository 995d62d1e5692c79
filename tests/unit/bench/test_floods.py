"""The flood and the trickle, against a server that answers some names late or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bossa.dns.names import from_text
from bossa.testing.bench import floods
from bossa.testing.bench.floods import flood, question, trickle

KNOWN, SLOW, WRONG, SILENT = (from_text(f"{label}.test.") for label in ("known", "slow", "wrong", "silent"))


class Slow(threading.Thread):
    """A server of one thread: ``slow`` takes 50 ms, ``wrong`` is refused, ``silent`` gets nothing, others NOERROR."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while True:
            wire, peer = self.socket.recvfrom(4096)
            if wire == b"end":
                return
            self.seen.add(wire[12:-4])
            if wire[12:-4] == SLOW:
                time.sleep(0.05)
            if wire[12:-4] != SILENT:
                code = 5 if wire[12:-4] == WRONG else 0
                self.socket.sendto(wire[:2] + bytes((0x84, code, 0, 1, 0, 1)) + wire[8:], peer)


@pytest.fixture
def server() -> Iterator[Slow]:
    one = Slow()
    one.start()
    yield one
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"end", one.socket.getsockname())
    one.join()
    one.socket.close()


def test_a_question_is_one_for_an_address() -> None:
    """RFC 1035 §4.1.1, §4.1.2"""
    assert question(0x1234, KNOWN).hex() == "123401000001000000000000" + KNOWN.hex() + "00010001"


def test_each_answer_is_timed_by_itself(server: Slow) -> None:
    found = trickle(server.socket.getsockname()[1], [KNOWN, SLOW], 100, 0.1)
    assert found.lost == 0
    assert len(found.millis) == 10
    assert all(50 <= one < 1000 for one in found.millis[1::2])
    assert min(found.millis[::2]) < 50


def test_what_is_refused_or_not_answered_is_lost(server: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "_PATIENCE", 0.1)
    found = trickle(server.socket.getsockname()[1], [WRONG, SILENT, KNOWN], 100, 0.03)
    assert (found.lost, len(found.millis)) == (2, 1)


def test_a_flood_asks_for_names_that_are_all_different_and_ends_with_its_block(server: Slow) -> None:
    with flood(server.socket.getsockname()[1], "f.test", 2000, 10):
        time.sleep(0.3)
    seen = set(server.seen)
    assert 50 < len(seen) < 2000
    assert all(name.endswith(from_text("f.test.")) and len(name) == 17 + len(from_text("f.test.")) for name in seen)
    time.sleep(0.1)
    assert len(server.seen) - len(seen) < 10
