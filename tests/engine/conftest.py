"""Fixtures of the engine tests: checkouts of their own, deployed or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A fresh checkout; its emulator, if one was started, is stopped at the end."""
    copy = make_checkout(tmp_path)
    yield copy
    copy.orgcal("emulator", "stop")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose stack `dev` is up; tests of a module share it and leave it as they found it."""
    copy = make_checkout(tmp_path_factory.mktemp("deployed"))
    try:
        started = copy.orgcal("emulator", "start")
        assert started.code == 0, started.text
        up = copy.orgcal("up")
        assert up.code == 0, up.text
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose emulator runs, with nothing deployed; tests of a module share it."""
    copy = make_checkout(tmp_path_factory.mktemp("started"))
    try:
        begun = copy.orgcal("emulator", "start")
        assert begun.code == 0, begun.text
        made = copy.shell("pulumi stack init dev")  # whichever test comes first may preview at once
        assert made.code == 0, made.text
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


@pytest.fixture
def outside(deployed: Checkout) -> Outside:
    """What the emulator of the deployed checkout holds."""
    return Outside(deployed.ready)
