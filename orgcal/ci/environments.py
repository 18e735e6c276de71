"""GitHub environments of a set-up: which there are, what they lack, what they are to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orgcal.ci import plan
from orgcal.ci.github import GithubRepository, unprotected
from orgcal.ci.roles import Role


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is before a set-up.

    Attributes:
        missing: environments that do not exist.
        closed: environments that no branch may use, as a set-up was interrupted.
        notes: what those that exist lack; a sentence each.
    """

    missing: tuple[str, ...]
    closed: tuple[str, ...]
    notes: tuple[str, ...]


def look_at_environments(repository: GithubRepository, roles: Sequence[Role], *, reviewed: bool) -> Looked:
    """Look at all environments, and whether the token may read what they hold; nothing is written.

    `reviewed` says whether new environments get reviewers.
    """
    missing, closed, notes = [], [], []
    for environment in (item for role in roles for item in role.environments):
        found = repository.environment(environment.name)
        if found is None:
            missing.append(environment.name)
            notes += [] if reviewed else unprotected(environment, {"deployment_branch_policy": {"new": True}})
            continue
        notes += unprotected(environment, found)
        if environment.branch_only and repository.closed(environment.name, found):
            closed.append(environment.name)
        repository.values(environment.name).secret_updated_at(plan.REGISTRY_SECRET)
    return Looked(tuple(missing), tuple(closed), tuple(notes))


def make_environments(
    repository: GithubRepository, roles: Sequence[Role], branch: str, looked: Looked, reviewer_ids: list[int]
) -> list[str]:
    """Make what is missing, with its protection; a line for each."""
    made = []
    for environment in (item for role in roles for item in role.environments):
        if environment.name in looked.missing:
            repository.make_environment(environment, reviewer_ids)
            made.append(f"environment {environment.name} made: it {environment.does}")
        if environment.branch_only and environment.name in (*looked.missing, *looked.closed):
            repository.open_to(environment.name, branch)
            made.append(f"environment {environment.name} opened to branch {branch} alone")
    return made


def set_values(repository: GithubRepository, environment: str, held: plan.Values, *, force: bool) -> list[str]:
    """Set the variables and secrets that differ.

    A secret cannot be read back: it is set where it is missing, where its address changed, or where that is forced.
    """
    values = repository.values(environment)
    differing = {name: value for name, value in held.variables.items() if values.variable(name) != value}
    moved = plan.REGISTRY_VARIABLE in differing
    secrets = {
        name: value
        for name, value in held.secrets.items()
        if force or (moved and name == plan.REGISTRY_SECRET) or not values.secret_updated_at(name)
    }
    if secrets:  # before the variable that says which registry it is
        values.set_secrets(secrets)
    for name, value in differing.items():
        values.set_variable(name, value)
    return [f"environment {environment}: {name} set" for name in (*differing, *secrets)]


def key_note(repository: GithubRepository, roles: Sequence[Role], key_variable: str) -> list[str]:
    """Which environments lack the platform's API key, as a sentence; nothing where none does."""
    lacking = [
        environment.name
        for role in roles
        for environment in role.environments
        if role.name != "preview" and not repository.values(environment.name).secret_updated_at(plan.PLATFORM_SECRET)
    ]
    if not lacking:
        return []
    return [
        f"environments {', '.join(lacking)} lack the platform's API key: set {key_variable} here and run this "
        f"again, or: gh secret set {plan.PLATFORM_SECRET} --env NAME; stacks of pull requests want a key of their own"
    ]
