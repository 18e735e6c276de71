"""A secret store as the stack's platform: deployment, rotation and the way back by `orgcal`, under the real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import secret_store_cases
from tests.support.checkout import Checkout
from tests.support.outside import Outside

pytestmark = pytest.mark.timeout(600)
NAME = "orgcal/outlook-calendar-admin"


def test_rotation_and_the_way_back_are_versions_of_the_secret(started: Checkout, tmp_path: Path) -> None:
    with secret_store_cases.open_store("hashicorp-vault", tmp_path) as store:

        def orgcal(*words: str) -> dict[str, Any]:
            ran = started.orgcal(*words, environ=store.environ, timeout_s=300)
            assert ran.code == 0, ran.text
            assert not any(key in ran.text for key in store.keys)
            return dict(json.loads(ran.out)) if "--json" in words else {}

        def generations() -> list[int]:
            versions = store.api.kv.entries[NAME].versions
            return [versions[number].data["generation"] for number in sorted(versions)]

        started.configure(connector={"platform": store.settings, "description": ""})
        orgcal("up")
        assert generations() == [1]
        assert set(orgcal("up", "--json")["changes"]) == {"same"}
        orgcal("rotate", "--json", "--record", "file", "--now")
        assert generations() == [1, 2]
        orgcal("rotate", "--json", "--record", "file", "--rollback")
        assert generations() == [1, 2, 1]
        orgcal("status")

        versions = store.api.kv.entries[NAME].versions
        assert versions[1].data == versions[3].data
        assert versions[1].data["client_secret"] != versions[2].data["client_secret"]
        (application,) = Outside(started.ready).applications()
        assert versions[3].data["client_id"] == application["appId"]
