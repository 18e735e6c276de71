"""Secrets as people keep them: the content of files and variables, in whatever form a shell or an editor left it.

    SecretSource.of_file(path).secret()                  # the client secret in a file
    SecretSource.of_variable(environ, NAME).secret()     # the one in a variable

Read are UTF-8 and UTF-16 (`>` of Windows PowerShell writes it), with and without a byte order mark, line ends and
blanks around a secret, and one pair of quotes, which `docker run --env-file` leaves in a value. Everything else that
cannot be meant is refused here, before a server answers that the secret is wrong.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orgcal.errors import UsageError

MAX_BYTES = 1 << 20
"""Longest content that is read; a chain of certificates has some thousand bytes."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_AROUND = (
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff\u200b\u2060"
)
"""Blanks, line ends, and characters without a width, which copies from web pages bring along."""
_QUOTES = ("''", '""', "``", "\u2018\u2019", "\u201c\u201d")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\s*=\s*\S")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """The content of a file or variable with a secret, and how messages name it.

    Attributes:
        where: the variable, setting or file that an error names.
        path: the file; None for a variable that holds the secret itself.
        content: what it holds, read once, since a path may be a pipe of the shell.
    """

    where: str
    path: Path | None = None
    content: bytes = field(default=b"", repr=False)

    @classmethod
    def of_file(cls, path: Path, where: str = "") -> SecretSource:
        """The content of a file.

        Args:
            where: the variable or setting that names the file, if one does.

        Raises:
            UsageError: the file cannot be read, or is too long for a secret.
        """
        source = cls(where or str(path), path)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
            reason = getattr(error, "strerror", None) or "its name is none"
            raise source.error(f"cannot be read ({reason})", "name the right file, and check who may read it") from None
        if len(content) > MAX_BYTES:
            raise source.error(f"is longer than {MAX_BYTES} bytes, so it holds no secret", "name the right file")
        return replace(source, content=content)

    @classmethod
    def of_variable(cls, environ: Mapping[str, str], name: str) -> SecretSource:
        """The content of a variable; empty where it is not set."""
        return cls(name, None, environ.get(name, "").encode("utf-8", "surrogateescape"))

    @property
    def called(self) -> str:
        """What a sentence calls it: `the file x`, or `its value` for a variable."""
        if self.path is None:
            return "its value"
        return "the file" if self.where == str(self.path) else f"the file {self.path}"

    @property
    def argument(self) -> str:
        """What stands for the file in a command that a repair shows."""
        return "FILE" if self.path is None else shlex.quote(str(self.path))

    def error(self, what: str, repair: str) -> UsageError:
        """An error about the content: `the file x <what>`."""
        return UsageError(f"{self.called} {what}", where=self.where, repair=repair)

    def text(self) -> str:
        """The content as text, without a byte order mark; raises `UsageError` for what is no text."""
        try:
            return _decoded(self.content)
        except ValueError:
            repair = f"iconv -f ENCODING -t UTF-8 {self.argument} > NEW, or save the secret anew as UTF-8"
            raise self.error("is not text in UTF-8 or UTF-16", repair) from None

    def secret(self, what: str = "client secret", *, ascii_only: bool = False) -> str:
        """The secret that is the only content.

        Args:
            what: how messages call the secret.
            ascii_only: of printable ASCII characters without blanks, as what travels in a header must be.

        Raises:
            UsageError: as of `text`; there is no secret, or something else than one secret.
        """
        secret = bare(self.text())
        if not secret:
            raise self.error("is empty", f"put the {what} into it, and nothing else")
        problem = _wrong(secret)
        if not problem and ascii_only and not all("!" <= char <= "~" for char in secret):
            problem = "has blanks or characters beyond ASCII"
        if problem:
            raise self.error(f"{problem}; expected the {what} alone", f"put the {what} into it, and nothing else")
        return secret


def bare(text: str) -> str:
    """The text without what surrounds it by accident: blanks, line ends, byte order marks, and one pair of quotes."""
    text = text.strip(_AROUND)
    return text[1:-1].strip(_AROUND) if len(text) > 1 and text[0] + text[-1] in _QUOTES else text


def readable_by_others(path: Path) -> bool:
    """Whether the file's mode lets others than its owner in; not known on Windows."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


def _decoded(raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding)
    if b"\0" in raw:  # UTF-16 without a mark; only ASCII can be told from other content
        return raw.decode("utf-16-le" if raw[1:2] == b"\0" else "utf-16-be").encode("ascii").decode()
    return raw.decode("utf-8")


def _wrong(secret: str) -> str:
    """What shows that a text is not one secret; empty where nothing does."""
    if secret.startswith(("{", "[")) and secret.endswith(("}", "]")) and '"' in secret:
        return "holds JSON"
    if assigned := _ASSIGNMENT.match(secret):
        return f"holds {assigned[1]}=…, as a file of variables does"
    if "\n" in secret or "\r" in secret:
        return f"holds {len(secret.splitlines())} lines"
    if _CONTROL.search(secret):
        return "holds control characters"
    if secret.endswith(("\\n", "\\r")):
        return f"ends in {secret[-2:]}, written as two characters"
    return ""
