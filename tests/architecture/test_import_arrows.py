"""Who may import whom, read from the code itself. The map is in CONTRIBUTING.md."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Lowest first: each part may import itself and those before it.
ORDER = [
    "orgcal.errors",
    "orgcal.printable",
    "orgcal.numbers",
    "orgcal.output",
    "orgcal.redaction",
    "orgcal.masking",
    "orgcal.child_environ",
    "orgcal.formats",
    "orgcal.durations",
    "orgcal.patience",
    "orgcal.resource_types",
    "orgcal.fields",
    "orgcal.markdown_tables",
    "orgcal.verdicts",
    "orgcal.help_text",
    "orgcal.wrong_words",
    "orgcal.files",
    "orgcal.entra",
    "orgcal.platforms",
    "orgcal.settings",
    "orgcal.tenants",
    "orgcal.engine",
    "orgcal.stack",
    "verify",
    "orgcal.consent",
    "orgcal.operations",
    "orgcal.rotation",
    "orgcal.health",
    "orgcal.ci",
    "orgcal.cli",
]
FOUNDATION = set(ORDER[: ORDER.index("orgcal.platforms") + 1])
MAY_IMPORT = {part: {"orgcal", *ORDER[: position + 1]} for position, part in enumerate(ORDER)}
MAY_IMPORT |= {
    "orgcal": set(),
    "orgcal.provider": {"orgcal", "orgcal.provider", *FOUNDATION},
    "provisioning": {"orgcal", "provisioning", "orgcal.provider", "orgcal.settings", "orgcal.stack", *FOUNDATION},
    "orgcal_emulator": {"orgcal_emulator"},
    "__main__": {"provisioning", "orgcal.settings"},
    "orgcal.project_template": {"provisioning", "orgcal.settings"},
}
FOLDERS = {"orgcal": ROOT, "verify": ROOT, "provisioning": ROOT, "orgcal_emulator": ROOT / "emulator"}


def part_of(module: str) -> str:
    """`orgcal.entra.auth` belongs to `orgcal.entra`, `verify.runner` to `verify`."""
    words = module.split(".")
    return ".".join(words[:2]) if words[0] == "orgcal" and len(words) > 1 else words[0]


@cache
def modules() -> dict[str, Path]:
    """Every module of ours, and its file."""
    found = {"__main__": ROOT / "__main__.py"}
    for package, folder in FOLDERS.items():
        for path in sorted((folder / package).rglob("*.py")):
            words = path.relative_to(folder).with_suffix("").parts
            found[".".join(words[:-1] if words[-1] == "__init__" else words)] = path
    return found


@cache
def imports_of(module: str) -> frozenset[str]:
    """Modules of ours that a module imports, wherever the import stands: in functions and under TYPE_CHECKING too."""
    path = modules()[module]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else node.module for name in named}
    return frozenset(name for name in found if name.split(".")[0] in FOLDERS)


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_arrows(module: str) -> None:
    allowed = MAY_IMPORT[part_of(module)]

    against = {name for name in imports_of(module) if part_of(name) not in allowed}

    assert against == set(), f"{part_of(module)} may import {sorted(allowed)}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter({module: imports_of(module) - {module} for module in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_pulumi_is_imported_by_engine_stack_provisioning_and_plugins_only() -> None:
    importers = set()
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("pulumi", "pulumi_azuread") for name in names):
                importers.add(part_of(module))

    assert importers <= {"orgcal.engine", "orgcal.stack", "provisioning", "orgcal.provider"}


def test_program_tells_its_story_in_forty_lines() -> None:
    lines = (ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 40
