"""A client that negotiates a key by TKEY and signs with it, by hand: what no polite library will send.

Records and digests are this module's own few lines, as in :mod:`bossa.testing.packets`; tickets and MICs are
:mod:`bossa.gss`'s, whose own tests compare them with MIT's.  RFC 2930 §2, RFC 3645, RFC 8945 §4.3
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bossa.gss.context import Context
from bossa.gss.errors import GssError
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.krb.credential import Credential
from bossa.testing import packets
from bossa.testing.packets import ANY, TSIG, append, name

TKEY = 249
GSS_API, DELETION = 3, 5

# As nsupdate wishes: no order, since datagrams have none.  RFC 3645 §3.1.1
WISH = Wish(ContextFlags.MUTUAL | ContextFlags.REPLAY | ContextFlags.INTEG)
# Takes a request and returns the answer.
Send = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tkey:
    """A TKEY record; ``owner`` is another than the question's name where a test wants that.  RFC 2930 §2"""

    token: bytes = b""
    algorithm: str = "gss-tsig"
    mode: int = GSS_API
    error: int = 0
    inception: int = 0
    expiration: int = 0
    owner: str = ""

    def record(self, owner: str) -> bytes:
        """Return the record."""
        fixed = struct.pack("!IIHHH", self.inception, self.expiration, self.mode, self.error, len(self.token))
        data = name(self.algorithm) + fixed + self.token + b"\0\0"
        return packets.record(self.owner or owner, TKEY, data, rclass=ANY)

    @classmethod
    def found(cls, reply: bytes) -> Tkey:
        """Return the record of an answer."""
        (data,) = [data for _, rtype, _, _, data in packets.records(reply) if rtype == TKEY]
        end = 0
        while data[end]:
            end += data[end] + 1
        labels, at = [], 0
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        inception, expiration, mode, error, size = struct.unpack_from("!IIHHH", data, end + 1)
        token = data[end + 15 : end + 15 + size]
        return cls(
            token=token,
            algorithm=".".join(labels),
            mode=mode,
            error=error,
            inception=inception,
            expiration=expiration,
        )


def query(key: str, tkey: Tkey, *, in_answer: bool = False, ident: int = 0x4321) -> bytes:
    """Return a request for a key, its record in the additional section, or as old Windows has it in the answer."""
    counts = (1, 1, 0, 0) if in_answer else (1, 0, 0, 1)
    return packets.header(counts, ident=ident) + packets.question(key, TKEY, ANY) + tkey.record(key)


@dataclass(slots=True)
class Negotiated:
    """A key that is a context with a server, and how messages are signed with it."""

    name: str
    algorithm: str
    context: Context = field(repr=False)
    reply: bytes
    fudge: int = 300

    def sign(self, wire: bytes, *, moment: float | None = None, spoiled: bool = False) -> bytes:
        """Append a TSIG record to a request.  RFC 8945 §5.1"""
        now = int(time.time() if moment is None else moment)
        mac = self.context.get_mic(wire + self._variables(now))
        if spoiled:
            mac = mac[:-1] + bytes((mac[-1] ^ 1,))
        times = now.to_bytes(6, "big") + struct.pack("!HH", self.fudge, len(mac))
        data = name(self.algorithm) + times + mac + wire[:2] + bytes(4)
        return append(wire, name(self.name) + struct.pack("!HHIH", TSIG, ANY, 0, len(data)) + data)

    def check(self, reply: bytes, request: bytes | None) -> None:
        """Check a reply's MIC, the acceptor's, over the request's MAC with its length; raises GssError."""
        prior = b"" if request is None else packets.request_mac(request)
        self.check_after(reply, prior, prefixed=request is not None)

    def check_after(self, reply: bytes, prior: bytes, *, prefixed: bool = True, timers: bool = False) -> None:
        """Check one message of an answer of many: ``prior`` is the MAC before it.  RFC 8945 §5.3.1"""
        tsig = packets.tsig_of(reply)
        assert tsig is not None, "the reply is not signed"
        assert tsig.mac, "the reply has an empty MAC"
        bare = reply[: tsig.start]
        (additional,) = struct.unpack_from("!H", bare, 10)
        bare = tsig.original_id.to_bytes(2, "big") + bare[2:10] + struct.pack("!H", additional - 1) + bare[12:]
        before = struct.pack("!H", len(prior)) + prior if prefixed else b""
        if timers:
            after = tsig.time.to_bytes(6, "big") + struct.pack("!H", tsig.fudge)
        else:
            after = self._variables(tsig.time, tsig.fudge, tsig.error, tsig.other)
        self.context.verify_mic(before + bare + after, tsig.mac)

    def is_signed(self, reply: bytes, request: bytes | None) -> bool:
        """Tell whether a reply's MIC is right."""
        try:
            self.check(reply, request)
        except (GssError, AssertionError):
            return False
        return True

    def _variables(self, moment: int, fudge: int | None = None, error: int = 0, other: bytes = b"") -> bytes:
        fixed = name(self.name).lower() + struct.pack("!HI", ANY, 0) + name(self.algorithm).lower()
        times = moment.to_bytes(6, "big") + struct.pack("!H", self.fudge if fudge is None else fudge)
        return fixed + times + struct.pack("!HH", error, len(other)) + other


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a client negotiates."""

    algorithm: str = "gss-tsig"
    spnego: bool = True
    in_answer: bool = False
    wish: Wish = WISH
    now: Callable[[], float] = time.time


USUAL = Manner()


class Failed(Exception):
    """The server gave no key: its TKEY error, and the whole answer."""

    def __init__(self, error: int, reply: bytes) -> None:
        super().__init__(f"TKEY error {error}")
        self.error = error
        self.reply = reply


def negotiate(credential: Credential, send: Send, key: str = "", manner: Manner = USUAL) -> Negotiated:
    """Negotiate a key with whoever answers ``send``; raises Failed."""
    key = key or f"{os.urandom(8).hex()}.test"
    initiator = Initiator(credential, os.urandom, manner.wish, negotiate=manner.spnego)
    step = initiator.step(None, manner.now())
    while True:
        asked = replace(Tkey(token=step.token), algorithm=manner.algorithm)
        reply = send(query(key, asked, in_answer=manner.in_answer))
        if packets.rcode(reply):
            raise Failed(-packets.rcode(reply), reply)
        told = Tkey.found(reply)
        if told.error:
            raise Failed(told.error, reply)
        if step.context is None:
            step = initiator.step(told.token, manner.now())
        if step.context is not None and not step.token:
            return Negotiated(key, manner.algorithm, step.context, reply)
