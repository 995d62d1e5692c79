"""Which Host headers are answered: a page elsewhere must not read ours by pointing its own name at us.

A browser sends the name that the user (or the attacker's page) asked for.  An
address in its place cannot be pointed anywhere, yet only those that the
server listens on are ours; on the wildcard addresses every address may be.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<plain>[^\[\]:]+))(?::[0-9]{1,5})?", re.ASCII)


class Hosts:
    """The names and addresses that the web port is known by; ``names`` are those beside localhost."""

    def __init__(self, addresses: Iterable[str], names: Iterable[str]) -> None:
        listening = [ipaddress.ip_address(address) for address in addresses]
        self._any_address = any(address.is_unspecified for address in listening)
        self._known = {str(address) for address in listening} | {name.lower().rstrip(".") for name in names}

    def __contains__(self, header: str) -> bool:
        """Tell whether a Host header, with or without its port, means us."""
        found = _HOST.fullmatch(header)
        if found is None:
            return False
        host = (found["six"] or found["plain"]).lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host in self._known
        return self._any_address or address.is_loopback or str(address) in self._known
