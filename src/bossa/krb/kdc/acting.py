"""Tickets for users who are not there: the TGS exchange's two ways of [MS-SFU].

3.2.5.1 (S4U2Self) and 3.2.5.2 (S4U2Proxy).  `s4u` and `evidence` check what
was sent and decide; here their cases are put together out of header, accounts
and trusts, and their grants become drafts.  For the log, whoever acts is named
before anything is decided.  No such ticket is ever renewed.
"""

from __future__ import annotations

from dataclasses import replace

from bossa.directory.realm import Principal
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc import evidence, s4u
from bossa.krb.kdc.authdata import carried
from bossa.krb.kdc.bits import RESOURCE_BASED, Flag, Option
from bossa.krb.kdc.clients import check_account, folds
from bossa.krb.kdc.evidence import Evidence
from bossa.krb.kdc.header import Header, check_local, kdc_keys, read_pac, trusted_sid
from bossa.krb.kdc.issue import Draft
from bossa.krb.kdc.pa_rep import pac_options
from bossa.krb.kdc.s4u import Grant, S4uUser
from bossa.krb.kdc.servers import Server
from bossa.krb.kdc.times import Bounds, bounded_times
from bossa.krb.kdc.turn import Party, Turn
from bossa.krb.messages import EncTicketPart, KdcReq, KdcReqBody
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.groups import filter_sids

# What a user's proof of a key was stays true when a service acts for the user.
_PROOFS = Flag.PRE_AUTHENT | Flag.HW_AUTHENT


def draft_to_self(turn: Turn, req: KdcReq, header: Header, asked: S4uUser, server: Server) -> Draft:
    """Let a service have a ticket to itself for a user; raises KdcError.  [MS-SFU] 3.2.5.1.2"""
    body, part = req.body, header.part
    _name_actor(turn, Party(asked.name, asked.realm))
    if server.trust is not None and server.trust is not header.trust:
        raise KdcError(KrbCode.BADMATCH, f"{part.cname.text} asks for a ticket of another realm than its own")
    user = s4u.find_user(turn.realm, asked, fold=folds(body))
    account = _asking_account(turn, header, user)
    case = s4u.SelfCase(
        asked=asked,
        header=part,
        pac=read_pac(turn, header, account, sent_along=s4u.header_pac_client(asked, user)),
        options=body.kdc_options,
        account=account,
        server=server.principal,
        user=user,
        issuer=header.verified.ticket.ticket.realm,
    )
    grant = s4u.self_ticket(turn.realm, case, turn.now)
    return _draft(turn, body, header, grant, part)


def draft_by_proxy(turn: Turn, req: KdcReq, header: Header, server: Server) -> Draft:
    """Let a service act for a user at another; raises KdcError.  [MS-SFU] 3.2.5.2"""
    body = req.body
    assert body.sname is not None
    middle = check_local(turn, header)
    shown = _evidence(turn, body, header, middle)
    _name_actor(turn, Party(shown.cname, shown.crealm))
    case = evidence.ProxyCase(
        evidence=shown,
        header=header.part,
        sname=body.sname,
        middle=middle,
        target=server.principal,
        user=evidence.find_delegated(turn.realm, shown),
        pac=_filtered(shown, header),
        resource_based=bool(pac_options(req.padata) & RESOURCE_BASED),
    )
    grant = evidence.proxy_ticket(turn.realm, case, turn.now)
    draft = _draft(turn, body, header, grant, shown.part)
    return replace(draft, flags=draft.flags | shown.part.flags & _PROOFS)


def _name_actor(turn: Turn, user: Party) -> None:
    """Note that the client of the header acts for a user, whom the log names as the client."""
    turn.delegated_by, turn.client = turn.client, user


def _asking_account(turn: Turn, header: Header, user: Principal | None) -> Principal | None:
    """Return the account of the service that asks: ours too where the realm of a foreign user sends it back.

    [MS-SFU] 4.2: the last step across realms.
    """
    service = header.part
    if header.trust is None or service.crealm != turn.realm.info.realm:
        return check_local(turn, header)
    if user is not None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"{service.cname.text} asks by way of others for a user of ours")
    found = turn.realm.find(service.cname.text)
    if found is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"the account {service.cname.text!r} is gone")
    check_account(found.account, turn.now)
    return found


def _evidence(turn: Turn, body: KdcReqBody, header: Header, middle: Principal | None) -> Evidence:
    """Open the evidence with the keys of the service that shows it, or of the trust that it came over."""
    ticket = evidence.check_options(body)
    when = ticket.enc_part.kvno, turn.now, turn.settings.rollover
    if middle is not None:
        read_pac(turn, header, middle)
        return evidence.open_evidence(turn.realm, ticket, middle, middle.by_kvno(*when), kdc_keys(turn))
    if header.trust is None or body.sname is None:
        raise KdcError(KrbCode.BADOPTION, "a foreign service shows a ticket of ours")
    return evidence.open_evidence_across(turn.realm, ticket, header.part, header.trust.by_kvno(*when), body.sname)


def _filtered(shown: Evidence, header: Header) -> PacContent:
    """Return of evidence from another realm what that may say.  [MS-PAC] 4.1.2.2"""
    if not shown.crossed or header.trust is None:
        return shown.pac
    return filter_sids(shown.pac, trusted_sid(header.trust))


def _draft(turn: Turn, body: KdcReqBody, header: Header, grant: Grant, before: EncTicketPart) -> Draft:
    """Say what the ticket will say, as narrow as the one ``before`` it.

    The user never asked for it to be renewed, forwarded or proxied.
    """
    forwardable = grant.forwardable and body.kdc_options & Option.FORWARDABLE
    turn.reason = grant.decision.decisive.words
    bounds = Bounds(turn.settings.max_life, endtime=grant.endtime, renew_till=0)
    return Draft(
        crealm=grant.crealm,
        cname=grant.cname,
        flags=Flag.TRANSITED_POLICY_CHECKED | (Flag.FORWARDABLE if forwardable else 0),
        times=bounded_times(turn, body, bounds, authtime=grant.authtime),
        pac=grant.pac,
        transited=grant.transited,
        caddr=header.part.caddr,
        authorization_data=carried(before, body, header.verified),
        answer=grant.padata,
    )
