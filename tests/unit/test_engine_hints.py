"""What is advised where Entra or the engine refuses without a repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.stack.errors import explain, hint

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('resource "urn:x" cannot be deleted because it is protected', "orgcal:protect false"),
        ("403 Authorization_RequestDenied: Insufficient privileges", "orgcal preflight --stack prod names the right"),
        ("CredentialTypeNotAllowedAsPerAppPolicy: not allowed", "credential.kind certificate"),
        ("CredentialInvalidLifetimeAsPerAppPolicy", "orgcal preflight --stack prod tells what"),
        ("SignInAudienceNotAllowedAsPerAppPolicy: not allowed", "applications for other organisations"),
        ("404 Request_ResourceNotFound", "pulumi refresh --stack prod"),
        ("anything else", ""),
    ],
)
def test_hint_names_the_command_for_the_stack(text: str, advice: str) -> None:
    found = hint(text, "prod")

    assert advice in found
    assert bool(found) is bool(advice)


def test_explained_refusal_keeps_its_own_repair() -> None:
    own = explain("", ["it is protected\n  repair: ask somebody"], stack="prod", project=HERE)
    none = explain("", ["error: this resource is protected"], stack="prod", project=HERE)

    assert own.repair == "ask somebody"
    assert "orgcal:protect false" in none.repair


@pytest.mark.parametrize("reason", ["read-only file system", "permission denied"])
def test_settings_that_the_engine_cannot_write_are_named_with_a_repair(reason: str) -> None:
    said = f"error: 2 errors occurred:\n    1) saving stack config\n    2) open /a b/Pulumi.prod.yaml: {reason}\n"

    error = explain(f"code: 255\nstdout:\nstderr: {said}", [], stack="prod", project=HERE)

    assert str(error) == (
        f"/a b/Pulumi.prod.yaml: the engine cannot write the stack's settings ({reason})\n"
        "  repair: use a copy of the project in a folder of your own, and run the same command again"
    )
