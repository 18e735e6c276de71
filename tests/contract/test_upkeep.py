"""Status, sweep and adopt on the emulator, without an engine: what they find, and what they leave alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.cli.status import as_lines
from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.operator import operator_tokens
from orgcal.entra.permissions import GRAPH_APP_ID, AppRole, application_permissions, permission_hash
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.session import new_session
from orgcal.errors import UsageError
from orgcal.operations.adopt import (
    Adoption,
    _check_calendars,
    _permissions,
    live_application,
    patched,
    plan_adoption,
)
from orgcal.operations.status import Status, read_status
from orgcal.operations.sweep import _is_ours, find_orphans, remove_orphan
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.settings import parse_settings
from orgcal.stack.outputs import GraphPermission, StackOutputs
from orgcal.tenants.model import State, Tenant
from tests.support.administrator import answer
from tests.support.certificates import rsa_pair
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, FABRIKAM, HOME, declared, deploy
from tests.support.open_stacks import open_stack
from tests.support.stack_exports import state_with

TAG = "orgcal:orgcal/prod"


@pytest.fixture
def graph(endpoints: CloudEndpoints) -> Iterator[GraphClient]:
    """Microsoft Graph as the emulator's operator."""
    with new_session(endpoints) as session:
        yield GraphClient(endpoints, operator_tokens(endpoints, {}, HOME, session), session)


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    return deploy(endpoints, emulator_environ)


def tenant(tenant_id: str, name: str, state: State = State.CONSENTED) -> Tenant:
    now = datetime.now(UTC)
    return Tenant(tenant_id, name, "", state, added_at=now, changed_at=now)


def consent(endpoints: CloudEndpoints, outputs: StackOutputs) -> None:
    """Contoso's administrator consents."""
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    assert "error=" not in answer(endpoints, url, "admin@contoso.example", follow=False).headers["Location"]


# --- status ---


def look(
    outputs: StackOutputs, tenants: list[Tenant], environ: Mapping[str, str], *, now: datetime | None = None
) -> Status:
    registry = SimpleNamespace(tenants=lambda: iter(tenants))
    known: dict[str, Any] = {"endpoints": load_endpoints("emulator", environ), "outputs": outputs, "registry": registry}
    return read_status(open_stack(Path(__file__).parent, cloud="emulator", environ=environ, **known), now=now)


def test_status_tells_the_three_states_of_permissions(
    endpoints: CloudEndpoints, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    consent(endpoints, outputs)

    found = look(outputs, [tenant(CONTOSO, "Contoso"), tenant(FABRIKAM, "F", State.INVITED)], emulator_environ)

    contoso, fabrikam = found.tenants
    assert found.declared == contoso.granted == contoso.effective == ("Calendars.Read", "Directory.Read.All")
    assert fabrikam.granted is None
    assert found.drift == ()
    assert found.ok
    assert "    Calendars.Read      declared  granted  effective" in list(as_lines(found))
    assert outputs.client_secret is not None
    assert outputs.client_secret.get_secret_value() not in str(found)


def test_status_after_fewer_scopes_are_declared_is_well_and_tells_what_is_granted_besides(
    endpoints: CloudEndpoints, outputs: StackOutputs, graph: GraphClient, emulator_environ: Mapping[str, str]
) -> None:
    consent(endpoints, outputs)
    roles = application_permissions(["Calendars.ReadBasic.All"])
    graph.patch(f"/applications/{outputs.application_object_id}", {"requiredResourceAccess": [declared(roles)]})
    named = tuple(GraphPermission(name=role.name, role_id=role.role_id) for role in roles)
    narrowed = outputs.model_copy(update={"permissions": named, "permission_hash": permission_hash(roles)})

    found = look(narrowed, [tenant(CONTOSO, "Contoso")], emulator_environ)

    assert found.ok, found.drift
    assert (found.tenants[0].missing, found.tenants[0].surplus) == ((), ("Calendars.Read",))


def test_status_of_a_tenant_that_took_consent_back_is_drift(
    outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    found = look(outputs, [tenant(CONTOSO, "Contoso")], emulator_environ)

    assert not found.ok
    assert found.tenants[0].missing == ("Calendars.Read", "Directory.Read.All")
    assert any(line.startswith("Contoso: Calendars.Read, Directory.Read.All declared") for line in found.drift)


def test_status_sees_an_application_that_was_changed_by_hand(
    outputs: StackOutputs, graph: GraphClient, emulator_environ: Mapping[str, str]
) -> None:
    path = f"/applications/{outputs.application_object_id}"
    graph.patch(path, {"web": {"redirectUris": ["https://evil.example/"]}})

    found = look(outputs, [], emulator_environ)

    assert not found.ok
    assert any("https://evil.example/" in line for line in found.drift)


@pytest.mark.parametrize(("days", "ok"), [(100, True), (151, False), (181, False)])
def test_status_fails_thirty_days_before_a_credential_ends(
    outputs: StackOutputs, emulator_environ: Mapping[str, str], days: int, ok: bool
) -> None:
    found = look(outputs, [], emulator_environ, now=datetime.now(UTC) + timedelta(days=days))

    assert found.ok is ok
    assert any("<- orgcal rotate" in line for line in as_lines(found)) is not ok


def test_status_of_a_stack_whose_credential_cannot_be_read_says_so_of_each_organisation(
    outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    open_platform(outputs.platform, emulator_environ).remove_credentials(outputs.connector_key)
    told_by_nobody = outputs.model_copy(update={"client_secret": None})

    found = look(told_by_nobody, [tenant(CONTOSO, "Contoso")], emulator_environ)

    assert not found.ok
    assert (found.tenants[0].effective, found.tenants[0].note) == (None, "the connector has no credential")
    assert found.publisher is not None, "what needs no credential is told all the same"


def test_status_compares_the_credential_in_each_further_platform(
    outputs: StackOutputs, emulator_environ: Mapping[str, str], tmp_path: Path
) -> None:
    app = {"kind": "file", "path": "app.yaml", "callback_url": "https://app.example.com/callback"}
    locked = {"kind": "nango", "base_url": "http://localhost:1"}
    in_both = outputs.model_copy(update={"also_pushed_to": {"app": app}})
    environ = {**emulator_environ, "ORGCAL_PROJECT": str(tmp_path)}
    platform = open_platform(app, environ)
    assert outputs.client_secret is not None
    ours = PlatformCredential(outputs.client_id, 1, ClientSecret(outputs.client_secret.get_secret_value()))

    def drift() -> str:
        found = look(in_both, [], environ)
        assert found.ok is not bool(found.drift)
        return " ".join(found.drift)

    assert drift().startswith("also_push_to.app: it has no credential; repair: pulumi up --refresh")
    platform.push_credentials(outputs.connector_key, ours)
    assert drift() == ""
    platform.push_credentials(outputs.connector_key, replace(ours, credential=ClientSecret("typed-in")))
    assert drift().startswith("also_push_to.app: its secret is not the stack's")
    platform.push_credentials(outputs.connector_key, replace(ours, client_id="other", generation=7))
    assert "client id other instead of" in drift()
    assert "generation 7 instead of 1" in drift()

    unreadable = look(outputs.model_copy(update={"also_pushed_to": {"n": locked}}), [], environ)
    federated = look(in_both.model_copy(update={"credential_kind": "federated"}), [], environ)
    assert any(line.startswith("also_push_to.n: NANGO_API_KEY_FILE") for line in unreadable.unknown)
    assert not any("also_push_to" in line for line in federated.drift), "nothing was pushed there"


# --- sweep ---


def made(graph: GraphClient, *, tags: tuple[str, ...] = (TAG,)) -> dict[str, Any]:
    return graph.post("/applications", {"displayName": "Sync", "tags": list(tags)})


def secret(graph: GraphClient, application: dict[str, Any], name: str) -> str:
    body = {"passwordCredential": {"displayName": name}}
    return str(graph.post(f"/applications/{application['id']}/addPassword", body)["keyId"])


def test_sweep_finds_and_removes_what_no_state_holds(graph: GraphClient) -> None:
    held = made(graph)
    known = secret(graph, held, f"{TAG} generation 1")
    orphaned = secret(graph, held, f"{TAG} generation 2")
    by_hand = secret(graph, held, "somebody's own")
    federated = graph.post(
        f"/applications/{held['id']}/federatedIdentityCredentials",
        {
            "name": "left",
            "issuer": "https://i.example",
            "subject": "s",
            "audiences": ["api://AzureADTokenExchange"],
            "description": f"{TAG} generation 3",
        },
    )
    principal = graph.post("/servicePrincipals", {"appId": held["appId"]})
    lost = made(graph)
    others = made(graph, tags=("orgcal:orgcal/staging",))
    state = state_with(application=held["id"], key=known)

    orphans = find_orphans(graph, TAG, state, held["appId"])

    assert {(item.kind, item.object_id) for item in orphans} == {
        ("application", lost["id"]),
        ("secret", orphaned),
        ("federated credential", federated["id"]),
        ("service principal", principal["id"]),
    }
    for orphan in orphans:
        remove_orphan(graph, orphan)
    assert find_orphans(graph, TAG, state, held["appId"]) == []
    kept = applications.whole(graph, held["id"])
    assert {item["keyId"] for item in kept.credentials()} == {known, by_hand}
    assert applications.whole(graph, others["id"]).client_id == others["appId"]


def test_sweep_removes_the_orphaned_certificate_and_leaves_the_others(graph: GraphClient) -> None:
    """Microsoft Graph has no call that removes one: all that are to stay are sent."""
    held = made(graph)
    path = f"/applications/{held['id']}"
    names = [applications.certificate_subject(TAG, 1), applications.certificate_subject(TAG, 2), "somebody's own"]
    body = [
        {
            "displayName": f"CN={name}",
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": "".join(rsa_pair(f"sweep {number}").certificate.splitlines()[1:-1]),
        }
        for number, name in enumerate(names)
    ]
    graph.patch(path, {"keyCredentials": body})
    keys = {item["displayName"]: item["keyId"] for item in graph.get(path)["keyCredentials"]}
    known, orphaned, foreign = (keys[f"CN={name}"] for name in names)
    state = state_with(application=held["id"], key=known)

    (orphan,) = find_orphans(graph, TAG, state, held["appId"])
    remove_orphan(graph, orphan)

    assert (orphan.kind, orphan.object_id) == ("certificate", orphaned)
    assert {item["keyId"] for item in graph.get(path)["keyCredentials"]} == {known, foreign}


def test_sweep_never_offers_the_application_that_the_connector_uses(graph: GraphClient) -> None:
    used = made(graph)

    (orphan,) = find_orphans(graph, TAG, state_with(), used["appId"])

    assert "orgcal adopt" in orphan.kept


# --- adopt ---


def test_adopt_brings_back_from_the_recycle_bin_only_when_asked(graph: GraphClient) -> None:
    gone = made(graph)
    graph.delete(f"/applications/{gone['id']}")

    with pytest.raises(UsageError, match="is in the recycle bin") as caught:
        live_application(graph, gone["appId"], restore=False, stack="prod")
    assert caught.value.repair == f"orgcal adopt --stack prod --client-id {gone['appId']} --restore --yes"

    live_application(graph, gone["appId"], restore=True, stack="prod")
    assert applications.by_object_id(graph, gone["id"]) is not None


def test_adopt_of_an_unknown_client_id_says_so(graph: GraphClient) -> None:
    with pytest.raises(UsageError, match="no application with this client id"):
        live_application(graph, "00000000-0000-0000-0000-000000000001", restore=True, stack="prod")


def test_adoption_mirrors_what_can_be_and_names_what_would_go(graph: GraphClient) -> None:
    delegated = {"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}
    calendars = {"id": APP_ROLE_IDS["Calendars.ReadWrite"], "type": "Role"}
    other_api = {"id": "00000000-0000-0000-0000-00000000000a", "type": "Role"}
    posted = graph.post(
        "/applications",
        {
            "displayName": "By hand",
            "tags": [TAG, "old"],
            "signInAudience": "AzureADMyOrg",
            "web": {"redirectUris": ["https://a.example/"]},
            "spa": {"redirectUris": ["https://spa.example/"]},
            "requiredResourceAccess": [
                {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [calendars, delegated]},
                {"resourceAppId": "00000000-0000-0000-0000-00000000000b", "resourceAccess": [other_api]},
            ],
        },
    )

    found = plan_adoption(
        applications.whole(graph, posted["id"]),
        tag=TAG,
        owners=["operator", "somebody"],
        operator_id="operator",
        callback_url="https://platform.example/callback",
        consent_url="",
    )

    assert found.patch["application"]["owners"] == ["somebody"]
    assert found.patch["application"]["tags"] == ["old"]
    assert found.patch["application"]["redirect_uris"] == ["https://a.example/"]
    assert found.patch["connector"] == {"scopes": ["Calendars.ReadWrite"]}
    assert set(found.removed) == {
        "1 delegated permissions on Microsoft Graph",
        "1 permissions on the API 00000000-0000-0000-0000-00000000000b",
        "spa.redirectUris: 1 entries",
    }
    assert set(found.changed) == {
        "redirect URI https://platform.example/callback",
        "permission Directory.Read.All",
        "audience AzureADMyOrg becomes AzureADMultipleOrgs",
    }


def test_adoption_patch_keeps_every_comment_of_the_settings() -> None:
    text = (
        "config:\n  orgcal:application:\n    # read by administrators\n    display_name: Old\n"
        "  orgcal:connector:\n    scopes:\n      - Calendars.Read # enough\n    key: k\n"
    )
    patch = {"application": {"display_name": "New", "links": {"privacy": "https://p.example"}}, "connector": {}}

    new = patched(text, patch, where="here")

    assert "# read by administrators" in new
    assert "- Calendars.Read # enough" in new
    assert 'display_name: "New"' in new
    assert 'privacy: "https://p.example"' in new


def test_adoption_mirrors_a_permission_that_only_the_directory_knows() -> None:
    access = [{"id": role_id, "type": "Role"} for role_id in (APP_ROLE_IDS["Calendars.Read"], "5eb59dd3")]
    raw = {"requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": access}]}
    published = {
        "Calendars.Read": AppRole("Calendars.Read", APP_ROLE_IDS["Calendars.Read"]),
        "New.Read.All": AppRole("New.Read.All", "5eb59dd3"),
    }

    assert _permissions(raw, published) == (["Calendars.Read", "New.Read.All"], [])
    assert _permissions(raw, None) == (["Calendars.Read"], ["application permission 5eb59dd3 of Microsoft Graph"])


def test_adoption_of_an_application_without_a_permission_for_calendars_is_refused_before_anything_is_written() -> None:
    adoption = Adoption({"connector": {"scopes": ["Mail.Read"]}}, (), ())
    config: dict[str, dict[str, Any]] = {
        "entra": {"cloud": "emulator"},
        "application": {"display_name": "A"},
        "connector": {"platform": {"kind": "local"}, "key": "k", "name": "n", "scopes": ["Calendars.Read"]},
    }
    settings = parse_settings({f"orgcal:{name}": values for name, values in config.items()}, stack="prod")

    with pytest.raises(UsageError, match=r"declares Mail\.Read, none of which opens calendars"):
        _check_calendars(adoption, settings)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (f"{TAG} generation 2", True),
        (f"CN={TAG} generation 12", True),
        (f"CN={applications.certificate_subject('orgcal:' + 'long' * 20 + '/prod', 3)}", False),
        ("orgcal:orgcal/staging generation 2", False),
        ("by hand", False),
        ("", False),
    ],
)
def test_sweep_knows_its_own_names(name: str, ours: bool) -> None:
    assert _is_ours(name, TAG) is ours


def test_sweep_knows_a_certificate_whose_name_was_too_long() -> None:
    tag = f"orgcal:{'long' * 20}/prod"
    subject = applications.certificate_subject(tag, 3)

    assert len(subject) == 64
    assert _is_ours(f"CN={subject}", tag)
