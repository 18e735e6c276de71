"""GitHub environments of a set-up: which there are, what they lack, what they are to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orgcal.ci import plan
from orgcal.ci.github import GithubRepository, has_reviewers
from orgcal.ci.roles import Environment, Role
from orgcal.errors import UsageError


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is before a set-up.

    Attributes:
        missing: environments that do not exist.
        closed: environments that no branch may use, as a set-up was interrupted.
        unsafe: what would let code that nobody has approved deploy or decrypt; a sentence each, for each environment
            that exists.
        notes: what else they lack; likewise.
    """

    missing: tuple[str, ...]
    closed: tuple[str, ...]
    unsafe: tuple[str, ...]
    notes: tuple[str, ...]

    def refuse_unsafe(self, *, force: bool) -> None:
        """Refuse, with UsageError, environments of others whose jobs nobody should trust, unless that is forced."""
        if self.unsafe and not force:
            raise UsageError(
                "\n".join(["nothing was written:", *self.unsafe]),
                repair="do what it says, or accept the environments as they are: --force",
            )


def look_at_environments(repository: GithubRepository, roles: Sequence[Role], *, reviewed: bool) -> Looked:
    """Look at all environments, and whether the token may read what they hold; nothing is written.

    `reviewed` says whether new environments get reviewers.
    """
    missing: list[str] = []
    closed: list[str] = []
    unsafe: list[str] = []
    notes: list[str] = []
    for role_name, environment in ((role.name, item) for role in roles for item in role.environments):
        found = repository.environment(environment.name)
        if found is None:
            missing.append(environment.name)
            notes += [_unreviewed(environment)] if environment.reviewers and not reviewed else []
            continue
        if environment.reviewers and not has_reviewers(found):
            (unsafe if role_name == "preview" else notes).append(_unreviewed(environment))
        if environment.branch_only:
            branches = repository.branches(environment.name, found)
            unsafe += [_open_to_all(environment)] if branches is None else []
            closed += [environment.name] if branches == () else []
        repository.values(environment.name).secret_updated_at(plan.REGISTRY_SECRET)
    return Looked(tuple(missing), tuple(closed), tuple(unsafe), tuple(notes))


def _unreviewed(environment: Environment) -> str:
    return (
        f"environment {environment.name} has no reviewers: whoever can start its workflow {environment.does}; "
        "add them under Settings, Environments, Required reviewers"
    )


def _open_to_all(environment: Environment) -> str:
    return (
        f"environment {environment.name} is open to every branch: whoever can push one {environment.does}; limit it "
        "to the main branch under Settings, Environments, Deployment branches"
    )


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
