"""Versions and platforms."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from orgcal.engine.build import RECIPE
from orgcal.engine.versions import (
    AZUREAD_PLUGIN_VERSION,
    GO_MINIMUM,
    LANGUAGE_HOST_VERSION,
    PULUMI_SDK_VERSION,
    PULUMI_VERSION,
    engine_version_fits,
    parse_version,
    platform_name,
)
from orgcal.errors import EngineError


@pytest.mark.parametrize("text", ["v3.274.1", "3.274.2", "v3.300.0\n", "3.274.1+dirty"])
def test_engine_version_fits_same_major_and_not_older_is_taken(text: str) -> None:
    assert engine_version_fits(text)


@pytest.mark.parametrize("text", ["v3.274.0", "v4.0.0", "2.999.0", "v3.274.1-alpha.1", "v3.275.0-dev", "", "pulumi"])
def test_engine_version_fits_older_other_major_or_unreleased_is_refused(text: str) -> None:
    assert not engine_version_fits(text)


def test_parse_version_build_metadata_is_ignored() -> None:
    assert parse_version(" v3.274.7+linux ") == (3, 274, 7)


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "linux-amd64"),
        ("linux", "aarch64", "linux-arm64"),
        ("darwin", "arm64", "darwin-arm64"),
        ("darwin", "x86_64", "darwin-amd64"),
    ],
)
def test_platform_name_supported_machines_have_gos_names(system: str, machine: str, name: str) -> None:
    assert platform_name(system, machine) == name


@pytest.mark.parametrize(("system", "machine"), [("win32", "AMD64"), ("linux", "riscv64"), ("freebsd14", "x86_64")])
def test_platform_name_other_machines_are_refused_with_a_repair(system: str, machine: str) -> None:
    with pytest.raises(EngineError, match="neither built nor installed") as caught:
        platform_name(system, machine)
    assert "WSL" in caught.value.repair


def test_versions_agree_with_the_locked_packages_and_the_recipe() -> None:
    def required(module: str) -> str:
        return (Path(RECIPE) / module / "go.mod").read_text(encoding="utf-8")

    assert version("pulumi") == PULUMI_SDK_VERSION
    assert version("pulumi-azuread") == AZUREAD_PLUGIN_VERSION
    assert f"github.com/pulumi/pulumi/pkg/v3 v{PULUMI_VERSION}" in required("pulumi")
    assert f"github.com/pulumi/pulumi/sdk/v3 v{PULUMI_VERSION}" in required("pulumi")
    assert f"github.com/pulumi/pulumi/sdk/v3 v{LANGUAGE_HOST_VERSION}" in required("languagehost")
    assert f"\ngo {'.'.join(map(str, GO_MINIMUM))}\n" in required("pulumi")
