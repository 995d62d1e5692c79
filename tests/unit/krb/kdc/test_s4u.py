"""S4U2Self: what a service sends, and what its ticket to itself says.  [MS-SFU] 2.2, 3.2.5.1"""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5, sha1
from zlib import crc32

import pytest

from bossa.crypto.enctypes import Key, hmac_md5_checksum
from bossa.directory.realm import Principal
from bossa.directory.sid import ASSERTED_BY_SERVICE
from bossa.krb.ap import Verified
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, S4uOptions, TicketFlags
from bossa.krb.kdc.s4u import Grant, S4uUser, SelfCase, find_user, header_pac_client, requested_user, self_ticket
from bossa.krb.messages import Authenticator, CheckSum, PaData
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.pac import BufferType, ClientInfo, PacContent, sids
from bossa.krb.padata import PaForUser, PaS4uX509User, S4uUserId
from tests.unit.krb.pac.specimens import (
    ALICE,
    NOW,
    OTHER,
    REALM,
    SESSION,
    WEB_ACCOUNT,
    F,
    changed,
    content,
    name,
    part,
    principal,
    realm,
    sid,
    tgt,
)

NONCE = 77
ALICE_NAME = name("alice")
SUBKEY = Key(18, b"u" * 32)
FOR_USER, X509_USER, REQUEST_USAGE, REPLY_USAGE = 129, 130, 26, 27
WEB = "HTTP/web.bossa.test"


def header(subkey: Key | None = SUBKEY, session: Key = SESSION) -> Verified:
    made = tgt(WEB).opened
    return Verified(made, Authenticator(REALM, name(WEB), None, 0, NOW), session, subkey)


def for_user(user: PrincipalName = ALICE_NAME, *, session: Key = SESSION, cksum: CheckSum | None = None) -> PaData:
    said = PaForUser(user, REALM, CheckSum(0, b""), "Kerberos")
    made = CheckSum(-138, hmac_md5_checksum(session.octets, 17, said.signed()))
    return PaData(FOR_USER, replace(said, cksum=cksum or made).encode())


def identity(
    user: PrincipalName | None = ALICE_NAME,
    *,
    nonce: int = NONCE,
    certificate: bytes | None = None,
    options: int | None = None,
    key: Key = SUBKEY,
    usage: int = REQUEST_USAGE,
) -> PaData:
    said = S4uUserId(nonce, user, REALM, certificate, options)
    made = CheckSum(key.checksum_type, key.checksum(usage, said.encode()))
    return PaData(X509_USER, PaS4uX509User(said, made).encode())


def refused(*padata: PaData, shown: Verified | None = None) -> KrbCode:
    with pytest.raises(KdcError) as caught:
        requested_user(padata, NONCE, shown or header())
    return caught.value.code


# Traps 1 to 3: PA-FOR-USER.


@pytest.mark.parametrize("session", [SESSION, Key(17, b"s" * 16), Key(19, b"s" * 16), Key(20, b"s" * 32)])
def test_a_user_is_named_under_hmac_md5_whatever_the_session_key(session: Key) -> None:
    asked = requested_user((for_user(session=session),), NONCE, header(session=session))
    assert asked == S4uUser(name("alice"), REALM)


@pytest.mark.parametrize("session", [SESSION, Key(17, b"s" * 16), Key(19, b"s" * 16), Key(20, b"s" * 32)])
def test_a_user_may_be_named_under_the_session_keys_own_checksum_type(session: Key) -> None:
    """So do Heimdal's clients; MIT's KDC takes any keyed checksum here."""
    octets = PaForUser(ALICE_NAME, REALM, CheckSum(0, b""), "Kerberos").signed()
    own = CheckSum(session.checksum_type, session.checksum(17, octets))
    assert requested_user((for_user(cksum=own),), NONCE, header(session=session)) == S4uUser(ALICE_NAME, REALM)
    assert refused(for_user(cksum=CheckSum(own.type, bytes(len(own.octets)))), shown=header(session=session)) == 41
    assert refused(for_user(cksum=own), shown=header(session=Key(session.enctype, bytes(len(session.octets))))) == 41


def test_the_checksum_covers_type_parts_realm_and_package_with_nothing_between() -> None:
    """[MS-SFU] 2.2.1; the octets are put together here once more, by hand."""
    octets = b"\x02\0\0\0" + b"HTTP" + b"a.b" + REALM.encode() + b"Kerberos"
    mac = CheckSum(-138, hmac_md5_checksum(SESSION.octets, 17, octets))
    user = PrincipalName(NameType.SRV_INST, ("HTTP", "a.b"))
    assert requested_user((for_user(user, cksum=mac),), NONCE, header()) == S4uUser(user, REALM)


def test_nobody_is_asked_for() -> None:
    assert requested_user((), NONCE, header()) is None


@pytest.mark.parametrize(
    "cksum",
    [
        CheckSum(1, crc32(b"x").to_bytes(4, "little")),
        CheckSum(7, md5(b"x").digest()),
        CheckSum(14, sha1(b"x").digest()),
        CheckSum(10, sha1(b"x").digest()),
        CheckSum(0, b""),
    ],
    ids=["CRC32", "MD5", "SHA1", "SHA1 of RFC 3961", "none"],
)
def test_cve_2018_16860_a_user_under_another_checksum_is_inappropriate(cksum: CheckSum) -> None:
    assert refused(for_user(cksum=cksum)) == KrbCode.INAPP_CKSUM


@pytest.mark.parametrize(
    "mac",
    [bytes(16), b"", hmac_md5_checksum(SUBKEY.octets, 17, b"x"), hmac_md5_checksum(SESSION.octets, 17, b"x")],
)
def test_a_wrong_keyed_checksum_is_modified(mac: bytes) -> None:
    assert refused(for_user(cksum=CheckSum(-138, mac))) == KrbCode.MODIFIED


def test_a_wrong_checksum_of_the_keys_own_kind_is_modified() -> None:
    assert refused(for_user(cksum=CheckSum(16, SESSION.checksum(17, b"x")))) == KrbCode.MODIFIED


def test_a_user_put_in_the_place_of_another_is_modified() -> None:
    mac = PaForUser.decode(for_user(name("bob")).value).cksum
    assert refused(for_user(name("alice"), cksum=mac)) == KrbCode.MODIFIED


def test_a_checksum_under_the_subkey_is_modified() -> None:
    """[MS-SFU] 2.2.1: the session key's, unlike PA-S4U-X509-USER's."""
    assert refused(for_user(session=SUBKEY)) == KrbCode.MODIFIED


def test_a_checksum_of_another_keys_kind_is_inappropriate() -> None:
    other = Key(19, b"s" * 16)
    assert refused(for_user(cksum=CheckSum(other.checksum_type, other.checksum(17, b"x")))) == KrbCode.INAPP_CKSUM


# Trap 4: PA-S4U-X509-USER.


@pytest.mark.parametrize(("options", "usage"), [(None, 26), (0, 26), (int(S4uOptions.USE_REPLY_KEY_USAGE), 27)])
def test_an_identity_is_confirmed_in_the_usage_that_was_asked_for(options: int | None, usage: int) -> None:
    asked = requested_user((identity(options=options),), NONCE, header())
    assert asked is not None and asked[:2] == (name("alice"), REALM)
    (answer,) = granted(asked=asked).padata
    said = PaS4uX509User.decode(answer.value)
    assert answer.type == X509_USER
    assert (said.user_id.nonce, said.user_id.cname, said.user_id.crealm) == (NONCE, name("alice"), REALM)
    assert said.cksum.type == SUBKEY.checksum_type
    assert SUBKEY.verify(usage, said.user_id_raw, said.cksum.octets)


def test_without_a_subkey_the_session_key_counts() -> None:
    asked = requested_user((identity(key=SESSION),), NONCE, header(subkey=None))
    assert asked is not None
    assert refused(identity(key=SESSION)) == KrbCode.MODIFIED


def test_the_checksum_runs_over_the_octets_that_came() -> None:
    """A field that we do not know is covered too, and a re-encoding would lose it."""
    known = S4uUserId(NONCE, name("alice"), REALM, None, None).encode()
    unknown = b"\xa5\x03\x02\x01\x07"
    raw = b"\x30" + bytes((known[1] + len(unknown),)) + known[2:] + unknown
    said = replace(S4uUserId.decode(raw), raw=raw)
    padata = PaData(X509_USER, PaS4uX509User(said, CheckSum(16, SUBKEY.checksum(26, raw))).encode())
    assert requested_user((padata,), NONCE, header()) is not None
    changed_ = PaData(X509_USER, PaS4uX509User(said, CheckSum(16, SUBKEY.checksum(26, known))).encode())
    assert refused(changed_) == KrbCode.MODIFIED


def test_an_identity_of_another_request_is_modified() -> None:
    assert refused(identity(nonce=NONCE + 1)) == KrbCode.MODIFIED


def test_an_identity_in_the_replys_usage_is_modified() -> None:
    assert refused(identity(usage=REPLY_USAGE)) == KrbCode.MODIFIED


@pytest.mark.parametrize("checksum_type", [1, 7, 14, -138, 15])
def test_an_identity_under_another_checksum_is_inappropriate(checksum_type: int) -> None:
    said = PaS4uX509User.decode(identity().value)
    other = replace(said, cksum=CheckSum(checksum_type, said.cksum.octets))
    assert refused(PaData(X509_USER, other.encode())) == KrbCode.INAPP_CKSUM


def test_where_both_forms_are_sent_the_identity_wins() -> None:
    both = for_user(name("bob")), identity()
    asked = requested_user(both, NONCE, header())
    assert asked is not None and asked.name == ALICE_NAME
    wrong = for_user(name("alice")), identity(nonce=NONCE + 1)
    assert refused(*wrong) == KrbCode.MODIFIED


# Trap 5.


@pytest.mark.parametrize(
    "user", [None, PrincipalName(1, ()), PrincipalName(1, ("",))], ids=["none", "no part", "empty"]
)
@pytest.mark.parametrize("certificate", [None, b"certificate"])
def test_neither_name_nor_a_certificate_alone_is_anybody(user: PrincipalName | None, certificate: bytes | None) -> None:
    assert refused(identity(user, certificate=certificate)) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_an_empty_name_is_nobody() -> None:
    assert refused(for_user(name(""))) == KrbCode.C_PRINCIPAL_UNKNOWN


# Who that is; trap 26.


@pytest.mark.parametrize(
    ("user", "place", "fold"),
    [
        (name("alice"), REALM, False),
        (name("ALICE"), REALM, True),
        (PrincipalName(NameType.ENTERPRISE, ("alice",)), REALM, False),
        (PrincipalName(NameType.ENTERPRISE, ("alice@bossa.test",)), REALM, False),
        (PrincipalName(NameType.ENTERPRISE, ("Alice@BOSSA.TEST",)), OTHER, False),
    ],
)
def test_a_user_of_ours_is_found(user: PrincipalName, place: str, fold: bool) -> None:
    found = find_user(realm(), S4uUser(user, place), fold=fold)
    assert found is not None and found.account == ALICE


@pytest.mark.parametrize("user", ["mallory", "ALICE", "alice ", "alice$", "HTTP/web.bossa.test$", "web"])
def test_cve_2021_42278_a_name_is_taken_as_it_is(user: str) -> None:
    with pytest.raises(KdcError) as caught:
        find_user(realm(), S4uUser(name(user), REALM), fold=False)
    assert caught.value.code == KrbCode.C_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize("parts", [(WEB,), ("HTTP/web.bossa", "test"), ("alice@BOSSA.TEST",)])
def test_a_name_with_a_sign_inside_a_part_is_another_name(parts: tuple[str, ...]) -> None:
    with pytest.raises(KdcError) as caught:
        find_user(realm(), S4uUser(PrincipalName(NameType.PRINCIPAL, parts), REALM), fold=True)
    assert caught.value.code == KrbCode.C_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize("user", [name("carol"), PrincipalName(NameType.ENTERPRISE, ("alice@other.test",))])
def test_a_user_of_another_realm_has_no_account_here(user: PrincipalName) -> None:
    assert find_user(realm(), S4uUser(user, OTHER), fold=True) is None


# The ticket.

LOCAL = S4uUser(name("alice"), REALM)
FOREIGN = S4uUser(name("carol"), OTHER)


def case(**fields: object) -> SelfCase:
    of = realm()
    web = principal(of, WEB)
    values: dict[str, object] = {
        "asked": LOCAL,
        "header": part(WEB),
        "pac": content(WEB),
        "options": int(KdcOptions.FORWARDABLE),
        "account": web,
        "server": web,
        "user": principal(of, "alice"),
        "issuer": REALM,
    }
    return SelfCase(**{**values, **fields})  # type: ignore[arg-type]


def granted(**fields: object) -> Grant:
    return self_ticket(realm(), case(**fields), NOW)


def code(**fields: object) -> KrbCode:
    with pytest.raises(KdcError) as caught:
        granted(**fields)
    return caught.value.code


def named(pac: PacContent) -> ClientInfo:
    return ClientInfo.decode(pac.find(BufferType.CLIENT_INFO) or b"")


def test_a_service_gets_a_ticket_to_itself_for_the_user() -> None:
    grant = granted()
    assert (grant.crealm, grant.cname, grant.forwardable) == (REALM, name("alice"), True)
    assert (grant.authtime, grant.endtime) == (NOW - 60, NOW + 3600)
    assert named(grant.pac) == ClientInfo(NOW - 60, "alice")
    assert sids(grant.pac)[0] == sid(ALICE) and ASSERTED_BY_SERVICE in sids(grant.pac)
    assert grant.padata == (), "a PA-FOR-USER is not answered"


def test_any_name_of_the_services_account_is_the_service_itself() -> None:
    assert granted(header=part("HTTP/web"), server=principal(realm(), "cifs/web.bossa.test")).cname == ALICE_NAME


@pytest.mark.parametrize("server", ["DNS/ns.bossa.test", "alice", "krbtgt"])
def test_cve_2020_25722_a_ticket_to_another_is_no_ticket_to_oneself(server: str) -> None:
    assert code(server=principal(realm(), server)) == KrbCode.BADMATCH


def test_cve_2021_42287_a_ticket_of_an_account_that_is_gone_is_nobodys() -> None:
    assert code(account=None) == KrbCode.BADMATCH


@pytest.mark.parametrize("option", ["FORWARDED", "PROXY", "VALIDATE", "RENEW", "ENC_TKT_IN_SKEY", "CNAME_IN_ADDL_TKT"])
def test_a_ticket_to_oneself_is_not_asked_for_together_with_another_kind(option: str) -> None:
    assert code(options=int(KdcOptions[option])) == KrbCode.BADOPTION


def test_a_ticket_to_oneself_is_forwardable_by_the_rules_only() -> None:
    assert not granted(header=part(WEB, flags=F ^ TicketFlags.FORWARDABLE)).forwardable
    listed = principal(realm(changed(WEB_ACCOUNT, any_protocol=False)), WEB)
    assert not granted(account=listed).forwardable
    assert not granted(user=principal(realm(), "bob"), asked=S4uUser(name("bob"), REALM)).forwardable


def test_a_locked_user_is_refused_with_the_rule_in_words() -> None:
    locked = principal(realm(changed(ALICE, locked_until=NOW + 1)), "alice")
    with pytest.raises(KdcError) as caught:
        granted(user=locked)
    assert caught.value.code == KrbCode.CLIENT_REVOKED
    assert caught.value.reason == "alice is locked after wrong passwords"


def test_an_enterprise_name_becomes_the_accounts_own() -> None:
    asked = S4uUser(PrincipalName(NameType.ENTERPRISE, ("alice@bossa.test",)), REALM)
    assert granted(asked=asked).cname == ALICE_NAME


@pytest.mark.parametrize(("asked", "cname"), [("al", "al"), ("alice", "alice"), ("ALICE", "alice"), ("Al", "alice")])
def test_a_name_of_the_users_own_is_kept_and_another_spelling_put_right(asked: str, cname: str) -> None:
    user = principal(realm(changed(ALICE, names=("al",))), "alice")
    grant = granted(user=user, asked=S4uUser(name(asked), REALM))
    assert grant.cname == name(cname) and named(grant.pac).name == cname


# Trap 23: across realms.


def test_a_user_of_another_realm_is_asked_for_there_first() -> None:
    assert code(asked=FOREIGN, user=None) == KrbCode.POLICY


@pytest.mark.parametrize("server", [principal(realm(), WEB), None], ids=["at last", "between"])
def test_a_realm_speaks_for_its_own_users_only(server: Principal | None) -> None:
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, "carol@OTHER.TEST").encode())
    assert code(asked=FOREIGN, pac=says, user=None, server=server, issuer="THIRD.TEST") == KrbCode.POLICY


def test_a_user_of_ours_is_not_asked_for_by_way_of_another_realm() -> None:
    assert code(issuer=OTHER, header=part(WEB, crealm=REALM)) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_a_service_that_is_not_ours_and_comes_with_our_own_ticket_is_unknown() -> None:
    assert code(server=None) == KrbCode.S_PRINCIPAL_UNKNOWN


def test_the_first_leg_names_the_user_with_the_realm_and_stays_the_services() -> None:
    """At the user's realm: the ticket leads back, the PAC is the user's."""
    grant = granted(header=part("HTTP/app", crealm=OTHER), account=None, server=None, issuer=OTHER)
    assert (grant.crealm, grant.cname) == (OTHER, name("HTTP/app"))
    assert named(grant.pac).name == "alice@BOSSA.TEST"
    assert grant.forwardable
    bob = principal(realm(), "bob")
    asked = S4uUser(name("bob"), REALM)
    first = granted(
        header=part("HTTP/app", crealm=OTHER), account=None, server=None, issuer=OTHER, user=bob, asked=asked
    )
    assert not first.forwardable, "that a user is sensitive is told by the ticket"


def test_the_leg_between_passes_the_users_pac_on() -> None:
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, "carol@OTHER.TEST").encode())
    grant = granted(
        asked=FOREIGN, header=part("HTTP/app", crealm="THIRD.TEST"), pac=says, account=None, server=None, user=None,
        issuer=OTHER,
    )  # fmt: skip
    assert grant.cname == name("HTTP/app") and named(grant.pac).name == "carol@OTHER.TEST"


def test_the_last_leg_is_the_users_ticket() -> None:
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, "carol@OTHER.TEST").encode())
    grant = granted(asked=FOREIGN, pac=says, user=None, issuer=OTHER)
    assert (grant.crealm, grant.cname) == (OTHER, name("carol"))
    assert named(grant.pac) == ClientInfo(NOW - 60, "carol")
    assert grant.pac.find(BufferType.LOGON_INFO) == says.find(BufferType.LOGON_INFO)


def confirmed(grant: Grant) -> S4uUserId:
    (answer,) = grant.padata
    assert answer.type == X509_USER
    return PaS4uX509User.decode(answer.value).user_id


def enterprise(text: str, place: str) -> S4uUser:
    asked = requested_user((identity(PrincipalName(NameType.ENTERPRISE, (text,))),), NONCE, header())
    assert asked is not None
    return asked._replace(realm=place)


def test_the_users_realm_puts_the_name_right_and_the_other_realms_are_asked_by_it() -> None:
    """MIT's clients take the name out of the first answer, and compare it with the last ticket's client."""
    asked = enterprise("alice@bossa.test", REALM)
    first = granted(asked=asked, header=part("HTTP/app", crealm=OTHER), account=None, server=None, issuer=OTHER)
    assert confirmed(first).cname == name("alice")
    assert named(first.pac).name == S4uUser(name("alice"), REALM).text
    assert confirmed(granted(asked=asked)).cname == granted(asked=asked).cname == name("alice")


def test_another_realm_keeps_the_name_that_it_is_asked_for() -> None:
    asked = enterprise("carol@mail.test", OTHER)
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, asked.text).encode())
    last = granted(asked=asked, pac=says, user=None, issuer=OTHER)
    assert confirmed(last).cname == last.cname == asked.name
    assert named(last.pac).name == "carol@mail.test"


def test_the_last_leg_is_for_the_service_that_began() -> None:
    assert code(asked=FOREIGN, user=None, issuer=OTHER, server=principal(realm(), "DNS/ns")) == KrbCode.BADMATCH


def test_the_headers_pac_is_the_clients_or_the_users_who_was_sent_along() -> None:
    assert header_pac_client(LOCAL, principal(realm(), "alice")) is None
    assert header_pac_client(FOREIGN, None) == "carol@OTHER.TEST"
