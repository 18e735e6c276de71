"""What any runner must be told, and what its jobs run; secrets are named, not shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orgcal.ci.backends import Backends
from orgcal.ci.install import ENSURE_ENGINE, Installation
from orgcal.ci.plan import REGISTRY_SECRET, StackFacts


@dataclass(frozen=True, slots=True)
class Job:
    """A job of any runner.

    Attributes:
        when: it runs, and what it needs.
        identity: role of the identity that it acts as.
        commands: run after those of the installation.
    """

    name: str
    when: str
    identity: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Jobs for any runner.

    Attributes:
        variables: lines `NAME=VALUE`, some with a remark.
        secrets: the same; values stand in capitals.
        installation: commands that each job runs first, in a fresh checkout.
    """

    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    installation: tuple[str, ...]
    jobs: tuple[Job, ...]

    def lines(self) -> Iterator[str]:
        """For people."""
        for title, lines in (
            ("variables of a job:", self.variables),
            ("secrets of the jobs that deploy, look and rotate:", self.secrets),
            ("each job first:", self.installation),
        ):
            yield title
            yield from (f"  {line}" for line in lines)
        yield "jobs:"
        for job in self.jobs:
            yield f"  # {job.name}: {job.when}; as the identity of role {job.identity}"
            yield from (f"  {command}" for command in job.commands)


def recipe_of(
    facts: StackFacts,
    places: Backends,
    tenant_id: str,
    client_ids: Mapping[str, str],
    installation: Installation,
    folder: str,
    record: str,
) -> Recipe:
    """What deploys a stack and looks after it, rotation included.

    Args:
        tenant_id: the home tenant; empty where it is not known.
        client_ids: of the identities, by role; empty where one is not made yet.
        folder: the project's path in its repository; empty at the root.
        record: how a rotation is recorded, `commit` or `pull-request`.
    """
    shown = {role: client_id or f"CLIENT-ID-OF-{role.upper()}" for role, client_id in client_ids.items()}
    variables = (
        "ARM_USE_OIDC=true",
        *(f"ARM_CLIENT_ID={client_id}  # jobs that act as {role}" for role, client_id in shown.items()),
        f"ARM_TENANT_ID={tenant_id or 'TENANT-ID'}",
        "ARM_OIDC_TOKEN_FILE_PATH=FILE  # with the job's token, audience api://AzureADTokenExchange",
        "# or, where tokens are handed out on request: ARM_OIDC_REQUEST_URL, ARM_OIDC_REQUEST_TOKEN",
        f"PULUMI_BACKEND_URL={places.backend}",
    )
    secrets = (
        f"{REGISTRY_SECRET}=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
        *([f"{facts.key_variable}=FILE  # with the platform's API key"] if facts.key_variable else []),
        *(f"{name}=…  # of a target of orgcal:alerts" for name in facts.alert_variables),
    )
    first = (*([f"cd {shlex.quote(folder)}"] if folder else []), *installation.commands, ENSURE_ENGINE)
    return Recipe(variables, secrets, first, _jobs(facts, record, previews="preview" in client_ids))


def _jobs(facts: StackFacts, record: str, *, previews: bool) -> tuple[Job, ...]:
    def run(command: str, options: str = "") -> str:
        return f".venv/bin/orgcal {command} --stack {facts.stack}{options}"

    page = run("report", " --html health.html")
    alerts = (run("alerts send"),) if facts.alert_variables else ()

    verify = run("verify", " --junit report.xml --html report.html")
    rotate = run("rotate", f" --if-expiring-within 30d --record {record}")
    unmade = "" if previews else "; name its subjects with --preview-subject"
    return (
        Job("preview", f"each merge request{unmade}", "preview", (run("ci preview"),)),
        Job("deploy", "what is merged", "deploy", (run("up", " --yes"), verify)),
        Job("look", "nightly: drift, credentials about to expire", "deploy", (run("status"), verify, *alerts, page)),
        Job(
            "rotate", "daily, with the branch checked out and a login that may push to it", "deploy", (rotate, *alerts)
        ),
    )
