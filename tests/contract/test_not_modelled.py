"""docs/parity.md, "Not modelled": each route that it names is refused by name, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Not modelled\n")[2].partition("\n## ")[0]
ROUTES = re.findall(r"`([A-Z]+) /([^`]+)`", SECTION)

pytestmark = pytest.mark.judged("docs/parity.md")


def test_section_names_routes() -> None:
    assert len(ROUTES) > 20
    assert len(set(ROUTES)) == len(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_route_that_is_not_modelled_is_refused_by_name(log_in_to: Callable[..., Any], method: str, path: str) -> None:
    client = log_in_to("contoso.example", "Application.ReadWrite.All", "User.Read.All", "Calendars.ReadWrite")
    user = client.get("users?$top=1&$select=id").json()["value"][0]["id"]
    answer = client.call(method, path.replace("{}", user), {} if method in ("POST", "PATCH") else None)
    assert answer.status_code == 501, answer.text
    assert answer.json()["error"]["code"].startswith("NotEmulated."), answer.text
