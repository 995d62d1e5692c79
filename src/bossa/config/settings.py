"""The settings of a domain: every key with its kind, its default, and whether a reload can take it.

``KEYS`` is the one table; the frozen structs give the values their types, and
docs and errors take their words from the table.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bossa.config import kinds
from bossa.config.kinds import Endpoint, Hidden, Kind, Network, octets_of, show
from bossa.crypto.enctypes import Enctype
from bossa.dns import names

MAX_DEFAULT_WORKERS = 16
# Loopback, RFC 1918 §3, RFC 4193 §3.1, RFC 4291 §2.5.6 and RFC 3927 §2.1: whoever is near.
NEAR = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "169.254.0.0/16",
        ),
    )
)


class DomainSettings(msgspec.Struct, frozen=True):
    """[domain]: ``name`` in lower case and without the final dot."""

    name: str
    realm: str

    @property
    def apex(self) -> bytes:
        """The domain as a key of zones."""
        return names.from_text(self.name + ".")


class ListenSettings(msgspec.Struct, frozen=True):
    """[listen]: the addresses, and what is added to each service's real port."""

    addresses: tuple[str, ...]
    port_base: int

    def port(self, real: int) -> int:
        """Return where the service of a real port (53, 80) listens."""
        return self.port_base + real


class DnsSettings(msgspec.Struct, frozen=True):
    """[dns]: no ``forwarders`` means the system's resolvers; ``forward`` has those of single domains.

    Times are in seconds, ``cache_size`` is in MiB.
    """

    workers: int
    recursion: tuple[Network, ...]
    forwarders: tuple[Endpoint, ...]
    forward: Mapping[str, tuple[Endpoint, ...]]
    cache_size: int
    cache_max_ttl: int
    serve_stale: int
    edns_size: int
    tcp_connections: int
    tcp_idle: int
    tsig_md5: bool
    tsig_truncation: int
    cookies: str
    cookie_secret: tuple[Hidden, ...]
    nsid: str
    rate_limit: int
    rate_slip: int
    rate_exempt: tuple[Network, ...]

    @property
    def nsid_octets(self) -> bytes:
        """The name of this server as it is told to clients who ask."""
        return octets_of(self.nsid)

    @property
    def min_mac(self) -> int | None:
        """The fewest octets of a cut MAC that are taken; None for whole ones only."""
        return self.tsig_truncation // 8 or None

    @property
    def cache_octets(self) -> int:
        """The size of the cache in octets."""
        return self.cache_size << 20


class KerberosSettings(msgspec.Struct, frozen=True):
    """[kerberos]: lifetimes, ages and windows in seconds; 0 switches off what may be switched off."""

    enabled: bool
    workers: int
    ticket_lifetime: int
    renew_lifetime: int
    clock_skew: int
    udp_limit: int
    enctypes: tuple[str, ...]
    password_min_length: int
    password_classes: int
    password_history: int
    password_min_age: int
    password_max_age: int
    lockout_after: int
    lockout_window: int
    lockout_time: int

    @property
    def enctype_numbers(self) -> tuple[int, ...]:
        """The encryption types, the preferred one first."""
        return tuple(int(Enctype.from_text(one)) for one in self.enctypes)

    @property
    def rollover_window(self) -> int:
        """How long after a change of keys a ticket may come that is sealed under the old ones."""
        return self.ticket_lifetime + self.clock_skew


class LogSettings(msgspec.Struct, frozen=True):
    """[log]: where ``format`` is console or json."""

    format: str
    level: str


class WebSettings(msgspec.Struct, frozen=True):
    """[web]: the status page; ``hosts`` are further names that a browser may call it by."""

    enabled: bool
    hosts: tuple[str, ...]


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "domain": DomainSettings,
    "listen": ListenSettings,
    "dns": DnsSettings,
    "kerberos": KerberosSettings,
    "log": LogSettings,
    "web": WebSettings,
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: ``default`` gets the values that come before it in the table."""

    kind: Kind
    default: Callable[[Mapping[str, Any]], Any]
    restart: bool = False


def _always(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda _: value


def default_workers() -> int:
    """One worker a core that we may run on; none, the owner answering alone, where there is only one."""
    cores = len(os.sched_getaffinity(0))
    return 0 if cores == 1 else min(cores, MAX_DEFAULT_WORKERS)


KEYS: dict[str, Key] = {
    "domain.name": Key(kinds.DOMAIN, _always("bossa.test"), restart=True),
    "domain.realm": Key(kinds.REALM, lambda seen: seen["domain.name"].upper(), restart=True),
    "listen.addresses": Key(kinds.ADDRESSES, _always(("127.0.0.1", "::1")), restart=True),
    # The highest real port so far is 464.
    "listen.port_base": Key(kinds.whole(0, 65000, 10000), _always(10000), restart=True),
    "dns.workers": Key(kinds.whole(0, 64, 2), lambda _: default_workers(), restart=True),
    "dns.recursion": Key(kinds.NETWORKS, _always(NEAR)),
    "dns.forwarders": Key(kinds.ENDPOINTS, _always(())),
    "dns.forward": Key(kinds.RULES, _always({})),
    # In the owner and as much in each query worker.
    "dns.cache_size": Key(kinds.whole(0, 65536, 64), _always(64), restart=True),
    # RFC 8767 §4: a week is the most that makes sense.
    "dns.cache_max_ttl": Key(kinds.whole(1, 604800, 86400), _always(86400)),
    "dns.serve_stale": Key(kinds.whole(0, 604800, 86400), _always(86400)),
    # RFC 6891 §6.2.3: values under 512 count as 512.  Prepared answers are cut to it.
    "dns.edns_size": Key(kinds.whole(512, 4096, 1232), _always(1232), restart=True),
    "dns.tcp_connections": Key(kinds.whole(1, 10000, 150), _always(150)),
    "dns.tcp_idle": Key(kinds.whole(1, 3600, 10), _always(10)),
    "dns.tsig_md5": Key(kinds.YES, _always(False)),
    "dns.tsig_truncation": Key(kinds.TRUNCATION, _always(0)),
    "dns.cookies": Key(kinds.one_of("on", "off", "required"), _always("on")),
    "dns.cookie_secret": Key(kinds.SECRETS, _always(())),
    "dns.nsid": Key(kinds.NSID, _always("")),
    "dns.rate_limit": Key(kinds.whole(0, 1000000, 20), _always(0)),
    "dns.rate_slip": Key(kinds.whole(0, 10, 2), _always(2)),
    "dns.rate_exempt": Key(kinds.NETWORKS, _always(())),
    "kerberos.enabled": Key(kinds.YES, _always(True), restart=True),
    "kerberos.workers": Key(kinds.whole(0, 64, 2), lambda seen: seen["dns.workers"], restart=True),
    "kerberos.ticket_lifetime": Key(kinds.whole(60, 2678400, 36000), _always(36000)),
    "kerberos.renew_lifetime": Key(kinds.whole(0, 31622400, 604800), _always(604800)),
    "kerberos.clock_skew": Key(kinds.whole(1, 3600, 300), _always(300)),
    # What a datagram carries on Ethernet; MIT krb5's clients turn to TCP at the same size.
    "kerberos.udp_limit": Key(kinds.whole(256, 65507, 1465), _always(1465)),
    # The order of MIT krb5's default_tkt_enctypes, which its keytabs and tickets are known in.
    "kerberos.enctypes": Key(
        kinds.ENCTYPES,
        _always(tuple(Enctype(one).text for one in (18, 17, 20, 19))),
    ),
    # NIST SP 800-63B §5.1.1.2: at least eight characters, no rule on their classes, no change without a reason.
    "kerberos.password_min_length": Key(kinds.whole(1, 128, 8), _always(8)),
    "kerberos.password_classes": Key(kinds.whole(1, 4, 3), _always(1)),
    "kerberos.password_history": Key(kinds.whole(0, 50, 5), _always(0)),
    "kerberos.password_min_age": Key(kinds.whole(0, 31622400, 86400), _always(0)),
    "kerberos.password_max_age": Key(kinds.whole(0, 315360000, 7776000), _always(0)),
    # SP 800-63B §5.2.2 asks for 100 at most.
    "kerberos.lockout_after": Key(kinds.whole(0, 1000, 10), _always(10)),
    "kerberos.lockout_window": Key(kinds.whole(1, 604800, 900), _always(900)),
    "kerberos.lockout_time": Key(kinds.whole(1, 31622400, 900), _always(900)),
    "log.format": Key(kinds.one_of("console", "json"), _always("console")),
    "log.level": Key(kinds.one_of("debug", "info", "warning", "error"), _always("info")),
    "web.enabled": Key(kinds.YES, _always(True), restart=True),
    "web.hosts": Key(kinds.HOSTS, _always(()), restart=True),
}


class Row(msgspec.Struct, frozen=True):
    """One setting for people: its value as in bossa.toml, and where it came from."""

    key: str
    value: str
    origin: str


class Change(msgspec.Struct, frozen=True):
    """One setting that differs, both values as in bossa.toml."""

    key: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.key}: {self.old} → {self.new}"


class Difference(msgspec.Struct, frozen=True):
    """What a reload finds: changes that it takes at once, and those that need a restart."""

    now: tuple[Change, ...]
    restart: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.now or self.restart)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; ``file`` is the bossa.toml they were read from, ``origins`` tells each key's source."""

    domain: DomainSettings
    listen: ListenSettings
    dns: DnsSettings
    kerberos: KerberosSettings
    log: LogSettings
    web: WebSettings
    file: Path | None = None
    origins: Mapping[str, str] = {}

    def value(self, key: str) -> Any:
        """Return the value of a key such as ``dns.workers``; raises KeyError."""
        if key not in KEYS:
            raise KeyError(key)
        section, name = key.split(".")
        return getattr(getattr(self, section), name)

    def origin(self, key: str) -> str:
        """Return where a value came from: ``default``, ``bossa.toml:7``, a variable, ``flag``."""
        return self.origins.get(key, "default")

    def rows(self) -> tuple[Row, ...]:
        """List every setting with its value and origin."""
        return tuple(Row(key, show(self.value(key)), self.origin(key)) for key in KEYS)

    def difference(self, other: Settings) -> Difference:
        """Tell what changes from these settings to ``other``."""
        changed = [key for key in KEYS if self.value(key) != other.value(key)]
        both = {key: Change(key, show(self.value(key)), show(other.value(key))) for key in changed}
        return Difference(
            tuple(change for key, change in both.items() if not KEYS[key].restart),
            tuple(change for key, change in both.items() if KEYS[key].restart),
        )

    def taking(self, other: Settings) -> Settings:
        """Return these settings with those changes of ``other`` that need no restart."""
        values = {key: (self if KEYS[key].restart else other).value(key) for key in KEYS}
        origins = {key: (self if KEYS[key].restart else other).origin(key) for key in KEYS}
        return build(values, origins, other.file)


def build(values: Mapping[str, Any], origins: Mapping[str, str], file: Path | None) -> Settings:
    """Make settings of checked values, one for every key."""
    parts: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for key, value in values.items():
        section, name = key.split(".")
        parts[section][name] = value
    structs: dict[str, Any] = {section: kind(**parts[section]) for section, kind in SECTIONS.items()}
    return Settings(**structs, file=file, origins=dict(origins))
