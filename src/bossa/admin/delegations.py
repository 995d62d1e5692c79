"""Who may act for users at which service, and why: the lists, their changes, and the KDC's own decision, told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from bossa.admin import accounts
from bossa.admin.errors import refused
from bossa.admin.office import Office, verb
from bossa.directory import rights
from bossa.directory.account import Account
from bossa.directory.realm import Realm
from bossa.directory.rights import Right
from bossa.directory.rows import Item
from bossa.krb.kdc.delegation import Decision
from bossa.krb.kdc.explain import explain


class DelegationList(msgspec.Struct, frozen=True):
    """An account in the middle or at the end; "" for all."""

    name: str = ""


class DelegationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One right: ``middle`` may act for users at ``target``.

    ``by_target`` when the right stands in the target's list; ``dangling`` when
    the account of the other end is gone.
    """

    middle: str
    target: str
    by_target: bool
    any_protocol: bool
    dangling: bool = False


class DelegationTable(msgspec.Struct, frozen=True):
    """Rights, by the account in the middle."""

    rights: list[DelegationLine]


class DelegationAllow(msgspec.Struct, frozen=True, kw_only=True):
    """A right to come: in the middle's list, or in the target's."""

    middle: str
    target: str
    by_target: bool = False
    any_protocol: bool = False


class DelegationForbid(msgspec.Struct, frozen=True, kw_only=True):
    """A right to go, from the middle's list or the target's."""

    middle: str
    target: str
    by_target: bool = False


class DelegationChanged(msgspec.Struct, frozen=True):
    """The right that came or went, and what is odd about it."""

    right: DelegationLine
    warnings: list[str]


class DelegationExplain(msgspec.Struct, frozen=True, kw_only=True):
    """The question: may ``middle`` act for ``user`` at ``target``?"""

    user: str
    middle: str
    target: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was looked at: its short name, whether it was kept, and both in words."""

    rule: str
    holds: bool
    words: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One request to the KDC: what it is about, its answer (``code`` is the error that a client gets), and why."""

    about: str
    allowed: bool
    code: str
    rules: list[Rule]


class DelegationExplained(msgspec.Struct, frozen=True, kw_only=True):
    """The answers, as the KDC gives them.

    ``allowed`` holds whatever way the user came to the service;
    ``allowed_with_ticket`` for users who came with a ticket of their own.
    """

    user: str
    middle: str
    target: str
    allowed: bool
    allowed_with_ticket: bool
    ways: list[Way]


@verb("delegation.list")
async def delegation_list(office: Office, args: DelegationList) -> DelegationTable:
    """List the rights to delegate."""
    realm = accounts.realm(office)
    found = sorted(_rights(realm), key=lambda line: (line.middle, line.target, line.by_target))
    if args.name:
        wanted = accounts.principal(office, args.name).account
        names = (wanted.name, *wanted.names)
        found = [line for line in found if line.middle in names or line.target in names]
    return DelegationTable(found)


def _rights(realm: Realm) -> Iterator[DelegationLine]:
    for account in realm.accounts():
        for target in account.delegates_to:
            yield DelegationLine(
                middle=account.name,
                target=target,
                by_target=False,
                any_protocol=account.any_protocol,
                dangling=realm.find(target) is None,
            )
        for middle in account.allowed_from:
            found, (_, _, elsewhere) = realm.find(middle), middle.partition("@")
            yield DelegationLine(
                middle=middle,
                target=account.name,
                by_target=True,
                any_protocol=found is not None and found.account.any_protocol,
                dangling=realm.trust(elsewhere) is None if elsewhere else found is None,
            )


@verb("delegation.allow")
async def delegation_allow(office: Office, args: DelegationAllow) -> DelegationChanged:
    """Let a service act for its clients at another one."""
    async with office.editing:
        if foreign := accounts.foreign(office, args.middle):
            return await _change_foreign(office, foreign, args, rights.allow_foreign)
        right = _right(office, args.middle, args.target)
        items = rights.allow(right, by_target=args.by_target, any_protocol=args.any_protocol)
        await accounts.accounts(office).change(items)
    return _changed(office, right, by_target=args.by_target)


@verb("delegation.forbid")
async def delegation_forbid(office: Office, args: DelegationForbid) -> DelegationChanged:
    """Take back a right to delegate."""
    async with office.editing:
        if foreign := accounts.foreign(office, args.middle):
            return await _change_foreign(office, foreign, args, rights.forbid_foreign)
        right = _right(office, args.middle, args.target)
        await accounts.accounts(office).change(rights.forbid(right, by_target=args.by_target))
    return _changed(office, right, by_target=args.by_target)


async def _change_foreign(
    office: Office,
    middle: str,
    args: DelegationAllow | DelegationForbid,
    decide: Callable[[str, Account], list[Item]],
) -> DelegationChanged:
    """Change what a service of another realm may do: its own realm has its list, ours has the target's."""
    if not args.by_target:
        raise refused(f"service {middle}", "the list of another realm's service is in that realm", "--by-target")
    if isinstance(args, DelegationAllow) and args.any_protocol:
        raise refused(
            f"service {middle}", "its own realm decides for which users it speaks", "leave --any-protocol out"
        )
    target = accounts.principal(office, args.target).account
    await accounts.accounts(office).change(decide(middle, target))
    line = DelegationLine(middle=middle, target=target.name, by_target=True, any_protocol=False)
    return DelegationChanged(line, [])


def _right(office: Office, middle: str, target: str) -> Right:
    of_middle, of_target = accounts.principal(office, middle).account, accounts.principal(office, target).account
    return Right(of_middle, accounts.spelled(of_target, accounts.whole(office, target)), of_target)


def _changed(office: Office, right: Right, *, by_target: bool) -> DelegationChanged:
    middle = accounts.principal(office, right.middle.name).account
    line = DelegationLine(
        middle=middle.name,
        target=right.target.name if by_target else right.target_name,
        by_target=by_target,
        any_protocol=middle.any_protocol,
    )
    return DelegationChanged(line, list(_warnings(middle, right.target)))


def _warnings(middle: Account, target: Account) -> Iterator[str]:
    for one in (middle, target):
        if one.disabled:
            yield f"{one.name} is disabled, so nobody gets its tickets"
    if not any("/" in name for name in (middle.name, *middle.names)):
        yield f"{middle.name} has no service's name: bossa service add HTTP/host --account {middle.name}"


@verb("delegation.explain")
async def delegation_explain(office: Office, args: DelegationExplain) -> DelegationExplained:
    """Tell whether a service may act for a user at another one, by the code that the KDC decides with."""
    realm = accounts.realm(office)
    right = _right(office, args.middle, args.target)
    user, middle, target = accounts.principal(office, args.user).account.name, right.middle.name, right.target_name
    if user == middle:
        raise refused(f"user {args.user}", "it is the service itself", "name a user whom it would act for")

    def find(name: str) -> Account | None:
        found = realm.find(name)
        return found.account if found is not None else None

    told = explain(find, user, middle, target, now=office.now)
    ways = [_way(f"{middle} asks for a ticket to itself for {user}", told.to_self)]
    if told.to_self.allowed:
        ways.append(_way(f"with that ticket {middle} asks for {target}", told.by_transition))
    ways.append(_way(f"with a ticket that {user} brought {middle} asks for {target}", told.by_kerberos))
    return DelegationExplained(
        user=user,
        middle=middle,
        target=target,
        allowed=told.allowed,
        allowed_with_ticket=told.by_kerberos.allowed,
        ways=ways,
    )


def _way(about: str, decision: Decision) -> Way:
    return Way(
        about=about,
        allowed=decision.allowed,
        code="" if decision.code is None else decision.code.name,
        rules=[Rule(rule=step.rule, holds=step.holds, words=step.words) for step in decision.steps],
    )
