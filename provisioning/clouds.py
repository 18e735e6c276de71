"""The stack's cloud and its azuread provider, which reads no address from the environment."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.cloud_guard import refuse_other_cloud
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.errors import ConfigError
from orgcal.settings.sections import EntraSettings


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
        "entra",
        environment=endpoints.azuread_environment,
        metadata_host=endpoints.metadata_host or None,
        tenant_id=endpoints.home_tenant_id(entra.tenant_id),
        opts=pulumi.ResourceOptions(version=importlib.metadata.version("pulumi-azuread")),
    )
