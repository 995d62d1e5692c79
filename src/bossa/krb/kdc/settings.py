"""What an operator can set about the tickets of a realm; times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from bossa.crypto.enctypes import SUPPORTED


@dataclass(frozen=True, slots=True)
class Lockout:
    """When wrong passwords lock an account: ``after`` of them within ``window``, for ``duration``; 0 for never."""

    after: int = 10
    window: int = 600
    duration: int = 600


@dataclass(frozen=True, slots=True)
class KdcSettings:
    """The policy of a realm.  RFC 4120 §8.2 recommends the values for times."""

    # From now on, and for renewals from the first ticket on.
    max_life: int = 36_000
    max_renew: int = 604_800
    # A ticket to change a password with is for that, and not for a day.
    changepw_life: int = 300
    # What clocks may differ by.
    skew: int = 300
    # The largest answer that leaves over UDP.
    udp_limit: int = 1465
    # What keys and session keys may be of, preferred first.
    enctypes: tuple[int, ...] = SUPPORTED
    # For how long an old version of a key opens tickets, once there is a newer one.
    rollover: int = 36_300
    lockout: Lockout = field(default_factory=Lockout)
