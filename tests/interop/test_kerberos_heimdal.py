"""The realm as Heimdal's clients see it: signing in, tickets for services, and a service that acts for a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from tests.interop.cast import PASSWORD

WEB, NS = "HTTP/web.bossa.test", "DNS/ns.bossa.test"

pytestmark = pytest.mark.usefixtures("alice")


def heimdal(seat: Seat, name: str, *words: str, text: str | None = None) -> str:
    """Run one of Heimdal's programs and return what it said."""
    return seat.run(name, *words, text=text, heimdal=True).stdout


def sign_in(seat: Seat, user: str, password: str, *words: str) -> Seat:
    """Sign in with a password."""
    heimdal(seat, "kinit.heimdal", "--password-file=STDIN", *words, user, text=f"{password}\n")
    return seat


def listed(seat: Seat, ccache: Path | None = None) -> str:
    """Return what klist says of a cache."""
    return heimdal(seat, "klist.heimdal", "klist", "-v", "-c", f"FILE:{ccache or seat.ccache}")


def test_kinit_gets_a_ticket_that_klist_shows(shared_domain: Domain) -> None:
    """Etype, flags and times, as Heimdal reads them."""
    shown = listed(sign_in(shared_domain.seat(), "alice", PASSWORD, "--renewable"))
    assert "Client: alice@BOSSA.TEST" in shown
    assert "Ticket etype: aes" in shown
    assert "pre-authent, initial, renewable, forwardable" in shown


def test_kinit_with_a_wrong_password_is_told_so(shared_domain: Domain) -> None:
    """PREAUTH_FAILED"""
    seat = shared_domain.seat()
    said = seat.fails("kinit.heimdal", "--password-file=STDIN", "alice", text="not hers\n", heimdal=True)
    assert "Password incorrect" in said


def test_kinit_with_an_enterprise_name(shared_domain: Domain) -> None:
    """RFC 6806 §5"""
    shown = listed(sign_in(shared_domain.seat(), "alice@bossa.test", PASSWORD, "--enterprise"))
    assert "Client: alice@BOSSA.TEST" in shown


def test_kinit_renews(shared_domain: Domain) -> None:
    """RFC 4120 §3.3.3.1"""
    seat = sign_in(shared_domain.seat(), "alice", PASSWORD, "--renewable")
    heimdal(seat, "kinit.heimdal", "-R")
    assert "Client: alice@BOSSA.TEST" in listed(seat)


def test_kgetcred_gets_a_ticket_for_a_service(shared_domain: Domain, web_keytab: Path) -> None:
    """With a PAC in it, which no client minds."""
    seat = sign_in(shared_domain.seat(), "alice", PASSWORD)
    heimdal(seat, "kgetcred", WEB)
    assert f"Server: {WEB}@BOSSA.TEST" in listed(seat)


def test_kgetcred_acts_for_a_user_once_that_is_allowed(shared_domain: Domain, label: str, ns_keytab: Path) -> None:
    """S4U2Self, then S4U2Proxy with its ticket as the evidence."""
    name = f"HTTP/{label}.bossa.test"
    keytab = shared_domain.directory.add_service(name)
    seat = shared_domain.seat()
    evidence, out = seat.ccache.with_suffix(".evidence"), seat.ccache.with_suffix(".out")
    proxy = (f"--delegation-credential-cache=FILE:{evidence}", f"--out-cache=FILE:{out}", NS)
    heimdal(seat, "kinit.heimdal", "-k", "-t", f"FILE:{keytab}", name)
    impersonate = ("--impersonate=alice", "--forwardable", f"--out-cache=FILE:{evidence}", name)
    heimdal(seat, "kgetcred", *impersonate)
    assert "Client: alice@BOSSA.TEST" in listed(seat, evidence)
    seat.fails("kgetcred", *proxy, heimdal=True)
    shared_domain.directory.allow(name, NS, any_protocol=True)
    heimdal(seat, "kgetcred", *impersonate)
    heimdal(seat, "kgetcred", *proxy)
    assert "Client: alice@BOSSA.TEST" in listed(seat, out)
    assert f"Server: {NS}@BOSSA.TEST" in listed(seat, out)


def test_kpasswd_changes_a_password(shared_domain: Domain, label: str) -> None:
    """RFC 3244, spoken by Heimdal."""
    shared_domain.directory.add_user(label, PASSWORD)
    new = "Heimdal's own words, all new."
    said = heimdal(shared_domain.seat(), "kpasswd.heimdal", label, text=f"{PASSWORD}\n{new}\n{new}\n")
    assert "Success" in said
    sign_in(shared_domain.seat(), label, new)
