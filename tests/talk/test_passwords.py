"""The server of new passwords: what it confirms and when, requests that come again, accounts that change meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from bossa.crypto.enctypes import Key
from bossa.directory import rows
from bossa.directory.passwords import PasswordPolicy
from bossa.krb.kpasswd import SET, Result
from bossa.krb.server import passwords as module
from bossa.krb.server.passwords import PasswordRules, Passwords
from bossa.net.peer import Peer
from tests.talk.kerberos import Credential, Site, key_of, log_in
from tests.talk.test_kpasswd import CHANGEPW, opened, request, target
from tests.unit.krb.server.realms import House

NEW = "quieter music"
# Where the request arrived is what the reply names.
PEER = Peer("192.0.2.7", 4711, "192.0.2.1")


class Talk:
    """A server of passwords with a realm and a store, and users with tickets to it."""

    def __init__(self) -> None:
        self.site = Site()
        for name in ("alice", "bob"):
            self.site.user(name)
        self.house = House(realm=self.site.realm)
        rules = PasswordRules(PasswordPolicy(history=1), self.site.maker, self.site.settings)
        self.passwords = Passwords(self.house.accounts, rules, lambda: self.site.now)
        self.made = 0

    def ticket(self, user: str = "alice") -> Credential:
        """Return a user's ticket to change a password."""
        return log_in(self.site, user, sname=CHANGEPW)

    def wish(self, held: Credential, words: str | bytes = NEW, **fields: Any) -> tuple[bytes, Key]:
        """Write a request; return the key that opens its answer too."""
        return request(self.site, held, words if isinstance(words, bytes) else words.encode(), **fields)

    async def result(self, held: Credential, words: str | bytes = NEW, **fields: Any) -> tuple[int, str]:
        """Ask over TCP, and read the answer as the client does."""
        packet, subkey = self.wish(held, words, **fields)
        answer = await self.passwords.message(packet, PEER)
        assert answer is not None
        return opened(answer, held, subkey)

    def knows(self, password: str, user: str = "alice") -> bool:
        """Tell whether a password is a user's, by the keys in force."""
        newest = self.site.principal(user).versions[0]
        return newest.keys[18].octets == key_of(self.site, user, password).octets


Run = Callable[[Callable[[Talk], Awaitable[None]]], None]


def run(script: Callable[[Talk], Awaitable[None]]) -> None:
    async def main() -> None:
        await script(Talk())

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_password_is_confirmed_when_it_is_stored_and_in_force_everywhere() -> None:
    async def script(talk: Talk) -> None:
        talk.house.store.open.clear()
        talk.house.lag = lag = asyncio.get_running_loop().create_future()
        wish = asyncio.create_task(talk.result(talk.ticket()))
        await asyncio.sleep(0.3)
        assert (wish.done(), talk.knows(NEW)) == (False, False)
        talk.house.store.open.set()
        await asyncio.sleep(0.05)
        assert (wish.done(), talk.knows(NEW)) == (False, True)
        lag.set_result(None)
        assert await wish == (Result.SUCCESS, "")
        assert b"a/alice" in talk.house.store.rows

    run(script)


def test_a_request_that_comes_again_is_carried_out_once_and_answered_each_time() -> None:
    async def script(talk: Talk) -> None:
        packet, _ = talk.wish(talk.ticket())
        answers: list[bytes] = []
        for port in (1, 2):
            talk.passwords.datagram(packet, PEER._replace(port=port), answers.append)
        over_tcp = await talk.passwords.message(packet, PEER)
        await asyncio.sleep(0)
        talk.passwords.datagram(packet, PEER, answers.append)
        assert len(answers) == 3
        assert set(answers) == {over_tcp}
        assert len(talk.house.store.commits) == 1
        assert talk.site.principal("alice").versions[0].kvno == 2

    run(script)


def test_what_the_policy_refuses_is_told_and_changes_nothing() -> None:
    async def script(talk: Talk) -> None:
        code, text = await talk.result(talk.ticket(), "short")
        assert code == Result.SOFTERROR
        assert text == "The password is too short: 8 characters are the least."
        # The present one is in the history.
        code, _ = await talk.result(talk.ticket(), "quiet music")
        assert code == Result.SOFTERROR
        assert talk.house.store.commits == []

    run(script)


def test_an_administrator_sets_what_its_owner_could_not() -> None:
    """RFC 3244 §2, version 0xff80; who is in the group of administrators may."""

    async def script(talk: Talk) -> None:
        again = target("alice", password="quiet music")
        assert await talk.result(talk.ticket("admin"), again, version=SET) == (Result.SUCCESS, "")
        code, _ = await talk.result(talk.ticket("bob"), again, version=SET)
        assert code == Result.ACCESSDENIED

    run(script)


def test_a_store_that_is_full_is_an_error_and_the_old_password_stays() -> None:
    async def script(talk: Talk) -> None:
        talk.house.store.full = True
        code, text = await talk.result(talk.ticket())
        assert (code, text) == (Result.HARDERROR, "The change could not be stored. Try again later.")
        assert not talk.knows(NEW)

    run(script)


def test_an_account_that_changes_while_keys_are_made_loses_neither_change() -> None:
    async def script(talk: Talk) -> None:
        async with talk.house.accounts.editing:
            wish = asyncio.create_task(talk.result(talk.ticket()))
            await asyncio.sleep(0.3)
            account = msgspec.structs.replace(talk.site.principal("alice").account, display="Alice")
            await talk.house.accounts.change([rows.account_item(account)])
        assert await wish == (Result.SUCCESS, "")
        assert talk.knows(NEW)
        assert talk.house.display("alice") == "Alice"

    run(script)


def test_of_two_at_once_both_are_answered_and_the_later_password_is_the_one() -> None:
    async def script(talk: Talk) -> None:
        held = talk.ticket()
        said = await asyncio.gather(*(talk.result(held, f"{NEW} {number}") for number in range(2)))
        assert said == [(Result.SUCCESS, "")] * 2
        assert [talk.knows(f"{NEW} {number}") for number in range(2)].count(True) == 1
        assert talk.site.principal("alice").versions[0].kvno == 3

    run(script)


def test_of_too_many_the_rest_is_left_to_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_PENDING", 1)

    async def script(talk: Talk) -> None:
        first = asyncio.create_task(talk.result(talk.ticket("alice")))
        await asyncio.sleep(0)
        packet, subkey = talk.wish(held := talk.ticket("bob"))
        assert await talk.passwords.message(packet, PEER) is None
        # Who is refused needs no place.
        refused = await talk.passwords.message(b"nonsense", PEER)
        assert refused is not None
        await first
        answer = await talk.passwords.message(packet, PEER)
        assert answer is not None
        assert opened(answer, held, subkey) == (Result.SUCCESS, "")

    run(script)
