"""The composition root: builds the server from its parts, runs it, takes it down.  It alone knows everybody.

The order of the start: settings, the store's lock, sockets, zones, query
workers (while these load, the owner answers), the banner; only then what
nobody waits for: the log's and the web page's libraries.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bossa import __version__
from bossa.admin import banner
from bossa.admin.dispatch import answer as answer_call
from bossa.admin.errors import Exit, Failure
from bossa.admin.found import found, is_founded
from bossa.admin.keys import seal_context
from bossa.admin.office import Office
from bossa.admin.status import Service, StatusReport, StoreStatus, UpdateCounts, WorkerStatus, ZoneStatus
from bossa.config import load as config
from bossa.config.errors import ConfigError
from bossa.config.settings import Settings
from bossa.crypto.sealed import KEY_SIZE, Seal, Unsealable
from bossa.dns import exchange, query, tsig
from bossa.dns.names import to_text
from bossa.dns.ports import KeyRow
from bossa.dns.server.forward import Forwarder
from bossa.dns.server.owner import Owner
from bossa.dns.server.pool import Pool
from bossa.dns.server.service import Names
from bossa.dns.tsig import Algorithm, Key
from bossa.files import atomic
from bossa.files.sqlite import DatabaseRefused
from bossa.net import control, tcp, udp
from bossa.observe import log, metrics
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows

_DNS, _WEB = 53, 80
DATABASE = "bossa.db"
MASTER_KEY = "master.key"


@dataclass(frozen=True, slots=True)
class UpFlags:
    """What ``bossa up`` was told; None where nothing was."""

    data: Path
    config: Path | None = None
    ready_fd: int | None = None
    port_base: str | None = None
    domain: str | None = None
    log_format: str | None = None

    def settings(self) -> Settings:
        """Read the settings; raises ConfigError."""
        overrides = {
            "listen.port_base": self.port_base,
            "domain.name": self.domain,
            "log.format": self.log_format,
        }
        path = self.config or config.find(self.data, Path.cwd())
        return config.load(path, os.environ, overrides)


def run(flags: UpFlags) -> int:
    """Run a server until it is told to stop; return its exit code."""
    import uvloop

    try:
        settings = flags.settings()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(flags, settings))
    except (ConfigError, Failure, DatabaseRefused, Unsealable, udp.CannotListen) as e:
        text = str(e)
        print(text if text.startswith("error:") else f"error: {text}", file=sys.stderr)
        return Exit.UNREACHABLE if isinstance(e, DatabaseRefused) else Exit.FAILED
    except OSError as e:
        print(f"error: {flags.data}: {e.strerror or e}. Fix: check the disk and the directory's owner", file=sys.stderr)
        return Exit.FAILED


async def _run(flags: UpFlags, settings: Settings) -> int:
    server = Server(flags, settings)
    try:
        await server.start()
        await server.wait()
    finally:
        await server.stop()
    return Exit.OK
