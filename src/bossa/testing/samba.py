"""Samba's domain controller as a peer: its KDC and its name server, of a test's own, in a directory, on ports.

Samba looks for its templates and modules below ``/usr`` and nowhere else.  So
its programs see the unpacked tree laid over ``/usr``, read-only, in a mount
namespace of their own: the system is as it was, and root is not needed.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

from bossa.testing.bench.servers import ADDRESS, free_port, spawn
from bossa.testing.debian import SAMBA, environment

REALM, ZONE = "SAMBA.TEST", "samba.test"

# No service but these two: others have ports that cannot be chosen.
_CONF = """
[global]
  realm = SAMBA.TEST
  workgroup = SAMBA
  netbios name = DC
  server role = active directory domain controller
  server services = kdc, dns
  interfaces = 127.0.0.1/8
  bind interfaces only = yes
  disable netbios = yes
  private dir = {home}/private
  binddns dir = {home}/binddns
  state directory = {home}/state
  cache directory = {home}/cache
  lock directory = {home}/lock
  pid directory = {home}/pid
  ncalrpc dir = {home}/ncalrpc
  usershare path =
  log file = {home}/log.samba
  dns port = {dns}
  krb5 port = {kdc}
  kpasswd port = {kpasswd}
  allow dns updates = secure only
[netlogon]
  path = {home}/state/sysvol/samba.test/scripts
[sysvol]
  path = {home}/state/sysvol
"""
# As `samba-tool domain provision`, but for the shares' ACLs, whose owners a namespace without root does not have.
_PROVISION = """
import logging
import sys
from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.provision import provision
provision(
    logging.getLogger(), system_session(), smbconf=sys.argv[1], realm="SAMBA.TEST", domain="SAMBA", hostname="dc",
    hostip="127.0.0.1", serverrole="active directory domain controller", dns_backend="SAMBA_INTERNAL",
    dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2, skip_sysvolacl=True,
)
"""
_OVERLAID = 'mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr && exec "$@"'
_PYTHON = ("/usr/bin/python3", "-E")


class Samba:
    """A domain ``samba.test`` whose databases and configuration are in ``home``; it ends with the test's process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.dns_port, self.kdc_port = free_port(), free_port()
        self._conf = home / "smb.conf"
        self._conf.write_text(_CONF.format(home=home, dns=self.dns_port, kdc=self.kdc_port, kpasswd=free_port()))
        for name in ("private", "binddns", "state", "cache", "lock", "pid", "ncalrpc"):
            (home / name).mkdir()
        self._log = home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._run(*_PYTHON, "-c", _PROVISION, str(self._conf))

    @property
    def version(self) -> tuple[int, int]:
        """Samba's version, as 4 and 17."""
        found = re.search(r"(\d+)\.(\d+)", said := self._run("/usr/sbin/samba", "--version"))
        assert found, said
        return int(found[1]), int(found[2])

    def add_machine(self, name: str, password: str) -> Path:
        """Add a computer's account; return its keytab."""
        keytab = self.home / f"{name}.keytab"
        self._tool("computer", "create", name)
        self._tool("user", "setpassword", f"{name}$", f"--newpassword={password}")
        self._tool("domain", "exportkeytab", str(keytab), f"--principal={name}$")
        return keytab

    def start(self) -> None:
        """Start, and return when it answers."""
        command = ["/usr/sbin/samba", "-i", "-M", "single", f"--configfile={self._conf}"]
        with self._log.open("ab") as log:
            self._process = spawn(_overlaid(*command), self.home, log.fileno(), self._env)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text(errors="replace")

    def stop(self) -> None:
        """End it gracefully."""
        assert self._process is not None, "it was never started"
        self._process.terminate()
        self._process.wait(30)

    def _answers(self) -> bool:
        try:
            reply = dns.query.udp(dns.message.make_query(ZONE, "SOA"), ADDRESS, port=self.dns_port, timeout=0.5)
        except dns.exception.Timeout:
            return False
        return reply.rcode() == dns.rcode.NOERROR

    def _tool(self, *words: str) -> None:
        self._run(*_PYTHON, "/usr/bin/samba-tool", *words, f"--configfile={self._conf}")

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            _overlaid(*command),
            cwd=self.home,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def _env(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "TMPDIR": str(self.home), "KRB5_CONFIG": str(self.home / "private/krb5.conf")}
        return environment(clients=SAMBA) | own


def _overlaid(*command: str) -> list[str]:
    """The command that runs another where Samba's tree lies over ``/usr``."""
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", _OVERLAID, str(SAMBA), *command]
