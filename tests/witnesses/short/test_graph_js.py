"""Microsoft's Graph SDK for JavaScript with @azure/identity, unmodified: users, delta, calendars, batches, throttling.

https://learn.microsoft.com/graph/sdks/paging, …/batch-requests (tabs TypeScript)
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from orgcal_emulator.server import Keys, RunningEmulator

from tests.support.client_installs import CLIENTS, node, node_packages
from tests.support.witness_tenant import emulated_tenant

pytestmark = [pytest.mark.judged("Microsoft Graph SDK for JavaScript"), pytest.mark.timeout(300)]

OPERATOR_RIGHTS = ("Application.Read.All", "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All",
                   "Directory.Read.All", "Directory.ReadWrite.All", "Organization.Read.All", "Policy.Read.All",
                   "Policy.ReadWrite.ApplicationConfiguration", "User.Read.All")  # fmt: skip


@dataclass(frozen=True)
class GraphClient:
    """A client of the SDK; the program of ours that drives it makes one anew for every task.

    Attributes:
        program: runs for all tests of the module, as Node needs longer to start than most tasks.
        login: what the client logs in with, and where.
    """

    program: subprocess.Popen[str]
    login: dict[str, str] = field(repr=False)

    def __call__(self, task: str, *given: str) -> Any:
        """What a task found; it must succeed."""
        told = self._end(task, *given)
        assert told["ended"], told
        return told["found"]

    def refusal(self, task: str, *given: str) -> Any:
        """The error that the SDK raised in a task; it must raise one."""
        told = self._end(task, *given)
        assert not told["ended"], told
        return told["found"]

    def _end(self, task: str, *given: str) -> Any:
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(json.dumps({"login": self.login, "task": task, "given": given}) + "\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())


@pytest.fixture(scope="module")
def program(emulator_keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """The program of ours that drives the SDK, in a folder where Node finds it."""
    folder = tmp_path_factory.mktemp("graph-js")
    (folder / "node_modules").symlink_to(node_packages("graph_js") / "node_modules")
    script = shutil.copy(CLIENTS / "graph_js" / "witness.mjs", folder)
    (folder / "ca.pem").write_text(emulator_keys.ca_pem)
    with subprocess.Popen(
        [node(), script], cwd=folder, env={"NODE_EXTRA_CA_CERTS": str(folder / "ca.pem")}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, encoding="utf-8",
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def graph(emulator: RunningEmulator, program: subprocess.Popen[str], tmp_path: Path) -> GraphClient:
    """A client with a client secret."""
    tenant = emulated_tenant(emulator)
    (tmp_path / "secret").write_text(tenant.secret, encoding="ascii")
    login = {
        "address": tenant.graph_url,
        "tenantId": tenant.tenant_id,
        "clientId": tenant.client_id,
        "secretFile": str(tmp_path / "secret"),
    }
    return GraphClient(program, login)


@pytest.fixture
def operator(graph: GraphClient, emulator: RunningEmulator, tmp_path: Path) -> GraphClient:
    """The same, with every right that its tasks need."""
    client = emulator.add_client("contoso.example", *OPERATOR_RIGHTS)
    path = tmp_path / "operator-secret"
    path.write_text(client.secret, encoding="ascii")
    return replace(graph, login=graph.login | {"clientId": client.client_id, "secretFile": str(path)})


def test_graph_js_reads_users_by_pages(graph: GraphClient, emulator: RunningEmulator) -> None:
    found = graph("users")
    assert len(found) == len(set(found)) == 57
    assert len([each for each in emulator.journal() if each["path"].startswith("/v1.0/users")]) == 3


def test_graph_js_follows_changes_of_users_by_delta(graph: GraphClient) -> None:
    found = graph("delta")
    assert len(found["all"]) == len(set(found["all"])) == 57
    assert (found["changed"], bool(found["again"])) == (0, True)


def test_graph_js_begins_anew_when_a_token_of_changes_has_expired(
    graph: GraphClient, emulator: RunningEmulator
) -> None:
    link = graph("delta")["again"]
    assert graph("follow", link)["value"] == []
    emulator.expire_page_tokens()
    told = graph.refusal("follow", link)
    assert (told["status"], told["code"]) == (410, "syncStateNotFound")
    assert len(graph("delta")["all"]) == 57


def test_graph_js_reads_calendars_and_events_of_a_mailbox(graph: GraphClient) -> None:
    found = graph("calendars", "megan@contoso.example")
    assert [each["isDefaultCalendar"] for each in found["calendars"]].count(True) == 1
    assert all(each["id"] for each in found["calendars"])
    events = found["events"]
    assert len({each["iCalUId"] for each in events}) == len(events) > 0
    assert {each["body"]["contentType"] for each in events} == {"text"}
    assert all(each["@odata.etag"] for each in events)


def test_graph_js_reads_calendars_of_several_mailboxes_in_a_batch(
    graph: GraphClient, emulator: RunningEmulator
) -> None:
    users = ["admin@contoso.example", "megan@contoso.example"]
    assert graph("batch", *users) == dict.fromkeys(users, 200)
    assert any(each["path"].endswith("/$batch") for each in emulator.journal())


@pytest.mark.parametrize("status", [429, 503])
def test_graph_js_asks_again_after_as_long_as_it_was_told(
    graph: GraphClient, emulator: RunningEmulator, status: int
) -> None:
    emulator.add_fault("/calendars", status=status, code="TooManyRequests", headers={"Retry-After": "0"}, times=2)
    assert graph("calendars", "megan@contoso.example")["calendars"]
    answered = [each["status"] for each in emulator.journal() if "/calendars" in each["path"]]
    assert answered == [status, status, 200]


def test_graph_js_tells_the_code_and_the_request_of_an_error(graph: GraphClient) -> None:
    told = graph.refusal("calendars", str(uuid4()))
    assert told["status"] == 404
    assert told["code"]
    assert told["requestId"]


def test_graph_js_makes_an_application_with_a_secret(graph: GraphClient) -> None:
    assert graph("application", f"witness {uuid4()}") == {"notes": "changed", "passwords": 0, "secret": True}


def test_graph_js_logs_in_with_a_certificate(graph: GraphClient, emulator: RunningEmulator) -> None:
    operator = emulator.ready["operator"]
    login = graph.login | {
        "tenantId": operator["tenant_id"],
        "clientId": operator["client_id"],
        "certificateFile": operator["client_certificate_pem_file"],
    }
    made = replace(graph, login=login)("application", f"witness {uuid4()}")
    assert made["notes"] == "changed"


def test_graph_js_reads_events_by_each_of_their_addresses(graph: GraphClient) -> None:
    assert graph("events", "megan@contoso.example") == [True, True, True]


def test_graph_js_counts(operator: GraphClient) -> None:
    counted = operator("counts")
    counted = {kind: int(text) for kind, text in counted.items()}  # plain text, as Graph answers it
    assert counted["users"] == 57
    assert counted["applications"] >= 2
    assert counted["servicePrincipals"] > counted["applications"]


def test_graph_js_restores_and_purges_what_was_deleted(operator: GraphClient) -> None:
    assert operator("deleted", f"witness {uuid4()}") == {"listed": True, "restored": True}


def test_graph_js_manages_owners_and_finds_objects(operator: GraphClient) -> None:
    found = operator("objects", f"witness {uuid4()}")
    assert found["owners"] == {"applications": True, "servicePrincipals": True}
    assert (found["owned"], found["single"], found["several"]) == (1, True, 2)


def test_graph_js_changes_a_service_principal_and_its_password(operator: GraphClient) -> None:
    found = operator("principal", f"witness {uuid4()}")
    assert found == {"tags": ["WindowsAzureActiveDirectoryIntegratedApp"], "passwords": 0}


def test_graph_js_grants_and_takes_back_by_both_addresses(operator: GraphClient) -> None:
    assert operator("grants", f"witness {uuid4()}") == [True, True]


def test_graph_js_grants_a_delegated_permission_changes_it_and_takes_it_back(operator: GraphClient) -> None:
    found = operator("delegated", f"witness {uuid4()}")
    assert found == {"scope": "User.Read Calendars.Read", "listed": 1, "its": 1, "left": 0}


def test_graph_js_reads_groups_and_their_members(operator: GraphClient) -> None:
    found = operator("groups")
    assert int(found["counted"]) == found["groups"] > 1
    assert (found["same"], found["members"], found["all"]) == (True, 57, 57)


def test_graph_js_is_told_that_a_user_has_no_manager(operator: GraphClient) -> None:
    told = operator.refusal("manager", "megan@contoso.example")
    assert (told["status"], told["code"]) == (404, "Request_ResourceNotFound")


def test_graph_js_reads_what_the_tenant_has_set(operator: GraphClient) -> None:
    assert operator("tenant") == {"same": True, "templates": 0, "policy": False}


def test_graph_js_gives_an_application_a_policy_of_its_own(operator: GraphClient) -> None:
    assert operator("policies", f"witness {uuid4()}") == {"listed": 1, "all": 1, "description": "changed"}


def test_graph_js_trusts_an_issuer_and_no_longer(operator: GraphClient) -> None:
    assert operator("federated", f"witness {uuid4()}") == {"description": "changed", "listed": 1}


def test_graph_js_sets_a_logo(operator: GraphClient, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    assert operator("logo", f"witness {uuid4()}", str(tmp_path / "logo.png")) is True
