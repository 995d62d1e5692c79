"""The fresh domain: its forward zone, the private reverse zones of RFC 6303, the administrator's key, the policy.

Founding may be interrupted anywhere: what is there already is left alone, and
the forward zone, by which :func:`is_founded` knows, comes last.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from bossa.admin import keys, words
from bossa.admin.errors import refused
from bossa.admin.office import Office
from bossa.admin.ports import Names
from bossa.admin.zones import SOA_TIMES
from bossa.directory.changes import ADMINS
from bossa.dns import names, types
from bossa.dns.changes import system_rrset
from bossa.dns.policy import SELF
from bossa.dns.ports import RuleRow, ZoneOptions
from bossa.dns.tsig import Algorithm, Key
from bossa.dns.zone import RRset, Soa
from bossa.files import atomic

ADMIN = "admin"
ADMIN_FILE = "admin.key"
ADMIN_RULE = RuleRow(who=f"key:{ADMIN}", scope="zone", types=("ANY",))
ADMINS_RULE = RuleRow(who=f"krb5-group:{ADMINS}", scope="zone", types=("ANY",))
# Hosts keep the PTR of their addresses in every reverse zone that is ours.
POINTING_RULE = RuleRow(who=SELF, scope="self", types=("PTR",))
_LOCALHOST = names.from_text("localhost.")
_LOOPBACK4 = names.reverse("127.0.0.1")
_LOOPBACK6 = names.reverse("::1")
_TTL = 3600
# RFC 6303 §3 gives both for a zone that is empty on purpose.
_EMPTY_TTL = 10800
_EMPTY_TIMES = (3600, 1200, 604800, 10800)
_EMPTY_MAIL = names.from_text("nobody.invalid.")


def private_reverse_zones() -> list[bytes]:
    """Return the apexes of RFC 6303 §4.1 to §4.6, in the RFC's order."""
    v4 = [
        "10",
        *(f"{second}.172" for second in range(16, 32)),
        "168.192",
        # §4.2: this host, loopback, link-local, the three documentation nets, broadcast.
        "0",
        "127",
        "254.169",
        "2.0.192",
        "100.51.198",
        "113.0.203",
        "255.255.255.255",
    ]
    # §4.3 is :: and ::1; §4.4 fd00::/8; §4.5 fe80::/10; §4.6 2001:db8::/32.
    v6 = ["d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"]
    return [
        *(names.from_text(f"{one}.in-addr.arpa.") for one in v4),
        names.reverse("::"),
        _LOOPBACK6,
        *(names.from_text(f"{one}.ip6.arpa.") for one in v6),
    ]


def first_rules(domain: bytes) -> list[RuleRow]:
    """Return a fresh domain's policy: administrators everything, hosts their own records in the domain."""
    hosts = RuleRow(who=SELF, scope="subdomain", what=names.to_text(domain))
    return [ADMIN_RULE, ADMINS_RULE, hosts, POINTING_RULE]


def is_founded(of: Names) -> bool:
    """Tell whether there is a zone that is not one of the private reverse zones."""
    private = {apex for apex, options in of.options.items() if options.private_reverse}
    return any(apex not in private for apex in of.zones)


async def found(office: Office, addresses: Sequence[str] = ("127.0.0.1", "::1")) -> None:
    """Make the fresh domain ``office.domain``; ``addresses`` are those at which ns1 of it is reached."""
    await _admin(office)
    if not office.names.rules.get(b""):
        await office.names.set_rules(b"", first_rules(office.domain))
    missing = [apex for apex in private_reverse_zones() if apex not in office.names.zones]
    primary = names.from_text("ns1", office.domain)
    contents = {apex: list(_empty_zone(apex, primary, office.now)) for apex in missing}
    await office.names.create_zones(contents, ZoneOptions(private_reverse=True))
    if office.domain not in office.names.zones:
        await office.names.create_zone(office.domain, list(_forward_zone(office.domain, addresses, office.now)))


async def _admin(office: Office) -> None:
    """Make the administrator's key, then its file: of a key without its file a later start makes the file."""
    name, file = words.absolute(ADMIN), office.data / ADMIN_FILE
    if not office.names.keys and file.exists():
        raise refused(
            str(file),
            "it holds the key of another domain: the store here is new",
            "bossa restore FILE --data DIR puts a backup into an empty directory; or name another --data",
        )
    if name not in office.names.keys:
        algorithm = Algorithm.HMAC_SHA256
        await keys.store_key(office, Key(name, algorithm, office.random(algorithm.size)))
    restore_admin_file(office)


def restore_admin_file(office: Office) -> None:
    """Write the administrator's key to its file when that is gone and the key is not; raises OSError."""
    key, file = office.names.keys.get(words.absolute(ADMIN)), office.data / ADMIN_FILE
    if key is not None and not file.exists():
        atomic.replace(file, keys.shown(key).clause.encode())


def _forward_zone(apex: bytes, addresses: Sequence[str], now: int) -> Iterator[tuple[bytes, RRset]]:
    server = names.from_text("ns1", apex)
    soa = Soa(server, names.from_text("hostmaster", apex), 1, *SOA_TIMES)
    yield apex, system_rrset(types.SOA, _TTL, (soa.encode(),), now)
    yield apex, system_rrset(types.NS, _TTL, (server,), now)
    for rtype, version in ((types.A, 4), (types.AAAA, 6)):
        found = [ip.packed for one in addresses if (ip := ipaddress.ip_address(one)).version == version]
        if found:
            yield server, system_rrset(rtype, _TTL, found, now)


def _empty_zone(apex: bytes, primary: bytes, now: int) -> Iterator[tuple[bytes, RRset]]:
    """Yield SOA and NS as RFC 6303 §3 has them, and for loopback addresses ``localhost.`` (RFC 1912 §4.1).

    But the SOA names us as primary: clients with tickets ask for one to the host that stands there (RFC 3645 §3.1.1).
    """
    soa = Soa(primary, _EMPTY_MAIL, 1, *_EMPTY_TIMES)
    yield apex, system_rrset(types.SOA, _EMPTY_TTL, (soa.encode(),), now)
    yield apex, system_rrset(types.NS, _EMPTY_TTL, (apex,), now)
    for owner in (_LOOPBACK4, _LOOPBACK6):
        if names.is_below(owner, apex):
            yield owner, system_rrset(types.PTR, _EMPTY_TTL, (_LOCALHOST,), now)
