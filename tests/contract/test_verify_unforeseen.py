"""Answers that nobody foresaw, through the real engine: never green, never a crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.scripted_graph import Reply, ScriptedGraph, Seen, calendars, serving
from tests.support.reading import number
from tests.support.verified import fresh, verified
from verify.answers import TABLE, Place, error_rule
from verify.models import MailboxClass, Pace, Verdict

OK, FAILED = MailboxClass.OK, MailboxClass.FAILED
GREEN = (Verdict.PASS, Verdict.WARN)
CODES = st.one_of(
    st.sampled_from(sorted({code for rule in TABLE for code in rule.codes} | {"UnknownError", "x"})),
    st.text(max_size=20),
    st.none(),
    st.integers(),
    st.lists(st.integers(), max_size=2),
)
STATUSES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 429, 500, 501, 502, 503, 504, 509]),
    st.integers(-1, 700),
    st.sampled_from(["200", "x", None, 200.5, float("inf"), float("nan"), [], {}]),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "request-id", "x-ms-throttle-limit-percentage", "Content-Type", "x"]),
    st.one_of(
        st.sampled_from(["0", "-1", "nan", "inf", "soon", "1e999", "Wed, 21 Oct 99999 07:28:00 GMT", "0.95"]),
        st.text(max_size=10),
        st.integers(-5, 0),
        st.none(),
    ),
    max_size=3,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
ERRORS = st.fixed_dictionaries(
    {"error": st.one_of(st.fixed_dictionaries({"code": CODES, "message": st.one_of(st.text(max_size=30), JSON)}), JSON)}
)
LISTS = st.fixed_dictionaries(
    {"value": st.one_of(st.lists(st.fixed_dictionaries({"id": JSON}), max_size=3), JSON)},
    optional={
        "@odata.nextLink": st.one_of(JSON, st.sampled_from(["https://[", "\ud800", "https://elsewhere.example/"]))
    },
)
ENTRIES = st.one_of(
    st.fixed_dictionaries({"status": STATUSES, "headers": HEADERS, "body": st.one_of(ERRORS, LISTS, JSON)}),
    st.just(calendars()),
)
REPLIES = st.builds(
    Reply,
    status=st.sampled_from([200, 200, 202, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 599]),
    body=st.one_of(ERRORS, LISTS, JSON, st.binary(max_size=20), st.just({"responses": [7]})),
    headers=st.dictionaries(
        st.sampled_from(["Retry-After", "request-id", "x-ms-throttle-limit-percentage"]),
        st.sampled_from(["0", "-1", "nan", "soon", "1e999", "0.95"]),
        max_size=2,
    ),
    content_type=st.sampled_from(["application/json", "text/html", "x"]),
    cut=st.sampled_from([None, None, 0, 3]),
)
FUZZ = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
QUICK = Pace(budget_s=5.0, attempts=2, first_pause_s=0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


def is_read(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a list of calendars and nothing else."""
    values = entry["body"].get("value") if isinstance(entry.get("body"), dict) else None
    try:
        status = int(entry["status"])
    except (TypeError, ValueError, OverflowError):
        return False
    return status == 200 and isinstance(values, list) and all(isinstance(item, dict) for item in values)


@FUZZ
@given(script=st.lists(st.lists(ENTRIES, min_size=1, max_size=2), min_size=3, max_size=3))
def test_entries_that_nobody_foresaw_are_never_green_and_never_escape(
    server: ScriptedGraph, script: list[list[dict[str, Any]]]
) -> None:
    graph = fresh(server, 3)
    graph.entry = lambda path, before: script[number(path)][min(before, len(script[number(path)]) - 1)]

    found = verified(graph, QUICK)

    counts = found.stats.tally.counts
    assert counts[OK] <= sum(any(map(is_read, entries)) for entries in script)
    if found.calendars.verdict in GREEN:
        assert counts[FAILED] == counts[MailboxClass.NOT_READ] == 0
        assert counts[OK] > 0 < found.stats.tally.calendars
    assert found.calendars.verdict is Verdict.PASS or found.calendars.repair
    for result in found.results.values():
        result.sentence.encode()
        str(result.as_json()).encode()


@FUZZ
@example(first=Reply(body={"value": []}), then=None, where="skiptoken")
@given(first=REPLIES, then=st.one_of(REPLIES, st.none()), where=st.sampled_from(["/users?", "skiptoken", "$batch"]))
def test_answers_that_nobody_foresaw_are_never_green_and_never_escape(
    server: ScriptedGraph, first: Reply, then: Reply | None, where: str
) -> None:
    """The first such request is answered by `first`, all others by `then`; None is the usual answer."""
    graph = fresh(server, 40)  # of pages of ten; Graph's own count may lag behind by ten
    hit: list[str] = []

    def intercept(seen: Seen) -> Reply | None:
        if where not in seen.path or "$count" in seen.path:
            return None
        hit.append(seen.path)
        return first if len(hit) == 1 else then

    graph.intercept = intercept
    found = verified(graph, QUICK)

    if {found.users.verdict, found.calendars.verdict} <= set(GREEN):
        assert found.stats.tally.counts[OK] > 0
        assert found.stats.tally.counts[FAILED] == 0
        assert found.stats.listed >= 30 or found.users.verdict is Verdict.WARN or found.stats.expected is None
    for error in (found.stats.listing_error, found.stats.reading_error):
        assert error is None or error_rule(Place.USERS, error).verdict in (Verdict.FAIL, Verdict.ERROR)
