"""How a client's exchange speaks with whoever moves its bytes.

An exchange is a generator: it yields an Ask, is sent the reply's octets,
and returns what was wanted.  It knows no sockets; who drives it finds the
realm's server, and asks again over TCP where UDP's answer is too big.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeVar

from bossa.crypto.enctypes import CONFOUNDER, SUPPORTED, Key, random_key
from bossa.krb.errors import KrbCode
from bossa.krb.messages import KrbError
from bossa.krb.names import PrincipalName

T = TypeVar("T")


class Server(Enum):
    """Which of a realm's servers is asked."""

    KDC = "kdc"
    PASSWORDS = "kpasswd"


class Ask(NamedTuple):
    """A message for a server of ``realm``."""

    realm: str
    message: bytes
    server: Server = Server.KDC


Exchange = Generator[Ask, bytes, T]


class KdcSaid(Exception):
    """The KDC refused: its code, and its text if it sent any."""

    def __init__(self, code: int, text: str = "", error: KrbError | None = None) -> None:
        known = KrbCode(code).name if code in KrbCode.__members__.values() else str(code)
        super().__init__(f"{known} {text}".strip())
        self.code = code
        self.text = text
        self.error = error

    @classmethod
    def of(cls, error: KrbError) -> KdcSaid:
        """The exception for a KRB-ERROR."""
        return cls(error.error_code, error.e_text or "", error)


@dataclass(frozen=True, slots=True)
class Setting:
    """What an exchange must be told: the time, where random octets come from, how far clocks may differ."""

    now: float
    random: Callable[[int], bytes]
    skew: float = 300

    @property
    def seconds(self) -> int:
        """The whole seconds of the time."""
        return int(self.now)

    @property
    def microseconds(self) -> int:
        """The rest of the time."""
        return int((self.now - int(self.now)) * 1_000_000)

    def nonce(self) -> int:
        """A nonce; positive even where it is taken for an Int32."""
        return int.from_bytes(self.random(4), "big") >> 1

    def confounder(self) -> bytes:
        """Octets to encrypt under."""
        return self.random(CONFOUNDER)

    def key(self, enctype: int) -> Key:
        """A fresh key."""
        return random_key(enctype, self.random)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What ticket is wanted; ``till`` 0 is as long as the KDC gives."""

    options: int = 0
    till: int = 0
    renew_till: int | None = None
    etypes: tuple[int, ...] = SUPPORTED
    service: PrincipalName | None = None
    pac: bool | None = None
    armored: bool = False
