"""What is done once: copies of an update, for a while, and only so many."""

from __future__ import annotations

from bossa.dns.server.once import Done, Once

ADDRESS = b"address"
NOERROR = bytes(12)
SERVFAIL = b"\0\0\0\x02" + bytes(8)


class Scene:
    """Updates that are begun, and what their senders hear."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.once = Once(lambda: self.now)
        self.begun: list[Done] = []
        self.heard: list[bytes] = []

    def send(self, packet: bytes = b"update", address: bytes = ADDRESS) -> None:
        self.once.do(packet, address, self.heard.append, self.begun.append)


def test_copies_get_the_first_answer() -> None:
    scene = Scene()
    scene.send()
    scene.send()
    assert (len(scene.begun), scene.heard) == (1, [])
    scene.begun[0](NOERROR)
    scene.send()
    assert (len(scene.begun), scene.heard) == (1, [NOERROR, NOERROR])


def test_what_failed_by_our_fault_is_begun_again() -> None:
    scene = Scene()
    scene.send()
    scene.begun[0](SERVFAIL)
    scene.send()
    assert (len(scene.begun), scene.heard) == (2, [SERVFAIL])


def test_after_a_while_the_same_octets_are_another_update() -> None:
    scene = Scene()
    scene.send()
    scene.begun[0](NOERROR)
    scene.now += 31
    scene.send()
    assert (len(scene.begun), scene.heard) == (2, [NOERROR])


def test_only_so_many_are_kept() -> None:
    scene = Scene()
    for number in range(4097):
        scene.send(b"%d" % number)
    scene.send(b"4096")
    assert len(scene.begun) == 4097
    scene.send(b"0")
    assert len(scene.begun) == 4098
