"""What `orgcal ci setup` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from orgcal.ci.roles import RIGHTS
from orgcal.ci.setup import CiSetupResult


def as_object(outcome: CiSetupResult) -> dict[str, object]:
    """A set-up as one JSON object; nothing of it is secret."""
    return {
        "tenant_id": outcome.made.tenant_id,
        "identities": [asdict(identity) for identity in outcome.made.identities.values()],
        "changes": list(outcome.changes),
        "files": dict(outcome.files),
        "notes": list(outcome.notes),
        "commands": list(outcome.commands),
    }


def as_lines(outcome: CiSetupResult) -> Iterator[str]:
    """A set-up for people: identities and what each right is for, changes, and what is left to a person."""
    for identity in outcome.made.identities.values():
        yield f"{identity.display_name}  client id {identity.client_id}"
        for permission in identity.permissions:
            yield f"  {permission}: it may {RIGHTS[permission]}"
        for subject in identity.subjects:
            yield f"  accepts tokens of {subject}"
    yield from outcome.changes or ("nothing to change",)
    if outcome.notes:
        yield "left to you:"
        yield from (f"  - {note}" for note in outcome.notes)
    if outcome.commands:
        yield "commands:"
        yield from (f"  {command}" for command in outcome.commands)


def generic_lines(outcome: CiSetupResult, stack: str, backend: str, key_variable: str) -> Iterator[str]:
    """What any runner must be told, and what its jobs run."""
    run = f".venv/bin/orgcal {{}} --stack {stack}".format
    yield "variables of a job:"
    yield "  ARM_USE_OIDC=true"
    for identity in outcome.made.identities.values():
        yield f"  ARM_CLIENT_ID={identity.client_id}  # jobs that {identity.role}"
    yield f"  ARM_TENANT_ID={outcome.made.tenant_id}"
    yield "  ARM_OIDC_TOKEN_FILE_PATH=FILE  # with the job's token, audience api://AzureADTokenExchange"
    yield "  # or, where tokens are handed out on request: ARM_OIDC_REQUEST_URL, ARM_OIDC_REQUEST_TOKEN"
    yield f"  PULUMI_BACKEND_URL={backend}"
    yield "secrets of the jobs that deploy:"
    yield "  ORGCAL_REGISTRY_URL=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    if key_variable:
        yield f"  {key_variable}=FILE  # with the platform's API key"
    yield "jobs:"
    yield "  make setup"
    yield f"  {run('ci preview')}  # each merge request, by the identity that previews"
    yield f"  {run('up')}  # what is merged"
    yield f"  {run('verify')} --junit report.xml  # after it, and nightly"
    yield f"  {run('status')}  # nightly: drift, credentials about to expire"
    yield f"  {run('rotate')} --if-expiring-within 30d --record commit  # daily"
