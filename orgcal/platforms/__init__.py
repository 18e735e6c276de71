"""Integration platforms: where a connector's entry and credential live, each behind the same Protocol.

    platform = open_platform({"kind": "local"}, os.environ)
    entry = ensure_connector(platform, ConnectorSettings(key="outlook", display_name="Outlook")).entry

`docs/platforms.md` shows each kind with an example and what it can do.
"""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast, get_args

from orgcal.errors import ConfigError, UsageError
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
    from importlib.metadata import EntryPoint

    from orgcal.patience import Clock
    from orgcal.platforms.settings import PlatformSettings

__all__ = [
    "ENTRY_POINTS",
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
    "kinds",
    "open_platform",
    "place_of",
    "push_credentials",
    "read_platform",
    "settings_class",
    "usable_kinds",
]


KINDS: Mapping[str, str] = {
    "local": "orgcal.platforms.local:LocalSettings",
    "file": "orgcal.platforms.file:FileSettings",
    "http": "orgcal.platforms.http_api:HttpSettings",
    "nango": "orgcal.platforms.nango:NangoSettings",
    "github-environment": "orgcal.platforms.github_environment:GithubSettings",
    "azure-key-vault": "orgcal.platforms.azure_key_vault:KeyVaultSettings",
    "aws-secrets-manager": "orgcal.platforms.aws_secrets_manager:AwsSettings",
    "hashicorp-vault": "orgcal.platforms.hashicorp_vault:VaultSettings",
}
"""Kind of platform -> the class of its settings, `module:class`; a new kind of ours gets its line here.

`settings_class` imports one of them when it is first needed: a plugin must neither wait for pydantic at its start, nor
ever for the kinds that its stack does not use. Installed packages add kinds by entry points of the group
`ENTRY_POINTS`, which are looked for when a kind is not among these; they cannot replace one of these.
"""

ENTRY_POINTS = "orgcal.platforms"
"""Group of entry points: the name of a kind = `module:class` of its settings (docs/platforms.md)."""


def kinds() -> list[str]:
    """Return the name of every kind: ours, then those of installed packages."""
    return [*KINDS, *(name for name in sorted(_installed()) if name not in KINDS)]


def usable_kinds() -> list[str]:
    """Return the names of the kinds whose settings can be imported, for what describes them all."""
    usable = []
    for kind in kinds():
        with contextlib.suppress(UsageError):
            settings_class(kind)
            usable.append(kind)
    return usable


@cache
def settings_class(kind: str) -> type[PlatformSettings]:
    """Return the class of a kind's settings.

    Raises:
        KeyError: there is no such kind.
        UsageError: the package that adds it is broken.
    """
    if kind in KINDS:
        return cast("type[PlatformSettings]", resolve_name(KINDS[kind]))
    return _loaded(kind, _installed()[kind])


@cache
def _installed() -> dict[str, list[EntryPoint]]:
    """Return the entry points by the names of their kinds; two packages may have taken the same name."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        others = found.setdefault(entry.name, [])
        if entry.value not in [other.value for other in others]:  # one package, found in two folders of the path
            others.append(entry)
    return found


def _loaded(kind: str, entries: list[EntryPoint]) -> type[PlatformSettings]:
    from orgcal.entra.answers import shorten
    from orgcal.platforms.settings import PlatformSettings

    packages = " and ".join(sorted({entry.dist.name if entry.dist else entry.value for entry in entries}))
    repair = f"correct, update or uninstall {packages}"
    if len(entries) > 1:
        raise UsageError(
            f"several packages add the kind {kind!r}: {packages}", repair=f"uninstall all but one of {packages}"
        )
    try:
        found = entries[0].load()
    except Exception as error:
        reason = f"{type(error).__name__}: {shorten(str(error), 160)}"
        raise UsageError(
            f"the kind {kind!r} of the package {packages} cannot be imported ({reason})", repair=repair
        ) from error
    if not isinstance(found, type) or not issubclass(found, PlatformSettings):
        raise UsageError(f"the kind {kind!r} of the package {packages} has no class of PlatformSettings", repair=repair)
    if get_args(found.model_fields["kind"].annotation) != (kind,):
        raise UsageError(
            f"the kind {kind!r} of the package {packages} is called otherwise in its settings", repair=repair
        )
    return found


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
    if str(kind) not in KINDS and str(kind) not in kinds():
        near = difflib.get_close_matches(str(kind), kinds())
        meant = f" (did you mean {near[0]}?)" if near else ""
        shown = "nothing" if kind is None else json.dumps(kind, default=str)
        expected = f"expected one of {', '.join(sorted(kinds()))}"
        repair = f"pulumi config set --path {where}.kind {near[0] if near else 'nango'}"
        raise ConfigError([f"{where}.kind: found {shown}{meant}; {expected}; repair: {repair}"])
    try:
        model = settings_class(str(kind))
    except UsageError as error:
        raise ConfigError([f"{where}.kind: {error.what}; repair: {error.repair}"]) from error
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
