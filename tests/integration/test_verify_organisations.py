"""Verification of organisations on the emulator, from the connector's own credential to the exit code."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import new_session
from orgcal.errors import UsageError
from orgcal.platforms import ConnectorSettings, PlatformCredential, open_platform
from orgcal.stack.outputs import StackOutputs
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, deploy, operator_graph
from verify import CheckResult, Options, SecretReference, Summary, Target, Verdict, exit_code, run, run_on
from verify.report.github import step_summary
from verify.report.html import html
from verify.report.junit import junit
from verify.runner import for_workers
from verify.sources import from_outputs
from verify.summary import conclusion

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [Target(CONTOSO, "Contoso"), Target(FABRIKAM, "Fabrikam", invited=True)]


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    return deploy(endpoints, emulator_environ)


@pytest.fixture
def consent(endpoints: CloudEndpoints, outputs: StackOutputs) -> Callable[[str, str], None]:
    """An administrator of a tenant consents."""

    def consent(tenant_id: str, account: str) -> None:
        url = consent_url(
            endpoints, tenant_id=tenant_id, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="not ours"
        )
        answered = answer(endpoints, url, account, follow=False)
        assert "admin_consent=True" in answered.headers["Location"]
        assert "error=" not in answered.headers["Location"]

    return consent


@pytest.fixture
def options(outputs: StackOutputs, emulator_environ: Mapping[str, str]) -> Options:
    connector, given = from_outputs(outputs)
    return Options(connector, environ=emulator_environ, given_credential=given)


def summarised(targets: list[Target], options: Options) -> Summary:
    summary = Summary()
    for result in run(targets, options):
        summary.add(result)
    return summary


def checks(summary: Summary, tenant_id: str) -> dict[str, CheckResult]:
    return summary.organisations[tenant_id].results


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
def test_run_of_an_invited_organisation_that_was_asked_for_fails_with_the_link(options: Options, how: str) -> None:
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


def test_run_with_a_wrong_secret_in_the_connector_fails_though_the_stack_has_the_right_one(
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


def test_run_where_the_platform_shows_nothing_says_that_only_the_stacks_copy_is_proved(
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
    assert "by the stack's copy of the credential (1 of 1 organisations)" in said[1]
    assert "not the connector's own" in said[2]
    assert "not the connector's own" in html(summary, datetime.now(UTC)).replace("&#39;", "'")
    assert "the stack's copy of the credential |" in step_summary(summary)

    unable = summarised(TARGETS[:1], replace(options, connector=replace(connector, fallback=None), environ=environ))
    assert checks(unable, CONTOSO)["token"].verdict is Verdict.ERROR, "nobody could tell, which is no refusal"

    through = summarised(TARGETS[:1], replace(options, connector=connector, environ=environ, through_platform=True))
    assert checks(through, CONTOSO)["token"].verdict is Verdict.WARN
    assert "not through the platform" in checks(through, CONTOSO)["token"].sentence


def test_run_of_a_federated_connector_goes_through_the_platform_which_alone_has_its_proof(
    options: Options, outputs: StackOutputs, consent: Callable[[str, str], None], emulator_environ: Mapping[str, str]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    open_platform(outputs.platform, emulator_environ).register_connection(outputs.connector_key, CONTOSO)
    federated = replace(options.connector, federated=True, fallback=None, outputs=None)

    token = checks(summarised(TARGETS[:1], replace(options, connector=federated)), CONTOSO)["token"]

    assert (token.verdict, token.evidence["proof"]) == (Verdict.PASS, "platform")


@pytest.mark.parametrize(("times", "verdict"), [(1, Verdict.PASS), (50, Verdict.ERROR)])
@pytest.mark.parametrize("status", [429, 503])
def test_run_while_entra_is_busy_asks_again_and_never_takes_that_for_a_refusal(
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


def test_run_after_more_scopes_were_declared_names_what_is_missing(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    wider = replace(options.connector, permissions=(*options.connector.permissions, "MailboxSettings.Read"))

    roles = checks(summarised(TARGETS, replace(options, connector=wider)), CONTOSO)["roles"]

    assert roles.verdict is Verdict.FAIL
    assert roles.sentence == "missing: MailboxSettings.Read"
    assert roles.evidence["missing"] == ["MailboxSettings.Read"]


def test_run_after_scopes_were_dropped_names_the_surplus(options: Options, consent: Callable[[str, str], None]) -> None:
    consent(CONTOSO, "admin@contoso.example")
    narrower = replace(options.connector, permissions=("Directory.Read.All",), outputs=None)

    roles = checks(summarised(TARGETS, replace(options, connector=narrower)), CONTOSO)["roles"]

    assert (roles.verdict, roles.evidence["surplus"]) == (Verdict.WARN, ["Calendars.Read"])


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


@pytest.mark.parametrize(("scopes", "sentence"), [(("Calendars.Read",), "an event was read with its body")])
def test_probe_of_events_holds_the_scopes_to_their_promise(
    options: Options, consent: Callable[[str, str], None], scopes: tuple[str, ...], sentence: str
) -> None:
    consent(CONTOSO, "admin@contoso.example")

    events = checks(summarised(TARGETS, replace(options, probes=frozenset({"events"}))), CONTOSO)["events"]

    assert (events.verdict, events.sentence) == (Verdict.PASS, sentence)


def test_probe_of_events_with_basic_scopes_expects_that_bodies_are_kept_back(
    endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    outputs = deploy(endpoints, emulator_environ, ("Calendars.ReadBasic",))
    connector, given = from_outputs(outputs)
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    answer(endpoints, url, "admin@contoso.example", follow=False)
    options = Options(connector, environ=emulator_environ, given_credential=given, probes=frozenset({"events"}))

    found = checks(summarised(TARGETS, options), CONTOSO)

    assert found["calendars"].verdict is Verdict.PASS
    assert found["events"].verdict is Verdict.PASS


def test_probe_of_events_after_fewer_scopes_are_declared_warns_of_what_is_still_granted(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    narrowed = replace(options.connector, permissions=("Calendars.ReadBasic.All", "Directory.Read.All"))

    found = checks(summarised(TARGETS, replace(options, connector=narrowed, probes=frozenset({"events"}))), CONTOSO)

    assert {check: result.verdict for check, result in found.items()} == {
        "tenant": Verdict.PASS,
        "token": Verdict.PASS,
        "roles": Verdict.WARN,
        "users": Verdict.PASS,
        "calendars": Verdict.PASS,
        "events": Verdict.WARN,
    }


def test_run_on_other_processes_gives_the_same_results_and_carries_no_secret(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    assert isinstance(options.connector.credential, SecretReference)

    summary = Summary()
    with ProcessPoolExecutor(2) as executor:
        for result in run_on(executor, TARGETS, options, workers=2):
            summary.add(result)

    assert exit_code(summary) == 0
    assert summary.organisations[CONTOSO].users == 57


@pytest.fixture
def connector_file(outputs: StackOutputs, consent: Callable[[str, str], None], tmp_path: Path) -> Path:
    consent(CONTOSO, "admin@contoso.example")
    assert outputs.client_secret is not None
    (tmp_path / "secret").write_text(outputs.client_secret.get_secret_value())
    path = tmp_path / "connector.yaml"
    path.write_text(
        f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"
        f"tenants: [{{tenant_id: {CONTOSO}, name: Contoso}}]\n"
    )
    return path


def verify(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ORGCAL_"))}
    return subprocess.run(
        [sys.executable, "-m", "verify", *arguments],
        cwd=ROOT,
        env={**kept, **environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_with_a_connector_file_writes_every_report(
    connector_file: Path, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    ended = verify(
        emulator_environ,
        f"--connector-config={connector_file}",
        f"--jsonl={tmp_path}/details.jsonl",
        f"--junit={tmp_path}/junit.xml",
        f"--html={tmp_path}/report.html",
    )

    assert ended.returncode == 0, ended.stderr
    assert "all checks passed" in ended.stdout
    assert "Contoso" in ended.stdout
    assert "cloud emulator" in ended.stdout.splitlines()[0]
    assert "\x1b[" not in ended.stdout
    lines = [json.loads(line) for line in (tmp_path / "details.jsonl").read_text().splitlines()]
    assert sum(line["type"] == "mailbox" for line in lines) == 57
    assert lines[-1] == {"type": "end", "complete": True, "exit_code": 0}
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("Contoso", "5", "0")
    page = (tmp_path / "report.html").read_text()
    assert "Contoso" in page
    assert "@contoso.example" not in page + ended.stdout
    secret = connector_file.with_name("secret").read_text()
    for written in [ended.stdout, ended.stderr, *(path.read_text() for path in tmp_path.glob("*.*l"))]:
        assert secret not in written


def test_command_with_json_prints_one_object(connector_file: Path, emulator_environ: Mapping[str, str]) -> None:
    ended = verify(emulator_environ, f"--connector-config={connector_file}", "--json")

    said = json.loads(ended.stdout)
    assert (said["complete"], said["exit_code"]) == (True, 0)
    assert said["organisations"][0]["users"] == 57


def test_command_by_variables_verifies_the_tenants_they_name(
    connector_file: Path, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    described = {
        "ORGCAL_CLIENT_ID": outputs.client_id,
        "ORGCAL_CLOUD": "emulator",
        "ORGCAL_SCOPES": "Calendars.Read",
        "ORGCAL_TENANTS": f"{CONTOSO},{FABRIKAM}",
        "ORGCAL_CLIENT_SECRET_FILE": str(connector_file.with_name("secret")),
    }

    ended = verify({**emulator_environ, **described}, "--quiet")

    assert ended.returncode == 1
    assert "not known in this tenant" in ended.stdout
    assert "pass " not in ended.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cloud: emulator\n", "client_id: Field required"),
        ("client_id: [", "neither YAML nor JSON"),
        ("client_id: x\nscopes: [Calendars.Reed]\nclient_secret_file: s\n", "did you mean Calendars.Read"),
        ("client_id: x\nscopes: [New.Read.All]\nclient_secret_file: s\n", "with lookup: directory in this file"),
        ("client_id: x\nscopes: [User.Read]\nlookup: directory\nclient_secret_file: s\n", "signed-in users only"),
        ("client_id: x\nscopes: []\n", "client_secret_file"),
    ],
)
def test_command_with_a_wrong_file_says_what_and_where(
    tmp_path: Path, emulator_environ: Mapping[str, str], text: str, says: str
) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(text)

    ended = verify(emulator_environ, f"--connector-config={path}")

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_command_with_a_report_that_cannot_be_written_says_so_before_the_run(
    connector_file: Path, emulator_environ: Mapping[str, str], emulator: RunningEmulator
) -> None:
    before = len(emulator.journal())

    ended = verify(emulator_environ, f"--connector-config={connector_file}", "--html=/no/such/place/report.html")

    assert ended.returncode == 2
    assert "--html" in ended.stderr
    assert emulator.journal()[before:] == [], "nobody was asked anything"


def test_command_in_github_actions_writes_a_summary_and_annotations(
    connector_file: Path, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}

    ended = verify({**emulator_environ, **actions}, f"--connector-config={connector_file}", f"--tenant={FABRIKAM}")

    assert ended.returncode == 4
    assert "::error title=" in ended.stderr
    assert "| organisation |" in summary.read_text()


def test_import_of_verify_loads_neither_command_line_nor_reports_nor_registry() -> None:
    script = (
        "import sys, verify; "
        "heavy = ('typer', 'rich', 'sqlalchemy', 'jinja2', 'pulumi', 'msal'); "
        "bad = [m for m in sys.modules if m.split('.')[0] in heavy]; "
        "bad += [m for m in sys.modules if m.startswith(('orgcal.cli', 'orgcal.tenants', 'verify.report'))]; "
        "print(bad)"
    )

    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"


def test_options_for_workers_hold_no_secret_and_their_part_of_the_rate(
    options: Options, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    environ = {**emulator_environ, "ARM_CLIENT_SECRET": "operator-secret-value"}

    travelling = for_workers(replace(options, environ=environ), 4)

    assert outputs.client_secret is not None
    sent = pickle.dumps(travelling)
    assert outputs.client_secret.get_secret_value().encode() not in sent
    assert b"operator-secret-value" not in sent
    assert travelling.pace.cap == 16


def test_options_whose_secret_only_this_process_knows_cannot_travel(options: Options) -> None:
    given = replace(options.connector, credential=SecretReference("given", "stack"))
    with pytest.raises(UsageError, match="known to this process only"):
        for_workers(replace(options, connector=given), 2)


class Lossy(Executor):
    """Loses the worker of each organisation's first try."""

    def __init__(self) -> None:
        self.tries: list[str] = []

    def submit(self, task: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        target = arguments[0]
        self.tries.append(target.tenant_id)
        if self.tries.count(target.tenant_id) == 1:
            future.set_exception(RuntimeError("the worker is lost"))
        else:
            future.set_result(task(*arguments))
        return future


def test_organisation_whose_worker_is_lost_is_run_once_more_and_counted_once(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    executor = Lossy()

    results = list(run_on(executor, TARGETS[:1], options, workers=1))

    assert executor.tries == [CONTOSO, CONTOSO]
    assert [result.check for result in results if result.tenant_id] == [
        "tenant",
        "token",
        "roles",
        "users",
        "calendars",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tenant=Contosso"], "did you mean 'Contoso'?"),
        (["--through-platform"], "--through-platform"),
        (["--stack=dev"], "a stack and a file both describe the connector"),
        (["--probe=mail"], "there is no probe 'mail'"),
        (["--sample=-1"], "--sample"),
    ],
)
def test_command_with_a_wrong_argument_says_so_before_anything_is_read(
    connector_file: Path, emulator_environ: Mapping[str, str], arguments: list[str], says: str, tmp_path: Path
) -> None:
    ended = verify(
        emulator_environ, f"--connector-config={connector_file}", f"--html={tmp_path}/report.html", *arguments
    )

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "report.html").exists()


def test_command_with_the_secret_in_a_variable_reads_it_there(
    connector_file: Path, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    described = {
        "ORGCAL_CLIENT_ID": outputs.client_id,
        "ORGCAL_CLOUD": "emulator",
        "ORGCAL_SCOPES": "Calendars.Read",
        "ORGCAL_TENANTS": CONTOSO,
        "ORGCAL_CLIENT_SECRET": connector_file.with_name("secret").read_text(),
    }

    ended = verify({**emulator_environ, **described}, "--json", "--sample=5", "--seed=7")

    assert ended.returncode == 0, ended.stderr
    organisation = json.loads(ended.stdout)["organisations"][0]
    assert organisation["proof"] == "given"
    assert sum(organisation["mailboxes"].values()) == organisation["users"] == 57
    assert organisation["mailboxes"]["not_read"] == 52
    assert described["ORGCAL_CLIENT_SECRET"] not in ended.stdout + ended.stderr


def test_dask_without_its_package_or_cluster_says_what_to_do(
    connector_file: Path, emulator_environ: Mapping[str, str]
) -> None:
    ended = verify(emulator_environ, f"--connector-config={connector_file}", "--dask=tcp://127.0.0.1:9")

    assert ended.returncode == 2
    assert "--dask" in ended.stderr
    assert "repair:" in ended.stderr
