"""Refusals and faults through the whole verification on the emulator: each row of tokens, and what Graph trips over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from orgcal.consent.links import consent_url
from orgcal.entra.aadsts import Kind, meaning_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.errors import EntraError
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, deploy
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
    return Options(
        connector, environ=emulator_environ, given_credential=given, pace=Pace(budget_s=5.0, first_pause_s=0.05)
    )


@pytest.fixture
def script(endpoints: CloudEndpoints) -> Callable[..., None]:
    """Script a fault of the emulator."""

    def script(**fault: Any) -> None:
        assert endpoints.emulated is not None
        control_token = endpoints.emulated.control_token_file.read_text().strip()
        with new_session(endpoints) as session:
            session.post(
                f"{endpoints.emulated.control_url}/faults",
                json=fault,
                headers={"Authorization": f"Bearer {control_token}"},
            ).raise_for_status()

    return script


@pytest.fixture
def refuse(script: Callable[..., None]) -> Callable[..., None]:
    """Every token request of Contoso is answered so."""
    return partial(script, path=f"{CONTOSO}/oauth2/v2.0/token", times=50)


@pytest.fixture
def consented(options: Options, endpoints: CloudEndpoints) -> Options:
    """Contoso's administrator has consented."""
    url = consent_url(
        endpoints,
        tenant_id=CONTOSO,
        client_id=options.connector.client_id,
        redirect_uri=CONSENT_URI,
        state="not ours",
    )
    assert "error=" not in answer(endpoints, url, "admin@contoso.example", follow=False).headers["Location"]
    return options


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


ENTRY, BATCH, PAGE = "/users/[0-9a-f-]+/calendars", "/[$]batch", "/v1.0/users[?]"
TRIPS: list[dict[str, Any]] = [
    *({"status": status, "code": code, "message": ""} for status in (500, 502, 504) for code in ("UnknownError", "")),
    {"status": 400, "code": "", "message": ""},
    {"status": 503, "headers": {"Retry-After": "0"}},
]


@pytest.mark.parametrize("where", [ENTRY, BATCH, PAGE], ids=["entry", "batch", "page"])
@pytest.mark.parametrize("fault", TRIPS, ids=[f"{trip['status']}-{trip.get('code', '')}" for trip in TRIPS])
def test_graph_that_trips_once_fails_nobody(
    consented: Options, script: Callable[..., None], where: str, fault: dict[str, Any]
) -> None:
    script(path=where, times=1, **fault)

    found, code = checks(consented)

    assert code == 0, [result.sentence for result in found.values()]
    assert sum(found["calendars"].evidence["mailboxes"].values()) == 57
    assert found["calendars"].evidence["mailboxes"]["failed"] == 0


@pytest.mark.parametrize("action", ["reset", "cut"])
@pytest.mark.parametrize("where", [BATCH, PAGE], ids=["batch", "page"])
def test_connection_that_is_cut_once_fails_nobody(
    consented: Options, script: Callable[..., None], where: str, action: str
) -> None:
    script(path=where, times=1, action=action)

    assert checks(consented)[1] == 0


@pytest.mark.parametrize(
    ("fault", "verdict", "says"),
    [
        ({"status": 401, "code": "OrganizationFromTenantGuidNotFound"}, Verdict.FAIL, "no Exchange Online"),
        ({"status": 401, "code": "Authorization_IdentityNotFound"}, Verdict.ERROR, "has not arrived"),
        ({"status": 403, "code": "ErrorAccessDenied", "message": "[RAOP] : Blocked"}, Verdict.FAIL, "denied for every"),
        ({"status": 502, "code": "UnknownError"}, Verdict.ERROR, "57 mailboxes of 57 failed"),
    ],
)
def test_answer_to_every_mailbox_is_the_organisations(
    consented: Options, script: Callable[..., None], fault: dict[str, Any], verdict: Verdict, says: str
) -> None:
    script(path=ENTRY, times=100_000, **fault)

    found, code = checks(replace(consented, pace=Pace(budget_s=120.0, first_pause_s=0.01)))

    assert (found["calendars"].verdict, code) == (verdict, 1)
    assert says in found["calendars"].sentence
    assert found["calendars"].repair
