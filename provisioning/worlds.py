"""The stack's world: its azuread provider, and the refusal to mix worlds.

An azuread provider that reads its addresses from the surroundings could write to a real tenant what was
meant for the emulator. So each stack names its world, the provider is built from it explicitly, and
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

from orgcal.errors import ConfigError, WorldMismatch
from orgcal.msgraph.worlds import EMULATOR_FILE_VARIABLE, World, load_world
from provisioning.sections import EntraSettings


class InWorld(Protocol):
    """Settings that name a world: of the main program, or of `deploy_identity`."""

    @property
    def entra(self) -> EntraSettings:
        """World and home tenant."""


_PLUGIN = "pulumi-resource-azuread"
_STAND_IN_DIR = Path(__file__).resolve().parent.parent / "providers" / "azuread"


def entra_world(settings: InWorld, environ: Mapping[str, str]) -> World:
    """The world of the stack, once it is sure that nothing points elsewhere.

    Raises:
        UsageError: no emulator runs for a stack of its world.
        ConfigError: a stack of a real cloud names no home tenant.
        WorldMismatch: a variable or the azuread plugin belongs to another world.
    """
    world = load_world(settings.entra.cloud, environ)
    if world.emulated is None and not settings.entra.tenant_id:
        raise ConfigError(
            [
                "orgcal:entra.tenant_id: found nothing; expected the home tenant's id, a GUID; repair: "
                + "pulumi config set --path orgcal:entra.tenant_id YOUR-TENANT-ID"
            ]
        )
    tenant_id = home_tenant_id(settings, world)
    expected = {
        "ARM_METADATA_HOSTNAME": world.metadata_host,
        "ARM_ENVIRONMENT": world.azuread_environment,
        "ARM_TENANT_ID": tenant_id,
    }
    for name, value in expected.items():
        found = environ.get(name, "")
        if found and found.lower() != value.lower():
            raise WorldMismatch(
                f"the stack's world is {world.cloud!r}, where {name} is {value or 'not set'}; found {found}",
                where=name,
                repair=f"unset {name}" if world.emulated is None else 'eval "$(.venv/bin/orgcal env)"',
            )
    if world.emulated is None:
        _refuse_emulator_leftovers(world, environ)
    return world


def _refuse_emulator_leftovers(world: World, environ: Mapping[str, str]) -> None:
    if environ.get(EMULATOR_FILE_VARIABLE):
        raise WorldMismatch(
            f"the stack's world is {world.cloud!r}, and the environment is set up for the emulator",
            where=EMULATOR_FILE_VARIABLE,
            repair='eval "$(.venv/bin/orgcal env --unset)"',
        )
    found = shutil.which(_PLUGIN, path=environ.get("PATH"))
    if found and Path(found).resolve().parent == _STAND_IN_DIR:
        raise WorldMismatch(
            f"the stack's world is {world.cloud!r}, and PATH leads to the emulator's stand-in for the azuread plugin",
            where="PATH",
            repair='eval "$(.venv/bin/orgcal env --unset)"',
        )


def home_tenant_id(settings: InWorld, world: World) -> str:
    """The tenant in which the application is registered."""
    return settings.entra.tenant_id or (world.emulated.operator_tenant_id if world.emulated else "")


def entra_provider(settings: InWorld, world: World) -> azuread.Provider:
    """The azuread plugin, bound to the stack's world and home tenant; who deploys is read from `ARM_*`."""
    return azuread.Provider(
        "entra",
        environment=world.azuread_environment,
        metadata_host=world.metadata_host or None,
        tenant_id=home_tenant_id(settings, world),
        opts=pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-azuread")),
    )
