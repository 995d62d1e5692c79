"""The server as a whole: how it is, its settings read again, a copy of its store for a backup."""

from __future__ import annotations

import msgspec

from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office, verb
from bossa.admin.status import StatusReport

_COPIES = ".backup-*.db"
# A copy so old is of a command that was killed.
_FORGOTTEN_SECONDS = 86400
START = "start it with bossa up"


class Status(msgspec.Struct, frozen=True):
    """No arguments."""


class Reload(msgspec.Struct, frozen=True):
    """No arguments."""


class Reloaded(msgspec.Struct, frozen=True):
    """What changed, in lines for people."""

    lines: list[str]


class BackupCopy(msgspec.Struct, frozen=True):
    """No arguments."""


class BackupCopied(msgspec.Struct, frozen=True):
    """The copy, which the caller takes away when it has read it, and its octets."""

    path: str
    size: int


@verb("status")
async def status(office: Office, args: Status) -> StatusReport:
    """Tell how the server is."""
    if office.status is None:
        raise Failure("status", f"no server runs on {office.data}", START, Exit.UNREACHABLE)
    return await office.status()


@verb("reload")
async def reload(office: Office, args: Reload) -> Reloaded:
    """Read the settings again; a mistake in them leaves the old ones in force."""
    if office.reload is None:
        raise Failure("reload", f"no server runs on {office.data}", START, Exit.UNREACHABLE)
    return Reloaded(await office.reload())


@verb("backup.copy")
async def backup_copy(office: Office, args: BackupCopy) -> BackupCopied:
    """Write a copy of the database as it is at one moment, while the server goes on.

    It goes into the data directory, where the server may write whoever asked.
    """
    for old in office.data.glob(_COPIES):
        if old.stat().st_mtime < office.now - _FORGOTTEN_SECONDS:
            old.unlink()
    target = office.data.absolute() / _COPIES.replace("*", office.random(8).hex())
    await office.backup(target)
    return BackupCopied(str(target), target.stat().st_size)
