"""Keytab files as commands write them: MIT's form, for the owner's eyes alone, whole or not at all.

A file that is a keytab already keeps what it has of other names and older
keys, as with kadmin's ktadd; anything else in its place is refused.
"""

from __future__ import annotations

from pathlib import Path

from bossa.admin.errors import Exit, Failure
from bossa.admin.services import ServiceKeys
from bossa.files import atomic
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncryptionKey
from bossa.krb.names import PrincipalName
from bossa.wire import WireError


def read(path: Path, *, force: bool) -> Keytab:
    """Return what is to stay of a file; raises Failure for one that cannot take a keytab's place."""
    what = f"keytab {path}"
    try:
        if not path.parent.is_dir():
            raise Failure(what, "its directory is not there", "make it, or name another place", Exit.REFUSED)
        return Keytab(()) if force or not path.exists() else Keytab.decode(path.read_bytes())
    except WireError:
        fix = "name another file, or give --force to write over it"
        raise Failure(what, "the file is there and is no keytab", fix, Exit.REFUSED) from None
    except OSError as e:
        raise _failed(path, e) from e


def write(path: Path, keys: ServiceKeys, before: Keytab) -> int:
    """Write keys behind those that were there; return how many entries were there and stayed."""
    fresh = _entries(keys)
    replaced = {(one.principal.parts, one.realm, one.kvno) for one in fresh}
    kept = tuple(one for one in before.entries if (one.principal.parts, one.realm, one.kvno) not in replaced)
    try:
        atomic.replace(path, Keytab((*kept, *fresh)).encode())
    except OSError as e:
        raise _failed(path, e) from e
    return len(kept)


def _entries(keys: ServiceKeys) -> tuple[KeytabEntry, ...]:
    return tuple(
        KeytabEntry(PrincipalName.parse(name), keys.realm, keys.kvno, EncryptionKey(enctype, octets), keys.created)
        for name in keys.names
        for enctype, octets in keys.keys
    )


def _failed(path: Path, error: OSError) -> Failure:
    fix = "name a file in a directory that you may write; bossa service keytab writes the keys again"
    return Failure(f"keytab {path}", error.strerror or str(error), fix, Exit.REFUSED)
