"""Federated identity credentials of applications.

Source: https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations
"""

from __future__ import annotations

import re
from typing import Any

from orgcal_emulator.directory.errors import read_only, too_many
from orgcal_emulator.directory.objects import Application, new_guid
from orgcal_emulator.directory.schema import ListOf, Nested, Text
from orgcal_emulator.graph.errors import conflict, invalid_value

MOST_FEDERATED = 20
"""Of one application."""

_FEDERATED = Nested(
    {
        "name": Text(120, 3, required=True), "issuer": Text(600, 1, required=True),
        "subject": Text(600, 1, required=True), "description": Text(600),
        "audiences": ListOf(Text(600, 1, required=True), most=1),
    },
)  # fmt: skip
_FEDERATED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")


def new_federated(application: Application, body: dict[str, Any]) -> dict[str, Any]:
    """A federated identity credential from a POST.

    Raises:
        GraphFailure: 400, or 409 for a name or a pair of issuer and subject that is taken.
    """
    given = _FEDERATED.given(body, "federatedIdentityCredential", "FederatedIdentityCredential")
    for name in ("name", "issuer", "subject"):
        if not given.get(name):
            raise invalid_value(name, "FederatedIdentityCredential")
    if not _FEDERATED_NAME.fullmatch(given["name"]):
        raise invalid_value("name", "FederatedIdentityCredential")
    credential = {
        "id": new_guid(),
        "name": given["name"],
        "issuer": given["issuer"],
        "subject": given["subject"],
        "description": given.get("description"),
        "audiences": given.get("audiences") or [],
    }
    if len(application.federated) >= MOST_FEDERATED:
        raise too_many("federatedIdentityCredentials", "Application", MOST_FEDERATED)
    _check_federated(application, credential)
    return credential


def changed_federated(application: Application, old: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A federated identity credential after a PATCH; its name cannot change.

    Raises:
        GraphFailure: 400 or 409.
    """
    given = _FEDERATED.given(
        {key: value for key, value in body.items() if key != "id"},
        "federatedIdentityCredential",
        "FederatedIdentityCredential",
    )
    if given.get("name", old["name"]) != old["name"]:
        raise read_only("name")
    credential = {**old, **given}
    _check_federated(application, credential)
    return credential


def _check_federated(application: Application, credential: dict[str, Any]) -> None:
    if len(credential["audiences"]) != 1:
        raise invalid_value("audiences", "FederatedIdentityCredential")
    for other in application.federated:
        if other["id"] == credential["id"]:
            continue
        if other["name"] == credential["name"]:
            raise conflict(f"FederatedIdentityCredential with name {credential['name']} already exists.")
        if (other["issuer"], other["subject"]) == (credential["issuer"], credential["subject"]):
            raise conflict("FederatedIdentityCredential with issuer and subject already exists on the application.")
