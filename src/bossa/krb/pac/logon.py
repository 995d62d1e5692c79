"""LOGON_INFO: who the user is, in which groups, and how the account stands.  [MS-PAC] 2.5, 2.6.1

The structure is NDR, every field of it read and written; arrays are bounded.
SIDs come from four places, all counted by `LogonInfo.sids`: the user and the
groups of the domain, the extra SIDs, and the groups of the resource domain.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

from bossa.directory.sid import MAX_PARTS, Sid, size_of
from bossa.krb.pac.times import NEVER
from bossa.wire import WireError
from bossa.wire.ndr import NdrReader, NdrWriter, UnicodeHead

MAX_GROUPS = 4096
MAX_SIDS = 1024
# SE_GROUP_MANDATORY, ENABLED_BY_DEFAULT, ENABLED.  [MS-PAC] 2.2.1
MEMBER = 0x00000007
# UserFlags D and H.  [MS-PAC] 2.5
EXTRA_SIDS = 0x00000020
RESOURCE_GROUPS = 0x00000200
# Where LogonTime stands in the serialized type: behind the headers and the outer pointer.
LOGON_TIME_AT = 20

Membership = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogonInfo:
    """KERB_VALIDATION_INFO; times are FILETIMEs, groups are (RID, attributes).  [MS-PAC] 2.5"""

    effective_name: str
    logon_domain_id: Sid
    user_id: int
    primary_group_id: int
    logon_time: int = 0
    logoff_time: int = NEVER
    kick_off_time: int = NEVER
    password_last_set: int = 0
    password_can_change: int = 0
    password_must_change: int = NEVER
    full_name: str = ""
    logon_script: str = ""
    profile_path: str = ""
    home_directory: str = ""
    home_directory_drive: str = ""
    logon_count: int = 0
    bad_password_count: int = 0
    groups: tuple[Membership, ...] = ()
    user_flags: int = 0
    user_session_key: bytes = bytes(16)
    logon_server: str = ""
    logon_domain_name: str = ""
    reserved1: tuple[int, int] = (0, 0)
    user_account_control: int = 0
    sub_auth_status: int = 0
    last_successful_logon: int = 0
    last_failed_logon: int = 0
    failed_logon_count: int = 0
    reserved3: int = 0
    extra_sids: tuple[tuple[Sid, int], ...] = ()
    resource_domain: Sid | None = None
    resource_groups: tuple[Membership, ...] = ()

    @classmethod
    def decode(cls, raw: bytes) -> LogonInfo:
        """Read the serialized type; raises WireError."""
        reader = NdrReader(raw)
        reader.expect_pointer("LogonInfo")
        fields, heads = _fixed_fields(reader)
        fields |= _deferred_fields(reader, heads)
        reader.done("LogonInfo")
        return cls(**fields)

    def encode(self) -> bytes:
        """Write the serialized type."""
        writer = NdrWriter()
        writer.pointer(there=True)
        _write_fixed(writer, self)
        _write_deferred(writer, self)
        return writer.finish()

    def sids(self) -> tuple[Sid, ...]:
        """Every SID that speaks for the user, the user's own first, each once.  [MS-PAC] 4.1.2.2"""
        domain = self.logon_domain_id
        found = [domain.child(self.user_id), domain.child(self.primary_group_id)]
        found += [domain.child(rid) for rid, _ in self.groups]
        found += [sid for sid, _ in self.extra_sids]
        if self.resource_domain is not None:
            found += [self.resource_domain.child(rid) for rid, _ in self.resource_groups]
        return tuple(dict.fromkeys(found))


_TIMES = (
    "logon_time",
    "logoff_time",
    "kick_off_time",
    "password_last_set",
    "password_can_change",
    "password_must_change",
)
_NAMES = ("effective_name", "full_name", "logon_script", "profile_path", "home_directory", "home_directory_drive")
_DOMAIN_NAMES = ("logon_server", "logon_domain_name")

# The fixed part, in four stretches: every integer stands at a multiple of four, FILETIMEs too.  [MS-PAC] 2.5
_WHEN = struct.Struct("<6Q")
_WHO = struct.Struct("<HHIIIII16s")
_STATE = struct.Struct("<IIIIIQQIIIIIII")
_MEMBERSHIP = struct.Struct("<II")


class _Counted(NamedTuple):
    """How many elements follow later, if any do."""

    said: int
    referent: int


def _fixed_fields(r: NdrReader) -> tuple[dict[str, Any], _Heads]:
    fields = dict(zip(_TIMES, r.fields("times", _WHEN), strict=True))
    names = [r.unicode_head(name) for name in _NAMES]
    (
        fields["logon_count"],
        fields["bad_password_count"],
        fields["user_id"],
        fields["primary_group_id"],
        *groups,
        fields["user_flags"],
        fields["user_session_key"],
    ) = r.fields("user", _WHO)
    names += [r.unicode_head(name) for name in _DOMAIN_NAMES]
    domain, one, other, control, status, good, bad, failed, reserved, *rest = r.fields("state", _STATE)
    fields["reserved1"], fields["reserved3"] = (one, other), reserved
    fields["user_account_control"], fields["sub_auth_status"] = control, status
    fields["last_successful_logon"], fields["last_failed_logon"], fields["failed_logon_count"] = good, bad, failed
    extra, (resource_domain, *resources) = rest[:2], rest[2:]
    heads = _Heads(names, _Counted(*groups), domain, _Counted(*extra), resource_domain, _Counted(*resources))
    return fields, heads


class _Heads(NamedTuple):
    """What the fixed part says of what follows it."""

    names: list[UnicodeHead]
    groups: _Counted
    domain: int
    extra: _Counted
    resource_domain: int
    resources: _Counted


def _deferred_fields(r: NdrReader, heads: _Heads) -> dict[str, Any]:
    fields: dict[str, Any] = {name: r.unicode_body(name, head) for name, head in zip(_NAMES, heads.names, strict=False)}
    fields["groups"] = _memberships(r, "GroupIds", heads.groups)
    for name, head in zip(_DOMAIN_NAMES, heads.names[len(_NAMES) :], strict=True):
        fields[name] = r.unicode_body(name, head)
    if not heads.domain:
        raise WireError("LogonDomainId points to nothing")
    fields["logon_domain_id"] = read_sid(r, "LogonDomainId")
    fields["extra_sids"] = _extra_sids(r, heads.extra)
    fields["resource_domain"] = read_sid(r, "ResourceGroupDomainSid") if heads.resource_domain else None
    fields["resource_groups"] = _memberships(r, "ResourceGroupIds", heads.resources)
    return fields


def _count(r: NdrReader, field: str, head: _Counted, limit: int) -> int:
    """Read how many elements an array of eight octets each has; none where there is no array."""
    if head.referent:
        return r.count(field, head.said, limit, _MEMBERSHIP.size)
    if head.said:
        raise WireError(f"{field}: {head.said} elements at no place")
    return 0


def _memberships(r: NdrReader, field: str, head: _Counted) -> tuple[Membership, ...]:
    """Read GROUP_MEMBERSHIPs.  [MS-PAC] 2.2.2"""
    count = _count(r, field, head, MAX_GROUPS)
    return tuple(_MEMBERSHIP.iter_unpack(r.octets(field, count * _MEMBERSHIP.size)))


def _extra_sids(r: NdrReader, head: _Counted) -> tuple[tuple[Sid, int], ...]:
    """Read KERB_SID_AND_ATTRIBUTES: all pointers first, then all SIDs.  [MS-PAC] 2.2.1"""
    count = _count(r, "ExtraSids", head, MAX_SIDS)
    heads = tuple(_MEMBERSHIP.iter_unpack(r.octets("ExtraSids", count * _MEMBERSHIP.size)))
    if not all(referent for referent, _ in heads):
        raise WireError("ExtraSids: a SID at no place")
    return tuple((read_sid(r, "ExtraSids"), attributes) for _, attributes in heads)


def read_sid(r: NdrReader, field: str) -> Sid:
    """Read an RPC_SID: its count of sub-authorities stands before it.  [MS-DTYP] 2.4.2.3"""
    count = r.u32(field)
    if not 1 <= count <= MAX_PARTS:
        raise WireError(f"{field}: {count} sub-authorities")
    return Sid.decode(r.octets(field, size_of(count)))


def write_sid(w: NdrWriter, sid: Sid) -> None:
    """Write an RPC_SID.  [MS-DTYP] 2.4.2.3"""
    w.u32(len(sid.parts))
    w.octets(sid.octets)


def _write_fixed(w: NdrWriter, info: LogonInfo) -> None:
    for name in _TIMES:
        w.time(getattr(info, name))
    for name in _NAMES:
        w.unicode_head(getattr(info, name))
    w.u16(info.logon_count)
    w.u16(info.bad_password_count)
    w.u32(info.user_id)
    w.u32(info.primary_group_id)
    _write_counted(w, len(info.groups))
    w.u32(info.user_flags)
    w.octets(info.user_session_key)
    for name in _DOMAIN_NAMES:
        w.unicode_head(getattr(info, name))
    w.pointer(there=True)
    for number in (*info.reserved1, info.user_account_control, info.sub_auth_status):
        w.u32(number)
    w.time(info.last_successful_logon)
    w.time(info.last_failed_logon)
    w.u32(info.failed_logon_count)
    w.u32(info.reserved3)
    _write_counted(w, len(info.extra_sids))
    w.pointer(there=info.resource_domain is not None)
    _write_counted(w, len(info.resource_groups))


def _write_counted(w: NdrWriter, count: int) -> None:
    w.u32(count)
    w.pointer(there=count > 0)


def _write_deferred(w: NdrWriter, info: LogonInfo) -> None:
    for name in _NAMES:
        w.unicode_body(getattr(info, name))
    _write_memberships(w, info.groups)
    for name in _DOMAIN_NAMES:
        w.unicode_body(getattr(info, name))
    write_sid(w, info.logon_domain_id)
    if info.extra_sids:
        w.u32(len(info.extra_sids))
        for _, attributes in info.extra_sids:
            w.pointer(there=True)
            w.u32(attributes)
        for sid, _ in info.extra_sids:
            write_sid(w, sid)
    if info.resource_domain is not None:
        write_sid(w, info.resource_domain)
    _write_memberships(w, info.resource_groups)


def _write_memberships(w: NdrWriter, groups: tuple[Membership, ...]) -> None:
    if groups:
        w.u32(len(groups))
        for rid, attributes in groups:
            w.u32(rid)
            w.u32(attributes)
