"""Words of plans: the guide's names of resources, what becomes of them, and what has to be allowed by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from orgcal.resource_types import (
    APP_ROLE_ASSIGNMENT,
    APPLICATION,
    CERTIFICATE,
    CERTIFICATE_KEY,
    CONNECTOR,
    CONNECTOR_CREDENTIALS,
    CREDENTIAL_LEDGER,
    FEDERATED_CREDENTIAL,
    PASSWORD,
    SERVICE_PRINCIPAL,
)

KINDS: Final[Mapping[str, str]] = {
    APPLICATION: "application",
    SERVICE_PRINCIPAL: "service principal",
    PASSWORD: "secret",
    CERTIFICATE: "certificate",
    CERTIFICATE_KEY: "key of a certificate",
    FEDERATED_CREDENTIAL: "federated credential",
    APP_ROLE_ASSIGNMENT: "grant in the home tenant",
    CONNECTOR: "connector",
    CONNECTOR_CREDENTIALS: "credential in the connector",
    CREDENTIAL_LEDGER: "ledger of the credential",
}
"""Type token -> the guide's word."""
OPERATIONS: Final[Mapping[str, str]] = {
    "create": "created",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "import": "imported",
    "read": "read",
}
"""The engine's operation -> what becomes of the resource."""


def kind_of(type_token: str) -> str:
    """The guide's word for a resource's type; the last part of the type where it has none."""
    return KINDS.get(type_token) or type_token.rpartition(":")[2]


Allowance = Literal["new-client-id", "recycle-bin", "connector-in-use"]
"""What cannot be undone, as `--allow` names it."""
ALLOWANCES: Final[tuple[Allowance, ...]] = get_args(Allowance)
