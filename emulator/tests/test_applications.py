"""Applications behave as Graph documents: rules, limits, secrets shown once, unique names, deletion."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from orgcal_emulator.server import RunningEmulator

GRAPH = "00000003-0000-0000-c000-000000000000"


def make(operator: Any, **properties: Any) -> dict[str, Any]:
    answer = operator.post("applications", {"displayName": "Calendar", **properties})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_application_created_has_distinct_ids_and_its_creator_as_owner(
    operator: Any, emulator: RunningEmulator
) -> None:
    made = make(operator, signInAudience="AzureADMultipleOrgs")
    assert made["id"] != made["appId"]
    owners = operator.get(f"applications/{made['id']}/owners").json()["value"]
    assert [each["appId"] for each in owners] == [operator.client_id]
    assert operator.get(f"applications(appId='{made['appId']}')").json()["id"] == made["id"]


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example/callback",
        "https://a.example/callback?x=1",
        "http://localhost:5000/cb",
        "http://127.0.0.1/cb",
        "https://localhost:44300/cb",
    ],
)
def test_redirect_address_that_entra_takes_is_kept(operator: Any, address: str) -> None:
    assert make(operator, web={"redirectUris": [address]})["web"]["redirectUris"] == [address]


@pytest.mark.parametrize(
    "address",
    [
        "http://a.example/callback",
        "https://a.example/callback#part",
        "https://a.example/with space",
        "https://a.example/a;b",
        "https://user:pass@a.example/",
        "ftp://a.example/",
        "http://[::1]/cb",
        "https:///cb",
        "a.example",
        "",
        "https://a.example/" + "x" * 250,
        "https://a.example:port/",
    ],
)
def test_redirect_address_that_entra_refuses_answers_400_and_changes_nothing(operator: Any, address: str) -> None:
    made = make(operator, web={"redirectUris": ["https://a.example/"]})
    answer = operator.patch(f"applications/{made['id']}", {"web": {"redirectUris": [address]}})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "Request_BadRequest"
    kept = operator.get(f"applications/{made['id']}?$select=web").json()["web"]["redirectUris"]
    assert kept == ["https://a.example/"]


def test_redirect_addresses_more_than_256_answer_400(operator: Any) -> None:
    many = [f"https://a.example/{number}" for number in range(257)]
    answer = operator.post("applications", {"displayName": "x", "web": {"redirectUris": many}})
    assert answer.status_code == 400


def test_patch_of_a_complex_property_keeps_the_parts_it_does_not_name(operator: Any) -> None:
    made = make(operator, web={"redirectUris": ["https://a.example/"], "homePageUrl": "https://a.example"})
    assert operator.patch(f"applications/{made['id']}", {"web": {"homePageUrl": None}}).status_code == 204
    web = operator.get(f"applications/{made['id']}").json()["web"]
    assert web["redirectUris"] == ["https://a.example/"]
    assert web["homePageUrl"] is None


def test_password_added_is_shown_once_with_its_hint_and_logs_in(operator: Any, emulator: RunningEmulator) -> None:
    made = make(operator)
    added = operator.post(f"applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "1"}}).json()
    assert added["secretText"].startswith(added["hint"])
    assert len(added["secretText"]) == 40
    listed = operator.get(f"applications/{made['id']}").json()["passwordCredentials"]
    assert [(each["keyId"], each["hint"], each["secretText"]) for each in listed] == [
        (added["keyId"], added["hint"], None)
    ]
    stored = vars(emulator.cloud.directory.applications.get(made["id"]))
    assert added["secretText"] not in repr(stored)


def test_password_without_an_end_lives_two_years(operator: Any, emulator: RunningEmulator) -> None:
    made = make(operator)
    added = operator.post(f"applications/{made['id']}/addPassword").json()
    end = datetime.fromisoformat(added["endDateTime"]).timestamp()
    assert end - emulator.cloud.clock.now() == pytest.approx(2 * 365 * 86400, abs=60)


@pytest.mark.parametrize(
    "credential",
    [
        {"secretText": "mine"},
        {"keyId": "00000000-0000-4000-8000-000000000000"},
        {"endDateTime": "2001-01-01T00:00:00Z"},
        {"endDateTime": "tomorrow"},
        {"startDateTime": "2090-01-01T00:00:00Z", "endDateTime": "2080-01-01T00:00:00Z"},
    ],
)
def test_password_with_impossible_values_answers_400(operator: Any, credential: dict[str, Any]) -> None:
    made = make(operator)
    answer = operator.post(f"applications/{made['id']}/addPassword", {"passwordCredential": credential})
    assert answer.status_code == 400
    assert operator.get(f"applications/{made['id']}").json()["passwordCredentials"] == []


def test_password_removed_no_longer_logs_in(operator: Any) -> None:
    made = make(operator)
    operator.post("servicePrincipals", {"appId": made["appId"]})
    added = operator.post(f"applications/{made['id']}/addPassword").json()
    form = {"client_id": made["appId"], "client_secret": added["secretText"]}
    assert operator.log_in(**form).status_code == 200
    assert operator.post(f"applications/{made['id']}/removePassword", {"keyId": added["keyId"]}).status_code == 204
    refused = operator.log_in(**form)
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [7000215])
    again = operator.post(f"applications/{made['id']}/removePassword", {"keyId": added["keyId"]})
    assert again.status_code == 400


def test_passwords_cannot_be_created_by_patch_but_left_out(operator: Any) -> None:
    made = make(operator)
    operator.post(f"applications/{made['id']}/addPassword")
    path = f"applications/{made['id']}"
    assert operator.patch(path, {"passwordCredentials": [{"displayName": "new"}]}).status_code == 400
    assert operator.patch(path, {"passwordCredentials": []}).status_code == 204
    assert operator.get(path).json()["passwordCredentials"] == []


def test_key_credential_hides_the_certificate_unless_selected(operator: Any) -> None:
    made = make(operator)
    pem = trustme.CA().cert_pem.bytes()
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(pem).decode()}
    path = f"applications/{made['id']}"
    end = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert operator.patch(path, {"keyCredentials": [{**key, "endDateTime": end}]}).status_code == 204
    listed = operator.get(path).json()["keyCredentials"]
    assert listed[0]["key"] is None
    assert listed[0]["endDateTime"] == end
    shown = operator.get(f"{path}?$select=keyCredentials").json()["keyCredentials"]
    assert shown[0]["key"]
    # A PATCH that names the key by its id keeps it, although reads do not show it.
    assert operator.patch(path, {"keyCredentials": listed}).status_code == 204
    assert operator.get(f"{path}?$select=keyCredentials").json()["keyCredentials"] == shown
    bad = {**key, "key": base64.b64encode(b"no certificate").decode()}
    assert operator.patch(path, {"keyCredentials": [bad]}).status_code == 400
    late = {**key, "endDateTime": "9000-01-01T00:00:00Z"}
    refused = operator.patch(path, {"keyCredentials": [late]})
    assert refused.json()["error"]["code"] == "KeyCredentialsInvalidEndDate"


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda der: base64.b64encode(der).decode(), id="base64"),
        pytest.param(lambda der: base64.encodebytes(der).decode(), id="lines, as Azure CLI sends them"),
        pytest.param(lambda der: base64.encodebytes(der).decode().replace("\n", "\r\n"), id="lines of Windows"),
        pytest.param(lambda der: base64.urlsafe_b64encode(der).decode(), id="base64url"),
        pytest.param(lambda der: base64.urlsafe_b64encode(der).decode().rstrip("="), id="base64url without padding"),
    ],
)
def test_certificate_is_taken_in_every_spelling_of_odata(operator: Any, spelling: Callable[[bytes], str]) -> None:
    made = make(operator)
    der = ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode())
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": spelling(der)}
    path = f"applications/{made['id']}"
    assert operator.patch(path, {"keyCredentials": [key]}).status_code == 204
    shown = operator.get(f"{path}?$select=keyCredentials").json()["keyCredentials"]
    assert shown[0]["key"] == base64.b64encode(der).decode()


def test_unique_name_is_set_once_found_by_and_upserted(operator: Any) -> None:
    answer = operator.call("PATCH", "applications(uniqueName='cal')", {"displayName": "A"}, Prefer="create-if-missing")
    assert answer.status_code == 201
    assert answer.json()["uniqueName"] == "cal"
    again = operator.call("PATCH", "applications(uniqueName='cal')", {"displayName": "B"}, Prefer="create-if-missing")
    assert again.status_code == 204
    assert operator.get("applications(uniqueName='cal')").json()["displayName"] == "B"
    assert operator.patch("applications(uniqueName='cal')", {"uniqueName": "other"}).status_code == 400
    taken = operator.post("applications", {"displayName": "C", "uniqueName": "cal"})
    assert taken.status_code == 400
    assert taken.json()["error"]["details"][0]["code"] == "ObjectConflict"


def test_identifier_uri_outside_of_the_tenants_domains_answers_400(operator: Any) -> None:
    made = make(operator)
    path = f"applications/{made['id']}"
    assert operator.patch(path, {"identifierUris": [f"api://{made['appId']}"]}).status_code == 204
    assert operator.patch(path, {"identifierUris": ["https://api.isv.example/calendar"]}).status_code == 204
    refused = operator.patch(path, {"identifierUris": ["https://other.example"]})
    assert refused.json()["error"]["code"] == "HostNameNotOnVerifiedDomain"


def test_required_resource_access_over_its_limits_answers_400(operator: Any) -> None:
    access = [{"id": f"00000000-0000-4000-8000-{n:012d}", "type": "Role"} for n in range(401)]
    answer = operator.post(
        "applications",
        {"displayName": "x", "requiredResourceAccess": [{"resourceAppId": GRAPH, "resourceAccess": access}]},
    )
    assert answer.status_code == 400


def test_federated_credentials_follow_their_rules(operator: Any) -> None:
    made = make(operator)
    path = f"applications/{made['id']}/federatedIdentityCredentials"
    body = {
        "name": "github",
        "issuer": "https://i.example",
        "subject": "s",
        "audiences": ["api://AzureADTokenExchange"],
    }
    first = operator.post(path, body)
    assert first.status_code == 201
    assert operator.get(f"{path}/github").json()["id"] == first.json()["id"]
    assert operator.post(path, {**body, "subject": "t"}).status_code == 409
    assert operator.post(path, {**body, "name": "other"}).status_code == 409
    assert operator.post(path, {**body, "name": "ab", "subject": "t"}).status_code == 400
    assert operator.post(path, {**body, "name": "two", "subject": "t", "audiences": ["a", "b"]}).status_code == 400
    assert operator.patch(f"{path}/{first.json()['id']}", {"subject": "u"}).status_code == 204
    assert operator.patch(f"{path}/{first.json()['id']}", {"name": "renamed"}).status_code == 400
    for number in range(19):
        assert operator.post(path, {**body, "name": f"more{number}", "subject": f"x{number}"}).status_code == 201
    assert operator.post(path, {**body, "name": "last", "subject": "z"}).status_code == 400
    assert operator.delete(f"{path}/{first.json()['id']}").status_code == 204
    assert operator.get(f"{path}/{first.json()['id']}").status_code == 404


def test_deleted_application_can_be_restored_for_30_days(operator: Any, emulator: RunningEmulator) -> None:
    made = make(operator)
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    assert operator.delete(f"applications/{made['id']}").status_code == 204
    assert operator.get(f"applications/{made['id']}").status_code == 404
    assert operator.get(f"servicePrincipals/{principal['id']}").status_code == 404
    deleted = operator.get("directory/deletedItems/microsoft.graph.application").json()["value"]
    assert [each["id"] for each in deleted] == [made["id"]]
    assert operator.post(f"directory/deletedItems/{made['id']}/restore").status_code == 200
    assert operator.get(f"applications/{made['id']}").json()["appId"] == made["appId"]
    assert operator.get(f"servicePrincipals/{principal['id']}").json()["appId"] == made["appId"]
    operator.delete(f"applications/{made['id']}")
    emulator.move_clock(30 * 86400 + 1)
    assert operator.fresh().get(f"directory/deletedItems/{made['id']}").status_code == 404


def test_purged_application_is_gone_and_frees_its_unique_name(operator: Any) -> None:
    made = make(operator, uniqueName="cal")
    operator.delete(f"applications/{made['id']}")
    assert operator.post("applications", {"displayName": "x", "uniqueName": "cal"}).status_code == 400
    assert operator.delete(f"directory/deletedItems/{made['id']}").status_code == 204
    assert operator.post("applications", {"displayName": "x", "uniqueName": "cal"}).status_code == 201


@pytest.mark.parametrize("name", ["appId", "publisherDomain", "createdDateTime", "verifiedPublisher"])
def test_read_only_property_answers_400(operator: Any, name: str) -> None:
    answer = operator.post("applications", {"displayName": "x", name: "value"})
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "applications", {"displayName": "x", "unheardOf": 1}, "application.unheardOf"),
        ("POST", "applications", {"displayName": "x", "web": {"unheardOf": 1}}, "application.web.unheardOf"),
        ("GET", "applications?$filter=unheardOf eq 'x'", None, "application.unheardOf"),
        ("GET", "applications?$filter=displayName ge 'x'", None, "displayName ge"),
        ("GET", "applications?$select=unheardOf", None, "application.unheardOf"),
        ("GET", "applications?$search=displayName", None, "$search"),
        ("GET", "devices", None, "GET /devices"),
        ("PUT", "applications", {}, "PUT /applications"),
    ],
)
def test_unmodelled_request_answers_501_naming_it_and_leaves_a_journal_line(
    operator: Any, emulator: RunningEmulator, method: str, path: str, body: Any, named: str
) -> None:
    answer = operator.call(method, path, body)
    assert answer.status_code == 501
    assert named in answer.json()["error"]["code"]
    assert any(line["status"] == 501 and named in line.get("code", "") for line in emulator.journal())


def test_filters_of_the_common_forms_find_applications(operator: Any) -> None:
    make(operator, displayName="Alpha one", tags=["orgcal:demo:dev"])
    make(operator, displayName="Alpha two")
    make(operator, displayName="Beta")

    def names(text: str) -> list[str]:
        return sorted(each["displayName"] for each in operator.get(f"applications?$filter={text}").json()["value"])

    assert names("startswith(displayName,'alpha')") == ["Alpha one", "Alpha two"]
    assert names("displayName eq 'Beta'") == ["Beta"]
    assert names("displayName in ('Beta','Alpha two')") == ["Alpha two", "Beta"]
    assert names("tags/any(t:t eq 'orgcal:demo:dev')") == ["Alpha one"]
    assert names("startswith(displayName,'Alpha') and tags/any(t:startswith(t,'orgcal:'))") == ["Alpha one"]
    assert names("displayName eq 'Beta' or (displayName eq 'Alpha two')") == ["Alpha two", "Beta"]
    assert operator.get("applications?$filter=displayName eq 'It''s'").json()["value"] == []


def test_logo_is_kept_as_bytes(operator: Any) -> None:
    made = make(operator)
    path = f"{operator.base_url}/v1.0/applications/{made['id']}/logo"
    headers = {"Authorization": f"Bearer {operator.token()}", "Content-Type": "image/png"}
    assert operator.session.put(path, data=b"\x89PNG....", headers=headers).status_code == 204
    assert operator.session.get(path, headers=headers).content == b"\x89PNG...."
    assert operator.session.put(path, data=b"<svg/>", headers=headers).status_code == 400


def test_creator_of_an_application_is_shown_only_where_it_is_selected(operator: Any) -> None:
    made = make(operator)

    assert "createdByAppId" not in made
    assert "createdByAppId" not in operator.get(f"applications/{made['id']}").json()
    selected = operator.get(f"applications/{made['id']}?$select=createdByAppId").json()
    assert selected["createdByAppId"] == operator.client_id
