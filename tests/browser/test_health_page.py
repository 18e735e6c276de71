"""The page of a connector's health in a real browser: on a phone, in the dark, with its own script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser

from orgcal.health.page import page_of
from orgcal.settings import AlertSettings
from orgcal.tenants.credentials import KnownCredential, remember_credentials
from orgcal.tenants.history import Run, add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.browser import check_accessible, chromium, contrast, keep_pictures, new_context
from tests.support.health import NIGHT, a_run

NAMES = [
    "Contoso",
    "Fabrikam",
    "A Very Long Name of an Organisation That Nobody Would Ever Shorten GmbH & Co. KG",
    "Tailspin",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with something of everything: one is well, one has shrunk, one has revoked, one was never verified."""
    folder = tmp_path_factory.mktemp("page")
    now = NIGHT + timedelta(days=40, hours=1)
    registry = Registry(f"sqlite:///{folder}/registry", connector="orgcal/prod", operator="ada", now=lambda: now)
    ids = [f"{number}2222222-2222-2222-2222-222222222222" for number in range(len(NAMES))]
    for tenant_id, name in zip(ids, NAMES, strict=True):
        registry.add(tenant_id, name)
    for day in range(1, 41):
        at = NIGHT + timedelta(days=day)
        add_runs(registry, [night(number, ids[number], at, day) for number in range(3)], keep=timedelta(days=400))
    for tenant_id in ids[:3]:
        registry.set_state(tenant_id, State.VERIFIED, consented_at=NIGHT, verified_at=now)
    registry.set_state(ids[1], State.REVOKED, reason="the application is not known in this tenant")
    remember_credentials(registry, 1, [KnownCredential(1, "secret", now + timedelta(days=5))])
    path = folder / "health.html"
    path.write_text(page_of(registry, AlertSettings()))
    registry.close()
    return path.as_uri()


def night(number: int, tenant_id: str, at: datetime, day: int) -> Run:
    if number == 1 and day > 30:
        return a_run(tenant_id, at, verdict="fail", state=State.REVOKED, readable=None, cause="not consented")
    if number == 2 and day > 35:
        return a_run(tenant_id, at, verdict="warn", readable=30, checks={"baseline": "warn"}, cause="30 of 44")
    return a_run(tenant_id, at, verdict="error" if day == 20 else "pass", readable=40 + day % 5)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_is_readable_without_its_script_at_every_width_and_in_both_schemes(
    browser: Browser, address: str, dark: bool
) -> None:
    context = new_context(browser, dark=dark)
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(address)

    check_accessible(page)
    keep_pictures(page, "health", f"page-{'dark' if dark else 'light'}")
    assert len(requested) == 1, "one file, and nothing from elsewhere"
    assert page.locator(".controls").is_hidden(), "it would do nothing"
    for selector in ("h1", ".problems strong", ".problems span", "td.pass", "td.fail", "td.warn", ".soft", "th a"):
        assert contrast(page, selector) >= 4.5, selector
    context.close()


def test_first_screen_of_a_phone_says_what_is_wrong(browser: Browser, address: str) -> None:
    context = new_context(browser, "phone")
    page = context.new_page()
    page.goto(address)

    first = page.locator(".problems li").first
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 844
    assert "Fabrikam has taken its access away" in page.locator(".problems").inner_text()
    context.close()


def test_script_filters_and_sorts_and_says_how_many_are_shown(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(address)
    rows = page.locator("table.organisations tbody tr:visible th")

    assert page.locator("#count").inner_text() == "4 of 4 organisations"
    page.get_by_role("searchbox").fill("tail")
    assert rows.all_inner_texts() == ["Tailspin"]
    page.get_by_role("searchbox").fill("")
    page.get_by_label("only what is wrong").check()
    assert sorted(rows.all_inner_texts())[1] == "Fabrikam"
    assert page.locator("#count").inner_text() == "2 of 4 organisations"
    page.get_by_label("only what is wrong").uncheck()
    page.get_by_role("button", name="organisation").click()
    assert rows.all_inner_texts() == sorted(NAMES)
    page.get_by_role("button", name="count").click()
    assert rows.first.inner_text() == "Tailspin", "never read"
    page.get_by_role("button", name="count").click()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert rows.first.inner_text() == "Contoso"
    assert told == [], "its own policy allows its own script"
    context.close()


def test_page_on_paper_leaves_out_what_only_a_screen_can_do(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.emulate_media(media="print")

    assert page.locator(".controls").is_hidden()
    assert page.locator("table.organisations").is_visible()
    context.close()
