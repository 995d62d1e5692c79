"""MIT's KDC as a peer: a realm of a test's own in a directory, on a port of 127.0.0.1, gone with the test's process."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from bossa.testing.bench.servers import free_port, spawn
from bossa.testing.debian import CLIENTS, environment, program
from bossa.testing.kerberos import ADDRESS, Place, Seat, krb5_conf

KDC_CONF = """
[kdcdefaults]
  kdc_listen = {address}:{port}
  kdc_tcp_listen = {address}:{port}
[realms]
  {realm} = {{
    database_name = {home}/principal
    key_stash_file = {home}/stash
    acl_file = {home}/kadm5.acl
    max_renewable_life = 7d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
  }}
[dbdefaults]
  database_module = {realm}
[dbmodules]
  db_module_dir = {modules}
  {realm} = {{
    db_library = db2
    {options}
  }}
[logging]
  kdc = FILE:{log}
"""


class MitRealm:
    """A realm of ``krb5kdc`` with its database in ``home``, which it makes.

    ``options`` are lines of its ``[dbmodules]`` entry, such as ``disable_lockout = true``.
    """

    def __init__(self, home: Path, *, realm: str = "MIT.TEST", options: str = "", log: Path | None = None) -> None:
        home.mkdir()
        self.home = home
        self.realm = realm
        self.place = Place(realm, realm.lower(), free_port())
        self.log_file = log or home / "kdc.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._write(options)
        self._run("kdb5_util", "create", "-s", "-W", "-P", "the master's password")

    def _write(self, options: str) -> None:
        (self.home / "krb5.conf").write_text(krb5_conf([self.place]))
        (self.home / "kadm5.acl").touch()
        (modules,) = CLIENTS.glob("usr/lib/*/krb5/plugins/kdb")
        text = KDC_CONF.format(
            address=ADDRESS,
            port=self.place.kdc_port,
            realm=self.realm,
            home=self.home,
            modules=modules,
            options=options,
            log=self.log_file,
        )
        (self.home / "kdc.conf").write_text(text)

    @property
    def env(self) -> dict[str, str]:
        """The environment of its own programs."""
        return environment() | {
            "KRB5_CONFIG": str(self.home / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self.home / "kdc.conf"),
            "LC_ALL": "C",
        }

    @property
    def pid(self) -> int:
        """The KDC's first process."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything the KDC wrote so far."""
        return self.log_file.read_text(errors="replace")

    def start(self, *, workers: int = 0) -> None:
        """Start the KDC, with so many processes beside the first, and return when it answers."""
        command = [*program("krb5kdc"), "-n", "-r", self.realm, "-P", str(self.home / "pid")]
        if workers:
            command += ["-w", str(workers)]
        with (self.home / "output").open("ab") as output:
            self._process = spawn(command, self.home, output.fileno(), self.env)
        self._wait(time.monotonic() + 20)

    def _wait(self, deadline: float) -> None:
        while True:
            try:
                socket.create_connection((ADDRESS, self.place.kdc_port), 1).close()
            except OSError:
                output = (self.home / "output").read_text()
                assert self._process is not None and self._process.poll() is None, output
                assert time.monotonic() < deadline, output
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End the KDC gracefully."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def kadmin(self, *queries: str) -> str:
        """Run queries of kadmin.local one after the other and return what it says."""
        return self._run("kadmin.local", "-r", self.realm, text="".join(f"{query}\n" for query in queries))

    def add(self, name: str, password: str) -> None:
        """Make a principal with a password."""
        self.kadmin(f'addprinc -pw "{password}" {name}')

    def keytab(self, name: str, file: Path) -> Path:
        """Make a principal with random keys, and write them."""
        self.kadmin(f"addprinc -randkey {name}", f"ktadd -k {file} {name}")
        return file

    def add_like(self, pattern: str, names: Iterable[str]) -> None:
        """Make many principals with the keys of one that is there, before the KDC is started.

        By way of a dump: kadmin.local takes some milliseconds for each.
        """
        dump = self.home / "dump"
        self._run("kdb5_util", "-r", self.realm, "dump", str(dump))
        whole = f"{pattern}@{self.realm}"
        (line,) = [one for one in dump.read_text().splitlines() if one.split("\t")[6:7] == [whole]]
        kind, base, _, *counts_name_and_rest = line.split("\t")
        counts, rest = counts_name_and_rest[:3], counts_name_and_rest[4:]
        with dump.open("a") as file:
            for name in names:
                principal = f"{name}@{self.realm}"
                file.write("\t".join([kind, base, str(len(principal)), *counts, principal, *rest]) + "\n")
        self._run("kdb5_util", "-r", self.realm, "load", str(dump))

    def seat(self, name: str) -> Seat:
        """Return a place at which a user of this realm alone signs in."""
        return Seat(self.home / "krb5.conf", self.home / f"{name}.cc")

    def _run(self, name: str, *words: str, text: str | None = None) -> str:
        done = subprocess.run(
            [*program(name), *words],
            env=self.env,
            cwd=self.home,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{name} {' '.join(words)}: {done.stdout}"
        return done.stdout
