"""Microsoft Graph of the home tenant, answered from a table and without a server: what is asked, and what follows."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import requests

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.errors import GraphError

GRAPH = "https://graph.example"


def refusal(status: int, where: str = "GET /somewhere") -> GraphError:
    """What `GraphClient` raises for an answer of that status."""
    return GraphError(f"Microsoft Graph answered {status}", status=status, request_id="r1", where=where)


class HomeToken:
    """The operator's token."""

    def __init__(self, token: str = "opaque") -> None:
        self._token = token

    def token(self) -> str:
        return self._token

    def renewed(self, refused: str) -> str:
        return refused


class HomeGraph(GraphClient):
    """Answers by "METHOD path", of a page's link "GET address"; a list stands for a collection.

    An exception is raised; what is missing is not found, and a write without an answer succeeds.

    Attributes:
        sent: each request: method and path, parameters or body, further headers.
    """

    def __init__(self, answers: Mapping[str, Any], token: str = "opaque") -> None:
        nobody = cast(requests.Session, None)
        super().__init__(CloudEndpoints("public", "https://login.example", GRAPH, "public"), HomeToken(token), nobody)
        self.answers = dict(answers)
        self.sent: list[tuple[str, Any, Any]] = []

    def _object(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        asked = f"{method} {request.get('url') or path}"
        self.sent.append((asked, request.get("params") or request.get("body"), request.get("headers")))
        answer = self.answers.get(asked, refusal(404, asked) if method == "GET" else {})
        if isinstance(answer, Exception):
            raise answer
        return {"value": copy.deepcopy(answer)} if isinstance(answer, list) else copy.deepcopy(dict(answer))

    def _send(self, method: str, path: str, **_: Any) -> requests.Response:
        self._object(method, path)
        return requests.Response()
