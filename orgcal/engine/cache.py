"""Where our engine lies: made once, never half, and checked before each use.

    <cache>/engine/                          0700
        3.274.1-linux-amd64/
            manifest.json                    SHA-256 of each program, where they come from
            bin/pulumi, bin/pulumi-language-python, ...
        3.274.1-linux-amd64.lock             held by the one that makes it
        .making-3.274.1-linux-amd64-XXXX/    a build; left over only where one was killed

The manifest notices damage. Before it is believed, owner and mode of every folder on the way, of the manifest and of
each program must be such that only this user and root can write them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from orgcal.engine.progress import Progress, in_words
from orgcal.engine.versions import PULUMI_VERSION, platform_name
from orgcal.errors import EngineError
from orgcal.files.trust import who_else_may_change

CACHE_VARIABLE = "ORGCAL_CACHE_DIR"
_MANIFEST = "manifest.json"
_WAIT_FOR_OTHER_S = 3600.0
_OURS = re.compile(r"(\.making-)?[0-9]+\.[0-9]+\.[0-9]+-(linux|darwin)-(amd64|arm64)(\.lock|-\w+)?$")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was made.

    Attributes:
        source: `build` or `installer`.
        recipe: the digest of what it was built from, or of the archive that was unpacked.
        files: the SHA-256 of each program in `bin/`.
    """

    version: str
    source: str
    recipe: str
    files: dict[str, str]


class EngineCache:
    """The cached engine of one version for this platform, below `cache_dir(environ)`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.root = cache_dir(environ) / "engine"
        self.name = f"{PULUMI_VERSION}-{platform_name()}"
        self.home = self.root / self.name
        self.bin_dir = self.home / "bin"

    def manifest(self) -> Manifest | None:
        """What lies here by its own account, unchecked; None if nothing does."""
        try:
            kept = json.loads((self.home / _MANIFEST).read_text(encoding="utf-8"))
            files = {str(name): str(digest) for name, digest in kept["files"].items()}
            return Manifest(str(kept["version"]), str(kept["source"]), str(kept["recipe"]), files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def who_else_may_change(self) -> str:
        """Which part of the path somebody else could write, in a few words; empty where nobody could."""
        with contextlib.suppress(OSError):
            return who_else_may_change([self.home / _MANIFEST, *self.bin_dir.iterdir()])
        return who_else_may_change([self.bin_dir])

    def damage(self, manifest: Manifest) -> str:
        """What differs between `bin/` and its manifest, in a few words; empty if nothing does."""
        try:
            present = {entry.name: entry for entry in self.bin_dir.iterdir()}
        except OSError as error:
            return f"{self.bin_dir}: {error.strerror}"
        for name in sorted(present.keys() ^ manifest.files.keys()):
            return f"{name} is {'not ours' if name in present else 'missing'}"
        for name, entry in present.items():
            if entry.is_symlink() or not os.access(entry, os.X_OK):
                return f"{name} is no program any more"
        digests = digest_files(present.values())
        changed = sorted(name for name, entry in present.items() if digests[entry] != manifest.files[name])
        return f"{changed[0]} has changed" if changed else ""

    @contextlib.contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Hold the right to make the engine; wait while another process makes it.

        Entering also removes what killed builds left behind.

        Raises:
            EngineError: the cache directory cannot be made or is another user's, or the wait is over.
        """
        self._make_root()
        lock = filelock.FileLock(self.root / f"{self.name}.lock", mode=0o600)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            progress.say("engine: another process makes it; waiting for that one")
            try:
                lock.acquire(timeout=_WAIT_FOR_OTHER_S)
            except filelock.Timeout:
                raise EngineError(
                    f"another process has been making the engine for {in_words(_WAIT_FOR_OTHER_S)}",
                    where=lock.lock_file,
                    repair="end that process, then try again",
                ) from None
        try:
            for left in self.root.glob(f".making-{self.name}-*"):
                remove_tree(left)
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A new private directory beside the engine's own, removed at the end whatever happens."""
        made = Path(tempfile.mkdtemp(prefix=f".making-{self.name}-", dir=self.root))
        try:
            yield made
        finally:
            remove_tree(made)

    def publish(self, bin_dir: Path, *, source: str, recipe: str) -> None:
        """Make the programs in `bin_dir` (inside `staging()`) the cached engine, in one step.

        Only to be called while `locked()`.
        """
        for program in bin_dir.iterdir():
            program.chmod(0o755)
        files = {path.name: digest for path, digest in digest_files(bin_dir.iterdir()).items()}
        ready = bin_dir.parent / "ready"
        ready.mkdir(mode=0o700)
        bin_dir.rename(ready / "bin")
        text = json.dumps(asdict(Manifest(PULUMI_VERSION, source, recipe, files)), indent=2, sort_keys=True)
        (ready / _MANIFEST).write_text(text + "\n", encoding="utf-8")
        if self.home.exists():
            self.home.rename(bin_dir.parent / "replaced")
        ready.rename(self.home)

    def _make_root(self) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = self.root.stat()
            if owner.st_uid != os.getuid():
                raise EngineError(
                    "the engine's cache directory belongs to another user",
                    where=str(self.root),
                    repair=f"export {CACHE_VARIABLE}=<a directory of your own>",
                )
            if stat.S_IMODE(owner.st_mode) != 0o700:
                self.root.chmod(0o700)
            other = who_else_may_change([self.root])
            if other:
                raise EngineError(
                    f"others could replace the engine: {other}",
                    where=str(self.root),
                    repair=f"export {CACHE_VARIABLE}=<a directory that only you can write, and all above it>",
                )
        except OSError as error:
            raise EngineError(
                f"the engine's cache directory cannot be made ({error.strerror})",
                where=str(self.root),
                repair=f"export {CACHE_VARIABLE}=<a directory that you can write>",
            ) from error


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The directory of everything orgcal can make anew: ORGCAL_CACHE_DIR, or the user's cache directory."""
    named = environ.get(CACHE_VARIABLE, "")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("orgcal", appauthor=False)


def cached_engines(environ: Mapping[str, str]) -> list[Path]:
    """What lies in the cache of engines of any version: engines, their locks, and what killed builds left."""
    try:
        found = sorted((cache_dir(environ) / "engine").iterdir())
    except OSError:
        return []
    return [path for path in found if _OURS.match(path.name)]


def digest_files(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of each file, read in parallel (hashing releases the interpreter's lock)."""
    listed = list(paths)
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(listed, pool.map(_digest, listed), strict=True))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it, also read-only directories (Go's module cache)."""
    shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        return
    for directory, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(directory).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
