"""Tiny programs that stand for `go`, `pulumi` and its language host in tests of what starts them."""

from __future__ import annotations

import os
from pathlib import Path

# Answers as the real one; `build` first does what FAKE_GO_BUILD says, then writes a program of its own.
_GO = """#!/bin/sh
echo "$@" >> "$FAKE_LOG"
case "$1" in
version) echo "go version go{version} linux/amd64" ;;
list) echo "$FAKE_SDK" ;;
build)
    for last; do :; done
    while [ "$1" != "-o" ]; do shift; done
    env > "$FAKE_LOG.env.$$"
    mv "$FAKE_LOG.env.$$" "$FAKE_LOG.env"
    eval "$FAKE_GO_BUILD"
    name="$2$(basename "$last")"
    printf '#!/bin/sh\\necho v3.274.1\\n' > "$name" ;;
esac
"""


def write_program(path: Path, text: str) -> Path:
    """An executable file with `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def fake_go(folder: Path, version: str = "1.26.8") -> Path:
    """A `go` in `folder` that builds programs out of nothing."""
    return write_program(folder / "go", _GO.replace("{version}", version))


def fake_pulumi(folder: Path, version: str = "v3.274.1", *, host: bool = True) -> Path:
    """A `pulumi` that tells its version, with or without a language host beside it."""
    if host:
        write_program(folder / "pulumi-language-python", "#!/bin/sh\n")
    return write_program(folder / "pulumi", f'#!/bin/sh\n[ "$1" = version ] && echo "{version}"\n')


def build_environ(tmp_path: Path, **more: str) -> dict[str, str]:
    """An environment in which the engine is built by a fake `go`, into a cache below `tmp_path`."""
    tools = tmp_path / "tools"
    fake_go(tools)
    sdk = tmp_path / "sdk"
    for script in ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python"):
        write_program(sdk / script, "#!/bin/sh\n")
    return {
        "PATH": f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(tmp_path),
        "ORGCAL_CACHE_DIR": str(tmp_path / "cache"),
        "ENGINE": "build",
        "FAKE_LOG": str(tmp_path / "go.log"),
        "FAKE_SDK": str(sdk),
        "FAKE_GO_BUILD": "",
        "ORGCAL_PASS_VARIABLES": "FAKE_*",  # the fake `go` reads them
        **more,
    }


def endless_build(started: Path) -> str:
    """A FAKE_GO_BUILD whose language host never ends and writes its process id to the FIFO `started`."""
    return f'case "$last" in *python) echo half > "$2half"; echo $$ > {started}; exec sleep 600 ;; esac'


def builds(tmp_path: Path) -> list[str]:
    """The packages that the fake `go` was asked to build, in order."""
    try:
        lines = (tmp_path / "go.log").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [line.split()[-1].rsplit("/", 1)[-1] for line in lines if line.startswith("build")]
