"""Tickets that are shown again: opened once, as long as the key is ours, and looked at each time for all else."""

from __future__ import annotations

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.gss import keys as gss_keys
from bossa.gss import shown
from bossa.gss.acceptor import Acceptor
from bossa.gss.errors import GssError, Major
from bossa.gss.initiator import Initiator
from bossa.gss.keys import of_keytab
from bossa.gss.shown import ShownTickets
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError
from bossa.krb.keytab import Keytab
from bossa.krb.messages import Ticket
from tests.unit.gss.specimens import NOW, REALM, Source, credential, keytab, service


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Ticket]:
    """Collect the tickets that are decrypted."""
    found: list[Ticket] = []

    def open_ticket(ticket: Ticket, keys: gss_keys.Keys):  # type: ignore[no-untyped-def]
        found.append(ticket)
        return gss_keys.open_ticket(ticket, keys)

    monkeypatch.setattr(shown, "open_ticket", open_ticket)
    return found


def ask(made: object, asked: Credential, number: int, now: float = NOW) -> None:
    token = Initiator(asked, Source(f"{number}")).step(None, now).token
    assert Acceptor(made).step(token, now).context is not None  # type: ignore[arg-type]


def test_a_ticket_is_opened_once_however_often_it_is_shown(opened: list[Ticket]) -> None:
    made, asked = service(), credential()
    for number in range(5):
        ask(made, asked, number)
    assert len(opened) == 1
    ask(made, credential(Enctype.AES128_SHA1), 9)
    assert len(opened) == 2


def test_a_ticket_that_was_shown_before_still_ends() -> None:
    made, asked = service(), credential(endtime=int(NOW) + 60)
    ask(made, asked, 1)
    with pytest.raises(GssError) as refused:
        ask(made, asked, 2, NOW + 361)
    assert refused.value.major == Major.CREDENTIALS_EXPIRED


def test_a_token_that_was_shown_before_is_still_a_duplicate() -> None:
    made = service()
    token = Initiator(credential(), Source("one")).step(None, NOW).token
    assert Acceptor(made).step(token, NOW).context is not None
    with pytest.raises(GssError) as refused:
        Acceptor(made).step(token, NOW)
    assert refused.value.major == Major.DUPLICATE_TOKEN


def test_a_ticket_of_a_refused_request_is_not_remembered() -> None:
    made = service()
    with pytest.raises(GssError):
        ask(made, credential(endtime=int(NOW) - 400), 1)
    assert len(made.shown) == 0


def test_a_ticket_whose_key_is_gone_does_not_open_any_more() -> None:
    tickets, ticket = ShownTickets(), credential().open_ticket()
    keys = of_keytab(keytab(), REALM)
    tickets.keep(ticket, tickets.open(ticket, keys))
    assert tickets.open(ticket, keys) is tickets.open(ticket, keys)
    with pytest.raises(KdcError):
        tickets.open(ticket, of_keytab(Keytab(()), REALM))


def test_only_the_last_are_remembered() -> None:
    tickets, keys = ShownTickets(2), of_keytab(keytab(), REALM)
    for enctype in list(Enctype)[:3]:
        ticket = credential(enctype).open_ticket()
        tickets.keep(ticket, tickets.open(ticket, keys))
    assert len(tickets) == 2


def test_a_pac_is_read_once() -> None:
    tickets, ticket = ShownTickets(), credential().open_ticket()
    one = tickets.open(ticket, of_keytab(keytab(), REALM))
    read: list[object] = []
    for _ in range(3):
        assert one.read(lambda opened, key: read.append(opened)) is None  # type: ignore[func-returns-value]
    assert len(read) == 1
