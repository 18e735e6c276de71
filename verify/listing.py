"""The users of one organisation, a page at a time.

Pages are a chain: each names the next, so nothing makes this faster than asking for the next one at once, before the
last is parsed. Batches of calendar reads run beside it.

A link to a further page may expire (`Directory_ExpiredPageToken`): Microsoft names no lifetime, and reports of it come
from large directories (msgraph-sdk-dotnet issue 2254; cartography-cncf/cartography pull 2853 begins anew as well). The
page before is asked for once more, as its answer brings a new link, and if that has expired too, the first one. Eight
bytes of each user tell then who was listed already.

Source: https://learn.microsoft.com/en-us/graph/api/user-list and https://learn.microsoft.com/en-us/graph/paging
"""

from __future__ import annotations

import json
import re
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from orgcal.entra.answers import parse_object, refusal_of, shorten
from orgcal.entra.auth import Tokens
from orgcal.entra.batch import LIMIT_REACHED, limit_share
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import checked_next_link
from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.numbers import whole_number
from orgcal.patience import backoff_s
from verify.answers import Again, Place, rule_of
from verify.batching import PAGE_SIZE, User
from verify.concurrency import NEARLY_THROTTLED, THROTTLED, UNANSWERED, Gate
from verify.models import Pace

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


MAX_RELISTINGS = 5
"""Times in a row that the listing begins anew without finding a further user."""

COUNT_ATTEMPTS = 2
"""Graph's own count is only compared with ours: it is not worth more."""

_NEXT_LINK = re.compile(rb'"@odata\.nextLink"\s*:\s*("[^"\\]{1,4000}")')
"""Found without parsing the page; a link with an escape in it waits for the parser."""


class Stopped(Exception):  # not an error: the run was ended, or its budget was
    """The gate does not open any more."""


class _Expired(Exception):
    """The link to a page is not good any more."""

    def __init__(self, refused: GraphError) -> None:
        self.refused = refused


@dataclass(slots=True)
class UserPages:
    """Lists users; iterate once.

    Attributes:
        repeated: users that a page listed again.
        relisted: times that the listing began anew.
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
    pace: Pace
    throttled: Callable[[], None]
    repeated: int = field(default=0, init=False)
    relisted: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)
    complete: bool = field(default=False, init=False)
    request_id: str = field(default="", init=False)
    _known: array[int] = field(default_factory=lambda: array("q"), init=False)
    """Of each user listed so far, a hash of the id: two users of a million share one in 1 of 37 million runs."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)  # `count` runs beside the listing

    def __iter__(self) -> Iterator[list[User]]:
        """Pages of (object id, name or nothing).

        Raises:
            GraphError: Graph refused.
            EntraError: no token.
            Unreachable: no usable answer, or links that lead in a circle or to another host.
            Stopped: the run ended.
        """
        select = "id,userPrincipalName" if self.with_names else "id"
        first = f"{self.endpoints.graph_url}/v1.0/users?$select={select}&$top={PAGE_SIZE}"
        links, fruitless = [first], 0
        before: frozenset[int] = frozenset()  # who was listed before the listing began anew
        with ThreadPoolExecutor(1, thread_name_prefix="users") as helper:
            while True:
                listed = len(self._known)
                try:
                    for page in self._chain(links, helper):
                        new = [user for user in page if hash(user[0]) not in before] if before else page
                        self._known.extend(hash(user_id) for user_id, _ in new)
                        yield new
                    return
                except _Expired as expired:
                    fruitless = 0 if len(self._known) > listed else fruitless + 1
                    if fruitless > MAX_RELISTINGS:
                        raise expired.refused from None
                    self.relisted += 1
                    before = frozenset(self._known)
                    links = [first] if fruitless or len(links) < 2 else [links[-2]]
                    self.gate.hold(backoff_s(1 + fruitless, first_s=self.pace.first_pause_s), UNANSWERED)

    def _chain(self, links: list[str], helper: ThreadPoolExecutor) -> Iterator[list[User]]:
        """Pages from the last of `links` on; the links that were followed are added to it.

        Raises:
            _Expired: the last link has.
        """
        seen = _Seen()
        link = links[-1]
        ahead = _Ahead()
        try:
            while True:
                answer, ahead = self._page(link, ahead, helper)
                users = self._users_of(answer, seen)
                link = str(answer.get("@odata.nextLink") or "")
                self.complete = not link
                yield users  # before the link is judged: what was listed is read whatever follows
                if not link:
                    return
                link = checked_next_link(self.endpoints, link, where="GET /users")
                if seen.circle():
                    raise Unreachable("the pages of users lead in a circle", where="GET /users")
                if link != ahead.link:
                    ahead.leave()
                    ahead = _Ahead()
                links[:] = [links[-1], link]
        finally:
            ahead.leave()

    def _page(self, link: str, ahead: _Ahead, helper: ThreadPoolExecutor) -> tuple[dict[str, Any], _Ahead]:
        """One page, and the request for the one after it, which has left already; one that is unusable comes again."""
        attempt = 0
        while True:
            attempt += 1
            found = ahead.asked or helper.submit(self._fetch, link, ahead, helper)
            response, ahead.link, ahead.asked = found.result()
            ahead.room.release()
            try:
                answer = parse_object(
                    response.content, where="GET /users", content_type=response.headers.get("Content-Type", "")
                )
                _check_users(answer)
                return answer, ahead
            except Unreachable:
                ahead.leave()
                if attempt >= self.pace.attempts:
                    raise
                ahead = _Ahead()
                self.gate.hold(backoff_s(attempt, first_s=self.pace.first_pause_s), UNANSWERED)

    def _fetch(self, link: str, ahead: _Ahead, helper: ThreadPoolExecutor) -> _Fetched:
        """One answer, the page that it names, and the request for that: it leaves before the answer is parsed."""
        ahead.room.acquire()
        if ahead.left:
            raise Stopped
        response = self._get(link, {}, self.pace.attempts)
        following = self._link_in(response.content, link)
        asked = helper.submit(self._fetch, following, ahead, helper) if following else None
        return _Fetched(response, following, asked)

    def _link_in(self, content: bytes, link: str) -> str:
        """The page that an answer names, found without parsing it; empty where it names none that can be asked for."""
        found = _NEXT_LINK.search(content)
        if found is None or not content.rstrip().endswith(b"}"):
            return ""
        try:
            following = checked_next_link(self.endpoints, str(json.loads(found[1])), where="GET /users")
        except (Unreachable, ValueError):
            return ""
        return "" if following == link else following

    def _users_of(self, answer: dict[str, Any], seen: _Seen) -> list[User]:
        """The users of a page that were not listed before."""
        values = answer["value"]
        ids = [item["id"] for item in values]
        new = seen.new_of(ids)
        self.repeated += len(ids) - len(new)
        if not self.with_names:
            return [(user_id, "") for user_id in new]
        names = {item["id"]: shorten(str(item.get("userPrincipalName") or "")) for item in values}
        return [(user_id, names[user_id]) for user_id in new]

    def count(self) -> int | None:
        """Graph's own count of users, which lags behind; None where it cannot be had (B2C tenants have none)."""
        try:
            url = f"{self.endpoints.graph_url}/v1.0/users/$count"
            text = self._get(url, {"ConsistencyLevel": "eventual"}, COUNT_ATTEMPTS).content
            return whole_number(text.decode("utf-8-sig").strip())
        except (OrgcalError, Stopped, _Expired, ValueError):
            return None

    def _get(self, url: str, headers: dict[str, str], attempts: int) -> Response:
        """The answer to one request, which is sent again as `verify.answers.TABLE` says."""
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
                if attempt >= attempts or isinstance(error, requests.exceptions.SSLError):
                    raise Unreachable(
                        f"Microsoft Graph cannot be reached ({type(error).__name__})", where="GET /users"
                    ) from error
                self.gate.hold(backoff_s(attempt, first_s=self.pace.first_pause_s), UNANSWERED)
                continue
            self.request_id = shorten(response.headers.get("request-id", ""), 64)
            if response.status_code == LIMIT_REACHED or limit_share(response.headers) >= NEARLY_THROTTLED:
                self.throttled()
            if response.status_code == 200:
                return response
            refused = refusal_of(response, "GET /users")
            again = rule_of(Place.USERS, response.status_code, refused.code, refused.what).again
            if again is Again.LISTING:
                raise _Expired(refused)
            if again is Again.NO or attempt >= attempts or (again is Again.TOKEN and renewed):
                raise refused
            if again in (Again.TOKEN, Again.TOKEN_AND_PAUSE):
                token, renewed = self.tokens.renewed(token), True
            if again is not Again.TOKEN:
                asked = refused.retry_after_s
                pause_s = backoff_s(attempt, first_s=self.pace.first_pause_s) if asked is None else asked
                self.gate.hold(pause_s, THROTTLED if refused.status == LIMIT_REACHED else UNANSWERED)


def _check_users(answer: dict[str, Any]) -> None:
    """Refuse a page that is no list of users.

    Raises:
        Unreachable: it has no list, or a user in it has no id that an address can hold.
    """
    values = answer.get("value")
    if not isinstance(values, list):
        raise Unreachable("the list of users has no values", where="GET /users")
    try:
        ids = [item["id"] for item in values]
        usable = all(ids) and "".join(ids).encode() is not None
    except (TypeError, KeyError, ValueError):
        usable = False
    if not usable:
        raise Unreachable("the list of users holds one without an id", where="GET /users")


class _Fetched(NamedTuple):
    """An answer, the page that it names (empty for none), and the request for that."""

    response: Response
    following: str
    asked: Future[_Fetched] | None


class _Ahead:
    """Pages that are asked for one after the other, without waiting for who reads them; at most two are unread."""

    def __init__(self) -> None:
        self.room = threading.Semaphore(2)
        self.left = False
        self.link = ""
        self.asked: Future[_Fetched] | None = None

    def leave(self) -> None:
        """Ask for no further page."""
        self.left = True
        self.room.release(2)


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
        self._barren = 0

    def new_of(self, ids: list[str]) -> list[str]:
        """The users of the next page who were not on one that is remembered, each once."""
        if self._pages == self._keep_at:
            self._kept, self._keep_at = self._page, self._keep_at * 2
        self._pages += 1
        self._page = set(ids)
        known = [page for page in (*self._recent, self._kept) if not page.isdisjoint(self._page)]
        self._recent.append(self._page)
        new = ids
        if known or len(self._page) < len(ids):
            new = [user_id for user_id in dict.fromkeys(ids) if not any(user_id in page for page in known)]
        self._barren = 0 if new else self._barren + 1
        return new

    def circle(self) -> bool:
        """Whether the page that was just seen shows that going on leads nowhere new."""
        return self._barren >= BARREN_PAGES or bool(self._page and self._page == self._kept)
