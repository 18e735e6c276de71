"""A backend in local files, after an engine was killed in it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import unquote, urlsplit


def remove_empty_sidecars(backend_url: str, stack: str) -> None:
    """Let the engine read a state again that a killed engine left without its description.

    Beside each file Pulumi keeps another one, `.attrs`, that it creates and then fills. An engine killed between
    both leaves it empty, and every further command ends with "failed to load checkpoint: EOF". Pulumi does not need it:
    the file is read as well without it, also while another engine is about to fill it.
    Source: https://github.com/google/go-cloud/blob/master/blob/fileblob/attrs.go

    Args:
        backend_url: of the stack's backend; only local files are looked at.
        stack: whose state it is.
    """
    backend = urlsplit(backend_url)
    if backend.scheme != "file":
        return
    kept = Path(unquote(backend.path)) / ".pulumi"
    for sidecar in (*kept.glob("*.attrs"), *kept.glob(f"stacks/*/{stack}.json*.attrs")):
        with contextlib.suppress(OSError):
            if sidecar.stat().st_size == 0:
                sidecar.unlink()
