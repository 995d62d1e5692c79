"""The KDC: a packet in, an outcome out, whatever the packet is.

RFC 4120 §3.1 to §3.3, §5.9 and §7.2.1.  Octets that are no request get no
answer, a request of no shape KRB_ERR_GENERIC, and what is refused the code and
its name: the reason is for the log.  Only a bug gets out of here as an
exception.
"""

from __future__ import annotations

from collections.abc import Callable

from bossa.crypto.enctypes import CONFOUNDER
from bossa.directory.realm import Realm
from bossa.krb import fast
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.as_exchange import as_exchange
from bossa.krb.kdc.opened import OpenTickets
from bossa.krb.kdc.outcome import Demand, Outcome, Verdict
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.kdc.tgs_exchange import tgs_exchange
from bossa.krb.kdc.turn import Party, Random, Turn
from bossa.krb.messages import AS_REQ, TGS_REQ, KdcReq, KrbError, PaData, encode_padata
from bossa.krb.names import krbtgt
from bossa.wire.errors import WireError

Exchange = Callable[[Turn, KdcReq], bytes | Demand]

# A message begins with its application tag.  RFC 4120 §5.10
_EXCHANGES: dict[int, tuple[str, Exchange]] = {
    0x60 | AS_REQ: ("AS", as_exchange),
    0x60 | TGS_REQ: ("TGS", tgs_exchange),
}


class Kdc:
    """One realm's KDC in one process."""

    def __init__(self, realm: Realm, settings: KdcSettings, random: Random) -> None:
        self.realm = realm
        self.settings = settings
        self._random = random
        self._tickets = OpenTickets()

    def answer(self, packet: bytes, now: float, host: str, *, limit: int | None = None) -> Outcome:
        """Answer a packet from ``host`` (an address); ``limit`` is the largest answer, None over TCP."""
        name, exchange = _EXCHANGES.get(packet[0], _NONE) if packet else _NONE
        turn = Turn(self.realm, self.settings, self._random, self._tickets, packet, now, host, name)
        if exchange is None:
            return _outcome(turn, b"", Verdict.REFUSED, None, "not a request")
        try:
            reply = exchange(turn, KdcReq.decode(packet))
        except WireError as e:
            return _refused(turn, KrbCode.GENERIC, f"not of the shape of a request: {e}", b"")
        except KdcError as e:
            return _refused(turn, e.code, e.reason, e.e_data)
        if isinstance(reply, Demand):
            return _demanded(turn, reply)
        if limit is not None and len(reply) > limit:
            return _too_big(turn, len(reply), limit)
        return _outcome(turn, reply, Verdict.ISSUED, None, turn.reason)


_NONE: tuple[str, None] = ("", None)


def _outcome(turn: Turn, reply: bytes, verdict: Verdict, code: KrbCode | None, reason: str) -> Outcome:
    return Outcome(
        reply,
        verdict,
        code,
        turn.exchange,
        _text(turn.client),
        _text(turn.service),
        reason,
        delegated_by=_text(turn.delegated_by),
        account=turn.account,
    )


def _text(party: Party | None) -> str:
    return party.text if party is not None else ""


def _refused(turn: Turn, code: KrbCode, reason: str, e_data: bytes) -> Outcome:
    error = krb_error(turn, code, e_data=e_data or None)
    return _outcome(turn, _armored(turn, error, ()), Verdict.REFUSED, code, reason)


def _demanded(turn: Turn, demand: Demand) -> Outcome:
    """Answer with what the client has to do; a wrong password is one to count."""
    e_data = encode_padata(demand.padata) if demand.padata else None
    error = krb_error(turn, demand.code, e_data=e_data, crealm=demand.crealm)
    verdict = Verdict.FAILED if demand.code is KrbCode.PREAUTH_FAILED else Verdict.TURN
    return _outcome(turn, _armored(turn, error, demand.padata), verdict, demand.code, demand.reason)


def _too_big(turn: Turn, size: int, limit: int) -> Outcome:
    """Send the client to TCP.  RFC 4120 §7.2.1"""
    code = KrbCode.RESPONSE_TOO_BIG
    return _outcome(turn, krb_error(turn, code).encode(), Verdict.TURN, code, f"{size} octets, {limit} fit")


def _armored(turn: Turn, error: KrbError, padata: tuple[PaData, ...]) -> bytes:
    """Write an error, in the armor of the request if it had one.  RFC 6113 §5.4.4"""
    if turn.armored is None:
        return error.encode()
    return fast.wrap_error(turn.armored, error, padata, turn.random(CONFOUNDER))


def krb_error(turn: Turn, code: KrbCode, *, e_data: bytes | None = None, crealm: str = "") -> KrbError:
    """Say no.  Client and service are named as the request named them.  RFC 4120 §5.9.1"""
    ours, body = turn.realm.info.realm, turn.body
    cname = body.cname if body is not None else None
    return KrbError(
        error_code=code,
        stime=turn.seconds,
        susec=turn.microseconds,
        realm=ours,
        sname=(body.sname if body is not None else None) or krbtgt(ours),
        cname=cname,
        crealm=(crealm or body.realm) if body is not None and cname is not None else None,
        e_text=code.name,
        e_data=e_data,
    )
