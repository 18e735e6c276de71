"""The workflow files: rendered from templates, compared with what is there, written all or none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from orgcal.ci.action_versions import PINS
from orgcal.errors import UsageError
from orgcal.files.whole import write_whole

FOLDER = Path(".github") / "workflows"
_ALWAYS = ("orgcal-pull-request.yml", "orgcal-deploy.yml", "orgcal-nightly.yml", "orgcal-rotate.yml")
_EPHEMERAL = "orgcal-ephemeral.yml"
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


def render(facts: Mapping[str, Any], *, ephemeral: bool) -> dict[str, str]:
    """The workflows by file name; `ephemeral` says whether pull requests get stacks of their own.

    Facts are what the templates name: `stack`, `branch`, `environments` by role and number, `clouds`, `key_variable`,
    `record`.
    """
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
    environment.globals["pins"] = PINS
    names = [*_ALWAYS, *([_EPHEMERAL] if ephemeral else [])]
    return {name: environment.get_template(f"{name}.j2").render(ephemeral=ephemeral, **facts) for name in names}


def compare(project_dir: Path, texts: Mapping[str, str]) -> list[WorkflowFile]:
    """What writing them would do; raises UsageError where a file that is there cannot be read."""
    files = []
    for name, text in texts.items():
        path = project_dir / FOLDER / name
        try:
            present = path.read_text(encoding="utf-8") if path.exists() else None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the file cannot be read ({type(error).__name__})", where=str(path)) from error
        files.append(WorkflowFile(path, text, present))
    return files


def refuse_different(files: Sequence[WorkflowFile], project_dir: Path, *, force: bool) -> None:
    """Refuse, with UsageError, to overwrite what somebody else wrote, and show how it differs."""
    changed = [file for file in files if file.state == "different"]
    if not changed or force:
        return
    names, lines = [str(file.path.relative_to(project_dir)) for file in changed], list[str]()
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
