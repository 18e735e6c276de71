"""What the stand-in does after interrupted runs, where something exists already or is gone already: as the real plugin.

Read in terraform-provider-azuread 3.9.0 (commit f0169e0e), and seen with pulumi-azuread built from its sources of
2026-08-22 against the emulator: which resources look before they create, which leave that to Graph, and what each of
them does when its object is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.azuread_plan import CALENDARS_READ, Plan
from orgcal.errors import OrgcalError
from orgcal.provider._sdk import Secret, State
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.functions import GetServicePrincipal
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from tests.support.standin_trial import FEDERATED, GRAPH_APP_ID, Trial

IMPORT = "To be managed via Terraform, this resource needs to be imported into the State. Please see the resource "
"""`ImportAsExistsDiag` in internal/helpers/tf/errors.go; its Detail goes on with the name of the resource's page."""

NOT_FOUND = "Microsoft Graph answered 404 Request_ResourceNotFound"


@dataclass(frozen=True)
class Held:
    """A resource in the state, and how somebody else removes its object."""

    kind: type[Managed]
    given: dict[str, Any]
    resource_id: str
    state: State
    remove: Callable[[], object]


@pytest.fixture
def held(trial: Trial) -> dict[str, Held]:
    """One resource of each type by its title, made by a run that has ended."""
    graph = trial.directory.graph
    application_id, application = trial.create(Application, displayName="x")
    path = application_id
    client_id = application.outputs["clientId"]
    given: dict[type[Managed], dict[str, Any]] = {
        ServicePrincipal: {"clientId": client_id},
        ApplicationPassword: {"applicationId": application_id},
        ApplicationCertificate: {"applicationId": application_id, "value": Secret(Plan.first().certificate),
                                 "type": "AsymmetricX509Cert"},
        ApplicationFederatedIdentityCredential: {**FEDERATED, "applicationId": application_id},
    }  # fmt: skip
    made = {kind: trial.create(kind, **arguments) for kind, arguments in given.items()}
    given[AppRoleAssignment] = {
        "appRoleId": CALENDARS_READ,
        "principalObjectId": made[ServicePrincipal][1].outputs["objectId"],
        "resourceObjectId": GetServicePrincipal(trial.connection).call({"clientId": GRAPH_APP_ID})["objectId"],
    }
    made[AppRoleAssignment] = trial.create(AppRoleAssignment, **given[AppRoleAssignment])
    given[Application], made[Application] = {"displayName": "x"}, (application_id, application)
    key_id = made[ApplicationPassword][1].outputs["keyId"]
    credential_id = made[ApplicationFederatedIdentityCredential][1].outputs["credentialId"]
    remove: dict[type[Managed], Callable[[], object]] = {
        Application: lambda: graph.delete(path),
        ServicePrincipal: lambda: graph.delete(made[ServicePrincipal][0]),
        ApplicationPassword: lambda: graph.post(f"{path}/removePassword", {"keyId": key_id}),
        ApplicationCertificate: lambda: graph.patch(path, {"keyCredentials": []}),
        ApplicationFederatedIdentityCredential: lambda: graph.delete(
            f"{path}/federatedIdentityCredentials/{credential_id}"
        ),
        AppRoleAssignment: lambda: graph.delete(made[AppRoleAssignment][0]),
    }
    trial.restart()
    return {kind.title: Held(kind, given[kind], *made[kind], remove[kind]) for kind in given}


# Something exists already -----------------------------------------------------------------------------------------


def test_service_principal_that_exists_is_refused_in_the_real_plugins_words(
    trial: Trial, held: dict[str, Held]
) -> None:
    # servicePrincipalResourceCreate in internal/services/serviceprincipals/service_principal_resource.go
    principal = held["ServicePrincipal"]
    object_id = principal.state.outputs["objectId"]
    with pytest.raises(OrgcalError) as caught:
        trial.create(ServicePrincipal, **principal.given)
    assert caught.value.what == (
        f"ServicePrincipal 'thing': A resource with the ID \"{object_id}\" already exists: {IMPORT}"
        'documentation for "azuread_service_principal" for more information.'
    )
    assert caught.value.repair == (
        "set use_existing=True, or: pulumi import --generate-code=false "
        f"azuread:index/servicePrincipal:ServicePrincipal thing /servicePrincipals/{object_id}"
    )
    assert trial.told == []


def test_service_principal_left_with_its_temporary_owner_is_refused_too(trial: Trial, held: dict[str, Held]) -> None:
    object_id = held["ServicePrincipal"].state.outputs["objectId"]
    owner = {"@odata.id": trial.directory.graph.url_of(f"/directoryObjects/{_caller(trial)}")}
    trial.directory.graph.post(f"/servicePrincipals/{object_id}/owners/$ref", owner)
    with pytest.raises(OrgcalError, match=f'A resource with the ID "{object_id}" already exists'):
        trial.create(ServicePrincipal, **held["ServicePrincipal"].given)


def _caller(trial: Trial) -> str:
    return trial.connection.directory.caller_object_id()


def test_certificate_with_a_key_id_that_exists_is_refused_in_the_real_plugins_words(
    trial: Trial, held: dict[str, Held]
) -> None:
    # applicationCertificateResourceCreate in internal/services/applications/application_certificate_resource.go
    certificate = held["ApplicationCertificate"]
    with pytest.raises(OrgcalError) as caught:
        trial.create(ApplicationCertificate, **certificate.given, keyId=certificate.state.outputs["keyId"])
    assert f'A resource with the ID "{certificate.resource_id}" already exists: {IMPORT}' in caught.value.what
    assert "azuread_application_certificate" in caught.value.what


def test_application_with_a_name_that_must_be_unique_is_refused_in_the_real_plugins_words(
    trial: Trial, held: dict[str, Held]
) -> None:
    # ImportAsDuplicateDiag in internal/helpers/tf/errors.go
    object_id = held["Application"].state.outputs["objectId"]
    with pytest.raises(OrgcalError) as caught:
        trial.create(Application, displayName="x", preventDuplicateNames=True)
    assert (
        f'An existing "azuread_application" with name "x" (ID: "{object_id}") was found and '
        f"`prevent_duplicate_names` was specified: {IMPORT}"
    ) in caught.value.what


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("ApplicationFederatedIdentityCredential", "answered 409 Request_MultipleObjectsWithSameKeyValue"),
        (
            "AppRoleAssignment",
            "answered 400 Request_BadRequest: Permission being assigned already exists on the object",
        ),
    ],
)
def test_credential_or_grant_that_exists_is_refused_by_graph(
    trial: Trial, held: dict[str, Held], title: str, words: str
) -> None:
    # Neither ...ResourceCreate looks before it creates; the answer of Graph is the error.
    with pytest.raises(OrgcalError, match=words):
        trial.create(held[title].kind, **held[title].given)
    assert trial.told == []


@pytest.mark.parametrize("title", ["Application", "ApplicationPassword"])
def test_application_or_password_that_exists_is_made_a_second_time(
    trial: Trial, held: dict[str, Held], title: str
) -> None:
    assert trial.create(held[title].kind, **held[title].given)[0] != held[title].resource_id


# Something is gone already ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Application", NOT_FOUND),
        ("ServicePrincipal", NOT_FOUND),
        ("ApplicationFederatedIdentityCredential", NOT_FOUND),
        ("AppRoleAssignment", NOT_FOUND),
        ("ApplicationPassword", "answered 400 Request_BadRequest: No password credential found with keyId '"),
    ],
)
def test_deletion_of_what_is_gone_fails(trial: Trial, held: dict[str, Held], title: str, words: str) -> None:
    gone = held[title]
    gone.remove()
    with pytest.raises(OrgcalError, match=words) as caught:
        trial.delete(gone.kind, gone.resource_id, gone.state)
    assert caught.value.repair.startswith("pulumi refresh")
    assert trial.read(gone.kind, gone.resource_id, gone.state) is None


def test_deletion_of_a_certificate_that_is_listed_no_longer_passes(trial: Trial, held: dict[str, Held]) -> None:
    gone = held["ApplicationCertificate"]
    gone.remove()
    trial.delete(gone.kind, gone.resource_id, gone.state)
    assert trial.read(gone.kind, gone.resource_id, gone.state) is None


def test_deletion_of_a_used_existing_service_principal_that_is_gone_passes(trial: Trial, held: dict[str, Held]) -> None:
    # servicePrincipalResourceDelete takes every error of the deletion for done where `use_existing` is set.
    resource_id, state = trial.create(ServicePrincipal, **held["ServicePrincipal"].given, useExisting=True)
    held["ServicePrincipal"].remove()
    trial.delete(ServicePrincipal, resource_id, state)


@pytest.mark.parametrize("title", ["ApplicationPassword", "ApplicationFederatedIdentityCredential"])
def test_credential_of_an_application_that_is_gone_is_gone_for_a_refresh_and_not_for_a_deletion(
    trial: Trial, held: dict[str, Held], title: str
) -> None:
    held["Application"].remove()
    lost = held[title]
    assert trial.read(lost.kind, lost.resource_id, lost.state) is None
    with pytest.raises(OrgcalError, match=NOT_FOUND):
        trial.delete(lost.kind, lost.resource_id, lost.state)


def test_certificate_of_an_application_that_is_gone_fails_a_refresh_too(trial: Trial, held: dict[str, Held]) -> None:
    # applicationCertificateResourceRead returns "Retrieving Application ..." and leaves the resource in the state.
    held["Application"].remove()
    lost = held["ApplicationCertificate"]
    for action in (trial.read, trial.delete):
        with pytest.raises(OrgcalError, match=NOT_FOUND) as caught:
            action(lost.kind, lost.resource_id, lost.state)
        assert caught.value.repair.startswith("pulumi state delete")
