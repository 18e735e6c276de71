"""Refusals of tokens, each row of the table through the whole verification on the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from orgcal.entra.aadsts import Kind, meaning_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.errors import EntraError
from tests.support.deployed_connector import CONTOSO, deploy
from verify import CheckResult, Options, Pace, Summary, Target, Verdict, exit_code, run
from verify.answers import NO_PRINCIPAL, TABLE, Fault, Place, token_rule
from verify.sources import from_outputs

NUMBERS = {
    Kind.NO_TENANT: 90002,
    Kind.NOT_CONSENTED: 700016,
    Kind.BLOCKED: 53003,
    Kind.CREDENTIAL: 7000215,
    Kind.BUSY: 90055,
}
ROWS = [rule for rule in TABLE if rule.places == (Place.TOKEN,)]


@pytest.fixture
def options(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> Options:
    connector, given = from_outputs(deploy(endpoints, emulator_environ))
    connector = replace(connector, outputs=None)
    return Options(connector, environ=emulator_environ, given_credential=given, pace=Pace(budget_s=5.0))


@pytest.fixture
def refuse(endpoints: CloudEndpoints) -> Callable[..., None]:
    """Every token request of Contoso is answered so."""

    def refuse(**fault: Any) -> None:
        assert endpoints.emulated is not None
        control_token = endpoints.emulated.control_token_file.read_text().strip()
        with new_session(endpoints) as session:
            session.post(
                f"{endpoints.emulated.control_url}/faults",
                json={"path": f"{CONTOSO}/oauth2/v2.0/token", "times": 50, **fault},
                headers={"Authorization": f"Bearer {control_token}"},
            ).raise_for_status()

    return refuse


def checks(options: Options) -> tuple[dict[str, CheckResult], int]:
    summary = Summary()
    for result in run([Target(CONTOSO, "Contoso")], options):
        summary.add(result)
    return summary.organisations[CONTOSO].results, exit_code(summary)


@pytest.mark.parametrize(("kind", "number"), NUMBERS.items(), ids=[kind.name for kind in NUMBERS])
def test_refused_token_is_judged_by_its_row(
    options: Options, refuse: Callable[..., None], kind: Kind, number: int
) -> None:
    assert meaning_of(number).kind is kind
    rule = token_rule(EntraError("words", aadsts=number))
    assert kind in rule.kinds
    refuse(status=400, code="invalid_request", message=f"AADSTS{number}: words. Trace ID: 1")

    found, code = checks(options)

    judged = found["tenant"] if kind is Kind.NO_TENANT else found["token"]
    assert judged.verdict is rule.verdict is (Verdict.ERROR if kind is Kind.BUSY else Verdict.FAIL)
    assert judged.repair
    assert judged.evidence["refusal"] == rule.name
    assert code == (1 if kind is Kind.BUSY else 4), "who is busy refuses nobody"
    assert found["calendars"].verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"status": 400, "code": "invalid_request", "message": "AADSTS7999999: words"}, Verdict.FAIL),
        ({"status": 400, "code": "", "message": ""}, Verdict.ERROR),
        ({"status": 500, "code": "server_error", "message": ""}, Verdict.ERROR),
        ({"status": 502, "code": "", "message": ""}, Verdict.ERROR),
        ({"status": 429, "code": "temporarily_unavailable", "headers": {"Retry-After": "0"}}, Verdict.ERROR),
        ({"action": "reset"}, Verdict.ERROR),
    ],
)
def test_token_that_nobody_refused_is_undecided(
    options: Options, refuse: Callable[..., None], fault: dict[str, Any], verdict: Verdict
) -> None:
    refuse(**fault)

    found, _ = checks(options)

    assert found["token"].verdict is verdict, found["token"].sentence
    assert "Traceback" not in found["token"].sentence


def test_every_row_of_tokens_is_tested() -> None:
    tested = {token_rule(EntraError("words", aadsts=number)).name for number in NUMBERS.values()}

    assert {rule.name for rule in ROWS} == tested | {"refused", "no answer", NO_PRINCIPAL.name}
    assert NO_PRINCIPAL.fault is Fault.UNDECIDED
