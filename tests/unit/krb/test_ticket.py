from __future__ import annotations

import pytest

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.messages import Ticket
from bossa.krb.ticket import held_key, lock, open, seal, wire_key
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.unit.krb.specimens import CONFOUNDER, KDC_KEY, OTHER, REALM, SESSION, TGS, part, ticket


def test_a_ticket_opens_with_its_services_key():
    opened = open(ticket(), KDC_KEY)
    assert opened.part == part() and opened.part_raw == part().encode()
    assert opened.session == SESSION and opened.session is opened.session
    assert opened.ticket.enc_part.kvno == 1


def test_a_ticket_opens_with_no_other_key():
    for key in (OTHER, Key(17, b"k" * 16)):
        with pytest.raises(BadIntegrity):
            open(ticket(), key)


@pytest.mark.parametrize("at", range(0, 40, 7))
def test_a_ticket_that_was_changed_does_not_open(at):
    raw = bytearray(ticket().enc_part.cipher)
    raw[-1 - at] ^= 1
    closed = Ticket(REALM, TGS, type(ticket().enc_part)(18, 1, bytes(raw)))
    with pytest.raises(BadIntegrity):
        open(closed, KDC_KEY)


def test_what_is_no_ticket_inside_is_not_of_the_shape():
    closed = Ticket(REALM, TGS, lock(KDC_KEY, Usage.TICKET, part().encode() + b"\0", CONFOUNDER))
    with pytest.raises(WireError):
        open(closed, KDC_KEY)


def test_a_ticket_of_another_usage_does_not_open():
    closed = Ticket(REALM, TGS, lock(KDC_KEY, Usage.AS_REP, part().encode(), CONFOUNDER))
    with pytest.raises(BadIntegrity):
        open(closed, KDC_KEY)


def test_a_ticket_travels_as_it_came():
    octets = seal(part(), REALM, TGS, KDC_KEY, 3, CONFOUNDER).encode()
    assert Ticket.decode(octets).raw == octets == Ticket.decode(octets).encode()


def test_a_key_comes_back_from_a_message():
    assert held_key(wire_key(SESSION)) == SESSION
