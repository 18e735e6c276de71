"""What Microsoft's own models say about an answer: msgraph-sdk is generated from Graph's metadata.

kiota, which reads answers for msgraph-sdk, drops a value of the wrong type and keeps an unknown property aside, both
without a word. `StrictNode` reads the same models and writes down each of these instead.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, time
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

from kiota_abstractions.date_utils import parse_timedelta_string
from kiota_abstractions.serialization import ParseNode
from msgraph.generated.models.app_management_policy import AppManagementPolicy
from msgraph.generated.models.app_role import AppRole
from msgraph.generated.models.app_role_assignment import AppRoleAssignment
from msgraph.generated.models.application import Application
from msgraph.generated.models.application_template import ApplicationTemplate
from msgraph.generated.models.calendar import Calendar
from msgraph.generated.models.claims_mapping_policy import ClaimsMappingPolicy
from msgraph.generated.models.directory_object import DirectoryObject
from msgraph.generated.models.event import Event
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_auth2_permission_grant import OAuth2PermissionGrant
from msgraph.generated.models.organization import Organization
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.permission_scope import PermissionScope
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.tenant_app_management_policy import TenantAppManagementPolicy
from msgraph.generated.models.unified_role_assignment import UnifiedRoleAssignment
from msgraph.generated.models.unified_role_definition import UnifiedRoleDefinition
from msgraph.generated.models.user import User

_ID = r"(\([^/]*\)|/[^/$]+)"
_MODELS: tuple[tuple[str, Any], ...] = (
    (rf"/(applications|servicePrincipals){_ID}/addPassword", PasswordCredential),
    (rf"/applications{_ID}/federatedIdentityCredentials{_ID}?", FederatedIdentityCredential),
    (rf"/(applications|servicePrincipals){_ID}/owners", DirectoryObject),
    (rf"/servicePrincipals{_ID}/ownedObjects", DirectoryObject),
    (rf"/servicePrincipals{_ID}/appRoleAssign(edTo|ments){_ID}?", AppRoleAssignment),
    (rf"/servicePrincipals{_ID}/claimsMappingPolicies", ClaimsMappingPolicy),
    (rf"/servicePrincipals{_ID}/synchronization/jobs", SynchronizationJob),
    (rf"/applications{_ID}/appManagementPolicies", AppManagementPolicy),
    (rf"/policies/appManagementPolicies{_ID}?", AppManagementPolicy),
    (rf"/applications{_ID}?", Application),
    (rf"/servicePrincipals{_ID}?", ServicePrincipal),
    (r"/applicationTemplates", ApplicationTemplate),
    (r"/directoryObjects/.+", DirectoryObject),
    (r"/directory/deletedItems/.+", DirectoryObject),
    (rf"/organization{_ID}?", Organization),
    (r"/policies/defaultAppManagementPolicy", TenantAppManagementPolicy),
    (rf"/users{_ID}/(calendar|calendars{_ID}?)", Calendar),
    (rf"/users{_ID}/(calendar/|calendars{_ID}/)?(events{_ID}?|calendarView)", Event),
    (rf"/users{_ID}?", User),
    (rf"/users{_ID}/manager", DirectoryObject),
    (rf"/(applications|servicePrincipals){_ID}/appRoles", AppRole),  # each with a GUID for an id
    (rf"/servicePrincipals{_ID}/oauth2PermissionScopes", PermissionScope),
    (rf"/groups{_ID}/(transitiveMembers|members)", DirectoryObject),
    (rf"/groups{_ID}?", Group),
    (rf"/oauth2PermissionGrants{_ID}?", OAuth2PermissionGrant),
    (rf"/servicePrincipals{_ID}/oauth2PermissionGrants", OAuth2PermissionGrant),
    (r"/roleManagement/exchange/roleDefinitions", UnifiedRoleDefinition),
    (rf"/roleManagement/exchange/roleAssignments{_ID}?", UnifiedRoleAssignment),
)
"""Path after the version -> model of the object, or of the objects in `value`."""

BETA_ONLY = {
    ServicePrincipal: {
        "publishedPermissionScopes": list,
        "errorUrl": str,
        "publisherName": str,
        "samlMetadataUrl": str,
    },
}
"""What `/beta` documents beyond the models, which are of `/v1.0`:
https://learn.microsoft.com/en-us/graph/api/resources/serviceprincipal?view=graph-rest-beta"""

RECORDED: dict[type, dict[str, type]] = {ServicePrincipal: {"createdDateTime": str}}
"""What answers of the real Graph have beyond the models: `tests/contract/rules/recorded.py`."""

_ANNOTATIONS = re.compile(r"([A-Za-z]+)?@odata\.(context|nextLink|deltaLink|count|type|id|etag)")


def problems_of_answer(version: str, path: str, body: dict[str, Any]) -> list[str]:
    """What is wrong with an answer: properties that its model does not know, and values of a wrong type.

    Args:
        version: `v1.0` or `beta`.
        path: path after the version, with its keys.
        body: the answer.

    Raises:
        LookupError: no model is known for the path.
    """
    model = next((model for pattern, model in _MODELS if re.fullmatch(pattern, path, re.IGNORECASE)), None)
    if model is None:
        raise LookupError(f"no model for {path}")
    items = body["value"] if isinstance(body.get("value"), list) else [body]
    around = {} if items == [body] else {name: value for name, value in body.items() if name != "value"}
    problems = [f"{path}: {name} beside value" for name in around if not _ANNOTATIONS.fullmatch(name)]
    for item in items:
        node = StrictNode(item, path, problems)
        node.beta = version == "beta"
        node.get_object_value(model)
    return problems


@cache
def _deserializers(model: type[Any]) -> dict[str, Callable[[ParseNode], None]]:
    """How a model reads each property, made once, as that imports every model; it reads into an object of its own."""
    found: dict[str, Callable[[ParseNode], None]] = model().get_field_deserializers()
    return found


class StrictNode(ParseNode):
    """A JSON value that writes down where it is not what a model says."""

    def __init__(self, value: Any, path: str, problems: list[str]) -> None:
        self.value = value
        self.path = path
        self.problems = problems
        self.beta = False

    def get_child_node(self, identifier: str) -> StrictNode | None:
        if isinstance(self.value, dict) and identifier in self.value:
            return StrictNode(self.value[identifier], f"{self.path}.{identifier}", self.problems)
        return None

    def get_object_value(self, factory: Any) -> Any:
        if self.value is None:
            return None
        if not isinstance(self.value, dict):
            return self._expect("an object")
        item = factory.create_from_discriminator_value(self)
        known = _deserializers(item.__class__)
        beyond = RECORDED.get(type(item), {}) | (BETA_ONLY.get(type(item), {}) if self.beta else {})
        for name in self.value:
            child = self.get_child_node(name)
            assert child is not None
            if name in known:
                known[name](child)
            elif name in beyond:
                if not isinstance(child.value, beyond[name] | None):
                    child._expect(beyond[name].__name__)
            elif not _ANNOTATIONS.fullmatch(name):
                self.problems.append(f"{child.path}: {type(item).__name__} has no such property")
        return item

    def get_collection_of_object_values(self, factory: Any) -> Any:
        return [child.get_object_value(factory) for child in self._children()]

    def get_collection_of_primitive_values(self, primitive_type: Any) -> Any:
        getters = {str: StrictNode.get_str_value, bool: StrictNode.get_bool_value, int: StrictNode.get_int_value,
                   float: StrictNode.get_float_value, UUID: StrictNode.get_uuid_value}  # fmt: skip
        for child in self._children():
            if child.value is None:
                child._expect(primitive_type.__name__)
            getters[primitive_type](child)

    def get_collection_of_enum_values(self, enum_class: Any) -> Any:
        if isinstance(self.value, str | None):
            # A flags enumeration is one text on the wire, and a list in the models (microsoft/kiota#3237).
            for text in self.value.split(",") if self.value else ():
                StrictNode(text.strip(), self.path, self.problems).get_enum_value(enum_class)
            return
        for child in self._children():
            child.get_enum_value(enum_class)

    def get_enum_value(self, enum_class: type[Enum]) -> Any:
        if self.value is not None and self.value not in {each.value for each in enum_class}:
            self._expect(f"a {enum_class.__name__}")

    def get_str_value(self) -> Any:
        if not isinstance(self.value, str | None):
            return self._expect("a string")
        return self.value

    def get_bool_value(self) -> Any:
        if not isinstance(self.value, bool | None):
            self._expect("a boolean")

    def get_int_value(self) -> Any:
        if self.value is not None and type(self.value) is not int:
            self._expect("a whole number")

    def get_float_value(self) -> Any:
        if self.value is not None and type(self.value) not in (int, float):
            self._expect("a number")

    def get_uuid_value(self) -> Any:
        self._parse(UUID, "a GUID")

    def get_datetime_value(self) -> Any:
        self._parse(_zoned_moment, "a date and time with its zone")

    def get_timedelta_value(self) -> Any:
        self._parse(parse_timedelta_string, "a duration")

    def get_date_value(self) -> Any:
        self._parse(date.fromisoformat, "a date")

    def get_time_value(self) -> Any:
        self._parse(time.fromisoformat, "a time")

    def get_bytes_value(self) -> Any:
        self._parse(lambda text: base64.b64decode(text, validate=True), "base64")

    def _parse(self, parse: Any, expected: str) -> None:
        try:
            if self.value is not None:
                parse(self.value)
        except (ValueError, TypeError, AttributeError):
            self._expect(expected)

    def _children(self) -> list[StrictNode]:
        if not isinstance(self.value, list):
            self._expect("a list")
            return []
        return [StrictNode(each, f"{self.path}[{n}]", self.problems) for n, each in enumerate(self.value)]

    def _expect(self, expected: str) -> None:
        self.problems.append(f"{self.path}: {expected} was expected, not {self.value!r:.60}")

    # kiota's hooks, which nothing here uses.
    @property
    def on_before_assign_field_values(self) -> Any:
        return None

    @on_before_assign_field_values.setter
    def on_before_assign_field_values(self, value: Any) -> None: ...

    @property
    def on_after_assign_field_values(self) -> Any:
        return None

    @on_after_assign_field_values.setter
    def on_after_assign_field_values(self, value: Any) -> None: ...


def _zoned_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment
