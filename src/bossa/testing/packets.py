"""DNS packets by hand: what polite libraries will not build.

Everything here is plain octets.  The MAC of RFC 8945 §4.3 is computed by this
module's own few lines, so that a test never asks the code under test, nor the
library that a client uses, whether a signature is right.
"""

from __future__ import annotations

import base64
import hmac
import struct
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from bossa.testing.domain import TsigKey

IN, NONE, ANY = 1, 254, 255
TSIG, OPT, SOA, A = 250, 41, 6, 1
QUERY, UPDATE = 0, 5
# The hash, and the octets that a truncated algorithm keeps of it.
_DIGESTS: dict[str, tuple[str, int | None]] = {
    "hmac-md5": ("md5", None),
    "hmac-sha1": ("sha1", None),
    "hmac-sha224": ("sha224", None),
    "hmac-sha256": ("sha256", None),
    "hmac-sha384": ("sha384", None),
    "hmac-sha512": ("sha512", None),
    "hmac-sha256-128": ("sha256", 16),
    "hmac-sha384-192": ("sha384", 24),
    "hmac-sha512-256": ("sha512", 32),
}


def name(text: str) -> bytes:
    """Return a name in wire form, without compression and with its case kept."""
    return dns.name.from_text(text).to_wire() or b""


def header(counts: Sequence[int] = (1, 0, 0, 0), *, opcode: int = QUERY, flags: int = 0, ident: int = 0x1234) -> bytes:
    """Return twelve octets; ``flags`` are or-ed to the opcode."""
    return struct.pack("!HH4H", ident, opcode << 11 | flags, *counts)


def question(owner: str, rtype: int | str = A, rclass: int = IN) -> bytes:
    """Return one entry of the question (or zone) section."""
    return name(owner) + struct.pack("!HH", _type(rtype), rclass)


def record(owner: str, rtype: int | str, data: str | bytes = b"", *, rclass: int = IN, ttl: int = 0) -> bytes:
    """Return one record; ``data`` as text goes through dnspython's master-file reader."""
    number = _type(rtype)
    rdata = data if isinstance(data, bytes) else _rdata(number, data)
    return name(owner) + struct.pack("!HHIH", number, rclass, ttl, len(rdata)) + rdata


def opt(*, size: int = 1232, version: int = 0, flags: int = 0, options: bytes = b"") -> bytes:
    """Return an OPT record.  RFC 6891 §6.1.2"""
    return b"\0" + struct.pack("!HHBBHH", OPT, size, 0, version, flags, len(options)) + options


def query(owner: str, rtype: int | str = A, *extra: bytes, rclass: int = IN, ident: int = 0x1234) -> bytes:
    """Return a query whose additional section is ``extra``."""
    return header((1, 0, 0, len(extra)), ident=ident) + question(owner, rtype, rclass) + b"".join(extra)


def update(
    zone: str,
    *updates: bytes,
    prerequisites: Sequence[bytes] = (),
    extra: Sequence[bytes] = (),
    ident: int = 0x1234,
) -> bytes:
    """Return an unsigned update message.  RFC 2136 §2"""
    counts = (1, len(prerequisites), len(updates), len(extra))
    sections = [*prerequisites, *updates, *extra]
    return header(counts, opcode=UPDATE, ident=ident) + question(zone, SOA) + b"".join(sections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a TSIG record is made; the defaults are an honest client's."""

    time: int | None = None
    fudge: int = 300
    # The owner as it stands in the packet: a pointer, or other capitals.
    owner: bytes | None = None
    algorithm: bytes | None = None
    rclass: int = ANY
    ttl: int = 0
    # Cut (or pad) the MAC to so many octets.
    mac_size: int | None = None
    # Turn one bit of the MAC.
    spoiled: bool = False
    # The ID that was signed, when a forwarder has put another one into the header.
    original_id: int | None = None


HONEST = Signature()


@dataclass(frozen=True, slots=True)
class TsigRecord:
    """A TSIG record as found in a packet; ``start`` is where it begins."""

    start: int
    owner: bytes
    rclass: int
    ttl: int
    algorithm: bytes
    time: int
    fudge: int
    mac: bytes
    original_id: int
    error: int
    other: bytes


def sign(wire: bytes, key: TsigKey, how: Signature = HONEST) -> bytes:
    """Append a TSIG record to a request and count it.  RFC 8945 §5.1"""
    moment = int(time.time()) if how.time is None else how.time
    ident = int.from_bytes(wire[:2], "big") if how.original_id is None else how.original_id
    mac = _mac(key, ident.to_bytes(2, "big") + wire[2:], _variables(key, moment, how.fudge, 0, b""))
    if how.spoiled:
        mac = bytes((mac[0] ^ 1,)) + mac[1:]
    if how.mac_size is not None:
        mac = mac[: how.mac_size].ljust(how.mac_size, b"\0")
    return _count(wire, 1) + _tsig(key, mac, moment, ident, how)


def _tsig(key: TsigKey, mac: bytes, moment: int, ident: int, how: Signature = HONEST) -> bytes:
    owner = name(key.name) if how.owner is None else how.owner
    algorithm = _algorithm(key) if how.algorithm is None else how.algorithm
    rdata = algorithm + _u48(moment) + struct.pack("!HH", how.fudge, len(mac)) + mac + struct.pack("!HHH", ident, 0, 0)
    return owner + struct.pack("!HHIH", TSIG, how.rclass, how.ttl, len(rdata)) + rdata


def sign_stream(
    messages: Sequence[bytes], request: bytes, key: TsigKey, *, bare: Container[int] = (), moment: int | None = None
) -> list[bytes]:
    """Sign the messages of an answer to a signed request, but for those at the places ``bare``.  RFC 8945 §5.3.1"""
    prior, between, signed = request_mac(request), b"", []
    when = int(time.time()) if moment is None else moment
    variables = _variables(key, when, HONEST.fudge, 0, b"")
    for place, wire in enumerate(messages):
        if place in bare:
            between += wire
            signed.append(wire)
            continue
        prior = _mac(key, struct.pack("!H", len(prior)) + prior, between, wire, variables)
        signed.append(_count(wire, 1) + _tsig(key, prior, when, int.from_bytes(wire[:2], "big")))
        between, variables = b"", _u48(when) + struct.pack("!H", HONEST.fudge)
    return signed


def append(wire: bytes, *records: bytes) -> bytes:
    """Append records to the additional section."""
    return _count(wire, len(records)) + b"".join(records)


def request_mac(wire: bytes) -> bytes:
    """Return the MAC of a signed request."""
    found = tsig_of(wire)
    assert found is not None, "the request is not signed"
    return found.mac


def tsig_of(wire: bytes) -> TsigRecord | None:
    """Return the TSIG record that ends a packet, or None."""
    last = list(records(wire))[-1:]
    if not last or last[0][1] != TSIG:
        return None
    start, _, rclass, ttl, rdata = last[0]
    owner, _ = _read_name(wire, start)
    algorithm, at = _read_name(rdata, 0)
    fudge, size = struct.unpack_from("!HH", rdata, at + 6)
    mac = rdata[at + 10 : at + 10 + size]
    original, error, _ = struct.unpack_from("!HHH", rdata, at + 10 + size)
    other = rdata[at + 16 + size :]
    moment = int.from_bytes(rdata[at : at + 6], "big")
    return TsigRecord(start, owner, rclass, ttl, algorithm, moment, fudge, mac, original, error, other)


def reply_is_signed(reply: bytes, request: bytes, key: TsigKey) -> bool:
    """Check a reply's MAC over the request's MAC and the reply's own octets.  RFC 8945 §4.3.1 and §5.3"""
    tsig = tsig_of(reply)
    if tsig is None or not tsig.mac:
        return False
    prior = request_mac(request)
    bare = _count(tsig.original_id.to_bytes(2, "big") + reply[2 : tsig.start], -1)
    variables = _variables(key, tsig.time, tsig.fudge, tsig.error, tsig.other)
    return hmac.compare_digest(tsig.mac, _mac(key, len(prior).to_bytes(2, "big") + prior, bare, variables))


def rcode(wire: bytes) -> int:
    """Return the four bits of the header; the rest of an extended code is in the OPT record."""
    return wire[3] & 15


def counts(wire: bytes) -> tuple[int, int, int, int]:
    """Return the four section counts."""
    one, two, three, four = struct.unpack_from("!4H", wire, 4)
    return one, two, three, four


def records(wire: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yield start, type, class, TTL and rdata of every record after the question section."""
    questions, *rest = counts(wire)
    pos = 12
    for _ in range(questions):
        pos = _read_name(wire, pos)[1] + 4
    for _ in range(sum(rest)):
        start, at = pos, _read_name(wire, pos)[1]
        rtype, rclass, ttl, size = struct.unpack_from("!HHIH", wire, at)
        pos = at + 10 + size
        assert pos <= len(wire), f"record at {start} runs past {len(wire)}"
        yield start, rtype, rclass, ttl, wire[at + 10 : pos]
    assert pos == len(wire), f"{len(wire) - pos} octets left over"


def _read_name(wire: bytes, pos: int) -> tuple[bytes, int]:
    """Return an uncompressed name and the position after it."""
    out, after = b"", 0
    while size := wire[pos]:
        if size >= 0xC0:
            after = after or pos + 2
            pos = (size & 0x3F) << 8 | wire[pos + 1]
            continue
        out += wire[pos : pos + 1 + size]
        pos += 1 + size
    return out + b"\0", after or pos + 1


def _type(rtype: int | str) -> int:
    return rtype if isinstance(rtype, int) else int(dns.rdatatype.from_text(rtype))


def _rdata(number: int, text: str) -> bytes:
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.RdataType(number), text)
    return rdata.to_wire() or b""


def _algorithm(key: TsigKey) -> bytes:
    return name("hmac-md5.sig-alg.reg.int." if key.algorithm == "hmac-md5" else key.algorithm)


def _mac(key: TsigKey, *parts: bytes) -> bytes:
    digest, size = _DIGESTS[key.algorithm]
    return hmac.digest(base64.b64decode(key.secret), b"".join(parts), digest)[:size]


def _variables(key: TsigKey, moment: int, fudge: int, error: int, other: bytes) -> bytes:
    """Return the TSIG variables in canonical form.  RFC 8945 §4.3.3"""
    fixed = name(key.name).lower() + struct.pack("!HI", ANY, 0) + _algorithm(key).lower()
    return fixed + _u48(moment) + struct.pack("!HHH", fudge, error, len(other)) + other


def _u48(number: int) -> bytes:
    return number.to_bytes(6, "big")


def _count(wire: bytes, more: int) -> bytes:
    """Change ARCOUNT."""
    (additional,) = struct.unpack_from("!H", wire, 10)
    return wire[:10] + struct.pack("!H", (additional + more) & 0xFFFF) + wire[12:]
