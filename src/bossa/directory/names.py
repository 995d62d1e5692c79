"""Which names accounts, groups and realms may have, and what is made of a name that is not whole.

A principal's components are divided by slashes and its realm stands behind an
@ (RFC 1964 §2.1.1), so neither stands within a component.  The salt of a
password is the realm and all components without a mark between (RFC 4120 §4).
"""

from __future__ import annotations

import re
import unicodedata

from bossa.directory.account import KRBTGT, Kind
from bossa.directory.errors import ChangeRefused

MAX_NAME = 256
MAX_COMPONENTS = 3
_SERVICE_CLASS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_REALM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_FORBIDDEN = frozenset('/@\\"')
_HOST_CLASS = "host"
_ANOTHER = "choose another name"


def fold(name: str) -> str:
    """Return a name as it is compared where letter case does not matter."""
    return name.casefold()


def salt(realm: str, name: str) -> str:
    """Return the salt of an account's password.  RFC 4120 §4"""
    return realm + name.replace("/", "")


def kind_of(service: str) -> Kind:
    """Return what a service's name stands for: a host for ``host/…``."""
    return Kind.HOST if service.partition("/")[0] == _HOST_CLASS else Kind.SERVICE


def check_user(name: str) -> None:
    """Refuse what is no name for a user, a group or an alias of one component."""
    _check_component(name)
    if fold(name) == KRBTGT:
        raise ChangeRefused(f"{name} is the ticket-granting service's own name", _ANOTHER)


def check_service(name: str) -> None:
    """Refuse what is no name for a service: ``class/host``, perhaps with one component more."""
    parts = name.split("/")
    if not 2 <= len(parts) <= MAX_COMPONENTS:
        raise ChangeRefused(f"{name} is no service's name", "write it like HTTP/web.example.test")
    for part in parts:
        _check_component(part)
    if len(name) > MAX_NAME:
        raise ChangeRefused(f"a name has at most {MAX_NAME} characters", _ANOTHER)
    if not _SERVICE_CLASS.fullmatch(parts[0]):
        raise ChangeRefused(f"{parts[0]} is no class of services", "HTTP, DNS, cifs and host are some")
    if fold(parts[0]) == KRBTGT:
        raise ChangeRefused("only trusts have names of that class", "bossa trust add REALM makes one")


def check(name: str) -> None:
    """Refuse what is no name for an account: a user's, or with a slash a service's."""
    if "/" in name:
        check_service(name)
    else:
        check_user(name)


def check_realm(name: str) -> None:
    """Refuse what is no realm in the style of a domain.  RFC 4120 §6.1"""
    if len(name) > MAX_NAME or not _REALM.fullmatch(name):
        raise ChangeRefused(f"{name} is no realm in the style of a domain name", "write it like OTHER.TEST")


def _check_component(part: str) -> None:
    if not part or len(part) > MAX_NAME:
        raise ChangeRefused(f"a name has 1 to {MAX_NAME} characters", _ANOTHER)
    if not part.isprintable() or part != part.strip():
        raise ChangeRefused("a name has no control characters, and no spaces at its ends", _ANOTHER)
    if wrong := sorted(_FORBIDDEN.intersection(part)):
        raise ChangeRefused(f"a name has no {wrong[0]} in it", _ANOTHER)
    if unicodedata.normalize("NFC", part) != part:
        raise ChangeRefused("a name is written with composed letters (Unicode's form C)", "type its letters anew")


def whole(name: str, domain: str, realm: str) -> str:
    """Return a name without our realm behind it, and a service's host with its domain."""
    bare = name.removesuffix(f"@{realm}")
    parts = bare.split("/")
    if len(parts) == 2 and parts[1] and "." not in parts[1] and fold(parts[0]) not in (KRBTGT, "kadmin"):
        return f"{bare}.{domain}"
    return bare
