"""A repository on GitHub in memory, as strict as its documentation: environments, their variables and secrets.

Sources: https://docs.github.com/en/rest/deployments/environments, https://docs.github.com/en/rest/actions/variables,
https://docs.github.com/en/rest/actions/secrets and https://docs.github.com/en/rest/actions/oidc
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, GithubApi, unexpected

FULL_NAME, OWNER_ID, REPOSITORY_ID = "Acme/Calendar-App", 123456, 456789
CLASSIC = f"repo:{FULL_NAME}"
IMMUTABLE = f"repo:Acme@{OWNER_ID}/Calendar-App@{REPOSITORY_ID}"
_ENVIRONMENT = {"wait_timer", "prevent_self_review", "reviewers", "deployment_branch_policy"}


class GithubRepositoryApi:
    """One repository, with names as insensitive to case as GitHub's.

    Attributes:
        environments: what each holds, by name.
        protection: of each: its reviewers and branches.
        admin: whether the token may administer the repository.
        subjects: what it says of its tokens' subjects; GitHub's own, with numbers, unless changed.
        protected: names of branches that are protected.
    """

    def __init__(self) -> None:
        self.environments: dict[str, GithubApi] = {}
        self.protection: dict[str, dict[str, Any]] = {}
        self.admin = True
        self.subjects: dict[str, Any] = {
            "use_default": True,
            "use_immutable_subject": False,
            "sub_claim_prefix": IMMUTABLE,
        }
        self.protected: list[str] = []

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return Reply(401, {"message": "Bad credentials"})
        base = f"/repos/{FULL_NAME}".lower()
        path = request.path
        if path == "/users/ada":
            return Reply(200, {"login": "ada", "id": 1815})
        if not path.lower().startswith(base):
            return Reply(404, {"message": "Not Found"})
        rest = path[len(base) :]
        if rest == "":
            permissions = {"admin": self.admin, "push": True, "pull": True}
            return Reply(
                200,
                {
                    "id": REPOSITORY_ID,
                    "full_name": FULL_NAME,
                    "owner": {"login": "Acme", "id": OWNER_ID},
                    "default_branch": "trunk",
                    "permissions": permissions,
                },
            )
        if rest == "/actions/oidc/customization/sub":
            return Reply(200, self.subjects)
        if rest == "/branches" and request.query == {"protected": "true"}:
            return Reply(200, [{"name": name, "protected": True} for name in self.protected])
        match = re.fullmatch(r"/environments/([^/]+)(/.*)?", rest)
        if not match:
            return Reply(404, {"message": "Not Found"})
        return self._environment(unquote(match[1]), match[2] or "", request)

    def _environment(self, name: str, part: str, request: Request) -> Reply:
        if request.method != "GET" and not self.admin:
            return Reply(403, {"message": "Resource not accessible by personal access token"})
        if part == "" and request.method == "PUT":
            return self._make(name, request.body)
        if name not in self.environments:
            return Reply(404, {"message": "Not Found"})
        if part == "":
            return Reply(200, {"name": name, **self.protection[name]})
        if part == "/deployment-branch-policies":
            if not self.protection[name]["deployment_branch_policy"]:
                return Reply(404, {"message": "Not Found"})
            branches = self.protection[name].setdefault("branches", [])
            if request.method == "GET":
                listed = [{"id": number, "name": branch} for number, branch in enumerate(branches, start=1)]
                return Reply(200, {"total_count": len(listed), "branch_policies": listed})
            wrong = unexpected(request.body, {"name", "type"}, {"name"})
            if wrong or request.body["name"] in branches:
                return Reply(303 if not wrong else 422, {"message": wrong or "already exists"})
            branches.append(request.body["name"])
            return Reply(200, {"id": len(branches), "name": request.body["name"]})
        inner = Request(request.method, GithubApi.base + part, request.query, request.headers, request.body)
        return self.environments[name](inner)

    def _make(self, name: str, body: Any) -> Reply:
        wrong = unexpected(body, _ENVIRONMENT)
        if wrong:
            return Reply(422, {"message": wrong})
        policy = body.get("deployment_branch_policy")
        if policy and policy["protected_branches"] == policy["custom_branch_policies"]:
            return Reply(422, {"message": "protected_branches and custom_branch_policies cannot have the same value"})
        rules = [{"type": "required_reviewers", "reviewers": body["reviewers"]}] if body.get("reviewers") else []
        self.environments.setdefault(name, GithubApi())
        self.protection[name] = {"protection_rules": rules, "deployment_branch_policy": policy}
        return Reply(200, {"name": name, **self.protection[name]})
