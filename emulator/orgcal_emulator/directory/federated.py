"""Federated identity credentials of applications.

Source: https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations
"""

from __future__ import annotations

import re
from typing import Any

from orgcal_emulator.directory import claims_expressions
from orgcal_emulator.directory.errors import read_only, too_many
from orgcal_emulator.directory.objects import Application, new_guid
from orgcal_emulator.directory.schema import Choice, Kind, ListOf, Nested, Text
from orgcal_emulator.graph.errors import bad_request, conflict, invalid_value

MOST_FEDERATED = 20
"""Of one application."""

_FIELDS: dict[str, Kind] = {
    "name": Text(600, required=True), "issuer": Text(600, 1, required=True), "subject": Text(600, 1),
    "description": Text(600), "audiences": ListOf(Text(600, 1, required=True), most=1),
}  # fmt: skip
_EXPRESSION = Nested(
    {"value": Text(600, 1, required=True), "languageVersion": Choice((1,))}, {}, ("value", "languageVersion"),
    nullable=True,
)  # fmt: skip
_FEDERATED = {"v1.0": Nested(_FIELDS), "beta": Nested({**_FIELDS, "claimsMatchingExpression": _EXPRESSION})}
"""By version: only beta knows flexible credentials, which have an expression instead of a subject."""
_FEDERATED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")


def new_federated(application: Application, body: dict[str, Any], version: str) -> dict[str, Any]:
    """A federated identity credential from a POST.

    Args:
        version: `v1.0` or `beta`.

    Raises:
        GraphFailure: 400, or 409 for a name or a pair of issuer and subject that is taken.
    """
    given = _FEDERATED[version].given(body, "federatedIdentityCredential", "FederatedIdentityCredential")
    for name in ("name", "issuer"):
        if not given.get(name):
            raise invalid_value(name, "FederatedIdentityCredential")
    if not _FEDERATED_NAME.fullmatch(given["name"]):
        raise bad_request(f"Federated Identity Credential name '{given['name']}' is invalid.")
    credential = {
        "id": new_guid(),
        "name": given["name"],
        "issuer": given["issuer"],
        "subject": given.get("subject"),
        "description": given.get("description"),
        "audiences": given.get("audiences") or [],
    }
    if given.get("claimsMatchingExpression") is not None:
        credential["claimsMatchingExpression"] = given["claimsMatchingExpression"]
    if len(application.federated) >= MOST_FEDERATED:
        raise too_many("federatedIdentityCredentials", "Application", MOST_FEDERATED)
    _check_federated(application, credential)
    return credential


def changed_federated(
    application: Application, old: dict[str, Any], body: dict[str, Any], version: str
) -> dict[str, Any]:
    """A federated identity credential after a PATCH; its name cannot change.

    Args:
        version: `v1.0` or `beta`.

    Raises:
        GraphFailure: 400 or 409.
    """
    given = _FEDERATED[version].given(
        {key: value for key, value in body.items() if key != "id"},
        "federatedIdentityCredential",
        "FederatedIdentityCredential",
    )
    if given.get("name", old["name"]) != old["name"]:
        raise read_only("name")
    credential = {**old, **given}
    if credential.get("claimsMatchingExpression", "") is None:
        del credential["claimsMatchingExpression"]
    _check_federated(application, credential)
    return credential


def _check_federated(application: Application, credential: dict[str, Any]) -> None:
    if len(credential["audiences"]) != 1:
        raise invalid_value("audiences", "FederatedIdentityCredential")
    expression = credential.get("claimsMatchingExpression")
    if (credential["subject"] is None) is (expression is None):
        raise invalid_value(
            "subject" if expression is None else "claimsMatchingExpression", "FederatedIdentityCredential"
        )
    if expression is not None:
        _check_expression(expression["value"], credential["issuer"])
    for other in application.federated:
        if other["id"] == credential["id"]:
            continue
        if other["name"] == credential["name"]:
            raise conflict(f"FederatedIdentityCredential with name {credential['name']} already exists.")
        if _trusted(other) == _trusted(credential):
            raise conflict("FederatedIdentityCredential with issuer and subject already exists on the application.")


def federated_shape(credential: dict[str, Any], version: str) -> dict[str, Any]:
    """A federated identity credential as on the wire; only beta shows an expression.

    Args:
        version: `v1.0` or `beta`.
    """
    return {
        name: value for name, value in credential.items() if version == "beta" or name != "claimsMatchingExpression"
    }


def trusts(credential: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether a token of the credential's issuer with these claims is the one that it trusts."""
    expression = credential.get("claimsMatchingExpression")
    if expression is None:
        return bool(credential["subject"] == claims.get("sub"))
    return claims_expressions.matches(expression["value"], credential["issuer"], claims)


def _check_expression(text: str, issuer: str) -> None:
    try:
        claims_expressions.parsed(text, issuer)
    except ValueError:
        raise invalid_value("claimsMatchingExpression", "FederatedIdentityCredential") from None


def _trusted(credential: dict[str, Any]) -> tuple[str, str | None, str]:
    """What a credential trusts: no other one of its application may trust the same."""
    expression = credential.get("claimsMatchingExpression") or {}
    return credential["issuer"], credential["subject"], expression.get("value", "")
