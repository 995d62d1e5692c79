"""Conversations about time: how long tickets live, how they are renewed, and which old keys still open them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.directory.changes import remove_account
from bossa.krb.client import User
from bossa.krb.client.s4u import for_user
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import AuthData
from bossa.krb.names import krbtgt
from bossa.krb.pac.carry import find_in
from bossa.krb.pac.verify import verify_service
from tests.talk.kerberos import (
    NOW,
    PASSWORD,
    Credential,
    Site,
    as_req,
    ask,
    code,
    forged,
    key_of,
    log_in,
    name,
    tgs_req,
    timestamp,
)

START = int(NOW)
HOUR, DAY = 3600, 86_400
LIFE, RENEW = 10 * HOUR, 7 * DAY
WEB = "HTTP/web.bossa.test"
RENEWABLE, RENEWABLE_OK = int(KdcOptions.RENEWABLE), int(KdcOptions.RENEWABLE_OK)


@pytest.fixture
def site() -> Site:
    """A realm with a user and a service."""
    made = Site()
    made.user("alice")
    made.service(WEB)
    return made


@pytest.mark.parametrize(
    ("options", "till", "rtime", "end", "renew_till"),
    [
        (0, 0, None, LIFE, None),
        (0, START + HOUR, None, HOUR, None),
        (0, START + 30 * DAY, None, LIFE, None),
        (0, 253_402_300_799, None, LIFE, None),
        (RENEWABLE, 0, None, LIFE, RENEW),
        (RENEWABLE, 0, 0, LIFE, RENEW),
        (RENEWABLE, 0, START + 2 * DAY, LIFE, 2 * DAY),
        (RENEWABLE, 0, START + 30 * DAY, LIFE, RENEW),
        (RENEWABLE, 0, START + HOUR, LIFE, None),
        (RENEWABLE_OK, START + HOUR, None, HOUR, None),
        (RENEWABLE_OK, START + 3 * DAY, None, LIFE, 3 * DAY),
        (RENEWABLE_OK, START + 30 * DAY, None, LIFE, RENEW),
    ],
)
def test_a_ticket_lives_as_long_as_asked_and_permitted(
    site: Site, options: int, till: int, rtime: int | None, end: int, renew_till: int | None
) -> None:
    """RFC 4120 §3.1.3; a time of zero (19700101000000Z) asks for as long as there is."""
    told = log_in(site, "alice", kdc_options=options, till=till, rtime=rtime).told
    assert told.endtime == START + end
    assert told.renew_till == (None if renew_till is None else START + renew_till)
    assert bool(told.flags & TicketFlags.RENEWABLE) == (renew_till is not None)


@pytest.mark.parametrize("till", [1, START - 1, START])
def test_a_ticket_that_would_end_before_it_starts_is_never_valid(site: Site, till: int) -> None:
    """RFC 4120 §3.1.3"""
    proof = timestamp(site, key_of(site, "alice"))
    assert code(site.say(as_req(site, "alice", proof, till=till))) == KrbCode.NEVER_VALID


@pytest.mark.parametrize("start", [START - DAY, START, START + 299])
def test_a_start_that_is_past_or_close_is_now(site: Site, start: int) -> None:
    assert log_in(site, "alice", from_=start).told.starttime == START


def test_a_start_that_is_later_is_postdating(site: Site) -> None:
    """RFC 4120 §3.1.3"""
    proof = timestamp(site, key_of(site, "alice"))
    assert code(site.say(as_req(site, "alice", proof, from_=START + 302))) == KrbCode.CANNOT_POSTDATE


def test_a_further_ticket_ends_with_the_one_it_was_got_with(site: Site) -> None:
    """RFC 4120 §3.3.3"""
    held = log_in(site, "alice", till=START + HOUR)
    site.now += 600
    told = ask(site, held, WEB).told
    assert (told.authtime, told.starttime, told.endtime) == (START, START + 600, START + HOUR)
    assert ask(site, held, WEB, till=START + 1200).told.endtime == START + 1200


def test_a_further_ticket_is_renewable_no_longer_than_the_first(site: Site) -> None:
    held = log_in(site, "alice", kdc_options=RENEWABLE, rtime=START + 2 * DAY)
    told = ask(site, held, WEB, kdc_options=RENEWABLE).told
    assert told.renew_till == START + 2 * DAY
    assert ask(site, held, WEB, kdc_options=RENEWABLE, rtime=START + DAY).told.renew_till == START + DAY
    assert ask(site, held, WEB).told.renew_till is None


@pytest.mark.parametrize(("late", "refused"), [(LIFE + 299, KrbCode.NEVER_VALID), (LIFE + 301, KrbCode.TKT_EXPIRED)])
def test_an_expired_ticket_brings_none(site: Site, late: int, refused: KrbCode) -> None:
    """RFC 4120 §3.2.3: within the skew of clocks it still opens, but what it brings would be over."""
    held = log_in(site, "alice")
    site.now += late
    assert code(site.say(tgs_req(site, held, WEB))) == refused


def renewal(site: Site, held: Credential) -> bytes:
    """Ask for the same ticket anew."""
    return tgs_req(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))


def test_a_renewed_ticket_goes_on_as_it_was(site: Site) -> None:
    """RFC 4120 §2.3: same client, same end of renewals, as long as before; it is no first ticket any more."""
    held = log_in(site, "alice", kdc_options=int(KdcOptions.RENEWABLE | KdcOptions.FORWARDABLE), till=START + 2 * HOUR)
    site.now += HOUR
    again = ask(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))
    told = again.told
    assert (told.authtime, told.starttime, told.endtime) == (START, START + HOUR, START + 3 * HOUR)
    assert told.renew_till == held.told.renew_till
    assert told.flags == held.told.flags & ~TicketFlags.INITIAL
    assert again.key.octets != held.key.octets
    assert ask(site, again, WEB)


def test_a_renewed_ticket_ends_with_its_last_day(site: Site) -> None:
    held = log_in(site, "alice", kdc_options=RENEWABLE, till=START + 2 * HOUR, rtime=START + 3 * HOUR)
    site.now += 90 * 60
    held = ask(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))
    assert held.told.endtime == START + 3 * HOUR
    site.now = NOW + 3 * HOUR
    assert code(site.say(renewal(site, held))) == KrbCode.TKT_EXPIRED


def test_an_account_that_got_an_end_ends_all_tickets_that_come_later(site: Site) -> None:
    """Further ones, renewed ones, and those that a service asks for."""
    held = log_in(site, "alice", kdc_options=RENEWABLE, till=START + 2 * HOUR)
    site.change("alice", expires=START + HOUR)
    web = log_in(site, WEB, key=site.principal(WEB).key())
    site.now += 60
    assert ask(site, held, WEB).told.endtime == START + HOUR
    renewed = ask(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))
    assert (renewed.told.endtime, renewed.told.renew_till) == (START + HOUR, held.told.renew_till)
    assert ask(site, web, WEB, for_user(User(name("alice"), "BOSSA.TEST"), web.key)).told.endtime == START + HOUR


def test_who_becomes_sensitive_renews_no_ticket_that_goes_further(site: Site) -> None:
    options = int(KdcOptions.RENEWABLE | KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE)
    held = log_in(site, "alice", kdc_options=options, till=START + 2 * HOUR)
    site.change("alice", sensitive=True)
    told = ask(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW)).told
    assert not told.flags & (TicketFlags.FORWARDABLE | TicketFlags.PROXIABLE)
    assert told.flags & TicketFlags.RENEWABLE


def test_what_is_not_renewable_is_not_renewed(site: Site) -> None:
    held = log_in(site, "alice")
    assert code(site.say(renewal(site, held))) == KrbCode.BADOPTION


def test_an_expired_ticket_is_not_renewed(site: Site) -> None:
    """RFC 4120 §2.3: before its own end it has to come."""
    held = log_in(site, "alice", kdc_options=RENEWABLE)
    site.now += LIFE + 301
    assert code(site.say(renewal(site, held))) == KrbCode.TKT_EXPIRED


def test_a_ticket_is_renewed_as_what_it_is(site: Site) -> None:
    held = log_in(site, "alice", kdc_options=RENEWABLE)
    packet = tgs_req(site, held, WEB, kdc_options=int(KdcOptions.RENEW))
    assert code(site.say(packet)) == KrbCode.SERVER_NOMATCH


@pytest.mark.parametrize(
    ("fields", "refused"),
    [({"disabled": True}, KrbCode.CLIENT_REVOKED), ({"expires": START + 1}, KrbCode.NAME_EXP)],
)
def test_who_is_out_of_use_renews_nothing(site: Site, fields: dict[str, object], refused: KrbCode) -> None:
    held = log_in(site, "alice", kdc_options=RENEWABLE)
    site.change("alice", **fields)
    site.now += 60
    assert code(site.say(renewal(site, held))) == refused


def test_a_ticket_to_a_service_is_renewed_too(site: Site) -> None:
    """RFC 4120 §3.3.1: the ticket to be renewed is the one that is shown."""
    held = ask(site, log_in(site, "alice", kdc_options=RENEWABLE), WEB, kdc_options=RENEWABLE)
    site.now += HOUR
    again = ask(site, held, WEB, kdc_options=int(KdcOptions.RENEW))
    assert again.told.endtime == START + HOUR + LIFE
    server, kdc = site.principal(WEB).key(), site.principal("krbtgt").key()
    assert server is not None
    assert kdc is not None
    assert verify_service(site.open(again.ticket, WEB), server, [kdc])


@pytest.mark.parametrize("service", [False, True])
def test_who_had_a_name_before_renews_nothing_under_it(site: Site, service: bool) -> None:
    """CVE-2020-25719, by this door: the PAC says by SID whose ticket it is."""
    held = log_in(site, "alice", kdc_options=RENEWABLE)
    held = ask(site, held, WEB, kdc_options=RENEWABLE) if service else held
    site.realm.apply(remove_account(site.realm, site.principal("alice").account))
    site.user("alice")
    packet = tgs_req(site, held, held.ticket.sname, kdc_options=int(KdcOptions.RENEW))
    assert code(site.say(packet)) == KrbCode.TGT_REVOKED


def test_a_service_renews_no_ticket_that_it_changed(site: Site) -> None:
    """CVE-2020-17049 by another door: flags and client stand under the ticket signature."""
    held = ask(site, log_in(site, "alice"), WEB)
    mine = forged(
        site,
        held,
        WEB,
        lambda part: replace(part, flags=part.flags | TicketFlags.RENEWABLE, renew_till=START + 900 * DAY),
    )
    again = tgs_req(site, mine, WEB, kdc_options=int(KdcOptions.RENEW))
    assert code(site.say(again)) == KrbCode.MODIFIED
    bare = forged(site, mine, WEB, lambda part: replace(part, authorization_data=()))
    again = tgs_req(site, bare, WEB, kdc_options=int(KdcOptions.RENEW))
    assert code(site.say(again)) == KrbCode.MODIFIED


def test_an_old_version_of_the_granting_key_works_inside_the_window(site: Site) -> None:
    """Trap 21 of the reference: tickets under the old key are good for the rest of their lives."""
    held = log_in(site, "alice")
    site.now += HOUR
    site.rotate("krbtgt")
    further = ask(site, held, WEB)
    assert held.ticket.enc_part.kvno == 1
    assert log_in(site, "alice").ticket.enc_part.kvno == 2
    assert find_in(site.open(further.ticket, WEB).part)
    without = replace(held, ticket=replace(held.ticket, raw=b"", enc_part=replace(held.ticket.enc_part, kvno=None)))
    assert ask(site, without, WEB)


def test_an_old_version_of_the_granting_key_is_gone_after_the_window() -> None:
    """A ticket that was opened before is not found any more either."""
    site = Site(settings=KdcSettings(rollover=HOUR))
    site.user("alice")
    site.service(WEB)
    held = log_in(site, "alice")
    site.rotate("krbtgt")
    site.now += HOUR - 1
    assert ask(site, held, WEB)
    site.now += 1
    assert code(site.say(tgs_req(site, held, WEB))) == KrbCode.BADKEYVER
    without = replace(held, ticket=replace(held.ticket, raw=b"", enc_part=replace(held.ticket.enc_part, kvno=None)))
    assert code(site.say(tgs_req(site, without, WEB))) == KrbCode.BAD_INTEGRITY


def test_new_tickets_are_under_the_newest_key_of_a_service(site: Site) -> None:
    held = log_in(site, "alice")
    before = ask(site, held, WEB)
    site.rotate(WEB)
    after = ask(site, held, WEB)
    assert [one.ticket.enc_part.kvno for one in (before, after)] == [1, 2]
    assert site.open(before.ticket, WEB)
    assert site.open(after.ticket, WEB)


def test_a_password_that_was_changed_ends_no_ticket(site: Site) -> None:
    site.user("bob")
    held = log_in(site, "bob")
    site.rotate("bob")
    assert ask(site, held, WEB)
    assert code(site.say(as_req(site, "bob", timestamp(site, key_of(site, "bob", PASSWORD))))) == KrbCode.PREAUTH_FAILED


def test_authorization_data_is_kept_when_a_ticket_is_renewed(site: Site) -> None:
    held = log_in(site, "alice", kdc_options=RENEWABLE)
    item = AuthData(-3, b"kept")
    narrow = forged(
        site, held, "krbtgt", lambda part: replace(part, authorization_data=(*part.authorization_data, item))
    )
    again = ask(site, narrow, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))
    assert item in site.open(again.ticket, "krbtgt").part.authorization_data
    assert again.cname == name("alice")
