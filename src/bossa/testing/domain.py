"""A whole domain for one test: its server, its addresses, its administrator's key, and ways to ask it.

Names without a final dot are relative to the domain: ``domain.ask("ws1")``
asks for ``ws1.bossa.test``.  Everything that is not raw goes through
dnspython, which also checks the signatures of answers to signed messages.

For Kerberos a user takes a seat: ``domain.kinit("alice", "secret").kvno("HTTP/web.bossa.test")``;
accounts are ``domain.directory``'s.  See :mod:`bossa.testing.kerberos`, :mod:`bossa.testing.directory`.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdataclass
import dns.tsig
import dns.update

from bossa.admin import keys, policies, records, rows, secondaries, zones
from bossa.admin.errors import Failure
from bossa.cli.call import Stream, call
from bossa.dns import names as dns_names
from bossa.dns import types
from bossa.dns.zone import Mark, Origin
from bossa.dns.zonefile import Source, load_zone
from bossa.testing.directory import Directory
from bossa.testing.kerberos import Place, Seat, krb5_conf
from bossa.testing.ports import SERVICES, Reservation, reserve
from bossa.testing.process import Server, StartFailed

_START_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class TsigKey:
    """A TSIG key as nsupdate's key file spells it: ``secret`` is base64."""

    name: str
    algorithm: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``key "NAME" { algorithm A; secret "S"; };``; raises ValueError."""
        return cls(*keys.read_clause(text))

    @property
    def dns(self) -> dns.tsig.Key:
        """The key as dnspython wants it."""
        algorithm = "hmac-md5.sig-alg.reg.int." if self.algorithm == "hmac-md5" else self.algorithm
        return dns.tsig.Key(self.name, self.secret, algorithm)

    @property
    def file(self) -> str:
        """The form of ``nsupdate -k``."""
        return keys.clause(self.name, self.algorithm, self.secret)


class Domain:
    """A running domain in a directory of its own; see :mod:`bossa.testing.plugin` for the fixtures."""

    address = "127.0.0.1"

    def __init__(self, home: Path, *, name: str = "bossa.test", config_toml: str = "", workers: int = 1) -> None:
        self.home = home
        self.name = name
        self.realm = name.upper()
        self.data = home / "data"
        self.origin = dns.name.from_text(name)
        self._workers = workers
        self._log = home / "log"
        self._log.touch()
        self._server: Server | None = None
        self._reservation: Reservation | None = None
        self._config: Path | None = None
        self._seats = 0
        self.directory = Directory(self.data, home)
        if config_toml:
            self._config = home / "bossa.toml"
            self._config.write_text(config_toml)

    # The server's life

    def start(self) -> None:
        """Start on a free base; whoever takes one of its ports meanwhile makes us try the next."""
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._reservation = reserve()
            self._server = self._new_server(self._reservation.base)
            try:
                self._server.start()
            except StartFailed as e:
                self._reservation.release()
                if "cannot listen" not in str(e) or attempt == _START_ATTEMPTS:
                    raise
            else:
                return

    def restart(self) -> None:
        """End the server if it still runs, and start it again on the same data and ports."""
        if self.server.running:
            self.server.stop()
        self.server.start()

    def stop(self) -> int:
        """End the server gracefully; return its exit code."""
        return self.server.stop()

    def kill(self) -> None:
        """Kill the server as a power cut would (SIGKILL)."""
        self.server.kill()

    def close(self) -> None:
        """End everything and give the ports back."""
        if self._server is not None and self._server.running:
            self._server.stop()
        if self._reservation is not None:
            self._reservation.release()

    @property
    def server(self) -> Server:
        """The process."""
        assert self._server is not None, "the domain was never started"
        return self._server

    @property
    def log(self) -> str:
        """Everything the server wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for_log(self, pattern: str, *, since: int = 0, timeout: float = 5.0) -> str:
        """Return the first line after offset ``since`` that matches; raises AssertionError after ``timeout``."""
        deadline = time.monotonic() + timeout
        while True:
            lines = [line for line in self.log[since:].splitlines() if re.search(pattern, line)]
            if lines:
                return lines[0]
            assert time.monotonic() < deadline, f"no line like {pattern!r} in the log:\n{self.log[since:]}"
            time.sleep(0.01)

    # Where it is

    @property
    def port_base(self) -> int:
        """What ``--port-base`` got."""
        assert self._reservation is not None, "the domain was never started"
        return self._reservation.base

    @property
    def dns_port(self) -> int:
        """The port of names, UDP and TCP."""
        return self.port_base + SERVICES["dns"]

    @property
    def web_port(self) -> int:
        """The port of the status page and the metrics."""
        return self.port_base + SERVICES["web"]

    @property
    def kdc_port(self) -> int:
        """The port of tickets, UDP and TCP."""
        return self.port_base + SERVICES["kdc"]

    @property
    def place(self) -> Place:
        """Where the realm answers, as a krb5.conf says it."""
        return Place(self.realm, self.name, self.kdc_port, self.port_base + SERVICES["kpasswd"])

    @property
    def env(self) -> dict[str, str]:
        """The environment in which ``bossa`` commands and other programs find this domain."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BOSSA_")}
        return kept | {"BOSSA_DATA": str(self.data), "BOSSA_DNS_WORKERS": str(self._workers), "NO_COLOR": "1"}

    @property
    def admin_key(self) -> TsigKey:
        """The administrator's TSIG key, from ``data/admin.key``."""
        return TsigKey.parse((self.data / "admin.key").read_text())

    # Commands

    def run(
        self,
        *arguments: str,
        text: str | None = None,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a ``bossa`` command on this domain's data; ``text`` is its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "bossa.cli", *arguments],
            cwd=self.home,
            env=self.env | dict(env or {}),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"bossa {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done

    # What the commands do, without starting a program for each

    def add_key(self, name: str, algorithm: str = "hmac-sha256", secret: str = "") -> TsigKey:
        """Make a TSIG key, as ``bossa key add`` does; without a secret the server chooses one."""
        shown = call(self.data, keys.key_add, keys.KeyAdd(name=name, algorithm=algorithm, secret=secret))
        return TsigKey.parse(shown.clause)

    def remove_key(self, name: str) -> None:
        """Forget a TSIG key."""
        call(self.data, keys.key_remove, keys.KeyNamed(name))

    def allow(self, zone: str, who: str, scope: str = "zone", what: str = "", types: Sequence[str] = ()) -> None:
        """Append a rule: ``allow("bossa.test", "key:k", "subdomain", "lab.bossa.test", ["A", "AAAA"])``."""
        rule = policies.PolicyAdd(zone=zone, who=who, scope=scope, what=what, types=tuple(types))
        call(self.data, policies.policy_add, rule)

    def add_zone(self, name: str, text: str, *, replace: bool = False) -> None:
        """Make a zone of master-file text; raises ZoneFileError."""
        rrsets = load_zone(
            Source(f"zone {name}", io.StringIO(text)), dns_names.from_text(name).lower(), mark=Mark(Origin.FILE, 0)
        )
        chunks = Stream(rows.chunks(rrsets, marks=False))
        call(self.data, zones.zone_import, zones.ZoneImport(name=name, replace=replace), chunks)

    def follow(self, name: str, *primaries: str) -> None:
        """Make a zone whose content comes from primaries, each as ``127.0.0.1:10053@key``."""
        call(self.data, zones.zone_add, zones.ZoneAdd(name=name, primaries=primaries))

    def set_zone(self, name: str, **options: Any) -> None:
        """Change a zone's options: ``set_zone("bossa.test", allow_transfer=("key:k",))``."""
        call(self.data, zones.zone_set, zones.ZoneSet(name=name, **options))

    def retransfer(self, name: str, *, full: bool = False) -> str:
        """Have a secondary zone refreshed now; return why that failed, "" when it did not."""
        try:
            call(self.data, secondaries.zone_retransfer, secondaries.ZoneRetransfer(name=name, full=full))
        except Failure as e:
            return e.why
        return ""

    def content(self, name: str) -> set[tuple[str, str, int, tuple[bytes, ...]]]:
        """Return all of a zone's RRsets: owner, type, TTL, and the data in an order of its own."""
        found: list[rows.Row] = []
        stream = Stream(on_data=lambda chunk: found.extend(rows.decode(chunk)))
        call(self.data, records.record_list, records.RecordList(zone=name), stream)
        return {
            (dns_names.to_text(row.owner), types.type_text(row.type), row.ttl, tuple(sorted(row.rdatas)))
            for row in found
        }

    def remove_zone(self, name: str) -> None:
        """Forget a zone."""
        call(self.data, zones.zone_remove, zones.ZoneNamed(name))

    # Kerberos

    def krb5_conf(self, *libdefaults: str, others: Sequence[Place] = ()) -> Path:
        """Write a krb5.conf that leads to this domain, and to other realms; the same words make the same file."""
        text = krb5_conf([self.place, *others], *libdefaults)
        file = self.home / f"krb5-{hashlib.sha256(text.encode()).hexdigest()[:8]}.conf"
        file.write_text(text)
        return file

    def seat(self, *libdefaults: str, others: Sequence[Place] = ()) -> Seat:
        """Return an empty credential cache with a krb5.conf."""
        self._seats += 1
        return Seat(self.krb5_conf(*libdefaults, others=others), self.home / f"seat{self._seats}.cc")

    def kinit(self, principal: str, password: str, *words: str) -> Seat:
        """Sign in with a password at a seat of its own; ``words`` are further arguments of MIT's kinit."""
        return self.seat().kinit(principal, password, *words)

    # Messages

    def full(self, name: str | dns.name.Name) -> dns.name.Name:
        """Return the absolute name; a relative one is below the domain."""
        return name if isinstance(name, dns.name.Name) else dns.name.from_text(name, self.origin)

    def ask(
        self, name: str | dns.name.Name, rdtype: str = "A", *, tcp: bool = False, key: TsigKey | None = None
    ) -> dns.message.Message:
        """Ask with EDNS as dig does, but without recursion desired."""
        query = dns.message.make_query(self.full(name), rdtype, use_edns=0, payload=1232, flags=0)
        if key is not None:
            query.use_tsig(key.dns)
        return self.send(query, tcp=tcp)

    def values(self, name: str | dns.name.Name, rdtype: str = "A") -> list[str]:
        """Return the data of the answer's records of that type, sorted, in master-file form."""
        answer = self.ask(name, rdtype).answer
        return sorted(rdata.to_text() for rrset in answer if rrset.rdtype.name == rdtype for rdata in rrset)

    def serial(self, zone: str | None = None) -> int:
        """Return a zone's serial number, of the domain's own zone unless another is named."""
        apex = dns.name.from_text(zone) if zone else self.origin
        (soa,) = self.ask(apex, "SOA").answer[0]
        return int(soa.serial)

    def update(self, zone: str | None = None, *, key: TsigKey | None = None) -> dns.update.UpdateMessage:
        """Return an empty update message, signed with ``key`` (the administrator's unless another is given)."""
        return dns.update.UpdateMessage(zone or self.origin, keyring=(key or self.admin_key).dns)

    def send(self, message: dns.message.Message, *, tcp: bool = False, timeout: float = 10.0) -> dns.message.Message:
        """Send a message and return the answer; raises what dnspython raises."""
        how = dns.query.tcp if tcp else dns.query.udp
        return how(message, self.address, timeout=timeout, port=self.dns_port)

    def exchange(self, wire: bytes, *, tcp: bool = False, timeout: float = 5.0) -> bytes:
        """Send octets as they are and return the octets that come back; raises TimeoutError."""
        if tcp:
            return self._exchange_tcp(wire, timeout)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.sendto(wire, (self.address, self.dns_port))
            return client.recv(65535)

    def silent(self, wire: bytes, *, tcp: bool = False, timeout: float = 0.3) -> bool:
        """Send octets and tell whether nothing came back for so long; over TCP a closed connection is silence too."""
        try:
            return self.exchange(wire, tcp=tcp, timeout=timeout) == b""
        except (TimeoutError, ConnectionError):
            return True

    def _exchange_tcp(self, wire: bytes, timeout: float) -> bytes:
        with socket.create_connection((self.address, self.dns_port), timeout) as client:
            client.sendall(len(wire).to_bytes(2, "big") + wire)
            with client.makefile("rb") as stream:
                size = int.from_bytes(stream.read(2), "big")
                return stream.read(size)

    def _new_server(self, base: int) -> Server:
        config = ["--config", str(self._config)] if self._config else []
        arguments = ["up", "--data", str(self.data), "--port-base", str(base), "--domain", self.name, *config]
        return Server(arguments, env=self.env, cwd=self.home, log=self._log)
