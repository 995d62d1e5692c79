"""The system's resolvers, read from the text of /etc/resolv.conf.  resolv.conf(5)"""

from __future__ import annotations

import ipaddress

# The C library's own limit (MAXNS): later lines are for nobody.
_MAX = 3


def nameservers(text: str) -> tuple[str, ...]:
    """Return the addresses of the first three ``nameserver`` lines, each once.

    Lines that hold no address are passed over, as the C library does; without
    any the result is empty.  An IPv6 address keeps its zone ("fe80::1%eth0").
    """
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and (address := _address(words[1])):
            found.append(address)
    return tuple(dict.fromkeys(found[:_MAX]))


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
