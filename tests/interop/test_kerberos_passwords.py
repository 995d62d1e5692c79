"""Passwords over the wire: changed, expired, too weak, guessed too often; and users who may not sign in."""

from __future__ import annotations

import time

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from bossa.testing.plugin import DomainFactory
from tests.interop.cast import PASSWORD

NEW = "Five words are better, aren't they?"
REVOKED = "Client's credentials have been revoked while getting initial credentials"
LOCKOUT = "[kerberos]\nlockout_after = 3\n"


def change(seat: Seat, user: str, old: str, new: str, *, check: bool = True) -> str:
    """Change a password with MIT's kpasswd, and return what it said."""
    return seat.run("kpasswd", user, text=f"{old}\n{new}\n{new}\n", check=check).stdout


def test_a_user_changes_the_own_password(shared_domain: Domain, label: str) -> None:
    """RFC 3244: at once the new one works and the old one does not."""
    shared_domain.directory.add_user(label, PASSWORD)
    assert "Password changed." in change(shared_domain.seat(), label, PASSWORD, NEW)
    shared_domain.kinit(label, NEW)
    assert "Password incorrect" in shared_domain.seat().fails("kinit", label, text=f"{PASSWORD}\n")


def test_who_does_not_know_the_password_does_not_change_it(shared_domain: Domain, label: str) -> None:
    """The ticket for kadmin/changepw takes the old one."""
    shared_domain.directory.add_user(label, PASSWORD)
    assert "changed" not in change(shared_domain.seat(), label, "guessed", NEW, check=False)
    shared_domain.kinit(label, PASSWORD)


@pytest.mark.parametrize("weak", ["short", "{user} and more"], ids=["too short", "with the name"])
def test_a_password_against_the_policy_is_refused_with_the_reason(shared_domain: Domain, label: str, weak: str) -> None:
    """RFC 3244 §2: KRB5_KPASSWD_SOFTERROR with a text for the user."""
    user = f"somebody-{label}"
    shared_domain.directory.add_user(user, PASSWORD)
    said = change(shared_domain.seat(), user, PASSWORD, weak.format(user=user), check=False)
    assert "Password change rejected: The password" in said
    shared_domain.kinit(user, PASSWORD)


def test_an_expired_password_is_changed_on_the_spot(shared_domain: Domain, label: str) -> None:
    """KEY_EXPIRED for everything but kadmin/changepw; kinit goes there by itself."""
    shared_domain.directory.add_user(label, PASSWORD)
    shared_domain.directory.set(label, must_change=True)
    seat = shared_domain.seat()
    said = seat.run("kinit", label, text=f"{PASSWORD}\n{NEW}\n{NEW}\n").stdout
    assert "Password expired.  You must change it now." in said
    assert f"Default principal: {label}@BOSSA.TEST" in seat.klist()
    shared_domain.kinit(label, NEW)


def test_a_disabled_user_is_told_that_it_is_revoked_and_the_log_why(shared_domain: Domain, label: str) -> None:
    """CLIENT_REVOKED, until he is enabled again."""
    shared_domain.directory.add_user(label, PASSWORD)
    since = len(shared_domain.log)
    shared_domain.directory.set(label, disabled=True)
    assert REVOKED in shared_domain.seat().fails("kinit", label, text=f"{PASSWORD}\n")
    shared_domain.wait_for_log(f"{label}.*disabled", since=since)
    shared_domain.directory.set(label, disabled=False)
    shared_domain.kinit(label, PASSWORD)


def test_a_user_whose_time_is_over_is_told_that_the_entry_has_expired(shared_domain: Domain, label: str) -> None:
    """NAME_EXP"""
    shared_domain.directory.add_user(label, PASSWORD)
    shared_domain.directory.set(label, expires="2020-01-01")
    said = shared_domain.seat().fails("kinit", label, text=f"{PASSWORD}\n")
    assert "Client's entry in database has expired" in said


def test_a_disabled_users_ticket_opens_nothing_more(shared_domain: Domain, label: str) -> None:
    """What was issued before is checked against the directory again."""
    shared_domain.directory.add_user(label, PASSWORD)
    keytab = f"HTTP/{label}.bossa.test"
    shared_domain.directory.add_service(keytab)
    seat = shared_domain.kinit(label, PASSWORD)
    shared_domain.directory.set(label, disabled=True)
    assert "revoked" in seat.fails("kvno", keytab)


def test_a_command_sets_a_password_that_works_at_once(shared_domain: Domain, label: str) -> None:
    """`bossa user password`"""
    shared_domain.directory.add_user(label, PASSWORD)
    shared_domain.directory.set_password(label, NEW)
    shared_domain.kinit(label, NEW)


def test_guesses_lock_an_account_on_every_worker_until_it_is_unlocked(domain_factory: DomainFactory) -> None:
    """Failures are counted in one place, whichever worker gets them; the right password does not help any more."""
    domain = domain_factory(workers=2, config_toml=LOCKOUT)
    domain.directory.add_user("alice", PASSWORD)
    for _ in range(3):
        assert "Password incorrect" in domain.seat().fails("kinit", "alice", text="a guess\n")
    for _ in range(6):
        assert REVOKED in domain.seat().fails("kinit", "alice", text=f"{PASSWORD}\n")
    domain.wait_for_log("alice.*locked")
    domain.directory.unlock("alice")
    for _ in range(6):
        domain.kinit("alice", PASSWORD)


def test_a_success_forgets_the_failures_before_it(domain_factory: DomainFactory) -> None:
    """Two wrong ones, a right one, two wrong ones: nobody is locked out."""
    domain = domain_factory(workers=2, config_toml=LOCKOUT)
    domain.directory.add_user("alice", PASSWORD)
    for _ in range(3):
        for _ in range(2):
            domain.seat().fails("kinit", "alice", text="a guess\n")
        domain.kinit("alice", PASSWORD)


def test_a_locked_account_stays_so_over_a_restart(domain_factory: DomainFactory) -> None:
    """The lock is on disk."""
    domain = domain_factory(config_toml=LOCKOUT)
    domain.directory.add_user("alice", PASSWORD)
    for _ in range(3):
        domain.seat().fails("kinit", "alice", text="a guess\n")
    # Counts are written once a second.
    time.sleep(1.2)
    domain.kill()
    domain.restart()
    assert REVOKED in domain.seat().fails("kinit", "alice", text=f"{PASSWORD}\n")
