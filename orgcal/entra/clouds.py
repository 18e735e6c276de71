"""Addresses of Entra ID and Microsoft Graph, for each cloud and for the emulator.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud and
https://learn.microsoft.com/en-us/graph/deployments
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import CloudMismatch, UsageError

Cloud = Literal["emulator", "public", "usgov", "china"]
CLOUDS: tuple[str, ...] = get_args(Cloud)

EMULATOR_FILE_VARIABLE = "ORGCAL_EMULATOR_FILE"
"""Names the `ready.json` that a running emulator keeps in its state directory."""


@dataclass(frozen=True, slots=True)
class EmulatorEndpoints:
    """What only the emulator has, from its `ready.json`.

    Paths name files with secrets; the secrets themselves are never held here.
    """

    directory_id: str
    ca_file: Path
    operator_tenant_id: str
    operator_client_id: str
    operator_client_secret_file: Path
    operator_client_certificate_file: Path
    platform_url: str
    platform_api_key_file: Path
    control_url: str
    control_token_file: Path


@dataclass(frozen=True, slots=True)
class CloudEndpoints:
    """Addresses of one cloud.

    Attributes:
        login_url: Entra ID, without a slash at the end.
        graph_url: Microsoft Graph, without version and without a slash at the end.
        azuread_environment: the name pulumi-azuread gives this cloud (`environment`); for the
            emulator "public", as its plugin then reads every address from `metadata_host`.
        metadata_host: `localhost:PORT` of the emulator, otherwise empty.
        emulated: set on the emulator only.
    """

    cloud: Cloud
    login_url: str
    graph_url: str
    azuread_environment: str
    metadata_host: str = ""
    emulated: EmulatorEndpoints | None = None

    @property
    def graph_scope(self) -> str:
        """The scope that asks for every application permission granted on Microsoft Graph."""
        return f"{self.graph_url}/.default"

    def home_tenant_id(self, named: str) -> str:
        """The home tenant: the one that the settings name, or the emulator's own; empty where there is neither."""
        return named or (self.emulated.operator_tenant_id if self.emulated else "")

    @property
    def ca_file(self) -> Path | None:
        """Certificate authority to trust instead of the public ones, or None."""
        return self.emulated.ca_file if self.emulated else None


_PUBLISHED: dict[str, CloudEndpoints] = {
    "public": CloudEndpoints("public", "https://login.microsoftonline.com", "https://graph.microsoft.com", "public"),
    "usgov": CloudEndpoints("usgov", "https://login.microsoftonline.us", "https://graph.microsoft.us", "usgovernment"),
    "china": CloudEndpoints(
        "china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn", "china"
    ),
}


def origin_of(url: str) -> str:
    """The server of an address as scheme, host and port, in one spelling; empty where it names none."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return ""
    default = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{host}:{port or default}" if host and default else ""


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine: `localhost`, in 127.0.0.0/8, or ::1; other names are not, wherever they lead."""
    try:
        return (host or "").lower() == "localhost" or ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def load_endpoints(cloud: str, environ: Mapping[str, str]) -> CloudEndpoints:
    """The addresses of `cloud`.

    Raises:
        UsageError: `cloud` is unknown, or no emulator is named by the environment, which only the emulator reads.
        CloudMismatch: the emulator's file names an address that is not this machine's.
    """
    if cloud in _PUBLISHED:
        return _PUBLISHED[cloud]
    if cloud != "emulator":
        raise UsageError(
            f"there is no cloud {cloud!r}; known are {', '.join(CLOUDS)}",
            where="orgcal:entra.cloud",
            repair="pulumi config set --path orgcal:entra.cloud public",
        )
    named = environ.get(EMULATOR_FILE_VARIABLE, "")
    if not named:
        raise UsageError(
            "this stack lives on the emulator, and the environment names no emulator",
            where=EMULATOR_FILE_VARIABLE,
            repair="orgcal emulator start, or for another stack than dev: orgcal emulator start --stack STACK; before "
            'pulumi by hand also: eval "$(orgcal env --stack STACK)"',
        )
    return read_emulator_file(Path(named))


def read_emulator_file(path: Path) -> CloudEndpoints:
    """The cloud of the emulator that keeps `path` (its `ready.json`).

    Raises:
        UsageError: the file is missing or not one of ours.
        CloudMismatch: it names an address that is not this machine's.
    """
    try:
        ready = json.loads(path.read_text(encoding="utf-8"))
        port, operator, platform = int(ready["port"]), ready["operator"], ready["platform"]
        base_url = str(ready["base_url"])
        endpoints = CloudEndpoints(
            cloud="emulator",
            login_url=base_url,
            graph_url=base_url,
            azuread_environment="public",
            metadata_host=f"localhost:{port}",
            emulated=EmulatorEndpoints(
                directory_id=ready["directory_id"],
                ca_file=Path(ready["ca_file"]),
                operator_tenant_id=checked_tenant(operator["tenant_id"], where=str(path), domains=False),
                operator_client_id=operator["client_id"],
                operator_client_secret_file=Path(operator["client_secret_file"]),
                operator_client_certificate_file=Path(operator["client_certificate_file"]),
                platform_url=platform["url"],
                platform_api_key_file=Path(platform["api_key_file"]),
                control_url=ready["control"]["url"],
                control_token_file=Path(ready["control"]["token_file"]),
            ),
        )
    except FileNotFoundError:
        start = "orgcal emulator start"
        raise UsageError("the emulator is not running", where=str(path), repair=start) from None
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        what = f"this is not the file of a running emulator ({type(error).__name__}: {error})"
        if isinstance(error, KeyError):
            what = f"the emulator that runs is of another version than this orgcal (its file lacks {error})"
        again = "orgcal emulator stop && orgcal emulator start"
        raise UsageError(what, where=str(path), repair=again) from error
    if base_url != f"https://localhost:{port}":
        raise CloudMismatch(
            f"the emulator's file names {base_url}, which is not an address of this machine",
            where=str(path),
            repair="remove the file and start the emulator again",
        )
    return endpoints
