"""Serves metrics on a loopback port: `/metrics` for Prometheus, `/healthz` for whoever restarts a process.

The names of organisations are nobody else's business: no other address is listened on, and no other host name answered,
so that a page in a browser of this machine cannot read them by a name that it controls.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from orgcal.errors import UsageError
from orgcal.numbers import whole_number
from orgcal.tenants.registry import RegistryUnavailable

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Type of the older text format, for scrapers that do not ask for OpenMetrics."""

HTML = "text/html; charset=utf-8"

Pages = dict[str, tuple[str, Callable[[], str]]]
"""Path -> media type, and what makes the body; called in a thread."""


def listening_socket(address: str, *, where: str = "--listen") -> socket.socket:
    """A socket that listens at `127.0.0.1:PORT`.

    Raises:
        UsageError: it is another address, or its port cannot be used.
    """
    host, _, port = address.rpartition(":")
    number = whole_number(port)
    if host not in ("127.0.0.1", "localhost") or number is None or number > 65535:
        raise UsageError(
            f"found {address!r}; expected a port of this machine's own",
            where=where,
            repair=f"{where} 127.0.0.1:9464; a proxy of yours may serve it to others",
        )
    try:
        return socket.create_server(("127.0.0.1", number))
    except OSError as error:
        raise UsageError(
            f"port {number} cannot be used ({error.strerror})", where=where, repair="end what uses it, or name another"
        ) from None


def make_app(
    metrics: Callable[[], str],
    content_type: str,
    pages: Pages | None = None,
    *,
    alive: Callable[[], bool] = lambda: True,
) -> Starlette:
    """The application: `/metrics`, `/healthz` and further pages.

    Args:
        metrics: the text; a `RegistryUnavailable` becomes status 503.
        content_type: of that text where OpenMetrics is asked for.
        pages: further paths.
        alive: whether the process does what it is there for; `/healthz` says so.
    """

    async def answer(body: Callable[[], str], media_type: str) -> Response:
        try:
            text = await run_in_threadpool(body)
        except RegistryUnavailable as error:
            return PlainTextResponse(f"{error.what}\n", 503, {"Retry-After": "10"})
        return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    async def show_metrics(request: Request) -> Response:
        asked = "application/openmetrics-text" in request.headers.get("accept", "")
        return await answer(metrics, content_type if asked else TEXT)

    async def show_health(request: Request) -> Response:  # noqa: ARG001  # Starlette's signature
        if not alive():
            return PlainTextResponse("it does not look for work any more\n", 503)

        def body() -> str:
            metrics()
            return "ok\n"

        return await answer(body, "text/plain; charset=utf-8")

    def page(media_type: str, body: Callable[[], str]) -> Callable[[Request], object]:
        async def show(request: Request) -> Response:  # noqa: ARG001  # Starlette's signature
            return await answer(body, media_type)

        return show

    return Starlette(
        routes=[
            Route("/metrics", show_metrics, methods=["GET"]),
            Route("/healthz", show_health, methods=["GET"]),
            *(Route(path, page(*told), methods=["GET"]) for path, told in (pages or {}).items()),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)],
    )


def config_of(app: Starlette) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app, ws="none", log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_keep_alive=5, timeout_graceful_shutdown=2,
    )  # fmt: skip


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until the process is asked to end."""
    with listening:
        uvicorn.Server(config_of(app)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: Starlette, listening: socket.socket) -> Iterator[None]:
    """Serve in a thread while the context lasts."""
    server = _Server(config_of(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10.0)
        listening.close()
