"""Questions to git about the stack's file: what is kept of a refusal, and what is said of a git that is silent."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import PlatformError, UsageError
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
        self.environs: list[Mapping[str, str]] = []
        self.texts: list[str] = []

    def __call__(self, file: Path, command: Sequence[str], environ: Mapping[str, str], text: str = "") -> Any:
        self.asked.append(command)
        self.environ = environ
        self.environs.append(environ)
        self.texts.append(text)
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
        ("warning: a\nremote: denied\nlast\n", "remote: denied"),
        ("warning: a\nfatal: denied\nlast\n", "fatal: denied"),
        ("fatal: first\nerror: second\n", "fatal: first"),
        ("hint: error: a\nlast\n", "last"),
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
    assert "hint" not in refused.value.what


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

    with pytest.raises(UsageError) as refused:
        asked.upstream()
    assert str(refused.value) == (
        "--record: the branch mine has no upstream to push to\n  repair: git push --set-upstream origin mine, "
        "or keep the record in the file only: --record file"
    )


def test_upstream_is_named_as_git_and_as_its_remote_name_it(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    known: dict[str, Any] = {
        "symbolic_ref": (0, "mine\n", ""),
        "config": (0, "refs/heads/main\n", ""),
        "rev_parse": (0, "abc\n", ""),
    }
    asked, fake = tracked(monkeypatch, file, **known)

    assert asked.upstream() == ("abc", "refs/heads/main", "main")
    assert fake.asked == [
        ["git", "symbolic-ref", "--short", "--quiet", "HEAD"],
        ["git", "config", "branch.mine.remote"],
        ["git", "config", "branch.mine.merge"],
        ["git", "rev-parse", "--verify", "--quiet", "@{upstream}"],
    ]


def test_head_without_a_branch_is_refused_with_what_checks_one_out(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    asked, _ = tracked(monkeypatch, file, symbolic_ref=(1, "", ""))

    with pytest.raises(UsageError) as refused:
        asked.upstream()
    assert str(refused.value) == (
        "--record: no branch is checked out (detached HEAD), so a commit could not be pushed\n  repair: "
        "git switch BRANCH (in GitHub Actions: actions/checkout with ref), "
        "or keep the record in the file only: --record file"
    )


KEPT = "config:\n  orgcal:entra: {cloud: public}\n  orgcal:credential:\n    generations: [3]\n    active: 3"
BEGUN = KEPT.replace("[3]", "[3, 4]")


@pytest.mark.parametrize(
    ("text", "committed", "git_dir", "said"),
    [
        (f"{KEPT}\n", (0, f"{KEPT}\n", ""), 0, ""),
        (KEPT, (0, f"{KEPT}\n", ""), 0, ""),
        (f"{BEGUN}\n", (0, f"{KEPT}\n", ""), 0, ""),
        (f"{BEGUN}\n", (0, f"{KEPT}\n", ""), 128,
         "FOLDER: this is no working copy of git\n"
         "  repair: git init, or keep the record in the file only: --record file"),
        (f"{BEGUN}\n", (128, "", "fatal: path"), 0,
         "Pulumi.prod.yaml: git does not keep the stack's file\n"
         "  repair: git add -f Pulumi.prod.yaml && git commit"),
        (f"{BEGUN}\n# by hand\n", (0, f"{KEPT}\n", ""), 0,
         "Pulumi.prod.yaml: the stack's file has changes that are not committed\n"
         "  repair: commit them, or keep the record in the file only: --record file"),
    ],
    ids=["committed", "no end of line", "an interrupted rotation's", "no git", "not kept", "changed by hand"],
)  # fmt: skip
def test_file_is_gits_and_as_it_was_committed_or_as_a_rotation_left_it(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile, text: str, committed: Answer, git_dir: int, said: str
) -> None:
    file.path.write_text(text)
    asked, fake = tracked(monkeypatch, file, show=committed, rev_parse=(git_dir, "", ""))

    if said:
        with pytest.raises(UsageError) as refused:
            asked.check()
        assert str(refused.value) == said.replace("FOLDER", str(file.path.parent))
    else:
        asked.check()
    assert fake.asked[0] == ["git", "rev-parse", "--git-dir"]
    if not git_dir:
        assert fake.asked[1:] == [["git", "rev-parse", "--show-prefix"], ["git", "show", "HEAD:Pulumi.prod.yaml"]]


def test_file_that_cannot_be_changed_in_place_is_refused_first(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    aliased = "  kept: &kept {generations: [3], active: 3}\n  orgcal:credential: *kept\n"
    file.path.write_text(f"config:\n  orgcal:entra: {{cloud: public}}\n{aliased}")
    asked, fake = tracked(monkeypatch, file)

    with pytest.raises(PlatformError):
        asked.check()
    assert fake.asked == []


def test_commit_is_made_without_the_working_copy_and_its_index(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    asked, fake = tracked(
        monkeypatch,
        file,
        {"GIT_AUTHOR_EMAIL": "ada@example.com"},
        rev_parse=(0, "infra/\n", ""),
        ls_tree=(0, "100755 blob old\tinfra/Pulumi.prod.yaml\n", ""),
        hash_object=(0, "b1ob\n", ""),
        write_tree=(0, "tree\n", ""),
        commit_tree=(0, "c0mmit\n", ""),
        config=(1, "", ""),
    )

    assert asked.commit_on("base", "stack prod: a step") == "c0mmit"

    assert [" ".join(words[1:]) for words in fake.asked] == [
        "rev-parse --show-prefix",
        "ls-tree --full-tree base -- infra/Pulumi.prod.yaml",
        "hash-object -w --stdin",
        "read-tree base",
        "update-index --cacheinfo 100755,b1ob,infra/Pulumi.prod.yaml",
        "write-tree",
        "config user.email",
        "commit-tree tree -p base -m stack prod: a step",
    ]
    assert fake.texts == ["", "", "config: {}\n", *[""] * 5]
    index = [environ.get("GIT_INDEX_FILE") for environ in fake.environs]
    assert (index[:3], index[6:]) == ([None] * 3, [None] * 2)
    [own] = set(index[3:6])
    assert own is not None
    assert Path(own).name == "index"
    assert not Path(own).parent.exists(), "it is gone with the commit"


def test_push_that_would_be_refused_is_tried_without_pushing(
    monkeypatch: pytest.MonkeyPatch, file: SettingsFile
) -> None:
    asked, fake = tracked(monkeypatch, file, push=(1, "", "fatal: denied"))

    with pytest.raises(UsageError) as refused:
        asked.try_push("origin", "HEAD:refs/heads/main")

    assert str(refused.value) == (
        "git push origin: the record could not be pushed: fatal: denied; nothing was changed\n  repair: git pull; let "
        "the login write to the repository; or keep the record in the file only: --record file"
    )
    assert fake.asked == [
        ["git", "push", "--dry-run", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/main"],
    ]


@pytest.mark.parametrize(
    ("mode", "kind"), [("file", Record), ("commit", CommitRecord), ("pull-request", PullRequestRecord)]
)
def test_record_is_kept_as_asked_for(file: SettingsFile, mode: Any, kind: type[Record]) -> None:
    assert type(open_record(mode, file, "prod", {}, print)) is kind


def test_record_in_git_is_of_this_file_and_stack_and_told(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    known: dict[str, Any] = {"symbolic_ref": (0, "main", ""), "config": (0, "origin", ""), "rev_parse": (0, "base", "")}
    _, fake = tracked(monkeypatch, file, **known, ls_tree=(0, "100644 blob old", ""))
    told: list[str] = []

    open_record("commit", file, "prod", {"PATH": ""}, told.append).publish("stack prod: a step")
    open_record("pull-request", file, "prod", {"PATH": ""}, told.append).publish("stack prod: a step")

    branch = "orgcal/rotate-prod"
    assert ["git", "ls-remote", "origin", f"refs/heads/{branch}"] in [list(words) for words in fake.asked]
    assert told == [
        "  recorded: pushed to origin/origin",
        f"  recorded: pushed to origin/{branch}",
        f"  open the pull request: gh pr create --head {branch} --base origin --fill",
    ]


def test_record_in_the_file_asks_git_nothing(monkeypatch: pytest.MonkeyPatch, file: SettingsFile) -> None:
    _, fake = tracked(monkeypatch, file)
    record = open_record("file", file, "prod", {}, print)

    record.publish("stack prod: a step")
    record.close()

    assert fake.asked == []
