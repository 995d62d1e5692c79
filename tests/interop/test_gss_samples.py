"""MIT's gss-client and gss-server against bossa's contexts, with tickets made without a KDC."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.gss import spnego, tokens
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import USUAL, Initiation, Wish
from bossa.gss.initiator import Initiator
from bossa.gss.replay import ReplayCache
from bossa.gss.spnego import NegState, NegTokenResp
from bossa.krb.ccache import CredentialCache
from bossa.krb.credential import Credential
from bossa.testing.kerberos import Place, Seat, krb5_conf
from tests.interop import gss_peer
from tests.interop.gss_peer import ENCRYPTED, MESSAGE, NAME, SEND_MIC, WRAPPED, gss_client, gss_server, serve_one
from tests.unit.gss import specimens

ENCTYPES = list(Enctype)
NEGOTIATE = pytest.mark.parametrize("negotiate", [False, True], ids=["krb5", "spnego"])


def fresh(enctype: int, **changes: object) -> Credential:
    """Return alice's credential for the web service, good from now on."""
    now = int(time.time())
    return specimens.credential(enctype, authtime=now - 60, endtime=now + 3600, **changes)


def service(**changes: object) -> Service:
    """Return the web service."""
    return specimens.service(random=os.urandom, replay=ReplayCache(), **changes)


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    """Return alice's seat, with no KDC to ask."""
    config = tmp_path / "krb5.conf"
    config.write_text(krb5_conf([Place(specimens.REALM, "bossa.test", 9)]))
    return Seat(config, tmp_path / "ccache")


def give(seat: Seat, *credentials: Credential) -> None:
    """Put credentials into a seat's cache."""
    seat.ccache.write_bytes(CredentialCache(specimens.ALICE, specimens.REALM, credentials).encode())


@pytest.fixture
def keytab(tmp_path: Path) -> Path:
    """Return the web service's keytab."""
    file = tmp_path / "keytab"
    file.write_bytes(specimens.keytab().encode())
    return file


@NEGOTIATE
@pytest.mark.parametrize("enctype", ENCTYPES, ids=lambda one: one.text)
def test_gss_client_is_accepted_with_every_type(seat: Seat, enctype: Enctype, negotiate: bool) -> None:
    give(seat, fresh(enctype))
    heard, said = gss_client(seat, Acceptor(service()), *["-spnego"] * negotiate)
    assert "Signature verified." in said
    assert heard.messages == [MESSAGE.encode()]
    assert heard.context.principal == "alice@BOSSA.TEST"
    assert heard.context.enctype == enctype


FLAGS = [
    ("-nw",),
    ("-nx",),
    ("-nm",),
    ("-nw", "-nx"),
    ("-seq",),
    ("-nomutual",),
    ("-nomutual", "-noreplay", "-nx"),
    ("-nomutual", "-seq"),
    ("-mcount", "5", "-seq"),
]


@NEGOTIATE
@pytest.mark.parametrize("words", FLAGS, ids=" ".join)
def test_gss_client_with_every_flag(seat: Seat, words: tuple[str, ...], negotiate: bool) -> None:
    give(seat, fresh(Enctype.AES256_SHA2))
    heard, said = gss_client(seat, Acceptor(service()), *words, *["-spnego"] * negotiate)
    expected = "Response received." if "-nm" in words else "Signature verified."
    assert expected in said
    count = 5 if "-mcount" in words else 1
    assert heard.messages == [MESSAGE.encode()] * count
    assert all(bool(flags & WRAPPED) == ("-nw" not in words) for flags in heard.flags)
    assert bool(heard.context.flags & ContextFlags.MUTUAL) == ("-nomutual" not in words)
    assert bool(heard.context.flags & ContextFlags.SEQUENCE) == ("-seq" in words)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4000])
def test_gss_client_with_messages_of_all_sizes(seat: Seat, size: int) -> None:
    give(seat, fresh(Enctype.AES128_SHA1))
    heard, said = gss_client(seat, Acceptor(service()), message="x" * size)
    assert "Signature verified." in said
    assert heard.messages == [b"x" * size]


@NEGOTIATE
def test_gss_client_is_told_why_it_is_refused(seat: Seat, negotiate: bool) -> None:
    give(seat, fresh(Enctype.AES256_SHA1))
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(20)
        heard = pool.submit(serve_one, listener, Acceptor(service(keys=lambda sname, kvno, etype: ())))
        port = str(listener.getsockname()[1])
        words = ["-port", port, *["-spnego"] * negotiate, "127.0.0.1", NAME, MESSAGE]
        said = seat.fails("gss-client", *words)
        with pytest.raises(GssError) as refused:
            heard.result(20)
    assert refused.value.major == Major.NO_CRED
    assert "Service key not available" in said


@pytest.mark.parametrize(("aware", "accepted"), [("false", True), ("true", False)])
def test_gss_client_that_knows_no_channel_is_refused_on_one_if_it_always_binds(
    seat: Seat, aware: str, accepted: bool
) -> None:
    place = Place(specimens.REALM, "bossa.test", 9)
    seat.config.write_text(krb5_conf([place], f"client_aware_channel_bindings = {aware}"))
    give(seat, fresh(Enctype.AES256_SHA1))
    acceptor = Acceptor(service(), bindings=ChannelBindings(b"tls-server-end-point:ours"))
    if accepted:
        assert gss_client(seat, acceptor)[0].messages == [MESSAGE.encode()]
    else:
        with pytest.raises(GssError, match="BAD_BINDINGS"):
            gss_client(seat, acceptor)


@NEGOTIATE
@pytest.mark.parametrize("enctype", ENCTYPES, ids=lambda one: one.text)
def test_gss_server_accepts_us_with_every_type(seat: Seat, keytab: Path, enctype: Enctype, negotiate: bool) -> None:
    with gss_server(seat, keytab) as peer:
        context = gss_peer.establish(peer, Initiator(fresh(enctype), os.urandom, negotiate=negotiate))
        for flags in (WRAPPED | ENCRYPTED | SEND_MIC, WRAPPED | SEND_MIC, SEND_MIC, WRAPPED, 0):
            gss_peer.ask(peer, context, MESSAGE.encode(), flags)
        gss_peer.send(peer, gss_peer.NOOP)
    assert keytab.with_suffix(".log").read_text().count(MESSAGE) == 5


WISHES = [
    ContextFlags.INTEG,
    ContextFlags.MUTUAL,
    ContextFlags.REPLAY | ContextFlags.CONF,
    ContextFlags.MUTUAL | ContextFlags.SEQUENCE,
    USUAL,
]


@NEGOTIATE
@pytest.mark.parametrize("flags", WISHES, ids=lambda one: str(int(one)))
def test_gss_server_accepts_every_wish(seat: Seat, keytab: Path, flags: ContextFlags, negotiate: bool) -> None:
    with gss_server(seat, keytab) as peer:
        asked = fresh(Enctype.AES256_SHA1)
        context = gss_peer.establish(peer, Initiator(asked, os.urandom, Wish(flags), negotiate=negotiate))
        for _ in range(3):
            gss_peer.ask(peer, context, MESSAGE.encode(), WRAPPED | ENCRYPTED | SEND_MIC)
        gss_peer.send(peer, gss_peer.NOOP)
    assert keytab.with_suffix(".log").read_text().count(MESSAGE) == 3


def test_gss_server_and_we_exchange_mics_over_a_list_whose_first_choice_it_does_not_take(
    seat: Seat, keytab: Path
) -> None:
    """Who puts a mechanism in front of Kerberos has to sign the list.  RFC 4178 §5"""
    offered = spnego.offer((tokens.NTLM, tokens.KRB5), b"NTLMSSP\0")
    kerberos = Initiation(fresh(Enctype.AES256_SHA1), os.urandom, Wish())
    with gss_server(seat, keytab) as peer:
        gss_peer.send(peer, gss_peer.NOOP | gss_peer.CONTEXT_NEXT)
        answer = gss_peer.negotiate(peer, tokens.frame(tokens.SPNEGO, offered.encode()))
        assert (answer.state, answer.mechanism) == (NegState.REQUEST_MIC, tokens.KRB5)
        answer = gss_peer.negotiate(peer, NegTokenResp(token=kerberos.step(None, time.time()).token).encode())
        context = kerberos.step(answer.token, time.time()).context
        assert context is not None
        assert answer.mic is not None
        context.verify_mic(offered.list_raw, answer.mic)
        mine = NegTokenResp(NegState.ACCEPT_COMPLETED, mic=context.get_mic(offered.list_raw))
        gss_peer.send(peer, gss_peer.CONTEXT, mine.encode())
        gss_peer.ask(peer, context, MESSAGE.encode(), WRAPPED | ENCRYPTED | SEND_MIC)
        gss_peer.send(peer, gss_peer.NOOP)
    assert MESSAGE in keytab.with_suffix(".log").read_text()


def test_gss_server_takes_a_delegated_credential(seat: Seat, keytab: Path) -> None:
    now = int(time.time())
    handed = fresh(Enctype.AES256_SHA1, sname=specimens.krbtgt(specimens.REALM), renew_till=now + 7200)
    with gss_server(seat, keytab) as peer:
        initiator = Initiator(fresh(Enctype.AES256_SHA2), os.urandom, Wish(delegate=handed))
        context = gss_peer.establish(peer, initiator)
        gss_peer.ask(peer, context, MESSAGE.encode(), WRAPPED | ENCRYPTED | SEND_MIC)
        gss_peer.send(peer, gss_peer.NOOP)
    assert "GSS_C_DELEG_FLAG" in keytab.with_suffix(".log").read_text()


def test_gss_server_says_why_it_refuses(seat: Seat, keytab: Path) -> None:
    """Its error token is read, and the context is not there."""
    now = int(time.time())
    expired = specimens.credential(authtime=now - 7200, endtime=now - 3600)
    with gss_server(seat, keytab) as peer, pytest.raises(GssError, match="the acceptor says error 32"):
        gss_peer.establish(peer, Initiator(expired, os.urandom))
