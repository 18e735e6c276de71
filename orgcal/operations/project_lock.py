"""The lock of a project that `orgcal new` writes: every package with its version and hashes, orgcal's own included.

What orgcal needs is locked when it is released (`orgcal/project_template/requirements.txt`, by `scripts/lock.py`). The
hashes of its own distributions cannot be inside them, so they come from where it was installed from, or from the index.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from orgcal.child_environ import PIP, passed_on
from orgcal.engine.child import run_child
from orgcal.engine.errors import trouble_in
from orgcal.errors import OrgcalError

OWN = ("orgcal", "orgcal-emulator")
PIP_LIMIT_S = 180.0
# Settings of pip that are meant for other commands than one that only asks.
_MISLEADING = {
    *("PIP_CONSTRAINT", "PIP_PREFIX", "PIP_REQUIRE_HASHES", "PIP_REQUIRE_VIRTUALENV", "PIP_ROOT", "PIP_TARGET"),
    "PIP_USER",
}
# pip ends with one of these whatever the reason was.
_LAST_WORDS = ("No matching distribution", "Could not find a version")
_NAME_ITS_INDEX = (
    "name its index in PIP_INDEX_URL or a folder with its wheels in PIP_FIND_LINKS, or install it from such a wheel"
)
_HEAD = """\
# Everything that this project runs with, on Linux and macOS with Python 3.11 to 3.13:
#   .venv/bin/pip install --require-hashes -r requirements.txt
# For another version of orgcal, take this file from a project that `orgcal new` of that version writes.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """A version of a package, and the SHA-256 of each of its files that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        """The lines of a requirements file."""
        return "".join([f"{self.name}=={self.version}", *(f" \\\n    --hash=sha256:{item}" for item in self.hashes)])


def lock_text(pins: Iterable[Pin], of_others: str) -> str:
    """A project's `requirements.txt`.

    Args:
        pins: orgcal's own distributions.
        of_others: all other packages, as a lock.
    """
    return _HEAD + "".join(f"{pin}\n" for pin in pins) + of_others


def pins_of_files(folder: Path) -> tuple[Pin, ...]:
    """Our distributions whose wheels and archives are in `folder`, as `make dist` builds them; in the order of `OWN`.

    Raises:
        OrgcalError: one of them is missing, or is there in several versions.
    """
    hashes: dict[tuple[str, str], list[str]] = {}
    for path in sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")]):
        parsed = parse_wheel_filename(path.name)[:2] if path.suffix == ".whl" else parse_sdist_filename(path.name)
        hashes.setdefault((str(parsed[0]), str(parsed[1])), []).append(sha256(path.read_bytes()).hexdigest())
    found = tuple(Pin(name, number, tuple(sorted(hashes[name, number]))) for name, number in sorted(hashes))
    if [pin.name for pin in found] != sorted(OWN) or len({pin.version for pin in found}) > 1:
        shown = ", ".join(f"{pin.name} {pin.version}" for pin in found) or "nothing"
        raise OrgcalError(
            f"found {shown}; expected one version of {' and '.join(OWN)}", where=str(folder), repair="build them anew"
        )
    return found


def own_pins(environ: Mapping[str, str]) -> tuple[Pin, ...]:
    """Our distributions in the version that runs: from the wheel they were installed from, else as pip finds them.

    Args:
        environ: the process environment; pip takes its index and folders of wheels from it (`PIP_INDEX_URL`,
            `PIP_FIND_LINKS`).

    Raises:
        OrgcalError: neither tells them.
    """
    running = version("orgcal")
    known = {name: _installed_from_wheel(name, running) for name in OWN}
    asked = [name for name, pin in known.items() if pin is None]
    found = _found_by_pip([f"{name}=={running}" for name in asked], environ) if asked else {}
    return tuple(pin or found[name] for name, pin in known.items())


def _installed_from_wheel(name: str, running: str) -> Pin | None:
    """The pin of a distribution that was installed from a wheel by its path or address; None for every other."""
    try:
        distribution = Distribution.from_name(name)
    except PackageNotFoundError:
        return None
    try:
        origin: Any = json.loads(distribution.read_text("direct_url.json") or "{}")
        digest = origin["archive_info"]["hashes"]["sha256"] if str(origin["url"]).endswith(".whl") else ""
    except (ValueError, KeyError, TypeError):
        return None
    return Pin(name, running, (str(digest),)) if digest and distribution.version == running else None


def _found_by_pip(asked: list[str], environ: Mapping[str, str]) -> dict[str, Pin]:
    """What pip of the running interpreter would install for `asked`, by name; nothing is installed."""
    with tempfile.TemporaryDirectory(prefix="orgcal-new-") as temporary:
        report = Path(temporary) / "report.json"
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:", "--report", str(report)]
        ended = run_child(
            # -P: no module of the working directory, from which relative folders in pip's settings count.
            [
                sys.executable,
                "-P",
                "-m",
                "pip",
                "--disable-pip-version-check",
                "--no-input",
                "install",
                *options,
                *asked,
            ],
            env={name: value for name, value in passed_on(environ, PIP).items() if name not in _MISLEADING},
            cwd=Path.cwd(),
            limit_s=PIP_LIMIT_S,
        )
        if ended.status:
            tail = tuple(line for line in ended.tail if not any(words in line for words in _LAST_WORDS))
            reached = len(tail) < len(ended.tail) and not any("Retrying" in line for line in tail)
            why, repair = ("no index that it asks has it", "") if reached else trouble_in(replace(ended, tail=tail))
            raise OrgcalError(
                f"pip does not find the release that runs here: {why}",
                where=" ".join(asked),
                repair=(repair or _NAME_ITS_INDEX) + "; then orgcal new again (nothing was written)",
            )
        listed: Any = json.loads(report.read_text(encoding="utf-8"))["install"]
    pins = {}
    for item in listed:
        name, number = item["metadata"]["name"], item["metadata"]["version"]
        pins[name] = Pin(name, number, (item["download_info"]["archive_info"]["hashes"]["sha256"],))
    return pins
