"""The record of a rotation in a real git repository: kept, or refused before the first write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orgcal.errors import OrgcalError, UsageError
from orgcal.rotation.git import GitRefused
from orgcal.settings import GenerationSet
from tests.support.stack_repository import ACTIVATED, ADDED, SETTINGS, StackRepository


def test_commit_record_pushes_each_step_without_an_identity(repository: StackRepository) -> None:
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
    assert repository.git("log", "-1", "--format=%an <%ae> %cn <%ce> %s") == (
        "orgcal <orgcal@localhost> orgcal <orgcal@localhost> stack prod: a step"
    )
    assert repository.told == ["  recorded: pushed to origin/main"] * 2


def test_commit_record_takes_nothing_but_the_stack_file_along(repository: StackRepository) -> None:
    (repository.copy / "other.txt").write_text("mine")
    repository.git("add", "other.txt")
    record = repository.record("commit")
    record.check()

    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    assert repository.git("show", "--name-only", "--format=", "HEAD") == "Pulumi.prod.yaml"
    assert repository.git("status", "--porcelain") == "A  other.txt"


def test_commit_record_goes_on_where_a_killed_run_ended(repository: StackRepository) -> None:
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


def test_commit_record_whose_push_fails_says_how_to_go_on(repository: StackRepository) -> None:
    record = repository.record("commit")
    record.check()
    repository.refuse_pushes()
    repository.settings().write(ADDED)

    with pytest.raises(GitRefused, match="done and committed, but could not be pushed") as refused:
        record.publish("stack prod: add generation 4")

    assert "orgcal rotate" in refused.value.repair
    assert refused.value.where == "origin/main"
    assert repository.told == []


def test_commit_record_goes_on_top_of_what_others_push_meanwhile(repository: StackRepository) -> None:
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


def test_commit_record_overwrites_no_change_of_others(repository: StackRepository) -> None:
    record = repository.record("commit")
    record.check()
    stale(repository)
    theirs = repository.pushed()
    repository.settings().write(ADDED)

    with pytest.raises(GitRefused, match="done and committed, but could not be pushed"):
        record.publish("stack prod: add generation 4")

    assert repository.pushed() == theirs


def test_commit_record_in_a_larger_repository_takes_the_stack_file(larger_repository: StackRepository) -> None:
    record, other = larger_repository.record("commit"), larger_repository.clone()
    record.check()
    larger_repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")
    larger_repository.git("pull", "-q", folder=other)
    (other / "theirs.txt").write_text("merged meanwhile")
    larger_repository.git("add", "-A", folder=other)
    larger_repository.git("commit", "-q", "-m", "theirs", folder=other)
    larger_repository.git("push", "-q", folder=other)
    larger_repository.settings().write(ACTIVATED)
    record.publish("stack prod: activate generation 4")

    assert "active: 4" in larger_repository.pushed()
    changed = larger_repository.git("log", "--format=", "--name-only", "main", folder=larger_repository.remote).split()
    assert changed.count("infra/orgcal/Pulumi.prod.yaml") == 3
    assert changed.count("infra-orgcal/Pulumi.prod.yaml") == 1
    assert (
        larger_repository.git("show", "main:infra-orgcal/Pulumi.prod.yaml", folder=larger_repository.remote)
        == SETTINGS.strip()
    )


def detached(repository: StackRepository) -> None:
    repository.git("checkout", "-q", "--detach")


def without_upstream(repository: StackRepository) -> None:
    repository.git("switch", "-q", "-c", "mine")


def dirty(repository: StackRepository) -> None:
    repository.file.write_text(SETTINGS.replace("kind: secret", "kind: certificate"))


def stale(repository: StackRepository) -> None:
    other = repository.clone()
    (other / "Pulumi.prod.yaml").write_text(SETTINGS.replace("[3]", "[4]").replace("active: 3", "active: 4"))
    repository.git("commit", "-q", "-a", "-m", "rotated elsewhere", folder=other)
    repository.git("push", "-q", folder=other)


def unreachable(repository: StackRepository) -> None:
    repository.remote.rename(repository.folder / "gone.git")


def ahead(repository: StackRepository) -> None:
    (repository.copy / "other.txt").write_text("mine")
    repository.commit("not pushed")


def ignored(repository: StackRepository) -> None:
    repository.git("rm", "-q", "--cached", "Pulumi.prod.yaml")
    repository.git("commit", "-q", "-m", "not kept")
    repository.git("push", "-q")


def no_repository(repository: StackRepository) -> None:
    (repository.copy / ".git").rename(repository.folder / "moved")


REFUSED: list[tuple[Callable[[StackRepository], None], str, tuple[str, ...]]] = [
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
def test_record_that_could_not_be_kept_is_refused_before_writing(
    repository: StackRepository, spoil: Callable[[StackRepository], None], says: str, mode: str
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


def test_push_gets_the_login_of_git_and_no_other(repository: StackRepository) -> None:
    hook = repository.copy / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\nenv > {repository.folder / 'env'}\n")
    hook.chmod(0o755)
    hush = dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "ARM_CLIENT_SECRET", "ORGCAL_REGISTRY_URL"), "hush")
    repository.environ |= {**hush, "GH_TOKEN": "token", "SSH_AUTH_SOCK": "/agent"}
    record = repository.record("commit")
    record.check()
    repository.settings().write(ADDED)
    record.publish("stack prod: add generation 4")

    pushed = (repository.folder / "env").read_text().splitlines()

    assert {"GH_TOKEN=token", "SSH_AUTH_SOCK=/agent"} <= set(pushed)
    assert not [line for line in pushed if "hush" in line]
