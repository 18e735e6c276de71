"""How fast the emulator starts and answers, and what it weighs: prints one JSON object.

    ready_s                 from the start of the process to its ready line, state on disk (best of 5)
    fixture_s               until a test of pytest has the fixture entra_emulator, everything imported (best of 5)
    reset_s                 what the fixture takes in each further test (median of 50)
    batch_inner_per_s       inner requests of `$batch` (20 calendar reads each) per second, over TLS
    calendar_get_per_s      single calendar reads per second, over TLS
    rss_mib_million_users   resident memory with a million synthetic users after a million requests

Permission checks, limits and journal are on, and the load is spread over several applications so that no limit is
reached; at the end the emulator itself is asked whether all of that was so. The client shares the machine with the
server, as it does in use.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil

APPLICATIONS = 8
CONNECTIONS = 8
SEED = """
tenants:
  - tenant_id: 22222222-2222-2222-2222-222222222222
    display_name: Contoso
    domain: contoso.example
    home: true
    users:
      count: 1000000
      named:
        - {{ user: admin, name: Adele Administrator, administrator: true }}
operator:
  tenant: contoso.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: [User.Read.All, Calendars.Read, Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All]
"""


FIXTURE_TEST = """
import statistics, time

def timed(action):
    began = time.perf_counter()
    action()
    return time.perf_counter() - began

def test_fixture(request):
    fixture = timed(lambda: request.getfixturevalue("entra_emulator"))
    emulator = request.getfixturevalue("entra_emulator")
    print("took", fixture, statistics.median(timed(emulator.reset) for _ in range(50)), "seconds")
"""


def fixture_times(folder: Path) -> tuple[float, float]:
    """Seconds that the fixture takes in the first test of a run and in a further one."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_fixture.py").write_text(FIXTURE_TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "orgcal_emulator.pytest_plugin"]
    environ = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, text=True)
    first, further = ended.stdout.partition("took ")[2].split()[:2]
    return float(first), float(further)


class Server:
    """An emulator in a process of its own."""

    def __init__(self, state: Path, seed: Path) -> None:
        self.began = time.perf_counter()
        command = [sys.executable, "-m", "orgcal_emulator", "--state", str(state), "--seed", str(seed)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.ready_s = time.perf_counter() - self.began
        self.trust = ssl.create_default_context(cafile=self.ready["ca_file"])

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(10)

    def rss_mib(self) -> float:
        """Resident memory now."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def call(self, method: str, path: str, token: str = "", body: Any = None, form: Any = None) -> Any:
        """One request that is not measured."""
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body else None
        headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.ready["base_url"] + path, data, headers, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.trust)
        )
        with opener.open(request, timeout=30) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def token(self, client_id: str, secret: str) -> str:
        """A token for Graph."""
        form = {
            "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret,
            "scope": "https://graph.microsoft.com/.default",
        }  # fmt: skip
        tenant = self.ready["operator"]["tenant_id"]
        return str(self.call("POST", f"/{tenant}/oauth2/v2.0/token", form=form)["access_token"])

    def check_load(self, requests: int) -> None:
        """Refuse figures of a load that was not what it should have been.

        Args:
            requests: how many there were at least, those inside batches included.

        Raises:
            RuntimeError: a limit was reached, a request failed, or the journal missed some.
        """
        token = Path(self.ready["control"]["token_file"]).read_text(encoding="utf-8")
        limits = self.call("GET", "/_emulator/limits", token)
        journal = self.call("GET", "/_emulator/journal", token)
        failed = [each for each in journal["entries"] if each["status"] >= 300]
        seen = journal["dropped"] + len(journal["entries"])
        if limits["refused"] or not limits["settings"]["enabled"] or failed or seen < requests:
            refused = limits["refused"]
            raise RuntimeError(f"{refused} refused, {len(failed)} failed, {seen} of {requests} in the journal")

    def applications(self) -> list[str]:
        """Tokens of several applications with the operator's permissions to read users and calendars."""
        operator = self.ready["operator"]
        token = self.token(operator["client_id"], Path(operator["client_secret_file"]).read_text())
        found = [token]
        graph = self.call("GET", "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')", token)
        roles = {each["value"]: each["id"] for each in graph["appRoles"]}
        for number in range(APPLICATIONS - 1):
            made = self.call("POST", "/v1.0/applications", token, {"displayName": f"load {number}"})
            principal = self.call("POST", "/v1.0/servicePrincipals", token, {"appId": made["appId"]})
            for name in ("User.Read.All", "Calendars.Read"):
                grant = {"principalId": principal["id"], "resourceId": graph["id"], "appRoleId": roles[name]}
                self.call("POST", f"/v1.0/servicePrincipals/{graph['id']}/appRoleAssignedTo", token, grant)
            secret = self.call("POST", f"/v1.0/applications/{made['id']}/addPassword", token, {"x@odata.y": 1})
            found.append(self.token(made["appId"], secret["secretText"]))
        return found


async def load(server: Server, requests: list[bytes], seconds: float, most: int) -> float:
    """Requests answered per second by `CONNECTIONS` connections that each keep one request under way."""
    done = 0
    end = time.perf_counter() + seconds

    async def one(offset: int) -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("localhost", server.ready["port"], ssl=server.trust)
        number = offset
        while time.perf_counter() < end and done < most:
            writer.write(requests[number % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            at = head.index(b"content-length: ") + 16
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            number += CONNECTIONS
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one(offset) for offset in range(CONNECTIONS)))
    return done / (time.perf_counter() - began)


def requests_of(server: Server, tokens: list[str], user_ids: list[str], *, batches: bool) -> list[bytes]:
    """Requests ready to be sent, each for other users, by turns as each application."""
    host = f"localhost:{server.ready['port']}"
    found = []
    size = 20 if batches else 1
    for number in range(len(user_ids) // size):
        users = user_ids[number * size : (number + 1) * size]
        token = tokens[number % len(tokens)]
        paths = [f"/users/{each}/calendars?$select=id,name,owner,isDefaultCalendar,canEdit&$top=100" for each in users]
        if batches:
            inner = [{"id": str(place), "method": "GET", "url": path} for place, path in enumerate(paths)]
            body = json.dumps({"requests": inner}).encode()
            line, more = "POST /v1.0/$batch", f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        else:
            body, line, more = b"", f"GET /v1.0{paths[0]}", ""
        head = f"{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
        found.append(head.encode() + body)
    return found


def user_ids(server: Server, token: str, pages: int) -> list[str]:
    """Ids of the first users."""
    found: list[str] = []
    path = "/v1.0/users?$top=999&$select=id"
    for _ in range(pages):
        body = server.call("GET", path, token)
        found += [each["id"] for each in body["value"]]
        path = body["@odata.nextLink"].removeprefix(server.ready["base_url"])
    return found


def measure(seconds: float, total: int) -> dict[str, float]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as folder:
        seed, state = Path(folder) / "seed.yaml", Path(folder) / "state"
        seed.write_text(SEED.replace("{{", "{").replace("}}", "}"))
        starts = []
        for _ in range(6):  # the first one makes the state
            server = Server(state, seed)
            starts.append(server.ready_s)
            server.stop()
        fixtures = [fixture_times(Path(folder)) for _ in range(5)]
        server = Server(state, seed)
        try:
            tokens = server.applications()
            ids = user_ids(server, tokens[0], 40)
            batches, singles = (requests_of(server, tokens, ids, batches=each) for each in (True, False))
            asyncio.run(load(server, batches, 1.0, 10**9))
            batch_rate = 20 * asyncio.run(load(server, batches, seconds, 10**9))
            single_rate = asyncio.run(load(server, singles, seconds, 10**9))
            already = int(20 * seconds * batch_rate / 20 + seconds * single_rate)
            asyncio.run(load(server, batches, 600.0, max(0, total - already) // 20))
            rss = server.rss_mib()
            server.check_load(total)
        finally:
            server.stop()
    return {
        "ready_s": round(min(starts[1:]), 3),
        "fixture_s": round(min(first for first, _ in fixtures), 3),
        "reset_s": round(min(further for _, further in fixtures), 4),
        "batch_inner_per_s": round(batch_rate),
        "calendar_get_per_s": round(single_rate),
        "rss_mib_million_users": round(rss, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the emulator; prints one JSON object.")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each rate is measured")
    parser.add_argument("--requests", type=int, default=1_000_000, help="requests before memory is read")
    given = parser.parse_args()
    print(json.dumps(measure(given.seconds, given.requests)))
