"""The file of the secrets that cookies are made under: it outlives the server, and a new one comes each week.

A file beside the store, not a row in it: nobody misses it (clients then get new
cookies), it has no place in a backup, and it rolls over without a revision.
The owner alone reads it; query workers get the secrets from the owner.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bossa.dns.cookies import Secret, decode_secrets, encode_secrets, rolled
from bossa.files import atomic
from bossa.observe import log


class CookieFile:
    """The secrets in a file that only its owner may read."""

    def __init__(self, path: Path, random: Callable[[int], bytes]) -> None:
        self._path = path
        self._random = random
        self._secrets: tuple[Secret, ...] = ()
        self._stored: tuple[Secret, ...] = ()

    def secrets(self, now: int) -> tuple[bytes, ...]:
        """Return the secrets of this moment, the newest first.

        Those that the disk does not take are good until the server ends, and offered to it again.
        """
        if not self._secrets:
            self._secrets = self._stored = self._read()
        self._secrets = rolled(self._secrets, now, self._random)
        if self._secrets != self._stored:
            self._store()
        return tuple(secret.octets for secret in self._secrets)

    def _store(self) -> None:
        try:
            atomic.replace(self._path, encode_secrets(self._secrets))
            self._stored = self._secrets
        except OSError as e:
            log.error("cookie secrets not stored", file=str(self._path), why=e.strerror or str(e))

    def _read(self) -> tuple[Secret, ...]:
        """Read the file; what cannot be read is made anew."""
        try:
            # A copy from elsewhere may have come with a wider mode.
            os.chmod(self._path, 0o600)
            return decode_secrets(self._path.read_bytes())
        except FileNotFoundError:
            return ()
        except OSError as e:
            why = e.strerror or str(e)
        except ValueError:
            # Its words would hold a part of the file.
            why = "damaged"
        log.warning("cookie secrets cannot be read, new ones are made", file=str(self._path), why=why)
        return ()
