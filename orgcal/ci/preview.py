"""What a pull request would change, as a comment."""

from __future__ import annotations

from collections.abc import Iterator

from orgcal.printable import printable
from orgcal.stack.preview_redacted import Preview

MAX_COMMENT = 60_000
"""Characters; GitHub takes 65,536."""

_SIGNS = {"create": "+", "delete": "-", "update": "~", "replace": "+-"}


def as_markdown(stack: str, preview: Preview, folder: str = "") -> str:
    """The comment's text, without its mark; `folder` is the project's path in its repository, empty at the root."""
    text = "\n".join(_lines(stack, preview, folder))
    return text if len(text) <= MAX_COMMENT else text[: MAX_COMMENT - 40].rsplit("\n", 1)[0] + "\n```\n(shortened)\n"


def _lines(stack: str, preview: Preview, folder: str) -> Iterator[str]:
    yield f"### orgcal preview of stack `{stack}`" + (f" in `{folder}`" if folder else "")
    yield ""
    if preview.new:
        yield "This stack has not been deployed yet."
        yield ""
    count = len(preview.changes)
    if not count:
        yield f"Merging changes nothing; {preview.unchanged} resources stay as they are."
    else:
        noun = "1 resource changes" if count == 1 else f"{count} resources change"
        yield f"{noun}, {preview.unchanged} stay as they are."
        yield ""
        yield "```diff"
        for change in preview.changes:
            kind = change.type.rpartition(":")[2]
            which = f": {', '.join(change.properties)}" if change.properties else ""
            sign = _SIGNS.get(change.operation, "!")
            yield printable(f"{sign} {kind} {change.name}  {change.operation}{which}").replace("`", "'")
        yield "```"
    for warning in preview.warnings:
        yield ""
        yield f"- {printable(' '.join(warning.split())).replace('`', chr(39))}"
