"""Acting for a user at one more service: the evidence that a service shows, and the ticket that it gets.

[MS-SFU] 3.2.5.2 (S4U2Proxy).  Evidence is a ticket of ours to the service that
asks, or, from a service of another realm, that realm's referral with the user
in its PAC.  Its key is the service's own, so nothing in it counts but what our
PAC signatures cover (CVE-2020-17049).  `s4u` says how all this is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.directory.sid import ASSERTED_BY_SERVICE
from bossa.krb import ticket as tickets
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.kdc.delegation import Decision, Party, ProxyRequest, decide_proxy
from bossa.krb.kdc.s4u import Grant, refusal, service_party
from bossa.krb.kdc.times import account_end
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.delegated import MAX_SERVICES, DelegationInfo
from bossa.krb.pac.groups import delegation_info, sids
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.make import account_sid
from bossa.krb.pac.verify import client_text, verify_service, verify_user_across
from bossa.wire import WireError

if TYPE_CHECKING:
    from bossa.directory.realm import Principal, Realm, Version
    from bossa.directory.sid import Sid
    from bossa.krb.messages import EncTicketPart, KdcReqBody, Ticket
    from bossa.krb.pac.content import PacContent
    from bossa.krb.ticket import OpenTicket

_NOT_WITH_PROXY = (
    KdcOptions.FORWARDED | KdcOptions.PROXY | KdcOptions.RENEW | KdcOptions.VALIDATE | KdcOptions.ENC_TKT_IN_SKEY
)


class Evidence(NamedTuple):
    """A ticket that shows that a user came to a service, verified; ``crossed`` where another realm says so."""

    opened: OpenTicket
    pac: PacContent
    crealm: str
    cname: PrincipalName
    crossed: bool

    @property
    def part(self) -> EncTicketPart:
        """What the ticket says."""
        return self.opened.part

    @property
    def forwardable(self) -> bool:
        """The only sign that it may travel on."""
        return bool(self.part.flags & TicketFlags.FORWARDABLE)


@dataclass(frozen=True, slots=True)
class ProxyCase:
    """A service asks to act for a user at a target.

    ``middle`` is the account of the header's client, None for a service of
    another realm; ``target`` the account behind ``sname``, None where the
    ticket would lead to another realm; ``user`` the user's account, None for
    one of another realm; ``pac`` the evidence's, foreign SIDs filtered.
    """

    evidence: Evidence
    header: EncTicketPart
    sname: PrincipalName
    middle: Principal | None
    target: Principal | None
    user: Principal | None
    pac: PacContent
    resource_based: bool


def check_options(body: KdcReqBody) -> Ticket:
    """Return the evidence ticket, the first of those that came; raises KdcError.  [MS-SFU] 3.2.5.2.1"""
    if body.kdc_options & _NOT_WITH_PROXY:
        raise KdcError(KrbCode.BADOPTION, "delegation is asked for together with another kind of ticket")
    if not body.additional_tickets:
        raise KdcError(KrbCode.BADOPTION, "delegation is asked for without evidence")
    return body.additional_tickets[0]


def open_evidence(
    realm: Realm, ticket: Ticket, middle: Principal, versions: Sequence[Version], kdc_keys: Sequence[Key]
) -> Evidence:
    """Open a ticket of ours to the service that asks; raises KdcError.

    ``versions`` are those of the service's keys that may have sealed it,
    ``kdc_keys`` the ticket-granting service's usable ones.
    """
    found = realm.find(ticket.sname.text) if ticket.realm == realm.info.realm else None
    if found is None or found.account.name != middle.account.name:
        raise KdcError(
            KrbCode.SERVER_NOMATCH, f"the evidence is a ticket to {ticket.sname.text}, not to {middle.account.name}"
        )
    opened, key = _open(ticket, versions)
    content = verify_service(opened, key, kdc_keys)
    _check_hop(realm, content, middle)
    return Evidence(opened, content, opened.part.crealm, opened.part.cname, False)


def open_evidence_across(
    realm: Realm, ticket: Ticket, header: EncTicketPart, versions: Sequence[Version], sname: PrincipalName
) -> Evidence:
    """Open another realm's referral for a user whom a service of its own speaks for; raises KdcError.

    ``realm`` is ours, ``versions`` are the trust's keys.  The ticket's
    client is the service, as in the header; the PAC is the user's, and says by
    DELEGATION_INFO what for.  [MS-SFU] 3.2.5.2.3
    """
    if ticket.realm != header.crealm or ticket.sname.parts != krbtgt(realm.info.realm).parts:
        raise KdcError(KrbCode.BADOPTION, f"the evidence of a foreign service is a ticket to {ticket.sname.text}")
    opened, key = _open(ticket, versions)
    if (opened.part.crealm, opened.part.cname.parts) != (header.crealm, header.cname.parts):
        raise KdcError(KrbCode.BADOPTION, f"the evidence was given to {opened.part.cname.text}@{opened.part.crealm}")
    content, user = verify_user_across(opened, key)
    _check_across(realm, content, header, sname)
    name, _, crealm = user.rpartition("@")
    # Trusts are not transitive: a realm speaks for its own users, and for no others.
    if crealm != ticket.realm:
        raise KdcError(KrbCode.POLICY, f"{ticket.realm} speaks for {user}")
    return Evidence(opened, content, crealm, PrincipalName(NameType.PRINCIPAL, tuple(name.split("/"))), True)


def find_delegated(realm: Realm, evidence: Evidence) -> Principal | None:
    """Return the account of the evidence's user where that is ours; raises KdcError when it is gone."""
    if evidence.crealm != realm.info.realm:
        return None
    found = realm.find(evidence.cname.text)
    if found is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"the account {evidence.cname.text!r} is gone")
    if _sids(evidence.pac)[:1] not in ((), (account_sid(realm.info, found.account),)):
        raise KdcError(KrbCode.TGT_REVOKED, f"the evidence is of another account that was {evidence.cname.text!r}")
    return found


def proxy_ticket(realm: Realm, case: ProxyCase, now: float) -> Grant:
    """Decide on a ticket for a user at a target and say what will be in it; raises KdcError.  [MS-SFU] 3.2.5.2.2"""
    part = case.evidence.part
    if part.endtime <= now:
        raise KdcError(KrbCode.TKT_EXPIRED, "the evidence has expired")
    if part.flags & TicketFlags.INVALID:
        raise KdcError(KrbCode.TKT_NYV, "the evidence is not valid yet")
    decision = _decide(case, now)
    if not decision.allowed:
        raise refusal(decision)
    onward = case.target is None
    return Grant(
        crealm=case.header.crealm if onward else case.evidence.crealm,
        cname=case.header.cname if onward else case.evidence.cname,
        pac=_pac(case, realm.info.realm),
        forwardable=decision.forwardable,
        authtime=part.authtime,
        endtime=min(part.endtime, case.header.endtime, account_end(case.user)),
        transited=part.transited,
        decision=decision,
    )


def _open(ticket: Ticket, versions: Sequence[Version]) -> tuple[OpenTicket, Key]:
    """Try every version of the keys that may have sealed it: its number is only a hint."""
    for key in _keys(ticket, versions):
        try:
            return tickets.open(ticket, key), key
        except BadIntegrity:
            continue
    raise KdcError(KrbCode.BAD_INTEGRITY, f"no key opens the evidence, a ticket to {ticket.sname.text}")


def _keys(ticket: Ticket, versions: Sequence[Version]) -> Iterator[Key]:
    for version in versions:
        key = version.keys.get(ticket.enc_part.etype)
        if key is not None:
            yield key


def _delegation_info(content: PacContent) -> DelegationInfo | None:
    try:
        return delegation_info(content)
    except WireError as e:
        raise KdcError(KrbCode.BADOPTION, f"the evidence's delegation cannot be read: {e}") from e


def _owner(realm: Realm, target: str) -> str | None:
    """Return the account that a target stands for, under whatever name and spelling it was asked for."""
    found = realm.find(target.removesuffix(f"@{realm.info.realm}"), fold=True)
    return None if found is None else found.account.name


def _check_hop(realm: Realm, content: PacContent, middle: Principal) -> None:
    """Evidence that was itself got by delegation was got for this service.  [MS-PAC] 2.9"""
    info = _delegation_info(content)
    if info is None:
        return
    if _owner(realm, info.target) != middle.account.name:
        raise KdcError(KrbCode.BADOPTION, f"the evidence was delegated to {info.target!r}, not to the one who shows it")
    if len(info.services) >= MAX_SERVICES:
        raise KdcError(KrbCode.POLICY, f"the evidence went through {len(info.services)} services already")


def _check_across(realm: Realm, content: PacContent, header: EncTicketPart, sname: PrincipalName) -> None:
    """The foreign realm gave it to this service for this target.  [MS-SFU] 3.2.5.2.3"""
    info = _delegation_info(content)
    middle = client_text(header.cname, header.crealm)
    if info is None or not info.services or info.services[-1] != middle:
        raise KdcError(KrbCode.BADOPTION, f"the evidence says nothing of a delegation to {middle}")
    target = _owner(realm, client_text(sname))
    if target is None or _owner(realm, info.target) != target:
        raise KdcError(KrbCode.BADOPTION, f"the evidence is for {info.target!r}, not for {client_text(sname)!r}")


def _decide(case: ProxyCase, now: float) -> Decision:
    user = Party(client_text(case.evidence.cname, case.evidence.crealm), foreign=True)
    target = Party(client_text(case.sname), foreign=True)
    return decide_proxy(
        service_party(case.header, case.middle.account if case.middle is not None else None),
        target if case.target is None else Party.of(case.target.account),
        user if case.user is None else Party.of(case.user.account),
        ProxyRequest(case.evidence.forwardable, case.resource_based, _by_transition(case.pac), now),
    )


def _by_transition(content: PacContent) -> bool:
    """Whether the service that shows a ticket made it itself (S4U2Self); after the first hop others answer for that."""
    return _delegation_info(content) is None and ASSERTED_BY_SERVICE in _sids(content)


def _sids(content: PacContent) -> tuple[Sid, ...]:
    try:
        return sids(content)
    except WireError as e:
        raise KdcError(KrbCode.BADOPTION, f"the evidence's groups cannot be read: {e}") from e


def _pac(case: ProxyCase, ours: str) -> PacContent:
    """Carry the user's PAC on; who acts puts itself into the list, once, in its own realm.  [MS-PAC] 2.9"""
    evidence = case.evidence
    name = client_text(evidence.cname, evidence.crealm if case.target is None else None)
    content = case.pac.replaced(BufferType.CLIENT_INFO, ClientInfo(evidence.part.authtime, name).encode())
    if evidence.crossed:
        return content
    before = _delegation_info(case.pac) or DelegationInfo("", ())
    middle = client_text(case.header.cname, ours)
    return content.replaced(BufferType.DELEGATION_INFO, before.onward(client_text(case.sname), middle).encode())
