"""The stack's cloud: its azuread provider, and the refusal to mix clouds.

An azuread provider that reads its addresses from the surroundings could write to a real tenant what was
meant for the emulator. So each stack names its cloud, the provider is built from it explicitly, and
whatever in the environment contradicts it stops the program before the first resource.
"""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE, CloudEndpoints, load_endpoints
from orgcal.errors import CloudMismatch, ConfigError
from orgcal.settings.sections import EntraSettings


class HasEntraSettings(Protocol):
    """Settings that name a cloud: of the main program, or of `ci_identity`."""

    @property
    def entra(self) -> EntraSettings:
        """World and home tenant."""


_PLUGIN = "pulumi-resource-azuread"
_STAND_IN_DIR = Path(__file__).resolve().parent.parent / "orgcal" / "provider" / "azuread"


def entra_endpoints(settings: HasEntraSettings, environ: Mapping[str, str]) -> CloudEndpoints:
    """The cloud of the stack, once it is sure that nothing points elsewhere.

    Raises:
        UsageError: no emulator runs for a stack on the emulator.
        ConfigError: a stack of a real cloud names no home tenant.
        CloudMismatch: a variable or the azuread plugin belongs to another cloud.
    """
    endpoints = load_endpoints(settings.entra.cloud, environ)
    if endpoints.emulated is None and not settings.entra.tenant_id:
        raise ConfigError(
            [
                "orgcal:entra.tenant_id: found nothing; expected the home tenant's id, a GUID; repair: "
                + "pulumi config set --path orgcal:entra.tenant_id YOUR-TENANT-ID"
            ]
        )
    tenant_id = home_tenant_id(settings, endpoints)
    expected = {
        "ARM_METADATA_HOSTNAME": endpoints.metadata_host,
        "ARM_ENVIRONMENT": endpoints.azuread_environment,
        "ARM_TENANT_ID": tenant_id,
    }
    for name, value in expected.items():
        found = environ.get(name, "")
        if found and found.lower() != value.lower():
            raise CloudMismatch(
                f"the stack's cloud is {endpoints.cloud!r}, where {name} is {value or 'not set'}; found {found}",
                where=name,
                repair=f"unset {name}" if endpoints.emulated is None else 'eval "$(.venv/bin/orgcal env)"',
            )
    if endpoints.emulated is None:
        _refuse_emulator_leftovers(endpoints, environ)
    return endpoints


def _refuse_emulator_leftovers(endpoints: CloudEndpoints, environ: Mapping[str, str]) -> None:
    if environ.get(EMULATOR_FILE_VARIABLE):
        raise CloudMismatch(
            f"the stack's cloud is {endpoints.cloud!r}, and the environment is set up for the emulator",
            where=EMULATOR_FILE_VARIABLE,
            repair='eval "$(.venv/bin/orgcal env --unset)"',
        )
    found = shutil.which(_PLUGIN, path=environ.get("PATH"))
    if found and Path(found).resolve().parent == _STAND_IN_DIR:
        raise CloudMismatch(
            f"the stack's cloud is {endpoints.cloud!r}, and PATH leads to the azuread stand-in of the emulator",
            where="PATH",
            repair='eval "$(.venv/bin/orgcal env --unset)"',
        )


def home_tenant_id(settings: HasEntraSettings, endpoints: CloudEndpoints) -> str:
    """The tenant in which the application is registered."""
    return settings.entra.tenant_id or (endpoints.emulated.operator_tenant_id if endpoints.emulated else "")


def entra_provider(settings: HasEntraSettings, endpoints: CloudEndpoints) -> azuread.Provider:
    """The azuread plugin, bound to the stack's cloud and home tenant; who deploys is read from `ARM_*`."""
    return azuread.Provider(
        "entra",
        environment=endpoints.azuread_environment,
        metadata_host=endpoints.metadata_host or None,
        tenant_id=home_tenant_id(settings, endpoints),
        opts=pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-azuread")),
    )
