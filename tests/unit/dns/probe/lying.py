"""A name server of a test's own, which answers as it should, or lies in one way; and who carries to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bossa.dns import tsig, types
from bossa.dns.errors import Rcode, TsigError
from bossa.dns.message import Flag, Message, Reply, encode_reply
from bossa.dns.names import from_text
from bossa.dns.probe.conversation import Conversation, Setting, Way
from bossa.dns.tsig import Algorithm, Key, RawTsig, Signer, Variables, length_and
from bossa.dns.zone import RRset, Soa
from tests.unit.gss.specimens import Source

T = TypeVar("T")

NOW = 1_700_000_000
ZONE = from_text("bossa.test.")
PRIMARY = from_text("ns1.bossa.test.")
SECRET = bytes(range(32))
KEY = Key(from_text("ddns."), Algorithm.HMAC_SHA256, SECRET)
SOA = Soa(PRIMARY, from_text("hostmaster.bossa.test."), 7, 3600, 900, 1209600, 300).encode()

# Makes the answer's MAC: of the signer, the request's MAC, the answer so far and its variables.
Mac = Callable[[Signer, bytes, bytes, bytes], bytes]


def right(signer: Signer, asked: bytes, reply: bytes, variables: bytes) -> bytes:
    """RFC 8945 §5.3"""
    return signer.sign(length_and(asked) + reply + variables)


def echo(signer: Signer, asked: bytes, reply: bytes, variables: bytes) -> bytes:
    """What Windows sends with a refusal."""
    return asked


def without_prefix(signer: Signer, asked: bytes, reply: bytes, variables: bytes) -> bytes:
    """What Samba sent before its bug 13019 was mended."""
    return signer.sign(asked + reply + variables)


def without_request(signer: Signer, asked: bytes, reply: bytes, variables: bytes) -> bytes:
    """As if nothing had been asked."""
    return signer.sign(reply + variables)


def spoiled(signer: Signer, asked: bytes, reply: bytes, variables: bytes) -> bytes:
    """A MAC with one bit turned."""
    made = right(signer, asked, reply, variables)
    return made[:-1] + bytes((made[-1] ^ 1,))


class LyingServer:
    """Holds one zone and one record that an update adds; attributes say how it lies."""

    def __init__(self, signer: Signer = KEY) -> None:
        self.signer = signer
        self.mac: Mac = right
        self.rcode = Rcode.NOERROR
        self.error = TsigError.NOERROR
        self.ahead = 0
        self.fudge = 300
        self.signs = True
        self.shows = True
        self.flags = Flag.AA
        self.stored: dict[tuple[bytes, int], bytes] = {}
        self.asked: list[tuple[Way, Message]] = []

    def __call__(self, way: Way, wire: bytes) -> bytes:
        """Answer a message."""
        message = Message.decode(wire)
        self.asked.append((way, message))
        raw = tsig.find(message)
        if message.opcode != types.Opcode.UPDATE:
            return self._question(message, raw)
        if self.rcode == Rcode.NOERROR and not self.error:
            self._store(message)
        reply = encode_reply(message, Reply(self.rcode), 65535)
        return self.sealed(reply, raw) if raw is not None and self.signs else reply

    def _question(self, message: Message, raw: RawTsig | None) -> bytes:
        (asked,) = message.questions
        if asked.type == types.SOA and asked.name == ZONE:
            reply = Reply(answer=[(ZONE, RRset(types.SOA, 300, (SOA,), ()))], flags=self.flags)
        elif (stored := self.stored.get((asked.name, asked.type))) is not None and self.shows:
            reply = Reply(answer=[(asked.name, RRset(asked.type, 1, (stored,), ()))], flags=self.flags)
        else:
            soa = [(ZONE, RRset(types.SOA, 300, (SOA,), ()))]
            reply = Reply(Rcode.NXDOMAIN, authority=soa, flags=self.flags)
        wire = encode_reply(message, reply, 65535)
        if raw is None:
            return wire
        # A signed question here is one for the time.
        unknown = Variables(raw.name, raw.algorithm, NOW + self.ahead, 300, TsigError.BADKEY)
        return tsig.append(wire, unknown, b"")

    def _store(self, message: Message) -> None:
        for record in message.authority:
            if record.rclass == types.IN:
                self.stored[record.owner, record.type] = message.rdata(record)
            else:
                self.stored.pop((record.owner, record.type), None)

    def sealed(self, reply: bytes, raw: RawTsig) -> bytes:
        """Sign an answer, or say what is wrong with the request's signature."""
        if self.error in (TsigError.BADKEY, TsigError.BADSIG):
            return tsig.append(reply, Variables(raw.name, raw.algorithm, NOW, 300, self.error), b"")
        theirs = NOW + self.ahead
        is_late = self.error is TsigError.BADTIME
        time, other = (raw.time, theirs.to_bytes(6, "big")) if is_late else (theirs, b"")
        variables = Variables(self.signer.name, self.signer.algorithm_wire, time, self.fudge, self.error, other)
        return tsig.append(reply, variables, self.mac(self.signer, raw.mac, reply, variables.encode()))


def setting() -> Setting:
    """Say what the time is."""
    return Setting(NOW + 0.5, Source("prober"))


def carry(conversation: Conversation[T], server: Callable[[Way, bytes], bytes]) -> T:
    """Carry a conversation to a server and back."""
    try:
        sent = next(conversation)
        while True:
            sent = conversation.send(server(sent.way, sent.message))
    except StopIteration as e:
        result: T = e.value
        return result
