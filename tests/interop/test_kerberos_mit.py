"""A realm of bossa and one of MIT's krb5kdc that trust each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat, krb5_conf
from bossa.testing.mit import MitRealm
from tests.interop.cast import PASSWORD

SECRET = "what two administrators tell each other"
OURS, THEIRS = "HTTP/web.bossa.test", "HTTP/web.mit.test"

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Pair:
    """Both realms, with a service's keytab of each."""

    domain: Domain
    mit: MitRealm
    ours: Path
    theirs: Path
    config: Path

    def seat(self, realm: str, name: str, ccache: str) -> Seat:
        """Return the seat of a user who has signed in."""
        return Seat(self.config, self.config.with_name(ccache)).kinit(f"{name}@{realm}", PASSWORD)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Yield both realms."""
    home = tmp_path_factory.mktemp("pair")
    mit = MitRealm(home / "mit")
    domain = Domain(home)
    try:
        mit.kadmin(
            *(f'addprinc -pw "{SECRET}" krbtgt/{name}' for name in ("MIT.TEST@BOSSA.TEST", "BOSSA.TEST@MIT.TEST"))
        )
        mit.add("bob", PASSWORD)
        mit.start()
        domain.start()
        domain.directory.add_user("alice", PASSWORD)
        domain.directory.trust("MIT.TEST", SECRET, suffixes=("mit.test",))
        config = home / "both.conf"
        config.write_text(krb5_conf([domain.place, mit.place]))
        ours, theirs = domain.directory.add_service(OURS), mit.keytab(THEIRS, home / "theirs.keytab")
        yield Pair(domain, mit, ours, theirs, config)
    finally:
        domain.close()
        mit.stop()


def test_our_user_gets_a_ticket_for_a_service_of_mits(pair: Pair) -> None:
    """MIT's KDC takes our ticket, PAC and all."""
    seat = pair.seat("BOSSA.TEST", "alice", "alice.cc")
    assert "keytab entry valid" in seat.kvno("-k", str(pair.theirs), f"{THEIRS}@MIT.TEST")


def test_mits_user_gets_a_ticket_for_a_service_of_ours(pair: Pair) -> None:
    """We take theirs, whose PAC says little."""
    seat = pair.seat("MIT.TEST", "bob", "bob.cc")
    assert "keytab entry valid" in seat.kvno("-k", str(pair.ours), f"{OURS}@BOSSA.TEST")


def test_mits_service_gets_a_ticket_to_itself_for_a_user_of_ours(pair: Pair) -> None:
    """S4U2Self across a trust: our KDC refers MIT's service to its own.  MIT's with db2 cannot do so for ours."""
    seat = Seat(pair.config, pair.config.with_name("theirs.cc")).kinit_keytab(f"{THEIRS}@MIT.TEST", pair.theirs)
    said = seat.kvno("-k", str(pair.theirs), "-I", "alice@BOSSA.TEST", f"{THEIRS}@MIT.TEST")
    assert "keytab entry valid" in said
