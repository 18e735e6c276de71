"""Integration platforms: where a connector's entry and credential live, each behind the same Protocol.

    platform = open_platform({"kind": "local"}, os.environ)
    entry = ensure_connector(platform, ConnectorSettings(key="outlook", display_name="Outlook")).entry

`docs/platforms.md` shows each kind with an example and what it can do.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from orgcal.errors import ConfigError
from orgcal.platforms.ensure import (
    Ensured,
    catalog_refusals,
    ensure_connector,
    kept_part,
    kind_refusal,
    push_credentials,
)
from orgcal.platforms.model import (
    PREFIX,
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    CredentialKind,
    Platform,
    PlatformCredential,
    StoredCredential,
)

if TYPE_CHECKING:
    from orgcal.patience import Clock
    from orgcal.platforms.settings import PlatformSettings

__all__ = [
    "KINDS",
    "PREFIX",
    "Capabilities",
    "CatalogField",
    "ConnectorEntry",
    "ConnectorSettings",
    "CredentialKind",
    "Ensured",
    "Platform",
    "PlatformCredential",
    "StoredCredential",
    "capabilities_of",
    "catalog_refusals",
    "check_settings",
    "ensure_connector",
    "kept_part",
    "kind_refusal",
    "open_platform",
    "place_of",
    "push_credentials",
    "read_platform",
    "settings_class",
]


KINDS: Mapping[str, str] = {
    "local": "orgcal.platforms.local:LocalSettings",
    "file": "orgcal.platforms.file:FileSettings",
    "http": "orgcal.platforms.http_api:HttpSettings",
    "nango": "orgcal.platforms.nango:NangoSettings",
    "github-environment": "orgcal.platforms.github_environment:GithubSettings",
}
"""Kind of platform -> the class of its settings, `module:class`; a new kind gets its line here.

`settings_class` imports one of them when it is first needed: a plugin must neither wait for pydantic at its start, nor
ever for the kinds that its stack does not use.
"""


@cache
def settings_class(kind: str) -> type[PlatformSettings]:
    """Return the class of a kind's settings; raises KeyError where `KINDS` does not have it."""
    return cast("type[PlatformSettings]", resolve_name(KINDS[kind]))


def read_platform(settings: Mapping[str, Any], where: str = PREFIX) -> PlatformSettings:
    """Return the settings of a platform, typed.

    Args:
        settings: what the stack's file has under `where`, without secrets: `kind` and what that kind needs.
        where: key of these settings in the stack's file.

    Raises:
        ConfigError: settings are wrong, all of them at once.
    """
    from pydantic import ValidationError

    from orgcal.fields import describe_problems

    kind = settings.get("kind")
    if str(kind) not in KINDS:
        near = difflib.get_close_matches(str(kind), KINDS, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        shown = "nothing" if kind is None else json.dumps(kind, default=str)
        expected = f"expected one of {', '.join(sorted(KINDS))}"
        repair = f"pulumi config set --path {where}.kind {near[0] if near else 'nango'}"
        raise ConfigError([f"{where}.kind: found {shown}{meant}; {expected}; repair: {repair}"])
    model = settings_class(str(kind))
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(describe_problems(error, model, namespace=where)) from None


def check_settings(settings: Mapping[str, Any], where: str = PREFIX) -> list[str]:
    """Return what is wrong with the settings of a platform, a line each; see `read_platform`."""
    try:
        read_platform(settings, where)
    except ConfigError as error:
        return list(error.problems)
    return []


def open_platform(settings: Mapping[str, Any], environ: Mapping[str, str], *, clock: Clock | None = None) -> Platform:
    """Return the platform that a stack's settings name; raises as `read_platform` and `PlatformSettings.open` do."""
    return read_platform(settings).open(environ, clock)


def place_of(settings: Mapping[str, Any]) -> str:
    """Return which platform the settings mean; entries move when this changes. Raises as `read_platform` does."""
    platform = read_platform(settings)
    return f"{platform.kind}:{platform.place}"


def capabilities_of(settings: Mapping[str, Any]) -> Capabilities:
    """Return what the platform that the settings mean can do; raises as `read_platform` does."""
    return read_platform(settings).capabilities
