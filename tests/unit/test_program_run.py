"""How the program begins and ends: its settings, its cloud, its provider, and what the engine is told of a refusal."""

from __future__ import annotations

import gc
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from orgcal import __version__
from orgcal.entra.clouds import load_endpoints
from orgcal.errors import ConfigError, OrgcalError
from orgcal.settings.sections import EntraSettings
from provisioning import program
from provisioning.connector import start_plugin
from provisioning.program import engine_config, entra_endpoints, entra_provider, load_settings, run_program
from tests.support.program_mocks import program_test, use_mocks
from tests.unit.test_program_branches import PLATFORM, Registered

HOME = "00000000-1111-2222-3333-444444444444"
PUBLIC = EntraSettings(cloud="public", tenant_id=HOME)


# Begin and end -----------------------------------------------------------------------------------------------------


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What is left for the end of the process; signals are as before afterwards."""
    registered: list[Any] = []
    monkeypatch.setattr("atexit.register", registered.append)
    before = signal.getsignal(signal.SIGINT)
    yield registered
    signal.signal(signal.SIGINT, before)


def test_program_tells_its_story_and_leaves_interruption_to_the_system(left: list[Any]) -> None:
    told: list[str] = []

    run_program(lambda: told.append("story"))

    assert told == ["story"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert left == [gc.freeze], "the engine waits for the end of the process"


def test_what_can_be_explained_ends_the_program_without_a_stack(left: list[Any]) -> None:
    def refuse() -> None:
        raise OrgcalError("it is so", where="there", repair="do this")

    with pytest.raises(pulumi.RunError) as ended:
        run_program(refuse)

    assert str(ended.value) == "there: it is so\n  repair: do this"
    assert isinstance(ended.value.__cause__, OrgcalError)


def test_fault_of_ours_keeps_its_stack(left: list[Any]) -> None:
    def break_down() -> None:
        raise ValueError("unforeseen")

    with pytest.raises(ValueError, match="unforeseen"):
        run_program(break_down)


# Settings ----------------------------------------------------------------------------------------------------------

CONFIG = {
    "orgcal:entra": json.dumps({"cloud": "public", "tenant_id": HOME}),
    "orgcal:application": json.dumps({"display_name": "Calendar Sync"}),
    "orgcal:connector": json.dumps({"platform": PLATFORM, "key": "outlook", "name": "O", "scopes": ["Calendars.Read"]}),
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The settings that the engine hands over beside those of its variable."""
    config = dict(CONFIG)
    monkeypatch.setattr("pulumi.runtime.config.CONFIG", SimpleNamespace(get=lambda: config))
    monkeypatch.setattr("pulumi.get_stack", lambda: "prod")
    monkeypatch.setattr("pulumi.get_project", lambda: "our-calendars")
    for name in ("PULUMI_CONFIG", "ORGCAL_DEPLOYED", "ORGCAL_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return config


def test_settings_are_those_of_the_stack_that_is_deployed(engine: dict[str, str]) -> None:
    settings = load_settings()

    assert (settings.stack, settings.project, settings.tag) == ("prod", "our-calendars", "orgcal:our-calendars/prod")
    assert (settings.application.display_name, settings.credential.generations) == ("Calendar Sync", (1,))


def test_what_the_engine_hands_over_counts_more_than_its_variable(
    engine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"orgcal:ephemeral": "true", "orgcal:application": "{}"}))

    assert engine_config() == {**CONFIG, "orgcal:ephemeral": "true"}
    assert load_settings().ephemeral is True


def test_generations_that_rotation_keeps_beside_the_file_of_the_emulator_count(
    engine: dict[str, str], tmp_path: Path
) -> None:
    engine["orgcal:entra"] = json.dumps({"cloud": "emulator"})
    kept = tmp_path / ".local" / "prod" / "credential.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"generations": [2, 3], "active": 3}))

    settings = load_settings()

    assert (settings.credential.generations, settings.credential.active) == ((2, 3), 3)


RECORD = {
    "platform": {"kind": "local"},
    "also_pushed_to": {"app": {**PLATFORM, "path": "app.env"}},
    "connector_key": "key",
    "connector_name": "Name",
    "scopes": ["Calendars.ReadWrite"],
    "display_name": "As deployed",
    "redirect_uris": ["https://a.example/"],
    "consent_redirect_uri": "https://a.example/consent",
}


@pytest.mark.parametrize("older", [False, True])
def test_settings_are_as_deployed_where_only_the_credential_is_deployed(
    engine: dict[str, str], monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    record = {name: value for name, value in RECORD.items() if not (older and name == "also_pushed_to")}
    monkeypatch.setenv("ORGCAL_DEPLOYED", json.dumps(record))

    settings = load_settings()

    connector, application, consent = settings.connector, settings.application, settings.consent
    assert (connector.key, connector.name, connector.scopes) == ("key", "Name", ("Calendars.ReadWrite",))
    assert connector.platform == {"kind": "local"}
    assert connector.also_push_to == ({} if older else RECORD["also_pushed_to"])
    assert (application.display_name, application.redirect_uris) == ("As deployed", ("https://a.example/",))
    assert consent is not None
    assert consent.public_url == "https://a.example/consent"


# Cloud and provider ------------------------------------------------------------------------------------------------


def test_cloud_is_that_of_the_settings_and_nothing_contradicts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded: list[Any] = []
    monkeypatch.setattr(program, "refuse_other_cloud", lambda *given: guarded.append(given))

    found = entra_endpoints(EntraSettings(cloud="china", tenant_id=HOME), {"ARM_X": "y"})

    assert found == load_endpoints("china", {})
    assert guarded == [(found, HOME, {"ARM_X": "y"})]


def test_real_cloud_without_a_home_tenant_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi.get_stack", lambda: "prod")

    with pytest.raises(ConfigError) as refused:
        entra_endpoints(EntraSettings(cloud="public"), {})

    assert refused.value.problems == (
        "orgcal:entra.tenant_id: found nothing; expected the home tenant's id, a GUID; repair: "
        "pulumi config set --stack prod --path orgcal:entra.tenant_id YOUR-TENANT-ID",
    )


@pytest.mark.parametrize(
    ("cloud", "host", "sent"),
    [
        ("usgov", "", {"environment": "usgovernment", "tenantId": HOME}),
        ("public", "localhost:8443", {"environment": "public", "metadataHost": "localhost:8443", "tenantId": HOME}),
    ],
)
@program_test
def test_provider_is_bound_to_cloud_and_home_tenant(cloud: str, host: str, sent: dict[str, str]) -> Any:
    registered = Registered()
    engine = use_mocks(registered)
    endpoints = replace(load_endpoints(cloud, {}), metadata_host=host)

    def look(_: Any) -> None:
        inputs = registered.by_type["azuread"]["entra"]
        assert {name: value for name, value in inputs.items() if name != "useMsi"} == sent
        assert engine.registered["entra", "azuread"].version == version("pulumi-azuread")

    return entra_provider(PUBLIC, endpoints).urn.apply(look)


def test_plugin_of_ours_is_started_after_that_of_entra() -> None:
    engine = use_mocks(Registered())

    def story() -> pulumi.Output[str]:
        provider = entra_provider(PUBLIC, load_endpoints("public", {}))
        start_plugin(after=provider)
        return provider.urn

    program_test(story)()

    assert [(each.tok, each.version, dict(each.args)) for each in engine.invoked] == [
        ("orgcal:index:getVersion", __version__, {})
    ]
