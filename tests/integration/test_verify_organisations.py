"""Verification of organisations on the emulator, from the connector's own credential to the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import new_session
from orgcal.platforms import ConnectorSettings, PlatformCredential, open_platform
from orgcal.stack.outputs import StackOutputs
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, operator_graph
from tests.support.verification import TARGETS, checks, summarised
from verify import Options, SecretReference, Target, Verdict, exit_code, run
from verify.report.github import step_summary
from verify.report.html import html
from verify.report.junit import junit
from verify.summary import conclusion


def test_run_where_one_consented_and_one_is_invited_passes(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")

    summary = summarised(TARGETS, options)

    contoso = checks(summary, CONTOSO)
    assert {check: result.verdict for check, result in contoso.items()} == dict.fromkeys(
        ["tenant", "token", "roles", "users", "calendars"], Verdict.PASS
    )
    assert contoso["token"].evidence["credential"] == "credential read back from the connector"
    assert contoso["token"].evidence["proof"] == "connector"
    users = contoso["users"].evidence
    assert {name: users[name] for name in ("listed", "expected", "repeated")} == {
        "listed": 57,
        "expected": 57,
        "repeated": 0,
    }
    assert users["request_id"], "what Microsoft's support asks for"
    assert set(contoso["calendars"].evidence["request_ids"]) == set(contoso["calendars"].evidence["reasons"])
    mailboxes = contoso["calendars"].evidence["mailboxes"]
    assert sum(mailboxes.values()) == 57
    assert (mailboxes["no_mailbox"], mailboxes["restricted"], mailboxes["failed"]) == (10, 3, 0)
    assert summary.organisations[FABRIKAM].verdict is Verdict.SKIP
    fabrikam = summary.as_json()["organisations"][1 if next(iter(summary.organisations)) == CONTOSO else 0]
    assert (fabrikam["users"], fabrikam["calendars"], fabrikam["mailboxes"], fabrikam["proof"]) == (None,) * 4
    assert {check: result.verdict for check, result in summary.deployment.items()} == {
        "agreement": Verdict.PASS,
        "expiry": Verdict.PASS,
    }
    assert exit_code(summary) == 0


def test_run_keeps_to_the_request_goal_by_the_emulators_own_journal(
    options: Options, consent: Callable[[str, str], None], emulator: RunningEmulator
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    before = len(emulator.journal())

    list(run([Target(CONTOSO, "Contoso")], replace(options, connector=replace(options.connector, outputs=None))))

    asked = [f"{entry['method']} {entry['path'].split('?')[0]}" for entry in emulator.journal()[before:]]
    to_microsoft = [line for line in asked if "/platform/" not in line and "/calendars" not in line]
    assert sorted(to_microsoft) == [
        f"GET /{CONTOSO}/v2.0/.well-known/openid-configuration",
        "GET /v1.0/users",
        "GET /v1.0/users/$count",
        f"POST /{CONTOSO}/oauth2/v2.0/token",
        *["POST /v1.0/$batch"] * 3,
    ]


def test_run_where_only_invited_are_known_checks_nothing(options: Options) -> None:
    assert exit_code(summarised([TARGETS[1]], options)) == 5


def test_run_without_organisations_checks_nothing(options: Options) -> None:
    assert exit_code(summarised([], options)) == 5


@pytest.mark.parametrize("how", ["strict", "named"])
def test_run_of_an_invited_organisation_by_name_fails_with_the_link(options: Options, how: str) -> None:
    target = replace(TARGETS[1], named=how == "named", consent_link="https://login.example/link")

    summary = summarised([target], replace(options, strict=how == "strict"))

    token = checks(summary, FABRIKAM)["token"]
    assert token.verdict is Verdict.FAIL
    assert "https://login.example/link" in token.repair
    assert exit_code(summary) == 4


def test_run_of_a_tenant_that_does_not_exist_says_so(options: Options) -> None:
    summary = summarised([Target("99999999-9999-9999-9999-999999999999", "Nobody")], options)

    found = checks(summary, "99999999-9999-9999-9999-999999999999")
    assert found["tenant"].verdict is Verdict.FAIL
    assert found["token"].verdict is Verdict.SKIP
    assert exit_code(summary) == 4


def test_run_with_a_wrong_secret_in_the_connector_fails(
    options: Options,
    outputs: StackOutputs,
    consent: Callable[[str, str], None],
    emulator_environ: Mapping[str, str],
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    platform = open_platform(outputs.platform, emulator_environ)
    platform.push_credentials(
        outputs.connector_key, PlatformCredential(outputs.client_id, 1, ClientSecret("not the secret"))
    )

    summary = summarised(TARGETS, options)

    token = checks(summary, CONTOSO)["token"]
    assert token.verdict is Verdict.FAIL
    assert "secret is wrong" in token.sentence
    assert summary.deployment["agreement"].sentence == "connector: its secret is not the stack's"
    assert "not the secret" not in json.dumps(summary.as_json())
    assert exit_code(summary) == 4


def test_run_without_a_credential_in_the_connector_says_what_to_do(
    options: Options, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    open_platform(outputs.platform, emulator_environ).remove_credentials(outputs.connector_key)

    token = checks(summarised(TARGETS[:1], options), CONTOSO)["token"]

    assert token.verdict is Verdict.FAIL
    assert (token.sentence, token.repair) == (
        "connector 'outlook-calendar-admin': the connector has no credential",
        "pulumi up",
    )


def test_run_through_the_platform_uses_the_token_it_hands_out(
    options: Options, outputs: StackOutputs, consent: Callable[[str, str], None], emulator_environ: Mapping[str, str]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    open_platform(outputs.platform, emulator_environ).register_connection(outputs.connector_key, CONTOSO)

    summary = summarised(TARGETS, replace(options, through_platform=True))

    assert checks(summary, CONTOSO)["token"].evidence["credential"] == "through the platform"
    assert exit_code(summary) == 0


def test_run_says_where_only_the_stacks_credential_is_proved(
    options: Options, consent: Callable[[str, str], None], emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    (tmp_path / "github-token").write_text("never-used")
    (tmp_path / "github-token").chmod(0o600)
    write_only = {
        "kind": "github-environment",
        "repository": "acme/app",
        "environment": "production",
        "callback_url": "https://app.example/callback",
    }
    connector = replace(options.connector, credential=SecretReference("platform", "key", write_only), outputs=None)
    environ = {**emulator_environ, "GITHUB_TOKEN_FILE": str(tmp_path / "github-token")}

    summary = summarised(TARGETS[:1], replace(options, connector=connector, environ=environ))

    token = checks(summary, CONTOSO)["token"]
    assert token.evidence.get("proof") == "stack", (token.sentence, token.repair)
    assert "credential from the stack, not the connector's own, as the platform does not show" in token.sentence
    said = [summary.as_json()["organisations"][0]["proof"], conclusion(summary), junit(summary, datetime.now(UTC))]
    assert said[0] == "stack"
    assert "by the stack's copy of the credential (1 of 1 organisation)" in said[1]
    assert "not the connector's own" in said[2]
    assert "not the connector's own" in html(summary, datetime.now(UTC)).replace("&#39;", "'")
    assert "the stack's copy of the credential |" in step_summary(summary)

    unable = summarised(TARGETS[:1], replace(options, connector=replace(connector, fallback=None), environ=environ))
    assert checks(unable, CONTOSO)["token"].verdict is Verdict.ERROR, "nobody could tell, which is no refusal"

    through = summarised(TARGETS[:1], replace(options, connector=connector, environ=environ, through_platform=True))
    assert checks(through, CONTOSO)["token"].verdict is Verdict.WARN
    assert "not through the platform" in checks(through, CONTOSO)["token"].sentence


def test_run_of_a_federated_connector_goes_through_the_platform(
    options: Options, outputs: StackOutputs, consent: Callable[[str, str], None], emulator_environ: Mapping[str, str]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    open_platform(outputs.platform, emulator_environ).register_connection(outputs.connector_key, CONTOSO)
    federated = replace(options.connector, federated=True, fallback=None, outputs=None)

    token = checks(summarised(TARGETS[:1], replace(options, connector=federated)), CONTOSO)["token"]

    assert (token.verdict, token.evidence["proof"]) == (Verdict.PASS, "platform")


@pytest.mark.parametrize(("times", "verdict"), [(1, Verdict.PASS), (50, Verdict.ERROR)])
@pytest.mark.parametrize("status", [429, 503])
def test_run_while_entra_is_busy_is_no_refusal(
    options: Options,
    consent: Callable[[str, str], None],
    endpoints: CloudEndpoints,
    status: int,
    times: int,
    verdict: Verdict,
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    assert endpoints.emulated is not None
    with new_session(endpoints) as session:
        fault = {
            "path": f"{CONTOSO}/oauth2/v2.0/token",
            "times": times,
            "status": status,
            "code": "temporarily_unavailable",
            "headers": {"Retry-After": "0"},
        }
        control_token = endpoints.emulated.control_token_file.read_text().strip()
        session.post(
            f"{endpoints.emulated.control_url}/faults", json=fault, headers={"Authorization": f"Bearer {control_token}"}
        ).raise_for_status()

    summary = summarised(TARGETS[:1], replace(options, connector=replace(options.connector, outputs=None)))

    assert checks(summary, CONTOSO)["token"].verdict is verdict
    assert exit_code(summary) == (0 if verdict is Verdict.PASS else 1)


def test_agreement_after_changes_by_hand_names_each(
    options: Options, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    with new_session(endpoints) as session:
        graph = operator_graph(endpoints, emulator_environ, session)
        graph.patch(
            f"/applications/{outputs.application_object_id}",
            {"web": {"redirectUris": [CONSENT_URI, "https://evil.example/"]}, "requiredResourceAccess": []},
        )
        graph.post(
            f"/applications/{outputs.application_object_id}/removePassword",
            {"keyId": outputs.credentials[0].key_id},
        )
    platform = open_platform(outputs.platform, emulator_environ)
    entry = ConnectorSettings(outputs.connector_key, "Renamed", scopes=("Calendars.ReadWrite",))
    platform.update_connector(entry, ["display_name", "scopes"])

    agreement = summarised([], options).deployment["agreement"]

    assert agreement.verdict is Verdict.FAIL
    for said in ("Renamed", "Calendars.ReadWrite", "https://evil.example/", "missing", "does not declare", "is gone"):
        assert said in agreement.sentence


@pytest.mark.parametrize(("days", "verdict"), [(100, Verdict.PASS), (170, Verdict.WARN), (181, Verdict.FAIL)])
def test_expiry_follows_the_active_credential(options: Options, days: int, verdict: Verdict) -> None:
    later = replace(options, now=lambda: datetime.now(UTC) + timedelta(days=days))

    assert summarised([], later).deployment["expiry"].verdict is verdict
