"""The border to integration platforms: what a platform tells has the types that it should have, or is an error.

Every kind reads another API, and kinds come from other packages too. So what their methods return is checked here, and
what breaks while they take an answer apart is an answer that the platform's API does not have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from orgcal.errors import PlatformError

MAX_TEXT = 64 * 1024
"""Characters of one text of an entry or a credential; a key of 16,384 bits in PEM has a fifth of it."""
MAX_CONNECTIONS = 1_000_000
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def check_answers(kind: type) -> None:
    """Make the methods of a platform's class raise PlatformError for an answer that they cannot read or return."""
    for name, check in _CHECKS.items():
        method = vars(kind).get(name)
        if callable(method):
            setattr(kind, name, _checked(method, check))


def _checked(method: Callable[..., Any], check: Callable[[Any], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def asked(platform: Any, *arguments: Any, **options: Any) -> Any:
        try:
            answer = method(platform, *arguments, **options)
            check(answer)
        except _UNREADABLE as error:
            raise PlatformError(
                f"{platform.called} answered with something that is not its own ({type(error).__name__})",
                where=platform.place,
                repair="check its address, and whether a proxy answers in its place",
            ) from None  # the error's text may quote the answer
        return answer

    return asked


class _Unusable(ValueError):
    """A part of an answer has another type or size than it can have."""


def _require(fits: bool) -> None:
    if not fits:
        raise _Unusable


def _optional(check: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda found: None if found is None else check(found)


def _text(found: Any) -> bool:
    """Whether this is a text that can be written down; half a character cannot."""
    return isinstance(found, str) and len(found) <= MAX_TEXT and bool(found.encode() or True)


def _texts(found: Any) -> bool:
    return isinstance(found, list | tuple) and len(found) <= MAX_CONNECTIONS and all(map(_text, found))


def _entry(found: Any) -> None:
    _require(_text(found.key) and _text(found.callback_url))
    _require(all(text is None or _text(text) for text in (found.display_name, found.description)))
    _require(found.scopes is None or _texts(found.scopes))


def _stored(found: Any) -> None:
    _require(all(text is None or _text(text) for text in (found.client_id, found.updated_at)))
    if found.credential is not None:
        _require(_text(found.credential.client_id) and _texts(found.credential.secrets()))


def _token(found: Any) -> None:
    _require(_text(found) and found.isascii() and found.isprintable() and found != "")


def _anything(_: Any) -> None:
    pass


_CHECKS: dict[str, Callable[[Any], None]] = {
    "read_connector": _optional(_entry),
    "create_connector": _entry,
    "update_connector": _entry,
    "delete_connector": _anything,
    "push_credentials": _stored,
    "read_credentials": _optional(_stored),
    "remove_credentials": _anything,
    "connections": lambda found: _require(_texts(found)),
    "register_connection": _anything,
    "access_token": _token,
    "consent_link": _anything,
}
