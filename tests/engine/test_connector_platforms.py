"""Our plugin under the real engine with platforms other than the emulator's: a file, Nango, certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from orgcal.engine.find import find_engine
from orgcal.platforms.testing_server import Reply, StrictServer
from tests.support import secret_store_cases
from tests.support.local_platform_api import LocalPlatformApi, write_emulator_file
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY
from tests.support.pulumi_project import UNKNOWN_MARKER, PulumiProject

SECRET = "hush-hush-client-secret"

PROGRAM = """
settings = json.load(open("settings.json"))
entry = Connector("entry", platform=settings["platform"], key="outlook", display_name=settings["name"],
    scopes=["Calendars.Read"])
credentials = ConnectorCredentials("credentials", platform=settings["platform"], connector_key=entry.key,
    client_id="cid", client_secret=settings["secret"], generation=settings["generation"],
    display_name=settings.get("name_for_creation"))
pulumi.export("callback", entry.callback_url)
"""

CERTIFICATE_PROGRAM = """
settings = json.load(open("settings.json"))
ledger = CredentialLedger("ledger", generations=settings["generations"], active=settings["generations"][-1],
    lifetime=settings["lifetime"])
keys = {number: CertificateKey(f"key-{number}", common_name="orgcal", end_date=ledger.end_dates[str(number)],
    keepers={"generation": str(number)}) for number in settings["generations"]}
active = keys[settings["generations"][-1]]
entry = Connector("entry", platform={"kind": "local"}, key="outlook", display_name="Outlook", scopes=[])
ConnectorCredentials("credentials", platform={"kind": "local"}, connector_key=entry.key, client_id="cid",
    certificate_pem=active.certificate_pem, private_key_pem=active.private_key_pem,
    generation=settings["generations"][-1])
pulumi.export("not_after", {str(number): key.not_after for number, key in keys.items()})
pulumi.export("ends", ledger.end_dates)
"""


@pytest.fixture(scope="module")
def engine_bin() -> Path:
    return Path(find_engine().bin_dir)


def configure(project: PulumiProject, **settings: Any) -> None:
    (project.folder / "settings.json").write_text(json.dumps(settings))


def ops(plan: dict[str, Any]) -> dict[str, str]:
    """Resource name -> planned step, those that stay as they are left out."""
    steps = {step["urn"].split("::")[-1]: step["op"] for step in plan["steps"]}
    return {name: op for name, op in steps.items() if op != "same"}


def test_file_is_written_repaired_and_cleaned(tmp_path: Path, engine_bin: Path) -> None:
    project = PulumiProject(tmp_path / "project", engine_bin)
    project.program(PROGRAM)
    settings = {"kind": "file", "path": "calendar.yaml", "callback_url": "https://app.example.com/oauth/callback"}
    told: dict[str, Any] = {"platform": settings, "name": "Outlook", "secret": SECRET, "generation": 1}
    configure(project, **told)
    target = project.folder / "calendar.yaml"
    target.write_text("# mine\nport: 8080\n")
    target.chmod(0o640)

    project.preview()
    assert target.read_text() == "# mine\nport: 8080\n"
    project.up("--skip-preview")
    held = yaml.safe_load(target.read_text())["connectors"]["outlook"]
    assert (held["client_secret"], held["display_name"]) == (SECRET, "Outlook")
    assert target.stat().st_mode & 0o777 == 0o640, "as its owner made it"
    project.up("--skip-preview", "--expect-no-changes")

    target.write_text(target.read_text().replace(SECRET, "typed-in").replace('"Outlook"', '"Changed"'))
    project.run("refresh", "--yes")
    assert ops(project.preview()) == {"entry": "update", "credentials": "update"}
    project.up("--skip-preview")
    assert yaml.safe_load(target.read_text())["connectors"]["outlook"] == held
    project.run("destroy", "--yes")
    assert target.read_text() == "# mine\nport: 8080\n"
    assert sorted(project.files_with(SECRET)) == ["settings.json"]


def test_nango_run_that_was_stopped_before_the_creation_goes_on_and_an_older_stack_stays(
    tmp_path: Path, engine_bin: Path
) -> None:
    api = NangoApi()
    key_file = tmp_path / "nango.key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    with StrictServer(api).running() as server:
        project = PulumiProject(tmp_path / "project", engine_bin, {"NANGO_API_KEY_FILE": str(key_file)})
        project.program(PROGRAM)
        told = {"platform": {"kind": "nango", "base_url": server.base_url}, "secret": SECRET, "generation": 1}
        configure(project, **told, name="Outlook", name_for_creation="Outlook")
        server.arm("status", method="POST", reply=Reply(400, {"error": {"code": "server_error"}}))
        assert project.up("--skip-preview", code=None).code != 0
        assert set(project.state()) >= {"entry"}
        assert api.integrations == {}
        project.run("refresh", "--yes")

        configure(project, **told, name="Calendar", name_for_creation="Calendar")
        project.up("--skip-preview")
        assert api.integrations["outlook"]["display_name"] == "Calendar"
        assert api.integrations["outlook"]["credentials"]["client_secret"] == SECRET

        configure(project, **told, name="Calendar")  # as the program of an older version told it
        project.up("--skip-preview", "--expect-no-changes")
        configure(project, **told, name="Calendar", name_for_creation="Calendar")
        project.up("--skip-preview", "--expect-no-changes")
        configure(project, **told, name="Renamed", name_for_creation="Renamed")
        assert ops(project.preview()) == {"entry": "update"}
        project.up("--skip-preview")
        assert api.integrations["outlook"]["display_name"] == "Renamed"

        api.integrations.clear()  # by hand
        project.run("refresh", "--yes")
        project.up("--skip-preview")
        assert api.integrations["outlook"]["display_name"] == "Renamed"
        assert [request.method for request in server.seen].count("POST") == 3


def test_nango_gets_id_secret_and_scopes_and_nothing_in_a_preview(tmp_path: Path, engine_bin: Path) -> None:
    api = NangoApi()
    key_file = tmp_path / "nango.key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    with StrictServer(api).running() as server:
        project = PulumiProject(tmp_path / "project", engine_bin, {"NANGO_API_KEY_FILE": str(key_file)})
        project.program(PROGRAM)
        told = {"platform": {"kind": "nango", "base_url": server.base_url}, "name": "Outlook"}
        told["name_for_creation"] = "Outlook"
        configure(project, **told, secret=SECRET, generation=1)
        project.preview()
        assert server.seen == []
        project.up("--skip-preview")
        assert project.outputs()["callback"] == f"{server.base_url}/oauth/callback"
        held = api.integrations["outlook"]["credentials"]
        assert held["client_secret"] == SECRET
        assert [request.method for request in server.seen].count("POST") == 1, "one request makes it whole"
        project.up("--skip-preview", "--expect-no-changes")

        server.arm("lost", method="PATCH")
        configure(project, **told, secret="second-secret", generation=2)
        project.up("--skip-preview")
        assert api.integrations["outlook"]["credentials"] == {**held, "client_secret": "second-secret"}
        api.integrations["outlook"]["credentials"]["client_secret"] = "typed-in"
        project.run("refresh", "--yes")
        assert ops(project.preview()) == {"credentials": "update"}
        project.run("destroy", "--yes")
        assert api.integrations == {}
        assert not any(UNKNOWN_MARKER in json.dumps(request.body) for request in server.seen)
        assert project.files_with(API_KEY) == []


@pytest.mark.parametrize("name", ["aws-secrets-manager", "azure-key-vault-plain", "hashicorp-vault"])
def test_secret_store_gets_each_generation_and_keeps_the_one_before(
    tmp_path: Path, engine_bin: Path, name: str
) -> None:
    with secret_store_cases.open_store(name, tmp_path) as store:
        project = PulumiProject(tmp_path / "project", engine_bin, store.environ)
        project.program(PROGRAM)
        told: dict[str, Any] = {"platform": store.settings, "name": "Outlook"}
        configure(project, **told, secret=SECRET, generation=1)
        project.preview()
        assert store.writes() == []
        project.up("--skip-preview")
        assert project.outputs()["callback"] == secret_store_cases.CALLBACK
        project.up("--skip-preview", "--expect-no-changes")
        assert store.versions() == 1

        configure(project, **told, secret="hush-1-of-the-second", generation=2)
        project.up("--skip-preview")
        assert SECRET in str(store.before())
        store.meddle()
        project.run("refresh", "--yes")
        assert ops(project.preview()) == {"credentials": "update"}
        project.up("--skip-preview")
        configure(project, **told, secret=SECRET, generation=1)
        project.up("--skip-preview")
        assert "hush-1-of-the-second" in str(store.before()), "going back makes a version too"
        assert store.versions() == 5
        project.run("refresh", "--yes")
        project.up("--skip-preview", "--expect-no-changes")

        project.run("destroy", "--yes")
        assert "Delete" in store.writes()[-1].title()
        assert sorted(project.files_with(SECRET)) == ["settings.json"]
        assert not any(project.files_with(key) for key in store.keys)


def test_certificate_of_a_live_generation_stays_while_another_is_made(tmp_path: Path, engine_bin: Path) -> None:
    authority, api = trustme.CA(), LocalPlatformApi()
    with StrictServer(api, ca=authority).running() as server:
        ready = write_emulator_file(tmp_path, server, authority)
        project = PulumiProject(tmp_path / "project", engine_bin, {"ORGCAL_EMULATOR_FILE": str(ready)})
        project.program(CERTIFICATE_PROGRAM)
        configure(project, generations=[1], lifetime="180d")
        project.up("--skip-preview")
        first = dict(api.credentials["outlook"])
        assert "BEGIN PRIVATE KEY" in first["private_key_pem"]
        assert project.files_with("BEGIN PRIVATE KEY") == []
        project.up("--skip-preview", "--expect-no-changes")

        configure(project, generations=[1, 2], lifetime="30d")
        planned = {"ledger": "update", "key-2": "create", "credentials": "update"}
        assert ops(project.preview()) == planned
        project.up("--skip-preview")
        assert project.outputs()["not_after"] == project.outputs()["ends"]
        assert project.state()["key-1"]["outputs"]["certificatePem"] == first["certificate_pem"]
        assert api.credentials["outlook"]["certificate_pem"] != first["certificate_pem"]
