"""Every request that the real azuread plugin made is answered with the same class of status.

The recording server was a throw-away; where Microsoft documents another answer, `DOCUMENTED` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from emulator_testing.azuread_replay import RECORDED, Replay, seed_with_rights
from orgcal_emulator.server import RunningEmulator

DOCUMENTED: dict[tuple[str, str], int] = {}
"""(method, path) -> status, where the recording differs from what Microsoft documents. None was found so far: the
recording server answered 204 to the removal of an owner, and so does Graph, as the plugin had bound that owner."""


@pytest.fixture
def replay(start_emulator: Callable[..., RunningEmulator]) -> Iterator[Replay]:
    found = Replay(start_emulator(seed=seed_with_rights()))
    yield found
    found.session.close()


def test_replay_of_every_recorded_request_answers_with_the_same_class_of_status(replay: Replay) -> None:
    wrong = []
    sent = 0
    for scenario, entries in RECORDED.items():
        for entry in entries:
            for _ in range(entry.get("repeats", 1)):
                status = replay.send(entry)
                sent += 1
                expected = DOCUMENTED.get((entry["method"], entry["path"]), entry["status"])
                if status // 100 != expected // 100:
                    wrong.append(f"{scenario}: {entry['method']} {entry['path']}: {status} instead of {expected}")
    assert wrong == []
    assert sent > 120


def test_replay_leaves_the_application_and_its_principal_among_the_deleted_items_and_no_grant(
    start_emulator: Callable[..., RunningEmulator],
) -> None:
    emulator = start_emulator(seed=seed_with_rights())
    before = len(emulator.cloud.directory.assignments)
    replay = Replay(emulator)
    for entries in RECORDED.values():
        for entry in entries:
            replay.send(entry)
    deleted = {each.object_id for each in emulator.cloud.directory.deleted()}
    assert deleted == {replay.known["{id3}"], replay.known["{id5}"]}
    assert len(emulator.cloud.directory.assignments) == before
