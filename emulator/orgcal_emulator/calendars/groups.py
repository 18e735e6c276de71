"""Groups of a tenant, each computed from its users: everybody, and one group for each office."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orgcal_emulator.calendars.names import OFFICES
from orgcal_emulator.calendars.users import TenantUsers


@dataclass(frozen=True)
class Group:
    """One group.

    Attributes:
        members: numbers of its users.
        unified: it is a Microsoft 365 group, with a mailbox; else a security group.
    """

    object_id: str
    display_name: str
    nickname: str
    members: Sequence[int]
    unified: bool


class TenantGroups:
    """The groups of one tenant.

    Args:
        tenant_id: the tenant.
        users: its users.
    """

    def __init__(self, tenant_id: str, users: TenantUsers) -> None:
        self._tenant_id = tenant_id
        self._domain = users.domain
        offices = [
            self._group(f"Office {name}", f"office-{name.lower()}", range(number, users.count, len(OFFICES)))
            for number, name in enumerate(OFFICES)
        ]
        self.all = [self._group("All Company", "allcompany", range(users.count), unified=True), *offices]

    def find(self, object_id: str) -> Group | None:
        """The group with this object id."""
        return next((each for each in self.all if each.object_id == object_id.lower()), None)

    def shape(self, group: Group) -> dict[str, Any]:
        """A group with every property that is modelled, as on the wire."""
        mail = f"{group.nickname}@{self._domain}" if group.unified else None
        return {
            "id": group.object_id, "deletedDateTime": None, "classification": None,
            "createdDateTime": "2024-03-01T08:00:00Z", "description": None, "displayName": group.display_name,
            "expirationDateTime": None, "groupTypes": ["Unified"] if group.unified else [],
            "isAssignableToRole": None, "mail": mail, "mailEnabled": group.unified, "mailNickname": group.nickname,
            "membershipRule": None, "membershipRuleProcessingState": None, "onPremisesDomainName": None,
            "onPremisesLastSyncDateTime": None, "onPremisesNetBiosName": None, "onPremisesSamAccountName": None,
            "onPremisesSecurityIdentifier": None, "onPremisesSyncEnabled": None, "preferredDataLocation": None,
            "preferredLanguage": None, "proxyAddresses": [f"SMTP:{mail}"] if mail else [],
            "renewedDateTime": "2024-03-01T08:00:00Z", "resourceBehaviorOptions": [],
            "resourceProvisioningOptions": [], "securityEnabled": not group.unified, "theme": None,
            "uniqueName": None, "visibility": "Public" if group.unified else None,
            "onPremisesProvisioningErrors": [], "serviceProvisioningErrors": [],
        }  # fmt: skip

    def _group(self, display_name: str, nickname: str, members: range, *, unified: bool = False) -> Group:
        digest = hashlib.sha256(f"{self._tenant_id}/{nickname}".encode()).hexdigest()
        object_id = f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-9{digest[15:18]}-{digest[18:30]}"
        return Group(object_id, display_name, nickname, members, unified)


PROPERTIES = tuple(TenantGroups("", TenantUsers("", "", {"count": 1})).shape(Group("", "", "", (), unified=False)))
