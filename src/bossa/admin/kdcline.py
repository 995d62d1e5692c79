"""Conversations with a KDC carried over sockets: UDP first, TCP for an answer that is too big.  RFC 4120 §7.2"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bossa.krb.client import Ask, Exchange
from bossa.krb.errors import KrbCode
from bossa.krb.messages import KrbError
from bossa.net.ask import Address

T = TypeVar("T")
# Sends octets to an address and returns those that come back within so many seconds; raises OSError.
Carry = Callable[[Address, bytes, float], bytes]

_SECONDS = 3.0
_ERROR_TAG = b"\x7e"


@dataclass(frozen=True, slots=True)
class KdcLine:
    """The way to each realm's KDCs; ``addresses`` of a realm that is not known raises Failure."""

    addresses: Callable[[str], tuple[Address, ...]]
    udp: Carry
    tcp: Carry

    def talk(self, conversation: Exchange[T], *, streams: bool = False) -> T:
        """Carry a conversation through; raises OSError, and what the conversation raises."""
        try:
            asked = next(conversation)
            while True:
                asked = conversation.send(self._answer(asked, streams=streams))
        except StopIteration as e:
            result: T = e.value
            return result

    def _answer(self, asked: Ask, *, streams: bool) -> bytes:
        """Ask one KDC of the realm after the other."""
        *others, last = self.addresses(asked.realm)
        for address in others:
            try:
                return self._ask(address, asked.message, streams=streams)
            except OSError:
                continue
        return self._ask(last, asked.message, streams=streams)

    def _ask(self, address: Address, message: bytes, *, streams: bool) -> bytes:
        if not streams and not _is_too_big(reply := self.udp(address, message, _SECONDS)):
            return reply
        return self.tcp(address, message, _SECONDS)


def _is_too_big(reply: bytes) -> bool:
    """Tell whether an answer is to be fetched over TCP.  RFC 4120 §7.2.1"""
    return reply[:1] == _ERROR_TAG and KrbError.decode(reply).error_code == KrbCode.RESPONSE_TOO_BIG
