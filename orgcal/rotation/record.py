"""Records the stack's file: left in the working copy, committed to the branch, or proposed in a pull request.

A rotation whose record is lost leaves checkouts that the ledger refuses to deploy; so it is found out before the first
write whether a record can be pushed, and each step is recorded right after its update.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Literal

from orgcal.child_environ import GIT, passed_on
from orgcal.errors import UsageError
from orgcal.rotation.git import OTHERWISE, TIMEOUT_S, GitRefused, TrackedFile, run_beside
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.git_folder import folder_slug

Mode = Literal["file", "commit", "pull-request"]
_PUSHES = 5
"""Others may push to the branch meanwhile, also between a look at it and the next try."""


class Record:
    """Keeps what `SettingsFile` wrote: in the file itself, and in git where a subclass does more."""

    def __init__(self, file: SettingsFile | TrackedFile) -> None:
        self._file = file

    def check(self) -> None:
        """Refuse, in one sentence, where it could not be kept; nothing is written."""
        self._file.check()

    def publish(self, message: str) -> None:
        """Keep the file as it is now; what is kept already is kept once."""

    def close(self) -> None:
        """Leave the working copy as it is meant to be."""


class CommitRecord(Record):
    """A commit for each step, pushed to the branch that is checked out; `tell` is told in one line what was pushed."""

    def __init__(self, git: TrackedFile, tell: Callable[[str], object]) -> None:
        super().__init__(git)
        self._git = git
        self._tell = tell
        self._pushed = ""

    def check(self) -> None:
        super().check()
        _, remote, branch = self._git.upstream()
        ahead = (self._git.run("diff", "--name-only", "@{upstream}...HEAD") or "").splitlines()
        if set(ahead) - {self._git.tracked_path()}:
            raise UsageError(
                "the branch has commits that are not pushed, and the rotation would push them too",
                where="--record commit",
                repair="git push",
            )
        self._git.try_push(remote, f"HEAD:refs/heads/{branch}")

    def publish(self, message: str) -> None:
        path = str(self._git.path)
        base, remote, branch = self._git.upstream()
        if self._git.run("status", "--porcelain", "--", path):
            self._git.run("commit", "--quiet", "-m", message, "--only", "--", path, **self._git.identity())
        if self._git.text_at(base) == self._git.text:
            return
        try:
            where = self._push(remote, branch, message)
        except GitRefused as error:
            raise GitRefused(
                f"the step is done and committed, but could not be pushed: {error.what}",
                where=f"{remote}/{branch}",
                repair="git pull --rebase && git push; or orgcal rotate in a fresh checkout: it goes on from the state",
            ) from error
        self._tell(f"  recorded: pushed to {remote}/{branch}{where}")

    def _push(self, remote: str, branch: str, message: str) -> str:
        """Push the commit; where others have pushed meanwhile, one like it on top of theirs, in words.

        The working copy is not touched: what is deployed in this run stays what it began with.
        """
        commit, where = "HEAD", ""
        for _ in range(_PUSHES):
            try:
                self._git.run("push", "--quiet", remote, f"{commit}:refs/heads/{branch}")
            except GitRefused as error:
                refused = error
            else:
                self._pushed = self._git.text
                return where
            followed = self._follow(remote, branch, message)
            if not followed:
                raise refused
            commit, where = followed, ", on top of what others pushed meanwhile"
        raise refused

    def _follow(self, remote: str, branch: str, message: str) -> str:
        """A commit with the file on top of what others pushed; empty if they did not, or changed this file too."""
        self._git.run("fetch", "--quiet", remote, branch)
        base = self._git.upstream()[0]
        fork = self._git.ask("merge-base", base, "HEAD")
        if fork is None or fork == base or self._git.text_at(base) not in (self._git.text_at(fork), self._pushed):
            return ""
        return self._git.commit_on(base, message)


class PullRequestRecord(Record):
    """A branch with one commit, made anew for each step, and a pull request from it.

    Attributes:
        url: of the pull request; empty if there is none.
        problem: why there is none although there should be one.
    """

    def __init__(self, git: TrackedFile, stack: str, environ: Mapping[str, str], tell: Callable[[str], object]) -> None:
        super().__init__(git)
        self._git = git
        self._stack = stack
        self._environ = environ
        self._tell_once = cache(tell)  # each line once
        self._tell = tell
        self.url = ""
        self.problem: GitRefused | None = None

    @cached_property
    def _branch(self) -> str:
        """Of this stack and this folder of the repository alone."""
        folder = self._git.tracked_path().rpartition("/")[0]
        return f"orgcal/rotate-{'--'.join(filter(None, (folder_slug(folder), self._stack)))}"

    def check(self) -> None:
        super().check()
        _, remote, target = self._git.upstream()
        self._git.try_push(remote, f"+HEAD:refs/heads/{self._branch}")
        self._git.run("fetch", "--quiet", remote, target)
        if self._git.text_at(self._git.upstream()[0]) != self._git.text_at("HEAD"):
            raise UsageError(
                f"the stack's file is not the one of {remote}/{target}",
                where=self._git.path.name,
                repair=f"git pull, then git push, {OTHERWISE}",
            )

    def publish(self, message: str) -> None:
        base, remote, target = self._git.upstream()
        old = (self._git.run("ls-remote", remote, f"refs/heads/{self._branch}").split() or [""])[0]
        if self._git.text_at(base) == self._git.text:
            return  # the target says it already
        if not (old and self._proposed(remote) == self._git.text):
            commit = self._git.commit_on(base, message)
            lease = f"--force-with-lease=refs/heads/{self._branch}:{old}"
            self._git.run("push", "--quiet", lease, remote, f"{commit}:refs/heads/{self._branch}")
            self._tell(f"  recorded: pushed to {remote}/{self._branch}")
        self._request(target, message)

    def close(self) -> None:
        """The working copy gets its own file back: the record is in the branch."""
        self._git.run("checkout", "--quiet", "HEAD", "--", str(self._git.path))

    def _proposed(self, remote: str) -> str | None:
        """The file's text in the branch; None if it cannot be had."""
        if self._git.ask("fetch", "--quiet", "--depth=1", remote, f"refs/heads/{self._branch}") is None:
            return None
        return self._git.text_at("FETCH_HEAD")

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
            done = run_beside(
                self._git.path, ["gh", "pr", *words], {**passed_on(self._environ, GIT), "GH_PROMPT_DISABLED": "1"}
            )
            refusal = "" if done.returncode == 0 else " ".join(done.stderr.split())[:200] or "it failed"
        except subprocess.TimeoutExpired:
            refusal = f"no answer for {TIMEOUT_S:.0f} s"
        if refusal:
            raise GitRefused(
                f"the record is pushed to {self._branch}, but gh could not open the pull request: {refusal}",
                where=f"gh pr {words[0]}",
                repair="let the job's token write them (permissions: pull-requests: write), or open it by hand",
            )
        return (done.stdout.strip().splitlines() or [""])[-1]


def open_record(
    mode: Mode, file: SettingsFile, stack: str, environ: Mapping[str, str], tell: Callable[[str], object]
) -> Record:
    """The record of this mode."""
    if mode == "file":
        return Record(file)
    git = TrackedFile(file, environ)
    return CommitRecord(git, tell) if mode == "commit" else PullRequestRecord(git, stack, environ, tell)
