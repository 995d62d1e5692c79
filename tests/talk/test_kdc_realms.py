"""Conversations across realms: the way there, the way back, and what a trusted realm may say of its clients."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.directory.sid import Sid
from bossa.krb.client import Login, Wishes, authenticate, service_ticket
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.messages import EncTicketPart, Ticket, Transited
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.pac.carry import put_in
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.groups import sids
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.sign import sign_tgt
from bossa.krb.pac.verify import verify_service, verify_tgt
from bossa.krb.ticket import held_key, lock
from bossa.krb.ticket import open as open_ticket
from bossa.krb.usages import Usage
from tests.talk.kerberos import NOW, PASSWORD, Credential, Site, ask, code, drive, log_in, name, setting, tgs_req

CANONICALIZE = int(KdcOptions.CANONICALIZE)
THERE = "HTTP/www.other.test"


@pytest.fixture
def site() -> Site:
    """Our realm, with a user."""
    made = Site()
    made.user("alice")
    made.service("HTTP/web.bossa.test")
    return made


@pytest.fixture
def other(site: Site) -> Site:
    """Another realm, each trusting the other."""
    made = Site("OTHER.TEST", seed=2)
    made.user("oscar")
    made.service(THERE)
    site.trust(made)
    made.trust(site)
    return made


def cross(site: Site, other: Site, user: str = "oscar") -> Credential:
    """The ticket of another realm's user to ours."""
    return ask(other, log_in(other, user), krbtgt(site.name))


def coming_key(site: Site, other: Site) -> Key:
    """The key under which the other realm's users come."""
    trust = site.realm.trust(other.name)
    assert trust is not None
    return next(iter(trust.coming[0].keys.values()))


def trusted(site: Site, other: Site, held: Credential, part: EncTicketPart) -> Credential:
    """Seal what the other realm might say, with the key that it shares with us."""
    locked = lock(coming_key(site, other), Usage.TICKET, part.encode(), site.random(16), 1)
    return replace(
        held,
        ticket=Ticket(other.name, krbtgt(site.name), locked),
        cname=part.cname,
        crealm=part.crealm,
        key=held_key(part.key),
    )


def part_of(site: Site, other: Site, held: Credential) -> EncTicketPart:
    """Open a ticket that came over the trust."""
    return open_ticket(Ticket.decode(held.ticket.encode()), coming_key(site, other)).part


def with_pac(site: Site, other: Site, part: EncTicketPart, content: PacContent) -> EncTicketPart:
    """Sign a PAC as the other realm would."""
    kdc = other.principal("krbtgt").key()
    assert kdc is not None
    return put_in(part, sign_tgt(content, coming_key(site, other), kdc))


def test_a_client_finds_its_way_to_a_service_of_a_trusted_realm(site: Site, other: Site) -> None:
    """RFC 6806 §8"""
    held = drive(authenticate(Login(name("alice"), "BOSSA.TEST", PASSWORD), Wishes(), setting(site)), site)
    found = drive(service_ticket(held, name(THERE), Wishes(), setting(site)), site, other)
    opened = other.open(found.open_ticket(), THERE)
    assert (found.server_realm, found.server) == ("OTHER.TEST", name(THERE))
    assert (opened.part.crealm, opened.part.cname) == ("BOSSA.TEST", name("alice"))
    assert opened.part.flags & TicketFlags.TRANSITED_POLICY_CHECKED
    assert opened.part.transited.octets == b""


def test_a_service_on_a_trusted_realms_host_is_referred_to_for_clients_that_ask(site: Site, other: Site) -> None:
    """RFC 6806 §8"""
    held = log_in(site, "alice")
    referral = ask(site, held, THERE, kdc_options=CANONICALIZE)
    assert referral.told.sname == krbtgt("OTHER.TEST") == referral.ticket.sname
    assert referral.ticket.realm == "BOSSA.TEST"
    assert code(site.say(tgs_req(site, held, THERE))) == KrbCode.S_PRINCIPAL_UNKNOWN
    named = PrincipalName(NameType.ENTERPRISE, ("HTTP/anything@OTHER.TEST",))
    assert ask(site, held, named, kdc_options=CANONICALIZE).told.sname == krbtgt("OTHER.TEST")


def test_a_service_of_ours_is_ours_whatever_its_hosts_domain(site: Site, other: Site) -> None:
    site.service("HTTP/guest.other.test")
    held = ask(site, log_in(site, "alice"), "HTTP/guest.other.test", kdc_options=CANONICALIZE)
    assert held.ticket.sname == name("HTTP/guest.other.test", NameType.SRV_INST)


def test_nobody_is_sent_back_to_where_they_came_from(site: Site, other: Site) -> None:
    packet = tgs_req(site, cross(site, other), "HTTP/gone.other.test", kdc_options=CANONICALIZE)
    assert code(site.say(packet)) == KrbCode.S_PRINCIPAL_UNKNOWN


def test_the_pac_goes_with_the_client_and_is_signed_anew(site: Site, other: Site) -> None:
    """[MS-PAC] 2.8: by the service's key and ours."""
    held = ask(site, cross(site, other), "HTTP/web.bossa.test")
    server, kdc = site.principal("HTTP/web.bossa.test").key(), site.principal("krbtgt").key()
    assert server is not None
    assert kdc is not None
    content = verify_service(site.open(held.ticket, "HTTP/web.bossa.test"), server, [kdc])
    oscar = other.principal("oscar").account
    assert sids(content)[0] == Sid.parse(other.realm.info.sid).child(oscar.rid)


def test_sids_of_our_domain_that_another_realm_claims_are_dropped(site: Site, other: Site) -> None:
    """[MS-PAC] 4.1.2.2"""
    held = cross(site, other)
    admins = Sid.parse(site.realm.info.sid).child(512)
    key = other.principal("krbtgt").key()
    assert key is not None
    tgt = other.open(log_in(other, "oscar").ticket, "krbtgt")
    content = verify_tgt(tgt, key, [key], requester=None)
    from bossa.krb.pac.logon import MEMBER, LogonInfo

    raw = content.find(BufferType.LOGON_INFO)
    assert raw is not None
    info = LogonInfo.decode(raw)
    claimed = replace(info, extra_sids=(*info.extra_sids, (admins, MEMBER)))
    part = with_pac(site, other, part_of(site, other, held), content.replaced(BufferType.LOGON_INFO, claimed.encode()))
    got = ask(site, trusted(site, other, held, part), "HTTP/web.bossa.test")
    server, kdc = site.principal("HTTP/web.bossa.test").key(), site.principal("krbtgt").key()
    assert server is not None
    assert kdc is not None
    assert admins not in sids(verify_service(site.open(got.ticket, "HTTP/web.bossa.test"), server, [kdc]))


def test_a_pac_of_our_own_domain_from_another_realm_is_refused(site: Site, other: Site) -> None:
    key = site.principal("krbtgt").key()
    assert key is not None
    ours = verify_tgt(site.open(log_in(site, "admin").ticket, "krbtgt"), key, [key], requester=None)
    held = cross(site, other)
    client = ClientInfo(int(NOW), "oscar").encode()
    part = with_pac(site, other, part_of(site, other, held), ours.replaced(BufferType.CLIENT_INFO, client))
    packet = tgs_req(site, trusted(site, other, held, part), "HTTP/web.bossa.test")
    assert code(site.say(packet)) == KrbCode.TGT_REVOKED


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"crealm": "BOSSA.TEST", "cname": name("alice")}, KrbCode.POLICY),
        ({"crealm": "THIRD.TEST"}, KrbCode.PATH_NOT_ACCEPTED),
        ({"transited": Transited(1, b"THIRD.TEST")}, KrbCode.PATH_NOT_ACCEPTED),
        ({"authorization_data": ()}, KrbCode.TGT_REVOKED),
    ],
)
def test_a_realm_speaks_for_its_own_clients(
    site: Site, other: Site, change: dict[str, object], refused: KrbCode
) -> None:
    """RFC 4120 §2.7: trusts are not transitive, and nobody speaks for us."""
    held = cross(site, other)
    part = replace(part_of(site, other, held), **change)  # type: ignore[arg-type]
    packet = tgs_req(site, trusted(site, other, held, part), "HTTP/web.bossa.test")
    assert code(site.say(packet)) == refused


def test_a_foreign_client_that_is_forwarded_stays_foreign(site: Site, other: Site) -> None:
    """A ticket of ours for a client of theirs, as delegation by GSS makes it."""
    there = ask(other, log_in(other, "oscar", kdc_options=int(KdcOptions.FORWARDABLE)), krbtgt("BOSSA.TEST"),
                kdc_options=int(KdcOptions.FORWARDABLE))  # fmt: skip
    local = ask(site, there, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.FORWARDED))
    assert (local.crealm, local.ticket.realm) == ("OTHER.TEST", "BOSSA.TEST")
    assert ask(site, local, "HTTP/web.bossa.test").crealm == "OTHER.TEST"
    from bossa.directory.trusts import remove_trust

    site.realm.apply(remove_trust(site.realm, "OTHER.TEST"))
    assert code(site.say(tgs_req(site, local, "HTTP/web.bossa.test"))) == KrbCode.POLICY


def test_a_trust_in_one_direction_goes_in_one_direction() -> None:
    """Users of OTHER.TEST come to us; ours do not go there."""
    site, other = Site(), Site("OTHER.TEST", seed=2)
    for one in (site, other):
        one.user("oscar")
        one.service(f"HTTP/web.{one.name.lower()}")
    site.trust(other, "in")
    other.trust(site, "out")
    assert ask(site, cross(site, other), "HTTP/web.bossa.test").crealm == "OTHER.TEST"
    ours = log_in(site, "oscar")
    assert code(site.say(tgs_req(site, ours, krbtgt("OTHER.TEST")))) == KrbCode.S_PRINCIPAL_UNKNOWN


def test_what_does_not_come_over_a_trust_is_not_opened(site: Site, other: Site) -> None:
    held = cross(site, other)
    from bossa.directory.trusts import remove_trust

    site.realm.apply(remove_trust(site.realm, "OTHER.TEST"))
    assert code(site.say(tgs_req(site, held, "HTTP/web.bossa.test"))) == KrbCode.NOT_US


def test_a_ticket_to_another_realm_is_none_to_ours(site: Site, other: Site) -> None:
    held = ask(site, log_in(site, "alice"), krbtgt("OTHER.TEST"))
    assert code(site.say(tgs_req(site, held, "HTTP/web.bossa.test"))) == KrbCode.NOT_US


def test_a_ticket_over_a_trust_is_not_renewed(site: Site, other: Site) -> None:
    renewable = int(KdcOptions.RENEWABLE)
    first = log_in(other, "oscar", kdc_options=renewable)
    held = ask(other, first, krbtgt("BOSSA.TEST"), kdc_options=renewable)
    assert held.told.renew_till
    packet = tgs_req(site, held, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.RENEW))
    assert code(site.say(packet)) == KrbCode.SERVER_NOMATCH
