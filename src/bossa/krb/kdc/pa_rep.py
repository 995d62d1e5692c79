"""What a reply says under encryption about the request it answers: nobody changed it on its way.

RFC 6806 §11: a client that sends PA-REQ-ENC-PA-REP gets a checksum of its
whole AS-REQ, as it was received, under the reply key, and beside it what the
KDC can do.  [MS-KILE] 3.3.5.7: of PA-PAC-OPTIONS, what the KDC knows too.
"""

from __future__ import annotations

from bossa.crypto.enctypes import Key
from bossa.krb.kdc.bits import RESOURCE_BASED
from bossa.krb.messages import CheckSum, PaData, find_padata
from bossa.krb.padata import PaPacOptions, PaType
from bossa.krb.usages import Usage

_FAST_IS_SPOKEN = PaData(PaType.FX_FAST, b"")


def asks_for_checksum(padata: tuple[PaData, ...]) -> bool:
    """Say whether a client wants its request confirmed.  RFC 6806 §11"""
    return find_padata(padata, PaType.REQ_ENC_PA_REP) is not None


def confirmation(packet: bytes, key: Key) -> tuple[PaData, ...]:
    """Return the checksum of an AS-REQ under the key that encrypts the reply.  RFC 6806 §11"""
    checksum = CheckSum(key.checksum_type, key.checksum(Usage.AS_REQ_CHECKSUM, packet))
    return PaData(PaType.REQ_ENC_PA_REP, checksum.encode()), _FAST_IS_SPOKEN


def pac_options(padata: tuple[PaData, ...]) -> int:
    """Return what a client says of its PAC; 0 where it says nothing.  [MS-KILE] 2.2.10"""
    value = find_padata(padata, PaType.PAC_OPTIONS)
    return 0 if value is None else PaPacOptions.decode(value).flags


def known_pac_options(padata: tuple[PaData, ...]) -> tuple[PaData, ...]:
    """Return of the client's options those that we know, for the encrypted part.  [MS-SFU] 3.2.5.2"""
    known = pac_options(padata) & RESOURCE_BASED
    return (PaData(PaType.PAC_OPTIONS, PaPacOptions(known).encode()),) if known else ()
