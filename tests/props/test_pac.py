"""PACs from anywhere: what is written is read, and other octets end in a WireError or a KdcError, never else."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bossa.directory.sid import MAX_PARTS, Sid
from bossa.krb.errors import KdcError
from bossa.krb.messages import AuthData
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.pac import Pac, PacContent, filter_sids, find_in, put_in, sids
from bossa.krb.pac.carry import Frame, from_client, with_placeholder
from bossa.krb.pac.container import MAX_BUFFERS, encode
from bossa.krb.pac.delegated import MAX_SERVICES, DelegationInfo
from bossa.krb.pac.info import ClientInfo, UpnDnsInfo, decode_attributes
from bossa.krb.pac.logon import LogonInfo
from bossa.krb.pac.verify import verify_service
from bossa.wire import WireError
from tests.unit.krb.pac.specimens import KDC, OTHER_DOMAIN, WEB, Made, part, service_ticket

U16, U32, FILETIME = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
SIDS = st.builds(Sid, st.integers(0, (1 << 48) - 1), st.lists(U32, min_size=1, max_size=MAX_PARTS).map(tuple))
DOMAINS = st.builds(Sid, st.just(5), st.lists(U32, min_size=1, max_size=MAX_PARTS - 1).map(tuple))
MEMBERSHIPS = st.lists(st.tuples(U32, U32), max_size=5).map(tuple)
BUFFERS = st.dictionaries(U32, st.binary(max_size=60), max_size=MAX_BUFFERS).map(lambda found: tuple(found.items()))
LOGONS = st.builds(
    LogonInfo,
    effective_name=TEXT,
    full_name=TEXT,
    home_directory=TEXT,
    logon_server=TEXT,
    logon_domain_name=TEXT,
    logon_domain_id=DOMAINS,
    user_id=U32,
    primary_group_id=U32,
    logon_time=FILETIME,
    last_failed_logon=FILETIME,
    logon_count=U16,
    groups=MEMBERSHIPS,
    user_flags=U32,
    user_session_key=st.binary(min_size=16, max_size=16),
    reserved1=st.tuples(U32, U32),
    reserved3=U32,
    extra_sids=st.lists(st.tuples(SIDS, U32), max_size=4).map(tuple),
    resource_domain=st.none() | DOMAINS,
    resource_groups=MEMBERSHIPS,
)


@given(SIDS)
def test_sids_are_read_as_they_were_written(sid: Sid) -> None:
    assert Sid.parse(sid.text) == sid == Sid.decode(sid.octets)


@given(BUFFERS)
def test_containers_are_read_as_they_were_written(buffers: tuple[tuple[int, bytes], ...]) -> None:
    raw, _ = encode(buffers)
    assert Pac.decode(bytes(raw)).buffers == buffers


@given(LOGONS)
def test_logon_infos_are_read_as_they_were_written(info: LogonInfo) -> None:
    assert LogonInfo.decode(info.encode()) == info


@given(TEXT, st.lists(TEXT, max_size=MAX_SERVICES).map(tuple))
def test_delegation_infos_are_read_as_they_were_written(target: str, services: tuple[str, ...]) -> None:
    info = DelegationInfo(target, services)
    assert DelegationInfo.decode(info.encode()) == info


@given(TEXT, TEXT, U32.map(lambda flags: flags & ~2), TEXT, st.none() | SIDS)
def test_upn_dns_infos_are_read_as_they_were_written(
    upn: str, domain: str, flags: int, account: str, sid: Sid | None
) -> None:
    info = UpnDnsInfo(upn, domain, flags) if sid is None else UpnDnsInfo(upn, domain, flags | 2, account, sid)
    assert UpnDnsInfo.decode(info.encode()) == info


@given(st.data(), LOGONS)
def test_a_logon_info_with_octets_turned_is_read_or_refused(data: st.DataObject, info: LogonInfo) -> None:
    raw = bytearray(info.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        LogonInfo.decode(bytes(raw))


@given(st.binary(max_size=400))
def test_any_octets_are_read_or_refused(raw: bytes) -> None:
    for decode in (Pac.decode, LogonInfo.decode, DelegationInfo.decode, ClientInfo.decode, UpnDnsInfo.decode):
        with contextlib.suppress(WireError):
            decode(raw)
    with contextlib.suppress(WireError):
        decode_attributes(raw)
    with contextlib.suppress(WireError):
        Sid.decode(raw)


@given(LOGONS, st.dictionaries(st.integers(2, 30), st.binary(max_size=30), max_size=8))
def test_nothing_of_another_domain_passes_the_filter(info: LogonInfo, buffers: dict[int, bytes]) -> None:
    info = replace(info, logon_domain_id=OTHER_DOMAIN)
    content = PacContent(((1, info.encode()), *buffers.items()))
    with contextlib.suppress(KdcError):
        for sid in sids(filter_sids(content, OTHER_DOMAIN)):
            assert sid.within(OTHER_DOMAIN) or sid.authority == 18


@given(
    st.lists(st.builds(AuthData, st.sampled_from((1, 4, 8, 128, 250)), st.binary(max_size=20)), max_size=3).map(tuple),
    st.binary(max_size=300),
)
def test_a_pac_put_in_is_found_and_its_place_is_too(others: tuple[AuthData, ...], pac: bytes) -> None:
    bare = replace(part("alice"), authorization_data=others)
    whole = put_in(bare, pac)
    assert find_in(whole) == pac
    assert whole.authorization_data[1:] == from_client(others)
    assert Frame(bare).filled(pac) == whole.encode()
    assert with_placeholder(whole.encode()) == put_in(bare, b"\0").encode() == Frame(bare).filled(b"\0")


EVIDENCE = service_ticket("alice", "HTTP/web.bossa.test", WEB)
_PAC = find_in(EVIDENCE.part) or b""


@given(st.integers(0, len(_PAC) - 1), st.integers(1, 255))
def test_no_octet_of_evidence_can_be_turned(at: int, by: int) -> None:
    turned = _PAC[:at] + bytes((_PAC[at] ^ by,)) + _PAC[at + 1 :]
    made = Made(put_in(EVIDENCE.part, turned), PrincipalName(NameType.PRINCIPAL, ("x",)), WEB)
    with pytest.raises(KdcError):
        verify_service(made.opened, WEB, (KDC,))
