"""The users of one organisation, a page at a time.

Pages are a chain: each names the next, so nothing makes this faster than asking for the next one at once. Batches of
calendar reads run beside it.

Source: https://learn.microsoft.com/en-us/graph/api/user-list and https://learn.microsoft.com/en-us/graph/paging
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orgcal.entra.answers import RETRIED_STATUSES, parse_object, refusal_of
from orgcal.entra.auth import Tokens
from orgcal.entra.batch import limit_share
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import checked_next_link
from orgcal.errors import OrgcalError, Unreachable
from orgcal.patience import backoff_s
from verify.batching import PAGE_SIZE
from verify.concurrency import NEARLY_THROTTLED, Gate

if TYPE_CHECKING:
    from requests import Response, Session

REMEMBERED_PAGES = 3
"""Pages whose ids are kept to drop users that a page repeats: a user moves to the next page when somebody is added
while we list. Not more, so that memory does not grow; repeats further apart show in the comparison with `$count`."""

LOW_PRIORITY = {"x-ms-throttle-priority": "Low"}
"""A check is shed before the customer's own traffic. Source: https://learn.microsoft.com/en-us/graph/throttling-limits"""


BARREN_PAGES = 50
"""Pages in a row without a new user after which listing ends. An empty page is legal; this many are a server that is
lost."""


class Stopped(Exception):  # not an error: the run was ended, or its budget was
    """The gate does not open any more."""


@dataclass(slots=True)
class UserPages:
    """Lists users; iterate once.

    Attributes:
        repeated: users that a page listed again.
        requests: requests sent so far.
        complete: the last page was read.
        request_id: Graph's, of its last answer.
        throttled: called when Graph refuses a request for now, or says that a limit is nearly reached; the directory
            is the service that tells (`x-ms-throttle-limit-percentage`).
    """

    endpoints: CloudEndpoints
    tokens: Tokens
    session: Session
    gate: Gate
    with_names: bool
    attempts: int
    throttled: Callable[[], None]
    repeated: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)
    complete: bool = field(default=False, init=False)
    request_id: str = field(default="", init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)  # `count` runs beside the listing

    def __iter__(self) -> Iterator[list[tuple[str, str]]]:
        """Pages of (object id, name or nothing).

        Raises:
            GraphError: Graph refused.
            EntraError: no token.
            Unreachable: no usable answer, or links that lead in a circle or to another host.
            Stopped: the run ended.
        """
        select = "id,userPrincipalName" if self.with_names else "id"
        link = f"{self.endpoints.graph_url}/v1.0/users?$select={select}&$top={PAGE_SIZE}"
        seen = _Seen()
        while True:
            answer = self._page(link)
            page = list(self._users_of(answer, seen))
            link = str(answer.get("@odata.nextLink") or "")
            self.complete = not link
            yield page  # before the link is judged: what was listed is read whatever follows
            if not link:
                return
            link = checked_next_link(self.endpoints, link, where="GET /users")
            if seen.circle():
                raise Unreachable("the pages of users lead in a circle", where="GET /users")

    def _users_of(self, answer: dict[str, Any], seen: _Seen) -> Iterator[tuple[str, str]]:
        """The users of a page that were not listed before."""
        values = answer.get("value")
        if not isinstance(values, list):
            raise Unreachable("the list of users has no values", where="GET /users")
        seen.begin_page()
        for item in values:
            user_id = item.get("id") if isinstance(item, dict) else None
            if not isinstance(user_id, str) or not user_id:
                raise Unreachable("the list of users holds one without an id", where="GET /users")
            if seen.before(user_id):
                self.repeated += 1
            else:
                yield user_id, str(item.get("userPrincipalName") or "")

    def count(self) -> int | None:
        """Graph's own count of users, which lags behind; None where it cannot be had (B2C tenants have none)."""
        try:
            text = self._get(f"{self.endpoints.graph_url}/v1.0/users/$count", {"ConsistencyLevel": "eventual"}).content
            return int(text.decode("utf-8-sig").strip())
        except (OrgcalError, Stopped, ValueError):
            return None

    def _page(self, link: str) -> dict[str, Any]:
        """One page; an answer that is cut off is asked for again."""
        for attempt in range(1, self.attempts + 1):
            response = self._get(link, {})
            try:
                return parse_object(
                    response.content, where="GET /users", content_type=response.headers.get("Content-Type", "")
                )
            except Unreachable:
                if attempt == self.attempts:
                    raise
                self.gate.hold(backoff_s(attempt))
        raise AssertionError("unreachable: the last attempt raises")

    def _get(self, url: str, headers: dict[str, str]) -> Response:
        import requests

        token, renewed = self.tokens.token(), False
        attempt = 0
        while True:
            if not self.gate.wait():
                raise Stopped
            attempt += 1
            with self._lock:
                self.requests += 1
            try:
                response = self.session.get(
                    url, headers={"Authorization": f"Bearer {token}", **LOW_PRIORITY, **headers}
                )
            except requests.exceptions.RequestException as error:
                if attempt >= self.attempts or isinstance(error, requests.exceptions.SSLError):
                    raise Unreachable(
                        f"Microsoft Graph cannot be reached ({type(error).__name__})", where="GET /users"
                    ) from error
                self.gate.hold(backoff_s(attempt))
                continue
            self.request_id = response.headers.get("request-id", "")
            if response.status_code in RETRIED_STATUSES or limit_share(response.headers) >= NEARLY_THROTTLED:
                self.throttled()
            if response.status_code == 200:
                return response
            if response.status_code == 401 and not renewed:
                token, renewed = self.tokens.renewed(token), True
                continue
            refused = refusal_of(response, "GET /users")
            if response.status_code not in RETRIED_STATUSES or attempt >= self.attempts:
                raise refused
            self.gate.hold(backoff_s(attempt) if refused.retry_after_s is None else refused.retry_after_s)


class _Seen:
    """What listing remembers of the pages behind it, in constant memory.

    A server may lead in circles under links that are new each time. So one page is kept to be recognised, exchanged for
    a later one at ever longer distances: whatever the circle's length, a kept page comes again (Brent's cycle
    detection, https://en.wikipedia.org/wiki/Cycle_detection#Brent's_algorithm).
    """

    def __init__(self) -> None:
        self._recent: deque[set[str]] = deque(maxlen=REMEMBERED_PAGES)
        self._page: set[str] = set()
        self._kept: set[str] = set()
        self._pages = 0
        self._keep_at = 1
        self._new = 0
        self._barren = 0

    def begin_page(self) -> None:
        """A page comes; the one before is remembered."""
        if self._pages == self._keep_at:
            self._kept, self._keep_at = self._page, self._keep_at * 2
        self._pages += 1
        self._recent.append(self._page)
        self._page = set()
        self._new = 0

    def before(self, user_id: str) -> bool:
        """Whether this user was on this page or on one that is remembered."""
        known = user_id in self._page or user_id in self._kept or any(user_id in ids for ids in self._recent)
        self._page.add(user_id)
        self._new += not known
        return known

    def circle(self) -> bool:
        """Whether the page that was just seen shows that going on leads nowhere new."""
        self._barren = 0 if self._new else self._barren + 1
        return self._barren >= BARREN_PAGES or bool(self._page and self._page == self._kept)
