"""Other servers as an operator writes them: ``192.0.2.1``, ``192.0.2.1:5353@key``, ``[2001:db8::1]:53@key``."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from bossa.dns import names

PORT = 53


class Remote(NamedTuple):
    """Another name server, and the TSIG key (a lower-case wire name) that it and we share, if any."""

    host: str
    port: int = PORT
    key: bytes | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The one spelling that is stored and shown."""
        host = f"[{self.host}]" if ":" in self.host and self.port != PORT else self.host
        port = "" if self.port == PORT else f":{self.port}"
        return f"{host}{port}" + (f"@{names.to_text(self.key).rstrip('.')}" if self.key else "")

    @classmethod
    def parse(cls, text: str) -> Remote:
        """Read ``ADDRESS[:PORT][@KEY]``, an IPv6 address with a port in brackets; raises ValueError."""
        address, at, key = text.partition("@")
        if at and not key:
            raise ValueError("no key follows the @")
        host, port = _split(address)
        return cls(str(ipaddress.ip_address(host)), port, names.from_text(key, names.ROOT).lower() if at else None)


def _split(address: str) -> tuple[str, int]:
    """Split an address from its port."""
    if address.startswith("["):
        host, closed, rest = address[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{address!r} is no address in brackets")
        return host, _port(rest[1:]) if rest else PORT
    if address.count(":") == 1:
        host, _, port = address.partition(":")
        return host, _port(port)
    return address, PORT


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 0x10000):
        raise ValueError(f"{text!r} is no port")
    return int(text)
