"""What was asked for: a repository's environment that is to deploy a stack."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orgcal.ci.backends import Backends, check_backend
from orgcal.ci.github import Repository
from orgcal.ci.roles import Role, check_environment, check_number, check_repository, roles_of
from orgcal.entra.home.federation import Trust, github_trusts, refuse_unfit
from orgcal.errors import UsageError


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """What was asked for.

    Attributes:
        environment: that deploys; the others are named after it.
        ephemeral_backend: where stacks of pull requests keep their state; empty for none.
        record: how a rotation is recorded: `commit` or `pull-request`.
        print_only: tell the commands instead of writing to GitHub.
        pinned: whether the stack looks nothing up in the home tenant.
    """

    repository: str
    environment: str
    places: Backends
    owner_id: str = ""
    repository_id: str = ""
    branch: str = ""
    reviewers: tuple[str, ...] = ()
    ephemeral_backend: str = ""
    record: str = "commit"
    print_only: bool = False
    force: bool = False
    pinned: bool = False

    def check(self) -> None:
        """Refuse, with UsageError, the first thing that cannot be right, before anybody is asked."""
        check_repository(self.repository)
        check_environment(self.environment)
        check_number(self.owner_id, "--owner-id")
        check_number(self.repository_id, "--repo-id")
        if bool(self.owner_id) != bool(self.repository_id):
            raise UsageError("one of GitHub's two numbers is missing", where="--owner-id, --repo-id")
        if self.ephemeral_backend:
            check_backend(self.ephemeral_backend, "--ephemeral-backend")
            if self.ephemeral_backend == self.places.backend:
                raise UsageError(
                    "stacks of pull requests would share the real stack's state, and code that is not merged could "
                    "write it",
                    where="--ephemeral-backend",
                    repair="name a container or bucket of their own",
                )
        for trusts in self.trusts().values():
            refuse_unfit(trusts)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The identities and their environments."""
        return roles_of(self.environment, ephemeral=bool(self.ephemeral_backend), pinned=self.pinned)

    def trusts(self) -> dict[str, tuple[Trust, ...]]:
        """Whose tokens each identity accepts."""
        return {
            role.name: github_trusts(
                self.repository,
                [environment.name for environment in role.environments],
                owner_id=self.owner_id,
                repository_id=self.repository_id,
            )
            for role in self.roles
        }

    def as_github_has_it(self, repository: Repository) -> SetupRequest:
        """The same with the repository in GitHub's spelling and with its numbers, as tokens have them.

        Raises:
            UsageError: the numbers given are those of another repository.
        """
        for given, option, known in (
            (self.owner_id, "--owner-id", repository.owner_id),
            (self.repository_id, "--repo-id", repository.repository_id),
        ):
            if given and given != known:
                raise UsageError(f"GitHub's number of {repository.full_name} is {known}, not {given}", where=option)
        return replace(
            self,
            repository=repository.full_name,
            owner_id=repository.owner_id,
            repository_id=repository.repository_id,
            branch=self.branch or repository.default_branch,
        )
