"""Somebody with a browser who answers a consent page by posting its form."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urljoin

import requests

from orgcal.entra.clouds import CloudEndpoints


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action") or ""
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""


def answer(
    endpoints: CloudEndpoints,
    url: str,
    account: str,
    decision: Literal["accept", "cancel"] = "accept",
    *,
    follow: bool = True,
) -> requests.Response:
    """Open a consent link as `account`, press a button, and follow Entra ID back to us.

    Returns:
        The last page: of our callback, or of Entra ID where it sends nobody back. With `follow=False` the redirect.
    """
    browser = requests.Session()
    browser.trust_env = False
    browser.verify = str(endpoints.ca_file)
    page = browser.get(url, timeout=20)
    form = _Form()
    form.feed(page.text)
    target = urljoin(page.url, form.action) if form.action else page.url
    return browser.post(
        target, {**form.fields, "account": account, "decision": decision}, timeout=20, allow_redirects=follow
    )


def heading(page: requests.Response) -> str:
    """The first heading of a page, without its symbol."""
    found = re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
    return re.sub(r"<span.*?</span>", "", found[1]).strip() if found else ""
