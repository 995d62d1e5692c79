"""The client's side of Kerberos in tests: a krb5.conf, and seats at which MIT's and Heimdal's programs run.

A seat is one credential cache with the configuration that leads to the test's
realms and to nothing else: no DNS, no ``/etc/krb5.conf``, no other user's cache.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bossa.testing.debian import HEIMDAL, environment, program

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a realm answers, and which host names are its own: ``domain`` and all below it, none if that is ""."""

    realm: str
    domain: str
    kdc_port: int
    kpasswd_port: int = 0

    def realm_lines(self) -> list[str]:
        """Return its entry of ``[realms]``."""
        kpasswd = [f"    kpasswd_server = {ADDRESS}:{self.kpasswd_port}"] if self.kpasswd_port else []
        return [f"  {self.realm} = {{", f"    kdc = {ADDRESS}:{self.kdc_port}", *kpasswd, "  }"]

    def domain_lines(self) -> list[str]:
        """Return its entries of ``[domain_realm]``."""
        return [f"  {name} = {self.realm}" for name in (self.domain, f".{self.domain}") if self.domain]


def krb5_conf(places: Sequence[Place], *libdefaults: str) -> str:
    """Return a krb5.conf for some realms, the first of them the default; ``libdefaults`` are lines ``name = value``."""
    own = {
        "default_realm": places[0].realm,
        "dns_lookup_realm": "false",
        "dns_lookup_kdc": "false",
        "dns_canonicalize_hostname": "false",
        "rdns": "false",
        "forwardable": "true",
        "kdc_timesync": "0",
    }
    given = dict(line.split(" = ", 1) for line in libdefaults)
    lines = ["[libdefaults]", *(f"  {name} = {value}" for name, value in (own | given).items())]
    lines += ["[realms]", *(line for place in places for line in place.realm_lines())]
    lines += ["[domain_realm]", *(line for place in places for line in place.domain_lines())]
    return "\n".join(lines) + "\n"


class Seat:
    """One who signs in: a credential cache, and the programs that use it."""

    def __init__(self, config: Path, ccache: Path) -> None:
        self.config = config
        self.ccache = ccache

    @property
    def variables(self) -> dict[str, str]:
        """What the libraries of MIT and Heimdal are told by the environment."""
        return {
            "KRB5_CONFIG": str(self.config),
            "KRB5CCNAME": f"FILE:{self.ccache}",
            # What the library tried: what a failed test should show.
            "KRB5_TRACE": f"{self.ccache}.trace",
            "LC_ALL": "C",
            "TZ": "UTC",
        }

    @property
    def env(self) -> dict[str, str]:
        """The environment in which MIT's programs work from this seat."""
        return environment() | self.variables

    def run(
        self, name: str, *words: str, text: str | None = None, check: bool = True, heimdal: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of MIT's, or of Heimdal's, which must succeed unless ``check`` is off; ``text`` is input."""
        where = HEIMDAL if heimdal else None
        done = subprocess.run(
            [*program(name, clients=where), *words],
            env=environment(clients=where) | self.variables,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        assert not check or done.returncode == 0, f"{name} {' '.join(words)}: {done.stdout}\n{self.trace[-4000:]}"
        return done

    def fails(self, name: str, *words: str, text: str | None = None, heimdal: bool = False) -> str:
        """Run a program that must fail, and return what it said."""
        done = self.run(name, *words, text=text, check=False, heimdal=heimdal)
        assert done.returncode != 0, f"{name} {' '.join(words)} succeeded: {done.stdout}"
        return done.stdout

    @property
    def trace(self) -> str:
        """What the library logged so far."""
        file = Path(f"{self.ccache}.trace")
        return file.read_text(errors="replace") if file.exists() else ""

    def kinit(self, principal: str, password: str, *words: str) -> Seat:
        """Sign in with a password."""
        self.run("kinit", *words, principal, text=f"{password}\n")
        return self

    def kinit_keytab(self, principal: str, keytab: Path, *words: str) -> Seat:
        """Sign in with a key."""
        self.run("kinit", "-k", "-t", str(keytab), *words, principal)
        return self

    def kvno(self, *words: str) -> str:
        """Get tickets for services and return what kvno says of them."""
        return self.run("kvno", *words).stdout

    def klist(self, *words: str) -> str:
        """List the cache."""
        return self.run("klist", *words).stdout

    def flags(self, service: str) -> set[str]:
        """Return the letters that klist -f shows of the ticket for a service."""
        _, _, after = self.klist("-f").partition(f"{service}@")
        return set(after.split("Flags: ", 1)[1].split(maxsplit=1)[0].rstrip(","))
