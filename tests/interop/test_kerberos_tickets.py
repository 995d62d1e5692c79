"""Tickets for services as MIT's clients get them: what opens them, other names, renewal, keys that change."""

from __future__ import annotations

from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from bossa.testing.plugin import DomainFactory
from tests.interop.cast import PASSWORD

WEB = "HTTP/web.bossa.test"


def test_the_keytab_opens_the_services_ticket(shared_domain: Domain, alice: Seat, web_keytab: Path) -> None:
    """`service add --keytab`, and kvno -k"""
    assert alice.kvno("-k", str(web_keytab), WEB) == f"{WEB}@BOSSA.TEST: kvno = 1, keytab entry valid\n"


def test_another_services_keytab_does_not(alice: Seat, web_keytab: Path, ns_keytab: Path) -> None:
    """The check above can fail."""
    said = alice.fails("kvno", "-k", str(ns_keytab), WEB)
    assert "keytab entry invalid" in said


@pytest.mark.parametrize("limit", ["1", "1400"], ids=["tcp", "udp"])
def test_a_service_ticket_comes_over_udp_and_tcp(
    shared_domain: Domain, web_keytab: Path, alice: Seat, limit: str
) -> None:
    """RFC 4120 §7.2; a ticket with a PAC is larger than a datagram may be, and comes over TCP in the end."""
    seat = shared_domain.seat(f"udp_preference_limit = {limit}").kinit("alice", PASSWORD)
    assert "keytab entry valid" in seat.kvno("-k", str(web_keytab), WEB)


@pytest.mark.parametrize("enctype", ["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha256-128"])
def test_the_session_key_is_of_the_enctype_that_was_asked_for(
    shared_domain: Domain, alice: Seat, web_keytab: Path, enctype: str
) -> None:
    """RFC 4120 §3.3.3"""
    seat = shared_domain.kinit("alice", PASSWORD)
    seat.kvno("-e", enctype, WEB)
    assert f"Etype (skey, tkt): {enctype}, " in seat.klist("-e").partition(f"{WEB}@")[2]


def test_an_unknown_service_is_not_found(alice: Seat) -> None:
    """S_PRINCIPAL_UNKNOWN"""
    said = alice.fails("kvno", "HTTP/nowhere.bossa.test")
    assert "Server HTTP/nowhere.bossa.test@BOSSA.TEST not found in Kerberos database" in said


def test_each_name_of_an_account_gets_a_ticket_that_its_one_key_opens(
    shared_domain: Domain, alice: Seat, label: str
) -> None:
    """One account, one key set, many service names."""
    first, second = f"HTTP/{label}.bossa.test", f"cifs/{label}.bossa.test"
    keytab = shared_domain.directory.add_service(first, second)
    seat = shared_domain.kinit("alice", PASSWORD)
    assert seat.kvno("-k", str(keytab), first, second).count("keytab entry valid") == 2


def test_a_ticket_is_renewed_until_it_is_not_renewable(shared_domain: Domain, alice: Seat) -> None:
    """RFC 4120 §3.3.3.1"""
    seat = shared_domain.kinit("alice", PASSWORD, "-l", "1h", "-r", "2h")
    assert seat.run("kinit", "-R").returncode == 0
    assert "renew until" in seat.klist()
    plain = shared_domain.kinit("alice", PASSWORD, "-l", "1h")
    assert "KDC can't fulfill requested option while renewing credentials" in plain.fails("kinit", "-R")


def test_flags_go_from_the_ticket_granting_ticket_to_the_services(
    shared_domain: Domain, alice: Seat, web_keytab: Path
) -> None:
    """RFC 4120 §3.3.3: forwardable and proxiable as far as the first ticket is; initial never."""
    seat = shared_domain.kinit("alice", PASSWORD, "-p", "-l", "1h")
    seat.kvno(WEB)
    shown = seat.flags(WEB)
    assert {"F", "P", "A"} <= shown
    assert "I" not in shown
    plain = shared_domain.kinit("alice", PASSWORD, "-F", "-P", "-l", "1h")
    plain.kvno(WEB)
    assert not {"F", "P", "I"} & plain.flags(WEB)


def test_a_user_who_has_no_keytab_is_reached_by_his_session_key(shared_domain: Domain, alice: Seat, label: str) -> None:
    """RFC 4120 §3.7: user-to-user."""
    shared_domain.directory.add_user(label, PASSWORD)
    other = shared_domain.kinit(label, PASSWORD)
    assert f"{label}@BOSSA.TEST: kvno = 0" in alice.kvno("--u2u", str(other.ccache), label)


def test_a_user_gets_no_ticket_under_a_key_from_a_password(shared_domain: Domain, alice: Seat, label: str) -> None:
    """MUST_USE_USER2USER: whoever gets one could try passwords on it."""
    shared_domain.directory.add_user(label, PASSWORD)
    assert "Server principal valid for user2user only" in alice.fails("kvno", label)


def test_old_tickets_and_old_keytabs_work_after_a_services_keys_change(
    shared_domain: Domain, alice: Seat, label: str
) -> None:
    """A rollover: tickets that were issued before, and those that come after, each with its key."""
    name = f"HTTP/{label}.bossa.test"
    old = shared_domain.directory.add_service(name)
    rolling = shared_domain.directory.keytab(name)
    before, after = shared_domain.kinit("alice", PASSWORD), shared_domain.kinit("alice", PASSWORD)
    assert "kvno = 1, keytab entry valid" in before.kvno("-k", str(old), name)
    shared_domain.directory.keytab(name, rotate=True, into=rolling)
    assert "kvno = 1, keytab entry valid" in before.kvno("-k", str(rolling), name)
    assert "kvno = 2, keytab entry valid" in after.kvno("-k", str(rolling), name)
    assert "kvno = 2, keytab entry invalid" in after.fails("kvno", "-k", str(old), name)


def test_tickets_of_the_realms_old_key_work_after_it_changes(domain_factory: DomainFactory) -> None:
    """The krbtgt key: whoever signed in before goes on working, and so does whoever signs in now."""
    domain = domain_factory(workers=2)
    domain.directory.add_user("alice", PASSWORD)
    keytab = domain.directory.add_service(WEB)
    before = domain.kinit("alice", PASSWORD, "-l", "1h", "-r", "2h")
    domain.directory.rotate("krbtgt")
    for seat in (before, domain.kinit("alice", PASSWORD)):
        assert "keytab entry valid" in seat.kvno("-k", str(keytab), WEB)
    before.run("kinit", "-R")


def test_many_tickets_come_from_every_worker(domain_factory: DomainFactory) -> None:
    """Each client's socket may lead to another worker."""
    domain = domain_factory(workers=2)
    domain.directory.add_user("alice", PASSWORD)
    keytab = domain.directory.add_service(WEB)
    for _ in range(6):
        assert "keytab entry valid" in domain.kinit("alice", PASSWORD).kvno("-k", str(keytab), WEB)


def test_a_service_in_another_letter_case_gets_a_ticket_in_the_name_that_was_asked_for(
    shared_domain: Domain, alice: Seat, web_keytab: Path
) -> None:
    """[MS-KILE] 3.3.5.6.1; MIT's client takes no other name of a service than the one it asked for."""
    seat = shared_domain.kinit("alice", PASSWORD)
    assert "http/Web.bossa.test@BOSSA.TEST: kvno = 1" in seat.kvno("http/Web.bossa.test")
