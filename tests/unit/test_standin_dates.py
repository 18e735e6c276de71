"""Moments, durations and lists that passwords and certificates of the stand-in share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orgcal.provider.azuread.credentials import duration_rule, end_after, parsed, seconds_of, with_key_id


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200.0),
        ("2m", 120.0),
        ("2s", 2.0),
        ("2ms", 0.002),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("2ns", 2e-9),
        ("1.5h30m", 7200.0),
        ("", None),
        ("2", None),
        ("2d", None),
        ("2h x", None),
        ("-2h", None),
    ],
)
def test_duration_is_read_as_go_writes_it(text: str, seconds: float | None) -> None:
    """Source: https://pkg.go.dev/time#ParseDuration."""
    assert seconds_of(text) == (None if seconds is None else pytest.approx(seconds))
    assert (duration_rule(text) is None) is (seconds is not None)


def test_duration_must_be_a_text() -> None:
    assert duration_rule(5) == duration_rule("soon") == "must be a duration such as 240h or 90m"
    assert duration_rule("0s") is None


def test_end_without_a_start_is_counted_from_now() -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    end = parsed(end_after(None, "1h"))
    assert end is not None
    assert before + timedelta(hours=1) <= end <= datetime.now(UTC) + timedelta(hours=1)
    assert end_after("2029-01-01T00:00:00+01:00", "1h") == "2029-01-01T00:00:00Z"
    assert end_after("2029-01-01T00:00:00Z", "0s") == "2029-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["2030-01-01t00:00:00z", "2030-01-01T00:00:00.5Z", "2030-01-01T02:00:00+02:00"])
def test_moment_is_read_as_rfc_3339_writes_it(text: str) -> None:
    moment = parsed(text)
    assert moment is not None
    assert moment.replace(microsecond=0) == datetime(2030, 1, 1, tzinfo=UTC)
    assert parsed(f"{text} ") is None
    assert parsed(text.replace("-01-01", "-13-01")) is None


def test_credential_is_found_in_what_graph_lists() -> None:
    assert with_key_id([{}, {"keyId": None}, {"keyId": "B"}], "b") == {"keyId": "B"}
    assert with_key_id([{"keyId": "a"}], "b") is with_key_id(None, "b") is with_key_id([], "") is None
