"""`azuread.Application`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from orgcal import resource_types
from orgcal.provider._sdk import Call, InvalidInputs, Properties, reveal
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.application_body import api_of, body_of, tags_of
from orgcal.provider.azuread.application_fields import APPLICATION
from orgcal.provider.azuread.application_state import state_of
from orgcal.provider.azuread.arguments import canonical, changed, filled
from orgcal.provider.azuread.directory import OWNERS_AT_CREATION, Directory, quoted, set_owners
from orgcal.provider.azuread.graph_forms import APPLICATION_TYPE, strings
from orgcal.provider.azuread.logo import upload_logo
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.refusals import import_command, name_is_taken
from orgcal.provider.azuread.states import CreatedResource, meta


class Application(Managed):
    """An application registration."""

    token = resource_types.APPLICATION
    fields = APPLICATION
    state_meta = meta(2, create=10, delete=5, read=5, update=10)

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:
        """Inputs with defaults; roles and scopes that share an id or a value are refused, as by the real plugin."""
        inputs = super().check(call, news, olds)
        wrong = _clash(reveal(inputs))
        if wrong:
            raise InvalidInputs({"appRoles": wrong})
        return inputs

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:
        """Create the application with the deploying principal as owner, removed again unless the program names it."""
        _refuse_duplicate(directory, news, name)
        caller = directory.caller_object_id()
        owners = strings(news.get("owners"))
        others = [owner for owner in owners if owner.lower() != caller.lower()]
        body = body_of(news, tags_of(news["featureTags"]) if news.get("featureTags") else strings(news.get("tags")))
        mapped_claims = body["api"].pop("acceptMappedClaims") if body["api"]["acceptMappedClaims"] else None
        first = [caller, *others[: OWNERS_AT_CREATION - 1]]
        body["owners@odata.bind"] = [directory.reference(owner) for owner in first]
        made = directory.post("/applications", body)
        object_id = str(made["id"])
        directory.remember(object_id, str(made["appId"]))
        yield CreatedResource(ids.application_id(object_id), state_of(made, owners, False))
        path = f"/applications/{object_id}"
        if news.get("oauth2PostResponseRequired") is not None:
            self._require_post(directory, object_id, news)
        if mapped_claims:
            directory.patch(path, {"@odata.type": APPLICATION_TYPE, "api": api_of(news)})
        upload_logo(directory, path, news.get("logoImage"))  # while the caller is an owner for sure
        set_owners(directory, path, first, owners)
        state = directory.until(lambda: self._state(directory, object_id, news), f"the application {object_id}")
        yield CreatedResource(ids.application_id(object_id), state)

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:
        """The application as it is; None if it was deleted."""
        return self._state(directory, ids.application_object_id(resource_id), old)

    def change(self, directory: Directory, resource_id: str, old: Properties, news: Properties) -> None:
        """Send everything that may be sent always, and the rest only where it changed, as the real plugin does."""
        object_id = ids.application_object_id(resource_id)
        path = f"/applications/{object_id}"
        _refuse_duplicate(directory, news, "NAME", object_id)
        names = changed(self.fields, old, filled(self.fields, news))
        body = body_of(news, _tags_after(old, news, names))
        scopes_differ = _scopes(old) != _scopes(news)
        with directory.locked(object_id):
            _disable_changed(directory, path, body, "appRoles" in names, scopes_differ)
            if not scopes_differ:
                del body["api"]["oauth2PermissionScopes"]
            for argument, name in _SENT_IF_CHANGED.items():
                if argument not in names:
                    del body[name]
            directory.patch(path, body)
            if "oauth2PostResponseRequired" in names:
                self._require_post(directory, object_id, news)
            if "logoImage" in names:
                upload_logo(directory, path, news.get("logoImage"))
            if "owners" in names:
                present = [str(owner["id"]) for owner in directory.items(f"{path}/owners")]
                set_owners(directory, path, present, strings(news.get("owners")))

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:
        """Delete the application and wait until it is gone."""
        object_id = ids.application_object_id(resource_id)
        path = f"/applications/{object_id}"
        directory.delete(path)
        directory.forget(object_id, str(old.get("clientId")))
        directory.gone(lambda: directory.shown(path), f"the application {object_id}")

    def _state(self, directory: Directory, object_id: str, known: Mapping[str, Any]) -> Properties | None:
        path = f"/applications/{object_id}"
        application = directory.found(path)
        if application is None:
            return None
        # Graph's v1.0 neither shows nor takes this one property.
        beta = directory.get(f"/beta{path}", {"$select": "oauth2RequirePostResponse"})
        owners = [str(owner["id"]) for owner in directory.items(f"{path}/owners")]
        plugins_own = {
            "preventDuplicateNames": bool(known.get("preventDuplicateNames")),
            "logoImage": known.get("logoImage") or "",  # as it was given: Graph shows it to browsers only
        }
        return state_of(application, owners, bool(beta.get("oauth2RequirePostResponse"))) | plugins_own

    def _require_post(self, directory: Directory, object_id: str, news: Mapping[str, Any]) -> None:
        required = bool(news.get("oauth2PostResponseRequired"))
        directory.patch(
            f"/beta/applications/{object_id}", {"@odata.type": APPLICATION_TYPE, "oauth2RequirePostResponse": required}
        )


_SENT_IF_CHANGED = {
    "appRoles": "appRoles",
    "identifierUris": "identifierUris",
    "optionalClaims": "optionalClaims",
    "requiredResourceAccesses": "requiredResourceAccess",
}
"""Argument -> part of the body that an update sends only if the argument changed."""


def _tags_after(old: Mapping[str, Any], news: Mapping[str, Any], names: frozenset[str]) -> list[str]:
    if news.get("featureTags") and "featureTags" in names:
        return tags_of(news["featureTags"])
    return strings(news["tags"] if news.get("tags") is not None else old.get("tags"))


def _scopes(values: Mapping[str, Any]) -> list[Any]:
    api = values.get("api") or {}
    return list(canonical(APPLICATION["api"].nested["oauth2PermissionScopes"], api.get("oauth2PermissionScopes")))


def _refuse_duplicate(directory: Directory, news: Mapping[str, Any], name: str, object_id: str | None = None) -> None:
    if not news.get("preventDuplicateNames"):
        return
    shown = str(news["displayName"])
    for other in directory.items("/applications", {"$filter": f"displayName eq {quoted(shown)}"}):
        if other.get("displayName") == shown and other.get("id") != object_id:
            taken = str(other.get("id"))
            repair = import_command(Application.token, name, ids.application_id(taken))
            raise name_is_taken("azuread_application", taken, shown, repair=repair)


def _disable_changed(directory: Directory, path: str, body: Mapping[str, Any], roles: bool, scopes: bool) -> None:
    """Disable roles and scopes that change or go: Entra refuses to change enabled ones."""
    if not roles and not scopes:
        return
    present = directory.get(path)
    if roles:
        disabled = _disabled(present.get("appRoles") or [], body["appRoles"])
        if disabled:
            directory.patch(path, {"@odata.type": APPLICATION_TYPE, "appRoles": disabled})
    if scopes:
        listed = (present.get("api") or {}).get("oauth2PermissionScopes") or []
        disabled = _disabled(listed, body["api"]["oauth2PermissionScopes"])
        if disabled:
            directory.patch(path, {"@odata.type": APPLICATION_TYPE, "api": {"oauth2PermissionScopes": disabled}})


def _disabled(present: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`present` with everything disabled that is not wanted as it is; empty if nothing needs it."""
    by_id = {entry["id"]: entry for entry in wanted}
    touched, result = False, []
    for entry in present:
        after = by_id.get(entry["id"])
        same = after is not None and all((entry.get(name) or "") == (value or "") for name, value in after.items())
        if entry.get("isEnabled") and not same:
            touched = True
            result.append({**entry, "isEnabled": False})
        else:
            result.append(entry)
    return result if touched else []


def _clash(inputs: Mapping[str, Any]) -> str:
    api = inputs.get("api")
    scopes = api.get("oauth2PermissionScopes") if isinstance(api, dict) else None
    value_of: dict[str, str] = {}
    id_of: dict[str, str] = {}
    lists = [listed for listed in (inputs.get("appRoles"), scopes) if isinstance(listed, list)]  # in previews: unknown
    for entry in chain.from_iterable(lists):
        entry_id, value = (entry.get("id"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if not isinstance(entry_id, str) or not isinstance(value, str) or not value:
            continue
        if value_of.setdefault(entry_id, value) != value:
            return f"the id {entry_id!r} is used for several roles or scopes"
        if id_of.setdefault(value, entry_id) != entry_id:
            return f"the value {value!r} is used for several roles or scopes"
    return ""
