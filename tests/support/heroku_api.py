"""Config vars of one Heroku app, strict about what they take; served by `StrictServer`.

Source: heroku/heroku-go, `v6/heroku.go` `ConfigVarInfoForApp` and `ConfigVarUpdate`, at commit
605eb02728e186d820e626f1d2f75c4a96675bcf.
"""

from __future__ import annotations

import re
from typing import Any

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY

_ACCEPT = "application/vnd.heroku+json; version=3"


class HerokuApi:
    """`/apps/acme-calendar/config-vars`: what is null is removed, and any answer has all that is left."""

    path = "/apps/acme-calendar/config-vars"

    def __init__(self) -> None:
        self.config_vars: dict[str, str] = {"RACK_ENV": "production"}
        self.drops: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return Reply(401, {"id": "unauthorized", "message": "Invalid credentials provided."})
        if request.headers.get("accept") != _ACCEPT:
            return Reply(406, {"id": "not_acceptable", "message": f"Accept has to be {_ACCEPT}"})
        if request.path != self.path or request.method not in ("GET", "PATCH"):
            return Reply(404, {"id": "not_found", "message": "Couldn't find that app."})
        return self._changed(request.body) if request.method == "PATCH" else Reply(200, self.config_vars)

    def _changed(self, body: Any) -> Reply:
        for name, value in body.items():
            if not re.fullmatch(r"\w+", name) or not isinstance(value, str | None):
                return Reply(422, {"id": "invalid_params", "message": f"{name} is no config var"})
            if value is None:
                self.config_vars.pop(name, None)
            elif not any(name.endswith(field.upper()) for field in self.drops):
                self.config_vars[name] = value
        return Reply(200, self.config_vars)
