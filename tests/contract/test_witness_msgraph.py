"""msgraph-sdk, Microsoft's own client, unmodified: applications, service principals, users by pages, calendars."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.application import Application
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.web_application import WebApplication
from msgraph_core import GraphClientFactory
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID

from tests.support.witness_tenant import WitnessTenant

# Of its own classes, while they are imported.
pytestmark = [
    pytest.mark.judged("msgraph-sdk"),
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

T = TypeVar("T")
_MOST_TRIES = 30


@asynccontextmanager
async def opened(tenant: WitnessTenant) -> AsyncIterator[GraphServiceClient]:
    """The client, pointed at a tenant as its documentation shows it."""
    trust = ssl.create_default_context(cafile=tenant.ca_file)
    options = {} if tenant.is_live else {"disable_instance_discovery": True, "connection_verify": tenant.ca_file}
    base_url = f"{tenant.graph_url}/v1.0"
    with ClientSecretCredential(
        tenant.tenant_id, tenant.client_id, tenant.secret, authority=tenant.login_url, **options
    ) as credential:
        provider = AzureIdentityAuthenticationProvider(
            credential,
            scopes=["https://graph.microsoft.com/.default"],
            allowed_hosts=[str(urlsplit(tenant.graph_url).hostname)],
        )
        # Ours to close: the SDK's own transport, which goes around it, does not.
        async with httpx.AsyncHTTPTransport(verify=trust) as transport:
            http = GraphClientFactory.create_with_default_middleware(
                client=httpx.AsyncClient(transport=transport, base_url=base_url, timeout=30)
            )
            adapter = GraphRequestAdapter(provider, client=http)
            adapter.base_url = base_url
            yield GraphServiceClient(request_adapter=adapter)


async def settled(tenant: WitnessTenant, ask: Callable[[], Awaitable[T]], accept: Callable[[T], bool]) -> T:
    """The answer of `ask` once `accept` takes it; replication may need a while."""
    for _ in range(_MOST_TRIES):
        try:
            found = await ask()
            if accept(found):
                return found
        except ODataError as error:
            if error.response_status_code not in (400, 404):
                raise
        await asyncio.sleep(tenant.pause_s)
    raise AssertionError(f"not seen after {_MOST_TRIES} tries")


def test_application_and_principal_live_rotate_and_die(witness_tenant: WitnessTenant) -> None:
    asyncio.run(_live_and_die(witness_tenant))


async def _live_and_die(tenant: WitnessTenant) -> None:
    name = f"orgcal witness {uuid4()}"
    async with opened(tenant) as graph:
        asked = Application(
            display_name=name,
            sign_in_audience="AzureADMultipleOrgs",
            web=WebApplication(redirect_uris=["https://localhost/cb"]),
        )
        made = await graph.applications.post(asked)
        its = graph.applications.by_application_id(made.id)
        try:
            read = await settled(tenant, its.get, lambda found: found.display_name == name)
            assert (read.app_id, read.web.redirect_uris) == (made.app_id, ["https://localhost/cb"])
            assert read.created_date_time.tzinfo is not None

            await its.patch(Application(notes="changed", tags=["witness"]))
            read = await settled(tenant, its.get, lambda found: found.notes == "changed")
            assert read.tags == ["witness"]
            assert read.web.redirect_uris == ["https://localhost/cb"]

            await _rotate(tenant, graph, made.id)
            await _principal(tenant, graph, made.app_id)
        finally:
            await its.delete()
            listed = await settled(
                tenant,
                graph.directory.deleted_items.graph_application.get,
                lambda page: made.id in {each.id for each in page.value},
            )
            assert all(each.deleted_date_time is not None for each in listed.value)
            deleted = graph.directory.deleted_items.by_directory_object_id(made.id)
            found = await settled(tenant, deleted.get, lambda item: item.deleted_date_time is not None)
            await deleted.delete()
        assert isinstance(found, Application)


async def _rotate(tenant: WitnessTenant, graph: GraphServiceClient, application_id: str) -> None:
    from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
        AddPasswordPostRequestBody,
    )
    from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
        RemovePasswordPostRequestBody,
    )

    its = graph.applications.by_application_id(application_id)
    body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="first"))
    password = await settled(tenant, lambda: its.add_password.post(body), lambda given: bool(given.secret_text))
    assert isinstance(password.key_id, UUID)
    assert password.secret_text.startswith(password.hint)
    assert password.end_date_time > password.start_date_time
    read = await settled(tenant, its.get, lambda found: bool(found.password_credentials))
    assert [(each.key_id, each.secret_text) for each in read.password_credentials] == [(password.key_id, None)]
    await its.remove_password.post(RemovePasswordPostRequestBody(key_id=password.key_id))
    await settled(tenant, its.get, lambda found: found.password_credentials == [])


async def _principal(tenant: WitnessTenant, graph: GraphServiceClient, app_id: str) -> None:
    made = await settled(
        tenant, lambda: graph.service_principals.post(ServicePrincipal(app_id=app_id)), lambda found: bool(found.id)
    )
    read = await settled(tenant, graph.service_principals_with_app_id(app_id).get, lambda found: found.id == made.id)
    assert read.account_enabled is True
    await settled(tenant, graph.service_principals.by_service_principal_id(made.id).delete, lambda _: True)
    await settled(tenant, graph.directory.deleted_items.by_directory_object_id(made.id).delete, lambda _: True)
    own = await graph.service_principals_with_app_id(GRAPH_CLIENT_ID).get()
    assert own.display_name == "Microsoft Graph"
    assert "Calendars.Read" in {role.value for role in own.app_roles}


def test_users_come_by_pages_as_many_as_are_counted(witness_tenant: WitnessTenant) -> None:
    counted, found = asyncio.run(_users(witness_tenant))
    assert len(found) == len(set(found)) == counted


async def _users(tenant: WitnessTenant) -> tuple[int, list[str]]:
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    async with opened(tenant) as graph:
        parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            select=["id", "userPrincipalName"], top=20, count=True
        )
        asked = RequestConfiguration(query_parameters=parameters)
        asked.headers.add("ConsistencyLevel", "eventual")
        page = await graph.users.get(request_configuration=asked)
        counted = page.odata_count
        found = [user.id for user in page.value]
        while page.odata_next_link:
            page = await graph.users.with_url(page.odata_next_link).get()
            found += [user.id for user in page.value]
    return counted, found


def test_calendars_and_events_of_a_mailbox_are_read(witness_tenant: WitnessTenant) -> None:
    asyncio.run(_calendars(witness_tenant))


async def _calendars(tenant: WitnessTenant) -> None:
    async with opened(tenant) as graph:
        its = graph.users.by_user_id(tenant.mailbox)
        user = await its.get()
        calendars = (await its.calendars.get()).value
        assert [each.is_default_calendar for each in calendars].count(True) == 1
        default = await its.calendar.get()
        assert default.id in {each.id for each in calendars}
        assert default.owner.address.lower() == (user.mail or user.user_principal_name).lower()
        for event in (await its.events.get()).value:
            assert event.start.date_time < event.end.date_time


def test_unknown_user_is_an_error_that_names_its_code(witness_tenant: WitnessTenant) -> None:
    async def ask() -> None:
        async with opened(witness_tenant) as graph:
            await graph.users.by_user_id(str(uuid4())).get()

    with pytest.raises(ODataError) as caught:
        asyncio.run(ask())
    assert (caught.value.response_status_code, caught.value.error.code) == (404, "Request_ResourceNotFound")
