"""The whole run in a few numbers, and the exit code that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from verify.models import CheckResult, MailboxClass, Verdict

ALL_PASS, FAILED, AUTHENTICATION, NOTHING_CHECKED, INTERRUPTED = 0, 1, 4, 5, 130


@dataclass(slots=True)
class OrganisationSummary:
    """One organisation: its results by check, and its worst verdict."""

    tenant_id: str
    organisation: str
    results: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its checks."""
        return worst(result.verdict for result in self.results.values())

    @property
    def checked(self) -> bool:
        """It was not left out."""
        return any(result.verdict is not Verdict.SKIP for result in self.results.values())

    @property
    def refused(self) -> bool:
        """There was no token, or no such tenant: authentication or consent failed."""
        return any(
            check in self.results and self.results[check].verdict is Verdict.FAIL for check in ("tenant", "token")
        )

    @property
    def nobody(self) -> bool:
        """Listing worked, and there is no user."""
        return "users" in self.results and bool(self.results["users"].evidence.get("nobody"))

    @property
    def users(self) -> int:
        """Users listed."""
        return int(self.results["users"].evidence.get("listed") or 0) if "users" in self.results else 0

    @property
    def calendars(self) -> int:
        """Calendars read."""
        return int(self.results["calendars"].evidence.get("calendars") or 0) if "calendars" in self.results else 0

    @property
    def mailboxes(self) -> dict[MailboxClass, int]:
        """Users by class."""
        found: dict[str, int] = {}
        if "calendars" in self.results:
            found = self.results["calendars"].evidence.get("mailboxes") or {}
        return {mailbox_class: int(found.get(mailbox_class.value, 0)) for mailbox_class in MailboxClass}


@dataclass(slots=True)
class Summary:
    """A run, folded result by result.

    Attributes:
        complete: nobody interrupted the run.
    """

    deployment: dict[str, CheckResult] = field(default_factory=dict)
    organisations: dict[str, OrganisationSummary] = field(default_factory=dict)
    complete: bool = True

    def add(self, result: CheckResult) -> None:
        """Take one more result."""
        if not result.tenant_id:
            self.deployment[result.check] = result
            return
        organisation = self.organisations.setdefault(
            result.tenant_id, OrganisationSummary(result.tenant_id, result.organisation)
        )
        organisation.results[result.check] = result

    @property
    def results(self) -> list[CheckResult]:
        """All results: the connector's, then organisation by organisation."""
        return [
            *self.deployment.values(),
            *(result for organisation in self.organisations.values() for result in organisation.results.values()),
        ]

    @property
    def exit_code(self) -> int:
        """See `exit_code`."""
        return exit_code(self)

    def as_json(self) -> dict[str, Any]:
        """The run as one JSON object."""
        return {
            "schema_version": 1,
            "complete": self.complete,
            "exit_code": self.exit_code,
            "deployment": [result.as_json() for result in self.deployment.values()],
            "organisations": [
                {
                    "tenant_id": organisation.tenant_id,
                    "organisation": organisation.organisation,
                    "verdict": organisation.verdict.value,
                    "users": organisation.users,
                    "calendars": organisation.calendars,
                    "mailboxes": {key.value: count for key, count in organisation.mailboxes.items()},
                    "checks": [result.as_json() for result in organisation.results.values()],
                }
                for organisation in self.organisations.values()
            ],
        }


def exit_code(summary: Summary) -> int:
    """0 all pass; 1 a check failed or could not be decided; 4 authentication or consent failed for every organisation;
    5 nothing was checked: no organisation, or no user in any; 130 interrupted."""
    if not summary.complete:
        return INTERRUPTED
    checked = [organisation for organisation in summary.organisations.values() if organisation.checked]
    if not checked:
        return NOTHING_CHECKED
    if all(organisation.refused for organisation in checked):
        return AUTHENTICATION
    bad = [result for result in summary.results if result.verdict in (Verdict.FAIL, Verdict.ERROR)]
    if not bad:
        return ALL_PASS
    nobody = all(organisation.nobody for organisation in checked)
    return NOTHING_CHECKED if nobody and {result.check for result in bad} <= {"users", "calendars"} else FAILED


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`: fail, error, warn, pass, skip; skip for none."""
    order = [Verdict.FAIL, Verdict.ERROR, Verdict.WARN, Verdict.PASS]
    found = set(verdicts)
    return next((verdict for verdict in order if verdict in found), Verdict.SKIP)
