"""A cache of results by text. Long texts are not cached: a client could fill the memory with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

LONGEST_KEPT = 1_000

P = ParamSpec("P")
T = TypeVar("T")


def remembered(entries: int) -> Callable[[Callable[Concatenate[str, P], T]], Callable[Concatenate[str, P], T]]:
    """Decorates a function of a text and hashable arguments: equal calls with a short text share one result.

    Args:
        entries: results kept; the one used longest ago is dropped.
    """

    def decorate(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
        kept = cast("Callable[Concatenate[str, P], T]", lru_cache(maxsize=entries)(function))

        @wraps(function)
        def call(text: str, /, *rest: P.args, **named: P.kwargs) -> T:
            return (kept if len(text) <= LONGEST_KEPT else function)(text, *rest, **named)

        return call

    return decorate
