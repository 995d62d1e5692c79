"""Whatever the octets, a request is silence, a rejection, an answer that reads back, or an update that is decided.

Run with ``python fuzz/fuzz_request.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import ipaddress
import sys

from bossa.dns import names, query, ratelimit, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Refused
from bossa.dns.exchange import Exchange, Rejected, Settings, open_exchange
from bossa.dns.image import Image
from bossa.dns.lookup import Zones
from bossa.dns.message import Message
from bossa.dns.options import Options
from bossa.dns.policy import Rules, parse_rule
from bossa.dns.ports import RuleRow
from bossa.dns.prepare import Preparer
from bossa.dns.tsig import Algorithm, Key
from bossa.dns.update import decide, read_update
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone

APEX = names.from_text("t.")
MARK = Mark(Origin.FILE, 0)
LOCAL = ipaddress.ip_address("127.0.0.1")
KEY = Key(names.from_text("k."), Algorithm.HMAC_SHA256, bytes(32))
EVERYTHING = Rules((parse_rule(RuleRow(who="net:0.0.0.0/0", scope="zone", types=("ANY",))),))
SETTINGS = Settings(recursion=(ipaddress.ip_network("127.0.0.0/8"),), options=Options((bytes(16),), b"fuzz"))


def _zone() -> Zone:
    soa = Soa(APEX, APEX, 1, 1, 1, 1, 1).encode()
    a, mx = b"\x0a\x00\x00\x01", b"\x00\x01\x01a\x01t\x00"
    zone = Zone(APEX)
    for owner, rtype, rdata in (("@", types.SOA, soa), ("@", types.NS, APEX), ("a", types.A, a), ("*.w", types.MX, mx)):
        zone.put(names.from_text(owner, APEX), rtype, RRset(rtype, 60, (rdata,), (MARK,)))
    return zone


ZONES = Zones({APEX: _zone()})
IMAGE = Image()
_PREPARER = Preparer(ZONES, (), recursion=True)
IMAGE.apply(_PREPARER.zone_forms(ZONES[APEX]).encode())
IMAGE.apply(_PREPARER.names(_PREPARER.zone_names(ZONES[APEX]), ZONES[APEX]).encode())


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    prepared = IMAGE.answer(data)
    if prepared is not None:
        _limited(prepared)
    exchange = open_exchange(data, LOCAL, {KEY.name: KEY}, 0, SETTINGS, tcp=False)
    if isinstance(exchange, Rejected):
        return
    if exchange.message.opcode == types.Opcode.UPDATE:
        _update(exchange)
        return
    answer = query.answer(exchange, ZONES, {})
    if isinstance(answer, bytes):
        _limited(answer)


def _limited(answer: bytes) -> None:
    """An answer reads back, whole and cut short."""
    ratelimit.kind(answer)
    for wire in (answer, ratelimit.slipped(answer)):
        Message.decode(wire)


def _update(exchange: Exchange) -> None:
    draft = Draft(ZONES[APEX])
    try:
        decide(read_update(exchange.message), draft, EVERYTHING, exchange.caller, MARK)
    except Refused:
        return
    draft.close()


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
