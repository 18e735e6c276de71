"""Generated answers of Entra ID, Microsoft Graph and platforms; `make fuzz` makes many more of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orgcal.platforms.testing_server import Reply
from tests.fuzz.answers import Runs, odd_answers, runs
from tests.fuzz.odd_answers import Change
from tests.fuzz.scripted_cloud import SECRET

CASES = 150


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with runs(tmp_path_factory.mktemp("cloud")) as found:
        yield found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_odd_answers_end_with_a_result_or_an_explained_error(found: Runs, seed: int) -> None:
    findings = odd_answers(found, seed, CASES)

    assert findings.cases == CASES
    assert findings.crashes == []
    assert findings.wrong_results == []


def test_good_answers_pass(found: Runs) -> None:
    found.cloud.begin({})

    assert found.verify().startswith("0 ")


@pytest.mark.parametrize("task", ["verify", "consent", "rotation", "preflight"])
def test_secret_goes_to_no_token_endpoint_of_another_server(found: Runs, task: str) -> None:
    """`token_endpoint` of a tenant's metadata decides where MSAL posts the secret (msal/authority.py, 1.39.0)."""
    stranger = found.cloud.stranger.base_url

    def lead_away(reply: Reply) -> Reply:
        return Reply(200, {**reply.body, "token_endpoint": f"{stranger}/oauth2/v2.0/token"})

    found.cloud.begin({"discovery": Change("value", lead_away, 0)})
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ORGCAL_DEBUG")
        try:
            text = found.tasks[task]()
        except Exception as error:  # noqa: BLE001  # what it says matters
            text = str(error)

    assert found.cloud.stranger.seen == []
    assert "leads to" in text
    assert SECRET not in text


@pytest.mark.parametrize("task", ["platform local", "platform nango", "platform http", "platform github"])
def test_key_of_a_platform_follows_no_redirect(found: Runs, task: str) -> None:
    stranger = found.cloud.stranger.base_url
    away = Change("status", lambda reply: Reply(307, {}, {"Location": f"{stranger}/x"}), 0)
    found.cloud.begin(dict.fromkeys(("entry", "integration", "http", "variable"), away))

    with pytest.raises(Exception, match="answered 307"):
        found.tasks[task]()

    assert found.cloud.stranger.seen == []
