"""A small client of Microsoft Graph: get, post, patch, delete, pages.

    graph = GraphClient(endpoints, token_source, new_session(endpoints))
    graph.get("/organization")
    for user in graph.pages("/users", {"$select": "id", "$top": "999"}): ...

It does what Microsoft asks of clients: waits for `Retry-After` and repeats 429, 503 and 504 within a budget (reads also
after other server errors), renews the token once on 401, and follows `@odata.nextLink` as a whole, but never to another
host, where the token must not go.

Sources: https://learn.microsoft.com/en-us/graph/throttling, https://learn.microsoft.com/en-us/graph/paging
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from orgcal.entra.answers import RETRIED_STATUSES, parse_object, refusal_of
from orgcal.entra.auth import Tokens
from orgcal.entra.clouds import CloudEndpoints, origin_of
from orgcal.errors import GraphError, Unreachable
from orgcal.patience import Clock, Patience

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")


@dataclass(eq=False)
class GraphClient:
    """Requests to Microsoft Graph as one application in one tenant; safe to share between threads.

    Attributes:
        session: of `new_session(endpoints)`.
        budget_s: seconds that one call may wait for retries in all.
        clock: for tests.
    """

    endpoints: CloudEndpoints
    token_source: Tokens
    session: requests.Session
    budget_s: float = field(default=120.0, kw_only=True)
    clock: Clock | None = field(default=None, kw_only=True)

    def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object at `path`.

        Args:
            path: beginning with a slash, without the version.
            params: query options, such as `{"$select": "id"}`.
            headers: further headers, such as `{"ConsistencyLevel": "eventual"}`.

        Raises:
            GraphError: Graph answered with an error.
            EntraError: no token.
            Unreachable: no usable answer.
        """
        return self._object("GET", path, params=params, headers=headers)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What Graph answers to `body` posted at `path`; an empty dict for an empty answer; raises as `get` does.

        A post is repeated only where Graph said that it did nothing (429, 503, 504), never after a lost connection.
        """
        return self._object("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change the object at `path`; an empty dict for an empty answer; raises as `get` does."""
        return self._object("PATCH", path, body=body)

    def upload(self, path: str, content: bytes, content_type: str) -> None:
        """Put bytes that are no JSON, such as a logo, at `path`; raises as `get` does."""
        self._send("PUT", path, headers={"Content-Type": content_type}, content=content)

    def delete(self, path: str) -> None:
        """Delete the object at `path`; raises as `get` does."""
        self._send("DELETE", path)

    def pages(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every item of the collection at `path`, a page in memory at a time; raises as `get` does.

        Raises:
            Unreachable: also for a `nextLink` that was followed before or points elsewhere.
        """
        followed: set[str] = set()
        answer = self.get(path, params, headers)
        while True:
            values = answer.get("value")
            if not isinstance(values, list):
                raise Unreachable("Microsoft Graph's answer has no list of values", where=f"GET {path}")
            yield from (item for item in values if isinstance(item, dict))
            link = answer.get("@odata.nextLink")
            if not link:
                return
            link = checked_next_link(self.endpoints, str(link), where=f"GET {path}")
            if link in followed:
                raise Unreachable("the pages of this collection lead in a circle", where=f"GET {path}")
            followed.add(link)
            answer = self._object("GET", path, url=link, headers=headers)

    def url_of(self, path: str) -> str:
        """The address of `path`, with version v1.0 unless the path names one, as in `/beta/applications`."""
        if path.startswith(("/v1.0/", "/beta/")):
            return f"{self.endpoints.graph_url}{path}"
        return f"{self.endpoints.graph_url}/v1.0{path}"

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        url: str = "",
    ) -> requests.Response:
        import requests

        where = f"{method} {path.split('?')[0]}"
        address = url or self.url_of(path)
        patience, renewed = Patience(self.budget_s, self.clock), False
        token = self.token_source.token()
        while True:
            all_headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(headers or {})}
            data: str | bytes | None = content
            if body is not None:
                data = json.dumps(body)
                all_headers["Content-Type"] = "application/json"
            try:
                response = self.session.request(method, address, params=params, data=data, headers=all_headers)
            except requests.exceptions.RequestException as error:
                repeatable = method in ("GET", "DELETE") and not isinstance(error, requests.exceptions.SSLError)
                if repeatable and patience.wait():
                    continue
                raise Unreachable(
                    f"Microsoft Graph cannot be reached ({type(error).__name__})",
                    where=f"{where} at {self.endpoints.graph_url}",
                    repair="check the network, then try again",
                ) from error
            if response.status_code < 400:
                return response
            if response.status_code == 401 and not renewed:
                renewed = True
                token = self.token_source.renewed(token)
                continue
            refused = refusal_of(response, where)
            if _for_now(method, refused) and patience.wait(refused.retry_after_s):
                continue
            raise refused

    def _object(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        response = self._send(method, path, **request)
        if response.status_code == 204 or not response.content:
            return {}
        where, content_type = f"{method} {path.split('?')[0]}", response.headers.get("Content-Type", "")
        return parse_object(response.content, where=where, content_type=content_type)


def _for_now(method: str, refused: GraphError) -> bool:
    """Whether the same request may soon succeed; of a change only where Graph said that it did nothing.

    A 501 is what a server does not know, and stays so.
    """
    if refused.status in RETRIED_STATUSES:
        return True
    without_code = refused.status == 400 and refused.code in ("", "UnknownError")
    return method == "GET" and (
        without_code or refused.status == 408 or (refused.status >= 500 and refused.status != 501)
    )


def unless_refused(ask: Callable[[], _T], *statuses: int) -> _T | None:
    """What Graph answers to `ask`, or None where it answers with an error of one of these HTTP statuses."""
    try:
        return ask()
    except GraphError as error:
        if error.status in statuses:
            return None
        raise


def checked_next_link(endpoints: CloudEndpoints, link: str, *, where: str) -> str:
    """`link` if it leads to the same Microsoft Graph that sent it.

    Raises:
        Unreachable: it leads to another scheme, host or port; following it would hand our token to a stranger.
    """
    try:
        link.encode()  # an address with half a character in it cannot be sent
        urlsplit(link)
    except ValueError:
        raise Unreachable("Microsoft Graph's next page has no usable address", where=where) from None
    here, there = origin_of(endpoints.graph_url), origin_of(link)
    if there != here:
        raise Unreachable(
            f"Microsoft Graph's next page leads to {there or 'no server'}, "
            f"not to {here}; it was not followed, as the token would have gone there",
            where=where,
            repair="something between here and Microsoft Graph changes its answers; find out what",
        )
    return link
