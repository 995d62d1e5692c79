"""The fresh realm: its keys, its administrator with a first password in a file, the name server's account.

Founding may be interrupted anywhere: the password's file comes first and is
taken over by the next try, the rows of the realm come in one transaction.
"""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path

import msgspec

from bossa.admin import words
from bossa.admin.accounts import key_maker
from bossa.admin.office import Office
from bossa.crypto.enctypes import string_to_key
from bossa.directory import changes, passwords
from bossa.directory.changes import ADMIN, NewPassword
from bossa.directory.realm import Principal, Realm
from bossa.directory.rows import account_item
from bossa.dns.names import ancestors
from bossa.files import atomic

FIRST_PASSWORD = "first-password"
# The class of a name server's account; clients ask for either, and Kerberos tells capitals apart.  RFC 3645 §3.1.1
_DNS_CLASSES = ("DNS", "dns")


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


def dns_service(domain: str) -> str:
    """Return the name of the account whose tickets the name server takes."""
    return f"{_DNS_CLASSES[0]}/ns1.{domain}"


async def keep_dns_service(office: Office) -> list[str]:
    """Make the name server's account if it is not there, and give it what it lacks of the server's names: these.

    These are ns1 of the domain, and what the SOA records of our own zones call their primary, where
    that lies in a zone of ours: nsupdate asks for a ticket for it.  A name that another account has stays there.
    """
    accounts = office.accounts
    if accounts is None or not accounts.realm.is_founded:
        return []
    realm = accounts.realm
    name = dns_service(realm.info.domain)
    async with office.editing:
        if realm.owner(name) is None:
            await accounts.change(changes.new_service(realm, key_maker(office), name, office.now))
        found = realm.find(name)
        if found is None or found.account.name != name:
            return []
        lacking = [one for one in _dns_names(office, realm.info.domain) if _is_free(realm, found, one)]
        if lacking:
            names = (*found.account.names, *lacking)[: changes.MAX_LIST]
            await accounts.change([account_item(msgspec.structs.replace(found.account, names=names))])
    return lacking


def _is_free(realm: Realm, owner: Principal, name: str) -> bool:
    """Tell whether nobody has a name, or only its owner-to-be in other letters."""
    other = realm.find(name, fold=True)
    return realm.find(name) is None and (other is owner or realm.owner(name) is None)


def _dns_names(office: Office, domain: str) -> list[str]:
    """Return the names that the name server's account is to have, in both spellings."""
    served = office.names
    hosts = {"ns1": None, f"ns1.{domain}": None}
    for apex, options in served.options.items():
        if options.primaries or options.private_reverse:
            continue
        primary = served.zones[apex].soa.mname.lower()
        if any(one in served.zones for one in ancestors(primary)):
            hosts[words.plain(primary)] = None
    return [f"{kind}/{host}" for host in hosts for kind in _DNS_CLASSES]


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
