"""Server cookies: what a client gets, and whether one that came back is ours.

A server cookie is sixteen octets: version, three reserved ones, the time of
making, and SipHash-2-4 over the client cookie, these and the client's address.
Nothing is remembered of clients.  The newest secret makes cookies, older ones
verify still.  RFC 7873 §5.2, RFC 9018 §4.  A query worker imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import NamedTuple

from siphash24 import siphash24  # type: ignore[import-not-found]  # it is compiled, and has no stub

SECRET_SIZE = 16
CLIENT_SIZE = 8
# Version 1 and the reserved octets.
_START = b"\x01\x00\x00\x00"
# A whole option of this form: client cookie, head of the server cookie, and its hash.
_HASHED = CLIENT_SIZE + 8
_WHOLE = _HASHED + 8
# Seconds that a cookie is good for, that clocks of one service may differ, and after which it is made anew.
# RFC 9018 §4.3
_OLDEST = 3600
_AHEAD = 300
_RENEWED = 1800
# A secret makes cookies for a week; the one before verifies for a day more, far longer than its last cookie is good.
ROLL_AFTER = 7 * 86400
_KEEP_OLD = 86400


def well_formed(cookie: bytes) -> bool:
    """Tell whether a COOKIE option's data has one of the lengths that there are.  RFC 7873 §5.2.2"""
    return len(cookie) == CLIENT_SIZE or 16 <= len(cookie) <= 40


class Cookies:
    """Makes and checks server cookies under ``secrets``, the newest first."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def make(self, client: bytes, host: bytes, now: int) -> bytes:
        """Return an option's data for a client: its own cookie, and a server cookie made now."""
        start = client + _START + (now & 0xFFFFFFFF).to_bytes(4, "big")
        mac: bytes = siphash24(start + host, key=self._secrets[0]).digest()
        return start + mac

    def check(self, cookie: bytes, host: bytes, now: int) -> bytes | None:
        """Return what a client with a valid server cookie gets, the same unless it is old; None for one not ours."""
        if len(cookie) != _WHOLE or cookie[CLIENT_SIZE] != 1:
            return None
        # Serial arithmetic; the reserved octets are hashed as they came.
        age = (now - int.from_bytes(cookie[12:_HASHED], "big") + _AHEAD & 0xFFFFFFFF) - _AHEAD
        if age > _OLDEST:
            return None
        hashed, mac = cookie[:_HASHED] + host, cookie[_HASHED:]
        for secret in self._secrets:
            if compare_digest(siphash24(hashed, key=secret).digest(), mac):
                fresh = age < _RENEWED and secret is self._secrets[0]
                return cookie if fresh else self.make(cookie[:CLIENT_SIZE], host, now)
        return None


class Secret(NamedTuple):
    """A secret of ours, and when it was made."""

    made: int
    octets: bytes


def rolled(secrets: Sequence[Secret], now: int, random: Callable[[int], bytes]) -> tuple[Secret, ...]:
    """Return the secrets for this moment, the newest first; ``random`` gives octets.  RFC 9018 §5"""
    # One from the future was made under a wrong clock, and would stay for as long.
    if not secrets or not -_KEEP_OLD < now - secrets[0].made < ROLL_AFTER:
        secrets = (Secret(now, random(SECRET_SIZE)), *secrets)
    newest, *older = secrets
    return (newest, *older[:1]) if now - newest.made < _KEEP_OLD else (newest,)


def encode_secrets(secrets: Sequence[Secret]) -> bytes:
    """Return secrets as lines of text: when made, and 32 hexadecimal digits."""
    return "".join(f"{made} {octets.hex()}\n" for made, octets in secrets).encode()


def decode_secrets(text: bytes) -> tuple[Secret, ...]:
    """Read what :func:`encode_secrets` wrote; raises ValueError."""
    return tuple(map(_decode_secret, text.decode("ascii").splitlines()))


def _decode_secret(line: str) -> Secret:
    made, digits = line.split()
    octets = bytes.fromhex(digits)
    if len(octets) != SECRET_SIZE:
        raise ValueError(f"a secret has {SECRET_SIZE} octets, this one {len(octets)}")
    return Secret(int(made), octets)
