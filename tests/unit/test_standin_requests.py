"""What the stand-in's types send to Graph, one by one, and what they make of its answers.

The requests are those of the real plugin: `emulator/tests/data/azuread-requests.json` has its recorded ones, and
hashicorp/terraform-provider-azuread at f0169e0e the rest, in internal/services/applications and .../approleassignments.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from orgcal.errors import OrgcalError
from orgcal.provider._answers import state
from orgcal.provider._sdk import Incomplete, ReadResult, Secret, State, reveal
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.states import meta as state_meta
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, call, refusal

APP = "00000000-0000-0000-0000-00000000000a"
KEY = "00000000-0000-0000-0000-00000000000b"
OTHER = "00000000-0000-0000-0000-00000000000c"
PATH = f"/applications/{APP}"
APPLICATION_TYPE = "#microsoft.graph.application"


def meta(version: str | None, **minutes: int) -> dict[str, Any]:
    """What the real plugin keeps of a schema's version and time-outs, these in nanoseconds."""
    timeouts = {name: number * 60 * 10**9 for name, number in minutes.items()}
    return {"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0": timeouts} | ({"schema_version": version} if version else {})


META = {
    "AppRoleAssignment": meta("1", create=5, delete=5, read=5),
    "ApplicationCertificate": meta(None, create=10, delete=5, read=5, update=10),
    "ApplicationFederatedIdentityCredential": meta(None, create=15, delete=5, read=5, update=5),
    "ApplicationPassword": meta("1", create=15, delete=5, read=5, update=5),
}
"""`SchemaVersion` and `Timeouts` of each resource of the Terraform provider."""


def test_state_has_schema_and_time_outs_as_go_writes_a_map() -> None:
    """Sorted, without blanks, times in nanoseconds. Source: https://pkg.go.dev/encoding/json#Marshal (2026-11-29)."""
    assert state_meta(1, update=5, create=10) == (
        '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"update":300000000000},"schema_version":"1"}'
    )


def create(kind: type[Managed], graph: AnsweredGraph, **given: Any) -> tuple[str, dict[str, Any]]:
    """The id and the outputs but for the ones that every type has; what is not declared is refused."""
    resource = kind(AnsweredConnection(graph))
    inputs = resource.check(call(), given, {})
    made = resource.create(call(), inputs)
    state(resource, inputs, made.outputs)
    # As Go writes a map: sorted, without blanks. Another text would be another state.
    assert made.outputs["__meta"] == json.dumps(META[kind.title], separators=(",", ":"), sort_keys=True)
    return made.resource_id, stripped(made.outputs)


def stripped(outputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in outputs.items() if name not in ("id", "__meta", "__defaults")}


def read(kind: type[Managed], graph: AnsweredGraph, resource_id: str, outputs: dict[str, Any]) -> ReadResult | None:
    return kind(AnsweredConnection(graph)).read(call(), resource_id, State(outputs, outputs))


def delete(kind: type[Managed], graph: AnsweredGraph, resource_id: str) -> list[float]:
    connection = AnsweredConnection(graph)
    kind(connection).delete(call(), resource_id, State({}, {"keyId": KEY}))
    return connection.waits


# Passwords ----------------------------------------------------------------------------------------------------------

PASSWORD = {
    "displayName": "n",
    "endDateTime": "2030-01-01T00:00:00Z",
    "keyId": KEY,
    "startDateTime": "2029-01-01T00:00:00Z",
}
PASSWORD_STATE = {
    "applicationId": PATH,
    "displayName": "n",
    "endDate": "2030-01-01T00:00:00Z",
    "keyId": KEY,
    "startDate": "2029-01-01T00:00:00Z",
}
GIVEN_PASSWORD = {name: value for name, value in PASSWORD_STATE.items() if name != "keyId"}
SENT_PASSWORD = {name: value for name, value in PASSWORD.items() if name != "keyId"}


def test_password_is_asked_for_with_what_is_given_and_waited_for() -> None:
    listed = {"passwordCredentials": [{"keyId": OTHER}, PASSWORD]}
    graph = AnsweredGraph(
        {
            f"GET {PATH}": [{}, {"passwordCredentials": None}, listed],
            f"POST {PATH}/addPassword": {**PASSWORD, "secretText": "told once"},
        }
    )
    resource_id, outputs = create(ApplicationPassword, graph, **GIVEN_PASSWORD)

    assert graph.sent[:2] == [
        ("GET", PATH, None),
        ("POST", f"{PATH}/addPassword", {"passwordCredential": SENT_PASSWORD}),
    ]
    assert [request[:2] for request in graph.sent[2:]] == [("GET", PATH)] * 3
    assert resource_id == f"{APP}/password/{KEY}"
    assert outputs == {**PASSWORD_STATE, "endDateRelative": None, "rotateWhenChanged": None, "value": "told once"}


def test_password_of_which_nothing_is_given_has_what_the_server_fills_in() -> None:
    graph = AnsweredGraph(
        {
            f"GET {PATH}": {"passwordCredentials": [{"keyId": KEY}]},
            f"POST {PATH}/addPassword": {"keyId": KEY, "secretText": "told once"},
        }
    )
    _, outputs = create(ApplicationPassword, graph, applicationId=PATH)

    assert graph.writes == [("POST", f"{PATH}/addPassword", {"passwordCredential": {}})]
    assert (outputs["displayName"], outputs["endDate"], outputs["startDate"]) == (None, "", "")


@pytest.mark.parametrize("answer", [{"keyId": KEY}, {"secretText": "told once"}, {"keyId": "", "secretText": ""}])
def test_password_of_which_graph_tells_half_is_refused(answer: dict[str, str]) -> None:
    graph = AnsweredGraph({f"GET {PATH}": {}, f"POST {PATH}/addPassword": answer})
    with pytest.raises(OrgcalError, match="without a key id or without the secret") as caught:
        create(ApplicationPassword, graph, applicationId=PATH)
    assert not isinstance(caught.value, Incomplete)
    assert "told once" not in str(caught.value)


def test_password_is_read_in_any_case_of_its_key_id_and_keeps_its_value() -> None:
    graph = AnsweredGraph({f"GET {PATH}": {"passwordCredentials": [{**PASSWORD, "keyId": KEY.upper()}]}})
    found = read(ApplicationPassword, graph, f"{APP}/password/{KEY}", {**PASSWORD_STATE, "value": "told once"})

    assert found is not None
    assert {name: value for name, value in stripped(found.outputs).items() if value is not None} == {
        **PASSWORD_STATE,
        "value": "told once",
    }
    assert graph.sent == [("GET", PATH, None)]


@pytest.mark.parametrize("answer", [refusal(404), {"passwordCredentials": [{"keyId": OTHER}]}, {}])
def test_password_that_is_listed_no_longer_is_gone(answer: Any) -> None:
    assert read(ApplicationPassword, AnsweredGraph({f"GET {PATH}": answer}), f"{APP}/password/{KEY}", {"x": 1}) is None


def test_password_is_removed_by_its_key_id_and_waited_for() -> None:
    listed = {"passwordCredentials": [PASSWORD]}
    graph = AnsweredGraph({f"GET {PATH}": [listed, {"passwordCredentials": [{"keyId": OTHER}]}]})
    waits = delete(ApplicationPassword, graph, f"{APP}/password/{KEY}")

    assert graph.sent == [
        ("POST", f"{PATH}/removePassword", {"keyId": KEY}),
        ("GET", PATH, None),
        ("GET", PATH, None),
    ]
    assert len(waits) == 1


# Certificates -------------------------------------------------------------------------------------------------------

DER = bytes(range(60))
LINES = base64.b64encode(DER).decode()
PEM = f"-----BEGIN CERTIFICATE-----\n{LINES[:64]}\n{LINES[64:]}\n-----END CERTIFICATE-----\n"
CERTIFICATE = {
    "endDateTime": "2030-01-01T00:00:00Z",
    "key": base64.b64encode(PEM.encode()).decode(),
    "keyId": KEY,
    "startDateTime": "2029-01-01T00:00:00Z",
    "type": "AsymmetricX509Cert",
    "usage": "Verify",
}
CERTIFICATE_STATE = {
    "applicationId": PATH,
    "endDate": "2030-01-01T00:00:00Z",
    "keyId": KEY,
    "startDate": "2029-01-01T00:00:00Z",
    "type": "AsymmetricX509Cert",
}
WRITTEN = {"@odata.type": APPLICATION_TYPE, "id": APP}


def certificates(*lists: list[dict[str, Any]] | None) -> AnsweredGraph:
    """A Graph whose application lists these certificates, one list after the other."""
    return AnsweredGraph({f"GET {PATH}": [{"keyCredentials": listed} for listed in lists]})


@pytest.mark.parametrize(
    ("encoding", "value"),
    [("pem", PEM), ("hex", f" {DER.hex()}\n"), ("base64", f" {LINES}\n")],
)
def test_certificate_is_added_to_those_that_are_there(encoding: str, value: str) -> None:
    graph = certificates([{"keyId": OTHER}], [{"keyId": OTHER}], [{"keyId": OTHER}, CERTIFICATE])
    resource_id, outputs = create(
        ApplicationCertificate, graph, **CERTIFICATE_STATE, encoding=encoding, value=Secret(value)
    )

    assert graph.writes == [("PATCH", PATH, {**WRITTEN, "keyCredentials": [{"keyId": OTHER}, CERTIFICATE]})]
    assert [request[0] for request in graph.sent] == ["GET", "PATCH", "GET", "GET", "GET"]
    assert resource_id == f"{APP}/certificate/{KEY}"
    expected = {**CERTIFICATE_STATE, "encoding": encoding, "endDateRelative": None, "value": value}
    assert reveal(outputs) == expected
    assert isinstance(outputs["value"], Secret)


def test_certificate_of_which_little_is_given_gets_a_key_id_and_no_dates() -> None:
    graph = AnsweredGraph({f"GET {PATH}": {}})
    with pytest.raises(Incomplete):  # it is listed by no read
        create(ApplicationCertificate, graph, applicationId=PATH, value=Secret(PEM))

    (added,) = graph.writes[0][2]["keyCredentials"]
    assert added.keys() == {"key", "keyId", "type", "usage"}
    assert len(added["keyId"]) == 36
    assert added["type"] == ""


def test_certificate_ends_so_long_after_its_start() -> None:
    given = {name: value for name, value in CERTIFICATE_STATE.items() if name != "endDate"}
    graph = certificates([], [{**CERTIFICATE, "endDateTime": "2029-01-02T01:30:00Z"}])
    create(ApplicationCertificate, graph, **given, endDateRelative="24h90m", value=Secret(PEM))

    assert graph.writes[0][2]["keyCredentials"][0]["endDateTime"] == "2029-01-02T01:30:00Z"


@pytest.mark.parametrize(("encoding", "value"), [("hex", "0"), ("hex", "zz"), ("base64", "%"), ("base64", "AAA")])
def test_certificate_that_cannot_be_read_is_refused_before_any_write(encoding: str, value: str) -> None:
    graph = certificates([])
    with pytest.raises(OrgcalError, match=f"its value cannot be read as {encoding}") as caught:
        create(ApplicationCertificate, graph, applicationId=PATH, encoding=encoding, value=Secret(value))
    assert graph.sent == []
    assert caught.value.repair == "set encoding to pem, base64 or hex"


def test_certificate_of_which_graph_says_nothing_has_empty_values() -> None:
    found = read(ApplicationCertificate, certificates([{"keyId": KEY}]), f"{APP}/certificate/{KEY}", {"keyId": KEY})

    assert found is not None
    assert found.outputs["type"] == found.outputs["startDate"] == found.outputs["endDate"] == ""
    assert found.outputs["applicationId"] == PATH


def test_certificate_is_taken_from_the_list_in_any_case_and_waited_for() -> None:
    graph = certificates(
        [{"keyId": OTHER}, {"keyId": KEY.upper()}, {}], [{"keyId": OTHER}, CERTIFICATE], [{"keyId": OTHER}]
    )
    waits = delete(ApplicationCertificate, graph, f"{APP}/certificate/{KEY}")

    assert graph.writes == [("PATCH", PATH, {**WRITTEN, "keyCredentials": [{"keyId": OTHER}, {}]})]
    assert len(waits) == 1


@pytest.mark.parametrize(("status", "helps"), [(404, True), (403, False)])
def test_certificate_of_an_application_that_is_gone_tells_how_to_go_on(status: int, helps: bool) -> None:
    graph = AnsweredGraph({f"GET {PATH}": refusal(status)})
    with pytest.raises(OrgcalError, match=f"answered {status}") as caught:
        delete(ApplicationCertificate, graph, f"{APP}/certificate/{KEY}")
    assert caught.value.repair.startswith("pulumi state delete") is helps
    assert graph.writes == []


def test_certificate_with_a_key_id_that_is_there_is_refused_with_its_import() -> None:
    graph = certificates([{"keyId": KEY.upper()}])
    with pytest.raises(OrgcalError) as caught:
        create(ApplicationCertificate, graph, **CERTIFICATE_STATE, value=Secret(PEM))
    assert graph.writes == []
    assert caught.value.what == (
        f"ApplicationCertificate 'thing': A resource with the ID \"{APP}/certificate/{KEY}\" already exists: "
        "To be managed via Terraform, this resource needs to be imported into the State. Please see the resource "
        'documentation for "azuread_application_certificate" for more information.'
    )
    assert caught.value.repair == (
        "pulumi import --generate-code=false "
        f"azuread:index/applicationCertificate:ApplicationCertificate thing {APP}/certificate/{KEY}"
    )


def test_certificate_is_patient_with_another_one_that_was_just_added() -> None:
    graph = certificates([], [CERTIFICATE])
    graph.answers[f"PATCH {PATH}"] = [{}, refusal(409), {}]
    connection = AnsweredConnection(graph)
    kind = ApplicationCertificate(connection)
    kind.create(call(), kind.check(call(), {**CERTIFICATE_STATE, "value": Secret(PEM)}, {}))
    graph.answers[f"GET {PATH}"] = [{"keyCredentials": [CERTIFICATE, {"keyId": OTHER}]}]
    kind.delete(call(), f"{APP}/certificate/{APP}", State())

    assert [request[0] for request in graph.writes] == ["PATCH"] * 3
    assert len(connection.waits) == 1


def test_every_argument_of_a_certificate_replaces_it() -> None:
    create(ApplicationCertificate, certificates([], [CERTIFICATE]), **CERTIFICATE_STATE, value=Secret(PEM))
    fields = ApplicationCertificate.fields
    news = dict.fromkeys(fields, "other")
    diff = ApplicationCertificate(AnsweredConnection(certificates())).diff(call(), "id", State(), news)
    assert diff.changed == diff.replaced == fields.keys()


# Federated credentials ----------------------------------------------------------------------------------------------

TRUST = {"audiences": ["a"], "description": "d", "issuer": "https://a.example", "subject": "s"}
FEDERATED_PATH = f"{PATH}/federatedIdentityCredentials/{KEY}"
FEDERATED_ID = f"{APP}/federatedIdentityCredential/{KEY}"
FEDERATED_BODY = {"@odata.type": "#microsoft.graph.federatedIdentityCredential", **TRUST}
FEDERATED_STATE = {**TRUST, "applicationId": PATH, "displayName": "n"}


def test_federated_credential_is_made_below_its_application_and_waited_for() -> None:
    listed = {**TRUST, "id": KEY, "name": "n"}
    collection = f"{PATH}/federatedIdentityCredentials"
    graph = AnsweredGraph(
        {f"GET {PATH}": {}, f"POST {collection}": listed, f"GET {FEDERATED_PATH}": [refusal(404), listed]}
    )
    resource_id, outputs = create(ApplicationFederatedIdentityCredential, graph, **FEDERATED_STATE)

    assert graph.sent[:2] == [("GET", PATH, None), ("POST", collection, {**FEDERATED_BODY, "name": "n"})]
    assert [request[:2] for request in graph.sent[2:]] == [("GET", FEDERATED_PATH)] * 3
    assert (resource_id, outputs) == (FEDERATED_ID, {**FEDERATED_STATE, "credentialId": KEY})


def test_federated_credential_of_which_graph_says_nothing_has_empty_values() -> None:
    graph = AnsweredGraph({f"GET {FEDERATED_PATH}": {"id": KEY}})
    found = read(ApplicationFederatedIdentityCredential, graph, FEDERATED_ID, {"credentialId": KEY})

    assert found is not None
    empty = {"audiences": None, "description": "", "displayName": "", "issuer": "", "subject": ""}
    assert stripped(found.outputs) == {**empty, "applicationId": PATH, "credentialId": KEY}


def test_federated_credential_update_sends_all_but_its_name() -> None:
    graph = AnsweredGraph({f"GET {FEDERATED_PATH}": {**TRUST, "description": "", "id": KEY, "name": "n"}})
    kind = ApplicationFederatedIdentityCredential(AnsweredConnection(graph))
    news = kind.check(call(), {name: value for name, value in FEDERATED_STATE.items() if name != "description"}, {})
    kind.update(call(), FEDERATED_ID, State(FEDERATED_STATE, {**FEDERATED_STATE, "credentialId": KEY}), news)

    assert graph.sent == [
        ("PATCH", FEDERATED_PATH, {**FEDERATED_BODY, "description": ""}),
        ("GET", FEDERATED_PATH, None),
    ]


def test_federated_credential_is_deleted_and_waited_for() -> None:
    graph = AnsweredGraph({f"GET {FEDERATED_PATH}": [{"id": KEY}, refusal(404)]})
    waits = delete(ApplicationFederatedIdentityCredential, graph, FEDERATED_ID)

    assert [request[:2] for request in graph.sent] == [("DELETE", FEDERATED_PATH), *[("GET", FEDERATED_PATH)] * 2]
    assert len(waits) == 1


# Grants -------------------------------------------------------------------------------------------------------------

GRANT = {"appRoleId": APP, "principalId": KEY, "resourceId": OTHER}
NAMES = {"principalDisplayName": "p", "principalType": "ServicePrincipal", "resourceDisplayName": "r"}
GIVEN_GRANT = {"appRoleId": APP, "principalObjectId": KEY, "resourceObjectId": OTHER}
GRANTS = f"/servicePrincipals/{OTHER}/appRoleAssignedTo"


def test_grant_is_made_at_its_resource_and_waited_for() -> None:
    listed = {**GRANT, **NAMES, "id": "grant-1"}
    graph = AnsweredGraph(
        {
            f"GET /servicePrincipals/{OTHER}": {},
            f"POST {GRANTS}": {**GRANT, "id": "grant-1"},
            f"GET {GRANTS}/grant-1": [refusal(404), listed],
        }
    )
    resource_id, outputs = create(AppRoleAssignment, graph, **GIVEN_GRANT)

    assert graph.sent[:2] == [
        ("GET", f"/servicePrincipals/{OTHER}", None),
        ("POST", GRANTS, {"@odata.type": "#microsoft.graph.appRoleAssignment", **GRANT}),
    ]
    assert len(graph.sent) == 5
    assert (resource_id, outputs) == (f"{GRANTS}/grant-1", {**GIVEN_GRANT, **NAMES})


def test_grant_of_which_graph_says_nothing_has_empty_values() -> None:
    graph = AnsweredGraph({f"GET {GRANTS}/grant-1": {"id": "grant-1"}})
    found = read(AppRoleAssignment, graph, f"{GRANTS}/grant-1", GIVEN_GRANT)

    assert found is not None
    assert stripped(found.outputs) == dict.fromkeys({**GIVEN_GRANT, **NAMES}, "")


def test_grant_is_deleted_at_its_resource_without_waiting() -> None:
    graph = AnsweredGraph({})
    delete(AppRoleAssignment, graph, f"{GRANTS}/grant-1")

    assert graph.sent == [("DELETE", f"{GRANTS}/grant-1", None)]
