"""A Graph request and its answer, the same for single requests and for those inside a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orgcal_emulator import strict_json
from orgcal_emulator.graph.errors import bad_request
from orgcal_emulator.graph.page_tokens import PageTokens


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the access token says.

    Attributes:
        principal_id: object id of the caller's service principal.
        roles: application permissions in the token; what is granted later needs a new token.
        expires_at: emulated time in seconds.
    """

    tenant_id: str
    client_id: str
    principal_id: str
    roles: frozenset[str]
    expires_at: float


@dataclass(slots=True)
class GraphRequest:
    """One request.

    Attributes:
        version: `v1.0` or `beta`.
        segments: decoded path segments after the version.
        options: query options, names in lower case and without `$`.
        headers: names in lower case.
        body: raw bytes, or the parsed JSON of a request inside a batch.
        base_url: address the client used, without a slash at the end.
        owned_only: set by the dispatcher: the caller may touch only what it owns.
        pages: makes and reads the tokens of pages.
        keys: values of the route's `{}` segments.
    """

    method: str
    version: str
    segments: list[str]
    options: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    base_url: str
    caller: Caller
    pages: PageTokens
    owned_only: bool = False
    keys: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        """Address with version: `https://localhost:1/v1.0`."""
        return f"{self.base_url}/{self.version}"

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            GraphFailure: 400, or 415 for another content type.
        """
        value = self.body
        content_type = self.headers.get("content-type", "")
        if isinstance(value, bytes):
            if not value:
                raise bad_request("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
            value = parse_json(value, content_type, unique_names=True)
        else:
            check_content_type(content_type)
        if not isinstance(value, dict):
            raise bad_request("Empty Payload. JSON content expected.", "BadRequest")
        return value


@dataclass(slots=True)
class GraphResponse:
    """One answer.

    Attributes:
        body: JSON value, bytes (sent as they are) or None.
        code: error code for the journal where something is not emulated, else empty.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""


def parse_json(raw: bytes, content_type: str, *, unique_names: bool = False) -> Any:
    """The JSON value in `raw`.

    Args:
        unique_names: refuse objects that name a property twice.

    Raises:
        GraphFailure: 400 `BadRequest` for text that is no JSON, or another content type.
    """
    check_content_type(content_type)
    try:
        return strict_json.parse(raw, unique_names=unique_names)
    except ValueError as error:
        raise bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and "
            "payload is of valid JSON format.",
            "BadRequest",
        ) from error


def check_content_type(content_type: str) -> None:
    """Refuse a body that its header does not call JSON.

    Raises:
        GraphFailure: 400.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json":
        raise bad_request(
            "Write requests (excluding DELETE) must contain the Content-Type header declaration."
            if not kind
            else "A supported MIME type could not be found that matches the content type of the request. "
            f"None of the supported type(s) 'application/json' matches the content type '{kind[:80]}'.",
            "RequestBodyRead" if kind else "BadRequest",
        )
