"""The stand-in under the real engine: after every step the state says what the directory says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from orgcal_emulator.server import Keys, RunningEmulator

from benchmarks.azuread_directory import SeenDirectory, disagreements
from benchmarks.azuread_plan import Plan
from benchmarks.azuread_stack import ROOT, Project, arm_variables, seed_with_rights
from orgcal.provider.azuread.plugin import TYPES
from tests.support.leak_scan import shown_on_purpose

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def engine_bin() -> Path:
    """Folder of the engine."""
    done = subprocess.run(
        [sys.executable, "-m", "orgcal.engine", "path"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


class Deployed:
    """The recorded program on an emulator of its own."""

    def __init__(self, emulator: RunningEmulator, project: Project, plan: Plan) -> None:
        self.emulator, self.project, self.plan = emulator, project, plan
        self.directory = SeenDirectory(emulator.ready)

    def disagreements(self) -> list[str]:
        return disagreements(self.project.state(), self.directory.objects())

    def writes_during(self, action: Callable[[], object]) -> list[str]:
        """Writes in the emulator's journal while `action` runs, tokens aside."""
        before = self.emulator.journal()[-1]["seq"]
        action()
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.emulator.journal(before)
            if entry["method"] != "GET" and "/oauth2/" not in entry["path"]
        ]


@pytest.fixture
def deployed(
    tmp_path: Path, engine_bin: Path, emulator_keys: Keys, start_emulator: Callable[..., RunningEmulator]
) -> Iterator[Deployed]:
    """The program, brought up."""
    emulator = start_emulator(seed=seed_with_rights(tmp_path))
    plan = Plan.first()
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready))
    project.plan(plan)
    project.up()
    result = Deployed(emulator, project, plan)
    yield result
    result.directory.close()


def test_standin_life_of_a_stack_state_and_directory_agree(deployed: Deployed) -> None:
    project, plan = deployed.project, deployed.plan
    assert deployed.disagreements() == []
    assert len(deployed.directory.objects()) == 7
    assert deployed.writes_during(project.up) == []

    plan = plan.updated()
    project.plan(plan)
    before = project.state()
    assert deployed.writes_during(lambda: project.pulumi("preview")) == []
    project.up()
    assert deployed.disagreements() == []
    after = project.state()
    assert {name for name in before if before[name].get("id") != after.get(name, {}).get("id")} == {
        "grant-798ee544-9d2d-430c-a058-570e29e34338"
    }

    plan = replace(plan, passwords=(1, 2))
    project.plan(plan)
    assert [write.rsplit("/", 1)[-1] for write in deployed.writes_during(project.up)] == ["addPassword"]
    assert deployed.disagreements() == []

    plan = replace(plan, passwords=(2,))
    project.plan(plan)
    assert [write.rsplit("/", 1)[-1] for write in deployed.writes_during(project.up)] == ["removePassword"]
    assert deployed.disagreements() == []

    assert deployed.writes_during(lambda: project.pulumi("refresh", "--yes", "--expect-no-changes")) == []
    assert deployed.writes_during(project.up) == []

    project.pulumi("destroy", "--yes", "--skip-preview")
    assert deployed.directory.objects() == {}


def test_standin_state_of_an_older_stand_in_is_up_without_a_change(deployed: Deployed) -> None:
    project = deployed.project
    exported = json.loads(project.pulumi("stack", "export"))
    for item in exported["deployment"]["resources"]:
        if item["type"].startswith("azuread:index/"):
            del item["outputs"]["id"]
        if item["type"] == "azuread:index/application:Application":
            item["inputs"] |= {"__defaults": ["preventDuplicateNames"], "preventDuplicateNames": False}
    (project.folder / "older.json").write_text(json.dumps(exported))
    project.pulumi("stack", "import", "--file", "older.json")
    assert deployed.writes_during(lambda: project.pulumi("preview", "--expect-no-changes")) == []
    assert deployed.writes_during(lambda: project.up("--expect-no-changes")) == []
    assert deployed.disagreements() == []
    app = project.state()["app"]
    assert app["inputs"]["__defaults"] == ["preventDuplicateNames"]  # kept, as the real plugin keeps it
    project.pulumi("refresh", "--yes", "--skip-preview")
    assert project.state()["app"]["outputs"]["id"] == app["id"]
    assert deployed.writes_during(lambda: project.up("--expect-no-changes")) == []


def test_standin_preview_from_nothing_writes_nothing_and_knows_what_can_be_known(
    tmp_path: Path, engine_bin: Path, start_emulator: Callable[..., RunningEmulator]
) -> None:
    emulator = start_emulator(seed=seed_with_rights(tmp_path))
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready))
    project.plan(Plan.first())
    planned = json.loads(project.pulumi("preview", "--json"))
    assert planned["changeSummary"] == {"create": 8}
    states = {step["urn"].split("::")[-1]: step["newState"] for step in planned["steps"]}
    assert states["app"]["inputs"]["displayName"] == "Outlook Calendar"
    assert states["password-1"]["inputs"]["displayName"] == "Xkit 1"
    writes = [entry for entry in emulator.journal() if entry["method"] != "GET" and "/oauth2/" not in entry["path"]]
    assert writes == []
    project.pulumi("up", "--yes")
    directory = SeenDirectory(emulator.ready)
    assert disagreements(project.state(), directory.objects()) == []
    directory.close()


def test_standin_explicit_provider_needs_no_variables_and_hides_its_secret(
    tmp_path: Path, engine_bin: Path, emulator: RunningEmulator
) -> None:
    environ = arm_variables(emulator.ready)
    secret = Path(emulator.ready["operator"]["client_secret_file"]).read_text().strip()
    program = (
        "import os, pulumi, pulumi_azuread as azuread\n"
        "provider = azuread.Provider('mine', client_id=os.environ['TRIAL_CLIENT'], "
        "client_secret=os.environ['TRIAL_SECRET'], tenant_id=os.environ['TRIAL_TENANT'], "
        "metadata_host=os.environ['TRIAL_HOST'], use_cli=False, use_oidc=False)\n"
        "me = azuread.get_client_config(opts=pulumi.InvokeOptions(provider=provider))\n"
        "app = azuread.Application('app', display_name='x', owners=[me.object_id], "
        "opts=pulumi.ResourceOptions(provider=provider))\n"
    )
    given = {
        "TRIAL_CLIENT": environ["ARM_CLIENT_ID"],
        "TRIAL_SECRET": secret,
        "TRIAL_TENANT": environ["ARM_TENANT_ID"],
        "TRIAL_HOST": environ["ARM_METADATA_HOSTNAME"],
        "SSL_CERT_FILE": environ["SSL_CERT_FILE"],
    }
    project = Project(tmp_path / "project", engine_bin, given, program=program)
    project.pulumi("up", "--yes")
    assert project.state()["app"]["id"].startswith("/applications/")
    assert secret not in project.pulumi("stack", "export")
    assert "3 unchanged" in project.up()
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_standin_refresh_notices_drift_and_deletion_and_up_repairs_them(deployed: Deployed) -> None:
    project, graph = deployed.project, deployed.directory.graph
    state = project.state()
    application_id = state["app"]["outputs"]["objectId"]
    graph.patch(f"/applications/{application_id}", {"displayName": "renamed", "notes": "by hand"})
    graph.delete(
        f"/applications/{application_id}/federatedIdentityCredentials/{state['federated']['outputs']['credentialId']}"
    )
    key_id = state["password-1"]["outputs"]["keyId"]
    graph.post(f"/applications/{application_id}/removePassword", {"keyId": key_id})
    graph.delete(state["grant-7ab1d382-f21e-4acd-a863-ba3e13f7da61"]["id"])

    project.pulumi("refresh", "--yes", "--skip-preview")
    refreshed = project.state()
    assert state.keys() - refreshed.keys() == {
        "federated", "password-1", "grant-7ab1d382-f21e-4acd-a863-ba3e13f7da61"
    }  # fmt: skip
    assert refreshed["app"]["outputs"]["displayName"] == refreshed["app"]["inputs"]["displayName"] == "renamed"
    assert refreshed["app"]["outputs"]["notes"] == "by hand"
    assert deployed.disagreements() == []

    project.up()
    repaired = project.state()
    assert repaired.keys() == state.keys()
    assert repaired["app"]["outputs"]["displayName"] == "Outlook Calendar"
    assert repaired["app"]["outputs"]["notes"] == ""
    assert repaired["app"]["id"] == state["app"]["id"]
    assert repaired["password-1"]["id"] != state["password-1"]["id"]
    assert deployed.disagreements() == []
    assert deployed.writes_during(project.up) == []


def test_standin_import_of_each_type_gives_the_state_that_creation_gave(
    deployed: Deployed, tmp_path: Path, engine_bin: Path
) -> None:
    made = {name: item for name, item in deployed.project.state().items() if item["type"].startswith("azuread:index/")}
    other = Project(tmp_path / "other", engine_bin, deployed.project.environ)
    wanted = [
        {"type": item["type"], "name": name, "id": item["id"]} for name, item in made.items() if name != "password-1"
    ]
    (other.folder / "import.json").write_text(json.dumps({"resources": wanted}))
    writes = deployed.writes_during(
        lambda: other.pulumi(
            "import", "--file", "import.json", "--yes", "--skip-preview", "--generate-code=false", "--protect=false"
        )
    )
    assert writes == []
    imported = other.state()
    for name in [entry["name"] for entry in wanted]:
        unreadable = {"value", "encoding"} if name == "certificate" else set()
        expected = {key: value for key, value in made[name]["outputs"].items() if key not in unreadable}
        found = {key: value for key, value in imported[name]["outputs"].items() if key not in unreadable}
        assert found == expected, name
        assert imported[name]["id"] == made[name]["id"]
    assert {item["type"] for item in made.values()} == {kind.token for kind in TYPES}


@pytest.mark.parametrize(
    ("token", "resource_id", "words"),
    [
        ("applicationPassword:ApplicationPassword", "{app}/password/{app}", "cannot be imported"),
        ("application:Application", "{app}", "is not the id of an Application"),
        ("application:Application", "/applications/99999999-9999-9999-9999-999999999999", "does not exist"),
        ("group:Group", "{app}", "the azuread stand-in has no type 'azuread:index/group:Group'"),
    ],
)
def test_standin_import_of_what_cannot_be_is_one_sentence(
    tmp_path: Path, engine_bin: Path, start_emulator: Callable[..., RunningEmulator], token: str, resource_id: str,
    words: str
) -> None:  # fmt: skip
    emulator = start_emulator()
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready))
    named = resource_id.format(app="11111111-1111-1111-1111-111111111111")
    output = project.pulumi(
        "import", f"azuread:index/{token}", "x", named, "--yes", "--skip-preview", "--generate-code=false", code=None
    )
    assert words in output
    assert "Traceback" not in output
    assert "x" not in project.state()


def test_standin_secrets_stay_secret(deployed: Deployed) -> None:
    project = deployed.project
    with shown_on_purpose("the secret that must be nowhere else"):
        shown = json.loads(project.pulumi("stack", "output", "--json", "--show-secrets"))
    value = shown["secret-1"]
    assert len(value) > 20
    exported = project.pulumi("stack", "export")
    preview = project.pulumi("preview", "--diff", "--json")
    operator = Path(deployed.emulator.ready["operator"]["client_secret_file"]).read_text()
    for text in (exported, preview):
        assert value not in text
        assert operator not in text
    assert "4dabf18193072939515e22adb298388d" in json.dumps(project.state()["password-1"]["outputs"]["value"])
    holding = [
        path
        for path in project.folder.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in (value, operator))
    ]
    assert holding == []


REFUSED: list[tuple[str, str]] = [
    ("azuread.Group('g', display_name='g', security_enabled=True)", "has no type 'azuread:index/group:Group'"),
    ("azuread.get_user(user_principal_name='a@b')", "has no function 'azuread:index/getUser:getUser'"),
    ("azuread.Application('a', display_name='x', template_id='" + "0" * 8 + "')", "'templateId'"),
    ("azuread.get_service_principal(client_id='" + "9" * 8 + "')", "no service principal with clientId"),
    ("azuread.Application('a', display_name='x', sign_in_audience='Everybody')", "'signInAudience' must be one of"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_standin_refusal_is_one_sentence_without_a_trace(
    tmp_path: Path, engine_bin: Path, emulator: RunningEmulator, line: str, words: str
) -> None:
    program = f"import pulumi_azuread as azuread\n{line}\n"
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready), program=program)
    output = project.up(code=None)
    assert words in output
    assert "orgcal/provider/azuread" not in output
    if "has no" in words:
        assert "use the real azuread plugin" in output


def test_standin_graph_error_names_resource_code_and_request_id(
    tmp_path: Path, engine_bin: Path, start_emulator: Callable[..., RunningEmulator]
) -> None:
    emulator = start_emulator(seed=seed_with_rights(tmp_path, ("Application.Read.All",)))
    program = "import pulumi_azuread as azuread\nazuread.Application('mine', display_name='x')\n"
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready), program=program)
    output = project.up(code=None)
    assert "Application 'mine': Microsoft Graph answered 403 Authorization_RequestDenied" in output
    assert "(POST /applications, request id " in output


def test_standin_get_client_config_says_who_deploys(
    tmp_path: Path, engine_bin: Path, emulator: RunningEmulator
) -> None:
    program = (
        "import pulumi, pulumi_azuread as azuread\n"
        "me = azuread.get_client_config()\n"
        "pulumi.export('me', {'tenant': me.tenant_id, 'client': me.client_id, 'object': me.object_id})\n"
    )
    project = Project(tmp_path / "project", engine_bin, arm_variables(emulator.ready), program=program)
    project.up()
    shown: dict[str, Any] = json.loads(project.pulumi("stack", "output", "--json"))["me"]
    operator = emulator.ready["operator"]
    assert (shown["tenant"], shown["client"]) == (operator["tenant_id"], operator["client_id"])
    directory = SeenDirectory(emulator.ready)
    found = directory.graph.get(f"/servicePrincipals/{shown['object']}")
    directory.close()
    assert found["appId"] == operator["client_id"]


def test_standin_elsewhere_is_refused_before_any_request(tmp_path: Path, engine_bin: Path) -> None:
    environ = {
        "ARM_METADATA_HOSTNAME": "management.azure.com", "ARM_TENANT_ID": "t", "ARM_CLIENT_ID": "c",
        "ARM_CLIENT_SECRET": "s3cr3t-value",
    }  # fmt: skip
    program = "import pulumi_azuread as azuread\nazuread.Application('mine', display_name='x')\n"
    project = Project(tmp_path / "project", engine_bin, environ, program=program)
    output = project.up(code=None)
    assert "ARM_METADATA_HOSTNAME" in output
    assert "speaks to this machine only" in output
    assert "s3cr3t-value" not in output
