"""The repository on GitHub: does it exist, may this token write it, what are its environments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal.ci.roles import Environment
from orgcal.entra.secret_text import SecretSource
from orgcal.errors import PlatformError, UsageError
from orgcal.patience import Clock
from orgcal.platforms.github_values import API_VERSION, EnvironmentValues, repository_path
from orgcal.platforms.rest import RestClient, segment, session_for
from orgcal.platforms.settings import ADDRESS

TOKEN_VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")
API_VARIABLE = "GITHUB_API_URL"
NEEDED_RIGHTS = "repository permissions Administration, Environments, Secrets and Variables, read and write"


@dataclass(frozen=True, slots=True)
class Repository:
    """What GitHub says of a repository; its spelling is that of the tokens' subjects.

    Attributes:
        immutable: whether the subjects hold the numbers of owner and repository besides their names.
    """

    full_name: str
    repository_id: str
    owner_id: str
    default_branch: str
    immutable: bool


def open_github(environ: Mapping[str, str], clock: Clock | None = None) -> RestClient:
    """GitHub's API with the caller's token; raises UsageError where there is none, or its address is not https.

    A token that is not one word of ASCII is refused too.
    """
    named = next((name for name in TOKEN_VARIABLES if environ.get(name)), "")
    if not named:
        raise UsageError(
            "the environment has no token for GitHub",
            where=" or ".join(TOKEN_VARIABLES),
            repair=f'export GH_TOKEN="$(gh auth token)", or a token with {NEEDED_RIGHTS}; or --print, for the commands',
        )
    token = SecretSource.of_variable(environ, named).secret("token", ascii_only=True)
    url = (environ.get(API_VARIABLE) or "https://api.github.com").rstrip("/")
    if not re.match(ADDRESS, url):
        raise UsageError("expected an https address (http on this machine only) without a password", where=API_VARIABLE)
    headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": API_VERSION}
    return RestClient(
        session_for(url, environ), url, headers, name="GitHub", key_hint=" or ".join(TOKEN_VARIABLES), clock=clock
    )


class GithubRepository:
    """One repository, `owner/name`, through the client of `open_github`."""

    def __init__(self, client: RestClient, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._base = repository_path(repository)

    def look(self) -> Repository:
        """What GitHub says of it.

        Raises:
            UsageError: there is none that this token can see, or its tokens have subjects of its own making.
            PlatformError: GitHub refused the token.
        """
        answer = self._client.call("GET", self._base)
        if answer is None:
            raise UsageError(
                "GitHub has no such repository, or this token cannot see it",
                where=self._repository,
                repair=f"check --repo; the token needs {NEEDED_RIGHTS}",
            )
        if (answer.get("permissions") or {}).get("admin") is False:
            raise PlatformError(
                "this token may not administer the repository, so it can make no environment",
                status=403,
                where=self._repository,
                repair=f"give it {NEEDED_RIGHTS}; or --print, for the commands",
            )
        full_name, numbers = str(answer["full_name"]), (str(answer["owner"]["id"]), str(answer["id"]))
        return Repository(
            full_name=full_name,
            repository_id=numbers[1],
            owner_id=numbers[0],
            default_branch=str(answer["default_branch"]),
            immutable=self._has_immutable_subjects(full_name, *numbers),
        )

    def _has_immutable_subjects(self, full_name: str, owner_id: str, repository_id: str) -> bool:
        """Which of GitHub's two formats the tokens' subjects have; raises UsageError where it is neither.

        What counts is `sub_claim_prefix`: `use_immutable_subject` says whether somebody chose the format, and is false
        in repositories that have it from birth. Source: https://docs.github.com/en/rest/actions/oidc
        """
        path = f"{self._base}/actions/oidc/customization/sub"
        said = self._client.call("GET", path, absent=frozenset({403, 404})) or {}
        owner, _, name = full_name.partition("/")
        prefix = str(said.get("sub_claim_prefix") or "")
        if said.get("use_default") is False or prefix not in (
            "",
            f"repo:{full_name}",
            f"repo:{owner}@{owner_id}/{name}@{repository_id}",
        ):
            raise UsageError(
                "the repository's tokens have subjects of its own making, which nothing here would trust",
                where=self._repository,
                repair=f"{subject_command(self._repository)}use_default=true",
            )
        return prefix != f"repo:{full_name}" if prefix else said.get("use_immutable_subject") is True

    def user_id(self, login: str) -> int:
        """GitHub's number of a user; raises UsageError where there is none."""
        answer = self._client.call("GET", f"/users/{segment(login)}")
        if answer is None:
            raise UsageError("GitHub has no such user", where=f"--reviewer {login}")
        return int(answer["id"])

    def environment(self, name: str) -> dict[str, Any] | None:
        """An environment as GitHub describes it, or None."""
        answer: dict[str, Any] | None = self._client.call("GET", self._path(name))
        return answer

    def make_environment(self, wanted: Environment, reviewer_ids: list[int]) -> None:
        """Make an environment with its protection; one that is for branches is open to none yet.

        Raises:
            PlatformError: GitHub refused; for private repositories some of its plans have no protection.
        """
        limited = {"protected_branches": False, "custom_branch_policies": True} if wanted.branch_only else None
        body: dict[str, Any] = {"deployment_branch_policy": limited}
        if wanted.reviewers and reviewer_ids:
            body["reviewers"] = [{"type": "User", "id": number} for number in reviewer_ids]
        if self._client.call("PUT", self._path(wanted.name), body) is None:
            raise self.values(wanted.name).not_there()

    def open_to(self, environment: str, branch: str) -> None:
        """Let jobs of a branch use an environment."""
        path = f"{self._path(environment)}/deployment-branch-policies"
        if self._client.call("POST", path, {"name": branch, "type": "branch"}) is None:
            raise self.values(environment).not_there()

    def branches(self, environment: str, current: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Names and patterns of the branches whose jobs may use an environment; None where all may.

        Source: https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
        """
        policy = current.get("deployment_branch_policy")
        if not policy:
            return None
        if policy.get("custom_branch_policies"):
            answer = self._client.call("GET", f"{self._path(environment)}/deployment-branch-policies") or {}
            listed = tuple(str(item["name"]) for item in answer.get("branch_policies") or [])
            return None if any(set(name) <= set("*/") for name in listed) else listed
        # Without a protected branch, an environment for protected branches is open to all.
        protected = self._client.call("GET", f"{self._base}/branches", params={"protected": "true"}) or []
        return tuple(str(branch["name"]) for branch in protected) or None

    def values(self, environment: str) -> EnvironmentValues:
        """What an environment holds."""
        return EnvironmentValues(self._client, self._repository, environment)

    def _path(self, environment: str) -> str:
        return f"{self._base}/environments/{segment(environment)}"


def has_reviewers(current: Mapping[str, Any]) -> bool:
    """Whether somebody must approve the jobs of an environment, as GitHub describes it."""
    return any(rule.get("type") == "required_reviewers" for rule in current.get("protection_rules") or [])


def subject_command(repository: str) -> str:
    """The command that sets the format of a repository's subjects, without the field that says which."""
    return f"gh api --method PUT repos/{repository}/actions/oidc/customization/sub -F "


def classic_note(repository: str) -> str:
    """That a repository's subjects hold names only, and how to change that."""
    return (
        "the repository's tokens have subjects with names only, so whoever gets its name after a renaming is trusted; "
        f"to put its numbers in: {subject_command(repository)}use_immutable_subject=true, and run this again"
    )
