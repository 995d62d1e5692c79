"""The AS exchange: a ticket for who shows that it knows its key.

RFC 4120 §3.1, RFC 6113, RFC 6806.  In this order: options that nobody gets;
the client's name, the server's name; whether the account may have tickets at
all; the proof of its key; the age of its password, which so only the owner of
the account learns.  A ticket for anything but the ticket-granting service has
a PAC like one that was got with a ticket.
"""

from __future__ import annotations

from bossa.directory.account import Account
from bossa.krb import fast
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.bits import Flag, Option
from bossa.krb.kdc.clients import Client, check_account, check_lock, check_password_age, find_client, folds
from bossa.krb.kdc.header import open_armor
from bossa.krb.kdc.issue import NO_LAST_REQ, Draft, Envelope, seal, session_key, write_reply
from bossa.krb.kdc.outcome import Demand
from bossa.krb.kdc.pa_rep import asks_for_checksum, known_pac_options
from bossa.krb.kdc.preauth import Proof, authenticate
from bossa.krb.kdc.servers import Server, check_server, get_server
from bossa.krb.kdc.times import Bounds, Times, account_end, first_times
from bossa.krb.kdc.turn import Party, Turn
from bossa.krb.messages import AS_REP, KdcReq, KdcReqBody, LastReq, find_padata
from bossa.krb.names import ANONYMOUS
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.make import from_directory
from bossa.krb.pac.verify import client_text
from bossa.krb.padata import PaPacRequest, PaType
from bossa.krb.usages import Usage

# RFC 4120 §5.4.2, LastReq: when the password, and when the account, comes to its end.
_PASSWORD_ENDS, _ACCOUNT_ENDS = 6, 7
_ASKED_FOR = (
    (Option.FORWARDABLE, Flag.FORWARDABLE),
    (Option.PROXIABLE, Flag.PROXIABLE),
)
# RFC 4120 §3.1.3: these are about a ticket that one has already.
_WITH_A_TICKET = Option.FORWARDED | Option.PROXY | Option.RENEW | Option.VALIDATE | Option.ENC_TKT_IN_SKEY


def as_exchange(turn: Turn, outer: KdcReq) -> bytes | Demand:
    """Answer an AS-REQ with a ticket or with what it lacks; raises KdcError.  RFC 4120 §3.1.3"""
    turn.take(outer.body)
    req = _inner(turn, outer)
    body = req.body
    _check_options(body)
    client = find_client(turn, body)
    if isinstance(client, Demand):
        return client
    server = get_server(turn, body.sname, fold=folds(body))
    check_account(client.account, turn.now)
    check_lock(client.account, turn.now)
    check_server(server, turn.now)
    proof = authenticate(turn, req, client.principal)
    if isinstance(proof, Demand):
        return proof
    if not server.is_changepw:
        check_password_age(client.account, turn.now)
    return _issue(turn, req, client, server, proof)


def _inner(turn: Turn, outer: KdcReq) -> KdcReq:
    """Take the request out of its armor, if it has one.  RFC 6113 §5.4.2"""
    turn.armored = fast.unwrap(outer, lambda ticket: open_armor(turn, ticket), None, turn.now, turn.settings.skew)
    if turn.armored is None:
        return outer
    turn.take(turn.armored.req.body)
    return turn.armored.req


def _check_options(body: KdcReqBody) -> None:
    """Refuse what no ticket of ours can be.  RFC 4120 §3.1.3, RFC 8062 §4.1"""
    if body.kdc_options & Option.ANY_POSTDATING:
        raise KdcError(KrbCode.CANNOT_POSTDATE, "no ticket is postdated here")
    if body.kdc_options & Option.REQUEST_ANONYMOUS or (body.cname and body.cname.parts == ANONYMOUS.parts):
        raise KdcError(KrbCode.BADOPTION, "nobody is anonymous here")
    if body.kdc_options & _WITH_A_TICKET:
        raise KdcError(KrbCode.BADOPTION, "options that need a ticket came without one")


def _issue(turn: Turn, req: KdcReq, client: Client, server: Server, proof: Proof) -> bytes:
    """Make ticket and reply, now that all is decided."""
    session = session_key(turn, req.body.etypes, server)
    draft = _draft(turn, req, client, server, proof)
    part, sealed = seal(turn, draft, server, session)
    turn.client = Party(client.name, turn.realm.info.realm)
    turn.service = Party(server.name, turn.realm.info.realm)
    envelope = Envelope(
        AS_REP,
        proof.key,
        Usage.AS_REP,
        padata=proof.padata,
        encrypted_pa_data=known_pac_options(req.padata),
        last_req=_last_req(client.account),
        key_expiration=client.account.password_expires or None,
        kvno=proof.kvno,
        confirm=asks_for_checksum(req.padata),
    )
    return write_reply(turn, part, sealed, server, envelope)


def _draft(turn: Turn, req: KdcReq, client: Client, server: Server, proof: Proof) -> Draft:
    """Say what the ticket will say.  RFC 4120 §3.1.3"""
    body, account = req.body, client.account
    times = first_times(turn, body, _bounds(turn, client, server))
    return Draft(
        crealm=turn.realm.info.realm,
        cname=client.name,
        flags=_flags(req, account, times) | proof.flags,
        times=times,
        pac=_pac(turn, req, client, server, times),
        caddr=body.addresses,
    )


def _bounds(turn: Turn, client: Client, server: Server) -> Bounds:
    settings = turn.settings
    life = settings.changepw_life if server.is_changepw else settings.max_life
    return Bounds(life, endtime=account_end(client.principal))


def _flags(req: KdcReq, account: Account, times: Times) -> int:
    """Return the flags of a first ticket; a sensitive user's goes no further.  RFC 4120 §2, [MS-KILE] 3.3.5.1"""
    flags = Flag.INITIAL
    if not account.sensitive:
        for option, flag in _ASKED_FOR:
            flags |= flag if req.body.kdc_options & option else 0
    if times.renew_till is not None:
        flags |= Flag.RENEWABLE
    if asks_for_checksum(req.padata):
        flags |= Flag.ENC_PA_REP
    return flags


def _pac(turn: Turn, req: KdcReq, client: Client, server: Server, times: Times) -> PacContent | None:
    """Return what the realm says of the client.  A ticket that grants tickets always says it.  [MS-KILE] 3.3.5.6.3"""
    value = find_padata(req.padata, PaType.PAC_REQUEST)
    requested = None if value is None else PaPacRequest.decode(value).include
    if requested is False and not server.is_tgs:
        return None
    name = client_text(client.name)
    return from_directory(turn.realm, client.principal, times.authtime, client=name, requested=requested)


def _last_req(account: Account) -> tuple[LastReq, ...]:
    """Tell the client when its password and its account end.  RFC 4120 §5.4.2"""
    ends = ((_PASSWORD_ENDS, account.password_expires), (_ACCOUNT_ENDS, account.expires))
    return tuple(LastReq(kind, moment) for kind, moment in ends if moment) or NO_LAST_REQ
