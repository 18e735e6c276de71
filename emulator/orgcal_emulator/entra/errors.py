"""Errors of the token endpoint, in Entra's shape.

Numbers and texts: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any


class EntraFailure(Exception):
    """A refusal.

    Args:
        error: OAuth error: `invalid_client`.
        number: of the AADSTS code.
        message: text after the code.
        status: HTTP status.
    """

    def __init__(self, error: str, number: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.number = number
        self.message = message
        self.status = status

    @property
    def code(self) -> str:
        """`AADSTS` with the number."""
        return f"AADSTS{self.number}"

    def body(self, now: float, correlation_id: str, error_uri: str) -> dict[str, Any]:
        """The answer's body."""
        trace_id = str(uuid.uuid4())
        timestamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return {
            "error": self.error,
            "error_description": f"{self.code}: {self.message} Trace ID: {trace_id} "
            f"Correlation ID: {correlation_id} Timestamp: {timestamp}",
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"{error_uri}/error?code={self.number}",
        }


def unknown_tenant(named: str) -> EntraFailure:
    """No tenant has this id or domain."""
    return EntraFailure(
        "invalid_request", 90002,
        f"Tenant '{named}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    )  # fmt: skip


def malformed_tenant(named: str) -> EntraFailure:
    """The tenant in the address is neither an id nor a domain."""
    return EntraFailure(
        "invalid_request", 900023,
        f"Specified tenant identifier '{named}' is neither a valid DNS name, nor a valid external domain.",
    )  # fmt: skip


def no_tenant() -> EntraFailure:
    """`common` and `organizations` name no tenant to issue an application's token for."""
    return EntraFailure(
        "invalid_request", 50059,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    )  # fmt: skip


def missing_parameter(name: str) -> EntraFailure:
    """A parameter is missing."""
    return EntraFailure("invalid_request", 900144, f"The request body must contain the following parameter: '{name}'.")


def repeated_parameter(name: str) -> EntraFailure:
    """A parameter came twice."""
    return EntraFailure("invalid_request", 90100, f"The '{name}' parameter is duplicated.")


def only_post(method: str) -> EntraFailure:
    """The endpoint was asked with another method."""
    return EntraFailure(
        "invalid_request", 900561, f"The endpoint only accepts POST, OPTIONS requests. Received a {method} request."
    )


def resource_not_supported() -> EntraFailure:
    """The newer endpoint takes a scope."""
    return EntraFailure("invalid_request", 901002, "The 'resource' request parameter is not supported.")


def unknown_instance() -> EntraFailure:
    """Instance discovery was asked about a host that is no cloud's."""
    return EntraFailure("invalid_instance", 50049, "Unknown or invalid instance.")


def unsupported_grant(name: str) -> EntraFailure:
    """A grant type that Entra, or this emulator, does not take."""
    return EntraFailure("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{name}'.")


def unknown_client(client_id: str, tenant_name: str) -> EntraFailure:
    """The application is not known in the tenant: it exists nowhere, or nobody consented there."""
    return EntraFailure(
        "unauthorized_client", 700016,
        f"Application with identifier '{client_id}' was not found in the directory '{tenant_name}'. This can happen "
        "if the application has not been installed by the administrator of the tenant or consented to by any user in "
        "the tenant. You may have sent your authentication request to the wrong tenant.",
    )  # fmt: skip


def no_principal(client_id: str, tenant_id: str) -> EntraFailure:
    """The application is registered in this tenant but has no service principal in it."""
    return EntraFailure(
        "invalid_client", 7000229,
        f"The client application {client_id} is missing service principal in the tenant {tenant_id}. See instructions "
        "here: https://go.microsoft.com/fwlink/?linkid=2225119",
        status=401,
    )  # fmt: skip


def disabled_client(client_id: str) -> EntraFailure:
    """The service principal is disabled."""
    return EntraFailure("unauthorized_client", 7000112, f"Application '{client_id}' is disabled.")


def no_credential() -> EntraFailure:
    """Neither secret nor assertion."""
    return EntraFailure(
        "invalid_client", 7000218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        status=401,
    )  # fmt: skip


def wrong_secret(client_id: str) -> EntraFailure:
    """The secret is not one of the application's."""
    return EntraFailure(
        "invalid_client", 7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        f"the client secret ID, for a secret added to app '{client_id}'.",
        status=401,
    )  # fmt: skip


def expired_secret(client_id: str) -> EntraFailure:
    """The secret was one of the application's."""
    return EntraFailure(
        "invalid_client", 7000222,
        f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys "
        "for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
        "https://aka.ms/certCreds.",
        status=401,
    )  # fmt: skip


def wrong_scope(scope: str) -> EntraFailure:
    """Application permissions are asked for all at once, by `/.default`."""
    return EntraFailure(
        "invalid_scope", 1002012,
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
        "/.default suffixed to the resource identifier (application ID URI).",
    )  # fmt: skip


def unknown_resource(resource: str, tenant_name: str, tenant_id: str) -> EntraFailure:
    """The tenant has no service principal for the resource."""
    return EntraFailure(
        "invalid_resource", 500011,
        f"The resource principal named {resource} was not found in the tenant named {tenant_name} ({tenant_id}). This "
        "can happen if the application has not been installed by the administrator of the tenant or consented to by "
        "any user in the tenant. You might have sent your authentication request to the wrong tenant.",
    )  # fmt: skip


def bad_assertion(number: int, message: str) -> EntraFailure:
    """An assertion that does not prove who the client is."""
    return EntraFailure("invalid_client", number, message, status=401)
