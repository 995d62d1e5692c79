"""TSIG over an answer of many messages: signing ours, verifying a primary's.  RFC 8945 §5.3.1

The first message is signed as any answer.  Each later signature covers the
MAC before it, every message since, and the time only.  We sign every message;
of others up to 99 in a row may be unsigned, and the last one is signed.  What
was received is believed only once a signature covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bossa.dns import tsig
from bossa.dns.errors import TransferFailed, TsigError, rcode_text
from bossa.dns.message import Message
from bossa.dns.names import to_text
from bossa.dns.tsig import RawTsig, Repeated, Signed, Signer, Variables, length_and

# How many messages may follow one another without a signature.
MOST_UNSIGNED = 99


def sign_stream(messages: Iterable[bytes], signed: Signed, clock: Callable[[], float]) -> Iterator[bytes]:
    """Sign every message of an answer that takes many.

    The first is signed as any answer; each of the others over the MAC before
    it, itself, and the time only.
    """
    key, previous = signed.key, b""
    for message in messages:
        variables = Variables(key.name, key.algorithm_wire, int(clock()), signed.request.fudge)
        if previous:
            data = length_and(previous) + message + variables.timers()
        else:
            data = length_and(signed.request.mac) + message + variables.encode()
        previous = key.sign(data)
        yield tsig.append(message, variables, previous)


class StreamVerifier:
    """Checks the messages of an answer to a request of ours, in their order.

    ``request_mac`` is the MAC of that request.  After a failure nothing of the
    answer is to be used; nor is anything before :meth:`finish` has returned.
    """

    def __init__(self, key: Signer, request_mac: bytes) -> None:
        self._key = key
        self._first = True
        # How many messages came since the last signature.
        self._unsigned = 0
        # What the next MAC is over: the one before it, and all since.  §4.3.1
        self._digested = [length_and(request_mac)]

    def take(self, message: Message, now: int) -> None:
        """Check one message; raises TransferFailed, and WireError for a TSIG out of its place."""
        raw = tsig.find(message)
        if raw is None:
            self._take_unsigned(message)
            return
        variables = tsig.variables_of(raw)
        self._digested += (tsig.stripped(message.wire, raw), variables.encode() if self._first else variables.timers())
        self._check(raw, now)
        self._first, self._unsigned = False, 0
        self._digested = [length_and(raw.mac)]

    def finish(self) -> None:
        """Raise TransferFailed unless the last message was signed."""
        if self._first or self._unsigned:
            raise TransferFailed("the last message is not signed")

    def _take_unsigned(self, message: Message) -> None:
        if self._first:
            raise TransferFailed(f"the answer is not signed, and says {rcode_text(message.rcode)}")
        self._unsigned += 1
        if self._unsigned > MOST_UNSIGNED:
            raise TransferFailed(f"more than {MOST_UNSIGNED} messages in a row are not signed")
        self._digested.append(message.wire)

    def _check(self, raw: RawTsig, now: int) -> None:
        """Raise TransferFailed unless key, MAC and time are right, in this order.  §5.2"""
        if raw.error in (TsigError.BADKEY, TsigError.BADSIG) and not raw.mac:
            raise TransferFailed(f"the server does not accept our signature: {TsigError(raw.error).name}")
        if raw.name != self._key.name or raw.algorithm != self._key.algorithm_wire:
            raise TransferFailed(f"a message is signed by {to_text(raw.name)}")
        if not self._fits(raw.mac):
            raise TransferFailed("the MAC of a message does not fit")
        if raw.error == TsigError.BADTIME:
            raise TransferFailed(f"the server's clock is not ours: off by {_server_time(raw) - now} s")
        if abs(now - raw.time) > raw.fudge:
            raise TransferFailed(f"BADTIME: a message was signed {now - raw.time} s ago")

    def _fits(self, mac: bytes) -> bool:
        try:
            return self._key.verifies(b"".join(self._digested), mac)
        except Repeated:
            return False


def _server_time(raw: RawTsig) -> int:
    """Return the clock of a server that said BADTIME.  §5.2.3"""
    return int.from_bytes(raw.other, "big")
