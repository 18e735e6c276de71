"""A set-up, or what one would do, told to people; none of it is secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orgcal.ci.dry_run import SetupPlan
from orgcal.ci.roles import RIGHTS
from orgcal.ci.setup import CiSetupResult

PRINT_MAKES = (
    "--print makes identities in the home tenant and writes the workflow files; only GitHub is left to you "
    "(--dry-run changes nothing anywhere)"
)
DRY_RUN_CHANGES_NOTHING = "a dry run: nothing was changed in the home tenant, on GitHub or in files"


def setup_lines(outcome: CiSetupResult) -> Iterator[str]:
    """A set-up: identities and what each right is for, changes, and what is left to a person."""
    for identity in outcome.made.identities.values():
        yield f"{identity.display_name}  client id {identity.client_id}"
        yield from _rights(identity.permissions)
        for subject in identity.subjects:
            yield f"  accepts tokens of {subject}"
    yield from outcome.changes or ("nothing to change",)
    yield from _listed("left to you:", (f"- {note}" for note in outcome.notes))
    yield from _listed("commands:", outcome.commands)


def plan_lines(planned: SetupPlan) -> Iterator[str]:
    """What a set-up would do."""
    yield DRY_RUN_CHANGES_NOTHING
    yield "identities in the home tenant, without a secret:"
    for identity in planned.identities:
        granted = "; its permissions are granted" if identity.granted else ""
        yield f"  {identity.display_name}  {identity.state}{granted}"
        yield from (f"  {line}" for line in _rights(identity.permissions))
        for trust in identity.federated_credentials:
            yield f"    federated credential {trust.name}: {trust.issuer} {trust.subject}"
    if planned.environments:
        yield "environments on GitHub:"
    for environment in planned.environments:
        guards = [f"branch {environment.branch} alone"] if environment.branch else []
        guards += [f"reviewers {', '.join(environment.reviewers)}"] if environment.reviewers else []
        yield f"  {environment.name}  {environment.state}: {'; '.join([f'it {environment.does}', *guards])}"
        yield f"    variables {', '.join(environment.variables)}"
        if environment.secrets:
            yield f"    secrets {', '.join(environment.secrets)}"
    if planned.files:
        yield "files:"
    yield from (f"  {name}  {state}" for name, state in planned.files.items())
    yield from _listed("notes:", (f"- {note}" for note in planned.notes))
    yield from _listed("commands for you afterwards:", planned.commands)


def _rights(permissions: Sequence[str]) -> Iterator[str]:
    yield from (f"  {permission}: it may {RIGHTS[permission]}" for permission in permissions)


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines below their title; nothing where there is none."""
    for number, line in enumerate(lines):
        if number == 0:
            yield title
        yield f"  {line}"
