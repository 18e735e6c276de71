"""Microsoft Graph as the resources need it: patient with what it has just written.

Entra writes in one place and reads in another, so that an object can be missing, forbidden or in conflict for some
time after its creation. Such an answer about something this process made is waited out; about anything else it is the
truth. Nothing is ever taken for deleted because of it.

Source: https://learn.microsoft.com/en-us/graph/best-practices-concept and the retries of the real plugin.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from orgcal.entra.graph import GraphClient
from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.patience import Clock

NOT_YET = frozenset({403, 404, 409})
"""Answers that can mean "not everywhere yet" about a new object."""

NOT_YET_MESSAGES = ("does not reference a valid application object", "Not a valid reference update")
"""What Graph says with 400 where a new object is named in a body (both are retried by the real plugin)."""

LAG_S = 120.0
"""How long after its creation an object may be missing; Microsoft names no bound, minutes are seen."""

REFUSED_LAG_S = 30.0
"""The same for 403 and 409, which are the truth more often."""

FIRST_WAIT_S = 0.1
MAX_WAIT_S = 2.0

OWNERS_AT_CREATION = 20
"""Owners that Graph takes with a new object; the others are added afterwards."""

SEEN_IN_A_ROW = 2
"""Reads in a row that must show a new object before it counts as there: replicas answer in turn."""

_T = TypeVar("_T")


class Directory:
    """Requests about applications and service principals; safe to share between threads.

    Args:
        graph: the client.
        caller: gives the object id of the principal that deploys, or an empty text where its token cannot be read.
        client_id: of that principal.
        clock: for tests.
    """

    def __init__(
        self, graph: GraphClient, caller: Callable[[], str], client_id: str, clock: Clock | None = None
    ) -> None:
        self.client_id = client_id
        self._graph = graph
        self._caller = caller
        self._clock = clock or Clock()
        self._made: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The object at `path`; raises as `GraphClient.get` does."""
        return self._patiently(_subject(path), lambda: self._graph.get(path, params))

    def found(self, path: str) -> dict[str, Any] | None:
        """The object at `path`, or None if it does not exist (any more)."""
        try:
            return self.get(path)
        except GraphError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Every item of a small collection."""
        return self._patiently(_subject(path), lambda: list(self._graph.pages(path, params)))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create something, or run an action; what Graph answers."""
        return self._patiently(f"{path} {body}", lambda: self._graph.post(path, body))

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change the object at `path`."""
        self._patiently(f"{path} {body}", lambda: self._graph.patch(path, body))

    def upload(self, path: str, content: bytes, content_type: str) -> None:
        """Put bytes that are no JSON at `path`."""
        self._patiently(path, lambda: self._graph.upload(path, content, content_type))

    def delete(self, path: str) -> None:
        """Delete the object at `path`; raises as `GraphClient.delete` does, also where it is gone already."""
        self._patiently(_subject(path), lambda: self._graph.delete(path))

    def remember(self, *object_ids: str) -> None:
        """From now on, and for a while, these may be invisible without being gone."""
        now = self._clock.monotonic()
        with self._guard:
            self._made.update({object_id: now for object_id in object_ids if object_id})

    def forget(self, *object_ids: str) -> None:
        """These were deleted: "not found" is the truth again."""
        with self._guard:
            for object_id in object_ids:
                self._made.pop(object_id, None)

    def until(self, read: Callable[[], _T | None], what: str) -> _T:
        """What `read` gives once it has given something several times in a row.

        Args:
            read: gives None, or raises 404, while what is waited for cannot be seen.
            what: for the message.

        Raises:
            Unreachable: it did not appear in time.
        """
        seen = 0

        def seen_enough() -> _T | None:
            nonlocal seen
            while seen < SEEN_IN_A_ROW:
                result = read()
                if result is None:
                    seen = 0
                    return None
                seen += 1
            return result

        shown = self.wait(seen_enough, LAG_S)
        if shown is None:
            raise Unreachable(
                f"{what} was created, but cannot be seen after {LAG_S:.0f} s",
                repair="pulumi up, which goes on from here",
            )
        return shown

    def gone(self, read: Callable[[], object | None], what: str) -> None:
        """Wait until `read` gives None.

        Raises:
            Unreachable: it did not disappear in time.
        """
        if not self.wait(lambda: True if read() is None else None, LAG_S):
            raise Unreachable(f"{what} was deleted, but can still be seen after {LAG_S:.0f} s", repair="try again")

    def shown(self, path: str) -> dict[str, Any] | None:
        """What a read shows now, without patience: for something that was deleted, "not found" is the truth."""
        try:
            return self._graph.get(path)
        except GraphError as error:
            if error.status == 404:
                return None
            raise

    def wait(self, read: Callable[[], _T | None], bound_s: float) -> _T | None:
        """What `read` gives as soon as it gives something, or None after `bound_s` seconds."""
        deadline, attempt = self._clock.monotonic() + bound_s, 0
        while True:
            result = read()
            if result is not None:
                return result
            attempt += 1
            if not self._waited(attempt, deadline):
                return None

    def caller_object_id(self) -> str:
        """The object id of the service principal that deploys.

        Raises:
            OrgcalError: neither its token nor the directory tells.
        """
        known = self._caller()
        if known:
            return known
        mine = self.items("/servicePrincipals", {"$filter": f"appId eq '{self.client_id}'"})
        if len(mine) != 1 or not mine[0].get("id"):
            raise OrgcalError(f"the object id of the deploying client {self.client_id} cannot be found")
        return str(mine[0]["id"])

    def reference(self, object_id: str) -> str:
        """How a request body names a directory object."""
        return self._graph.url_of(f"/directoryObjects/{object_id}")

    @contextmanager
    def locked(self, object_id: str) -> Iterator[None]:
        """Only one writer of an application at a time: its certificates are one list, read and written as a whole."""
        with self._guard:
            lock = self._locks.setdefault(object_id, threading.Lock())
        with lock:
            yield

    def _patiently(self, text: str, request: Callable[[], _T]) -> _T:
        attempt = 0
        while True:
            try:
                return request()
            except GraphError as error:
                attempt += 1
                deadline = self._deadline(text, error)
                if deadline is None or not self._waited(attempt, deadline):
                    raise

    def _deadline(self, text: str, error: GraphError) -> float | None:
        """Until when `error` may mean "not everywhere yet"; None where it is the truth."""
        unclear = error.status == 400 and any(words in error.what for words in NOT_YET_MESSAGES)
        if error.status not in NOT_YET and not unclear:
            return None
        with self._guard:
            made = [at for object_id, at in self._made.items() if object_id in text]
        if not made:
            return None
        return max(made) + (LAG_S if error.status == 404 or unclear else REFUSED_LAG_S)

    def _waited(self, attempt: int, deadline: float) -> bool:
        ceiling = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempt - 1))
        seconds = ceiling * (0.5 + random.random() / 2)  # noqa: S311  # jitter, not a secret
        if self._clock.monotonic() + seconds > deadline:
            return False
        self._clock.sleep(seconds)
        return True


def _subject(path: str) -> str:
    """What a read or a deletion is about: the last id in `path`, as what it stands under was there before it.

    The removal of an owner is about both: the owner may be old and the application new.
    """
    names = path.removeprefix("/beta").strip("/").split("/")[1::2]
    return path if path.endswith("/$ref") or not names else names[-1]


def set_owners(directory: Directory, path: str, present: list[str], wanted: list[str]) -> None:
    """Add and remove owners of the object at `path`, so that `present` becomes `wanted`; adding comes first."""
    known, needed = {owner.lower() for owner in present}, {owner.lower() for owner in wanted}
    for owner in (entry for entry in wanted if entry.lower() not in known):
        directory.post(f"{path}/owners/$ref", {"@odata.id": directory.reference(owner)})
    for owner in (entry for entry in present if entry.lower() not in needed):
        directory.delete(f"{path}/owners/{owner}/$ref")


def quoted(text: str) -> str:
    """`text` as a string in an OData filter (https://docs.oasis-open.org/odata/odata/v4.01/)."""
    return "'" + text.replace("'", "''") + "'"
