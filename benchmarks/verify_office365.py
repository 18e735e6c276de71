"""Office365-REST-Python-Client doing the same job, as a worker of `benchmarks.verify`; runs in the peers' environment.

As its documentation shows it: all users by pages of 999, then their calendars in batches of 20, several at a time.
"""

# mypy: ignore-errors
# Its libraries are in the peers' environment only.

import json
import sys
import time

import requests
from office365 import azure_env
from office365.azure_env import AzureEnvironment
from office365.graph_client import GraphClient
from verify_peak import peak_mib


def main() -> None:
    """Read users and calendars of the spec's first tenant."""
    spec = json.load(sys.stdin)
    tenant_id = spec["tenant_ids"][0]
    azure_env._ENDPOINTS[AzureEnvironment.Global]["graph"] = spec["base_url"]
    began, began_cpu = time.perf_counter(), time.process_time()
    with open(spec["secret_file"], encoding="utf-8") as file:
        form = {
            "grant_type": "client_credentials",
            "client_id": spec["client_id"],
            "client_secret": file.read(),
            "scope": f"{spec['base_url']}/.default",
        }
    token = requests.post(f"{spec['base_url']}/{tenant_id}/oauth2/v2.0/token", form, timeout=60).json()
    client = GraphClient(token_callback=lambda: token)
    users = client.users.select(["id"]).get_all(page_size=999).execute_query()
    calendars = [user.calendars.select(["id"]).top(100).get() for user in users]
    client.execute_batch(items_per_batch=20, concurrency=spec["concurrency"])
    json.dump(
        {
            "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - began_cpu,
            "peak_mib": peak_mib(),
            "users": len(users),
            "calendars": sum(len(found) for found in calendars),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
