"""The engine and its Python language host, built from Go modules.

`gomod/pulumi` and `gomod/languagehost` are modules of ours that only name what to build; their go.sum
pins every source file by hash. Both are downloaded and built at the same time, so that no core waits for
the network. Measured from nothing on 2 cores: see docs/engine.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from orgcal.child_environ import GO, passed_on
from orgcal.engine.cache import EngineCache, digest_files
from orgcal.engine.checksums import built_checksums
from orgcal.engine.child import ProcessResult, run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.toolchain import Toolchain, fetch_go, go_on_path
from orgcal.engine.versions import LANGUAGE_HOST_VERSION, PULUMI_VERSION
from orgcal.errors import EngineError

RECIPE = Path(__file__).parent / "gomod"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_ENGINE_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_HOST_PACKAGE = f"{_SDK}/python/cmd/pulumi-language-python"
_SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""Scripts that the language host starts; they lie in the SDK's module, in the engine's version."""

DISK_NEEDED_BYTES = 4_800_000_000
"""Free space the build needs: 3.9 GB of modules and objects at its peak, measured, and 0.3 GB of toolchain."""
_LIMIT_S = 3600.0
_PACKAGES = 1875  # that the two `go build -v` name; only for the per cent shown

_DOWNLOADS_AT_ONCE = 16
"""Go downloads as many modules at once as it has processors; one that waits for the network needs none."""

_TAGS = "-tags=disable_grpc_modules"
"""The client of Google Cloud Storage speaks HTTP here. Without what only its gRPC client needs there are 135 packages
less: https://pkg.go.dev/cloud.google.com/go/storage#hdr-gRPC_API"""

_NOT_INLINED = (
    "github.com/pb33f/...",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/cloud",
    "github.com/aws/...",
)
"""Packages that are compiled without inlining: it takes half of their time, and they take a third of all compiling.
The first two only serve `pulumi cloud`, which describes the interface of Pulumi Cloud; clients of AWS wait for the
network."""

_COMPILER_FLAGS = (
    # `-w` drops the symbols for debuggers (DWARF) anyway.
    "-gcflags=all=-dwarf=false",
    *(f"-gcflags={packages}=-dwarf=false -l" for packages in _NOT_INLINED),
    _TAGS,
)

_COMPILER_MEMORY_BYTES = (512 << 20, 1 << 30)
"""Least and most memory that one compiler fills before it collects garbage. The largest packages need 0.5 GiB
with Go's own setting, and 0.8 to 1.5 GiB with none."""


def recipe_digest() -> str:
    """SHA-256 over the pinned modules: an engine of another recipe is not used.

    How they are compiled is no part of it: the engine does the same, and nobody has to build it again for that.
    """
    digest = hashlib.sha256()
    for path in sorted(RECIPE.glob("*/go.*")):
        digest.update(path.relative_to(RECIPE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_engine(
    cache: EngineCache,
    environ: Mapping[str, str],
    progress: Progress,
    *,
    reason: str,
    python: Path | None = None,
) -> None:
    """Build engine and language host and make them the cached ones. Only to be called while the cache is locked.

    Args:
        environ: the user's environment; GOPROXY, proxies and certificates in it are honoured.
        progress: told why, how long, how much disk, and what is going on. If it raises, the build ends.
        reason: why it has to be built, as half a sentence.
        python: the Python whose pip fetches Go where there is none; this one if None.

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
        f"engine: {reason}; building Pulumi {PULUMI_VERSION} from Go modules, once: about 4 min on 2 cores, "
        f"up to {DISK_NEEDED_BYTES / 1e9:.1f} GB of disk while it builds, 0.12 GB afterwards, in {cache.home}"
    )
    started = time.monotonic()
    with cache.staging() as staging:
        found = go_on_path(environ)
        if isinstance(found, str):
            progress.say(f"engine: {found}")
            found = fetch_go(staging, environ, progress, python=python or Path(sys.executable))
        progress.say(f"engine: building with go {found.version}")
        out = staging / "bin"
        out.mkdir()
        workshop = _Workshop(staging, found, environ, progress)
        at_once(
            lambda stop: workshop.build("languagehost", _HOST_PACKAGE, out, LANGUAGE_HOST_VERSION, stop),
            lambda stop: workshop.build("pulumi", _ENGINE_PACKAGE, out, PULUMI_VERSION, stop),
        )
        other = differing_program(out, found.version)
        if other and found.goroot:  # then toolchain and modules are pinned, so nothing may differ
            raise EngineError(
                f"the build made another {other} than go {found.version} makes of the pinned modules",
                repair="find out what changes files on this machine; install Pulumi yourself meanwhile",
            )
        if other:
            progress.say(
                f"engine: {found.go} makes another {other} than Go's own {found.version}: whoever packaged it has "
                "changed it"
            )
        sdk = workshop.sdk_dir()
        for script in _SCRIPTS:
            shutil.copyfile(sdk / script, out / Path(script).name)
        cache.publish(out, source="build", recipe=recipe_digest())
    progress.say(f"engine: built in {in_words(time.monotonic() - started)}")


def differing_program(out: Path, go_version: str) -> str:
    """The program below `out` that is not what Go's own toolchain of this version makes; empty where none is known."""
    expected = built_checksums(go_version)
    found = digest_files(out / name for name in expected)
    return next((name for name, digest in sorted(expected.items()) if found[out / name] != digest), "")


class _Stopped(Exception):
    """A command was ended because what ran beside it has failed."""


def at_once(*jobs: Callable[[threading.Event], None]) -> None:
    """Run the jobs at the same time; the first that fails ends the others, and its exception is raised.

    Each job is given an event and has to end soon after that is set.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(jobs)) as pool:
        running = [pool.submit(job, stop) for job in jobs]
        try:
            for ended in wait(running, return_when=FIRST_EXCEPTION).done:
                ended.result()
        finally:
            stop.set()  # also where Ctrl-C ends the wait


class _Workshop:
    """One build: its private Go caches, its environment, its commands, whose lines become progress."""

    def __init__(self, staging: Path, toolchain: Toolchain, environ: Mapping[str, str], progress: Progress) -> None:
        self._go = str(toolchain.go)
        self._progress = progress
        self._started = time.monotonic()
        self._downloaded = self._compiled = 0
        self._env = go_environment(environ, staging, toolchain)
        for name in ("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPATH"):
            Path(self._env[name]).mkdir()

    def build(self, module: str, package: str, out: Path, version: str, stop: threading.Event) -> None:
        """Download what `package` of the module in `gomod/<module>` needs, and build it into the directory `out`."""
        # `go list` loads the package as `go build` does, so it downloads the modules that it needs and no others.
        download = ["list", "-deps", "-mod=readonly", "-modcacherw", _TAGS, "-f", '{{""}}', package]
        self._run(module, download, {"GOMAXPROCS": str(_DOWNLOADS_AT_ONCE)}, stop)
        stamp = f"-s -w -X {_SDK}/go/common/version.Version=v{version}"
        # fmt: off
        build = [
            "build", "-v", "-trimpath", "-mod=readonly", "-modcacherw", "-buildvcs=false",
            *_COMPILER_FLAGS, "-ldflags", stamp, "-o", f"{out}{os.sep}", package,
        ]
        # fmt: on
        self._run(module, build, {}, stop)

    def sdk_dir(self) -> Path:
        """Where the sources of the engine's SDK lie."""
        return Path(self._run("pulumi", ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", _SDK]).last_words)

    def _run(
        self,
        module: str,
        arguments: Sequence[str],
        settings: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> ProcessResult:
        def tick(_: float) -> None:
            if stop and stop.is_set():
                raise _Stopped
            self._progress.pulse(
                f"engine: {in_words(time.monotonic() - self._started)}: {self._downloaded} modules downloaded, "
                f"{self._compiled} packages compiled ({min(99, 100 * self._compiled // _PACKAGES)} %)"
            )

        ended = run_child(
            [self._go, *arguments],
            env={**self._env, **(settings or {})},
            cwd=RECIPE / module,
            limit_s=_LIMIT_S,
            on_line=self._count,
            on_tick=tick,
        )
        if ended.status != 0:
            what, repair = trouble_in(ended)
            raise EngineError(
                f"the engine could not be built: {what}",
                repair=repair or "install Pulumi yourself, or run again with ENGINE=build and read what go says",
            )
        return ended

    def _count(self, line: str) -> None:
        if line.startswith("go: downloading"):
            self._downloaded += 1
        elif "/" in line and " " not in line:
            self._compiled += 1


def go_environment(environ: Mapping[str, str], staging: Path, toolchain: Toolchain) -> dict[str, str]:
    """The environment of Go's commands: what of the user's they need, with everything written kept inside `staging`.

    The user's GOPROXY stays. What would weaken the check of downloads, build for another machine or
    pull in other sources does not, and no login but to what modules are downloaded from.
    """
    env = passed_on(environ, GO)
    if env.get("GOSUMDB", "").startswith("off"):
        del env["GOSUMDB"]
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    env |= {
        # The compiler of most packages ends before it would have to collect garbage at all.
        "GOGC": "off",
        "GOMEMLIMIT": str(compiler_memory_bytes(machine_bytes, os.cpu_count() or 1)),
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        # Whatever `go env -w` has kept: the same bytes everywhere.
        "GOAMD64": "v1",
        "GOARM64": "v8.0",
        "GOMODCACHE": str(staging / "modules"),
        "GOCACHE": str(staging / "objects"),
        "GOTMPDIR": str(staging / "work"),
        "GOPATH": str(staging / "gopath"),
    }
    if toolchain.goroot:
        env["GOROOT"] = toolchain.goroot
    return env


def compiler_memory_bytes(machine_bytes: int, cores: int) -> int:
    """Memory that one of Go's compilers may fill: one runs on each core, and half of the machine is left to others."""
    least, most = _COMPILER_MEMORY_BYTES
    return max(least, min(most, machine_bytes // (2 * cores)))
