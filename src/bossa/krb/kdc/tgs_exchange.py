"""The TGS exchange: a ticket for who shows one.

RFC 4120 §3.3, RFC 6113 §5.4.2, RFC 6806 §8, [MS-KILE] 3.3.5.7, [MS-SFU]
3.2.5.  In this order: the ticket that comes with the request and who shows it,
the armor, options that nobody gets; then one of the ways to a ticket, each of
which ends in a `Draft`.  A new ticket never says more than the one it was got
with: not for longer, not for others, with no flag that was not there.
"""

from __future__ import annotations

from bossa.directory.realm import OpenTrust, Principal
from bossa.krb import fast
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.acting import draft_by_proxy, draft_to_self
from bossa.krb.kdc.authdata import carried
from bossa.krb.kdc.bits import Flag, Option
from bossa.krb.kdc.clients import folds, is_elsewhere
from bossa.krb.kdc.evidence import check_options as check_evidence
from bossa.krb.kdc.header import Header, check_local, open_armor, open_header, read_pac
from bossa.krb.kdc.issue import Draft, Envelope, seal, session_key, write_reply
from bossa.krb.kdc.outcome import Demand
from bossa.krb.kdc.pa_rep import known_pac_options
from bossa.krb.kdc.referral import find_referral
from bossa.krb.kdc.s4u import S4uUser, requested_user
from bossa.krb.kdc.servers import Server, check_server, find_server, get_server
from bossa.krb.kdc.times import Times, account_end, later_times, renewed_times
from bossa.krb.kdc.turn import Party, Turn
from bossa.krb.kdc.user_to_user import find_session
from bossa.krb.messages import TGS_REP, HostAddress, KdcReq, KdcReqBody
from bossa.krb.pac.groups import is_wanted
from bossa.krb.usages import Usage

# What a new ticket has because the old one had it.  RFC 4120 §3.3.3
_KEPT = Flag.FORWARDED | Flag.PROXY | Flag.PRE_AUTHENT | Flag.HW_AUTHENT | Flag.ENC_PA_REP
_ASKED_FOR = (
    (Option.FORWARDABLE, Flag.FORWARDABLE),
    (Option.PROXIABLE, Flag.PROXIABLE),
)
_GOES_ON = Flag.FORWARDABLE | Flag.PROXIABLE


def tgs_exchange(turn: Turn, outer: KdcReq) -> bytes | Demand:
    """Answer a TGS-REQ with a ticket; raises KdcError.  RFC 4120 §3.3.3"""
    turn.take(outer.body)
    header = open_header(turn, outer)
    req = _inner(turn, outer, header)
    body = req.body
    _check_options(body, header)
    if is_elsewhere(turn.realm.info, body):
        raise KdcError(KrbCode.WRONG_REALM, f"a ticket of {body.realm} is asked for, this is {turn.realm.info.realm}")
    asked = requested_user(req.padata, body.nonce, header.verified)
    if asked is not None or body.kdc_options & Option.CNAME_IN_ADDL_TKT:
        return _acting(turn, req, header, asked)
    if body.kdc_options & Option.RENEW:
        return _renew(turn, req, header)
    return _further(turn, req, header)


def _inner(turn: Turn, outer: KdcReq, header: Header) -> KdcReq:
    """Take the request out of its armor, if it has one.  RFC 6113 §5.4.2"""
    skew = turn.settings.skew
    turn.armored = fast.unwrap(outer, lambda ticket: open_armor(turn, ticket), header.verified, turn.now, skew)
    if turn.armored is None:
        return outer
    turn.take(turn.armored.req.body)
    return turn.armored.req


def _check_options(body: KdcReqBody, header: Header) -> None:
    """Refuse what no ticket of ours can be, and what the ticket shown does not allow.  RFC 4120 §3.3.3"""
    options, flags = body.kdc_options, header.part.flags
    if options & Option.ANY_POSTDATING:
        raise KdcError(KrbCode.CANNOT_POSTDATE, "no ticket is postdated here")
    if options & Option.VALIDATE:
        raise KdcError(KrbCode.BADOPTION, "no ticket is postdated here, so none has to be validated")
    if options & Option.REQUEST_ANONYMOUS:
        raise KdcError(KrbCode.BADOPTION, "nobody is anonymous here")
    if options & Option.FORWARDED and not flags & Flag.FORWARDABLE:
        raise KdcError(KrbCode.BADOPTION, "the ticket is not forwardable")
    if options & Option.PROXY and not flags & Flag.PROXIABLE:
        raise KdcError(KrbCode.BADOPTION, "the ticket is not proxiable")
    if not header.is_tgt and not options & Option.RENEW:
        raise KdcError(KrbCode.NOT_US, f"a ticket for {header.verified.ticket.ticket.sname.text} grants no tickets")


def _further(turn: Turn, req: KdcReq, header: Header) -> bytes:
    """Give a client one more ticket.  RFC 4120 §3.3.3"""
    body = req.body
    if body.kdc_options & Option.ENC_TKT_IN_SKEY:
        server = find_session(turn, body)
    else:
        server = _target(turn, body, came_over=header.trust)
    if body.kdc_options & Option.PROXY and server.is_tgs:
        raise KdcError(KrbCode.BADOPTION, "a proxy has no ticket that grants tickets")
    return _issue(turn, req, header, server, _draft(turn, body, header, server))


def _acting(turn: Turn, req: KdcReq, header: Header, asked: S4uUser | None) -> bytes:
    """Give a service a ticket for a user: to itself, or with evidence to another.  [MS-SFU] 3.2.5"""
    if asked is None:
        check_evidence(req.body)
    # Who asks at the user's realm is sent back to its own.  [MS-SFU] 4.2
    server = _target(turn, req.body, came_over=None)
    if asked is not None:
        draft = draft_to_self(turn, req, header, asked, server)
    else:
        draft = draft_by_proxy(turn, req, header, server)
    return _issue(turn, req, header, server, draft)


def _draft(turn: Turn, body: KdcReqBody, header: Header, server: Server) -> Draft:
    """Say what a further ticket of a client will say.  RFC 4120 §3.3.3"""
    client = check_local(turn, header)
    times = later_times(turn, body, header.part, account_end(client))
    pac = read_pac(turn, header, client)
    return Draft(
        crealm=header.part.crealm,
        cname=header.part.cname,
        flags=_flags(body, header, client, times),
        times=times,
        pac=pac if server.is_tgs or is_wanted(pac) else None,
        transited=header.part.transited,
        caddr=_addresses(body, header),
        authorization_data=carried(header.part, body, header.verified),
    )


def _renew(turn: Turn, req: KdcReq, header: Header) -> bytes:
    """Let a ticket go on, the same in all but its times; it is none that a proof of a key began.  RFC 4120 §3.3.3

    Who became sensitive meanwhile goes no further with it.
    """
    body, part, shown = req.body, header.part, header.verified.ticket.ticket
    client = check_local(turn, header)
    server = find_server(turn.realm, shown.sname, fold=False)
    if server is None or header.trust is not None or (body.sname and body.sname.parts != shown.sname.parts):
        raise KdcError(KrbCode.SERVER_NOMATCH, f"the ticket to renew is for {shown.sname.text}@{shown.realm}")
    check_server(server, turn.now)
    draft = Draft(
        crealm=part.crealm,
        cname=part.cname,
        flags=part.flags & ~(Flag.INITIAL | (_GOES_ON if _is_sensitive(client) else 0)),
        times=renewed_times(turn, part, account_end(client)),
        pac=read_pac(turn, header, client),
        transited=part.transited,
        caddr=part.caddr,
        authorization_data=carried(header.part, body, header.verified),
    )
    return _issue(turn, req, header, server, draft)


def _target(turn: Turn, body: KdcReqBody, *, came_over: OpenTrust | None) -> Server:
    """Return what a ticket is asked for, or the way to where that is; raises KdcError."""
    server = _named(turn, body, came_over=came_over)
    check_server(server, turn.now)
    if server.is_changepw:
        raise KdcError(KrbCode.POLICY, "a ticket to change a password comes with a proof of the old one")
    return server


def _named(turn: Turn, body: KdcReqBody, *, came_over: OpenTrust | None) -> Server:
    fold = folds(body)
    if fold and body.sname is not None and find_server(turn.realm, body.sname, fold=True) is None:
        referral = find_referral(turn.realm, body.sname, came_over=came_over)
        if referral is not None:
            return referral
    return get_server(turn, body.sname, fold=fold)


def _flags(body: KdcReqBody, header: Header, client: Principal | None, times: Times) -> int:
    """Return the flags of a further ticket.  RFC 4120 §2 and §3.3.3, [MS-KILE] 3.3.5.1"""
    options, had = body.kdc_options, header.part.flags
    flags = had & _KEPT | Flag.TRANSITED_POLICY_CHECKED
    if not _is_sensitive(client):
        for option, flag in _ASKED_FOR:
            flags |= had & flag if options & option else 0
    if options & Option.FORWARDED:
        flags |= Flag.FORWARDED
    if options & Option.PROXY:
        flags |= Flag.PROXY
    if times.renew_till is not None:
        flags |= Flag.RENEWABLE
    return flags


def _is_sensitive(client: Principal | None) -> bool:
    return client is not None and client.account.sensitive


def _addresses(body: KdcReqBody, header: Header) -> tuple[HostAddress, ...]:
    """Return where a ticket may be used from: as before, unless it goes to others.  RFC 4120 §3.3.3"""
    if body.kdc_options & (Option.FORWARDED | Option.PROXY):
        return body.addresses
    return header.part.caddr


def _issue(turn: Turn, req: KdcReq, header: Header, server: Server, draft: Draft) -> bytes:
    """Make ticket and reply, under the subkey if the client chose one.  RFC 4120 §5.4.2"""
    verified = header.verified
    part, sealed = seal(turn, draft, server, session_key(turn, req.body.etypes, server))
    turn.service = Party(server.name, turn.realm.info.realm)
    key, usage = verified.session, Usage.TGS_REP_SESSION
    if verified.subkey is not None:
        key, usage = verified.subkey, Usage.TGS_REP_SUBKEY
    envelope = Envelope(TGS_REP, key, usage, draft.answer, encrypted_pa_data=known_pac_options(req.padata))
    return write_reply(turn, part, sealed, server, envelope)
