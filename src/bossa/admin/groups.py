"""Groups: accounts and other groups under one name.  Tickets tell a service the groups of their client."""

from __future__ import annotations

import msgspec

from bossa.admin import accounts
from bossa.admin.office import Office, verb
from bossa.directory import changes
from bossa.directory.account import RID_USERS, Group


class GroupList(msgspec.Struct, frozen=True):
    """No arguments."""


class GroupNamed(msgspec.Struct, frozen=True):
    """A group by its name."""

    name: str


class GroupLine(msgspec.Struct, frozen=True, kw_only=True):
    """A group; ``everybody`` where all accounts are in it."""

    name: str
    sid: str
    members: tuple[str, ...]
    everybody: bool = False


class GroupTable(msgspec.Struct, frozen=True):
    """All groups by name."""

    groups: list[GroupLine]


class GroupAdd(msgspec.Struct, frozen=True):
    """A new group."""

    name: str
    members: tuple[str, ...] = ()


class GroupMembers(msgspec.Struct, frozen=True):
    """Who comes into a group, and who leaves it."""

    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class GroupRemoved(msgspec.Struct, frozen=True):
    """A group that is gone."""

    name: str


@verb("group.list")
async def group_list(office: Office, args: GroupList) -> GroupTable:
    """List the groups."""
    found = accounts.realm(office).groups
    return GroupTable([_line(office, found[name]) for name in sorted(found)])


@verb("group.add")
async def group_add(office: Office, args: GroupAdd) -> GroupLine:
    """Add a group."""
    members = [accounts.whole(office, one) for one in args.members]
    async with office.editing:
        await accounts.accounts(office).change(changes.new_group(accounts.realm(office), args.name, members))
    return _line(office, accounts.group(office, args.name))


@verb("group.members")
async def group_members(office: Office, args: GroupMembers) -> GroupLine:
    """Show a group's members, after some have come or left."""
    if args.add or args.remove:
        async with office.editing:
            realm, group = accounts.realm(office), accounts.group(office, args.name)
            add, remove = ([accounts.whole(office, one) for one in given] for given in (args.add, args.remove))
            await accounts.accounts(office).change(changes.set_members(realm, group, add, remove))
    return _line(office, accounts.group(office, args.name))


@verb("group.remove")
async def group_remove(office: Office, args: GroupNamed) -> GroupRemoved:
    """Remove a group, from other groups too; its members stay."""
    async with office.editing:
        group = accounts.group(office, args.name)
        await accounts.accounts(office).change(changes.remove_group(accounts.realm(office), group))
    return GroupRemoved(group.name)


def _line(office: Office, group: Group) -> GroupLine:
    sid = f"{accounts.realm(office).info.sid}-{group.rid}"
    return GroupLine(name=group.name, sid=sid, members=group.members, everybody=group.rid == RID_USERS)
