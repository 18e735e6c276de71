"""`python -m provisioning.check_file Pulumi.STACK.yaml`: settings of a stack, judged without the engine.

Prints the problems as a JSON list of lines; an empty one where all is well. For `orgcal doctor` and for editors' hooks.
With `--lint` before the file, an object with `problems` and, as a preview would tell it, `advice`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from orgcal.entra.permissions import application_permissions
from orgcal.errors import ConfigError
from orgcal.settings.model import Settings, parse_settings
from provisioning.lint import lint


def problems_of(path: Path) -> list[str]:
    """What is wrong in a stack's file, a line each."""
    return judged(path)["problems"]


def judged(path: Path) -> dict[str, list[str]]:
    """What is wrong in a stack's file, and which scopes could go."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    config: dict[str, Any] = (said or {}).get("config") or {}
    flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    try:
        settings = parse_settings(flat, stack=path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
    except ConfigError as error:
        return {"problems": list(error.problems), "advice": []}
    return {
        "problems": [],
        "advice": [*_unknown_scopes(settings), *lint(settings.connector.scopes, settings.connector.purpose)],
    }


def _unknown_scopes(settings: Settings) -> list[str]:
    """Scopes that the pinned table does not have; whether the directory has them, only a preview can tell."""
    try:
        application_permissions(settings.connector.scopes)
    except ConfigError as error:
        return list(error.problems)
    return []


def main() -> None:
    """Prints the problems of the file that the command line names."""
    *options, file = sys.argv[1:]
    sys.stdout.write(json.dumps(judged(Path(file)) if "--lint" in options else problems_of(Path(file))))


if __name__ == "__main__":
    main()
