"""Questions to git about the stack's file: what is kept of a refusal, and what is said of a git that is silent."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.rotation import git
from orgcal.rotation.git import GitRefused, TrackedFile
from orgcal.rotation.record import CommitRecord, PullRequestRecord, Record, open_record
from orgcal.settings.credential_file import SettingsFile

Answer = tuple[int, str, str]
"""Exit code, standard output, standard error."""


class FakeGit:
    """Answers commands of git by their first words, and keeps what was asked with which variables."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.asked: list[Sequence[str]] = []
        self.environ: Mapping[str, str] = {}

    def __call__(self, file: Path, command: Sequence[str], environ: Mapping[str, str], text: str = "") -> Any:
        self.asked.append(command)
        self.environ = environ
        assert command[0] == "git"
        code, out, err = self.answers.get(command[1].replace("-", "_"), (0, "", ""))
        return subprocess.CompletedProcess(command, code, out, err)


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n")
    return SettingsFile(tmp_path, "prod", emulated=False, overlay=False)


def tracked(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile, environ: Mapping[str, str] | None = None, **answers: Answer
) -> tuple[TrackedFile, FakeGit]:
    fake = FakeGit(**answers)
    monkeypatch.setattr(git, "run_beside", fake)
    return TrackedFile(file, environ or {}), fake


def test_git_gets_no_terminal_and_speaks_english(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    asked, fake = tracked(
        monkeypatch, file, {"LC_ALL": "de_DE.UTF-8", "ARM_CLIENT_SECRET": "hush", "HOME": "/home/ada"}
    )

    asked.run("write-tree", GIT_INDEX_FILE="/tmp/index")

    assert fake.environ == {
        "HOME": "/home/ada",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "GIT_INDEX_FILE": "/tmp/index",
    }


def test_answer_of_git_loses_the_end_of_its_last_line_only(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    asked, _ = tracked(monkeypatch, file, show=(0, "a\n\nb\n\n", ""), rev_parse=(128, "kept\n", "fatal: no"))

    assert asked.run("show", "x") == asked.ask("show", "x") == "a\n\nb\n"
    assert asked.ask("rev-parse", "HEAD") is None
    assert asked.text == "config: {}"


@pytest.mark.parametrize(
    ("err", "sentence"),
    [
        ("To x\n ! [rejected] main -> main (fetch first)\nhint: Updates were rejected\n", "! [rejected] main -> main"),
        ("warning: a\nerror: first\nfatal: second\nlast\n", "error: first"),
        ("warning: a\nremote: denied\n", "remote: denied"),
        ("one\n\ntwo\nhint: three\n", "two"),
        ("\n", "git failed"),
    ],
)
def test_refusal_of_git_is_one_sentence_of_its_own(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile, err: str, sentence: str
) -> None:
    asked, _ = tracked(monkeypatch, file, push=(1, "", err))

    with pytest.raises(GitRefused) as refused:
        asked.run("push", "origin")

    assert refused.value.what.startswith(sentence)
    assert refused.value.where == "git push"


@pytest.mark.parametrize(
    ("raised", "says", "where", "repair"),
    [
        (FileNotFoundError("git"), "git is not installed", "--record", "install git, or --record file"),
        (
            subprocess.TimeoutExpired("git", 120),
            "git gave no answer for 120 s",
            "git fetch",
            "check the network",
        ),
    ],
    ids=["not installed", "silent"],
)
def test_git_that_does_not_answer_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile, raised: Exception, says: str, where: str, repair: str
) -> None:
    def broken(*_: object) -> None:
        raise raised

    monkeypatch.setattr(git, "run_beside", broken)

    with pytest.raises(GitRefused) as refused:
        TrackedFile(file, {}).ask("fetch")

    assert (refused.value.what, refused.value.where, refused.value.repair) == (says, where, repair)


def test_author_is_ours_only_where_git_knows_none(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    configured, _ = tracked(monkeypatch, file, config=(0, "ada@example.com\n", ""))
    assert configured.identity() == {}
    given, _ = tracked(monkeypatch, file, {"GIT_AUTHOR_EMAIL": "ada@example.com"}, config=(1, "", ""))
    assert given.identity() == {}
    nobody, fake = tracked(monkeypatch, file, config=(1, "", ""))
    assert nobody.identity() == {
        "GIT_AUTHOR_NAME": "orgcal",
        "GIT_AUTHOR_EMAIL": "orgcal@localhost",
        "GIT_COMMITTER_NAME": "orgcal",
        "GIT_COMMITTER_EMAIL": "orgcal@localhost",
    }
    assert fake.asked == [["git", "config", "user.email"]]


@pytest.mark.parametrize("missing", ["config", "rev_parse"])
def test_branch_without_an_upstream_is_refused_with_the_command_that_gives_it_one(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile, missing: str
) -> None:
    known: dict[str, Any] = {
        "symbolic_ref": (0, "mine\n", ""),
        "config": (0, "origin\n", ""),
        "rev_parse": (0, "abc\n", ""),
    }
    asked, _ = tracked(monkeypatch, file, **{**known, missing: (1, "", "")})

    with pytest.raises(UsageError, match="the branch mine has no upstream to push to") as refused:
        asked.upstream()
    assert refused.value.repair.startswith("git push --set-upstream origin mine, ")
    assert refused.value.where == "--record"


def test_upstream_is_named_as_git_and_as_its_remote_name_it(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    known: dict[str, Any] = {
        "symbolic_ref": (0, "mine\n", ""),
        "config": (0, "refs/heads/main\n", ""),
        "rev_parse": (0, "abc\n", ""),
    }
    asked, _ = tracked(monkeypatch, file, **known)

    assert asked.upstream() == ("abc", "refs/heads/main", "main")


def test_push_that_would_be_refused_is_tried_without_pushing(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    asked, fake = tracked(monkeypatch, file, push=(1, "", "fatal: denied"))

    with pytest.raises(UsageError, match="the record could not be pushed: fatal: denied; nothing was changed"):
        asked.try_push("origin", "HEAD:refs/heads/main")

    assert "--dry-run" in fake.asked[0]


@pytest.mark.parametrize(
    ("mode", "kind"), [("file", Record), ("commit", CommitRecord), ("pull-request", PullRequestRecord)]
)
def test_record_is_kept_as_asked_for(file: SettingsFile, mode: Any, kind: type[Record]) -> None:
    assert type(open_record(mode, file, "prod", {}, print)) is kind


def test_record_in_the_file_asks_git_nothing(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    _, fake = tracked(monkeypatch, file)
    record = open_record("file", file, "prod", {}, print)

    record.publish("stack prod: a step")
    record.close()

    assert fake.asked == []
