"""What the value of a setting may be: how it is read from TOML, from a variable, and shown again.

A reader takes what TOML gave and returns the value that the program uses, or
raises ValueError with what is wanted.  Networks with bits set behind their
prefix are refused rather than cut: 10.0.0.1/8 is a typing error more often
than a network.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from bossa.crypto.enctypes import Enctype
from bossa.dns import names

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST = re.compile(rb"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Any label that can be written without an escape: forwarded reverse zones may have a slash (RFC 2317).
_RULE_LABEL = re.compile(rb"[a-z0-9_/-]{1,63}")
_REALM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_YES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
# For an exchange of secrets in an anycast group: the next one, the present one, and one to spare.
_MAX_SECRETS = 3
# It goes into every answer that asks for it, beside the records.
_MAX_NSID = 128


class Endpoint(NamedTuple):
    """An address and a port, as the socket module takes them."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class WrongEntries(ValueError):
    """Entries of a table that are wrong: the keys that lead to each, and why it is."""

    def __init__(self, wrong: Sequence[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(why for _, why in wrong))
        self.wrong = tuple(wrong)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: ``parse`` makes TOML's value of the text of a variable.

    ``entry`` is an example of one line of a table; tables have no variable.
    """

    read: Callable[[Any], Any]
    example: str
    parse: Callable[[str], Any] = str
    entry: str = ""
    # Whether no value, not even a wrong one, may be shown.
    hidden: bool = False

    @property
    def plain_example(self) -> str:
        """The example as the text of a variable."""
        return re.sub(r'[\[\]" ]', "", self.example)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret in the settings: whoever shows them shows that it is set."""

    octets: bytes = field(repr=False)

    def __str__(self) -> str:
        return "set"


def show(value: Any) -> str:
    """Return the value as one would write it in bossa.toml."""
    if isinstance(value, (tuple, list)) and not isinstance(value, Endpoint):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{show(name)} = {show(one)}" for name, one in value.items()) + " }" if value else "{}"
    return json.dumps(str(value), ensure_ascii=False)


def whole(low: int, high: int, example: int) -> Kind:
    """Whole numbers from ``low`` to ``high``."""

    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"a whole number from {low} to {high} is wanted")

    return Kind(read, str(example), _number)


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def read(value: Any) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValueError("one of " + ", ".join(map(show, choices)) + " is wanted")

    return Kind(read, show(choices[0]))


def many(each: Callable[[Any], Any], example: str) -> Kind:
    """A list; in a variable its members are set apart by commas."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError("a list is wanted")
        return tuple(dict.fromkeys(map(each, value)))

    return Kind(read, example, lambda text: [part.strip() for part in text.split(",") if part.strip()])


def some(each: Callable[[Any], Any], example: str) -> Kind:
    """A list that is not empty."""
    kind = many(each, example)

    def read(value: Any) -> tuple[Any, ...]:
        if found := kind.read(value):
            return tuple(found)
        raise ValueError("at least one is wanted")

    return replace(kind, read=read)


def read_yes(value: Any) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false is wanted")


def read_domain(value: Any) -> str:
    """Read a domain of host names; returns it in lower case, without the final dot."""
    if not isinstance(value, str):
        raise ValueError("a domain name is wanted, in quotes")
    parts = names.labels(names.from_text(value).lower())
    if not parts or not all(map(_HOST.fullmatch, parts)):
        raise ValueError("a domain name of letters, digits and hyphens is wanted")
    return b".".join(parts).decode("ascii")


def read_realm(value: Any) -> str:
    """Read a Kerberos realm, case kept.  RFC 4120 §6.1"""
    if isinstance(value, str) and _REALM.fullmatch(value):
        return value
    raise ValueError("a realm in the style of a domain name is wanted, such as BOSSA.TEST")


def read_address(value: Any) -> str:
    """Read an IP address in its usual spelling."""
    if isinstance(value, str):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            pass
    raise ValueError(f"{show(value)} is no IP address")


def read_listened(value: Any) -> str:
    """Read an address to listen on; a link-local one has to say on which link.  RFC 4007 §6"""
    address = ipaddress.ip_address(read_address(value))
    if isinstance(address, ipaddress.IPv6Address) and address.is_link_local and not address.scope_id:
        raise ValueError(f"{show(value)} is link-local and does not say on which interface, as fe80::1%eth0 does")
    return str(address)


def read_truncation(value: Any) -> int:
    """Read the bits of the shortest cut MAC.  RFC 8945 §5.2.2.1 takes none under 10 octets."""
    if type(value) is int and (value == 0 or (80 <= value <= 512 and value % 8 == 0)):
        return value
    raise ValueError("0 or a multiple of 8 from 80 to 512 is wanted")


def read_network(value: Any) -> Network:
    """Read a network, or one address, in CIDR notation."""
    if not isinstance(value, str):
        raise ValueError(f"{show(value)} is no network, such as 192.168.0.0/16")
    try:
        return ipaddress.ip_network(value)
    except ValueError as e:
        raise ValueError(f"{show(value)} is no network: {e}") from None


def read_endpoint(value: Any) -> Endpoint:
    """Read ``9.9.9.9``, ``9.9.9.9:5353``, ``2620:fe::9`` or ``[2620:fe::9]:5353``."""
    if isinstance(value, str):
        found = re.fullmatch(r"\[(?P<six>[^\]]+)\](?::(?P<p6>\d+))?|(?P<four>[\d.]+):(?P<p4>\d+)|(?P<bare>.+)", value)
        if found is not None:
            host = read_address(found["six"] or found["four"] or found["bare"])
            port = int(found["p6"] or found["p4"] or 53)
            if 0 < port < 0x10000:
                return Endpoint(host, port)
    raise ValueError(f"{show(value)} is no address with an optional port")


def read_rules(value: Any) -> dict[str, tuple[Endpoint, ...]]:
    """Read forward rules: domains, in lower case and without the final dot, with their resolvers; [] is nobody."""
    if not isinstance(value, dict):
        raise ValueError("a table of domains and their resolvers is wanted")
    found: dict[str, tuple[Endpoint, ...]] = {}
    wrong: list[tuple[tuple[str, ...], str]] = []
    for domain, resolvers in value.items():
        try:
            name = read_rule_domain(domain)
            if name in found:
                raise ValueError(f"there is a rule for {name} already")
            found[name] = _read_resolvers(resolvers)
        except ValueError as e:
            wrong.append(((domain, *_inner_keys(resolvers)), str(e)))
    if wrong:
        raise WrongEntries(wrong)
    return found


def read_rule_domain(value: str) -> str:
    """Read the domain of a forward rule, which holds for the name and everything below it."""
    parts = names.labels(names.from_text(value).lower())
    if not parts:
        raise ValueError("all other names go to the forwarders of [dns]")
    if parts[0] == b"*":
        raise ValueError("a rule holds for everything below its domain: leave the *. out")
    if not all(map(_RULE_LABEL.fullmatch, parts)):
        raise ValueError("a domain name of letters, digits, hyphens, _ and / is wanted")
    return b".".join(parts).decode("ascii")


def _read_resolvers(value: Any) -> tuple[Endpoint, ...]:
    if isinstance(value, dict):
        # TOML takes corp.example = … for a table in a table.
        raise ValueError("a domain with a dot stands in quotes")
    if not isinstance(value, list):
        raise ValueError("a list of resolvers is wanted, [] for none")
    return tuple(dict.fromkeys(map(read_endpoint, value)))


def _inner_keys(value: Any) -> list[str]:
    """Return the keys that lead from a table to its first value."""
    keys = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return keys


def read_host(value: Any) -> str:
    """Read a host name or an address, as a browser's Host header has it without the port."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{show(value)} is no host name")
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        return read_domain(value)


def read_enctype(value: Any) -> str:
    """Read an encryption type of Kerberos by its name.  RFC 3962 §7, RFC 8009 §8"""
    try:
        return Enctype.from_text(value).text
    except (ValueError, AttributeError):
        known = ", ".join(one.text for one in Enctype)
        raise ValueError(f"{show(value)} is none of the encryption types {known}") from None


def read_secret(value: Any) -> Hidden:
    """Read the sixteen octets of a secret for cookies."""
    if isinstance(value, str) and re.fullmatch(r"[0-9A-Fa-f]{32}", value):
        return Hidden(bytes.fromhex(value))
    raise ValueError("32 hexadecimal digits are wanted, such as openssl rand -hex 16 prints")


def read_secrets(value: Any) -> tuple[Hidden, ...]:
    """Read secrets, of which the first makes cookies and all verify; "" is none."""
    values = value if isinstance(value, (list, tuple)) else [value] if value else []
    if len(values) > _MAX_SECRETS:
        raise ValueError(f"at most {_MAX_SECRETS} are wanted")
    return tuple(map(read_secret, values))


def read_nsid(value: Any) -> str:
    """Read the name of a server: text, or octets as "0x" and hexadecimal digits.  RFC 5001 §2.3"""
    if isinstance(value, str) and len(octets_of(value)) <= _MAX_NSID:
        return value
    raise ValueError(f'at most {_MAX_NSID} octets are wanted, as text or as "0x" with hexadecimal digits')


def octets_of(text: str) -> bytes:
    """Return text as octets, hexadecimal digits when it begins with 0x; raises ValueError."""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def _number(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


YES = Kind(read_yes, "true", lambda text: _YES.get(text.lower(), text))
DOMAIN = Kind(read_domain, '"bossa.test"')
REALM = Kind(read_realm, '"BOSSA.TEST"')
TRUNCATION = Kind(read_truncation, "128", _number)
ADDRESSES = some(read_listened, '["127.0.0.1", "::1"]')
NETWORKS = many(read_network, '["127.0.0.0/8", "192.168.0.0/16"]')
ENDPOINTS = many(read_endpoint, '["9.9.9.9", "2620:fe::9"]')
RULES = Kind(read_rules, '{ "corp.example" = ["10.1.0.53"] }', entry='"corp.example" = ["10.1.0.53", "10.1.0.54:5353"]')
ENCTYPES = some(read_enctype, '["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"]')
HOSTS = many(read_host, '["bossa.example.org"]')
# The example is none: somebody would copy a secret.
SECRETS = replace(many(read_secret, "[]"), read=read_secrets, hidden=True)
NSID = Kind(read_nsid, '"ns1.example.org"')
