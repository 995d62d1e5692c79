"""Services and hosts: random keys, which a keytab takes to where the service runs, and any number of names."""

from __future__ import annotations

import msgspec

from bossa.admin import accounts
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, verb
from bossa.directory import changes
from bossa.directory.account import CHANGEPW, KRBTGT, Account, Kind


class ServiceList(msgspec.Struct, frozen=True):
    """No arguments."""


class ServiceNamed(msgspec.Struct, frozen=True):
    """A service by one of its names."""

    name: str


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a list, with its further names."""

    name: str
    kind: str
    names: tuple[str, ...]
    state: str
    kvno: int


class ServiceTable(msgspec.Struct, frozen=True):
    """All services and hosts by name."""

    services: list[ServiceLine]


class ServiceAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new service; with ``account`` only a further name of an account that is there."""

    name: str
    account: str = ""


class ServiceKeytab(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose keys are wanted, ``rotate`` for new ones."""

    name: str
    rotate: bool = False


class ServiceKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The newest keys of an account, for all its names: what a keytab holds.  ``created`` is when they were made."""

    realm: str
    account: str
    names: tuple[str, ...]
    kvno: int
    created: int
    keys: tuple[tuple[int, bytes], ...]

    def __repr__(self) -> str:
        return f"ServiceKeys({self.account!r}, kvno={self.kvno})"


class ServiceRotated(msgspec.Struct, frozen=True):
    """An account with new keys, and until when (seconds since 1970) the old ones open tickets."""

    name: str
    kvno: int
    old_until: int


class ServiceRemoved(msgspec.Struct, frozen=True):
    """A name that is gone, and the account that it was a further name of ("": the account itself is gone)."""

    name: str
    account: str = ""


@verb("service.list")
async def service_list(office: Office, args: ServiceList) -> ServiceTable:
    """List the services and hosts."""
    realm = accounts.realm(office)
    found = sorted((one for one in realm.accounts() if _is_service(one)), key=lambda one: one.name)
    return ServiceTable([_line(office, one) for one in found])


def _is_service(account: Account) -> bool:
    return account.kind is not Kind.USER or any("/" in name for name in account.names)


def _line(office: Office, account: Account) -> ServiceLine:
    keys = accounts.principal(office, account.name).key_set()
    return ServiceLine(
        name=account.name,
        kind=account.kind.name.lower(),
        names=account.names,
        state=accounts.state(account, office.now),
        kvno=keys.versions[0].kvno if keys.versions else 0,
    )


@verb("service.add")
async def service_add(office: Office, args: ServiceAdd) -> ServiceKeys:
    """Add a service with random keys, or a further name to an account; return what its keytab holds."""
    name = accounts.whole(office, args.name)
    if "/" not in name:
        fix = f"HTTP/{name} is a service, bossa user add {name} adds a user"
        raise Failure(f"service {args.name}", "a service's name has two parts", fix, Exit.USAGE)
    realm = accounts.realm(office)
    async with office.editing:
        if args.account:
            account = accounts.principal(office, args.account).account
            await accounts.carry_out(office, changes.amend, realm, account, [name], [])
        else:
            await accounts.carry_out(office, changes.new_service, realm, accounts.key_maker(office), name, office.now)
    return _keys(office, name)


@verb("service.keytab")
async def service_keytab(office: Office, args: ServiceKeytab) -> ServiceKeys:
    """Return the newest keys of an account for a keytab, new ones if that is asked for."""
    if args.rotate:
        await _rotate(office, _refuse_ours(office, args.name))
    return _keys(office, _refuse_ours(office, args.name))


def _refuse_ours(office: Office, text: str) -> str:
    account = accounts.principal(office, text).account
    if account.name in (KRBTGT, CHANGEPW):
        why = "whoever has its keys can be everybody"
        raise refused(f"service {text}", why, f"bossa service rotate {account.name} makes new ones")
    return account.name


def _keys(office: Office, text: str) -> ServiceKeys:
    found = accounts.principal(office, text)
    newest = found.key_set().versions[0]
    return ServiceKeys(
        realm=accounts.realm(office).info.realm,
        account=found.account.name,
        names=(found.account.name, *found.account.names),
        kvno=newest.kvno,
        created=newest.created,
        keys=newest.keys,
    )


@verb("service.rotate")
async def service_rotate(office: Office, args: ServiceNamed) -> ServiceRotated:
    """Give a service, or krbtgt, new random keys; tickets under the old ones stay good for the rest of their lives."""
    account = accounts.principal(office, args.name).account
    if account.kind is Kind.USER:
        fix = f"bossa user password {account.name}"
        raise refused(f"service {args.name}", "it is a user, who would lose the password", fix)
    kvno = await _rotate(office, account.name)
    return ServiceRotated(account.name, kvno, office.now + int(office.realm_rules.window))


async def _rotate(office: Office, name: str) -> int:
    async with office.editing:
        found, maker = accounts.principal(office, name), accounts.key_maker(office)
        await accounts.carry_out(office, changes.rotate, accounts.realm(office), maker, found, office.now)
    return accounts.principal(office, name).key_set().versions[0].kvno


@verb("service.remove")
async def service_remove(office: Office, args: ServiceNamed) -> ServiceRemoved:
    """Remove a service, from all groups and lists too; or only this name, where the account has others."""
    async with office.editing:
        realm, account = accounts.realm(office), accounts.principal(office, args.name).account
        name = accounts.spelled(account, accounts.whole(office, args.name))
        if name != account.name:
            await accounts.carry_out(office, changes.amend, realm, account, [], [name])
            return ServiceRemoved(name, account.name)
        if account.kind is Kind.USER:
            fix = f"bossa user remove {account.name}"
            raise refused(f"service {args.name}", "it is a user's account", fix)
        await accounts.carry_out(office, changes.remove_account, realm, account)
    return ServiceRemoved(name)
