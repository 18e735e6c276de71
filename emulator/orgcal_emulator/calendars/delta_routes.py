"""The Graph route of changes of users: `delta`.

A first round lists every user, a second one tells that the users of the class `vanished` were deleted, and further
rounds are empty. Tokens are good for seven days of the emulated time, or until `/_emulator/page-tokens` ends them.
Source: https://learn.microsoft.com/en-us/graph/delta-query-overview
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

from orgcal_emulator.calendars.models import Users
from orgcal_emulator.calendars.user_routes import READ_USERS
from orgcal_emulator.calendars.users import DEFAULT_PROPERTIES, PROPERTIES, TenantUsers, user_with
from orgcal_emulator.clock import Clock
from orgcal_emulator.graph import odata
from orgcal_emulator.graph.errors import GraphFailure, bad_request
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.graph.routing import Route

TOKEN_LIFETIME_S = 7 * 24 * 3600
"""Of a token about directory objects."""

PAGE = 100
MOST_OBJECTS = 50
"""Users that `$filter` may name."""

_BY_IDS = re.compile(r"\s*id\s+eq\s+'[^']+'(?:\s+or\s+id\s+eq\s+'[^']+')*\s*", re.IGNORECASE)

Round = Literal["all", "changes", "nothing"]
_NEXT: dict[Round, Round] = {"all": "changes", "changes": "nothing", "nothing": "nothing"}


@dataclass(frozen=True)
class Position:
    """Where a client stands, as its token tells.

    Attributes:
        start: number of the user to go on with.
        made_at: emulated time in seconds, of the beginning of the round.
        select: properties by commas; empty for the default ones.
        ids: users by commas; empty for all.
    """

    round: Round
    start: int
    made_at: int
    select: str
    ids: str

    def token(self) -> str:
        """The text of a token; `PageTokens` makes it opaque."""
        return "|".join((self.round, str(self.start), str(self.made_at), self.select, self.ids))


class DeltaRoutes:
    """`/users/delta`."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self._users = users
        self._clock = clock

    def routes(self) -> list[Route]:
        """Every route."""
        return [Route("GET", "users/delta", self.delta, READ_USERS)]

    def delta(self, request: GraphRequest) -> GraphResponse:
        """One page of a round, with a link to the next page, or to the next round."""
        odata.check_options(request, "select", "filter", "skiptoken", "deltatoken")
        position = self._position(request)
        if position is None:
            at = self._first(request)
            return self._answer(request, at, [], self._link(request, replace(at, round="changes"), "deltatoken"), "")
        users = self._users.of(request.caller.tenant_id)
        names = _names(request, position.select)
        shapes: list[dict[str, Any]] = []
        for number, shape in _items(users, position, names):
            if len(shapes) == PAGE:
                page_link = self._link(request, replace(position, start=number), "skiptoken")
                return self._answer(request, position, shapes, "", page_link)
            shapes.append(shape)
        following = replace(position, round=_NEXT[position.round], start=0, made_at=int(self._clock.now()))
        return self._answer(request, position, shapes, self._link(request, following, "deltatoken"), "")

    def _position(self, request: GraphRequest) -> Position | None:
        """Where the request goes on; None where it wants nothing but a link for later changes.

        Raises:
            GraphFailure: 400 for a token of nobody, or with options that it has already; 410 for one that has expired.
        """
        tokens = {name: request.options[name] for name in ("skiptoken", "deltatoken") if request.options.get(name)}
        if not tokens:
            return self._first(request)
        if tokens == {"deltatoken": "latest"}:
            return None
        if len(tokens) > 1 or "filter" in request.options or ("select" in request.options and "skiptoken" in tokens):
            raise bad_request("The token has every option of its query; no other may stand beside it.", "BadRequest")
        ((name, token),) = tokens.items()
        text = request.pages.text(token)
        if text is None:
            raise (
                _gone(request)
                if name == "deltatoken"
                else bad_request("The specified page token value is invalid.", "Directory_ExpiredPageToken")
            )
        position = _parsed(text)
        if position.made_at + TOKEN_LIFETIME_S < self._clock.now():
            raise _gone(request)
        return replace(position, select=request.options.get("select", position.select))

    def _first(self, request: GraphRequest) -> Position:
        _names(request, request.options.get("select", ""))
        ids = _filtered(request.options["filter"]) if "filter" in request.options else ""
        return Position("all", 0, int(self._clock.now()), request.options.get("select", ""), ids)

    @staticmethod
    def _link(request: GraphRequest, position: Position, name: str) -> str:
        return f"{request.root}/users/delta?${name}={quote(request.pages.token_of(position.token()))}"

    @staticmethod
    def _answer(
        request: GraphRequest, position: Position, shapes: list[dict[str, Any]], delta_link: str, page_link: str
    ) -> GraphResponse:
        context = "users" + (f"({position.select})" if position.select else "")
        response = odata.collection(request, context, shapes, next_link=page_link)
        if delta_link:
            response.body = {
                "@odata.context": response.body["@odata.context"], "@odata.deltaLink": delta_link, "value": shapes,
            }  # fmt: skip
        return response


def _items(users: TenantUsers, position: Position, names: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Users of a round by number, from where the last page ended."""
    if position.round == "nothing" or (position.round == "changes" and not users.may_have("vanished")):
        return
    wanted = {each.lower() for each in position.ids.split(",") if each}
    for number in range(position.start, users.count):
        if wanted and users.object_id(number) not in wanted:
            continue
        if position.round == "all":
            shape = user_with(users.at(number), names)
            yield number, {name: value for name, value in shape.items() if value is not None}
        elif users.at(number).mailbox == "vanished":
            yield number, {"id": users.object_id(number), "@removed": {"reason": "changed"}}


def _names(request: GraphRequest, select: str) -> Sequence[str]:
    """Properties of a user: what is selected, and always its id."""
    chosen = {**request.options, "select": select} if select else {}
    names = odata.selected(replace(request, options=chosen), "user", PROPERTIES) or DEFAULT_PROPERTIES
    return names if "id" in names else (*names, "id")


def _filtered(text: str) -> str:
    """The ids in a `$filter`, by commas.

    Raises:
        GraphFailure: 400, it is no filter by ids: https://learn.microsoft.com/en-us/graph/api/user-delta
    """
    ids = re.findall(r"'([^']+)'", text)
    if not _BY_IDS.fullmatch(text) or len(ids) > MOST_OBJECTS or any("|" in each or "," in each for each in ids):
        raise bad_request(
            f"Changes can be filtered by the ids of at most {MOST_OBJECTS} objects only.", "Request_UnsupportedQuery"
        )
    return ",".join(ids)


def _parsed(text: str) -> Position:
    """The position in a token.

    Raises:
        GraphFailure: 400, it is none.
    """
    parts = text.split("|")
    if len(parts) == 5 and parts[0] in _NEXT and all(each.isascii() and each.isdigit() for each in parts[1:3]):
        round_name: Round = parts[0]
        return Position(round_name, int(parts[1][:12]), int(parts[2][:15]), parts[3], parts[4])
    raise bad_request("The specified page token value is invalid.", "Directory_ExpiredPageToken")


def _gone(request: GraphRequest) -> GraphFailure:
    """410: the client has to begin anew, at the address that the answer names."""
    return GraphFailure(
        410,
        "syncStateNotFound",
        "The sync state was not found. Begin a full synchronization.",
        headers={"Location": f"{request.root}/users/delta?$deltatoken="},
    )
