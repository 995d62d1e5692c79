"""Whatever an armor holds, it is refused as WireError or KdcError, or what is inside is what counts.

Run with ``python fuzz/fuzz_fast.py [CORPUS] [-runs=N]`` where atheris is installed.  Of an input the first octet
says what it is: the request inside an armor, the reply inside one, or a PA-FX-FAST as it is sent.
"""

from __future__ import annotations

import contextlib
import sys

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.ap import Verified
from bossa.krb.armor import armor_key
from bossa.krb.client.armored import Armor, open_response
from bossa.krb.errors import KdcError
from bossa.krb.fast import unwrap
from bossa.krb.messages import (
    TGS_REQ,
    Authenticator,
    CheckSum,
    EncryptionKey,
    EncTicketPart,
    KdcReq,
    KdcReqBody,
    PaData,
    Ticket,
    Transited,
)
from bossa.krb.names import krbtgt
from bossa.krb.padata import KrbFastArmoredRep, KrbFastArmoredReq, PaType
from bossa.krb.ticket import OpenTicket, lock, open, seal
from bossa.krb.usages import Usage
from bossa.wire import WireError

KDC, SESSION, SUBKEY = (Key(18, octet * 32) for octet in (b"k", b"s", b"u"))
NOW = 1_800_000_000
NAME = krbtgt("B.T")
SEED = b"c" * 16
BODY = KdcReqBody(0, None, "B.T", NAME, None, 0, None, 7, (18,))
KEY = armor_key(SUBKEY, SESSION)
PART = EncTicketPart(0, EncryptionKey(18, SESSION.octets), "B.T", NAME, Transited(), NOW, None, NOW + 9)
OPENED = open(seal(PART, "B.T", NAME, KDC, 1, SEED), KDC)
HEADER = Verified(OPENED, Authenticator("B.T", NAME, None, 0, NOW), SESSION, SUBKEY)


def open_tgt(ticket: Ticket) -> OpenTicket:
    """Open a ticket to the KDC."""
    try:
        return open(ticket, KDC)
    except BadIntegrity:
        raise WireError("not a ticket of ours") from None


def as_is(value: bytes) -> None:
    """Take off an armor as it is sent, with an AS-REQ and with a TGS-REQ."""
    for msg_type, header in ((10, None), (TGS_REQ, HEADER)):
        with contextlib.suppress(WireError, KdcError):
            unwrap(KdcReq(msg_type, (PaData(PaType.FX_FAST, value),), BODY), open_tgt, header, NOW, 300)


def inside_request(inside: bytes) -> None:
    """Take off an armor under the right key."""
    cksum = CheckSum(KEY.checksum_type, KEY.checksum(Usage.FAST_REQ_CHECKSUM, b"header"))
    value = KrbFastArmoredReq(None, cksum, lock(KEY, Usage.FAST_REQ, inside, SEED)).encode()
    req = KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, b"header"), PaData(PaType.FX_FAST, value)), BODY)
    with contextlib.suppress(WireError, KdcError):
        armored = unwrap(req, open_tgt, HEADER, NOW, 300)
        assert armored is not None and armored.req.body.raw in inside and armored.armor_key == KEY


def inside_reply(inside: bytes) -> None:
    """Read a reply under the right key."""
    value = KrbFastArmoredRep(lock(KEY, Usage.FAST_REP, inside, SEED)).encode()
    with contextlib.suppress(WireError, KdcError):
        response = open_response(Armor(KEY), (PaData(PaType.FX_FAST, value),), 7)
        assert response.nonce == 7


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    {b"q": inside_request, b"p": inside_reply}.get(data[:1], as_is)(data[1:])


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
