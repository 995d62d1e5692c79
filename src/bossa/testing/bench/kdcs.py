"""KDCs of a comparison: bossa and MIT's krb5kdc with the same users and services, each with one worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bossa import opening
from bossa.admin import accounts
from bossa.directory import changes
from bossa.testing.bench import machine
from bossa.testing.bench.tickets import Users
from bossa.testing.domain import Domain
from bossa.testing.mit import MitRealm
from bossa.testing.tickets import Kdc

REALM = "BOSSA.TEST"
PASSWORD = "Of all who take part."
WORKERS = 1
# Services stored in one transaction.
_BATCH = 10_000
# What spares MIT's KDC a write, with fsync, at each success.
TUNED = "disable_last_success = true\n    disable_lockout = true"


@dataclass(frozen=True, slots=True)
class Population:
    """Who is in a realm: users who ask, services that are asked for, and further services up to ``total`` of all."""

    total: int
    users: int = 10
    services: int = 10

    @property
    def user_names(self) -> list[str]:
        """The users."""
        return [f"u{number}" for number in range(self.users)]

    @property
    def service_names(self) -> list[str]:
        """The services that are asked for."""
        return [_service(number) for number in range(self.services)]

    @property
    def filler(self) -> Iterator[str]:
        """The services that are only there."""
        return (_service(number) for number in range(self.services, self.total - self.users))


def _service(number: int) -> str:
    return f"HTTP/h{number}.bossa.test"


@dataclass(frozen=True, slots=True)
class Running:
    """A KDC that answers, with the users who ask it; ``start`` is the seconds from its command to its first answer."""

    name: str
    port: int
    pid: int
    users: Users
    start: float

    def pinned(self) -> list[int]:
        """Return its processes, all on the servers' core."""
        return machine.put_on_server_core(self.pid)


Starting = AbstractContextManager[Running]


def _running(name: str, kdc: Kdc, people: Population, starting: Callable[[], int]) -> Running:
    """Start a KDC, which returns its process; ask it what its users' keys are."""
    begin = time.monotonic()
    pid = starting()
    keys = {people.user_names[0]: kdc.password_key(people.user_names[0], PASSWORD)}
    seconds = time.monotonic() - begin
    keys |= {user: kdc.password_key(user, PASSWORD) for user in people.user_names[1:]}
    return Running(name, kdc.port, pid, Users(REALM, keys, people.service_names), seconds)


@contextmanager
def bossa(home: Path, people: Population) -> Iterator[Running]:
    """Run bossa until the block ends."""
    home.mkdir()
    domain = Domain(home, workers=WORKERS)
    try:
        domain.start()
        for user in people.user_names:
            domain.directory.add_user(user, PASSWORD)
        domain.stop()
        asyncio.run(_fill(domain.data, (*people.service_names, *people.filler)))

        def start() -> int:
            domain.restart()
            return domain.server.pid

        yield _running("bossa", Kdc(REALM, domain.kdc_port), people, start)
    finally:
        domain.close()


async def _fill(data: Path, names: Iterable[str]) -> None:
    """Add services to a domain that does not run, as its command adds one, and store many at once."""
    async with opening.offline(data) as office:
        realm, maker, left = accounts.realm(office), accounts.key_maker(office), iter(names)
        while batch := list(islice(left, _BATCH)):
            items = []
            for name in batch:
                made = changes.new_service(realm, maker, name, office.now)
                realm.apply(made)
                items += made
            await accounts.accounts(office).change(items)


@contextmanager
def mit(name: str, home: Path, people: Population, *, tuned: bool) -> Iterator[Running]:
    """Run krb5kdc until the block ends: with what Debian has by default and a log file, or spared both."""
    log = Path("/dev/null") if tuned else home / "kdc.log"
    realm = MitRealm(home, realm=REALM, options=TUNED if tuned else "", log=log)
    try:
        users = (f'addprinc -pw "{PASSWORD}" +requires_preauth {user}' for user in people.user_names)
        services = (f"addprinc -randkey {service}" for service in people.service_names)
        realm.kadmin(*users, *services)
        realm.add_like(people.service_names[0], people.filler)

        def start() -> int:
            realm.start(workers=WORKERS)
            return realm.pid

        yield _running(name, Kdc(REALM, realm.place.kdc_port), people, start)
    finally:
        realm.stop()
