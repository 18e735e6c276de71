"""Which platforms can hold the connector that the settings describe: refused here before anybody is asked."""

from __future__ import annotations

from typing import Any

from orgcal import platforms
from orgcal.errors import ConfigError
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
    """What the chosen platforms cannot hold of this connector and its credential: a line each.

    Args:
        connector: the section.
        credential: the section; of a federated one nothing is pushed.
        emulator: whether the stack lives on the emulator.
    """
    kind = credential.kind_of(credential.active)
    pushed = None if kind == "federated" else kind
    declared = declared_connector(connector)
    problems = platforms.unsuitable(connector.platform, declared, pushed, emulator=emulator)
    for other, said in connector.also_push_to.items():
        problems += platforms.unsuitable(said, declared, pushed, emulator=emulator, further=f"{_FURTHER}.{other}")
    return problems or _same_places(connector)


def wrong_platforms(connector: Any) -> list[str]:
    """What is wrong in the platforms' own settings, where the section cannot be read for other reasons.

    Args:
        connector: the section as it was found.
    """
    said = connector if isinstance(connector, dict) else {}
    further = said.get("also_push_to")
    places = {platforms.PREFIX: said.get("platform")}
    for name, settings in further.items() if isinstance(further, dict) else ():
        places[f"{_FURTHER}.{name}"] = settings
    problems: list[str] = []
    for where, settings in places.items():
        if not isinstance(settings, dict):
            continue  # said already
        try:
            platforms.place_of(settings)
        except ConfigError as error:
            problems += [problem.replace(platforms.PREFIX, where) for problem in error.problems]
    return problems


def _same_places(connector: ConnectorSettings) -> list[str]:
    """Platforms that are one and the same, where two resources would write one entry."""
    names = {platforms.place_of(connector.platform): platforms.PREFIX}
    problems = []
    for other, said in connector.also_push_to.items():
        where, place = f"{_FURTHER}.{other}", platforms.place_of(said)
        first = names.setdefault(place, where)
        if first != where:
            problems.append(
                f"{where}: found the same place as {first}; expected another one; "
                f"repair: pulumi config rm --path {where}"
            )
    return problems
