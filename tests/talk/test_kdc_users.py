"""Conversations about tickets from user to user, under a session key in place of a password's.  RFC 4120 §3.7"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Key
from bossa.directory.changes import remove_account
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.messages import EncryptionKey, EncTicketPart, Ticket, Transited
from bossa.krb.names import krbtgt
from bossa.krb.pac.verify import verify_service
from bossa.krb.ticket import open as open_ticket
from bossa.krb.ticket import seal
from tests.talk.kerberos import NOW, Credential, Site, ask, code, log_in, name, tgs_req

U2U = int(KdcOptions.ENC_TKT_IN_SKEY)
WEB = "HTTP/web.bossa.test"


@pytest.fixture
def site() -> Site:
    """A realm with two users and a service."""
    made = Site()
    made.user("alice")
    made.user("bob", names=("robert",))
    made.service(WEB)
    return made


@pytest.fixture
def alice(site: Site) -> Credential:
    """Alice's first ticket."""
    return log_in(site, "alice")


@pytest.fixture
def bob(site: Site) -> Credential:
    """Bob's first ticket."""
    return log_in(site, "bob")


@pytest.mark.parametrize("asked", ["bob", "robert", None])
def test_a_user_is_reached_under_the_session_key_of_its_ticket(
    site: Site, alice: Credential, bob: Credential, asked: str | None
) -> None:
    """RFC 4120 §3.3.3; without a name it is the second ticket's client."""
    sname = name(asked) if asked else None
    fields: dict[str, Any] = {"kdc_options": U2U, "additional_tickets": (bob.ticket,)}
    held = ask(site, alice, sname, **fields)
    opened = open_ticket(Ticket.decode(held.ticket.encode()), bob.key)
    assert held.ticket.enc_part.kvno is None
    assert held.ticket.sname == (sname or name("bob"))
    assert opened.part.cname == name("alice")
    kdc = site.principal("krbtgt").key()
    assert kdc is not None
    assert verify_service(opened, bob.key, [kdc])


def test_a_second_ticket_of_somebody_else_does_not_match(site: Site, alice: Credential, bob: Credential) -> None:
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(alice.ticket,))
    assert code(site.say(packet)) == KrbCode.SERVER_NOMATCH
    packet = tgs_req(site, alice, WEB, kdc_options=U2U, additional_tickets=(bob.ticket,))
    assert code(site.say(packet)) == KrbCode.SERVER_NOMATCH


def test_a_service_that_grants_tickets_is_no_user(site: Site, alice: Credential, bob: Credential) -> None:
    packet = tgs_req(site, alice, krbtgt("BOSSA.TEST"), kdc_options=U2U, additional_tickets=(bob.ticket,))
    assert code(site.say(packet)) == KrbCode.SERVER_NOMATCH


def test_without_a_second_ticket_there_is_no_key(site: Site, alice: Credential) -> None:
    assert code(site.say(tgs_req(site, alice, "bob", kdc_options=U2U))) == KrbCode.BADOPTION


def test_a_second_ticket_grants_tickets(site: Site, alice: Credential) -> None:
    service = ask(site, alice, WEB)
    packet = tgs_req(site, alice, "alice", kdc_options=U2U, additional_tickets=(service.ticket,))
    assert code(site.say(packet)) == KrbCode.NOT_US


def test_an_expired_second_ticket_is_refused(site: Site, alice: Credential) -> None:
    old = log_in(site, "bob", till=int(NOW) + 60)
    site.now += 600
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(old.ticket,))
    assert code(site.say(packet)) == KrbCode.TKT_EXPIRED


def test_a_second_ticket_under_another_key_is_bad(site: Site, alice: Credential, bob: Credential) -> None:
    locked = replace(bob.ticket.enc_part, cipher=bob.ticket.enc_part.cipher[::-1])
    wrong = replace(bob.ticket, enc_part=locked, raw=b"")
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(wrong,))
    assert code(site.say(packet)) == KrbCode.BAD_INTEGRITY


def test_a_user_that_is_disabled_is_not_reached(site: Site, alice: Credential, bob: Credential) -> None:
    site.change("bob", disabled=True)
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(bob.ticket,))
    assert code(site.say(packet)) == KrbCode.SERVICE_REVOKED


def test_another_realm_does_not_say_under_which_key_a_user_of_ours_is_reached(site: Site, alice: Credential) -> None:
    """It could answer for the user then: whoever knows the session key is taken for bob."""
    other = Site("OTHER.TEST", seed=2)
    site.trust(other)
    other.trust(site)
    trust, known = other.realm.trust(site.name), Key(18, b"k" * 32)
    assert trust is not None
    key, now = trust.key(), int(NOW)
    assert key is not None
    inside = EncryptionKey(18, known.octets)
    said = EncTicketPart(0, inside, site.name, name("bob"), Transited(), now, now, now + 600)
    forged = seal(said, other.name, krbtgt(site.name), key, trust.leaving[0].kvno, bytes(16))
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(forged,))
    assert code(site.say(packet)) == KrbCode.POLICY


def test_who_had_a_name_before_is_not_reached_under_it(site: Site, alice: Credential, bob: Credential) -> None:
    """CVE-2020-25719, by this door: the ticket says by SID whose it is."""
    site.realm.apply(remove_account(site.realm, site.principal("bob").account))
    site.user("bob")
    packet = tgs_req(site, alice, "bob", kdc_options=U2U, additional_tickets=(bob.ticket,))
    assert code(site.say(packet)) == KrbCode.TGT_REVOKED
