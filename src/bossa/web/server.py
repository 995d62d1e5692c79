"""Serves the pages on sockets that the daemon has bound, inside the daemon's loop.

Loading starlette, jinja2, uvicorn and prometheus-client takes half a second;
it happens in a thread, once the name server already answers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from bossa.admin.status import Status
from bossa.web.hosts import Hosts

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Seconds: between two requests of one connection, and for requests under way when the server stops.
KEEP_ALIVE = 5
GRACE = 2
_SLOW_MODULES = ("bossa.web.pages", "bossa.web.connection", "uvicorn.lifespan.off")


async def serve_pages(status: Status, hosts: Hosts, sockets: Sequence[socket.socket]) -> None:
    """Load the pages and serve them until cancelled."""
    await asyncio.to_thread(lambda: [import_module(name) for name in _SLOW_MODULES])
    from bossa.web.pages import application

    await serve(application(status, hosts), sockets)


async def serve(app: ASGIApp, sockets: Sequence[socket.socket]) -> None:
    """Serve an application on listening sockets until cancelled, then let requests under way end.

    The sockets are closed at the end.
    """
    import uvicorn

    from bossa.web.connection import MAX_CONNECTIONS, Connection, Server

    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Connections beyond the limit are gone before uvicorn counts them; this holds their requests.
        limit_concurrency=MAX_CONNECTIONS + 1,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=16384,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(list(sockets)))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
