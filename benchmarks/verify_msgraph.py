"""msgraph-sdk doing the same job, as a worker of `benchmarks.verify`; runs in the peers' environment.

Unbatched, as many reads at a time as the spec says. Its `$batch` cannot be imported on a clean install, and once
repaired it loses the bodies of answers (https://github.com/microsoft/kiota-python/issues/737): it cannot do this job.
"""

# mypy: ignore-errors
# Its libraries are in the peers' environment only.

import asyncio
import json
import ssl
import sys
import time

import httpx
from azure.core.credentials import AccessToken
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.users.item.calendars.calendars_request_builder import CalendarsRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core import GraphClientFactory
from verify_peak import peak_mib


class Given:
    """A credential that has its token already."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: object) -> AccessToken:  # noqa: ARG002  # azure's signature
        return AccessToken(self._token, int(time.time()) + 3600)


async def read(spec: dict) -> tuple[int, int]:
    """Users and calendars of the spec's first tenant."""
    tls = ssl.create_default_context(cafile=spec["ca_file"])
    tenant_id = spec["tenant_ids"][0]
    with open(spec["secret_file"], encoding="utf-8") as file:
        form = {
            "grant_type": "client_credentials",
            "client_id": spec["client_id"],
            "client_secret": file.read(),
            "scope": f"{spec['base_url']}/.default",
        }
    async with httpx.AsyncClient(verify=tls) as plain:
        token = (await plain.post(f"{spec['base_url']}/{tenant_id}/oauth2/v2.0/token", data=form)).json()[
            "access_token"
        ]
    http = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(verify=tls, base_url=f"{spec['base_url']}/v1.0", timeout=60)
    )
    provider = AzureIdentityAuthenticationProvider(
        Given(token), scopes=[f"{spec['base_url']}/.default"], allowed_hosts=["localhost"]
    )
    adapter = GraphRequestAdapter(provider, client=http)
    adapter.base_url = f"{spec['base_url']}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=["id"], top=999)
    configuration = UsersRequestBuilder.UsersRequestBuilderGetRequestConfiguration(query_parameters=parameters)
    page = await client.users.get(request_configuration=configuration)
    ids = [user.id for user in page.value]
    while page.odata_next_link:
        page = await client.users.with_url(page.odata_next_link).get()
        ids += [user.id for user in page.value]
    of_calendars = CalendarsRequestBuilder.CalendarsRequestBuilderGetQueryParameters(select=["id"], top=100)
    calendars = CalendarsRequestBuilder.CalendarsRequestBuilderGetRequestConfiguration(query_parameters=of_calendars)
    at_once = asyncio.Semaphore(spec["concurrency"])

    async def calendars_of(user_id: str) -> int:
        async with at_once:
            return len((await client.users.by_user_id(user_id).calendars.get(calendars)).value)

    return len(ids), sum(await asyncio.gather(*(calendars_of(user_id) for user_id in ids)))


def main() -> None:
    """Run and print."""
    spec = json.load(sys.stdin)
    began, began_cpu = time.perf_counter(), time.process_time()
    users, calendars = asyncio.run(read(spec))
    json.dump(
        {
            "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - began_cpu,
            "peak_mib": peak_mib(),
            "users": users,
            "calendars": calendars,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
