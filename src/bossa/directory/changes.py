"""What changes a realm: each function returns the rows to be stored, or refuses.

They read the realm and change nothing.  No two accounts or groups have a name
in common, in any letter case; what is removed is named in no list afterwards;
every account and group has a RID that no other ever had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

import msgspec

from bossa.directory import names, rows
from bossa.directory.account import (
    CHANGEPW,
    KRBTGT,
    RID_ADMINISTRATOR,
    RID_ADMINS,
    RID_KRBTGT,
    RID_USERS,
    Account,
    Group,
    KeySet,
    Kind,
    RealmInfo,
)
from bossa.directory.errors import ChangeRefused
from bossa.directory.keys import KeyMaker, next_kvno
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.realm import Principal, Realm
from bossa.directory.rows import Item
from bossa.directory.sid import domain_sid

ADMIN = "admin"
ADMINS = "admins"
USERS = "users"
# Without these there is no realm.
STAYING = (KRBTGT, CHANGEPW)
_MAX_NETBIOS = 15
_SID_NUMBERS = Struct("!3I")
MAX_LIST = 1000


class NewPassword(NamedTuple):
    """A password for an account, by the rules of a policy, at a moment; perhaps only until the first use."""

    password: str
    policy: PasswordPolicy
    now: int
    must_change: bool = False

    def __repr__(self) -> str:
        return f"NewPassword(now={self.now})"


def found(maker: KeyMaker, realm: str, domain: str, first: NewPassword) -> list[Item]:
    """Make a realm: its SID, the ticket-granting and the password service, an administrator, two groups."""
    now = first.now
    info = RealmInfo(
        realm=realm,
        domain=domain,
        netbios=domain.partition(".")[0].upper()[:_MAX_NETBIOS],
        sid=domain_sid(_SID_NUMBERS.unpack(maker.random(_SID_NUMBERS.size))).text,
        created=now,
    )
    krbtgt = Account(
        name=KRBTGT, kind=Kind.KRBTGT, rid=RID_KRBTGT, created=now, names=(f"{KRBTGT}/{realm}",), sensitive=True
    )
    changepw = Account(name=CHANGEPW, kind=Kind.SERVICE, rid=info.next_rid, created=now, sensitive=True)
    admin = Account(name=ADMIN, kind=Kind.USER, rid=RID_ADMINISTRATOR, created=now, sensitive=True)
    return [
        rows.info_item(msgspec.structs.replace(info, next_rid=info.next_rid + 1)),
        rows.account_item(_with_random_keys(maker, realm, krbtgt, KeySet(), now)),
        rows.account_item(_with_random_keys(maker, realm, changepw, KeySet(), now)),
        rows.account_item(_with_password(maker, realm, admin, KeySet(), first)),
        rows.group_item(Group(USERS, RID_USERS)),
        rows.group_item(Group(ADMINS, RID_ADMINS, (ADMIN,))),
    ]


def new_user(realm: Realm, maker: KeyMaker, name: str, new: NewPassword, *, display: str = "") -> list[Item]:
    """Add a user with a password."""
    names.check_user(name)
    _refuse_taken(realm, name)
    _check_display(display)
    account = Account(name=name, kind=Kind.USER, rid=realm.info.next_rid, created=new.now, display=display)
    new.policy.check(account, new.password)
    return [_next_rid(realm), rows.account_item(_with_password(maker, realm.info.realm, account, KeySet(), new))]


def new_service(realm: Realm, maker: KeyMaker, name: str, now: int) -> list[Item]:
    """Add a service or a host, with random keys."""
    names.check_service(name)
    _refuse_taken(realm, name)
    account = Account(name=name, kind=names.kind_of(name), rid=realm.info.next_rid, created=now)
    made = _with_random_keys(maker, realm.info.realm, account, KeySet(), now)
    return [_next_rid(realm), rows.account_item(made)]


def new_group(realm: Realm, name: str, members: Sequence[str] = ()) -> list[Item]:
    """Add a group of accounts and groups."""
    names.check_user(name)
    _refuse_taken(realm, name)
    group = Group(name, realm.info.next_rid, _member_names(realm, members))
    return [_next_rid(realm), rows.group_item(group)]


def _check_display(display: str) -> None:
    if len(display) > names.MAX_NAME or not display.isprintable():
        why = f"a displayed name has at most {names.MAX_NAME} characters, none for control"
        raise ChangeRefused(why, "choose another for --name")


def _refuse_taken(realm: Realm, name: str) -> None:
    if (group := realm.group(name)) is not None:
        raise ChangeRefused(f"the name {name} is a group's", f"bossa group members {group.name}")
    if (owner := realm.owner(name)) is not None:
        noun = "service" if "/" in owner else "user"
        by = f" by {owner}" if owner != name else ""
        raise ChangeRefused(f"the name {name} is taken{by}", f"bossa {noun} show {owner}")


def _next_rid(realm: Realm) -> Item:
    return rows.info_item(msgspec.structs.replace(realm.info, next_rid=realm.info.next_rid + 1))


def set_password(
    realm: Realm, maker: KeyMaker, principal: Principal, new: NewPassword, *, by_owner: bool = False
) -> list[Item]:
    """Give an account a password; its owner, unlike an administrator, is held to history and age."""
    account, keys = principal.account, principal.key_set()
    if account.kind is Kind.KRBTGT:
        raise ChangeRefused(
            "the ticket-granting service has random keys only", "bossa service rotate krbtgt makes new ones"
        )
    new.policy.check(account, new.password)
    if by_owner:
        new.policy.check_change(account, keys, new.password, new.now)
    return [rows.account_item(_with_password(maker, realm.info.realm, account, keys, new))]


def rotate(realm: Realm, maker: KeyMaker, principal: Principal, now: int) -> list[Item]:
    """Give an account new random keys; tickets under the old ones are good for the rest of their lives."""
    made = _with_random_keys(maker, realm.info.realm, principal.account, principal.key_set(), now)
    return [rows.account_item(made)]


def _with_password(maker: KeyMaker, realm: str, account: Account, keys: KeySet, new: NewPassword) -> Account:
    version = maker.of_password(new.password, names.salt(realm, account.name), new.now, next_kvno(keys))
    kept = maker.followed(keys, version, new.policy.kept(keys)[: max(0, new.policy.history - 1)])
    return msgspec.structs.replace(
        account,
        sealed=maker.sealed(rows.account_purpose(account.name), kept),
        password_set=new.now,
        password_expires=new.policy.expiry(new.now),
        must_change=new.must_change,
    )


def _with_random_keys(maker: KeyMaker, realm: str, account: Account, keys: KeySet, now: int) -> Account:
    version = maker.at_random(names.salt(realm, account.name), now, next_kvno(keys))
    kept = maker.followed(keys, version)
    sealed = maker.sealed(rows.account_purpose(account.name), kept)
    return msgspec.structs.replace(account, sealed=sealed, password_set=now, password_expires=0, must_change=False)


def unlock(account: Account) -> list[Item]:
    """Forget an account's failures and its lock."""
    return [
        rows.account_item(msgspec.structs.replace(account, locked_until=0)),
        (rows.FAILURES + account.name.encode(), None),
    ]


def amend(realm: Realm, account: Account, add: Sequence[str], remove: Sequence[str]) -> list[Item]:
    """Store a changed account, with further names that come, and some that go: out of all lists too."""
    _check_display(account.display)
    for name in add:
        names.check(name)
        _refuse_taken(realm, name)
    for name in remove:
        if name not in account.names:
            raise ChangeRefused(f"{name} is no further name of {account.name}", f"bossa user show {account.name}")
    kept = tuple(dict.fromkeys(one for one in (*account.names, *add) if one not in remove))
    if len(kept) > MAX_LIST:
        raise ChangeRefused(f"an account has at most {MAX_LIST} names", "take some away first")
    return _without(realm, remove, msgspec.structs.replace(account, names=kept))


def remove_account(realm: Realm, account: Account) -> list[Item]:
    """Remove an account, from all groups and lists too."""
    if account.name in STAYING:
        raise ChangeRefused(
            f"without {account.name} there is no realm", f"bossa service rotate {account.name} makes new keys"
        )
    return [
        (rows.ACCOUNT + account.name.encode(), None),
        (rows.FAILURES + account.name.encode(), None),
        *_without_member(realm, account.name),
        *_without(realm, (account.name, *account.names), None, gone=account.name),
    ]


def remove_group(realm: Realm, group: Group) -> list[Item]:
    """Remove a group, from the groups that have it as a member too."""
    if group.rid in (RID_USERS, RID_ADMINS):
        raise ChangeRefused(f"{group.name} is there in every realm", f"bossa group members {group.name} --remove NAME")
    return [(rows.GROUP + group.name.encode(), None), *_without_member(realm, group.name)]


def set_members(realm: Realm, group: Group, add: Sequence[str], remove: Sequence[str]) -> list[Item]:
    """Add accounts and groups to a group, and take others out; one in itself, by whatever way, does no harm."""
    if group.rid == RID_USERS:
        raise ChangeRefused("all accounts are in it, and nobody else", "bossa group add makes another group")
    added, gone = _member_names(realm, add), {_member_of(realm, group, one) for one in remove}
    kept = (one for one in (*group.members, *added) if one not in gone)
    return [rows.group_item(msgspec.structs.replace(group, members=tuple(dict.fromkeys(kept))))]


def _member_names(realm: Realm, members: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_member_name(realm, one) for one in members))


def _member_name(realm: Realm, name: str) -> str:
    if (group := realm.group(name)) is not None:
        return group.name
    if (found := realm.find(name, fold=True)) is None:
        raise ChangeRefused(
            f"there is no account or group {name}", "bossa user list and bossa group list show who there is"
        )
    return found.account.name


def _member_of(realm: Realm, group: Group, name: str) -> str:
    """Return a member as the group spells it, whatever name of it was given."""
    found = realm.find(name, fold=True)
    meant = {names.fold(name), names.fold(found.account.name) if found is not None else ""}
    for one in group.members:
        if names.fold(one) in meant:
            return one
    raise ChangeRefused(f"{name} is no member of {group.name}", f"bossa group members {group.name} shows who is")


def _without_member(realm: Realm, name: str) -> Iterator[Item]:
    for group in realm.groups_with(name):
        yield rows.group_item(msgspec.structs.replace(group, members=tuple(m for m in group.members if m != name)))


def _without(realm: Realm, gone_names: Sequence[str], changed: Account | None, *, gone: str = "") -> list[Item]:
    """Return rows of the accounts whose lists lose names; ``changed`` is one of them that changes anyway."""
    items = {changed.name: changed} if changed is not None else {}
    for account in realm.naming(gone_names):
        if account.name == gone:
            continue
        account = items.get(account.name, account)
        delegates_to = tuple(one for one in account.delegates_to if one not in gone_names)
        allowed_from = tuple(one for one in account.allowed_from if one != gone)
        if (delegates_to, allowed_from) != (account.delegates_to, account.allowed_from):
            account = msgspec.structs.replace(account, delegates_to=delegates_to, allowed_from=allowed_from)
            items[account.name] = account
    return [rows.account_item(one) for one in items.values()]
