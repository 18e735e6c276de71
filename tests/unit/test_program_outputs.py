"""The record that the program exports: every field has the value that commands rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal.entra.clouds import CloudEndpoints, EmulatorEndpoints, load_endpoints
from orgcal.entra.permissions import application_permissions, permission_hash
from orgcal.settings import Settings
from orgcal.settings.sections import EntraSettings
from orgcal.stack.outputs import StackOutputs, read_outputs
from provisioning import stack_output
from provisioning.application import EntraApplication
from provisioning.connector_resources import connector_entries
from provisioning.credentials import ApplicationCredentials, declare_ledger
from provisioning.permissions import Declared
from tests.support.program_mocks import program_test, use_mocks
from tests.unit.test_program_branches import CALLBACK, ENDS, PLATFORM, QuietHome, Registered, settings_with

CREATED, SUPERSEDED = "2026-11-23T04:53:28Z", "2026-11-24T04:53:28Z"


class Recorded(Registered):
    """A ledger with times, and an application whose domain is known."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        urn, outputs = super().new_resource(args)
        if args.typ.endswith(":CredentialLedger"):
            numbers = [str(int(number)) for number in args.inputs["generations"]]
            outputs["entries"] = {number: {"created": CREATED} for number in numbers}
            if "2" in outputs["entries"]:
                outputs["entries"]["1"]["superseded"] = SUPERSEDED
        if args.typ.endswith(":Application"):
            outputs["publisherDomain"] = "isv.example"
        return urn, outputs


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the program exports."""
    use_mocks(Recorded())
    found: dict[str, Any] = {}
    monkeypatch.setattr("pulumi.export", found.__setitem__)
    return found


def record_of(
    settings: Settings, exported: dict[str, Any], endpoints: CloudEndpoints | None = None
) -> pulumi.Output[Any]:
    """The record as commands read it."""
    provider = azuread.Provider("entra")
    declared = Declared(application_permissions(settings.connector.scopes), "principal")
    ledger = declare_ledger("c", settings, settings.credential.lifetime)
    connector = connector_entries("c", settings, after=ledger)
    application = EntraApplication("c", settings, connector, declared, QuietHome(), provider=provider)
    credentials = ApplicationCredentials("c", settings, application, ledger, provider=provider)
    endpoints = endpoints or load_endpoints(settings.entra.cloud, {})
    stack_output.export(settings, endpoints, connector, application, declared, ledger, credentials)
    return pulumi.Output.from_input(exported["orgcal"]).apply(
        lambda record: read_outputs({"orgcal": record}, where="stack prod")
    )


@program_test
def test_record_tells_the_connector_the_application_and_its_credential(exported: dict[str, Any]) -> Any:
    settings = settings_with(
        application={"redirect_uris": ["https://more.example.com/"]},
        consent={"public_url": "https://app.example.com/back", "publisher": "Acme"},
        connector={"also_push_to": {"second": {**PLATFORM, "path": "second.yaml"}}},
    )

    def look(record: StackOutputs) -> None:
        roles = application_permissions(("Calendars.Read",))
        assert (record.project, record.stack, record.cloud, record.directory_id) == ("orgcal", "prod", "public", "")
        assert record.tenant_id == "00000000-1111-2222-3333-444444444444"
        ids = (record.client_id, record.application_object_id, record.service_principal_id)
        assert ids == ("client", "object", "principal")
        assert (record.display_name, record.publisher) == ("Calendar Sync", "Acme")
        assert (record.callback_url, record.consent_redirect_uri) == (CALLBACK, "https://app.example.com/back")
        assert record.redirect_uris == (CALLBACK, "https://app.example.com/back", "https://more.example.com/")
        assert (record.scopes, record.calendars) == (("Calendars.Read",), "consented")
        assert [(item.name, item.role_id) for item in record.permissions] == [(r.name, r.role_id) for r in roles]
        assert record.permission_hash == permission_hash(roles)
        assert dict(record.platform) == PLATFORM
        assert record.also_pushed_to["second"]["path"] == "second.yaml"
        assert (record.connector_key, record.connector_name) == ("outlook", "O")
        assert (record.credential_kind, record.active_generation) == ("secret", 1)
        assert record.client_secret is not None
        assert record.client_secret.get_secret_value() == "secret-1"

    return record_of(settings, exported).apply(look)


@program_test
def test_record_tells_each_generation_with_its_times_and_the_secret_of_the_active_one(exported: dict[str, Any]) -> Any:
    def look(record: StackOutputs) -> None:
        told = [item.model_dump(mode="json") for item in record.credentials]
        both = {"kind": "secret", "created_at": CREATED, "expires_at": ENDS}
        assert told == [
            {"generation": 1, "key_id": "key-1", "superseded_at": SUPERSEDED, **both},
            {"generation": 2, "key_id": "key-2", "superseded_at": None, **both},
        ]
        assert record.active_generation == 2
        assert record.client_secret is not None
        assert record.client_secret.get_secret_value() == "secret-2"

    return record_of(settings_with(credential={"generations": [1, 2], "active": 2}), exported).apply(look)


@program_test
def test_record_of_a_certificate_has_no_secret_and_names_the_domain_as_publisher(exported: dict[str, Any]) -> Any:
    def look(record: StackOutputs) -> None:
        assert record.credential_kind == "certificate"
        assert record.client_secret is None
        assert (record.publisher, record.consent_redirect_uri) == ("isv.example", "")
        assert record.calendars == "none"

    settings = settings_with(credential={"kind": "certificate"}, connector={"calendars": "none"})
    return record_of(settings, exported).apply(look)


@program_test
def test_record_of_a_consent_page_without_a_publisher_names_the_domain(exported: dict[str, Any]) -> Any:
    def look(record: StackOutputs) -> None:
        assert (record.publisher, record.consent_redirect_uri) == ("isv.example", "https://app.example.com/back")

    return record_of(settings_with(consent={"public_url": "https://app.example.com/back"}), exported).apply(look)


@program_test
def test_record_of_an_application_without_a_domain_names_no_publisher(monkeypatch: pytest.MonkeyPatch) -> Any:
    class WithoutDomain(Recorded):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            urn, outputs = super().new_resource(args)
            return urn, {name: value for name, value in outputs.items() if name != "publisherDomain"}

    use_mocks(WithoutDomain())
    exported: dict[str, Any] = {}
    monkeypatch.setattr("pulumi.export", exported.__setitem__)

    def look(record: StackOutputs) -> None:
        assert record.publisher == ""

    return record_of(settings_with(), exported).apply(look)


@program_test
def test_record_of_a_stack_on_the_emulator_names_its_directory_and_tenant(exported: dict[str, Any]) -> Any:
    path = Path("/none")
    emulated = EmulatorEndpoints("directory", path, "operators", "o", path, path, "https://p", path, "https://c", path)
    endpoints = CloudEndpoints("emulator", "https://l", "https://g", "public", "localhost:1", emulated)
    settings = settings_with()
    settings = settings.model_copy(update={"entra": EntraSettings(cloud="emulator")})

    def look(record: StackOutputs) -> None:
        assert (record.cloud, record.directory_id, record.tenant_id) == ("emulator", "directory", "operators")

    return record_of(settings, exported, endpoints).apply(look)


@program_test
def test_secret_of_the_record_is_a_secret_of_the_engine(exported: dict[str, Any]) -> Any:
    made = record_of(settings_with(), exported)

    async def look() -> None:
        assert await exported["orgcal"]["client_secret"].is_secret()

    return made.apply(lambda _: pulumi.Output.from_input(look()))
