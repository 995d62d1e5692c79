"""What changes the rights to delegate: each function returns the rows to be stored, or refuses.

A right stands in the list of the service in the middle, by the name of the
service at the end, or in the list of the account at the end, by the account
in the middle ([MS-SFU] 3.2.5.2.3).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bossa.directory import rows
from bossa.directory.account import Account, Kind
from bossa.directory.changes import MAX_LIST
from bossa.directory.errors import ChangeRefused
from bossa.directory.rows import Item


class Right(NamedTuple):
    """One right to delegate: the account in the middle, the service's name it may act at, that service's account."""

    middle: Account
    target_name: str
    target: Account


def allow(right: Right, *, by_target: bool, any_protocol: bool) -> list[Item]:
    """Let a service act for its clients at another: by a list of its own, or by the target's."""
    middle, target = right.middle, right.target
    if Kind.KRBTGT in (middle.kind, target.kind):
        raise ChangeRefused(
            "nobody acts for a user at krbtgt, nor does krbtgt for anybody", "name a service, as HTTP/web"
        )
    if middle.name == target.name and not by_target:
        why = f"{middle.name} and {right.target_name} are one account, which needs no right to be itself"
        raise ChangeRefused(why, "name two services")
    changed = {middle.name: middle, target.name: target}
    if by_target:
        listed = _longer(target.allowed_from, middle.name)
        changed[target.name] = msgspec.structs.replace(target, allowed_from=listed)
    else:
        listed = _longer(middle.delegates_to, right.target_name)
        changed[middle.name] = msgspec.structs.replace(middle, delegates_to=listed)
    if any_protocol:
        changed[middle.name] = msgspec.structs.replace(changed[middle.name], any_protocol=True)
    items: list[Item] = [rows.account_item(one) for one in changed.values() if one not in (middle, target)]
    if not items:
        raise ChangeRefused(f"{middle.name} may do so at {right.target_name} already", _shown(middle))
    return items


def forbid(right: Right, *, by_target: bool) -> list[Item]:
    """Take a right to delegate back; with the last of its own list a service loses the right of any protocol."""
    middle, target = right.middle, right.target
    if by_target:
        if middle.name not in target.allowed_from:
            raise ChangeRefused(f"{middle.name} is not on the list of {target.name}", _shown(target))
        listed = tuple(one for one in target.allowed_from if one != middle.name)
        return [rows.account_item(msgspec.structs.replace(target, allowed_from=listed))]
    of_target = (target.name, *target.names)
    listed = tuple(one for one in middle.delegates_to if one not in of_target)
    if listed == middle.delegates_to:
        raise ChangeRefused(f"{right.target_name} is not on the list of {middle.name}", _shown(middle))
    any_protocol = middle.any_protocol and bool(listed)
    return [rows.account_item(msgspec.structs.replace(middle, delegates_to=listed, any_protocol=any_protocol))]


def allow_foreign(middle: str, target: Account) -> list[Item]:
    """Let ``NAME@REALM``, a service of another realm, act for users at an account, by the target's list."""
    if middle in target.allowed_from:
        raise ChangeRefused(f"{middle} may do so at {target.name} already")
    listed = _longer(target.allowed_from, middle)
    return [rows.account_item(msgspec.structs.replace(target, allowed_from=listed))]


def forbid_foreign(middle: str, target: Account) -> list[Item]:
    """Take the right of another realm's service back."""
    return _shorter(target, middle)


def _shorter(target: Account, middle: str) -> list[Item]:
    if middle not in target.allowed_from:
        raise ChangeRefused(f"{middle} is not on the list of {target.name}")
    listed = tuple(one for one in target.allowed_from if one != middle)
    return [rows.account_item(msgspec.structs.replace(target, allowed_from=listed))]


def _longer(listed: tuple[str, ...], name: str) -> tuple[str, ...]:
    if name in listed:
        return listed
    if len(listed) >= MAX_LIST:
        raise ChangeRefused(f"a list has at most {MAX_LIST} names", "bossa delegation forbid takes some away")
    return (*listed, name)


def _shown(account: Account) -> str:
    return f"bossa delegation list {account.name} shows what there is"
