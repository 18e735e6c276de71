"""Our plugin under the real engine, with a small program and a strict platform on a loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.engine.find import find_engine
from orgcal.platforms.testing_server import StrictServer, error_reply
from tests.support.local_platform_api import LocalPlatformApi, write_emulator_file
from tests.support.pulumi_project import PROJECT_ROOT, UNKNOWN_MARKER, PulumiProject

SECRET = "hush-hush-client-secret"

PROGRAM = """
settings = json.load(open("settings.json"))
ledger = CredentialLedger("ledger", **settings["ledger"])
made = {}
for number in settings["ledger"]["generations"]:
    end = ledger.end_dates.apply(lambda dates, number=number: dates[str(number)])
    # Stands for a password: whatever changes its end date would replace it.
    made[number] = Connector(f"password-{number}", platform={"kind": "local"}, key=end.apply(
        lambda date, number=number: f"password-{number}-{date}".lower().replace(":", "-")), display_name="p", scopes=[])
# After the ledger, so that a refusal comes before any write, whatever else a stale checkout would change.
entry = Connector("entry", platform={"kind": "local"}, **settings["entry"],
    opts=pulumi.ResourceOptions(depends_on=[ledger]))
active = settings["ledger"]["active"]
credentials = ConnectorCredentials("credentials", platform={"kind": "local"}, connector_key=entry.key,
    client_id=made[active].callback_url.apply(lambda url: url.rsplit("/", 1)[1]),
    client_secret=settings["secret"], generation=active)
pulumi.export("callback", entry.callback_url)
pulumi.export("ends", ledger.end_dates)
pulumi.export("entries", ledger.entries)
pulumi.export("fingerprint", credentials.fingerprint)
pulumi.export("secret", credentials.client_secret)
"""


@dataclass
class Trial:
    """A project with the program above, and the platform it talks to."""

    project: PulumiProject
    api: LocalPlatformApi
    server: StrictServer

    def configure(self, *, ledger: dict[str, Any] | None = None, secret: str = SECRET, **entry: Any) -> None:
        """Settings of the program; everything not said is as at the beginning."""
        settings = {
            "ledger": {"generations": [1], "active": 1, "lifetime": "180d", **(ledger or {})},
            "entry": {"key": "outlook", "display_name": "Outlook", "scopes": ["Calendars.Read"], **entry},
            "secret": secret,
        }
        (self.project.folder / "settings.json").write_text(json.dumps(settings))

    @contextmanager
    def without_request(self) -> Iterator[None]:
        """Fails if the platform is asked anything at all meanwhile."""
        before = len(self.server.seen)
        yield
        assert [f"{request.method} {request.path}" for request in self.server.seen[before:]] == []

    @contextmanager
    def writing(self, *expected: str) -> Iterator[None]:
        """Fails if the platform gets other writes meanwhile; paths are shortened to what follows `connectors`."""
        before = len(self.server.writes())
        yield
        writes = [write.replace("/platform/local/connectors", "") for write in self.server.writes()[before:]]
        assert writes == list(expected)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def engine_bin() -> Path:
    return Path(find_engine().bin_dir)


@pytest.fixture
def trial(tmp_path: Path, authority: trustme.CA, engine_bin: Path) -> Iterator[Trial]:
    api = LocalPlatformApi()
    with StrictServer(api, ca=authority).running() as server:
        ready = write_emulator_file(tmp_path, server, authority)
        project = PulumiProject(tmp_path / "project", engine_bin, {"ORGCAL_EMULATOR_FILE": str(ready)})
        found = Trial(project, api, server)
        found.configure()
        project.program(PROGRAM)
        yield found


def ops(plan: dict[str, Any]) -> dict[str, str]:
    """Resource name -> planned step, those that stay as they are left out."""
    steps = {step["urn"].split("::")[-1]: step["op"] for step in plan["steps"]}
    return {name: op for name, op in steps.items() if op != "same"}


def test_preview_from_empty_asks_no_platform_and_knows_the_end_dates(trial: Trial) -> None:
    with trial.without_request():
        plan = trial.project.preview()
    assert ops(plan)["credentials"] == "create"
    shown = json.dumps(plan)
    assert "password-1-20" in shown, "the end date of a generation that is new in this preview is known"
    assert SECRET not in shown
    assert trial.project.files_with(UNKNOWN_MARKER) == []


def test_up_and_up_again_changes_nothing_and_hides_the_secret(trial: Trial) -> None:
    said = trial.project.up().output
    assert trial.api.credentials["outlook"]["client_secret"] == SECRET
    assert not any(UNKNOWN_MARKER in json.dumps(request.body) for request in trial.server.seen)
    assert SECRET not in said
    assert trial.project.files_with(SECRET) == ["settings.json"]
    assert trial.project.outputs()["secret"] == SECRET
    with trial.writing():
        trial.project.up("--expect-no-changes")
    assert trial.project.run("refresh", "--yes", "--expect-no-changes").code == 0


def test_update_of_each_field_changes_only_it(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    entry: dict[str, Any] = {"description": "For everyone", "scopes": ["Calendars.Read", "User.Read.All"]}
    entry |= {"published": False, "display_name": "Calendar"}
    trial.configure(**entry)
    assert ops(trial.project.preview()) == {"entry": "update"}
    with trial.writing("PATCH /outlook"):
        trial.project.up("--skip-preview")
    assert trial.server.seen[-2].body == {
        "name": "Calendar",
        "description": "For everyone",
        "scopes": ["Calendars.Read", "User.Read.All"],
        "published": False,
    }
    trial.configure(secret="another-secret", **entry)
    assert ops(trial.project.preview()) == {"credentials": "update"}
    with trial.writing("PUT /outlook/credentials"):
        trial.project.up("--skip-preview")
    assert trial.api.credentials["outlook"]["client_secret"] == "another-secret"


def test_another_key_replaces_entry_and_credential_new_ones_first(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    trial.configure(key="outlook-2")
    plan = trial.project.preview()
    assert {"entry", "credentials"} <= {
        step["urn"].split("::")[-1] for step in plan["steps"] if step["op"] == "replace"
    }
    writes = ("POST ", "PUT /outlook-2/credentials", "DELETE /outlook/credentials", "DELETE /outlook")
    with trial.writing(*writes):
        trial.project.up("--skip-preview")


def test_rotation_previews_no_replacement_and_pushes_once(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    first = trial.project.outputs()["ends"]["1"]
    trial.configure(ledger={"generations": [1, 2], "lifetime": "30d"})
    with trial.without_request():
        plan = trial.project.preview()
    assert ops(plan) == {"ledger": "update", "password-2": "create"}
    trial.project.up("--skip-preview")
    assert trial.project.outputs()["ends"]["1"] == first
    trial.configure(ledger={"generations": [1, 2], "active": 2, "lifetime": "30d"}, secret="second-secret")
    with trial.without_request():
        assert ops(trial.project.preview()) == {"ledger": "update", "credentials": "update"}
    with trial.writing("PUT /outlook/credentials"):
        trial.project.up("--skip-preview")
    assert trial.api.credentials["outlook"]["generation"] == 2
    entries = trial.project.outputs()["entries"]
    assert set(entries["1"]) == {"created", "expires", "superseded"}
    trial.configure(ledger={"generations": [2], "active": 2, "lifetime": "30d"}, secret="second-secret")
    trial.project.up("--skip-preview")
    assert set(trial.project.outputs()["entries"]["1"]) == {"created", "expires", "superseded", "retired"}
    assert_stale_checkout_is_refused(trial, {"generations": [1, 2], "active": 2}, "generation 1 was retired")


def test_stale_checkout_is_refused_naming_both_generations(trial: Trial) -> None:
    trial.configure(ledger={"generations": [2], "active": 2})
    trial.project.up("--skip-preview")
    assert_stale_checkout_is_refused(trial, {"generations": [1], "active": 1}, "would fall from 2 to 1")


def assert_stale_checkout_is_refused(trial: Trial, ledger: dict[str, Any], reason: str) -> None:
    before = trial.project.state()
    trial.configure(ledger=ledger, description="also changed by the old checkout")
    for arguments in ((), ("--skip-preview",)):
        with trial.writing():
            said = trial.project.up(*arguments, code=None)
        assert said.code != 0
        assert reason in said.output
        assert "git pull" in said.output
    assert trial.project.state()["ledger"] == before["ledger"]


def test_changed_lifetime_says_when_it_takes_effect(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    ends = trial.project.outputs()["ends"]
    trial.configure(ledger={"lifetime": "never"})
    said = trial.project.up("--skip-preview").output
    assert "takes effect with the next generation only" in said
    assert trial.project.outputs()["ends"] == ends
    trial.configure(ledger={"lifetime": "never", "generations": [1, 2]})
    said = trial.project.up("--skip-preview").output
    assert "never expires" in said
    assert trial.project.outputs()["ends"] == {**ends, "2": "2299-12-31T23:59:59Z"}


def test_refresh_finds_drift_and_up_repairs_it(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    trial.api.connectors["outlook"]["description"] = "changed by hand"
    trial.api.credentials["outlook"]["client_secret"] = "typed-in-by-somebody"
    trial.project.run("refresh", "--yes")
    assert trial.project.files_with("typed-in-by-somebody") == []
    plan = trial.project.preview()
    assert ops(plan) == {"entry": "update", "credentials": "update"}
    trial.project.up("--skip-preview")
    assert trial.api.connectors["outlook"]["description"] == ""
    assert trial.api.credentials["outlook"]["client_secret"] == SECRET
    del trial.api.connectors["outlook"], trial.api.credentials["outlook"]
    trial.project.run("refresh", "--yes")
    with trial.writing("POST ", "PUT /outlook/credentials"):
        trial.project.up("--skip-preview")


def test_failed_push_is_completed_by_the_next_up(trial: Trial) -> None:
    trial.server.arm("status", method="PUT", path="/credentials", reply=error_reply(400, "bad_request", "not today"))
    said = trial.project.up("--skip-preview", code=None)
    assert said.code != 0
    assert "the platform answered 400" in said.output
    assert SECRET not in said.output
    with trial.writing("PUT /outlook/credentials"):
        trial.project.up("--skip-preview")
    assert trial.api.credentials["outlook"]["client_secret"] == SECRET


def test_failed_push_stops_the_removal_of_the_old_generation(trial: Trial) -> None:
    trial.configure(ledger={"generations": [1, 2]})
    trial.project.up("--skip-preview")
    trial.configure(ledger={"generations": [2], "active": 2}, secret="second-secret")
    trial.server.arm("status", method="PUT", path="/credentials", reply=error_reply(400, "bad_request", "not today"))
    with trial.writing("PUT /outlook/credentials"):
        assert trial.project.up("--skip-preview", code=None).code != 0
    assert any(key.startswith("password-1-") for key in trial.api.connectors)
    trial.project.up("--skip-preview")
    assert trial.api.credentials["outlook"]["client_secret"] == "second-secret"
    assert not any(key.startswith("password-1-") for key in trial.api.connectors)


def test_create_adopts_an_entry_and_shows_the_difference(trial: Trial) -> None:
    entry = {"key": "outlook", "name": "Outlook", "description": "old text", "scopes": ["Calendars.Read"]}
    callback = "https://localhost/platform/local/callback/outlook"
    trial.api.connectors["outlook"] = {**entry, "published": True, "callback_url": callback, "connections": 0}
    said = trial.project.up("--skip-preview").output
    assert "description: 'old text' -> ''" in said
    assert trial.project.outputs()["callback"] == callback
    patches = [request.body for request in trial.server.seen if request.method == "PATCH"]
    assert patches == [{"description": ""}]


def test_destroy_is_refused_while_organisations_are_connected(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    trial.api.tenants["outlook"] = ["22222222-2222-2222-2222-222222222222"]
    said = trial.project.run("destroy", "--yes", code=None)
    assert said.code != 0
    assert "organisations are connected to 'outlook'" in said.output
    assert "outlook" in trial.api.connectors
    trial.configure(delete_connected=True)
    trial.project.up("--skip-preview")
    trial.project.run("destroy", "--yes")
    assert trial.api.connectors == {}


def test_import_takes_entry_and_credential_as_they_are(trial: Trial) -> None:
    trial.project.up("--skip-preview")
    trial.project.run("state", "delete", "--yes", urn("ConnectorCredentials", "credentials"))
    trial.project.run("state", "delete", "--yes", urn("Connector", "entry"))
    for token, name in (("Connector", "entry"), ("ConnectorCredentials", "credentials")):
        arguments = ("--yes", "--protect=false", "--generate-code=false", f"orgcal:index:{token}", name, "outlook")
        trial.project.run("import", *arguments)
    assert trial.project.files_with(SECRET) == ["settings.json"]
    with trial.writing():
        trial.project.up("--skip-preview")
    assert trial.project.state()["entry"]["outputs"]["callbackUrl"].endswith("/callback/outlook")


def test_wrong_settings_are_one_sentence_and_show_no_secret(trial: Trial) -> None:
    trial.project.program('Connector("entry", platform={"kind": "locla"}, key="k", display_name="d", scopes=[])')
    said = trial.project.run("preview", code=None).output
    assert 'platform: orgcal:connector.platform.kind: found "locla" (did you mean local?); expected one of' in said
    assert "Traceback" not in said
    trial.project.program(f"""
ConnectorCredentials("credentials", platform={{"kind": "local"}}, connector_key="k", client_id="c", generation=1,
    client_secret="{SECRET}", certificate_pem="CERT", private_key_pem="{SECRET}")
""")
    said = trial.project.run("preview", code=None).output
    assert "give either clientSecret, or certificatePem and privateKeyPem" in said
    assert SECRET not in said


def test_schema_can_be_asked_for(trial: Trial) -> None:
    plugin = PROJECT_ROOT / ".venv" / "bin" / "pulumi-resource-orgcal"
    schema = json.loads(trial.project.run("package", "get-schema", str(plugin)).output)
    assert "orgcal:index:Connector" in schema["resources"]


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:test::trial::orgcal:index:{token}::{name}"
