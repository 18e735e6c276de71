"""`azuread.ApplicationFederatedIdentityCredential`: whose tokens an application accepts instead of a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from orgcal import resource_types
from orgcal.provider._sdk import Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.application_fields import not_empty
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import Field, Fields, output
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.states import CreatedResource, meta

ODATA_TYPE = "#microsoft.graph.federatedIdentityCredential"
KIND = "federatedIdentityCredential"
MAX_NAME = 120


def name_rule(value: object) -> str | None:
    """What is wrong with `value` where the name of a credential is expected."""
    return None if isinstance(value, str) and 1 <= len(value) <= MAX_NAME else f"must have 1 to {MAX_NAME} characters"


class ApplicationFederatedIdentityCredential(Managed):
    """A trust in tokens of another issuer."""

    token = resource_types.FEDERATED_CREDENTIAL
    fields: ClassVar[Fields] = {
        "applicationId": Field(required=True, replaces=True, rule=ids.application_id_rule),
        "audiences": Field("list", required=True, at_most=1, rule=not_empty),
        "description": Field(),
        "displayName": Field(required=True, replaces=True, rule=name_rule),
        "issuer": Field(required=True),
        "subject": Field(required=True),
        "credentialId": output(),
    }
    state_meta = meta(0, create=15, delete=5, read=5, update=5)

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:  # noqa: ARG002
        """Create the credential, and wait until it can be read; Graph refuses one that exists with 409."""
        object_id = ids.application_object_id(news["applicationId"])
        with directory.locked(object_id):
            directory.get(f"/applications/{object_id}")
            path = f"/applications/{object_id}/federatedIdentityCredentials"
            made = directory.post(path, {**_body(news), "name": news["displayName"]})
            credential_id = str(made["id"])
            directory.remember(credential_id)
            resource_id = str(ids.CredentialId(object_id, KIND, credential_id))
            yield CreatedResource(resource_id, _state(object_id, made))
            path = _path(object_id, credential_id)
            listed = directory.until(lambda: directory.found(path), f"the federated credential {credential_id}")
        yield CreatedResource(resource_id, _state(object_id, listed))

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:  # noqa: ARG002
        """The credential as it is."""
        credential = ids.CredentialId.parse(resource_id, KIND, self.title)
        listed = directory.found(_path(credential.application_object_id, credential.key_id))
        return _state(credential.application_object_id, listed) if listed else None

    def change(self, directory: Directory, resource_id: str, old: Properties, news: Properties) -> None:  # noqa: ARG002
        """Send everything but the name, which cannot change."""
        credential = ids.CredentialId.parse(resource_id, KIND, self.title)
        with directory.locked(credential.application_object_id):
            directory.patch(_path(credential.application_object_id, credential.key_id), _body(news))

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:  # noqa: ARG002
        """Delete the credential, and wait until it is gone."""
        credential = ids.CredentialId.parse(resource_id, KIND, self.title)
        path = _path(credential.application_object_id, credential.key_id)
        with directory.locked(credential.application_object_id):
            directory.delete(path)
            directory.forget(credential.key_id)
            directory.gone(lambda: directory.shown(path), f"the federated credential {credential.key_id}")


def _path(object_id: str, credential_id: str) -> str:
    return f"/applications/{object_id}/federatedIdentityCredentials/{credential_id}"


def _body(news: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@odata.type": ODATA_TYPE,
        "audiences": list(news["audiences"]),
        "description": news.get("description") or "",
        "issuer": news["issuer"],
        "subject": news["subject"],
    }


def _state(object_id: str, listed: Mapping[str, Any]) -> Properties:
    return {
        "applicationId": ids.application_id(object_id),
        "audiences": list(listed.get("audiences") or []),
        "credentialId": listed["id"],
        "description": listed.get("description") or "",
        "displayName": listed.get("name") or "",
        "issuer": listed.get("issuer") or "",
        "subject": listed.get("subject") or "",
    }
