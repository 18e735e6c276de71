"""Which logins a stack's engine needs besides the operator's: those of backend, key service and platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orgcal.errors import OrgcalError, UsageError
from orgcal.platforms import read_platform
from orgcal.settings import StackFile, load_stack_file
from orgcal.settings.model import sections_of

_AWS, _AZURE, _VAULT = ("AWS_*",), ("AZURE_*",), ("VAULT_*",)
_GOOGLE = ("GOOGLE_*", "CLOUDSDK_*", "GCLOUD_*", "GCE_METADATA_HOST", "STORAGE_EMULATOR_HOST")
# What Pulumi Cloud shows beside an update.
# Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/util/ciutil/github_actions.go
_RUN = ("RUN_ID", "RUN_NUMBER", "WORKFLOW", "EVENT_NAME", "EVENT_PATH", "SHA", "REF", "REPOSITORY", "ACTOR")
_PULUMI_CLOUD = ("PULUMI_ACCESS_TOKEN", *(f"GITHUB_{name}" for name in _RUN))
_BY_SCHEME: Mapping[str, tuple[str, ...]] = {
    "azblob": _AZURE,
    "azurekeyvault": _AZURE,
    "s3": _AWS,
    "awskms": _AWS,
    "gs": _GOOGLE,
    "gcpkms": _GOOGLE,
    "hashivault": _VAULT,
    "https": _PULUMI_CLOUD,
    "http": _PULUMI_CLOUD,
    "passphrase": ("PULUMI_CONFIG_PASSPHRASE",),
}
"""Scheme of a backend's or a key service's address -> names of variables."""


def engine_variables(project_dir: Path, stack: str, backend_url: str) -> tuple[str, ...]:
    """What the stack's backend, key service and platforms read, as `passed_on` takes it; its file may be wrong."""
    file = StackFile(project_dir, stack)
    with suppress(UsageError):
        file = load_stack_file(project_dir, stack)
    key_service = str(file.values.get("secretsprovider") or "passphrase")
    schemes = (address.partition("://")[0].lower() for address in (backend_url, key_service))
    connector = sections_of(file.config)[0].get("connector")
    section = connector if isinstance(connector, dict) else {}
    further = section.get("also_push_to")
    platforms = [section.get("platform"), *(further.values() if isinstance(further, dict) else ())]
    return (*(name for scheme in schemes for name in _BY_SCHEME.get(scheme, ())), *platform_variables(platforms))


def platform_variables(platforms: Iterable[Any]) -> tuple[str, ...]:
    """What these platforms read, by their settings; what cannot be read as such is left to whoever refuses it."""
    found: list[str] = []
    for settings in platforms:
        with suppress(OrgcalError):
            found += read_platform(settings).variables if isinstance(settings, dict) else ()
    return tuple(found)
