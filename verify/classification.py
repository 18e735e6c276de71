"""Counts each user once, by the answers in the batches: read, to be asked again, or in one of the classes.

What an answer means is decided by `verify.answers.TABLE`. A refusal that speaks of the whole organisation, or of us,
but comes as the answer to one mailbox, is only believed where no mailbox shows the contrary: such reads are kept aside
until another one is answered (then they are those mailboxes' own), or until so many agree that nobody else need be
asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orgcal.entra.answers import retry_after_s, shorten
from orgcal.entra.batch import BatchAnswer, BatchResponse
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import checked_next_link
from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.patience import backoff_s
from verify.answers import Again, Fault, Place, Rule, rule_of
from verify.batching import Read, ReadQueue
from verify.latencies import Latencies
from verify.models import Mailbox, MailboxClass, Pace, Tally

MAX_CALENDAR_PAGES = 50
"""Of 100 calendars each; more is a circle."""


MAX_UNDECIDED_IN_A_ROW = 400
"""Users for whom Graph had no answer after every attempt, with no other answer between: it is out of order, and each
further user would cost as many attempts. Refusals are answers, and cost no more than a success: they never end a run,
as a policy may leave out thousands of mailboxes before the first that it lets in."""

MAX_ASIDE = 200
"""Users whose answers all speak against the organisation as a whole, with no other answer: ten batches agree. What may
be a mailbox's own (a token that is refused) ends nothing, and no more of them are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The meaning of one entry of a batch that is no success.

    Attributes:
        reason: status and code, or our word for what went wrong.
        retry_after_s: the wait that Graph asked for; None if it asked for none.
        whole: it is the fate of the whole batch.
    """

    rule: Rule
    reason: str
    status: int = 0
    code: str = ""
    request_id: str = ""
    retry_after_s: float | None = None
    whole: bool = False


@dataclass(slots=True)
class ReadingStats:
    """Counts and errors of the reading of one organisation.

    Attributes:
        listed: users listed, each once.
        repeated: users that Graph listed again.
        relisted: times that the listing began anew, as a link to a further page had expired.
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
    relisted: int = 0
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
        pace: how often, and for how long, one read is tried.
        on_mailbox: called with each user that is done.
        now: monotonic seconds.
    """

    endpoints: CloudEndpoints
    queue: ReadQueue
    stats: ReadingStats
    pace: Pace
    on_mailbox: Callable[[Mailbox], None] | None
    now: Callable[[], float] = time.monotonic
    _undecided_in_a_row: int = field(default=0, init=False)
    _accepted: bool = field(default=False, init=False)
    """Some mailbox was answered, or refused for its own sake: Graph knows the application and accepts the token."""
    _answered: bool = field(default=False, init=False)
    """Exchange spoke of a mailbox's content or policy: the organisation has Exchange Online."""
    _aside: list[tuple[Read, Answer]] = field(default_factory=list, init=False)

    def classify(self, reads: list[Read], answer: BatchAnswer) -> OrgcalError | None:
        """Count the answers to `reads`; the error, where going on makes no sense."""
        self.stats.unusable += answer.unusable
        self.stats.latencies.add(answer.elapsed_s)
        ended: OrgcalError | None = None
        entries = answer.entries if answer.status == 200 else [None] * len(reads)
        for read, entry in zip(reads, entries, strict=True):
            if entry is not None and entry.status == 200:
                failed = self._succeeded(read, entry)
            else:
                failed = self._failed(read, self._meaning(answer, entry))
            ended = failed or ended
        return ended

    def done(
        self,
        read: Read,
        mailbox_class: MailboxClass,
        reason: str = "",
        request_id: str = "",
        *,
        rule: Rule | None = None,
    ) -> None:
        """Count `read` in its class, for good; `rule` is the row that speaks of the answer."""
        if mailbox_class is MailboxClass.OK and self.on_mailbox is None:
            self._undecided_in_a_row = 0
            self.stats.tally.add_read(read.user_id, read.calendars)
            return
        undecided = rule is not None and _is_undecided(rule)
        self._undecided_in_a_row = self._undecided_in_a_row + 1 if undecided else 0
        calendars = read.calendars if mailbox_class is MailboxClass.OK else 0
        refusal = "" if rule is None else rule.name
        mailbox = Mailbox(read.user_id, mailbox_class, calendars, reason, request_id, read.name, undecided, refusal)
        self.stats.tally.add(mailbox)
        if self.on_mailbox:
            self.on_mailbox(mailbox)

    def settle(self) -> OrgcalError | None:
        """Count the reads that are still kept aside, as no mailbox shows the contrary; the error that they agree on."""
        aside, self._aside = self._aside, []
        error: OrgcalError | None = None
        for read, answer in aside:
            error = error or _whole(answer)
            self.done(read, MailboxClass.NOT_READ, answer.reason, answer.request_id)
        return error

    def _meaning(self, answer: BatchAnswer, entry: BatchResponse | None) -> Answer:
        """Why there is no success for one read: by its own entry, or by the fate of the whole batch."""
        if entry is not None:
            found = entry_answer(*entry)  # Exchange's errors often have no id of their own
            return found if found.request_id else replace(found, request_id=answer.request_id)
        if answer.status == 200:
            return Answer(rule_of(Place.ENTRY, 0), "no answer in the batch", request_id=answer.request_id)
        rule = rule_of(Place.BATCH, answer.status, answer.code, answer.reason)
        pause_s = 0.0 if answer.throttled else None  # then the gate waits, so that no read need wait on its own
        return Answer(rule, answer.reason, answer.status, answer.code, answer.request_id, pause_s, whole=True)

    def _succeeded(self, read: Read, entry: BatchResponse) -> OrgcalError | None:
        body = entry.body or {}
        values = body.get("value")
        if not isinstance(values, list) or not all(type(item) is dict and "id" in item for item in values):
            return self._failed(read, Answer(rule_of(Place.ENTRY, 0), "200 without a list of calendars"))
        if not self._answered:
            self._heard(of_exchange=True)
        read.calendars += len(values)
        link = body.get("@odata.nextLink")
        if link:
            self._follow(read, str(link))
        else:
            self.done(read, MailboxClass.OK)
        return None

    def _follow(self, read: Read, link: str) -> None:
        """Ask for the next page of calendars in a later batch; never two pages of one mailbox at once."""
        base = f"{self.endpoints.graph_url}/v1.0"
        try:
            path = checked_next_link(self.endpoints, link, where="calendars").removeprefix(base)
        except Unreachable:
            self._nowhere(read, "the next page of calendars leads to another host")
            return
        read.pages += 1
        if not path.startswith("/users/") or path == read.path or read.pages >= MAX_CALENDAR_PAGES:
            self._nowhere(read, "the pages of calendars lead nowhere")
            return
        read.path = path
        read.attempts = 0
        self.queue.again(read)

    def _nowhere(self, read: Read, reason: str) -> None:
        self.done(read, MailboxClass.FAILED, reason, rule=rule_of(Place.ENTRY, 0))

    def _failed(self, read: Read, answer: Answer) -> OrgcalError | None:
        """Repeat the read, give it up, or tell why reading ends."""
        rule = answer.rule
        if rule.again is Again.TOKEN:
            read.refused_tokens += 1
            if read.refused_tokens == 1:
                self.queue.again(read)
                return None
        elif rule.again in (Again.PAUSE, Again.TOKEN_AND_PAUSE) and self._repeated(read, answer):
            return None
        if answer.whole and (_speaks_for_all(rule) or rule.again is Again.TOKEN_AND_PAUSE):
            self.queue.again(read)  # it was not read
            return _whole(answer)
        if not answer.whole and _speaks_for_all(rule) and not self._contradicted(rule):
            return self._set_aside(read, answer)
        if not answer.whole and not _speaks_for_all(rule) and not _is_undecided(rule):
            self._heard(of_exchange=rule.mailbox_class is MailboxClass.RESTRICTED)
        self._give_up(read, answer)
        if self._undecided_in_a_row < MAX_UNDECIDED_IN_A_ROW:
            return None
        return Unreachable(
            f"Microsoft Graph gave no answer for {self._undecided_in_a_row} users in a row ({answer.reason})",
            where="POST /$batch",
            repair="verify again later",
        )

    def _repeated(self, read: Read, answer: Answer) -> bool:
        """Whether the read will be tried once more, after a pause of its own."""
        read.attempts += 1
        asked = answer.retry_after_s
        pause_s = backoff_s(read.attempts, first_s=self.pace.first_pause_s) if asked is None else asked
        if read.attempts >= self.pace.attempts or read.waited_s + pause_s > self.pace.budget_s:
            return False
        read.waited_s += pause_s
        self.stats.retries += 1
        self.queue.again(read, self.now() + pause_s if pause_s else 0.0)
        return True

    def _set_aside(self, read: Read, answer: Answer) -> OrgcalError | None:
        """Keep a read until it is known whether its refusal is the mailbox's own; the error, where so many agree."""
        if len(self._aside) < MAX_ASIDE:
            self._aside.append((read, answer))
            return None
        if answer.rule.fault is Fault.MAILBOX:  # the next user may show that it is: going on costs little
            self._give_up(read, answer)
            return None
        self.queue.again(read)
        return self.settle()

    def _give_up(self, read: Read, answer: Answer) -> None:
        self.done(read, answer.rule.mailbox_class, answer.reason, answer.request_id, rule=answer.rule)

    def _contradicted(self, rule: Rule) -> bool:
        """Whether another mailbox's answer shows that a refusal for all is only this mailbox's."""
        return self._answered if rule.fault is Fault.ORGANISATION else self._accepted

    def _heard(self, *, of_exchange: bool) -> None:
        """A mailbox was answered for its own sake, so that what was kept aside may be those mailboxes' own."""
        if self._answered:
            return
        self._accepted = True
        self._answered = of_exchange
        kept = [item for item in self._aside if not self._contradicted(item[1].rule)]
        own = [item for item in self._aside if self._contradicted(item[1].rule)]
        self._aside = kept
        for read, answer in own:
            self._give_up(read, answer)


def entry_answer(status: int, headers: Mapping[str, Any], body: Mapping[str, Any] | None) -> Answer:
    """The meaning of an entry that is not a success; `body` is None unless it is an object."""
    error = (body or {}).get("error")
    error = error if isinstance(error, Mapping) else {}
    code = shorten(str(error.get("code") or ""), 120)
    rule = rule_of(Place.ENTRY, status, code, str(error.get("message"))[:1000])
    # A limit of requests concerns all of them: the gate waits for it, and this read need not wait on its own.
    asked = 0.0 if status == 429 else retry_after_s(headers)
    reason = f"{status} {code}".strip()[:120]
    return Answer(rule, reason, status, code, _request_id(error, headers), asked)


def needs_token(answer: BatchAnswer) -> bool:
    """Whether something in a batch is to be asked again with a new token; not where its own was accepted."""
    if answer.status != 200:
        return _with_token(rule_of(Place.BATCH, answer.status, answer.code, answer.reason))
    entries = [entry for entry in answer.entries if entry is not None]
    if any(entry.status in (200, 404) for entry in entries):
        return False
    return any(_with_token(entry_answer(*entry).rule) for entry in entries if entry.status in (401, 403))


def _with_token(rule: Rule) -> bool:
    return rule.again in (Again.TOKEN, Again.TOKEN_AND_PAUSE)


def _is_undecided(rule: Rule) -> bool:
    """Whether a read that ends so says nothing about the organisation: every attempt ended without an answer."""
    return rule.fault is Fault.UNDECIDED or rule.again is Again.PAUSE


def _speaks_for_all(rule: Rule) -> bool:
    """Whether an answer speaks of the organisation, or of us, or may do so (a token that one mailbox refuses)."""
    return rule.fault in (Fault.ORGANISATION, Fault.CONNECTOR) or _with_token(rule)


def _whole(answer: Answer) -> GraphError:
    """The error of an organisation of which no mailbox was answered."""
    rule = answer.rule
    if rule.fault is Fault.MAILBOX:
        rule = rule_of(Place.BATCH, answer.status, answer.code)
    return GraphError(
        f"{rule.sentence or 'Microsoft Graph refuses'} ({answer.reason})",
        status=answer.status,
        code=answer.code,
        request_id=answer.request_id,
        where="POST /$batch",
        repair=rule.repair,
    )


def _request_id(error: Mapping[str, Any], headers: Mapping[str, Any]) -> str:
    for name, value in headers.items():
        if name.lower() == "request-id":
            return shorten(str(value), 64)
    inner = error.get("innerError") or error.get("innererror")
    if not isinstance(inner, Mapping):
        return ""
    return shorten(str(inner.get("request-id") or inner.get("requestId") or ""), 64)
