"""Limits and defaults of the azuread provider, at the limit itself and one beyond."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.provider.azuread.application_fields import APPLICATION
from orgcal.provider.azuread.application_state import state_of
from orgcal.provider.azuread.arguments import problems


@pytest.mark.parametrize("kind", ["web", "singlePageApplication", "publicClient"])
@pytest.mark.parametrize(("count", "allowed"), [(256, True), (257, False)])
def test_application_has_256_redirect_uris_of_a_kind_at_most(kind: str, count: int, allowed: bool) -> None:
    """Source: application_resource.go in internal/services/applications of terraform-provider-azuread at f0169e0e."""
    uris = [f"https://a.example/{number}" for number in range(count)]

    wrong = problems(APPLICATION, {"displayName": "x", kind: {"redirectUris": uris}})

    assert (wrong == {}) is allowed


@pytest.mark.parametrize(
    ("api", "version"),
    [
        (None, 1),
        ({}, 1),
        ({"requestedAccessTokenVersion": None}, 1),
        ({"requestedAccessTokenVersion": 1}, 1),
        ({"requestedAccessTokenVersion": 2}, 2),
    ],
)
def test_version_of_tokens_that_graph_leaves_open_is_1(api: dict[str, Any] | None, version: int) -> None:
    """Null is the default, and stands for 1: https://learn.microsoft.com/en-us/graph/api/resources/apiapplication."""
    state = state_of({"id": "object", "api": api}, [], post_response_required=False)

    assert state["api"]["requestedAccessTokenVersion"] == version
