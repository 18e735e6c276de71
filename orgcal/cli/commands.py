"""All commands by name. A command's module is imported when it is called, not before."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import typer

# name -> (module of this package, its typer.Typer or function)
_COMMANDS = {
    "doctor": ("doctor", "doctor"),
    "env": ("env", "env"),
    "emulator": ("emulator", "app"),
    "up": ("stack", "up"),
    "destroy": ("stack", "destroy"),
    "tenants": ("tenants", "app"),
    "consent": ("consent", "app"),
    "verify": ("verify", "verify"),
    "demo": ("demo", "demo"),
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with only the command that `arguments` call, or with all where they call none."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_root)
    called = next((word for word in arguments if not word.startswith("-")), "")
    for name in [called] if called in _COMMANDS else _COMMANDS:
        module, attribute = _COMMANDS[name]
        found = getattr(importlib.import_module(f"orgcal.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _root() -> None:
    """An Outlook Calendar (Admin) connector, from nothing to proven."""
