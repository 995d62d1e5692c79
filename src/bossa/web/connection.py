"""HTTP connections that cannot stay for nothing.  Import this late.

Uvicorn limits how long a connection idles after a request, not how long a
client takes to send its first one or to read the answer, and answers 503 to
everybody once silent connections fill its limit.  Here a connection that has
not begun a new request since the last look is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

PATIENCE = 10.0
MAX_CONNECTIONS = 100


class Connection(H11Protocol):
    """One connection; those beyond the limit are closed before they cost anything."""

    _look: asyncio.TimerHandle | None = None
    _last: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._look = self.loop.call_later(PATIENCE, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        if self.cycle is self._last:
            self.transport.abort()
        else:
            self._last = self.cycle
            self._look = self.loop.call_later(PATIENCE, self._look_again)


class Server(uvicorn.Server):
    """Uvicorn's server without signal handlers: the daemon has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield
