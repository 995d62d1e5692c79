"""TSIG: who signed a message, and the signature of our answer.  RFC 8945

The digest runs over the received bytes up to the TSIG record, with ARCOUNT
one less and the Original ID in place of the header's (§4.3.2).  Checks come
in the order key, MAC, time, truncation policy (§5.2).  Every comparison of
MACs takes the same time wherever they differ.  What signs is a shared secret
or a GSS context (RFC 3645), whose MACs have other lengths and are good once.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from bossa.dns import types
from bossa.dns.errors import TsigError
from bossa.dns.message import HEADER, Message, RawRecord
from bossa.dns.names import from_text, read_name, to_text
from bossa.wire import Reader, WireError

# §4.2: what the client may be off by, in seconds, when nothing else is said; §10 recommends 300.
DEFAULT_FUDGE = 300
_MIN_MAC = 10
# What a TSIG has beside both names and the MAC, with a BADTIME's server time.
_FIXED_SPACE = 10 + 16 + 6
_TYPE = types.TSIG.to_bytes(2, "big")
_CLASS_AND_TTL = types.CLASS_ANY.to_bytes(2, "big") + bytes(4)


class Algorithm(Enum):
    """The HMACs of §6; each value is the name on the wire, the hash, and the MAC's octets."""

    HMAC_MD5 = ("hmac-md5.sig-alg.reg.int", "md5", 16)
    HMAC_SHA1 = ("hmac-sha1", "sha1", 20)
    HMAC_SHA224 = ("hmac-sha224", "sha224", 28)
    HMAC_SHA256 = ("hmac-sha256", "sha256", 32)
    HMAC_SHA384 = ("hmac-sha384", "sha384", 48)
    HMAC_SHA512 = ("hmac-sha512", "sha512", 64)
    HMAC_SHA256_128 = ("hmac-sha256-128", "sha256", 16)
    HMAC_SHA384_192 = ("hmac-sha384-192", "sha384", 24)
    HMAC_SHA512_256 = ("hmac-sha512-256", "sha512", 32)

    def __init__(self, long_text: str, digest: str, size: int) -> None:
        self.text = "hmac-md5" if digest == "md5" else long_text
        self.wire = from_text(long_text + ".")
        self.digest = digest
        self.size = size

    def mac(self, secret: bytes, data: bytes) -> bytes:
        """Return the MAC, cut to the algorithm's own length."""
        return hmac.digest(secret, data, self.digest)[: self.size]

    @classmethod
    def from_text(cls, text: str) -> Algorithm:
        """Return the algorithm of a name such as ``hmac-sha256``; raises ValueError."""
        wanted = text.lower().rstrip(".")
        for one in cls:
            if wanted in (one.text, one.value[0]):
                return one
        raise ValueError(f"{text!r} is no TSIG algorithm; one of {', '.join(one.text for one in cls)}")


_BY_WIRE = {one.wire: one for one in Algorithm}


def algorithm_text(wire: bytes) -> str:
    """Return an algorithm's text, or the unknown name that stands in its place."""
    known = _BY_WIRE.get(wire)
    return known.text if known else to_text(wire)


class Repeated(Exception):
    """A MAC fits, and came before; the text says how long."""


class Signer(Protocol):
    """What signs messages and knows its peer's signatures; names are in lower case and on the wire's form."""

    @property
    def name(self) -> bytes:
        """The key's name."""
        ...

    @property
    def algorithm_wire(self) -> bytes:
        """The algorithm's name."""
        ...

    @property
    def space(self) -> int:
        """The octets that an answer's TSIG takes at most."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the MAC over octets."""
        ...

    def verifies(self, data: bytes, mac: bytes) -> bool:
        """Tell whether the peer's MAC, whole, fits; raises Repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """A shared secret; ``name`` is a lower-case wire name."""

    name: bytes
    algorithm: Algorithm
    secret: bytes

    @property
    def algorithm_wire(self) -> bytes:
        """The algorithm's name on the wire."""
        return self.algorithm.wire

    @property
    def space(self) -> int:
        """The octets that an answer's TSIG takes at most."""
        return space(self, self.algorithm.size)

    def sign(self, data: bytes) -> bytes:
        """Return the MAC, of the algorithm's own length."""
        return self.algorithm.mac(self.secret, data)

    def verifies(self, data: bytes, mac: bytes) -> bool:
        """Tell whether a whole MAC fits."""
        return hmac.compare_digest(self.sign(data), mac)

    def __repr__(self) -> str:
        return f"Key({to_text(self.name)} {self.algorithm.text})"


class RawTsig(NamedTuple):
    """A TSIG record as received, unverified: ``start`` is where it begins in the message."""

    start: int
    name: bytes
    algorithm: bytes
    time: int
    fudge: int
    mac: bytes
    original_id: int
    error: int
    other: bytes


class Variables(NamedTuple):
    """What a MAC covers beside the message, the record's fields all but two; names are in lower case.  §4.3.3"""

    name: bytes
    algorithm: bytes
    time: int
    fudge: int
    error: int = 0
    other: bytes = b""

    def encode(self) -> bytes:
        """Return what is digested."""
        error = self.error.to_bytes(2, "big")
        return b"".join((self.name, _CLASS_AND_TTL, self.algorithm, self.timers(), error, length_and(self.other)))

    def timers(self) -> bytes:
        """Return what is digested of the later messages of an answer.  §5.3.1"""
        return self.time.to_bytes(6, "big") + self.fudge.to_bytes(2, "big")

    def record(self, mac: bytes, original_id: bytes) -> bytes:
        """Return the record that carries them.  §4.2"""
        error = self.error.to_bytes(2, "big")
        parts = (self.algorithm, self.timers(), length_and(mac), original_id, error, length_and(self.other))
        return self.name + _TYPE + _CLASS_AND_TTL + length_and(b"".join(parts))


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified message: the key that signed it, and the MAC that the answer's digest begins with."""

    key: Signer
    request: RawTsig
    now: int

    @property
    def offset(self) -> int:
        """How far the client's clock is ahead, in seconds."""
        return self.request.time - self.now


@dataclass(frozen=True, slots=True)
class Unverified:
    """Why a TSIG did not hold: ``error`` for the wire, ``reason`` for the log.

    ``signer`` is there when the answer has to be signed all the same (§5.2.3, §5.2.4).
    ``repeated``: the MAC fits, but came before.
    """

    error: TsigError
    reason: str
    request: RawTsig
    now: int
    signer: Signer | None = None
    repeated: bool = False

    @property
    def offset(self) -> int:
        """How far the client's clock is ahead, in seconds."""
        return self.request.time - self.now


@dataclass(frozen=True, slots=True)
class Policy:
    """What TSIG accepts beyond what the specification leaves no choice in."""

    md5: bool = False
    # The fewest octets of a cut MAC that are taken; None takes whole ones only.
    min_mac: int | None = None


def find(message: Message) -> RawTsig | None:
    """Return the message's TSIG record, not yet verified.

    Raises WireError when it is not the last record of the additional section,
    stands there twice, or has the wrong class or TTL (§4.2, §5.1).
    """
    places = [r for r in message.answer + message.authority + message.additional if r.type == types.TSIG]
    if not places:
        return None
    if len(places) > 1 or not message.additional or message.additional[-1] is not places[0]:
        raise WireError("TSIG is not the last record, or not the only one of its kind")
    return _decode(message, places[0])


def _decode(message: Message, record: RawRecord) -> RawTsig:
    if record.rclass != types.CLASS_ANY or record.ttl != 0:
        raise WireError(f"TSIG of class {record.rclass} and TTL {record.ttl}")
    r = Reader(message.wire, record.rdata, record.end)
    algorithm = read_name(r).lower()
    time, fudge = r.u48("Time Signed"), r.u16("Fudge")
    mac = r.octets("MAC", r.u16("MAC Size"))
    original_id, error = r.u16("Original ID"), r.u16("Error")
    other = r.octets("Other Data", r.u16("Other Len"))
    r.done("TSIG")
    return RawTsig(record.start, record.owner.lower(), algorithm, time, fudge, mac, original_id, error, other)


def verify(
    message: Message, raw: RawTsig, keys: Mapping[bytes, Signer], now: int, policy: Policy = Policy()
) -> Signed | Unverified:
    """Check a request's TSIG at ``now`` (seconds since 1970); raises WireError for a MAC of a forbidden length."""
    key = keys.get(raw.name)
    if key is None or raw.algorithm != key.algorithm_wire:
        what = f"unknown key {to_text(raw.name)}" if key is None else f"key is for {algorithm_text(key.algorithm_wire)}"
        return Unverified(TsigError.BADKEY, f"{what}, message says {to_text(raw.algorithm)}", raw, now)
    if isinstance(key, Key):
        if key.algorithm is Algorithm.HMAC_MD5 and not policy.md5:
            return Unverified(TsigError.BADKEY, "HMAC-MD5 is switched off", raw, now)
        _check_mac_size(len(raw.mac), key.algorithm)
    try:
        if not _fits(key, digested(message.wire, raw), raw.mac):
            return Unverified(TsigError.BADSIG, "the MAC does not fit", raw, now)
    except Repeated as again:
        return Unverified(TsigError.BADSIG, f"the MAC came before: {again}", raw, now, repeated=True)
    if abs(now - raw.time) > raw.fudge:
        return Unverified(TsigError.BADTIME, f"clock off by {raw.time - now} s, fudge {raw.fudge} s", raw, now, key)
    if isinstance(key, Key) and _is_too_short(raw.mac, key.algorithm, policy):
        return Unverified(TsigError.BADTRUNC, f"a MAC of {len(raw.mac)} octets", raw, now, key)
    return Signed(key, raw, now)


def _is_too_short(mac: bytes, algorithm: Algorithm, policy: Policy) -> bool:
    """Tell whether a cut MAC is shorter than the policy takes.  §5.2.4"""
    return len(mac) < algorithm.size and (policy.min_mac is None or len(mac) < policy.min_mac)


def _fits(key: Signer, data: bytes, mac: bytes) -> bool:
    """Tell whether a MAC fits, one of an HMAC also when it is cut.  §5.2.2.1"""
    if isinstance(key, Key) and 0 < len(mac) < key.algorithm.size:
        return hmac.compare_digest(key.sign(data)[: len(mac)], mac)
    return key.verifies(data, mac)


def _check_mac_size(size: int, algorithm: Algorithm) -> None:
    """Raise WireError for a MAC longer than the hash or shorter than half of it or ten octets.  §5.2.2.1

    An empty MAC goes on to be a wrong one, as the peers have it.
    """
    if size > algorithm.size or 0 < size < max(_MIN_MAC, algorithm.size // 2):
        raise WireError(f"a MAC of {size} octets for {algorithm.text}")


def digested(wire: bytes, raw: RawTsig) -> bytes:
    """Return what a request's MAC covers.  §4.3.2, §4.3.3"""
    return stripped(wire, raw) + variables_of(raw).encode()


def stripped(wire: bytes, raw: RawTsig) -> bytes:
    """Return a message as it was before it was signed: without the record, with the Original ID.  §4.3.2"""
    count = int.from_bytes(wire[10:12], "big") - 1
    header = (raw.original_id.to_bytes(2, "big"), wire[2:10], count.to_bytes(2, "big"))
    return b"".join((*header, wire[HEADER : raw.start]))


def variables_of(raw: RawTsig) -> Variables:
    """Return the variables of a received record."""
    return Variables(raw.name, raw.algorithm, raw.time, raw.fudge, raw.error, raw.other)


def length_and(mac: bytes) -> bytes:
    """Return octets with their count before them."""
    return len(mac).to_bytes(2, "big") + mac


def space(key: Signer, mac: int) -> int:
    """Return the octets that a signed answer's TSIG takes at most, with a MAC of so many."""
    return len(key.name) + len(key.algorithm_wire) + _FIXED_SPACE + mac


def sign_reply(reply: bytes, signed: Signed | Unverified, key: Signer, now: int) -> bytes:
    """Append the TSIG of an answer to a request.  §5.3

    For BADTIME the time is the request's, and Other Data the server's (§5.2.3).
    """
    error = signed.error if isinstance(signed, Unverified) else TsigError.NOERROR
    time, other = now, b""
    if error is TsigError.BADTIME:
        time, other = signed.request.time, now.to_bytes(6, "big")
    raw = signed.request
    variables = Variables(key.name, key.algorithm_wire, time, raw.fudge, error, other)
    return append(reply, variables, key.sign(length_and(raw.mac) + reply + variables.encode()))


def unsigned_reply(reply: bytes, failed: Unverified) -> bytes:
    """Append the TSIG that says BADKEY or BADSIG, with an empty MAC.  §5.2.1, §5.2.2"""
    raw = failed.request
    return append(reply, Variables(raw.name, raw.algorithm, failed.now, raw.fudge, failed.error), b"")


def sign_request(message: bytes, key: Signer, now: int, fudge: int = DEFAULT_FUDGE) -> bytes:
    """Append a client's TSIG to a message without one, or ours to an answer whose request had none (RFC 3645 §2.2)."""
    variables = Variables(key.name, key.algorithm_wire, now, fudge)
    return append(message, variables, key.sign(message + variables.encode()))


def verify_reply(reply: Message, key: Signer, request_mac: bytes | None, now: int) -> Signed | Unverified:
    """Check the answer to a request that we signed, None: did not sign; raises WireError without a TSIG."""
    raw = find(reply)
    if raw is None:
        raise WireError("the answer carries no TSIG")
    if raw.name != key.name or raw.algorithm != key.algorithm_wire:
        return Unverified(TsigError.BADKEY, f"signed by {to_text(raw.name)}", raw, now)
    prior = b"" if request_mac is None else length_and(request_mac)
    try:
        fits = key.verifies(prior + digested(reply.wire, raw), raw.mac)
    except Repeated as again:
        return Unverified(TsigError.BADSIG, f"the MAC came before: {again}", raw, now, repeated=True)
    if not fits:
        return Unverified(TsigError.BADSIG, f"the MAC does not fit, TSIG error {raw.error}", raw, now)
    return Signed(key, raw, now)


def append(message: bytes, variables: Variables, mac: bytes) -> bytes:
    """Put the record behind a message, whose ID is the original one."""
    count = int.from_bytes(message[10:12], "big") + 1
    return message[:10] + count.to_bytes(2, "big") + message[HEADER:] + variables.record(mac, message[:2])
