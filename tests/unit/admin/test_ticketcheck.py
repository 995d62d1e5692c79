"""``bossa check``, the tickets: against the KDC itself, without sockets between."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bossa.admin import accounts, delegations
from bossa.admin.check import CheckLine
from bossa.admin.errors import Failure
from bossa.admin.office import Office, Verb
from bossa.admin.ticketcheck import Means, Realm, TicketCheck
from bossa.krb.kdc.kdc import Kdc
from bossa.krb.kdc.settings import KdcSettings
from bossa.net.ask import Address
from tests.unit.admin.desk import NOW
from tests.unit.admin.realm_desk import REALM, founded_office

V4, V6 = ("127.0.0.1", 10088), ("::1", 10088)


class Live:
    """A KDC, the verbs, and a count of who was asked how."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.kdc = Kdc(accounts.realm(office), KdcSettings(), os.urandom)
        self.limit = 4096
        self.asked: list[tuple[str, Address]] = []
        self.spoil: Callable[[bytes], bytes] = lambda reply: reply
        self.after: Callable[[str], None] = lambda verb: None

    def call(self, verb: Verb[Any, Any], args: msgspec.Struct) -> Any:
        done = asyncio.run(verb(self.office, args))
        self.after(verb.name)
        return done

    def udp(self, address: Address, message: bytes, seconds: float) -> bytes:
        self.asked.append(("UDP", address))
        return self.spoil(self.kdc.answer(message, NOW + 1, "127.0.0.1", limit=self.limit).reply)

    def tcp(self, address: Address, message: bytes, seconds: float) -> bytes:
        self.asked.append(("TCP", address))
        return self.spoil(self.kdc.answer(message, NOW + 1, "127.0.0.1").reply)

    def lines(self) -> list[CheckLine]:
        means = Means(self.call, self.udp, self.tcp, lambda: NOW + 1, lambda: 0.0, os.urandom)
        return list(TicketCheck(Realm(REALM, "bossa.test", (V4, V6)), means).run())


@pytest.fixture
def live(tmp_path: Path) -> Live:
    office = founded_office(tmp_path)
    # Random octets, or each account has the keys of the other.
    office.random = os.urandom
    return Live(office)


def names(live: Live) -> set[str]:
    return {one.name for one in accounts.realm(live.office).accounts()}


def failed(lines: list[CheckLine]) -> CheckLine:
    (line,) = [one for one in lines if one.state != "ok"]
    return line


def test_a_kdc_that_is_well_passes_every_step_and_nothing_is_left(live: Live) -> None:
    before = names(live)
    lines = live.lines()
    assert {line.state for line in lines} == {"ok"}, lines
    assert {("UDP", V4), ("TCP", V4), ("UDP", V6), ("TCP", V6)} == set(live.asked)
    assert names(live) == before


def test_an_answer_too_large_for_a_datagram_is_fetched_by_tcp(live: Live) -> None:
    live.limit = 600
    assert {line.state for line in live.lines()} == {"ok"}
    assert live.asked.count(("TCP", V4)) > 2


def test_a_kdc_that_lets_a_service_act_too_early_is_found_out(live: Live) -> None:
    def allow(verb: str) -> None:
        services = sorted(name for name in names(live) if "/check-" in name)
        if verb == "service.add" and len(services) == 2:
            target, middle = services
            args = delegations.DelegationAllow(middle=middle, target=target, any_protocol=True)
            asyncio.run(delegations.delegation_allow(live.office, args))

    live.after = allow
    before = names(live)
    line = failed(live.lines())
    assert "though no list has it" in line.why
    assert names(live) == before


def test_a_kdc_that_refuses_what_is_allowed_is_told_with_its_code(live: Live) -> None:
    def forbid(verb: str) -> None:
        if verb == "delegation.allow":
            (right,) = asyncio.run(delegations.delegation_list(live.office, delegations.DelegationList())).rights
            args = delegations.DelegationForbid(middle=right.middle, target=right.target)
            asyncio.run(delegations.delegation_forbid(live.office, args))

    live.after = forbid
    assert failed(live.lines()).why.startswith("the KDC says BADOPTION")


def test_an_answer_that_cannot_be_read_ends_the_steps_and_the_accounts_go(live: Live) -> None:
    live.spoil = lambda reply: reply[:10]
    before = names(live)
    lines = live.lines()
    assert "cannot be read" in failed(lines).why
    assert len(lines) == 3
    assert names(live) == before


def test_a_kdc_that_is_not_there_is_told(live: Live) -> None:
    def nobody(reply: bytes) -> bytes:
        raise ConnectionRefusedError(111, "Connection refused")

    live.spoil = nobody
    assert failed(live.lines()).why == "Connection refused"


def test_accounts_that_cannot_be_made_are_told_and_what_was_made_goes(live: Live) -> None:
    def full(verb: str) -> None:
        if verb == "service.add":
            raise Failure("service add", "the store did not take it", "make room")

    live.after = full
    before = names(live)
    line = failed(live.lines())
    assert (line.why, line.fix) == ("service add: the store did not take it", "make room")
    assert names(live) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whoever_breaks_the_check_off_leaves_no_account_behind(live: Live, error: type[BaseException]) -> None:
    before = names(live)

    def broken_off(reply: bytes) -> bytes:
        assert names(live) != before
        raise error

    live.spoil = broken_off
    with pytest.raises(error):
        live.lines()
    assert names(live) == before
