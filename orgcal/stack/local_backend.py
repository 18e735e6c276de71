"""Repairs a Pulumi backend in local files after an engine was killed: locks of dead processes, empty descriptions.

Other backends are left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psutil


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
