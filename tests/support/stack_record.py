"""The record that a deployed stack leaves, as tests of its readers need it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from orgcal.stack.outputs import CredentialGeneration, StackOutputs

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def outputs(left: timedelta = timedelta(days=100), **changed: Any) -> StackOutputs:
    """The record of a stack whose second generation is active and ends then."""
    texts = [
        *("project", "stack", "directory_id", "tenant_id", "client_id", "application_object_id", "connector_key"),
        *("service_principal_id", "display_name", "callback_url", "permission_hash", "connector_name"),
    ]
    ends = {1: NOW - timedelta(days=1), 2: NOW + left}
    generations = [
        CredentialGeneration(generation=number, key_id=f"k{number}", created_at=NOW, expires_at=end)
        for number, end in ends.items()
    ]
    record: dict[str, Any] = {
        **{name: name for name in texts},
        "schema_version": 1,
        "cloud": "public",
        "consent_redirect_uri": "",
        "redirect_uris": (),
        "scopes": (),
        "permissions": (),
        "platform": {},
        "credential_kind": "secret",
        "active_generation": 2,
        "credentials": tuple(generations),
        "client_secret": "secret of the stack",
    }
    return StackOutputs.model_validate({**record, **changed})
