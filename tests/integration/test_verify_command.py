"""`python -m verify` with a connector's file or by variables: reports, exit codes and refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.stack.outputs import StackOutputs
from tests.support.deployed_connector import CONTOSO, FABRIKAM
from tests.support.verification import ROOT, verify


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
    assert lines[-1] == {"schema_version": 1, "type": "end", "complete": True, "exit_code": 0}
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
    assert not [line for line in ended.stdout.splitlines() if line.startswith("ok ")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cloud: emulator\n", "connector.yaml: client_id: found nothing; expected the application's (client) id"),
        ("client_id: [", "connector.yaml:1: this is not YAML"),
        (f"client_id: {CONTOSO}\nscopes: [Calendars.Reed]\nclient_secret_file: s\n", "did you mean Calendars.Read"),
        (f"client_id: {CONTOSO}\nscopes: [New.Read.All]\nclient_secret_file: s\n", "with `lookup: directory` in this"),
        (
            f"client_id: {CONTOSO}\nscopes: [User.Read]\nlookup: directory\nclient_secret_file: s\n",
            "signed-in users only",
        ),
        (f"client_id: {CONTOSO}\nscopes: []\n", "client_secret_file: found nothing"),
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


def test_command_whose_report_cannot_be_written_sends_nothing(
    connector_file: Path, emulator_environ: Mapping[str, str], emulator: RunningEmulator
) -> None:
    before = len(emulator.journal())

    ended = verify(emulator_environ, f"--connector-config={connector_file}", "--html=/no/such/place/report.html")

    assert ended.returncode == 2
    assert "--html" in ended.stderr
    assert emulator.journal()[before:] == []


def test_command_in_github_actions_writes_a_summary(
    connector_file: Path, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    actions = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}

    ended = verify({**emulator_environ, **actions}, f"--connector-config={connector_file}", f"--tenant={FABRIKAM}")

    assert ended.returncode == 4
    assert "::error title=" in ended.stderr
    assert "| organisation |" in summary.read_text()


def test_import_of_verify_loads_no_command_and_no_registry() -> None:
    script = (
        "import sys, verify; "
        "heavy = ('typer', 'rich', 'sqlalchemy', 'jinja2', 'pulumi', 'msal'); "
        "bad = [m for m in sys.modules if m.split('.')[0] in heavy]; "
        "bad += [m for m in sys.modules if m.startswith(('orgcal.cli', 'orgcal.tenants', 'verify.report'))]; "
        "print(bad)"
    )

    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"


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
def test_command_with_a_wrong_argument_reads_nothing(
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
