"""Finds secrets where they must not be: in what commands print and are given, in files, in git.

What is heard is judged when a test ends, since a command may itself make the secret that it shows. A leak is told by
its kind and its place, never by its text.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE

PATTERNS = {
    "a client secret": re.compile(rb"8Q~(?![A-Za-z0-9_.~-]*EXAMPLE)[A-Za-z0-9_.~-]{34}"),
    "a token": re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\+[nr]|\s)+[A-Za-z0-9+/=]{32}"),
}
"""Secrets that their form gives away: client secrets as Entra ID makes them, JSON web tokens, PEM.

A login that a test gives in a variable, as users may, says EXAMPLE: it is no secret of anybody's."""

SECRET_FILES = ("passphrase", "operator-secret", "platform-api-key", "control-token")
"""Files of stacks and their emulators whose contents are secrets without such a form."""

_STACKS = (".local/*", "stacks/*", "projects/*/stacks/*")
_MASKED = re.compile(rb"^::add-mask::.*$", re.MULTILINE)
"""Takes a text out of the log of a job: the runner reads this line, and shows it to nobody."""

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSPHRASE)_FILE$")
_PUBLIC = DEV_PASSPHRASE_FILE.read_bytes().strip()
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{48,}={0,2}")
_SHORTEST = 16
"""Bytes of a secret without a form; a shorter one, such as a test's passphrase, would be found in any sentence."""

_OTHERS = 0o077
_ENVIRON = frozenset(os.environ.items())  # of whoever runs the tests: no secret of theirs


_purposes: list[str] = []


@contextmanager
def shown_on_purpose(reason: str) -> Iterator[None]:
    """Let the commands of the block print secrets; `reason` says why they have to."""
    _purposes.append(reason)
    try:
        yield
    finally:
        _purposes.remove(reason)


class LeakedSecretError(AssertionError):
    """A secret was found where it must not be; the message says where, and not which."""


@dataclass
class LeakScan:
    """Collects what the commands of tests show, and the secrets that it must not hold.

    Attributes:
        known: secrets without a form, and what each is called.
        heard: places, and the text that each held.
        leaks: one line for each leak.
    """

    known: dict[bytes, str] = field(default_factory=dict)
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def learn(self, folder: Path, environ: Mapping[str, str] = {}) -> None:
        """Take in the secrets of the project in `folder`, and those in places that the variables of a command name."""
        own = dict(environ.items() - _ENVIRON)
        folders = [folder, Path(own.get("HOME", folder)) / ".local/share/orgcal"]
        folders += [Path(own[name]) for name in ("ORGCAL_DATA_DIR",) if name in own]
        folders += [Path(own[name]).parent for name in ("ORGCAL_EMULATOR_FILE",) if name in own]
        stacks = [stack for place in folders for pattern in _STACKS for stack in place.glob(pattern)]
        places = [*folders, *stacks, *(stack / "emulator" for stack in stacks)]
        files = [place / name for place in places for name in SECRET_FILES]
        files += [Path(value) for name, value in own.items() if _SECRET_VARIABLE.search(name)]
        for path in files:
            with suppress(OSError):
                value = path.read_bytes().strip()
                if len(value) >= _SHORTEST and value != _PUBLIC:
                    self.known[value] = f"the content of {path.name}"

    def hear(self, place: str, text: str | bytes) -> None:
        """Keep the text at a place until `check` judges it."""
        if len(text) >= _SHORTEST:
            self.heard.append((place, text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text))

    def hear_output(self, command: str, text: str | bytes) -> None:
        """Keep what a command printed, unless it does so in a block of `shown_on_purpose`."""
        if not _purposes:
            printed = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
            self.hear(f"the output of `{command}`", _MASKED.sub(b"", printed))

    def hear_arguments(self, command: str) -> None:
        """Keep the argument list of a command."""
        self.hear(f"the arguments of `{command}`", command)

    def hear_environ(self, command: str, environ: Mapping[str, str]) -> None:
        """Keep the variables of a command that are not those of whoever runs the tests."""
        for name, value in environ.items() - _ENVIRON:
            self.hear(f"variable {name} of `{command}`", value)

    def kinds_in(self, text: bytes) -> set[str]:
        """What kinds of secrets are in a text, as they are or as base64."""
        texts = [text]
        for match in _BASE64.finditer(text):
            with suppress(binascii.Error):
                texts.append(base64.b64decode(match[0][: len(match[0]) // 4 * 4]))
        whole = b"\n".join(texts)
        kinds = {kind for kind, pattern in PATTERNS.items() if pattern.search(whole)}
        return kinds | {name for value, name in self.known.items() if value in whole}

    def read_files(self, root: Path) -> None:
        """Read every file below `root`, and the objects of every git repository.

        A secret must be in no object, in no file that others may use, and in none that git would commit. Installed
        packages are left out.
        """
        private = {}
        for name, folders, files in os.walk(root):
            folder = Path(name)
            if "pyvenv.cfg" in files:
                folders.clear()
                continue
            if "HEAD" in files and {"objects", "refs"} <= set(folders):
                objects = _git("--git-dir", folder, "cat-file", "--batch-all-objects", "--batch")
                self._tell(self.kinds_in(objects), f"the objects of {folder}")
            for path in (folder / file for file in files):
                with suppress(FileNotFoundError):  # a database's journal goes when its emulator ends
                    kinds, mode = self._read(path)
                    if kinds and mode & _OTHERS:
                        self._tell(kinds, f"{path}, which others may use (mode {mode:04o})")
                    elif kinds:
                        private[path] = kinds
        for path in committed(root, private):
            self._tell(private[path], f"{path}, which git would commit")

    def _read(self, path: Path) -> tuple[set[str], int]:
        status = path.lstat()
        return self.kinds_in(path.read_bytes()) if stat.S_ISREG(status.st_mode) else set(), stat.S_IMODE(status.st_mode)

    def _tell(self, kinds: set[str], place: str) -> None:
        self.leaks += [f"{kind} is in {self._hidden(place)}" for kind in sorted(kinds)]

    def _hidden(self, place: str) -> str:
        text = place.encode("utf-8", "surrogateescape")
        for value in self.known:
            text = text.replace(value, b"***")
        for pattern in PATTERNS.values():
            text = pattern.sub(b"***", text)
        return text.decode("utf-8", "replace")

    def forget(self) -> None:
        """Leave out what was heard and read since the last call of `check`."""
        self.heard.clear()
        self.leaks.clear()

    def check(self) -> None:
        """Judge what was heard and read since the last call.

        Raises:
            LeakedSecretError: there is a secret in it.
        """
        heard, self.heard = self.heard, []
        for place, text in heard:
            self._tell(self.kinds_in(text), place)
        leaks, self.leaks = dict.fromkeys(self.leaks), []
        if leaks:
            raise LeakedSecretError("\n".join(leaks))


def committed(root: Path, files: Iterable[Path]) -> list[Path]:
    """Those of `files` that git tracks, or would add to the project they are in.

    A project is a folder at or below `root` with a repository, or with a `.gitignore` only, as a copy has it before
    `git init`.
    """
    projects: dict[Path, list[Path]] = {}
    for path in files:
        above = (folder for folder in path.parents if folder == root or root in folder.parents)
        project = next((folder for folder in above if {".git", ".gitignore"} & set(os.listdir(folder))), None)
        if project is not None:
            projects.setdefault(project, []).append(path)
    found = []
    with tempfile.TemporaryDirectory() as empty:
        for project, paths in projects.items():
            repository = project / ".git"
            if not repository.exists():
                repository = Path(empty)
                _git("init", "-q", "--bare", repository)
            where = ("--git-dir", repository, "--work-tree", project)
            names = b"\0".join(map(os.fsencode, paths))
            ignored = _git(*where, "check-ignore", "-z", "--stdin", given=names, codes=(0, 1)).split(b"\0")
            found += [path for path in paths if os.fsencode(path) not in ignored]
    return found


def _git(*words: str | Path, given: bytes = b"", codes: Collection[int] = (0,)) -> bytes:
    with shown_on_purpose("the scan looks into it"):
        done = subprocess.run(["git", *words], input=given, capture_output=True, check=False)
    assert done.returncode in codes, done.stderr
    return done.stdout
