"""Git as rotation needs it: a few questions, each one command."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orgcal.errors import OrgcalError

_TIMEOUT_S = 120.0


class GitRefused(OrgcalError):
    """Git could not do what the record of a rotation needs."""


class Git:
    """Git in one working copy; nothing is ever asked of a person.

    Args:
        folder: inside the working copy.
        environ: the process environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {**environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def run(self, *words: str, text: str | None = None, **variables: str) -> str:
        """What a command prints, without the end of the last line.

        Args:
            words: the command.
            text: its standard input.
            variables: added to the environment.

        Raises:
            GitRefused: it failed; its own last sentence.
        """
        done = self._done(words, text, variables)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
            told = next((line for line in said if line.startswith(("error:", "fatal:", "remote:", " !"))), "")
            raise GitRefused((told or " ".join(said[-1:]) or "git failed").strip(), where=f"git {words[0]}")
        return done.stdout.removesuffix("\n")

    def found(self, *words: str) -> str | None:
        """As `run`; None where the command fails."""
        done = self._done(words, None, {})
        return None if done.returncode else done.stdout.removesuffix("\n")

    def _done(
        self, words: tuple[str, ...], text: str | None, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["git", *words],
                cwd=self._folder,
                env={**self._environ, **variables},
                input=text if text is not None else "",
                capture_output=True,
                encoding="utf-8",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise GitRefused("git is not installed", where="--record", repair="install git, or --record file") from None
        except subprocess.TimeoutExpired:
            raise GitRefused(
                f"git gave no answer for {_TIMEOUT_S:.0f} s", where=f"git {words[0]}", repair="check the network"
            ) from None


def identity(git: Git) -> Mapping[str, str]:
    """Variables that name an author where git knows none, as on a runner of CI."""
    if git.found("config", "user.email") or os.environ.get("GIT_AUTHOR_EMAIL"):
        return {}
    who = {"NAME": "orgcal", "EMAIL": "orgcal@localhost"}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}


def commit_on(git: Git, base: str, path: str, text: str, message: str) -> str:
    """A commit on top of `base` with another text of one file; neither the working copy nor its index is touched.

    Args:
        git: the working copy.
        base: a commit that has the file.
        path: of the file, from the top.
        text: the file's new text.
        message: of the commit.
    """
    mode = git.run("ls-tree", "--full-tree", base, "--", path).split()[0]
    blob = git.run("hash-object", "-w", "--stdin", text=text)
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.run("read-tree", base, **index)
        git.run("update-index", "--cacheinfo", f"{mode},{blob},{path}", **index)
        tree = git.run("write-tree", **index)
    return git.run("commit-tree", tree, "-p", base, "-m", message, **identity(git))
