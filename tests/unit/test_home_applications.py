"""Applications of the home tenant: what is asked of Microsoft Graph, and what is made of its answers.

Sources of the requests: https://learn.microsoft.com/en-us/graph/api/application-list, directory-deleteditems-list,
directory-deleteditems-delete, directory-deleteditems-restore and application-list-owners, beside it; and, for the
header, https://learn.microsoft.com/en-us/graph/aad-advanced-queries (2026-11-29).
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.entra.home import applications
from orgcal.entra.home.applications import FoundApplication
from orgcal.entra.home.tags import EPHEMERAL_TAG, deployment_tag, origin_tag
from orgcal.errors import GraphError, Unreachable, UsageError
from tests.support.home_graph import GRAPH, HomeGraph, refusal

PROPERTIES = {
    "id", "appId", "displayName", "notes", "tags", "signInAudience", "createdDateTime", "web", "info",
    "requiredResourceAccess", "passwordCredentials", "keyCredentials", "verifiedPublisher",
}  # fmt: skip
EVENTUAL = {"ConsistencyLevel": "eventual"}
RAW: dict[str, Any] = {
    "id": "object",
    "appId": "client",
    "displayName": "Calendar Sync",
    "tags": ["orgcal:orgcal/prod", "other"],
    "createdDateTime": "2026-11-01T00:00:00Z",
    "passwordCredentials": [{"keyId": "secret"}],
    "keyCredentials": [{"keyId": "certificate"}],
    "verifiedPublisher": {"displayName": "Acme"},
}
FOUND = FoundApplication(
    "object", "client", "Calendar Sync", ("orgcal:orgcal/prod", "other"), "2026-11-01T00:00:00Z", raw=RAW
)


def live(condition: str) -> tuple[str, Any, Any]:
    """The request for live applications; the order of properties is nobody's concern."""
    return ("GET /applications", {"$filter": condition, "$select": PROPERTIES}, None)


def asked(graph: HomeGraph) -> list[tuple[str, Any, Any]]:
    return [
        (what, {**given, "$select": set(given["$select"].split(","))} if "$select" in (given or {}) else given, headers)
        for what, given, headers in graph.sent
    ]


def test_tag_and_name_are_looked_for_as_strings_of_a_filter() -> None:
    graph = HomeGraph({"GET /applications": [RAW]})

    assert applications.tagged(graph, "orgcal:it's") == [FOUND]
    assert applications.named(graph, "It's ''ours''") == [FOUND]

    assert asked(graph) == [
        live("tags/any(t:t eq 'orgcal:it''s')"),
        live("displayName eq 'It''s ''''ours'''''"),
    ]


def test_application_without_optional_parts_is_found_with_empty_ones() -> None:
    [found] = applications.named(HomeGraph({"GET /applications": [{"id": "object", "tags": None}]}), "x")

    assert found == FoundApplication("object", "", "", (), "", False, {"id": "object", "tags": None})
    assert (found.credentials(), found.verified_publisher) == ([], "")
    assert "raw" not in repr(found)


def test_application_tells_its_credentials_and_its_publisher() -> None:
    assert FOUND.credentials() == [{"keyId": "secret"}, {"keyId": "certificate"}]
    assert FOUND.verified_publisher == "Acme"


def test_application_of_another_form_is_no_answer() -> None:
    with pytest.raises(Unreachable) as refused:
        applications.named(HomeGraph({"GET /applications": [{**RAW, "tags": "x"}]}), "x")

    assert str(refused.value).startswith(
        "GET /applications: Microsoft Graph's answer has another form than documented, at tags"
    )


def test_deleted_name_is_looked_for_in_the_bin_with_a_count() -> None:
    graph = HomeGraph({"GET /directory/deletedItems/microsoft.graph.application": [RAW]})

    [found] = applications.deleted_named(graph, "Calendar Sync")

    assert (found.client_id, found.deleted) == ("client", True)
    params = {"$filter": "displayName eq 'Calendar Sync'", "$count": "true"}
    assert graph.sent == [("GET /directory/deletedItems/microsoft.graph.application", params, EVENTUAL)]


def test_deleted_tag_is_looked_for_among_everything_in_the_bin() -> None:
    path, more = "GET /directory/deletedItems/microsoft.graph.application", f"{GRAPH}/v1.0/more"
    first = {"value": [RAW, {**RAW, "id": "b", "tags": ["other"]}], "@odata.nextLink": more}
    graph = HomeGraph({path: first, f"GET {more}": [{**RAW, "id": "c"}, {**RAW, "id": "d", "tags": []}]})

    found = applications.deleted_tagged(graph, "orgcal:orgcal/prod")

    assert [(each.application_object_id, each.deleted) for each in found] == [("object", True), ("c", True)]
    columns = {"id", "appId", "displayName", "tags", "createdDateTime"}
    assert asked(graph)[0] == (path, {"$select": columns, "$top": "999"}, None)


def test_deleted_principals_of_an_application_are_told_by_their_ids() -> None:
    path = "GET /directory/deletedItems/microsoft.graph.servicePrincipal"
    graph = HomeGraph({path: [{"id": "a"}, {"id": "b"}]})

    assert applications.deleted_principals_of(graph, "client") == ["a", "b"]
    assert graph.sent == [(path, {"$filter": "appId eq 'client'", "$count": "true"}, EVENTUAL)]
    with pytest.raises(Unreachable, match=r"at id") as refused:
        applications.deleted_principals_of(HomeGraph({path: [{"id": ""}]}), "client")
    assert refused.value.where == path


@pytest.mark.parametrize(("answer", "purged"), [({}, True), (refusal(404), False)])
def test_purge_tells_whether_the_bin_had_it(answer: Any, purged: bool) -> None:
    graph = HomeGraph({"DELETE /directory/deletedItems/object": answer})

    assert applications.purge(graph, "object") is purged
    assert graph.sent == [("DELETE /directory/deletedItems/object", None, None)]


def test_purge_that_is_refused_is_an_error() -> None:
    with pytest.raises(GraphError, match="403"):
        applications.purge(HomeGraph({"DELETE /directory/deletedItems/object": refusal(403)}), "object")


def test_client_id_is_looked_for_among_the_living_and_then_in_the_bin() -> None:
    binned = "GET /directory/deletedItems/microsoft.graph.application"
    alive, gone = (
        HomeGraph({"GET /applications": [RAW], binned: []}),
        HomeGraph({"GET /applications": [], binned: [RAW]}),
    )

    assert applications.by_client_id(alive, "client") == FOUND
    assert applications.by_client_id(gone, "client").deleted

    assert asked(alive) == [live("appId eq 'client'")]
    in_the_bin = (binned, {"$filter": "appId eq 'client'", "$count": "true"}, EVENTUAL)
    assert asked(gone) == [live("appId eq 'client'"), in_the_bin]
    with pytest.raises(UsageError) as refused:
        applications.by_client_id(HomeGraph({"GET /applications": [], binned: []}), "client")
    assert str(refused.value) == (
        "client: the home tenant has no application with this client id\n  repair: orgcal status, or the portal"
    )


def test_object_id_is_read_by_itself_and_one_that_is_gone_is_none() -> None:
    graph = HomeGraph({"GET /applications/object": RAW})

    assert applications.by_object_id(graph, "object") == FOUND
    assert applications.by_object_id(graph, "other") is None
    assert asked(graph)[0] == ("GET /applications/object", {"$select": PROPERTIES}, None)
    with pytest.raises(GraphError, match="403"):
        applications.by_object_id(HomeGraph({"GET /applications/object": refusal(403)}), "object")


def test_whole_application_is_read_with_what_graph_tells_by_itself() -> None:
    graph = HomeGraph({"GET /applications/object": {**RAW, "identifierUris": ["api://x"]}})

    assert applications.whole(graph, "object").raw["identifierUris"] == ["api://x"]
    assert graph.sent == [("GET /applications/object", None, None)]
    with pytest.raises(GraphError, match="404"):
        applications.whole(graph, "gone")


def test_restore_posts_to_the_bin() -> None:
    graph = HomeGraph({})

    applications.restore(graph, "object")

    assert graph.sent == [("POST /directory/deletedItems/object/restore", None, None)]


def test_service_principal_of_an_application_is_the_one_or_none() -> None:
    principal = {"id": "principal", "appId": "client", "displayName": "Calendar Sync", "tags": []}
    graph = HomeGraph({"GET /servicePrincipals": [principal]})

    assert applications.service_principal_of(graph, "client") == principal
    columns = {"id", "appId", "displayName", "tags"}
    assert asked(graph) == [("GET /servicePrincipals", {"$filter": "appId eq 'client'", "$select": columns}, None)]
    assert applications.service_principal_of(HomeGraph({"GET /servicePrincipals": []}), "client") is None
    with pytest.raises(Unreachable, match=r"at id") as refused:
        applications.service_principal_of(HomeGraph({"GET /servicePrincipals": [{}]}), "client")
    assert refused.value.where == "GET /servicePrincipals"


def test_owners_are_told_by_their_ids() -> None:
    graph = HomeGraph({"GET /applications/object/owners": [{"id": "a"}, {"id": "b", "displayName": "Ada"}]})

    assert applications.owners_of(graph, "object") == ["a", "b"]
    with pytest.raises(Unreachable, match=r"at id") as refused:
        applications.owners_of(HomeGraph({"GET /applications/object/owners": [{"displayName": "Ada"}]}), "object")
    assert refused.value.where == "GET /applications/object/owners"


def test_tags_of_a_stack_stay_the_same_between_versions() -> None:
    """A later version finds by them what an earlier one has made."""
    assert deployment_tag("orgcal", "prod") == "orgcal:orgcal/prod"
    assert EPHEMERAL_TAG == "orgcal:ephemeral"
    assert origin_tag("dev") == "orgcal:origin:dev"


def test_names_of_credentials_fit_where_they_are_written() -> None:
    """X.509 allows 64 characters of a common name: RFC 5280, appendix A.1, ub-common-name-length."""
    tag = "orgcal:" + "x" * 60

    assert applications.credential_name("orgcal:orgcal/prod", 12) == "orgcal:orgcal/prod generation 12"
    assert applications.certificate_subject("orgcal:orgcal/prod", 12) == "orgcal:orgcal/prod generation 12"
    assert applications.certificate_subject(tag, 3) == "x" * 51 + " generation 3"
    assert len(applications.certificate_subject(tag, 3)) == 64
