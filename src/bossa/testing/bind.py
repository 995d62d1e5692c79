"""BIND as a peer: a ``named`` of a test's own, in a directory, on a port."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

from bossa.testing.bench.servers import ADDRESS, free_port, spawn
from bossa.testing.debian import program


class Bind:
    """A ``named`` whose configuration, zones and journals are in ``home``; it ends with the test's process."""

    def __init__(self, home: Path, config: str) -> None:
        self.home = home
        self.port = free_port()
        self._config = config
        self._log = home / "log"
        self._log.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        conf, since = self.home / "named.conf", len(self.log)
        conf.write_text(self._config.replace("5300", str(self.port)))
        with self._log.open("ab") as log:
            self._process = spawn([*program("named"), "-g", "-n", "1", "-c", str(conf)], self.home, log.fileno())
        self.wait_for_log(" running$", since=since)

    def stop(self) -> None:
        """End it gracefully."""
        assert self._process is not None, "it was never started"
        self._process.terminate()
        self._process.wait(30)

    @property
    def log(self) -> str:
        """Everything it wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for_log(self, pattern: str, *, since: int = 0, timeout: float = 20.0) -> str:
        """Return the first line after offset ``since`` that matches; raises AssertionError after ``timeout``."""
        deadline = time.monotonic() + timeout
        while (found := re.search(f"^.*(?:{pattern}).*$", self.log[since:], re.MULTILINE)) is None:
            assert time.monotonic() < deadline, f"no line like {pattern!r} in the log:\n{self.log[-4000:]}"
            time.sleep(0.05)
        return found[0]

    def serial(self, zone: str) -> int | None:
        """Return a zone's serial, None while it has none to tell."""
        try:
            reply = dns.query.udp(dns.message.make_query(zone, "SOA", flags=0), ADDRESS, port=self.port, timeout=2)
        except dns.exception.Timeout:
            return None
        return reply.answer[0][0].serial if reply.rcode() == dns.rcode.NOERROR and reply.answer else None
