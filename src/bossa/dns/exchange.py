"""One exchange: a request as verified, and the way its answer has to leave.

What every opcode shares stands here: EDNS (RFC 6891) and its options, TSIG
(RFC 8945 §5), cookies that have to be shown (RFC 7873 §5.2), the size an answer
may have, extended errors (RFC 8914), and the order in which these are checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bossa.dns import tsig
from bossa.dns.errors import Ede, Rcode, TsigError
from bossa.dns.message import (
    EDE_OPTION,
    HEADER,
    MAX_MESSAGE,
    MAX_UDP_PLAIN,
    Edns,
    Flag,
    Message,
    Reply,
    add_options,
    encode_options,
    encode_reply,
    head,
    read_edns,
    read_options,
)
from bossa.dns.options import NOTHING, Options, OptionsReply, Proof
from bossa.dns.policy import Address, Caller, Network
from bossa.dns.tkey import ContextKey
from bossa.dns.types import Opcode
from bossa.wire import WireError

# Room that a TSIG without a MAC takes at most: owner and algorithm names as the client sent them, and fixed fields.
_BARE_TSIG = 26


@dataclass(frozen=True, slots=True)
class Settings:
    """What the answers depend on beside the zones."""

    edns_size: int = 1232
    tsig: tsig.Policy = field(default_factory=tsig.Policy)
    # Whose questions are passed on.
    recursion: tuple[Network, ...] = ()
    # What the options of an OPT get.
    options: Options = field(default_factory=Options)
    # What our questions to other resolvers bear; see dns/relay.py.
    mark: bytes = b""

    def may_recurse(self, address: Address) -> bool:
        """Tell whether this client's questions are passed on."""
        return any(address in network for network in self.recursion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that can be answered; ``signed`` says who sent it, when it was signed at all."""

    message: Message
    address: Address
    edns: Edns | None
    signed: tsig.Signed | tsig.Unverified | None
    limit: int
    now: int
    edns_size: int
    tcp: bool = False
    recursion: bool = False
    options: OptionsReply = NOTHING

    @property
    def caller(self) -> Caller:
        """Who asks, as far as verified."""
        if not isinstance(self.signed, tsig.Signed):
            return Caller(self.address)
        key = self.signed.key
        person = key.person if isinstance(key, ContextKey) else None
        return Caller(self.address, None if person else key.name, person)

    @property
    def proved(self) -> bool:
        """Whether the request surely came from its address, or from somebody who holds a key of ours."""
        return self.tcp or self.options.known or isinstance(self.signed, tsig.Signed)

    def finish(
        self,
        reply: Reply,
        *,
        ede: Ede | None = None,
        notes: Sequence[tuple[int, bytes]] = (),
        now: int | None = None,
    ) -> bytes:
        """Encode and sign the reply, at ``now`` when that is later than the request was (RFC 8945 §5.3).

        ``notes`` are extended errors of somebody else.
        """
        edns = self._edns(ede, notes)
        # The bit has no meaning in answers to updates (RFC 2136 §2.2).
        flags = Flag.RA if self.recursion and self.message.opcode == Opcode.QUERY else 0
        wire = encode_reply(self.message, reply, self.limit - self.tsig_space(), edns, flags=flags)
        return self.sign(wire, now)

    def sign(self, wire: bytes, now: int | None = None) -> bytes:
        """Append the TSIG that the request asks for."""
        if self.signed is None:
            return wire
        now = self.now if now is None else now
        if isinstance(self.signed, tsig.Signed):
            return tsig.sign_reply(wire, self.signed, self.signed.key, now)
        if self.signed.signer is not None:
            return tsig.sign_reply(wire, self.signed, self.signed.signer, now)
        return tsig.unsigned_reply(wire, self.signed)

    def relay(self, answer: bytes, now: int) -> bytes:
        """Return another resolver's answer with our options, signed; ``room`` was kept for both."""
        return self.sign(add_options(answer, self.options.data) if self.options.data else answer, now)

    @property
    def room(self) -> int:
        """The octets that another resolver's answer may have."""
        return self.limit - self.tsig_space() - len(self.options.data)

    def _edns(self, ede: Ede | None, notes: Sequence[tuple[int, bytes]] = ()) -> Edns | None:
        if self.edns is None:
            return None
        ours = ((EDE_OPTION, ede.to_bytes(2, "big")),) if ede is not None else ()
        return Edns(self.edns_size, 0, self.edns.do, (*read_options(self.options.data), *ours, *notes))

    def tsig_space(self) -> int:
        """Return the octets that the answer's TSIG takes."""
        if self.signed is None:
            return 0
        key = self.signed.key if isinstance(self.signed, tsig.Signed) else self.signed.signer
        if key is not None:
            return key.space
        return len(self.signed.request.name) + len(self.signed.request.algorithm) + _BARE_TSIG


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that gets no further: the answer (None: silence), and the reason for the log."""

    reply: bytes | None
    reason: str
    exchange: Exchange | None = None

    @property
    def unknown_key(self) -> Exchange | None:
        """The exchange, when nothing is wrong with it but that we do not have the key that signed it."""
        signed = self.exchange.signed if self.exchange is not None else None
        unknown = isinstance(signed, tsig.Unverified) and signed.error is TsigError.BADKEY
        return self.exchange if unknown else None

    @property
    def is_copy(self) -> bool:
        """Whether a signature shows that the request came before."""
        signed = self.exchange.signed if self.exchange is not None else None
        return isinstance(signed, tsig.Unverified) and signed.repeated


def open_exchange(
    wire: bytes, address: Address, keys: Mapping[bytes, tsig.Signer], now: int, settings: Settings, *, tcp: bool
) -> Exchange | Rejected:
    """Read a request and check its EDNS and TSIG."""
    if len(wire) < HEADER or wire[2] & 0x80:
        # An answer is never answered, or two servers would talk for ever.
        return Rejected(None, "no request")
    try:
        message = Message.decode(wire)
        edns = read_edns(message)
        options = _options(edns, address, now, settings.options)
        raw = tsig.find(message)
        signed = tsig.verify(message, raw, keys, now, settings.tsig) if raw else None
    except WireError as e:
        return Rejected(format_error(wire), str(e))
    limit = MAX_MESSAGE if tcp else min(edns.size, settings.edns_size) if edns else MAX_UDP_PLAIN
    exchange = Exchange(
        message=message,
        address=address,
        edns=edns,
        signed=signed,
        limit=limit,
        now=now,
        edns_size=settings.edns_size,
        tcp=tcp,
        recursion=settings.may_recurse(address),
        options=options,
    )
    if isinstance(signed, tsig.Unverified):
        return Rejected(exchange.finish(Reply(Rcode.NOTAUTH)), f"{signed.error.name}: {signed.reason}", exchange)
    if edns and edns.version > 0:
        return Rejected(exchange.finish(Reply(Rcode.BADVERS)), f"EDNS version {edns.version}", exchange)
    return _unproved(exchange) if settings.options.required and not exchange.proved else exchange


def _options(edns: Edns | None, address: Address, now: int, options: Options) -> OptionsReply:
    """Return what the client's options get; raises WireError for a cookie of a wrong length.

    What another version's options would mean is not known.
    """
    if edns is None or edns.version > 0 or not edns.options:
        return NOTHING
    reply = options.reply(encode_options(edns.options), address.packed, now)
    if reply is None:
        raise WireError("a COOKIE option of a wrong length")
    return reply


def _unproved(exchange: Exchange) -> Exchange | Rejected:
    """Send a query back that should have shown a valid cookie: for a fresh one, or to TCP.  RFC 7873 §5.2.1, §5.2.3

    One without a question asks for nothing but a cookie (§5.4).
    """
    if exchange.message.opcode != Opcode.QUERY or not exchange.message.questions:
        return exchange
    if exchange.options.proof == Proof.NONE:
        return Rejected(exchange.finish(Reply(flags=Flag.TC)), "no cookie", exchange)
    return Rejected(exchange.finish(Reply(Rcode.BADCOOKIE)), "no valid server cookie", exchange)


def format_error(wire: bytes) -> bytes:
    """Return FORMERR for a message that could not be read: its header, nothing else."""
    flags = int.from_bytes(wire[2:4], "big") & (0x7800 | Flag.RD | Flag.CD)
    return head(int.from_bytes(wire[:2], "big"), Flag.QR | flags | Rcode.FORMERR, (0, 0, 0, 0))


def failure(exchange: Exchange, rcode: Rcode, ede: Ede | None = None, now: int | None = None) -> bytes:
    """Return an answer that holds nothing but its code."""
    return exchange.finish(Reply(rcode), ede=ede, now=now)
