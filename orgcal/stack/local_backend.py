"""A Pulumi backend in local files: the stacks in it, and repairs after an engine was killed (dead locks, empty files).

Other backends are left alone.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil

_STATES = ("*.json", "*.json.gz", "*/*.json", "*/*.json.gz")
"""Without their project in a backend of the old form."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack in a backend of local files, read without an engine.

    Attributes:
        project: empty in a backend of the old form, which kept stacks without their project.
        state_file: JSON, which a variable of Pulumi's lets be compressed (`.json.gz`).
        root: folder of the backend, `.pulumi`.
    """

    project: str
    name: str
    state_file: Path
    root: Path

    @property
    def was_deployed(self) -> bool:
        """Whether an update was ever run on it; a stack that was only selected has no history."""
        return any((self.root / "history" / self.project / self.name).glob("*"))

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that belongs to it, its history last."""
        state = self.state_file.name.removesuffix(".gz")
        # Not those of a stack that is called as this file is: its own file ends with another `.json`.
        beside = sorted(
            path
            for path in self.state_file.parent.iterdir()
            if path.name.startswith(state) and ".json" not in path.name.removeprefix(state)
        )
        folders = (self.root / kind / self.project / self.name for kind in ("backups", "locks/organization", "history"))
        return (*beside, *(folder for folder in folders if folder.is_dir()))

    def exported(self) -> dict[str, Any]:
        """Its state as `pulumi stack export` prints it.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not a state.
        """
        raw = self.state_file.read_bytes()
        try:
            text = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
            return {"deployment": json.loads(text)["checkpoint"]["latest"]}
        except (KeyError, TypeError, EOFError, zlib.error) as error:
            raise ValueError("not a state") from error


def local_stacks(backend_url: str) -> list[LocalStack]:
    """The stacks of a backend in local files."""
    stacks = []
    for root in _folder(backend_url):
        folder = root / "stacks"
        for path in sorted(found for pattern in _STATES for found in folder.glob(pattern)):
            project = "" if path.parent == folder else path.parent.name
            stacks.append(LocalStack(project, path.name.removesuffix(".gz").removesuffix(".json"), path, root))
    return stacks


def remove_empty_sidecars(backend_url: str, stack: str) -> None:
    """Let the engine read a state again that a killed engine left without its description.

    Beside each file Pulumi keeps another one, `.attrs`, that it creates and then fills. An engine killed between
    both leaves it empty, and every further command ends with "failed to load checkpoint: EOF". Pulumi does not need it:
    the file is read as well without it, also while another engine is about to fill it.
    Source: https://github.com/google/go-cloud/blob/master/blob/fileblob/attrs.go
    """
    for folder in _folder(backend_url):
        for sidecar in (*folder.glob("*.attrs"), *folder.glob(f"stacks/*/{stack}.json*.attrs")):
            with contextlib.suppress(OSError):
                if sidecar.stat().st_size == 0:
                    sidecar.unlink()


def release_dead_lock(backend_url: str, stack: str) -> bool:
    """Remove the lock of a stack if the process that took it is dead; whether there was one."""
    dead = [path for path, holder in _locks(backend_url, stack) if holder is None]
    for path in dead:
        path.unlink(missing_ok=True)
    return bool(dead)


def lock_holder(backend_url: str, stack: str) -> str:
    """Whose lock keeps updates of the stack waiting, such as `ada on host (pid 7)`; empty if none is known."""
    return next((holder for _, holder in _locks(backend_url, stack) if holder), "")


def _locks(backend_url: str, stack: str) -> Iterator[tuple[Path, str | None]]:
    """Locks of a stack, each with who holds it; None stands for a dead process of this machine."""
    for folder in _folder(backend_url):
        for path in folder.glob(f"locks/organization/*/{stack}/*.json"):
            try:
                lock = json.loads(path.read_text(encoding="utf-8"))
                here, pid = lock["hostname"] == os.uname().nodename, int(lock["pid"])
                process = psutil.Process(pid)
                # A container without an init process keeps what was killed as a zombie.
                alive = "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                alive = False
            except (OSError, ValueError, KeyError, TypeError, psutil.Error):
                continue
            holder = f"{lock.get('username') or 'somebody'} on {lock['hostname']} (pid {pid})"
            yield path, holder if alive or not here else None


def _folder(backend_url: str) -> Iterator[Path]:
    """Where a backend in local files keeps its things; nothing for another backend."""
    backend = urlsplit(backend_url)
    if backend.scheme == "file":
        yield Path(unquote(backend.path)) / ".pulumi"
