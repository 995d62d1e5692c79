"""An office with a realm: accounts in memory, stored in a dictionary, published to a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bossa.admin.found import found
from bossa.admin.office import Office
from bossa.admin.realm import found_realm
from bossa.crypto.sealed import Unsealable
from bossa.directory.keys import RealmRules
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.realm import Realm
from bossa.directory.rows import Item, key_opener
from bossa.krb.server.accounts import Accounts
from tests.contract.memory import MemoryRealm
from tests.unit.admin.desk import make_office

REALM = "BOSSA.TEST"
RULES = RealmRules(PasswordPolicy(min_length=4), enctypes=(18, 17), window=1000.0)
T = TypeVar("T")


def open_sealed(purpose: bytes, sealed: bytes) -> bytes:
    """Undo what the desk's seal does."""
    head = b"sealed:" + purpose + b":"
    if not sealed.startswith(head):
        raise Unsealable("for another purpose")
    return sealed[len(head) :][::-1]


def realm_office(data: Path, published: list[Item] | None = None, **more: Any) -> Office:
    """Return an office whose realm is not founded yet."""
    told = [] if published is None else published

    def publish(items: Sequence[Item]) -> None:
        told.extend(items)

    accounts = Accounts(Realm(key_opener(open_sealed)), MemoryRealm(), publish)
    return make_office(data, accounts=accounts, realm_rules=RULES, **more)


def founded_office(data: Path, **more: Any) -> Office:
    """Return the office of a fresh domain with its realm."""
    office = realm_office(data, **more)

    async def begin() -> None:
        await found(office)
        await found_realm(office, REALM)

    asyncio.run(begin())
    return office


def call(verb: Callable[[Office, Any], Coroutine[Any, Any, T]], office: Office, args: object) -> T:
    """Run a verb."""
    return asyncio.run(verb(office, args))
