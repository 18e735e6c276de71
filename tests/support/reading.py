"""Reads and lists with the engine of verification, against a scripted Graph."""

from __future__ import annotations

from typing import Any

from orgcal.entra.session import new_session
from tests.scripted_graph import GivenTokens, ScriptedGraph
from verify.classification import ReadingStats
from verify.models import Pace, Target
from verify.reading import Reading


def read(graph: ScriptedGraph, tokens: GivenTokens | None = None, *, pace: Pace, **options: Any) -> ReadingStats:
    """What the engine came to; `options` are those of `Reading`."""
    with new_session(graph.endpoints, pool_size=70) as session:
        reading = Reading(Target("contoso"), graph.endpoints, tokens or GivenTokens(), session, pace=pace, **options)
        outcome = reading.run()
    assert outcome.tally.total == outcome.listed, "the classes add up to the users listed, whatever happened"
    return outcome


def number(path: str) -> int:
    """Which of a scripted Graph's users the path of a request is about."""
    return int(path.split("/")[2][-12:])
