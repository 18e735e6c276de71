"""`azuread.ApplicationCertificate`. Every argument replaces it; Graph does not give its value back."""

from __future__ import annotations

import base64
import binascii
import textwrap
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from orgcal import resource_types
from orgcal.errors import GraphError, UsageError
from orgcal.provider._sdk import Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.credentials import date_rule, duration_rule, end_after, with_key_id
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import Field, Fields
from orgcal.provider.azuread.graph_forms import APPLICATION_TYPE
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.refusals import exists_already, import_command
from orgcal.provider.azuread.states import CreatedResource, meta


class ApplicationCertificate(Managed):
    """A certificate (public key) with which an application proves itself."""

    token = resource_types.CERTIFICATE
    fields: ClassVar[Fields] = {
        "applicationId": Field(required=True, replaces=True, rule=ids.application_id_rule),
        "encoding": Field(replaces=True, default="pem", one_of=("pem", "base64", "hex")),
        "endDate": Field(computed=True, replaces=True, rule=date_rule, conflicts=("endDateRelative",)),
        "endDateRelative": Field(replaces=True, rule=duration_rule, conflicts=("endDate",)),
        "keyId": Field(computed=True, replaces=True, rule=ids.guid_rule),
        "startDate": Field(computed=True, replaces=True, rule=date_rule),
        "type": Field(replaces=True, one_of=("AsymmetricX509Cert", "Symmetric")),
        "value": Field(required=True, replaces=True, secret=True),
    }
    state_meta = meta(0, create=10, delete=5, read=5, update=10)

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:
        """Add the certificate to those the application has: they are one list, written as a whole."""
        object_id = ids.application_object_id(news["applicationId"])
        path = f"/applications/{object_id}"
        key_id = str(news.get("keyId") or uuid.uuid4())
        added: dict[str, Any] = {
            "key": _key_of(str(news["value"]), str(news["encoding"])),
            "keyId": key_id,
            "type": news.get("type") or "",
            "usage": "Verify",
        }
        if news.get("startDate"):
            added["startDateTime"] = news["startDate"]
        if news.get("endDate"):
            added["endDateTime"] = news["endDate"]
        elif news.get("endDateRelative"):
            added["endDateTime"] = end_after(news.get("startDate"), str(news["endDateRelative"]))
        resource_id = str(ids.CredentialId(object_id, "certificate", key_id))
        with directory.locked(object_id):
            present = list(directory.get(path).get("keyCredentials") or [])
            if with_key_id(present, key_id):
                repair = import_command(self.token, name, resource_id)
                raise exists_already("azuread_application_certificate", resource_id, repair=repair)
            directory.patch(
                path, {"@odata.type": APPLICATION_TYPE, "id": object_id, "keyCredentials": [*present, added]}
            )
            directory.remember(key_id)
            yield CreatedResource(resource_id, _state(object_id, key_id, added))
            listed = directory.until(lambda: _find(directory.get(path), key_id), f"the certificate {key_id}")
        yield CreatedResource(resource_id, _state(object_id, key_id, listed))

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:  # noqa: ARG002
        """The certificate as the application lists it.

        An application that is gone is an error, as with the real plugin: `applicationCertificateResourceRead` in
        internal/services/applications/application_certificate_resource.go of terraform-provider-azuread 3.9.0 (commit
        f0169e0e).
        """
        credential = ids.CredentialId.parse(resource_id, "certificate", self.title)
        listed = _find(_application(directory, credential), credential.key_id)
        return _state(credential.application_object_id, credential.key_id, listed) if listed else None

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:  # noqa: ARG002
        """Write the list without the certificate, and wait until the application shows it so."""
        credential = ids.CredentialId.parse(resource_id, "certificate", self.title)
        path = f"/applications/{credential.application_object_id}"
        with directory.locked(credential.application_object_id):
            present = _application(directory, credential).get("keyCredentials") or []
            kept = [entry for entry in present if str(entry.get("keyId") or "").lower() != credential.key_id.lower()]
            body = {"@odata.type": APPLICATION_TYPE, "id": credential.application_object_id, "keyCredentials": kept}
            directory.patch(path, body)
            directory.gone(
                lambda: _find(directory.get(path), credential.key_id), f"the certificate {credential.key_id}"
            )


def _key_of(value: str, encoding: str) -> str:
    """The certificate as the real plugin sends it: base64 of its PEM text."""
    try:
        if encoding == "pem":
            return base64.b64encode(value.encode()).decode()
        der = bytes.fromhex(value.strip()) if encoding == "hex" else base64.b64decode(value.strip(), validate=True)
    except (ValueError, binascii.Error) as error:
        raise UsageError(
            f"its value cannot be read as {encoding}", repair="set encoding to pem, base64 or hex"
        ) from error
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return base64.b64encode(f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()).decode()


def _application(directory: Directory, credential: ids.CredentialId) -> dict[str, Any]:
    try:
        return directory.get(f"/applications/{credential.application_object_id}")
    except GraphError as error:
        if error.status == 404:
            error.repair = "pulumi state delete with its URN: its application is gone, and a refresh fails like this"
        raise


def _find(application: Mapping[str, Any], key_id: str) -> Mapping[str, Any] | None:
    return with_key_id(application.get("keyCredentials"), key_id)


def _state(object_id: str, key_id: str, listed: Mapping[str, Any]) -> Properties:
    return {
        "applicationId": ids.application_id(object_id),
        "endDate": listed.get("endDateTime") or "",
        "keyId": key_id,
        "startDate": listed.get("startDateTime") or "",
        "type": listed.get("type") or "",
    }
