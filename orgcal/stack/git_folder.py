"""The folder of a project in its git repository, and a name for it that no other folder of the repository has."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orgcal.child_environ import passed_on
from orgcal.errors import OrgcalError, UsageError

_TIMEOUT_S = 30.0
_LONGEST_SLUG = 40
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Variables that would make git work on another repository than that of the folder."""


@dataclass(frozen=True, slots=True)
class GitFolder:
    """A project's folder in its working copy of git.

    Attributes:
        project: the folder.
        root: top of the working copy.
        path: of the folder from `root`, with slashes; empty where it is `root`.
    """

    project: Path
    root: Path
    path: str
    _environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def slug(self) -> str:
        """See `folder_slug`."""
        return folder_slug(self.path)

    def tracked(self, names: Sequence[str]) -> frozenset[str]:
        """Those of these files of the project that git tracks."""
        return frozenset(self._git("ls-files", "--", *names).splitlines()) if names else frozenset()

    def ignored(self, names: Sequence[str]) -> frozenset[str]:
        """Those of these files of the project that git ignores, so that only `git add --force` adds them."""
        return frozenset(self._git("check-ignore", "--", *names, fine=(0, 1)).splitlines()) if names else frozenset()

    def remotes(self) -> dict[str, str]:
        """Addresses of the remotes, by name; passwords that stand in them included."""
        listed = self._git("config", "--get-regexp", r"^remote\..*\.url$", fine=(0, 1)).splitlines()
        pairs = (line.partition(" ") for line in listed)
        return {key.removeprefix("remote.").removesuffix(".url"): url for key, _, url in pairs}

    def _git(self, *words: str, fine: Sequence[int] = (0,)) -> str:
        done = _run_git(self.project, self._environ, words)
        if done.returncode not in fine:
            raise OrgcalError(_first_complaint(done.stderr), where=f"git {words[0]}")
        return done.stdout


def find_git_folder(project: Path, environ: Mapping[str, str]) -> GitFolder | None:
    """Where the folder `project` lies in its git repository; None where it lies in none.

    Raises:
        UsageError: git is not installed, or refuses the repository.
    """
    done = _run_git(project, environ, ["rev-parse", "--show-toplevel", "--show-prefix"])
    if done.returncode == 0:
        root, prefix, *more = done.stdout.removesuffix("\n").split("\n")
        if more:
            raise UsageError("the folder's path holds a line break", where=str(project), repair="rename the folder")
        return GitFolder(project, Path(root), prefix.rstrip("/"), environ)
    if "not a git repository" in done.stderr or "must be run in a work tree" in done.stderr:
        return None
    raise UsageError(
        f"git refuses the repository: {_first_complaint(done.stderr)}",
        where=str(project),
        repair="git status, in that folder, says how to repair it",
    )


def folder_slug(path: str) -> str:
    """A folder's path as a part of names, such as `infra--orgcal` for `infra/orgcal`; empty for the root.

    It consists of `a-z`, `0-9` and dashes, and no two paths share one: what cannot be told apart by these characters
    ends with a digest.
    """
    parts = path.split("/") if path else []
    slug = "--".join(parts)
    if len(slug) <= _LONGEST_SLUG and all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", part) for part in parts):
        return slug
    readable = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[: _LONGEST_SLUG - 9].rstrip("-")
    digest = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{readable}-{digest}".lstrip("-")


def _run_git(folder: Path, environ: Mapping[str, str], words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # It is only asked about files on this machine, so it gets no login.
    kept = {name: value for name, value in passed_on(environ, ("GIT_*",)).items() if name not in _ELSEWHERE}
    try:
        return subprocess.run(
            ["git", "-c", "core.quotePath=false", *words],
            cwd=folder,
            env={**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", where=str(folder), repair="install git") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git gave no answer for {_TIMEOUT_S:.0f} s", where=str(folder)) from None


def _first_complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (named or lines or ["it failed"])[0]
