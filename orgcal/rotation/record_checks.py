"""Whether a record in git could be kept, asked before the first write."""

from __future__ import annotations

from orgcal.errors import UsageError
from orgcal.rotation.git import Git, GitRefused
from orgcal.settings.credential_file import SettingsFile

OTHERWISE = "or keep the record in the file only: --record file"


def check_file(git: Git, file: SettingsFile) -> None:
    """Refuse where the stack's file is not git's, or was changed by somebody else.

    A change that an interrupted rotation left is fine: the file is then as this one would write it.

    Raises:
        UsageError: with the repair.
        GitRefused: git cannot be asked.
    """
    if git.found("rev-parse", "--git-dir") is None:
        raise UsageError(
            "this is no working copy of git", where=str(file.path.parent), repair=f"git init, or {OTHERWISE[3:]}"
        )
    name = file.path.name
    committed = git.found("show", f"HEAD:{tracked_path(git, file)}")
    if committed is None:
        raise UsageError("git does not keep the stack's file", where=name, repair=f"git add -f {name} && git commit")
    now = file.path.read_text(encoding="utf-8")
    if now.removesuffix("\n") == committed:
        return
    if file.edited(f"{committed}\n", file.read().generation_set).removesuffix("\n") != now.removesuffix("\n"):
        raise UsageError(
            "the stack's file has changes that are not committed", where=name, repair=f"commit them, {OTHERWISE}"
        )


def upstream(git: Git) -> tuple[str, str, str]:
    """The upstream branch as git names it, its remote, and its name there.

    Raises:
        UsageError: no branch is checked out, or it has no upstream.
    """
    branch = git.found("symbolic-ref", "--short", "--quiet", "HEAD")
    if branch is None:
        raise UsageError(
            "no branch is checked out (detached HEAD), so a commit could not be pushed",
            where="--record",
            repair=f"git switch BRANCH (in GitHub Actions: actions/checkout with ref), {OTHERWISE}",
        )
    remote = git.found("config", f"branch.{branch}.remote")
    merge = git.found("config", f"branch.{branch}.merge")
    base = git.found("rev-parse", "--verify", "--quiet", "@{upstream}")
    if not remote or not merge or not base:
        raise UsageError(
            f"the branch {branch} has no upstream to push to",
            where="--record",
            repair=f"git push --set-upstream origin {branch}, {OTHERWISE}",
        )
    return base, remote, merge.removeprefix("refs/heads/")


def try_push(git: Git, remote: str, what: str) -> None:
    """Refuse where a push would be refused.

    Raises:
        UsageError: with git's own sentence.
    """
    try:
        git.run("push", "--dry-run", "--quiet", "--no-verify", remote, what)
    except GitRefused as error:
        raise UsageError(
            f"the record could not be pushed: {error.what}; nothing was changed",
            where=f"git push {remote}",
            repair=f"git pull; let the login write to the repository; {OTHERWISE}",
        ) from error


def tracked_path(git: Git, file: SettingsFile) -> str:
    """The file's path from the top of the working copy, as git names it."""
    return f"{git.run('rev-parse', '--show-prefix')}{file.path.name}"
