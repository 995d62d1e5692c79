"""The four signatures of a PAC, made.  [MS-PAC] 2.8, 2.8.1 to 2.8.4

In the order in which each covers what came before: the ticket signature (16)
over the ticket with a placeholder, the full signature (19) over the PAC with
6, 7 and 19 as zeros, the server signature (6) over the PAC with 6 and 7 as
zeros, the KDC signature (7) over the server signature.  A ticket-granting
ticket, and one for changing passwords, has only the last two.  Nothing else
of the PAC is encoded anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bossa.krb.pac.carry import PLACEHOLDER, Frame
from bossa.krb.pac.container import SIGNATURE_HEAD, BufferType, Place, encode
from bossa.krb.pac.content import Buffer, PacContent

if TYPE_CHECKING:
    from bossa.crypto.enctypes import Key
    from bossa.krb.messages import EncTicketPart
    from bossa.krb.names import PrincipalName

# KERB_NON_KERB_CKSUM_SALT.  [MS-PAC] 2.8.1
USAGE = 17
# Who asked for a PAC, and why there is one, is said only among KDCs.  [MS-KILE] 3.3.5.7
_TGT_ONLY = (BufferType.ATTRIBUTES, BufferType.REQUESTER)
_CHANGE_PASSWORD = ("kadmin", "changepw")


def signs_ticket(sname: PrincipalName) -> bool:
    """Whether a ticket for this service carries signatures 16 and 19.  [MS-PAC] 2.8.3"""
    return sname.parts[0] != "krbtgt" and sname.parts != _CHANGE_PASSWORD


def sign_tgt(content: PacContent, server_key: Key, kdc_key: Key) -> bytes:
    """Return the PAC of a ticket-granting ticket; ``server_key`` is the trust's in one for another realm."""
    return _sign(content.buffers, server_key, kdc_key, full=False)


def sign_service(content: PacContent, part: EncTicketPart, server_key: Key, kdc_key: Key) -> bytes:
    """Return the PAC of a service ticket whose encrypted part, but for the PAC, is ``part``."""
    return _sign_service(content, Frame(part), server_key, kdc_key)


def tgt_part(content: PacContent, part: EncTicketPart, server_key: Key, kdc_key: Key) -> bytes:
    """Return the octets of a ticket-granting ticket's encrypted part, the PAC in it."""
    return Frame(part).filled(sign_tgt(content, server_key, kdc_key))


def service_part(content: PacContent, part: EncTicketPart, server_key: Key, kdc_key: Key) -> bytes:
    """Return the octets of a service ticket's encrypted part, the PAC in it; they are encoded once."""
    frame = Frame(part)
    return frame.filled(_sign_service(content, frame, server_key, kdc_key))


def _sign_service(content: PacContent, frame: Frame, server_key: Key, kdc_key: Key) -> bytes:
    covered = frame.filled(PLACEHOLDER)
    buffers = [one for one in content.buffers if one[0] not in _TGT_ONLY]
    buffers.append((BufferType.TICKET_SIGNATURE, _head(kdc_key) + kdc_key.checksum(USAGE, covered)))
    return _sign(buffers, server_key, kdc_key, full=True)


def _sign(buffers: Iterable[Buffer], server_key: Key, kdc_key: Key, *, full: bool) -> bytes:
    empty = [(BufferType.SERVER_SIGNATURE, _empty(server_key)), (BufferType.KDC_SIGNATURE, _empty(kdc_key))]
    if full:
        empty.append((BufferType.FULL_SIGNATURE, _empty(kdc_key)))
    octets, places = encode((*buffers, *empty))
    if full:
        _fill(octets, places[BufferType.FULL_SIGNATURE], kdc_key.checksum(USAGE, bytes(octets)))
    server = server_key.checksum(USAGE, bytes(octets))
    _fill(octets, places[BufferType.SERVER_SIGNATURE], server)
    _fill(octets, places[BufferType.KDC_SIGNATURE], kdc_key.checksum(USAGE, server))
    return bytes(octets)


def _head(key: Key) -> bytes:
    return key.checksum_type.to_bytes(SIGNATURE_HEAD, "little", signed=True)


def _empty(key: Key) -> bytes:
    return _head(key) + bytes(_SIZES[key.checksum_type])


# Octets of a signature by the type of its checksum.  RFC 3962 §7, RFC 8009 §7
_SIZES = {15: 12, 16: 12, 19: 16, 20: 24}


def _fill(octets: bytearray, place: Place, mac: bytes) -> None:
    at, size = place
    octets[at + SIGNATURE_HEAD : at + size] = mac
