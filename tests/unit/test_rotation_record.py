"""What git and gh are told to keep a rotation's record, command by command, and what a person is told of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.rotation import git, record
from orgcal.rotation.git import GitRefused
from orgcal.rotation.record import CommitRecord, PullRequestRecord
from tests.support.scripted_git import NEW, OLD, ScriptedGit

THEIRS = f"{OLD}\n# theirs"
DENIED = GitRefused("fatal: denied", where="git push")
OTHERWISE = "or keep the record in the file only: --record file"


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises((GitRefused, UsageError)) as caught:
        ask()
    return str(caught.value)


# Commits -----------------------------------------------------------------------------------------------------------

COMMIT = "commit --quiet -m stack prod: a step --only -- {path}"
PUSH = "push --quiet origin HEAD:refs/heads/main"
FETCH = "fetch --quiet origin main"
AGAIN = "push --quiet origin c0mmit:refs/heads/main"
ON_TOP = ["hash-object -w --stdin", "read-tree base", "update-index --cacheinfo 100644,,infra/Pulumi.prod.yaml",
          "write-tree", "commit-tree  -p base -m stack prod: a step"]  # fmt: skip


def committing(folder: Path, said: Mapping[str, Any] | None = None) -> tuple[CommitRecord, ScriptedGit, list[str]]:
    told: list[str] = []
    asked = ScriptedGit(folder, {"GIT_AUTHOR_EMAIL": "ada@example.com"}, said)
    return CommitRecord(asked, told.append), asked, told


def test_commit_record_tries_the_push_before_anything_is_written(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path, {"diff": "infra/Pulumi.prod.yaml\n"})

    kept.check()

    assert asked.asked[-2:] == [
        "diff --name-only @{upstream}...HEAD",
        "push --dry-run --quiet --no-verify origin HEAD:refs/heads/main",
    ]
    assert told == []


def test_commit_record_refuses_to_push_what_is_not_the_rotations(tmp_path: Path) -> None:
    kept, asked, _ = committing(tmp_path, {"diff": "infra/Pulumi.prod.yaml\nother.txt\n"})

    assert refused(kept.check) == (
        "--record commit: the branch has commits that are not pushed, and the rotation would push them too\n"
        "  repair: git push"
    )
    assert "push" not in " ".join(asked.changes)


def test_commit_record_checks_the_file_itself_first(tmp_path: Path) -> None:
    kept, _, _ = committing(tmp_path, {"rev-parse --git-dir": GitRefused("no")})

    assert "this is no working copy of git" in refused(kept.check)


def test_commit_record_commits_the_file_and_pushes_it(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path, {"status": " M infra/Pulumi.prod.yaml"})

    kept.publish("stack prod: a step")

    assert asked.asked == [
        f"status --porcelain -- {asked.path}",
        "config user.email",
        COMMIT.format(path=asked.path),
        "show base:infra/Pulumi.prod.yaml",
        PUSH,
    ]
    assert told == ["  recorded: pushed to origin/main"]


def test_commit_record_pushes_what_a_killed_run_has_committed(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path)

    kept.publish("stack prod: a step")

    assert asked.changes == [PUSH]
    assert told == ["  recorded: pushed to origin/main"]


def test_commit_record_pushes_nothing_that_is_there(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path, {"show base:": NEW})

    kept.publish("stack prod: a step")

    assert (asked.changes, told) == ([], [])


def test_commit_record_goes_on_top_of_others_as_often_as_they_push(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path, {"push": [DENIED, DENIED, ""], "merge-base": "fork", "show fork:": OLD})

    kept.publish("stack prod: a step")

    assert asked.changes == [PUSH, FETCH, *ON_TOP, AGAIN, FETCH, *ON_TOP, AGAIN]
    assert "merge-base base HEAD" in asked.asked
    assert told == ["  recorded: pushed to origin/main, on top of what others pushed meanwhile"]


def test_commit_record_gives_up_once_others_have_been_faster_too_often(tmp_path: Path) -> None:
    kept, asked, told = committing(tmp_path, {"push": DENIED, "merge-base": "fork", "show fork:": OLD})

    said = refused(lambda: kept.publish("stack prod: a step"))

    assert said == (
        "origin/main: the step is done and committed, but could not be pushed: fatal: denied\n  repair: git pull "
        "--rebase && git push; or orgcal rotate in a fresh checkout: it goes on from the state"
    )
    assert asked.changes.count(AGAIN) > 1
    assert told == []


@pytest.mark.parametrize(
    "others",
    [
        {"merge-base": DENIED},
        {"merge-base": "base"},
        {"merge-base": "fork", "show base:": THEIRS, "show fork:": OLD},
    ],
    ids=["no common commit", "nobody has pushed", "they changed the file"],
)
def test_commit_record_does_not_go_on_top_of_what_it_cannot_join(tmp_path: Path, others: dict[str, Any]) -> None:
    kept, asked, _ = committing(tmp_path, {"push": DENIED, **others})

    assert "could not be pushed: fatal: denied" in refused(lambda: kept.publish("stack prod: a step"))

    assert asked.changes == [PUSH, FETCH]


def test_commit_record_knows_its_own_text_on_top_of_others(tmp_path: Path) -> None:
    """The first step went on top of theirs, so that the file there is the step's, and not that of the fork."""
    kept, asked, _ = committing(tmp_path)
    kept.publish("stack prod: a step")
    asked.path.write_text(f"{NEW.replace('active: 3', 'active: 4')}\n")
    asked.said |= {"push": [DENIED, ""], "merge-base": "fork", "show fork:": OLD, "show base:": NEW}
    asked.asked.clear()

    kept.publish("stack prod: a step")

    assert asked.changes == [PUSH, FETCH, *ON_TOP, AGAIN]


# Pull requests -----------------------------------------------------------------------------------------------------

BRANCH = "orgcal/rotate-infra--prod"
LOOK = f"ls-remote origin refs/heads/{BRANCH}"
PROPOSED = f"fetch --quiet --depth=1 origin refs/heads/{BRANCH}"
LINK = "https://github.example/pull/7"


class Gh:
    """Answers `gh` with an exit code, what it prints and what it says; keeps what it was told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Sequence[str], Mapping[str, str]]] = []

    def __call__(self, file: Path, command: Sequence[str], environ: Mapping[str, str]) -> Any:
        self.asked.append((command, environ))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, *answer)


def proposing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: Mapping[str, Any] | None = None, gh: Gh | None = None
) -> tuple[PullRequestRecord, ScriptedGit, list[str]]:
    told: list[str] = []
    environ = {"PATH": str(folder), "GH_TOKEN": "hush", "ARM_CLIENT_SECRET": "hush", "GIT_AUTHOR_EMAIL": "a@b.example"}
    if gh is not None:
        (folder / "gh").write_text("#!/bin/sh\n")
        (folder / "gh").chmod(0o755)
        monkeypatch.setattr(record, "run_beside", gh)
    asked = ScriptedGit(folder, environ, said)
    return PullRequestRecord(asked, "prod", environ, told.append), asked, told


def lease(old: str) -> str:
    return f"push --quiet --force-with-lease=refs/heads/{BRANCH}:{old} origin c0mmit:refs/heads/{BRANCH}"


def test_pull_request_record_tries_its_branch_and_looks_at_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, asked, _ = proposing(tmp_path, monkeypatch)

    kept.check()

    assert asked.changes[1:] == [
        f"push --dry-run --quiet --no-verify origin +HEAD:refs/heads/{BRANCH}",
        "fetch --quiet origin main",
    ]
    assert asked.asked[-2:] == ["show base:infra/Pulumi.prod.yaml", "show HEAD:infra/Pulumi.prod.yaml"]


def test_pull_request_record_refuses_a_file_that_the_target_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = proposing(tmp_path, monkeypatch, {"show base:": THEIRS})

    assert refused(kept.check) == (
        "Pulumi.prod.yaml: the stack's file is not the one of origin/main\n"
        f"  repair: git pull, then git push, {OTHERWISE}"
    )


def test_pull_request_record_checks_the_file_itself_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, asked, _ = proposing(tmp_path, monkeypatch, {"rev-parse --git-dir": GitRefused("no")})

    assert "this is no working copy of git" in refused(kept.check)
    assert asked.asked == ["rev-parse --git-dir"]


def test_pull_request_record_pushes_a_commit_on_the_target_over_its_own_branch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, asked, told = proposing(
        tmp_path, monkeypatch, {"ls-remote": f"0ld\trefs/heads/{BRANCH}", "show FETCH_HEAD:": OLD}
    )

    kept.publish("stack prod: a step")
    kept.publish("stack prod: another")

    step = [LOOK, PROPOSED, *ON_TOP, lease("0ld")]
    other = [command.replace("a step", "another") for command in step]
    assert asked.changes == [*step, *other]
    pushed = f"  recorded: pushed to origin/{BRANCH}"
    by_hand = f"  open the pull request: gh pr create --head {BRANCH} --base main --fill"
    assert told == [pushed, by_hand, pushed], "what to type is told once"
    assert (kept.url, kept.problem) == ("", None)


def test_pull_request_record_makes_a_branch_that_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, asked, _ = proposing(tmp_path, monkeypatch)

    kept.publish("stack prod: a step")

    assert asked.changes == [LOOK, *ON_TOP, lease("")]


def test_pull_request_record_leaves_a_branch_that_says_it_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, asked, told = proposing(
        tmp_path, monkeypatch, {"ls-remote": f"0ld\trefs/heads/{BRANCH}", "show FETCH_HEAD:": NEW}
    )

    kept.publish("stack prod: a step")

    assert asked.changes == [LOOK, PROPOSED]
    assert [line for line in told if "recorded" in line] == []


def test_pull_request_record_pushes_over_a_branch_that_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"ls-remote": f"0ld\trefs/heads/{BRANCH}", "fetch": DENIED, "show FETCH_HEAD:": NEW}
    kept, asked, _ = proposing(tmp_path, monkeypatch, said)

    kept.publish("stack prod: a step")

    assert asked.changes[-1] == lease("0ld")


def test_pull_request_record_proposes_nothing_that_the_target_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, asked, told = proposing(tmp_path, monkeypatch, {"show base:": NEW})

    kept.publish("stack prod: a step")
    kept.close()

    assert asked.changes == [LOOK, f"checkout --quiet HEAD -- {asked.path}"]
    assert told == []


BODY = (
    "Generations of stack prod as its state has them. Until this is merged, a deployment of main is refused by the "
    "ledger."
)
LIST = ["gh", "pr", "list", "--head", BRANCH, "--state", "open", "--json", "url", "--jq", ".[0].url"]
CREATE = ["gh", "pr", "create", "--head", BRANCH, "--base", "main", "--title", "stack prod: a step", "--body", BODY]


def test_pull_request_is_opened_where_none_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gh = Gh((0, "\n", ""), (0, f"Creating pull request\n{LINK}\n", "warning"))
    kept, _, told = proposing(tmp_path, monkeypatch, gh=gh)

    kept.publish("stack prod: a step")

    assert [command for command, _ in gh.asked] == [LIST, CREATE]
    for _, environ in gh.asked:
        assert environ == {
            "PATH": str(tmp_path), "GH_TOKEN": "hush", "GIT_AUTHOR_EMAIL": "a@b.example", "GH_PROMPT_DISABLED": "1",
        }  # fmt: skip
    assert told == [f"  recorded: pushed to origin/{BRANCH}", f"  pull request: {LINK}"]
    assert (kept.url, kept.problem) == (LINK, None)


def test_pull_request_that_is_open_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gh = Gh((0, f"{LINK}\n", ""), (0, f"{LINK}\n", ""))
    kept, _, told = proposing(tmp_path, monkeypatch, gh=gh)

    kept.publish("stack prod: a step")
    kept.publish("stack prod: a step")

    assert [command for command, _ in gh.asked] == [LIST, LIST]
    assert told.count(f"  pull request: {LINK}") == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((1, "", "Resource not\n  accessible\n"), "Resource not accessible"),
        ((1, "", "x" * 300), "x" * 200),
        ((1, "", ""), "it failed"),
        (subprocess.TimeoutExpired("gh", 120), "no answer for 120 s"),
    ],
)
def test_pull_request_that_gh_refuses_is_a_problem_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, why: str
) -> None:
    kept, _, told = proposing(tmp_path, monkeypatch, gh=Gh((0, "", ""), answer))

    kept.publish("stack prod: a step")

    assert str(kept.problem) == (
        f"gh pr create: the record is pushed to {BRANCH}, but gh could not open the pull request: {why}\n  repair: let "
        "the job's token write them (permissions: pull-requests: write), or open it by hand"
    )
    assert told == [f"  recorded: pushed to origin/{BRANCH}"]


def test_branch_of_a_project_at_the_top_is_called_after_its_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, asked, _ = proposing(tmp_path, monkeypatch, {"rev-parse --show-prefix": ""})

    kept.publish("stack prod: a step")

    assert asked.changes[0] == "ls-remote origin refs/heads/orgcal/rotate-prod"


def test_command_runs_beside_the_file_with_its_text_and_variables(tmp_path: Path) -> None:
    done = git.run_beside(tmp_path / "Pulumi.prod.yaml", ["/bin/sh", "-c", "pwd; cat; echo $A >&2; exit 3"],
                          {"A": "\u00fc"}, "text")  # fmt: skip

    assert git.run_beside(tmp_path / "x", ["/bin/cat"], {}).stdout == "", "it waits for no input"
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path.resolve()}\ntext", "\u00fc\n")
