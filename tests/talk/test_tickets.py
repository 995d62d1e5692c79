"""The owner of the KDC: requests that come again, wrong passwords, locks on their way, and what is written down."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bossa.krb.errors import KrbCode
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.kdc.settings import Lockout
from bossa.krb.messages import KrbError
from bossa.krb.server import audit
from bossa.krb.server.lockouts import Lockouts
from bossa.krb.server.owner import Owner
from bossa.net.peer import Peer
from tests.unit.krb.server.realms import House, account

# A sockaddr_in of 192.0.2.1, and one of another port.
ADDRESS = b"\x02\x00\x30\x39\xc0\x00\x02\x01" + bytes(8)
ELSEWHERE = b"\x02\x00\x40\x40\xc0\x00\x02\x02" + bytes(8)
RIGHT, WRONG = b"\x6a right ", b"\x6a wrong "


class FakeKdc:
    """Knows one password, looks at locks, and refuses and delegates what is called so."""

    def __init__(self, house: House, clock: Callable[[], float]) -> None:
        self.asked: list[bytes] = []
        self._house = house
        self._clock = clock

    def answer(self, packet: bytes, now: float, host: str, *, limit: int | None) -> Outcome:
        self.asked.append(packet)
        found = self._house.realm.find("alice")
        assert found is not None
        if b"bug" in packet:
            raise ZeroDivisionError
        if b"large" in packet and limit is not None:
            return self._outcome(Verdict.TURN, KrbCode.RESPONSE_TOO_BIG)
        if b"garbage" in packet:
            return Outcome(b"error", Verdict.REFUSED, KrbCode.GENERIC, "AS", "", "", "not DER")
        if b"refused" in packet:
            return self._outcome(Verdict.REFUSED, KrbCode.POLICY)
        if b"delegated" in packet:
            return self._outcome(Verdict.ISSUED, delegated_by="HTTP/web.bossa.test@BOSSA.TEST")
        if found.account.locked_until > now:
            return self._outcome(Verdict.REFUSED, KrbCode.CLIENT_REVOKED)
        if packet.startswith(WRONG):
            return self._outcome(Verdict.FAILED, KrbCode.PREAUTH_FAILED)
        return self._outcome(Verdict.ISSUED)

    def _outcome(self, verdict: Verdict, code: KrbCode | None = None, **fields: str) -> Outcome:
        reply = b"%d %s" % (len(self.asked), (code.name if code else "TICKET").encode())
        names = "alice@BOSSA.TEST", "krbtgt/BOSSA.TEST@BOSSA.TEST"
        return Outcome(reply, verdict, code, "AS", *names, "the rule", account="alice", **fields)


class Talk:
    """An owner, its clients, and its log."""

    def __init__(self, log: list[tuple[str, str, dict[str, Any]]]) -> None:
        self.now = 1000.0
        self.house = House(account("alice"))
        self.kdc = FakeKdc(self.house, lambda: self.now)
        self.counts: Counter[str] = Counter()
        lockouts = Lockouts(self.house.accounts, Lockout(3, 100, 50), lambda: self.now)
        self.owner = Owner(self.kdc, lockouts, self.counts, lambda: self.now)
        self.log = log

    def ask(self, packet: bytes, address: bytes = ADDRESS) -> list[str]:
        """Send a datagram; return where its answers come, each as its words."""
        answers: list[str] = []
        self.owner.datagram(packet, address, lambda answer: answers.append(answer.decode()))
        return answers

    async def ask_tcp(self, packet: bytes) -> str:
        answer = await self.owner.message(packet, Peer("192.0.2.1", 1))
        return (answer or b"").decode()

    @property
    def failures(self) -> int:
        found = self.house.realm.failures.get("alice")
        return found.count if found else 0

    def written(self, text: str) -> list[dict[str, Any]]:
        """Return the fields of the log's lines with a text."""
        return [fields for _, said, fields in self.log if said == text]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Talk], Awaitable[None]]], None]:
    log: list[tuple[str, str, dict[str, Any]]] = []
    for level in ("debug", "info", "warning"):
        monkeypatch.setattr(audit.log, level, lambda text, /, level=level, **fields: log.append((level, text, fields)))
    monkeypatch.setattr(audit.log, "record", lambda level, text, /, **fields: log.append((level, text, fields)))

    def run(script: Callable[[Talk], Awaitable[None]]) -> None:
        async def main() -> None:
            await script(Talk(log))

        asyncio.run(asyncio.wait_for(main(), 10))

    return run


Run = Callable[[Callable[[Talk], Awaitable[None]]], None]


def test_a_wrong_password_that_comes_again_counts_once_and_gets_the_same_answer(run: Run) -> None:
    async def script(talk: Talk) -> None:
        first = talk.ask(WRONG)
        assert first == ["1 PREAUTH_FAILED"]
        # From another port, and over TCP, it is the same request.
        assert talk.ask(WRONG) == talk.ask(WRONG, ELSEWHERE) == [await talk.ask_tcp(WRONG)] == first
        assert (talk.failures, len(talk.kdc.asked), len(talk.written("wrong password"))) == (1, 1, 1)
        talk.now += 61
        talk.ask(WRONG)
        assert talk.failures == 2

    run(script)


def test_a_right_password_forgets_the_wrong_ones_and_is_no_line_in_the_log(run: Run) -> None:
    async def script(talk: Talk) -> None:
        talk.ask(WRONG)
        assert talk.ask(RIGHT) == ["2 TICKET"]
        assert talk.failures == 0
        assert talk.counts == {"issued AS": 1}
        assert [text for _, text, _ in talk.log] == ["wrong password"]

    run(script)


def test_who_guesses_on_while_the_lock_is_on_its_way_finds_it_locked(run: Run) -> None:
    async def script(talk: Talk) -> None:
        talk.house.store.open.clear()
        for number in range(3):
            talk.ask(WRONG + b"%d" % number)
        held, held_tcp = talk.ask(RIGHT), asyncio.create_task(talk.ask_tcp(RIGHT + b"tcp"))
        await asyncio.sleep(0.01)
        assert (held, held_tcp.done()) == ([], False)
        talk.house.store.open.set()
        assert "CLIENT_REVOKED" in await held_tcp
        await asyncio.sleep(0.01)
        assert len(held) == 1
        assert "CLIENT_REVOKED" in held[0]
        talk.now += 51
        assert "TICKET" in talk.ask(RIGHT + b"later")[0]

    run(script)


def test_a_refusal_is_one_line_with_who_what_and_why(run: Run) -> None:
    async def script(talk: Talk) -> None:
        for _ in range(2):
            talk.ask(b"\x6c refused")
        assert talk.written("ticket refused") == [
            {
                "client": "alice@BOSSA.TEST",
                "service": "krbtgt/BOSSA.TEST@BOSSA.TEST",
                "code": "POLICY",
                "rule": "the rule",
                "host": "192.0.2.1",
            }
        ]

    run(script)


def test_a_delegated_ticket_is_written_down_with_who_acts_for_whom(run: Run) -> None:
    async def script(talk: Talk) -> None:
        assert talk.ask(b"\x6c delegated") == ["1 TICKET"]
        (line,) = talk.written("ticket delegated")
        assert (line["client"], line["by"]) == ("alice@BOSSA.TEST", "HTTP/web.bossa.test@BOSSA.TEST")

    run(script)


def test_garbage_is_answered_and_not_worth_a_warning_nor_a_place_in_memory(run: Run) -> None:
    async def script(talk: Talk) -> None:
        assert talk.ask(b"\x6a garbage") == talk.ask(b"\x6a garbage") == ["error"]
        assert len(talk.kdc.asked) == 2
        assert {level for level, _, _ in talk.log} == {"debug"}
        assert talk.ask(b"no request at all") == []
        assert talk.counts["dropped"] == 1

    run(script)


def test_what_is_too_large_for_a_datagram_comes_whole_over_tcp(run: Run) -> None:
    """RFC 4120 §7.2.1"""

    async def script(talk: Talk) -> None:
        assert talk.ask(b"\x6a large") == ["1 RESPONSE_TOO_BIG"]
        assert await talk.ask_tcp(b"\x6a large") == "2 TICKET"
        # The answer that is kept for TCP does not fit, so it is not the answer over UDP.
        talk.owner.udp_limit = 5
        assert talk.ask(b"\x6a large") == ["3 RESPONSE_TOO_BIG"]

    run(script)


def test_a_bug_is_answered_with_a_generic_error_and_goes_to_the_loop(run: Run) -> None:
    async def script(talk: Talk) -> None:
        answers: list[bytes] = []
        with pytest.raises(ZeroDivisionError):
            talk.owner.datagram(b"\x6a bug", ADDRESS, answers.append)
        (error,) = map(KrbError.decode, answers)
        assert (error.error_code, error.realm, error.sname.text) == (
            KrbCode.GENERIC,
            "BOSSA.TEST",
            "krbtgt/BOSSA.TEST",
        )
        assert KrbError.decode(talk.owner.too_long()).error_code == KrbCode.FIELD_TOOLONG

    run(script)
