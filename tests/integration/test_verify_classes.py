"""What the emulator imitates of real organisations, through the whole verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orgcal_emulator
import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, deploy
from verify import CheckResult, Options, Pace, Summary, Target, Verdict, exit_code, run
from verify.sources import from_outputs


@pytest.fixture
def emulator(emulator_keys: Any) -> Iterator[RunningEmulator]:
    """Contoso has more users than one page holds, and an application access policy."""
    seed = (Path(orgcal_emulator.__file__).parent / "seeds" / "default.yaml").read_text()
    seed = seed.replace("count: 57", "count: 2400").replace("restricted: 3", "access_policy: 7")
    with RunningEmulator(seed=seed, keys=emulator_keys) as running:
        yield running


@pytest.fixture
def options(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> Options:
    """Of a connector that Contoso's administrator has consented to."""
    outputs = deploy(endpoints, emulator_environ)
    url = consent_url(
        endpoints, tenant_id=CONTOSO, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="not ours"
    )
    assert "error=" not in answer(endpoints, url, "admin@contoso.example", follow=False).headers["Location"]
    connector, given = from_outputs(outputs)
    pace = Pace(budget_s=5.0, first_pause_s=0.05)
    return Options(replace(connector, outputs=None), environ=emulator_environ, given_credential=given, pace=pace)


def checks(options: Options) -> tuple[dict[str, CheckResult], int]:
    summary = Summary()
    for result in run([Target(CONTOSO, "Contoso")], options):
        summary.add(result)
    return summary.organisations[CONTOSO].results, exit_code(summary)


def test_organisation_without_exchange_online_is_told_so(options: Options, emulator: RunningEmulator) -> None:
    emulator.set_exchange(CONTOSO, online=False)

    found, code = checks(options)

    assert (found["users"].verdict, found["calendars"].verdict, code) == (Verdict.PASS, Verdict.FAIL, 1)
    assert "no Exchange Online" in found["calendars"].sentence
    assert "clock" not in found["calendars"].repair


@pytest.mark.parametrize(("without", "verdict"), [(2, Verdict.PASS), (50, Verdict.ERROR)])
def test_token_without_a_principal_is_not_yet(
    options: Options, emulator: RunningEmulator, without: int, verdict: Verdict
) -> None:
    emulator.leave_out_oid(without)

    found, code = checks(options)

    assert (found["token"].verdict, code) == (verdict, 0 if verdict is Verdict.PASS else 1)
    assert verdict is Verdict.PASS or "has not arrived" in found["token"].sentence


def test_mailboxes_behind_an_application_access_policy_are_told_apart_and_fail_nobody(options: Options) -> None:
    found, code = checks(options)

    assert (found["calendars"].verdict, code) == (Verdict.PASS, 0)
    assert "7 by an application access policy" in found["calendars"].sentence


def test_page_tokens_that_expire_begin_the_listing_anew_and_count_nobody_twice(
    options: Options, emulator: RunningEmulator
) -> None:
    emulator.expire_page_tokens(after=1)

    found, code = checks(options)

    pages = [entry["status"] for entry in emulator.journal() if "/users?" in entry["path"]]
    assert (found["users"].verdict, code) == (Verdict.PASS, 0)
    assert found["users"].sentence == "2,400 users listed"
    assert sorted(set(pages)) == [200, 400]
    assert pages.count(200) > 3, "more than the pages that there are"
