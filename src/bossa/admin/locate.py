"""How clients find the realm: SRV, URI and TXT records in our zone, and a krb5.conf in the data directory.

The records are the system's own: they follow the ports and the addresses, and
where somebody put a record of his own, his stays.  RFC 4120 §7.2.3 (SRV), RFC
2782, RFC 7553 (URI, in the form of MIT krb5: ``krb5srv:m:udp:HOST:PORT``), and
the TXT record ``_kerberos`` by which MIT and Heimdal find a host's realm.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from bossa.admin import words
from bossa.admin.office import Office
from bossa.dns import names, types
from bossa.dns.changes import Draft, system_rrset
from bossa.dns.zone import Origin, RRset, RRsetChange
from bossa.files import atomic

KDC_PORT = 88
KPASSWD_PORT = 464
KRB5_CONF = "krb5.conf"
_URI = 256
_HOST = "kdc"
_TTL = 3600
_SRV_HEAD = Struct("!HHH")
_URI_HEAD = Struct("!HH")
# Priority and weight: there is one server.
_FIRST, _ANY_WEIGHT, _URI_WEIGHT = 0, 100, 1
_SERVICES = {"_kerberos": KDC_PORT, "_kerberos-master": KDC_PORT, "_kpasswd": KPASSWD_PORT}
_Key = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the realm's services listen: at these addresses, each real port plus ``port_base``."""

    addresses: Sequence[str]
    port_base: int

    def port(self, real: int) -> int:
        """Return where the service of a real port listens."""
        return self.port_base + real


async def keep_realm_records(office: Office, realm: str, place: Place | None) -> bool:
    """Make the records in our zone tell where the realm is, None: that there is none; return whether any changed.

    A zone that is not there, or is another server's, stays as it is.
    """
    options = office.names.options.get(office.domain)
    if office.domain not in office.names.zones or (options is not None and options.primaries):
        return False
    wanted = dict(realm_records(office.domain, realm, place)) if place is not None else {}
    known = {*wanted, *_all_keys(office.domain, realm)}
    now = office.now

    def decide(draft: Draft) -> list[RRsetChange]:
        return [change for key in sorted(known) if (change := _change(draft, key, wanted.get(key), now)) is not None]

    return await office.names.edit(office.domain, decide) is not None


def realm_records(domain: bytes, realm: str, place: Place) -> Iterator[tuple[_Key, list[bytes]]]:
    """Yield what is to stand in the domain's zone: (owner, type) and the records' data."""
    host = names.from_text(_HOST, domain)
    for rtype, version in ((types.A, 4), (types.AAAA, 6)):
        if found := [one.packed for one in _reachable(place.addresses) if one.version == version]:
            yield (host, rtype), found
    yield (names.from_text("_kerberos", domain), types.TXT), [bytes((len(realm),)) + realm.encode()]
    if (base := _realm_name(domain, realm)) is None:
        return
    for service, real in _SERVICES.items():
        port = place.port(real)
        for transport in ("_udp", "_tcp"):
            owner = names.from_text(f"{service}.{transport}", base)
            yield (owner, types.SRV), [_SRV_HEAD.pack(_FIRST, _ANY_WEIGHT, port) + host]
    for service in ("_kerberos", "_kpasswd"):
        port, target = place.port(_SERVICES[service]), words.plain(host)
        uris = (f"krb5srv:m:{transport}:{target}:{port}" for transport in ("udp", "tcp"))
        octets = [_URI_HEAD.pack(_FIRST, _URI_WEIGHT) + uri.encode() for uri in uris]
        yield (names.from_text(service, base), _URI), octets


def _all_keys(domain: bytes, realm: str) -> Iterator[_Key]:
    """Yield every place at which a record of ours may stand from before."""
    everywhere = Place(("127.0.0.1", "::1"), 0)
    yield from (key for key, _ in realm_records(domain, realm, everywhere))


def _realm_name(domain: bytes, realm: str) -> bytes | None:
    """Return the realm as a name in our zone; None when it lies elsewhere."""
    name = names.from_text(realm.lower() + ".")
    return name if names.is_below(name, domain) else None


def _reachable(addresses: Sequence[str]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses that a client can be told."""
    found = [ipaddress.ip_address(one) for one in addresses]
    return [one for one in found if not one.is_unspecified and not getattr(one, "scope_id", None)]


def _change(draft: Draft, key: _Key, wanted: list[bytes] | None, now: int) -> RRsetChange | None:
    owner, rtype = key
    before = draft.find(owner, rtype)
    if (before is not None and not _is_ours(before)) or draft.find(owner, types.CNAME) is not None:
        return None
    if wanted is None:
        return RRsetChange(owner, rtype, before, None) if before is not None else None
    if before is not None and (sorted(before.rdatas), before.ttl) == (sorted(wanted), _TTL):
        return None
    return RRsetChange(owner, rtype, before, system_rrset(rtype, _TTL, wanted, now))


def _is_ours(rrset: RRset) -> bool:
    return all(mark.origin is Origin.SYSTEM for mark in rrset.marks)


def write_krb5_conf(data: Path, domain: str, realm: str, place: Place, *, udp_limit: int = 1465) -> Path:
    """Write ``krb5.conf`` for clients on this machine; one that says the same stays untouched.  Raises OSError."""
    path, text = data / KRB5_CONF, krb5_conf(domain, realm, place, udp_limit=udp_limit).encode()
    if not path.exists() or path.read_bytes() != text:
        atomic.replace(path, text, 0o644)
    return path


def remove_krb5_conf(data: Path) -> None:
    """Take the ``krb5.conf`` of an earlier start away, where no tickets are given out.  Raises OSError."""
    (data / KRB5_CONF).unlink(missing_ok=True)


def krb5_conf(domain: str, realm: str, place: Place, *, udp_limit: int = 1465) -> str:
    """Return a krb5.conf that MIT's and Heimdal's programs read.  krb5.conf(5)

    Tickets are asked for forwardable, without which nobody may act for their
    owner; host names are taken as they are typed.
    """
    hosts = [_written(one) for one in place.addresses]
    kdcs = "".join(f"        kdc = {host}:{place.port(KDC_PORT)}\n" for host in hosts)
    passwords = "".join(f"        kpasswd_server = {host}:{place.port(KPASSWD_PORT)}\n" for host in hosts[:1])
    return (
        "# Written by bossa at each start.\n"
        "[libdefaults]\n"
        f"    default_realm = {realm}\n"
        "    dns_lookup_realm = false\n"
        "    dns_canonicalize_hostname = false\n"
        "    rdns = false\n"
        "    forwardable = true\n"
        f"    udp_preference_limit = {udp_limit}\n"
        "\n[realms]\n"
        f"    {realm} = {{\n{kdcs}{passwords}    }}\n"
        "\n[domain_realm]\n"
        f"    .{domain} = {realm}\n"
        f"    {domain} = {realm}\n"
    )


def _written(address: str) -> str:
    """Return an address as it stands before a port; who listens everywhere is reached at home."""
    ip = ipaddress.ip_address(address)
    if ip.is_unspecified:
        ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"[{ip}]" if ip.version == 6 else str(ip)
