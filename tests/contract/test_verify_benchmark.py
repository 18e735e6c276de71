"""The benchmark's witness sees what it is there for: requests that leave before a wait is over."""

from __future__ import annotations

import time

import pytest
import requests

from benchmarks.verify import SCENARIOS, floor_s, goal
from benchmarks.verify_witness import HEARD_S, Witness
from orgcal.entra.batch import BatchSender
from orgcal.entra.session import new_session
from tests.scripted_graph import Reply, ScriptedGraph, calendars, serving

FIGURES = {
    "requests_over_goal",
    "connections_beyond_concurrency",
    "early_retries",
    "faulty_requests_over_goal",
    "rss_growth_mib",
    "cpu_us_per_user",
    "wall_over_floor",
    "faster_than_office365_10k",
    "faster_than_office365_50k",
    "memory_over_office365_50k",
    "faster_than_msgraph_sdk_2k",
    "orgs_200_s",
}


@pytest.mark.parametrize("where", ["whole", "entry"])
def test_witness_counts_requests_within_a_wait_and_no_others(where: str) -> None:
    headers = {"Retry-After": "60"}
    entry = {**calendars(), "status": 429, "headers": headers}
    refused = Reply(429, {}, headers) if where == "whole" else Reply(200, {"responses": [{"id": "0", **entry}]})
    with serving(ScriptedGraph()) as graph, requests.Session() as session:
        graph.intercept = lambda seen: refused if "refused" in seen.path else Reply(body={})
        with Witness() as witness:
            session.get(f"{graph.url}/before", timeout=10)
            session.get(f"{graph.url}/refused", timeout=10)
            heard = time.monotonic()
            assert (witness.waits, witness.early) == (1, 0)
            while not witness.early or time.monotonic() < heard + 2 * HEARD_S:
                session.get(f"{graph.url}/early", timeout=10)
        session.get(f"{graph.url}/unwatched", timeout=10)

        early = sum(seen.path == "/early" and seen.at > heard + HEARD_S for seen in graph.seen)
    assert witness.waits == 1
    assert 0 < witness.early <= early + 1


def test_witness_sees_batches_too() -> None:
    refused = Reply(429, {}, {"Retry-After": "60"})
    with serving(ScriptedGraph()) as graph, new_session(graph.endpoints) as session, Witness() as witness:
        graph.intercept = lambda seen: refused
        sender = BatchSender(session, f"{graph.url}/v1.0", {})
        sender.send("t", ["/users/1/calendars"])
        heard = time.monotonic()
        while not witness.early or time.monotonic() < heard + 2 * HEARD_S:
            sender.send("t", ["/users/1/calendars"])

    assert witness.waits == len(graph.seen)
    assert witness.early > 0


def test_figures_of_the_scenarios_are_those_that_the_goals_are_about() -> None:
    figures = [figure for _, names in SCENARIOS.values() for figure in names]

    assert (len(figures), set(figures)) == (len(FIGURES), FIGURES)


def test_goal_and_floor_are_those_of_one_organisation() -> None:
    assert goal(10_000) == pytest.approx(510 + 11 + 3)
    assert floor_s(100_000, 0.1) == pytest.approx(10.1), "the chain of 101 pages"
    assert floor_s(100_000, 0.0) == pytest.approx(100_101 / 13_000), "the quota"
