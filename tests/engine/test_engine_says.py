"""Words of the engine that we explain, from the engine itself."""

from __future__ import annotations

import json

from orgcal.errors import StackLocked
from orgcal.stack.errors import explain
from tests.support.checkout import Checkout


def test_engine_that_finds_a_lock_is_explained_as_an_update_that_runs(started: Checkout) -> None:
    [stack_file] = list((started.path / ".local").rglob("stacks/orgcal/dev.json"))
    lock = stack_file.parents[2] / "locks" / "organization" / "orgcal" / "dev" / "of-another.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    content = {"pid": 7, "username": "ada", "hostname": "elsewhere", "timestamp": "2026-11-28T12:00:00Z"}
    lock.write_text(json.dumps(content))
    try:
        refused = started.shell("pulumi up --stack dev --yes --non-interactive --skip-preview")
    finally:
        lock.unlink()

    error = explain(refused.text, [], stack="dev", project=started.path)

    assert refused.code != 0
    assert "created by ada@elsewhere (pid 7)" in refused.text
    assert isinstance(error, StackLocked)
    assert error.repair == "wait for it; if none runs any more: pulumi cancel --stack dev"
