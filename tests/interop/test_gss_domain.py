"""Contexts with tickets of a whole domain: groups out of its PAC, and a user's ticket handed on and used."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.initiator import Initiator
from bossa.gss.keys import of_keytab
from bossa.gss.replay import ReplayCache
from bossa.krb.ccache import CredentialCache
from bossa.krb.flags import TicketFlags
from bossa.krb.keytab import Keytab
from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from tests.interop.cast import PASSWORD
from tests.interop.gss_peer import (
    ENCRYPTED,
    MESSAGE,
    NOOP,
    SEND_MIC,
    WRAPPED,
    ask,
    establish,
    gss_client,
    gss_server,
    send,
)

REALM = "BOSSA.TEST"
WEB = "HTTP/web.bossa.test"
NEGOTIATE = pytest.mark.parametrize("negotiate", [False, True], ids=["krb5", "spnego"])
PROTECTED = WRAPPED | ENCRYPTED | SEND_MIC


@pytest.fixture
def web(web_keytab: Path) -> Service:
    """Return the web service with its keytab."""
    keys = of_keytab(Keytab.decode(web_keytab.read_bytes()), REALM)
    return Service(realm=REALM, keys=keys, replay=ReplayCache(), random=os.urandom)


@NEGOTIATE
def test_gss_client_comes_with_the_users_groups(alice: Seat, web: Service, negotiate: bool) -> None:
    heard, said = gss_client(alice, Acceptor(web), *["-spnego"] * negotiate)
    assert "Signature verified." in said
    context = heard.context
    assert (context.principal, context.server) == ("alice@BOSSA.TEST", WEB)
    assert context.expires > time.time()
    assert context.authorization is not None
    rids = [sid.text.rpartition("-")[2] for sid in context.authorization.sids]
    assert "513" in rids


@NEGOTIATE
def test_gss_client_hands_its_ticket_on_and_the_service_uses_it(
    shared_domain: Domain, web: Service, ns_keytab: Path, tmp_path: Path, negotiate: bool
) -> None:
    assert ns_keytab.exists()
    seat = shared_domain.kinit("alice", PASSWORD, "-f")
    heard, said = gss_client(seat, Acceptor(web), "-d", *["-spnego"] * negotiate)
    assert "GSS_C_DELEG_FLAG" in said
    handed = heard.context.delegated
    assert handed is not None
    assert handed.server.text == f"krbtgt/{REALM}"
    assert handed.flags & TicketFlags.FORWARDED
    other = Seat(seat.config, tmp_path / "handed")
    other.ccache.write_bytes(CredentialCache(handed.client, handed.realm, (handed,)).encode())
    assert "DNS/ns.bossa.test@BOSSA.TEST: kvno = " in other.kvno("DNS/ns.bossa.test")


@NEGOTIATE
def test_gss_server_accepts_a_ticket_of_the_domain(
    shared_domain: Domain, web_keytab: Path, tmp_path: Path, negotiate: bool
) -> None:
    seat = shared_domain.kinit("alice", PASSWORD)
    seat.kvno(WEB)
    tickets = CredentialCache.decode(seat.ccache.read_bytes()).tickets
    shown = next(one for one in tickets if one.server.text == WEB)
    keytab = tmp_path / "keytab"
    keytab.write_bytes(web_keytab.read_bytes())
    with gss_server(seat, keytab) as peer:
        context = establish(peer, Initiator(shown, os.urandom, negotiate=negotiate))
        ask(peer, context, MESSAGE.encode(), PROTECTED)
        send(peer, NOOP)
    log = keytab.with_suffix(".log").read_text()
    assert MESSAGE in log
