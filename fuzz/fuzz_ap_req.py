"""Whatever an AP-REQ holds, under the right keys too, it is refused as WireError or KdcError, or its client is named.

Run with ``python fuzz/fuzz_ap_req.py [CORPUS] [-runs=N]`` where atheris is installed.  Of an input the first octet
says what it is: an AP-REQ as it is sent, the inside of its ticket, or the inside of its authenticator.
"""

from __future__ import annotations

import sys

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.ap import open_request
from bossa.krb.errors import KdcError
from bossa.krb.messages import ApReq, Authenticator, EncryptionKey, EncTicketPart, Ticket, Transited
from bossa.krb.names import krbtgt
from bossa.krb.ticket import lock, open
from bossa.krb.usages import Usage
from bossa.wire import WireError

KDC, SESSION = Key(18, b"k" * 32), Key(18, b"s" * 32)
NOW = 1_800_000_000
NAME = krbtgt("B.T")
SEED = b"c" * 16
PART = EncTicketPart(0, EncryptionKey(18, SESSION.octets), "B.T", NAME, Transited(), NOW, None, NOW + 9).encode()
PROOF = Authenticator("B.T", NAME, None, 0, NOW).encode()


def ap_req(part: bytes, proof: bytes) -> bytes:
    """Return an AP-REQ with these insides."""
    ticket = Ticket("B.T", NAME, lock(KDC, Usage.TICKET, part, SEED, 1))
    return ApReq(0, ticket, lock(SESSION, Usage.AP_REQ_AUTHENTICATOR, proof, SEED)).encode()


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    kind, rest = data[:1], data[1:]
    if kind == b"t":
        octets = ap_req(rest, PROOF)
    elif kind == b"a":
        octets = ap_req(PART, rest)
    else:
        octets = rest
    try:
        req = ApReq.decode(octets)
        shown = open_request(req, open(req.ticket, KDC), Usage.AP_REQ_AUTHENTICATOR, NOW, 300)
    except (WireError, KdcError, BadIntegrity):
        return
    assert shown.authenticator.cname.parts == shown.ticket.part.cname.parts != ()


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
