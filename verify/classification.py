"""Counts each user once, by the answers in the batches: read, to be asked again, or in one of the classes.

Codes and texts with their sources: 404 `MailboxNotEnabledForRESTAPI` is a user without a mailbox in Exchange Online
(https://learn.microsoft.com/en-us/graph/errors and microsoft-graph-docs-contrib issue 6519); 403 `ErrorAccessDenied` is
either a missing role or a mailbox outside the scope that the customer's Exchange administrator set
(https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orgcal.entra.answers import RETRIED_STATUSES
from orgcal.entra.batch import BatchAnswer, BatchResponse
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import checked_next_link
from orgcal.errors import EntraError, OrgcalError, Unreachable
from verify.batching import Read, ReadQueue
from verify.models import Latencies, Mailbox, MailboxClass, Tally

MAX_CALENDAR_PAGES = 50
"""Of 100 calendars each; more is a circle."""


MAX_UNDECIDED_IN_A_ROW = 400
"""Users for whom Graph had no answer after every attempt, with no other answer between: it is out of order, and each
further user would cost as many attempts. Refusals are answers, and cost no more than a success: they never end a run,
as a policy may leave out thousands of mailboxes before the first that it lets in."""


_NO_MAILBOX = frozenset(
    {
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "resourcenotfound",
        "errorinvaliduser",
        "errornonexistentmailbox",
    }
)
_DELETED = frozenset({"request_resourcenotfound"})
ACCESS_DENIED = frozenset({"erroraccessdenied", "accessdenied"})
"""Exchange's refusals; a refusal of the directory's, or of a proxy, says nothing about a mailbox."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The meaning of one entry of a batch that is no success.

    Attributes:
        retry: worth another try.
        unauthorised: the token was not accepted.
    """

    mailbox_class: MailboxClass
    reason: str
    request_id: str = ""
    retry: bool = False
    unauthorised: bool = False


@dataclass(slots=True)
class ReadingStats:
    """Counts and errors of the reading of one organisation.

    Attributes:
        listed: users listed, each once.
        repeated: users that Graph listed again.
        users_request_id: Graph's, of the last answer about users.
        expected: Graph's own count, which lags behind; None where it gave none.
        requests: requests for users and calendars, without those for tokens.
        unusable: entries of batches that were doubled, unknown or unreadable.
        concurrency: batches in flight at most.
        waited_s: seconds that Graph made us wait.
        listing_error: why listing ended early.
        reading_error: why reading ended early: the token was refused, or the time for waiting is used up.
        listing_complete: every user was listed.
        complete: every user was listed and read, or left out on purpose.
    """

    tally: Tally = field(default_factory=Tally)
    latencies: Latencies = field(default_factory=Latencies)
    listed: int = 0
    repeated: int = 0
    users_request_id: str = ""
    expected: int | None = None
    requests: int = 0
    unusable: int = 0
    retries: int = 0
    concurrency: int = 0
    throttles: int = 0
    waited_s: float = 0.0
    listing_error: OrgcalError | None = None
    reading_error: OrgcalError | None = None
    listing_complete: bool = False
    complete: bool = False


@dataclass(slots=True)
class MailboxClassifier:
    """Turns answers into classes; used by one thread.

    Attributes:
        endpoints: links must lead to its Graph.
        queue: takes reads that have to be repeated.
        attempts: how often one read is tried.
        on_mailbox: called with each user that is done.
    """

    endpoints: CloudEndpoints
    queue: ReadQueue
    stats: ReadingStats
    attempts: int
    on_mailbox: Callable[[Mailbox], None] | None
    _undecided_in_a_row: int = field(default=0, init=False)

    def classify(self, reads: list[Read], answer: BatchAnswer) -> OrgcalError | None:
        """Count the answers to `reads`; the error, where going on makes no sense."""
        self.stats.unusable += answer.unusable
        self.stats.latencies.add(answer.elapsed_s)
        refused: OrgcalError | None = None
        entries = answer.entries if answer.status == 200 else [None] * len(reads)
        for read, entry in zip(reads, entries, strict=True):
            if entry is not None and entry.status == 200:
                self._succeeded(read, entry)
                continue
            refused = self._failed(read, self._reason(answer, entry)) or refused
        return refused

    def done(
        self,
        read: Read,
        mailbox_class: MailboxClass,
        reason: str = "",
        request_id: str = "",
        *,
        undecided: bool = False,
    ) -> None:
        """Count `read` in its class, for good."""
        self._undecided_in_a_row = self._undecided_in_a_row + 1 if undecided else 0
        if mailbox_class is MailboxClass.OK and self.on_mailbox is None:
            self.stats.tally.add_read(read.user_id, read.calendars)
            return
        calendars = read.calendars if mailbox_class is MailboxClass.OK else 0
        mailbox = Mailbox(read.user_id, mailbox_class, calendars, reason, request_id, read.name, undecided)
        self.stats.tally.add(mailbox)
        if self.on_mailbox:
            self.on_mailbox(mailbox)

    def _reason(self, answer: BatchAnswer, entry: BatchResponse | None) -> Answer:
        """Why there is no success for one read: by its own entry, or by the fate of the whole batch."""
        if entry is not None:
            return classify_error(entry.status, entry.body, entry.headers)
        if answer.status == 200:
            return Answer(MailboxClass.FAILED, "no answer in the batch", answer.request_id, retry=True)
        return Answer(
            MailboxClass.FAILED,
            answer.reason,
            answer.request_id,
            retry=answer.status == 0 or answer.throttled,
            unauthorised=answer.status == 401,
        )

    def _succeeded(self, read: Read, entry: BatchResponse) -> None:
        body = entry.body or {}
        values = body.get("value")
        if not isinstance(values, list):
            self._failed(read, Answer(MailboxClass.FAILED, "200 without a list of calendars", retry=True))
            return
        read.calendars += len(values)
        link = body.get("@odata.nextLink")
        if link:
            self._follow(read, str(link))
        else:
            self.done(read, MailboxClass.OK)

    def _follow(self, read: Read, link: str) -> None:
        """Ask for the next page of calendars in a later batch; never two pages of one mailbox at once."""
        base = f"{self.endpoints.graph_url}/v1.0"
        try:
            path = checked_next_link(self.endpoints, link, where="calendars").removeprefix(base)
        except Unreachable:
            self.done(read, MailboxClass.FAILED, "the next page of calendars leads to another host")
            return
        read.pages += 1
        if not path.startswith("/users/") or path == read.path or read.pages >= MAX_CALENDAR_PAGES:
            self.done(read, MailboxClass.FAILED, "the pages of calendars lead nowhere")
            return
        read.path = path
        read.attempts = 0
        self.queue.again(read)

    def _failed(self, read: Read, answer: Answer) -> OrgcalError | None:
        if answer.unauthorised:
            read.refused_tokens += 1
            self.queue.again(read)
            if read.refused_tokens == 1:
                return None
            return EntraError(  # a token fresh from Entra ID was refused too
                "Microsoft Graph does not accept the token",
                where="POST /$batch",
                repair="check the stack's cloud, and the clock of this machine",
            )
        if not answer.retry:
            self.done(read, answer.mailbox_class, answer.reason, answer.request_id)
            return None
        read.attempts += 1
        if read.attempts < self.attempts:
            self.stats.retries += 1
            self.queue.again(read)
            return None
        self.done(read, MailboxClass.FAILED, answer.reason, answer.request_id, undecided=True)
        if self._undecided_in_a_row < MAX_UNDECIDED_IN_A_ROW:
            return None
        return Unreachable(
            f"Microsoft Graph gave no answer for {self._undecided_in_a_row} users in a row ({answer.reason})",
            where="POST /$batch",
            repair="verify again later",
        )


def classify_error(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, Any]) -> Answer:
    """The class of an answer that is not a success; `body` is None unless it is an object."""
    error = (body or {}).get("error")
    error = error if isinstance(error, Mapping) else {}
    code = str(error.get("code") or "")
    reason = f"{status} {code}".strip()[:120]
    request_id = _request_id(error, headers)
    key = code.lower()
    if status in RETRIED_STATUSES:
        return Answer(MailboxClass.FAILED, reason, request_id, retry=True)
    if status == 401:
        return Answer(MailboxClass.FAILED, reason, request_id, unauthorised=True)
    if status == 404 and key in _DELETED:
        return Answer(MailboxClass.DELETED, reason, request_id)
    if status == 404 and key in _NO_MAILBOX:
        return Answer(MailboxClass.NO_MAILBOX, reason, request_id)
    if status == 403 and key in ACCESS_DENIED:
        return Answer(MailboxClass.RESTRICTED, reason, request_id)
    return Answer(MailboxClass.FAILED, reason, request_id)


def _request_id(error: Mapping[str, Any], headers: Mapping[str, Any]) -> str:
    for name, value in headers.items():
        if name.lower() == "request-id":
            return str(value)[:64]
    inner = error.get("innerError") or error.get("innererror")
    return str(inner.get("request-id") or "")[:64] if isinstance(inner, Mapping) else ""
