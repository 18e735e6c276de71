"""Integration platforms: where a connector's entry and credential live, each behind the same Protocol.

    platform = open_platform({"kind": "local"}, os.environ)
    entry = ensure_connector(platform, ConnectorSettings(key="outlook", display_name="Outlook")).entry

`docs/platforms.md` shows each kind with an example and what it can do.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from orgcal.errors import ConfigError
from orgcal.platforms.ensure import (
    Ensured,
    catalog_refusals,
    ensure_connector,
    kept_part,
    kind_refusal,
    push_credentials,
    update_connector,
)
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    CredentialKind,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.settings import PREFIX

if TYPE_CHECKING:
    from orgcal.patience import Clock

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
    "ensure_connector",
    "kept_part",
    "kind_refusal",
    "open_platform",
    "place_of",
    "push_credentials",
    "unsuitable",
    "update_connector",
]

KINDS: Mapping[str, str] = {
    "local": "local",
    "file": "file",
    "http": "http_api",
    "nango": "nango",
    "github-environment": "github_environment",
}
"""Kind -> its module here; each has `capabilities`, `place` (both of the settings alone) and `open_<module>`."""


def open_platform(settings: Mapping[str, Any], environ: Mapping[str, str], *, clock: Clock | None = None) -> Platform:
    """The platform that a stack's config names.

    Args:
        settings: `orgcal:connector.platform`, without secrets: `kind` and what that kind needs.
        environ: names the emulator, and files with API keys.
        clock: for tests.

    Raises:
        ConfigError: settings are wrong, all of them at once.
        UsageError: the environment lacks something.
    """
    module = _module(settings)
    opener = getattr(module, f"open_{KINDS[settings['kind']]}")
    return cast(Platform, opener(settings, environ, clock))


def place_of(settings: Mapping[str, Any]) -> str:
    """Which platform the settings mean; entries move when this changes. Looks at nothing but `settings`.

    Raises:
        ConfigError: settings are wrong, all of them at once.
    """
    return f"{settings.get('kind')}:{_module(settings).place(settings)}"


def capabilities_of(settings: Mapping[str, Any]) -> Capabilities:
    """What the platform that the settings mean can do. Looks at nothing but `settings`.

    Raises:
        ConfigError: settings are wrong, all of them at once.
    """
    return cast(Capabilities, _module(settings).capabilities(settings))


def unsuitable(
    settings: Mapping[str, Any],
    declared: ConnectorSettings,
    credential_kind: CredentialKind | None,
    *,
    emulator: bool = True,
    further: str = "",
) -> list[str]:
    """Why this platform cannot hold this connector with this kind of credential: a line each, empty if it can.

    Looks at nothing but its arguments, so that a stack can refuse before it asks anybody.

    Args:
        settings: of the platform.
        declared: the connector.
        credential_kind: None where nothing is pushed.
        emulator: whether the stack lives on the emulator.
        further: the setting of a further platform, for messages; such a one need not keep the whole catalog.
    """
    try:
        place_of(settings)
        able = capabilities_of(settings)
    except ConfigError as error:
        return [problem.replace(PREFIX, further or PREFIX) for problem in error.problems]
    if able.emulated and not emulator:
        reason = f"found {settings['kind']!r}, the emulator's own platform, which no other cloud has"
        return [f"{further or PREFIX}.kind: {reason}; expected one of {', '.join(_elsewhere())} (docs/platforms.md)"]
    where = f" ({further})" if further else ""
    refused = catalog_refusals(able, kept_part(able, declared) if further else declared)
    problems = [f"orgcal:connector.{name}: {reason}{where}" for name, reason in refused.items()]
    refusal = kind_refusal(able, credential_kind) if credential_kind else ""
    return [*problems, f"orgcal:credential.kind: {refusal}{where}"] if refusal else problems


def _elsewhere() -> list[str]:
    """Kinds that exist outside the emulator."""
    return sorted(set(KINDS) - {"local"})


def _module(settings: Mapping[str, Any]) -> Any:
    kind = settings.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        return importlib.import_module(f"orgcal.platforms.{KINDS[kind]}")
    near = difflib.get_close_matches(str(kind), KINDS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(KINDS))}"
    raise ConfigError([f"{PREFIX}.kind: found {kind!r}; {hint}"])
