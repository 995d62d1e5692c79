"""A KDC worker's desk: what it answers itself, what it leaves to the owner, and what it drops."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bossa.directory import rows
from bossa.directory.account import Failures
from bossa.directory.realm import Realm
from bossa.krb.errors import KrbCode
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.kdc.settings import KdcSettings, Lockout
from bossa.krb.server import desk as module
from bossa.krb.server.desk import KdcDesk
from bossa.krb.server.orders import KdcOrder, decode_settings, encode_rows, encode_settings
from bossa.workers.channel import Order
from bossa.workers.desk import SILENCE
from tests.unit.krb.server.realms import INFO, account

HOST = socket.inet_aton("192.0.2.7")
AS, TGS = b"\x6a request", b"\x6c request"


def outcome(verdict: Verdict, exchange: str = "AS", **fields: str) -> Outcome:
    return Outcome(
        b"reply", verdict, KrbCode.GENERIC, exchange, "alice@BOSSA.TEST", "krbtgt@BOSSA.TEST", "so", **fields
    )


class FakeKdc:
    """Says what the test wants; ``asked`` is what it was asked, ``next`` what it says, None for a bug."""

    next: Outcome | None
    asked: tuple[object, ...]
    settings: KdcSettings

    def __init__(self, realm: Realm, settings: KdcSettings, random: object) -> None:
        FakeKdc.settings = settings

    def answer(self, packet: bytes, now: float, host: str, *, limit: int | None) -> Outcome:
        FakeKdc.asked = (packet, now, host, limit)
        if FakeKdc.next is None:
            raise ZeroDivisionError
        return FakeKdc.next


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[KdcDesk]:
    monkeypatch.setattr(module, "Kdc", FakeKdc)
    one = KdcDesk(lambda: 1000.5, bytes)
    one.take(KdcOrder.MASTER_KEY, bytes(32))
    one.take(KdcOrder.SETTINGS, encode_settings(KdcSettings(udp_limit=700)))
    one.take(Order.DELTA, encode_rows([rows.info_item(INFO), account("alice")]))
    yield one


@pytest.mark.parametrize(
    "found", [outcome(Verdict.ISSUED, account="alice"), outcome(Verdict.ISSUED, "TGS"), outcome(Verdict.TURN)]
)
def test_plain_tickets_and_turns_are_answered(desk: KdcDesk, found: Outcome) -> None:
    FakeKdc.next = found
    assert desk.answer(AS, HOST) == b"reply"
    assert FakeKdc.asked == (AS, 1000.5, "192.0.2.7", 700)
    assert desk.counters() == {f"{found.verdict.value} {found.exchange}": 1}


@pytest.mark.parametrize(
    "found",
    [
        outcome(Verdict.REFUSED),
        outcome(Verdict.FAILED, account="alice"),
        outcome(Verdict.ISSUED, "TGS", delegated_by="HTTP/web.bossa.test"),
    ],
)
def test_what_is_counted_or_written_down_is_the_owners(desk: KdcDesk, found: Outcome) -> None:
    FakeKdc.next = found
    assert desk.answer(TGS, HOST) is None
    assert desk.counters() == {}


def test_a_success_that_ends_a_row_of_failures_is_the_owners(desk: KdcDesk) -> None:
    FakeKdc.next = outcome(Verdict.ISSUED, account="alice")
    desk.take(Order.DELTA, encode_rows([rows.failures_item("alice", Failures(1, 990))]))
    assert desk.answer(AS, HOST) is None
    desk.take(Order.DELTA, encode_rows([(rows.FAILURES + b"alice", None)]))
    assert desk.answer(AS, HOST) == b"reply"


def test_a_bug_is_left_to_the_owner(desk: KdcDesk) -> None:
    FakeKdc.next = None
    assert desk.answer(AS, HOST) is None


@pytest.mark.parametrize("packet", [b"", b"\x00", b"\x6b an AS-REP", b"GET / HTTP/1.1\r\n", b"\xff" * 1000])
def test_what_is_no_request_is_dropped_without_a_look(desk: KdcDesk, packet: bytes) -> None:
    FakeKdc.next = None
    assert desk.answer(packet, HOST) == SILENCE
    assert desk.counters() == {"dropped": 1}


def test_before_it_was_told_anything_it_leaves_all_to_the_owner() -> None:
    assert KdcDesk(lambda: 0.0, bytes).answer(AS, HOST) is None


def test_settings_are_taken_over_while_it_runs(desk: KdcDesk) -> None:
    changed = KdcSettings(max_life=60, enctypes=(18,), lockout=Lockout(1, 2, 3))
    desk.take(KdcOrder.SETTINGS, encode_settings(changed))
    assert decode_settings(encode_settings(changed)) == changed == FakeKdc.settings
