"""The tokens that protect a context's messages: MIC and Wrap.  RFC 4121 §4.2

One key serves both directions: the acceptor's subkey if it gave one, and
every token then says so.  A token that names another key or the wrong sender
is refused before anything is computed.  The header, with RRC taken as zero, is
part of what is protected.  A number is taken only after integrity held.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import NamedTuple

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.gss.errors import GssError, Major
from bossa.gss.sequence import Window
from bossa.krb.usages import Usage

SENT_BY_ACCEPTOR, SEALED, ACCEPTOR_SUBKEY = 0x01, 0x02, 0x04

_MIC, _WRAP = 0x0404, 0x0504
_FILL = b"\xff\xff\xff\xff\xff"
_MIC_HEADER = struct.Struct(">HB5sQ")
_WRAP_HEADER = struct.Struct(">HBBHHQ")
HEADER = 16
_NUMBERS = 1 << 64
# First numbers keep the high bits clear: old peers take them for signed.
SEQUENCE_MASK = 0x3FFFFFFF

# By whether the acceptor sent it.
_SIGN = (Usage.INITIATOR_SIGN, Usage.ACCEPTOR_SIGN)
_SEAL = (Usage.INITIATOR_SEAL, Usage.ACCEPTOR_SEAL)


class Unwrapped(NamedTuple):
    """A message that came whole, and whether others could have read it."""

    data: bytes
    sealed: bool


class _Received(NamedTuple):
    """A Wrap token's header, and what follows it turned back to its order."""

    flags: int
    extra: int
    number: int
    body: bytes


@dataclass(slots=True)
class Protection:
    """The key of a context and both counts of messages; ``mark`` is what our tokens' flags say of us and the key."""

    key: Key
    random: Callable[[int], bytes]
    mark: int
    number: int
    window: Window

    def get_mic(self, data: bytes) -> bytes:
        """Sign a message that travels apart.  RFC 4121 §4.2.6.1"""
        header = _MIC_HEADER.pack(_MIC, self.mark, _FILL, self._count())
        return header + self.key.checksum(_SIGN[self.mark & 1], data + header)

    def verify_mic(self, data: bytes, token: bytes) -> None:
        """Verify the peer's signature; raises GssError."""
        header = token[:HEADER]
        if len(header) < HEADER:
            raise GssError(Major.DEFECTIVE_TOKEN, f"MIC token of {len(token)} octets")
        kind, flags, fill, number = _MIC_HEADER.unpack(header)
        if kind != _MIC or fill != _FILL:
            raise GssError(Major.DEFECTIVE_TOKEN, "not a MIC token")
        if flags & SEALED:
            raise GssError(Major.DEFECTIVE_TOKEN, "a MIC token says that it is sealed")
        self._check_sender(flags)
        if not self.key.verify(_SIGN[flags & 1], data + header, token[HEADER:]):
            raise GssError(Major.BAD_MIC, "the checksum does not match")
        self.window.take(number)

    def wrap(self, data: bytes, *, sealed: bool = True) -> bytes:
        """Put a message into a token, for the peer alone to read or for all.  RFC 4121 §4.2.6.2"""
        number = self._count()
        usage = _SEAL[self.mark & 1]
        if sealed:
            header = _WRAP_HEADER.pack(_WRAP, self.mark | SEALED, 0xFF, 0, 0, number)
            return header + self.key.encrypt(usage, data + header, self.random(16))
        mac = self.key.checksum(usage, data + _WRAP_HEADER.pack(_WRAP, self.mark, 0xFF, 0, 0, number))
        return _WRAP_HEADER.pack(_WRAP, self.mark, 0xFF, len(mac), 0, number) + data + mac

    def unwrap(self, token: bytes) -> Unwrapped:
        """Take the peer's message out of its token; raises GssError.  RFC 4121 §4.2.4"""
        received = _read_wrap(token)
        self._check_sender(received.flags)
        opened = self._unseal(received) if received.flags & SEALED else self._check(received)
        self.window.take(received.number)
        return Unwrapped(opened, bool(received.flags & SEALED))

    def _unseal(self, received: _Received) -> bytes:
        """Decrypt; behind the message lie filler and the header as it was before any rotation."""
        try:
            plain = self.key.decrypt(_SEAL[received.flags & 1], received.body)
        except BadIntegrity:
            raise GssError(Major.BAD_MIC, "the message is not under the context's key") from None
        size = len(plain) - HEADER - received.extra
        header = _WRAP_HEADER.pack(_WRAP, received.flags, 0xFF, received.extra, 0, received.number)
        if size < 0 or not compare_digest(plain[-HEADER:], header):
            raise GssError(Major.BAD_MIC, "the header is not the one that was encrypted")
        return plain[:size]

    def _check(self, received: _Received) -> bytes:
        """Verify the checksum behind a message that is not encrypted."""
        size = len(received.body) - received.extra
        if size < 0:
            raise GssError(Major.DEFECTIVE_TOKEN, f"checksum of {received.extra} octets")
        data, mac = received.body[:size], received.body[size:]
        header = _WRAP_HEADER.pack(_WRAP, received.flags, 0xFF, 0, 0, received.number)
        if not self.key.verify(_SEAL[received.flags & 1], data + header, mac):
            raise GssError(Major.BAD_MIC, "the checksum does not match")
        return data

    def _check_sender(self, flags: int) -> None:
        """The peer's flags are ours but for the sender's; those of the future say nothing.  RFC 4121 §4.2.2"""
        if flags & (SENT_BY_ACCEPTOR | ACCEPTOR_SUBKEY) != self.mark ^ SENT_BY_ACCEPTOR:
            raise GssError(Major.DEFECTIVE_TOKEN, f"flags {flags:#x} are not the peer's")

    def _count(self) -> int:
        number = self.number
        self.number = (number + 1) % _NUMBERS
        return number


def _read_wrap(token: bytes) -> _Received:
    """Read the header, and turn what follows back by RRC.  RFC 4121 §4.2.5"""
    if len(token) < HEADER:
        raise GssError(Major.DEFECTIVE_TOKEN, f"Wrap token of {len(token)} octets")
    kind, flags, fill, extra, turned, number = _WRAP_HEADER.unpack_from(token)
    if kind != _WRAP or fill != 0xFF:
        raise GssError(Major.DEFECTIVE_TOKEN, "not a Wrap token")
    body = token[HEADER:]
    turn = turned % len(body) if body else 0
    return _Received(flags, extra, number, body[turn:] + body[:turn])
