"""Whatever is sent as an AS-REQ is refused as WireError, or written again as it was; so are the values inside it.

Run with ``python fuzz/fuzz_as_req.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import contextlib
import sys

from bossa.krb.messages import EncryptedData, KdcReq
from bossa.krb.padata import KrbFastArmoredReq, PaEncTsEnc, PaPacRequest, PaType
from bossa.wire import WireError

INSIDE = {
    PaType.ENC_TIMESTAMP: EncryptedData,
    PaType.ENCRYPTED_CHALLENGE: PaEncTsEnc,
    PaType.PAC_REQUEST: PaPacRequest,
    PaType.FX_FAST: KrbFastArmoredReq,
}


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    try:
        req = KdcReq.decode(b"\x6a" + data[1:])
    except WireError:
        return
    again = KdcReq.decode(req.encode())
    assert again == req and req.body.raw in data and req.msg_type == 10
    for item in req.padata:
        if item.type in INSIDE:
            with contextlib.suppress(WireError):
                value = INSIDE[item.type].decode(item.value)
                assert INSIDE[item.type].decode(value.encode()) == value


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
