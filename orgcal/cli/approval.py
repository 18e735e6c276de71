"""Asks a person before something is done: on a terminal, unless `--yes` or `--json` says not to."""

from __future__ import annotations

import sys
from typing import Annotated, TextIO

import typer

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def can_ask(*, as_json: bool) -> bool:
    """Whether somebody is there who reads a question and can answer it."""
    return not as_json and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def approve(question: str, *, where: str, yes: bool, as_json: bool, needed: bool = True) -> None:
    """Go on only where somebody agrees; otherwise nothing was done.

    Args:
        question: of one line, such as `Remove everything that stack dev made?`.
        where: the command, such as `orgcal destroy`, or the stack.
        yes: somebody has agreed by `--yes`.
        as_json: the command prints JSON, so nobody is asked.
        needed: whether it is refused where nobody can be asked; what can be undone goes on without an answer.

    Raises:
        Refused: nobody agreed, or nobody could be asked and it is `needed`.
    """
    from orgcal.errors import Refused

    if yes:
        return
    if can_ask(as_json=as_json):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):  # Ctrl-D leaves the cursor in the line of the question
            sys.stderr.write("\n")
        if answer.strip().lower() in ("y", "yes"):
            return
        raise Refused("nothing was done, as nobody agreed", where=where, repair="the same command, and answer y")
    if needed:
        raise Refused(
            "nothing was done: this needs somebody's agreement, and nobody can be asked here",
            where=where,
            repair="the same command with --yes",
        )


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
