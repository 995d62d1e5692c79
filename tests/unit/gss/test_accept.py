from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.gss import tokens
from bossa.gss.accept import accept
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.checksum import CHECKSUM_TYPE, ContextRequest
from bossa.gss.context import Context
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import USUAL, Wish
from bossa.gss.initiator import Initiator
from bossa.gss.keys import of_keytab
from bossa.gss.replay import ReplayCache
from bossa.krb import ap
from bossa.krb.credential import Credential
from bossa.krb.errors import KrbCode
from bossa.krb.flags import ApOptions, TicketFlags
from bossa.krb.messages import (
    ApReq,
    AuthData,
    Authenticator,
    CheckSum,
    EncryptionKey,
    KrbError,
    Transited,
    encode_authorization_data,
)
from bossa.krb.names import PrincipalName
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.unit.gss.specimens import ALICE, NOW, REALM, WEB, Source, credential, establish, forwarded, keytab, service

CHANNEL = ChannelBindings(b"tls-server-end-point:channel")
OTHER = ChannelBindings(b"tls-server-end-point:other")


def inner_token(asked: Credential | None = None, wish: Wish | None = None, now: float = NOW) -> bytes:
    """The inner token of a request."""
    step = Initiator(asked or credential(), Source("initiator"), wish or Wish()).step(None, now)
    return tokens.unframe(step.token)[1]


def changed(options: int = 0, **changes: Any) -> bytes:
    """The inner token of a request whose authenticator was changed."""
    asked = credential()
    checksum = CheckSum(CHECKSUM_TYPE, ContextRequest(USUAL).encode())
    authenticator = replace(Authenticator(REALM, ALICE, checksum, 250_000, int(NOW)), **changes)
    ticket, session = asked.open_ticket(), asked.session
    return tokens.AP_REQ + ap.request(
        ticket, session, authenticator, Usage.AP_REQ_AUTHENTICATOR, bytes(16), options=options
    )


def accepted(inner: bytes, now: float = NOW, bindings: ChannelBindings | None = None, **changes: Any) -> Context:
    """The context that an inner token leads to."""
    return accept(service(**changes), tokens.KRB5, inner, now, bindings).context


def refusal(inner: bytes, now: float = NOW, bindings: ChannelBindings | None = None, **changes: Any) -> GssError:
    """How an inner token is refused."""
    with pytest.raises(GssError) as refused:
        accepted(inner, now, bindings, **changes)
    return refused.value


def code(refused: GssError) -> KrbError:
    """The KRB-ERROR that goes to the client."""
    mechanism, inner = tokens.unframe(refused.token)
    assert mechanism == tokens.KRB5
    assert inner[:2] == tokens.ERROR
    return KrbError.decode(inner[2:])


def test_context_says_who_is_there_until_when() -> None:
    context = accepted(inner_token())
    assert context.principal == "alice@BOSSA.TEST"
    assert (context.server, context.server_realm) == ("HTTP/web.bossa.test", REALM)
    assert context.expires == int(NOW) + 3600
    assert context.flags == USUAL
    assert not context.initiated
    assert not context.channel_bound
    assert context.delegated is None
    assert context.authorization is None


def test_context_tells_no_key_in_its_text() -> None:
    context = accepted(inner_token(wish=Wish(delegate=forwarded())))
    assert context.session_key.hex() not in repr(context)
    assert repr(context.session_key)[2:-1] not in repr(context)
    assert "ticket=" not in repr(context)


# What is wrong with the ticket; the major status; the code for the client.
TICKETS: list[tuple[Callable[[], Credential], Major, KrbCode]] = [
    (lambda: credential(endtime=int(NOW) - 301), Major.CREDENTIALS_EXPIRED, KrbCode.TKT_EXPIRED),
    (lambda: credential(starttime=int(NOW) + 301), Major.FAILURE, KrbCode.TKT_NYV),
    (lambda: credential(flags=TicketFlags.INVALID), Major.FAILURE, KrbCode.TKT_NYV),
    (lambda: credential(kvno=9), Major.NO_CRED, KrbCode.NOKEY),
    (lambda: credential(sname=WEB._replace(parts=("HTTP", "other"))), Major.NO_CRED, KrbCode.NOKEY),
    (lambda: replace(credential(), client=PrincipalName(1, ("bob",))), Major.FAILURE, KrbCode.BADMATCH),
    (lambda: replace(credential(), realm="OTHER.TEST"), Major.FAILURE, KrbCode.BADMATCH),
    (
        lambda: credential(crealm="OTHER.TEST", transited=Transited(1, b"MIDDLE.TEST")),
        Major.FAILURE,
        KrbCode.PATH_NOT_ACCEPTED,
    ),
    (lambda: replace(credential(), key=credential(17).key), Major.FAILURE, KrbCode.BAD_INTEGRITY),
]


@pytest.mark.parametrize(("made", "major", "krb_code"), TICKETS)
def test_ticket_that_is_not_good_is_refused(made: Callable[[], Credential], major: Major, krb_code: KrbCode) -> None:
    refused = refusal(inner_token(made()))
    assert refused.major == major
    said = code(refused)
    assert said.error_code == krb_code
    assert said.stime == int(NOW)
    assert (said.e_text, said.e_data, said.cname) == (None, None, None)


def test_client_of_another_realm_comes_by_a_checked_way_or_a_straight_one() -> None:
    checked = TicketFlags.TRANSITED_POLICY_CHECKED
    far = credential(crealm="OTHER.TEST", transited=Transited(1, b"MIDDLE.TEST"), flags=checked)
    assert accepted(inner_token(far)).principal == "alice@OTHER.TEST"
    assert accepted(inner_token(credential(crealm="OTHER.TEST"))).principal == "alice@OTHER.TEST"


def test_realm_on_a_tickets_outside_must_be_ours() -> None:
    """It is not protected: else a client from afar could call its own realm ours."""
    asked = credential(crealm="OTHER.TEST", transited=Transited(1, b"MIDDLE.TEST"))
    ticket = replace(asked.open_ticket(), realm="OTHER.TEST", raw=b"")
    refused = refusal(inner_token(replace(asked, ticket=ticket.encode())))
    assert (refused.major, code(refused).error_code) == (Major.NO_CRED, KrbCode.NOT_US)


# What is wrong with the authenticator or the request.
REQUESTS: list[tuple[Callable[[], bytes], KrbCode]] = [
    (lambda: changed(ctime=int(NOW) - 301), KrbCode.SKEW),
    (lambda: changed(ctime=int(NOW) + 301), KrbCode.SKEW),
    (lambda: changed(cksum=None), KrbCode.INAPP_CKSUM),
    (lambda: changed(cksum=CheckSum(16, bytes(12))), KrbCode.INAPP_CKSUM),
    (lambda: changed(subkey=EncryptionKey(23, bytes(16))), KrbCode.ETYPE_NOSUPP),
    (lambda: changed(options=ApOptions.USE_SESSION_KEY), KrbCode.NOKEY),
    (lambda: inner_token(wish=Wish(USUAL | ContextFlags.DCE_STYLE)), KrbCode.GENERIC),
]


@pytest.mark.parametrize(("made", "krb_code"), REQUESTS)
def test_request_that_is_not_good_is_refused(made: Callable[[], bytes], krb_code: KrbCode) -> None:
    assert code(refusal(made())).error_code == krb_code


def test_request_of_no_shape_is_no_request() -> None:
    whole = inner_token()
    for inner in (b"", tokens.AP_REP + whole[2:], whole[:-1], whole + b"\0", tokens.AP_REQ):
        with pytest.raises(WireError):
            accept(service(), tokens.KRB5, inner, NOW)
    short = CheckSum(CHECKSUM_TYPE, bytes(23))
    with pytest.raises(WireError):
        accept(service(), tokens.KRB5, changed(cksum=short), NOW)


def test_authenticator_is_taken_once_by_all_that_share_the_cache() -> None:
    cache = ReplayCache()
    inner = inner_token()
    accepted(inner, replay=cache)
    refused = refusal(inner, replay=cache)
    assert (refused.major, code(refused).error_code) == (Major.DUPLICATE_TOKEN, KrbCode.REPEAT)


def test_full_cache_refuses_whom_it_does_not_know() -> None:
    refused = refusal(inner_token(), replay=ReplayCache(limit=0))
    assert (refused.major, code(refused).error_code) == (Major.FAILURE, KrbCode.SVC_UNAVAILABLE)


def test_clock_may_differ_as_far_as_the_memory_reaches() -> None:
    """An authenticator that is good longer than it is remembered could be shown again."""
    inner, made = inner_token(), int(NOW)
    for skew, shown in ((10, made + 10), (10, made - 10), (900, made + 900), (900, made - 900)):
        cache = ReplayCache(skew=skew)
        accept(service(replay=cache), tokens.KRB5, inner, shown)
        refused = refusal(inner, now=made + skew, replay=cache)
        assert refused.major == Major.DUPLICATE_TOKEN
        refused = refusal(inner, now=made + skew + 1, replay=cache)
        assert code(refused).error_code == KrbCode.SKEW


@pytest.mark.parametrize("flags", [ContextFlags.SEQUENCE, ContextFlags.SEQUENCE | ContextFlags.REPLAY])
def test_over_datagrams_one_that_is_lost_is_no_loss_of_those_after_it(flags: ContextFlags) -> None:
    """A client that asks for order gets freedom from repetition, where there can be no order."""
    asking, answering = establish(wish=Wish(flags=ContextFlags.MUTUAL | flags), in_order=False)
    lost, after = asking.get_mic(b"lost"), asking.get_mic(b"after")
    answering.verify_mic(b"after", after)
    answering.verify_mic(b"lost", lost)
    for data, mic in ((b"lost", lost), (b"after", after)):
        with pytest.raises(GssError, match="DUPLICATE"):
            answering.verify_mic(data, mic)


def test_refused_request_is_not_remembered() -> None:
    cache = ReplayCache()
    inner = inner_token(wish=Wish(bindings=OTHER))
    refusal(inner, bindings=CHANNEL, replay=cache)
    assert len(cache) == 0
    accepted(inner, bindings=OTHER, replay=cache)


BINDINGS = [
    (None, None, False, False),
    (CHANNEL, None, False, False),
    (None, CHANNEL, False, False),
    (CHANNEL, CHANNEL, False, True),
    (CHANNEL, CHANNEL, True, True),
]


@pytest.mark.parametrize(("theirs", "ours", "required", "bound"), BINDINGS)
def test_channel_bindings_that_agree(
    theirs: ChannelBindings | None, ours: ChannelBindings | None, required: bool, bound: bool
) -> None:
    context = accepted(inner_token(wish=Wish(bindings=theirs)), bindings=ours, require_bindings=required)
    assert context.channel_bound == bound


@pytest.mark.parametrize("theirs", [None, CHANNEL])
def test_channel_without_bindings_is_refused_where_they_are_required(theirs: ChannelBindings | None) -> None:
    refused = refusal(inner_token(wish=Wish(bindings=theirs)), require_bindings=True)
    assert refused.major == Major.BAD_BINDINGS


@pytest.mark.parametrize(("theirs", "required"), [(OTHER, False), (OTHER, True), (None, True)])
def test_channel_bindings_that_do_not_agree(theirs: ChannelBindings | None, required: bool) -> None:
    refused = refusal(inner_token(wish=Wish(bindings=theirs)), bindings=CHANNEL, require_bindings=required)
    assert refused.major == Major.BAD_BINDINGS


def options(number: int, octets: bytes) -> tuple[AuthData, ...]:
    """A client's options in its authenticator."""
    return AuthData(1, encode_authorization_data(())), AuthData(
        1, encode_authorization_data((AuthData(number, octets),))
    )


def test_client_that_always_binds_and_here_did_not_is_refused() -> None:
    """Somebody stands between, or it would have known the channel.  [MS-KILE] 3.2.5.8"""
    inner = changed(authorization_data=options(143, bytes.fromhex("00400000")))
    assert refusal(inner, bindings=CHANNEL).major == Major.BAD_BINDINGS
    assert not accepted(inner).channel_bound
    for items in (options(143, bytes(4)), options(142, bytes.fromhex("00400000")), ()):
        assert not accepted(changed(authorization_data=items), bindings=CHANNEL).channel_bound


def test_request_without_subkey_or_number_uses_what_there_is() -> None:
    plain = CheckSum(CHECKSUM_TYPE, ContextRequest(ContextFlags.INTEG | ContextFlags.SEQUENCE).encode())
    reply, context = accept(service(), tokens.KRB5, changed(cksum=plain), NOW)
    assert reply == b""
    assert context.session_key == credential().session.octets
    assert context.get_mic(b"")[8:16] == bytes(8)


@pytest.mark.parametrize("enctype", list(Enctype))
def test_with_mutual_authentication_the_acceptor_gives_the_key(enctype: Enctype) -> None:
    asking, answering = establish(credential(enctype))
    assert asking.session_key == answering.session_key
    assert len(asking.session_key) == enctype.size
    assert asking.enctype == enctype
    assert asking.get_mic(b"")[2] == 0x04
    assert answering.get_mic(b"")[2] == 0x05


@pytest.mark.parametrize("kvno", [1, 2])
def test_service_key_of_two_versions_serves_tickets_of_both(kvno: int) -> None:
    keys = of_keytab(keytab(1, 2), REALM)
    assert accepted(inner_token(credential(kvno=kvno)), keys=keys).client == "alice"


def test_authorization_data_of_the_ticket_is_there() -> None:
    data = (AuthData(1, bytes.fromhex("3000")),)
    assert accepted(inner_token(credential(authorization_data=data))).authorization_data == data


@pytest.mark.parametrize("number", [4, 5, 71, 128, 999])
def test_authorization_data_that_must_be_understood_and_is_not_refuses(number: int) -> None:
    """RFC 4120 §5.2.6: what is not inside AD-IF-RELEVANT restricts, and a restriction is not to be overlooked."""
    unknown = (AuthData(number, b"restricted"),)
    for inner in (inner_token(credential(authorization_data=unknown)), changed(authorization_data=unknown)):
        refused = refusal(inner)
        assert (refused.major, code(refused).error_code) == (Major.FAILURE, KrbCode.GENERIC)
        assert f"authorization data of type {number}" in refused.reason
    inside = (AuthData(1, encode_authorization_data(unknown)), AuthData(8, encode_authorization_data(unknown)))
    accepted(changed(authorization_data=inside))


def test_acceptor_is_over_after_a_refusal_and_after_the_context() -> None:
    token = tokens.frame(tokens.KRB5, inner_token())
    acceptor = Acceptor(service())
    assert acceptor.step(token, NOW).context is not None
    broken = Acceptor(service())
    with pytest.raises(GssError):
        broken.step(token[:-1], NOW)
    for over in (acceptor, broken):
        with pytest.raises(GssError) as refused:
            over.step(token, NOW)
        assert refused.value.major == Major.NO_CONTEXT


@pytest.mark.parametrize(
    ("token", "major"),
    [
        (b"NTLMSSP\0\1\0\0\0", Major.BAD_MECH),
        (tokens.frame(tokens.NTLM, b"NTLMSSP\0"), Major.BAD_MECH),
        (tokens.frame(b"\x2a\x03", b""), Major.BAD_MECH),
        (b"", Major.DEFECTIVE_TOKEN),
        (b"\xa1\x02\x30\x00", Major.DEFECTIVE_TOKEN),
        (bytes(1 << 18), Major.DEFECTIVE_TOKEN),
    ],
)
def test_other_first_tokens_are_refused_by_name(token: bytes, major: Major) -> None:
    with pytest.raises(GssError) as refused:
        Acceptor(service()).step(token, NOW)
    assert refused.value.major == major
    assert refused.value.words


def test_reply_to_windows_old_name_has_that_name() -> None:
    step = Acceptor(service()).step(tokens.frame(tokens.MS_KRB5, inner_token()), NOW)
    assert tokens.unframe(step.token)[0] == tokens.MS_KRB5
    assert step.context is not None
    assert step.context.mechanism == tokens.MS_KRB5


def test_request_reads_as_what_it_is() -> None:
    req = ApReq.decode(inner_token()[2:])
    assert req.ap_options == ApOptions.MUTUAL_REQUIRED
    assert ApReq.decode(inner_token(wish=Wish(ContextFlags.INTEG))[2:]).ap_options == 0
