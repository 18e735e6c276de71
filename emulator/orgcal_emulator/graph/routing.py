"""The table of Graph's routes: looked up by the segments of the path, checked against the caller's permissions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orgcal_emulator.graph.errors import GraphFailure, denied, not_emulated
from orgcal_emulator.graph.messages import Caller, GraphRequest, GraphResponse

Handler = Callable[[GraphRequest], GraphResponse]


@dataclass(frozen=True)
class Needs:
    """The permissions of a route, any one of which suffices.

    Attributes:
        any_of: application permissions that open the route for every object.
        owned: permissions that open it for objects the caller owns.
        besides: permissions of which one is needed too; empty where none is.
        alone: permissions that open it without any of `besides`.
        refusal: makes the error for callers without any of them.
    """

    any_of: frozenset[str]
    owned: frozenset[str] = frozenset()
    besides: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    refusal: Callable[[Caller], GraphFailure] = lambda _: denied()

    def check(self, caller: Caller) -> bool:
        """Whether the caller is held to what it owns.

        Raises:
            GraphFailure: 403, the token has none of the permissions.
        """
        if self.besides:
            if not caller.roles.isdisjoint(self.alone):
                return False
            if caller.roles.isdisjoint(self.besides):
                raise self.refusal(caller)
        if not caller.roles.isdisjoint(self.any_of):
            return False
        if not caller.roles.isdisjoint(self.owned):
            return True
        raise self.refusal(caller)


def needs(*any_of: str, owned: Iterable[str] = (), besides: Iterable[str] = (), alone: Iterable[str] = ()) -> Needs:
    """Permissions of a directory route; the arguments are the attributes of `Needs`."""
    return Needs(frozenset(any_of), frozenset(owned), frozenset(besides), frozenset(alone))


@dataclass(frozen=True)
class Route:
    """A route.

    Attributes:
        method: HTTP method.
        path: segments after the version, `{}` for a key: `applications/{}/owners`.
        handler: answers it.
        needs: permissions; checked before the handler runs.
        group: service whose limits the route falls under: `identity` or `outlook`.
    """

    method: str
    path: str
    handler: Handler
    needs: Needs
    group: str = "identity"


_SHORT = {"microsoft.graph.delta": "delta"}
"""Whole names of functions, and what a route calls them."""

_OWN_TENANT = "myorganization"
"""An alias of the caller's tenant, which is the only one that a token opens."""

_NO_KEYS = frozenset({"delta"})
"""Functions that stand where a key could."""

_NAMED_KEY = re.compile(r"\(\s*\w+\s*=\s*[^)\s]")
"""`(appId='x')`, but neither `('x=')` nor `(x=)`: ids of calendars end with an equals sign."""

_KEY_NAMES = {name.lower(): name for name in ("id", "appId", "uniqueName", "name")}


@dataclass
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    key: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """Every route, as a tree over path segments. Literal segments match whatever their case, as Graph's do."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        self._root = _Node()
        for route in self.routes:
            node = self._root
            for segment in route.path.split("/"):
                if segment == "{}":
                    node.key = node.key or _Node()
                    node = node.key
                else:
                    node = node.children.setdefault(segment.lower(), _Node())
            node.routes[route.method] = route

    def find(self, request: GraphRequest) -> tuple[Route, tuple[str, ...]]:
        """The route of `request` and its keys.

        Raises:
            GraphFailure: 501 for a path or method that is not modelled.
        """
        keys: list[str] = []
        node = self._node(request.segments, keys)
        route = node.routes.get(request.method) if node is not None else None
        if route is None:
            raise not_emulated("route", f"{request.method} /{'/'.join(request.segments)}")
        return route, tuple(keys)

    def _node(self, segments: list[str], keys: list[str]) -> _Node | None:
        """The place of a path in the tree, or None; its keys are added to `keys`."""
        node: _Node | None = self._root
        for segment in segments:
            assert node is not None
            lower = segment.lower()
            child = node.children.get(lower)
            if child is None and lower.startswith(("graph.", "microsoft.")):
                # `graph.` is short for `microsoft.graph.`, and what Microsoft's SDKs write.
                lower = f"microsoft.{lower}" if lower[0] == "g" else lower
                lower = _SHORT.get(lower, lower)
                child = node.children.get(lower)
            if child is None:
                if _is_no_key(lower):
                    return None
                child = node.key
                keys.append(segment)
            node = child
            if node is None:
                return None
        return node

    def methods(self, segments: list[str]) -> list[str]:
        """Methods of the path's route, for `OPTIONS`.

        Raises:
            GraphFailure: 501 for a path that is not modelled.
        """
        node = self._node(segments, [])
        if node is None or not node.routes:
            raise not_emulated("route", f"OPTIONS /{'/'.join(segments)}")
        return sorted({*node.routes, "OPTIONS", *(("HEAD",) if "GET" in node.routes else ())})


def _is_no_key(segment: str) -> bool:
    """Whether a segment in lower case, at the place of a key, is something that is not modelled: a function, say."""
    if segment[:1] == "(":
        return segment[1:].partition("=")[0].strip() not in _KEY_NAMES
    return segment[:1] == "$" or segment in _NO_KEYS or segment.startswith("microsoft.graph.")


def split_segments(path: list[str]) -> list[str]:
    """Path segments with OData keys in parentheses made segments of their own, without the alias of the tenant.

    `["applications(appId='x')", "owners"]` becomes `["applications", "(appId='x')", "owners"]`, and `["users('x')"]`,
    whose key has no name, or the name `id`, `["users", "x"]`.
    """
    segments: list[str] = []
    if len(path[0]) == len(_OWN_TENANT) and path[0].lower() == _OWN_TENANT:
        path = path[1:]
    for segment in path:
        opening = segment.find("(")
        if opening > 0 and segment[opening:] == "()":  # a function without arguments
            segments.append(segment[:opening])
        elif opening > 0 and segment.endswith(")"):
            key = segment[opening:]
            if _NAMED_KEY.match(key) is None:
                key = _unquoted(key[1:-1])
            elif parsed_key(key)[0] == "id":
                key = parsed_key(key)[1]
            segments += [segment[:opening], key]
        else:
            segments.append(segment)
    return segments


def parsed_key(text: str) -> tuple[str, str]:
    """Name and value of an alternate key: `(appId='x')` gives `("appId", "x")`, `x` gives `("id", "x")`."""
    if not text.startswith("("):
        return "id", text
    name, _, value = text[1:-1].partition("=")
    name = name.strip()
    return _KEY_NAMES.get(name.lower(), name), _unquoted(value)


def _unquoted(text: str) -> str:
    """The value of an OData literal; a doubled quote stands for one."""
    return text.strip().removeprefix("'").removesuffix("'").replace("''", "'")
