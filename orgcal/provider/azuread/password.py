"""`azuread.ApplicationPassword`: a client secret. Every argument replaces it, and its value is told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from orgcal import resource_types
from orgcal.errors import OrgcalError
from orgcal.provider._sdk import Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.credentials import date_rule, with_key_id
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import Field, Fields, output
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.states import CreatedResource, meta


class ApplicationPassword(Managed):
    """A client secret of an application."""

    token = resource_types.PASSWORD
    fields: ClassVar[Fields] = {
        "applicationId": Field(required=True, replaces=True, rule=ids.application_id_rule),
        "displayName": Field(computed=True, replaces=True),
        "endDate": Field(computed=True, replaces=True, rule=date_rule, conflicts=("endDateRelative",)),
        "endDateRelative": Field(replaces=True, refused="the real one ignores it for passwords; give endDate"),
        "rotateWhenChanged": Field("map", replaces=True),
        "startDate": Field(computed=True, replaces=True, rule=date_rule),
        "keyId": output(),
        "value": output(secret=True),
    }
    state_meta = meta(1, create=15, delete=5, read=5, update=5)
    importable = False

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:  # noqa: ARG002
        """Add the password, and wait until the application shows it."""
        object_id = ids.application_object_id(news["applicationId"])
        path = f"/applications/{object_id}"
        names = {"displayName": "displayName", "startDate": "startDateTime", "endDate": "endDateTime"}
        wanted = {graph: news[name] for name, graph in names.items() if news.get(name)}
        with directory.locked(object_id):
            directory.get(path)
            made = directory.post(f"{path}/addPassword", {"passwordCredential": wanted})
            key_id, value = str(made.get("keyId") or ""), str(made.get("secretText") or "")
            if not key_id or not value:
                raise OrgcalError("Microsoft Graph answered without a key id or without the secret")
            directory.remember(key_id)
            resource_id = str(ids.CredentialId(object_id, "password", key_id))
            yield CreatedResource(resource_id, _state(object_id, key_id, made) | {"value": value})
            listed = directory.until(lambda: _find(directory.get(path), key_id), f"the password {key_id}")
        yield CreatedResource(resource_id, _state(object_id, key_id, listed) | {"value": value})

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:  # noqa: ARG002
        """The password without its value, which Graph does not tell again."""
        credential = ids.CredentialId.parse(resource_id, "password", self.title)
        application = directory.found(f"/applications/{credential.application_object_id}")
        listed = _find(application, credential.key_id) if application else None
        return _state(credential.application_object_id, credential.key_id, listed) if listed else None

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:  # noqa: ARG002
        """Remove the password, and wait until the application no longer shows it."""
        credential = ids.CredentialId.parse(resource_id, "password", self.title)
        path = f"/applications/{credential.application_object_id}"
        with directory.locked(credential.application_object_id):
            directory.post(f"{path}/removePassword", {"keyId": credential.key_id})
            directory.forget(credential.key_id)
            directory.gone(lambda: _find(directory.get(path), credential.key_id), f"the password {credential.key_id}")


def _find(application: Mapping[str, Any], key_id: str) -> Mapping[str, Any] | None:
    return with_key_id(application.get("passwordCredentials"), key_id)


def _state(object_id: str, key_id: str, listed: Mapping[str, Any]) -> Properties:
    return {
        "applicationId": ids.application_id(object_id),
        "displayName": listed.get("displayName"),
        "endDate": listed.get("endDateTime") or "",
        "keyId": key_id,
        "startDate": listed.get("startDateTime") or "",
    }
