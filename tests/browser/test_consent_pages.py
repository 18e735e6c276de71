"""Consent as an administrator meets it: a real browser, Entra ID's page, our pages, the registry."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from orgcal.consent import ConsentOutcome, ConsentService
from orgcal.consent.pages import PAGES, Renderer
from orgcal.consent.server import serving
from orgcal.entra.clouds import CloudEndpoints
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.browser import check_accessible, chromium, contrast, keep_pictures, new_context
from tests.support.deployed_connector import CONTOSO, FABRIKAM, deploy
from tests.support.registry import registry_of_customers

FOLDER = "consent"
LOGO = "R0lGODlhAQABAIAAAAAA/////yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="
"""A picture of one pixel."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = new_context(browser)
    yield context.new_page()
    context.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with registry_of_customers(tmp_path) as registry:
        yield registry


@pytest.fixture
def service(
    registry: Registry, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    service = ConsentService(registry, deploy(endpoints, emulator_environ), endpoints, emulator_environ)
    with serving(service, 0):
        yield service
    service.close()


def decide(page: Page, url: str, account: str, decision: str) -> None:
    """Open a link, choose an account, press a button."""
    page.goto(url)
    page.locator(f'input[name="account"][value="{account}"]').check()
    page.get_by_role("button", name=decision).click()


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text().strip()


def kept(page: Page, name: str) -> None:
    check_accessible(page)
    keep_pictures(page, FOLDER, name)


def test_administrator_who_accepts_sees_done_and_the_registry_says_verified(
    page: Page, service: ConsentService, registry: Registry
) -> None:
    link = service.link(registry.wanted("Contoso"))

    page.goto(link.url)
    keep_pictures(page, FOLDER, "entra-asks")
    decide(page, link.url, "admin@contoso.example", "Accept")

    assert heading(page).endswith("Done")
    assert page.get_by_text("Calendars.Read", exact=True).is_visible()
    kept(page, "done")
    assert registry.wanted("Contoso").state is State.VERIFIED
    page.reload()
    assert heading(page).endswith("Done")


def test_administrator_who_cancels_sees_that_nothing_changed(
    page: Page, service: ConsentService, registry: Registry
) -> None:
    decide(page, service.link(registry.wanted("Contoso")).url, "admin@contoso.example", "Cancel")

    assert heading(page).endswith("Not connected: the request was declined")
    kept(page, "declined")
    assert registry.wanted("Contoso").state is State.INVITED


def test_ordinary_user_is_told_by_entra_and_the_link_stays_good(
    page: Page, service: ConsentService, registry: Registry
) -> None:
    link = service.link(registry.wanted("Contoso"))

    decide(page, link.url, "megan@contoso.example", "Accept")

    keep_pictures(page, FOLDER, "entra-needs-approval")
    assert service.redirect_uri not in page.url
    assert service.wait_for(link.handle, 0).outcome is None
    assert registry.wanted("Contoso").state is State.INVITED


def test_administrator_of_another_organisation_is_sent_away(
    page: Page, service: ConsentService, registry: Registry
) -> None:
    link = service.link(registry.wanted("Contoso"))

    decide(page, link.url.replace(f"/{CONTOSO}/", f"/{FABRIKAM}/"), "admin@fabrikam.example", "Accept")

    assert heading(page).endswith("Not connected: this link is for another organisation")
    kept(page, "wrong-organisation")
    assert registry.wanted("Contoso").state is State.INVITED
    assert registry.wanted("Fabrikam").state is State.INVITED


def test_link_used_twice_shows_that_it_was_used(page: Page, service: ConsentService, registry: Registry) -> None:
    link = service.link(registry.wanted("Contoso"))
    decide(page, link.url, "admin@contoso.example", "Accept")

    decide(page, link.url, "admin@contoso.example", "Accept")

    assert heading(page).endswith("This link was used already")
    kept(page, "link-used")


def test_link_that_is_not_ours_shows_what_to_think_of_it(page: Page, service: ConsentService) -> None:
    page.goto(f"{service.redirect_uri}?admin_consent=True&tenant={CONTOSO}&state=forged")

    assert heading(page).endswith("This did not start with us")
    kept(page, "not-ours")


@pytest.mark.parametrize("scripts", [False, True], ids=["without scripts", "with scripts"])
def test_page_goes_on_by_itself_when_the_grant_arrives_late(
    browser: Browser,
    registry: Registry,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    scripts: bool,
) -> None:
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=scripts)
    page = context.new_page()
    loaded: list[str] = []
    page.on("domcontentloaded", lambda each: loaded.append(each.url))
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    service = ConsentService(registry, deploy(endpoints, emulator_environ), endpoints, emulator_environ)
    with serving(service, 0):
        link = service.link(registry.wanted("Contoso"))
        state = link.url.rsplit("state=", 1)[1]
        # The callback comes before the consent: as if the grant had not arrived anywhere yet.
        page.goto(f"{service.redirect_uri}?admin_consent=True&tenant={CONTOSO}&state={state}")
        assert heading(page).endswith("Working on it")
        kept(page, "working")
        if scripts:
            with page.expect_response(lambda answer: "/result/" in answer.url, timeout=20_000):
                pass
            assert len(loaded) == 1, "a look of the script does not begin the page again"

        other = page.context.new_page()
        decide(other, service.link(registry.wanted("Contoso")).url, "admin@contoso.example", "Accept")
        page.get_by_text("Your organisation is connected").wait_for(timeout=20_000)

        assert heading(page).endswith("Done")
        assert refused == []
    service.close()
    context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_is_readable_in_light_and_dark(browser: Browser, tmp_path: Path, dark: bool) -> None:
    logo = b64decode(LOGO) if dark else b""
    renderer = Renderer("Acme Calendar Sync", "acme.example", ["Calendars.Read", "Directory.Read.All"], logo)
    (tmp_path / "style.css").write_text(renderer.stylesheet)
    context = new_context(browser, "phone", dark=dark)
    page = context.new_page()
    for outcome in PAGES:
        (tmp_path / "page.html").write_text(renderer.page(outcome, stylesheet="style.css", code="AADSTS65004"))
        page.goto((tmp_path / "page.html").as_uri())
        if not dark:  # it looks at both by itself
            check_accessible(page)
        keep_pictures(page, FOLDER, f"{outcome.value}-{'dark' if dark else 'light'}")
        assert page.locator(".application img").count() == bool(logo)
        for selector in ("h1", ".mark", "p", ".application b", ".names span"):
            assert contrast(page, selector) >= 4.5, (outcome, selector)
    context.close()


def test_outcomes_shown_are_those_that_exist() -> None:
    assert {
        ConsentOutcome.DONE,
        ConsentOutcome.PROVING,
        ConsentOutcome.DECLINED,
        ConsentOutcome.LINK_USED,
        ConsentOutcome.NOT_OURS,
    } <= set(PAGES)
