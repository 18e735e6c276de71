"""The probe of events, whole: what is asked, and what follows for scopes that promise bodies and those that do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import GraphError, OrgcalError, Unreachable
from tests.scripted_graph import GivenTokens
from verify import probes
from verify.access import Access
from verify.classification import ReadingStats
from verify.models import CheckResult, Connector, Options, Pace, SecretReference, Verdict
from verify.probes import probe_events

PROMISED, BASIC = ("Calendars.Read", "Directory.Read.All"), ("Calendars.ReadBasic.All",)
BODY = {"value": [{"id": "e", "body": {"content": "x"}}]}
BARE = {"value": [{"id": "e"}, {"id": "f"}]}
NONE: dict[str, Any] = {"value": []}
SURPLUS = "remove the surplus permission in the customer's tenant"
COMPARE = "compare the connector's scopes with what was consented to"
CAN_BE_READ = "bodies of events can be read, which the scopes do not promise"
PASS, WARN, FAIL, ERROR = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.ERROR


class Mailboxes:
    """A Graph that gives each mailbox its own answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        self.answers: list[Any] = []
        self.tokens = GivenTokens()
        monkeypatch.setattr(probes, "GraphClient", self.client)

    def client(self, *given: Any, budget_s: float) -> Mailboxes:
        self.asked.append((*given, budget_s))
        return self

    def get(self, path: str, params: Any) -> Any:
        self.asked.append((path, params))
        answer = self.answers.pop(0)
        if isinstance(answer, OrgcalError):
            raise answer
        return answer

    def probed(self, permissions: tuple[str, ...], *answers: Any, roles: tuple[str, ...] | None = (), **of: Any) -> Any:
        """The result, where so many mailboxes were readable as there are answers."""
        self.answers = list(answers)
        stats = ReadingStats()
        for number in range(len(answers)):
            stats.tally.add_read(f"u/{number}", 1)
        reference = SecretReference("file", "unused")
        options = Options(Connector("public", "client", permissions, reference), pace=Pace(budget_s=12.0))
        shared: Any = SimpleNamespace(endpoints="endpoints", session="session", options=options)
        effective = None if roles is None else frozenset(roles)
        access = Access((), of.pop("tokens", self.tokens), effective, "token")
        return probe_events(shared, access, stats, **of)


@pytest.fixture
def mailboxes(monkeypatch: pytest.MonkeyPatch) -> Mailboxes:
    return Mailboxes(monkeypatch)


def told(verdict: Verdict, sentence: str, repair: str = "", **evidence: Any) -> CheckResult:
    return CheckResult("events", verdict, sentence, repair, evidence=evidence)


def test_one_event_of_each_readable_mailbox_is_asked_for(mailboxes: Mailboxes) -> None:
    result = mailboxes.probed(PROMISED, BODY, NONE, BARE)

    assert result == told(PASS, "an event was read with its body", mailboxes=3, events=3)
    assert mailboxes.asked == [
        ("endpoints", mailboxes.tokens, "session", 12.0),
        *((f"/users/u%2F{number}/events", {"$top": "1"}) for number in range(3)),
    ]


def refused(status: int, code: str = "x") -> GraphError:
    return GraphError("no", status=status, code=code, request_id="r1")


@pytest.mark.parametrize(
    ("permissions", "answers", "result"),
    [
        (BASIC, [BARE], told(PASS, "events are read without their bodies", mailboxes=1, events=2)),
        (PROMISED, [BARE], told(PASS, "an event was read with its body", mailboxes=1, events=2)),
        (BASIC, [NONE], told(PASS, "events may be read; the mailboxes probed hold none", mailboxes=1, events=0)),
        (PROMISED, [{}], told(PASS, "events may be read; the mailboxes probed hold none", mailboxes=1, events=0)),
        (BASIC, [{"value": [7, {"body": None}]}],
         told(PASS, "events are read without their bodies", mailboxes=1, events=2)),
        (BASIC, [BARE, BODY], told(FAIL, CAN_BE_READ, SURPLUS, mailboxes=2, events=3)),
        (BASIC, [BARE, refused(403, "ErrorAccessDenied")],
         told(PASS, "bodies of events are refused, as the scopes say", mailboxes=2, events=2, request_id="r1")),
        (PROMISED, [refused(403, "ErrorAccessDenied")],
         told(FAIL, "an event cannot be read: no", COMPARE, mailboxes=1, events=0, request_id="r1")),
        (BASIC, [refused(403)],
         told(FAIL, "an event cannot be read: no", COMPARE, mailboxes=1, events=0, request_id="r1")),
        (BASIC, [refused(404)],
         told(ERROR, "an event cannot be read: no", COMPARE, mailboxes=1, events=0, request_id="r1")),
        (PROMISED, [Unreachable("cut", repair="again")], told(ERROR, "cut", "again", mailboxes=1, events=0)),
        (BASIC, [], CheckResult("events", Verdict.SKIP, "there is no readable mailbox to probe")),
        (("Mail.Read",), [BODY], CheckResult("events", Verdict.SKIP, "no scope of the connector promises events")),
    ],
)  # fmt: skip
def test_events_are_held_to_what_the_scopes_promise(
    mailboxes: Mailboxes, permissions: tuple[str, ...], answers: list[Any], result: CheckResult
) -> None:
    assert mailboxes.probed(permissions, *answers) == result


def test_events_without_a_token_are_not_asked_for(mailboxes: Mailboxes) -> None:
    found = mailboxes.probed(PROMISED, BODY, tokens=None)

    assert found == CheckResult("events", Verdict.SKIP, "there is no readable mailbox to probe")
    assert mailboxes.asked == []


@pytest.mark.parametrize(
    ("roles", "scoped", "verdict"),
    [
        ((), False, FAIL),
        (None, False, FAIL),
        (BASIC, False, FAIL),
        (("Calendars.Read",), False, WARN),
        (("Calendars.ReadWrite",), False, WARN),
        ((), True, WARN),
    ],
)
def test_body_that_another_grant_opens_is_a_warning(
    mailboxes: Mailboxes, roles: tuple[str, ...] | None, scoped: bool, verdict: Verdict
) -> None:
    found = mailboxes.probed(BASIC, BODY, roles=roles, scoped=scoped)

    assert found == told(verdict, CAN_BE_READ, SURPLUS, mailboxes=1, events=1)
