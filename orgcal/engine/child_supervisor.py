"""Runs a command in this process's group and kills the whole group when standard input closes.

Started by `child.run_child` as a script (`python -I child_supervisor.py COMMAND...`), so it imports nothing of
ours. Standard input is the lifeline: its other end is held by the process that wants the command, and
the system closes it however that process dies, kill -9 included.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def _end_with_parent() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run `command` and return its exit status (128 + N where signal N ended it, 127 where it does not start)."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status = process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
