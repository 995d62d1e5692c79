"""What clients who may recurse get beyond our zones: questions passed on, and aliases followed out of and into them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bossa.dns.chain import Chain
from bossa.dns.errors import Ede, Rcode
from bossa.dns.exchange import Exchange, failure
from bossa.dns.lookup import Zones
from bossa.dns.message import MAX_MESSAGE, Flag, Message
from bossa.dns.query import Follow, PassOn
from bossa.dns.relay import Asked
from bossa.dns.server.resolver import Outcome, Resolver

# All questions for one chain together; one that nobody answers takes less.
_CHAIN_SECONDS = 8.0


class Recursion:
    """Completes our answers with what ``resolver`` says; ``clock`` gives the seconds since 1970, for signatures."""

    def __init__(self, resolver: Resolver, zones: Zones, clock: Callable[[], float]) -> None:
        self._resolver = resolver
        self._zones = zones
        self._clock = clock

    def at_once(self, exchange: Exchange, why: PassOn) -> bytes | None:
        """Return the answer to a question that is not ours from memory; None when that takes more than a look."""
        if why.instead is not None:
            return None
        asked = self._asked(exchange)
        found = self._resolver.at_once(asked)
        return None if found is None else self._written(exchange, asked, found)

    async def pass_on(self, exchange: Exchange, why: PassOn) -> bytes:
        """Answer a question that is not ours."""
        asked = self._asked(exchange)
        outcome = await self._resolver.resolve(asked)
        if why.instead is None and self._resolver.dead_end(outcome) is None:
            return self._written(exchange, asked, outcome)
        message = Message.decode(self._resolver.write(asked, outcome, MAX_MESSAGE))
        if why.instead is not None and not why.is_answered(message):
            return exchange.finish(why.instead, now=self._now())
        chain = Chain(self._zones, exchange.message.questions[0], why.hidden)
        chain.take(message)
        return await self._complete(exchange, chain)

    async def follow(self, exchange: Exchange, why: Follow) -> bytes:
        """Answer a question of ours whose aliases lead elsewhere."""
        chain = Chain(self._zones, exchange.message.questions[0], why.hidden, why.found)
        return await self._complete(exchange, chain)

    async def _complete(self, exchange: Exchange, chain: Chain) -> bytes:
        cd = bool(exchange.message.flags & Flag.CD)
        try:
            async with asyncio.timeout(_CHAIN_SECONDS):
                while chain.next is not None:
                    query = chain.query(exchange.edns, self._resolver.edns_size, cd=cd)
                    chain.take(Message.decode(await self._resolver.ask(query, MAX_MESSAGE)))
        except TimeoutError:
            return failure(exchange, Rcode.SERVFAIL, Ede.NO_REACHABLE_AUTHORITY, self._now())
        return exchange.finish(chain.reply, notes=chain.notes, now=self._now())

    def _written(self, exchange: Exchange, asked: Asked, outcome: Outcome) -> bytes:
        return exchange.relay(self._resolver.write(asked, outcome, exchange.room), self._now())

    def _now(self) -> int:
        """Return the present time, which answers are signed with.  RFC 8945 §5.3"""
        return int(self._clock())

    def _asked(self, exchange: Exchange) -> Asked:
        return Asked.of(exchange.message, exchange.edns, self._resolver.edns_size)
