"""The stack's configuration, typed. The only reader of Pulumi's config.

Every setting lives under `orgcal:` in `Pulumi.<stack>.yaml`; `Settings` below is their reference.
Whatever is wrong is said at once, each with key, what was found, what is expected, and the repair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from orgcal.clouds import Cloud
from orgcal.errors import ConfigError
from provisioning.config_errors import describe_problems

NAMESPACE = "orgcal"
_REDIRECT_URI = re.compile(r"(https://[^/?#*]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[^?#*!$'(),;]*)?")
_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def _setting(default: Any = ..., *, expected: str, example: str, about: str, **rules: Any) -> Any:
    """A field that explains itself: `expected` and `example` go into errors and the schema."""
    return Field(default, description=about, json_schema_extra={"expected": expected, "example": example}, **rules)


def parse_lifetime(text: str) -> timedelta | None:
    """Days of a lifetime such as `180d`; None for `never`.

    Raises:
        ValueError: neither `never` nor 1d to 3650d.
    """
    if text == "never":
        return None
    match = re.fullmatch(r"([1-9]\d{0,3})d", text)
    if not match or int(match[1]) > 3650:
        raise ValueError("lifetime")
    return timedelta(days=int(match[1]))


def _known_lifetime(text: str) -> str:
    parse_lifetime(text)
    return text


def _https_or_loopback(url: str) -> str:
    """Entra's rule for redirect URIs: https, or http on localhost only.

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/reply-url
    """
    if (
        not re.fullmatch(r"(https://[^/?#*]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[^?#*!$'(),;]*)?", url)
        or len(url) > 256
    ):
        raise ValueError("redirect URI")
    return url


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, str_strip_whitespace=True)


class EntraSettings(_Model):
    """`orgcal:entra`: in which world, and in which home tenant, the application lives."""

    cloud: Cloud = _setting(
        expected="emulator, public, usgov or china", example="public", about="World that the stack lives in."
    )
    tenant_id: str = _setting(
        "",
        expected="the home tenant's id, a GUID",
        example="00000000-1111-2222-3333-444444444444",
        about="Home tenant of the application. The emulator's world has its own; elsewhere it must be given.",
        pattern=f"^$|{_GUID}",
    )


class ApplicationSettings(_Model):
    """`orgcal:application`: the app registration (step 2)."""

    display_name: str = _setting(
        expected="1 to 120 characters",
        example='"Contoso Calendar Sync"',
        about="Name that administrators see on the consent page.",
        min_length=1,
        max_length=120,
    )
    notes: str = _setting(
        "", expected="at most 1024 characters", example='"Run by team X"', about="Internal notes.", max_length=1024
    )
    owners: tuple[str, ...] = _setting(
        (),
        expected="object ids (GUIDs) of users or service principals",
        example="[00000000-1111-2222-3333-444444444444]",
        about="Owners besides the deploying principal, who always is one.",
        max_length=99,
    )


class ConnectorSettings(_Model):
    """`orgcal:connector`: the entry in the integration platform (steps 1, 5, 6)."""

    platform: Mapping[str, Any] = _setting(
        expected="a mapping with `kind` and that platform's settings",
        example="{kind: local}",
        about="Integration platform that holds the connector.",
    )
    key: str = _setting(
        expected="lower-case letters, digits and dashes, at most 64",
        example="outlook-calendar-admin",
        about="The connector's key in the platform.",
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
    )
    name: str = _setting(
        expected="1 to 120 characters",
        example='"Outlook Calendar Admin"',
        about="Name in the catalog.",
        min_length=1,
        max_length=120,
    )
    description: str = _setting(
        "",
        expected="at most 1000 characters",
        example='"Calendars of your whole organisation"',
        about="Text in the catalog (step 5, optional).",
        max_length=1000,
    )
    scopes: tuple[str, ...] = _setting(
        expected="names of Microsoft Graph application permissions",
        example="[Calendars.Read]",
        about="What the connector may do (step 6); decides the application's permissions (step 7).",
        min_length=1,
    )
    published: bool = _setting(True, expected="true or false", example="true", about="Shown to your users (step 8).")
    delete_connected: bool = _setting(
        False,
        expected="true or false",
        example="false",
        about="Whether destroy may delete the connector while organisations are connected.",
    )


class CredentialSettings(_Model):
    """`orgcal:credential`: the client secret (steps 3 and 4) and its generations."""

    kind: Literal["secret"] = _setting("secret", expected="secret", example="secret", about="Kind of credential.")
    lifetime: Annotated[str, AfterValidator(_known_lifetime)] = _setting(
        "180d",
        expected="1d to 3650d, or never",
        example="180d",
        about="How long a generation lives; frozen when the generation is made.",
    )
    generations: tuple[int, ...] = _setting(
        (1,),
        expected="one or two ascending numbers from 1",
        example="[1]",
        about="Live generations of the credential.",
        min_length=1,
        max_length=2,
    )
    active: int = _setting(
        1, expected="one of the generations", example="1", about="Generation that the connector uses.", ge=1
    )
    rollback_to: int | None = _setting(
        None,
        expected="one of the generations, or absent",
        example="1",
        about="Allows the active generation to fall to this one number.",
        ge=1,
    )

    @model_validator(mode="after")
    def _consistent(self) -> CredentialSettings:
        ascending = list(self.generations) == sorted(set(self.generations)) and self.generations[0] >= 1
        if not ascending:
            raise ValueError("generations")
        if self.active not in self.generations:
            raise ValueError("active")
        return self


class ConsentSettings(_Model):
    """`orgcal:consent`: where customers' administrators come back to after consenting."""

    public_url: Annotated[str, AfterValidator(_https_or_loopback)] = _setting(
        expected="an https address (or http://localhost) without query, fragment or any of *!$'(),;",
        example="https://app.example.com/consent/callback",
        about="Address of our consent callback, registered as a redirect URI.",
    )


class Settings(_Model):
    """All settings of a stack."""

    entra: EntraSettings = _setting(
        expected="a mapping with `cloud`", example="{cloud: public}", about=EntraSettings.__doc__ or ""
    )
    application: ApplicationSettings = _setting(
        expected="a mapping with `display_name`",
        example='{display_name: "Calendar Sync"}',
        about=ApplicationSettings.__doc__ or "",
    )
    connector: ConnectorSettings = _setting(
        expected="a mapping with `platform`, `key`, `name`, `scopes`",
        example="{platform: {kind: local}, key: outlook-calendar, name: Calendars, scopes: [Calendars.Read]}",
        about=ConnectorSettings.__doc__ or "",
    )
    credential: CredentialSettings = _setting(
        CredentialSettings(), expected="a mapping", example="{lifetime: 180d}", about=CredentialSettings.__doc__ or ""
    )
    consent: ConsentSettings | None = _setting(
        None,
        expected="a mapping with `public_url`, or absent",
        example='{public_url: "https://app.example.com/consent/callback"}',
        about=ConsentSettings.__doc__ or "",
    )
    ephemeral: bool = _setting(
        False,
        expected="true or false",
        example="true",
        about="A short-lived stack: nothing is protected, connected organisations do not stop a destroy.",
    )

    @property
    def protected(self) -> bool:
        """Whether everything but credentials is protected against deletion."""
        return self.entra.cloud != "emulator" and not self.ephemeral

    @property
    def guard(self) -> pulumi.ResourceOptions:
        """Resource options of whatever customers depend on."""
        return pulumi.ResourceOptions(protect=self.protected)

    def connector_inputs(self) -> dict[str, Any]:
        """Arguments of the `Connector` resource."""
        return {
            "platform": dict(self.connector.platform),
            "key": self.connector.key,
            "display_name": self.connector.name,
            "description": self.connector.description,
            "scopes": list(self.connector.scopes),
            "published": self.connector.published,
            "delete_connected": self.connector.delete_connected or self.ephemeral,
            "opts": self.guard,
        }

    def ledger_inputs(self) -> dict[str, Any]:
        """Arguments of the `CredentialLedger` resource."""
        return {
            "generations": list(self.credential.generations),
            "active": self.credential.active,
            "lifetime": self.credential.lifetime,
            "rollback_to": self.credential.rollback_to,
            "opts": self.guard,
        }

    def push_inputs(self) -> dict[str, Any]:
        """Arguments of the `ConnectorCredentials` resource, besides connector and credential."""
        return {
            "platform": dict(self.connector.platform),
            "generation": self.credential.active,
            "opts": self.guard,
        }


def load_settings(project_dir: Path) -> Settings:
    """The settings of the stack that is being deployed.

    Args:
        project_dir: the checkout; on stacks of the emulator's world the live generations are read from
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
        generations: replaces `generations`, `active` and `rollback_to` on stacks of the emulator's world.

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
        f"{key}: found a setting of the azuread plugin; expected none, as the stack's world decides them; "
        f"repair: pulumi config rm {key}, then pulumi config set --path {NAMESPACE}:entra.cloud public"
        for key in sorted(foreign)
    ]
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        problems += describe_problems(error, Settings, namespace=NAMESPACE)
    if problems:
        raise ConfigError(problems, where=f"Pulumi.{stack}.yaml") from None
    return settings


def _decoded(text: str) -> Any:
    """Pulumi hands every value over as text; mappings, lists, numbers and booleans as JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text
