"""What is wrong with the words of a command line: which, what was found and expected, and the help that says more."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperArgument

from orgcal.help_text import choices_of, limits_of, placeholder


def wrong_words(error: typer.TyperException) -> dict[str, str]:
    """The members of an error in JSON: `kind`, `what`, `where`, `repair`.

    Args:
        error: what typer raised.

    Returns:
        kind `help`, with the help as `what`, where a group of commands was called without any.
    """
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context else "orgcal"
    message = error.format_message()
    if message.startswith("Usage:"):
        return {"kind": "help", "what": message, "where": "", "repair": f"{path} --help"}
    what = _of_a_value(error) or _of_an_option(error, context) or _plain(message)
    return {"kind": "usage", "what": what, "where": path, "repair": f"{path} --help"}


def _of_an_option(error: typer.TyperException, context: Any) -> str:
    """The sentence where an option is unknown; empty where it is something else."""
    option = str(getattr(error, "option_name", "")) if hasattr(error, "possibilities") else ""
    known = [name for item in context.command.get_params(context) for name in item.opts] if context else []
    if not option or option in known:
        return ""
    from difflib import get_close_matches

    near = get_close_matches(option, known, 1)
    return f"there is no option {option}{f'; did you mean {near[0]}?' if near else ''}"


def _of_a_value(error: typer.TyperException) -> str:
    """The sentence where a value is missing or wrong; empty where it is something else."""
    param: Any = getattr(error, "param", None)
    if param is None:
        return ""
    name = placeholder(param) if isinstance(param, TyperArgument) else max(param.opts, key=len)
    if error.__cause__ is None:
        return f"{name} must be given" + (f", or {param.envvar}" if param.envvar else "")
    problems: Any = getattr(error.__cause__, "errors", list)()
    found = f"found {problems[0]['input']!r}, " if problems and "input" in problems[0] else ""
    expected = limits_of(param) or " or ".join(choices_of(param)) or _type_in_words(param.type_descriptor.annotation)
    return f"{name}: {found}expected {expected}"


def _type_in_words(annotation: object) -> str:
    return "a whole number" if annotation is int else "a number" if annotation is float else "another value"


def _plain(message: str) -> str:
    what = message.replace("Value error, ", "").rstrip(".")
    return f"{what[:1].lower()}{what[1:]}"
