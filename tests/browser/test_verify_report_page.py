"""The HTML report of a verification in a real browser: on a phone, in the dark, for a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.support.browser import SIZES, check_accessible, chromium, contrast, keep_pictures, new_context
from verify.models import CheckResult, MailboxClass, Verdict
from verify.report.html import html
from verify.run_description import RunDescription
from verify.summary import Summary

BEGAN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CLIENT, HOME = "44444444-4444-4444-4444-444444444444", "11111111-1111-1111-1111-111111111111"
ABOUT = RunDescription("Outlook Calendar (Admin)", "Acme Calendar Sync", CLIENT, "prod", "public", HOME, "1.2.3", BEGAN)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def report(tmp_path: Path) -> Path:
    """A run with something of everything."""
    summary = Summary(run=ABOUT, duration_s=12.3)
    summary.add(CheckResult("agreement", Verdict.PASS, "connector, application and stack agree"))
    summary.add(CheckResult("expiry", Verdict.WARN, "the credential lasts until 2026-12-01", "orgcal rotate"))
    names = ["Contoso", "Fabrikam", "A Very Long Name of an Organisation That Nobody Would Ever Shorten GmbH & Co. KG"]
    for number, name in enumerate(names):
        verdict = [Verdict.PASS, Verdict.FAIL, Verdict.ERROR][number]
        mailboxes = dict.fromkeys((item.value for item in MailboxClass), 0)
        mailboxes |= {"ok": 9000 - number, "no_mailbox": 700, "restricted": 250, "failed": 3 * number}
        examples = [
            {"user_id": f"00000000-0000-0000-0000-{n:012d}", "reason": "500", "request_id": "r" * 36} for n in range(3)
        ]
        buckets = [[20.0 * 1.1**n, 1 + (n * 7) % 13] for n in range(20)]
        evidence = {
            "calendars": 20_000,
            "mailboxes": mailboxes,
            "batch_ms": {"p50": 60.5, "p95": 110.0, "buckets": buckets},
            "failed_examples": examples if number else [],
        }
        tenant_id = f"{number}{number}222222-2222-2222-2222-222222222222"
        summary.add(CheckResult("token", Verdict.PASS, "Entra ID gave a token", "", tenant_id, name))
        summary.add(CheckResult("users", Verdict.PASS, "9,950 listed", "", tenant_id, name, {"listed": 9950}))
        summary.add(CheckResult("calendars", verdict, "calendars read", "look at it", tenant_id, name, evidence))
        summary.organisations[tenant_id].since = BEGAN - timedelta(days=number)
    path = tmp_path / "report.html"
    path.write_text(html(summary, BEGAN))
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_report_is_readable_at_every_width_and_in_both_schemes(browser: Browser, tmp_path: Path, dark: bool) -> None:
    context = new_context(browser, dark=dark)
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))

    page.goto(report(tmp_path).as_uri())

    check_accessible(page)
    keep_pictures(page, "verify", f"report-{'dark' if dark else 'light'}")
    assert len(requested) == 1, "one file, and nothing from elsewhere"
    for selector in ("h1", ".conclusion", ".pass", ".v .warn", ".v .fail", ".v .error", ".repair", ".soft", ".why"):
        assert contrast(page, selector) >= 4.5, selector
    context.close()


def test_report_names_its_pictures_and_puts_the_worst_first(browser: Browser, tmp_path: Path) -> None:
    context = new_context(browser)
    page = context.new_page()
    page.goto(report(tmp_path).as_uri())

    pictures = [picture.get_attribute("aria-label") or "" for picture in page.get_by_role("img").all()]
    assert pictures[0] == "Users of Fabrikam: 8999 read, 700 without a mailbox, 250 restricted by policy, 3 failed"
    assert "half within 60.5 milliseconds" in pictures[1]
    assert page.get_by_role("heading", level=3).first.inner_text() == "Fabrikam"
    page.locator("summary").first.click()
    assert page.get_by_text("00000000-0000-0000-0000-000000000001").first.is_visible()
    context.close()


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_first_screen_says_who_is_fine_who_is_not_and_since_when(
    browser: Browser, tmp_path: Path, size: Literal["phone", "desktop"]
) -> None:
    context = new_context(browser, size)
    page = context.new_page()
    page.goto(report(tmp_path).as_uri())

    for text in ABOUT.labelled().values():
        assert page.locator(".facts").get_by_text(text, exact=True).first.is_visible()
    wrong = page.locator(".overview").first.locator("li")
    assert " ".join(wrong.first.inner_text().split()) == "Fabrikam ✕ failed since 2026-11-22 10:00 UTC calendars read"
    fine = page.locator(".fine li")
    assert fine.all_inner_texts() == ["Contoso ✓ ok since 2026-11-23 10:00 UTC"]
    box = (fine if size == "desktop" else wrong).first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= SIZES[size][1]
    context.close()


@pytest.mark.parametrize("size", ["narrow", "phone", "desktop"])
def test_times_are_never_broken_and_no_line_stands_above_a_first_row(
    browser: Browser, tmp_path: Path, size: Literal["narrow", "phone", "desktop"]
) -> None:
    context = new_context(browser, size)
    page = context.new_page()
    page.goto(report(tmp_path).as_uri())

    lines = page.locator(".time").evaluate_all("them => them.map(each => each.getClientRects().length)")
    assert len(lines) >= 4
    assert set(lines) == {1}
    above = page.locator(".checks tr:first-child").evaluate_all(
        "them => them.flatMap(each => [each, ...each.children]).map(each => getComputedStyle(each).borderTopWidth)"
    )
    assert set(above) == {"0px"}
    context.close()
