"""Errors of the directory. Errors that all of Graph shares are in `graph.errors`."""

from __future__ import annotations

from orgcal_emulator.graph.errors import GraphFailure, bad_request


def read_only(name: str) -> GraphFailure:
    """400: a client tried to set what the directory sets."""
    return bad_request(f"Property '{name}' is read-only and cannot be set.")


def already_exists(name: str) -> GraphFailure:
    """400: another object has this value of a unique property."""
    return GraphFailure(
        400,
        "Request_BadRequest",
        f"Another object with the same value for property {name} already exists.",
        details=[{"code": "ObjectConflict", "message": "", "target": name}],
    )


def too_many(name: str, resource: str, most: int) -> GraphFailure:
    """400: a limit on the number of things in an object."""
    return bad_request(
        f"The property '{name}' of resource '{resource}' may have at most {most} entries.", "Directory_QuotaExceeded"
    )


def unverified_domain(value: str) -> GraphFailure:
    """400: an identifier URI outside of the tenant's domains."""
    return bad_request(
        f"Values of identifierUris property must use a verified domain of the organization or its subdomain: '{value}'",
        "HostNameNotOnVerifiedDomain",
    )


def credential_refused(name: str) -> GraphFailure:
    """400: the tenant's app management policy does not allow this credential."""
    return bad_request(
        f"Credential type not allowed as per assigned policy '{name}'.", "CredentialTypeNotAllowedAsPerAppPolicy"
    )


def audience_refused(audience: str) -> GraphFailure:
    """400: the policy does not let applications be offered to this audience."""
    return bad_request(
        f"'signInAudience' property value '{audience}' is not allowed.", "SignInAudienceNotAllowedAsPerAppPolicy"
    )


def credential_lifetime_refused() -> GraphFailure:
    """400: the credential would live longer than the tenant's policy allows."""
    return bad_request(
        "The credential lifetime exceeds the max value allowed as per assigned policy.",
        "CredentialInvalidLifetimeAsPerAppPolicy",
    )
