"""Flexible federated credentials match claims by an expression, in beta, for the issuers that Microsoft names.

Source: docs/workload-id/workload-identities-flexible-federated-identity-credentials.md of MicrosoftDocs/entra-docs,
commit 00ec9f5.
"""

from __future__ import annotations

from typing import Any

import pytest
from emulator_testing.credentials import FederatedClient
from orgcal_emulator.directory.claims_expressions import matches
from orgcal_emulator.server import RunningEmulator

GITHUB = "https://token.actions.githubusercontent.com"
TERRAFORM = "https://app.terraform.io"


def flexible(value: str, **more: Any) -> dict[str, Any]:
    expression = {"value": value, "languageVersion": 1}
    body = {"name": "flexible", "issuer": GITHUB, "audiences": ["api://AzureADTokenExchange"]}
    return {**body, "claimsMatchingExpression": expression, **more}


@pytest.fixture
def path(operator: Any) -> str:
    made = operator.post("applications", {"displayName": "x"}).json()
    return f"applications/{made['id']}/federatedIdentityCredentials"


def test_flexible_credential_is_made_shown_changed_and_removed_in_beta(operator: Any, path: str) -> None:
    """As the azuread provider does: application_flexible_federated_identity_credential_resource.go, commit f0169e0."""
    body = flexible("claims['sub'] matches 'repo:contoso/*'", description="d")
    made = operator.post(f"beta/{path}", body)
    assert made.status_code == 201
    one = f"{path}/{made.json()['id']}"
    shown = operator.get(f"beta/{one}").json()
    assert (shown["subject"], shown["claimsMatchingExpression"]) == (None, body["claimsMatchingExpression"])
    assert "claimsMatchingExpression" not in operator.get(one).json()
    changed = flexible("claims['sub'] matches 'repo:fabrikam/*'")["claimsMatchingExpression"]
    assert operator.patch(f"beta/{one}", {**body, "claimsMatchingExpression": changed}).status_code == 204
    assert operator.get(f"beta/{path}").json()["value"][0]["claimsMatchingExpression"] == changed
    assert operator.delete(f"beta/{one}").status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (flexible("claims['sub'] matches 'x'", subject="y"), 400),
        ({**flexible(""), "claimsMatchingExpression": None}, 400),
        (flexible("claims['sub'] like 'x'"), 400),
        (flexible("claims['sub']  eq 'x'"), 400),
        (flexible("claims['sub'] eq 'x' or claims['sub'] eq 'y'"), 400),
        (flexible("claims['ref'] eq 'x'"), 400),
        (flexible("claims['job_workflow_ref'] eq 'x'", issuer=TERRAFORM), 400),
        (flexible("claims['sub'] eq 'x'", issuer="https://token.actions.example"), 400),
        (flexible("claims['sub'] eq 'x'", claimsMatchingExpression={"value": "claims['sub'] eq 'x'"}), 400),
        (flexible("claims['sub'] eq 'x'", claimsMatchingExpression={"value": "x", "languageVersion": 2}), 400),
    ],
)
def test_wrong_expression_is_refused_and_changes_nothing(
    operator: Any, emulator: RunningEmulator, path: str, body: dict[str, Any], status: int
) -> None:
    before = emulator.cloud.export()
    assert operator.post(f"beta/{path}", body).status_code == status
    assert emulator.cloud.export() == before


def test_expressions_are_unknown_to_version_1(operator: Any, path: str) -> None:
    assert operator.post(path, flexible("claims['sub'] eq 'x'")).status_code == 501


def test_two_credentials_cannot_trust_the_same(operator: Any, path: str) -> None:
    assert operator.post(f"beta/{path}", flexible("claims['sub'] eq 'x'")).status_code == 201
    assert operator.post(f"beta/{path}", flexible("claims['sub'] eq 'x'", name="second")).status_code == 409
    assert operator.post(f"beta/{path}", flexible("claims['sub'] eq 'y'", name="second")).status_code == 201


def test_name_that_is_too_short_is_refused_in_the_documented_words(operator: Any, path: str) -> None:
    answer = operator.post(path, {"name": "gh", "issuer": GITHUB, "subject": "s", "audiences": ["api://x"]})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Federated Identity Credential name 'gh' is invalid."


@pytest.mark.parametrize(
    ("expression", "claims", "held"),
    [
        ("claims['sub'] eq 'repo:c/r'", {"sub": "repo:c/r"}, True),
        ("claims['sub'] eq 'repo:c/r'", {"sub": "repo:C/r"}, False),
        ("claims['sub'] eq 'repo:*'", {"sub": "repo:c/r"}, False),
        ("claims['sub'] matches 'repo:c/*:ref:refs/heads/????'", {"sub": "repo:c/r:ref:refs/heads/main"}, True),
        ("claims['sub'] matches 'repo:c/*:ref:refs/heads/????'", {"sub": "repo:c/r:ref:refs/heads/other"}, False),
        ("claims['sub'] matches 'repo:c.r'", {"sub": "repo:cxr"}, False),
        ("claims['sub'] eq 'it''s'", {"sub": "it's"}, True),
        (
            "claims['sub'] eq 's' and claims['job_workflow_ref'] matches 'o/*'",
            {"sub": "s", "job_workflow_ref": "o/w"},
            True,
        ),
        ("claims['sub'] eq 's' and claims['job_workflow_ref'] matches 'o/*'", {"sub": "s"}, False),
        ("claims['sub'] eq '1'", {"sub": 1}, False),
    ],
)
def test_expression_compares_claims_as_documented(expression: str, claims: dict[str, Any], held: bool) -> None:
    assert matches(expression, GITHUB, claims) is held


def test_token_that_an_expression_matches_logs_in(operator: Any, emulator: RunningEmulator) -> None:
    client = FederatedClient(operator, emulator)
    emulator.cloud.issuer_keys.give(GITHUB, client.published)
    made = operator.get(f"applications(appId='{client.client_id}')").json()["id"]
    body = flexible("claims['sub'] matches 'repo:contoso/*'")
    assert operator.post(f"beta/applications/{made}/federatedIdentityCredentials", body).status_code == 201

    def answer(subject: str) -> Any:
        assertion = client.token(iss=GITHUB, sub=subject)
        return operator.log_in(
            client_id=client.client_id, client_secret="", client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )  # fmt: skip

    assert answer("repo:contoso/app:ref:refs/heads/main").status_code == 200
    refused = answer("repo:fabrikam/app")
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [700213])
