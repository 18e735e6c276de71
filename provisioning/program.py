"""Runs the program's story, and ends it with one clear sentence where it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi

from orgcal.errors import OrgcalError
from orgcal.settings import Settings, parse_settings
from orgcal.settings.model import read_overlay

PROJECT_DIR = Path(__file__).resolve().parent.parent


def run_program(story: Callable[[Settings], None]) -> None:
    """Reads the stack's settings and tells `story` with them.

    Raises:
        pulumi.RunError: whatever we can explain, without a stack trace; nothing has been written then.
    """
    try:
        stack = pulumi.get_stack()
        overlay = read_overlay(PROJECT_DIR, stack)
        story(parse_settings(engine_config(), stack=stack, project=pulumi.get_project(), generations=overlay))
    except OrgcalError as error:
        raise pulumi.RunError(str(error)) from error


def engine_config() -> dict[str, str]:
    """The settings of the stack that is being deployed, as the engine hands them over: full keys to texts."""
    return {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
