"""Users: passwords, what they may, when they end.  What holds for a user's account holds for a service's too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from bossa.admin import accounts
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, verb
from bossa.directory import changes
from bossa.directory.account import RID_ADMINS, Account, Group, Kind
from bossa.directory.realm import Realm
from bossa.directory.rows import Item


class UserList(msgspec.Struct, frozen=True):
    """No arguments."""


class UserNamed(msgspec.Struct, frozen=True):
    """An account by one of its names."""

    name: str


class UserLine(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a list; ``state`` in a word."""

    name: str
    display: str
    state: str
    groups: list[str]


class UserTable(msgspec.Struct, frozen=True):
    """All users by name."""

    users: list[UserLine]


class UserShown(msgspec.Struct, frozen=True, kw_only=True):
    """All of an account but its keys; times in seconds since 1970, 0 for never."""

    name: str
    kind: str
    principal: str
    names: tuple[str, ...]
    display: str
    sid: str
    state: str
    disabled: bool
    sensitive: bool
    preauth: bool
    must_change: bool
    created: int
    expires: int
    password_set: int
    password_expires: int
    locked_until: int
    failures: int
    groups: list[str]
    kvno: int
    enctypes: list[int]
    delegates_to: tuple[str, ...]
    allowed_from: tuple[str, ...]
    any_protocol: bool


class UserAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new user; without a password one is made."""

    name: str
    password: str = ""
    display: str = ""
    must_change: bool = False

    def __repr__(self) -> str:
        return f"UserAdd({self.name!r})"


class UserSecret(msgspec.Struct, frozen=True, kw_only=True):
    """An account with the password that was made for it; "" when the caller gave one."""

    name: str
    password: str = ""

    def __repr__(self) -> str:
        return f"UserSecret({self.name!r})"


class UserPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A new password for an account; without one it is made."""

    name: str
    password: str = ""
    must_change: bool = False

    def __repr__(self) -> str:
        return f"UserPassword({self.name!r})"


class UserSet(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of an account; None stays as it is.  ``expires`` is a date, or "never"."""

    name: str
    display: str | None = None
    disabled: bool | None = None
    sensitive: bool | None = None
    preauth: bool | None = None
    must_change: bool | None = None
    expires: str | None = None
    add_names: tuple[str, ...] = ()
    remove_names: tuple[str, ...] = ()


class UserRemoved(msgspec.Struct, frozen=True):
    """An account that is gone, and what is missing without it."""

    name: str
    warnings: list[str] = []


@verb("user.list")
async def user_list(office: Office, args: UserList) -> UserTable:
    """List the users."""
    realm = accounts.realm(office)
    users = sorted((one for one in realm.accounts() if one.kind is Kind.USER), key=lambda one: one.name)
    return UserTable(
        [
            UserLine(
                name=one.name,
                display=one.display,
                state=accounts.state(one, office.now),
                groups=[group.name for group in realm.groups_with(one.name)],
            )
            for one in users
        ]
    )


@verb("user.show")
async def user_show(office: Office, args: UserNamed) -> UserShown:
    """Show one account."""
    return shown(office, args.name)


def shown(office: Office, text: str) -> UserShown:
    """Return all of an account but its keys."""
    realm, found = accounts.realm(office), accounts.principal(office, text)
    account, versions = found.account, found.versions
    failures = realm.failures.get(account.name)
    return UserShown(
        name=account.name,
        kind=account.kind.name.lower(),
        principal=f"{account.name}@{realm.info.realm}",
        names=account.names,
        display=account.display,
        sid=f"{realm.info.sid}-{account.rid}",
        state=accounts.state(account, office.now),
        disabled=account.disabled,
        sensitive=account.sensitive,
        preauth=account.preauth,
        must_change=account.must_change,
        created=account.created,
        expires=account.expires,
        password_set=account.password_set,
        password_expires=account.password_expires,
        locked_until=account.locked_until,
        failures=failures.count if failures else 0,
        groups=[group.name for group in realm.groups_with(account.name)],
        kvno=versions[0].kvno if versions else 0,
        enctypes=list(versions[0].keys) if versions else [],
        delegates_to=account.delegates_to,
        allowed_from=account.allowed_from,
        any_protocol=account.any_protocol,
    )


@verb("user.add")
async def user_add(office: Office, args: UserAdd) -> UserSecret:
    """Add a user, with the password that is given or a new one."""
    name = accounts.whole(office, args.name)
    if "/" in name:
        raise Failure(f"user {args.name}", "it is a service's name", f"bossa service add {args.name}", Exit.USAGE)
    new = accounts.new_password(office, args.password)._replace(must_change=args.must_change)
    async with office.editing:
        decide = partial(changes.new_user, display=args.display)
        await accounts.carry_out(office, decide, accounts.realm(office), accounts.key_maker(office), name, new)
    return UserSecret(name=name, password="" if args.password else new.password)


@verb("user.password")
async def user_password(office: Office, args: UserPassword) -> UserSecret:
    """Give an account a new password; tickets that it has stay good."""
    new = accounts.new_password(office, args.password)._replace(must_change=args.must_change)
    async with office.editing:
        found = accounts.principal(office, args.name)
        await accounts.carry_out(
            office, changes.set_password, accounts.realm(office), accounts.key_maker(office), found, new
        )
    return UserSecret(name=found.account.name, password="" if args.password else new.password)


@verb("user.set")
async def user_set(office: Office, args: UserSet) -> UserShown:
    """Change what an account may, when it ends, and its further names."""
    async with office.editing:
        account = _refuse_krbtgt(accounts.principal(office, args.name).account)
        fields = {
            field: value
            for field in ("display", "disabled", "sensitive", "preauth", "must_change")
            if (value := getattr(args, field)) is not None
        }
        if args.expires is not None:
            fields["expires"] = accounts.moment(args.expires)
        await accounts.carry_out(office, _set, office, account, fields, args)
    return shown(office, account.name)


def _set(office: Office, account: Account, fields: dict[str, object], args: UserSet) -> list[Item]:
    realm = accounts.realm(office)
    return changes.amend(
        realm,
        msgspec.structs.replace(account, **fields),
        [accounts.whole(office, name) for name in args.add_names],
        [accounts.spelled(account, accounts.whole(office, name)) for name in args.remove_names],
    )


def _refuse_krbtgt(account: Account) -> Account:
    if account.kind is Kind.KRBTGT:
        raise refused(f"user {account.name}", "it is the ticket-granting service", "bossa service rotate krbtgt")
    return account


@verb("user.unlock")
async def user_unlock(office: Office, args: UserNamed) -> UserShown:
    """Let an account in again that too many wrong passwords have locked."""
    async with office.editing:
        account = accounts.principal(office, args.name).account
        await accounts.carry_out(office, changes.unlock, account)
    return shown(office, account.name)


@verb("user.remove")
async def user_remove(office: Office, args: UserNamed) -> UserRemoved:
    """Remove a user, from all groups and lists too."""
    async with office.editing:
        realm, account = accounts.realm(office), accounts.principal(office, args.name).account
        if account.kind is not Kind.USER and account.name not in changes.STAYING:
            fix = f"bossa service remove {account.name}"
            raise refused(f"user {account.name}", "it is a service's account", fix)
        groups = realm.groups_with(account.name)
        await accounts.carry_out(office, changes.remove_account, realm, account)
    return UserRemoved(account.name, list(_without_administrators(realm, groups)))


def _without_administrators(realm: Realm, groups: list[Group]) -> Iterator[str]:
    """Tell of an account that has left some groups when it was the last administrator."""
    for group in groups:
        if group.rid == RID_ADMINS and not realm.groups[group.name].members:
            fix = f"bossa group members {group.name} --add NAME"
            yield f"nobody is in {group.name} now, so nobody sets others' passwords over the network: {fix}"
