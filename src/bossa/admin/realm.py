"""The fresh realm: its keys, its administrator, and the administrator's first password in a file.

Founding may be interrupted anywhere: the password's file comes first and is
taken over by the next try, the rows of the realm come in one transaction.
"""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path

from bossa.admin import words
from bossa.admin.accounts import key_maker
from bossa.admin.office import Office
from bossa.crypto.enctypes import string_to_key
from bossa.directory import changes, passwords
from bossa.directory.changes import ADMIN, NewPassword
from bossa.files import atomic

FIRST_PASSWORD = "first-password"


async def found_realm(office: Office, realm: str) -> bool:
    """Make the realm of ``office.domain`` unless there is one; return whether that was so.

    Raises OSError and DirectoryFailed.
    """
    accounts = office.accounts
    if accounts is None or accounts.realm.is_founded:
        return False
    policy = office.realm_rules.passwords
    fresh = passwords.generate(office.random, policy) + "\n"
    password = atomic.create_once(office.data / FIRST_PASSWORD, fresh.encode()).decode().strip()
    first = NewPassword(password, policy, office.now)
    async with office.editing:
        items = await asyncio.to_thread(changes.found, key_maker(office), realm, words.plain(office.domain), first)
        await accounts.change(items)
    return True


def first_password(office: Office) -> Path | None:
    """Return the file with the administrator's first password while that is still the password."""
    path = office.data / FIRST_PASSWORD
    found = office.accounts.realm.find(ADMIN) if office.accounts is not None else None
    if found is None or not found.versions or not path.exists():
        return None
    newest = found.versions[0]
    # The lowest number is the type whose keys are made quickest.
    enctype = min(newest.keys)
    made = string_to_key(enctype, path.read_bytes().strip(), newest.salt.encode())
    return path if hmac.compare_digest(made.octets, newest.keys[enctype].octets) else None


def other_realm(office: Office, configured: str) -> str:
    """Return a warning when the store's realm is not the one that is configured, "" when it is."""
    accounts = office.accounts
    if accounts is None or not accounts.realm.is_founded or accounts.realm.info.realm == configured:
        return ""
    return f"the realm in {office.data} is {accounts.realm.info.realm}, not {configured}, and stays so"
