"""All commands by name. A command's module is imported when it is called, not before."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Annotated

import typer

# name -> (module, relative to this package, its typer.Typer or function, what it does in a line of `orgcal --help`)
COMMANDS = {
    "doctor": (".doctor", "doctor", "Check this machine; say how to repair it"),
    "env": (".env", "env", "Print shell settings for pulumi by hand"),
    "emulator": (".emulator", "app", "Start, stop and find the local emulator"),
    "up": (".stack", "up", "Bring a stack up, as pulumi up does"),
    "destroy": (".stack", "destroy", "Remove everything that a stack made"),
    "ephemeral": (".ephemeral", "app", "Short-lived copies of a stack, as for pull requests"),
    "tenants": (".tenants", "app", "Customer organisations of a connector"),
    "log": (".tenants", "log", "Everything that was done about organisations"),
    "consent": (".consent", "app", "Links, callback and proof of consent"),
    "verify": ("verify.command", "verify", "Prove that users and calendars can be read"),
    "preflight": (".preflight", "preflight", "Would the home tenant allow it?"),
    "status": (".status", "status", "Permissions, credentials, drift of a stack"),
    "adopt": (".adopt", "adopt", "Take an existing application over"),
    "ci": (".ci", "app", "CI without a stored secret"),
    "sweep": (".sweep", "sweep", "Find and remove what killed runs left behind"),
    "rotate": (".rotate", "rotate", "Replace the credential without an outage"),
    "demo": (".demo", "demo", "The whole job against the emulator"),
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with only the command that `arguments` call, or with all where they call none."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_root)
    called = next((word for word in arguments if not word.startswith("-")), "")
    for name in [called] if called in COMMANDS else COMMANDS:
        module, attribute, short_help = COMMANDS[name]
        command = getattr(importlib.import_module(module, __package__), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=short_help)
        else:
            app.command(name, short_help=short_help)(command)
    return app


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"orgcal {version('orgcal')}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """An Outlook Calendar (Admin) connector, from nothing to proven."""
