"""What the black-box tests share: names of their own in one domain, and its administrator's key."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.testing.domain import Domain, TsigKey
from bossa.testing.kerberos import Seat
from tests.interop.cast import PASSWORD, Cast

_numbers = itertools.count(1)


@pytest.fixture
def label() -> str:
    """Return a name below the domain that no other test uses."""
    return f"n{next(_numbers)}"


@pytest.fixture
def put(shared_domain: Domain) -> Callable[[str], None]:
    """Return a function that adds one record, written as in a master file, to the shared domain."""

    def add(line: str) -> None:
        owner, ttl, rtype, data = line.split(maxsplit=3)
        update = shared_domain.update()
        update.add(shared_domain.full(owner), int(ttl), rtype, data)
        assert shared_domain.send(update).rcode() == 0

    return add


@pytest.fixture(scope="session")
def admin(shared_domain: Domain) -> TsigKey:
    """Return the key that may change everything in the shared domain."""
    return shared_domain.admin_key


@pytest.fixture(scope="session")
def example_zones(shared_domain: Domain) -> None:
    """Import answers.test, which has everything a question can meet, and wild.test, the example of RFC 4592."""
    for name in ("answers.test", "wild.test"):
        shared_domain.add_zone(name, (Path(__file__).parent / "zones" / f"{name}.zone").read_text())


@pytest.fixture(scope="session")
def alice(shared_domain: Domain) -> Seat:
    """Return the seat of a user of the shared domain who has signed in."""
    shared_domain.directory.add_user("alice", PASSWORD)
    return shared_domain.kinit("alice", PASSWORD)


@pytest.fixture(scope="session")
def web_keytab(shared_domain: Domain) -> Path:
    """Return the keytab of HTTP/web.bossa.test in the shared domain."""
    return shared_domain.directory.add_service("HTTP/web.bossa.test")


@pytest.fixture(scope="session")
def ns_keytab(shared_domain: Domain) -> Path:
    """Return the keytab of DNS/ns.bossa.test in the shared domain."""
    return shared_domain.directory.add_service("DNS/ns.bossa.test")


@pytest.fixture(scope="session")
def cast(shared_domain: Domain) -> Cast:
    """Return services with every kind of right, and users of every kind, in the shared domain."""
    return Cast.gathered(shared_domain)
