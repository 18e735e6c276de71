"""What preflight finds in the home tenant: whole findings, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from orgcal.entra.home.policy import CredentialPolicy
from orgcal.entra.home.preflight import (
    Intent,
    PreflightCheck,
    check_name,
    check_permissions,
    check_policy,
    check_rights,
    preflight,
)
from orgcal.entra.home.rights import Operator
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from tests.support.home_graph import HomeGraph, refusal

TAG = "orgcal:orgcal/prod"
INTENT = Intent("prod", TAG, "Calendar Sync", "secret", timedelta(days=180), scopes=("Calendars.Read",))
NOTHING = Operator("o", False, frozenset(), frozenset())
DEPLOYER = Operator("o", False, frozenset({"Application.ReadWrite.OwnedBy", "Application.Read.All"}), frozenset())
PUBLISHED = [
    {"id": APP_ROLE_IDS[name], "value": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
    for name in ("Calendars.Read", "Calendars.ReadBasic.All", "Directory.Read.All")
]
BIN = "GET /directory/deletedItems/microsoft.graph.application"
POLICY, BETA = "GET /policies/defaultAppManagementPolicy", "GET /beta/policies/defaultAppManagementPolicy"


# Rights ------------------------------------------------------------------------------------------------------------


def lacks(purpose: str, role: str, permission: str, verdict: Any = "bad") -> PreflightCheck:
    return PreflightCheck(
        "rights",
        verdict,
        f"the operator lacks what is needed to {purpose}",
        f"give a person the role {role}; give a service principal that role or the Application permission {permission} "
        "of Microsoft Graph",
    )


TO_MANAGE = ("create the application and manage what the operator owns", "Application Developer",
             "Application.ReadWrite.OwnedBy")  # fmt: skip
TO_LOOK_UP = ("look up the permissions of Microsoft Graph, and applications by name", "Directory Readers",
              "Application.Read.All")  # fmt: skip
TO_GRANT = ("grant Microsoft Graph's application permissions in the home tenant", "Privileged Role Administrator",
            "AppRoleAssignment.ReadWrite.All")  # fmt: skip
ALL_WELL = PreflightCheck("rights", "ok", "the operator has every right that a deployment needs")


@pytest.mark.parametrize(
    ("operator", "changed", "found"),
    [
        (DEPLOYER, {}, [ALL_WELL]),
        (NOTHING, {}, [lacks(*TO_MANAGE), lacks(*TO_LOOK_UP)]),
        (NOTHING, {"looks_up": False}, [lacks(*TO_MANAGE)]),
        (NOTHING, {"home_grants": True}, [lacks(*TO_MANAGE), lacks(*TO_LOOK_UP), lacks(*TO_GRANT)]),
        (DEPLOYER, {"home_grants": True}, [lacks(*TO_GRANT)]),
        (replace(NOTHING, person=True), {"looks_up": False}, [lacks(*TO_MANAGE, verdict="warning")]),
        (None, {}, [PreflightCheck("rights", "unknown", "the operator's token cannot be read, so its rights are not "
                                   "known")]),
    ],
    ids=["all", "none", "looks nothing up", "grants at home", "grants only", "a person", "unreadable"],
)  # fmt: skip
def test_rights_that_are_lacking_are_named_with_what_gives_them(
    operator: Operator | None, changed: dict[str, Any], found: list[PreflightCheck]
) -> None:
    assert check_rights(operator, replace(INTENT, **changed)) == found


# Permissions and advice --------------------------------------------------------------------------------------------


def directory(roles: Any = PUBLISHED) -> HomeGraph:
    return HomeGraph({"GET /servicePrincipals": [{"id": "p", "appId": GRAPH_APP_ID, "appRoles": roles}]})


def test_permissions_are_looked_up_where_they_are_published() -> None:
    graph = directory()

    assert check_permissions(graph, replace(INTENT, purpose="read")) == [
        PreflightCheck("permissions", "ok", "published by the directory: Calendars.Read, Directory.Read.All")
    ]
    [(asked, params, _)] = graph.sent
    assert asked == "GET /servicePrincipals"
    assert params["$filter"] == "appId eq '00000003-0000-0000-c000-000000000000'"
    assert set(params["$select"].split(",")) == {"id", "appId", "appRoles"}


def test_permissions_are_taken_from_our_table_where_nothing_is_looked_up() -> None:
    graph = HomeGraph({})

    assert check_permissions(graph, replace(INTENT, looks_up=False, purpose="availability")) == [
        PreflightCheck("permissions", "ok", "in orgcal's own table: Calendars.Read, Directory.Read.All"),
        PreflightCheck(
            "permissions",
            "warning",
            "scope Calendars.Read is more than a connector needs that sees when people are busy; "
            "Calendars.ReadBasic.All suffices",
        ),
    ]
    assert graph.sent == []


def test_each_scope_that_is_no_permission_is_a_finding() -> None:
    found = check_permissions(directory(), replace(INTENT, scopes=("User.Read", "Calendars.Reed")))

    assert [(each.name, each.verdict, each.repair) for each in found] == [
        ("permissions", "bad", "correct orgcal:connector.scopes")
    ] * 2
    assert [each.says.partition(":")[0] for each in found] == ["User.Read", "Calendars.Reed"]


# The policy --------------------------------------------------------------------------------------------------------

NAMED = CredentialPolicy(name="the policy")
SHORTER = PreflightCheck(
    "policy",
    "warning",
    "the policy allows a secret to live 90 days at most; new generations will",
    "pulumi config set --stack prod --path orgcal:credential.lifetime 90d",
)
LIMITED = replace(NAMED, secret_lifetime=timedelta(days=90))
FINE = PreflightCheck("policy", "ok", "the policy allows this")


@pytest.mark.parametrize(
    ("policy", "changed", "found"),
    [
        (NAMED, {}, [FINE]),
        (LIMITED, {}, [SHORTER]),
        (LIMITED, {"lifetime": None}, [SHORTER]),
        (LIMITED, {"lifetime": timedelta(days=90, seconds=1)}, [SHORTER]),
        (LIMITED, {"lifetime": timedelta(days=90)}, [FINE]),
        (LIMITED, {"kind": "certificate"}, [FINE]),
        (replace(NAMED, multitenant=False), {}, [PreflightCheck(
            "policy", "bad", "the policy forbids applications for other organisations",
            "ask its administrator to exempt the operator from `audiences.azureAdMultipleOrgs` (excludeActors), or to "
            "switch that restriction off while the application is created")]),
        (replace(NAMED, secrets=False), {}, [PreflightCheck(
            "policy", "bad", "the policy forbids client secrets",
            "pulumi config set --stack prod --path orgcal:credential.kind certificate (or federated, if the platform "
            "issues tokens of its own)")]),
        (replace(NAMED, secrets=False), {"kind": "certificate"}, [FINE]),
        (None, {}, [PreflightCheck(
            "policy", "unknown", "the operator may not read the tenant's app management policy",
            "to have lifetimes fitted to it, grant the operator Policy.Read.All (a person: the role Global Reader)")]),
    ],
)  # fmt: skip
def test_policy_that_forbids_something_is_told_with_what_to_do(
    policy: CredentialPolicy | None, changed: dict[str, Any], found: list[PreflightCheck]
) -> None:
    assert check_policy(policy, replace(INTENT, **changed)) == found


# The name, room, owners and publisher ------------------------------------------------------------------------------


def app(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"object-{number}", "appId": f"client-{number}", "displayName": "Calendar Sync", **more}


def test_taken_names_are_told_with_what_takes_them_over() -> None:
    graph = HomeGraph({"GET /applications": [app(1), app(2, tags=[TAG])], BIN: [app(3)]})

    assert check_name(graph, INTENT) == [
        PreflightCheck(
            "name",
            "bad",
            "the tenant has another application called 'Calendar Sync', client id client-1",
            "take it over: orgcal adopt --stack prod --client-id client-1; or have both: pulumi config set --stack "
            "prod --path orgcal:application.same_name true",
        ),
        PreflightCheck(
            "name",
            "warning",
            "this stack has made the application client-2 before, and its state does not hold it",
            "use it: orgcal adopt --stack prod --client-id client-2; remove it: orgcal sweep --stack prod",
        ),
        PreflightCheck(
            "recycle bin",
            "warning",
            "an application called 'Calendar Sync', client id client-3, can still be restored; organisations that "
            "consented to it would have to consent to a new one again",
            "restore it: orgcal adopt --stack prod --client-id client-3 --restore",
        ),
    ]
    assert [params["$filter"] for _, params, _ in graph.sent] == ["displayName eq 'Calendar Sync'"] * 2


def parts(graph: HomeGraph, intent: Intent = INTENT, object_id: str = "") -> list[PreflightCheck]:
    """The findings about the application itself."""
    about = ("name", "recycle bin", "room", "owners", "publisher", "application")
    return [each for each in preflight(graph, intent, object_id) if each.name in about]


def owners(count: int) -> PreflightCheck:
    return PreflightCheck("owners", "ok", f"the application has {count} owners")


ALONE = PreflightCheck(
    "owners",
    "warning",
    "the deploying principal is the application's only owner; if it is lost, nobody can step in",
    "name a person by object id: pulumi config set --stack prod --path 'orgcal:application.owners[0]' OBJECT-ID",
)


def test_free_name_is_told_with_the_owners_that_there_will_be() -> None:
    free = HomeGraph({"GET /applications": [], BIN: []})

    fine = PreflightCheck("name", "ok", "no other application is called 'Calendar Sync'")
    assert parts(free) == [fine, ALONE]
    assert parts(free, replace(INTENT, further_owners=2)) == [fine, owners(3)]


def test_name_that_waits_in_the_bin_is_not_called_free() -> None:
    binned = HomeGraph({"GET /applications": [], BIN: [app(3)]})
    assert [each.name for each in parts(binned)] == ["recycle bin", "owners"]


def deployed(raw: dict[str, Any], *, federated: int = 0, owned: int = 2) -> HomeGraph:
    return HomeGraph(
        {
            "GET /applications/object-1": raw,
            "GET /applications/object-1/federatedIdentityCredentials": [{"id": str(n)} for n in range(federated)],
            "GET /applications/object-1/owners": [{"id": str(n)} for n in range(owned)],
        }
    )


VERIFIED = {"verifiedPublisher": {"displayName": "Acme"}}
PUBLISHER = PreflightCheck("publisher", "ok", "the publisher is verified: Acme")


def test_deployed_application_is_told_with_its_room_owners_and_publisher() -> None:
    raw = app(1, passwordCredentials=[{"keyId": "a"}], keyCredentials=[{"keyId": "b"}])

    assert parts(deployed(raw, federated=1, owned=1), object_id="object-1") == [
        PreflightCheck(
            "room",
            "ok",
            "the application has 2 secrets and certificates, 1 federated credential, and room for another",
        ),
        ALONE,
        PreflightCheck(
            "publisher",
            "warning",
            "the application has no verified publisher; consent pages of other organisations say `unverified`",
            "a person does it in the portal (Branding & properties) with your Partner ID, once "
            "https://YOUR-DOMAIN/.well-known/microsoft-identity-association.json names the client id; no application "
            "can",
        ),
    ]


@pytest.mark.parametrize(("present", "further", "told"), [(1, 0, ALONE), (1, 1, owners(2)), (3, 1, owners(3))])
def test_owners_are_those_that_are_there_or_that_are_wanted(present: int, further: int, told: PreflightCheck) -> None:
    graph = deployed(app(1, **VERIFIED), owned=present)

    assert parts(graph, replace(INTENT, further_owners=further), "object-1")[1:] == [told, PUBLISHER]


def full(says: str) -> PreflightCheck:
    return PreflightCheck(
        "room",
        "bad",
        f"the application has {says}, and no room for another",
        "remove what nobody uses; orgcal sweep finds what is ours",
    )


def entries(count: int) -> dict[str, Any]:
    """An application with so many entries in its collections, four of them of one kind each."""
    assert count > 4
    return app(
        1,
        **VERIFIED,
        passwordCredentials=[{"keyId": "a"}],
        keyCredentials=[{"keyId": "b"}],
        tags=["one"],
        web={"redirectUris": ["https://a.example"]},
        requiredResourceAccess=[{"resourceAccess": [{"id": str(n)} for n in range(count - 5)]},
                                {"resourceAccess": [{"id": "x"}]}],
    )  # fmt: skip


def test_room_ends_at_twelve_hundred_entries_of_every_collection() -> None:
    """Source: https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions."""
    assert parts(deployed(entries(1199)), object_id="object-1")[0].verdict == "ok"
    assert parts(deployed(entries(1200)), object_id="object-1")[0] == full(
        "2 secrets and certificates, 0 federated credentials"
    )


@pytest.mark.parametrize(("kind", "present", "verdict"), [("federated", 19, "ok"), ("federated", 20, "bad"),
                                                          ("certificate", 20, "ok")])  # fmt: skip
def test_room_for_federated_credentials_ends_at_twenty_of_them(kind: Any, present: int, verdict: str) -> None:
    graph = deployed(app(1, **VERIFIED), federated=present)

    room = parts(graph, replace(INTENT, kind=kind), "object-1")[0]

    assert room.verdict == verdict
    assert room.says.startswith(
        f"the application has 0 secrets and certificates, {present} federated credentials, and "
    )


def test_application_that_no_state_holds_is_looked_for_by_its_tag() -> None:
    graph = deployed(app(1, **VERIFIED))
    graph.answers["GET /applications"] = [app(1, **VERIFIED)]
    del graph.answers["GET /applications/object-1"]

    assert [each.name for each in parts(graph)] == ["room", "owners", "publisher"]
    assert graph.sent[-3][1]["$filter"] == f"tags/any(t:t eq '{TAG}')"
    gone = HomeGraph({"GET /applications": [], BIN: []})
    assert [each.name for each in parts(gone, object_id="object-1")] == ["name", "owners"]


# All of it ---------------------------------------------------------------------------------------------------------


def token(**claims: Any) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


def test_preflight_says_which_checks_could_not_be_made() -> None:
    denied = HomeGraph(
        {"GET /servicePrincipals": refusal(403), POLICY: refusal(500), "GET /applications": {"value": 1}},
        token(oid="o", roles=["Application.ReadWrite.All"]),
    )

    rights, permissions, policy, application = preflight(denied, INTENT)

    assert rights == ALL_WELL
    assert permissions == PreflightCheck(
        "permissions", "unknown", "this could not be checked: the operator may not look", ""
    )
    assert policy == PreflightCheck("policy", "unknown", "this could not be checked: Microsoft Graph answered 500", "")
    assert application == PreflightCheck(
        "application", "unknown", "this could not be checked: Microsoft Graph's answer has no list of values", ""
    )


def test_preflight_without_a_service_principal_of_graph_says_how_to_make_it() -> None:
    graph = HomeGraph({"GET /servicePrincipals": []})

    [_, found, *_] = preflight(graph, INTENT)

    assert found == PreflightCheck(
        "permissions",
        "unknown",
        "this could not be checked: the home tenant has no service principal of Microsoft Graph",
        "az ad sp create --id 00000003-0000-0000-c000-000000000000",
    )
