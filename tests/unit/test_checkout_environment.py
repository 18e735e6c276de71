"""What a test's own checkout takes over from the environment that the tests run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.azuread_plugin import BESIDE_OTHERS_FACTOR, REAL_TIME_FACTOR, limit_s
from tests.support.checkout import Checkout


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout for which nothing is set."""
    for name in ("AZUREAD_PLUGIN", "ORGCAL_CACHE_DIR", "PULUMI_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Checkout(tmp_path / "checkout", tmp_path / "home")


def test_checkout_takes_the_users_cache_from_xdg_cache_home(copy: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/else")
    assert copy.environ["ORGCAL_CACHE_DIR"] == "/somewhere/else/orgcal"


def test_checkout_takes_the_users_cache_from_orgcal_cache_dir(copy: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORGCAL_CACHE_DIR", "/somewhere/of/ours")
    assert copy.environ["ORGCAL_CACHE_DIR"] == "/somewhere/of/ours"


def test_checkout_takes_no_other_folder_of_the_user(copy: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    assert copy.environ["HOME"] == str(copy.home)
    assert not [name for name in copy.environ if name.startswith("XDG_")]


def test_checkout_uses_the_standin_and_none_of_the_users_plugins(
    copy: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", "/somewhere/pulumi")
    assert copy.environ["AZUREAD_PLUGIN"] == "standin"
    assert "PULUMI_HOME" not in copy.environ
    assert limit_s(10) == 10 * BESIDE_OTHERS_FACTOR


@pytest.mark.parametrize("home", ["/somewhere/pulumi", ""])
def test_checkout_with_the_real_plugin_finds_it_where_the_user_has_it(
    copy: Checkout, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("AZUREAD_PLUGIN", "real")
    monkeypatch.setenv("PULUMI_HOME", home)
    assert copy.environ["AZUREAD_PLUGIN"] == "real"
    assert copy.environ.get("PULUMI_HOME", "") == home
    assert limit_s(10) == 10 * REAL_TIME_FACTOR
