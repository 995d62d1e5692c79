"""What changes the trusts of a realm: each function returns the rows to be stored, or refuses.

Both sides make the same keys of one password: krbtgt/THERE@HERE with the salt
HERE, krbtgt, THERE, and the other way round, as any KDC does that is given
the password for a principal of that name (RFC 4120 §4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bossa.directory import names, rows
from bossa.directory.account import KRBTGT, KeySet, Trust
from bossa.directory.errors import ChangeRefused
from bossa.directory.keys import KeyMaker
from bossa.directory.realm import Realm
from bossa.directory.rows import Item

DIRECTIONS = ("both", "out", "in")
# A password that two administrators type once is no password of a person.
MIN_SECRET = 16
_SID = re.compile(r"S-1-5-21(-[0-9]{1,10}){3}", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)


class Other(NamedTuple):
    """The realm at the other side of a trust, as somebody describes it."""

    realm: str
    direction: str = "both"
    sid: str = ""
    suffixes: tuple[str, ...] = ()


def new_trust(realm: Realm, maker: KeyMaker, other: Other, password: str, now: int) -> list[Item]:
    """Trust another realm."""
    _check(realm, other)
    if len(password) < MIN_SECRET:
        raise ChangeRefused(
            f"the password of a trust has at least {MIN_SECRET} characters",
            "give a longer one, or none to have one made",
        )
    here = realm.info.realm
    leaving = maker.of_password(password, salt(here, other.realm), now)
    coming = maker.of_password(password, salt(other.realm, here), now)
    trust = Trust(
        realm=other.realm,
        direction=other.direction,
        sid=other.sid,
        suffixes=_suffixes(other.suffixes),
        rid=realm.info.next_rid,
        created=now,
        sealed=maker.sealed(rows.leaving_purpose(other.realm), KeySet((leaving,))),
        sealed_in=maker.sealed(rows.coming_purpose(other.realm), KeySet((coming,))),
    )
    info = msgspec.structs.replace(realm.info, next_rid=realm.info.next_rid + 1)
    return [rows.info_item(info), rows.trust_item(trust)]


def remove_trust(realm: Realm, other: str) -> list[Item]:
    """Trust a realm no more."""
    if realm.trust(other) is None:
        raise ChangeRefused(f"there is no trust with {other}")
    return [(rows.TRUST + other.encode(), None)]


def salt(from_realm: str, to_realm: str) -> str:
    """Return the salt of krbtgt/TO@FROM.  RFC 4120 §4"""
    return f"{from_realm}{KRBTGT}{to_realm}"


def _check(realm: Realm, other: Other) -> None:
    names.check_realm(other.realm)
    if other.realm == realm.info.realm:
        raise ChangeRefused(f"{other.realm} is this realm itself", "name the other one")
    if realm.trust(other.realm) is not None:
        fix = f"bossa trust list shows it, bossa trust remove {other.realm} ends it"
        raise ChangeRefused(f"there is a trust with {other.realm} already", fix)
    if other.direction not in DIRECTIONS:
        raise ChangeRefused(f"no trust goes {other.direction}", f"--direction is one of {', '.join(DIRECTIONS)}")
    if other.sid and not _SID.fullmatch(other.sid):
        raise ChangeRefused(f"{other.sid} is no SID of a domain", "write it like S-1-5-21-1-2-3")
    if other.sid == realm.info.sid:
        raise ChangeRefused(f"{other.sid} is this realm's own SID", "ask the other side for its domain's")


def _suffixes(given: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one.lower().strip(".") for one in given))
    for one in found:
        if not _DOMAIN.fullmatch(one):
            raise ChangeRefused(f"{one} is no DNS domain", "write it like other.test")
    return found
