"""Two realms of bossa that trust each other, as MIT's clients cross from one into the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions
from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat
from bossa.testing.tickets import Kdc
from tests.interop import cast, forgery, s4u
from tests.interop.cast import PASSWORD

SECRET = "what two administrators tell each other"
WEB, FILES = "HTTP/web.bossa.test", "cifs/files.other.test"


@dataclass(frozen=True)
class Pair:
    """Two domains with a service each, and a user in the first."""

    here: Domain
    there: Domain
    web: Path
    files: Path

    def seat(self, home: Domain, *, told: bool = True) -> Seat:
        """Return a seat in a realm; unless it is ``told``, only the KDC knows which hosts are of the other one."""
        other = (self.there if home is self.here else self.here).place
        return home.seat(others=(other if told else replace(other, domain=""),))

    def alice(self, *, told: bool = True) -> Seat:
        """Return the seat of the first realm's user, signed in."""
        return self.seat(self.here, told=told).kinit("alice", PASSWORD)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Yield two realms that trust each other."""
    here = Domain(tmp_path_factory.mktemp("here"))
    there = Domain(tmp_path_factory.mktemp("there"), name="other.test")
    try:
        here.start()
        there.start()
        here.directory.add_user("alice", PASSWORD)
        here.directory.trust("OTHER.TEST", SECRET, suffixes=("other.test",))
        there.directory.trust("BOSSA.TEST", SECRET, suffixes=("bossa.test",))
        yield Pair(here, there, here.directory.add_service(WEB), there.directory.add_service(FILES))
    finally:
        here.close()
        there.close()


def test_a_user_gets_a_ticket_for_a_service_of_the_other_realm(pair: Pair) -> None:
    """RFC 4120 §1.2, §3.3: by the ticket-granting service of that realm."""
    seat = pair.alice()
    assert f"{FILES}@OTHER.TEST: kvno = 1, keytab entry valid" in seat.kvno(
        "-k", str(pair.files), f"{FILES}@OTHER.TEST"
    )
    assert "krbtgt/OTHER.TEST@BOSSA.TEST" in seat.klist()


def test_the_own_kdc_knows_the_way_to_the_other_realm(pair: Pair) -> None:
    """RFC 6806 §8: a referral, by the domain of the service's host."""
    seat = pair.alice(told=False)
    assert "keytab entry valid" in seat.kvno("-k", str(pair.files), "-S", "cifs", "files.other.test")
    assert f"Ticket server: {FILES}@OTHER.TEST" in seat.klist()


def test_a_service_gets_a_ticket_to_itself_for_a_user_of_the_other_realm(pair: Pair) -> None:
    """[MS-SFU] 3.1.5.1.1: the user's realm is asked first, and refers back."""
    seat = pair.seat(pair.there).kinit_keytab(FILES, pair.files)
    said = seat.kvno("-k", str(pair.files), "-I", "alice@BOSSA.TEST", FILES)
    assert f"{FILES}@OTHER.TEST: kvno = 1, keytab entry valid" in said
    assert "for client alice@BOSSA.TEST" in seat.klist()


def test_a_user_whom_the_other_realm_does_not_know_gets_no_service_a_ticket(pair: Pair) -> None:
    """The user's realm decides on its users."""
    seat = pair.seat(pair.there).kinit_keytab(FILES, pair.files)
    assert "not found in Kerberos database" in seat.fails("kvno", "-I", "nobody@BOSSA.TEST", FILES)


def test_a_user_signs_in_from_the_other_realm_by_an_enterprise_name(pair: Pair) -> None:
    """RFC 6806 §5: WRONG_REALM, with the right one."""
    seat = pair.seat(pair.there)
    seat.kinit("alice@bossa.test", PASSWORD, "-E")
    assert "Default principal: alice@BOSSA.TEST" in seat.klist()


def test_trap_24_no_list_of_ours_counts_in_another_realm(pair: Pair) -> None:
    """[MS-SFU] 3.2.5.2.1: the user's referral is shown there, and the target's own list decides."""
    here, there = Kdc("BOSSA.TEST", pair.here.kdc_port), Kdc("OTHER.TEST", pair.there.kdc_port)
    held = here.sign_in(WEB, cast.key_in(pair.web, WEB))
    shown = s4u.evidence(here, held, WEB, "alice").ticket
    asked = s4u.PROXY | KdcOptions.CANONICALIZE
    bit = (s4u.resource_based(),)
    assert cast.code(lambda: s4u.act(here, held, FILES, shown, options=asked)) is KrbCode.BADOPTION
    referral = s4u.act(here, held, FILES, shown, padata=bit, options=asked)
    assert referral.part.sname.text == "krbtgt/OTHER.TEST"
    header = here.ticket(held, "krbtgt/OTHER.TEST")
    since = len(pair.there.log)
    refused = cast.code(lambda: s4u.act(there, header, FILES, referral.ticket, padata=bit))
    assert refused is KrbCode.BADOPTION
    assert f"by={WEB}@BOSSA.TEST" in pair.there.wait_for_log("neither list has it", since=since)


def test_a_service_of_the_other_realm_acts_where_the_targets_list_has_it(pair: Pair) -> None:
    """[MS-SFU] 3.2.5.2.3, by MIT's client from one realm into the other."""
    seat = pair.seat(pair.here, told=False).kinit_keytab(WEB, pair.web)
    # Its own realm is asked, as MIT's client does for a service whose realm it does not know.
    proxy = ("kvno", "-k", str(pair.web), "-U", "alice", "-P", f"{FILES}@BOSSA.TEST")
    seat.fails(*proxy)
    pair.there.directory.allow(f"{WEB}@BOSSA.TEST", "cifs/files", by_target=True)
    try:
        assert f"{FILES}@BOSSA.TEST: kvno = 1" in seat.run(*proxy).stdout
    finally:
        pair.there.directory.forbid(f"{WEB}@BOSSA.TEST", "cifs/files", by_target=True)
    pair.seat(pair.here, told=False).kinit_keytab(WEB, pair.web).fails(*proxy)


@pytest.mark.parametrize(("direction", "crosses"), [("in", False), ("out", True)])
def test_a_trust_of_one_direction_is_crossed_in_that_one(pair: Pair, direction: str, crosses: bool) -> None:
    """Out: our users go there.  In: users from there come here."""
    pair.here.directory.distrust("OTHER.TEST")
    pair.here.directory.trust("OTHER.TEST", SECRET, direction=direction, suffixes=("other.test",))
    try:
        done = pair.alice().run("kvno", f"{FILES}@OTHER.TEST", check=False)
        assert (done.returncode == 0) is crosses, done.stdout
        back = pair.seat(pair.there).kinit_keytab(FILES, pair.files).run("kvno", f"{WEB}@BOSSA.TEST", check=False)
        assert (back.returncode == 0) is not crosses, back.stdout
    finally:
        pair.here.directory.distrust("OTHER.TEST")
        pair.here.directory.trust("OTHER.TEST", SECRET, suffixes=("other.test",))


def test_two_different_passwords_make_no_trust(pair: Pair) -> None:
    """The other side cannot open the ticket."""
    pair.here.directory.distrust("OTHER.TEST")
    pair.here.directory.trust("OTHER.TEST", "what only one of them was told", suffixes=("other.test",))
    try:
        pair.alice().fails("kvno", f"{FILES}@OTHER.TEST")
    finally:
        pair.here.directory.distrust("OTHER.TEST")
        pair.here.directory.trust("OTHER.TEST", SECRET, suffixes=("other.test",))


def test_users_are_refused_at_once_when_the_trust_ends(pair: Pair) -> None:
    """Also those who hold the other realm's ticket already."""
    seat = pair.alice()
    seat.kvno(f"{FILES}@OTHER.TEST")
    pair.there.directory.distrust("BOSSA.TEST")
    try:
        pair.there.directory.add_service("HTTP/late.other.test")
        seat.fails("kvno", "HTTP/late.other.test@OTHER.TEST")
    finally:
        pair.there.directory.trust("BOSSA.TEST", SECRET, suffixes=("bossa.test",))


@pytest.mark.parametrize("told", ["the right one", "another", "none"])
def test_trap_25_a_pac_says_of_its_user_what_its_realm_may_say(pair: Pair, told: str) -> None:
    """CVE-2020-25719: SIDs of the trusted domain alone, none without knowing it, and no user with others."""
    sid = pair.here.directory.show("alice").sid.rpartition("-")[0]
    known = {"the right one": sid, "another": "S-1-5-21-1-2-3", "none": ""}[told]
    pair.there.directory.distrust("BOSSA.TEST")
    pair.there.directory.trust("BOSSA.TEST", SECRET, sid=known, suffixes=("bossa.test",))
    here, there = Kdc("BOSSA.TEST", pair.here.kdc_port), Kdc("OTHER.TEST", pair.there.kdc_port)
    held = here.sign_in("alice", here.password_key("alice", PASSWORD))
    header = here.ticket(held, "krbtgt/OTHER.TEST")
    if told == "another":
        assert cast.code(lambda: there.ticket(header, FILES)) is KrbCode.TGT_REVOKED
        return
    got = there.ticket(header, FILES)
    key = cast.key_in(pair.files, FILES, realm="OTHER.TEST")
    found = forgery.buffers(forgery.pac(forgery.opened(got.ticket, key)))
    assert (forgery.LOGON_INFO in found) is (told == "the right one")
    assert {forgery.SERVER, forgery.KDC, forgery.TICKET, forgery.FULL, forgery.CLIENT_INFO} <= set(found)
