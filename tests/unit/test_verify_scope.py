"""The group of a scope, its test mailboxes, and what follows from those that were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from orgcal.entra.exchange_roles import split_permissions
from orgcal.entra.graph import GraphClient
from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.tenants.scope import GroupReading, MailboxScope, MailboxSeen
from tests.support.verified import RAOP
from verify.access import Access
from verify.models import CheckResult, Mailbox, MailboxClass, Verdict
from verify.scope import ScopeTally, read_group, scope_verdict, scoped_roles_verdict, see_mailbox, see_scope

GROUP = "11111111-1111-4111-8111-111111111111"
OUTSIDE = "22222222-2222-4222-8222-222222222222"
SCRIPT = "orgcal consent script contoso.example"
FIELDS = "id,displayName,groupTypes"
USER, NESTED = "#microsoft.graph.user", "#microsoft.graph.group"


@dataclass
class Answered:
    """A Graph that answers each path from a table, and notes what it was asked."""

    answers: Mapping[str, Any]
    asked: list[tuple[str, Mapping[str, str] | None]] = field(default_factory=list)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.asked.append((path, params))
        answer = self.answers.get(path, {})
        if isinstance(answer, OrgcalError):
            raise answer
        return cast("dict[str, Any]", answer)

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        self.asked.append((path, params))
        yield from self.answers.get(path, ())


def member(user_id: Any, kind: str = USER) -> dict[str, Any]:
    return {"@odata.type": kind, "id": user_id}


def reading(answers: Mapping[str, Any], group: str) -> tuple[GroupReading, list[tuple[str, Mapping[str, str] | None]]]:
    graph = Answered(answers)
    return read_group(cast(GraphClient, graph), group), graph.asked


def test_group_named_by_its_id_is_read_with_its_direct_members() -> None:
    answers = {
        f"/groups/{GROUP}": {"id": "g/1", "displayName": "Pilot\u202e", "groupTypes": ["Unified"]},
        "/groups/g%2F1/members": [member("A"), member("n1", NESTED), member("b"), member(None), member("n2", NESTED)],
    }

    found, asked = reading(answers, GROUP)

    assert found == GroupReading("g/1", "Pilot\\u202e", frozenset({"a", "b"}), 2, False, "")
    assert asked == [
        (f"/groups/{GROUP}", {"$select": FIELDS}),
        ("/groups/g%2F1/members", {"$select": "id", "$top": "999"}),
    ]


def test_group_is_found_by_its_name_with_a_quote_in_it() -> None:
    answers = {"/groups": [{"id": "g", "groupTypes": ["DynamicMembership"]}], "/groups/g/members": [member("a")]}

    found, asked = reading(answers, "Ada's")

    assert found == GroupReading("g", "Ada's", frozenset({"a"}), 0, True, "")
    assert asked[0] == ("/groups", {"$filter": "displayName eq 'Ada''s'", "$select": FIELDS})


@pytest.mark.parametrize("kinds", [None, "DynamicMembership", []])
def test_group_without_a_list_of_kinds_is_not_dynamic(kinds: Any) -> None:
    answers = {"/groups": [{"id": "g", "groupTypes": kinds}], "/groups/g/members": [member("a")]}

    assert not reading(answers, "Pilot")[0].dynamic


@pytest.mark.parametrize(
    ("answers", "group", "problem"),
    [
        ({}, "Pilot", "the organisation has no group Pilot"),
        ({f"/groups/{GROUP}": GraphError("no", status=404)}, GROUP, f"the organisation has no group {GROUP}"),
        ({"/groups": [{"id": "1"}, {"id": "2"}]}, "Pilot",
         "several groups are called Pilot; name the group by its object id"),
    ],
)  # fmt: skip
def test_group_that_is_not_one_is_a_problem_without_members(
    answers: Mapping[str, Any], group: str, problem: str
) -> None:
    found, asked = reading(answers, group)

    assert found == GroupReading(problem=problem)
    assert len(asked) == 1


def test_group_of_groups_alone_has_nobody_in_its_scope() -> None:
    answers = {"/groups": [{"id": "g", "displayName": "Pilot"}], "/groups/g/members": [member("n", NESTED)]}

    problem = "the group Pilot has no direct members, so that no mailbox is in the scope"
    assert reading(answers, "Pilot")[0] == GroupReading("g", "Pilot", frozenset(), 1, False, problem)


def test_group_without_an_id_or_of_which_there_are_many_is_looked_at_no_further() -> None:
    def many() -> Iterator[dict[str, Any]]:
        yield from ({"id": "1"}, {"id": "2"})
        pytest.fail("a third was asked for")

    assert reading({"/groups": many()}, "Pilot")[0].problem.startswith("several groups are called Pilot")
    nameless, asked = reading({"/groups": [{}], "/groups//members": [member("a")]}, "Pilot")
    assert (nameless.group_id, nameless.members, len(asked)) == ("", frozenset({"a"}), 2)


def test_group_that_may_not_be_read_is_no_group_that_is_missing() -> None:
    with pytest.raises(GraphError) as refused:
        reading({f"/groups/{GROUP}": GraphError("no", status=403)}, GROUP)

    assert refused.value.status == 403


def refused(status: int, code: str, message: str = "") -> GraphError:
    return GraphError(f"Microsoft Graph answered {status} {code}: {message}", status=status, code=code)


NO_MAILBOX = refused(404, "MailboxNotEnabledForRESTAPI")
DENIED = refused(403, "ErrorAccessDenied")


@pytest.mark.parametrize(
    ("answer", "seen", "sentence"),
    [
        ({"value": []}, "read", ""),
        (refused(403, "ErrorAccessDenied", RAOP), "policy",
         "an application access policy of the customer's Exchange excludes this mailbox"),
        (DENIED, "refused", "Exchange denies access: the mailbox is outside of the scope of a role assignment (RBAC "
         "for Applications), or the calendar permission is missing"),
        (refused(401, "NoPermissionsInAccessToken"), "refused", "the token contains no permission"),
        (NO_MAILBOX, "no mailbox",
         "the user has no mailbox in Exchange Online: no licence, on premises, or a guest"),
        (refused(404, "Request_ResourceNotFound"), "no user", "the user was deleted after the listing"),
        (refused(409, "x"), "unknown", "Microsoft Graph answered 409 x: "),
        (Unreachable("no route"), "unknown", "no route"),
    ],
)  # fmt: skip
def test_mailbox_is_seen_as_its_answer_says(answer: Any, seen: Any, sentence: str) -> None:
    graph = Answered({"/users/a%2Fb/calendars": answer})

    assert see_mailbox(cast(GraphClient, graph), "a/b") == MailboxSeen("a/b", seen, sentence)
    assert graph.asked == [("/users/a%2Fb/calendars", {"$select": "id", "$top": "1"})]


def calendars(answers: Mapping[str, Any]) -> dict[str, Any]:
    return {f"/users/{user}/calendars": answer for user, answer in answers.items()}


def seen_scope(answers: Mapping[str, Any], scope: MailboxScope) -> tuple[list[MailboxSeen | None], list[str]]:
    graph = Answered(answers)
    _, *mailboxes = see_scope(cast(GraphClient, graph), scope)
    return mailboxes, [path for path, _ in graph.asked]


PILOT = {
    "/groups": [{"id": "g"}],
    "/groups/g/members": [member("b"), member("a")],
    "/users": [{"id": "A"}, {"id": None}, {}, {"id": "Z"}, {"id": "y"}],
}


def test_test_mailboxes_that_nobody_named_are_the_first_that_exist_on_each_side() -> None:
    answers = {**PILOT, **calendars({"a": NO_MAILBOX, "z": DENIED})}

    (inside, outside), asked = seen_scope(answers, MailboxScope("Pilot"))

    assert inside == MailboxSeen("b", "read")
    assert outside is not None
    assert (outside.user_id, outside.seen) == ("z", "refused")
    assert asked == [
        *("/groups", "/groups/g/members"),
        *("/users/a/calendars", "/users/b/calendars", "/users", "/users/z/calendars"),
    ]


def test_test_mailboxes_that_were_named_are_the_ones_that_are_tried() -> None:
    graph = Answered({**PILOT, **calendars({"in": NO_MAILBOX, "out": DENIED})})

    group, inside, outside = see_scope(cast(GraphClient, graph), MailboxScope("Pilot", "", "in", "out"))

    assert (group is not None and group.group_id, inside and inside.seen, outside and outside.seen) == (
        "g",
        "no mailbox",
        "refused",
    )
    assert ("/users", {"$select": "id", "$top": "999"}) not in graph.asked


def test_group_that_was_found_before_is_read_by_its_id() -> None:
    answers = {f"/groups/{GROUP}": {"id": "g"}, "/groups/g/members": [member("a")], "/users": [{"id": "z"}]}
    graph = Answered(answers)

    see_scope(cast(GraphClient, graph), MailboxScope("Pilot", GROUP))

    assert graph.asked[0][0] == f"/groups/{GROUP}"
    assert ("/users", {"$select": "id", "$top": "999"}) in graph.asked


def test_nobody_is_outside_of_a_scope_whose_group_nobody_named() -> None:
    graph = Answered(PILOT)

    assert see_scope(cast(GraphClient, graph), MailboxScope()) == (None, None, None)
    assert graph.asked == []


def test_five_users_are_tried_as_the_test_mailbox_and_the_last_is_told() -> None:
    members = [member(f"u{number}") for number in range(9)]
    answers = {**PILOT, "/groups/g/members": members, **calendars({f"u{n}": NO_MAILBOX for n in range(9)})}

    (inside, _), asked = seen_scope(answers, MailboxScope("Pilot", "", "", "out"))

    assert inside is not None
    assert (inside.user_id, inside.seen) == ("u4", "no mailbox")
    assert [path for path in asked if path.startswith("/users/u")] == [f"/users/u{n}/calendars" for n in range(5)]


def test_report_names_five_mailboxes_outside_that_can_be_read() -> None:
    tally = ScopeTally(frozenset(), OUTSIDE.upper())
    for user_id in (OUTSIDE, "B", "c", "d", "e", "f"):
        tally.add(Mailbox(user_id, MailboxClass.OK))

    assert tally.as_json()["outside"] == {"read": 6, "refused": 0, "examples": [OUTSIDE, "B", "c", "d", "e"]}


def test_refusals_inside_are_told_apart_by_what_refuses() -> None:
    tally = ScopeTally(frozenset("abc"))
    for user_id, refusal in (("a", "denied by Exchange"), ("b", "application access policy"), ("c", "")):
        tally.add(Mailbox(user_id, MailboxClass.RESTRICTED, refusal=refusal))

    assert tally.as_json()["inside"] == {"read": 0, "refused": 3, "by_policy": 1, "without_mailbox": 0}


def test_mailboxes_without_a_class_of_the_scope_count_inside_alone() -> None:
    tally = ScopeTally(None, OUTSIDE)
    for user_id in (OUTSIDE, "b", "c"):
        tally.add(Mailbox(user_id, MailboxClass.FAILED))

    assert tally.as_json() == {
        "members": None,
        "inside": {"read": 0, "refused": 0, "by_policy": 0, "without_mailbox": 2},
        "outside": {"read": 0, "refused": 0, "examples": []},
    }


def test_grant_that_reaches_every_mailbox_fails_with_the_command_that_removes_it() -> None:
    profile = split_permissions(["Calendars.Read", "Directory.Read.All"])
    access = Access((), roles=frozenset({"Mail.Read", "Calendars.Read", "Directory.Read.All"}), roles_from="token")

    assert scoped_roles_verdict(SCRIPT, access, profile, "client", None) == CheckResult(
        "roles",
        Verdict.FAIL,
        "the grant in Entra still reaches every mailbox: Calendars.Read, Mail.Read",
        "their Privileged Role Administrator removes the grant: m365 entra approleassignment remove --appId client "
        "--resource 'Microsoft Graph' --scopes 'Calendars.Read,Mail.Read' --force",
        evidence={
            "effective": ["Calendars.Read", "Directory.Read.All", "Mail.Read"],
            "reaching": ["Calendars.Read", "Mail.Read"],
            "state": "too-much-access",
        },
    )
    only = Access((), roles=frozenset({"Directory.Read.All"}), roles_from="token")
    assert scoped_roles_verdict(SCRIPT, only, profile, "client", None).sentence == "effective: Directory.Read.All"
    unknown = scoped_roles_verdict(SCRIPT, Access(()), profile, "client", None)
    assert (unknown.verdict, unknown.evidence) == (Verdict.WARN, {"declared": ["Directory.Read.All"]})


MEMBERS = frozenset("abcdefgh")
READING = GroupReading("g", "Pilot", MEMBERS)
EMPTY = GroupReading("g", "Pilot", problem="the group Pilot has no direct members")
WAITING = MailboxScope("Pilot", waiting=True)
LATE = "no mailbox is open yet; changes in Exchange take 30 minutes to 2 hours"


def tally(members: frozenset[str] | None = MEMBERS, **counts: Any) -> ScopeTally:
    return ScopeTally(members, **counts)


@pytest.mark.parametrize(
    ("scope", "group", "counted", "verdict", "state", "sentence", "repair"),
    [
        (MailboxScope(), READING, tally(outside_read=1, named=["x"]), Verdict.FAIL, "too-much-access",
         "1 mailbox outside of the scope can be read: x", SCRIPT),
        (MailboxScope(), EMPTY, tally(outside_read=2, read=2, named=["x", "y"]), Verdict.FAIL, "too-much-access",
         "2 mailboxes outside of the scope can be read: x, y", SCRIPT),
        (MailboxScope(), None, tally(None, read=1200), Verdict.FAIL, "too-much-access",
         "every mailbox can be read (1,200), so that none is outside of the scope", SCRIPT),
        (MailboxScope(), None, tally(None, read=1, outside_refused=1), Verdict.PASS, "verified",
         "1 mailbox inside of the scope read, 1 outside refused", ""),
        (MailboxScope(), EMPTY, tally(None, read=1, outside_refused=1), Verdict.FAIL, "too-little-access",
         "the group Pilot has no direct members", SCRIPT),
        (WAITING, READING, tally(refused=2, by_policy=2), Verdict.WARN, "waiting-for-exchange", LATE,
         "verify again later"),
        (WAITING, None, tally(None, outside_refused=2), Verdict.WARN, "waiting-for-exchange", LATE,
         "verify again later"),
        (MailboxScope(), READING, tally(refused=2, by_policy=2), Verdict.FAIL, "too-little-access",
         "an application access policy keeps the connector off every mailbox of the scope", SCRIPT),
        (MailboxScope(), READING, tally(refused=2, by_policy=1), Verdict.FAIL, "too-little-access",
         "no mailbox can be read: no role assignment of Exchange reaches one", SCRIPT),
        (MailboxScope(), None, tally(None, outside_refused=2), Verdict.FAIL, "too-little-access",
         "no mailbox can be read: no role assignment of Exchange reaches one", SCRIPT),
        (WAITING, READING, tally(without=3, outside_refused=3), Verdict.ERROR, None,
         "no mailbox inside of the scope was read, so that nothing is proved",
         "verify again, without --sample; if it stays, check that members of the group have mailboxes"),
        (WAITING, READING, tally(read=1200, outside_refused=3400), Verdict.PASS, "verified",
         "1,200 mailboxes inside of the scope read, 3,400 outside refused", ""),
        (WAITING, READING, tally(read=1, refused=1, outside_refused=2), Verdict.WARN, "verified",
         "1 of 2 mailboxes of the group read, 1 refused; 1 mailbox inside of the scope read, 2 outside refused",
         SCRIPT),
        (WAITING, GroupReading("g", "Pilot", MEMBERS, 1), tally(read=5, refused=3, by_policy=2), Verdict.WARN,
         "verified", "5 of 8 mailboxes of the group read, 3 refused (2 by an application access policy); the group "
         "Pilot holds 1 group, whose members Exchange does not count; 5 mailboxes inside of the scope read, 0 outside "
         "refused", SCRIPT),
    ],
)  # fmt: skip
def test_scope_is_judged_by_the_mailboxes_on_both_sides(
    scope: MailboxScope,
    group: GroupReading | None,
    counted: ScopeTally,
    verdict: Verdict,
    state: str | None,
    sentence: str,
    repair: str,
) -> None:
    evidence = {**counted.as_json(), "group_id": "g" if group else "", **({"state": state} if state else {})}
    if verdict is Verdict.WARN and repair != SCRIPT:
        evidence["waiting"] = True

    assert scope_verdict(SCRIPT, scope, group, counted) == CheckResult(
        "scope", verdict, sentence, repair, evidence=evidence
    )
