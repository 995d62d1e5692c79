"""What the first lines of a server say: where everything is, and lines to copy.

At most fifteen lines, and only of services that exist.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bossa.admin.realm import FIRST_PASSWORD
from bossa.admin.status import Service


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the banner tells; ``command`` is how the user called bossa, ``dns`` a host and port to ask.

    ``administrator`` is whose first password is in a file of the data directory, "" where no tickets are given out.
    """

    version: str
    domain: str
    realm: str
    data: Path
    services: Sequence[Service]
    dns: tuple[str, int]
    command: str
    administrator: str = ""


def lines(greeting: Greeting) -> list[str]:
    """Return the lines."""
    host, port = greeting.dns
    key = shlex.quote(str(greeting.data / "admin.key"))
    at = "" if port == 53 else f" {port}"
    flag = "" if port == 53 else f" -p {port}"
    update = f"server {host}{at}\\nzone {greeting.domain}\\nupdate add hi.{greeting.domain} 60 A 192.0.2.7\\nsend\\n"
    bossa = greeting.command
    password = greeting.data / FIRST_PASSWORD
    tickets = bool(greeting.administrator)
    return [
        f"bossa {greeting.version}: domain {greeting.domain}, realm {greeting.realm}, data {greeting.data}",
        *(f"  {service.name:<8} {'  '.join(service.addresses)}" for service in greeting.services),
        f"  admin    TSIG key in {greeting.data / 'admin.key'}" + f", first password in {password}" * tickets,
        "Try it in another shell:",
        f'  eval "$({bossa} env)"',
        f"  dig @{host}{flag} ns1.{greeting.domain}",
        f"  dig @{host}{flag} debian.org",
        f"  printf '{update}' | nsupdate -k {key}",
        *[f"  kinit {greeting.administrator} < {shlex.quote(str(password))} && klist"] * tickets,
        f"  {bossa} check",
        f"Ctrl-C stops it. {bossa} --help lists the commands.",
    ]
