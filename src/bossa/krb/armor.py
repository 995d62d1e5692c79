"""The keys of an armored exchange, and the encrypted challenge inside it.

RFC 6113 §5.1 (peppers), §5.4.1.1 (armor key), §5.4.3 (strengthened reply
key) and §5.4.6 (encrypted challenge).  Both sides compute the same; a
challenge is under a key of its own in either direction, so that none can
be given back to who made it.
"""

from __future__ import annotations

from bossa.crypto.enctypes import BadIntegrity, Key, fx_cf2
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncryptedData, PaData
from bossa.krb.padata import PaEncTsEnc, PaType
from bossa.krb.ticket import lock, unlock
from bossa.krb.usages import Usage

ARMOR_AP_REQUEST = 1
# RFC 6113 §5.4.2: authorization data that forbids a ticket or authenticator anywhere but in an armor,
# and that says that its request was armored.
AD_FAST_ARMOR, AD_FAST_USED = 71, 72


def armor_key(subkey: Key, session: Key) -> Key:
    """The key of the armor made of an AP-REQ.  RFC 6113 §5.4.1.1"""
    return fx_cf2(subkey, session, b"subkeyarmor", b"ticketarmor")


def strengthened(strengthen: Key | None, reply_key: Key) -> Key:
    """The reply key as the strengthen key, where there is one, makes it.  RFC 6113 §5.4.3"""
    if strengthen is None:
        return reply_key
    return fx_cf2(strengthen, reply_key, b"strengthenkey", b"replykey")


def challenge(armor: Key, long_term: Key, now: float, confounder: bytes) -> PaData:
    """The client's proof that it has its long-term key.  RFC 6113 §5.4.6"""
    key = fx_cf2(armor, long_term, b"clientchallengearmor", b"challengelongterm")
    return _timestamp(key, Usage.ENC_CHALLENGE_CLIENT, now, confounder)


def answer(armor: Key, long_term: Key, now: float, confounder: bytes) -> PaData:
    """The KDC's proof in turn.  RFC 6113 §5.4.6"""
    key = fx_cf2(armor, long_term, b"kdcchallengearmor", b"challengelongterm")
    return _timestamp(key, Usage.ENC_CHALLENGE_KDC, now, confounder)


def check_challenge(armor: Key, long_term: Key, value: bytes, now: float, skew: float) -> None:
    """Verify the client's challenge; raises KdcError PREAUTH_FAILED or SKEW, or WireError.  RFC 6113 §5.4.6"""
    key = fx_cf2(armor, long_term, b"clientchallengearmor", b"challengelongterm")
    _check_timestamp(key, Usage.ENC_CHALLENGE_CLIENT, value, now, skew)


def check_answer(armor: Key, long_term: Key, value: bytes, now: float, skew: float) -> None:
    """Verify the KDC's answer to a challenge; raises as :func:`check_challenge` does.  RFC 6113 §5.4.6"""
    key = fx_cf2(armor, long_term, b"kdcchallengearmor", b"challengelongterm")
    _check_timestamp(key, Usage.ENC_CHALLENGE_KDC, value, now, skew)


def _timestamp(key: Key, usage: Usage, now: float, confounder: bytes) -> PaData:
    """The time under ``key``."""
    seconds = int(now)
    plain = PaEncTsEnc(seconds, int((now - seconds) * 1_000_000)).encode()
    return PaData(PaType.ENCRYPTED_CHALLENGE, lock(key, usage, plain, confounder).encode())


def _check_timestamp(key: Key, usage: Usage, value: bytes, now: float, skew: float) -> None:
    """Verify that ``value`` is a time near ``now`` under ``key``."""
    try:
        stamp = PaEncTsEnc.decode(unlock(key, usage, EncryptedData.decode(value)))
    except BadIntegrity:
        raise KdcError(KrbCode.PREAUTH_FAILED, "the encrypted challenge is under another key") from None
    if abs(stamp.patimestamp - now) > skew:
        raise KdcError(KrbCode.SKEW, f"the challenge's time is {stamp.patimestamp - now:+.0f} s from ours")
