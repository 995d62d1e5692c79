"""The table of negotiated keys: bounds, whose place a newcomer takes, and ends."""

from __future__ import annotations

import pytest

from bossa.dns import tkey
from bossa.dns.policy import Person
from bossa.dns.server import contexts
from bossa.dns.server.contexts import IDLE, Contexts, Signers, Talks
from bossa.dns.tkey import ContextKey, TkeyRefused
from bossa.dns.tsig import Algorithm, Key
from bossa.gss.context import Step


class Clock:
    """A clock that is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


class NoMics:
    """What would sign."""

    def get_mic(self, data: bytes) -> bytes:
        """Sign nothing."""
        return b""

    def verify_mic(self, data: bytes, token: bytes) -> None:
        """Verify nothing."""


class NoTalk:
    """A talk that never says anything."""

    def step(self, token: bytes, now: float) -> Step:
        """Say nothing."""
        return Step(b"", None)


def key(name: str, who: str = "alice@T", expires: int = 5000) -> ContextKey:
    return ContextKey(name.encode(), tkey.GSS_TSIG, NoMics(), expires, Person(who))


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def table(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Contexts:
    """Return a table for four keys, three of one client."""
    monkeypatch.setattr(contexts, "MOST_KEYS", 4)
    monkeypatch.setattr(contexts, "MOST_OF_ONE", 3)
    return Contexts(clock)


def test_an_expired_key_is_not_there(table: Contexts, clock: Clock) -> None:
    table.add(key("a", expires=1001))
    assert b"a" in table
    clock.now = 1001
    assert b"a" not in table
    assert len(table) == 0


def test_the_key_of_a_person_that_is_no_more_is_not_there(clock: Clock) -> None:
    gone: list[str] = []
    table = Contexts(clock, lambda person: person.principal not in gone)
    table.add(key("a"))
    table.add(key("b", "bob@T"))
    assert len([name for name in (b"a", b"b") if name in table]) == 2
    gone.append("bob@T")
    assert [name for name in (b"a", b"b") if name in table] == [b"a"]
    assert len(table) == 1


def test_expired_keys_make_room_without_being_asked_for(table: Contexts, clock: Clock) -> None:
    for name in "abc":
        table.add(key(name, expires=1050))
    clock.now = 1060
    table.add(key("d"))
    assert list(table) == [b"d"]


def test_a_newcomer_takes_no_place_of_a_key_in_use(table: Contexts, clock: Clock) -> None:
    for name in "abc":
        table.add(key(name))
        assert table[name.encode()].name == name.encode()
    clock.now += IDLE - 1
    with pytest.raises(TkeyRefused, match="all keys of one principal are in use, 3 live in all"):
        table.add(key("d"))
    assert list(table) == [b"a", b"b", b"c"]


def test_a_newcomer_takes_the_place_of_its_own_idle_key(table: Contexts, clock: Clock) -> None:
    for name in "abc":
        table.add(key(name))
        assert table[name.encode()].name == name.encode()
        clock.now += 1
    assert table[b"a"].name == b"a"
    clock.now += IDLE
    table.add(key("d"))
    assert list(table) == [b"a", b"c", b"d"]


def test_a_script_that_negotiates_for_each_of_many_changes_always_gets_a_key(clock: Clock) -> None:
    table = Contexts(clock)
    for number in range(2000):
        table.add(key(f"k{number}"))
        assert f"k{number}".encode() in table
        clock.now += 1 / 50


def test_a_flood_of_keys_that_sign_nothing_displaces_itself(table: Contexts) -> None:
    table.add(key("used"))
    assert table[b"used"].name == b"used"
    for number in range(100):
        table.add(key(f"{number}"))
    assert list(table) == [b"used", b"98", b"99"]


def test_in_a_full_table_who_has_most_makes_room_by_what_is_idle(table: Contexts, clock: Clock) -> None:
    for name, who in (("a", "alice@T"), ("b", "bob@T"), ("c", "bob@T"), ("d", "carol@T")):
        table.add(key(name, who))
        assert table[name.encode()].name == name.encode()
    with pytest.raises(TkeyRefused, match="all keys of one principal are in use, 4 live in all"):
        table.add(key("e", "dora@T"))
    clock.now += IDLE
    assert table[b"b"].name == b"b"
    table.add(key("e", "dora@T"))
    assert list(table) == [b"a", b"b", b"d", b"e"]


def test_a_removed_key_leaves_nothing_of_its_client(table: Contexts) -> None:
    for _ in range(10):
        table.add(key("a"))
        table.remove(b"a")
    table.remove(b"a")
    assert (len(table), table._of) == (0, {})


def test_a_talk_goes_on_once_with_whom_it_was_begun() -> None:
    talks, talk = Talks(), NoTalk()
    talks.keep((b"k", b"host"), talk, 0)
    assert talks.take((b"k", b"other"), 1) is None
    assert talks.take((b"k", b"host"), 1) is talk
    assert talks.take((b"k", b"host"), 1) is None


def test_a_talk_that_takes_too_long_is_forgotten() -> None:
    talks = Talks()
    talks.keep((b"k", b"host"), NoTalk(), 0)
    assert talks.take((b"k", b"host"), contexts.TALK_SECONDS + 1) is None
    assert len(talks) == 0


def test_a_host_that_begins_too_many_talks_loses_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MOST_TALKS", 3)
    talks = Talks()
    talks.keep((b"honest", b"host"), NoTalk(), 0)
    for number in range(100):
        talks.keep((b"%d" % number, b"flood"), NoTalk(), 0)
    assert len(talks) == 3
    assert talks.take((b"honest", b"host"), 1) is not None


def test_secrets_and_contexts_sign_side_by_side(table: Contexts) -> None:
    secret = Key(b"s", Algorithm.HMAC_SHA256, bytes(32))
    signers = Signers({b"s": secret}, table)
    table.add(key("c"))
    assert (signers[b"s"], signers[b"c"].name) == (secret, b"c")
    assert (list(signers), len(signers), b"x" in signers) == ([b"s", b"c"], 2, False)
