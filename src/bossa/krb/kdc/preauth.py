"""Whether a client knows its key, and what it is told when it has not shown that yet.

RFC 4120 §5.2.7 (encrypted timestamp, ETYPE-INFO2), RFC 6113 §5.2 (cookie) and
§5.4.6 (encrypted challenge).  Under armor the challenge counts and nothing
else, without armor the timestamp.  Only the newest keys prove anything: a
password that was changed is no password.  No proof is remembered: who sends one
again gets a reply that opens only with the client's key, and under armor with
the armor's too, whose subkey the client chose (RFC 4120 §3.1.3).  The proof may be in any type that
the account has a key of; the reply's is the client's first that fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from bossa.crypto.enctypes import CONFOUNDER, BadIntegrity, Key
from bossa.directory.realm import Principal, Version
from bossa.krb import fast
from bossa.krb.armor import answer, check_challenge
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.bits import Flag
from bossa.krb.kdc.outcome import Demand
from bossa.krb.kdc.turn import Turn
from bossa.krb.messages import EncryptedData, KdcReq, PaData, find_padata
from bossa.krb.padata import EtypeInfo2Entry, PaEncTsEnc, PaType, encode_etype_info2
from bossa.krb.ticket import unlock
from bossa.krb.usages import Usage


@dataclass(frozen=True, slots=True)
class Proof:
    """The key of the reply, and what the proof does to ticket and reply."""

    key: Key
    kvno: int
    flags: int = 0
    padata: tuple[PaData, ...] = ()


def authenticate(turn: Turn, req: KdcReq, principal: Principal) -> Proof | Demand:
    """Check what a client shows of its key, or say what it has to show.  RFC 4120 §3.1.3, RFC 6113 §5.4.6"""
    version = _newest(principal)
    key = _reply_key(turn, req, version)
    told = _etype_info2((key.enctype,), version.salt)
    shown = find_padata(req.padata, _mechanism(turn))
    if shown is None:
        if principal.account.preauth:
            return _demand(turn, req, version, KrbCode.PREAUTH_REQUIRED, "a proof of the key is asked for")
        return Proof(key, version.kvno, padata=(told,))
    try:
        told_back = _check(turn, version, shown, key)
    except BadIntegrity:
        name = principal.account.name
        return _demand(turn, req, version, KrbCode.PREAUTH_FAILED, f"the proof of {name} was made with another key")
    return Proof(key, version.kvno, Flag.PRE_AUTHENT, (told, *told_back))


def _mechanism(turn: Turn) -> int:
    return PaType.ENC_TIMESTAMP if turn.armored is None else PaType.ENCRYPTED_CHALLENGE


def _newest(principal: Principal) -> Version:
    if not principal.versions:
        raise KdcError(KrbCode.NULL_KEY, f"{principal.account.name} has no key")
    return principal.versions[0]


def _usable(turn: Turn, req: KdcReq, version: Version) -> tuple[int, ...]:
    """Return the client's types, in its order, that the realm permits and the account has."""
    permitted = turn.settings.enctypes
    return tuple(one for one in dict.fromkeys(req.body.etypes) if one in version.keys and one in permitted)


@lru_cache(maxsize=8192)
def _etype_info2(etypes: tuple[int, ...], salt: str) -> PaData:
    """Say with which salt keys of these types are made.  RFC 4120 §5.2.7.5"""
    return PaData(PaType.ETYPE_INFO2, encode_etype_info2(tuple(EtypeInfo2Entry(one, salt) for one in etypes)))


def _reply_key(turn: Turn, req: KdcReq, version: Version) -> Key:
    usable = _usable(turn, req, version)
    if not usable:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"the account has no key of the types {req.body.etypes}")
    return version.keys[usable[0]]


def _demand(turn: Turn, req: KdcReq, version: Version, code: KrbCode, reason: str) -> Demand:
    """Say how to prove the key: types and salts, the mechanism, that there is armor.  RFC 4120 §5.2.7.5"""
    offers = (_etype_info2(_usable(turn, req, version), version.salt), PaData(_mechanism(turn), b""))
    armor = (PaData(PaType.FX_FAST, b""),) if turn.armored is None else ()
    return Demand(code, reason, (*offers, *armor, fast.COOKIE))


def _check(turn: Turn, version: Version, shown: bytes, usual: Key) -> tuple[PaData, ...]:
    """Open a proof, return what answers it; raises BadIntegrity for a wrong key, KdcError for a wrong clock."""
    if turn.armored is not None:
        return _check_challenge(turn, turn.armored.armor_key, shown, (usual, *version.keys.values()))
    locked = EncryptedData.decode(shown)
    key = version.keys.get(locked.etype)
    if key is None:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"the proof is of type {locked.etype}, of which the account has no key")
    _check_clock(turn, unlock(key, Usage.PA_ENC_TIMESTAMP, locked))
    return ()


def _check_challenge(turn: Turn, armor: Key, shown: bytes, keys: Iterable[Key]) -> tuple[PaData, ...]:
    """Open a challenge, which does not say with which of the account's keys it was made.  RFC 6113 §5.4.6"""
    for key in dict.fromkeys(keys):
        try:
            check_challenge(armor, key, shown, turn.now, turn.settings.skew)
        except KdcError as e:
            if e.code is not KrbCode.PREAUTH_FAILED:
                raise
            continue
        return (answer(armor, key, turn.now, turn.random(CONFOUNDER)),)
    raise BadIntegrity("no key of the account opens the challenge")


def _check_clock(turn: Turn, stamp: bytes) -> None:
    off = PaEncTsEnc.decode(stamp).patimestamp - turn.now
    if abs(off) > turn.settings.skew:
        raise KdcError(KrbCode.SKEW, f"the client's clock is off by {off:.0f} seconds")
