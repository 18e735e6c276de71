"""A customer who limits the connector, by commands alone: its administrator runs our script with the real CLI.

CLI for Microsoft 365 is unmodified, and reaches the stack's emulator by Microsoft's names
(https://pnp.github.io/cli-microsoft365/cmd/exo/approleassignment/approleassignment-add).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from orgcal_emulator.environment import program_environment

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.entra.permissions import application_permissions
from orgcal.entra.session import new_session
from tests.support.administrator import answer
from tests.support.checkout import Checkout, Ran, make_checkout
from tests.support.client_commands import ClientCommand, Ended
from tests.support.client_installs import node, node_packages
from tests.support.deployed_connector import CONTOSO, declared, operator_graph

pytestmark = pytest.mark.timeout(900)

GROUP = "Office Quito"
RIGHTS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All",
          "RoleManagement.ReadWrite.Exchange")  # fmt: skip
CALLBACK = "http://localhost/administrator"
EXCHANGE_LAG_S = 7200
START_S = 20


@dataclass
class Customer:
    """The administrators of Contoso, with CLI for Microsoft 365 logged in.

    Attributes:
        shims: a folder with `m365`, for scripts.
        login: the command that logs in.
    """

    m365: ClientCommand
    shims: Path
    login: tuple[str, ...]
    ready: dict[str, Any] = field(repr=False)

    def run(self, script: str) -> Ended:
        """Run a script as its author wrote it."""
        environ = {**self.m365.environ, "PATH": f"{self.shims}{os.pathsep}{self.m365.environ['PATH']}"}
        shell = ClientCommand(["/bin/sh", "-e", "-c"], environ, self.m365.cwd)
        return shell.end(script)

    def wait_for_exchange(self) -> None:
        """Let the delay of Exchange pass on the emulator's clock."""
        token = Path(self.ready["control"]["token_file"]).read_text(encoding="ascii").strip()
        moved = requests.post(
            f"{self.ready['control']['url']}/clock", json={"advance_s": EXCHANGE_LAG_S},
            headers={"Authorization": f"Bearer {token}"}, verify=self.ready["ca_file"], timeout=10,
        )  # fmt: skip
        assert moved.status_code == 200
        for kept in self.m365.cwd.glob(".cli-m365*"):  # its tokens have expired, as only the emulator's clock knows
            kept.unlink()
        self.m365(*self.login)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose stack `dev` is up, on an emulator that answers for Microsoft's names, too."""
    copy = make_checkout(tmp_path_factory.mktemp("scoped"))
    state = copy.path / ".local" / "dev" / "emulator"
    state.mkdir(parents=True, mode=0o700)
    command = [sys.executable, "-m", "orgcal_emulator", "--state", str(state), "--names"]
    with subprocess.Popen(command, cwd=state, env=copy.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            up = copy.orgcal("up")
            assert up.code == 0, up.text
            yield copy
        finally:
            process.terminate()
            process.wait(START_S)


@pytest.fixture(scope="module")
def endpoints(deployed: Checkout) -> CloudEndpoints:
    return read_emulator_file(deployed.path / ".local" / "dev" / "emulator" / "ready.json")


@pytest.fixture(scope="module")
def customer(deployed: Checkout, endpoints: CloudEndpoints, tmp_path_factory: pytest.TempPathFactory) -> Customer:
    """CLI for Microsoft 365, logged in as an application that may administer Contoso and its Exchange."""
    home = tmp_path_factory.mktemp("administrator")
    ready_file = deployed.path / ".local" / "dev" / "emulator" / "ready.json"
    ready = json.loads(ready_file.read_text(encoding="utf-8"))
    with new_session(endpoints) as session:
        variables = {"ORGCAL_EMULATOR_FILE": str(ready_file)}
        graph = operator_graph(endpoints, variables, session)
        made = graph.post("/applications", {
            "displayName": "Administrators of Contoso", "signInAudience": "AzureADMultipleOrgs",
            "web": {"redirectUris": [CALLBACK]}, "requiredResourceAccess": [declared(application_permissions(RIGHTS))],
        })  # fmt: skip
        secret = graph.post(f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "cli"}})
    secret_file = home / "secret"
    secret_file.touch(0o600)
    secret_file.write_text(secret["secretText"], encoding="ascii")
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=made["appId"], redirect_uri=CALLBACK, state="s")
    answer(endpoints, url, "admin@contoso.example", follow=False)
    package = node_packages("m365") / "node_modules" / "@pnp" / "cli-microsoft365"
    shims = home / "bin"
    shims.mkdir()
    # The client keeps tokens in its home folder; nobody else may read them.
    client = f'umask 077; exec {shlex.join([str(node()), str(package / "dist" / "index.js")])} "$@"'
    (shims / "m365").write_text(f"#!/bin/sh\n{client}\n", encoding="utf-8")
    (shims / "m365").chmod(0o700)
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "CLIMICROSOFT365_NOUPDATE": "1"}
    m365 = ClientCommand([str(shims / "m365")], {**program_environment(ready, {}), **environ}, home)
    login = ("login", "--authType", "secret", "--appId", made["appId"], "--tenant", CONTOSO, "--secret",
             f"@{secret_file}")  # fmt: skip
    assert m365(*login)["appId"] == made["appId"]
    return Customer(m365, shims, login, ready)


def check(deployed: Checkout) -> tuple[int, dict[str, Any]]:
    """Exit code and object of `orgcal consent check`."""
    ran = deployed.orgcal("consent", "check", "Contoso", "--json")
    return ran.code, json.loads(ran.out)


def scope_of(ran: Ran) -> dict[str, Any]:
    """The check `scope` of a verification as JSON."""
    (organisation,) = json.loads(ran.out)["organisations"]
    return next(dict(each) for each in organisation["checks"] if each["check"] == "scope")


def test_customer_limits_the_connector_and_is_proved_widened_narrowed_and_undone(
    deployed: Checkout, customer: Customer
) -> None:
    added = deployed.orgcal(
        "tenants", "add", "contoso.example", "--name", "Contoso", "--access", "scoped", "--group", GROUP
    )
    assert added.code == 0, added.text
    assert "next: orgcal consent script contoso.example" in added.out
    link = deployed.orgcal("consent", "link", "Contoso")
    assert link.code != 0
    assert "grants all of them" in link.err

    script = deployed.orgcal("consent", "script", "Contoso", "--m365")
    assert script.code == 0, script.text
    done = customer.run(script.out)
    assert done.status == 0, done.err
    code, found = check(deployed)
    assert (code, found["state"]) == (5, "waiting-for-exchange")
    assert "30 minutes to 2 hours" in found["reason"]
    assert customer.run(script.out).status != 0, "what is granted already is not granted again without a word"

    customer.wait_for_exchange()
    code, found = check(deployed)
    assert (code, found["state"], found["effective"]) == (0, "verified", ["Directory.Read.All"])
    assert (found["scope"]["inside"], found["scope"]["outside"]) == ("read", "refused")
    verified = deployed.orgcal("verify", "--tenant", "Contoso", "--json", "--probe", "events")
    assert verified.code == 0, verified.text
    proved = scope_of(verified)["evidence"]
    assert proved["inside"]["read"] > 1
    assert (proved["outside"]["read"], proved["inside"]["refused"]) == (0, 0)

    _widened(deployed, customer)
    _narrowed(deployed, customer, proved["inside"]["read"])
    undo = deployed.orgcal("consent", "script", "Contoso", "--m365", "--undo")
    taken_back = customer.run(undo.out)
    assert taken_back.status == 0, taken_back.err
    code, found = check(deployed)
    assert (code, found["state"]) == (1, "revoked")


def _widened(deployed: Checkout, customer: Customer) -> None:
    """A grant in Entra ID beside the scope is too much access; the command that is told removes it."""
    client_id = json.loads(deployed.orgcal("consent", "script", "Contoso", "--json").out)["facts"]["client_id"]
    given = ("--appId", client_id, "--resource", "Microsoft Graph", "--scopes", "Calendars.Read")
    customer.m365("entra", "approleassignment", "add", *given)
    told = deployed.orgcal("consent", "check", "Contoso")
    assert told.code == 1
    assert "Contoso: too-much-access (the grant in Entra still reaches every mailbox: Calendars.Read)" in told.out
    removal = next(line for line in told.out.splitlines() if "repair:" in line).partition("removes the grant: ")[2]
    removed = customer.run(removal)
    assert removed.status == 0, removed.err
    code, found = check(deployed)
    assert (code, found["state"]) == (0, "verified")


def _narrowed(deployed: Checkout, customer: Customer, before: int) -> None:
    """An assignment for one mailbox of the group is a warning with numbers."""
    root = "https://graph.microsoft.com/beta/roleManagement/exchange/roleAssignments"
    (assigned,) = customer.m365("request", "--url", root)["value"]
    inside = check(deployed)[1]["inside"]
    customer.m365("request", "--method", "delete", "--url", f"{root}/{assigned['id']}")
    principal = assigned["principalId"].rpartition("/")[2]
    role = ("--roleDefinitionName", "Application Calendars.Read", "--principalId", principal)
    customer.m365("exo", "approleassignment", "add", *role, "--scope", "user", "--userId", inside)
    customer.wait_for_exchange()
    verified = deployed.orgcal("verify", "--tenant", "Contoso", "--json")
    assert verified.code == 0, verified.text
    scope = scope_of(verified)
    assert scope["verdict"] == "warning"
    assert f"1 of {before} mailboxes of the group read, {before - 1} refused" in scope["sentence"]
