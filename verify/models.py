"""Inputs and results of a verification."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from orgcal.durations import rfc3339
from orgcal.patience import FIRST_PAUSE_S
from orgcal.verdicts import told

if TYPE_CHECKING:
    from orgcal.entra.credentials import Credential
    from orgcal.entra.permissions import CalendarsFrom
    from orgcal.stack.outputs import StackOutputs
    from orgcal.tenants.scope import MailboxScope


class Verdict(enum.StrEnum):
    """How a check ended.

    `fail` means that the organisation or the connector is wrong, `error` that we could not tell: a network that breaks
    is not a customer who revoked. Both end in an exit code other than 0.
    """

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    WARN = "warn"
    SKIP = "skip"
    FAIL = "fail"
    ERROR = "error"

    @property
    def word(self) -> str:
        """The word that people and programs are told."""
        return told(self.value)


class MailboxClass(enum.StrEnum):
    """The result of reading one user's calendars; each user listed is in exactly one of these."""

    OK = "ok"
    NO_MAILBOX = "no_mailbox"
    RESTRICTED = "restricted"
    DELETED = "deleted"
    FAILED = "failed"
    NOT_READ = "not_read"
    """Listed but not asked about: left out by `sample`, or the run ended before."""


MAILBOX_WORDS: Mapping[MailboxClass, str] = {
    MailboxClass.OK: "read",
    MailboxClass.NO_MAILBOX: "without a mailbox",
    MailboxClass.RESTRICTED: "restricted by policy",
    MailboxClass.DELETED: "deleted meanwhile",
    MailboxClass.FAILED: "failed",
    MailboxClass.NOT_READ: "not read",
}

Proof = Literal["connector", "platform", "stack", "given"]
"""What a token proves: the credential read back from the `connector`, a token that the `platform` handed out, the
`stack`'s own copy where the platform shows nothing, or a copy that was `given` in a file or a variable."""

CheckId = Literal[
    "agreement", "expiry", "tenant", "token", "roles", "users", "calendars", "scope", "baseline", "events"
]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        sentence: for a person; without secrets, with users by object id only.
        repair: what to do about it; empty where nothing is to be done.
        tenant_id: the organisation; empty for checks of the connector itself.
        organisation: the organisation's name as the caller knows it.
        evidence: counts, ids of requests, names of permissions; JSON values only.
    """

    check: CheckId
    verdict: Verdict
    sentence: str
    repair: str = ""
    tenant_id: str = ""
    organisation: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {**asdict(self), "verdict": self.verdict.word, "duration_s": round(self.duration_s, 3)}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an earlier run read of an organisation.

    Attributes:
        readable: mailboxes that were read.
        members: of the group that the organisation limits the connector to; None where there is none.
        refusals: names of the rows of `verify.answers.TABLE` that spoke of the others.
        at: when, in UTC; None for what was read now.
    """

    readable: int
    refusals: frozenset[str] = frozenset()
    at: datetime | None = field(default=None, compare=False)
    members: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The measure as a JSON object."""
        at = None if self.at is None else rfc3339(self.at)
        return {"readable": self.readable, "refusals": sorted(self.refusals), "at": at, "members": self.members}


@dataclass(frozen=True, slots=True)
class Target:
    """An organisation to verify.

    Attributes:
        tenant_id: GUID or domain.
        organisation: a name for reports.
        invited: it has not consented yet; skipped unless `Options.strict` or `named`.
        named: the caller asked for this organisation by name, so it is never skipped.
        consent_link: what to send to its administrator, shown as the repair where consent is missing.
        baseline: what an earlier run read; None where nobody knows.
        scope: the mailboxes that it lets the connector read; None where those are all.
    """

    tenant_id: str
    organisation: str = ""
    invited: bool = False
    named: bool = False
    consent_link: str = ""
    baseline: Baseline | None = None
    scope: MailboxScope | None = None


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a credential can be read, never the credential itself: this travels to workers and appears in logs.

    Attributes:
        kind: `platform` reads it back from the connector's settings; `file` and `environment` name a place; `given`
            is `Options.given_credential`, which never leaves the process.
        name: connector key, path, name of a variable, or key.
        settings: of the platform, without secrets.
    """

    kind: Literal["platform", "file", "environment", "given"]
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connector:
    """What is verified.

    Attributes:
        cloud: cloud of the connector, see `orgcal.entra.clouds`.
        client_id: the application (client) id.
        permissions: names of the application permissions that must be effective.
        credential: where its credential is.
        fallback: where it is if the first place cannot tell it.
        name: for reports.
        federated: the platform proves itself with tokens of another issuer, so that there is no credential to read.
        outputs: record of the deployed stack, where there is one; needed to compare connector and application with it.
    """

    cloud: str
    client_id: str
    permissions: tuple[str, ...]
    credential: SecretReference
    fallback: SecretReference | None = None
    name: str = ""
    federated: bool = False
    outputs: StackOutputs | None = field(default=None, repr=False)

    @property
    def calendars(self) -> CalendarsFrom:
        """Where its access to calendars comes from."""
        return self.outputs.calendars if self.outputs is not None else "consented"

    def consent_command(self, tenant: str) -> str:
        """What makes a consent link for an organisation of this connector."""
        return f"orgcal consent link {shlex.quote(tenant)}{self._named_stack}"

    def add_command(self, tenant: str) -> str:
        """What makes an organisation known to this connector's registry."""
        return f"orgcal tenants add {shlex.quote(tenant)}{self._named_stack}"

    def script_command(self, tenant: str) -> str:
        """What prints the steps for an organisation that limits the connector to some mailboxes."""
        return f"orgcal consent script {shlex.quote(tenant)}{self._named_stack}"

    def accept_command(self, tenant: str) -> str:
        """What takes the mailboxes that can be read now as the measure of an organisation."""
        return f"orgcal verify --accept --tenant {shlex.quote(tenant)}{self._named_stack}"

    @property
    def _named_stack(self) -> str:
        stack = self.outputs.stack if self.outputs is not None else "dev"
        return "" if stack == "dev" else f" --stack {stack}"


@dataclass(slots=True)
class Tally:
    """Mailboxes of one organisation by class, with a few examples of failures; its size does not grow with users."""

    counts: dict[MailboxClass, int] = field(default_factory=lambda: dict.fromkeys(MailboxClass, 0))
    calendars: int = 0
    undecided: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)
    readable: list[str] = field(default_factory=list)
    request_ids: dict[str, str] = field(default_factory=dict)
    """Of one refusal for each reason, as Microsoft's support asks for one."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Users who were not read, by the name of their row in `verify.answers.TABLE`."""

    MAX_EXAMPLES = 100
    MAX_READABLE = 3
    MAX_REASONS = 50

    def add(self, mailbox: Mailbox) -> None:
        """Count one mailbox."""
        self.counts[mailbox.mailbox_class] += 1
        self.calendars += mailbox.calendars
        self.undecided += mailbox.undecided
        if mailbox.mailbox_class is MailboxClass.OK:
            self._note_readable(mailbox.user_id)
            return
        if mailbox.refusal:
            self.refusals[mailbox.refusal] = self.refusals.get(mailbox.refusal, 0) + 1
        reason = mailbox.reason or mailbox.mailbox_class.value
        if reason not in self.reasons and len(self.reasons) >= self.MAX_REASONS:
            reason = "other reasons"
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if mailbox.request_id:
            self.request_ids.setdefault(reason, mailbox.request_id)
        if mailbox.mailbox_class is MailboxClass.FAILED and len(self.examples) < self.MAX_EXAMPLES:
            self.examples.append(
                {"user_id": mailbox.user_id, "reason": mailbox.reason, "request_id": mailbox.request_id}
            )

    def add_read(self, user_id: str, calendars: int) -> None:
        """Count one mailbox that was read, when nobody wants to hear of it; nearly all are, so this is quick."""
        self.counts[MailboxClass.OK] += 1
        self.calendars += calendars
        self._note_readable(user_id)

    def _note_readable(self, user_id: str) -> None:
        if len(self.readable) < self.MAX_READABLE:
            self.readable.append(user_id)

    @property
    def total(self) -> int:
        """All mailboxes counted."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The result for one user.

    Attributes:
        calendars: calendars read; 0 unless the class is `ok`.
        reason: Graph's code, or our word for what went wrong.
        request_id: Graph's, for Microsoft's support.
        name: the user principal name, only where `Options.show_users`.
        undecided: it failed because Graph could not answer, which says nothing about the organisation.
        refusal: name of the row in `verify.answers.TABLE` that speaks of the answer.
    """

    user_id: str
    mailbox_class: MailboxClass
    calendars: int = 0
    reason: str = ""
    request_id: str = ""
    name: str = ""
    undecided: bool = False
    refusal: str = ""


class Listener(Protocol):
    """Follows a run while it goes on; methods are called from the threads that read, and must be quick."""

    @property
    def wants_mailboxes(self) -> bool:
        """Whether `mailbox` is to be called; for every user, that costs time."""

    def started(self, target: Target, total: int | None) -> None:
        """Users of `target` are about to be read; `total` is Graph's own count, if it told."""

    def progress(self, target: Target, listed: int, read: int) -> None:
        """So many users were listed, and so many of them read."""

    def mailbox(self, target: Target, mailbox: Mailbox) -> None:
        """One user was read."""

    def finished(self, target: Target) -> None:
        """`target` is done."""


SINGLE_BUDGET_S = 30.0
"""Seconds of waiting that a single request is worth: a probe, or a look at the application."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one organisation is read.

    Attributes:
        fixed: batches in flight at all times; 0 adapts.
        start: batches in flight at first.
        cap: batches in flight at most.
        budget_s: seconds that waiting for throttled or broken requests may take in all.
        attempts: how often one entry of a batch is tried.
        first_pause_s: about the pause before a second try where Graph names none; each is twice the one before.
    """

    fixed: int = 0
    start: int = 8
    cap: int = 64
    budget_s: float = 900.0
    attempts: int = 6
    first_pause_s: float = FIRST_PAUSE_S

    @property
    def single_budget_s(self) -> float:
        """Seconds that waiting for one request beside the reading of calendars may take."""
        return min(SINGLE_BUDGET_S, self.budget_s)


def never() -> bool:
    """A run that nobody stops; a named function, so that `Options` can travel to other processes."""
    return False


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify.

    Attributes:
        environ: the process environment: emulator, proxies, credentials of the operator.
        strict: organisations that are still `invited` fail instead of being skipped.
        sample: read so many users of each organisation, chosen by `seed`; 0 reads all.
        probes: optional checks, such as `events`.
        through_platform: use the access token that the platform hands out.
        show_users: user names may appear in details.
        organisations_at_once: organisations verified at the same time.
        given_credential: the credential that references of kind `given` mean.
        stop: asked often; the run ends early, and says so, once it is true.
        now: the time that lifetimes are compared with.
    """

    connector: Connector
    environ: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    sample: int = 0
    seed: int = 0
    probes: frozenset[str] = frozenset()
    through_platform: bool = False
    show_users: bool = False
    organisations_at_once: int = 16
    pace: Pace = field(default_factory=Pace)
    given_credential: Credential | None = field(default=None, repr=False)
    listener: Listener | None = None
    stop: Callable[[], bool] = never
    now: Callable[[], datetime] = utc_now
