"""A day of questions: real names, a root-like zone that is made for them, and a client that asks a lot at once.

The zone's content follows from the names alone, so that a failure can be
looked at again.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message

# One try, and how often a question is asked before it counts as not answered: what stub resolvers do (resolv.conf(5)).
_TRY_SECONDS = 6.0
_TRIES = 2
SOCKETS = 32
_TYPES = ("A", "AAAA", "HTTPS")
_TTL = 300


class Asked(NamedTuple):
    """A question."""

    name: str
    rtype: str


class Answered(NamedTuple):
    """What counts of an answer: the code, and the records without their TTLs."""

    code: int
    records: frozenset[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Every answer that a question got, None for silence; and the longest that one took in seconds."""

    answers: Mapping[Asked, list[Answered | None]]
    slowest: float


# The zone


def zone(names: Sequence[str], ttl: int = _TTL) -> str:
    """Return a master file of the root that knows most of the names, each in its own way."""
    lines = [f"$TTL {ttl}", ". SOA ns.root-like. hostmaster.root-like. 1 3600 600 86400 60", ". NS ns.root-like."]
    lines += ["ns.root-like. A 127.0.0.1"]
    for number, name in enumerate(names):
        lines += _records(name, number, names)
    return "\n".join(lines) + "\n"


def _records(name: str, number: int, names: Sequence[str]) -> Iterator[str]:
    """Yield a name's records: one in twenty has none, one in eight is an alias, some have no address or long texts."""
    kind = random.Random(name).randrange(100)
    if kind < 5:
        return
    if kind < 17:
        yield f"{name}. CNAME {_target(number, names)}."
        return
    if kind < 22:
        yield f'{name}. TXT "no address"'
        return
    for extra in range(1 + kind % 3):
        yield f"{name}. A 198.18.{number >> 8 & 255}.{(number + extra) & 255}"
    if kind % 3 == 0:
        yield f"{name}. AAAA 2001:db8:{number:x}::{kind:x}"
    if kind % 4 == 0:
        yield f"{name}. MX 10 mail.{name}."
        yield f"mail.{name}. A 198.19.{number >> 8 & 255}.{number & 255}"
    if kind % 5 == 0:
        yield f"{name}. HTTPS 1 . alpn=h2,h3"
    if kind in (50, 51):
        yield from (f'{name}. TXT "{part} {"x" * 240}"' for part in range(12))


def _target(number: int, names: Sequence[str]) -> str:
    """Return where an alias leads: to a name of another domain, perhaps an alias too, or (one in twelve) to nothing."""
    if number % 12 == 0:
        return f"nothing-{number}.invalid"
    # Always to a lower number, so that every chain ends.
    return names[number // 2]


def questions(names: Sequence[str], chance: random.Random) -> list[Asked]:
    """Return a day's questions in their order: each name for its addresses, mail and texts for some, and repeats."""
    asked = [Asked(name, rtype) for name in names for rtype in _TYPES]
    asked += [Asked(name, rtype) for name in chance.sample(names, len(names) // 10) for rtype in ("MX", "TXT")]
    big = [name for name in names if random.Random(name).randrange(100) in (50, 51)]
    asked += [Asked(name, "TXT") for name in big]
    popular = list(names)
    chance.shuffle(popular)
    # Zipf's law: the name of rank r comes back 1/r as often as the first.
    weights = [1 / rank for rank in range(1, len(popular) + 1)]
    repeated = chance.choices(popular, weights, k=len(names))
    asked += [Asked(name, chance.choice(_TYPES)) for name in repeated]
    chance.shuffle(asked)
    return asked


# The client


def ask_all(port: int, asked: Iterable[Asked]) -> Outcome:
    """Ask everything at 127.0.0.1, a few dozen questions at a time, TCP after a truncated answer."""
    return asyncio.run(_ask_all(port, asked))


async def _ask_all(port: int, asked: Iterable[Asked]) -> Outcome:
    client = _Client(port)
    queue = iter(asked)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SOCKETS):
            tasks.create_task(client.work(queue))
    return Outcome(client.answers, client.slowest)


class _Client:
    def __init__(self, port: int) -> None:
        self.answers: dict[Asked, list[Answered | None]] = {}
        self.slowest = 0.0
        self._port = port

    async def work(self, queue: Iterator[Asked]) -> None:
        """Ask one question after the other, from a socket of one's own."""
        clock = asyncio.get_running_loop().time
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", self._port))
            for asked in queue:
                begun = clock()
                self.answers.setdefault(asked, []).append(await self._ask(sock, asked))
                self.slowest = max(self.slowest, clock() - begun)

    async def _ask(self, sock: socket.socket, asked: Asked) -> Answered | None:
        query = dns.message.make_query(asked.name + ".", asked.rtype, use_edns=0, payload=1232)
        wire = query.to_wire()
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(_TRY_SECONDS):
                    reply = await self._exchange(sock, wire)
                    if reply.flags & dns.flags.TC:
                        reply = dns.message.from_wire(await self._over_tcp(wire))
                    return _answered(reply)
            except (TimeoutError, OSError, EOFError, dns.exception.DNSException):
                continue
        return None

    async def _exchange(self, sock: socket.socket, wire: bytes) -> dns.message.Message:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, wire)
        while True:
            reply = await loop.sock_recv(sock, 4096)
            # The answer to a question that was given up may still come.
            if reply[:2] == wire[:2]:
                return dns.message.from_wire(reply)

    async def _over_tcp(self, wire: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(len(wire).to_bytes(2, "big") + wire)
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        finally:
            writer.transport.abort()


def _answered(reply: dns.message.Message) -> Answered:
    records = (
        (rrset.name.to_text().lower(), rrset.rdtype.name, rdata.to_text()) for rrset in reply.answer for rdata in rrset
    )
    return Answered(reply.rcode(), frozenset(records))
