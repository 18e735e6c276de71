"""Who may import whom, read from the code itself. The picture is in CONTRIBUTING.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Lowest first: each part may import itself and those before it.
ORDER = [
    "orgcal.clouds",
    "orgcal.errors",
    "orgcal.durations",
    "orgcal.outputs",
    "orgcal.msgraph",
    "orgcal.home",
    "orgcal.platforms",
    "orgcal.tenants",
    "orgcal.engine",
    "verify",
    "orgcal.consent",
    "orgcal.upkeep",
    "orgcal.rotation",
    "orgcal.ci",
    "orgcal.cli",
]
FOUNDATION = {"orgcal.clouds", "orgcal.errors", "orgcal.outputs", "orgcal.msgraph", "orgcal.home", "orgcal.platforms"}
MAY_IMPORT = {part: {"orgcal", *ORDER[: position + 1]} for position, part in enumerate(ORDER)}
MAY_IMPORT |= {
    "orgcal": set(),
    "providers": {"orgcal", "providers", *FOUNDATION},
    "provisioning": {"orgcal", "provisioning", *FOUNDATION},
    "deploy_identity": {"orgcal", "deploy_identity", "provisioning", *FOUNDATION},
    "emulator": {"emulator"},
    "__main__": {"orgcal", "provisioning", *FOUNDATION},
}
# The command line and benchmarks may start an emulator of their own.
MAY_IMPORT["orgcal.cli"] = MAY_IMPORT["orgcal.cli"] | {"emulator"}
OURS = {"orgcal", "verify", "providers", "provisioning", "deploy_identity", "emulator"}


def part_of(module: str) -> str:
    """`orgcal.msgraph.auth` belongs to `orgcal.msgraph`, `verify.checks` to `verify`."""
    words = module.split(".")
    return ".".join(words[:2]) if words[0] == "orgcal" and len(words) > 1 else words[0]


def module_of(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            found |= {node.module} if node.module != "orgcal" else {f"orgcal.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


def sources() -> list[Path]:
    folders = [ROOT / name for name in sorted(OURS)]
    return [ROOT / "__main__.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_of_a_module_follow_the_arrows(path: Path) -> None:
    part = part_of(module_of(path))
    allowed = MAY_IMPORT[part]

    against = {name for name in imports_of(path) if part_of(name) not in allowed}

    assert against == set(), f"{part} may import {sorted(allowed)}"


def test_pulumi_is_imported_by_engine_provisioning_and_plugins_only() -> None:
    importers = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("pulumi", "pulumi_azuread") for name in names):
                importers.add(part_of(module_of(path)))

    assert importers <= {"orgcal.engine", "provisioning", "deploy_identity", "providers"}


def test_program_tells_its_story_in_forty_lines() -> None:
    lines = (ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 40
