"""CI/CD variables of a GitLab project, strict about what they take; served by `StrictServer`.

Source: `lib/api/ci/variables.rb` of gitlabhq/gitlabhq at commit 2df3fbbc602861654d8797da654f578fd2b60303.
"""

from __future__ import annotations

from typing import Any

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, unexpected

_SETTABLE = {"value", "protected", "masked", "variable_type", "environment_scope"}


class GitlabApi:
    """`/projects/acme%2Fcalendar/variables`; takes forms only, as GitLab takes either."""

    base = "/projects/acme%2Fcalendar/variables"

    def __init__(self) -> None:
        self.variables: dict[tuple[str, str], dict[str, Any]] = {}
        self.drops: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("private-token") != API_KEY:
            return Reply(401, {"message": "401 Unauthorized"})
        if request.body is not None and "form-urlencoded" not in request.headers["content-type"]:
            return Reply(415, {"error": "this test wants forms"})
        if request.path == self.base and request.method == "POST":
            return self._create(request.body)
        name = (request.path.removeprefix(f"{self.base}/"), request.query.get("filter[environment_scope]", "*"))
        if name not in self.variables:
            return Reply(404, {"message": "404 Variable Not Found"})
        if request.method == "DELETE":
            del self.variables[name]
            return Reply(204)
        if request.method == "PUT":
            if wrong := unexpected(request.body, _SETTABLE):
                return Reply(400, {"error": wrong})
            self.variables[name] |= self._stored(name[0], request.body)
        return Reply(200, {"key": name[0], **self.variables[name]})

    def _create(self, body: Any) -> Reply:
        wrong = unexpected(body, {"key", *_SETTABLE}, {"key", "value"})
        if wrong:
            return Reply(400, {"error": wrong})
        name = (body["key"], body.get("environment_scope", "*"))
        if name in self.variables:
            return Reply(400, {"message": {"key": [f"({name[0]}) has already been taken"]}})
        self.variables[name] = {"value": "", **self._stored(name[0], body)}
        return Reply(201, {"key": name[0], **self.variables[name]})

    def _stored(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        dropped = any(key.endswith(field.upper()) for field in self.drops)
        return {name: value for name, value in body.items() if name != "key" and not (dropped and name == "value")}
