"""The token endpoint: what it issues, what it refuses, with Microsoft's own client and by hand."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import NameOID
from emulator_testing.credentials import ASSERTION, CertificateClient, FederatedClient
from orgcal_emulator.server import RunningEmulator

SCOPE = "https://graph.microsoft.com/.default"
ISV = "11111111-1111-1111-1111-111111111111"


def test_token_for_graph_has_version_1_claims_and_a_published_key(operator: Any) -> None:
    token = operator.token()
    base = operator.base_url
    discovery = operator.session.get(f"{base}/{ISV}/v2.0/.well-known/openid-configuration").json()
    assert discovery["issuer"] == f"{base}/{ISV}/v2.0"
    assert discovery["token_endpoint"] == f"{base}/{ISV}/oauth2/v2.0/token"
    keys = jwt.PyJWKSet.from_dict(operator.session.get(discovery["jwks_uri"]).json())
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, keys[header["kid"]], algorithms=["RS256"], audience="https://graph.microsoft.com")
    assert header["alg"] == "RS256"
    assert claims["iss"] == f"https://sts.windows.net/{ISV}/"
    assert (claims["ver"], claims["idtyp"], claims["appidacr"]) == ("1.0", "app", "1")
    assert claims["appid"] == operator.client_id
    assert claims["roles"] == ["Application.Read.All", "Application.ReadWrite.OwnedBy"]
    assert "azp" not in claims


def test_token_for_an_application_follows_its_requested_version(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "api"}).json()
    operator.post("servicePrincipals", {"appId": made["appId"]})
    path = f"applications/{made['id']}"
    operator.patch(path, {"identifierUris": [f"api://{made['appId']}"]})
    scope = f"api://{made['appId']}/.default"
    first = jwt.decode(operator.log_in(scope=scope).json()["access_token"], options={"verify_signature": False})
    assert (first["ver"], first["aud"]) == ("1.0", f"api://{made['appId']}")
    operator.patch(path, {"api": {"requestedAccessTokenVersion": 2}})
    token = operator.log_in(scope=scope).json()["access_token"]
    second = jwt.decode(token, options={"verify_signature": False})
    assert (second["ver"], second["aud"], second["azp"]) == ("2.0", made["appId"], operator.client_id)
    assert second["iss"] == f"{operator.base_url}/{ISV}/v2.0"
    answer = operator.session.get(
        f"{operator.base_url}/v1.0/applications", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("form", ["{base}", "{base}/", "https://graph.microsoft.com/"])
def test_every_spelling_of_graphs_audience_is_taken(operator: Any, form: str) -> None:
    scope = form.format(base=operator.base_url) + "/.default"
    token = operator.log_in(scope=scope).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert operator.session.get(f"{operator.base_url}/v1.0/applications", headers=headers).status_code == 200


def test_basic_authentication_and_the_older_endpoint_work(operator: Any, emulator: RunningEmulator) -> None:
    given = emulator.ready["operator"]
    secret = Path(given["client_secret_file"]).read_text()
    address = f"{operator.base_url}/isv.example/oauth2/v2.0/token"
    data = {"grant_type": "client_credentials", "scope": SCOPE}
    assert operator.session.post(address, data=data, auth=(given["client_id"], secret)).status_code == 200
    older = operator.session.post(
        f"{operator.base_url}/{ISV}/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": given["client_id"],
            "client_secret": secret,
            "resource": "https://graph.microsoft.com",
        },
    )
    assert older.json()["resource"] == "https://graph.microsoft.com"
    assert isinstance(older.json()["expires_in"], str)


def test_expired_secret_is_told_apart_from_a_wrong_one(operator: Any, emulator: RunningEmulator) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    operator.post("servicePrincipals", {"appId": made["appId"]})
    end = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"passwordCredential": {"endDateTime": end}}
    secret = operator.post(f"applications/{made['id']}/addPassword", body).json()["secretText"]
    form = {"client_id": made["appId"], "client_secret": secret}
    assert operator.log_in(**form).status_code == 200
    emulator.move_clock(86_500)
    answer = operator.log_in(**form)
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [7000222])


def test_application_without_principal_in_its_own_tenant_and_disabled_one_are_refused(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    form = {"client_id": made["appId"], "client_secret": secret}
    assert operator.log_in(**form).json()["error_codes"] == [7000229]
    principal = operator.post("servicePrincipals", {"appId": made["appId"]}).json()
    assert operator.log_in(**form).status_code == 200
    operator.patch(f"servicePrincipals/{principal['id']}", {"accountEnabled": False})
    assert operator.log_in(**form).json()["error_codes"] == [7000112]


def test_token_without_grants_is_issued_without_roles(log_in_to: Callable[..., Any]) -> None:
    claims = jwt.decode(log_in_to("isv.example").token(), options={"verify_signature": False})
    assert "roles" not in claims


# Certificates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_certificate_assertion_of_both_algorithms_is_taken(operator: Any, algorithm: str) -> None:
    client = CertificateClient(operator)
    assertion = client.assertion(operator.base_url, algorithm)
    assert operator.log_in(**client.form(assertion)).status_code == 200


def test_certificate_assertion_is_dated_by_either_clock_after_the_emulated_one_was_moved(
    operator: Any, emulator: RunningEmulator
) -> None:
    client = CertificateClient(operator)
    emulator.move_clock(86_400)
    now = int(datetime.now(UTC).timestamp())
    for moment in (now, now + 86_400):
        assertion = client.assertion(operator.base_url, nbf=moment, exp=moment + 300)
        assert operator.log_in(**client.form(assertion)).status_code == 200
    for moment in (now - 2000, now + 43_200, now + 90_000):
        assertion = client.assertion(operator.base_url, nbf=moment, exp=moment + 300)
        assert operator.log_in(**client.form(assertion)).json()["error_codes"] == [700024]


def test_assertion_that_does_not_prove_the_client_is_refused(operator: Any) -> None:
    client, other = CertificateClient(operator), CertificateClient(operator, "other.example")
    base = operator.base_url
    now = int(datetime.now(UTC).timestamp())
    refused = {
        "another application's key": (other.assertion(base, iss=client.client_id, sub=client.client_id), 700027),
        "expired": (client.assertion(base, nbf=now - 2000, exp=now - 1000), 700024),
        "not yet valid": (client.assertion(base, nbf=now + 1000, exp=now + 2000), 700024),
        "another audience": (client.assertion(base, aud="https://evil.example"), 50013),
        "another subject": (client.assertion(base, sub=other.client_id), 700021),
        "changed": (client.assertion(base)[:-8] + "AAAAAAAA", 700027),
        "unsigned": (jwt.encode({"iss": client.client_id}, "", "none"), 5002738),
        "no expiry": (client.assertion(base, exp="soon"), 50027),
        "expiry that is no number": (client.assertion(base, exp=float("nan")), 50027),
        "expiry beyond every time": (client.assertion(base, exp=float("inf"), nbf=float("-inf")), 50027),
        "text that cannot be written": (client.assertion(base, sub="\ud800"), 50027),
        "no audience": (client.assertion(base, aud=[]), 50013),
    }
    for reason, (assertion, number) in refused.items():
        answer = operator.log_in(**client.form(assertion))
        assert (answer.status_code, answer.json()["error_codes"]) == (401, [number]), reason


def test_certificate_removed_no_longer_logs_in(operator: Any) -> None:
    client = CertificateClient(operator)
    operator.patch(f"applications/{client.object_id}", {"keyCredentials": []})
    answer = operator.log_in(**client.form(client.assertion(operator.base_url)))
    assert answer.json()["error_codes"] == [700027]


def test_certificate_assertion_as_msal_for_go_writes_it_is_taken(operator: Any) -> None:
    digest, number = "", 0
    while not {"+", "/"} & set(digest):  # three of four have one of the two signs that the alphabets differ in
        client, number = CertificateClient(operator, f"client-{number}.example"), number + 1
        certificate = load_pem_x509_certificate(client.certificate_pem.encode())
        digest = base64.b64encode(certificate.fingerprint(hashes.SHA256())).decode()
    claims = jwt.decode(client.assertion(operator.base_url), options={"verify_signature": False})
    assertion = jwt.encode(claims, client.key_pem, "PS256", headers={"x5t#S256": digest})
    form = {**client.form(assertion), "scope": f"{SCOPE} openid offline_access profile"}
    assert operator.log_in(**form).status_code == 200


@pytest.mark.parametrize("written", ["base64url", "base64", "hexadecimal"])
def test_certificate_assertion_that_names_its_key_by_kid_alone_is_taken(operator: Any, written: str) -> None:
    # go-azure-sdk, with which the azuread plugin logs in, and MSAL .NET for years: the certificate's SHA-1 thumbprint.
    client = CertificateClient(operator)
    thumbprint = load_pem_x509_certificate(client.certificate_pem.encode()).fingerprint(hashes.SHA1())
    kid = {
        "base64url": base64.urlsafe_b64encode(thumbprint).decode(),
        "base64": base64.b64encode(thumbprint).decode(),
        "hexadecimal": thumbprint.hex().upper(),
    }[written]
    claims = jwt.decode(client.assertion(operator.base_url), options={"verify_signature": False})
    for key_id, status in ((kid, 200), ("A" * 28, 401)):
        assertion = jwt.encode(claims, client.key_pem, "RS256", headers={"kid": key_id})
        assert operator.log_in(**client.form(assertion)).status_code == status


def test_certificate_of_another_kind_than_rsa_does_not_log_in(operator: Any) -> None:
    client = CertificateClient(operator)
    other = trustme.CA().issue_cert("client.example").cert_chain_pems[0].bytes()
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(other).decode()}
    assert operator.patch(f"applications/{client.object_id}", {"keyCredentials": [key]}).status_code == 204
    client.certificate_pem = other.decode()
    answer = operator.log_in(**client.form(client.assertion(operator.base_url)))
    assert answer.json()["error_codes"] == [700027]


def test_certificate_with_a_weak_key_does_not_log_in(operator: Any) -> None:
    client = CertificateClient(operator)
    weak, now = rsa.generate_private_key(public_exponent=65537, key_size=1024), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(weak.public_key())
    dated = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9)).serial_number(7)
    pem = dated.sign(weak, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(pem).decode()}
    assert operator.patch(f"applications/{client.object_id}", {"keyCredentials": [key]}).status_code == 204
    client.certificate_pem = pem.decode()
    answer = operator.log_in(**client.form(client.assertion(operator.base_url)))
    assert answer.json()["error_codes"] == [50032]
    assert "RSA key size 1024 is less than the minimum required 2048 bits" in answer.json()["error_description"]


def test_certificate_assertion_for_two_audiences_is_refused(operator: Any) -> None:
    client = CertificateClient(operator)
    own = f"{operator.base_url}/{operator.tenant_id}/oauth2/v2.0/token"
    answer = operator.log_in(**client.form(client.assertion(operator.base_url, aud=[own, "https://other.example"])))
    assert answer.json()["error_codes"] == [5002741]
    assert operator.log_in(**client.form(client.assertion(operator.base_url, aud=[own]))).status_code == 200


# Federated credentials -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "number"),
    [
        ({"iss": "https://evil.example"}, 700211),
        ({"sub": "repo:o/other"}, 700213),
        ({"sub": "repo:O/r"}, 7002138),
        ({"aud": "api://Other"}, 700212),
        ({"aud": []}, 700212),
        ({"exp": float("inf"), "nbf": float("inf")}, 50027),
        ({"exp": 1000, "nbf": 0}, 700024),
        ({"kid": "two"}, 700027),
    ],
)
def test_federated_assertion_that_does_not_match_is_refused(
    operator: Any, emulator: RunningEmulator, claims: dict[str, Any], number: int
) -> None:
    client = FederatedClient(operator, emulator)
    form = {
        "client_id": client.client_id,
        "client_secret": "",
        "client_assertion": client.token(**claims),
        "client_assertion_type": ASSERTION,
    }
    answer = operator.log_in(**form)
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [number])


# What else clients ask of the endpoint -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["oauth2/v2.0/token", "oauth2/token"])
def test_token_endpoint_takes_posts_only(operator: Any, path: str) -> None:
    answer = operator.session.get(f"{operator.base_url}/{operator.tenant_id}/{path}")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [900561])


def test_resource_is_refused_by_the_newer_endpoint(operator: Any) -> None:
    answer = operator.log_in(resource="https://graph.microsoft.com")
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [901002])


@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token", "password", "device_code"])
def test_grant_of_a_user_is_refused_by_name_and_kept_in_the_journal(
    operator: Any, emulator: RunningEmulator, grant: str
) -> None:
    answer = operator.log_in(grant_type=grant)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert answer.json()["error_description"].startswith(f"NotEmulated.grant_type {grant}: the emulator does not model")
    assert emulator.journal()[-1]["code"] == f"NotEmulated.grant_type {grant}"


def test_token_answer_carries_request_ids(operator: Any) -> None:
    mine = "11111111-2222-4333-8444-555555555555"
    url = f"{operator.base_url}/{operator.tenant_id}/oauth2/v2.0/token"
    asked = operator.session.post(
        url, data={"grant_type": "x"}, headers={"client-request-id": mine, "return-client-request-id": "true"}
    )
    assert asked.headers["client-request-id"] == asked.json()["correlation_id"] == mine
    assert asked.headers["x-ms-request-id"] == asked.json()["trace_id"]
    not_asked = operator.session.post(url, data={"grant_type": "x"}, headers={"client-request-id": mine})
    assert "client-request-id" not in not_asked.headers


# What Graph takes ----------------------------------------------------------------------------------------------------


def test_broken_tokens_answer_401_in_graphs_shape(operator: Any, emulator: RunningEmulator) -> None:
    good = operator.token()
    header, payload, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    broken = {
        "none": jwt.encode(claims, "", "none"),
        "other key": jwt.encode(claims, other_key, "RS256", headers={"kid": jwt.get_unverified_header(good)["kid"]}),
        "hmac with the public key": jwt.encode(claims, "x" * 40, "HS256"),
        "cut": f"{header}.{payload}",
        "changed": f"{header}.{payload[:-4]}AAAA.{signature}",
        "empty": "",
        "text": "abc",
        "not base64": "a.b.\x01",
    }
    for reason, token in broken.items():
        answer = operator.session.get(
            f"{operator.base_url}/v1.0/applications", headers={"Authorization": f"Bearer {token}".encode("latin-1")}
        )
        assert answer.status_code in (400, 401), reason
        if reason != "not base64":
            assert answer.json()["error"]["code"] == "InvalidAuthenticationToken", reason
            assert "WWW-Authenticate" in answer.headers
    emulator.move_clock(3700)
    expired = operator.get("applications")
    assert (expired.status_code, "expired" in expired.json()["error"]["message"]) == (401, True)


def test_token_of_another_emulator_is_not_taken(operator: Any, start_emulator: Callable[..., RunningEmulator]) -> None:
    other = start_emulator()
    answer = requests.get(
        f"{other.ready['base_url']}/v1.0/applications",
        headers={"Authorization": f"Bearer {operator.token()}"},
        verify=other.ready["ca_file"],
    )
    assert answer.status_code == 401
