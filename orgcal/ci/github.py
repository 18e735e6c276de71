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
    """What GitHub says of a repository; its spelling is that of the tokens' subjects."""

    full_name: str
    repository_id: str
    owner_id: str
    default_branch: str


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
        path = f"{self._base}/actions/oidc/customization/sub"
        subjects = self._client.call("GET", path, absent=frozenset({403, 404}))
        if subjects is not None and subjects.get("use_default") is False:
            raise UsageError(
                "the repository's tokens have subjects of its own making, which nothing here would trust",
                where=self._repository,
                repair=f"gh api --method PUT {path.lstrip('/')} -F use_default=true",
            )
        return Repository(
            full_name=str(answer["full_name"]),
            repository_id=str(answer["id"]),
            owner_id=str(answer["owner"]["id"]),
            default_branch=str(answer["default_branch"]),
        )

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

    def closed(self, environment: str, current: Mapping[str, Any]) -> bool:
        """Whether an environment is for branches that are listed, and none is."""
        if not (current.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            return False
        listed = self._client.call("GET", f"{self._path(environment)}/deployment-branch-policies")
        return not (listed or {}).get("branch_policies")

    def values(self, environment: str) -> EnvironmentValues:
        """What an environment holds."""
        return EnvironmentValues(self._client, self._repository, environment)

    def _path(self, environment: str) -> str:
        return f"{self._base}/environments/{segment(environment)}"


def unprotected(wanted: Environment, current: Mapping[str, Any]) -> list[str]:
    """What an existing environment lacks: a sentence each."""
    rules = {str(rule.get("type")) for rule in current.get("protection_rules") or []}
    lacks = []
    if wanted.reviewers and "required_reviewers" not in rules:
        lacks.append(
            f"environment {wanted.name} has no reviewers: whoever can start its workflow {wanted.does}; "
            "add them under Settings, Environments, Required reviewers"
        )
    if wanted.branch_only and not current.get("deployment_branch_policy"):
        lacks.append(
            f"environment {wanted.name} is open to every branch; limit it to the main one under Settings, "
            "Environments, Deployment branches"
        )
    return lacks
