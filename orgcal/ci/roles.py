"""Whom CI acts as: identities, the environments whose jobs may act as them, and what each right is for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from orgcal.errors import UsageError

OWNED, READ = "Application.ReadWrite.OwnedBy", "Application.Read.All"

RIGHTS = {
    OWNED: "create applications, and change or delete those that this identity owns; nobody else's",
    READ: "look up Microsoft Graph's permissions by name, and applications by name and tag; it changes nothing",
}
"""Graph application permission -> what it is for, as the end of 'it may ...'."""

IDENTITY_PROJECT = "orgcal-deploy-identity"
_MAX_ENVIRONMENT = 255
_MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Environment:
    """A GitHub environment that the workflows name.

    Attributes:
        reviewers: whether somebody must approve each job.
        branch_only: whether only the main branch's jobs may use it.
        secrets: whether it holds the stack's secrets.
        does: what its jobs do.
    """

    name: str
    reviewers: bool
    branch_only: bool
    secrets: bool
    does: str


@dataclass(frozen=True, slots=True)
class Role:
    """One identity and its environments."""

    name: str
    permissions: tuple[str, ...]
    environments: tuple[Environment, ...]


def roles_of(
    environment: str, *, ephemeral: bool, pinned: bool = False, review_previews: bool = False
) -> tuple[Role, ...]:
    """The identities of a set-up; each environment that may deploy without a reviewer is the main branch's alone.

    Args:
        environment: the one that deploys.
        ephemeral: whether pull requests get stacks of their own; these are another identity's, so that code which
            was not merged yet never acts as the owner of the real application.
        pinned: whether the stack looks nothing up in the home tenant, so that who deploys need not read it.
        review_previews: whether the preview's jobs hold what can decrypt the stack, so that somebody must approve them.
    """
    deploying = (OWNED,) if pinned else (OWNED, READ)
    deploy = Role(
        "deploy",
        deploying,
        (
            Environment(environment, True, True, True, "deploys and verifies"),
            Environment(f"{environment}-scheduled", False, True, True, "verifies nightly, rotates"),
        ),
    )
    previewing = Environment(f"{environment}-preview", review_previews, False, False, "previews pull requests")
    preview = Role("preview", (READ,), (previewing,))
    passing = Role(
        "ephemeral",
        deploying,
        (
            Environment(f"{environment}-ephemeral", True, False, False, "deploys and destroys stacks of pull requests"),
            Environment(f"{environment}-sweep", False, True, False, "removes what such stacks left behind"),
        ),
    )
    return (deploy, preview, passing) if ephemeral else (deploy, preview)


def environment_of_folder(environment: str, slug: str) -> str:
    """The environment's name with the slug of the project's folder, so that two projects of a repository share none.

    Two dashes end the slug: `calendar` and `eu-prod` are another environment than `calendar-eu` and `prod`. The name is
    unchanged at the root of the repository, where `slug` is empty, and where it begins with the slug already.
    """
    return environment if not slug or environment.startswith(f"{slug}--") else f"{slug}--{environment}"


def check_repository(repository: str) -> None:
    """Refuse, with UsageError, what is not `owner/name`."""
    owner, _, name = repository.partition("/")
    fits = re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})", owner) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name)
    if not fits or name in (".", ".."):
        raise UsageError(
            f"found {repository!r}, expected owner/name", where="--repo", repair="--repo acme/calendar-app"
        )


def check_environment(environment: str) -> None:
    """Refuse, with UsageError, a name that GitHub does not take, or that a workflow could not hold as text."""
    longest = max(len(item.name) for role in roles_of(environment, ephemeral=True) for item in role.environments)
    if not environment.strip() or longest > _MAX_ENVIRONMENT:
        raise UsageError(
            f"the environment's name has {len(environment)} characters; GitHub takes 1 to {_MAX_ENVIRONMENT}, and "
            "others are named after it",
            where="--environment",
        )
    if "${{" in environment or any(not char.isprintable() for char in environment):
        raise UsageError("the environment's name holds an expression or a control character", where="--environment")


def check_number(value: str, option: str) -> None:
    """Refuse what is no id of GitHub's; raises `UsageError`."""
    if value and not re.fullmatch(r"[1-9][0-9]{0,18}", value):
        raise UsageError(f"found {value!r}, expected GitHub's number", where=option, repair="gh api repos/OWNER/NAME")


def display_name(role: str, place: str) -> str:
    """What the home tenant's administrators read: `orgcal deploy (acme/app production)`, shortened if need be."""
    text = f"orgcal {role} ({place})"
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 2]}…)"


def identity_stack(kind: str, place: str) -> str:
    """Name of the stack that holds the identities of one place, such as `github-acme-app-production-1f2e3d4c`.

    However it is spelt: GitHub's names are the same in capitals.
    """
    place = place.lower()
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{kind}-{place}").strip("-.")[:80]
    return f"{readable}-{hashlib.sha256(f'{kind} {place}'.encode()).hexdigest()[:8]}"
