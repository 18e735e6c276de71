"""The whole run in a few numbers, and the exit code that follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orgcal.entra.exchange_roles import LAG_WORDS
from orgcal.printable import counted
from verify.models import CheckResult, MailboxClass, Proof, Verdict
from verify.run_description import RunDescription

WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.WARN, Verdict.PASS, Verdict.SKIP)
ALL_PASS, FAILED, AUTHENTICATION, NOTHING_CHECKED, INTERRUPTED = 0, 1, 4, 5, 130


@dataclass(slots=True)
class OrganisationSummary:
    """One organisation: its results by check, and its worst verdict.

    Attributes:
        since: when it began to be well, or not well, as the history of the registry knows it; None where nobody knows.
    """

    tenant_id: str
    organisation: str
    results: dict[str, CheckResult] = field(default_factory=dict)
    since: datetime | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its checks."""
        return worst(result.verdict for result in self.results.values())

    @property
    def worst(self) -> CheckResult | None:
        """The result that its verdict comes from; None without a result."""
        return min(self.results.values(), key=lambda result: WORST_FIRST.index(result.verdict), default=None)

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
        return bool(self._evidence("users").get("nobody"))

    @property
    def waiting(self) -> bool:
        """Changes of Exchange are still on their way, so that no mailbox could be read yet."""
        return bool(self._evidence("scope").get("waiting"))

    @property
    def read(self) -> bool:
        """Users were listed, or found not to exist; otherwise numbers are 0 because nobody could look."""
        return self.users > 0 or self.nobody

    @property
    def proof(self) -> Proof | None:
        """What its token proves; None where there was none."""
        return self._evidence("token").get("proof")

    @property
    def users(self) -> int:
        """Users listed."""
        return int(self._evidence("users").get("listed") or 0)

    @property
    def calendars(self) -> int:
        """Calendars read."""
        return int(self._evidence("calendars").get("calendars") or 0)

    @property
    def mailboxes(self) -> dict[MailboxClass, int]:
        """Users by class."""
        counts: dict[str, int] = self._evidence("calendars").get("mailboxes") or {}
        return {mailbox_class: int(counts.get(mailbox_class.value, 0)) for mailbox_class in MailboxClass}

    def numbers(self, *classes: MailboxClass) -> list[int] | list[None]:
        """Users, calendars, and the mailboxes of `classes`, for a row of a table; each None where nobody looked."""
        if not self.read:
            return [None] * (2 + len(classes))
        return [self.users, self.calendars, *(self.mailboxes[mailbox_class] for mailbox_class in classes)]

    def as_json(self) -> dict[str, Any]:
        """The organisation as a JSON object; null stands for what nobody looked at."""
        return {
            "tenant_id": self.tenant_id,
            "organisation": self.organisation,
            "verdict": self.verdict.word,
            "proof": self.proof,
            "users": self.users if self.read else None,
            "calendars": self.calendars if self.read else None,
            "mailboxes": self.mailboxes if self.read else None,
            "checks": [result.as_json() for result in self.results.values()],
        }

    def _evidence(self, check: str) -> Mapping[str, Any]:
        return self.results[check].evidence if check in self.results else {}


@dataclass(slots=True)
class Summary:
    """A run, folded result by result.

    Attributes:
        complete: nobody interrupted the run.
        run: what the run is about; None where nobody told.
        duration_s: of the run, once it is over.
    """

    deployment: dict[str, CheckResult] = field(default_factory=dict)
    organisations: dict[str, OrganisationSummary] = field(default_factory=dict)
    complete: bool = True
    run: RunDescription | None = None
    duration_s: float = 0.0

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

    def as_json(self) -> dict[str, Any]:
        """The run as one JSON object."""
        return {
            "schema_version": 1,
            "ok": exit_code(self) == ALL_PASS,
            "run": self.run and {**self.run.as_json(), "duration_s": round(self.duration_s, 3)},
            "complete": self.complete,
            "exit_code": exit_code(self),
            "deployment": [result.as_json() for result in self.deployment.values()],
            "organisations": [organisation.as_json() for organisation in self.organisations.values()],
        }


def exit_code(summary: Summary) -> int:
    """The exit code of a run.

    0 all pass; 1 a check failed or could not be decided; 4 authentication or consent failed for every organisation;
    5 nothing was checked: no organisation, no user in any, or Exchange is still waited for in each; 130 interrupted.
    """
    if not summary.complete:
        return INTERRUPTED
    checked = [organisation for organisation in summary.organisations.values() if organisation.checked]
    if not checked:
        return NOTHING_CHECKED
    if all(organisation.refused for organisation in checked):
        return AUTHENTICATION
    bad = [result for result in summary.results if result.verdict in (Verdict.FAIL, Verdict.ERROR)]
    if not bad:
        return NOTHING_CHECKED if all(organisation.waiting for organisation in checked) else ALL_PASS
    nobody = all(organisation.nobody for organisation in checked)
    return NOTHING_CHECKED if nobody and {result.check for result in bad} <= {"users", "calendars"} else FAILED


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; skip for none."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.SKIP)


CONCLUSIONS: Mapping[int, str] = {
    ALL_PASS: "all checks passed",
    FAILED: "a check failed or could not be decided",
    AUTHENTICATION: "authentication or consent failed for every organisation",
    NOTHING_CHECKED: "nothing was checked",
    INTERRUPTED: "interrupted; this is what was found so far",
}

PROOFS: Mapping[Proof, str] = {
    "connector": "the connector's own credential",
    "platform": "a token of the platform",
    "stack": "the stack's copy of the credential",
    "given": "the credential given",
}
"""What a token proves, in words for a column."""


def conclusion_verdict(summary: Summary) -> Verdict:
    """The tone of the conclusion: `pass` where every check passed, `warn` where some did and none failed."""
    if exit_code(summary) != ALL_PASS:
        return Verdict.FAIL
    passed = all(result.verdict is Verdict.PASS for result in summary.results)
    return Verdict.PASS if passed else Verdict.WARN


def conclusion(summary: Summary) -> str:
    """The last sentence of a report; a proof that is weaker than it could look is named in it."""
    code = exit_code(summary)
    text = CONCLUSIONS[code]
    if code == NOTHING_CHECKED:
        return f"{text}: {_why_nothing(summary)}"
    if code == FAILED:
        return f"{_counted(summary)}; {text}"
    if code != ALL_PASS:
        return text
    if conclusion_verdict(summary) is not Verdict.PASS:
        text = _counted(summary)
    weaker = sum(organisation.proof == "stack" for organisation in summary.organisations.values())
    if not weaker:
        return text
    proved = (
        f"by the stack's copy of the credential ({weaker} of {counted(len(summary.organisations), 'organisation')})"
    )
    return f"{text}, {proved}: the platform does not show the connector's own"


def _counted(summary: Summary) -> str:
    """How the organisations ended, by number: "2 of 3 organisations verified, 1 waits for consent"."""
    organisations = summary.organisations.values()
    verdicts = Counter(organisation.verdict for organisation in organisations)
    verified = verdicts[Verdict.PASS] + verdicts[Verdict.WARN]
    warned, waiting = verdicts[Verdict.WARN], verdicts[Verdict.SKIP]
    parts = [f"{verified} of {counted(len(organisations), 'organisation')} verified"]
    if warned:
        parts[0] += f" ({warned} with a warning)"
    if verdicts[Verdict.FAIL]:
        parts.append(f"{verdicts[Verdict.FAIL]} failed")
    if verdicts[Verdict.ERROR]:
        parts.append(f"{verdicts[Verdict.ERROR]} could not be decided")
    if waiting:
        parts.append(f"{waiting} wait{'s' if waiting == 1 else ''} for consent")
    connector = worst(result.verdict for result in summary.deployment.values())
    words = {Verdict.WARN: "the connector with a warning", Verdict.FAIL: "the connector failed"}
    words[Verdict.ERROR] = "the connector could not be decided"
    if connector in words:
        parts.append(words[connector])
    return ", ".join(parts)


def _why_nothing(summary: Summary) -> str:
    if not summary.organisations:
        return "no organisation is known; add one with orgcal tenants add, or name it with --tenant"
    if not any(organisation.checked for organisation in summary.organisations.values()):
        return "no organisation has consented yet"
    if any(organisation.waiting for organisation in summary.organisations.values()):
        return f"no mailbox is open yet; {LAG_WORDS}"
    return "no organisation has a user"
