"""What each Pulumi program begins with: settings, cloud, azuread provider; and how it ends where it cannot go on."""

from __future__ import annotations

import atexit
import gc
import importlib.metadata
import json
import os
import shlex
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.cloud_guard import refuse_other_cloud
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.errors import ConfigError, OrgcalError, UsageError
from orgcal.platforms.model import PROJECT_VARIABLE
from orgcal.settings import Settings, parse_settings
from orgcal.settings.model import read_overlay
from orgcal.settings.sections import ConsentSettings, EntraSettings
from orgcal.stack.outputs import DEPLOYED_VARIABLE


def run_program(story: Callable[[], None]) -> None:
    """Tells `story`; what we can explain ends it without a stack trace, before anything is written.

    The engine interrupts the program when a resource was refused, and it says that itself
    (https://github.com/pulumi/pulumi, sdk/python/cmd/pulumi-language-python/main.go, `cmd.Cancel`).
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would add the stack of wherever the program waited
    atexit.register(gc.freeze)  # the engine waits while Python looks for circles in all that was imported
    try:
        story()
    except OrgcalError as error:
        raise pulumi.RunError(str(error)) from error


def project_dir() -> Path:
    """The project's folder, from which paths in settings count: the engine runs the program there.

    Raises:
        UsageError: this shell was set up for another project, whose state and files would be used.
    """
    folder, named = Path.cwd(), os.environ.get(PROJECT_VARIABLE)
    if named and Path(named).resolve() != folder.resolve():
        raise UsageError(
            f"this shell is set up for the project in {named}, and this one is in {folder}",
            where=PROJECT_VARIABLE,
            repair=f'eval "$(orgcal -C {shlex.quote(str(folder))} env --stack {pulumi.get_stack()})"',
        )
    return folder


def load_settings() -> Settings:
    """The settings of the stack that is being deployed; raises as `parse_settings` and `project_dir` do."""
    stack = pulumi.get_stack()
    overlay = read_overlay(project_dir(), stack)
    settings = parse_settings(engine_config(), stack=stack, project=pulumi.get_project(), generations=overlay)
    deployed = os.environ.get(DEPLOYED_VARIABLE)
    return as_deployed(settings, json.loads(deployed)) if deployed else settings


def as_deployed(settings: Settings, record: Mapping[str, Any]) -> Settings:
    """The settings, with the fields of the stack's record (`DEPLOYED_FIELDS`) in place of what the file says now."""
    callback = record["consent_redirect_uri"]
    connector = {
        "platform": record["platform"],
        "also_push_to": record.get("also_pushed_to", {}),
        "key": record["connector_key"],
        "name": record["connector_name"],
        "scopes": tuple(record["scopes"]),
    }
    application = {"display_name": record["display_name"], "redirect_uris": tuple(record["redirect_uris"])}
    return settings.model_copy(
        update={
            "connector": settings.connector.model_copy(update=connector),
            "application": settings.application.model_copy(update=application),
            "consent": ConsentSettings(public_url=callback) if callback else None,
        }
    )


def engine_config() -> dict[str, str]:
    """The settings of the stack that is being deployed, as the engine hands them over: full keys to texts."""
    return {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}


def entra_endpoints(entra: EntraSettings, environ: Mapping[str, str]) -> CloudEndpoints:
    """The cloud of the stack, once it is sure that nothing points elsewhere.

    Raises:
        UsageError: no emulator runs for a stack on the emulator.
        ConfigError: a stack of a real cloud names no home tenant.
        CloudMismatch: a variable or the azuread plugin belongs to another cloud.
    """
    endpoints = load_endpoints(entra.cloud, environ)
    tenant_id = endpoints.home_tenant_id(entra.tenant_id)
    if not tenant_id:
        raise ConfigError(
            [
                "orgcal:entra.tenant_id: found nothing; expected the home tenant's id, a GUID; repair: "
                f"pulumi config set --stack {pulumi.get_stack()} --path orgcal:entra.tenant_id YOUR-TENANT-ID"
            ]
        )
    refuse_other_cloud(endpoints, tenant_id, environ)
    return endpoints


def entra_provider(entra: EntraSettings, endpoints: CloudEndpoints) -> azuread.Provider:
    """The azuread plugin, bound to the stack's cloud and home tenant; who deploys is read from `ARM_*`."""
    return azuread.Provider(
        "entra",  # it reads no address from the environment
        environment=endpoints.azuread_environment,
        metadata_host=endpoints.metadata_host or None,
        tenant_id=endpoints.home_tenant_id(entra.tenant_id),
        opts=pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-azuread")),
    )
