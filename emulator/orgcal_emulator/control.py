"""Control routes, for tests and for the user who runs the emulator. They need the control token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orgcal_emulator import strict_json
from orgcal_emulator.clock import rfc3339
from orgcal_emulator.exchange.models import Right
from orgcal_emulator.state import EmulatedCloud
from orgcal_emulator.throttling.limits import LimitSettings
from orgcal_emulator.throttling.settings import Latency, lags, set_lag

PREFIX = "/_emulator"

Handler = Callable[[Request], Awaitable[Response]]


class ControlFailure(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class ControlRoutes:
    """`/_emulator`."""

    def __init__(self, cloud: EmulatedCloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            self._route("/health", GET=self.health),
            self._route("/journal", GET=self.journal, DELETE=self.clear_journal),
            self._route("/reset", POST=self.reset),
            self._route("/clock", GET=self.clock, POST=self.move_clock),
            self._route("/lag", GET=self.lag, POST=self.set_lag),
            self._route("/latency", GET=self.latency, POST=self.set_latency),
            self._route("/limits", GET=self.limits, POST=self.set_limits),
            self._route("/faults", GET=self.faults, POST=self.add_faults, DELETE=self.clear_faults),
            self._route("/issuers", POST=self.set_issuer_keys),
            self._route("/clients", POST=self.add_client),
            self._route("/exchange", POST=self.set_exchange),
            self._route("/exchange-delay", GET=self.exchange_delay, POST=self.set_exchange_delay),
            self._route("/access-policies", POST=self.set_access_policy),
            self._route("/page-tokens", POST=self.expire_page_tokens),
            self._route("/tokens", POST=self.set_tokens),
            self._route("/export", GET=self.export),
            self._route("/import", POST=self.import_state),
        ]

    def _route(self, path: str, **handlers: Handler) -> Route:
        """A route whose caller must show the control token and must not be a web page of somebody else."""

        async def handle(request: Request) -> Response:
            try:
                self._check(request)
                handler = handlers.get(request.method)
                if handler is None:
                    raise ControlFailure(405, "method_not_allowed", f"{request.method} is not possible here")
                request.state.principal = "control"
                return await handler(request)
            except ControlFailure as failure:
                body = {"error": {"code": failure.code, "message": failure.message}}
                return JSONResponse(body, failure.status)

        return Route(PREFIX + path, handle, methods=["GET", "POST", "PUT", "DELETE"])

    def _check(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"https://{request.headers['host']}":
            raise ControlFailure(403, "foreign_origin", "control routes are not for web pages")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        wanted = self._cloud.own.control_token
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), wanted.encode()):
            raise ControlFailure(401, "unauthorized", "the control token is missing or wrong")

    async def health(self, _request: Request) -> Response:
        """Whether it runs, and how much it holds."""
        directory = self._cloud.directory
        return JSONResponse(
            {
                "status": "ok",
                "now": rfc3339(self._cloud.clock.now()),
                "directory_id": self._cloud.directory_id,
                "tenants": len(directory.tenants),
                "applications": len(directory.applications),
                "service_principals": len(directory.service_principals),
            }
        )

    async def journal(self, request: Request) -> Response:
        """Lines after `?after=N`."""
        text = request.query_params.get("after", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise ControlFailure(400, "invalid_query", "`after` must be a whole number")
        journal = self._cloud.journal
        return JSONResponse({"entries": journal.entries(int(text)), "dropped": journal.dropped})

    async def clear_journal(self, _request: Request) -> Response:
        """Forget the lines."""
        self._cloud.journal.clear()
        return Response(status_code=204)

    async def reset(self, _request: Request) -> Response:
        """Back to the seed."""
        self._cloud.reset()
        return JSONResponse({"status": "ok"})

    async def clock(self, _request: Request) -> Response:
        """The emulated time."""
        return self._time()

    async def move_clock(self, request: Request) -> Response:
        """Move the emulated time: `{"advance_s": N}`."""
        body = await read_object(request)
        seconds = body.get("advance_s")
        if set(body) != {"advance_s"} or isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ControlFailure(400, "invalid_body", 'expected {"advance_s": seconds}')
        try:
            self._cloud.move_clock(seconds)
        except ValueError as error:
            raise ControlFailure(400, "invalid_body", str(error)) from error
        return self._time()

    async def lag(self, _request: Request) -> Response:
        """How far reads lag, by kind."""
        return JSONResponse({kind: vars(lag) for kind, lag in lags(self._cloud.directory).items()})

    async def set_lag(self, request: Request) -> Response:
        """Let reads lag: `{"reads": N, "seconds": S, "kinds": [..]}`; `{}` ends it."""
        body = await read_object(request)
        with _refusing():
            set_lag(self._cloud.directory, body)
        return await self.lag(request)

    async def latency(self, _request: Request) -> Response:
        """How long answers take."""
        return JSONResponse(vars(self._cloud.traffic.latency))

    async def set_latency(self, request: Request) -> Response:
        """Let answers take time: `{"identity_s": .., "outlook_s": .., "entra_s": ..}`; `{}` ends it."""
        body = await read_object(request)
        with _refusing():
            self._cloud.traffic.latency = Latency(**body)
        return await self.latency(request)

    async def limits(self, _request: Request) -> Response:
        """The limits, and how often they refused."""
        limits = self._cloud.traffic.limits
        return JSONResponse({"settings": vars(limits.settings), "refused": limits.refused, "early": limits.early})

    async def set_limits(self, request: Request) -> Response:
        """Other limits; those not named have their defaults again, counters are at zero."""
        body = await read_object(request)
        with _refusing():
            self._cloud.traffic.limits.configure(LimitSettings(**body))
        return await self.limits(request)

    async def faults(self, _request: Request) -> Response:
        """Faults that have not hit everything they should."""
        return JSONResponse({"faults": self._cloud.traffic.faults.pending()})

    async def add_faults(self, request: Request) -> Response:
        """Script faults: `{"faults": [{"path": "..", "status": 503, "times": 2}]}`, or the fields of a single one."""
        body = await read_object(request)
        given = body["faults"] if set(body) == {"faults"} else [body]
        with _refusing():
            if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
                raise ValueError("`faults` must be a list of faults")
            for each in given:
                self._cloud.traffic.faults.add(each)
        return await self.faults(request)

    async def clear_faults(self, _request: Request) -> Response:
        """Forget every fault."""
        self._cloud.traffic.faults.clear()
        return Response(status_code=204)

    async def set_issuer_keys(self, request: Request) -> Response:
        """Keys that an issuer of federated assertions publishes: `{"issuer": "https://..", "keys": [JWK, ..]}`."""
        body = await read_object(request)
        issuer, keys = body.get("issuer"), body.get("keys")
        if set(body) != {"issuer", "keys"} or not isinstance(issuer, str) or not isinstance(keys, list):
            raise ControlFailure(400, "invalid_body", 'expected {"issuer": "https://..", "keys": [..]}')
        self._cloud.issuer_keys.give(issuer, [each for each in keys if isinstance(each, dict)])
        return Response(status_code=204)

    async def add_client(self, request: Request) -> Response:
        """An application of a tenant's administrators: `{"tenant": "contoso.example", "permissions": [..]}`.

        The answer has its client id and its secret, which is told once.
        """
        body = await read_object(request)
        tenant, permissions = body.get("tenant"), body.get("permissions")
        if set(body) != {"tenant", "permissions"} or not isinstance(tenant, str) or not isinstance(permissions, list):
            raise ControlFailure(400, "invalid_body", 'expected {"tenant": id or domain, "permissions": [names]}')
        try:
            made = self._cloud.add_client(tenant, *map(str, permissions))
        except KeyError as error:
            raise ControlFailure(400, "invalid_body", f"there is no tenant or permission {error}") from None
        told = {"tenant_id": made.tenant_id, "client_id": made.client_id, "client_secret": made.secret}
        return JSONResponse(told, 201, headers={"Cache-Control": "no-store"})

    async def set_exchange(self, request: Request) -> Response:
        """Give a tenant Exchange Online, or take it away: `{"tenant": "contoso.example", "online": false}`."""
        body = await read_object(request)
        named, online = body.get("tenant"), body.get("online")
        if set(body) != {"tenant", "online"} or not isinstance(named, str) or not isinstance(online, bool):
            raise ControlFailure(400, "invalid_body", 'expected {"tenant": id or domain, "online": true or false}')
        with _refusing():
            self._cloud.set_exchange(named, online=online)
        return Response(status_code=204)

    async def exchange_delay(self, _request: Request) -> Response:
        """Emulated seconds until a change of Exchange's rights has its effect."""
        return JSONResponse({"delay_s": self._cloud.exchange.delay_s})

    async def set_exchange_delay(self, request: Request) -> Response:
        """Let changes of Exchange's rights take so long: `{"delay_s": N}`; 1,800 unless set."""
        body = await read_object(request)
        if set(body) != {"delay_s"}:
            raise ControlFailure(400, "invalid_body", 'expected {"delay_s": seconds}')
        with _refusing():
            self._cloud.exchange.set_delay(body["delay_s"])
        return await self.exchange_delay(request)

    async def set_access_policy(self, request: Request) -> Response:
        """Limit an application by an application access policy of Exchange.

        `{"tenant": "contoso.example", "client_id": ID, "group": id or name, "right": "RestrictAccess"}`, or
        `"DenyAccess"`; null removes its policies.
        """
        body = await read_object(request)
        right: Right | None = body.get("right")
        named = [body.get(name) for name in ("tenant", "client_id", "group")]
        known = right in ("RestrictAccess", "DenyAccess", None)
        if (
            set(body) != {"tenant", "client_id", "group", "right"}
            or not known
            or not all(isinstance(each, str) for each in named)
        ):
            expected = 'expected {"tenant", "client_id", "group", "right": "RestrictAccess", "DenyAccess" or null}'
            raise ControlFailure(400, "invalid_body", expected)
        with _refusing():
            tenant, client_id, group = map(str, named)
            self._cloud.set_access_policy(tenant, client_id, group, right)
        return Response(status_code=204)

    async def expire_page_tokens(self, request: Request) -> Response:
        """Take no token of a page any more, at once or after N more pages: `{"expire_after": N}`."""
        body = await read_object(request)
        if set(body) != {"expire_after"}:
            raise ControlFailure(400, "invalid_body", 'expected {"expire_after": number of pages}')
        with _refusing():
            self._cloud.traffic.pages.expire(body["expire_after"])
        return Response(status_code=204)

    async def set_tokens(self, request: Request) -> Response:
        """Let the next N tokens in customers' tenants have no `oid`: `{"without_oid": N}`."""
        body = await read_object(request)
        if set(body) != {"without_oid"}:
            raise ControlFailure(400, "invalid_body", 'expected {"without_oid": number of tokens}')
        with _refusing():
            self._cloud.tokens.leave_out_oid(body["without_oid"])
        return Response(status_code=204)

    async def export(self, _request: Request) -> Response:
        """Everything it holds, to be imported again. Credentials of connectors are in it: keep it as safe as them."""
        return JSONResponse(self._cloud.export(), headers={"Cache-Control": "no-store"})

    async def import_state(self, request: Request) -> Response:
        """Replace everything it holds by an export."""
        body = await read_object(request)
        with _refusing():
            self._cloud.import_state(body)
        return JSONResponse({"status": "ok"})

    def _time(self) -> Response:
        clock = self._cloud.clock
        return JSONResponse({"now": rfc3339(clock.now()), "offset_s": clock.offset_s})


@contextmanager
def _refusing() -> Iterator[None]:
    """Wrong values become a 400 that names them."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ControlFailure(400, "invalid_body", str(error).removeprefix("LimitSettings.__init__() ")) from error


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; nothing at all counts as an empty one.

    Raises:
        ControlFailure: 400.
    """
    raw = await request.body()
    try:
        value = strict_json.parse(raw) if raw else {}
    except ValueError:
        raise ControlFailure(400, "invalid_body", "the body is no JSON") from None
    if not isinstance(value, dict):
        raise ControlFailure(400, "invalid_body", "the body must be an object")
    return value
