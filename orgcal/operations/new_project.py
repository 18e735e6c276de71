"""Writes a new project: the files of `orgcal/project_template`, whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from orgcal.entra.clouds import CLOUDS
from orgcal.errors import UsageError
from orgcal.operations.project_lock import Pin, lock_text
from orgcal.platforms import capabilities_of, kinds
from orgcal.platforms.docs_tables import example
from orgcal.settings import check_project_name

TEMPLATE = Path(__file__).resolve().parent.parent / "project_template"
FILES = (
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "Pulumi.prod.yaml.example",
    "__main__.py",
    "requirements.txt",
    ".gitignore",
    "README.md",
    "test_smoke.py",
)
DESCRIPTION = "An Outlook Calendar (Admin) connector."
DEFAULT_PLATFORM = "nango"
DEFAULT_CLOUD = "public"
_LOCK = "requirements.txt"
_EXAMPLE = "Pulumi.prod.yaml.example"
_VERSION_CONTROL = {".git", ".hg", ".svn"}


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to be written.

    Attributes:
        name: of the Pulumi project.
        platform: kind of the integration platform in the example of a stack; stack `dev` has the emulator's own.
        cloud: the example's cloud; stack `dev` lives on the emulator.
    """

    name: str
    platform: str = DEFAULT_PLATFORM
    cloud: str = DEFAULT_CLOUD

    def check(self) -> None:
        """Raises `UsageError` for what Pulumi or the settings would refuse."""
        check_project_name(self.name, where="--name")
        for option, value, known in (("--platform", self.platform, tuple(kinds())), ("--cloud", self.cloud, CLOUDS)):
            if value not in known:
                raise UsageError(f"there is no {value!r}; known are {', '.join(known)}", where=option)
        if self.cloud != "emulator" and capabilities_of(example(self.platform)).emulated:
            raise UsageError(
                f"platform {self.platform} is the emulator's own, and cloud {self.cloud} is real",
                where="--platform",
                repair="--cloud emulator, or another platform; stack dev has the emulator and its platform anyway",
            )

    def texts(self, pins: Iterable[Pin]) -> dict[str, str]:
        """Its files, by their names; `pins` are orgcal's own distributions."""
        texts = {name: (TEMPLATE / name).read_text(encoding="utf-8") for name in FILES}
        texts[_LOCK] = lock_text(pins, texts[_LOCK])
        texts[_EXAMPLE] = _with_choices(texts[_EXAMPLE], self.platform, self.cloud)
        texts["Pulumi.yaml"] = texts["Pulumi.yaml"].partition("template:\n")[0]
        return {name: self._filled_in(text) for name, text in texts.items()}

    def _filled_in(self, text: str) -> str:
        """A file of the template as `pulumi new` writes it."""
        return text.replace("${PROJECT}", self.name).replace("${DESCRIPTION}", DESCRIPTION)


def _with_choices(text: str, platform: str, cloud: str) -> str:
    """The example of a stack with another platform and cloud than the template's."""
    text = text.replace(f"\n    cloud: {DEFAULT_CLOUD}\n", f"\n    cloud: {cloud}\n")
    if platform == DEFAULT_PLATFORM:
        return text
    dumped = yaml.safe_dump(example(platform), sort_keys=False, width=1000)
    indented = "".join(f"      {line}\n" for line in dumped.splitlines())
    return text.replace(f"\n      kind: {DEFAULT_PLATFORM}\n", f"\n{indented}")


def write_template(folder: Path, pins: Iterable[Pin]) -> None:
    """Write the template for `pulumi new FOLDER`, with the lock that a release has; `folder` is made.

    Args:
        pins: orgcal's own distributions, as `pins_of_files` reads them from a release's files.
    """
    folder.mkdir(parents=True)
    for name in FILES:
        text = (TEMPLATE / name).read_text(encoding="utf-8")
        (folder / name).write_text(lock_text(pins, text) if name == _LOCK else text, encoding="utf-8")
    # The engine refuses a project whose plugin's folder is missing, also one that it is just writing.
    kept = folder / ".venv" / "bin" / ".keep"
    kept.parent.mkdir(parents=True)
    kept.touch()


def refuse_used_folder(folder: Path, texts: Mapping[str, str] | None = None) -> None:
    """Refuse a folder that holds anything but a repository's own folder; one that does not exist is well.

    What a killed run has written is no hindrance: files of a project beside its staging folder, if they have `texts`.

    Raises:
        UsageError: it is not empty, is no folder, or cannot be read.
    """
    with _explained(folder):
        if folder.exists() and not folder.is_dir():
            raise UsageError("this is a file", where=str(folder), repair="orgcal new with the name of a new folder")
        found = {path.name for path in folder.iterdir()} - _VERSION_CONTROL if folder.exists() else set()
        staging = _staging(folder, folder)
        if staging.name in found:
            ours = (name for name in FILES if texts is None or _holds(folder / name, texts.get(name)))
            found -= {staging.name, *ours}
    if found:
        raise UsageError(
            f"the folder is not empty: {', '.join(sorted(found)[:3])}{', …' if len(found) > 3 else ''}",
            where=str(folder),
            repair="orgcal new with the name of a new folder; nothing was written",
        )


def write_project(folder: Path, texts: Mapping[str, str]) -> None:
    """Write a project's files into `folder`, which is made if need be; all of them or none.

    Raises:
        UsageError: the folder is used already, or cannot be written.
    """
    refuse_used_folder(folder, texts)
    with _explained(folder):
        if folder.exists():
            with _staged(_staging(folder, folder), Path(), texts) as staging:
                _move_all(staging, folder, texts)
            return
        missing = [path for path in (folder, *folder.parents) if not path.exists()][-1]
        with _staged(_staging(missing.parent, missing), folder.relative_to(missing.parent), texts) as staging:
            (staging / missing.name).rename(missing)


def _staging(parent: Path, target: Path) -> Path:
    """The folder in `parent` from which `target` is written; always the same, so that a killed run's is found again."""
    return parent / f".orgcal-new-{target.name}"


def _holds(path: Path, text: str | None) -> bool:
    """Whether the file has this text."""
    return text is not None and path.is_file() and path.read_bytes() == text.encode()


@contextlib.contextmanager
def _staged(staging: Path, place: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """The folder `staging` with the files at `place` in it; it is made anew, and removed at the end."""
    if staging.exists():
        shutil.rmtree(staging)
    try:
        (staging / place).mkdir(parents=True)
        for name, text in texts.items():
            (staging / place / name).write_text(text, encoding="utf-8")
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_all(source: Path, target: Path, names: Iterable[str]) -> None:
    moved: list[Path] = []
    try:
        for name in names:
            (source / name).rename(target / name)
            moved.append(target / name)
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the project cannot be written ({error.strerror})",
            where=str(error.filename or folder),
            repair="orgcal new with a folder that you may write in; nothing was written",
        ) from None
