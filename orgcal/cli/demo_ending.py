"""How a demo ended: by its own two organisations and the connector, whatever else the user has added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orgcal.tenants.model import State, Tenant
from verify.models import CheckResult, Verdict
from verify.summary import Summary


@dataclass(frozen=True, slots=True)
class Invited:
    """The organisation that the demo only invites.

    Attributes:
        tenant: as the registry knows it after a look at what is true.
        link: to send to its administrator; empty where it has consented.
        declined: whether its administrator's last answer was no.
    """

    tenant: Tenant
    link: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended.

    Attributes:
        reasons: why it did not end as it should, each a sentence with its repair; empty if it did.
        told: what failed in organisations that the user added. They may be in any state, so they do not decide.
        text: what was proved, or that it was not.
    """

    reasons: tuple[str, ...]
    told: tuple[str, ...]
    text: str

    @property
    def well(self) -> bool:
        """Whether it ended as a demo should."""
        return not self.reasons


def judge_ending(summary: Summary, *, proven: Tenant, second: Tenant, consented: bool) -> Ending:
    """How the demo ended.

    Args:
        summary: of the verification.
        proven: the organisation that the demo lets consent.
        second: the one that is invited, and that the user may have let consent.
        consented: whether a fresh token has just said that it did.
    """
    own = [proven, second] if consented else [proven]
    reasons = [*_failed(summary.deployment.values())]
    for tenant in own:
        reasons += _unread(summary, tenant)
    theirs = {proven.tenant_id, second.tenant_id}
    others = (found for tenant_id, found in summary.organisations.items() if tenant_id not in theirs)
    told = [line for found in others for line in _failed(found.results.values())]
    text = "the demo did not end as it should" if reasons else _proved(proven, second, consented)
    return Ending(tuple(reasons), tuple(told), text)


def _proved(proven: Tenant, second: Tenant, consented: bool) -> str:
    if consented:
        return f"{proven.name} and {second.name} can be read"
    left = "is waiting for its administrator" if second.state is State.INVITED else "has to consent again"
    return f"{proven.name} can be read; {second.name} {left}"


def _unread(summary: Summary, tenant: Tenant) -> Iterator[str]:
    """Why an organisation was not read as it should; nothing if it was."""
    found = summary.organisations.get(tenant.tenant_id)
    failed = list(_failed(found.results.values())) if found is not None else []
    if not failed and not (found is not None and found.users and found.calendars):
        yield f"{tenant.name}: no user or no calendar was read\n  repair: orgcal verify --tenant {tenant.tenant_id}"
    yield from failed


def _failed(results: Iterable[CheckResult]) -> Iterator[str]:
    """A sentence for each check that failed or could not be decided, as every error of ours is told."""
    for item in results:
        if item.verdict in (Verdict.FAIL, Verdict.ERROR):
            repair = f"\n  repair: {item.repair}" if item.repair else ""
            yield f"{item.organisation or 'connector'}, {item.check}: {item.sentence}{repair}"
