"""What a server and a command without a server open alike: settings, master key, store, and the operator's office.

And the one table of what can go wrong with it, as what, why and the fix.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bossa.admin.errors import Exit, Failure
from bossa.admin.keys import seal_context
from bossa.admin.office import Office
from bossa.config.errors import ConfigError
from bossa.config.load import find, load
from bossa.config.settings import Settings
from bossa.crypto.sealed import KEY_SIZE, Seal, Unsealable
from bossa.directory.keys import RealmRules
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.ports import DirectoryFailed
from bossa.directory.realm import Realm
from bossa.directory.rows import Item, UnknownRow, key_opener
from bossa.dns import exchange, ratelimit, tsig
from bossa.dns.errors import StoreFailed
from bossa.dns.names import from_text
from bossa.dns.options import Options
from bossa.dns.ports import KeyRow
from bossa.dns.resolvconf import nameservers
from bossa.dns.routes import Rules
from bossa.dns.server.cookiefile import CookieFile
from bossa.dns.server.service import Names
from bossa.dns.tsig import Algorithm, Key
from bossa.files import atomic
from bossa.files.sqlite import DatabaseRefused
from bossa.krb.server.accounts import Accounts
from bossa.net.control import AlreadyServed
from bossa.net.holder import CannotListen
from bossa.store.errors import EngineFailed, UnknownForm
from bossa.store.realm import RealmRows
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows

DNS_PORT = 53
DATABASE = "bossa.db"
MASTER_KEY = "master.key"
COOKIE_SECRET = "cookie.secret"
_RESOLV_CONF = Path("/etc/resolv.conf")
_RESTORE = "bossa restore FILE --data DIR puts a backup into an empty directory"

# What the caller can do something about; anything else is a bug.
TROUBLES = (
    ConfigError,
    CannotListen,
    DatabaseRefused,
    AlreadyServed,
    Unsealable,
    EngineFailed,
    StoreFailed,
    DirectoryFailed,
    UnknownForm,
    UnknownRow,
    Failure,
    OSError,
)


def trouble(error: BaseException, data: Path) -> Failure:
    """Return one of the TROUBLES as what, why, the fix, and the exit code."""
    match error:
        case Failure():
            return error
        case ConfigError(problems=(problem, *_)):
            code = Exit.USAGE if problem.where.startswith("--") else Exit.FAILED
            return Failure(problem.where, problem.what, problem.fix, code)
        case CannotListen():
            return Failure(error.what, error.why, error.fix, Exit.UNREACHABLE)
        case DatabaseRefused():
            return Failure("store", str(error), error.fix, Exit.UNREACHABLE)
        case AlreadyServed():
            fix = "stop the server that runs there, or name another --data"
            return Failure(f"data directory {data}", str(error), fix, Exit.UNREACHABLE)
        case Unsealable():
            fix = f"put back the {MASTER_KEY} that belongs to this data directory"
            return Failure(str(data / MASTER_KEY), str(error), fix, Exit.UNREACHABLE)
        case OSError():
            return _system_trouble(error, data)
    why = str(error)
    fix = "make room on its disk" if os.strerror(errno.ENOSPC).lower() in why.lower() or "full" in why else _RESTORE
    return Failure("store", why, fix, Exit.UNREACHABLE)


def _system_trouble(error: OSError, data: Path) -> Failure:
    fix = "make room on its disk" if error.errno == errno.ENOSPC else "see the disk, and who owns the directory"
    return Failure(str(error.filename or data), error.strerror or str(error), fix, Exit.UNREACHABLE)


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
        flags = {"listen.port_base": self.port_base, "domain.name": self.domain, "log.format": self.log_format}
        return load(self.config or find(self.data, Path.cwd()), os.environ, flags)


def answer_settings(settings: Settings, cookie_secrets: tuple[bytes, ...], mark: bytes) -> exchange.Settings:
    """Return what answers depend on beside the zones; ``mark`` is what questions bear that we pass on."""
    dns = settings.dns
    policy = tsig.Policy(md5=dns.tsig_md5, min_mac=dns.min_mac)
    answered = Options(cookie_secrets, dns.nsid_octets, required=dns.cookies == "required")
    return exchange.Settings(edns_size=dns.edns_size, tsig=policy, recursion=dns.recursion, options=answered, mark=mark)


def cookie_secrets(settings: Settings, file: CookieFile, now: float) -> tuple[bytes, ...]:
    """Return the secrets that cookies are made under, the newest first: those of the settings, or the file's.

    None when cookies are off.
    """
    if settings.dns.cookies == "off":
        return ()
    return tuple(one.octets for one in settings.dns.cookie_secret) or file.secrets(int(now))


def rate_limit(settings: Settings, processes: int) -> bytes:
    """Return the rate limit of one of several processes to which the same questions come alike."""
    dns = settings.dns
    return ratelimit.encode(dns.rate_limit, dns.rate_slip, dns.rate_exempt, processes)


def upstreams(settings: Settings) -> list[tuple[str, int]]:
    """Return whom questions are passed on to: the settings' forwarders, or the system's resolvers."""
    if settings.dns.forwarders:
        return [(one.host, one.port) for one in settings.dns.forwarders]
    try:
        return [(host, DNS_PORT) for host in nameservers(_RESOLV_CONF.read_text(errors="replace"))]
    except OSError:
        return []


def forward_rules(settings: Settings) -> Rules:
    """Return whom the questions of single domains are passed on to."""
    rules = settings.dns.forward.items()
    return Rules({from_text(domain + "."): tuple((one.host, one.port) for one in found) for domain, found in rules})


def realm_rules(settings: Settings) -> RealmRules:
    """Return what the settings say of keys and passwords."""
    told = settings.kerberos
    passwords = PasswordPolicy(
        min_length=told.password_min_length,
        classes=told.password_classes,
        history=told.password_history,
        min_age=told.password_min_age,
        max_age=told.password_max_age,
    )
    return RealmRules(passwords, told.enctype_numbers, told.rollover_window)


def load_realm(rows: RealmRows, seal: Seal) -> Realm:
    """Read the realm, whose keys are opened when somebody asks for them; raises UnknownRow.

    Raises Unsealable when its keys are under another master key.
    """
    realm = Realm(key_opener(seal.open))
    realm.apply(rows.items())
    if realm.is_founded:
        realm.krbtgt.key_set()
    return realm


def open_seal(data: Path, engine: SqliteEngine) -> Seal:
    """Return the seal of a data directory, whose master key is made when there is none.

    Raises Unsealable for a master key that got lost: a new one would open nothing.
    """
    if not (data / MASTER_KEY).exists() and (ZoneRows(engine).tsig_keys() or any(RealmRows(engine).items())):
        raise Unsealable("it is gone, and the store holds keys that are sealed under it")
    key = atomic.create_once(data / MASTER_KEY, os.urandom(KEY_SIZE))
    # A copy from elsewhere may have come with a wider mode.
    os.chmod(data / MASTER_KEY, 0o600)
    return Seal(key)


def open_key(seal: Seal, row: KeyRow) -> Key:
    """Return a TSIG key as it is used; raises Unsealable."""
    return Key(row.name, Algorithm.from_text(row.algorithm), seal.open(seal_context(row.name), row.sealed))


def office_parts(served: Names, data: Path, settings: Settings, seal: Seal, engine: SqliteEngine) -> dict[str, Any]:
    """Return what an Office is made of, with or without a server."""

    async def backup(path: Path) -> None:
        try:
            await engine.backup(path)
        except EngineFailed as e:
            raise trouble(e, data) from e

    return {
        "names": served,
        "data": data,
        "domain": settings.domain.apex,
        "clock": time.time,
        "random": os.urandom,
        "seal": seal.seal,
        "backup": backup,
        "md5": settings.dns.tsig_md5,
        "realm_rules": realm_rules(settings),
    }


@asynccontextmanager
async def offline(data: Path) -> AsyncIterator[Office]:
    """Open a data directory without a server, for one command; raises Failure when a server holds it."""
    with ExitStack() as exits:
        try:
            office = _open_office(data, exits)
        except TROUBLES as e:
            raise trouble(e, data) from e
        yield office


def _open_office(data: Path, exits: ExitStack) -> Office:
    settings = UpFlags(data).settings()
    engine = SqliteEngine.open(data / DATABASE)
    exits.callback(engine.close)
    rows = ZoneRows(engine)
    served = Names(rows, _to_nobody, recursion=False)
    seal = open_seal(data, engine)
    served.load(lambda row: open_key(seal, row))
    editing = asyncio.get_running_loop().create_task(served.run())
    exits.callback(editing.cancel)
    stored = RealmRows(engine)
    accounts = Accounts(load_realm(stored, seal), stored, _tell_nobody)
    return Office(**office_parts(served, data, settings, seal, engine), accounts=accounts, editing=accounts.editing)


def _to_nobody(delta: bytes) -> None:
    """Publish to no worker: there is none."""


def _tell_nobody(items: Sequence[Item]) -> None:
    """Publish to no worker either."""
