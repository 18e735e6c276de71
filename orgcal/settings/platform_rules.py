"""Which platforms can hold the connector that the settings describe: refused here before anybody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal import platforms
from orgcal.settings.credential_section import CredentialSettings
from orgcal.settings.sections import ConnectorSettings

_FURTHER = platforms.PREFIX.replace(".platform", ".also_push_to")


def declared_connector(connector: ConnectorSettings, other: str = "") -> platforms.ConnectorSettings:
    """The connector as declared; for the further platform called `other`, what that one can keep of it."""
    declared = platforms.ConnectorSettings(
        key=connector.key,
        display_name=connector.name,
        description=connector.description,
        scopes=tuple(connector.scopes),
        published=connector.published,
    )
    if not other:
        return declared
    return platforms.kept_part(platforms.capabilities_of(connector.also_push_to[other]), declared)


def validate(connector: ConnectorSettings, credential: CredentialSettings, *, emulator: bool) -> list[str]:
    """What the chosen platforms cannot hold of this connector and its credential: a line each."""
    kind = credential.kind_of(credential.active)
    pushed = None if kind == "federated" else kind
    declared = declared_connector(connector)
    named = _by_key(connector.platform, connector.also_push_to)
    problems = []
    for key, said in named.items():
        problems += unsuitable(said, declared, pushed, emulator=emulator, key=key)
    return problems or _same_places(named)


def wrong_platforms(connector: Any) -> list[str]:
    """Return what is wrong in the platforms' own settings, where the section cannot be read for other reasons."""
    section = connector if isinstance(connector, dict) else {}
    further = section.get("also_push_to")
    named = _by_key(section.get("platform"), further if isinstance(further, dict) else {})
    # what is no mapping is a problem of the section itself
    mappings = {key: settings for key, settings in named.items() if isinstance(settings, dict)}
    return [problem for key, settings in mappings.items() for problem in platforms.check_settings(settings, key)]


def unsuitable(
    settings: Mapping[str, Any],
    declared: platforms.ConnectorSettings,
    credential_kind: platforms.CredentialKind | None,
    *,
    emulator: bool = True,
    key: str = platforms.PREFIX,
) -> list[str]:
    """Return why a platform cannot hold this connector with this kind of credential, a line each. Asks nobody.

    Args:
        credential_kind: None where nothing is pushed.
        emulator: whether the stack lives on the emulator.
        key: of the settings; a further platform need not keep the whole catalog.
    """
    if problems := platforms.check_settings(settings, key):
        return problems
    able = platforms.capabilities_of(settings)
    if able.emulated and not emulator:
        return [
            f"{key}.kind: found {settings['kind']!r}, the emulator's own platform, which no other cloud has; expected "
            f"one of {', '.join(sorted(set(platforms.kinds()) - {settings['kind']}))} (docs/platforms.md); "
            f"repair: pulumi config set --path {key}.kind nango"
        ]
    further = key != platforms.PREFIX
    where = f" ({key})" if further else ""
    refused = platforms.catalog_refusals(able, platforms.kept_part(able, declared) if further else declared)
    problems = [
        f"orgcal:connector.{name}: {reason}{where}; repair: {_CATALOG_REPAIRS.get(name) or _shorten(name)}"
        for name, reason in refused.items()
    ]
    refusal = _credential_refusal(able, credential_kind)
    if refusal:
        repair = f"pulumi config set --path orgcal:credential.kind {min(able.credential_kinds, default='secret')}"
        problems.append(f"orgcal:credential.kind: {refusal}{where}; repair: {repair}")
    return problems


_CATALOG_REPAIRS: Mapping[str, str] = {
    "description": "pulumi config rm --path orgcal:connector.description",
    "published": "pulumi config set --path orgcal:connector.published true",
}
"""Of a setting for which a platform has no place."""


def _shorten(name: str) -> str:
    return f'pulumi config set --path orgcal:connector.{name} "a shorter one"'


def _credential_refusal(able: platforms.Capabilities, kind: platforms.CredentialKind | None) -> str:
    """Why the platform cannot hold a connector with this kind of credential, or an empty text."""
    if kind:
        return platforms.kind_refusal(able, kind)
    if able.created_with == "credential":
        return f"this platform makes a connector only with a {' or a '.join(sorted(able.credential_kinds))}"
    return ""


def _by_key(platform: Any, further: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of all platforms by their keys in the stack's file."""
    return {platforms.PREFIX: platform, **{f"{_FURTHER}.{name}": said for name, said in further.items()}}


def _same_places(named: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Platforms that are one and the same, where two resources would write one entry."""
    firsts: dict[str, str] = {}
    problems = []
    for key, said in named.items():
        first = firsts.setdefault(platforms.place_of(said), key)
        if first != key:
            problems.append(
                f"{key}: found the same place as {first}; expected another one; repair: pulumi config rm --path {key}"
            )
    return problems
