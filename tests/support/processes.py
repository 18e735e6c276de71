"""Ends what a test started, and waits until it is gone."""

from __future__ import annotations

import os
import signal

import psutil


def end_group(group: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Ends every process of a process group, and waits for each.

    Args:
        group: id of a group that the test made itself (`start_new_session`).
        how: the signal.
    """
    for member in psutil.process_iter():
        try:
            if os.getpgid(member.pid) == group:
                member.send_signal(how)
                member.wait(60)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
