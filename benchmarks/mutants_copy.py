"""Copies of the checkout in which `make mutants` changes the code and runs tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutants_plugin import CHOSEN, FAILED
from benchmarks.mutants_tests import RecordedTest, end_session
from benchmarks.mutations import Mutation

ROOT = Path(__file__).resolve().parents[1]
TEST_TIMEOUT_S = 60
RANDOMLY_SEED = 21


@dataclass
class Copy:
    """A copy of the checkout in which one mutant lives at a time."""

    path: Path
    _process: subprocess.Popen[bytes] | None = None
    _stopped: bool = False

    @classmethod
    def of_checkout(cls, path: Path) -> Copy:
        """What git would commit, as it is in the working tree, in a repository of its own as some tests need one."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name)
        (path / ".venv").symlink_to(ROOT / ".venv")
        for command in (["git", "init", "-q", "-b", "main"], ["git", "add", "-A"]):
            subprocess.run(command, cwd=path, check=True)
        return cls(path)

    def copied(self, path: Path) -> Copy:
        """Another one, with the compiled modules of this."""
        shutil.copytree(self.path, path, symlinks=True)
        return Copy(path)

    @property
    def environ(self) -> dict[str, str]:
        """Variables with which tests, and what they start, import this copy's code."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        first = [str(self.path), str(self.path / "emulator"), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**kept, "PYTHONPATH": os.pathsep.join(first)}

    def notices(self, mutation: Mutation, tests: Sequence[RecordedTest]) -> tuple[bool, frozenset[str]]:
        """Whether one of these tests fails, or hangs, with this change; and which fail."""
        file = self.path / mutation.path
        before = file.read_bytes()
        try:
            self._rewritten(file, mutation.applied_to(before.decode()).encode())
            return not self.passes(tests), self.failed
        finally:
            self._rewritten(file, before)

    def passes(self, tests: Sequence[RecordedTest], *, all_of_them: bool = False) -> bool:
        """Whether these tests pass, in this order, until the first that fails or to the end."""
        chosen = self.path / ".local" / "chosen.json"
        chosen.parent.mkdir(exist_ok=True)
        chosen.with_name(FAILED).write_text("")
        if not tests:
            return True
        chosen.write_text(json.dumps([test.name for test in tests]), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "benchmarks.mutants_plugin", "-p", "no:cacheprovider"]
        options = [
            "--quiet",
            *([] if all_of_them else ["--exitfirst"]),
            f"--randomly-seed={RANDOMLY_SEED}",
            "--randomly-dont-reorganize",
            f"--timeout={TEST_TIMEOUT_S}",
        ]
        files = list(dict.fromkeys(test.file for test in tests))
        limit_s = TEST_TIMEOUT_S + 3 * sum(test.seconds for test in tests)
        return self._exit_code([*command, *options, *files], {**self.environ, CHOSEN: str(chosen)}, limit_s) in (0, 5)

    @property
    def failed(self) -> frozenset[str]:
        """The tests that failed in the last run; a change that breaks an import fails none."""
        lines = (self.path / ".local" / FAILED).read_text(encoding="utf-8").splitlines()
        return frozenset(map(json.loads, lines))

    @property
    def output(self) -> str:
        """What the tests printed that ran last."""
        return (self.path / ".local" / "output.txt").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ends what runs in this copy, and lets nothing begin."""
        self._stopped = True
        if self._process is not None:
            end_session(self._process)

    def _exit_code(self, command: list[str], environ: dict[str, str], limit_s: float) -> int:
        """Of a command; that of one which took too long is negative."""
        if self._stopped:
            raise KeyboardInterrupt
        with (self.path / ".local" / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.path,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return self._process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return -1
            finally:
                end_session(self._process)  # with what tests started and a change left running

    @staticmethod
    def _rewritten(file: Path, content: bytes) -> None:
        file.write_bytes(content)
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink()  # it may be as old and as long as the text that it is not of
