"""The settings of every stack of this project are right. Nothing is deployed, and nobody is asked."""

from pathlib import Path

import pytest

from orgcal.settings import read_settings

PROJECT = Path(__file__).parent
STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in PROJECT.glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("stack", STACKS)
def test_settings_of_a_stack_are_right(stack: str) -> None:
    """A wrong one ends this with a `ConfigError` that names all of them, with their lines and repairs."""
    assert read_settings(PROJECT, stack).connector.scopes
