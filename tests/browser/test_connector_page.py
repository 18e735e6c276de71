"""The emulator's page of a connector, and the steps that limit one, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from orgcal.consent.script import limit_guide
from orgcal.consent.script_page import guide_page
from orgcal.entra.clouds import CloudEndpoints
from orgcal.platforms import open_platform
from orgcal.platforms.local import LocalPlatform
from orgcal.tenants.model import State, Tenant
from tests.support.browser import SIZES, Size, check_accessible, chromium, contrast, keep_pictures, new_context
from tests.support.deployed_connector import CONTOSO, deploy

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def connector_page(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> str:
    """The address of the page of a connector with a credential and one organisation."""
    outputs = deploy(endpoints, emulator_environ)
    platform = open_platform(outputs.platform, emulator_environ)
    assert isinstance(platform, LocalPlatform)
    platform.register_connection(outputs.connector_key, CONTOSO)
    return outputs.callback_url.replace("/callback/", "/connectors/") + "/page"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_connector_page_is_readable_at_every_width_and_in_both_schemes(
    browser: Browser, connector_page: str, dark: bool
) -> None:
    context = new_context(browser, dark=dark)
    page = context.new_page()
    page.goto(connector_page)

    check_accessible(page)
    keep_pictures(page, "emulator", f"connector-{'dark' if dark else 'light'}")
    assert page.get_by_text("In the catalog", exact=True).is_visible()
    times = page.locator("time")
    assert times.count() == 2
    assert all(text.endswith(" UTC") for text in times.all_inner_texts())
    assert contrast(page, ".soft") >= 4.5
    context.close()


@pytest.mark.parametrize("size", ["narrow", "phone"])
def test_connector_page_fills_a_phone_without_a_card(browser: Browser, connector_page: str, size: Size) -> None:
    context = new_context(browser, size)
    page = context.new_page()
    page.goto(connector_page)

    card = page.get_by_role("main")
    box = card.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, SIZES[size][0])
    assert card.evaluate("each => getComputedStyle(each).borderRadius") == "0px", "no round corner at an edge"
    context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_steps_that_limit_a_connector_are_readable_at_every_width(
    browser: Browser, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str], tmp_path: Path, dark: bool
) -> None:
    known: dict[str, Any] = {"access": "scoped", "scope_group": "Calendar pilot"}
    scoped = Tenant(CONTOSO, "Contoso", "contoso.example", State.INVITED, added_at=NOW, changed_at=NOW, **known)
    path = tmp_path / "steps.html"
    path.write_text(guide_page(limit_guide(scoped, deploy(endpoints, emulator_environ), endpoints)))
    context = new_context(browser, dark=dark)
    page = context.new_page()
    page.goto(path.as_uri())

    check_accessible(page)
    keep_pictures(page, "consent", f"steps-{'dark' if dark else 'light'}")
    context.close()
