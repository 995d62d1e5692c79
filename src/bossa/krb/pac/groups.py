"""Who a verified PAC says the user is: the SIDs, and those that may come in from another realm.

[MS-PAC] 4.1.2.2 (SID filtering).  A realm that we trust speaks for its own
domain only: its users and groups are kept, any other SID is dropped, our own
domain's and built-in ones with them; a user who is not of that domain at all
is refused.  Of the buffers only those pass whose meaning is known here.
"""

from __future__ import annotations

from dataclasses import replace

from bossa.directory.sid import ASSERTED_BY_AUTHORITY, ASSERTED_BY_SERVICE, Sid
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.content import Buffer, PacContent
from bossa.krb.pac.delegated import DelegationInfo
from bossa.krb.pac.info import UpnDnsInfo, decode_attributes
from bossa.krb.pac.logon import EXTRA_SIDS, RESOURCE_GROUPS, LogonInfo
from bossa.wire import WireError

_ASSERTED = (ASSERTED_BY_AUTHORITY, ASSERTED_BY_SERVICE)
_FROM_OTHERS = frozenset((BufferType.CLIENT_INFO, BufferType.DELEGATION_INFO, BufferType.ATTRIBUTES))


def logon_info(content: PacContent) -> LogonInfo | None:
    """Return LOGON_INFO; None where there is none; raises WireError."""
    raw = content.find(BufferType.LOGON_INFO)
    return None if raw is None else LogonInfo.decode(raw)


def sids(content: PacContent) -> tuple[Sid, ...]:
    """Return the SIDs of the user and of all groups, the user's own first; raises WireError."""
    info = logon_info(content)
    return () if info is None else info.sids()


def delegation_info(content: PacContent) -> DelegationInfo | None:
    """Return for whom the ticket was delegated, and by whom; None for one that was not; raises WireError."""
    raw = content.find(BufferType.DELEGATION_INFO)
    return None if raw is None else DelegationInfo.decode(raw)


def is_wanted(content: PacContent) -> bool:
    """Whether service tickets shall have a PAC: unless the client asked for none.  [MS-PAC] 2.14"""
    raw = content.find(BufferType.ATTRIBUTES)
    return raw is None or decode_attributes(raw) != 0


def filter_sids(content: PacContent, trusted: Sid | None) -> PacContent:
    """Return what a realm with the domain ``trusted`` may say of its user; raises KdcError.

    With no SID known of that realm (None) nothing is kept but the name.
    """
    kept = tuple(one for one in content.buffers if one[0] in _FROM_OTHERS)
    if trusted is None:
        return PacContent(kept)
    try:
        info = logon_info(content)
        return PacContent(kept if info is None else (*_of_the_user(content, info, trusted), *kept))
    except WireError as e:
        raise KdcError(KrbCode.TGT_REVOKED, f"the trusted realm's PAC cannot be read: {e}") from e


def _of_the_user(content: PacContent, info: LogonInfo, trusted: Sid) -> list[Buffer]:
    """Return the buffers that name the user, as far as they are of the trusted domain."""
    if info.logon_domain_id != trusted:
        raise KdcError(KrbCode.TGT_REVOKED, f"the PAC is of domain {info.logon_domain_id.text}, not of the trusted one")
    user = trusted.child(info.user_id)
    requester, upn = content.find(BufferType.REQUESTER), content.find(BufferType.UPN_DNS_INFO)
    buffers: list[Buffer] = [(BufferType.LOGON_INFO, _filtered(info, trusted).encode())]
    if requester is not None:
        if requester != user.octets:
            raise KdcError(KrbCode.TGT_REVOKED, "the PAC was asked for by another account than it is for")
        buffers.append((BufferType.REQUESTER, requester))
    if upn is not None and UpnDnsInfo.decode(upn).sid in (None, user):
        buffers.append((BufferType.UPN_DNS_INFO, upn))
    return buffers


def _filtered(info: LogonInfo, trusted: Sid) -> LogonInfo:
    extra = tuple(one for one in info.extra_sids if one[0].within(trusted) or one[0] in _ASSERTED)
    flags = info.user_flags & ~(EXTRA_SIDS | RESOURCE_GROUPS)
    return replace(
        info,
        extra_sids=extra,
        user_flags=flags | (EXTRA_SIDS if extra else 0),
        resource_domain=None,
        resource_groups=(),
        user_session_key=bytes(16),
    )
