"""Pulumi's own installer, asked for in a child process, because it has no time limit of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from orgcal.engine.cache import EngineCache
from orgcal.engine.child import run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.versions import PULUMI_VERSION
from orgcal.errors import EngineError

ADDRESS = "https://get.pulumi.com/install.sh"
"""What `PulumiCommand.install` downloads first."""

PROBE_LIMIT_S = 5.0
INSTALL_LIMIT_S = 300.0

_PROBE = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], method="HEAD")
with urllib.request.urlopen(request, timeout=60) as answer:
    sys.exit(0 if answer.status == 200 else 1)
"""
_INSTALL = """
import sys, semver
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1], version=semver.VersionInfo.parse(sys.argv[2]))
"""


def installer_answers(environ: Mapping[str, str], *, address: str = ADDRESS, limit_s: float = PROBE_LIMIT_S) -> str:
    """Why Pulumi's installer cannot be reached, in a few words; empty if it can.

    A child asks, so that the limit also holds where resolving the name hangs. Proxies and certificates in `environ` are
    honoured.
    """
    ended = run_child([sys.executable, "-I", "-c", _PROBE, address], env=environ, cwd=Path("/"), limit_s=limit_s)
    if ended.timed_out:
        return f"Pulumi's installer did not answer within {limit_s:g} s"
    return "" if ended.status == 0 else "Pulumi's installer cannot be reached"


def install_engine(
    cache: EngineCache,
    environ: Mapping[str, str],
    progress: Progress,
    *,
    limit_s: float = INSTALL_LIMIT_S,
    script: str = _INSTALL,
) -> None:
    """Let Pulumi's installer fetch the engine and make it the cached one. Only to be called while the cache is locked.

    Args:
        environ: proxies and certificates in it are honoured.
        script: the Python that runs the installer, given a directory and a version.
    """
    progress.say(f"engine: fetching Pulumi {PULUMI_VERSION} with its installer, once, into {cache.home}")
    with cache.staging() as staging:
        root = staging / "installed"
        ended = run_child(
            [sys.executable, "-I", "-c", script, str(root), PULUMI_VERSION],
            env={**environ, "HOME": str(staging), "TMPDIR": str(staging)},
            cwd=staging,
            limit_s=limit_s,
            on_tick=lambda seconds: progress.pulse(f"engine: Pulumi's installer at work, {in_words(seconds)}"),
        )
        if ended.status != 0:
            what, repair = trouble_in(ended)
            raise EngineError(f"Pulumi's installer failed: {what}", where=ADDRESS, repair=repair or "ENGINE=build")
        out = staging / "bin"
        out.mkdir()
        for program in (root / "bin").iterdir():
            # Of the other languages' hosts (300 MB) none is started by us.
            if program.is_file() and (program.name == "pulumi" or "python" in program.name):
                program.rename(out / program.name)
        for needed in ("pulumi", "pulumi-language-python"):
            if not (out / needed).exists():
                raise EngineError(f"Pulumi's installer brought no {needed}", where=ADDRESS, repair="ENGINE=build")
        cache.publish(out, source="installer", recipe="")
    progress.say(f"engine: fetched in {in_words(ended.seconds)}")
