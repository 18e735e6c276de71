"""Plays the customer's administrator in the demo: opens a link and posts the form that is there, as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError

TIMEOUT_S = 30.0
REPAIR = 'eval "$(orgcal env)" && pulumi up --refresh --yes --stack dev, then orgcal demo again'
"""Somebody has changed what the emulator holds, such as deleted the application."""


class Form(HTMLParser):
    """The first form of a page: where it goes, what it sends unless somebody changes it, radio choices, buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.values: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        name, value = attributes.get("name"), attributes.get("value", "")
        if tag == "form" and self.action is None:
            self.action, self._inside = attributes.get("action", ""), True
        elif self._inside and name:
            if tag == "button" or (tag == "input" and attributes.get("type") == "submit"):
                self.buttons.append((name, value))
            elif tag == "input" and attributes.get("type") == "radio":
                self.choices.setdefault(name, []).append(value)
                if "checked" in attributes:
                    self.values[name] = value
            elif tag == "input":
                self.values[name] = value

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"


def accept_consent(endpoints: CloudEndpoints, url: str, *, administrator: str) -> str:
    """Opens a consent link and accepts as `administrator`; the address that the browser ends at.

    `administrator` is a user principal name of the page. Only the emulator's pages and the link's redirect URI are
    visited.

    Raises:
        OrgcalError: the page does not ask for consent.
    """
    callback = dict(parse_qsl(urlsplit(url).query)).get("redirect_uri", "")
    session = new_session(endpoints, servers=[endpoints.login_url, callback])
    session.max_redirects = 3  # to our callback, and on to its result page
    page = session.get(url, timeout=TIMEOUT_S)
    form = read_form(page.text)
    if form is None or ("decision", "accept") not in form.buttons:
        raise OrgcalError(
            f"the consent page answered {page.status_code} and asks nothing", where=endpoints.login_url, repair=REPAIR
        )
    if administrator not in form.choices.get("account", []):
        raise OrgcalError(f"the consent page does not offer {administrator}", where=endpoints.login_url, repair=REPAIR)
    answer = session.post(
        urljoin(page.url, form.action or ""),
        data={**form.values, "account": administrator, "decision": "accept"},
        timeout=TIMEOUT_S,
    )
    if answer.status_code >= 400:
        place = answer.url.split("?", 1)[0]
        raise OrgcalError(f"accepting the consent ended with status {answer.status_code}", where=place, repair=REPAIR)
    return answer.url


def read_form(html: str) -> Form | None:
    """The first form of a page, or None."""
    form = Form()
    form.feed(html)
    return None if form.action is None else form
