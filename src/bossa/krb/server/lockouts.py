"""Wrong passwords, counted: an account that has too many in a row is locked for a while.

Only passwords of people can be guessed, so only users are counted; the random
keys of services cannot, and whoever tries does not lock a service out.  While
the lock is on its way to the disk, requests of the account wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from bossa.directory import rows
from bossa.directory.account import Account, Failures, Kind
from bossa.directory.ports import DirectoryFailed
from bossa.directory.rows import Item
from bossa.krb.kdc.settings import Lockout
from bossa.krb.server.accounts import Accounts
from bossa.observe import log, metrics


class Lockouts:
    """Counts by account; ``rule`` says how many are too many, ``clock`` gives seconds since 1970."""

    def __init__(self, accounts: Accounts, rule: Lockout, clock: Callable[[], float]) -> None:
        self.rule = rule
        self._accounts = accounts
        self._clock = clock
        self._locking: dict[str, asyncio.Task[None]] = {}

    @property
    def realm(self) -> str:
        """The name of the accounts' realm."""
        return self._accounts.realm.info.realm

    def locking(self, account: str) -> asyncio.Task[None] | None:
        """Return what ends when a lock that was decided on is in force; None when there is none."""
        return self._locking.get(account)

    def failed(self, account: str) -> None:
        """Count a wrong password."""
        found = self._accounts.realm.find(account)
        if found is None or found.account.kind is not Kind.USER or not self.rule.after:
            return
        now, before = int(self._clock()), self._accounts.realm.failures.get(account)
        in_a_row = before is not None and now <= before.last + self.rule.window
        failures = Failures(before.count + 1 if before is not None and in_a_row else 1, now)
        self._accounts.note(account, failures)
        if failures.count >= self.rule.after and account not in self._locking:
            self._locking[account] = asyncio.get_running_loop().create_task(self._lock(account, failures.count))

    def succeeded(self, account: str) -> None:
        """Forget the failures of an account whose password was right."""
        if account in self._accounts.realm.failures:
            self._accounts.note(account, None)

    async def _lock(self, account: str, failures: int) -> None:
        try:
            async with self._accounts.editing:
                found = self._accounts.realm.find(account)
                if found is not None:
                    await self._put(_locked(found.account, int(self._clock()) + self.rule.duration))
        finally:
            del self._locking[account]
        metrics.add("bossa_krb_lockouts_total")
        log.warning("account locked", account=account, failures=failures, seconds=self.rule.duration)

    async def _put(self, items: list[Item]) -> None:
        try:
            await self._accounts.change(items)
        except DirectoryFailed as e:
            # A full disk is no reason to let somebody try on.
            log.error("lock of an account not stored, is in force until the next start", why=str(e))
            await self._accounts.show(items)


def _locked(account: Account, until: int) -> list[Item]:
    locked = msgspec.structs.replace(account, locked_until=until)
    return [rows.account_item(locked), (rows.FAILURES + account.name.encode(), None)]
