"""What one answer of a batch does to one read, and what the answers of many say about an organisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from orgcal.entra.batch import BatchAnswer, BatchResponse
from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import GraphError, OrgcalError, Unreachable
from tests.support.verified import RAOP
from verify.batching import Read, ReadQueue
from verify.classification import MailboxClassifier, ReadingStats
from verify.models import Mailbox, MailboxClass, Pace

GRAPH = "https://graph.example"
ENDPOINTS = CloudEndpoints("public", "https://login.example", GRAPH, "public")
OK, FAILED, RESTRICTED = MailboxClass.OK, MailboxClass.FAILED, MailboxClass.RESTRICTED
NO_MAILBOX, NOT_READ = MailboxClass.NO_MAILBOX, MailboxClass.NOT_READ
PAUSE_S = 2.0
NOW_S = 100.0


def refused(status: int, code: str = "x", message: str = "no", **headers: str) -> BatchResponse:
    return BatchResponse(status, headers, {"error": {"code": code, "message": message}})


def calendars(count: int = 1, link: str = "") -> BatchResponse:
    page = {"value": [{"id": str(number)} for number in range(count)]}
    return BatchResponse(200, {}, {**page, "@odata.nextLink": link} if link else page)


NO_EXCHANGE = refused(401, "OrganizationFromTenantGuidNotFound")
REFUSED_TOKEN = refused(401, "InvalidAuthenticationToken")


@dataclass
class Sorted:
    """A classifier with what it did."""

    told: list[Mailbox] = field(default_factory=list)
    pace: Pace = field(default_factory=lambda: Pace(attempts=3, budget_s=20.0, first_pause_s=PAUSE_S))

    def __post_init__(self) -> None:
        self.queue = ReadQueue(lambda: None)
        self.queue.listing_ended()
        self.stats = ReadingStats()
        self.classifier = MailboxClassifier(
            ENDPOINTS, self.queue, self.stats, self.pace, self.told.append, lambda: NOW_S
        )

    def answer(self, *entries: BatchResponse | None, reads: list[Read] | None = None, **of: Any) -> OrgcalError | None:
        reads = reads or [new_read(f"u{number}") for number in range(len(entries))]
        return self.classifier.classify(reads, BatchAnswer(200, list(entries), **of))

    def whole(self, *reads: Read, **of: Any) -> OrgcalError | None:
        return self.classifier.classify(list(reads), BatchAnswer(**of))

    def again(self, now_s: float = NOW_S) -> list[str]:
        """The users who are asked about again at this time."""
        return [read.user_id for read in self.queue.next_batch(0, now_s)]

    def classes(self) -> list[tuple[str, MailboxClass]]:
        return [(mailbox.user_id, mailbox.mailbox_class) for mailbox in self.told]


@pytest.fixture
def found() -> Sorted:
    return Sorted()


def new_read(user_id: str = "u0", **given: Any) -> Read:
    return Read(user_id, f"name of {user_id}", f"/users/{user_id}/calendars", **given)


def test_mailbox_that_is_read_is_told_with_its_calendars(found: Sorted) -> None:
    assert found.answer(calendars(3), calendars(0), unusable=2, elapsed_s=0.5) is None

    assert found.told == [Mailbox("u0", OK, 3, name="name of u0"), Mailbox("u1", OK, 0, name="name of u1")]
    assert (found.stats.tally.counts[OK], found.stats.tally.calendars, found.stats.unusable) == (2, 3, 2)
    assert (found.stats.latencies.count, found.queue.empty) == (1, True)
    found.answer(calendars(), unusable=1)
    assert found.stats.unusable == 3


def test_mailbox_that_is_read_is_counted_where_nobody_wants_to_hear_of_it(found: Sorted) -> None:
    found.classifier.on_mailbox = None

    found.answer(calendars(2), refused(409, "c", **{"request-id": "r"}))

    tally = found.stats.tally
    assert (tally.counts[OK], tally.calendars, tally.readable, tally.reasons) == (1, 2, ["u0"], {"409 c": 1})
    assert found.told == []


def test_mailbox_that_is_refused_is_told_with_reason_request_and_row(found: Sorted) -> None:
    found.answer(
        refused(404, "MailboxNotEnabledForRESTAPI", **{"request-id": "r0"}),
        refused(403, "ErrorAccessDenied", RAOP),
        refused(409, ""),
        request_id="of the batch",
    )

    assert found.told[:2] == [
        Mailbox("u0", NO_MAILBOX, 0, "404 MailboxNotEnabledForRESTAPI", "r0", "name of u0", refusal="no mailbox"),
        Mailbox("u1", RESTRICTED, 0, "403 ErrorAccessDenied", "of the batch", "name of u1",
                refusal="application access policy"),
    ]  # fmt: skip
    assert found.again(NOW_S + 2 * PAUSE_S) == ["u2"], "without a code it is tried again"


def test_calendars_of_a_page_that_failed_later_do_not_count(found: Sorted) -> None:
    found.answer(refused(409, "x"), reads=[new_read(calendars=7)])

    assert [mailbox.calendars for mailbox in found.told] == [0]


@pytest.mark.parametrize("body", [None, {}, {"value": {}}, {"value": [7]}, {"value": [{}]}, {"value": [{"id": 1}, 2]}])
def test_200_without_a_list_of_calendars_is_tried_again_and_then_failed(found: Sorted, body: Any) -> None:
    read = new_read()
    for tried in (1, 2):
        assert found.answer(BatchResponse(200, {}, body), reads=[read]) is None
        assert (read.attempts, found.told) == (tried, [])

    found.answer(BatchResponse(200, {}, body), reads=[read])

    expected = Mailbox("u0", FAILED, 0, "200 without a list of calendars", "", "name of u0", True, "no answer")
    assert found.told == [expected]


def test_entry_that_a_batch_lacks_is_tried_again_and_then_told_with_the_request_of_the_batch() -> None:
    found = Sorted(pace=Pace(attempts=1))

    found.answer(None, request_id="of the batch")

    assert found.told == [
        Mailbox("u0", FAILED, 0, "no answer in the batch", "of the batch", "name of u0", True, "no answer")
    ]


def test_next_page_of_calendars_is_asked_for_with_attempts_of_its_own(found: Sorted) -> None:
    read = new_read(attempts=2, waited_s=3.0)

    found.answer(calendars(2, f"{GRAPH}/v1.0/users/u0/calendars?$skip=2"), reads=[read])

    assert (read.path, read.pages, read.attempts, read.calendars) == ("/users/u0/calendars?$skip=2", 1, 0, 2)
    assert (found.again(), found.told) == (["u0"], [])


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://elsewhere.example/v1.0/users/u0/x", "the next page of calendars leads to another host"),
        (f"{GRAPH}/v1.0/me/calendars", "the pages of calendars lead nowhere"),
        (f"{GRAPH}/v1.0/users/u0/calendars", "the pages of calendars lead nowhere"),
    ],
)
def test_next_page_that_leads_nowhere_fails_that_mailbox_as_undecided(found: Sorted, link: str, reason: str) -> None:
    assert found.answer(calendars(2, link)) is None

    assert found.told == [Mailbox("u0", FAILED, 0, reason, "", "name of u0", True, "no answer")]
    assert found.queue.empty


@pytest.mark.parametrize(("pages", "ends"), [(48, False), (49, True)])
def test_fiftieth_page_of_calendars_is_the_last_that_may_be_named(found: Sorted, pages: int, ends: bool) -> None:
    found.answer(calendars(1, f"{GRAPH}/v1.0/users/u0/calendars?$skip=9"), reads=[new_read(pages=pages)])

    assert found.queue.empty is ends
    assert bool(found.told) is ends


@pytest.mark.parametrize(
    ("headers", "due_s"), [({"Retry-After": "5"}, 5.0), ({"Retry-After": "0"}, 0.0), ({"Retry-After": "20"}, 20.0)]
)
def test_read_that_failed_for_now_is_tried_again_when_its_server_says(
    found: Sorted, headers: dict[str, str], due_s: float
) -> None:
    read = new_read()

    assert found.answer(refused(503, **headers), reads=[read]) is None

    assert (read.attempts, read.waited_s, found.stats.retries, found.told) == (1, due_s, 1, [])
    assert found.queue.due_at() == (NOW_S + due_s if due_s else None)
    assert found.again(NOW_S + due_s) == ["u0"]


def test_read_whose_server_names_no_wait_pauses_twice_as_long_each_time(found: Sorted) -> None:
    read, due = new_read(), []
    found.pace = Pace(attempts=9, budget_s=900.0, first_pause_s=1.0)
    found.classifier.pace = found.pace
    for _ in range(3):
        found.answer(refused(503), reads=[read])
        due.append((found.queue.due_at() or 0.0) - NOW_S)
        found.again(NOW_S + 100)

    assert [0.5 < pause / expected <= 1.5 for pause, expected in zip(due, (1, 2, 4), strict=True)] == [True] * 3
    assert read.waited_s == pytest.approx(sum(due))
    assert (read.attempts, found.stats.retries) == (3, 3)


def test_read_that_would_wait_beyond_the_budget_is_given_up(found: Sorted) -> None:
    within, beyond = new_read("within", waited_s=15.0), new_read("beyond", waited_s=15.1)
    found.answer(refused(503, "a", **{"Retry-After": "5"}), reads=[within])
    found.answer(refused(503, "a", **{"Retry-After": "5"}), reads=[beyond])

    assert found.again(NOW_S + 5) == ["within"]
    assert found.told == [Mailbox("beyond", FAILED, 0, "503 a", "", "name of beyond", True, "no answer")]


def test_limit_of_an_entry_is_waited_for_by_all_and_not_by_the_read(found: Sorted) -> None:
    read = new_read()

    found.answer(refused(429, **{"Retry-After": "7"}), reads=[read])

    assert (read.waited_s, read.attempts, found.again()) == (0.0, 1, ["u0"])


def test_batch_that_is_throttled_as_a_whole_is_tried_again_without_a_pause_of_each_read(found: Sorted) -> None:
    read = new_read()

    error = found.whole(read, status=429, throttled=True, reason="busy", elapsed_s=0.1)

    assert (error, read.waited_s, found.told, found.again()) == (None, 0.0, [], ["u0"])


def test_batch_that_stays_refused_for_now_fails_its_reads_as_undecided() -> None:
    found = Sorted(pace=Pace(attempts=1))

    error = found.whole(new_read(), status=503, throttled=True, reason="busy", code="c", request_id="r")

    assert error is None
    assert found.told == [Mailbox("u0", FAILED, 0, "busy", "r", "name of u0", True, "no answer")]


@pytest.mark.parametrize(
    ("status", "code", "sentence", "repair"),
    [
        (401, "OrganizationFromTenantGuidNotFound", "this organisation has no Exchange Online, or it is not "
         "provisioned yet (why)", "the organisation needs a subscription with Exchange Online; a new one takes hours "
         "to arrive"),
        (403, "SomePolicy", "Microsoft Graph refuses (why)",
         "a policy of the organisation refuses the application; its code says which"),
    ],
)  # fmt: skip
def test_batch_refused_for_the_organisation_ends_the_run_and_counts_nobody(
    found: Sorted, status: int, code: str, sentence: str, repair: str
) -> None:
    error = found.whole(new_read(), new_read("u1"), status=status, code=code, reason="why", request_id="r")

    assert isinstance(error, GraphError)
    assert (error.what, error.where, error.repair) == (sentence, "POST /$batch", repair)
    assert (error.status, error.code, error.request_id) == (status, code, "r")
    assert (found.told, found.again()) == ([], ["u0", "u1"])


def test_batch_whose_token_is_refused_is_tried_once_more_and_then_ends_the_run(found: Sorted) -> None:
    read = new_read()
    assert found.whole(read, status=401, code="c", reason="no") is None
    assert (found.again(), read.refused_tokens) == (["u0"], 1)

    error = found.whole(read, status=401, code="c", reason="no")

    assert isinstance(error, GraphError)
    assert (error.what, error.status) == ("Microsoft Graph does not accept the token (no)", 401)
    assert (found.again(), read.refused_tokens, found.told) == (["u0"], 2, [])


def test_token_that_no_mailbox_accepts_is_the_connectors_error_in_the_end(found: Sorted) -> None:
    for _ in range(2):
        assert found.answer(REFUSED_TOKEN, reads=[read := new_read(refused_tokens=1)]) is None
    assert (read.refused_tokens, found.told, found.queue.empty) == (2, [], True)

    error = found.classifier.settle()

    assert isinstance(error, GraphError)
    assert error.what == "Microsoft Graph does not accept the token (401 InvalidAuthenticationToken)"
    assert (error.status, error.code) == (401, "InvalidAuthenticationToken")
    assert error.repair == "check the stack's cloud, and the clock of this machine"
    kept = Mailbox("u0", NOT_READ, 0, "401 InvalidAuthenticationToken", "", "name of u0")
    assert found.told == [kept, kept]
    assert found.classifier.settle() is None


def test_refusals_kept_aside_end_the_run_with_the_first_of_them(found: Sorted) -> None:
    found.answer(refused(401, "NoPermissionsInAccessToken"), reads=[new_read("a", refused_tokens=1)])
    found.answer(NO_EXCHANGE, reads=[new_read("b")])

    error = found.classifier.settle()

    assert isinstance(error, GraphError)
    assert error.code == "NoPermissionsInAccessToken"
    assert found.classes() == [("a", NOT_READ), ("b", NOT_READ)]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (calendars(), []),
        (refused(403, "ErrorAccessDenied"), []),
        (refused(404, "Request_ResourceNotFound"), ["organisation"]),
        (refused(409), ["organisation"]),
        (refused(502, **{"Retry-After": "99"}), ["organisation", "token"]),
    ],
)
def test_answer_of_another_mailbox_shows_which_refusals_are_the_mailboxes_own(
    found: Sorted, answer: BatchResponse, kept: list[str]
) -> None:
    found.answer(NO_EXCHANGE, reads=[new_read("organisation")])
    found.answer(REFUSED_TOKEN, reads=[new_read("token", refused_tokens=1)])

    found.answer(answer, reads=[new_read("other")])

    own = [user for user, _ in found.classes() if user != "other"]
    assert sorted([*own, *kept]) == ["organisation", "token"]
    del found.told[:]
    found.classifier.settle()
    assert sorted(user for user, kind in found.classes() if kind is NOT_READ) == kept


def test_refusal_after_a_mailbox_was_read_is_the_mailboxes_own_at_once(found: Sorted) -> None:
    found.answer(calendars())

    found.answer(NO_EXCHANGE, reads=[new_read("a")])
    found.answer(REFUSED_TOKEN, reads=[new_read("b", refused_tokens=1)])

    assert found.classes()[1:] == [("a", FAILED), ("b", FAILED)]
    assert [mailbox.refusal for mailbox in found.told[1:]] == ["no Exchange Online", "token refused"]
    assert found.classifier.settle() is None


def test_mailbox_that_was_read_once_is_not_forgotten_for_another_answer(found: Sorted) -> None:
    found.answer(calendars())
    found.answer(refused(409), reads=[new_read("other")])

    found.answer(NO_EXCHANGE, reads=[new_read("late")])

    assert found.classes()[2:] == [("late", FAILED)]


def test_organisation_that_ten_batches_refuse_ends_the_run(found: Sorted) -> None:
    for number in range(200):
        assert found.answer(NO_EXCHANGE, reads=[new_read(f"u{number}")]) is None
    assert found.told == []

    error = found.answer(NO_EXCHANGE, reads=[new_read("last")])

    assert isinstance(error, GraphError)
    assert error.code == "OrganizationFromTenantGuidNotFound"
    assert (len(found.told), found.again()) == (200, ["last"])


def test_tokens_that_mailboxes_refuse_end_nothing_however_many(found: Sorted) -> None:
    for number in range(200):
        found.answer(REFUSED_TOKEN, reads=[new_read(f"u{number}", refused_tokens=1)])

    assert found.answer(REFUSED_TOKEN, reads=[new_read("last", refused_tokens=1)]) is None

    assert found.classes() == [("last", FAILED)]
    found.answer(calendars(), reads=[new_read("read")])
    assert found.stats.tally.counts[FAILED] == 201


@pytest.mark.parametrize("listened", [True, False])
def test_run_ends_after_400_users_without_an_answer_in_a_row(listened: bool) -> None:
    found = Sorted(pace=Pace(attempts=1))
    if not listened:
        found.classifier.on_mailbox = None
    for _ in range(2):
        for _ in range(399):
            assert found.answer(refused(502, "c")) is None
        assert found.answer(calendars()) is None
    for _ in range(399):
        found.answer(refused(502, "c"))

    error = found.answer(refused(502, "c"))

    assert isinstance(error, Unreachable)
    assert str(error) == (
        "POST /$batch: Microsoft Graph gave no answer for 400 users in a row (502 c)\n  repair: verify again later"
    )


def test_error_of_one_read_ends_the_run_though_others_of_its_batch_go_on() -> None:
    found = Sorted(pace=Pace(attempts=1))
    found.answer(*[refused(502)] * 399)

    assert isinstance(found.answer(refused(502), calendars()), Unreachable)
