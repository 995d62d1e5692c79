"""Datagrams one by one, for machines without recvmmsg(2): the same face as mmsg.Batch, some 60 % of its speed."""

from __future__ import annotations

import socket

from bossa.net import mmsg, peer
from bossa.net.mmsg import ANSWER_FROM, PASSING, SLOT_SIZE, SLOTS, Answer, Known

# Room for the control message of either family.
_CONTROL_SPACE = 64


class PlainBatch:
    """Receives from one UDP socket and answers, with recvfrom and sendto; ``kept`` as in mmsg.Batch."""

    def __init__(self, sock: socket.socket, kept: int = 2) -> None:
        self._sock = sock
        self._kept = kept
        self._wildcard = bool(sock.getsockopt(*ANSWER_FROM[sock.family]))
        self._packets: list[tuple[bytes, bytes]] = []
        self._answers: list[bytes] = []
        self.dropped = 0
        self.unanswered: list[int] = []

    def receive(self) -> int:
        """Take what is there, up to 32 datagrams, without waiting; return their number."""
        self._packets = []
        while len(self._packets) < SLOTS:
            try:
                self._packets.append(self._receive())
            except OSError as e:
                _check(e)
                break
        self._answers = [b""] * len(self._packets)
        return len(self._packets)

    def _receive(self) -> tuple[bytes, bytes]:
        family = self._sock.family
        if not self._wildcard:
            data, sender = self._sock.recvfrom(SLOT_SIZE, socket.MSG_DONTWAIT)
            return data, peer.encode(family, sender)
        data, notes, _, sender = self._sock.recvmsg(SLOT_SIZE, _CONTROL_SPACE, socket.MSG_DONTWAIT)
        return data, peer.encode(family, sender).ljust(peer.CONTROL_AT, b"\0") + b"".join(
            peer.encode_control(level, kind, peer.without_interface(family, note)) for level, kind, note in notes
        )

    def packet(self, i: int) -> bytes:
        """Return datagram ``i``."""
        return self._packets[i][0]

    def address(self, i: int) -> bytes:
        """Return the return address of datagram ``i``; see :mod:`bossa.net.peer`."""
        return self._packets[i][1]

    def answer(self, i: int, data: bytes) -> None:
        """Set the answer to datagram ``i``."""
        if len(data) > SLOT_SIZE:
            raise ValueError(f"an answer of {len(data)} octets is no datagram")
        self._answers[i] = data

    def answer_all(self, known: Known, answer: Answer) -> int:
        """Answer what was received, and send; return how many were known, and leave the others in ``unanswered``."""
        count, self.unanswered = 0, []
        for i, (packet, address) in enumerate(self._packets):
            client = peer.host_of(address)
            tail = known.get(client, {}).get(packet[self._kept :])
            count += tail is not None
            if tail is None:
                tail = answer(packet, client)
            if tail is None:
                self.unanswered.append(i)
            elif tail:
                self.answer(i, packet[: self._kept] + tail)
        self.send()
        return count

    def send(self) -> int:
        """Send the answers that were set; return how many went out."""
        sent = 0
        for data, (_, address) in zip(self._answers, self._packets, strict=True):
            if data:
                out = self._send(data, address)
                sent += out
                self.dropped += not out
        return sent

    def _send(self, data: bytes, address: bytes) -> bool:
        for _ in range(2):
            try:
                self._sock.sendmsg([data], peer.control(address), socket.MSG_DONTWAIT, peer.decode(address))
            except BlockingIOError:
                if not mmsg.writable(self._sock.fileno()):
                    break
            except OSError as e:
                _check(e)
                break
            else:
                return True
        return False


def _check(error: OSError) -> None:
    if error.errno not in PASSING:
        raise error
