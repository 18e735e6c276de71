"""MSAL for Go, unmodified, and Graph by Go's own HTTP client: logs in, reads, is throttled and recovers."""

from __future__ import annotations

from pathlib import Path

import pytest
from orgcal_emulator.server import RunningEmulator

from tests.support.cached_tools import go_program
from tests.support.client_commands import ClientCommand
from tests.support.client_installs import CLIENTS
from tests.support.witness_tenant import emulated_tenant

pytestmark = [pytest.mark.judged("MSAL for Go"), pytest.mark.timeout(600)]


@pytest.fixture
def graph(emulator: RunningEmulator, tmp_path: Path) -> ClientCommand:
    """Runs a task of the program with a client secret."""
    tenant = emulated_tenant(emulator)
    (tmp_path / "secret").write_text(tenant.secret, encoding="ascii")
    environ = {
        "CA_FILE": str(tenant.ca_file),
        "BASE": tenant.graph_url,
        "TENANT_ID": tenant.tenant_id,
        "CLIENT_ID": tenant.client_id,
        "SECRET_FILE": str(tmp_path / "secret"),
    }
    return ClientCommand([str(go_program(CLIENTS / "msal_go", "."))], environ, tmp_path)


def by_certificate(graph: ClientCommand, emulator: RunningEmulator) -> ClientCommand:
    """The same as the emulator's operator, who logs in with a certificate."""
    operator = emulator.ready["operator"]
    environ = graph.environ | {
        "TENANT_ID": operator["tenant_id"],
        "CLIENT_ID": operator["client_id"],
        "CERTIFICATE_FILE": operator["client_certificate_pem_file"],
    }
    return ClientCommand(graph.command, environ, graph.cwd)


def test_msal_go_logs_in_with_a_secret_and_reads_users_by_pages(graph: ClientCommand) -> None:
    told = graph("users")
    assert len({each["id"] for each in told["found"]}) == 57
    assert told["waited"] == 0


def test_msal_go_logs_in_with_a_certificate(graph: ClientCommand, emulator: RunningEmulator) -> None:
    said = by_certificate(graph, emulator).refusal("users")
    assert "/v1.0/users?$top=20&$select=id,userPrincipalName answered 403 Forbidden" in said
    tokens = [each["status"] for each in emulator.journal() if each["path"].endswith("/token")]
    assert tokens == [200]


def test_msal_go_reads_calendars_of_a_mailbox(graph: ClientCommand) -> None:
    found = graph("calendars", "megan@contoso.example")["found"]
    assert [each["isDefaultCalendar"] for each in found].count(True) == 1


@pytest.mark.parametrize("path", ["token", "/calendars"], ids=["login", "calendars"])
def test_msal_go_recovers_from_being_throttled(graph: ClientCommand, emulator: RunningEmulator, path: str) -> None:
    emulator.add_fault(path, status=429, code="TooManyRequests", headers={"Retry-After": "0"}, times=2)
    told = graph("calendars", "megan@contoso.example")
    assert told["found"]
    assert told["waited"] == 2


def test_msal_go_tells_the_number_of_a_refusal(graph: ClientCommand, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("wrong", encoding="ascii")
    assert "AADSTS7000215" in graph.refusal("users")


def test_msal_go_tells_that_there_is_no_such_tenant(graph: ClientCommand) -> None:
    environ = graph.environ | {"TENANT_ID": "99999999-9999-4999-8999-999999999999"}
    assert "AADSTS90002" in ClientCommand(graph.command, environ, graph.cwd).refusal("users")
