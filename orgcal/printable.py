r"""Text of others as it may be printed: names, answers of servers, what git and the engine say.

Printed as it is, such a text could move the cursor, write the clipboard, turn the direction of a line, or give commands
to the runner of a job. Here it becomes visible instead: U+001B as `\u001b`, which keeps a JSON text one, and what would
begin a command of GitHub Actions as `:\u003aerror::` or `##\u005berror]`.

The runner takes `::` where a line begins, behind blanks, and `##[` anywhere. It compares as the culture does, which
looks over characters that have no width of their own.
Source: actions/runner, `src/Runner.Common/ActionCommand.cs` (`TryParseV2`, `TryParse`), at commit
079cdb1d05fe0ec50f8c51de5a4fa51d0eb189b0; https://learn.microsoft.com/en-us/dotnet/core/extensions/string-comparison
"""

from __future__ import annotations

import json
import re
import unicodedata

_JOINERS = "\u200c\u200d"
"""Zero width non-joiner and joiner: format characters that words of several scripts, and emoji, need."""
_NEVER_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control, format, surrogate, line and paragraph separator.

Source: https://www.unicode.org/reports/tr44/#General_Category_Values"""

_IGNORABLE = r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
"""What a comparison looks over and `is_hidden` lets pass.

Source: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt (Default_Ignorable_Code_Point)"""
_AT_THE_BEGINNING = re.compile(rf"(?m)^((?:[^\S\n]|{_IGNORABLE})*:{_IGNORABLE}*):")
_ANYWHERE = re.compile(rf"(#{_IGNORABLE}*#{_IGNORABLE}*)\[")
_BEGUN = re.compile(rf"(?:\s|{_IGNORABLE})*(:?){_IGNORABLE}*")
_ENDING = re.compile(rf"(#?){_IGNORABLE}*(#){_IGNORABLE}*$")


def is_hidden(char: str) -> bool:
    """Whether a character does something to a line instead of standing in it: a control or format character."""
    return unicodedata.category(char) in _NEVER_SHOWN and char not in _JOINERS


def hidden_in(text: str) -> str:
    """The number of the first hidden character of `text`, such as `U+202E`; empty where there is none."""
    return next((f"U+{ord(char):04X}" for char in text if is_hidden(char)), "")


def printable(text: str) -> str:
    """Return `text` as a part of one line of output: nothing in it is hidden, ends the line or gives a command."""
    return printable_lines(text, kept="")


def printable_lines(text: str, *, kept: str = "\n\t") -> str:
    """Return `text` of several lines as `printable` shows each of them, but for the characters that are `kept`."""
    hidden = {ord(char): _escaped(char) for char in set(text) if is_hidden(char) and char not in kept}
    return _without_commands(text.translate(hidden) if hidden else text)


def _without_commands(text: str) -> str:
    """The text so that no line of it is a command to the runner of a job of GitHub Actions."""
    begun = _AT_THE_BEGINNING.sub(lambda match: f"{match[1]}{_escaped(':')}", text)
    return _ANYWHERE.sub(lambda match: f"{match[1]}{_escaped('[')}", begun)


def beginning_of_command(line: str) -> str:
    """Return what of a line without commands may become one by what is written behind it; never longer than `x##`."""
    begun = _BEGUN.fullmatch(line)
    if begun is not None:
        return begun[1]
    ending = _ENDING.search(line)
    return f"x{ending[1]}{ending[2]}" if ending is not None else "x"


def _escaped(char: str) -> str:
    """The character as JSON writes it, whatever it is."""
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return how many of something there are, in words that agree: `1 organisation`, `2 organisations`.

    Args:
        number: how many; thousands are separated by commas.
        noun: the word for one of them.
        plural: the word for several, where it is not `noun` with an `s`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
