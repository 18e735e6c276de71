"""The users of one organisation, a page at a time.

Pages are a chain: each names the next, so nothing makes this faster than asking for the next one at once. Batches of
calendar reads run beside it.

Source: https://learn.microsoft.com/en-us/graph/api/user-list and https://learn.microsoft.com/en-us/graph/paging
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.msgraph.answers import RETRIED_STATUSES, graph_error, parse_object
from orgcal.msgraph.graph import backoff_s, checked_next_link
from orgcal.msgraph.tokens import Tokens
from orgcal.msgraph.worlds import World
from verify.concurrency import Gate

if TYPE_CHECKING:
    import requests

PAGE_SIZE = 999
"""The most that Graph gives. Source: https://learn.microsoft.com/en-us/graph/api/user-list"""

REMEMBERED_PAGES = 3
"""Pages whose ids are kept to drop users that a page repeats: a user moves to the next page when somebody is added
while we list. Not more, so that memory does not grow; repeats further apart show in the comparison with `$count`."""

LOW_PRIORITY = {"x-ms-throttle-priority": "Low"}
"""A check is shed before the customer's own traffic. Source: https://learn.microsoft.com/en-us/graph/throttling-limits"""


class Stopped(Exception):  # not an error: the run was ended, or its budget was
    """The gate does not open any more."""


class UserPages:
    """Lists users; iterate once.

    Attributes:
        listed: users so far, without repeats.
        repeated: users that a page listed again.
        requests: requests sent so far.
        complete: the last page was read.
    """

    def __init__(
        self,
        world: World,
        tokens: Tokens,
        session: requests.Session,
        gate: Gate,
        *,
        with_names: bool = False,
        attempts: int = 6,
    ) -> None:
        self._world = world
        self._tokens = tokens
        self._session = session
        self._gate = gate
        self._attempts = attempts
        self._select = "id,userPrincipalName" if with_names else "id"
        self._lock = threading.Lock()  # `count` runs beside the listing
        self.listed = 0
        self.repeated = 0
        self.requests = 0
        self.complete = False

    def __iter__(self) -> Iterator[list[tuple[str, str]]]:
        """Pages of (object id, name or nothing).

        Raises:
            GraphError: Graph refused.
            EntraError: no token.
            Unreachable: no usable answer, or links that lead in a circle or to another host.
            Stopped: the run ended.
        """
        link = f"{self._world.graph_url}/v1.0/users?$select={self._select}&$top={PAGE_SIZE}"
        followed: set[int] = set()
        recent: deque[frozenset[str]] = deque(maxlen=REMEMBERED_PAGES)
        while True:
            followed.add(hash(link))
            answer = self._page(link)
            values = answer.get("value")
            if not isinstance(values, list):
                raise Unreachable("the list of users has no values", where="GET /users")
            page: list[tuple[str, str]] = []
            seen: set[str] = set()
            for item in values:
                user_id = item.get("id") if isinstance(item, dict) else None
                if not isinstance(user_id, str) or not user_id:
                    raise Unreachable("the list of users holds one without an id", where="GET /users")
                if user_id in seen or any(user_id in ids for ids in recent):
                    self.repeated += 1
                    continue
                seen.add(user_id)
                page.append((user_id, str(item.get("userPrincipalName") or "")))
            recent.append(frozenset(seen))
            self.listed += len(page)
            link = str(answer.get("@odata.nextLink") or "")
            self.complete = not link
            yield page  # before the link is judged: what was listed is read whatever follows
            if not link:
                return
            link = checked_next_link(self._world, link, where="GET /users")
            if hash(link) in followed:
                raise Unreachable("the pages of users lead in a circle", where="GET /users")

    def count(self) -> int | None:
        """Graph's own count of users, which lags behind; None where it cannot be had (B2C tenants have none)."""
        try:
            text = self._get(f"{self._world.graph_url}/v1.0/users/$count", {"ConsistencyLevel": "eventual"}).content
            return int(text.decode("utf-8-sig").strip())
        except (OrgcalError, Stopped, ValueError):
            return None

    def _page(self, link: str) -> dict[str, Any]:
        """One page; an answer that is cut off is asked for again."""
        for attempt in range(1, self._attempts + 1):
            response = self._get(link, {})
            try:
                return parse_object(
                    response.content, where="GET /users", content_type=response.headers.get("Content-Type", "")
                )
            except Unreachable:
                if attempt == self._attempts:
                    raise
                self._gate.hold(backoff_s(attempt))
        raise AssertionError("unreachable: the last attempt raises")

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        import requests

        token, renewed = self._tokens.token(), False
        attempt = 0
        while True:
            if not self._gate.wait():
                raise Stopped
            attempt += 1
            with self._lock:
                self.requests += 1
            try:
                response = self._session.get(
                    url, headers={"Authorization": f"Bearer {token}", **LOW_PRIORITY, **headers}
                )
            except requests.exceptions.RequestException as error:
                if attempt >= self._attempts or isinstance(error, requests.exceptions.SSLError):
                    raise Unreachable(
                        f"Microsoft Graph cannot be reached ({type(error).__name__})", where="GET /users"
                    ) from error
                self._gate.hold(backoff_s(attempt))
                continue
            if response.status_code == 200:
                return response
            if response.status_code == 401 and not renewed:
                token, renewed = self._tokens.renewed(token), True
                continue
            refused = refusal(response)
            if response.status_code not in RETRIED_STATUSES or attempt >= self._attempts:
                raise refused
            self._gate.hold(backoff_s(attempt) if refused.retry_after_s is None else refused.retry_after_s)


def refusal(response: requests.Response) -> GraphError:
    """The error in an answer to `GET /users`."""
    try:
        body = parse_object(response.content, where="GET /users")
    except Unreachable:
        body = None
    return graph_error(response.status_code, body, headers=response.headers, where="GET /users")
