"""The ticket that a TGS request comes with: whose key opens it, who shows it, and what it is good for.

RFC 4120 §3.3.2 and §3.3.3.1, [MS-KILE] 3.3.5.7.  A ticket of our own
ticket-granting service opens with any version of its keys inside the window of
rollover, a ticket of another realm's with the keys of the trust.  Trusts are
not transitive: a realm speaks for its own clients.  The request's checksum
runs over the octets of the body that came, under the session key.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.directory.account import KRBTGT, Kind
from bossa.directory.realm import OpenTrust, Principal, Version
from bossa.directory.sid import Sid
from bossa.krb import ap
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.clients import check_account
from bossa.krb.kdc.opened import Kept
from bossa.krb.kdc.turn import Party, Turn
from bossa.krb.messages import (
    ApReq,
    EncTicketPart,
    HostAddress,
    KdcReq,
    Ticket,
    find_padata,
)
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.groups import filter_sids, sids
from bossa.krb.pac.make import account_sid
from bossa.krb.pac.verify import verify_across, verify_service, verify_tgt
from bossa.krb.padata import PaType
from bossa.krb.ticket import OpenTicket
from bossa.krb.usages import Usage

# RFC 4120 §7.5.3
_IPV4, _IPV6 = 2, 24


@dataclass(frozen=True, slots=True)
class Header:
    """A ticket shown by who holds its key; ``trust`` is the one that it came over, if it did."""

    verified: ap.Verified
    kept: Kept
    trust: OpenTrust | None
    # Whether it grants tickets; one that does not can only be renewed.
    is_tgt: bool

    @property
    def part(self) -> EncTicketPart:
        """What the ticket says."""
        return self.verified.ticket.part


@dataclass(frozen=True, slots=True)
class _Issuer:
    """The keys that may open a ticket, and whose they are."""

    versions: tuple[Version, ...]
    trust: OpenTrust | None
    is_tgt: bool


def open_header(turn: Turn, outer: KdcReq) -> Header:
    """Open the ticket of a TGS-REQ and check who shows it; raises KdcError.  RFC 4120 §3.3.3.1"""
    value = find_padata(outer.padata, PaType.TGS_REQ)
    if value is None:
        raise KdcError(KrbCode.PADATA_TYPE_NOSUPP, "the request has no ticket")
    shown = ApReq.decode(value)
    issuer = _issuer(turn, shown.ticket)
    kept = _open(turn, shown.ticket, issuer)
    turn.client = Party(kept.opened.part.cname, kept.opened.part.crealm)
    verified = ap.open_request(
        shown, kept.opened, Usage.TGS_REQ_AUTHENTICATOR, turn.now, turn.settings.skew, host=_host(turn, kept)
    )
    _check_body(verified, outer.body.raw)
    return Header(verified, kept, issuer.trust, issuer.is_tgt)


def open_armor(turn: Turn, ticket: Ticket) -> OpenTicket:
    """Open the ticket that armors a request: one that grants tickets.  RFC 6113 §5.4.1.1"""
    return open_tgt(turn, ticket).opened


def open_tgt(turn: Turn, ticket: Ticket) -> Kept:
    """Open a ticket that grants tickets here; raises KdcError."""
    issuer = _issuer(turn, ticket)
    if not issuer.is_tgt:
        raise KdcError(KrbCode.NOT_US, f"a ticket for {ticket.sname.text} grants no tickets")
    return _open(turn, ticket, issuer)


def check_local(turn: Turn, header: Header) -> Principal | None:
    """Return the client's account where the client is ours, if it may still have tickets; raises KdcError."""
    part, ours = header.part, turn.realm.info.realm
    if part.crealm != ours:
        _check_path(turn, header)
        return None
    if header.trust is not None:
        raise KdcError(KrbCode.POLICY, f"{header.trust.trust.realm} speaks for our {part.cname.text}")
    found = turn.realm.find(part.cname.text)
    if found is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"the account {part.cname.text!r} is gone")
    check_account(found.account, turn.now)
    return found


def read_pac(turn: Turn, header: Header, client: Principal | None, *, sent_along: str | None = None) -> PacContent:
    """Return what the ticket's PAC says, of another realm's what that may say; raises KdcError.  [MS-PAC] 4.1.2.2

    ``sent_along`` is the user whom another realm's PAC is for, where that is not the ticket's client.
    """
    kept = header.kept
    if header.trust is not None:
        content = verify_across(kept.opened, kept.key, client=sent_along)
        return filter_sids(content, trusted_sid(header.trust))
    if not header.is_tgt:
        return _read_service_pac(turn, kept, client)
    return read_own_pac(turn, kept, client)


def _read_service_pac(turn: Turn, kept: Kept, client: Principal | None) -> PacContent:
    """Return what a service ticket's PAC says, whose user is the account of that name today; raises KdcError."""
    content = verify_service(kept.opened, kept.key, kdc_keys(turn))
    if client is not None and sids(content)[:1] != (account_sid(turn.realm.info, client.account),):
        raise KdcError(KrbCode.TGT_REVOKED, f"the ticket was given to another account that was {client.account.name}")
    return content


def read_own_pac(turn: Turn, kept: Kept, client: Principal | None) -> PacContent:
    """Return what the PAC says of a ticket that we gave and that grants tickets; raises KdcError."""
    requester = account_sid(turn.realm.info, client.account) if client is not None else None
    if kept.pac is None or kept.requester != requester:
        kept.pac = verify_tgt(kept.opened, kept.key, kdc_keys(turn), requester=requester)
        kept.requester = requester
    return kept.pac


def kdc_keys(turn: Turn) -> tuple[Key, ...]:
    """Return the keys under which this realm may have vouched for a PAC that still counts."""
    versions = turn.realm.krbtgt.by_kvno(None, turn.now, turn.settings.rollover)
    return tuple(key for version in versions for key in version.keys.values())


def trusted_sid(trust: OpenTrust) -> Sid | None:
    """Return the SID of a trusted realm's domain, as far as it is known."""
    return Sid.parse(trust.trust.sid) if trust.trust.sid else None


def _issuer(turn: Turn, ticket: Ticket) -> _Issuer:
    """Return whose keys seal tickets of this name.  RFC 4120 §3.3.3.1"""
    realm, kvno = turn.realm, ticket.enc_part.kvno
    is_tgt = ticket.sname.parts == (KRBTGT, realm.info.realm)
    when = kvno, turn.now, turn.settings.rollover
    if is_tgt and ticket.realm != realm.info.realm:
        trust = realm.trust(ticket.realm)
        if trust is None or not trust.coming:
            raise KdcError(KrbCode.NOT_US, f"{ticket.realm} is not trusted to send clients")
        return _Issuer(trust.by_kvno(*when), trust, is_tgt)
    found = realm.krbtgt if is_tgt else realm.find(ticket.sname.text)
    if found is None or ticket.realm != realm.info.realm or is_tgt != (found.account.kind is Kind.KRBTGT):
        raise KdcError(KrbCode.NOT_US, f"the ticket is for {ticket.sname.text}@{ticket.realm}")
    return _Issuer(found.by_kvno(*when), None, is_tgt)


def _open(turn: Turn, ticket: Ticket, issuer: _Issuer) -> Kept:
    """Try the keys that may have sealed a ticket; raises KdcError."""
    keys = [key for one in issuer.versions if (key := one.keys.get(ticket.enc_part.etype)) is not None]
    if not keys:
        raise KdcError(
            KrbCode.BADKEYVER, f"no key of version {ticket.enc_part.kvno}, type {ticket.enc_part.etype} is in use"
        )
    for key in keys:
        try:
            return turn.tickets.open(ticket, key)
        except BadIntegrity:
            continue
    raise KdcError(KrbCode.BAD_INTEGRITY, f"no key opens the ticket for {ticket.sname.text}")


def _check_body(verified: ap.Verified, body: bytes) -> None:
    """Compare the authenticator's checksum with the body as it came.  RFC 4120 §3.3.3.1"""
    checksum = verified.authenticator.cksum
    if checksum is None:
        raise KdcError(KrbCode.INAPP_CKSUM, "the authenticator has no checksum of the request")
    if checksum.type != verified.session.checksum_type:
        raise KdcError(KrbCode.INAPP_CKSUM, f"the request's checksum is of type {checksum.type}")
    if not verified.session.verify(Usage.TGS_REQ_CHECKSUM, body, checksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the request is not the one that its checksum was made of")


def _check_path(turn: Turn, header: Header) -> None:
    """Refuse a foreign client unless its own realm sent it, and is trusted.  RFC 4120 §2.7"""
    part = header.part
    sender = header.trust or turn.realm.trust(part.crealm)
    if sender is None or not sender.coming:
        raise KdcError(KrbCode.POLICY, f"clients of {part.crealm} do not come here")
    if sender.trust.realm != part.crealm or part.transited.octets:
        raise KdcError(KrbCode.PATH_NOT_ACCEPTED, f"a client of {part.crealm} came by way of others")


def _host(turn: Turn, kept: Kept) -> HostAddress | None:
    """Return where the request came from, for a ticket that is bound to addresses.  RFC 4120 §3.2.3"""
    if not kept.opened.part.caddr:
        return None
    address = ip_address(turn.host)
    if address.version == 4:
        return HostAddress(_IPV4, address.packed)
    mapped = address.ipv4_mapped
    return HostAddress(_IPV6, address.packed) if mapped is None else HostAddress(_IPV4, mapped.packed)
