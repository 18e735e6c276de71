"""The pictures of the HTML report: where each piece of a bar and each column of latencies lies."""

from __future__ import annotations

from typing import Any

import pytest

from verify.models import CheckResult, Verdict
from verify.report.html import bar, latency, refusals, whole_times
from verify.summary import OrganisationSummary


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
