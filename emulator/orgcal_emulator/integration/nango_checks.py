"""The validation that Nango's server does with zod: strict objects, patterns, lengths.

Places are of its public sources, commit 2f4c0af, below packages/server/lib unless they say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from starlette.datastructures import QueryParams

from orgcal_emulator.integration.nango_errors import NangoFailure, invalid_body, invalid_query, unknown_keys

KEY = re.compile(r"[a-zA-Z0-9~:.@ _-]{1,255}")
"""helpers/validation.ts:56, providerConfigKeySchema."""
CONNECTION_ID = re.compile(r"[a-zA-Z0-9,.;:=+~[\]|@${}\"'\\/_ -]{1,255}")
"""helpers/validation.ts:85, connectionIdSchema."""
_PROVIDER = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_SCOPES = re.compile(r"(?:[0-9a-zA-Z:/_.*-]+(?:,[0-9a-zA-Z:/_.*-]+)*)?")
"""helpers/validation.ts:122: letters, digits and `:/_.*-`, separated by commas, or an empty text."""
_TAG = re.compile(r"[a-zA-Z][a-zA-Z0-9_\-./]{0,63}")
"""packages/shared/lib/services/tags/schema.ts:7."""
MAX_TAGS = 10
MAX_LIMIT = 2000
_TRUE = {"true", "1", "yes", "on", "y", "enabled"}
_FALSE = {"false", "0", "no", "off", "n", "disabled"}
"""Texts that zod's `stringbool` takes, in any case (https://zod.dev/api#stringbool)."""

OPTIONAL = ("display_name", "forward_webhooks", "credentials", "integration_config", "custom")
_CREDENTIALS = ("type", "client_id", "client_secret", "scopes", "webhook_secret")
_SESSION = (
    "end_user",
    "organization",
    "allowed_integrations",
    "integrations_config_defaults",
    "overrides",
    "webhook_url_override",
    "tags",
)


def _text(least: int, most: int | None = None) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and least <= len(value) and (most is None or len(value) <= most)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


_INTEGRATION: Mapping[str, Callable[[object], bool]] = {
    "unique_key": _matches(KEY),
    "provider": _matches(_PROVIDER),
    "display_name": _text(1, 255),
    "forward_webhooks": lambda value: isinstance(value, bool),
    "credentials": lambda value: isinstance(value, dict),
    "integration_config": lambda value: _texts(value) and all(len(each) <= 8192 for each in value.values()),  # type: ignore[attr-defined]  # a dict by then
    "custom": _texts,
}
_CREDENTIAL: Mapping[str, Callable[[object], bool]] = {
    "client_id": _text(1, 255),
    "client_secret": _text(1),
    "scopes": _matches(_SCOPES),
    "webhook_secret": _text(0, 255),
}


def check_integration(body: Mapping[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Refuse a body that controllers/integrations/postIntegration.ts:22-35 or patchIntegration.ts:22-31 would.

    Raises:
        NangoFailure: 400.
    """
    for name in required:
        if name not in body:
            raise invalid_body([name], "Invalid input: expected string, received undefined", "invalid_type")
    for name, fits in _INTEGRATION.items():
        if name in body and (name in required or name in optional) and not fits(body[name]):
            raise invalid_body([name], "Invalid input")
    if "credentials" in body:
        _check_credentials(body["credentials"])
    if unknown := set(body) - {*required, *optional}:
        raise unknown_keys(unknown, "invalid_body")


def _check_credentials(given: Mapping[str, Any]) -> None:
    """helpers/validation.ts:114-149, of which only what is taken for OAUTH1, OAUTH2 and TBA is modelled."""
    if given.get("type") in ("APP", "CUSTOM"):
        raise NangoFailure(501, "not_emulated", f"The emulator does not model credentials of type {given['type']!r}")
    if given.get("type") not in ("OAUTH1", "OAUTH2", "TBA"):
        raise invalid_body(["credentials", "type"], "invalid credentials object", "invalid_union")
    for name, fits in _CREDENTIAL.items():
        if (name in given or name.startswith("client_")) and not fits(given.get(name)):
            raise invalid_body(["credentials", name], "Invalid input")
    if unknown := set(given) - set(_CREDENTIALS):
        raise unknown_keys(unknown, "invalid_body", ["credentials"])


def check_session(body: Mapping[str, Any]) -> None:
    """Refuse a body that controllers/connect/postSessions.ts:18-63 would: `end_user` is needed where no `tags` are.

    Raises:
        NangoFailure: 400, or 501 for what Nango takes and the emulator does not model.
    """
    if "end_user" not in body and "tags" not in body:
        raise invalid_body(["end_user"], "Invalid input: expected object, received undefined", "invalid_type")
    if unknown := set(body) - set(_SESSION):
        raise unknown_keys(unknown, "invalid_body")
    allowed = body.get("allowed_integrations", [])
    if not isinstance(allowed, list) or not all(_INTEGRATION["unique_key"](each) for each in allowed):
        raise invalid_body(["allowed_integrations"], "Invalid input")
    _check_defaults(body.get("integrations_config_defaults", {}))
    if "tags" in body:
        check_tags(body["tags"])
    for name in ("end_user", "organization", "overrides", "webhook_url_override"):
        if name in body:
            raise NangoFailure(501, "not_emulated", f"The emulator does not model {name!r} of a connect session")


def _check_defaults(given: object) -> None:
    """controllers/connect/postSessions.ts:29-44."""
    path = "integrations_config_defaults"
    if not isinstance(given, dict):
        raise invalid_body([path], "Invalid input: expected record", "invalid_type")
    for key, defaults in given.items():
        if not KEY.fullmatch(key) or not isinstance(defaults, dict):
            raise invalid_body([path, key], "Invalid input")
        if unknown := set(defaults) - {"user_scopes", "authorization_params", "connection_config"}:
            raise unknown_keys(unknown, "invalid_body", [path, key])
        if not isinstance(defaults.get("connection_config", {}), dict):
            raise invalid_body([path, key, "connection_config"], "Invalid input: expected object", "invalid_type")
        for name in ("user_scopes", "authorization_params"):
            if name in defaults:
                raise NangoFailure(501, "not_emulated", f"The emulator does not model {name!r} of a connect session")


def check_tags(given: object) -> None:
    """Refuse tags that packages/shared/lib/services/tags/schema.ts:43-62 would.

    Raises:
        NangoFailure: 400.
    """
    if not isinstance(given, dict):
        raise invalid_body(["tags"], "Invalid input: expected record", "invalid_type")
    for name, value in given.items():
        if not _TAG.fullmatch(name) or not _text(1, 255)(value):
            raise invalid_body(["tags", name], "Invalid input")
    if len(given) > MAX_TAGS:
        raise invalid_body(["tags"], f"Tags cannot contain more than {MAX_TAGS} keys", "custom")
    if len({name.lower() for name in given}) < len(given):
        raise invalid_body(["tags"], "Duplicate tag key after case normalization", "custom")


def checked_query(query: QueryParams, known: Collection[str] = (), *, repeated: Collection[str] = ()) -> dict[str, str]:
    """The query parameters; an unknown one is refused, as `strict()` and `requireEmptyQuery` do.

    Args:
        repeated: those that may occur more than once.

    Raises:
        NangoFailure: 400.
    """
    if unknown := set(query) - set(known):
        raise unknown_keys(unknown, "invalid_query_params")
    for name in query:
        if name not in repeated and len(query.getlist(name)) > 1:
            raise invalid_query(name, "Invalid input: expected string, received array")
    return dict(query)


def whole_number(given: Mapping[str, str], name: str, least: int, most: int | None = None) -> int | None:
    """A query parameter that is a number, None where it is missing.

    Raises:
        NangoFailure: 400.
    """
    text = given.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least or (most is not None and int(text) > most):
        raise invalid_query(name, "Invalid input: expected number")
    return int(text)


def truth(given: Mapping[str, str], name: str) -> bool:
    """A query parameter that is true or false, false where it is missing.

    Raises:
        NangoFailure: 400.
    """
    text = given.get(name, "false").lower()
    if text not in _TRUE | _FALSE:
        raise invalid_query(name, "Invalid input: expected stringbool")
    return text in _TRUE
