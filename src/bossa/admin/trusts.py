"""Trusts: other realms whose users come here, or whose services ours reach, by keys that both sides have."""

from __future__ import annotations

import msgspec

from bossa.admin import accounts
from bossa.admin.errors import nearest, refused
from bossa.admin.office import Office, verb
from bossa.directory import passwords, trusts
from bossa.directory.passwords import PasswordPolicy


class TrustList(msgspec.Struct, frozen=True):
    """No arguments."""


class TrustLine(msgspec.Struct, frozen=True, kw_only=True):
    """A trust; ``direction`` "out" lets our users go there, "in" users from there come, "both" is both."""

    realm: str
    direction: str
    suffixes: tuple[str, ...]
    sid: str
    created: int


class TrustTable(msgspec.Struct, frozen=True):
    """All trusts by realm."""

    trusts: list[TrustLine]


class TrustAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new trust; without the password that both sides are given one is made."""

    realm: str
    direction: str = "both"
    suffixes: tuple[str, ...] = ()
    sid: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"TrustAdd({self.realm!r})"


class TrustAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A trust that came; ``principals`` are what the other side needs too, ``our_sid`` what it may want to know.

    ``password`` is what was made for it, "" when the caller gave one.
    """

    trust: TrustLine
    principals: tuple[str, ...]
    our_sid: str
    password: str = ""

    def __repr__(self) -> str:
        return f"TrustAdded({self.trust.realm!r})"


class TrustNamed(msgspec.Struct, frozen=True):
    """A trust by the other realm's name."""

    realm: str


@verb("trust.list")
async def trust_list(office: Office, args: TrustList) -> TrustTable:
    """List the trusts."""
    found = accounts.realm(office).trusts
    return TrustTable([_line(office, name) for name in sorted(found)])


@verb("trust.add")
async def trust_add(office: Office, args: TrustAdd) -> TrustAdded:
    """Trust another realm, by a password that its administrator is given as well."""
    realm = accounts.realm(office)
    password = args.password or passwords.generate(office.random, PasswordPolicy(min_length=trusts.MIN_SECRET))
    other = trusts.Other(args.realm, args.direction, args.sid, args.suffixes)
    async with office.editing:
        maker = accounts.key_maker(office)
        await accounts.carry_out(office, trusts.new_trust, realm, maker, other, password, office.now)
    return TrustAdded(
        trust=_line(office, args.realm),
        principals=_principals(realm.info.realm, other),
        our_sid=realm.info.sid,
        password="" if args.password else password,
    )


def _principals(here: str, other: trusts.Other) -> tuple[str, ...]:
    leaving, coming = f"krbtgt/{other.realm}@{here}", f"krbtgt/{here}@{other.realm}"
    return {"out": (leaving,), "in": (coming,)}.get(other.direction, (leaving, coming))


@verb("trust.remove")
async def trust_remove(office: Office, args: TrustNamed) -> TrustLine:
    """Trust a realm no more: tickets of users from there are refused from now on."""
    async with office.editing:
        line = _line(office, args.realm)
        await accounts.carry_out(office, trusts.remove_trust, accounts.realm(office), args.realm)
    return line


def _line(office: Office, name: str) -> TrustLine:
    found = accounts.realm(office).trust(name)
    if found is None:
        hint = nearest(name, accounts.realm(office).trusts)
        raise refused(f"trust {name}", "no such trust", hint or "bossa trust list shows what there is")
    one = found.trust
    return TrustLine(realm=one.realm, direction=one.direction, suffixes=one.suffixes, sid=one.sid, created=one.created)
