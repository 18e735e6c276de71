"""The stack's file in a working copy of git: questions to git, and commits of the file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from orgcal.child_environ import GIT, passed_on
from orgcal.errors import OrgcalError, UsageError
from orgcal.settings.credential_file import SettingsFile

OTHERWISE = "or keep the record in the file only: --record file"
TIMEOUT_S = 120.0


class GitRefused(OrgcalError):
    """Git could not do what the record of a rotation needs."""


def run_beside(
    file: Path, command: Sequence[str], environ: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of `file`, with `text` as its standard input; raises as `subprocess.run` does."""
    return subprocess.run(
        command,
        cwd=file.parent,
        env=environ,
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )


class TrackedFile:
    """The stack's file in its working copy; git never asks a person."""

    def __init__(self, file: SettingsFile, environ: Mapping[str, str]) -> None:
        self._file = file
        self._environ = {**passed_on(environ, GIT), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        self.path = file.path

    @property
    def text(self) -> str:
        """The file's text in the working copy, without the end of its last line, as git prints it."""
        return self.path.read_text(encoding="utf-8").removesuffix("\n")

    def text_at(self, commit: str) -> str | None:
        """The file's text in a commit; None where it has no such file."""
        return self.ask("show", f"{commit}:{self.tracked_path()}")

    def run(self, *words: str, text: str = "", **variables: str) -> str:
        """What a command prints, without the end of the last line; `text` is its standard input.

        Raises:
            GitRefused: it failed; its own last sentence.
        """
        done = self._done(words, text, variables)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
            named = next((line for line in lines if line.startswith(("error:", "fatal:", "remote:", " !"))), "")
            raise GitRefused((named or " ".join(lines[-1:]) or "git failed").strip(), where=f"git {words[0]}")
        return done.stdout.removesuffix("\n")

    def ask(self, *words: str) -> str | None:
        """As `run`; None where the command fails."""
        done = self._done(words, "", {})
        return None if done.returncode else done.stdout.removesuffix("\n")

    def _done(self, words: Sequence[str], text: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        try:
            return run_beside(self.path, ["git", *words], {**self._environ, **variables}, text)
        except FileNotFoundError:
            raise GitRefused("git is not installed", where="--record", repair="install git, or --record file") from None
        except subprocess.TimeoutExpired:
            raise GitRefused(
                f"git gave no answer for {TIMEOUT_S:.0f} s", where=f"git {words[0]}", repair="check the network"
            ) from None

    def check(self) -> None:
        """Refuse where the stack's file is not git's, or was changed by somebody else.

        A change that an interrupted rotation left is fine: the file is then as this one would write it.
        """
        self._file.check()
        name = self.path.name
        if self.ask("rev-parse", "--git-dir") is None:
            raise UsageError(
                "this is no working copy of git", where=str(self.path.parent), repair=f"git init, or {OTHERWISE[3:]}"
            )
        committed = self.text_at("HEAD")
        if committed is None:
            raise UsageError(
                "git does not keep the stack's file", where=name, repair=f"git add -f {name} && git commit"
            )
        if self.text == committed:
            return
        if self._file.edited(f"{committed}\n", self._file.read().generation_set).removesuffix("\n") != self.text:
            raise UsageError(
                "the stack's file has changes that are not committed", where=name, repair=f"commit them, {OTHERWISE}"
            )

    def upstream(self) -> tuple[str, str, str]:
        """The upstream branch as git names it, its remote, and its name there; UsageError where there is none."""
        branch = self.ask("symbolic-ref", "--short", "--quiet", "HEAD")
        if branch is None:
            raise UsageError(
                "no branch is checked out (detached HEAD), so a commit could not be pushed",
                where="--record",
                repair=f"git switch BRANCH (in GitHub Actions: actions/checkout with ref), {OTHERWISE}",
            )
        remote = self.ask("config", f"branch.{branch}.remote")
        merge = self.ask("config", f"branch.{branch}.merge")
        base = self.ask("rev-parse", "--verify", "--quiet", "@{upstream}")
        if not remote or not merge or not base:
            raise UsageError(
                f"the branch {branch} has no upstream to push to",
                where="--record",
                repair=f"git push --set-upstream origin {branch}, {OTHERWISE}",
            )
        return base, remote, merge.removeprefix("refs/heads/")

    def try_push(self, remote: str, what: str) -> None:
        """Refuse, with UsageError and git's own sentence, where a push would be refused."""
        try:
            self.run("push", "--dry-run", "--quiet", "--no-verify", remote, what)
        except GitRefused as error:
            raise UsageError(
                f"the record could not be pushed: {error.what}; nothing was changed",
                where=f"git push {remote}",
                repair=f"git pull; let the login write to the repository; {OTHERWISE}",
            ) from error

    def tracked_path(self) -> str:
        """The file's path from the top of the working copy, as git names it."""
        return f"{self.run('rev-parse', '--show-prefix')}{self.path.name}"

    def identity(self) -> Mapping[str, str]:
        """Variables that name an author where git knows none, as on a runner of CI."""
        if self.ask("config", "user.email") or self._environ.get("GIT_AUTHOR_EMAIL"):
            return {}
        who = {"NAME": "orgcal", "EMAIL": "orgcal@localhost"}
        return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}

    def commit_on(self, base: str, message: str) -> str:
        """A commit on top of `base` with the file as it is now; neither the working copy nor its index is touched."""
        path = self.tracked_path()
        mode = self.run("ls-tree", "--full-tree", base, "--", path).split()[0]
        blob = self.run("hash-object", "-w", "--stdin", text=f"{self.text}\n")
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.run("read-tree", base, **index)
            self.run("update-index", "--cacheinfo", f"{mode},{blob},{path}", **index)
            tree = self.run("write-tree", **index)
        return self.run("commit-tree", tree, "-p", base, "-m", message, **self.identity())
