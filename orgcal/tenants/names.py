"""Names of organisations: how they are compared, what they may hold, and how they are shown.

Names often come from a sign-up form, so from anybody; `orgcal.printable` shows them.
"""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Sequence

from orgcal.entra.tenant_ids import is_domain, is_guid
from orgcal.errors import UsageError
from orgcal.printable import hidden_in, printable


def name_key(name: str) -> str:
    """Return what two names that a person takes for the same have in common: no case, one form, single spaces.

    Source: https://www.unicode.org/versions/latest/core-spec/chapter-3/ (compatibility caseless matching, D146)
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name)).casefold())
    return " ".join(unicodedata.normalize("NFKC", folded.casefold()).split())


def can_be_kept(text: str) -> bool:
    """Whether a database keeps such a text: no NUL, and nothing that has no UTF-8."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def check_text(text: str, what: str, *, longest: int) -> None:
    """Refuse a text that cannot be kept, or shown in a line.

    Args:
        what: names it, such as `the name`.
        longest: how many characters are kept.

    Raises:
        UsageError: it is empty or too long, or holds control characters, line breaks, marks of direction or broken
            characters.
    """
    if not text.strip():
        raise UsageError(f"{what} is empty", where="tenants", repair="give one that people know the organisation by")
    if len(text) > longest:
        raise UsageError(
            f"{what} has {len(text)} characters, and {longest} are kept",
            where=f"{printable(text[:40])}…",
            repair="give a shorter one",
        )
    refuse_hidden(text, what)


def refuse_hidden(text: str, what: str) -> None:
    """Refuse a text that would do something to the line that it stands in.

    Raises:
        UsageError: it holds control characters, line breaks, marks of direction or broken characters.
    """
    if hidden := hidden_in(text):
        raise UsageError(
            f"{what} holds {hidden}, which cannot be shown",
            where=printable(text[:40]),
            repair="leave out control characters, line breaks and marks of direction",
        )


def meant_by(wanted: str, known: Sequence[str], connector: str) -> str:
    """Which of the `known` names and domains is called nearly so, or how to take a new organisation in."""
    near = difflib.get_close_matches(wanted, known)
    return f"did you mean {near[0]!r}?" if near else command_to_add(wanted, connector)


def command_to_add(name: str, connector: str) -> str:
    """The command that takes an organisation in; its domain is to be filled in where `name` is only a name."""
    named = name if is_guid(name) or is_domain(name) else f"DOMAIN --name {shlex.quote(printable(name))}"
    return f"orgcal tenants add {named} --stack {connector.partition('/')[2]}"
