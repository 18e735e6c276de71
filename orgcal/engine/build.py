"""The engine and its Python language host, built from Go modules.

`gomod/pulumi` and `gomod/languagehost` are modules of ours that only name what to build; their go.sum
pins every source file by hash. Measured from nothing on 2 cores: see docs/engine.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from orgcal.engine.cache import EngineCache
from orgcal.engine.child import Ended, run_child
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.toolchain import Toolchain, fetch_go, go_on_path
from orgcal.engine.troubles import trouble_in
from orgcal.engine.versions import LANGUAGE_HOST_VERSION, PULUMI_VERSION
from orgcal.errors import EngineError

RECIPE = Path(__file__).parent / "gomod"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_ENGINE_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_HOST_PACKAGE = f"{_SDK}/python/cmd/pulumi-language-python"
_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""Scripts that the language host starts; they lie in the SDK's module, in the engine's version."""

DISK_NEEDED_BYTES = 5_500_000_000
"""Free space the build needs: 5.0 GB at its peak, measured; modules, objects, toolchain."""
_LIMIT_S = 3600.0
_ENGINE_PACKAGES = 1450  # that `go build -v` names for the engine; only for the per cent shown


def recipe_digest() -> str:
    """SHA-256 over the pinned modules: an engine of another recipe is not used."""
    digest = hashlib.sha256()
    for path in sorted(RECIPE.glob("*/go.*")):
        digest.update(path.relative_to(RECIPE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_engine(cache: EngineCache, environ: Mapping[str, str], progress: Progress, *, reason: str) -> None:
    """Build engine and language host and make them the cached ones. Only to be called while the cache is locked.

    Args:
        cache: where they go.
        environ: the user's environment; GOPROXY, proxies and certificates in it are honoured.
        progress: told why, how long, how much disk, and what is going on.
        reason: why it has to be built, as half a sentence.

    Raises:
        EngineError: no Go, no network, too little disk, or a module that is not the pinned one.
    """
    free = shutil.disk_usage(cache.root).free
    if free < DISK_NEEDED_BYTES:
        raise EngineError(
            f"building the engine needs {DISK_NEEDED_BYTES / 1e9:.1f} GB of free disk and there are {free / 1e9:.1f}",
            where=str(cache.root),
            repair="free some space, or set ORGCAL_CACHE_DIR to a directory on a larger disk",
        )
    progress.say(
        f"engine: {reason}; building Pulumi {PULUMI_VERSION} from Go modules, once: about 5 min on 2 cores, "
        f"up to {DISK_NEEDED_BYTES / 1e9:.1f} GB of disk while it builds, 0.13 GB afterwards, in {cache.home}"
    )
    with cache.staging() as staging:
        found = go_on_path(environ)
        if isinstance(found, str):
            progress.say(f"engine: {found}")
            found = fetch_go(staging, environ, progress)
        workshop = _Workshop(staging, found, environ, progress)
        progress.say(f"engine: building with go {found.version}")
        out = staging / "bin"
        out.mkdir()
        seconds = workshop.build("languagehost", _HOST_PACKAGE, out, LANGUAGE_HOST_VERSION)
        seconds += workshop.build("pulumi", _ENGINE_PACKAGE, out, PULUMI_VERSION)
        sdk = workshop.module_dir("pulumi", _SDK)
        for script in _SCRIPTS:
            shutil.copyfile(sdk / script, out / Path(script).name)
        cache.publish(out, source="build", recipe=recipe_digest())
    progress.say(f"engine: built in {in_words(seconds)}")


class _Workshop:
    """One build: its private Go caches, its environment, its commands."""

    def __init__(self, staging: Path, toolchain: Toolchain, environ: Mapping[str, str], progress: Progress) -> None:
        self._toolchain = toolchain
        self._progress = progress
        self._env = go_environment(environ, staging, toolchain)
        for name in ("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPATH"):
            Path(self._env[name]).mkdir()

    def build(self, module: str, package: str, out: Path, version: str) -> float:
        """Build `package` of the module in `gomod/<module>` into directory `out`; the seconds it took."""
        stamp = f"-s -w -X {_SDK}/go/common/version.Version=v{version}"
        # fmt: off
        command = [
            str(self._toolchain.go), "build", "-v", "-trimpath", "-mod=readonly", "-modcacherw", "-buildvcs=false",
            "-ldflags", stamp, "-o", f"{out}{os.sep}", package,
        ]
        # fmt: on
        ended = self._run(module, command, _Meter(self._progress, module))
        return ended.seconds

    def module_dir(self, module: str, path: str) -> Path:
        """Where the sources of the module `path` lie."""
        command = [str(self._toolchain.go), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path]
        return Path(self._run(module, command, None).last_words)

    def _run(self, module: str, command: list[str], meter: _Meter | None) -> Ended:
        ended = run_child(
            command,
            env=self._env,
            cwd=RECIPE / module,
            limit_s=_LIMIT_S,
            on_line=meter.line if meter else None,
            on_tick=meter.tick if meter else None,
        )
        if ended.status != 0:
            what, repair = trouble_in(ended)
            raise EngineError(
                f"the engine could not be built: {what}",
                repair=repair or "install Pulumi yourself, or run again with ENGINE=build and read what go says",
            )
        return ended


class _Meter:
    """Turns the lines of `go build -v` into progress."""

    def __init__(self, progress: Progress, module: str) -> None:
        self._pulse: Callable[[str], None] = progress.pulse
        self._module = module
        self._downloaded = 0
        self._compiled = 0
        self._seconds = 0.0

    def line(self, line: str) -> None:
        if line.startswith("go: downloading"):
            self._downloaded += 1
        elif "/" in line and " " not in line:
            self._compiled += 1
        self._show()

    def tick(self, seconds: float) -> None:
        self._seconds = seconds
        self._show()

    def _show(self) -> None:
        what = "language host" if self._module == "languagehost" else "engine"
        done = ""
        if self._compiled and self._module == "pulumi":
            done = f" ({min(99, 100 * self._compiled // _ENGINE_PACKAGES)} %)"
        self._pulse(
            f"engine: building the {what}, {in_words(self._seconds)}: {self._downloaded} modules downloaded, "
            f"{self._compiled} packages compiled{done}"
        )


def go_environment(environ: Mapping[str, str], staging: Path, toolchain: Toolchain) -> dict[str, str]:
    """The environment of Go's commands: the user's, with everything written kept inside `staging`.

    The user's GOPROXY stays. What would weaken the check of downloads, build for another machine or
    pull in other sources does not.
    """
    dropped = {"GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140", "GOFLAGS", "GOBIN", "GOROOT"}
    unchecked = {"GONOSUMDB", "GONOSUMCHECK", "GOINSECURE"}
    env = {name: value for name, value in environ.items() if name not in dropped | unchecked}
    if env.get("GOSUMDB", "").startswith("off"):
        del env["GOSUMDB"]
    env |= {
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOMODCACHE": str(staging / "modules"),
        "GOCACHE": str(staging / "objects"),
        "GOTMPDIR": str(staging / "work"),
        "GOPATH": str(staging / "gopath"),
    }
    if toolchain.goroot:
        env["GOROOT"] = toolchain.goroot
    return env
