"""The engine interrupts a program when a resource was refused: nothing of Python shows beside what the engine says."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.support.checkout import ROOT

PROGRAM = """
import asyncio
from provisioning.program import run_program

run_program(lambda: None)
try:
    print("told", flush=True)
    asyncio.run(asyncio.sleep(60))  # as the engine's runner waits for what was declared
finally:
    print("ended", flush=True)
"""


def test_program_that_the_engine_interrupts_ends_without_a_stack() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        first = program.stdout.readline()
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)

    assert (first, out, err) == ("told\n", "", "")
    assert program.returncode == -signal.SIGINT
