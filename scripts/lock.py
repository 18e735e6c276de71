"""Resolve the dependencies of pyproject.toml anew and write them down (for maintainers; needs `uv` and `npm` on PATH).

Writes `requirements.lock` (of both projects), `emulator/requirements.lock` (of the emulator alone), the lock of the
projects that `orgcal new` writes (without orgcal itself) and, for what only `make test` and `make docs` need,
`requirements.witnesses.lock`, `requirements.docs.lock` and the locks in `tests/support/clients`: versions and hashes,
for every platform and Python we support, without addresses of registries.
Also `requirements.wheels.json` (file name of each locked wheel by its SHA-256, from which a test knows without network
that every platform is served). Versions already locked stay, unless `--upgrade`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
EMULATOR = ROOT / "emulator" / "requirements.lock"
PROJECT = ROOT / "orgcal" / "project_template" / "requirements.txt"
WITNESSES = ROOT / "requirements.witnesses.lock"
DOCS = ROOT / "requirements.docs.lock"
WHEELS = ROOT / "requirements.wheels.json"
CLIENTS = ROOT / "tests" / "support" / "clients"
# fmt: off
RESOLVE = [
    "uv", "pip", "compile", "--universal", "--python-version", "3.11",
    "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet",
]
# fmt: on


def wheel_names(pylock: str) -> dict[str, dict[str, str]]:
    """File names of wheels by their SHA-256, for each package of a `pylock.toml` (PEP 751).

    Args:
        pylock: the text of the file; addresses in it are not carried over.
    """
    names: dict[str, dict[str, str]] = {}
    for package in tomllib.loads(pylock)["packages"]:
        wheels = names.setdefault(str(package["name"]), {})
        for wheel in package.get("wheels", ()):
            name = wheel.get("name") or unquote(wheel["url"].rsplit("/", 1)[-1])
            wheels[str(wheel["hashes"]["sha256"])] = str(name)
    return {name: dict(sorted(wheels.items())) for name, wheels in sorted(names.items())}


def resolve(lock: Path, asked: list[str]) -> dict[str, dict[str, str]]:
    """Write `lock` and return the file names of its wheels, as `wheel_names` does.

    Args:
        asked: what is resolved, and under which constraints, as options of uv.
    """
    pylock = ROOT / ".local" / "pylock.toml"
    pylock.parent.mkdir(exist_ok=True)
    command = [*RESOLVE, *asked]
    try:
        subprocess.run([*command, "--generate-hashes", "-o", str(lock)], cwd=ROOT, check=True)
        # The second resolution is held to what the first one found.
        subprocess.run([*command, "-c", str(lock), "--format", "pylock.toml", "-o", str(pylock)], cwd=ROOT, check=True)
        return wheel_names(pylock.read_text(encoding="utf-8"))
    finally:
        pylock.unlink(missing_ok=True)


def resolve_clients(upgrade: list[str]) -> None:
    """Write the locks of the clients that tests install beside `.venv`; what they need has nothing to do with ours."""
    for group in ("azure-cli", "node"):
        resolve(CLIENTS / f"{group}.lock", ["--group", group, *upgrade])
    alone = ["emulator/pyproject.toml", "--group", "emulator-alone", "-c", str(LOCK)]
    resolve(CLIENTS / "emulator-alone.lock", alone)
    for package in sorted(CLIENTS.glob("*/package.json")):
        if upgrade:
            package.with_name("package-lock.json").unlink(missing_ok=True)
        npm = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*npm, "--omit-lockfile-registry-resolved"], cwd=package.parent, check=True)


def main() -> int:
    """Write every file; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit pyproject.toml")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    try:
        names = resolve(LOCK, ["pyproject.toml", "emulator/pyproject.toml", "--group", "dev", *upgrade])
        resolve(EMULATOR, ["emulator/pyproject.toml", "-c", str(LOCK)])
        # A project's CI keeps its registry in PostgreSQL, and any platform may be a secret store.
        extras = [f"--extra={name}" for name in ("aws", "azure", "postgresql", "vault")]
        of_project = ["pyproject.toml", *extras, "emulator/pyproject.toml", "--group", "project"]
        resolve(PROJECT, [*of_project, "-c", str(LOCK)])
        # They are installed on top of the others, so what both need has one version.
        names |= resolve(WITNESSES, ["--group", "witnesses", "-c", str(LOCK), *upgrade])
        names |= resolve(DOCS, ["--group", "docs", "-c", str(LOCK), "-c", str(WITNESSES), *upgrade])
        resolve_clients(upgrade)
    except FileNotFoundError as error:
        print(f"lock: there is no {error.filename} on PATH\n  repair: install it, then try again", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lock: {error.cmd[0]} ended with status {error.returncode}; what it wrote stands above", file=sys.stderr)
        return 1
    WHEELS.write_text(json.dumps(dict(sorted(names.items())), indent=1) + "\n", encoding="utf-8")
    print(f"lock: {len(names)} packages in {LOCK.name}, {WITNESSES.name}, {DOCS.name} and {WHEELS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
