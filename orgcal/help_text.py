"""How the help of every command looks: usage, what it does, its options, those that all share, examples.

Typer shows types of Python and ranges as formulas; here a person reads `--days DAYS` and `0.01 to 90`. Commands and
groups become such by the class that they are declared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

WIDEST = 400
"""Columns; help is as wide as the terminal, however wide that is."""

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}

SHARED = frozenset({"stack", "project", "as_json", "yes", "quiet", "verbose", "help"})
"""Names of the options that mean the same in every command."""


class HelpCommand(TyperCommand):
    """A command whose help people can read."""

    examples: tuple[str, ...] = ()

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.context_settings = {**_CONTEXT, **self.context_settings}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words behind the command's name in its usage: `[OPTIONS] TENANT`."""
        return ["[OPTIONS]", *(usage_of(item) for item in self.get_params(ctx) if isinstance(item, TyperArgument))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, own options, and the options that all commands share."""
        _write_params(self.get_params(ctx), formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # typer's signature
        """Write the examples, each as it can be typed."""
        _write_examples(self.examples, formatter)


class HelpGroup(TyperGroup):
    """A group of commands whose help people can read."""

    examples: tuple[str, ...] = ()

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.context_settings = {**_CONTEXT, **self.context_settings}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        """The words behind the group's name in its usage."""
        return ["[OPTIONS]", "COMMAND"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first, then the options."""
        self.format_commands(ctx, formatter)
        _write_params(self.get_params(ctx), formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # typer's signature
        """Write the examples, each as it can be typed."""
        _write_examples(self.examples, formatter)


def _write_params(params: Iterable[Any], formatter: Any) -> None:
    shown = [item for item in params if not item.hidden]
    options = [item for item in shown if isinstance(item, TyperOption)]
    sections: dict[str, list[Any]] = {
        "Arguments": [item for item in shown if isinstance(item, TyperArgument)],
        "Options": [item for item in options if item.name not in SHARED],
        "Common options": [item for item in options if item.name in SHARED],
    }
    for title, listed in sections.items():
        if listed:
            with formatter.section(title):
                formatter.write_dl([(written(item), explained(item)) for item in listed])


def _write_examples(examples: Iterable[str], formatter: Any) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def usage_of(argument: TyperArgument) -> str:
    """An argument in the line of usage: `TENANT`, `[TENANT]` where it may be left out, `...` for several."""
    name = placeholder(argument)
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs != 1 else "")


def written(option: TyperArgument | TyperOption) -> str:
    """An option as it is typed: `-s, --stack STACK`, `--rotate / --no-rotate`; an argument's word."""
    if isinstance(option, TyperArgument):
        return placeholder(option)
    names = ", ".join(sorted(option.opts, key=lambda name: name.startswith("--")))
    if option.secondary_opts:
        return f"{names} / {', '.join(option.secondary_opts)}"
    return names if option.is_flag or option.count else f"{names} {placeholder(option)}"


def placeholder(param: TyperArgument | TyperOption) -> str:
    """The word in capitals that stands for a value, or the choices that there are."""
    if param.metavar:
        return param.metavar
    described = param.type_descriptor
    if described.is_choice:
        return "|".join(choices_of(param))
    if described.is_path:
        return "FILE"
    if described.annotation in (int, float):
        return "NUMBER"
    return param.name.lstrip("_").upper().replace("_", "-")


def choices_of(param: TyperArgument | TyperOption) -> list[str]:
    """The values that may be chosen; none where any text goes."""
    return [str(getattr(item, "value", item)) for item in param.type_descriptor.choices or ()]


def explained(param: TyperArgument | TyperOption) -> str:
    """What an option or argument does, with its limits, its default and its variable."""
    text = param.help or ""
    extra = list(_extra(param, text))
    return f"{text}  [{'; '.join(extra)}]" if extra else text


def _extra(param: TyperArgument | TyperOption, text: str) -> Iterator[str]:
    several = param.nargs != 1 or getattr(param, "multiple", False)
    if several and "repeatable" not in text and isinstance(param, TyperOption):
        yield "repeatable"
    if limits := limits_of(param):
        yield limits
    if param.envvar:
        yield f"variable {param.envvar}"
    if default := default_of(param):
        yield f"default: {default}"
    if param.required:
        yield "required"


def limits_of(param: TyperArgument | TyperOption) -> str:
    """The numbers that are allowed, in words; empty where all are."""
    if getattr(param, "count", False) or (param.min is None and param.max is None):
        return ""
    if param.max is None:
        return f"{param.min} or more"
    return f"at most {param.max}" if param.min is None else f"{param.min} to {param.max}"


def default_of(param: TyperArgument | TyperOption) -> str:
    """The default as it would be typed; empty where there is none, and for switches that are off."""
    if isinstance(param.show_default, str):
        return param.show_default
    value = param.default
    if isinstance(value, bool):
        names = [*getattr(param, "opts", ()), *getattr(param, "secondary_opts", ())]
        return names[0 if value else -1] if getattr(param, "secondary_opts", ()) else ""
    if value is None or value == "" or callable(value) or isinstance(value, list | tuple):
        return ""
    value = getattr(value, "value", value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def command_tree(command: Any, path: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command and all below it, each with the words that call it."""
    yield tuple(path), command
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from command_tree(below, (*path, name))
