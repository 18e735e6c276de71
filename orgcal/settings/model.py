"""The stack's configuration, typed. The only reader of Pulumi's config.

Every setting lives under `orgcal:` in `Pulumi.<stack>.yaml`; `Settings` below is their reference.
Whatever is wrong is said at once, each with key, what was found, what is expected, and the repair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pydantic import ValidationError

from orgcal.errors import ConfigError
from orgcal.settings.credential_section import CredentialSettings
from orgcal.settings.fields import Section, setting
from orgcal.settings.platform_rules import declared_connector, validate, wrong_platforms
from orgcal.settings.problems import describe_problems
from orgcal.settings.sections import (
    ApplicationSettings,
    ConnectorSettings,
    ConsentSettings,
    EntraSettings,
)

NAMESPACE = "orgcal"


class Settings(Section):
    """All settings of a stack."""

    entra: EntraSettings = setting(
        expected="a mapping with `cloud`", example="{cloud: public}", about=EntraSettings.__doc__ or ""
    )
    application: ApplicationSettings = setting(
        expected="a mapping with `display_name`",
        example='{display_name: "Calendar Sync"}',
        about=ApplicationSettings.__doc__ or "",
    )
    connector: ConnectorSettings = setting(
        expected="a mapping with `platform`, `key`, `name`, `scopes`",
        example="{platform: {kind: local}, key: outlook-calendar, name: Calendars, scopes: [Calendars.Read]}",
        about=ConnectorSettings.__doc__ or "",
    )
    credential: CredentialSettings = setting(
        CredentialSettings(), expected="a mapping", example="{lifetime: 180d}", about=CredentialSettings.__doc__ or ""
    )
    consent: ConsentSettings | None = setting(
        None,
        expected="a mapping with `public_url`, or absent",
        example='{public_url: "https://app.example.com/consent/callback"}',
        about=ConsentSettings.__doc__ or "",
    )
    ephemeral: bool = setting(
        False,
        expected="true or false",
        example="true",
        about="A short-lived stack: nothing is protected, connected organisations do not stop a destroy.",
    )
    origin: str = setting(
        "",
        expected="name of a stack, or absent",
        example="dev",
        about="Stack that an ephemeral stack is a copy of, as `orgcal ephemeral create` writes it. In the emulator's "
        "world both use the same emulator.",
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,99})?$",
    )
    protect: bool | None = setting(
        None,
        expected="true or false, or absent",
        example="true",
        about="Whether everything that customers use is protected against deletion. Absent: yes, except in the "
        "emulator and on ephemeral stacks.",
    )

    @property
    def protected(self) -> bool:
        """Whether everything that customers use is protected against deletion."""
        if self.protect is not None:
            return self.protect
        return self.entra.cloud != "emulator" and not self.ephemeral

    @property
    def guard(self) -> pulumi.ResourceOptions:
        """Resource options of whatever customers depend on."""
        return pulumi.ResourceOptions(protect=self.protected)

    def platform(self, other: str = "") -> dict[str, Any]:
        """Settings of the platform, or of the one that `also_push_to` calls `other`."""
        return dict(self.connector.also_push_to[other] if other else self.connector.platform)

    def connector_inputs(self, other: str = "", *, after: pulumi.Resource) -> dict[str, Any]:
        """Arguments of the `Connector` resource.

        Args:
            other: name of a further platform (`also_push_to`); the main one without it.
            after: the ledger. Nothing leads from it to the connector by data, but a stale checkout must be refused
                before the connector's catalog text is written too; everything else follows the connector.
        """
        declared = declared_connector(self.connector, other)
        return {
            "platform": self.platform(other),
            "key": declared.key,
            "display_name": declared.display_name,
            "description": declared.description,
            "scopes": list(declared.scopes),
            "published": declared.published,
            "delete_connected": self.connector.delete_connected or self.ephemeral,
            "opts": pulumi.ResourceOptions.merge(self.guard, pulumi.ResourceOptions(depends_on=[after])),
        }

    def ledger_inputs(self, lifetime: str) -> dict[str, Any]:
        """Arguments of the `CredentialLedger` resource; `lifetime` is what new generations get."""
        return {
            "generations": list(self.credential.generations),
            "active": self.credential.active,
            "lifetime": lifetime,
            "world": self.entra.cloud,
            "rollback_to": self.credential.rollback_to,
            "opts": self.guard,
        }

    def push_inputs(self, other: str = "") -> dict[str, Any]:
        """Arguments of the `ConnectorCredentials` resource, besides connector and credential."""
        return {
            "platform": self.platform(other),
            "scopes": list(self.connector.scopes),
            "generation": self.credential.active,
            "opts": self.guard,
        }


def load_settings(project_dir: Path) -> Settings:
    """The settings of the stack that is being deployed.

    Args:
        project_dir: the checkout; on stacks on the emulator the live generations are read from
            `.local/<stack>/credential.json` there, if rotation wrote one, so that git stays clean.

    Raises:
        ConfigError: with every problem at once.
    """
    config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    overlay = project_dir / ".local" / pulumi.get_stack() / "credential.json"
    generations = json.loads(overlay.read_text(encoding="utf-8")) if overlay.exists() else {}
    return parse_settings(config, stack=pulumi.get_stack(), generations=generations)


def parse_settings(config: Mapping[str, str], *, stack: str, generations: Mapping[str, Any] | None = None) -> Settings:
    """Settings out of Pulumi's flat config map.

    Args:
        config: full keys (`orgcal:entra`) to values; structured values are JSON text.
        stack: name of the stack, for the errors.
        generations: replaces `generations`, `active` and `rollback_to` on stacks on the emulator.

    Raises:
        ConfigError: with every problem at once.
    """
    raw: dict[str, Any] = {}
    foreign: list[str] = []
    for key, text in config.items():
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE:
            raw[name] = _decoded(text)
        elif namespace == "azuread":
            foreign.append(key)
    entra = raw.get("entra")
    if generations and isinstance(entra, dict) and entra.get("cloud") == "emulator":
        credential = raw.get("credential")
        raw["credential"] = {**(credential if isinstance(credential, dict) else {}), **generations}
    problems = [
        f"{key}: found a setting of the azuread plugin; expected none, as the stack's cloud decides them; "
        f"repair: pulumi config rm {key}"
        for key in sorted(foreign)
    ]
    try:
        settings = Settings.model_validate(raw)
        problems += validate(settings.connector, settings.credential, emulator=settings.entra.cloud == "emulator")
    except ValidationError as error:
        problems += describe_problems(error, Settings, namespace=NAMESPACE)
        problems += wrong_platforms(raw.get("connector"))
    if problems:
        raise ConfigError(problems, where=f"Pulumi.{stack}.yaml") from None
    return settings


def _decoded(text: str) -> Any:
    """Pulumi hands every value over as text; mappings, lists, numbers and booleans as JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
