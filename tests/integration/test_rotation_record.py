"""The record of a rotation in a real git repository: kept, or refused before the first write."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orgcal.errors import OrgcalError, UsageError
from orgcal.rotation.git import GitRefused
from orgcal.rotation.record import PullRequestRecord, Record, open_record
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile

SETTINGS = """\
config:
  orgcal:entra:
    cloud: public
  orgcal:credential:
    kind: secret
    generations: [3]  # live
    active: 3
    # a remark that stays
  orgcal:protect: true
"""
ADDED, ACTIVATED = GenerationSet((3, 4), 3), GenerationSet((3, 4), 4)


@dataclass
class Repository:
    """A working copy with a stack's file, and the bare repository that it is pushed to."""

    folder: Path
    project: str = "."
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.copy, self.remote = self.folder / "copy", self.folder / "remote.git"
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        home = self.folder / "home"
        home.mkdir()
        # No identity and no configuration of this machine: as on a runner of CI.
        self.environ = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.copy.mkdir()
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote))
        self.git("init", "-q", "-b", "main")
        self.file.parent.mkdir(exist_ok=True, parents=True)
        self.file.write_text(SETTINGS)
        self.git("remote", "add", "origin", str(self.remote))
        self.commit("as cloned")
        self.git("push", "-q", "--set-upstream", "origin", "main")

    @property
    def file(self) -> Path:
        return self.copy / self.project / "Pulumi.prod.yaml"

    def git(self, *words: str, folder: Path | None = None) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        done = subprocess.run(
            ["git", *identity, *words],
            cwd=folder or self.copy,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", message)

    def pushed(self, branch: str = "main") -> str:
        return self.git("show", f"{branch}:{self.file.relative_to(self.copy)}", folder=self.remote)

    def settings(self) -> SettingsFile:
        return SettingsFile(self.file.parent, "prod", emulated=False, overlay=False)

    def record(self, mode: str) -> Record:
        return open_record(mode, self.settings(), "prod", self.environ, self.told.append)  # type: ignore[arg-type]

    def clone(self) -> Path:
        other = self.folder / "other"
        self.git("clone", "-q", str(self.remote), str(other))
        return other

    def refuse_pushes(self) -> None:
        hook = self.remote / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
        hook.chmod(0o755)

    def fake_gh(self, *, open_url: str = "") -> Path:
        """A `gh` that notes what it was called with."""
        log = self.folder / "gh.log"
        program = self.programs / "gh"
        program.write_text(
            "#!/bin/sh\n"
            f'printf "%s\\n" "$*" >> {log}\n'
            f'if [ "$2" = list ]; then echo "{open_url}"; else echo https://github.example/pull/7; fi\n'
        )
        program.chmod(0o755)
        return log


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def larger(tmp_path: Path) -> Repository:
    """The project is a folder of a larger repository, and another project lies beside it."""
    made = Repository(tmp_path, "infra/orgcal")
    other = made.copy / "infra-orgcal" / "Pulumi.prod.yaml"
    other.parent.mkdir()
    other.write_text(SETTINGS)
    made.commit("another project")
    made.git("push", "-q")
    return made


# Commits --------------------------------------------------------------------------------------------------------------


def test_commit_record_pushes_each_step_with_comments_kept_and_without_an_identity(repository: Repository) -> None:
    record = repository.record("commit")
    record.check()

    for named in (ADDED, ACTIVATED):
        repository.settings().write(named)
        record.publish("stack prod: a step")
    record.publish("stack prod: nothing new")

    said = repository.pushed()
    assert "generations: [3, 4]  # live" in said
    assert "active: 4" in said
    assert "# a remark that stays" in said
    assert repository.git("rev-list", "--count", "HEAD") == "3"
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("log", "-1", "--format=%an") == "orgcal"


def test_commit_record_takes_nothing_but_the_stack_file_along(repository: Repository) -> None:
    (repository.copy / "other.txt").write_text("mine")
    repository.git("add", "other.txt")
    record = repository.record("commit")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    assert repository.git("show", "--name-only", "--format=", "HEAD") == "Pulumi.prod.yaml"
    assert repository.git("status", "--porcelain") == "A  other.txt"


def test_commit_record_goes_on_where_a_killed_run_left_the_file_or_the_commit(repository: Repository) -> None:
    repository.settings().write(ADDED)  # killed before the commit
    first = repository.record("commit")
    first.check()
    first.publish("stack prod: as the state has it")
    repository.settings().write(ACTIVATED)
    repository.git("commit", "-q", "-a", "-m", "killed before the push")

    second = repository.record("commit")
    second.check()
    second.publish("stack prod: as the state has it")

    assert "active: 4" in repository.pushed()


def test_commit_record_whose_push_fails_says_how_to_go_on(repository: Repository) -> None:
    record = repository.record("commit")
    record.check()
    repository.refuse_pushes()
    repository.settings().write(ADDED)

    with pytest.raises(GitRefused, match="done and committed, but could not be pushed") as refused:
        record.publish("stack prod: add generation 4")

    assert "orgcal rotate" in refused.value.repair


def test_commit_record_goes_on_top_of_what_others_push_meanwhile(repository: Repository) -> None:
    record, other = repository.record("commit"), repository.clone()
    record.check()
    for number, named in enumerate((ADDED, ACTIVATED, GenerationSet((4,), 4))):
        (other / f"theirs-{number}.txt").write_text("merged meanwhile")
        repository.git("add", "-A", folder=other)
        repository.git("commit", "-q", "-m", f"theirs {number}", folder=other)
        repository.git("push", "-q", folder=other)

        repository.settings().write(named)
        record.publish(f"stack prod: step {number}")

        repository.git("pull", "-q", "--rebase", folder=other)
        assert f"active: {named.active}" in (other / "Pulumi.prod.yaml").read_text()
    record.publish("stack prod: nothing new")

    assert "generations: [4]  # live" in repository.pushed()
    subjects = repository.git("log", "--reverse", "--format=%s", "main", folder=repository.remote).splitlines()
    assert subjects == ["as cloned", *(f"{whose} {n}" for n in range(3) for whose in ("theirs", "stack prod: step"))]
    assert not (repository.copy / "theirs-0.txt").exists(), "what is deployed in this run stays what it began with"
    assert repository.told[-1] == "  recorded: pushed to origin/main, on top of what others pushed meanwhile"
    repository.git("pull", "-q", "--rebase")
    assert repository.git("log", "-1", "--format=%s") == "stack prod: step 2"


def test_commit_record_overwrites_no_change_that_others_made_to_the_file_meanwhile(repository: Repository) -> None:
    record = repository.record("commit")
    record.check()
    stale(repository)
    theirs = repository.pushed()
    repository.settings().write(ADDED)

    with pytest.raises(GitRefused, match="done and committed, but could not be pushed"):
        record.publish("stack prod: add generation 4")

    assert repository.pushed() == theirs


def test_commit_record_in_a_folder_of_a_larger_repository_commits_the_stack_file_there(larger: Repository) -> None:
    record, other = larger.record("commit"), larger.clone()
    record.check()
    larger.settings().write(ADDED)
    record.publish("stack prod: add generation 4")
    larger.git("pull", "-q", folder=other)
    (other / "theirs.txt").write_text("merged meanwhile")
    larger.git("add", "-A", folder=other)
    larger.git("commit", "-q", "-m", "theirs", folder=other)
    larger.git("push", "-q", folder=other)
    larger.settings().write(ACTIVATED)
    record.publish("stack prod: activate generation 4")

    assert "active: 4" in larger.pushed()
    changed = larger.git("log", "--format=", "--name-only", "main", folder=larger.remote).split()
    assert changed.count("infra/orgcal/Pulumi.prod.yaml") == 3
    assert changed.count("infra-orgcal/Pulumi.prod.yaml") == 1
    assert larger.git("show", "main:infra-orgcal/Pulumi.prod.yaml", folder=larger.remote) == SETTINGS.strip()


def detached(repository: Repository) -> None:
    repository.git("checkout", "-q", "--detach")


def without_upstream(repository: Repository) -> None:
    repository.git("switch", "-q", "-c", "mine")


def dirty(repository: Repository) -> None:
    repository.file.write_text(SETTINGS.replace("kind: secret", "kind: certificate"))


def stale(repository: Repository) -> None:
    other = repository.clone()
    (other / "Pulumi.prod.yaml").write_text(SETTINGS.replace("[3]", "[4]").replace("active: 3", "active: 4"))
    repository.git("commit", "-q", "-a", "-m", "rotated elsewhere", folder=other)
    repository.git("push", "-q", folder=other)


def unreachable(repository: Repository) -> None:
    repository.remote.rename(repository.folder / "gone.git")


def ahead(repository: Repository) -> None:
    (repository.copy / "other.txt").write_text("mine")
    repository.commit("not pushed")


def ignored(repository: Repository) -> None:
    repository.git("rm", "-q", "--cached", "Pulumi.prod.yaml")
    repository.git("commit", "-q", "-m", "not kept")
    repository.git("push", "-q")


def no_repository(repository: Repository) -> None:
    (repository.copy / ".git").rename(repository.folder / "moved")


REFUSED: list[tuple[Callable[[Repository], None], str, tuple[str, ...]]] = [
    (detached, "detached HEAD", ("commit", "pull-request")),
    (without_upstream, "has no upstream", ("commit", "pull-request")),
    (dirty, "changes that are not committed", ("commit", "pull-request")),
    (stale, "could not be pushed", ("commit",)),
    (stale, "is not the one of origin/main", ("pull-request",)),
    (unreachable, "could not be pushed", ("commit", "pull-request")),
    (ahead, "commits that are not pushed", ("commit",)),
    (ignored, "git does not keep the stack's file", ("commit", "pull-request")),
    (no_repository, "no working copy of git", ("commit", "pull-request")),
]


@pytest.mark.parametrize(
    ("spoil", "says", "mode"),
    [(spoil, says, mode) for spoil, says, modes in REFUSED for mode in modes],
    ids=[f"{spoil.__name__}-{mode}" for spoil, _, modes in REFUSED for mode in modes],
)
def test_record_that_could_not_be_kept_is_refused_before_the_first_write(
    repository: Repository, spoil: Callable[[Repository], None], says: str, mode: str
) -> None:
    spoil(repository)
    before = repository.file.read_text()

    with pytest.raises(OrgcalError) as refused:
        repository.record(mode).check()

    assert isinstance(refused.value, UsageError)
    assert says in refused.value.what
    assert refused.value.repair
    assert "\n" not in refused.value.what
    assert repository.file.read_text() == before


# Pull requests --------------------------------------------------------------------------------------------------------


def test_pull_request_record_pushes_one_commit_to_a_branch_and_opens_one_request(repository: Repository) -> None:
    log = repository.fake_gh()
    record = repository.record("pull-request")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")
    repository.settings().write(ACTIVATED)
    record.publish("stack prod: activate generation 4")
    record.close()

    branch = "orgcal/rotate-prod"
    assert "active: 4" in repository.pushed(branch)
    assert repository.git("rev-list", "--count", f"main..{branch}", folder=repository.remote) == "1"
    assert repository.pushed() == SETTINGS.strip()
    assert repository.file.read_text() == SETTINGS
    assert repository.git("status", "--porcelain") == ""
    created = [line for line in log.read_text().splitlines() if line.startswith("pr create")]
    assert all(f"--head {branch} --base main" in line for line in created)
    assert any("https://github.example/pull/7" in line for line in repository.told)


def test_pull_request_records_of_two_projects_in_one_repository_have_branches_of_their_own(larger: Repository) -> None:
    for project, branch in (("infra/orgcal", "infra--orgcal--prod"), ("infra-orgcal", "infra-orgcal--prod")):
        larger.project = project
        record = larger.record("pull-request")
        record.check()
        larger.settings().write(ADDED)
        record.publish("stack prod: add generation 4")
        record.close()

        assert "generations: [3, 4]" in larger.pushed(f"orgcal/rotate-{branch}")
        assert larger.git("status", "--porcelain") == ""


def test_pull_request_record_of_a_later_run_adds_to_the_open_request(repository: Repository) -> None:
    for named in (ADDED, ACTIVATED):
        log = repository.fake_gh(open_url="https://github.example/pull/7" if named is ACTIVATED else "")
        record = repository.record("pull-request")
        record.check()
        repository.settings().write(named)
        record.publish("stack prod: a step")
        record.publish("stack prod: the same once more")
        record.close()

    assert "active: 4" in repository.pushed("orgcal/rotate-prod")
    said = log.read_text().splitlines()
    assert len([line for line in said if line.startswith("pr create")]) == 2  # both of the first run: none was open


def test_pull_request_record_says_what_to_type_without_gh(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (repository.programs / "git").symlink_to(git)
    repository.environ["PATH"] = str(repository.programs)
    monkeypatch.setenv("PATH", f"{repository.programs}:{Path(git).parent}")
    record = repository.record("pull-request")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    assert any("gh pr create --head orgcal/rotate-prod --base main" in line for line in repository.told)


def test_pull_request_that_gh_refuses_stops_no_step_and_is_told_at_the_end(repository: Repository) -> None:
    program = repository.programs / "gh"
    program.write_text("#!/bin/sh\n[ $2 = list ] || { echo 'Resource not accessible by integration' >&2; exit 1; }\n")
    program.chmod(0o755)
    record = repository.record("pull-request")
    record.check()

    for named in (ADDED, ACTIVATED):
        repository.settings().write(named)
        record.publish("stack prod: a step")

    assert isinstance(record, PullRequestRecord)
    assert "active: 4" in repository.pushed("orgcal/rotate-prod")
    assert record.url == ""
    assert record.problem is not None
    assert "Resource not accessible by integration" in record.problem.what
    assert "pull-requests: write" in record.problem.repair


def test_pull_request_that_is_merged_needs_no_other(repository: Repository) -> None:
    log = repository.fake_gh()
    repository.settings().write(ADDED)
    repository.commit("merged")
    repository.git("push", "-q")
    record = repository.record("pull-request")
    record.check()

    record.publish("stack prod: as the state has it")

    assert not log.exists()
    assert "orgcal/rotate-prod" not in repository.git("branch", "--list", folder=repository.remote)


# The file -------------------------------------------------------------------------------------------------------------


def test_settings_file_of_an_emulated_stack_is_kept_beside_it_so_that_git_stays_clean(tmp_path: Path) -> None:
    text = SETTINGS.replace("public", "emulator")
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    file = SettingsFile(tmp_path, "dev", emulated=True, overlay=True)

    file.write(GenerationSet((3, 4), 3, 3))

    assert (tmp_path / "Pulumi.dev.yaml").read_text() == text
    overlay = json.loads((tmp_path / ".local/dev/credential.json").read_text())
    assert overlay == {"generations": [3, 4], "active": 3, "rollback_to": 3}
    assert file.read().generation_set == GenerationSet((3, 4), 3, 3)

    SettingsFile(tmp_path, "dev", emulated=True, overlay=False).write(ACTIVATED)

    assert not (tmp_path / ".local/dev/credential.json").exists()
    assert file.read().generation_set == ACTIVATED


def test_settings_file_that_cannot_be_changed_in_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  orgcal:entra.cloud: public\n  orgcal:kept: &kept {generations: [3], active: 3}\n"
        "  orgcal:credential: *kept\n"
    )
    file = SettingsFile(tmp_path, "prod", emulated=False, overlay=False)

    with pytest.raises(OrgcalError, match="cannot be changed without touching the rest"):
        file.check()


def test_settings_file_forgets_kinds_of_generations_that_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(SETTINGS.replace("kind: secret", "kind: certificate\n    kinds: {3: secret}"))
    file = SettingsFile(tmp_path, "prod", emulated=False, overlay=False)
    assert file.read().kind_of(3) == "secret"

    file.write(GenerationSet((4,), 4))

    assert "kinds" not in path.read_text()
    assert file.read().kind_of(4) == "certificate"
