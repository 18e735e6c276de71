"""Entra's HTTP routes: metadata, discovery, tokens."""

from __future__ import annotations

import base64
import binascii
import uuid
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orgcal_emulator.clock import Clock
from orgcal_emulator.entra import errors, metadata
from orgcal_emulator.entra.errors import EntraFailure
from orgcal_emulator.entra.keys import SigningKey
from orgcal_emulator.entra.models import NotEmulatedError, TokenService
from orgcal_emulator.entra.token_reader import TokenReader
from orgcal_emulator.graph.errors import GraphFailure

_NO_STORE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_MOST_FIELDS = 30
_TOKEN_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_MICROSOFT_HOSTS = frozenset(
    {"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}
)


class EntraRoutes:
    """Everything of Entra but the consent pages."""

    def __init__(self, tokens: TokenService, callers: TokenReader, key: SigningKey, clock: Clock) -> None:
        self._tokens = tokens
        self._callers = callers
        self._key = key
        self._clock = clock

    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/metadata/endpoints", self.endpoints),
            Route("/common/discovery/instance", self.instance),
            Route("/subscriptions", self.nothing),
            Route("/tenants", self.nothing),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self.discovery),
            Route("/{tenant}/.well-known/openid-configuration", self.discovery_v1),
            Route("/{tenant}/discovery/v2.0/keys", self.keys),
            Route("/{tenant}/discovery/keys", self.keys),
            Route("/{tenant}/oauth2/v2.0/token", self.token, methods=_TOKEN_METHODS),
            Route("/{tenant}/oauth2/token", self.token_v1, methods=_TOKEN_METHODS),
        ]

    async def endpoints(self, request: Request) -> Response:
        """Addresses of this cloud."""
        version = request.query_params.get("api-version", "")
        if version == "2022-09-01":
            return JSONResponse(metadata.endpoints(base_url(request)))
        if version == "2019-05-01":
            return JSONResponse([metadata.older_endpoints(base_url(request))])
        return JSONResponse(
            {"error": {"code": "NotEmulated.option.api-version",
                       "message": "Only api-version=2022-09-01 and 2019-05-01 of /metadata/endpoints are modelled."}},
            501,
        )  # fmt: skip

    async def instance(self, request: Request) -> Response:
        """Which hosts are one cloud, and where the tenant that the client has in mind is described."""
        host = request.headers["host"]
        asked = request.query_params.get("authorization_endpoint", f"https://{host}/common/oauth2/v2.0/authorize")
        try:
            parts = urlsplit(asked)
        except ValueError:
            return self._refusal(errors.unknown_instance(), request)
        if parts.scheme != "https" or parts.netloc.lower() not in _MICROSOFT_HOSTS | {host}:
            return self._refusal(errors.unknown_instance(), request)
        tenant = quote(unquote(parts.path.strip("/").partition("/")[0])) or "common"
        version = 2 if "/v2.0/" in parts.path else 1
        return JSONResponse(metadata.instance_discovery(base_url(request), host, tenant, version))

    async def nothing(self, request: Request) -> Response:
        """No subscriptions and no tenants: clients that log in to the resource manager ask for them."""
        try:
            self._callers.resource_manager_caller(request.headers.get("authorization", ""))
        except GraphFailure as refused:
            body = {"error": {"code": "AuthenticationFailed", "message": refused.message}}
            return JSONResponse(body, refused.status, headers=refused.headers)
        return JSONResponse({"value": [], "count": {"type": "Total", "value": 0}})

    async def discovery(self, request: Request) -> Response:
        """OIDC discovery."""
        return self._discovery(request, 2)

    async def discovery_v1(self, request: Request) -> Response:
        """OIDC discovery of the older endpoint."""
        return self._discovery(request, 1)

    def _discovery(self, request: Request, version: int) -> Response:
        try:
            tenant = self._tenant_name(request)
        except EntraFailure as failure:
            return self._refusal(failure, request)
        return JSONResponse(metadata.openid_configuration(base_url(request), tenant, version=version))

    async def keys(self, request: Request) -> Response:
        """Keys that tokens are signed with."""
        try:
            tenant = self._tenant_name(request)
        except EntraFailure as failure:
            return self._refusal(failure, request)
        return JSONResponse(metadata.published_keys(base_url(request), tenant, self._key))

    def _tenant_name(self, request: Request) -> str:
        named = str(request.path_params["tenant"])
        if named.lower() in ("common", "organizations"):
            return named.lower()
        return self._tokens.tenant(named).tenant_id

    async def token(self, request: Request) -> Response:
        """A token."""
        return await self._token(request, version=2)

    async def token_v1(self, request: Request) -> Response:
        """A token from the older endpoint, which names a `resource` instead of a scope."""
        return await self._token(request, version=1)

    async def _token(self, request: Request, *, version: int) -> Response:
        try:
            if request.method != "POST":
                raise errors.only_post(request.method)
            form = _form(request.headers.get("content-type", ""), await request.body())
            _add_basic(form, request.headers.get("authorization", ""))
            if version == 1:
                if not form.get("resource"):
                    raise errors.missing_parameter("resource")
                form["scope"] = f"{form['resource']}/.default"
            elif "resource" in form:
                raise errors.resource_not_supported()
            request.state.principal = form.get("client_id", "")[:64]
            answer = self._tokens.issue(str(request.path_params["tenant"]), form, base_url(request))
        except EntraFailure as failure:
            return self._refusal(failure, request)
        except NotEmulatedError as missing:
            return self._not_emulated(missing, request)
        if version == 1:
            now = int(self._clock.now())
            answer |= {
                "expires_in": str(answer["expires_in"]),
                "ext_expires_in": str(answer["ext_expires_in"]),
                "expires_on": str(now + answer["expires_in"]),
                "not_before": str(now),
                "resource": form["resource"],
            }
        return JSONResponse(answer, headers=_headers(request, str(uuid.uuid4())))

    def _refusal(self, failure: EntraFailure, request: Request) -> Response:
        body = failure.body(self._clock.now(), _correlation_id(request) or str(uuid.uuid4()), base_url(request))
        return JSONResponse(body, failure.status, headers=_headers(request, body["trace_id"]))

    def _not_emulated(self, missing: NotEmulatedError, request: Request) -> Response:
        """400 as OAuth has it, with a text that names what is missing: MSAL does not read the body of a 501."""
        code = request.state.not_emulated = f"NotEmulated.{missing}"
        body = {
            "error": missing.oauth_error,
            "error_description": f"{code}: the emulator does not model {missing}. It refuses what it does not know.",
            "error_codes": [],
        }
        return JSONResponse(body, 400, headers=_headers(request, str(uuid.uuid4())))


def _correlation_id(request: Request) -> str:
    """The client's own id of the request, if it sent a GUID."""
    try:
        return str(uuid.UUID(request.headers.get("client-request-id", "")))
    except ValueError:
        return ""


def _headers(request: Request, request_id: str) -> dict[str, str]:
    """Headers of a token answer; the client's own id comes back to those who ask for that."""
    headers = {**_NO_STORE, "x-ms-request-id": request_id}
    if request.headers.get("return-client-request-id", "").lower() == "true" and _correlation_id(request):
        headers["client-request-id"] = _correlation_id(request)
    return headers


def base_url(request: Request) -> str:
    """The address the client used, which the front has checked to be this emulator's."""
    return f"https://{request.headers['host']}"


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a posted form.

    Raises:
        EntraFailure: no form, or a field that came twice.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise errors.missing_parameter("grant_type")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise errors.missing_parameter("grant_type") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise errors.repeated_parameter(name[:80])
        form[name] = value
    return form


def _add_basic(form: dict[str, str], authorization: str) -> None:
    """Take client id and secret from an `Authorization: Basic` header (RFC 6749, 2.3.1)."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (ValueError, binascii.Error):
        raise errors.no_credential() from None
    form.setdefault("client_id", unquote_plus(client_id))
    form.setdefault("client_secret", unquote_plus(secret))
