"""Runs the program's story, and ends it with one clear sentence where it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi

from orgcal.errors import OrgcalError
from orgcal.settings.model import Settings, load_settings

PROJECT_DIR = Path(__file__).resolve().parent.parent


def run_program(story: Callable[[Settings], None]) -> None:
    """Reads the stack's settings and tells `story` with them.

    Raises:
        pulumi.RunError: whatever we can explain, without a stack trace; nothing has been written then.
    """
    try:
        story(load_settings(PROJECT_DIR))
    except OrgcalError as error:
        raise pulumi.RunError(str(error)) from error
