"""Names of organisations: how they are compared, what they may hold, and how they are shown.

Names often come from a sign-up form, so from anybody. Shown as they are they could move the cursor, write the
clipboard, turn the direction of a line, or give commands to the runner of a job.
"""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Sequence

from orgcal.entra.discovery import is_domain, is_guid
from orgcal.errors import UsageError

_JOINERS = "\u200c\u200d"
"""Zero width non-joiner and joiner: format characters that words of several scripts, and emoji, need."""
_NEVER_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control, format, surrogate, line and paragraph separator.

Source: https://www.unicode.org/reports/tr44/#General_Category_Values"""


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
    for char in text:
        if _hidden(char):
            raise UsageError(
                f"{what} holds U+{ord(char):04X}, which cannot be shown",
                where=printable(text[:40]),
                repair="leave out control characters, line breaks and marks of direction",
            )


def printable(text: str) -> str:
    r"""Return `text` for a line of output: what must not be shown as it is stands there as `\x1b`.

    Also what a runner of GitHub Actions takes for a command: `::` where a line begins, and `##[` anywhere.
    Source: actions/runner, `src/Runner.Common/ActionCommand.cs` (`TryParseV2` trims the line's beginning, `TryParse`
    looks anywhere).
    """
    shown = "".join(_escaped(char) if _hidden(char) else char for char in text)
    start = len(shown) - len(shown.lstrip())
    if shown.startswith("::", start):
        shown = f"{shown[:start]}{_escaped(':')}{shown[start + 1 :]}"
    return shown.replace("##[", f"#{_escaped('#')}[")


def meant_by(wanted: str, known: Sequence[str], connector: str) -> str:
    """Which of the `known` names and domains is called nearly so, or how to take a new organisation in."""
    near = difflib.get_close_matches(wanted, known, n=1)
    return f"did you mean {near[0]!r}?" if near else command_to_add(wanted, connector)


def command_to_add(name: str, connector: str) -> str:
    """The command that takes an organisation in; its domain is to be filled in where `name` is only a name."""
    named = name if is_guid(name) or is_domain(name) else f"DOMAIN --name {shlex.quote(printable(name))}"
    return f"orgcal tenants add {named} --stack {connector.partition('/')[2]}"


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in _NEVER_SHOWN and char not in _JOINERS


def _escaped(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
