"""Resolve the dependencies of pyproject.toml anew and write them down (for maintainers; needs `uv` on PATH).

Writes `requirements.lock` (versions and hashes, for every platform and Python we support, without index
addresses) and `requirements.wheels.json` (file name of each locked wheel by its SHA-256, from which a test
knows without network that every platform is served). Versions already locked stay, unless `--upgrade`.
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
WHEELS = ROOT / "requirements.wheels.json"
# fmt: off
RESOLVE = [
    "uv", "pip", "compile", "pyproject.toml", "--group", "dev", "--universal", "--python-version", "3.11",
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


def main() -> int:
    """Write both files; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit pyproject.toml")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    pylock = ROOT / ".local" / "pylock.toml"
    pylock.parent.mkdir(exist_ok=True)
    try:
        subprocess.run([*RESOLVE, *upgrade, "--generate-hashes", "-o", str(LOCK)], cwd=ROOT, check=True)
        # The second resolution is held to what the first one found.
        subprocess.run([*RESOLVE, "-c", str(LOCK), "--format", "pylock.toml", "-o", str(pylock)], cwd=ROOT, check=True)
        names = wheel_names(pylock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print("lock: there is no uv on PATH\n  repair: install uv, then try again", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lock: uv ended with status {error.returncode}; what it wrote stands above", file=sys.stderr)
        return 1
    finally:
        pylock.unlink(missing_ok=True)
    WHEELS.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    print(f"lock: {len(names)} packages in {LOCK.name} and {WHEELS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
