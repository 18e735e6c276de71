r"""dotenv texts as a `TextFormat`: values are replaced where they stand, everything else stays as it is.

A value is written so that all readers take it alike: POSIX shells, python-dotenv, dotenv of Node.js, Docker Compose,
and `docker run --env-file`, which takes everything behind `=` literally. So what needs no quotes gets none. What does
gets single ones, which all of these but Docker's understand, or double ones around a single quote. Nothing is escaped:
readers differ in `\\`, `\n`, `\$`; what could not be written without is refused.

Rules read: docker/cli pkg/kvfile/kvfile.go @3d41bba (no quotes, no escapes, trailing space kept);
compose-spec/compose-go dotenv/parser.go @0421734 (`#` ends an unquoted value); motdotla/dotenv lib/main.js 16.6
(`#` ends an unquoted value; names of letters, digits, `_`, `.`, `-`); python-dotenv 1.2 parser.py and variables.py
(`${` is expanded even between single quotes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orgcal.errors import PlatformError
from orgcal.files.text_format import BOM, Splice, doubled, line_of, newline_before, spliced

_ENTRY = re.compile(
    r"""(?:^|(?<=[\r\n]))(?P<indent>\ufeff?[^\S\r\n]*)(?:export[^\S\r\n]+)?(?P<name>[^\s=\#'"\ufeff]+)[^\S\r\n]*
    =(?P<rest>[^\S\r\n]*
    (?: "(?:[^"\\]|\\.)*"(?=[^\S\r\n]*(?:\#|[\r\n]|\Z)) | '[^']*'(?=[^\S\r\n]*(?:\#|[\r\n]|\Z)) )?
    [^\r\n]*)(?P<end>\r\n|\n|\r|\Z)""",
    re.DOTALL | re.VERBOSE,
)
"""A variable with its line end; a quoted value may span lines."""
_REST = re.compile(
    r"""(?P<space>[^\S\r\n]*)
    (?P<value> "(?:[^"\\]|\\.)*"(?=\s*(?:\#|\Z)) | '[^']*'(?=\s*(?:\#|\Z)) | (?:(?!(?<=\s)\#).)*?(?=\s*\Z|\s+\#) )
    (?P<tail>.*)""",
    re.DOTALL | re.VERBOSE,
)
"""What is behind `=`: the value, and white space or a comment behind it."""
_NAME = re.compile(r"[^\s=#'\"\ufeff]+")
_PLAIN = re.compile(r"(?!.*(?:^|:)~(?![^/:]{33}))[A-Za-z0-9_.,:/@%+=~^-]*", re.DOTALL)
"""What no reader changes. A shell takes `~` at the beginning or behind `:` for a home directory, unless what follows is
longer than the name of any user, as it is in a client secret."""
_FOREIGN = re.compile(r"\s*(?:[{\[]|---(?:\s|$)|[^\s=#'\"]+:(?:\s|$))")
"""Beginning of a line of JSON or YAML, of which a dotenv file has none."""
_FIRST = re.compile(r"(?:\s*#[^\r\n]*[\r\n])*\s*(?P<line>[^#\s][^\r\n]*)")
"""The first line that is no comment."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
MAX_LINE = 64 * 1024
"""Bytes of a line from which on Docker refuses the file (bufio.MaxScanTokenSize)."""


def read(text: str, trail: Sequence[str], *, where: str) -> dict[str, str]:  # noqa: ARG001 - see TextFormat
    """Return the variables; the last one of a name wins."""
    _refuse_foreign(text, where)
    return {entry["name"]: _value(entry["rest"]) for entry in _ENTRY.finditer(text)}


def edit(
    text: str,
    trail: Sequence[str],  # noqa: ARG001 - see TextFormat
    values: Mapping[str, Any],
    removed: Sequence[str],
    *,
    where: str,
) -> str:
    """See `TextFormat.edit`; lists are joined by commas.

    Raises:
        PlatformError: as `TextFormat` says, or readers of dotenv files would not take a value alike.
    """
    _refuse_foreign(text, where)
    wanted = {name: _as_text(value) for name, value in values.items()}
    entries = _entries(text, {*wanted, *removed}, where)
    splices = []
    for name, entry in entries.items():
        if name in wanted:
            splices.append(_replaced(entry, wanted[name], where))
        else:
            comment = _rest(entry)["tail"].strip()
            mark = BOM if entry["indent"].startswith(BOM) else ""
            kept = f"{entry['indent']}{comment}{entry['end']}" if comment else mark
            splices.append(Splice(entry.start(), entry.end(), kept))
    end = newline_before(text, len(text))
    missing = [name for name in wanted if name not in entries]
    new = spliced(text, splices)
    if missing and new.removeprefix(BOM) and not new.endswith(("\n", "\r")):
        new += end
    return new + "".join(f"{_checked(name, where)}={_written(name, wanted[name], where)}{end}" for name in missing)


def _entries(text: str, names: set[str], where: str) -> dict[str, re.Match[str]]:
    """Return the entries of these names; refuse a name that has several, as a reader may take the first or the last."""
    found: dict[str, list[re.Match[str]]] = {}
    for entry in _ENTRY.finditer(text):
        if entry["name"] in names:
            found.setdefault(entry["name"], []).append(entry)
    for name, entries in found.items():
        if len(entries) > 1:
            raise doubled(name, [line_of(text, entry.start("name")) for entry in entries], where)
    return {name: entries[0] for name, entries in found.items()}


def _replaced(entry: re.Match[str], value: str, where: str) -> Splice:
    """Replace an entry's value; one that says the same in a form that we would not write stays as it is."""
    rest, start = _rest(entry), entry.start("rest")
    as_it_is = rest["value"] == value and (not value or not rest["space"])
    if _value(entry["rest"]) == value and (as_it_is or not _PLAIN.fullmatch(value)):
        return Splice(start, start, "")
    end = rest.end("value" if rest["tail"].strip() else "tail")  # Docker takes white space at the end for the value's
    return Splice(start, start + end, _written(entry["name"], value, where))


def _rest(entry: re.Match[str]) -> re.Match[str]:
    match = _REST.fullmatch(entry["rest"])
    assert match is not None
    return match


def _refuse_foreign(text: str, where: str) -> None:
    first = _FIRST.match(text.removeprefix(BOM))
    if first and _FOREIGN.match(first["line"]):
        raise PlatformError(
            "this file is not dotenv (its first line that is no comment has no NAME=value)",
            where=where,
            repair="name its format by `format`, or name another file",
        )


def _value(rest: str) -> str:
    """Return the value of what stands behind `=`."""
    text = rest.strip()
    if "#" in text or "'" in text or '"' in text:
        match = _REST.fullmatch(rest)
        assert match is not None
        text = match["value"]
    if text.startswith('"') and len(text) > 1 and text.endswith('"'):
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1], flags=re.DOTALL)
    if text.startswith("'") and len(text) > 1 and text.endswith("'"):
        return text[1:-1]
    return text


def _as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def _checked(name: str, where: str) -> str:
    if not _NAME.fullmatch(name):
        raise PlatformError(
            f"{name!r} cannot be the name of a variable",
            where=where,
            repair="use letters, digits and underscores in `names`",
        )
    return name


def _written(name: str, value: str, where: str) -> str:
    """Return how a value is written, in quotes if it has to be."""
    text = value
    if not _PLAIN.fullmatch(value):
        text = f"'{value}'" if "'" not in value else f'"{value}"'
        unclear = {"\n", "\r", "\0", "\\"} | ({'"', "$", "`"} if "'" in value else set())
        found = next((character for character in unclear if character in value), "${" if "${" in value else "")
        if found:
            what = "line breaks" if found in "\r\n" else f"the characters {found!r}"
            raise PlatformError(
                f"readers of dotenv files do not take a value with {what} alike, as {name} would get it",
                where=where,
                repair="keep it in base64 (setting `base64`) or in a file of its own (setting `files`)",
            )
    if len(f"{name}={text}".encode(errors="replace")) >= MAX_LINE:
        raise PlatformError(f"{name} would be longer than a line of a dotenv file can be", where=where)
    return text
