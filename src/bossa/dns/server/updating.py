"""Updates of clients, from the verified request to its signed answer.

Who matches no rule is refused before the zone is looked at.  What is left
waits in the queue of edits, and is answered when it is stored and in force.
A client that asks again before it has heard, or because the answer was lost,
gets the first answer: an update is done once.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bossa.dns import names
from bossa.dns.changes import Draft
from bossa.dns.errors import Declined, Ede, Rcode, Refused, StoreFailed
from bossa.dns.exchange import Exchange, failure
from bossa.dns.message import Reply
from bossa.dns.server import audit
from bossa.dns.server.service import Names
from bossa.dns.update import decide, read_update, zone_of
from bossa.dns.zone import Mark, Origin, Step

# How long the first answer to an update is kept for a retransmit, and how many are.
_KEEP_ANSWERS = 30.0
_MAX_ANSWERS = 4096

# Takes the answer.
Done = Callable[[bytes], None]


@dataclass(slots=True)
class _Kept:
    """The answer to an update, None while it is being done."""

    answer: bytes | None
    until: float


class Updates:
    """Has updates done; ``clock`` gives seconds since 1970."""

    def __init__(self, served: Names, clock: Callable[[], float]) -> None:
        self._names = served
        self._clock = clock
        self._kept: OrderedDict[tuple[bytes, bytes], _Kept] = OrderedDict()

    def datagram(self, exchange: Exchange, address: bytes, send: Done) -> None:
        """Answer an update that came over UDP; a retransmit gets the first one's answer."""
        key = (address, hashlib.sha256(exchange.message.wire).digest())
        kept = self._kept.get(key)
        if kept is not None:
            if kept.answer is not None:
                send(kept.answer)
            return

        def done(answer: bytes) -> None:
            if answer[3] & 0xF == Rcode.SERVFAIL:
                # What failed by our own fault may go well the next time.
                self._kept.pop(key, None)
            elif (kept := self._kept.get(key)) is not None:
                kept.answer = answer
            send(answer)

        # Who may not change anything has nothing kept for him.
        if self._is_known(exchange):
            self._keep(key)
        self.begin(exchange, done)

    def _is_known(self, exchange: Exchange) -> bool:
        questions = exchange.message.questions
        return bool(questions) and self._names.policy(questions[0].name.lower()).knows(exchange.caller)

    def _keep(self, key: tuple[bytes, bytes]) -> None:
        now = self._clock()
        while self._kept and (len(self._kept) >= _MAX_ANSWERS or next(iter(self._kept.values())).until < now):
            self._kept.popitem(last=False)
        self._kept[key] = _Kept(None, now + _KEEP_ANSWERS)

    def begin(self, exchange: Exchange, done: Done) -> None:
        """Decide on an update and have it stored; ``done`` gets the signed answer, at once or later."""
        started = self._clock()
        zone = None
        try:
            zone = zone_of(exchange.message)
            self._submit(exchange, zone, lambda outcome: done(self._answer(exchange, zone, outcome, started)))
        except Refused as e:
            done(self._answer(exchange, zone, e, started))

    def _submit(
        self, exchange: Exchange, apex: bytes, settled: Callable[[Step | Declined | StoreFailed | None], None]
    ) -> None:
        if apex not in self._names.zones:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}", Ede.NOT_AUTHORITATIVE)
        caller, rules = exchange.caller, self._names.policy(apex)
        if not rules.knows(caller):
            raise Refused(Rcode.REFUSED, f"no rule names {caller.text}", Ede.PROHIBITED)
        update = read_update(exchange.message)
        mark = Mark(Origin.UPDATE, exchange.now)

        def change(draft: Draft) -> None:
            decide(update, draft, rules, caller, mark)

        self._names.submit(apex, change, settled)

    def _answer(
        self, exchange: Exchange, zone: bytes | None, outcome: Step | Declined | StoreFailed | None, started: float
    ) -> bytes:
        """Return the answer, signed with the present time, and write down what happened."""
        now = self._clock()
        if isinstance(outcome, StoreFailed):
            audit.not_stored(exchange, zone, outcome)
            return failure(exchange, Rcode.SERVFAIL, Ede.NOT_READY, int(now))
        if isinstance(outcome, Refused):
            audit.refused(exchange, zone, outcome)
            return failure(exchange, outcome.code, outcome.ede, int(now))
        assert not isinstance(outcome, Declined), "an update is declined as refused only"
        if outcome is not None:
            audit.changed(exchange, outcome)
        audit.accepted(now - started)
        return exchange.finish(Reply(), now=int(now))
