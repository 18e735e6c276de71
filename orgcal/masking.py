"""Tells a job of GitHub Actions which texts its log must not show, before they are sent anywhere.

The command that a job runs is the only process whose lines the runner reads; the plugin that pushes a credential speaks
to the engine only. So the command listens on a socket that its user alone can reach, and processes below it ask there.

Source: `::add-mask::` masks its data and each line of it (actions/runner, `src/Runner.Worker/ActionCommandManager.cs`,
`AddMaskCommandExtension`, at commit 258d6c857db3519913f7deb6004b60172f8043ae); `%0A` stands for a line end there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import TextIO

from orgcal.output import give_command

SOCKET_VARIABLE = "ORGCAL_MASK_SOCKET"
"""Names the socket for the processes that a command starts."""

_ANSWER_S = 10.0
_END = b"\n"


def mask(texts: Iterable[str]) -> None:
    """Mask `texts` in the log of the job that runs this, and return once the runner was told; elsewhere do nothing."""
    address = os.environ.get(SOCKET_VARIABLE, "")
    lines = [text.strip().encode().hex() for text in texts if text.strip()]
    if not address or not lines:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:  # the command may be gone already
        connection.settimeout(_ANSWER_S)
        connection.connect(address)
        connection.sendall("\n".join(lines).encode())
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


@contextlib.contextmanager
def masking(environ: MutableMapping[str, str], log: TextIO | None = None) -> Iterator[None]:
    """While the block runs in a job of GitHub Actions, write what `mask` is given in any process below it to the log.

    Args:
        environ: of this process.
        log: standard error unless given; one that is a file gets nothing, as it would keep what is to be masked.
    """
    log = sys.stderr if log is None else log
    if environ.get("GITHUB_ACTIONS") != "true" or _is_file(log):
        yield
        return
    import tempfile  # few commands need it

    with tempfile.TemporaryDirectory(prefix="orgcal-") as folder, socket.socket(socket.AF_UNIX) as listening:
        address = str(Path(folder) / "mask")  # the folder has mode 0700
        listening.bind(address)
        listening.listen()
        environ[SOCKET_VARIABLE] = address
        thread = threading.Thread(target=_serve, args=(listening, log), daemon=True)
        thread.start()
        try:
            yield
        finally:
            del environ[SOCKET_VARIABLE]
            with contextlib.suppress(OSError):  # macOS: the socket is not connected
                listening.shutdown(socket.SHUT_RDWR)  # ends the wait for the next one
            listening.close()
            thread.join(_ANSWER_S)


def _serve(listening: socket.socket, log: TextIO) -> None:
    """Write what comes, then answer; ends when the socket is closed."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(_ANSWER_S)
            with connection.makefile("rb") as lines:
                for line in lines:
                    give_command(log, "add-mask", bytes.fromhex(line.decode()).decode())
            connection.sendall(_END)


def _is_file(log: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(log.fileno()).st_mode)
    except (OSError, ValueError):
        return False
