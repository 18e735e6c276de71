"""`orgcal help`: the help of a command, or one of a few topics."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, print_result
from orgcal.cli.topics import TOPICS, topic_text
from orgcal.errors import UsageError


def show_help(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="A command, or a topic.", metavar="WORD", autocompletion=lambda: list(TOPICS)),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the help of a command, or a topic."""
    from orgcal.cli import build_app

    named = list(words or ())
    if len(named) == 1 and named[0] in TOPICS:
        text = topic_text(named[0])
        print_result({"topic": named[0], "text": text}, [text], as_json=as_json)
        return
    command = typer.main.get_command(build_app(named))
    context = command.make_context("orgcal", [], resilient_parsing=True)
    for word in named:
        below = getattr(context.command, "commands", {})
        if word not in below:
            near = difflib.get_close_matches(word, [*below, *TOPICS], 1)
            raise UsageError(
                f"there is no command and no topic {' '.join(named)!r}",
                where="orgcal help",
                repair=f"did you mean {near[0]!r}?" if near else f"the topics are {', '.join(TOPICS)}",
            )
        context = below[word].make_context(word, [], parent=context, resilient_parsing=True)
    text = context.get_help()
    print_result({"command": context.command_path, "text": text}, [text], as_json=as_json)
