"""Runs a Pulumi program with its stack's settings, and ends it with one sentence where it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi

from orgcal.errors import OrgcalError
from orgcal.settings import Settings, parse_settings
from orgcal.settings.model import read_overlay

PROJECT_DIR = Path(__file__).resolve().parent.parent


def run_program(story: Callable[[], None]) -> None:
    """Tells `story`.

    Raises:
        pulumi.RunError: whatever we can explain, without a stack trace; nothing has been written then.
    """
    try:
        story()
    except OrgcalError as error:
        raise pulumi.RunError(str(error)) from error


def load_settings() -> Settings:
    """The settings of the stack that is being deployed.

    Raises:
        ConfigError: with every problem at once.
    """
    stack = pulumi.get_stack()
    overlay = read_overlay(PROJECT_DIR, stack)
    return parse_settings(engine_config(), stack=stack, project=pulumi.get_project(), generations=overlay)


def engine_config() -> dict[str, str]:
    """The settings of the stack that is being deployed, as the engine hands them over: full keys to texts."""
    return {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
