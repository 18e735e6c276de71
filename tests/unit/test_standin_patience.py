"""How the stand-in asks the directory: how long it waits in between, what it takes for the truth, and for whom it asks.

Waits and answers: https://learn.microsoft.com/en-us/graph/best-practices-concept.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.provider.azuread.directory import Directory, quoted, set_owners
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, Sent, chance_that_ends_after, refusal

MINE = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"
PATH = f"/applications/{MINE}"


def opened(
    answers: dict[str, Any] | None = None, pages: dict[str, list[dict[str, Any]]] | None = None, caller: str = "caller"
) -> tuple[Directory, AnsweredGraph, list[float]]:
    """A directory, its client, and the waits so far."""
    graph = AnsweredGraph(answers or {}, pages)
    connection = AnsweredConnection(graph, caller)
    return connection.directory, graph, connection.waits


def test_waits_begin_with_a_tenth_of_a_second_and_double_up_to_two_seconds() -> None:
    """Half of each is left to chance, so that many plugins do not ask in step."""
    directory, _, waits = opened()
    assert directory.wait(lambda: None, 30.0) is None

    for wait, ceiling in zip(waits, [0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * len(waits)], strict=False):
        assert ceiling / 2 <= wait <= ceiling
    assert len({wait / 2.0 for wait in waits[5:]}) > 1
    assert 28.0 < sum(waits) <= 30.0


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_chance_decides_over_the_second_half_of_a_wait(
    chance: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: chance)
    directory, _, waits = opened()
    directory.wait(lambda: None, 1.0)
    assert waits[:3] == pytest.approx([0.1 * share, 0.2 * share, 0.4 * share])


@pytest.mark.parametrize(("bound_s", "expected"), [(0.1, [0.1]), (0.09, []), (0.29, [0.1])])
def test_wait_may_take_all_the_time_there_is(
    bound_s: float, expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    directory, _, waits = opened()
    assert directory.wait(lambda: None, bound_s) is None
    assert waits == pytest.approx(expected)


def test_waits_for_a_new_object_begin_with_a_tenth_of_a_second_too() -> None:
    directory, _, waits = opened({f"GET {PATH}": [refusal(404)] * 6 + [{"id": MINE}]})
    directory.remember(MINE)
    directory.get(PATH)

    assert len(waits) == 6
    for wait, ceiling in zip(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0], strict=True):
        assert ceiling / 2 <= wait <= ceiling


def test_wait_gives_what_it_reads_at_once_without_waiting() -> None:
    directory, _, waits = opened()
    assert directory.wait(lambda: 0, 30.0) == 0
    assert waits == []


def test_wait_for_no_time_reads_once() -> None:
    directory, _, waits = opened()
    reads: list[str] = []
    assert directory.wait(lambda: reads.append("read"), 0.0) is None
    assert (reads, waits) == (["read"], [])


@pytest.mark.parametrize(("status", "longest_s"), [(404, 120.0), (403, 30.0), (409, 30.0)])
def test_new_object_is_waited_for_from_its_creation_on(status: int, longest_s: float) -> None:
    directory, _, waits = opened({f"GET {PATH}": refusal(status)})
    directory.remember(MINE)
    waits.append(25.0)  # it is so old when it is asked for
    with pytest.raises(GraphError):
        directory.get(PATH)
    assert longest_s - 2.0 < sum(waits) <= longest_s


@pytest.mark.parametrize("message", ["does not reference a valid application object", "Not a valid reference update"])
def test_body_that_names_a_new_object_may_be_refused_for_two_minutes(message: str) -> None:
    directory, _, waits = opened({"POST /servicePrincipals": refusal(400, message)})
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.post("/servicePrincipals", {"appId": MINE})
    assert 118.0 < sum(waits) <= 120.0


@pytest.mark.parametrize(("status", "message"), [(500, "Not a valid reference update"), (400, "words"), (429, "words")])
def test_other_refusal_about_a_new_object_is_believed(status: int, message: str) -> None:
    directory, graph, waits = opened({"POST /servicePrincipals": refusal(status, message)})
    directory.remember(MINE)
    with pytest.raises(GraphError, match=f"answered {status}"):
        directory.post("/servicePrincipals", {"appId": MINE})
    assert (len(graph.sent), waits) == (1, [])


def test_the_newest_of_several_new_objects_counts() -> None:
    directory, _, waits = opened({f"PATCH {PATH}": refusal(403)})
    directory.remember(MINE, "")
    waits.append(20.0)
    directory.remember(OTHER)
    with pytest.raises(GraphError):
        directory.patch(PATH, {"owner": OTHER})
    assert 48.0 < sum(waits) <= 50.0


def test_object_without_an_id_is_not_remembered() -> None:
    directory, _, waits = opened()
    directory.remember("")
    with pytest.raises(GraphError):
        directory.get(PATH)
    assert waits == []


def test_deleted_object_is_not_waited_for_and_others_still_are() -> None:
    directory, graph, waits = opened({f"GET /applications/{OTHER}": [refusal(404), {"id": OTHER}]})
    directory.remember(MINE, OTHER)
    directory.forget(MINE, "unknown")
    assert directory.found(PATH) is None
    assert waits == []
    assert directory.found(f"/applications/{OTHER}") == {"id": OTHER}
    assert len(graph.sent) == 3


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT"])
def test_every_request_about_a_new_object_is_patient(method: str) -> None:
    directory, graph, waits = opened({f"{method} {PATH}": [refusal(404), refusal(404), {}]})
    directory.remember(MINE)
    if method == "PATCH":
        directory.patch(PATH, {"notes": "n"})
    elif method == "DELETE":
        directory.delete(PATH)
    else:
        directory.upload(PATH, b"picture", "image/png")

    bodies: dict[str, Any] = {"PATCH": {"notes": "n"}, "DELETE": None, "PUT": (b"picture", "image/png")}
    sent: Sent = (method, PATH, bodies[method])
    assert graph.sent == [sent] * 3
    assert len(waits) == 2


def test_removal_of_an_owner_is_patient_with_a_new_application() -> None:
    path = f"{PATH}/owners/{OTHER}/$ref"
    directory, graph, _ = opened({f"DELETE {path}": [refusal(404), {}]})
    directory.remember(MINE)
    directory.delete(path)
    assert graph.sent == [("DELETE", path, None)] * 2


def test_deletion_of_an_old_part_of_a_new_application_is_believed() -> None:
    path = f"{PATH}/federatedIdentityCredentials/{OTHER}"
    directory, graph, _ = opened({f"DELETE {path}": refusal(404)})
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.delete(path)
    assert len(graph.sent) == 1


def test_reads_hand_on_what_is_asked_for() -> None:
    directory, graph, _ = opened({f"GET {PATH}": {"id": MINE}}, {"/applications": [{"id": MINE}, {"id": OTHER}]})
    assert directory.get(PATH, {"$select": "id"}) == {"id": MINE}
    assert directory.items("/applications", {"$filter": "x"}) == [{"id": MINE}, {"id": OTHER}]
    assert graph.sent == [("GET", PATH, {"$select": "id"}), ("GET", "/applications", {"$filter": "x"})]


@pytest.mark.parametrize("read", ["found", "shown"])
def test_other_answer_than_not_found_is_never_taken_for_gone(read: str) -> None:
    directory, _, _ = opened({f"GET {PATH}": refusal(500)})
    with pytest.raises(GraphError, match="answered 500"):
        getattr(directory, read)(PATH)
    assert getattr(directory, read)("/applications/other") is None


def test_shown_has_no_patience_with_a_new_object() -> None:
    directory, graph, waits = opened({f"GET {PATH}": [refusal(404), {"id": MINE}]})
    directory.remember(MINE)
    assert (directory.shown(PATH), waits) == (None, [])
    assert directory.shown(PATH) == {"id": MINE}
    assert len(graph.sent) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_wait_for_a_new_object_ends_before_its_time_is_over(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    longest_s = 120.0 if status in (400, 404) else 30.0
    monkeypatch.setattr(random, "random", lambda: chance_that_ends_after(longest_s))
    directory, _, waits = opened({"POST /x": refusal(status, "Not a valid reference update")})
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.post("/x", {"id": MINE})
    assert longest_s - 2.0 < sum(waits) < longest_s


@pytest.mark.parametrize("appears", [True, False])
def test_wait_until_something_appears_or_is_gone_ends_in_time(appears: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: chance_that_ends_after(120.0))
    directory, _, waits = opened()
    with pytest.raises(Unreachable):
        directory.until(lambda: None, "it") if appears else directory.gone(lambda: 1, "it")
    assert 118.0 < sum(waits) < 120.0


def test_until_takes_an_object_that_is_there_after_two_reads() -> None:
    directory, _, waits = opened()
    reads: Iterator[str] = iter(["first", "second", "third"])
    assert directory.until(lambda: next(reads), "the thing") == "second"
    assert (next(reads), waits) == ("third", [])


def test_until_and_gone_name_the_time_after_which_they_give_up() -> None:
    directory, _, waits = opened()
    with pytest.raises(Unreachable, match="the thing was created, but cannot be seen after 120 s") as caught:
        directory.until(lambda: None, "the thing")
    assert caught.value.repair == "pulumi up, which goes on from here"
    assert 118.0 < sum(waits) <= 120.0
    waits.clear()
    with pytest.raises(Unreachable, match="the thing was deleted, but can still be seen after 120 s") as caught:
        directory.gone(lambda: 1, "the thing")
    assert 118.0 < sum(waits) <= 120.0
    assert caught.value.repair == "try again"


def test_caller_is_who_the_token_names() -> None:
    directory, graph, _ = opened()
    assert (directory.caller_object_id(), graph.sent) == ("caller", [])


def test_caller_whose_token_cannot_be_read_is_looked_up() -> None:
    directory, graph, _ = opened({}, {"/servicePrincipals": [{"id": MINE}]}, caller="")
    assert directory.caller_object_id() == MINE
    assert graph.sent == [("GET", "/servicePrincipals", {"$filter": "appId eq 'client'"})]


@pytest.mark.parametrize("listed", [[], [{"id": ""}], [{}], [{"id": MINE}, {"id": OTHER}]])
def test_caller_that_cannot_be_found_is_told(listed: list[dict[str, Any]]) -> None:
    directory, _, _ = opened({}, {"/servicePrincipals": listed}, caller="")
    with pytest.raises(OrgcalError, match="the object id of the deploying client client cannot be found"):
        directory.caller_object_id()


def test_owners_are_compared_in_any_case_and_added_before_others_go() -> None:
    directory, graph, _ = opened()
    set_owners(directory, PATH, ["old", "STAYS"], ["stays", "new"])
    assert graph.sent == [
        ("POST", f"{PATH}/owners/$ref", {"@odata.id": "https://graph.example/v1.0/directoryObjects/new"}),
        ("DELETE", f"{PATH}/owners/old/$ref", None),
    ]


def test_quote_in_a_filter_is_doubled() -> None:
    """Source: https://docs.oasis-open.org/odata/odata/v4.01/, 5.1.1.6.1 of the URL conventions."""
    assert quoted("O'Brien") == "'O''Brien'"


def test_one_application_has_one_writer_at_a_time_and_another_one_its_own() -> None:
    directory, _, _ = opened()
    entered = threading.Event()

    def write(object_id: str) -> None:
        with directory.locked(object_id):
            entered.set()

    with directory.locked(MINE):
        other = threading.Thread(target=write, args=(OTHER,))
        other.start()
        other.join(timeout=30)
        assert entered.is_set()
        entered.clear()
        same = threading.Thread(target=write, args=(MINE,))
        same.start()
        assert not entered.wait(0.05)
    same.join(timeout=30)
    assert entered.is_set()
