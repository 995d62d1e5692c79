"""How the operator's words become accounts, and how a change of the realm is decided and carried out.

A name may come without its realm, in another letter case, and a service's
without its domain: HTTP/web is HTTP/web.bossa.test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bossa.admin.errors import Exit, Failure, nearest, refused
from bossa.admin.office import Office
from bossa.admin.ports import Accounts
from bossa.directory import names, passwords
from bossa.directory.account import Account, Group, Kind
from bossa.directory.changes import NewPassword
from bossa.directory.keys import KeyMaker
from bossa.directory.realm import Principal, Realm
from bossa.directory.rows import Item

NEVER = "never"
_MAX_HINTS = 20_000


def accounts(office: Office) -> Accounts:
    """Return the accounts; the failure says why there are none."""
    found = office.accounts
    if found is None:
        raise refused("Kerberos", "it is switched off", "[kerberos] enabled = true in bossa.toml")
    if not found.realm.is_founded:
        raise refused("Kerberos", "this domain has no realm yet", "start the server once: bossa up makes it")
    return found


def realm(office: Office) -> Realm:
    """Return the realm."""
    return accounts(office).realm


def key_maker(office: Office) -> KeyMaker:
    """Return what makes keys by the settings."""
    rules = office.realm_rules
    return KeyMaker(office.seal, office.random, rules.enctypes, rules.window)


def whole(office: Office, text: str) -> str:
    """Return a name without our realm, a service's with its domain."""
    info = realm(office).info
    return names.whole(text.strip(), info.domain, info.realm)


def principal(office: Office, text: str) -> Principal:
    """Find an account by any of its names; the failure names the nearest one."""
    of = realm(office)
    found = of.find(text, fold=True) or of.find(whole(office, text), fold=True)
    if found is None:
        hint = "" if len(of) > _MAX_HINTS else nearest(whole(office, text), all_names(of.accounts()))
        noun = "service" if "/" in text else "user"
        raise refused(f"{noun} {text}", "no such account", hint or f"bossa {noun} list shows what there is")
    return found


def foreign(office: Office, text: str) -> str:
    """Return ``HTTP/app.other.test@OTHER.TEST``, a client whom another realm may send; "" for a name of ours."""
    of = realm(office)
    name, _, elsewhere = text.strip().rpartition("@")
    if not name or elsewhere == of.info.realm:
        return ""
    trust = of.trust(elsewhere)
    if trust is None or not trust.coming:
        raise refused(f"service {text}", f"clients of {elsewhere} do not come here", "bossa trust list shows who does")
    return f"{name}@{elsewhere}"


def all_names(found: Iterable[Account]) -> list[str]:
    """Return every name of some accounts."""
    return [name for account in found for name in (account.name, *account.names)]


def spelled(account: Account, text: str) -> str:
    """Return the name of an account that was meant, as the account spells it."""
    folded = names.fold(text)
    return next((one for one in (account.name, *account.names) if names.fold(one) == folded), account.name)


def group(office: Office, text: str) -> Group:
    """Find a group; the failure names the nearest one."""
    found = realm(office).group(text)
    if found is None:
        hint = nearest(text, realm(office).groups)
        raise refused(f"group {text}", "no such group", hint or "bossa group list shows what there is")
    return found


async def carry_out(office: Office, decide: Callable[..., list[Item]], *args: object) -> None:
    """Decide on a change, and store it; whoever calls holds ``office.editing``.

    Making keys of a password takes some hundredths of a second, which the server must not wait for.  So ``decide``
    runs in a thread, and opens no account with ``Realm.find``: those that are open belong to the loop.
    """
    await accounts(office).change(await asyncio.to_thread(decide, *args))


def new_password(office: Office, given: str) -> NewPassword:
    """Return the password that was given, or a new one."""
    policy = office.realm_rules.passwords
    return NewPassword(given or passwords.generate(office.random, policy), policy, office.now)


def moment(text: str) -> int:
    """Read a moment such as ``2030-01-31`` or ``2030-01-31T18:00``, in UTC unless it says otherwise; 0 for never."""
    if text == NEVER:
        return 0
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        fix = "write it like 2030-01-31 or 2030-01-31T18:00, or never"
        raise Failure(f"date {text}", "it is no date", fix, Exit.USAGE) from None
    return max(1, int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()))


def shown_moment(when: int) -> str:
    """Return a moment as people read it, ``never`` for 0."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S") if when else NEVER


def state(account: Account, now: int) -> str:
    """Return in a word whether an account gets tickets."""
    if account.disabled:
        return "disabled"
    if account.expires and account.expires <= now:
        return "expired"
    if account.locked_until > now:
        return "locked"
    if account.kind is Kind.USER and (account.must_change or 0 < account.password_expires <= now):
        return "has to change its password"
    return "ok"
