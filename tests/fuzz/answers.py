"""Runs the readers of answers on odd ones: whatever comes, they end with a result or an error that is explained."""

from __future__ import annotations

import io
import json
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.consent.proof import ConsentProber
from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.discovery import resolve_tenant
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.preflight import Intent, preflight
from orgcal.entra.permissions import application_permissions
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError
from orgcal.platforms import ConnectorSettings, PlatformCredential, open_platform
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation.proof import ClockSkew, CredentialProber, Organisation
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.scope import MailboxScope
from tests.fuzz.odd_answers import Change, draw_change
from tests.fuzz.scripted_cloud import (
    CLIENT_ID,
    CONTOSO,
    HOME,
    KEY,
    KEY_ID,
    OBJECT_ID,
    SECRET,
    ScriptedCloud,
    scripted_cloud,
    some_routes,
)
from verify import Options, Pace, Summary, Target, exit_code, run
from verify.report.console import ConsoleReport
from verify.scope import see_scope
from verify.sources import from_outputs

NEEDED = frozenset({"discovery", "token", "users", "batch"})
"""Routes without whose answers no verification can pass."""
IMPATIENT = NEEDED | {"count"}
"""Routes of `verify` whose retries end with its pace; the others may be asked for half a minute."""
EXIT_CODES = frozenset({0, 1, 2, 4, 5})
SCOPES = ("Calendars.Read",)


@dataclass
class Findings:
    """What came of the cases; `crashes` and `wrong_results` hold a text for each."""

    cases: int = 0
    crashes: list[str] = field(default_factory=list)
    wrong_results: list[str] = field(default_factory=list)


class Runs:
    """The tasks, on one scripted cloud."""

    def __init__(self, cloud: ScriptedCloud) -> None:
        self.cloud = cloud
        self.endpoints: CloudEndpoints = read_emulator_file(Path(cloud.environ["ORGCAL_EMULATOR_FILE"]))
        self.session = new_session(self.endpoints)
        self.outputs = _outputs()
        self.tasks: dict[str, Callable[[], str]] = {
            "verify": self.verify,
            "consent": self.consent,
            "scope": self.scope,
            "rotation": self.rotation,
            "preflight": self.preflight,
            "tenant": lambda: resolve_tenant(self.endpoints, "contoso.example", self.session),
            **{f"platform {kind}": self._platform_task(kind) for kind in self._platforms()},
        }

    def verify(self) -> str:
        connector, given = from_outputs(self.outputs)
        pace = Pace(budget_s=0.05, first_pause_s=0.01, attempts=2)
        options = Options(connector, environ=self.cloud.environ, given_credential=given, pace=pace)
        summary, out = Summary(), io.StringIO()
        with ConsoleReport(out=out, progress=io.StringIO()) as report:
            for result in run([Target(CONTOSO, "Contoso")], options):
                summary.add(result)
                report.result(result)
            report.end(summary)
        out.getvalue().encode()
        return f"{exit_code(summary)} {json.dumps(summary.as_json(), default=str)} {out.getvalue()}"

    def consent(self) -> str:
        declared = frozenset(item.name for item in self.outputs.permissions)
        prober = ConsentProber(self.endpoints, CLIENT_ID, declared, lambda: ClientSecret(SECRET), self.session)
        return str(prober.probe(CONTOSO, list_users=True))

    def scope(self) -> str:
        tokens = TokenSource(self.endpoints, CONTOSO, CLIENT_ID, ClientSecret(SECRET), self.session)
        graph = GraphClient(self.endpoints, tokens, self.session, clock=FakeTime().clock())
        return str(see_scope(graph, MailboxScope(group="Pilot")))

    def rotation(self) -> str:
        skew = ClockSkew(lambda: datetime.now(UTC))
        with new_session(self.endpoints) as session:
            session.hooks["response"].append(skew)
            clock = FakeTime().clock()
            prober = CredentialProber(self.endpoints, CLIENT_ID, session, timedelta(seconds=5), clock=clock)
            sample, home = [Organisation(CONTOSO, "Contoso")], Organisation(HOME, "home")
            proof = prober.prove(ClientSecret(SECRET), sample, home, way="test")
        skew.check()
        return str(proof.as_json())

    def preflight(self) -> str:
        tokens = TokenSource(self.endpoints, HOME, CLIENT_ID, ClientSecret(SECRET), self.session)
        graph = GraphClient(self.endpoints, tokens, self.session, clock=FakeTime().clock())
        intent = Intent("test", "tag", "Sync", "secret", timedelta(days=180), scopes=SCOPES)
        return str(preflight(graph, intent, OBJECT_ID))

    def _platforms(self) -> dict[str, dict[str, Any]]:
        url, read = self.cloud.base_url, {"method": "GET", "path": "/c/{key}"}
        write = {"method": "PUT", "path": "/c/{key}"}
        fields = {"client_id": "client_id", "client_secret": "client_secret", "generation": "generation"}
        body = {"id": "{client_id}", "secret": "{client_secret}"}
        names = {"display_name": "name", "scopes": "scopes", "callback_url": "callback_url"}
        return {
            "local": {"kind": "local"},
            "nango": {"kind": "nango", "base_url": f"{url}/nango"},
            "http": {
                "kind": "http",
                "base_url": f"{url}/http",
                "key_file_variable": "PLATFORM_KEY_FILE",
                "entry": {"read": read, "create": write, "delete": {**write, "method": "DELETE"}, "fields": names},
                "credentials": {
                    "push": {**write, "body": body},
                    "read": read,
                    "fields": fields,
                },
            },
            "github": {
                "kind": "github-environment",
                "api_url": f"{url}/github",
                "repository": "acme/app",
                "environment": "production",
                "callback_url": "https://localhost/cb",
            },
        }

    def _platform_task(self, kind: str) -> Callable[[], str]:
        return lambda: self._use_platform(self._platforms()[kind])

    def _use_platform(self, settings: dict[str, Any]) -> str:
        platform = open_platform(settings, self.cloud.environ, clock=FakeTime().clock())
        declared = ConnectorSettings(KEY, "Outlook", "d", SCOPES, True)
        told = []
        entry = platform.read_connector(KEY)
        if entry is not None:
            told.append(str(entry.differences(declared)))
        pushed = platform.push_credentials(KEY, PlatformCredential(CLIENT_ID, 1, ClientSecret(SECRET)))
        told += [str(pushed), str(platform.read_credentials(KEY))]
        if platform.capabilities.tokens:
            told.append(str(platform.connections(KEY)))
            platform.access_token(KEY, CONTOSO).encode("ascii")
        return " ".join(told)

    def check(self, name: str, changes: dict[str, Change], findings: Findings) -> None:
        """Run one task on changed answers."""
        self.cloud.begin(changes)
        shown = f"{name}: {', '.join(f'{route} {change.kind} x{change.times}' for route, change in changes.items())}"
        findings.cases += 1
        try:
            text = self.tasks[name]()
        except OrgcalError as error:
            text = str(error)
            if error.exit_code not in EXIT_CODES:
                findings.wrong_results.append(f"{shown}: exit code {error.exit_code}")
        except Exception:  # noqa: BLE001  # what this looks for
            findings.crashes.append(f"{shown}\n{traceback.format_exc(limit=-4)}")
            return
        if SECRET in text:
            findings.wrong_results.append(f"{shown}: the secret is shown")
        if self.cloud.stranger.seen:
            findings.wrong_results.append(f"{shown}: a stranger was asked")
        ruined = any(change.ruins and route in NEEDED for route, change in changes.items())
        if name == "verify" and (text.split()[0] not in map(str, EXIT_CODES) or (ruined and text.startswith("0 "))):
            findings.wrong_results.append(f"{shown}: exit code {text.split()[0]}")


def _outputs() -> StackOutputs:
    now = datetime.now(UTC)
    roles = application_permissions(SCOPES)
    generation = {"generation": 1, "key_id": KEY_ID, "created_at": now, "expires_at": now + timedelta(days=180)}
    return StackOutputs.model_validate(
        {
            **dict.fromkeys(("project", "stack", "directory_id", "consent_redirect_uri", "permission_hash"), "d"),
            "schema_version": 1,
            "cloud": "emulator",
            "tenant_id": HOME,
            "client_id": CLIENT_ID,
            "application_object_id": OBJECT_ID,
            "service_principal_id": HOME,
            "display_name": "Sync",
            "callback_url": "https://localhost/cb",
            "redirect_uris": ["https://localhost/cb"],
            "scopes": SCOPES,
            "permissions": [{"name": role.name, "role_id": role.role_id} for role in roles],
            "platform": {"kind": "local"},
            "connector_key": KEY,
            "connector_name": "Outlook",
            "credential_kind": "secret",
            "active_generation": 1,
            "credentials": [generation],
            "client_secret": SECRET,
        }
    )


@contextmanager
def runs(folder: Path) -> Iterator[Runs]:
    """The tasks, on a cloud whose files are in `folder`; an error that nobody foresaw is not explained away."""
    with scripted_cloud(folder) as cloud, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORGCAL_DEBUG", "1")
        found = Runs(cloud)
        with found.session:
            yield found


def odd_answers(found: Runs, seed: int, cases: int) -> Findings:
    """What comes of so many cases; the same for the same seed."""
    dice, findings = random.Random(seed), Findings()
    routes: dict[str, list[str]] = {}
    for name, task in found.tasks.items():
        found.cloud.begin({})
        task()
        routes[name] = sorted(found.cloud.answered)
    names = sorted(routes)
    for _ in range(cases):
        name = dice.choice(names)
        changes = {route: _draw(dice, name, route, found) for route in some_routes(dice, routes[name])}
        found.check(name, changes, findings)
    return findings


def _draw(dice: random.Random, name: str, route: str, found: Runs) -> Change:
    """A change that costs no half minute of retries."""
    waits = (name == "verify" and route not in IMPATIENT) or (name == "consent" and route not in ("discovery", "token"))
    while True:
        change = draw_change(dice, found.cloud.stranger.base_url)
        if not waits or change.kind in ("value", "gone", "body"):
            return replace(change)
