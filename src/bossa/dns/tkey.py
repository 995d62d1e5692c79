"""TKEY: keys that are negotiated, and which requests for one are in order.  RFC 2930, RFC 3645

Of the modes there are two: the GSS-API's, and deletion.  A request has one
record, in the additional section or (of old Windows) in the answer section,
whose owner is the name that is asked for.  What is wrong with the record is an
answer of code NOERROR that carries the error; nothing else is said to the
client.  A context's signatures are MIC tokens: each is good once, and their
length is the mechanism's affair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from bossa.dns import tsig, types
from bossa.dns.errors import Declined, Rcode, Refused, TkeyError
from bossa.dns.message import Message, RawRecord, Reply
from bossa.dns.names import ROOT, from_text, read_name, to_text
from bossa.dns.policy import Person
from bossa.dns.zone import RRset
from bossa.gss.errors import GssError, Major
from bossa.wire import Reader, WireError

GSS_TSIG = from_text("gss-tsig.")
# What Windows 2000 called it; the same but for the name.  [MS-GSSA] 2.2
GSS_MICROSOFT = from_text("gss.microsoft.com.")
ALGORITHMS = (GSS_TSIG, GSS_MICROSOFT)
# A key lives no longer, whatever its client wishes, nor longer than the ticket.
LONGEST_LIFE = 3600
# A MIC's header and the longest checksum, that of aes256-cts-hmac-sha384-192.  RFC 4121 §4.2.6.1, RFC 8009 §5
_LONGEST_MIC = 16 + 24
_COPIES = (Major.DUPLICATE_TOKEN, Major.OLD_TOKEN)


class Mode(IntEnum):
    """The modes that are served.  RFC 2930 §2.5"""

    GSS_API = 3
    DELETION = 5


class Tkey(NamedTuple):
    """A TKEY record; ``name`` and ``algorithm`` as they were spelled.  RFC 2930 §2"""

    name: bytes
    algorithm: bytes
    inception: int = 0
    expiration: int = 0
    mode: int = Mode.GSS_API
    error: int = TkeyError.NOERROR
    key: bytes = b""
    other: bytes = b""

    @property
    def rdata(self) -> bytes:
        """The record's data."""
        times = self.inception.to_bytes(4, "big") + self.expiration.to_bytes(4, "big")
        codes = self.mode.to_bytes(2, "big") + self.error.to_bytes(2, "big")
        return b"".join((self.algorithm, times, codes, tsig.length_and(self.key), tsig.length_and(self.other)))

    @classmethod
    def decode(cls, message: Message, record: RawRecord) -> Tkey:
        """Read a record where it lies; raises WireError."""
        r = Reader(message.wire, record.rdata, record.end)
        algorithm = read_name(r)
        inception, expiration = r.u32("Inception"), r.u32("Expiration")
        mode, error = r.u16("Mode"), r.u16("Error")
        key = r.octets("Key Data", r.u16("Key Size"))
        other = r.octets("Other Data", r.u16("Other Size"))
        r.done("TKEY")
        return cls(record.owner, algorithm, inception, expiration, mode, error, key, other)

    def refusal(self, why: TkeyRefused) -> Tkey:
        """Return the record that says so.  RFC 2930 §2.6"""
        return self._replace(error=why.error, key=why.token, other=b"")

    def granted(self, inception: int, expiration: int, token: bytes) -> Tkey:
        """Return the record with the acceptor's token, the client's where there is none.  RFC 3645 §4.1.3"""
        return self._replace(
            inception=inception,
            expiration=expiration,
            error=TkeyError.NOERROR,
            key=token or self.key,
            other=b"",
        )

    def reply(self) -> Reply:
        """Return the answer that carries the record."""
        return Reply(answer=[(self.name, RRset(types.TKEY, 0, (self.rdata,), ()))])


class TkeyRefused(Declined):
    """No key: ``error`` for the record, ``reason`` for the log, ``token`` for the peer's mechanism."""

    def __init__(self, error: TkeyError, reason: str, *, token: bytes = b"") -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.token = token


def is_asked(query: Message) -> bool:
    """Tell whether a query is about a key."""
    return len(query.questions) == 1 and query.questions[0].type == types.TKEY


def find(query: Message) -> Tkey:
    """Return a query's record; raises Refused for none, two, or one of another name.  RFC 2930 §4, RFC 3645 §3.1.2"""
    places = [record for record in query.additional + query.answer if record.type == types.TKEY]
    if len(places) != 1:
        raise Refused(Rcode.FORMERR, f"{len(places)} TKEY records")
    try:
        asked = Tkey.decode(query, places[0])
    except WireError as e:
        raise Refused(Rcode.FORMERR, str(e)) from None
    name = query.questions[0].name
    if asked.name.lower() != name.lower():
        raise Refused(Rcode.FORMERR, f"the TKEY is of {to_text(asked.name)}, the question of {to_text(name)}")
    return asked


def check(asked: Tkey) -> Mode:
    """Return the mode that is asked for; raises TkeyRefused for another, and for a name or an algorithm that cannot be.

    The mode comes first: other modes have other algorithms.
    """
    if asked.mode not in Mode._value2member_map_:
        raise TkeyRefused(TkeyError.BADMODE, f"mode {asked.mode}")
    if asked.mode == Mode.GSS_API and asked.algorithm.lower() not in ALGORITHMS:
        raise TkeyRefused(TkeyError.BADALG, f"algorithm {to_text(asked.algorithm)}")
    if asked.name == ROOT:
        raise TkeyRefused(TkeyError.BADNAME, "a key without a name")
    return Mode(asked.mode)


def end_of_life(ticket_ends: int, now: int) -> int:
    """Return when a key made now ends; raises TkeyRefused for a ticket that is at its end.  RFC 3645 §4.1.3

    A clock's skew lets a ticket open a context for some minutes more, yet for no life of a key.
    """
    if ticket_ends <= now:
        raise TkeyRefused(TkeyError.BADKEY, f"the ticket expired {now - ticket_ends} s ago")
    return min(ticket_ends, now + LONGEST_LIFE)


class Mics(Protocol):
    """What of a context protects messages."""

    def get_mic(self, data: bytes) -> bytes:
        """Sign a message."""
        ...

    def verify_mic(self, data: bytes, token: bytes) -> None:
        """Verify the peer's signature; raises GssError."""
        ...


@dataclass(frozen=True, slots=True)
class ContextKey:
    """A key that is a GSS context: a :class:`bossa.dns.tsig.Signer`.  RFC 3645 §2.2, §5

    ``person`` is whom the peer's ticket speaks for, where we are the acceptor; it ends at ``expires``.
    """

    name: bytes
    algorithm_wire: bytes
    mics: Mics = field(repr=False)
    expires: int
    person: Person | None = None

    @property
    def space(self) -> int:
        """The octets that an answer's TSIG takes at most."""
        return tsig.space(self, _LONGEST_MIC)

    def sign(self, data: bytes) -> bytes:
        """Return our MIC over octets: never the peer's."""
        return self.mics.get_mic(data)

    def verifies(self, data: bytes, mac: bytes) -> bool:
        """Tell whether the peer's MIC fits; raises Repeated when it does and came before."""
        try:
            self.mics.verify_mic(data, mac)
        except GssError as refused:
            if refused.major in _COPIES:
                raise tsig.Repeated(refused.reason) from None
            return False
        return True
