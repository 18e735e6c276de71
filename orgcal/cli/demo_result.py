"""The result of a demo: by its own two organisations and the connector, whatever else the user has added."""

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
class DemoResult:
    """The result of a demo.

    Attributes:
        reasons: why it failed, each a sentence with its repair; empty if it did not.
        others: what failed in organisations that the user added. They may be in any state, so they do not decide.
        text: what was proved, or that it was not.
    """

    reasons: tuple[str, ...]
    others: tuple[str, ...]
    text: str

    @property
    def ok(self) -> bool:
        """Whether it did what a demo should."""
        return not self.reasons


def judge_demo(
    summary: Summary, *, proven: Tenant, second: Tenant, consented: bool, limited: Tenant | None = None
) -> DemoResult:
    """The result of the demo.

    Args:
        proven: the organisation that the demo lets consent.
        second: the one that is invited, and that the user may have let consent.
        consented: whether a fresh token has just proved that it did.
        limited: the one that limits the connector to some mailboxes; None where the demo has none.
    """
    own = [proven, *([second] if consented else []), *([limited] if limited is not None else [])]
    reasons = [*_failed(summary.deployment.values())]
    for tenant in own:
        reasons += _unread(summary, tenant)
    of_the_demo = {proven.tenant_id, second.tenant_id, *([limited.tenant_id] if limited is not None else [])}
    theirs = [item for tenant_id, item in summary.organisations.items() if tenant_id not in of_the_demo]
    others = [line for item in theirs for line in _failed(item.results.values())]
    text = "the demo did not end as it should" if reasons else _proved(proven, second, consented)
    if limited is not None and not reasons:
        text += f"; {limited.label} is limited to some mailboxes, and to no others"
    return DemoResult(tuple(reasons), tuple(others), text)


def _proved(proven: Tenant, second: Tenant, consented: bool) -> str:
    if consented:
        return f"{proven.label} and {second.label} can be read"
    left = "is waiting for its administrator" if second.state is State.INVITED else "has to consent again"
    return f"{proven.label} can be read; {second.label} {left}"


def _unread(summary: Summary, tenant: Tenant) -> Iterator[str]:
    """Why an organisation was not read as it should; nothing if it was."""
    read = summary.organisations.get(tenant.tenant_id)
    failed = list(_failed(read.results.values())) if read is not None else []
    if not failed and not (read is not None and read.users and read.calendars):
        yield f"{tenant.label}: no user or no calendar was read\n  repair: orgcal verify --tenant {tenant.tenant_id}"
    yield from failed


def _failed(results: Iterable[CheckResult]) -> Iterator[str]:
    """A sentence for each check that failed or could not be decided, as every error of ours is told."""
    for item in results:
        if item.verdict in (Verdict.FAIL, Verdict.ERROR):
            repair = f"\n  repair: {item.repair}" if item.repair else ""
            yield f"{item.organisation or 'connector'}, {item.check}: {item.sentence}{repair}"
