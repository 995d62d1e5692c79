"""Questions that are not ours, passed on to other resolvers; nothing is remembered but how these do.

A question has several tries: when a resolver does not answer in its usual
time, the next one is asked as well, and the first answer of use is taken.  A
try that was overtaken goes on, for what it tells of its resolver.  Time,
questions and tries under way are bounded.  RFC 5625 for what a proxy keeps,
RFC 5452 §9 for what it checks.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from enum import Enum, auto

from bossa.dns.errors import Ede, Rcode
from bossa.dns.names import to_text
from bossa.dns.relay import Answer, Asked, Unanswered, came_round
from bossa.dns.routes import Address, Rules
from bossa.dns.server.line import Line, Octets
from bossa.dns.upstreams import Patience, Table, Upstream, plan, to_ask_along
from bossa.net.peer import Peer
from bossa.observe import log
from bossa.observe.metrics import Reading

__all__ = ["Forwarder", "Patience", "is_own"]

# Codes that say more about the resolver than about the name: another one may know better.
_NEXT = frozenset((Rcode.SERVFAIL, Rcode.REFUSED, Rcode.FORMERR, Rcode.NOTIMP, Rcode.NOTAUTH))
# Troubles of this machine, which are no resolver's fault.
_OURS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class _Trouble(Enum):
    """Why a try brought no reply."""

    SILENT = auto()
    UNREACHABLE = auto()


_Outcome = Answer | _Trouble
_Try = asyncio.Task[_Outcome]


class Forwarder:
    """Passes questions on, each to the resolvers of the longest rule above its name, or to ``upstreams``.

    ``own`` are the addresses we listen on; an upstream among them is left out,
    or a question would go round for ever.  ``mark`` is what our queries bear,
    so that one that comes back to us through others is known; ``octets`` gives
    random ones.
    """

    def __init__(
        self,
        upstreams: Iterable[Address],
        own: Iterable[Address] = (),
        *,
        rules: Rules | None = None,
        mark: bytes = b"",
        patience: Patience | None = None,
        octets: Octets = os.urandom,
    ) -> None:
        self.table = Table()
        self._own = tuple(own)
        self._mark = mark
        self._patience = patience or Patience()
        self._line = Line(octets, mark, self._patience.idle)
        self._under_way = 0
        self._tries: set[_Try] = set()
        self.use(upstreams, rules or Rules())

    def use(self, upstreams: Iterable[Address], rules: Rules) -> None:
        """Ask these from now on; what is known of those that stay is kept."""
        self._rules = rules
        reached = {domain: self._others(found) for domain, found in rules.items()}
        self.table.use(self._others(upstreams), Rules(reached))

    def _others(self, upstreams: Iterable[Address]) -> tuple[Address, ...]:
        found = tuple((host, port) for host, port, *_ in upstreams)
        own = {address for address in found if is_own(address, self._own)}
        for address in own:
            log.warning("questions are not passed on to ourselves", address=str(Peer(*address)))
        return tuple(address for address in found if address not in own)

    def close(self) -> None:
        """End what is under way."""
        for one in self._tries:
            one.cancel()
        self._line.streams.close()

    async def fetch(self, asked: Asked) -> Answer | Unanswered:
        """Return a resolver's answer, which is SERVFAIL when none knew better; raises nothing for trouble outside."""
        if came_round(asked.edns, self._mark):
            return Unanswered(Ede.OTHER, "the question has come back to where it was passed on")
        if self._under_way >= self._patience.concurrent:
            return Unanswered(Ede.OTHER, "too many questions under way")
        rule = self._rules.find(asked.name)
        if rule is not None and not self._rules[rule]:
            return Unanswered(Ede.BLOCKED, "a rule passes these names on to nobody")
        upstreams = self.table.find(asked.name)
        if not upstreams:
            return Unanswered(Ede.NO_REACHABLE_AUTHORITY, "no resolver is configured")
        self._under_way += 1
        try:
            return await _Course(self, asked, upstreams, self._patience).run()
        finally:
            self._under_way -= 1

    def report(self) -> list[dict[str, str | float | bool | None]]:
        """Return each resolver's rule ("" for everything else), address, speed in seconds, and health."""
        return [
            {
                "rule": to_text(domain).rstrip("."),
                "address": str(Peer(*upstream.address)),
                "rtt": upstream.rtt,
                "aside": upstream.is_aside,
                "queries": upstream.queries,
                "failures": upstream.failed_queries,
            }
            for domain, found in sorted(self.table.routes.items(), key=lambda route: route[0][::-1])
            for upstream in found
        ]

    def readings(self) -> dict[str, Reading]:
        """Return the metrics of the resolvers by name."""

        def by_address(value: Callable[[Upstream], float | None]) -> Reading:
            return lambda: {
                (str(Peer(*one.address)),): found for one in self.table.upstreams() if (found := value(one)) is not None
            }

        return {
            "bossa_dns_upstream_queries_total": by_address(lambda one: one.queries),
            "bossa_dns_upstream_failures_total": by_address(lambda one: one.failed_queries),
            "bossa_dns_upstream_wrong_replies_total": by_address(lambda one: one.wrong_replies),
            "bossa_dns_upstream_rtt_seconds": by_address(lambda one: one.rtt),
            "bossa_dns_upstream_aside": by_address(lambda one: float(one.is_aside)),
        }

    def start(self, upstream: Upstream, asked: Asked) -> _Try | None:
        """Begin a try, which goes on whatever becomes of the question; None when too many are under way there."""
        if upstream.under_way >= self._patience.each:
            return None
        upstream.under_way += 1
        task = asyncio.get_running_loop().create_task(self._try(upstream, asked))
        self._tries.add(task)
        task.add_done_callback(self._tries.discard)
        return task

    async def _try(self, upstream: Upstream, asked: Asked) -> _Outcome:
        clock = asyncio.get_running_loop().time
        started = clock()
        upstream.ask(started)
        try:
            async with asyncio.timeout(self._patience.one_try):
                answer = await self._line.ask(upstream, asked)
        except TimeoutError:
            self.blame(upstream, started, "no answer in time")
            return _Trouble.SILENT
        except (OSError, EOFError) as e:
            if not (isinstance(e, OSError) and e.errno in _OURS):
                self.blame(upstream, started, str(e))
            return _Trouble.UNREACHABLE
        finally:
            upstream.under_way -= 1
        if answer.rcode == Rcode.REFUSED:
            self.blame(upstream, started, "it refuses")
        elif is_of_use(answer):
            self._praise(upstream)
        return answer

    def blame(self, upstream: Upstream, asked_at: float, why: str) -> None:
        """Note a failure, and tell when it sets a resolver aside."""
        was_aside = upstream.is_aside
        upstream.failed(asked_at, asyncio.get_running_loop().time())
        if upstream.is_aside and not was_aside:
            log.warning("resolver set aside", address=str(Peer(*upstream.address)), why=why)

    def _praise(self, upstream: Upstream) -> None:
        if upstream.is_aside:
            log.info("resolver answers again", address=str(Peer(*upstream.address)))
        upstream.succeeded()


class _Course:
    """The tries for one question, and what became of them."""

    def __init__(self, forwarder: Forwarder, asked: Asked, upstreams: tuple[Upstream, ...], patience: Patience) -> None:
        self._forwarder = forwarder
        self._asked = asked
        self._upstreams = upstreams
        self._patience = patience
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._began = self._clock()
        self._end = self._began + patience.total
        self._open: dict[_Try, Upstream] = {}
        # Those that said no or cannot be reached, which are not asked again.
        self._done: set[Upstream] = set()
        # Those of them that have failed if another knows; who says REFUSED has failed anyway.
        self._to_blame: list[Upstream] = []
        # The last SERVFAIL: the client gets it, extended errors included, when nobody knows better.
        self._servfail: Answer | None = None
        self._troubles: set[_Trouble] = set()

    async def run(self) -> Answer | Unanswered:
        """Ask one after the other until one knows, or the time is over."""
        along = to_ask_along(self._upstreams, self._clock())
        for upstream, wait in plan(self._upstreams, self._patience):
            if self._is_futile(upstream) or (latest := self._start(upstream)) is None:
                continue
            if along is not None and along is not upstream:
                self._start(along)
                along = None
            if (answer := await self._hear(wait, latest)) is not None:
                return answer
            if self._clock() >= self._end:
                break
        answer = await self._hear(self._patience.total)
        return answer or self._servfail or Unanswered(*self._reason())

    def _is_futile(self, upstream: Upstream) -> bool:
        """Tell whether there is no sense in asking: it has had its say, or is aside and somebody else had it."""
        return upstream in self._done or (upstream.is_aside and self._servfail is not None)

    def _start(self, upstream: Upstream) -> _Try | None:
        task = self._forwarder.start(upstream, self._asked)
        if task is not None:
            self._open[task] = upstream
        return task

    async def _hear(self, seconds: float, latest: _Try | None = None) -> Answer | None:
        """Wait for an answer of use; None when the time is over, the latest try has failed, or none is left."""
        started = self._clock()
        until = min(started + seconds, self._end)
        while self._open and (left := until - self._clock()) > 0:
            done, _ = await asyncio.wait(self._open, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (answer := self._judge(self._open.pop(task), task.result())) is not None:
                    return answer
            if latest in done:
                return None
        if latest in self._open:
            self._open[latest].late(self._clock() - started)
        return None

    def _judge(self, upstream: Upstream, outcome: _Outcome) -> Answer | None:
        """Return an answer of use; who had none although there is one has failed."""
        if isinstance(outcome, _Trouble):
            self._troubles.add(outcome)
            if outcome is _Trouble.UNREACHABLE:
                self._done.add(upstream)
            return None
        if is_of_use(outcome):
            for one in self._to_blame:
                self._forwarder.blame(one, self._began, "it failed where another knew")
            return outcome
        self._done.add(upstream)
        if outcome.rcode != Rcode.REFUSED:
            self._to_blame.append(upstream)
        if outcome.rcode == Rcode.SERVFAIL:
            self._servfail = outcome
        return None

    def _reason(self) -> tuple[Ede, str]:
        """Say why there is no answer.  RFC 8914 §4.23, §4.24"""
        if self._open or _Trouble.SILENT in self._troubles:
            return Ede.NO_REACHABLE_AUTHORITY, "no resolver answered in time"
        if _Trouble.UNREACHABLE in self._troubles:
            return Ede.NETWORK_ERROR, "no resolver could be reached"
        if self._done:
            return Ede.NO_REACHABLE_AUTHORITY, "every resolver refused"
        return Ede.OTHER, "too many questions under way"


def is_of_use(answer: Answer) -> bool:
    """Tell whether a reply says something about the name rather than about the resolver."""
    return answer.rcode not in _NEXT and answer.rcode <= 0xF


def is_own(address: Address, own: Iterable[Address]) -> bool:
    """Tell whether an address is one we listen on: named, or any of the machine's when we listen on all."""
    host, port = ipaddress.ip_address(address[0].partition("%")[0]), address[1]
    for own_host, own_port in own:
        ours = ipaddress.ip_address(own_host.partition("%")[0])
        if port == own_port and (
            host == ours or (ours.is_unspecified and ours.version == host.version and _local(address[0]))
        ):
            return True
    return False


def _local(host: str) -> bool:
    """Tell whether the machine has the address: only then a socket can be bound to it."""
    try:
        _bind(host)
    except OSError as e:
        return e.errno != errno.EADDRNOTAVAIL
    return True


def _bind(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
