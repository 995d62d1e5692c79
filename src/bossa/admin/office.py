"""The operator's office: every verb by its name, and the one way to call them.

A verb is ``async def zone_add(office: Office, args: ZoneAdd) -> ZoneAdded``
with msgspec structs in and out, registered by ``@verb("zone.add")``.  The
running server answers them on the control socket; without a server a command
calls the same verb in its own process.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

import msgspec

from bossa.admin.ports import Accounts, Following, Line, Memory, Names
from bossa.directory.keys import RealmRules

if TYPE_CHECKING:
    from bossa.admin.status import StatusReport

A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


@dataclass(slots=True)
class Office:
    """What the verbs work with.

    ``domain`` is the server's own domain (a key); ``seal(context, secret)`` seals
    a secret under the master key for the store; ``backup(path)`` writes a copy
    of the open database; ``md5`` allows keys for HMAC-MD5.  ``status``, ``reload`` (which returns lines for
    people) and ``memory`` are None where no server runs.
    """

    names: Names
    data: Path
    domain: bytes
    clock: Callable[[], float]
    random: Callable[[int], bytes]
    seal: Callable[[bytes, bytes], bytes]
    backup: Callable[[Path], Awaitable[None]]
    status: Callable[[], Awaitable[StatusReport]] | None = None
    reload: Callable[[], Awaitable[list[str]]] | None = None
    memory: Memory | None = None
    md5: bool = False
    # The zones that follow a primary; None where no server runs.
    following: Following | None = None
    # The realm, None where it is switched off; and what the settings say of its keys and passwords.
    accounts: Accounts | None = None
    realm_rules: RealmRules = field(default_factory=RealmRules)
    # Held by whoever reads what is stored, changes it, and stores it again.
    editing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def now(self) -> int:
        """Whole seconds since 1970."""
        return int(self.clock())


@dataclass(frozen=True, slots=True)
class Verb(Generic[A, R]):
    """One verb; calling it runs it in this process."""

    name: str
    run: Callable[..., Awaitable[R]]
    streams: bool

    async def __call__(self, office: Office, args: A, line: Line | None = None) -> R:
        """Run the verb; ``line`` is needed by those that stream."""
        return await (self.run(office, args, line) if self.streams else self.run(office, args))

    @property
    def args(self) -> type[A]:
        """The struct of the arguments."""
        name = list(inspect.signature(self.run).parameters)[1]
        found: type[A] = get_type_hints(self.run)[name]
        return found

    @property
    def result(self) -> type[R]:
        """The struct of the result."""
        found: type[R] = get_type_hints(self.run)["return"]
        return found


VERBS: dict[str, Verb[Any, Any]] = {}


def verb(name: str) -> Callable[[Callable[[Office, A], Awaitable[R]]], Verb[A, R]]:
    """Register a verb."""

    def register(run: Callable[[Office, A], Awaitable[R]]) -> Verb[A, R]:
        one: Verb[A, R] = Verb(name, run, streams=False)
        VERBS[name] = one
        return one

    return register


def streaming_verb(name: str) -> Callable[[Callable[[Office, A, Line], Awaitable[R]]], Verb[A, R]]:
    """Register a verb that takes or gives a stream, or tells of its progress."""

    def register(run: Callable[[Office, A, Line], Awaitable[R]]) -> Verb[A, R]:
        one: Verb[A, R] = Verb(name, run, streams=True)
        VERBS[name] = one
        return one

    return register
