"""Which opened tickets are found again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.kdc.opened import OpenTickets
from bossa.krb.messages import AuthData, Ticket, encode_authorization_data
from bossa.krb.names import krbtgt
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from tests.talk.kerberos import Site, ask, log_in


@pytest.fixture
def site() -> Site:
    """A realm."""
    return Site()


def tickets(site: Site, count: int) -> list[Ticket]:
    """Make some tickets, as they are received."""
    return [Ticket.decode(log_in(site, "admin").ticket.encode()) for _ in range(count)]


def granting_key(site: Site) -> Key:
    """The key of the ticket-granting service."""
    key = site.principal("krbtgt").key()
    assert key is not None
    return key


def test_a_ticket_that_comes_again_is_the_one_that_was_opened(site: Site) -> None:
    (ticket,), kept = tickets(site, 1), OpenTickets()
    first = kept.open(ticket, granting_key(site))
    assert kept.open(Ticket.decode(ticket.encode()), granting_key(site)) is first
    assert first.opened.session is first.opened.session


def test_a_ticket_is_found_for_the_key_that_opened_it_alone(site: Site) -> None:
    """The same octets in another key object are another key: that of an account that was read again."""
    (ticket,), kept = tickets(site, 1), OpenTickets()
    key = granting_key(site)
    first = kept.open(ticket, key)
    again = kept.open(ticket, Key(key.enctype, key.octets))
    assert again is not first
    assert again.opened.part == first.opened.part
    with pytest.raises(BadIntegrity):
        kept.open(ticket, Key(18, bytes(32)))


def test_a_ticket_under_another_name_is_another(site: Site) -> None:
    (ticket,), kept = tickets(site, 1), OpenTickets()
    first = kept.open(ticket, granting_key(site))
    renamed = replace(ticket, sname=krbtgt("OTHER.TEST"), raw=b"")
    assert kept.open(Ticket.decode(renamed.encode()), granting_key(site)) is not first


def test_a_ticket_that_its_client_made_long_is_opened_each_time(site: Site) -> None:
    site.service("HTTP/web.bossa.test")
    held = log_in(site, "admin")
    words = encode_authorization_data((AuthData(96, bytes(10_000)),))
    added = lock(held.key, Usage.TGS_REQ_AUTH_DATA_SESSION, words, bytes(16))
    long = Ticket.decode(ask(site, held, krbtgt("BOSSA.TEST"), enc_authorization_data=added).ticket.encode())
    kept = OpenTickets()
    first = kept.open(long, granting_key(site))
    again = kept.open(long, granting_key(site))
    assert again is not first
    assert again.opened.part == first.opened.part


def test_no_more_are_kept_than_there_is_room_for(site: Site) -> None:
    made, kept, key = tickets(site, 3), OpenTickets(size=2), granting_key(site)
    first, second = kept.open(made[0], key), kept.open(made[1], key)
    assert kept.open(made[0], key) is first
    kept.open(made[2], key)
    assert kept.open(made[0], key) is first
    assert kept.open(made[1], key) is not second


def test_what_does_not_open_is_not_kept(site: Site) -> None:
    (ticket,), kept = tickets(site, 1), OpenTickets()
    broken = replace(ticket, enc_part=replace(ticket.enc_part, cipher=bytes(200)), raw=b"")
    for _ in range(2):
        with pytest.raises(BadIntegrity):
            kept.open(broken, granting_key(site))
