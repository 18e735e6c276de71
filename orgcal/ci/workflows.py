"""The workflow files: rendered from templates, compared with what is there, written all or none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from orgcal.ci.action_versions import PINS
from orgcal.ci.install import ENSURE_ENGINE, Installation
from orgcal.errors import UsageError
from orgcal.files.whole import write_whole
from orgcal.stack.git_folder import folder_slug

FOLDER = Path(".github") / "workflows"
_ALWAYS = ("pull-request", "deploy", "nightly", "rotate")
_EPHEMERAL = "ephemeral"
_SHOWN_LINES = 60


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A file as it should be, and the text that is present; None where nothing is."""

    path: Path
    text: str
    present: str | None

    @property
    def state(self) -> str:
        """`new`, `unchanged` or `different`."""
        if self.present is None:
            return "new"
        return "unchanged" if self.present == self.text else "different"


def render(facts: Mapping[str, Any], installation: Installation, folder: str, *, ephemeral: bool) -> dict[str, str]:
    """The workflows by file name.

    Args:
        facts: what the templates name: `stack`, `branch`, `environments` by role, `clouds`, `state_clouds`,
            `key_variable`, `record`, `alert_variables`.
        installation: how a job installs the project.
        folder: the project's path in its repository; empty at the root, where names do not carry it.
        ephemeral: whether pull requests get stacks of their own.

    Raises:
        UsageError: a workflow cannot name the folder.
    """
    _refuse_pattern(folder)
    # GitHub's own expressions are `${{ }}`, so ours look different.
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("orgcal.ci"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # YAML, not a page; every value goes through `tojson` or is checked
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    prefix = f"orgcal-{folder_slug(folder)}" if folder else "orgcal"
    environment.globals |= {
        "pins": PINS,
        "engine": True,
        "ephemeral": ephemeral,
        "with_page": False,
        "prefix": prefix,
        "folder": folder,
        "in_folder": f" ({folder})" if folder else "",
        "inside": f"{folder}/" if folder else "",
        "artifact": prefix.replace("orgcal", "verification", 1),
        "mark": comment_mark(str(facts["stack"]), folder),
        "install": installation.commands,
        "ensure_engine": ENSURE_ENGINE,
        "engine_version": installation.engine_version,
        "lock_files": _listed(folder, installation.lock),
        "engine_files": _listed(folder, installation.lock, *installation.engine_inputs),
    }
    names = {name: f"{prefix}-{name}.yml" for name in (*_ALWAYS, *([_EPHEMERAL] if ephemeral else []))}
    return {
        file: environment.get_template(f"orgcal-{name}.yml.j2").render(file=file, **facts)
        for name, file in names.items()
    }


def comment_mark(stack: str, folder: str) -> str:
    """The first line of a preview's comment, by which the next preview of this stack and folder finds and replaces it.

    Only the workflow holds it: from a text of the pull request's own, a branch could make it replace other comments.
    """
    return f"<!-- orgcal preview {' '.join(filter(None, (folder_slug(folder), stack)))} -->"


def _refuse_pattern(folder: str) -> None:
    """GitHub reads folders in `paths` and `hashFiles` as patterns, so only letters that are none of a pattern fit."""
    if folder and not re.fullmatch(r"[\w./@ -]+", folder):
        raise UsageError(
            f"workflows cannot name the project's folder {folder!r}",
            where="orgcal ci setup github",
            repair="rename it: letters, digits, spaces and . _ @ - are fine",
        )


def _listed(folder: str, *files: str) -> str:
    """Arguments of GitHub's `hashFiles`, which counts from the top of the repository."""
    return ", ".join(f"'{folder}/{file}'" if folder else f"'{file}'" for file in files)


def compare(root: Path, texts: Mapping[str, str]) -> list[WorkflowFile]:
    """What writing them below `root` would do; raises UsageError where a file that is there cannot be read."""
    files = []
    for name, text in texts.items():
        path = root / FOLDER / name
        try:
            present = path.read_text(encoding="utf-8") if path.exists() else None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the file cannot be read ({type(error).__name__})", where=str(path)) from error
        files.append(WorkflowFile(path, text, present))
    return files


def refuse_different(files: Sequence[WorkflowFile], root: Path, *, force: bool) -> None:
    """Refuse, with UsageError, to overwrite what somebody else wrote below `root`, and show how it differs."""
    changed = [file for file in files if file.state == "different"]
    if not changed or force:
        return
    names, lines = [str(file.path.relative_to(root)) for file in changed], list[str]()
    for name, file in zip(names, changed, strict=True):
        before, after = (file.present or "").splitlines(), file.text.splitlines()
        lines += difflib.unified_diff(before, after, f"{name} (there)", f"{name} (wanted)", lineterm="", n=1)
    left = len(lines) - _SHOWN_LINES
    shown = lines[:_SHOWN_LINES] + ([f"... and {left} lines more"] if left > 0 else [])
    raise UsageError(
        "\n".join([f"{', '.join(names)}: there with other content; nothing was written", *shown]),
        repair="look at the difference, then --force writes them anew",
    )


def write(files: Sequence[WorkflowFile]) -> None:
    """Write what is new or different, each file whole or not at all."""
    for file in files:
        if file.state != "unchanged":
            write_whole(file.path, file.text, private=False)
