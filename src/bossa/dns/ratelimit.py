"""Response rate limiting: how many equal answers one client network gets in a second.

Whoever forges a victim's address makes us send the same answer over and over;
an honest resolver remembers it.  Each pair of a client's network and a kind of
answer has an account of so many answers a second, with debts of up to fifteen
seconds: a flood is silenced until it ends, and for that long at most.  Of the
answers held back each ``slip``-th goes out truncated, so that an honest client
comes by TCP.  What proved its address (a valid cookie, TCP, a signature) is
not to be brought here.  A query worker imports this module.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bossa.dns.policy import Network

HEADER = 12
# Seconds of answers that an account may owe.
WINDOW = 15.0
# Accounts in each of two generations; when the younger is full, the elder is forgotten.
MAX_ACCOUNTS = 20_000
# The octets that make a client's network: /24 and /56.
_NETWORK = {4: 3, 16: 7}
_TC = 2
_NXDOMAIN = 3
_SOA = b"\x00\x06"
_OPT_START = b"\x00\x00\x29"
_OPT_SIZE = 11

Account = list[float]


class Verdict(IntEnum):
    """What becomes of an answer."""

    SEND = 0
    DROP = 1
    SLIP = 2


class RateLimit:
    """The accounts of one process; ``rate`` is in answers a second and need not be whole."""

    def __init__(self, rate: float, slip: int, exempt: tuple[tuple[int, int, int], ...] = ()) -> None:
        self._rate = rate
        # Less than one answer would be none for ever.
        self._most = max(rate, 1.0)
        self._slip = slip
        self._exempt = exempt
        self._young: dict[bytes, Account] = {}
        self._old: dict[bytes, Account] = {}

    @classmethod
    def decode(cls, encoded: bytes) -> RateLimit | None:
        """Take over what :func:`encode` gave, from ourselves only; None when there is no limit."""
        rate, slip, exempt = marshal.loads(encoded)
        return cls(rate, slip, tuple(exempt)) if rate else None

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def verdict(self, host: bytes, answer: bytes, now: float) -> Verdict:
        """Take an answer to a client off its account and say what becomes of it; ``host`` is 4 or 16 octets."""
        if self._exempt and self._is_exempt(host):
            return Verdict.SEND
        account = self._account(network(host) + kind(answer), now)
        balance, then, _ = account
        # A clock that was set back gives nothing and takes nothing.
        balance = min(balance + max(now - then, 0.0) * self._rate, self._most) - 1
        account[0], account[1] = max(balance, -WINDOW * self._most), now
        if balance >= 0:
            account[2] = 0
            return Verdict.SEND
        return self._held_back(account)

    def _account(self, key: bytes, now: float) -> Account:
        account = self._young.get(key)
        if account is None:
            if len(self._young) >= MAX_ACCOUNTS:
                self._old, self._young = self._young, {}
            account = self._young[key] = self._old.pop(key, [self._most, now, 0])
        return account

    def _held_back(self, account: Account) -> Verdict:
        """Let the first of each ``slip`` answers slip."""
        held = account[2]
        account[2] = held + 1
        return Verdict.SLIP if self._slip and held % self._slip == 0 else Verdict.DROP

    def _is_exempt(self, host: bytes) -> bool:
        number, size = int.from_bytes(host, "big"), len(host)
        return any(size == octets and number & mask == value for octets, value, mask in self._exempt)


def encode(rate: float, slip: int, exempt: Iterable[Network], processes: int = 1) -> bytes:
    """Return the limit of one of several processes in the form that :meth:`RateLimit.decode` takes; rate 0 is none."""
    networks = [(one.max_prefixlen // 8, int(one.network_address), int(one.netmask)) for one in exempt]
    return marshal.dumps((rate / processes, slip, networks))


def network(host: bytes) -> bytes:
    """Return the network of a client's address, /24 or /56."""
    return host[: _NETWORK[len(host)]]


def kind(answer: bytes) -> bytes:
    """Return what makes answers equal.

    Answers with records: the question.  Names and types that are not there: the
    zone, whose random names are asked in a flood.  Referrals: the delegation.
    Errors: nothing more.
    """
    rcode = answer[3] & 0xF
    if rcode not in (0, _NXDOMAIN):
        return b"E"
    if answer[2] & _TC or (answer[6:8] != b"\x00\x00" and rcode == 0):
        # A name with a zero octet inside is cut there, which joins accounts and parts none.
        end = answer.find(b"\x00", HEADER)
        return b"A" + answer[HEADER : end + 3].lower()
    end = _name_end(answer, HEADER)
    if answer[6:8] != b"\x00\x00":
        # A chain of aliases into nothing: any number of names may lead there.
        return b"N" + _parent(answer[HEADER:end].lower())
    pointer, rtype = answer[end + 4 : end + 6], answer[end + 6 : end + 8]
    # Of zones in our answers the name is the end of the question's; what others wrote may be elsewhere.
    at = int.from_bytes(pointer, "big") - 0xC000
    above = answer[at:end] if HEADER <= at < end else _parent(answer[HEADER:end])
    return (b"N" if rcode or rtype == _SOA or not pointer else b"R") + above.lower()


def _name_end(answer: bytes, at: int) -> int:
    """Return where the question's name has ended, the answer's end at most."""
    size = len(answer)
    while at < size and answer[at]:
        at += answer[at] + 1
    return min(at + 1, size)


def _parent(name: bytes) -> bytes:
    return name[name[0] + 1 :] if name and name[0] else name


def slipped(answer: bytes) -> bytes:
    """Return an answer as its truncated form: the question, TC, and the OPT, whose cookie may open the door."""
    flags = bytes((answer[2] | _TC, answer[3]))
    if answer[4:6] == b"\x00\x00":
        return answer[:2] + flags + bytes(8)
    opt = _opt(answer)
    counts = b"\x00\x01\x00\x00\x00\x00" + (b"\x00\x01" if opt else b"\x00\x00")
    return answer[:2] + flags + counts + answer[HEADER : _name_end(answer, HEADER) + 4] + opt


def _opt(answer: bytes) -> bytes:
    """Return the OPT, which is the last record of answers without a signature; nothing when there is none."""
    at = answer.rfind(_OPT_START, HEADER) if answer[10:12] != b"\x00\x00" else -1
    while at >= 0 and at + _OPT_SIZE + int.from_bytes(answer[at + 9 : at + _OPT_SIZE], "big") != len(answer):
        at = answer.rfind(_OPT_START, HEADER, at + 2)
    return answer[at:] if at >= 0 else b""
