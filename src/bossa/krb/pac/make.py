"""What a PAC says of an account of ours, out of the directory.  [MS-KILE] 3.3.5.6.3, 3.3.5.6.4

All but two times is the same for every ticket of an account as long as
account, groups and realm are; that part is kept encoded.  The groups are
those of now: a ticket carries its PAC on unchanged.
"""

from __future__ import annotations

from functools import lru_cache

from bossa.directory.account import Account, Kind, RealmInfo
from bossa.directory.realm import Principal, Realm
from bossa.directory.sid import ASSERTED_BY_AUTHORITY, ASSERTED_BY_SERVICE, Rid, Sid
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.content import Buffer, PacContent
from bossa.krb.pac.info import AttributeFlags, ClientInfo, UpnDnsInfo, UpnFlags, encode_attributes
from bossa.krb.pac.logon import EXTRA_SIDS, LOGON_TIME_AT, MEMBER, LogonInfo
from bossa.krb.pac.times import NEVER, filetime

_KEPT = 8192
# USER_ACCOUNT codes.  [MS-SAMR] 2.2.1.12
_DISABLED, _NORMAL, _WORKSTATION, _NOT_DELEGATED, _NO_PREAUTH, _TRUSTED_TO_AUTH = (
    0x1,
    0x10,
    0x80,
    0x4000,
    0x10000,
    0x40000,
)


def account_sid(info: RealmInfo, account: Account) -> Sid:
    """Return the SID of an account of ours."""
    return _domain(info.sid).child(account.rid)


def from_directory(
    realm: Realm,
    principal: Principal,
    authtime: int,
    *,
    client: str | None = None,
    requested: bool | None = None,
    transition: bool = False,
) -> PacContent:
    """Return what we say of an account: LOGON_INFO, CLIENT_INFO, UPN_DNS_INFO, ATTRIBUTES, REQUESTER.

    ``client`` is how the ticket names the account where that is not its first
    name; ``requested`` is what a PA-PAC-REQUEST said, None without one;
    ``transition`` says that a service asserts who it is, by S4U2Self
    ([MS-SFU] 3.2.5.1.2).
    """
    account = principal.account
    asserted = ASSERTED_BY_SERVICE if transition else ASSERTED_BY_AUTHORITY
    logon, others = _lasting(realm.info, account, realm.groups_of(account.name), asserted)
    head, tail = logon[:LOGON_TIME_AT], logon[LOGON_TIME_AT + 8 :]
    return PacContent(
        (
            (BufferType.LOGON_INFO, head + filetime(authtime).to_bytes(8, "little") + tail),
            (BufferType.CLIENT_INFO, ClientInfo(authtime, client or account.name).encode()),
            *others,
            (BufferType.ATTRIBUTES, _ATTRIBUTES[requested]),
        )
    )


_ATTRIBUTES = {
    None: encode_attributes(AttributeFlags.GIVEN_IMPLICITLY),
    True: encode_attributes(AttributeFlags.REQUESTED),
    False: encode_attributes(0),
}


@lru_cache(maxsize=64)
def _domain(text: str) -> Sid:
    return Sid.parse(text)


@lru_cache(maxsize=_KEPT)
def _lasting(info: RealmInfo, account: Account, groups: tuple[int, ...], asserted: Sid) -> tuple[bytes, list[Buffer]]:
    """Return LOGON_INFO without its first time, and the buffers that have no time at all."""
    sid = account_sid(info, account)
    upn = UpnDnsInfo(f"{account.name}@{info.domain}", info.realm, UpnFlags.CONSTRUCTED, account.name, sid)
    others: list[Buffer] = [(BufferType.UPN_DNS_INFO, upn.encode()), (BufferType.REQUESTER, sid.octets)]
    return _logon_info(info, account, groups, asserted).encode(), others


def _logon_info(info: RealmInfo, account: Account, groups: tuple[int, ...], asserted: Sid) -> LogonInfo:
    return LogonInfo(
        effective_name=account.name,
        full_name=account.display,
        logon_domain_name=info.netbios,
        logon_domain_id=_domain(info.sid),
        user_id=account.rid,
        primary_group_id=groups[0] if groups else Rid.DOMAIN_USERS,
        groups=tuple((rid, MEMBER) for rid in groups),
        extra_sids=((asserted, MEMBER),),
        user_flags=EXTRA_SIDS,
        user_account_control=_control(account),
        password_last_set=_moment(account.password_set, otherwise=0),
        password_can_change=_moment(account.password_set, otherwise=0),
        password_must_change=_moment(account.password_expires, otherwise=NEVER),
        kick_off_time=_moment(account.expires, otherwise=NEVER),
    )


def _moment(seconds: int, *, otherwise: int) -> int:
    return filetime(seconds) if seconds else otherwise


def _control(account: Account) -> int:
    """Return UserAccountControl.  [MS-PAC] 2.5"""
    flags = _WORKSTATION if account.kind == Kind.HOST else _NORMAL
    for holds, flag in (
        (account.disabled, _DISABLED),
        (account.sensitive, _NOT_DELEGATED),
        (not account.preauth, _NO_PREAUTH),
        (account.any_protocol, _TRUSTED_TO_AUTH),
    ):
        flags |= flag if holds else 0
    return flags
