"""The program behind the recording of the real azuread plugin, and what it wants in each scenario."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DIRECTORY_READ = "7ab1d382-f21e-4acd-a863-ba3e13f7da61"
CALENDARS_READ = "798ee544-9d2d-430c-a058-570e29e34338"
CALENDARS_WRITE = "ef54d2bf-783f-4e0f-bca1-3210c0444d99"

CALLBACK = "https://connector.example/callback"
CONSENT = "https://consent.example/callback"

PROGRAM = """
import json
import pathlib
import pulumi
import pulumi_azuread as azuread

plan = json.loads(pathlib.Path("plan.json").read_text())
graph = azuread.get_service_principal(client_id="00000003-0000-0000-c000-000000000000")
app = azuread.Application(
    "app",
    display_name="Outlook Calendar",
    sign_in_audience="AzureADMultipleOrgs",
    web={"redirect_uris": plan["redirect_uris"]},
    required_resource_accesses=[{
        "resource_app_id": graph.client_id,
        "resource_accesses": [{"id": role, "type": "Role"} for role in plan["roles"]],
    }],
)
for number in plan["passwords"]:
    password = azuread.ApplicationPassword(
        f"password-{number}", application_id=app.id, display_name=f"Xkit {number}", end_date=plan["password_end"]
    )
    pulumi.export(f"secret-{number}", password.value)
azuread.ApplicationCertificate(
    "certificate",
    application_id=app.id,
    type="AsymmetricX509Cert",
    value=plan["certificate"],
    end_date=plan["certificate_end"],
)
principal = azuread.ServicePrincipal("principal", client_id=app.client_id)
for role in plan["roles"]:
    azuread.AppRoleAssignment(
        f"grant-{role}", app_role_id=role, principal_object_id=principal.object_id, resource_object_id=graph.object_id
    )
azuread.ApplicationFederatedIdentityCredential(
    "federated",
    application_id=app.id,
    display_name="github-prod",
    audiences=["api://AzureADTokenExchange"],
    issuer="https://token.actions.githubusercontent.com",
    subject="repo:o/r:environment:prod",
)
pulumi.export("client_id", app.client_id)
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the program of one scenario wants."""

    certificate: str
    certificate_end: str
    password_end: str
    redirect_uris: tuple[str, ...] = (CALLBACK,)
    roles: tuple[str, ...] = (DIRECTORY_READ, CALENDARS_READ)
    passwords: tuple[int, ...] = (1,)

    @classmethod
    def first(cls) -> Plan:
        """The plan of scenario `create`, with a certificate and dates that are valid now."""
        now = datetime.now(UTC).replace(microsecond=0)
        pem, end = _certificate(now)
        return cls(pem, _text(end), _text(now + timedelta(days=180)))

    def updated(self) -> Plan:
        """Another permission, and a second redirect URI."""
        return replace(self, redirect_uris=(CALLBACK, CONSENT), roles=(DIRECTORY_READ, CALENDARS_WRITE))

    def substitutes(self, recorded: Mapping[str, Any]) -> dict[str, str]:
        """Values of the recorded program -> those of this one (see `azuread_wire.NORMALISATION`, rule `values`)."""
        bodies = [entry["body"] for entry in recorded["create"] if isinstance(entry.get("body"), dict)]
        key = next(body["keyCredentials"][0] for body in bodies if body.get("keyCredentials"))
        password = next(body["passwordCredential"] for body in bodies if body.get("passwordCredential"))
        return {
            key["key"]: base64.b64encode(self.certificate.encode()).decode(),
            key["endDateTime"]: self.certificate_end,
            password["endDateTime"]: self.password_end,
        }


def _certificate(now: datetime) -> tuple[str, datetime]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outlook Calendar")])
    end = now + timedelta(days=30)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), end - timedelta(days=1)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
