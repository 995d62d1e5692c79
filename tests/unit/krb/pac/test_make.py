"""What the directory says of an account becomes a PAC.  [MS-KILE] 3.3.5.6.4"""

from __future__ import annotations

import pytest

from bossa.directory import rows
from bossa.directory.account import Group, Kind
from bossa.directory.sid import ASSERTED_BY_AUTHORITY, ASSERTED_BY_SERVICE
from bossa.krb.pac import ClientInfo, from_directory, logon_info, sids
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.info import UpnDnsInfo, decode_attributes
from bossa.krb.pac.times import NEVER, filetime
from tests.unit.krb.pac.specimens import ALICE, DOMAIN, NOW, changed, principal, realm, sid


def test_a_users_pac_names_user_domain_and_groups() -> None:
    of = realm()
    made = from_directory(of, principal(of, "alice"), NOW)
    info = logon_info(made)
    assert info is not None
    assert (info.effective_name, info.full_name, info.logon_domain_name) == ("alice", "Alice", "BOSSA")
    assert (info.user_id, info.primary_group_id, info.logon_time) == (1000, 513, filetime(NOW))
    assert sids(made) == (sid(ALICE), DOMAIN.child(513), DOMAIN.child(1200), ASSERTED_BY_AUTHORITY)
    assert ClientInfo.decode(made.find(BufferType.CLIENT_INFO) or b"") == ClientInfo(NOW, "alice")
    upn = UpnDnsInfo.decode(made.find(BufferType.UPN_DNS_INFO) or b"")
    assert (upn.upn, upn.dns_domain, upn.account, upn.sid) == ("alice@bossa.test", "BOSSA.TEST", "alice", sid(ALICE))
    assert made.find(BufferType.REQUESTER) == sid(ALICE).octets


@pytest.mark.parametrize(("requested", "flags"), [(None, 2), (True, 1), (False, 0)])
def test_the_attributes_tell_how_the_pac_came(requested: bool | None, flags: int) -> None:
    of = realm()
    made = from_directory(of, principal(of, "alice"), NOW, requested=requested)
    assert decode_attributes(made.find(BufferType.ATTRIBUTES) or b"") == flags


def test_who_is_asserted_by_a_service_is_marked_so() -> None:
    of = realm()
    found = sids(from_directory(of, principal(of, "alice"), NOW, transition=True))
    assert ASSERTED_BY_SERVICE in found and ASSERTED_BY_AUTHORITY not in found


def test_a_change_of_account_or_groups_is_in_the_next_pac() -> None:
    of = realm()
    before = from_directory(of, principal(of, "alice"), NOW)
    of.apply([rows.group_item(Group("admins", 512, ("alice",)))])
    after = sids(from_directory(of, principal(of, "alice"), NOW))
    assert DOMAIN.child(512) in after and DOMAIN.child(512) not in sids(before)
    of.apply([rows.account_item(changed(ALICE, display="Alice Liddell"))])
    info = logon_info(from_directory(of, principal(of, "alice"), NOW))
    assert info is not None and info.full_name == "Alice Liddell"


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, 0x10),
        ({"kind": Kind.HOST}, 0x80),
        ({"disabled": True}, 0x11),
        ({"sensitive": True}, 0x4010),
        ({"preauth": False}, 0x10010),
        ({"any_protocol": True}, 0x40010),
    ],
)
def test_the_state_of_the_account_is_told_as_windows_tells_it(fields: dict[str, object], flags: int) -> None:
    """[MS-SAMR] 2.2.1.12"""
    of = realm(changed(ALICE, **fields))
    info = logon_info(from_directory(of, principal(of, "alice"), NOW))
    assert info is not None and info.user_account_control == flags


def test_times_of_zero_are_never() -> None:
    of = realm(changed(ALICE, expires=NOW + 5))
    info = logon_info(from_directory(of, principal(of, "alice"), NOW))
    assert info is not None
    assert (info.kick_off_time, info.password_must_change, info.password_last_set) == (filetime(NOW + 5), NEVER, 0)


def test_the_pac_names_the_client_as_the_ticket_does() -> None:
    of = realm()
    made = from_directory(of, principal(of, "alice"), NOW, client="alice@BOSSA.TEST")
    assert ClientInfo.decode(made.find(BufferType.CLIENT_INFO) or b"").name == "alice@BOSSA.TEST"
