"""`python -m provisioning.check_file Pulumi.STACK.yaml`: settings of a stack, judged without the engine.

Prints the problems as a JSON list of lines; an empty one where all is well. For `orgcal doctor` and for editors' hooks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from orgcal.errors import ConfigError
from provisioning.settings import parse_settings


def problems_of(path: Path) -> list[str]:
    """What is wrong in a stack's file, a line each."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    config: dict[str, Any] = (said or {}).get("config") or {}
    flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    try:
        parse_settings(flat, stack=path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
    except ConfigError as error:
        return list(error.problems)
    return []


def main() -> None:
    """Prints the problems of the file that the command line names."""
    sys.stdout.write(json.dumps(problems_of(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
