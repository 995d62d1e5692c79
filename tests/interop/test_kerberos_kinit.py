"""Signing in with MIT's kinit: by password and key, in armor, under other names, and what a failure says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from tests.interop.cast import PASSWORD

ENCTYPES = (
    "aes256-cts-hmac-sha1-96",
    "aes128-cts-hmac-sha1-96",
    "aes256-cts-hmac-sha384-192",
    "aes128-cts-hmac-sha256-128",
)
TGT = "krbtgt/BOSSA.TEST"
WRONG = "kinit: Password incorrect while getting initial credentials\n"

pytestmark = pytest.mark.usefixtures("alice")


def lifetime(seat: Seat) -> timedelta:
    """Return the difference of the two moments that klist shows of the first ticket."""
    (line, *_) = [line for line in seat.klist().splitlines() if line.endswith(f"{TGT}@BOSSA.TEST")]
    fields = line.split()
    start, end = (datetime.strptime(" ".join(fields[at : at + 2]), "%m/%d/%y %H:%M:%S") for at in (0, 2))
    return end - start


def test_a_password_gets_an_initial_preauthenticated_ticket(shared_domain: Domain) -> None:
    """RFC 4120 §3.1; forwardable because the krb5.conf asks for it."""
    seat = shared_domain.kinit("alice", PASSWORD, "-l", "1h")
    assert "Default principal: alice@BOSSA.TEST" in seat.klist()
    assert seat.flags(TGT) == set("FIA")
    assert "Additional pre-authentication required" in seat.trace


@pytest.mark.parametrize("enctype", ENCTYPES)
def test_a_client_of_one_enctype_gets_a_session_key_of_it(shared_domain: Domain, enctype: str) -> None:
    """RFC 3962 and RFC 8009: etype-info2 offers the salt for it."""
    seat = shared_domain.seat(f"permitted_enctypes = {enctype}").kinit("alice", PASSWORD)
    assert f"Etype (skey, tkt): {enctype}, " in seat.klist("-e")


def test_rc4_alone_is_refused(shared_domain: Domain) -> None:
    """CVE-2022-37966: no client is talked down to RC4."""
    seat = shared_domain.seat("permitted_enctypes = rc4-hmac", "allow_weak_crypto = true")
    said = seat.fails("kinit", "alice", text=f"{PASSWORD}\n")
    assert "KDC has no support for encryption type" in said


def test_a_keytab_signs_a_service_in(shared_domain: Domain, web_keytab: Path) -> None:
    """The line of the issue."""
    seat = shared_domain.seat().kinit_keytab("HTTP/web.bossa.test", web_keytab)
    assert "Default principal: HTTP/web.bossa.test@BOSSA.TEST" in seat.klist()


def test_a_wrong_password_is_called_incorrect(shared_domain: Domain) -> None:
    """RFC 4120 §3.1.3: PREAUTH_FAILED, and nothing more."""
    said = shared_domain.seat().fails("kinit", "alice", text="not hers\n")
    assert said.endswith(WRONG)


def test_an_unknown_user_is_not_found(shared_domain: Domain) -> None:
    """C_PRINCIPAL_UNKNOWN"""
    said = shared_domain.seat().fails("kinit", "nobody", text="x\n")
    assert "Client 'nobody@BOSSA.TEST' not found in Kerberos database" in said


def test_fast_armor_hides_a_password_that_is_right(shared_domain: Domain, web_keytab: Path) -> None:
    """RFC 6113 §5.4.6: encrypted challenge under the armor of the service's ticket."""
    armor = shared_domain.seat().kinit_keytab("HTTP/web.bossa.test", web_keytab)
    seat = shared_domain.kinit("alice", PASSWORD, "-T", f"FILE:{armor.ccache}")
    assert "Encoding request body and padata into FAST request" in seat.trace
    assert "Preauth module encrypted_challenge (138) (real) returned: 0/Success" in seat.trace
    assert "encrypted_timestamp" not in seat.trace
    assert "fast_avail(krbtgt/BOSSA.TEST@BOSSA.TEST) = yes" in seat.klist("-C")


def test_fast_armor_does_not_open_for_a_wrong_password(shared_domain: Domain, web_keytab: Path) -> None:
    """RFC 6113 §5.4.4: the error comes in armor too."""
    armor = shared_domain.seat().kinit_keytab("HTTP/web.bossa.test", web_keytab)
    seat = shared_domain.seat()
    said = seat.fails("kinit", "-T", f"FILE:{armor.ccache}", "alice", text="not hers\n")
    assert said.endswith("while getting initial credentials\n")
    assert "Decoding FAST response" in seat.trace
    assert "Preauthentication failed" in seat.trace


def test_an_enterprise_name_becomes_the_users_own(shared_domain: Domain) -> None:
    """RFC 6806 §5"""
    seat = shared_domain.kinit("alice@bossa.test", PASSWORD, "-E")
    assert "Default principal: alice@BOSSA.TEST" in seat.klist()


def test_another_letter_case_is_the_same_user_only_for_who_asks_for_canonical_names(shared_domain: Domain) -> None:
    """[MS-KILE] 3.3.5.6.1; RFC 6806 §6"""
    seat = shared_domain.kinit("Alice", PASSWORD, "-C")
    assert "Default principal: alice@BOSSA.TEST" in seat.klist()
    assert "not found in Kerberos database" in shared_domain.seat().fails("kinit", "Alice", text=f"{PASSWORD}\n")


@pytest.mark.parametrize(
    ("words", "shown"),
    [((), "FIA"), (("-F",), "IA"), (("-p",), "FPIA"), (("-r", "2d"), "FRIA"), (("-F", "-P", "-r", "2d"), "RIA")],
    ids=["forwardable", "not forwardable", "proxiable", "renewable", "renewable only"],
)
def test_a_ticket_has_the_flags_that_were_asked_for(shared_domain: Domain, words: tuple[str, ...], shown: str) -> None:
    """RFC 4120 §2"""
    assert shared_domain.kinit("alice", PASSWORD, "-l", "1h", *words).flags(TGT) == set(shown)


def test_a_ticket_that_cannot_live_as_long_as_asked_is_renewable(shared_domain: Domain) -> None:
    """RFC 4120 §3.1.3: kinit sets RENEWABLE-OK, and asks for a day."""
    assert shared_domain.kinit("alice", PASSWORD).flags(TGT) == set("FRIA")


def test_no_ticket_is_postdated(shared_domain: Domain) -> None:
    """RFC 4120 §2.4; CANNOT_POSTDATE"""
    said = shared_domain.seat().fails("kinit", "-s", "1h", "alice", text=f"{PASSWORD}\n")
    assert "Ticket is ineligible for postdating" in said


@pytest.mark.parametrize(("asked", "given"), [("1h", 1), ("30d", 10)], ids=["shorter", "too long"])
def test_a_ticket_lives_as_long_as_asked_and_allowed(shared_domain: Domain, asked: str, given: int) -> None:
    """RFC 4120 §3.1.3"""
    assert lifetime(shared_domain.kinit("alice", PASSWORD, "-l", asked)) == timedelta(hours=given)


@pytest.mark.parametrize(("limit", "sent"), [("1", "Sending TCP request"), ("1400", "Sending initial UDP request")])
def test_signing_in_works_over_udp_and_tcp(shared_domain: Domain, limit: str, sent: str) -> None:
    """RFC 4120 §7.2"""
    seat = shared_domain.seat(f"udp_preference_limit = {limit}").kinit("alice", PASSWORD)
    assert sent in seat.trace


def test_a_service_signs_in_for_one_service_without_a_ticket_granting_ticket(
    shared_domain: Domain, web_keytab: Path, ns_keytab: Path
) -> None:
    """RFC 4120 §3.1: kinit -S"""
    seat = shared_domain.seat().kinit_keytab("HTTP/web.bossa.test", web_keytab, "-S", "DNS/ns.bossa.test")
    assert "DNS/ns.bossa.test@BOSSA.TEST" in seat.klist()
    assert "krbtgt" not in seat.klist()
