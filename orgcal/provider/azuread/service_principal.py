"""`azuread.ServicePrincipal`: an application's presence in the tenant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from orgcal import resource_types
from orgcal.errors import GraphError, OrgcalError
from orgcal.provider._sdk import Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.application_body import tags_of
from orgcal.provider.azuread.application_fields import APP_ROLE, FEATURE_TAGS, PERMISSION_SCOPE, not_empty, short_text
from orgcal.provider.azuread.application_state import app_roles_state, feature_tags_state, ids_by_value, scopes_state
from orgcal.provider.azuread.arguments import changed, filled
from orgcal.provider.azuread.directory import OWNERS_AT_CREATION, Directory, quoted, set_owners
from orgcal.provider.azuread.fields import Field, Fields, output
from orgcal.provider.azuread.graph_forms import or_null, strings
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.refusals import exists_already, import_command
from orgcal.provider.azuread.states import CreatedResource, meta

ODATA_TYPE = "#microsoft.graph.servicePrincipal"
SIGN_ON_MODES = ("", "oidc", "password", "saml", "notSupported")

_OLD_FEATURES = {
    "customSingleSignOnApp": "customSingleSignOn",
    "enterpriseApplication": "enterprise",
    "galleryApplication": "gallery",
}
"""Names in `features`, which `featureTags` replaced; `visibleToUsers` is the opposite of `hide`."""


class ServicePrincipal(Managed):
    """A service principal."""

    token = resource_types.SERVICE_PRINCIPAL
    fields: ClassVar[Fields] = {
        "accountEnabled": Field("boolean", default=True),
        "alternativeNames": Field("set", rule=not_empty),
        "appRoleAssignmentRequired": Field("boolean"),
        "clientId": Field(required=True, replaces=True, rule=ids.guid_rule),
        "description": Field(rule=short_text),
        "featureTags": Field(
            "blocks", computed=True, ordered=True, conflicts=("features", "tags"), nested=FEATURE_TAGS
        ),
        "features": Field(
            "blocks",
            computed=True,
            ordered=True,
            conflicts=("featureTags", "tags"),
            nested={
                **{name: Field("boolean") for name in _OLD_FEATURES},
                "visibleToUsers": Field("boolean", default=True),
            },
        ),
        "loginUrl": Field(),
        "notes": Field(rule=short_text),
        "notificationEmailAddresses": Field("set", rule=not_empty),
        "owners": Field("set", rule=ids.guid_rule),
        "preferredSingleSignOnMode": Field(one_of=SIGN_ON_MODES),
        "samlSingleSignOn": Field("block", nested={"relayState": Field(rule=not_empty)}),
        "tags": Field("set", computed=True, conflicts=("features", "featureTags")),
        "useExisting": Field("boolean"),
        "appRoleIds": output("map"),
        "appRoles": Field("blocks", argument=False, nested=APP_ROLE),
        "applicationTenantId": output(),
        "displayName": output(),
        "homepageUrl": output(),
        "logoutUrl": output(),
        "oauth2PermissionScopeIds": output("map"),
        "oauth2PermissionScopes": Field("blocks", argument=False, nested=PERMISSION_SCOPE),
        "objectId": output(),
        "redirectUris": output("list"),
        "samlMetadataUrl": output(),
        "servicePrincipalNames": output("list"),
        "signInAudience": output(),
        "type": output(),
    }
    state_meta = meta(1, create=10, delete=5, read=5, update=10)

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:
        """Create the service principal, or take over the one that exists if the program says `useExisting`.

        Source: `servicePrincipalResourceCreate` in internal/services/serviceprincipals/service_principal_resource.go of
        terraform-provider-azuread 3.9.0 (commit f0169e0e), which refuses any other one that exists.
        """
        client_id = str(news["clientId"])
        present = directory.items("/servicePrincipals", {"$filter": f"appId eq {quoted(client_id)}"})
        caller = directory.caller_object_id()
        owners = strings(news.get("owners"))
        if present and news.get("useExisting"):
            yield from self._take_over(directory, str(present[0]["id"]), news)
            return
        if present:
            there_already = str(present[0]["id"])
            command = import_command(self.token, name, ids.service_principal_id(there_already))
            repair = f"set use_existing=True, or: {command}"
            raise exists_already("azuread_service_principal", there_already, repair=repair)
        others = [owner for owner in owners if owner.lower() != caller.lower()]
        there = [caller, *others[: OWNERS_AT_CREATION - 1]]
        body = {
            "@odata.type": ODATA_TYPE,
            "appId": client_id,
            "owners@odata.bind": [directory.reference(owner) for owner in there],
            **_body(news, _tags(news)),
        }
        made = directory.post("/servicePrincipals", body)
        object_id = str(made["id"])
        directory.remember(object_id)
        yield CreatedResource(ids.service_principal_id(object_id), state_of(made, ""))
        set_owners(directory, f"/servicePrincipals/{object_id}", there, owners)
        state = directory.until(lambda: self._state(directory, object_id), f"the service principal {object_id}")
        yield CreatedResource(ids.service_principal_id(object_id), state)

    def _take_over(self, directory: Directory, object_id: str, news: Properties) -> Iterator[CreatedResource]:
        resource_id = ids.service_principal_id(object_id)
        before = self._state(directory, object_id)
        if before is not None:
            self.change(directory, resource_id, before, news)
        state = self._state(directory, object_id)
        if state is None:
            raise OrgcalError(f"the service principal {object_id} vanished while it was taken over", repair="pulumi up")
        yield CreatedResource(resource_id, state)

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:  # noqa: ARG002
        """The service principal as it is."""
        return self._state(directory, ids.service_principal_object_id(resource_id))

    def change(self, directory: Directory, resource_id: str, old: Properties, news: Properties) -> None:
        """Send every argument, then set the owners if the program names others."""
        path = f"/servicePrincipals/{ids.service_principal_object_id(resource_id)}"
        names = changed(self.fields, old, filled(self.fields, news))
        tags = _tags(news) if names & {"featureTags", "features", "tags"} else strings(old.get("tags"))
        directory.patch(path, {"@odata.type": ODATA_TYPE, **_body(news, tags)})
        if "owners" in names:
            present = [str(owner["id"]) for owner in directory.items(f"{path}/owners")]
            set_owners(directory, path, present, strings(news.get("owners")))

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:
        """Delete it and wait until it is gone; of one that existed before (`useExisting`) a refusal is accepted."""
        object_id = ids.service_principal_object_id(resource_id)
        path = f"/servicePrincipals/{object_id}"
        try:
            directory.delete(path)
        except GraphError:
            if not old.get("useExisting"):
                raise
            return
        directory.forget(object_id)
        directory.gone(lambda: directory.shown(path), f"the service principal {object_id}")

    def _state(self, directory: Directory, object_id: str) -> Properties | None:
        path = f"/servicePrincipals/{object_id}"
        principal = directory.found(path)
        if principal is None:
            return None
        # Graph's v1.0 does not show this one property.
        beta = directory.get(f"/beta{path}", {"$select": "samlMetadataUrl"})
        owners = [str(owner["id"]) for owner in directory.items(f"{path}/owners")]
        return state_of(principal, str(beta.get("samlMetadataUrl") or "")) | {"owners": strings(owners)}


def state_of(principal: Mapping[str, Any], saml_metadata_url: str) -> Properties:
    """The state of a `ServicePrincipal` but for its owners, from what Graph answers for it."""
    app_id = str(principal.get("appId") or "")
    saml = principal.get("samlSingleSignOnSettings")
    return {
        "accountEnabled": bool(principal.get("accountEnabled")),
        "alternativeNames": strings(principal.get("alternativeNames")),
        "appRoleAssignmentRequired": bool(principal.get("appRoleAssignmentRequired")),
        "appRoleIds": ids_by_value(principal.get("appRoles")),
        "appRoles": app_roles_state(principal.get("appRoles")),
        "applicationTenantId": principal.get("appOwnerOrganizationId") or "",
        "clientId": app_id,
        "description": principal.get("description") or "",
        "displayName": principal.get("displayName") or "",
        "featureTags": feature_tags_state(principal.get("tags")),
        "features": features_state(principal.get("tags")),
        "homepageUrl": principal.get("homepage") or "",
        "loginUrl": principal.get("loginUrl") or "",
        "logoutUrl": principal.get("logoutUrl") or "",
        "notes": principal.get("notes") or "",
        "notificationEmailAddresses": strings(principal.get("notificationEmailAddresses")),
        "oauth2PermissionScopeIds": ids_by_value(principal.get("oauth2PermissionScopes")),
        "oauth2PermissionScopes": scopes_state(principal.get("oauth2PermissionScopes")),
        "objectId": principal["id"],
        "preferredSingleSignOnMode": principal.get("preferredSingleSignOnMode") or "",
        "redirectUris": list(principal.get("replyUrls") or []),
        "samlMetadataUrl": saml_metadata_url,
        "samlSingleSignOn": {"relayState": saml.get("relayState") or ""} if isinstance(saml, dict) else None,
        "servicePrincipalNames": [
            name for name in principal.get("servicePrincipalNames") or [] if str(name).lower() != app_id.lower()
        ],
        "signInAudience": principal.get("signInAudience") or "",
        "tags": strings(principal.get("tags")),
        "type": principal.get("servicePrincipalType") or "",
    }


def features_state(tags: Iterable[str] | None) -> list[Properties]:
    """`features`, the older form of `featureTags`."""
    flags = feature_tags_state(tags)[0]
    return [{**{old: flags[new] for old, new in _OLD_FEATURES.items()}, "visibleToUsers": not flags["hide"]}]


def _tags(news: Mapping[str, Any]) -> list[str]:
    if news.get("featureTags"):
        return tags_of(news["featureTags"])
    if news.get("features"):
        first = news["features"][0]
        flags = {new: first.get(old) for old, new in _OLD_FEATURES.items()}
        return tags_of([{**flags, "hide": not first["visibleToUsers"]}])
    return strings(news.get("tags"))


def _body(news: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    saml = news.get("samlSingleSignOn") or {}
    return {
        "accountEnabled": bool(news["accountEnabled"]),
        "alternativeNames": strings(news.get("alternativeNames")),
        "appRoleAssignmentRequired": bool(news.get("appRoleAssignmentRequired")),
        "description": or_null(news.get("description")),
        "loginUrl": or_null(news.get("loginUrl")),
        "notes": or_null(news.get("notes")),
        "notificationEmailAddresses": strings(news.get("notificationEmailAddresses")),
        "preferredSingleSignOnMode": or_null(news.get("preferredSingleSignOnMode")),
        "samlSingleSignOnSettings": {"relayState": saml["relayState"]} if saml.get("relayState") else {},
        "tags": tags,
    }
