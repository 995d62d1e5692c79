"""The directory's port DirectoryStore on any engine of the store: the scope "realm"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bossa.directory.ports import DirectoryFailed
from bossa.directory.rows import Item
from bossa.store import operations
from bossa.store.engine import Engine
from bossa.store.errors import EngineFailed

REALM = "realm"

# Rows fetched at once by the blocking read.
_PAGE = 20_000


class RealmRows:
    """Implements :class:`bossa.directory.ports.DirectoryStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every row, in the order of the keys' octets."""
        last: bytes | None = None
        while True:
            try:
                page = self._engine.read(operations.page(REALM, last, _PAGE))
            except EngineFailed as e:
                raise DirectoryFailed(str(e)) from e
            yield from ((key, val) for key, val in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    async def put(self, items: Iterable[Item]) -> None:
        """Set rows, or (None) remove them, in one transaction."""
        try:
            await self._engine.run(operations.put(REALM, items))
        except EngineFailed as e:
            raise DirectoryFailed(str(e)) from e
