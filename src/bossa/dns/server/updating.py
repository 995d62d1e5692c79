"""Updates of clients, from the verified request to its signed answer.

Who matches no rule is refused before the zone is looked at.  What is left
waits in the queue of edits, and is answered when it is stored and in force.
"""

from __future__ import annotations

from collections.abc import Callable

from bossa.dns import names, scavenge
from bossa.dns.changes import Draft
from bossa.dns.errors import Declined, Ede, Rcode, Refused, StoreFailed
from bossa.dns.exchange import Exchange, failure
from bossa.dns.message import Reply
from bossa.dns.server import audit
from bossa.dns.server.once import Done
from bossa.dns.server.service import Names
from bossa.dns.update import decide, read_update, zone_of
from bossa.dns.zone import Mark, Origin, Step


class Updates:
    """Has updates done; ``clock`` gives seconds since 1970."""

    def __init__(self, served: Names, clock: Callable[[], float]) -> None:
        self._names = served
        self._clock = clock

    def is_known(self, exchange: Exchange) -> bool:
        """Tell whether any rule of the zone names whoever sent an update."""
        questions = exchange.message.questions
        return bool(questions) and self._names.policy(questions[0].name.lower()).knows(exchange.caller)

    def begin(self, exchange: Exchange, done: Done) -> None:
        """Decide on an update and have it stored; ``done`` gets the signed answer, at once or later."""
        started = self._clock()
        zone = None
        try:
            zone = zone_of(exchange.message)
            self._submit(exchange, zone, lambda outcome: self._end(exchange, outcome, started, done))
        except Refused as e:
            self._decline(exchange, zone, e, done)

    def _submit(
        self, exchange: Exchange, apex: bytes, settled: Callable[[Step | Declined | StoreFailed | None], None]
    ) -> None:
        if apex not in self._names.zones:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}", Ede.NOT_AUTHORITATIVE)
        caller, rules = exchange.caller, self._names.policy(apex)
        if not rules.knows(caller):
            raise Refused(Rcode.REFUSED, rules.why_unknown(caller), Ede.PROHIBITED)
        if self._names.options[apex].primaries:
            raise Refused(Rcode.REFUSED, "the zone has a primary, and passes no updates on", Ede.PROHIBITED)
        update = read_update(exchange.message)
        mark, options = Mark(Origin.UPDATE, exchange.now), self._names.options[apex]

        def change(draft: Draft) -> None:
            decide(update, draft, rules, caller, mark)
            if scavenge.is_swept(options):
                scavenge.keep_stamps(update.updates, draft, scavenge.windows(options), mark.stamp)

        self._names.submit(apex, change, settled)

    def _end(
        self, exchange: Exchange, outcome: Step | Declined | StoreFailed | None, started: float, done: Done
    ) -> None:
        """Answer, signed with the present time (RFC 8945 §5.3), and write down what happened."""
        if isinstance(outcome, Exception):
            self._decline(exchange, zone_of(exchange.message), outcome, done)
            return
        now = self._clock()
        done(exchange.finish(Reply(), now=int(now)))
        if outcome is not None:
            audit.changed(exchange, outcome)
        audit.accepted(now - started)

    def _decline(self, exchange: Exchange, zone: bytes | None, why: Declined | StoreFailed, done: Done) -> None:
        now = int(self._clock())
        if isinstance(why, StoreFailed):
            audit.not_stored(exchange, zone, why)
            done(failure(exchange, Rcode.SERVFAIL, Ede.NOT_READY, now))
            return
        assert isinstance(why, Refused), "an update is declined as refused only"
        audit.refused(exchange, zone, why)
        done(failure(exchange, why.code, why.ede, now))
