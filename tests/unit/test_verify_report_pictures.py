"""The page of a verification: its pictures, and what it shows of how many organisations."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from verify.models import CheckResult, Verdict
from verify.report.html import bar, html, latency, refusals, whole_times
from verify.run_description import RunDescription
from verify.summary import OrganisationSummary, Summary


def organisation(**evidence: Any) -> OrganisationSummary:
    result = CheckResult("calendars", Verdict.PASS, "read", "", "t0", "Contoso", evidence)
    return OrganisationSummary("t0", "Contoso", {"calendars": result})


def test_bar_has_a_piece_for_each_class_that_has_users_one_after_the_other() -> None:
    parts = bar(organisation(mailboxes={"ok": 3, "failed": 1}))

    assert [(part["name"], part["count"], part["start"], part["width"]) for part in parts] == [
        ("ok", 3, 0.0, 75.0),
        ("failed", 1, 75.0, 25.0),
    ]


def test_bar_shows_a_few_among_many_and_still_ends_at_its_end() -> None:
    read, failed = bar(organisation(mailboxes={"ok": 9999, "failed": 1}))

    assert failed["width"] == pytest.approx(0.8, abs=0.01)
    assert read["width"] + failed["width"] == pytest.approx(100.0, abs=0.01)
    assert failed["start"] == read["width"]


def test_bar_of_nobody_is_empty() -> None:
    assert bar(organisation()) == []


def test_picture_of_latencies_has_a_column_for_each_bucket_as_high_as_its_share() -> None:
    times = {"p50": 10.0, "p95": 11.0, "buckets": [[10.0, 4], [11.0, 8]]}

    picture = latency(organisation(batch_ms=times))

    assert picture is not None
    assert [(column["x"], column["width"]) for column in picture["columns"]] == [(0.0, 5.38), (6.25, 5.38)]
    assert [(column["y"], column["height"]) for column in picture["columns"]] == [(20.0, 20.0), (0.0, 40.0)]
    assert (picture["p50_ms"], picture["p95_ms"], picture["first_ms"]) == (10.0, 11.0, 10)
    assert picture["last_ms"] == 42  # sixteen places, each a tenth later


@pytest.mark.parametrize(("batches", "columns"), [(9, 0), (10, 1)])
def test_picture_of_few_batches_has_no_columns(batches: int, columns: int) -> None:
    picture = latency(organisation(batch_ms={"p50": 1.0, "p95": 1.0, "buckets": [[1.0, batches]]}))

    assert picture is not None
    assert len(picture["columns"]) == columns


def test_organisation_without_batches_has_no_picture() -> None:
    assert latency(organisation()) is None
    assert latency(OrganisationSummary("t0", "Contoso")) is None


def test_refusals_are_told_in_their_order_with_what_they_mean_and_unknown_ones_left_out() -> None:
    found = refusals(organisation(refusals={"application access policy": 7, "of another version": 3, "no mailbox": 2}))

    assert [(row["name"], row["count"]) for row in found] == [("application access policy", 7), ("no mailbox", 2)]
    assert "application access policy of the customer's Exchange" in found[0]["sentence"]
    assert "Test-ApplicationAccessPolicy" in found[0]["repair"]
    assert refusals(OrganisationSummary("t0", "Contoso")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("until 2026-12-01 UTC", 'until <span class="time">2026-12-01</span> UTC'),
        ("at 2026-12-01 10:00:05 UTC.", 'at <span class="time">2026-12-01 10:00:05 UTC</span>.'),
        ("2026-12-01T10:00:05Z", '<span class="time">2026-12-01T10:00:05Z</span>'),
        ("<b>2026-12-01</b>", '&lt;b&gt;<span class="time">2026-12-01</span>&lt;/b&gt;'),
        ("& \u202e", "&amp; \\u202e"),
        ("22222222-2222-2222-2222-222222222222", "22222222-2222-2222-2222-222222222222"),
    ],
)
def test_times_stay_whole_and_all_else_is_text(text: str, expected: str) -> None:
    assert whole_times(text) == expected


def test_picture_of_many_buckets_has_a_place_for_each_between_the_first_and_the_last() -> None:
    buckets = [[10.0, 1], [10.0 * 1.1**7, 3], [10.0 * 1.1**16, 6]]

    picture = latency(organisation(batch_ms={"p50": 1.0, "p95": 2.0, "buckets": buckets}))

    assert picture is not None
    assert picture["columns"] == [
        {"x": 0.0, "width": 5.06, "y": 33.33, "height": 6.67},
        {"x": 41.18, "width": 5.06, "y": 20.0, "height": 20.0},
        {"x": 94.12, "width": 5.06, "y": 0.0, "height": 40.0},
    ]
    assert {name: picture[name] for name in picture if name != "columns"} == {
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "first_ms": 10,
        "last_ms": 46,
    }


def test_bar_tells_class_words_and_thirds_of_a_hundred() -> None:
    assert bar(organisation(mailboxes={"ok": 1, "no_mailbox": 2})) == [
        {"name": "ok", "words": "read", "count": 1, "start": 0.0, "width": 33.333},
        {"name": "no_mailbox", "words": "without a mailbox", "count": 2, "start": 33.333, "width": 66.667},
    ]


def test_refusal_is_told_as_an_answer_of_a_mailbox_is() -> None:
    assert refusals(organisation(refusals={"token refused": 2})) == [
        {
            "name": "token refused",
            "count": 2,
            "sentence": "Microsoft Graph does not accept the token for this mailbox, and accepts it for others",
            "repair": "compare the user's licence and mailbox with those of others",
        }
    ]


NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def run_of(*verdicts: Verdict) -> Summary:
    summary = Summary()
    for number, verdict in enumerate(verdicts):
        evidence = {"listed": 1000} if number == 0 else {}
        summary.add(CheckResult("users", verdict, f"told {number}", "", f"t{number}", f"Org {number:04}", evidence))
    return summary


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a page is made of, instead of the page."""
    given: dict[str, Any] = {}

    def render(**values: Any) -> str:
        given.update(values)
        return "a page"

    monkeypatch.setattr("jinja2.Environment.get_template", lambda *_: SimpleNamespace(render=render))
    return given


def test_page_has_the_worst_first_and_so_many_of_each(shown: dict[str, Any]) -> None:
    summary = run_of(*[Verdict.PASS] * 201, *[Verdict.FAIL] * 2001)
    assert html(summary, NOW) == "a page"

    names = {name: [item.organisation for item in shown[name]] for name in ("not_well", "well", "organisations")}
    assert names["organisations"] == names["not_well"] == [f"Org {number:04}" for number in range(201, 2201)]
    assert names["well"] == [f"Org {number:04}" for number in range(200)]
    assert (shown["well_left_out"], shown["well_count"], shown["left_out"]) == (1, 201, 202)
    assert shown["totals"] == {"organisations": 2202, "users": 1000, "calendars": 0}
    assert (shown["facts"], shown["tone"]) == ({"began": "2026-11-23 10:00 UTC"}, "fail")
    assert shown["conclusion"].startswith("201 of 2,202 organisations verified, 2001 failed")


def test_page_with_room_for_all_leaves_nobody_out(shown: dict[str, Any]) -> None:
    html(run_of(*[Verdict.PASS] * 200, Verdict.WARN), NOW)

    assert (shown["well_left_out"], shown["well_count"], shown["left_out"]) == (0, 200, 0)
    assert next(item.organisation for item in shown["organisations"]) == "Org 0200"


def test_page_orders_equals_by_their_names_however_they_are_written(shown: dict[str, Any]) -> None:
    summary = Summary()
    for name in ("b", "C", "A"):
        summary.add(CheckResult("users", Verdict.PASS, "told", "", name, name))
    html(summary, NOW)

    assert [item.organisation for item in shown["organisations"]] == ["A", "b", "C"]


def test_page_is_dense_and_tells_the_run() -> None:
    summary = run_of(Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.ERROR, Verdict.SKIP)
    summary.run = RunDescription("Outlook", "", "client-1", "prod", "usgov", "", "1.2.3", NOW)
    page = html(summary, NOW)

    assert page.splitlines().count("") == 5, "one for each organisation: templates leave no others behind"
    assert "<dt>stack</dt><dd>prod</dd>" in page
    for verdict, symbol in ((Verdict.PASS, "✓"), (Verdict.WARN, "!"), (Verdict.SKIP, "–"), (Verdict.ERROR, "?")):
        mark = f'<span class="verdict {verdict.value}"><span aria-hidden="true">{symbol}</span> {verdict.word}</span>'
        assert mark in page
    assert '<span class="verdict fail"><span aria-hidden="true">✕</span> failed</span>' in page
