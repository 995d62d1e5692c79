"""Services that act for users, as MIT's kvno asks: both kinds of list, what is refused, and what explain says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from tests.interop.conftest import PASSWORD

REFUSED = "constrained delegation failed"


@dataclass(frozen=True)
class Case:
    """Who may do what, and whether a service without the user's ticket gets one for the target."""

    allow: tuple[str, ...] | None = None
    user: tuple[str, ...] = ()
    granted: bool = False
    why: str = ""


CASES = {
    "nothing allowed": Case(why="list"),
    "classic list and any protocol": Case(allow=("--any-protocol",), granted=True),
    "classic list alone": Case(allow=(), why="forwardable"),
    "list of the target": Case(allow=("--by-target",), granted=True),
    "sensitive user, classic": Case(allow=("--any-protocol",), user=("--sensitive",), why="sensitive"),
    "sensitive user, by target": Case(allow=("--by-target",), user=("--sensitive",), why="sensitive"),
    "disabled user": Case(allow=("--any-protocol",), user=("--disable",), why="disabled"),
    "user who has to change the password": Case(allow=("--any-protocol",), user=("--must-change",), granted=True),
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

    def seat(self) -> Seat:
        """Return the middle service's seat, signed in."""
        return self.domain.seat().kinit_keytab(self.middle, self.keytab)

    def words(self, target: str = "") -> tuple[str, ...]:
        """Return the arguments of kvno that ask for a ticket for the user at the target."""
        return ("-k", str(self.keytab), "-U", self.user, "-P", target or self.target)

    def delegation(self, verb: str, *words: str) -> None:
        """Change the lists."""
        self.domain.run("delegation", verb, self.middle, self.target, *words, check=True)

    def explain(self, *, check: bool = False) -> dict[str, object]:
        """Return what `delegation explain` says."""
        words = ("delegation", "explain", self.user, self.middle, self.target, "--json")
        return json.loads(self.domain.run(*words, check=check).stdout)


@pytest.fixture
def chain(shared_domain: Domain, label: str) -> Chain:
    """Return a chain of this test's own in the shared domain."""
    return make_chain(shared_domain, label)


def make_chain(domain: Domain, label: str) -> Chain:
    """Make a user and two services."""
    middle, target = f"HTTP/{label}.bossa.test", f"DNS/{label}.bossa.test"
    domain.add_user(label, PASSWORD)
    return Chain(domain, label, middle, target, domain.add_service(middle), domain.add_service(target))


@pytest.mark.parametrize("name", CASES)
def test_the_kdc_and_explain_decide_the_same(chain: Chain, name: str) -> None:
    """One module decides, with the same rules; a refusal has a line in the log that says why."""
    case = CASES[name]
    if case.allow is not None:
        chain.delegation("allow", *case.allow)
    if case.user:
        chain.domain.run("user", "set", chain.user, *case.user, check=True)
    seat, since = chain.seat(), len(chain.domain.log)
    done = seat.run("kvno", *chain.words(), check=False)
    assert (done.returncode == 0) is case.granted, done.stdout
    explained = chain.explain()
    assert explained["allowed"] is case.granted, explained
    if not case.granted:
        line = chain.domain.wait_for_log(f"{chain.user}.*{case.why}|{case.why}.*{chain.user}", since=since)
        assert chain.middle in line
        assert case.why in json.dumps(explained)


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
    line = domain.wait_for_log("HTTP/web.bossa.test", since=since)
    assert "alice" in line
    assert ns in line
    words = ("delegation", "explain", "alice", "HTTP/web.bossa.test", ns)
    before = domain.run(*words)
    domain.run("delegation", "allow", "HTTP/web.bossa.test", ns, "--any-protocol", check=True)
    assert f"{ns}@BOSSA.TEST: kvno = 1" in seat.kvno(*ask)
    assert f"{ns}@BOSSA.TEST" in seat.klist().partition("for client alice@BOSSA.TEST")[0]
    after = domain.run(*words)
    assert (before.returncode, after.returncode) == (2, 0)
    assert before.stdout.splitlines()[0] != after.stdout.splitlines()[0]


def test_the_target_opens_the_ticket_for_the_user(chain: Chain) -> None:
    """The ticket is sealed with the target's key; its client is the user."""
    chain.delegation("allow", "--any-protocol")
    seat = chain.seat()
    seat.kvno(*chain.words())
    assert f"for client {chain.user}@BOSSA.TEST" in seat.klist()


def test_what_was_allowed_is_forbidden_again(chain: Chain) -> None:
    """`delegation forbid`, for both kinds of list; in force at once."""
    for kind in ("--any-protocol", "--by-target"):
        chain.delegation("allow", kind)
        chain.seat().kvno(*chain.words())
        chain.delegation("forbid", *[kind] * (kind == "--by-target"))
        assert REFUSED in chain.seat().fails("kvno", *chain.words())
        assert chain.explain()["allowed"] is False


def test_a_list_names_the_account_so_its_other_names_are_targets_too(shared_domain: Domain, label: str) -> None:
    """One account, many service names: the list decides about the account."""
    chain = make_chain(shared_domain, label)
    other = f"cifs/{label}.bossa.test"
    shared_domain.run("service", "add", other, "--account", chain.target, check=True)
    chain.delegation("allow", "--any-protocol")
    assert other in chain.seat().kvno(*chain.words(other))


def test_a_service_that_nobody_listed_is_no_target(chain: Chain, ns_keytab: Path) -> None:
    """The list names targets one by one."""
    chain.delegation("allow", "--any-protocol")
    assert REFUSED in chain.seat().fails("kvno", *chain.words("DNS/ns.bossa.test"))


def test_a_service_gets_a_ticket_to_itself_for_a_user_without_any_right(chain: Chain) -> None:
    """S4U2Self alone tells a service what the directory says of the user.  [MS-SFU] 3.2.5.1.1"""
    seat = chain.seat()
    assert "keytab entry valid" in seat.kvno("-k", str(chain.keytab), "-U", chain.user, chain.middle)
    assert f"for client {chain.user}@BOSSA.TEST" in seat.klist()


def test_a_service_asks_for_users_at_itself_alone(chain: Chain, web_keytab: Path) -> None:
    """Trap 6: the name that is asked for is one of the asker's own."""
    chain.seat().fails("kvno", "-U", chain.user, "HTTP/web.bossa.test")


@pytest.mark.parametrize(("words", "said"), [(("-U", "nobody-at-all"), "not found"), (("-I", "nobody-at-all"), "")])
def test_nobody_acts_for_a_user_who_is_not_there(chain: Chain, words: Sequence[str], said: str) -> None:
    """Trap 7: C_PRINCIPAL_UNKNOWN"""
    assert said in chain.seat().fails("kvno", *words, chain.middle)


def test_delegations_are_listed(chain: Chain) -> None:
    """`delegation list`"""
    chain.delegation("allow", "--any-protocol")
    listed = chain.domain.run("delegation", "list", "--json", check=True).stdout
    assert chain.middle in listed
    assert chain.target in listed
