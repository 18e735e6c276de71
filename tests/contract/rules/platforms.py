"""What integration platforms take and refuse, by their sources and their documentation.

Read on 2026-11-28: NangoHQ/nango at 2f4c0af, places below packages/server/lib unless they say otherwise; github/docs:
data/reusables/actions/actions-secrets-and-variables-naming.md at 24462ae, content/actions/reference/security/secrets.md
at 16e1b80, content/actions/reference/workflows-and-actions/variables.md at 159bd1b, pull request 45221 (subjects).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

NANGO_PROVIDER = "microsoft-admin"
"""packages/providers/providers.yaml: sends the administrator to `adminconsent` of `connectionConfig.tenantId`."""
NANGO_CALLBACK = "/oauth/callback"
NANGO_INTEGRATION = {
    "unique_key",
    "provider",
    "display_name",
    "forward_webhooks",
    "credentials",
    "integration_config",
    "custom",
}
"""Fields of a body for `POST /integrations`; any other is refused (controllers/integrations/postIntegration.ts)."""
NANGO_CREDENTIALS = {"type", "client_id", "client_secret", "scopes", "webhook_secret"}
"""Fields of credentials of type `OAUTH2`; any other is refused (helpers/validation.ts, 117-124)."""
NANGO_SCOPES = r"([0-9a-zA-Z:/_.*-]+(,[0-9a-zA-Z:/_.*-]+)*)?"
"""helpers/validation.ts:122."""
NANGO_TAGS, NANGO_TAG_KEY, NANGO_TAG_VALUE = 10, r"[a-zA-Z][a-zA-Z0-9_\-./]{0,63}", 255
"""Most tags of a session, form of a name, most characters of a value (packages/shared/lib/services/tags/schema.ts)."""
NANGO_PAGE = 2000
"""Most connections of an answer that a client may ask for (controllers/connection/getConnections.ts:20)."""


class Body(NamedTuple):
    """A change to the credentials of an integration that is fine otherwise, and whether Nango takes it."""

    change: Mapping[str, Any]
    taken: bool
    place: str


_VALIDATION = "helpers/validation.ts:115-126"
NANGO_BODIES: tuple[Body, ...] = (
    Body({}, True, _VALIDATION),
    Body({"type": "OAUTH1"}, False, "controllers/integrations/postIntegration.ts: type must be the provider's"),
    Body({"type": "OAUTH2_CC"}, False, _VALIDATION),
    Body({"client_id": ""}, False, _VALIDATION),
    Body({"client_id": "x" * 255}, True, _VALIDATION),
    Body({"client_id": "x" * 256}, False, _VALIDATION),
    Body({"client_secret": ""}, False, _VALIDATION),
    Body({"client_secret": None}, False, _VALIDATION),
    Body({"scopes": ""}, True, _VALIDATION),
    Body({"scopes": "https://graph.microsoft.com/.default"}, True, _VALIDATION),
    Body({"scopes": "a,b"}, True, _VALIDATION),
    Body({"scopes": "a b"}, False, _VALIDATION),
    Body({"scopes": "a,"}, False, _VALIDATION),
    Body({"scopes": "a?b"}, False, _VALIDATION),
    Body({"scopes": "ä"}, False, _VALIDATION),
    Body({"scopes": "A-z_0*"}, True, _VALIDATION),
    Body({"webhook_secret": ""}, True, _VALIDATION),
    Body({"anything": "else"}, False, _VALIDATION),
)


class GithubName(NamedTuple):
    """A name for a secret or a variable, and whether GitHub takes it."""

    name: str
    taken: bool


GITHUB_NAMES: tuple[GithubName, ...] = (
    GithubName("ORGCAL_", True),
    GithubName("_X", True),
    GithubName("A1", True),
    GithubName("1A", False),
    GithubName("GITHUB_X", False),
    GithubName("WITH SPACE", False),
    GithubName("WITH-DASH", False),
    GithubName("WITH.DOT", False),
    GithubName("Ä", False),
)
GITHUB_SECRET_BYTES = 48 * 1024

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITHUB_SUBJECTS: Mapping[tuple[str, str, str, str], str] = {
    ("octo-org/octo-repo", "", "", "Production"): "repo:octo-org/octo-repo:environment:Production",
    ("octo-org/octo-repo", "", "", "Production:V1"): "repo:octo-org/octo-repo:environment:Production%3AV1",
    ("octo-org/octo-repo", "12", "34", "prod"): "repo:octo-org@12/octo-repo@34:environment:prod",
}
"""Repository, owner's number and repository's number where the subject is immutable, environment; and the subject."""
