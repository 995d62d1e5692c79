"""The pages: ``/`` for people, ``/metrics`` for Prometheus, ``/healthz`` for whoever watches.  Import this late.

Nothing here changes anything, and nothing needs a script.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bossa.admin.status import Status
from bossa.observe.metrics import PROCESS, Metrics
from bossa.observe.scrape import Exposition
from bossa.web import words
from bossa.web.guard import Guard
from bossa.web.hosts import Hosts

_HERE = Path(__file__).parent
# More rows make a page that nobody reads and that takes the owner's time to write.
MAX_ZONES = 500

_Answer = Callable[[Request], Awaitable[Response]]


def application(status: Status, hosts: Hosts, metrics: Metrics = PROCESS) -> ASGIApp:
    """Return the web application."""
    routes = [
        Route("/", _front(status)),
        Route("/metrics", _metrics(Exposition(metrics))),
        Route("/healthz", _health(status)),
        Route("/favicon.ico", _favicon),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={404: _not_found}), hosts)


def _front(status: Status) -> _Answer:
    template = _templates().get_template("status.html")

    async def front(request: Request) -> Response:
        report = await status.status()
        own = [zone for zone in report.zones if not zone.private_reverse]
        page = template.render(report=report, zones=own[:MAX_ZONES], own=len(own))
        return HTMLResponse(page)

    return front


def _metrics(exposition: Exposition) -> _Answer:
    async def metrics(request: Request) -> Response:
        text, content_type = exposition.render(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    return metrics


def _health(status: Status) -> _Answer:
    async def health(request: Request) -> Response:
        report = await status.status()
        if report.troubles:
            return PlainTextResponse("".join(f"{trouble}\n" for trouble in report.troubles), 503)
        return PlainTextResponse("ok\n")

    return health


async def _favicon(request: Request) -> Response:
    return Response((_HERE / "static" / "favicon.svg").read_bytes(), media_type="image/svg+xml")


async def _not_found(request: Request, error: Exception) -> Response:
    return PlainTextResponse("There is nothing here. The status page is at /.\n", 404)


def _templates() -> Environment:
    loader = FileSystemLoader(_HERE / "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": words.number,
        "size": words.size,
        "duration": words.duration,
        "moment": words.moment,
    }
    return environment
