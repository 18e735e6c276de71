"""The record of a rotation as a pull request: one branch, one commit, one request."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orgcal.rotation.record import PullRequestRecord
from tests.support.stack_repository import ACTIVATED, ADDED, SETTINGS, StackRepository


def test_pull_request_record_pushes_one_commit_and_opens_one_request(repository: StackRepository) -> None:
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
    looked, created = log.read_text().splitlines()[:2]
    assert looked == f"pr list --head {branch} --state open --json url --jq .[0].url"
    assert created.startswith(f"pr create --head {branch} --base main --title stack prod: add generation 4 --body Gene")
    assert "a deployment of main is refused by the ledger" in created
    assert repository.told == [
        f"  recorded: pushed to origin/{branch}",
        "  pull request: https://github.example/pull/7",
        f"  recorded: pushed to origin/{branch}",
    ]
    assert isinstance(record, PullRequestRecord)
    assert (record.url, record.problem) == ("https://github.example/pull/7", None)


def test_pull_request_records_of_two_projects_have_two_branches(
    larger_repository: StackRepository,
) -> None:
    for project, branch in (("infra/orgcal", "infra--orgcal--prod"), ("infra-orgcal", "infra-orgcal--prod")):
        larger_repository.project = project
        record = larger_repository.record("pull-request")
        record.check()
        larger_repository.settings().write(ADDED)
        record.publish("stack prod: add generation 4")
        record.close()

        assert "generations: [3, 4]" in larger_repository.pushed(f"orgcal/rotate-{branch}")
        assert larger_repository.git("status", "--porcelain") == ""


def test_pull_request_record_of_a_later_run_adds_to_the_open_request(repository: StackRepository) -> None:
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
    pushed = [line for line in repository.told if line.startswith("  recorded: pushed to")]
    assert len(pushed) == 2, "what the branch has already is not pushed once more"
    assert repository.told.count("  pull request: https://github.example/pull/7") == 2, "once in each run"


def test_pull_request_record_says_what_to_type_without_gh(
    repository: StackRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (repository.programs / "git").symlink_to(git)
    repository.environ["PATH"] = str(repository.programs)
    monkeypatch.setenv("PATH", f"{repository.programs}:{Path(git).parent}")
    record = repository.record("pull-request")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    assert repository.told[1:] == ["  open the pull request: gh pr create --head orgcal/rotate-prod --base main --fill"]
    repository.settings().write(ACTIVATED)
    record.publish("stack prod: activate generation 4")
    assert len(repository.told) == 3, "what to type is told once"


def test_pull_request_that_gh_refuses_stops_no_step(repository: StackRepository) -> None:
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
    assert record.problem.where == "gh pr create"
    assert "pull request" not in " ".join(repository.told)


def test_pull_request_that_is_merged_needs_no_other(repository: StackRepository) -> None:
    log = repository.fake_gh()
    repository.settings().write(ADDED)
    repository.commit("merged")
    repository.git("push", "-q")
    record = repository.record("pull-request")
    record.check()

    record.publish("stack prod: as the state has it")

    assert not log.exists()
    assert "orgcal/rotate-prod" not in repository.git("branch", "--list", folder=repository.remote)


def test_pull_request_that_gh_opens_at_a_later_step_is_no_problem_any_more(repository: StackRepository) -> None:
    program = repository.programs / "gh"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    record = repository.record("pull-request")
    assert isinstance(record, PullRequestRecord)
    record.check()
    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")
    assert record.problem is not None
    assert record.problem.what.endswith("gh could not open the pull request: it failed")

    repository.fake_gh()
    repository.settings().write(ACTIVATED)
    record.publish("stack prod: activate generation 4")

    problem: object = record.problem
    assert (problem, record.url) == (None, "https://github.example/pull/7")


def test_pull_request_is_proposed_over_whatever_an_older_run_left_in_its_branch(repository: StackRepository) -> None:
    repository.git("push", "-q", "origin", "main:refs/heads/orgcal/rotate-prod")
    repository.fake_gh()
    record = repository.record("pull-request")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    assert "generations: [3, 4]" in repository.pushed("orgcal/rotate-prod")
