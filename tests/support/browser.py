"""A real browser without JavaScript, for pages that must work without it; pictures of them are kept.

axe-core (https://github.com/dequelabs/axe-core) judges each page for people who use a keyboard or a screen reader.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

ARTEFACTS = Path(os.environ.get("ORGCAL_ARTEFACTS") or Path(__file__).resolve().parents[2] / ".local" / "artefacts")
SIZES = {"narrow": (320, 640), "phone": (390, 844), "desktop": (1280, 800)}
"""320 pixels are what is left of 1280 at a zoom of 400 % (https://www.w3.org/TR/WCAG22/#reflow)."""
Size = Literal["narrow", "phone", "desktop"]
LOOKS: tuple[tuple[Size, Literal["light", "dark"], Literal["active", "none"]], ...] = (
    ("narrow", "light", "none"),
    ("phone", "dark", "none"),
    ("desktop", "light", "active"),
)
"""Size, colour scheme and forced colours in which axe-core judges each page."""
WIDEST = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
Seen = TypeVar("Seen")


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


def new_context(browser: Browser, size: Size = "desktop", *, dark: bool = False) -> BrowserContext:
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


def looked_again(look: Callable[[], Seen]) -> Seen:
    """What `look` sees of a page; it looks once more where the page's own refresh came in between."""
    try:
        return look()
    except Error as error:
        if "because of a navigation" not in error.message:
            raise
        return look()


def keep_pictures(page: Page, folder: str, name: str) -> None:
    """Pictures of `page` at every width; also checks that nothing sticks out at any."""
    target = ARTEFACTS / folder
    target.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=target / f"{name}-{size}.png", full_page=True)
        widest = looked_again(lambda: page.evaluate(WIDEST))
        assert widest <= width, f"{name} is {widest} px wide on a {size} of {width} px"


def check_accessible(page: Page) -> None:
    """What a screen reader needs first: language, title, one heading of level 1, a main part, names of pictures."""
    assert page.locator("html").get_attribute("lang") == "en"
    assert looked_again(page.title)
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("main").count() == 1
    for picture in page.get_by_role("img").all():
        assert picture.get_attribute("aria-label") or picture.get_attribute("alt")
    assert axe_violations(page) == []


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page at `page`'s address, in every look, each with the elements it means.

    axe-core needs JavaScript, so the address is opened anew in a context that has it, where the page's policy holds.
    """
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(ignore_https_errors=True, storage_state=page.context.storage_state())
    found = []
    try:
        judged = context.new_page()
        judged.goto(page.url)
        judged.evaluate(AXE_SCRIPT)
        for size, scheme, forced in LOOKS:
            width, height = SIZES[size]
            judged.set_viewport_size({"width": width, "height": height})
            judged.emulate_media(color_scheme=scheme, forced_colors=forced)
            for violation in judged.evaluate("axe.run({resultTypes: ['violations']})")["violations"]:
                where = "; ".join(" ".join(map(str, node["target"])) for node in violation["nodes"])
                found.append(f"{size} {scheme} forced-colors={forced}: {violation['id']} at {where}")
    finally:
        context.close()
    return found


def contrast(page: Page, selector: str) -> float:
    """Contrast of an element's text with the page behind it, as WCAG defines it (1 to 21)."""
    script = "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    colours = looked_again(lambda: page.locator(selector).first.evaluate(script))
    light, dark = sorted((_luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
