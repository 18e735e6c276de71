"""What was asked for: a repository's environment, or a runner's subjects, that are to deploy a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orgcal.ci.backends import Backends, check_backend
from orgcal.ci.github import Repository
from orgcal.ci.plan import StackFacts
from orgcal.ci.roles import Role, check_environment, check_number, check_repository, roles_of
from orgcal.entra.home.federation import Trust, github_trusts, other_trusts, refuse_unfit
from orgcal.errors import UsageError
from orgcal.stack.git_folder import GitFolder


def preview_decrypts(otherwise: str) -> UsageError:
    """That code of pull requests could read the stack's secrets; `otherwise` is what to do without another role."""
    return UsageError(
        "Pulumi Cloud decrypts the stack's secrets for every token that reads its state, the preview's too, and code "
        "of pull requests that nobody has approved gets that token",
        where="--secrets-provider default",
        repair=f"encrypt with a key of your own (azurekeyvault://..., awskms://..., gcpkms://...); {otherwise}; or "
        "give the preview's token a custom role without stack:decrypt, and say so: --preview-cannot-decrypt",
    )


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """What was asked for.

    Attributes:
        environment: that deploys; the others are named after it.
        ephemeral_backend: where stacks of pull requests keep their state; empty for none.
        record: how a rotation is recorded: `commit` or `pull-request`.
        print_only: tell the commands instead of writing to GitHub.
        pinned: whether the stack looks nothing up in the home tenant.
        slug: of the project's folder in the repository; empty at its root. `environment` carries it already.
        preview_cannot_decrypt: whether the preview's token for Pulumi Cloud has a role without `stack:decrypt`.
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
    slug: str = ""
    preview_cannot_decrypt: bool = False

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
        if self._review_previews and not self.reviewers:
            raise preview_decrypts("give the preview's environment reviewers: --reviewer LOGIN")
        for trusts in self.trusts().values():
            refuse_unfit(trusts)

    @property
    def _review_previews(self) -> bool:
        return self.places.backend_decrypts and not self.preview_cannot_decrypt

    @property
    def roles(self) -> tuple[Role, ...]:
        """The identities and their environments."""
        return roles_of(
            self.environment,
            ephemeral=bool(self.ephemeral_backend),
            pinned=self.pinned,
            review_previews=self._review_previews,
        )

    @property
    def place(self) -> str:
        """What the identities are for, as their names tell it."""
        return f"{self.repository} {self.environment}"

    def trusts(self) -> dict[str, tuple[Trust, ...]]:
        """Whose tokens each identity accepts."""
        return {
            role.name: github_trusts(
                self.repository,
                [environment.name for environment in role.environments],
                owner_id=self.owner_id,
                repository_id=self.repository_id,
                slug=self.slug,
            )
            for role in self.roles
        }

    def as_github_has_it(self, repository: Repository) -> SetupRequest:
        """The same with the repository in GitHub's spelling, and with its numbers where its tokens have them.

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
            owner_id=repository.owner_id if repository.immutable else "",
            repository_id=repository.repository_id if repository.immutable else "",
            branch=self.branch or repository.default_branch,
        )


@dataclass(frozen=True, slots=True)
class GenericRequest:
    """What was asked for a runner with tokens of its own issuer.

    Attributes:
        roles: identities that are asked for.
        trusts: whose tokens each accepts, by role.
        place: what the identities are for; tells them from those of other stacks.
        name: the same in their names.
    """

    roles: tuple[Role, ...]
    trusts: Mapping[str, tuple[Trust, ...]]
    place: str
    name: str

    @classmethod
    def of(
        cls,
        issuer: str,
        subjects: Mapping[str, Sequence[str]],
        facts: StackFacts,
        git: GitFolder | None,
        places: Backends,
        *,
        preview_cannot_decrypt: bool = False,
    ) -> GenericRequest:
        """What was asked for.

        Args:
            issuer: the tokens' `iss`.
            subjects: by role, `deploy` and perhaps `preview`.
            git: where the project lies in its repository; None where it lies in none.
            places: where the stack keeps its things.
            preview_cannot_decrypt: as for `SetupRequest`.

        Raises:
            UsageError: no subject may deploy, one is unfit, or previews could read the stack's secrets.
        """
        trusts = {role: other_trusts(issuer, named) for role, named in subjects.items() if named}
        if "deploy" not in trusts:
            raise UsageError("no subject is named whose tokens may deploy", where="--subject")
        for wanted in trusts.values():
            refuse_unfit(wanted)
        if "preview" in trusts and places.backend_decrypts and not preview_cannot_decrypt:
            raise preview_decrypts("leave --preview-subject out")
        roles = tuple(role for role in roles_of("", ephemeral=False, pinned=facts.pinned) if role.name in trusts)
        inside = f" in {git.path}" if git and git.path else ""
        return cls(roles, trusts, f"{issuer} {facts.stack}{inside}", f"stack {facts.stack}{inside}")
