"""Who plays in the tests of delegation over sockets: services with every kind of right, and users of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bossa.crypto.enctypes import Enctype, Key
from bossa.krb.errors import KrbCode
from bossa.krb.keytab import Keytab
from bossa.krb.names import PrincipalName
from bossa.testing.domain import Domain
from bossa.testing.tickets import Held, Kdc, Refused
from tests.interop.s4u import REALM, evidence

# Of every user in these tests.
PASSWORD = "Four words, one comma."
TARGET, OTHER, LISTING = "DNS/cast.bossa.test", "DNS/other.bossa.test", "DNS/listing.bossa.test"
# The middle services, by what they may: nothing, the classic list with and without protocol transition, or as
# the target's list says.
PLAIN, ANY, CLASSIC, RESOURCE = (f"HTTP/{name}.bossa.test" for name in ("plain", "any", "classic", "resource"))
ALIAS = "www/any.bossa.test"
USER, SENSITIVE, DISABLED, EXPIRED, STALE = (f"cast-{name}" for name in ("user", "vip", "off", "gone", "stale"))


@dataclass(frozen=True)
class Cast:
    """The realm's KDC, the services' keys and their ticket-granting tickets."""

    domain: Domain
    kdc: Kdc
    keys: dict[str, Key]
    held: dict[str, Held]

    @classmethod
    def gathered(cls, domain: Domain) -> Cast:
        """Make everybody."""
        kdc = Kdc(REALM, domain.kdc_port)
        _users(domain)
        keys = {name: service_key(domain, name) for name in (PLAIN, CLASSIC, RESOURCE, TARGET, OTHER, LISTING)}
        keys[ANY] = service_key(domain, ANY, ALIAS)
        domain.directory.allow(ANY, TARGET, any_protocol=True)
        domain.directory.allow(CLASSIC, TARGET)
        domain.directory.allow(RESOURCE, LISTING, by_target=True)
        return cls(domain, kdc, keys, {name: kdc.sign_in(name, key) for name, key in keys.items()})

    def evidence(self, service: str, user: str = USER) -> Held:
        """Get a ticket of a service to itself for a user."""
        return evidence(self.kdc, self.held[service], service, user)


def _users(domain: Domain) -> None:
    for name in (USER, SENSITIVE, DISABLED, EXPIRED, STALE):
        domain.directory.add_user(name, PASSWORD)
    domain.directory.set(SENSITIVE, sensitive=True)
    domain.directory.set(DISABLED, disabled=True)
    domain.directory.set(EXPIRED, expires="2020-01-01")
    domain.directory.set(STALE, must_change=True)


def service_key(domain: Domain, name: str, *further: str) -> Key:
    """Make a service and return its key of one type."""
    return key_in(domain.directory.add_service(name, *further), name)


def key_in(keytab: Path, name: str, *, realm: str = REALM) -> Key:
    """Return a service's newest key of one type."""
    keys = Keytab.decode(keytab.read_bytes()).keys(PrincipalName.parse(name), realm)
    return next(key for _, key in keys if key.enctype == Enctype.AES256_SHA1)


def code(action: Callable[[], object]) -> KrbCode | None:
    """Return with which code the KDC refuses something, None when it does not."""
    try:
        action()
    except Refused as refused:
        return refused.code
    return None
