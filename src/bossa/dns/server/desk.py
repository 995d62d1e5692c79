"""The desk where questions come in: what is answered without the owner's rules, and how.

A query worker has one, and so has the owner where there is no worker.  The
image answers, or the table of what others answered; the client's options and
its right to recurse shape the answer; the rate limit may hold it back.  What
the desk cannot answer is for the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bossa.dns.image import Image
from bossa.dns.options import Options
from bossa.dns.ratelimit import RateLimit, Verdict, network, slipped
from bossa.dns.remembered import Remembered
from bossa.dns.server.known import Answers, Known
from bossa.dns.server.nearness import Nearness
from bossa.dns.server.orders import DnsOrder, encode_networks
from bossa.workers.channel import Order
from bossa.workers.desk import SILENCE

_ID = 2
_RCODE = 0x0F
_MOST_LIMITED = 16
_NOBODY: Mapping[bytes, Answers] = {}


class Sizes(NamedTuple):
    """The largest answer over UDP, and the octets for what others answered."""

    edns: int
    remembered: int


class Clocks(NamedTuple):
    """Seconds since 1970, and those of the clock that all processes share and nobody sets."""

    wall: Callable[[], float]
    steady: Callable[[], float]


class Desk:
    """Answers packets; the ID of each is its answer's too."""

    kept = _ID

    def __init__(self, sizes: Sizes, clocks: Clocks) -> None:
        self._image = Image(sizes.edns)
        self._remembered = Remembered(sizes.remembered, sizes.edns)
        self._clock, self._steady = clocks
        self._near = Nearness()
        self._known = Known(self._near)
        self._options = Options()
        self._limit: RateLimit | None = None
        self._encoded_limit = b""
        # Whether answers to clients who have not proved where they are need a second look.
        self._weighs = False
        # Networks whose answers were held back lately, for the log.
        self._limited: dict[bytes, None] = {}
        self._answered = self._slipped = self._dropped = self._recalled = 0

    def known(self) -> Mapping[bytes, Answers]:
        """Return what may be answered by the packet alone: nothing where each answer has to be weighed."""
        if self._weighs:
            return _NOBODY
        self._known.turn(int(self._steady()))
        return self._known.by_host

    def counters(self) -> dict[str, int]:
        """Return what was done since the start."""
        return {
            "answered": self._answered,
            "nxdomain": self._image.nxdomain,
            "recalled": self._recalled,
            "slipped": self._slipped,
            "dropped": self._dropped,
        }

    def count(self, answered: int) -> None:
        """Count answers that were known."""
        self._answered += answered

    def take(self, order: int, payload: bytes) -> None:
        """Take in what the owner says of answers and clients; other orders are passed over."""
        if order == Order.DELTA:
            self._image.apply(payload)
            self._known.forget()
        elif order == DnsOrder.FILLS:
            if self._remembered.apply(payload):
                self._known.forget()
        elif order == DnsOrder.NEAR:
            self._near.set(payload)
            self._known.forget_hosts()
        elif order == DnsOrder.OPTIONS:
            self._options = Options.decode(payload)
        elif order == DnsOrder.LIMIT and payload != self._encoded_limit:
            # Accounts go on when the limit is the same.
            self._encoded_limit, self._limit = payload, RateLimit.decode(payload)
        self._weighs = self._limit is not None or self._options.required

    def answer(self, packet: bytes, host: bytes) -> bytes | None:
        """Return what follows the ID in the answer to a client; SILENCE for none, None when the owner has to say."""
        image, proved = self._image, False
        found = image.answer(packet)
        if found is None:
            found, proved = self._with_options(packet, host)
        if found is not None:
            self._answered += 1
            found = self._known.fit(found, packet, host, worth=image.worth)
        elif (found := self._recall(packet, host)) is None:
            return None
        return self._weigh(packet[:_ID] + found, host) if self._weighs and not proved else found

    def _recall(self, packet: bytes, host: bytes) -> bytes | None:
        """Return what others answered to the same question, for who may have it passed on."""
        if not self._known.is_near(host):
            return None
        now = self._steady()
        told = self._remembered.answer(packet, now)
        if told is None:
            return None
        wire, due = told
        if due:
            # The owner, who gives the same answer, has it fetched anew.
            return None
        self._recalled += 1
        tail = wire[_ID:]
        if not tail[1] & _RCODE:
            self._known.learn(tail, packet, int(now))
        return tail

    def _with_options(self, packet: bytes, host: bytes) -> tuple[bytes | None, bool]:
        """Answer a packet that has options; tell whether it proves where it is from."""
        asked = self._image.asked_options(packet)
        reply = self._options.reply(asked, host, int(self._clock())) if asked else None
        if reply is None or (self._options.required and not reply.known):
            # Ill-formed, or in need of a cookie that is made in an answer of its own.
            return None, False
        return self._image.answer_with(packet, reply.data), reply.known

    def notice(self) -> bytes:
        """Return the networks whose answers were held back since this was asked last, some of them if they are many."""
        limited = encode_networks(self._limited)
        self._limited.clear()
        return limited

    def _weigh(self, answer: bytes, host: bytes) -> bytes:
        """Return an answer, all but its ID, as a client gets it who has not proved where it is."""
        if self._options.required:
            # Who shows no cookie has to come by TCP.  RFC 7873 §5.2.1
            answer = slipped(answer)
        if self._limit is None:
            return answer[_ID:]
        verdict = self._limit.verdict(host, answer, self._clock())
        if verdict is Verdict.SEND:
            return answer[_ID:]
        if len(self._limited) < _MOST_LIMITED:
            self._limited[network(host)] = None
        if verdict is Verdict.SLIP:
            self._slipped += 1
            return slipped(answer)[_ID:]
        self._dropped += 1
        return SILENCE
