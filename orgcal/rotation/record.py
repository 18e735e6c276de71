"""How the stack's file is kept: left in the working copy, committed to the branch, or proposed in a pull request.

A rotation whose record is lost leaves checkouts that the ledger refuses to deploy; so it is found out before the first
write whether a record can be pushed, and each step is recorded right after its update.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from orgcal.errors import UsageError
from orgcal.rotation.git import Git, GitRefused, identity
from orgcal.rotation.record_checks import OTHERWISE, check_file, tracked_path, try_push, upstream
from orgcal.rotation.settings_file import SettingsFile

Mode = Literal["file", "commit", "pull-request"]
_GH_TIMEOUT_S = 120.0


class Record(Protocol):
    """Keeps what `SettingsFile` wrote."""

    def check(self) -> None:
        """Refuse, in one sentence, where it could not be kept; nothing is written."""

    def publish(self, message: str) -> None:
        """Keep the file as it is now; what is kept already is kept once."""

    def close(self) -> None:
        """Leave the working copy as it is meant to be."""


class FileRecord:
    """The file itself."""

    def __init__(self, file: SettingsFile) -> None:
        self._file = file

    def check(self) -> None:
        self._file.check()

    def publish(self, message: str) -> None:
        pass

    def close(self) -> None:
        pass


class CommitRecord:
    """A commit for each step, pushed to the branch that is checked out.

    Args:
        file: the stack's file.
        git: of its working copy.
        tell: is told in one line what was pushed.
    """

    def __init__(self, file: SettingsFile, git: Git, tell: Callable[[str], object]) -> None:
        self._file = file
        self._git = git
        self._tell = tell

    def check(self) -> None:
        self._file.check()
        check_file(self._git, self._file)
        _, remote, branch = upstream(self._git)
        ahead = (self._git.run("diff", "--name-only", "@{upstream}...HEAD") or "").splitlines()
        if set(ahead) - {tracked_path(self._git, self._file)}:
            raise UsageError(
                "the branch has commits that are not pushed, and the rotation would push them too",
                where="--record commit",
                repair="git push",
            )
        try_push(self._git, remote, f"HEAD:refs/heads/{branch}")

    def publish(self, message: str) -> None:
        path = str(self._file.path)
        _, remote, branch = upstream(self._git)
        if self._git.run("status", "--porcelain", "--", path):
            self._git.run("commit", "--quiet", "-m", message, "--only", "--", path, **identity(self._git))
        if self._git.run("rev-list", "--count", "@{upstream}..HEAD") == "0":
            return
        try:
            self._git.run("push", "--quiet", remote, f"HEAD:refs/heads/{branch}")
        except GitRefused as error:
            raise GitRefused(
                f"the step is done and committed, but could not be pushed: {error.what}",
                where=f"{remote}/{branch}",
                repair="git pull --rebase && git push; or orgcal rotate in a fresh checkout: it goes on from the state",
            ) from error
        self._tell(f"  recorded: pushed to {remote}/{branch}")

    def close(self) -> None:
        pass


class PullRequestRecord:
    """A branch with one commit, made anew for each step, and a pull request from it.

    Args:
        file: the stack's file.
        git: of its working copy.
        stack: names the branch.
        environ: the process environment, for `gh`.
        tell: is told in one line what was pushed, and what to type where `gh` is missing.

    Attributes:
        url: of the pull request; empty if there is none.
        problem: why there is none although there should be one.
    """

    def __init__(
        self, file: SettingsFile, git: Git, stack: str, environ: Mapping[str, str], tell: Callable[[str], object]
    ) -> None:
        self._file = file
        self._git = git
        self._branch = f"orgcal/rotate-{stack}"
        self._stack = stack
        self._environ = environ
        self._tell = tell
        self._told: set[str] = set()
        self.url = ""
        self.problem: GitRefused | None = None

    def check(self) -> None:
        self._file.check()
        check_file(self._git, self._file)
        _, remote, target = upstream(self._git)
        try_push(self._git, remote, f"+HEAD:refs/heads/{self._branch}")
        self._git.run("fetch", "--quiet", remote, target)
        base, path = upstream(self._git)[0], tracked_path(self._git, self._file)
        if self._git.found("show", f"{base}:{path}") != self._git.found("show", f"HEAD:{path}"):
            raise UsageError(
                f"the stack's file is not the one of {remote}/{target}",
                where=self._file.path.name,
                repair=f"git pull, then git push, {OTHERWISE}",
            )

    def publish(self, message: str) -> None:
        base, remote, target = upstream(self._git)
        path, text = tracked_path(self._git, self._file), self._file.path.read_text(encoding="utf-8")
        merged = self._git.found("show", f"{base}:{path}") == text.removesuffix("\n")
        old = (self._git.run("ls-remote", remote, f"refs/heads/{self._branch}").split() or [""])[0]
        if merged:
            return  # the target says it already
        if not (old and self._proposed(remote, path) == text.removesuffix("\n")):
            commit = self._commit(base, path, text, message)
            lease = f"--force-with-lease=refs/heads/{self._branch}:{old}"
            self._git.run("push", "--quiet", lease, remote, f"{commit}:refs/heads/{self._branch}")
            self._tell(f"  recorded: pushed to {remote}/{self._branch}")
        self._request(target, message)

    def close(self) -> None:
        """The working copy gets its own file back: the record is in the branch."""
        self._git.run("checkout", "--quiet", "HEAD", "--", str(self._file.path))

    def _proposed(self, remote: str, path: str) -> str | None:
        """The file's text in the branch; None if it cannot be had."""
        if self._git.found("fetch", "--quiet", "--depth=1", remote, f"refs/heads/{self._branch}") is None:
            return None
        return self._git.found("show", f"FETCH_HEAD:{path}")

    def _commit(self, base: str, path: str, text: str, message: str) -> str:
        """A commit on top of `base` with the file's new text; neither the working copy nor its index is touched."""
        mode = self._git.run("ls-tree", "--full-tree", base, "--", path).split()[0]
        blob = self._git.run("hash-object", "-w", "--stdin", text=text)
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git.run("read-tree", base, **index)
            self._git.run("update-index", "--cacheinfo", f"{mode},{blob},{path}", **index)
            tree = self._git.run("write-tree", **index)
        return self._git.run("commit-tree", tree, "-p", base, "-m", message, **identity(self._git))

    def _request(self, target: str, title: str) -> None:
        """Open the pull request, if none is open; the branch is pushed, so a refusal by `gh` waits until the end."""
        typed = f"gh pr create --head {self._branch} --base {target}"
        if shutil.which("gh", path=self._environ.get("PATH")) is None:
            self._tell_once(f"  open the pull request: {typed} --fill")
            return
        body = (
            f"Generations of stack {self._stack} as its state has them. Until this is merged, a deployment of {target} "
            "is refused by the ledger."
        )
        try:
            self.url = self._gh("list", "--head", self._branch, "--state", "open", "--json", "url", "--jq", ".[0].url")
            if not self.url:
                self.url = self._gh(*typed.split()[2:], "--title", title, "--body", body)
        except GitRefused as refused:
            self.problem = refused
            return
        self.problem = None
        self._tell_once(f"  pull request: {self.url}")

    def _gh(self, *words: str) -> str:
        """The last line of what `gh pr` prints."""
        try:
            done = subprocess.run(
                ["gh", "pr", *words],
                cwd=self._file.path.parent,
                env={**self._environ, "GH_PROMPT_DISABLED": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                timeout=_GH_TIMEOUT_S,
                check=False,
            )
            said = "" if done.returncode == 0 else " ".join(done.stderr.split())[:200] or "it failed"
        except subprocess.TimeoutExpired:
            said = f"no answer for {_GH_TIMEOUT_S:.0f} s"
        if said:
            raise GitRefused(
                f"the record is pushed to {self._branch}, but gh could not open the pull request: {said}",
                where=f"gh pr {words[0]}",
                repair="let the job's token write them (permissions: pull-requests: write), or open it by hand",
            )
        return (done.stdout.strip().splitlines() or [""])[-1]

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)


def open_record(
    mode: Mode, file: SettingsFile, stack: str, environ: Mapping[str, str], tell: Callable[[str], object]
) -> Record:
    """The record of this mode."""
    if mode == "file":
        return FileRecord(file)
    git = Git(file.path.parent, environ)
    return CommitRecord(file, git, tell) if mode == "commit" else PullRequestRecord(file, git, stack, environ, tell)
