"""OData query options and the shape of OData answers.

Source: https://learn.microsoft.com/en-us/graph/query-parameters and https://learn.microsoft.com/en-us/graph/paging
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote_plus

from orgcal_emulator.graph.errors import bad_request, not_emulated
from orgcal_emulator.graph.messages import GraphRequest, GraphResponse
from orgcal_emulator.lru import remembered

ODATA_OPTIONS = frozenset(
    {"select", "filter", "top", "skip", "skiptoken", "count", "orderby", "expand", "search", "format", "deltatoken"}
)
_SPAN = frozenset({"startdatetime", "enddatetime"})
"""Options of calendar views, which are not OData's."""

_MOST_OPTIONS = 50


@remembered(2048)
def parse_options(query: str) -> Mapping[str, str]:
    """Query options by name, in lower case and without the optional `$`; read-only, as equal queries share it.

    Raises:
        GraphFailure: 400 for an option given twice or too many of them.
    """
    options: dict[str, str] = {}
    if not query:
        return MappingProxyType(options)
    parts = query.split("&")
    if len(parts) > _MOST_OPTIONS:
        raise bad_request("The query has too many options.", "BadRequest")
    for part in parts:
        name, _, value = part.partition("=")
        name = unquote_plus(name).lower()
        plain = name.removeprefix("$")
        if plain in _SPAN:
            options[plain] = unquote_plus(value, errors="replace")
        elif plain in ODATA_OPTIONS:
            if plain in options:
                raise bad_request(
                    f"Query option '${plain}' was specified more than once, but it must be specified at most once.",
                    "BadRequest",
                )
            options[plain] = unquote_plus(value, errors="replace")
            if plain == "format" and options[plain].lower() not in ("json", "application/json"):
                raise not_emulated("option", f"$format={options[plain]}")
        elif name.startswith("$"):
            raise not_emulated("option", name)
    return MappingProxyType(options)


def check_options(request: GraphRequest, *allowed: str) -> None:
    """Refuse OData options that the route does not model.

    Raises:
        GraphFailure: 501 naming the option.
    """
    for name in request.options:
        if name not in allowed and name != "format" and name not in _SPAN:
            raise not_emulated("option", f"${name} of /{'/'.join(request.segments)}")


def selected(request: GraphRequest, resource: str, known: Collection[str]) -> Sequence[str] | None:
    """Properties named by `$select` in the order asked for, or None for the default ones.

    Raises:
        GraphFailure: 501 for a property that is not modelled.
    """
    text = request.options.get("select")
    return None if text is None else _selected(text, resource, tuple(known))


@remembered(512)
def _selected(text: str, resource: str, known: tuple[str, ...]) -> tuple[str, ...] | None:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise bad_request("Parsing OData Select and Expand failed: the $select is empty.", "BadRequest")
    if "*" in names:
        return None
    lower = {name.lower(): name for name in known}
    selected = []
    for name in names:
        canonical = lower.get(name.lower())
        if canonical is None:
            raise not_emulated("select", f"{resource}.{name}")
        selected.append(canonical)
    return tuple(dict.fromkeys(selected))


def pick(item: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """The properties `names` of `item`, or all of them."""
    if names is None:
        return dict(item)
    return {name: item.get(name) for name in names}


def entity(
    request: GraphRequest,
    context: str,
    item: Mapping[str, Any],
    names: Sequence[str] | None = None,
    status: int = 200,
    location: str = "",
) -> GraphResponse:
    """An answer with one object.

    Args:
        context: what the object is, for `@odata.context`: `applications`.
        names: selected properties, None for those of `item`.
        location: address of a created object; empty for the one below `context`.
    """
    chosen = f"({','.join(names)})" if names else ""
    body = {"@odata.context": f"{request.root}/$metadata#{context}{chosen}/$entity", **pick(item, names)}
    headers = {"Location": location or f"{request.root}/{context}/{item['id']}"} if status == 201 else {}
    return GraphResponse(status, body, headers)


def collection(
    request: GraphRequest,
    context: str,
    items: Sequence[Mapping[str, Any]],
    names: Sequence[str] | None = None,
    *,
    next_link: str = "",
    count: int | None = None,
    chosen: str | None = None,
) -> GraphResponse:
    """An answer with a list of objects.

    Args:
        context: what the objects are, for `@odata.context`.
        names: properties of each; None for all.
        chosen: what `@odata.context` says of them, where that is not `names`.
    """
    if chosen is None:
        chosen = f"({','.join(names)})" if names else ""
    body: dict[str, Any] = {"@odata.context": f"{request.root}/$metadata#{context}{chosen}"}
    if count is not None:
        body["@odata.count"] = count
    if next_link:
        body["@odata.nextLink"] = next_link
    body["value"] = [pick(item, names) for item in items]
    return GraphResponse(200, body)


def property_values(request: GraphRequest, context: str, values: Sequence[Any]) -> GraphResponse:
    """An answer with one property of an object that is a list, asked for by its path.

    Args:
        context: object and property, for `@odata.context`: `applications('…')/appRoles`.
    """
    return GraphResponse(200, {"@odata.context": f"{request.root}/$metadata#{context}", "value": list(values)})


def page_size(request: GraphRequest, default: int, largest: int) -> int:
    """The `$top` of the request.

    Raises:
        GraphFailure: 400 outside of 1 to `largest`.
    """
    text = request.options.get("top")
    if text is None:
        return default
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= size <= largest:
        raise bad_request(f"Invalid page size specified: '{text[:20]}'. Must be between 1 and {largest} inclusive.")
    return size


def page_start(request: GraphRequest) -> int:
    """The offset that the request's `$skiptoken` holds, else 0.

    Raises:
        GraphFailure: 400 for a token that has expired, or that this emulator did not make.
    """
    token = request.options.get("skiptoken")
    return 0 if token is None else request.pages.start(token)


def next_link(request: GraphRequest, start: int) -> str:
    """The absolute link to the page that begins at offset `start`, with the request's other options."""
    options = {**request.options, "skiptoken": request.pages.token(start)}
    query = "&".join(f"${name}={quote(value, safe=',/()')}" for name, value in options.items())
    path = "/".join(quote(segment, safe="$@") for segment in request.segments)
    return f"{request.root}/{path.replace('/(', '(')}?{query}"


def page(
    request: GraphRequest,
    context: str,
    items: Sequence[Mapping[str, Any]],
    names: Sequence[str] | None,
    *,
    default: int = 100,
    largest: int = 999,
    wants_count: bool = False,
    shown: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda item: item,
) -> GraphResponse:
    """One page of `items`, with a link to the next."""
    size, start = page_size(request, default, largest), page_start(request)
    link = next_link(request, start + size) if start + size < len(items) else ""
    return collection(
        request,
        context,
        [shown(item) for item in items[start : start + size]],
        names,
        next_link=link,
        count=len(items) if wants_count else None,
    )


def wants_count(request: GraphRequest) -> bool:
    """Whether `$count=true` counts: directory objects need `ConsistencyLevel: eventual` for it.

    Source: https://learn.microsoft.com/en-us/graph/aad-advanced-queries
    """
    value = request.options.get("count")
    if value is None:
        return False
    if value.lower() not in ("true", "false"):
        raise bad_request(
            f"Invalid value '{value[:20]}' for $count query option found. Valid values are 'true', 'false'.",
            "BadRequest",
        )
    return value.lower() == "true" and is_eventual(request)


def is_eventual(request: GraphRequest) -> bool:
    """Whether the request carries `ConsistencyLevel: eventual`."""
    return request.headers.get("consistencylevel", "").lower() == "eventual"
