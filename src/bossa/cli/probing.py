"""What the commands that sign updates as a client need: whose key or ticket, which KDCs, sockets and clocks.

Files of others are read here: a TSIG key, a keytab, a credential cache, a
krb5.conf, whose KDCs are asked where none is named.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bossa.admin import check, signin, words
from bossa.admin.errors import Exit, Failure
from bossa.admin.kdcline import KdcLine
from bossa.admin.locate import KRB5_CONF
from bossa.admin.probe import Plan, Probe
from bossa.admin.session import Means, StepLine, Whom, failed
from bossa.admin.signin import Holder
from bossa.dns import types
from bossa.dns.probe.conversation import Fault, Way
from bossa.dns.probe.registration import Address as Registered
from bossa.dns.resolvconf import nameservers
from bossa.krb.profile import Profile
from bossa.net import ask
from bossa.net.ask import Address
from bossa.net.source import ELSEWHERE, source_address

_DNS_PORT, _KDC_PORT = 53, 88
_KRB5_CONF = "/etc/krb5.conf"
_RESOLV_CONF = "/etc/resolv.conf"
_TYPES = {"TXT": types.TXT, "A": types.A, "AAAA": types.AAAA}


@dataclass(frozen=True, slots=True)
class Files:
    """What the command line names: files, and who and where."""

    key: Path | None = None
    ccache: Path | None = None
    keytab: Path | None = None
    principal: str = ""
    realm: str = ""
    kdc: str = ""
    data: Path = Path("data")


def probe(plan: Plan, files: Files, server: Address, *, service: str, spnego: bool) -> Iterator[StepLine]:
    """Do the steps of a probe; raises Failure for what cannot be begun."""
    try:
        whom = replace(whose(files, server), service=service, spnego=spnego)
    except Fault as fault:
        yield failed(f"keys in {files.keytab}", fault)
        return
    yield from Probe(plan, whom, means(files)).run()


def whose(files: Files, server: Address) -> Whom:
    """Return whom to ask, with whose tickets or key; raises Failure or Fault."""
    if files.key is not None:
        return Whom(server, key=check.read_key(files.key))
    return Whom(server, holder=holder(files), realm_of=read_profile(files.data).realm_of)


def plan(zone: str, name: str, rtype: str, *, tcp: bool) -> Plan:
    """Return what to probe; raises Failure."""
    if rtype not in _TYPES:
        raise Failure(f"type {rtype}", "the record is of one of three types", f"one of {', '.join(_TYPES)}", Exit.USAGE)
    apex = words.absolute(zone)
    return Plan(apex, words.below(name, apex) if name else None, _TYPES[rtype], Way.TCP if tcp else Way.UDP)


def holder(files: Files) -> Holder:
    """Return whose tickets are used: a keytab's, or those of who has signed in; raises Failure or Fault."""
    if files.keytab is not None:
        return signin.read_keytab(files.keytab, files.principal, files.realm)
    return signin.read_ccache(files.ccache or _own_cache())


def _own_cache() -> Path:
    """The credential cache that the libraries take.  krb5's FILE caches are the ones that we read."""
    kind, colon, rest = os.environ.get("KRB5CCNAME", f"FILE:/tmp/krb5cc_{os.getuid()}").partition(":")
    if colon and kind != "FILE":
        fix = "export KRB5CCNAME=FILE:/some/file, then kinit"
        raise Failure(f"credential cache {kind}:{rest}", "only caches that are files can be read", fix, Exit.USAGE)
    return Path(rest if colon else kind)


def means(files: Files) -> Means:
    """Return the sockets and clocks, with the way to the KDCs."""
    clocks = (time.time, time.perf_counter, os.urandom)
    return Means(ask.udp, ask.tcp, kdc_line(files), *clocks)


def kdc_line(files: Files) -> KdcLine:
    """Return the way to each realm's KDCs."""
    profile = read_profile(files.data)

    def addresses(realm: str) -> tuple[Address, ...]:
        if files.kdc:
            return (server_address(files.kdc, default=_KDC_PORT),)
        if named := profile.kdcs.get(realm):
            return tuple(server_address(one, default=_KDC_PORT) for one in named)
        fix = "name one with --kdc HOST:PORT, or the realm's kdc in krb5.conf (KRB5_CONFIG)"
        raise Failure(f"realm {realm}", "nothing says where its KDC is", fix)

    return KdcLine(addresses, partial(ask.udp, mark=0), partial(ask.tcp, width=4))


def read_profile(data: Path) -> Profile:
    """Read the krb5.conf of KRB5_CONFIG; else the data directory's, or the host's."""
    named = os.environ.get("KRB5_CONFIG", "")
    for name in named.split(":") if named else (data / KRB5_CONF, _KRB5_CONF):
        try:
            return Profile.parse(Path(name).read_text(errors="replace"))
        except OSError:
            continue
    return Profile()


def default_server() -> str:
    """Return the server of BOSSA_SERVER and BOSSA_PORT, else the system's first resolver; raises Failure."""
    if host := os.environ.get("BOSSA_SERVER"):
        return f"{f'[{host}]' if ':' in host else host}:{os.environ.get('BOSSA_PORT', _DNS_PORT)}"
    try:
        found = nameservers(Path(_RESOLV_CONF).read_text(errors="replace"))
    except OSError:
        found = ()
    if not found:
        fix = "name one with --server HOST:PORT"
        raise Failure("name server", f"neither BOSSA_SERVER nor {_RESOLV_CONF} names one", fix, Exit.USAGE)
    return found[0]


def addresses(given: Sequence[str], server: str) -> tuple[Registered, ...]:
    """Return the addresses that are given, or this machine's as others see it; raises Failure.

    That is the one on the way to the server, or to everybody where the server is on this machine.
    """
    if given:
        return tuple(map(_registered, given))
    ways = (server, *ELSEWHERE) if not ipaddress.ip_address(server).is_loopback else (*ELSEWHERE, server)
    found = dict.fromkeys(ipaddress.ip_address(one) for one in map(source_address, ways) if one is not None)
    outside = tuple(one for one in found if not (one.is_loopback or one.is_link_local))
    return outside or tuple(found)[:1]


def _registered(text: str) -> Registered:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Failure(f"address {text}", "it is none", "write it like 192.0.2.7 or 2001:db8::7", Exit.USAGE) from None


def server_address(text: str, port: int = 0, *, default: int = _DNS_PORT) -> Address:
    """Read ``192.0.2.1``, ``[::1]:10053`` or a host's name, whose address is looked up; raises Failure."""
    host, named = _split(text)
    try:
        found = socket.getaddrinfo(host, port or int(named or default), type=socket.SOCK_DGRAM)
    except (OSError, ValueError, OverflowError) as e:
        why = getattr(e, "strerror", None) or str(e)
        raise Failure(f"server {text}", why, "write it like 192.0.2.1, [2001:db8::1]:53 or ns1.example.test") from e
    address = found[0][4]
    return str(address[0]), int(address[1])


def _split(text: str) -> tuple[str, str]:
    """Take the port from behind a host; an IPv6 address may stand without brackets where no port follows."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""
