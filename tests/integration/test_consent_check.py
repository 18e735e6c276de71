"""Keeping the registry true: what customers change in their tenants becomes the state of their organisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.consent import ConsentService
from orgcal.consent.check import REMEMBERED_S, CheckedTenant, RememberedCredential, check_tenants
from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import application_permissions
from orgcal.entra.session import new_session
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.platforms.testing_server import FakeTime
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from tests.support.consent_steps import StartService, accept, wider
from tests.support.deployed_connector import CONTOSO, FABRIKAM


@pytest.fixture
def service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    yield service
    service.close()


@pytest.fixture
def customer(emulator: RunningEmulator, endpoints: CloudEndpoints) -> Iterator[GraphClient]:
    """Somebody in Contoso who may change everything there."""
    needs = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
    client = emulator.add_client(CONTOSO, *needs)
    with new_session(endpoints) as session:
        tokens = TokenSource(endpoints, CONTOSO, client.client_id, ClientSecret(client.secret), session)
        yield GraphClient(endpoints, tokens, session)


def checked(service: ConsentService, name: str = "Contoso") -> Tenant:
    return check(service, name).tenant


def check(service: ConsentService, name: str) -> CheckedTenant:
    return next(check_tenants(service, [service.registry.wanted(name)]))


def test_check_finds_consent_that_was_given_without_us(
    service: ConsentService, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    assert checked(service).state is State.INVITED
    accept(endpoints, outputs)

    found = checked(service)

    assert (found.state, found.permission_hash) == (State.CONSENTED, outputs.permission_hash)
    assert found.consented_at is not None


def test_check_after_the_service_principal_is_deleted_finds_it_revoked(
    service: ConsentService, endpoints: CloudEndpoints, outputs: StackOutputs, customer: GraphClient
) -> None:
    accept(endpoints, outputs)
    checked(service)
    principal = customer.get(f"/servicePrincipals(appId='{outputs.client_id}')")
    customer.delete(f"/servicePrincipals/{principal['id']}")

    found = checked(service)

    assert found.state is State.REVOKED
    assert "in this tenant" in found.reason


def test_check_after_a_grant_is_removed_asks_for_a_new_consent(
    service: ConsentService, endpoints: CloudEndpoints, outputs: StackOutputs, customer: GraphClient
) -> None:
    accept(endpoints, outputs)
    checked(service)
    principal = customer.get(f"/servicePrincipals(appId='{outputs.client_id}')")
    grants = list(customer.pages(f"/servicePrincipals/{principal['id']}/appRoleAssignments"))
    calendars = application_permissions(["Calendars.Read"])[0].role_id
    wanted = next(grant for grant in grants if grant["appRoleId"] == calendars)
    customer.delete(f"/servicePrincipals/{principal['id']}/appRoleAssignments/{wanted['id']}")

    found = checked(service)

    assert (found.state, found.reason) == (State.RECONSENT_NEEDED, "not effective: Calendars.Read")
    for grant in grants:
        if grant["id"] != wanted["id"]:
            customer.delete(f"/servicePrincipals/{principal['id']}/appRoleAssignments/{grant['id']}")
    assert checked(service).state is State.REVOKED


def test_check_after_more_scopes_are_declared_asks_for_a_new_consent(
    service: ConsentService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    accept(endpoints, outputs)
    checked(service)
    widened = wider(outputs, endpoints, emulator_environ, ("Calendars.ReadWrite",))
    after = ConsentService(service.registry, widened, endpoints, emulator_environ)

    found = checked(after)

    assert (found.state, found.reason) == (State.RECONSENT_NEEDED, "not effective: Calendars.ReadWrite")
    accept(endpoints, widened)
    again = checked(after)
    assert (again.state, again.permission_hash) == (State.CONSENTED, widened.permission_hash)
    assert again.reason == "every declared permission is effective; more than declared: Calendars.Read"
    after.close()


def test_check_with_a_wrong_credential_of_our_own_changes_no_state(
    service: ConsentService, endpoints: CloudEndpoints, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    accept(endpoints, outputs)
    checked(service)
    platform = open_platform(outputs.platform, emulator_environ)
    platform.push_credentials(outputs.connector_key, PlatformCredential(outputs.client_id, 1, ClientSecret("wrong")))

    result = check(service, "Contoso")

    assert (result.probe.access, result.tenant.state) == ("credential refused", State.CONSENTED)
    assert "secret is wrong" in result.probe.sentence


def test_credential_of_a_long_check_is_read_again_after_a_while() -> None:
    time, reads = FakeTime(), iter(["first", "second"])
    credential = RememberedCredential(lambda: ClientSecret(next(reads)), time.clock())

    given = [credential()]
    for seconds in (REMEMBERED_S - 1, 1):
        time.sleep(seconds)
        given.append(credential())

    assert given == [ClientSecret("first"), ClientSecret("first"), ClientSecret("second")]


def test_check_of_all_takes_a_fresh_token_of_each(
    service: ConsentService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator: RunningEmulator,
) -> None:
    accept(endpoints, outputs)
    before = len(emulator.journal())

    states = {found.tenant.name: found.tenant.state for found in check_tenants(service, registry.tenants())}

    assert states == {"Contoso": State.CONSENTED, "Fabrikam": State.INVITED}
    tokens = [entry for entry in emulator.journal()[before:] if entry["path"].endswith("/oauth2/v2.0/token")]
    assert len(tokens) == 2


def test_check_names_only_what_an_organisation_has_lost(
    start_service: StartService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    emulator_environ: Mapping[str, str],
) -> None:
    service = start_service()
    accept(endpoints, outputs)

    def lost(by: ConsentService) -> tuple[str, ...]:
        return next(check_tenants(by, [registry.wanted("Contoso")])).lost

    assert lost(service) == ()
    newer = start_service(told=wider(outputs, endpoints, emulator_environ, ("Calendars.Read", "MailboxSettings.Read")))
    assert lost(newer) == ()
    assert registry.wanted("Contoso").state is State.RECONSENT_NEEDED
    other = outputs.model_copy(update={"client_id": "99999999-9999-4999-8999-999999999999"})
    assert next(check_tenants(start_service(told=other), [registry.wanted("Contoso")])).probe.access == "none"
    assert lost(start_service(told=other)) == ("Calendars.Read", "Directory.Read.All"), "also on the next day"
    assert next(check_tenants(service, [registry.wanted("Fabrikam")])).lost == (), "it never had any"


def test_check_notes_when_it_looked_at_whom(start_service: StartService, registry: Registry) -> None:
    assert registry.wanted("Fabrikam").checked_at is None

    list(check_tenants(start_service(), registry.tenants()))

    fabrikam = registry.wanted("Fabrikam")
    assert (fabrikam.state, fabrikam.checked_at is not None) == (State.INVITED, True)
    assert [entry.action for entry in registry.log(FABRIKAM)] == ["add"]
