"""Fixtures of the engine tests: checkouts of their own, deployed or not; and the azuread plugin that they run with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgcal.engine.find import find_engine
from orgcal.errors import OrgcalError
from tests.support.azuread_plugin import limit_s, plugin_kind, why_not_real
from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside
from tests.support.watched_commands import no_secret_leaks, no_secret_leaks_from_module

__all__ = ["no_secret_leaks", "no_secret_leaks_from_module"]

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Refuses AZUREAD_PLUGIN=real where the tests would run with another plugin, or with none."""
    kind = plugin_kind()
    if kind == "standin":
        return
    if kind != "real":
        raise pytest.UsageError(f"AZUREAD_PLUGIN={kind}: the engine tests run with real or standin")
    try:
        refusal = why_not_real(find_engine(), os.environ)
    except OrgcalError as error:
        refusal = str(error)
    if refusal:
        raise pytest.UsageError(f"AZUREAD_PLUGIN=real: {refusal}")


def pytest_report_header() -> str:
    """Says which plugin the tests run with."""
    return f"azuread plugin: {plugin_kind()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lets tests take as long as their plugin; with the real one, leaves out the tests of the stand-in itself."""
    engine_tests = [item for item in items if HERE in item.path.parents]
    if plugin_kind() == "real":
        about_standin = [item for item in engine_tests if is_about_standin(item)]
        config.hook.pytest_deselected(items=about_standin)
        items[:] = [item for item in items if item not in about_standin]
    for item in engine_tests:
        marker = item.get_closest_marker("timeout")
        seconds = marker.args[0] if marker else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(limit_s(seconds)), append=False)


def is_about_standin(item: pytest.Item) -> bool:
    """Whether a test is about the stand-in: by its file's name, or by the marker `standin`."""
    return item.path.name.startswith("test_standin") or item.get_closest_marker("standin") is not None


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
