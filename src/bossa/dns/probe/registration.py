"""The addresses of a host as one update: those that it has come, all others of its name go.  RFC 2136 §2.5

One message, so nobody ever sees the name without an address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from bossa.dns import names, types
from bossa.dns.errors import Rcode, rcode_text
from bossa.dns.names import read_name, to_text
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Setting, Way, ask
from bossa.dns.probe.signature import signed
from bossa.dns.requests import Change, question, update
from bossa.dns.tsig import Signer
from bossa.wire import Reader

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TTL = 1200
_KINDS = ((types.A, 4), (types.AAAA, 6))


def register(
    owner: bytes, zone: bytes, addresses: Sequence[Address], signer: Signer, setting: Setting
) -> Conversation[None]:
    """Make these the addresses of a name; raises Fault or WireError."""
    changes = tuple(_of_name(owner, addresses))
    yield from _change(zone, changes, signer, setting, f"{_text(owner)} A and AAAA")


def point_back(owner: bytes, zone: bytes, address: Address, signer: Signer, setting: Setting) -> Conversation[None]:
    """Make an address lead back to its name, or say so again; raises Fault or WireError."""
    reverse = names.reverse(str(address))
    reply = yield from ask(question(setting.message_id(), reverse, types.PTR, 0))
    for record in reply.answer:
        if record.type == types.PTR and (other := read_name(Reader(reply.wire, record.rdata, record.end))) != owner:
            why = f"{address} leads to {_text(other)} already"
            raise Fault(
                Cause.POLICY, why, f"if that is wrong: bossa record remove {_text(zone)} {to_text(reverse)} PTR"
            )
    changes = (Change.add(reverse, types.PTR, _TTL, owner),)
    yield from _change(zone, changes, signer, setting, f"{_text(reverse)} PTR")


def _of_name(owner: bytes, addresses: Sequence[Address]) -> Iterator[Change]:
    for rtype, version in _KINDS:
        yield Change.delete_rrset(owner, rtype)
        yield from (Change.add(owner, rtype, _TTL, one.packed) for one in addresses if one.version == version)


def _change(
    zone: bytes, changes: tuple[Change, ...], signer: Signer, setting: Setting, what: str
) -> Conversation[None]:
    reply = yield from signed(update(setting.message_id(), zone, changes), signer, setting, Way.UDP)
    if reply.rcode == Rcode.REFUSED:
        fix = f"with bossa: bossa policy list {_text(zone)}; a host may change its own name where krb5-self is allowed"
        raise Fault(Cause.POLICY, f"REFUSED: no rule lets this host change {what}", fix)
    if reply.rcode != Rcode.NOERROR:
        raise Fault(Cause.SERVER, f"the answer for {what} is {rcode_text(reply.rcode)}", "see the server's log")


def _text(name: bytes) -> str:
    return to_text(name).rstrip(".")
