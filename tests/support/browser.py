"""A real browser without JavaScript, for pages that must work without it; pictures of them are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARTEFACTS = Path(os.environ.get("ORGCAL_ARTEFACTS") or Path(__file__).resolve().parents[2] / ".local" / "artefacts")
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of the system; the test is skipped where there is none, except in CI."""
    program = os.environ.get("ORGCAL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=30_000
        )
        try:
            yield browser
        finally:
            browser.close()


def new_context(
    browser: Browser, size: Literal["phone", "desktop"] = "desktop", *, dark: bool = False
) -> BrowserContext:
    """A fresh session of a person: no cookies, no JavaScript, the emulator's certificate accepted."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=False,
        ignore_https_errors=True,
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(15_000)
    return context


def keep_pictures(page: Page, folder: str, name: str) -> None:
    """Pictures of `page` at both widths; also checks that nothing sticks out at either."""
    target = ARTEFACTS / folder
    target.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=target / f"{name}-{size}.png", full_page=True)
        widest = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        assert widest <= width, f"{name} is {widest} px wide on a {size} of {width} px"


def check_accessible(page: Page) -> None:
    """What a screen reader needs first: language, title, one heading of level 1, a main part, names of pictures."""
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title()
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("main").count() == 1
    for picture in page.get_by_role("img").all():
        assert picture.get_attribute("aria-label")


def contrast(page: Page, selector: str) -> float:
    """Contrast of an element's text with the page behind it, as WCAG defines it (1 to 21)."""
    colours = page.locator(selector).first.evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    )
    light, dark = sorted((_luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
