"""New passwords over the network: verified, held to the policy, stored, and only then confirmed.

RFC 3244.  Making keys of a password takes some 40 ms, for which a thread is
there; an account that changed meanwhile is looked at anew.  A request that
comes again, while the first is under way or after it, gets the first answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from bossa.directory import changes
from bossa.directory.account import RID_ADMINS
from bossa.directory.changes import NewPassword
from bossa.directory.errors import ChangeRefused, PasswordRefused
from bossa.directory.keys import KeyMaker
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.ports import DirectoryFailed
from bossa.directory.realm import Principal
from bossa.directory.rows import Item
from bossa.krb import kpasswd
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.kpasswd import ChangeRequest, NotChanged, Replying, Result, Said
from bossa.krb.server.accounts import Accounts
from bossa.krb.server.answers import Answers
from bossa.net.peer import Peer
from bossa.observe import log, metrics

_KEEP_SECONDS = 60.0
# Requests under way; more are left to the clients' next try.
_MAX_PENDING = 64
# Threads that make keys.
_AT_ONCE = 2
# Looks at an account that others change all the time.
_TRIES = 5

Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What the settings say of passwords and tickets, and what makes keys."""

    policy: PasswordPolicy
    maker: KeyMaker
    settings: KdcSettings


class Passwords:
    """Answers requests for new passwords; ``clock`` gives seconds since 1970."""

    def __init__(self, accounts: Accounts, rules: PasswordRules, clock: Callable[[], float]) -> None:
        self.rules = rules
        self._accounts = accounts
        self._clock = clock
        self._answers = Answers(clock, _KEEP_SECONDS)
        self._under_way: dict[bytes, asyncio.Task[bytes]] = {}
        self._making = asyncio.Semaphore(_AT_ONCE)

    def datagram(self, packet: bytes, peer: Peer, send: Send) -> None:
        """Answer a UDP request, a verified one later."""
        answer = self._begin(packet, peer)
        if isinstance(answer, bytes):
            send(answer)
        elif answer is not None:
            # A bug in there is the loop's to log: asking for the result raises it.
            answer.add_done_callback(lambda done: None if done.cancelled() else send(done.result()))

    async def message(self, packet: bytes, peer: Peer) -> bytes | None:
        """Answer a TCP request."""
        answer = self._begin(packet, peer)
        # Who goes away does not stop it: another may wait for the same.
        return await asyncio.shield(answer) if isinstance(answer, asyncio.Task) else answer

    def _begin(self, packet: bytes, peer: Peer) -> bytes | asyncio.Task[bytes] | None:
        """Return the answer to a request that is known or refused, else what makes it; None for one too many."""
        if (known := self._answers.find(packet)) is not None:
            return known
        key = hashlib.sha256(packet).digest()
        if (task := self._under_way.get(key)) is not None:
            return task
        realm = self._accounts.realm
        try:
            request = kpasswd.read(packet, realm, self.rules.settings, self._clock(), self._may_set)
        except NotChanged as e:
            _refused(e, peer)
            return kpasswd.refused(e, realm.info.realm, self._replying(peer))
        if len(self._under_way) >= _MAX_PENDING:
            metrics.add("bossa_krb_dropped_total", ("busy",))
            return None
        task = self._under_way[key] = asyncio.get_running_loop().create_task(self._answer(packet, request, peer))
        task.add_done_callback(lambda done: self._under_way.pop(key, None))
        return task

    async def _answer(self, packet: bytes, request: ChangeRequest, peer: Peer) -> bytes:
        said = await self._carry_out(request)
        _write_down(request, said, peer)
        answer = kpasswd.reply(request.caller, said, self._replying(peer))
        self._answers.keep(packet, answer)
        return answer

    def _replying(self, peer: Peer) -> Replying:
        return Replying(peer.local, self._clock(), self.rules.maker.random)

    def _may_set(self, by: str, target: str) -> bool:
        """Let administrators set the passwords of all."""
        return RID_ADMINS in self._accounts.realm.groups_of(by)

    async def _carry_out(self, request: ChangeRequest) -> Said:
        try:
            for _ in range(_TRIES):
                if await self._try(request):
                    return Said(Result.SUCCESS)
        except PasswordRefused as e:
            return Said(Result.SOFTERROR, _sentence(e.reason))
        except ChangeRefused as e:
            return Said(Result.HARDERROR, _sentence(e.reason))
        except DirectoryFailed as e:
            log.error("password not stored", account=request.target, why=str(e))
        return Said(Result.HARDERROR, "The change could not be stored. Try again later.")

    async def _try(self, request: ChangeRequest) -> bool:
        """Make keys and store them, unless the account has changed meanwhile; tell whether they are in force."""
        realm = self._accounts.realm
        found = realm.find(request.target)
        if found is None:
            raise ChangeRefused("there is no such account")
        async with self._making:
            items = await asyncio.to_thread(self._decide, request, found)
        async with self._accounts.editing:
            now = realm.find(request.target)
            if now is None or now.account != found.account:
                return False
            await self._accounts.change(items)
        return True

    def _decide(self, request: ChangeRequest, found: Principal) -> list[Item]:
        """Return the rows of an account with its new password; raises ChangeRefused.  Runs in a thread."""
        new = NewPassword(request.password, self.rules.policy, int(self._clock()))
        return changes.set_password(self._accounts.realm, self.rules.maker, found, new, by_owner=request.by_owner)


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:] + "."


def _refused(error: NotChanged, peer: Peer) -> None:
    metrics.add("bossa_krb_password_changes_total", (error.said.result.name.lower(),))
    if error.said.result is Result.MALFORMED and error.caller is None:
        log.debug("request not understood", host=peer.host, why=error.reason)
    else:
        log.warning("password not changed", rule=error.reason, host=peer.host)


def _write_down(request: ChangeRequest, said: Said, peer: Peer) -> None:
    metrics.add("bossa_krb_password_changes_total", (said.result.name.lower(),))
    if said.result is Result.SUCCESS:
        log.info("password changed", account=request.target, by=request.by, host=peer.host)
    else:
        log.warning("password not changed", account=request.target, by=request.by, rule=said.text, host=peer.host)
