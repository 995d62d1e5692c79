"""Conversations about passwords: who may change whose, and how it is answered.  RFC 3244"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Key, random_key
from bossa.directory.changes import remove_account
from bossa.krb import ap
from bossa.krb.errors import KrbCode
from bossa.krb.flags import TicketFlags
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.kpasswd import CHANGE, SET, ChangeRequest, NotChanged, Replying, Result, Said, read, refused, reply
from bossa.krb.messages import Authenticator, ChangePasswdData, EncKrbPrivPart, EncryptionKey, HostAddress, KrbError
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.private import open_private, seal_private
from bossa.krb.usages import Usage
from tests.talk.kerberos import NOW, Credential, Site, ask, forged, key_of, log_in, mutations, name

CHANGEPW = name("kadmin/changepw", NameType.SRV_INST)
NEW = "quieter music"


@pytest.fixture
def site() -> Site:
    """A realm with two users."""
    made = Site()
    made.user("alice")
    made.user("bob", names=("robert",))
    return made


@pytest.fixture
def held(site: Site) -> Credential:
    """Alice's ticket to change her password."""
    return log_in(site, "alice", sname=CHANGEPW)


def may_set(by: str, target: str) -> bool:
    """What the operator would allow."""
    return by == "admin"


def asked(site: Site, held: Credential, subkey: Key | None, **fields: Any) -> tuple[Authenticator, bytes]:
    """Show the ticket."""
    authenticator = Authenticator(
        held.crealm,
        held.cname,
        None,
        0,
        int(site.now),
        None if subkey is None else EncryptionKey(subkey.enctype, subkey.octets),
        77,
        **fields,
    )
    shown = ap.request(held.ticket, held.key, authenticator, Usage.AP_REQ_AUTHENTICATOR, site.random(16))
    return authenticator, shown


def message(version: int, ap_req: bytes, private: bytes) -> bytes:
    """Put a request together."""
    size = 6 + len(ap_req) + len(private)
    return b"".join(number.to_bytes(2, "big") for number in (size, version, len(ap_req))) + ap_req + private


def request(site: Site, held: Credential, words: bytes, version: int = CHANGE, **part: Any) -> tuple[bytes, Key]:
    """Ask for a password; returns the subkey too."""
    subkey = random_key(18, site.random)
    _, shown = asked(site, held, subkey)
    private = EncKrbPrivPart(words, int(site.now), 0, 77, HostAddress(2, bytes(4)))
    return message(version, shown, seal_private(replace(private, **part), subkey, site.random(16))), subkey


def target(user: str, realm: str = "BOSSA.TEST", password: str = NEW) -> bytes:
    """Name whose password is to be set."""
    return ChangePasswdData(password.encode(), name(user), realm).encode()


def taken(site: Site, packet: bytes) -> ChangeRequest:
    """Verify a request."""
    return read(packet, site.realm, site.settings, site.now, may_set)


def not_changed(site: Site, packet: bytes) -> NotChanged:
    """Verify a request that is refused."""
    with pytest.raises(NotChanged) as error:
        taken(site, packet)
    return error.value


def replying(site: Site) -> Replying:
    """What a reply is made with."""
    return Replying("192.0.2.1", site.now, site.random)


def opened(octets: bytes, held: Credential, subkey: Key) -> tuple[int, str]:
    """Read a reply as the client does: the proof first, then the words."""
    size, version, proof = (int.from_bytes(octets[at : at + 2], "big") for at in (0, 2, 4))
    assert (size, version) == (len(octets), 1)
    shown = Authenticator(held.crealm, held.cname, None, 0, int(NOW))
    told = ap.open_reply(octets[6 : 6 + proof], held.key, shown)
    words = open_private(octets[6 + proof :], subkey)
    assert words.seq_number == told.seq_number
    assert words.s_address == HostAddress(2, bytes((192, 0, 2, 1)))
    return int.from_bytes(words.user_data[:2], "big"), words.user_data[2:].decode()


def test_a_user_changes_the_own_password(site: Site, held: Credential) -> None:
    """RFC 3244 §2, version 1"""
    found = taken(site, request(site, held, NEW.encode())[0])
    assert (found.by, found.target, found.password, found.by_owner) == ("alice", "alice", NEW, True)
    assert NEW not in repr(found)


@pytest.mark.parametrize("words", [ChangePasswdData(NEW.encode()).encode(), target("alice")])
def test_the_second_version_is_for_the_own_password_too(site: Site, held: Credential, words: bytes) -> None:
    assert taken(site, request(site, held, words, SET)[0]).by_owner


@pytest.mark.parametrize("called", ["bob", "robert"])
def test_who_may_sets_the_password_of_another(site: Site, called: str) -> None:
    """RFC 3244 §2, version 0xff80"""
    admin = log_in(site, "admin", sname=CHANGEPW)
    found = taken(site, request(site, admin, target(called), SET)[0])
    assert (found.by, found.target, found.by_owner) == ("admin", "bob", False)


@pytest.mark.parametrize("called", ["bob", "nobody", "admin", "krbtgt"])
def test_who_may_not_is_told_no_and_not_who_is_there(site: Site, held: Credential, called: str) -> None:
    error = not_changed(site, request(site, held, target(called), SET)[0])
    assert error.said == Said(Result.ACCESSDENIED)
    assert called in error.reason


@pytest.mark.parametrize("called", ["nobody", "krbtgt"])
def test_an_account_without_a_password_has_none_to_set(site: Site, called: str) -> None:
    admin = log_in(site, "admin", sname=CHANGEPW)
    error = not_changed(site, request(site, admin, target(called), SET)[0])
    assert error.said.result == Result.HARDERROR


def test_an_account_of_another_realm_is_not_ours_to_set(site: Site) -> None:
    admin = log_in(site, "admin", sname=CHANGEPW)
    error = not_changed(site, request(site, admin, target("bob", "OTHER.TEST"), SET)[0])
    assert error.said.result == Result.ACCESSDENIED


@pytest.mark.parametrize(
    ("words", "version"),
    [
        (b"\xff\xfe", CHANGE),
        (b"plain", SET),
        (ChangePasswdData(b"\xff").encode(), SET),
        (ChangePasswdData(b"x", name("bob")).encode(), SET),
        (ChangePasswdData(b"x", None, "BOSSA.TEST").encode(), SET),
    ],
)
def test_words_of_no_shape_are_malformed(site: Site, held: Credential, words: bytes, version: int) -> None:
    packet, subkey = request(site, held, words, version)
    error = not_changed(site, packet)
    assert error.said.result == Result.MALFORMED
    assert opened(refused(error, site.name, replying(site)), held, subkey) == (Result.MALFORMED, "")


@pytest.mark.parametrize("version", [0, 2, 0xFF81])
def test_a_version_that_nobody_speaks_is_refused_in_the_clear(site: Site, held: Credential, version: int) -> None:
    """RFC 3244 §2: a KRB-ERROR in place of the words, with the same result inside."""
    error = not_changed(site, request(site, held, NEW.encode(), version)[0])
    octets = refused(error, site.name, replying(site))
    assert octets[4:6] == b"\0\0"
    told = KrbError.decode(octets[6:])
    assert (told.e_data, told.sname.text) == (b"\0\x06", "kadmin/changepw")
    assert error.said.result == Result.BAD_VERSION


def test_a_ticket_that_another_ticket_brought_is_not_enough(site: Site, held: Credential) -> None:
    """RFC 3244 §2: the ticket has to be one that the password brought."""
    further = forged(site, held, "kadmin/changepw", lambda part: replace(part, flags=part.flags & ~TicketFlags.INITIAL))
    error = not_changed(site, request(site, further, NEW.encode())[0])
    assert error.said.result == Result.INITIAL_FLAG_NEEDED


def test_a_ticket_to_something_else_is_not_for_us(site: Site) -> None:
    site.service("HTTP/web.bossa.test")
    first = log_in(site, "alice")
    for other in (first, ask(site, first, "HTTP/web.bossa.test")):
        error = not_changed(site, request(site, other, NEW.encode())[0])
        assert (error.said.result, error.code, error.caller) == (Result.AUTHERROR, KrbCode.NOT_US, None)


def test_a_request_that_was_kept_brings_no_old_password_back(site: Site, held: Credential) -> None:
    """The ticket is older than the password by then."""
    packet, _ = request(site, held, NEW.encode())
    assert taken(site, packet)
    site.change("alice", password_set=int(NOW) + 1)
    assert not_changed(site, packet).said.result == Result.AUTHERROR


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"seq_number": 78}, KrbCode.BADORDER),
        ({"seq_number": None, "timestamp": None}, KrbCode.BADORDER),
        ({"timestamp": int(NOW) - 301}, KrbCode.SKEW),
    ],
)
def test_words_belong_to_their_authenticator(site: Site, held: Credential, part: dict[str, Any], code: KrbCode) -> None:
    """RFC 4120 §3.5.2"""
    error = not_changed(site, request(site, held, NEW.encode(), **part)[0])
    assert (error.said.result, error.code) == (Result.AUTHERROR, code)


def test_numbers_that_begin_with_nothing_are_left_out(site: Site, held: Credential) -> None:
    """What libkrb5 sends: 0 in the authenticator and in the words, and no time."""
    subkey = random_key(18, site.random)
    authenticator = Authenticator(
        held.crealm, held.cname, None, 0, int(NOW), EncryptionKey(subkey.enctype, subkey.octets)
    )
    shown = ap.request(held.ticket, held.key, authenticator, Usage.AP_REQ_AUTHENTICATOR, site.random(16))
    part = EncKrbPrivPart(NEW.encode(), None, None, None, HostAddress(2, bytes(4)))
    assert taken(site, message(CHANGE, shown, seal_private(part, subkey, site.random(16)))).password == NEW


@pytest.mark.parametrize("part", [{"timestamp": None}, {"seq_number": None}])
def test_a_number_or_a_time_is_enough(site: Site, held: Credential, part: dict[str, Any]) -> None:
    assert taken(site, request(site, held, NEW.encode(), **part)[0])


def test_words_under_another_key_are_modified(site: Site, held: Credential) -> None:
    _, shown = asked(site, held, random_key(18, site.random))
    part = EncKrbPrivPart(b"x", None, None, 77, HostAddress(2, bytes(4)))
    error = not_changed(site, message(CHANGE, shown, seal_private(part, random_key(18, site.random), bytes(16))))
    assert (error.said.result, error.code) == (Result.AUTHERROR, KrbCode.MODIFIED)


def test_a_request_chooses_a_key_of_its_own(site: Site, held: Credential) -> None:
    _, shown = asked(site, held, None)
    part = EncKrbPrivPart(b"x", None, None, 77, HostAddress(2, bytes(4)))
    error = not_changed(site, message(CHANGE, shown, seal_private(part, held.key, bytes(16))))
    assert (error.said.result, error.code) == (Result.AUTHERROR, KrbCode.NOKEY)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"disabled": True}, KrbCode.CLIENT_REVOKED), ({"expires": int(NOW)}, KrbCode.NAME_EXP)],
)
def test_who_is_out_of_use_changes_nothing(site: Site, held: Credential, fields: dict[str, Any], code: KrbCode) -> None:
    site.change("alice", **fields)
    error = not_changed(site, request(site, held, NEW.encode())[0])
    assert (error.said.result, error.code) == (Result.AUTHERROR, code)


def test_who_is_gone_changes_nothing(site: Site, held: Credential) -> None:
    site.realm.apply(remove_account(site.realm, site.principal("alice").account))
    error = not_changed(site, request(site, held, NEW.encode())[0])
    assert (error.said.result, error.code) == (Result.AUTHERROR, KrbCode.C_PRINCIPAL_UNKNOWN)


def test_an_expired_ticket_changes_nothing(site: Site, held: Credential) -> None:
    site.now += KdcSettings().changepw_life + 301
    error = not_changed(site, request(site, held, NEW.encode())[0])
    assert (error.code, error.caller) == (KrbCode.TKT_EXPIRED, None)


def test_success_is_told_under_the_sessions_key(site: Site, held: Credential) -> None:
    packet, subkey = request(site, held, NEW.encode())
    octets = reply(taken(site, packet).caller, Said(Result.SUCCESS, "Password changed."), replying(site))
    assert opened(octets, held, subkey) == (0, "Password changed.")


def test_a_reply_names_an_address_of_either_family(site: Site, held: Credential) -> None:
    packet, subkey = request(site, held, NEW.encode())
    octets = reply(taken(site, packet).caller, Said(Result.SOFTERROR), replace(replying(site), address="::1"))
    proof = int.from_bytes(octets[4:6], "big")
    assert open_private(octets[6 + proof :], subkey).s_address == HostAddress(24, bytes(15) + b"\1")


@pytest.mark.parametrize("packet", [b"", b"\0", bytes(6), b"\0\6\0\1\0\0", b"\0\x08\0\1\xff\xff\0\0", bytes(100)])
def test_what_is_no_request_is_malformed(site: Site, packet: bytes) -> None:
    error = not_changed(site, packet)
    assert error.said.result in (Result.MALFORMED, Result.BAD_VERSION)
    assert KrbError.decode(refused(error, site.name, replying(site))[6:]).e_data == error.said.encode()


def test_a_request_with_octets_changed_is_refused(site: Site, held: Credential) -> None:
    """Whatever is changed stands under some checksum, but for the key's number, which is a hint."""
    packet, _ = request(site, held, NEW.encode())
    for changed in mutations(packet, seed=9, count=1500):
        try:
            found = taken(site, changed)
        except NotChanged as error:
            assert refused(error, site.name, replying(site))
        else:
            assert (found.by, found.target, found.password) == ("alice", "alice", NEW)


def test_a_user_whose_name_is_put_differently_is_the_same(site: Site) -> None:
    asked_as = PrincipalName(NameType.PRINCIPAL, ("robert",))
    held = log_in(site, "bob", cname=asked_as, sname=CHANGEPW, key=key_of(site, "bob"))
    found = taken(site, request(site, held, NEW.encode())[0])
    assert (found.by, found.target) == ("bob", "bob")
