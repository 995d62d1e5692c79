"""Whatever is sent as a TGS-REQ is refused as WireError, or written again as it was; so are its tickets and users.

Run with ``python fuzz/fuzz_tgs_req.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import contextlib
import sys

from bossa.krb.messages import ApReq, KdcReq, Ticket
from bossa.krb.padata import KrbFastArmoredReq, PaForUser, PaPacOptions, PaS4uX509User, PaType
from bossa.wire import WireError

INSIDE = {
    PaType.TGS_REQ: ApReq,
    PaType.FOR_USER: PaForUser,
    PaType.S4U_X509_USER: PaS4uX509User,
    PaType.PAC_OPTIONS: PaPacOptions,
    PaType.FX_FAST: KrbFastArmoredReq,
}


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    try:
        req = KdcReq.decode(b"\x6c" + data[1:])
    except WireError:
        return
    assert KdcReq.decode(req.encode()) == req and req.body.raw in data and req.msg_type == 12
    assert all(Ticket.decode(ticket.raw) == ticket for ticket in req.body.additional_tickets)
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
