"""Reads the calendars of every user of one organisation: the engine.

One thread lists users, some carry batches of 20 reads, and one, the caller's, decides: it packs batches (`batching`),
keeps as many in flight as the window allows (`concurrency`), and counts each user once (`classification`). The others
only send and parse. Memory does not grow with the number of users.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orgcal.entra.auth import Tokens
from orgcal.entra.batch import BatchAnswer, BatchSender
from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import OrgcalError, Unreachable
from orgcal.patience import backoff_s
from verify.batching import Read, ReadQueue, User
from verify.classification import MailboxClassifier, ReadingStats, needs_token
from verify.concurrency import NEARLY_THROTTLED, THROTTLED, UNANSWERED, Gate, Window
from verify.listing import LOW_PRIORITY, Stopped, UserPages
from verify.models import Listener, Mailbox, MailboxClass, Pace, Target

if TYPE_CHECKING:
    import requests

    from verify.context import RunContext

PAGES_AHEAD = 8
"""Pages of users that may wait to be read."""

RENEWED_AFTER_S = 5.0
"""Seconds between two new tokens of one reading."""

STOP_HEARD_S = 0.25
"""Seconds after which a reading whose reads all pause asks whether it was stopped."""


@dataclass(slots=True)
class _Listed:
    """A page of users; None says that it was the last, with the error that ended listing early."""

    page: list[User] | None
    error: OrgcalError | None = None


@dataclass(slots=True)
class _Counted:
    """Graph's own count of users."""

    count: int | None


@dataclass(slots=True)
class _Throttled:
    """Listing met a limit, or nearly."""


@dataclass(slots=True)
class _Answered:
    """A batch came back; without an answer where it was not sent, and with the reason if that was an error."""

    reads: list[Read]
    answer: BatchAnswer | None
    error: OrgcalError | None = None


def _heard(
    listener: Callable[[Mailbox], None] | None, other: Callable[[Mailbox], None] | None
) -> Callable[[Mailbox], None] | None:
    """What is called with each mailbox; None where nobody wants to hear of them."""
    if listener is None or other is None:
        return listener or other

    def tell(mailbox: Mailbox) -> None:
        listener(mailbox)
        other(mailbox)

    return tell


def _own_pool(pace: Pace) -> ThreadPoolExecutor:
    return ThreadPoolExecutor((pace.fixed or pace.cap) + 2, thread_name_prefix="verify")


_Event = _Listed | _Counted | _Throttled | _Answered | Exception


class Reading:
    """Reads one organisation; use `run` once.

    Args:
        session: its pool should hold two connections more than `pace` allows batches.
        sample: read so many users, chosen by `seed`; 0 reads all.
        with_names: ask for user principal names too.
        stopped: true ends the reading early.
        connections: of all organisations that are read at the same time: counts their batches in flight, and lends
            threads; a reading without has its own.
        on_mailbox: called with each user that is done, in one thread; costs time for every user.
    """

    def __init__(
        self,
        target: Target,
        endpoints: CloudEndpoints,
        tokens: Tokens,
        session: requests.Session,
        *,
        pace: Pace | None = None,
        sample: int = 0,
        seed: int = 0,
        with_names: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        listener: Listener | None = None,
        connections: RunContext | None = None,
        on_mailbox: Callable[[Mailbox], None] | None = None,
    ) -> None:
        self._tokens = tokens
        self._pace = pace = pace or Pace()
        self._target = target
        self._listener = listener
        heard = _heard(partial(listener.mailbox, target) if listener and listener.wants_mailboxes else None, on_mailbox)
        self._abandoned = threading.Event()
        self._gate = Gate(pace.budget_s, lambda: self._abandoned.is_set() or stopped())
        self._window = Window(pace)
        self._connections = connections
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._users = UserPages(
            endpoints,
            tokens,
            session,
            self._gate,
            with_names=with_names,
            pace=pace,
            throttled=lambda: self._events.put(_Throttled()),
        )
        self._pages_allowed = threading.Semaphore(PAGES_AHEAD)
        self._stats = ReadingStats()
        self._queue = ReadQueue(self._pages_allowed.release, sample=sample, seed=seed)
        self._classifier = MailboxClassifier(endpoints, self._queue, self._stats, pace, heard)
        self._sender = BatchSender(session, f"{endpoints.graph_url}/v1.0", LOW_PRIORITY)
        self._renewal = threading.Lock()
        self._next_renewal_at = 0.0
        self._pool: Executor
        self._running: set[Future[None]] = set()
        self._listing = True
        self._in_flight = 0
        self._batches = 0

    def run(self) -> ReadingStats:
        """Read, until every user is counted or it makes no sense to go on."""
        with ExitStack() as closing:
            self._pool = self._connections.pool if self._connections else closing.enter_context(_own_pool(self._pace))
            closing.callback(wait, self._running)  # nothing is sent after the end
            try:
                self._submit(self._list)
                self._submit(self._count)
                self._fill()
                while self._listing or self._in_flight or (self._queue.pausing and not self._gate.shut):
                    self._handle_next()
                    self._fill()
            finally:
                self._abandon()
                if self._connections and self._in_flight:  # only where something broke that nobody foresaw
                    self._connections.sent(-self._in_flight)
        while not self._events.empty():  # a count that came late
            self._handle(self._events.get())
        return self._finished()

    # --- what the other threads do: they only put events into the queue ---

    def _reported(self, task: Callable[..., None], *arguments: object) -> None:
        """Run `task`; an exception that nobody foresaw ends the run with it instead of vanishing in a thread."""
        try:
            task(*arguments)
        except Exception as unforeseen:  # noqa: BLE001  # raised again in the caller's thread
            self._events.put(unforeseen)

    def _list(self) -> None:
        error: OrgcalError | None = None
        try:
            for page in self._users:
                self._pages_allowed.acquire()
                self._events.put(_Listed(page))
                if self._abandoned.is_set():
                    break
        except Stopped:
            pass
        except OrgcalError as refused:
            error = refused
        self._events.put(_Listed(None, error))

    def _count(self) -> None:
        self._events.put(_Counted(self._users.count()))

    def _carry(self, reads: list[Read]) -> None:
        """Send one batch as soon as the gate is open."""
        try:
            token = self._tokens.token()  # first, as it may take a request of its own, while the gate may close
            if not self._gate.wait():
                self._events.put(_Answered(reads, None))
                return
            answer = self._sender.send(token, [read.path for read in reads])
            if answer.throttled:
                asked = answer.retry_after_s
                tries = 1 + max(read.attempts for read in reads)
                pause_s = backoff_s(tries, first_s=self._pace.first_pause_s) if asked is None else asked
                self._gate.hold(pause_s, THROTTLED if answer.limited else UNANSWERED)
            if needs_token(answer) and self._may_renew():
                with contextlib.suppress(OrgcalError):  # whoever asks for a token next hears of it; this is an answer
                    self._tokens.renewed(token)
            self._events.put(_Answered(reads, answer))
        except OrgcalError as error:
            self._events.put(_Answered(reads, None, error))

    def _may_renew(self) -> bool:
        """Whether the last new token is old enough for another: mailboxes that refuse any must not cause many."""
        with self._renewal:
            now = time.monotonic()
            if now < self._next_renewal_at:
                return False
            self._next_renewal_at = now + RENEWED_AFTER_S
            return True

    # --- what the deciding thread does ---

    def _submit(self, task: Callable[..., None], *arguments: object) -> None:
        future = self._pool.submit(self._reported, task, *arguments)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def _fill(self) -> None:
        """Send as many batches as may be in flight."""
        if self._gate.shut:
            self._abandon()
            return
        while self._in_flight < self._window.limit:
            if self._connections and not self._connections.may_send(self._in_flight):
                return
            reads = self._queue.next_batch(self._in_flight, time.monotonic())
            if not reads:
                return
            self._count_in_flight(1)
            self._submit(self._carry, reads)

    def _handle_next(self) -> None:
        """Handle the next event, or return once a read that pauses is due; a run that is stopped is heard of soon."""
        due_at = self._queue.due_at()
        if due_at is None:
            self._handle(self._events.get())
            return
        with contextlib.suppress(queue.Empty):
            self._handle(self._events.get(timeout=min(max(0.0, due_at - time.monotonic()), STOP_HEARD_S)))

    def _handle(self, event: _Event) -> None:
        match event:
            case _Listed(None, error):
                self._listing = False
                self._queue.listing_ended()
                self._stats.listing_error = error
            case _Listed(page):
                for user in self._queue.add_page(page or []):
                    self._classifier.done(Read(*user), MailboxClass.NOT_READ, "left out by the sample")
            case _Answered(reads, answer, error):
                self._handle_answer(reads, answer, error)
            case _Counted(count):
                self._stats.expected = count
                if count is not None and self._listener:
                    self._listener.started(self._target, count)
            case _Throttled():
                self._window.throttled()
            case Exception():
                raise event
        if self._listener:
            self._listener.progress(self._target, self._queue.listed, self._stats.tally.total)

    def _handle_answer(self, reads: list[Read], answer: BatchAnswer | None, error: OrgcalError | None) -> None:
        self._count_in_flight(-1)
        if answer is None:
            for read in reads:
                self._queue.again(read)
        else:
            self._batches += 1
            throttled = (answer.throttled and answer.status > 0) or answer.limit_share >= NEARLY_THROTTLED
            self._window.answered(self._in_flight, throttled=throttled)
            error = self._classifier.classify(reads, answer)
        if error is not None:
            self._stats.reading_error = self._stats.reading_error or error
            self._abandon()

    def _count_in_flight(self, batches: int) -> None:
        self._in_flight += batches
        if self._connections:
            self._connections.sent(batches)

    def _abandon(self) -> None:
        """End early: no request leaves any more, and the listing thread, if it waits, wakes up."""
        self._abandoned.set()
        self._pages_allowed.release(PAGES_AHEAD)

    def _finished(self) -> ReadingStats:
        """Count those who were listed and not read, so that the classes add up whatever happened."""
        stats = self._stats
        unanswered = self._classifier.settle()  # counts those reads, whatever the error is
        stats.reading_error = stats.reading_error or unanswered
        if self._gate.exhausted and stats.reading_error is None:
            stats.reading_error = Unreachable(
                f"Microsoft Graph {self._gate.why} for longer than the {self._pace.budget_s:.0f} s allowed",
                where="POST /$batch",
                repair="try again later, or with a larger --budget",
            )
        stats.listing_complete = self._users.complete
        stats.complete = self._users.complete and self._queue.empty and stats.reading_error is None
        for read in self._queue.drain():
            self._classifier.done(read, MailboxClass.NOT_READ, "the run ended before")
        stats.listed = self._queue.listed
        stats.repeated = self._users.repeated
        stats.relisted = self._users.relisted
        stats.users_request_id = self._users.request_id
        stats.requests = self._batches + self._users.requests
        stats.concurrency = self._window.reached
        stats.throttles = self._window.throttles
        stats.waited_s = round(self._gate.waited_s, 3)
        return stats
