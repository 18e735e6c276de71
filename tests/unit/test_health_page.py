"""The page of a connector's health: what comes first, its pictures in words, and texts of others that do nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orgcal.health.page import HEIGHT, POINTS, STRIP, cells_of, line_of, not_well_since, page_of, thinned
from orgcal.settings import AlertSettings
from orgcal.tenants.credentials import KnownCredential, remember_credentials
from orgcal.tenants.history import Run, add_runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.health import CONTOSO, FABRIKAM, NIGHT, Project, a_run

SETTINGS = AlertSettings()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


@pytest.fixture
def registry(project: Project) -> Iterator[Registry]:
    with project.registry(NIGHT + timedelta(days=40, hours=1)) as registry:
        yield registry


def filled(registry: Registry) -> str:
    """Contoso shrinks in the last three of 40 nights, and Fabrikam is well."""
    for tenant_id, name in ((CONTOSO, "Contoso"), (FABRIKAM, "Fabrikam")):
        registry.add(tenant_id, name)
        registry.set_state(tenant_id, State.VERIFIED, consented_at=NIGHT, verified_at=NIGHT + timedelta(days=40))
    for day in range(1, 41):
        at = NIGHT + timedelta(days=day)
        shrunk = a_run(CONTOSO, at, verdict="warn", readable=30, checks={"baseline": "warn"}, cause="30 of 44 read")
        add_runs(registry, [shrunk if day > 37 else a_run(CONTOSO, at), a_run(FABRIKAM, at)])
    remember_credentials(registry, 1, [KnownCredential(1, "secret", registry.now() + timedelta(days=90))])
    return page_of(registry, SETTINGS)


class Outline(HTMLParser):
    """What a page has: text in order, addresses, and names of pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    def values(self, name: str) -> list[str]:
        return [value or "" for _, each, value in self.attributes if each == name]


def test_page_tells_first_what_is_wrong_and_since_when(registry: Registry) -> None:
    texts = Outline(filled(registry)).texts

    start = texts.index("What is wrong now")
    assert texts[start + 1] == "Contoso: 30 of 44 read"
    assert texts[start + 2].startswith("since 2026-12-31 03:17 UTC · next: orgcal verify --tenant")
    assert texts.index("Organisations") > start
    assert texts[texts.index("Organisations") :].index("Contoso") < texts[texts.index("Organisations") :].index(
        "Fabrikam"
    )


def test_pictures_are_told_in_words(registry: Registry) -> None:
    labels = Outline(filled(registry)).values("aria-label")

    assert labels == [
        "last 30 runs: 27 ok, 3 warning",
        "readable mailboxes: 30 to 44, now 30",
        "last 30 runs: 30 ok",
        "readable mailboxes: 44 to 44, now 44",
    ]


def test_page_is_one_file_that_asks_for_nothing(registry: Registry) -> None:
    page = filled(registry)

    assert all(address.startswith("#t-") for address in Outline(page).values("href"))
    assert not re.search(r"https?://|@import|url\(|<link|<img", page)
    assert "default-src 'none'" in page


def test_page_of_an_empty_registry_says_so(registry: Registry) -> None:
    texts = Outline(page_of(registry, SETTINGS)).texts

    assert "Nothing is wrong." in texts
    assert "No organisation is known yet." in texts


def test_names_and_causes_of_others_are_text_on_the_page(registry: Registry) -> None:
    name, cause = '</script><b onload="x">&amp; {{ 1 }}', "a cause\u202e </details><script>alert(1)</script>"
    registry.add(CONTOSO, name)
    registry.set_state(CONTOSO, State.VERIFIED, consented_at=registry.now())
    add_runs(registry, [a_run(at=registry.now(), verdict="fail", checks={"calendars": "fail"}, cause=cause)])

    page = page_of(registry, SETTINGS)

    assert page.count("<script>") == page.count("</script>") == 1
    assert "\u202e" not in page
    texts = "".join(Outline(page).texts)
    assert name in texts
    assert "alert(1)" in texts


def test_organisation_that_was_never_verified_has_a_row_without_pictures(registry: Registry) -> None:
    registry.add(CONTOSO, "Contoso")
    outline = Outline(page_of(registry, SETTINGS))

    assert "never" in outline.texts
    assert outline.values("aria-label") == []


def test_time_since_when_it_is_not_well_begins_with_the_first_run_that_did_not_pass() -> None:
    def run(day: int, verdict: str) -> Run:
        return a_run(at=NIGHT + timedelta(days=day), verdict=verdict)

    history = [run(1, "fail"), run(2, "pass"), run(3, "error"), run(4, "warn"), run(5, "error"), run(6, "fail")]

    assert not_well_since(iter(history)) == NIGHT + timedelta(days=4)
    assert not_well_since(iter(history[:2])) is None


@pytest.mark.parametrize("count", [1, POINTS, POINTS + 1, 400, 10_000])
def test_long_line_keeps_its_dips_and_its_end(count: int) -> None:
    numbers = [100] * count
    numbers[count // 2] = 7
    numbers[-1] = 50

    kept = thinned(numbers)

    assert len(kept) <= POINTS
    assert kept[-1] == 50
    assert min(kept) == min(numbers)


def test_line_stays_in_its_picture_and_needs_two_points() -> None:
    assert line_of([5]) == ""
    path = line_of([0, 10, 5])
    heights = [float(point.split()[1]) for point in path[1:].split("L")]
    assert heights == [HEIGHT - 1, 2, HEIGHT - 1 - (HEIGHT - 3) / 2]
    assert "nan" not in line_of([0, 0])


def test_strip_ends_at_the_right_and_has_a_path_for_each_verdict() -> None:
    cells = dict(cells_of("pfp"))

    assert set(cells) == {"p", "f"}
    assert cells["p"] == f"M{4 * (STRIP - 3)} 0h3v12h-3zM{4 * (STRIP - 1)} 0h3v12h-3z"


def test_report_command_writes_the_page_for_its_owner_alone(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "health.html"

    ended = project.run("report", "--html", str(path))

    assert ended.output == f"{path} written\n"
    assert path.stat().st_mode & 0o077 == 0
    assert "Health of orgcal/prod" in path.read_text()
