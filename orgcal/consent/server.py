"""Receives Entra ID's answers on a loopback port, and shows administrators how it goes on.

GET <callback>          the redirect URI: judged at once, answered with a redirect
GET <beside>/result/X   how it stands; refreshes itself while the proof goes on, and reloading changes nothing
GET <beside>/style.css
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orgcal.consent.connections import BoundedConnection
from orgcal.consent.links import with_port
from orgcal.consent.outcomes import SHOWS_CODE, ConsentOutcome, read_answer
from orgcal.consent.pages import PAGES, Renderer
from orgcal.consent.service import ConsentResult, ConsentService
from orgcal.errors import UsageError
from orgcal.tenants.registry import RegistryUnavailable

_LOG = logging.getLogger("orgcal.consent")

FIRST_WAIT_S = 0.8
"""The result page waits so long for a proof that is nearly there, instead of showing "working on it" for a blink."""
FIRST_PAUSE_S = 0.03

MAX_QUERY = 8192

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Server": "orgcal",
}


class SecurityHeaders:
    """Puts `HEADERS` on every answer that does not have its own, and HSTS where the public address is https."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class QuietErrors:
    """Answers what breaks with a page, and logs where it broke; not what was said, which may hold a state."""

    def __init__(self, app: ASGIApp, page: Response) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:  # noqa: BLE001  # whatever it is, its message must not be logged
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("callback: %s broke it\n%s", type(error).__name__, frames)  # tells the message
            if not begun:
                await self._page(scope, receive, send)


def make_app(service: ConsentService) -> Starlette:
    """The ASGI application that receives callbacks; mount it at `/` of an existing one.

    It serves the callback's own path, and what it needs besides lies beside that path.
    """
    split = urlsplit(service.redirect_uri)
    callback = split.path or "/"
    beside = callback.rsplit("/", 1)[0]
    outputs = service.outputs
    permissions = [item.name for item in outputs.permissions]
    renderer = Renderer(outputs.display_name, outputs.publisher, permissions, service.read_logo())

    def shown(outcome: ConsentOutcome, stylesheet: str, code: str = "", permissions: Sequence[str] = ()) -> Response:
        page = renderer.page(outcome, stylesheet=stylesheet, code=code, permissions=permissions)
        headers = {"Retry-After": "60"} if outcome is ConsentOutcome.UNAVAILABLE else {}
        if scripts := renderer.script_source(outcome):
            policy = f"{HEADERS['Content-Security-Policy']}; script-src {scripts}; connect-src 'self'"
            headers["Content-Security-Policy"] = policy
        return HTMLResponse(page, PAGES[outcome].status, headers)

    async def receive_answer(request: Request) -> Response:
        if request.method == "HEAD":  # something that looks at addresses, not an administrator: the link stays good
            return Response(status_code=405, headers={"Allow": "GET"})
        query = request.scope.get("query_string", b"")[:MAX_QUERY].decode("latin-1")
        answer = read_answer(parse_qsl(query, keep_blank_values=True, max_num_fields=50, errors="replace"))
        try:
            taken = await run_in_threadpool(service.answered, answer)
        except RegistryUnavailable:
            _LOG.warning("callback: the registry cannot be asked")
            return shown(ConsentOutcome.UNAVAILABLE, "style.css")
        if isinstance(taken, ConsentOutcome):
            if taken is ConsentOutcome.NOT_OURS:  # of others the service has told whose they are
                _LOG.info("callback: %s", taken.value)
            return shown(taken, "style.css")
        # Relative, so that it holds wherever this is mounted; the new address has neither state nor tenant in it.
        return RedirectResponse(f"result/{taken.result}", 303)

    async def show_result(request: Request) -> Response:
        handle = request.path_params["handle"]
        try:
            result = await _shown(service, handle)
        except RegistryUnavailable:
            return shown(ConsentOutcome.UNAVAILABLE, "../style.css")
        if result is None or result.outcome is None:
            return shown(ConsentOutcome.NOT_OURS, "../style.css")
        code = result.detail if result.outcome in SHOWS_CODE else ""
        return shown(result.outcome, "../style.css", code, result.permissions)

    async def show_style(request: Request) -> Response:  # noqa: ARG001  # Starlette's signature
        return Response(renderer.stylesheet, media_type="text/css")

    async def show_bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001
        _LOG.info("callback: %s", ConsentOutcome.NOT_OURS.value)  # too many fields
        return shown(ConsentOutcome.NOT_OURS, "style.css")

    app = Starlette(
        routes=[
            Route(callback, receive_answer, methods=["GET"]),
            Route(f"{beside}/result/{{handle}}", show_result, methods=["GET"]),
            Route(f"{beside}/style.css", show_style, methods=["GET"]),
        ],
        middleware=[
            Middleware(SecurityHeaders, https=split.scheme == "https"),
            Middleware(QuietErrors, page=shown(ConsentOutcome.UNAVAILABLE, "style.css")),
        ],
        exception_handlers={ValueError: show_bad_request},
    )
    app.router.redirect_slashes = False  # a redirect would send the state on, to a host that the request names
    return app


async def _shown(service: ConsentService, handle: str) -> ConsentResult | None:
    """What a result page shows; waits a little for a proof, and without a thread, as many pages may be open."""
    waited_s = 0.0
    while True:
        result = await run_in_threadpool(service.shown, handle)
        if result is None or result.outcome is not ConsentOutcome.PROVING or waited_s >= FIRST_WAIT_S:
            return result
        pause_s = max(FIRST_PAUSE_S, waited_s / 2)
        await asyncio.sleep(pause_s)
        waited_s += pause_s


@contextmanager
def serving(service: ConsentService, port: int | None = None) -> Iterator[ConsentService]:
    """Receive callbacks on a loopback port while the context lasts; links made in it lead there.

    Args:
        port: of the redirect URI unless given; where that is taken, a free one, as Entra ID ignores the port of
            localhost.
    """
    split = urlsplit(service.redirect_uri)
    wanted = port if port is not None else (split.port or 0)
    listening = _listen(wanted, fall_back=port is None and split.hostname == "localhost")
    before = service.redirect_uri
    if split.hostname == "localhost":
        service.redirect_uri = with_port(service.redirect_uri, listening.getsockname()[1])
    server = _Server(config_of(service))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="consent", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(10.0):
            raise UsageError("the consent callback could not be started", where=service.redirect_uri)
        service.resume()
        yield service
    finally:
        server.should_exit = True
        thread.join(10.0)
        listening.close()
        service.redirect_uri = before


def serve_here(
    service: ConsentService,
    port: int | None,
    *,
    trusted_proxies: tuple[str, ...],
    on_listening: Callable[[str], object],
) -> None:
    """Serve on 127.0.0.1 until the process is asked to end.

    Args:
        port: to listen on; that of the redirect URI unless given.
        trusted_proxies: addresses whose forwarded headers count.
        on_listening: called with the address as soon as connections are accepted.
    """
    wanted = port if port is not None else urlsplit(service.redirect_uri).port
    if wanted is None:
        raise UsageError(
            "the redirect URI names no port to listen on",
            where=service.redirect_uri,
            repair="--port 8400, and let the proxy that serves the redirect URI pass requests on to it",
        )
    listening = _listen(wanted, fall_back=False)
    with listening:
        resumed = service.resume()
        if resumed:
            _LOG.info("going on with %d proofs", resumed)
        on_listening(f"http://127.0.0.1:{listening.getsockname()[1]}, for {service.redirect_uri}")
        uvicorn.Server(config_of(service, trusted_proxies=trusted_proxies)).run(sockets=[listening])


def config_of(service: ConsentService, *, trusted_proxies: tuple[str, ...] = ()) -> uvicorn.Config:
    """How the callback is served. Forwarded headers count only from `trusted_proxies`."""
    return uvicorn.Config(
        make_app(service),
        http=BoundedConnection,
        ws="none",
        log_level="warning",
        access_log=False,  # addresses hold states
        server_header=False,
        date_header=True,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies) or None,
        lifespan="off",
        h11_max_incomplete_event_size=16384,
        timeout_keep_alive=5,
    )


class _Server(uvicorn.Server):
    """Tells when it listens, and leaves signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(port: int, *, fall_back: bool) -> socket.socket:
    """A listening socket on 127.0.0.1."""
    try:
        # It listens at once: whoever is told of it may connect before the server has started.
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if fall_back:
            return _listen(0, fall_back=False)
        raise UsageError(
            f"port {port} cannot be used ({os.strerror(error.errno or 0)})",
            where="orgcal consent serve",
            repair="end what uses it, or choose another with --port",
        ) from error
