"""The program's configuration, typed: which identities, with which rights, trusted by whose tokens."""

from __future__ import annotations

import pulumi
from pydantic import model_validator

from orgcal.entra.home.federation import Trust, problem_with
from orgcal.entra.home.preflight import MAX_FEDERATED
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.fields import Section, setting
from orgcal.settings.model import parse_sections, sections_of
from orgcal.settings.sections import EntraSettings
from provisioning.program import engine_config


class TrustSettings(Section):
    """One federated credential."""

    name: str = setting(
        expected="3 to 120 letters, digits and dashes",
        example="github-classic-1",
        about="Name of the credential.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{2,119}$",
    )
    issuer: str = setting(
        expected="an https address", example="https://token.actions.githubusercontent.com", about="The tokens' `iss`."
    )
    subject: str = setting(
        expected="the exact subject of an environment's tokens",
        example="repo:acme/app:environment:production",
        about="The tokens' `sub`.",
    )

    @model_validator(mode="after")
    def _fit(self) -> TrustSettings:
        if problem_with(Trust(self.name, self.issuer, self.subject)):
            raise ValueError("subject")
        return self


class IdentitySettings(Section):
    """One identity."""

    display_name: str = setting(
        expected="a name", example="orgcal deploy", about="Shown in the tenant.", max_length=120
    )
    permissions: list[str] = setting(
        expected="names of Microsoft Graph application permissions",
        example="[Application.Read.All]",
        about="What it may do in the home tenant.",
        min_length=1,
    )
    trusts: list[TrustSettings] = setting(
        expected=f"1 to {MAX_FEDERATED} federated credentials",
        example="[{name: github-classic-1, issuer: ..., subject: ...}]",
        about="Whose tokens it accepts.",
        min_length=1,
        max_length=MAX_FEDERATED,
    )

    @model_validator(mode="after")
    def _known(self) -> IdentitySettings:
        if not set(self.permissions) <= APP_ROLE_IDS.keys():
            raise ValueError("permissions")
        return self


class Settings(Section):
    """All settings of the program."""

    entra: EntraSettings = setting(
        expected="a mapping with `cloud`", example="{cloud: public}", about="Where the identities live."
    )
    identities: dict[str, IdentitySettings] = setting(
        expected="a mapping of identities",
        example="{deploy: {display_name: ..., permissions: [...], trusts: [...]}}",
        about="By role: deploy, preview, ephemeral.",
        min_length=1,
    )
    grant: bool = setting(
        False,
        about="Whether the permissions are granted here; needs AppRoleAssignment.ReadWrite.All.",
    )


def load_settings() -> Settings:
    """The settings of the stack that is being deployed; raises as `parse_sections` does."""
    stack = pulumi.get_stack()
    where = f"Pulumi.{stack}.yaml of orgcal ci setup"
    return parse_sections(Settings, sections_of(engine_config()), stack=stack, where=where)
