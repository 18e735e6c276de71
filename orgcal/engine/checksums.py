"""The pinned SHA-256 of downloads and of what the build makes: `checksums.lock`, or what the user names.

Addresses and names of the archives are the vendor's:
https://github.com/NixOS/nixpkgs/blob/0501eb325e7384fc5a54bf8df23814ecf4d50096/pkgs/by-name/pu/pulumi-bin/data.nix
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION, PULUMI_VERSION, platform_name
from orgcal.errors import UsageError

LOCK = Path(__file__).with_name("checksums.lock")
ENGINE_CHECKSUM_VARIABLE = "ENGINE_SHA256"
PLUGIN_CHECKSUM_VARIABLE = "AZUREAD_PLUGIN_SHA256"
"""Name the checksum of the archive, where the lock has none for this platform or another one is wanted."""

ENGINE_ADDRESS = "https://get.pulumi.com/releases/sdk/"
PLUGIN_ADDRESS = "https://api.pulumi.com/releases/plugins/"


def engine_archive(platform: str) -> str:
    """Name of the archive with the engine for a platform such as `linux-amd64`."""
    return f"pulumi-v{PULUMI_VERSION}-{platform.replace('amd64', 'x64')}.tar.gz"


def plugin_archive(platform: str) -> str:
    """Name of the archive with the azuread plugin for a platform."""
    return f"pulumi-resource-azuread-v{AZUREAD_PLUGIN_VERSION}-{platform}.tar.gz"


def engine_checksum(environ: Mapping[str, str]) -> str:
    """SHA-256 of the engine's archive for this machine; empty where nobody has pinned it.

    Raises:
        UsageError: the user's variable is no SHA-256.
    """
    return _named(environ, ENGINE_CHECKSUM_VARIABLE) or pinned().get(engine_archive(platform_name()), "")


def plugin_checksum(environ: Mapping[str, str]) -> str:
    """The same of the azuread plugin's archive."""
    return _named(environ, PLUGIN_CHECKSUM_VARIABLE) or pinned().get(plugin_archive(platform_name()), "")


def built_checksums(go_version: str) -> dict[str, str]:
    """SHA-256 of the programs that this version of Go builds for this machine, by name; empty where none is pinned."""
    place = f"built/{platform_name()}/go{go_version}/"
    return {name.removeprefix(place): digest for name, digest in pinned().items() if name.startswith(place)}


@cache
def pinned() -> Mapping[str, str]:
    """SHA-256 by name, as the lock has them."""
    lines = (line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: digest for digest, name in (line for line in lines if line)}


def _named(environ: Mapping[str, str], variable: str) -> str:
    named = environ.get(variable, "").strip().lower()
    if named and not re.fullmatch(r"[0-9a-f]{64}", named):
        raise UsageError("found no SHA-256 of 64 digits", where=variable, repair=f"unset {variable}, or correct it")
    return named
