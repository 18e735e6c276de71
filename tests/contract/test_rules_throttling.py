"""Throttling as Microsoft documents it: what the product sends and waits, what the emulator answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from orgcal_emulator.server import RunningEmulator
from orgcal_emulator.throttling.limits import LimitSettings

from orgcal.entra.batch import MAX_ENTRIES, BatchSender, limit_share
from orgcal.entra.graph import GraphClient
from orgcal.entra.session import new_session
from orgcal.platforms.testing_server import FakeTime
from tests.contract.rules.throttling import (
    CONCURRENT_PER_MAILBOX,
    COSTS,
    GLOBAL,
    MOST_IN_A_BATCH,
    PER_APPLICATION,
    PER_MAILBOX,
    PER_TENANT,
    PRIORITY,
    REASON,
    SCOPE,
    SELECT,
    SMALL_PAGE,
    STATUS,
    UNITS,
    USED_SHARE,
    WAITS,
    Cost,
)
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, calendars, graph_error, serving
from verify.concurrency import NEARLY_THROTTLED
from verify.models import Pace, Target
from verify.reading import Reading

pytestmark = pytest.mark.judged("tests/contract/rules/throttling.py")

# The product ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph(45)) as graph:
        yield graph


def verify(graph: ScriptedGraph) -> None:
    with new_session(graph.endpoints, pool_size=8) as session:
        pace = Pace(budget_s=20.0, first_pause_s=0.01)
        Reading(Target("contoso"), graph.endpoints, GivenTokens(), session, pace=pace).run()


@pytest.mark.parametrize("seconds", ["1", "41", "120"])
def test_product_waits_as_long_as_it_is_told_and_asks_again(graph: ScriptedGraph, seconds: str) -> None:
    clock, refused = FakeTime(), [Reply(STATUS, {}, {"Retry-After": seconds})] * 2
    graph.intercept = lambda seen: refused.pop() if refused else Reply(200, {"id": "x"})
    with new_session(graph.endpoints) as session:
        found = GraphClient(graph.endpoints, GivenTokens(), session, clock=clock.clock(), budget_s=900.0).get("/me")

    assert (found, clock.waits) == ({"id": "x"}, [float(seconds)] * 2)


def test_product_backs_off_by_itself_where_it_is_told_no_time(graph: ScriptedGraph) -> None:
    clock, refused = FakeTime(), [Reply(STATUS, {})] * 4
    graph.intercept = lambda seen: refused.pop() if refused else Reply(200, {"id": "x"})
    with new_session(graph.endpoints) as session:
        GraphClient(graph.endpoints, GivenTokens(), session, clock=clock.clock(), budget_s=900.0).get("/me")

    assert len(clock.waits) == 4
    assert clock.waits[0] > 0
    assert sum(clock.waits[2:]) > 2 * sum(clock.waits[:2]), "the waits grow exponentially"


@pytest.mark.parametrize(("asked", "waits_s"), WAITS)
def test_product_waits_the_longest_wait_of_a_batch(
    graph: ScriptedGraph, asked: tuple[str, ...], waits_s: float | None
) -> None:
    answers = [{**graph_error(STATUS, "TooManyRequests"), "headers": {"Retry-After": wait}} for wait in asked]
    graph.entry = lambda path, before: answers[int(path[2:])] if int(path[2:]) < len(answers) else calendars()
    with new_session(graph.endpoints) as session:
        found = BatchSender(session, f"{graph.url}/v1.0", {}).send("t", [f"/u{number}" for number in range(5)])

    assert (found.retry_after_s, found.limited) == (waits_s, bool(asked))
    assert [entry.status for entry in found.entries if entry] == [STATUS] * len(asked) + [200] * (5 - len(asked))


def test_product_sends_again_only_what_was_refused(graph: ScriptedGraph) -> None:
    refused = {**graph_error(STATUS, "TooManyRequests"), "headers": {"Retry-After": "0"}}
    graph.entry = lambda path, before: refused if path.split("/")[2].endswith("7") and not before else calendars()

    verify(graph)

    assert {path: times for path, times in graph.asked.items() if times != 1} == {
        path: 2 for path in graph.asked if path.split("/")[2].endswith("7")
    }


def test_product_puts_no_more_into_a_batch_than_graph_takes(graph: ScriptedGraph) -> None:
    verify(graph)

    assert MAX_ENTRIES == MOST_IN_A_BATCH
    assert sorted(len(seen.entries) for seen in graph.batches()) == [5, 20, 20]


def test_product_lets_its_checks_be_refused_first(graph: ScriptedGraph) -> None:
    name, values = PRIORITY

    verify(graph)

    asked = {seen.path.partition("?")[0]: seen.headers.get(name) for seen in graph.seen}
    assert asked == dict.fromkeys(("/v1.0/users", "/v1.0/users/$count", "/v1.0/$batch"), values[0])


def test_product_lists_users_at_the_lowest_cost(graph: ScriptedGraph) -> None:
    verify(graph)

    (page,) = [seen for seen in graph.seen if seen.path.startswith("/v1.0/users?")]
    assert cost_of(Cost("GET", "users", 2), page) == 1


def cost_of(cost: Cost, seen: Seen) -> int:
    options = parse_qs(urlsplit(seen.path).query)
    small = int(options.get("$top", ["100"])[0]) < SMALL_PAGE[1]
    return max(1, cost.units + SELECT * ("$select" in options) + SMALL_PAGE[0] * small)


def test_product_slows_down_within_what_graph_reports() -> None:
    name, lowest, highest = USED_SHARE

    assert lowest < NEARLY_THROTTLED <= 1.0 < highest
    for value in (lowest, 0.93, highest):
        assert limit_share({name.title(): str(value)}) == value


@pytest.mark.parametrize("value", ["", "soon", "1,2", "nan", None, [], "0x1"])
def test_product_takes_a_share_that_is_no_number_for_none(value: object) -> None:
    assert not limit_share({USED_SHARE[0]: value}) >= NEARLY_THROTTLED


# The emulator --------------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "User.Read.All", "Directory.Read.All", "Calendars.Read")


def asked(reader: Any, cost: Cost, options: str = "") -> Any:
    """Send the request of a row, with an own id for its key."""
    own = reader.get(f"servicePrincipals(appId='{reader.client_id}')").json()["id"]
    group = reader.get("groups?$select=id").json()["value"][0]["id"]
    key = {"users": "admin@contoso.example", "groups": group}.get(cost.path.split("/")[0], own)
    body = {"ids": [own]} if cost.method == "POST" else None
    return reader.call(cost.method, cost.path.replace("{}", key) + options, body)


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: f"{cost.method} {cost.path}")
def test_emulator_charges_the_documented_units(reader: Any, cost: Cost) -> None:
    answer = asked(reader, cost)

    assert answer.status_code == 200
    assert int(answer.headers[UNITS]) == cost.units


@pytest.mark.parametrize("cost", [cost for cost in COSTS if cost.method == "GET" and "{}" not in cost.path])
def test_emulator_charges_less_for_selections_and_small_pages_and_never_nothing(reader: Any, cost: Cost) -> None:
    selected = asked(reader, cost, "?$select=id").headers[UNITS]
    small = asked(reader, cost, f"?$select=id&$top={SMALL_PAGE[1] - 1}") if cost.path != "organization" else None

    assert int(selected) == max(1, cost.units + SELECT)
    assert small is None or int(small.headers[UNITS]) == max(1, cost.units + SELECT + SMALL_PAGE[0])


def test_emulator_has_the_documented_limits() -> None:
    settings = LimitSettings()

    sizes = {"small": settings.identity_small, "medium": settings.identity_medium, "large": settings.identity_large}
    assert sizes == {size: limit.number for size, limit in PER_TENANT.items()}
    assert {settings.identity_s} == {limit.seconds for limit in PER_TENANT.values()}
    assert (settings.global_requests, settings.global_s) == GLOBAL
    assert (settings.identity_application, settings.identity_application_s) == PER_APPLICATION
    assert (settings.mailbox_requests, settings.mailbox_s) == PER_MAILBOX
    assert settings.mailbox_concurrency == CONCURRENT_PER_MAILBOX


def test_emulator_tells_of_a_limit_in_the_documented_headers(reader: Any, emulator: RunningEmulator) -> None:
    emulator.set_limits(identity_medium=20)
    answers = [reader.get("users?$select=id") for _ in range(24)]

    name, lowest, highest = USED_SHARE
    shares = [float(answer.headers[name]) for answer in answers if name in answer.headers]
    assert shares
    assert all(lowest < share <= highest for share in shares)
    refused = [answer for answer in answers if answer.status_code == STATUS]
    assert len(refused) == 4
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert re.fullmatch(SCOPE[1], answer.headers[SCOPE[0]])
        assert answer.headers[REASON[0]] in REASON[1]


def test_emulator_refuses_a_batch_that_graph_refuses_and_takes_the_largest(reader: Any) -> None:
    def entries(number: int) -> dict[str, Any]:
        return {"requests": [{"id": str(each), "method": "GET", "url": "/users?$top=1"} for each in range(number)]}

    assert reader.post("$batch", entries(MOST_IN_A_BATCH)).status_code == 200
    assert reader.post("$batch", entries(MOST_IN_A_BATCH + 1)).status_code == 400
