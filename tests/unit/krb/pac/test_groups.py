"""Who the user is, and what another realm may say of that: trap 25.  [MS-PAC] 4.1.2.2"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.directory.sid import ASSERTED_BY_AUTHORITY, Sid
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.pac import filter_sids, is_wanted, logon_info, sids
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.info import UpnDnsInfo, encode_attributes
from bossa.krb.pac.logon import MEMBER, LogonInfo
from bossa.wire import WireError
from tests.unit.krb.pac.specimens import DOMAIN, OTHER_DOMAIN, content

USER = OTHER_DOMAIN.child(1234)
BUILTIN_ADMINISTRATORS = Sid.parse("S-1-5-32-544")
EVIL = (
    DOMAIN.child(512),
    DOMAIN.child(519),
    BUILTIN_ADMINISTRATORS,
    Sid.parse("S-1-5-18"),
    Sid.parse("S-1-5-9"),
    OTHER_DOMAIN,
    OTHER_DOMAIN.child(5).child(512),
    Sid.parse("S-1-5-21-44-55-67-512"),
)
INFO = LogonInfo(
    effective_name="carol",
    logon_domain_id=OTHER_DOMAIN,
    user_id=1234,
    primary_group_id=513,
    groups=((513, MEMBER), (1300, MEMBER)),
    extra_sids=tuple((one, MEMBER) for one in (ASSERTED_BY_AUTHORITY, OTHER_DOMAIN.child(1301), *EVIL)),
    resource_domain=DOMAIN,
    resource_groups=((512, MEMBER),),
    user_flags=0x220,
    user_session_key=b"k" * 16,
)


def foreign(info: LogonInfo = INFO, **buffers: bytes) -> PacContent:
    more = tuple((BufferType[kind], data) for kind, data in buffers.items())
    return PacContent(((BufferType.LOGON_INFO, info.encode()), (BufferType.CLIENT_INFO, b"c"), *more))


def test_sids_come_from_all_four_places_the_users_own_first() -> None:
    found = sids(foreign())
    assert found[0] == USER
    assert set(found) >= {USER, OTHER_DOMAIN.child(513), OTHER_DOMAIN.child(1300), OTHER_DOMAIN.child(1301), *EVIL}
    assert DOMAIN.child(512) in found and len(found) == len(set(found))
    assert sids(PacContent(())) == ()


def test_sids_outside_the_trusts_domain_are_dropped_ours_and_builtin_ones_above_all() -> None:
    kept = sids(filter_sids(foreign(), OTHER_DOMAIN))
    expected = {USER, OTHER_DOMAIN.child(513), OTHER_DOMAIN.child(1300), OTHER_DOMAIN.child(1301)}
    assert set(kept) == expected | {ASSERTED_BY_AUTHORITY}
    info = logon_info(filter_sids(foreign(), OTHER_DOMAIN))
    assert info is not None and info.resource_domain is None and info.user_session_key == bytes(16)
    assert info.user_flags == 0x20


@pytest.mark.parametrize("domain", [DOMAIN, Sid.parse("S-1-5-21-44-55"), Sid.parse("S-1-5-32")])
def test_a_user_who_is_not_of_the_trusts_domain_is_revoked(domain: Sid) -> None:
    with pytest.raises(KdcError) as caught:
        filter_sids(foreign(replace(INFO, logon_domain_id=domain)), OTHER_DOMAIN)
    assert caught.value.code == KrbCode.TGT_REVOKED


def test_cve_2020_25719_a_requester_other_than_the_user_is_revoked() -> None:
    filter_sids(foreign(REQUESTER=USER.octets), OTHER_DOMAIN)
    with pytest.raises(KdcError) as caught:
        filter_sids(foreign(REQUESTER=DOMAIN.child(500).octets), OTHER_DOMAIN)
    assert caught.value.code == KrbCode.TGT_REVOKED


def test_without_a_known_domain_only_the_name_is_believed() -> None:
    assert filter_sids(foreign(REQUESTER=b"r", ATTRIBUTES=b"a"), None).buffers == (
        (BufferType.CLIENT_INFO, b"c"),
        (BufferType.ATTRIBUTES, b"a"),
    )


def test_buffers_whose_meaning_is_not_known_here_do_not_pass() -> None:
    before = foreign(CREDENTIALS_INFO=b"c", CLIENT_CLAIMS=b"d", DEVICE_INFO=b"e", DEVICE_CLAIMS=b"f")
    kinds = {kind for kind, _ in filter_sids(before, OTHER_DOMAIN).buffers}
    assert kinds == {BufferType.LOGON_INFO, BufferType.CLIENT_INFO}


def test_an_extended_upn_with_another_sid_than_the_users_is_dropped() -> None:
    right = UpnDnsInfo("carol@other.test", "OTHER.TEST", 0, "carol", USER)
    wrong = replace(right, sid=DOMAIN.child(500))
    assert filter_sids(foreign(UPN_DNS_INFO=right.encode()), OTHER_DOMAIN).find(BufferType.UPN_DNS_INFO)
    assert filter_sids(foreign(UPN_DNS_INFO=wrong.encode()), OTHER_DOMAIN).find(BufferType.UPN_DNS_INFO) is None


def test_what_cannot_be_read_is_revoked_and_for_the_reader_no_groups() -> None:
    broken = PacContent(((BufferType.LOGON_INFO, b"\x01\x10"),))
    with pytest.raises(KdcError) as caught:
        filter_sids(broken, OTHER_DOMAIN)
    assert caught.value.code == KrbCode.TGT_REVOKED
    with pytest.raises(WireError):
        sids(broken)


def test_a_client_who_asked_for_no_pac_gets_none_in_service_tickets() -> None:
    assert is_wanted(content("alice"))
    assert not is_wanted(content("alice").replaced(BufferType.ATTRIBUTES, encode_attributes(0)))
    assert is_wanted(content("alice").without((BufferType.ATTRIBUTES,)))
