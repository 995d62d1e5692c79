"""Datagrams in batches: one system call receives up to 32, one sends their answers.

recvmmsg(2) and sendmmsg(2) through ctypes, on buffers that are mapped once.
Slicing a mapping gives bytes in one step, and an answer is written over its
question, so that a question costs two slices, its answer and a store.  A slot
takes the largest datagram there is, so none is ever cut; pages that no large
datagram touched are never there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import sys
from array import array
from collections.abc import Callable, Mapping
from mmap import mmap
from struct import Struct
from typing import Final

from bossa.net.peer import CONTROL_AT, HOST_AT, IP_PKTINFO

# One batch; between 8 and 128 there is no difference in speed.
SLOTS: Final = 32
# A UDP length field counts to 65535, its own header included.
SLOT_SIZE: Final = 65535
# Strides that spread the slots over the cache measured no faster.
_STRIDE: Final = 65536
# Sender and control message of one datagram.
_ADDRESS: Final = 96
_SOCKADDR: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
_CONTROL: Final = {socket.AF_INET: 32, socket.AF_INET6: 40}
# Where the interface number lies in a control message: in_pktinfo has it first, in6_pktinfo last.
_INTERFACE: Final = {socket.AF_INET: 16, socket.AF_INET6: 32}
ANSWER_FROM: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, IP_PKTINFO),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO),
}

# struct mmsghdr on 64-bit Linux: name, its length, iovec, its count, control, its length, flags; octets moved.
_HEADER: Final = Struct("@PI4xPNPNi4xI4x")
_IOVEC: Final = Struct("@PN")
_MOVED: Final = tuple(Struct("@" + "56xI4x" * n) for n in range(SLOTS + 1))

# Errors that belong to one datagram or to one moment; the socket goes on.
PASSING: Final = frozenset((
    errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN,
    errno.EHOSTDOWN, errno.EPERM, errno.EACCES, errno.EINVAL, errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM,
    errno.EADDRNOTAVAIL, errno.EPROTO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.ENODEV,
))  # fmt: skip
# How long a full send buffer may hold up a batch.  What is left then is dropped, as a network would.
SEND_WAIT_MS: Final = 20

# Takes a packet and the sender's host (4 or 16 octets), and returns what follows in the answer behind the octets that
# it has from the packet, which is no longer than SLOT_SIZE; nothing when there is none, None when somebody else has to
# say.
Answer = Callable[[bytes, bytes], bytes | None]
# By host, and by all of a packet but the octets that its answer has from it: what follows these in the answer.
Known = Mapping[bytes, Mapping[bytes, bytes]]
# Octets of a DNS message's ID.  RFC 1035 §4.1.1
_ID: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Tell whether the calls are there, in the layout that this module knows."""
    known = sys.platform == "linux" and _HEADER.size == 64
    return known and hasattr(_libc, "recvmmsg") and hasattr(_libc, "sendmmsg")


class Batch:
    """Receives from one UDP socket and answers: receive, packet, address, answer, send; or receive and answer_all.

    The first ``kept`` octets of a packet begin its answer too, where answer_all makes it.
    """

    def __init__(self, sock: socket.socket, kept: int = _ID) -> None:
        family = sock.family
        wildcard = bool(sock.getsockopt(*ANSWER_FROM[family]))
        control = _CONTROL[family] if wildcard else 0
        self._fd = sock.fileno()
        self._arena = mmap(-1, SLOTS * (_STRIDE + _ADDRESS))
        self._slots = tuple(i * _STRIDE for i in range(SLOTS))
        self._addresses = tuple(SLOTS * _STRIDE + i * _ADDRESS for i in range(SLOTS))
        host, host_end = HOST_AT[family]
        self._places = tuple(
            (start, start + kept, at + host, at + host_end)
            for start, at in zip(self._slots, self._addresses, strict=True)
        )
        self._address_size = CONTROL_AT + control if wildcard else _SOCKADDR[family]
        at = _pointer(self._arena)
        self._incoming = _Vector(at, self._slots, self._addresses, _SOCKADDR[family], control)
        self._outgoing = _Vector(at, self._slots, self._addresses, _SOCKADDR[family], control)
        first = (self._addresses[0] + CONTROL_AT + _INTERFACE[family]) // 4
        self._interfaces = memoryview(self._arena).cast("I")[first :: _ADDRESS // 4] if wildcard else None
        self._kept = kept
        self._sizes: tuple[int, ...] = ()
        self._lengths: list[int] = []
        self.dropped = 0
        # Which datagrams nobody has answered; they can be read until the next batch is received.
        self.unanswered: list[int] = []

    def receive(self) -> int:
        """Take what is there, up to 32 datagrams, without waiting; return their number."""
        incoming = self._incoming
        count: int = _recvmmsg(self._fd, incoming.at, SLOTS, socket.MSG_DONTWAIT, None)
        if count < 0:
            _check()
            count = 0
        self._sizes = _MOVED[count].unpack_from(incoming.headers)
        self._lengths = [0] * count
        if self._interfaces is not None:
            # The way back is the routing table's choice; only the local address is given.
            self._interfaces[:count] = _NO_INTERFACES[:count]
        return count

    def packet(self, i: int) -> bytes:
        """Return datagram ``i``; not after its answer was set."""
        start = self._slots[i]
        return self._arena[start : start + self._sizes[i]]

    def address(self, i: int) -> bytes:
        """Return the return address of datagram ``i``; see :mod:`bossa.net.peer`."""
        start = self._addresses[i]
        return self._arena[start : start + self._address_size]

    def answer(self, i: int, data: bytes) -> None:
        """Set the answer to datagram ``i``, written over it."""
        size = len(data)
        if size > SLOT_SIZE:
            raise ValueError(f"an answer of {size} octets is no datagram")
        start = self._slots[i]
        self._arena[start : start + size] = data
        self._lengths[i] = size

    def answer_all(self, known: Known, answer: Answer) -> int:
        """Answer what was received, and send; return how many were known, and leave the others in ``unanswered``.

        What follows the octets that are kept of a packet is written over it.
        """
        arena, lengths, kept, count = self._arena, self._lengths, self._kept, 0
        unanswered = self.unanswered = []
        for i, (length, (start, after, host, host_end)) in enumerate(zip(self._sizes, self._places, strict=False)):
            client = arena[host:host_end]
            answers = known.get(client)
            tail = answers.get(arena[after : start + length]) if answers is not None else None
            if tail is not None:
                count += 1
            else:
                tail = answer(arena[start : start + length], client)
                if not tail:
                    if tail is None:
                        unanswered.append(i)
                    continue
            lengths[i] = end = len(tail) + kept
            arena[after : start + end] = tail
        if lengths:
            self.send()
        return count

    def send(self) -> int:
        """Send the answers that were set; return how many went out.

        One that cannot be delivered is dropped and counted, and the rest goes on.
        """
        lengths, outgoing = self._lengths, self._outgoing
        outgoing.lengths[: len(lengths)] = array("L", lengths)
        if 0 not in lengths:
            return self._send(len(lengths))
        answered = [i for i, length in enumerate(lengths) if length]
        outgoing.gather(answered)
        try:
            return self._send(len(answered))
        finally:
            outgoing.restore()

    def _send(self, total: int) -> int:
        first = lost = 0
        while first < total:
            at = self._outgoing.at + first * _HEADER.size
            sent: int = _sendmmsg(self._fd, at, total - first, socket.MSG_DONTWAIT)
            if sent > 0:
                first += sent
                continue
            code = _check()
            if code == errno.EAGAIN and not writable(self._fd):
                lost += total - first
                break
            if code not in (errno.EAGAIN, errno.EINTR):
                # The error is the first message's own: that one is given up.
                lost += 1
                first += 1
        self.dropped += lost
        return total - lost


class _Vector:
    """An array of struct mmsghdr, each with one iovec on its slot, and room for its address."""

    def __init__(
        self, arena: int, slots: tuple[int, ...], addresses: tuple[int, ...], address_size: int, control_size: int
    ) -> None:
        iovecs = bytearray(b"".join(_IOVEC.pack(arena + slot, SLOT_SIZE) for slot in slots))
        at = _pointer(iovecs)
        self._plain = [
            _HEADER.pack(
                arena + address, address_size, at + i * _IOVEC.size, 1,
                arena + address + CONTROL_AT if control_size else 0, control_size, 0, 0,
            )
            for i, address in enumerate(addresses)
        ]  # fmt: skip
        self.headers = bytearray(b"".join(self._plain))
        self.at = _pointer(self.headers)
        # The iovecs' lengths: of what is to be sent from each slot.
        self.lengths = memoryview(iovecs).cast("L")[1::2]

    def gather(self, wanted: list[int]) -> None:
        """Put the headers of the wanted slots in front."""
        chosen = b"".join([self._plain[i] for i in wanted])
        self.headers[: len(chosen)] = chosen

    def restore(self) -> None:
        """Put every header back at its slot's place."""
        self.headers[:] = b"".join(self._plain)


_NO_INTERFACES: Final = memoryview(array("I", [0] * SLOTS))


def _pointer(buffer: mmap | bytearray) -> int:
    # The exporter stays locked against resizing while the returned address is in use: buffers here never change size.
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _check() -> int:
    """Return the last call's error if it is a passing one, else raise it."""
    code = ctypes.get_errno()
    if code in PASSING:
        return code
    raise OSError(code, os.strerror(code))


def writable(fd: int) -> bool:
    """Wait a moment for room in a socket's send buffer; tell whether there is some."""
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    return bool(poller.poll(SEND_WAIT_MS))


if available():
    _recvmmsg = _libc.recvmmsg
    _recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    _sendmmsg = _libc.sendmmsg
    _sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
