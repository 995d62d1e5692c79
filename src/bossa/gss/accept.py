"""Whether a context is accepted that an AP-REQ asks for, and our AP-REP.  RFC 4121 §4.1, RFC 4120 §3.2.3

One request, one answer: the ticket and the authenticator first, then the
realms on the way, what restricts the client, the channel bindings, the
delegated credential, the PAC, and last the replay cache, so that only whole
requests are remembered.  A refusal for which RFC 4120 has a code carries a
KRB-ERROR once the request could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bossa.crypto.enctypes import Key, random_key
from bossa.gss import delegation, tokens
from bossa.gss.bindings import NONE, ChannelBindings
from bossa.gss.checksum import CHECKSUM_TYPE, ContextRequest
from bossa.gss.context import Accepted, Authorization, Context
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.keys import Keys
from bossa.gss.protection import ACCEPTOR_SUBKEY, SENT_BY_ACCEPTOR, SEQUENCE_MASK, Protection
from bossa.gss.replay import ReplayCache
from bossa.gss.sequence import Window
from bossa.gss.shown import Shown, ShownTickets
from bossa.krb import ap
from bossa.krb.ap import Verified
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import ApOptions, TicketFlags
from bossa.krb.messages import ApReq, AuthData, EncTicketPart, KrbError, decode_authorization_data
from bossa.krb.pac.carry import AD_IF_RELEVANT, AD_MANDATORY_FOR_KDC
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.logon import LogonInfo
from bossa.krb.pac.verify import verify_accepted
from bossa.krb.ticket import OpenTicket
from bossa.krb.usages import Usage
from bossa.wire import WireError

_MAJORS = {
    KrbCode.TKT_EXPIRED: Major.CREDENTIALS_EXPIRED,
    KrbCode.NOKEY: Major.NO_CRED,
    KrbCode.NOT_US: Major.NO_CRED,
    KrbCode.REPEAT: Major.DUPLICATE_TOKEN,
    KrbCode.INAPP_CKSUM: Major.DEFECTIVE_TOKEN,
}
# What holds elements that a service may leave alone.  RFC 4120 §5.2.6.1, §5.2.6.4
_NOT_CRITICAL = (AD_IF_RELEVANT, AD_MANDATORY_FOR_KDC)
# AD-AUTH-DATA-AP-OPTIONS and its KERB_AP_OPTIONS_CBT.  [MS-KILE] 3.2.5.8
_AD_AP_OPTIONS, _CBT = 143, 0x4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a listener has: its realm and keys, its memory, its source of as many random octets as asked for, its rules.

    With ``require_bindings`` there is no context over a channel that is not bound, nor over one that has no bindings.
    Without ``in_order``, for datagrams, messages come in any order, and none comes twice whatever the client asks for.
    """

    realm: str
    keys: Keys
    replay: ReplayCache
    random: Callable[[int], bytes]
    require_bindings: bool = False
    in_order: bool = True
    shown: ShownTickets = field(default_factory=ShownTickets, repr=False)


class _Opened(NamedTuple):
    """A request that was verified, and its ticket as it was opened, now or before."""

    verified: Verified
    shown: Shown
    asked: ContextRequest


def accept(
    service: Service, mechanism: bytes, inner: bytes, now: float, bindings: ChannelBindings | None = None
) -> Accepted:
    """Accept the context that an inner token asks for; raises GssError or WireError."""
    if not inner.startswith(tokens.AP_REQ):
        raise WireError(f"token {inner[:2].hex()} where an AP-REQ should be")
    req = ApReq.decode(inner[2:])
    try:
        return _accept(service, mechanism, req, now, bindings)
    except KdcError as refused:
        major = _MAJORS.get(refused.code, Major.FAILURE)
        raise GssError(major, refused.reason, token=_error(req, mechanism, refused.code, now)) from refused


def _accept(service: Service, mechanism: bytes, req: ApReq, now: float, bindings: ChannelBindings | None) -> Accepted:
    opened = _open(service, req, now)
    bound = _check_bindings(service, opened, bindings)
    verified = opened.verified
    delegated = _delegated(opened)
    authorization = opened.shown.read(_authorization)
    _remember(service, req, verified, now)
    service.shown.keep(req.ticket, opened.shown)
    token, protection = _answer(service, mechanism, opened)
    part = verified.ticket.part
    return Accepted(
        token,
        Context(
            mechanism=mechanism,
            client=part.cname.text,
            realm=part.crealm,
            server=req.ticket.sname.text,
            server_realm=service.realm,
            flags=opened.asked.flags,
            expires=part.endtime,
            initiated=False,
            protection=protection,
            channel_bound=bound,
            delegated=delegated,
            authorization=authorization,
            authorization_data=part.authorization_data,
        ),
    )


def _open(service: Service, req: ApReq, now: float) -> _Opened:
    """Verify ticket and authenticator, and read what is asked for."""
    if req.ap_options & ApOptions.USE_SESSION_KEY:
        raise KdcError(KrbCode.NOKEY, "the ticket is of user-to-user kind")
    # The realm stands outside of what the ticket's key protects, and the way from the client's is measured by it.
    if req.ticket.realm != service.realm:
        raise KdcError(KrbCode.NOT_US, f"a ticket of {req.ticket.realm}")
    shown = service.shown.open(req.ticket, service.keys)
    verified = ap.open_request(req, shown.ticket, Usage.AP_REQ_AUTHENTICATOR, now, service.replay.skew)
    _check_path(shown.ticket.part, service.realm)
    _check_restrictions((*shown.ticket.part.authorization_data, *verified.authenticator.authorization_data))
    checksum = verified.authenticator.cksum
    if checksum is None or checksum.type != CHECKSUM_TYPE:
        raise KdcError(KrbCode.INAPP_CKSUM, "the authenticator does not say what the context is to be")
    asked = ContextRequest.decode(checksum.octets)
    if asked.flags & ContextFlags.DCE_STYLE:
        raise KdcError(KrbCode.GENERIC, "a context of DCE style is asked for")
    return _Opened(verified, shown, asked)


def _check_path(part: EncTicketPart, realm: str) -> None:
    """A KDC of ours has looked at the realms between the client's and ours, or there are none.  RFC 4120 §2.7"""
    if part.crealm == realm or part.flags & TicketFlags.TRANSITED_POLICY_CHECKED:
        return
    if part.transited.octets:
        raise KdcError(KrbCode.PATH_NOT_ACCEPTED, f"no KDC checked the way from {part.crealm}")


def _check_restrictions(items: Iterable[AuthData]) -> None:
    """Refuse what restricts a client and is not understood here.  RFC 4120 §5.2.6"""
    for item in items:
        if item.type not in _NOT_CRITICAL:
            raise KdcError(KrbCode.GENERIC, f"authorization data of type {item.type} is not understood")


def _check_bindings(service: Service, opened: _Opened, bindings: ChannelBindings | None) -> bool:
    """Tell whether the client bound the context to our channel; raises GssError for another.  RFC 4121 §4.1.1.2"""
    if bindings is None:
        if service.require_bindings:
            raise GssError(Major.BAD_BINDINGS, "the channel has no bindings, and they are required")
        return False
    if opened.asked.bindings == NONE:
        # A client that always binds, and here did not, speaks over a channel that it does not know of.
        if service.require_bindings or _always_binds(opened.verified.authenticator.authorization_data):
            raise GssError(Major.BAD_BINDINGS, "no channel bindings, and they are required")
        return False
    if not bindings.match(opened.asked.bindings):
        raise GssError(Major.BAD_BINDINGS, "the channel bindings are of another channel")
    return True


def _always_binds(items: Iterable[AuthData]) -> bool:
    """Whether the client says that it gives bindings wherever there is a channel.  [MS-KILE] 3.2.5.8"""
    for container in items:
        if container.type == AD_IF_RELEVANT:
            for item in decode_authorization_data(container.data):
                if item.type == _AD_AP_OPTIONS:
                    return bool(int.from_bytes(item.data, "little") & _CBT)
    return False


def _delegated(opened: _Opened) -> Credential | None:
    if not opened.asked.flags & ContextFlags.DELEG:
        return None
    verified = opened.verified
    keys = (verified.session,) if verified.subkey is None else (verified.session, verified.subkey)
    return delegation.open(opened.asked.credential, keys, verified.ticket.part)


def _authorization(opened: OpenTicket, key: Key) -> Authorization | None:
    """What the PAC says, where it is one and is signed with our key.  [MS-PAC] 2.8.1

    Who could forge it in a ticket that our key opens could forge the ticket; so a PAC that does not
    verify (of a KDC that signs otherwise) counts as none, and the client's name stays good.
    """
    try:
        content = verify_accepted(opened, key)
        raw = None if content is None else content.find(BufferType.LOGON_INFO)
        if content is None or raw is None:
            return None
        return Authorization(LogonInfo.decode(raw).sids(), content)
    except (KdcError, WireError):
        return None


def _remember(service: Service, req: ApReq, verified: Verified, now: float) -> None:
    """Refuse an authenticator that came before.  RFC 4120 §3.2.3"""
    shown = verified.authenticator
    who = (f"{shown.cname.text}@{shown.crealm}", f"{req.ticket.sname.text}@{service.realm}")
    try:
        service.replay.take(who, (shown.ctime, shown.cusec), req.authenticator.cipher, now)
    except GssError as again:
        code = KrbCode.REPEAT if again.major == Major.DUPLICATE_TOKEN else KrbCode.SVC_UNAVAILABLE
        raise KdcError(code, again.reason) from again


def _answer(service: Service, mechanism: bytes, opened: _Opened) -> tuple[bytes, Protection]:
    """Prove ourselves and give a key of our own, if the client asked for proof; keys and counts follow.  RFC 4121 §2"""
    verified, flags = opened.verified, opened.asked.flags
    key = verified.subkey or verified.session
    theirs = verified.authenticator.seq_number or 0
    window = Window(theirs, _watched(service, flags))
    if not flags & ContextFlags.MUTUAL:
        # Nothing tells the client another number: ours begins where its own did.
        return b"", Protection(key, service.random, SENT_BY_ACCEPTOR, theirs, window)
    subkey = random_key(key.enctype, service.random)
    ours = int.from_bytes(service.random(4), "big") & SEQUENCE_MASK
    reply = ap.reply(verified, service.random(16), subkey=subkey, seq_number=ours)
    mark = SENT_BY_ACCEPTOR | ACCEPTOR_SUBKEY
    return tokens.frame(mechanism, tokens.AP_REP + reply), Protection(subkey, service.random, mark, ours, window)


def _watched(service: Service, flags: ContextFlags) -> ContextFlags:
    """What is watched of the order of messages.  RFC 2743 §1.2.3"""
    return flags if service.in_order else flags & ~ContextFlags.SEQUENCE | ContextFlags.REPLAY


def _error(req: ApReq, mechanism: bytes, code: KrbCode, now: float) -> bytes:
    """A KRB-ERROR that says the code and our time, and nothing else.  RFC 4121 §4.1.3"""
    stime = int(now)
    error = KrbError(code, stime, int((now - stime) * 1_000_000), req.ticket.realm, req.ticket.sname)
    return tokens.frame(mechanism, tokens.ERROR + error.encode())
