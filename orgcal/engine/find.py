"""The Pulumi engine to use: the user's own, ours, fetched, or built; in this order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orgcal.child_environ import ENGINE, passed_on
from orgcal.engine.build import build_engine, recipe_digest
from orgcal.engine.cache import EngineCache
from orgcal.engine.child import output_of
from orgcal.engine.installer import install_engine, installer_refusal
from orgcal.engine.progress import Progress
from orgcal.engine.versions import PULUMI_VERSION, engine_version_fits
from orgcal.errors import EngineError, UsageError
from orgcal.files.trust import who_else_may_change

ENGINE_VARIABLE = "ENGINE"
_CHOICES = ("auto", "path", "installer", "build")


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that can be used.

    Attributes:
        bin_dir: folder of `pulumi`; goes on PATH.
        pulumi: the engine's program.
        language_host: `pulumi-language-python`, beside it or on PATH.
        version: as in `3.274.1`.
        source: `path`, `installer` or `build`.
        reason: one sentence: why this one.
    """

    bin_dir: Path
    pulumi: Path
    language_host: Path
    version: str
    source: str
    reason: str


def find_engine(environ: Mapping[str, str] | None = None, *, progress: Progress | None = None) -> Engine:
    """The engine to use; installed or built first if there is none, which takes minutes.

    Args:
        environ: the process environment if None. Read are PATH, ENGINE (`path`, `installer`, `build`; empty
            or `auto` for the first that works) and ORGCAL_CACHE_DIR.
        progress: told what takes long; standard error if None.

    Raises:
        UsageError: ENGINE is none of the choices.
        EngineError: there is no engine and none can be made; one sentence says why.
    """
    environ = os.environ if environ is None else environ
    progress = Progress() if progress is None else progress
    engine = look_for_engine(environ)
    if isinstance(engine, Engine):
        return engine
    choice = _choice(environ)
    if choice == "path":
        raise EngineError(
            f"{ENGINE_VARIABLE}=path, and {engine}",
            repair=f"install Pulumi {PULUMI_VERSION} or newer, or unset {ENGINE_VARIABLE}",
        )
    cache = EngineCache(environ)
    with cache.locked(progress):
        engine = look_for_engine(environ)  # another process may have made it while we waited
        if isinstance(engine, str):
            _make(cache, environ, progress, choice, engine)
            engine = look_for_engine(environ)
    if isinstance(engine, str):
        raise EngineError(f"the engine was made and still cannot be used: {engine}", where=str(cache.home))
    return engine


def build_ahead(environ: Mapping[str, str], *, progress: Progress, python: Path) -> None:
    """Build the engine already, where `find_engine` will have to; do nothing where it will not.

    `make setup` calls this while it installs the packages. Pulumi's installer is one of them.

    Args:
        progress: told what takes long. If it raises, the build ends and leaves nothing.
        python: the Python whose pip fetches Go where there is none.

    Raises as `find_engine` does.
    """
    choice = _choice(environ)
    if choice in ("path", "installer") or isinstance(look_for_engine(environ), Engine):
        return
    refusal = "" if choice == "build" else installer_refusal(environ)
    if choice == "auto" and not refusal:
        return
    cache = EngineCache(environ)
    with cache.locked(progress):
        engine = look_for_engine(environ)
        if isinstance(engine, str):
            reason = "; ".join(filter(None, (engine, refusal)))
            build_engine(cache, environ, progress, reason=reason, python=python)


def look_for_engine(environ: Mapping[str, str]) -> Engine | str:
    """The engine to use if there is one already, or in half a sentence why not; nothing is fetched or built.

    Raises:
        UsageError: ENGINE is none of the choices.
        EngineError: the engine does not run on such a machine.
    """
    choice = _choice(environ)
    cache = EngineCache(environ)
    on_path = _on_path(environ, cache) if choice in ("auto", "path") else f"{ENGINE_VARIABLE}={choice}"
    if choice == "path" or isinstance(on_path, Engine):
        return on_path
    cached = _in_cache(cache, choice)
    return cached if isinstance(cached, Engine) else "; ".join(filter(None, (on_path, cached)))


def _make(cache: EngineCache, environ: Mapping[str, str], progress: Progress, choice: str, reason: str) -> None:
    if choice != "build":
        refusal = installer_refusal(environ)
        if not refusal:
            try:
                return install_engine(cache, environ, progress)
            except EngineError as error:
                refusal = error.what
        if choice == "installer":
            raise EngineError(
                f"{ENGINE_VARIABLE}=installer, and {refusal}",
                repair=f"unset {ENGINE_VARIABLE} to build the engine, or see docs/engine.md#checksums",
            )
        reason = f"{reason}; {refusal}"
    return build_engine(cache, environ, progress, reason=reason)


def _choice(environ: Mapping[str, str]) -> str:
    choice = environ.get(ENGINE_VARIABLE, "") or "auto"
    if choice not in _CHOICES:
        raise UsageError(
            f"there is no engine {choice!r}; known are {', '.join(_CHOICES)}",
            where=ENGINE_VARIABLE,
            repair=f"unset {ENGINE_VARIABLE}",
        )
    return choice


def _on_path(environ: Mapping[str, str], cache: EngineCache) -> Engine | str:
    path = environ.get("PATH", "")
    program = shutil.which("pulumi", path=path)
    if not program:
        return "no pulumi on PATH"
    pulumi = Path(program).absolute()
    if pulumi.parent == cache.bin_dir:  # ours, put there by `orgcal env`: judged by its manifest
        return ""
    passed = {**passed_on(environ, ENGINE), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    version = output_of([str(pulumi), "version"], passed).strip()
    if not engine_version_fits(version):
        return f"{pulumi} is {version or 'no engine that tells its version'}, not {PULUMI_VERSION} or newer"
    beside = [pulumi.parent, pulumi.resolve().parent]
    host = shutil.which("pulumi-language-python", path=os.pathsep.join([*map(str, beside), path]))
    if not host:
        return f"{pulumi} has no pulumi-language-python beside it"
    other = who_else_may_change([pulumi, Path(host)], groups=True)
    if other:
        return f"others could replace the pulumi on PATH: {other}"
    version = version.removeprefix("v")
    return Engine(pulumi.parent, pulumi, Path(host).absolute(), version, "path", f"Pulumi {version} is on PATH")


def _in_cache(cache: EngineCache, choice: str) -> Engine | str:
    manifest = cache.manifest()
    if manifest is None:
        return "none made yet"
    other = cache.who_else_may_change()
    if other:
        return f"others could replace the cached engine: {other}"
    if choice in ("installer", "build") and manifest.source != choice:
        return f"the cached engine came from {manifest.source}"
    if manifest.source == "installer" and not manifest.recipe:  # by an older version of ours
        return "the cached engine was downloaded without a pinned checksum"
    if manifest.source == "build" and manifest.recipe != recipe_digest():
        return "the cached engine was built from other modules"
    if not {"pulumi", "pulumi-language-python", "pulumi-language-python-exec"} <= manifest.files.keys():
        return "the cached engine is not complete"
    damage = cache.damage(manifest)
    if damage:
        return f"the cached engine is damaged ({damage})"
    made = "was built from Go modules" if manifest.source == "build" else "was downloaded"
    return Engine(
        bin_dir=cache.bin_dir,
        pulumi=cache.bin_dir / "pulumi",
        language_host=cache.bin_dir / "pulumi-language-python",
        version=manifest.version,
        source=manifest.source,
        reason=f"Pulumi {manifest.version} {made}",
    )
