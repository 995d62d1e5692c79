"""Services that act for users, as MIT's kvno asks: both kinds of list, what is refused, and what explain says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from tests.interop.cast import PASSWORD

REFUSED = "constrained delegation failed"


@dataclass(frozen=True)
class Case:
    """Who may do what, and whether a service without the user's ticket gets one for the target.

    ``why`` is in the reason that the log gives, ``told`` in a rule that explain shows as broken.
    """

    allow: Mapping[str, bool] | None = None
    user: Mapping[str, Any] = field(default_factory=dict)
    granted: bool = False
    why: str = ""
    told: str = ""


ANY, TARGET = {"any_protocol": True}, {"by_target": True}
CASES = {
    "nothing allowed": Case(why="neither list has it", told="not on the list"),
    "classic list and any protocol": Case(ANY, granted=True),
    "classic list alone": Case({}, why="not forwardable", told="may only speak for users who came by Kerberos"),
    "list of the target": Case(TARGET, granted=True),
    "sensitive user, classic": Case(ANY, {"sensitive": True}, why="not forwardable", told="never delegated"),
    "sensitive user, by target": Case(TARGET, {"sensitive": True}, why="not forwardable", told="never delegated"),
    "disabled user": Case(ANY, {"disabled": True}, why="is disabled", told="is disabled"),
    "user whose time is over": Case(ANY, {"expires": "2020-01-01"}, why="has expired", told="has expired"),
    "user who has to change the password": Case(ANY, {"must_change": True}, granted=True),
}


@dataclass(frozen=True)
class Chain:
    """A user, a service in the middle with its keytab, and a service behind it."""

    domain: Domain
    user: str
    middle: str
    target: str
    keytab: Path
    target_keytab: Path

    @classmethod
    def made(cls, domain: Domain, label: str) -> Chain:
        """Make the three accounts."""
        middle, target = f"HTTP/{label}.bossa.test", f"DNS/{label}.bossa.test"
        domain.directory.add_user(label, PASSWORD)
        add = domain.directory.add_service
        return cls(domain, label, middle, target, add(middle), add(target))

    def seat(self) -> Seat:
        """Return the middle service's seat, signed in."""
        return self.domain.seat().kinit_keytab(self.middle, self.keytab)

    def words(self, target: str = "") -> tuple[str, ...]:
        """Return the arguments of kvno that ask for a ticket for the user at the target."""
        return ("-k", str(self.keytab), "-U", self.user, "-P", target or self.target)

    def allow(self, **kind: bool) -> None:
        """Let the middle act for users at the target."""
        self.domain.directory.allow(self.middle, self.target, **kind)

    def is_explained(self) -> bool:
        """Tell what `delegation explain` decides."""
        return self.domain.directory.explain(self.user, self.middle, self.target).allowed


@pytest.fixture
def chain(shared_domain: Domain, label: str) -> Chain:
    """Return a chain of this test's own in the shared domain."""
    return Chain.made(shared_domain, label)


@pytest.mark.parametrize("name", CASES)
def test_the_kdc_and_explain_decide_the_same(chain: Chain, name: str) -> None:
    """One module decides, with the same rules; a refusal has a line in the log that says who, for what and why."""
    case, domain = CASES[name], chain.domain
    if case.allow is not None:
        chain.allow(**case.allow)
    if case.user:
        domain.directory.set(chain.user, **case.user)
    seat, since = chain.seat(), len(domain.log)
    done = seat.run("kvno", *chain.words(), check=False)
    assert (done.returncode == 0) is case.granted, done.stdout
    explained = domain.directory.explain(chain.user, chain.middle, chain.target)
    assert explained.allowed is case.granted, explained
    if not case.granted:
        assert chain.user in domain.wait_for_log(case.why, since=since)
        broken = [rule.words for way in explained.ways for rule in way.rules if not rule.holds]
        assert any(case.told in words for words in broken), broken


def test_the_walk_of_the_first_minutes(domain: Domain) -> None:
    """What the README shows, on a fresh domain: refused with a reason, allowed by one command, explained both times."""
    web, ns = domain.home / "web.keytab", "DNS/ns.bossa.test"
    domain.run("user", "add", "alice", "--password-stdin", text=f"{PASSWORD}\n", check=True)
    domain.run("service", "add", "HTTP/web.bossa.test", "--keytab", str(web), check=True)
    domain.run("service", "add", ns, check=True)
    assert web.stat().st_mode & 0o777 == 0o600
    seat = domain.seat().kinit_keytab("HTTP/web.bossa.test", web)
    ask = ("-k", str(web), "-U", "alice", "-P", ns)
    since = len(domain.log)
    assert REFUSED in seat.fails("kvno", *ask)
    line = domain.wait_for_log("neither list has it", since=since)
    assert all(word in line for word in ("HTTP/web.bossa.test", ns, "alice")), line
    words = ("delegation", "explain", "alice", "HTTP/web", "DNS/ns")
    before = domain.run(*words)
    assert before.stdout.startswith("no")
    domain.run("delegation", "allow", "HTTP/web.bossa.test", ns, "--any-protocol", check=True)
    assert f"{ns}@BOSSA.TEST: kvno = 1" in seat.kvno(*ask)
    after = domain.run(*words, check=True)
    assert after.stdout.startswith("yes")


def test_the_ticket_says_for_whom_it_is(chain: Chain) -> None:
    """Its client is the user, whatever the middle service is called."""
    chain.allow(any_protocol=True)
    seat = chain.seat()
    seat.kvno(*chain.words())
    _, _, shown = seat.klist().partition(f"{chain.target}@BOSSA.TEST")
    assert shown.split("\n")[1].strip().startswith(f"for client {chain.user}@BOSSA.TEST")


@pytest.mark.parametrize("kind", [ANY, TARGET], ids=["of the middle", "of the target"])
def test_what_was_allowed_is_forbidden_again(chain: Chain, kind: dict[str, bool]) -> None:
    """In force at once."""
    chain.allow(**kind)
    chain.seat().kvno(*chain.words())
    chain.domain.directory.forbid(chain.middle, chain.target, by_target=kind is TARGET)
    assert REFUSED in chain.seat().fails("kvno", *chain.words())
    assert not chain.is_explained()


@pytest.mark.parametrize("kind", [ANY, TARGET], ids=["of the middle", "of the target"])
def test_a_list_names_accounts_so_all_their_names_are_meant(chain: Chain, kind: dict[str, bool]) -> None:
    """One account, many service names: the list decides about the account."""
    other = f"cifs/{chain.user}.bossa.test"
    chain.domain.directory.add_name(chain.target, other)
    chain.allow(**kind)
    assert other in chain.seat().kvno(*chain.words(other))


def test_a_service_that_nobody_listed_is_no_target(chain: Chain, ns_keytab: Path) -> None:
    """The list names targets one by one."""
    chain.allow(any_protocol=True)
    assert REFUSED in chain.seat().fails("kvno", *chain.words("DNS/ns.bossa.test"))


def test_a_service_gets_a_ticket_to_itself_for_a_user_without_any_right(chain: Chain) -> None:
    """S4U2Self alone tells a service what the directory says of the user.  [MS-SFU] 3.2.5.1.1"""
    seat = chain.seat()
    assert "keytab entry valid" in seat.kvno("-k", str(chain.keytab), "-U", chain.user, chain.middle)
    assert f"for client {chain.user}@BOSSA.TEST" in seat.klist()


def test_a_service_asks_for_users_at_itself_alone(chain: Chain, web_keytab: Path) -> None:
    """Trap 6: the name that is asked for is one of the asker's own."""
    assert "kvno:" in chain.seat().fails("kvno", "-U", chain.user, "HTTP/web.bossa.test")


@pytest.mark.parametrize("kind", ["-I", "-U"], ids=["name", "enterprise name"])
def test_nobody_acts_for_a_user_who_is_not_there(chain: Chain, kind: str) -> None:
    """Trap 7: C_PRINCIPAL_UNKNOWN"""
    assert "not found in Kerberos database" in chain.seat().fails("kvno", kind, "nobody-at-all", chain.middle)


def test_a_user_is_named_by_an_enterprise_name_too(chain: Chain) -> None:
    """[MS-SFU] 2.2.1: a name of type 10."""
    assert chain.middle in chain.seat().kvno("-U", f"{chain.user}@bossa.test", chain.middle)
