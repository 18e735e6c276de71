"""`azuread.getServicePrincipal` and `azuread.getClientConfig`."""

from __future__ import annotations

from typing import Any, ClassVar

from orgcal.entra.tenant_ids import is_guid
from orgcal.errors import GraphError, OrgcalError, UsageError
from orgcal.provider._sdk import Function, Prop, Properties
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.directory import Directory, quoted
from orgcal.provider.azuread.service_principal import ServicePrincipal, state_of

_KEYS = ("objectId", "displayName", "clientId")
"""In the order in which the real plugin looks at them."""

_NOT_IN_RESULT = frozenset({"owners", "samlSingleSignOn", "useExisting"})


class GetServicePrincipal(Function):
    """Looks up a service principal by object id, display name or client id."""

    token = "azuread:index/getServicePrincipal:getServicePrincipal"  # noqa: S105 - a function, no secret
    inputs: ClassVar = {name: Prop() for name in _KEYS}
    outputs: ClassVar = {
        **{
            name: prop
            for name, prop in {**ServicePrincipal.inputs, **ServicePrincipal.outputs}.items()
            if name not in _NOT_IN_RESULT and not name.startswith("__")
        },
        "id": Prop(),
        "samlSingleSignOns": Prop("array"),
    }

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, arguments: Properties) -> Properties:
        """The one service principal that fits.

        Raises:
            UsageError: none or several of the keys are given, or nothing or more than one fits.
        """
        given = [name for name in _KEYS if arguments.get(name)]
        if len(given) != 1:
            raise UsageError(f"getServicePrincipal takes exactly one of {', '.join(_KEYS)}")
        directory = self._connection.directory
        try:
            principal = _lookup(directory, given[0], str(arguments[given[0]]))
            beta = directory.get(f"/beta/servicePrincipals/{principal['id']}", {"$select": "samlMetadataUrl"})
        except GraphError as error:
            details = f"{error.where}, request id {error.request_id}" if error.request_id else error.where
            raise OrgcalError(f"getServicePrincipal: {error.what} ({details})", repair=error.repair) from error
        state = state_of(principal, str(beta.get("samlMetadataUrl") or ""))
        saml = state.pop("samlSingleSignOn")
        state["samlSingleSignOns"] = [saml] if saml else []
        return {**state, "id": ids.service_principal_id(str(principal["id"]))}


def _lookup(directory: Directory, key: str, value: str) -> dict[str, Any]:
    if key == "objectId":
        principal = directory.found(f"/servicePrincipals/{value}") if is_guid(value) else None
        matches = [principal] if principal else []
    else:
        name = "displayName" if key == "displayName" else "appId"
        listed = directory.items("/servicePrincipals", {"$filter": f"{name} eq {quoted(value)}"})
        matches = [entry for entry in listed if entry.get(name) and str(entry[name]).lower() == value.lower()]
    if len(matches) != 1:
        how_many = "no service principal" if not matches else f"{len(matches)} service principals"
        raise UsageError(f"getServicePrincipal: the tenant has {how_many} with {key} {value!r}")
    return matches[0]


class GetClientConfig(Function):
    """Tells as whom the plugin works."""

    token = "azuread:index/getClientConfig:getClientConfig"  # noqa: S105 - a function, no secret
    outputs: ClassVar = {name: Prop() for name in ("clientId", "id", "objectId", "tenantId")}

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, arguments: Properties) -> Properties:  # noqa: ARG002
        """Client id, object id and tenant id of the deploying principal."""
        settings = self._connection.settings
        object_id = self._connection.directory.caller_object_id()
        return {
            "clientId": settings.client_id,
            "id": f"{settings.tenant_id}-{settings.client_id}-{object_id}",
            "objectId": object_id,
            "tenantId": settings.tenant_id,
        }
