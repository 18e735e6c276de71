"""Groups of a tenant: everybody, one group for each office, and those that its seed names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
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
        groups: object ids of the groups in it.
        dynamic: a rule decides who is a member.
    """

    object_id: str
    display_name: str
    nickname: str
    members: Sequence[int]
    unified: bool
    groups: tuple[str, ...] = ()
    dynamic: bool = False


class TenantGroups:
    """The groups of one tenant.

    Args:
        tenant_id: the tenant.
        users: its users.
    """

    def __init__(self, tenant_id: str, users: TenantUsers) -> None:
        self._tenant_id = tenant_id
        self._domain = users.domain
        self.users = users
        offices = [
            self._group(f"Office {name}", f"office-{name.lower()}", range(number, users.count, len(OFFICES)))
            for number, name in enumerate(OFFICES)
        ]
        self.all = [self._group("All Company", "allcompany", range(users.count), unified=True), *offices]
        self.all += [self._named(each, users) for each in users.groups]

    def find(self, object_id: str) -> Group | None:
        """The group with this object id."""
        return next((each for each in self.all if each.object_id == object_id.lower()), None)

    def transitive_members(self, group: Group) -> Iterator[int]:
        """Numbers of the users in a group and in the groups in it, each once."""
        seen, seen_groups, waiting = set[int](), set[str](), [group]
        while waiting:
            each = waiting.pop()
            if each.object_id in seen_groups:
                continue
            seen_groups.add(each.object_id)
            yield from (number for number in each.members if number not in seen)
            seen.update(each.members)
            waiting += [inner for inner in map(self.find, each.groups) if inner is not None]

    def shape(self, group: Group) -> dict[str, Any]:
        """A group with every property that is modelled, as on the wire."""
        mail = f"{group.nickname}@{self._domain}" if group.unified else None
        return {
            "id": group.object_id, "deletedDateTime": None, "classification": None,
            "createdDateTime": "2024-03-01T08:00:00Z", "description": None, "displayName": group.display_name,
            "expirationDateTime": None,
            "groupTypes": ["Unified"] * group.unified + ["DynamicMembership"] * group.dynamic,
            "isAssignableToRole": None, "mail": mail, "mailEnabled": group.unified, "mailNickname": group.nickname,
            "membershipRule": "(user.department -eq \"Sales\")" if group.dynamic else None,
            "membershipRuleProcessingState": "On" if group.dynamic else None, "onPremisesDomainName": None,
            "onPremisesLastSyncDateTime": None, "onPremisesNetBiosName": None, "onPremisesSamAccountName": None,
            "onPremisesSecurityIdentifier": None, "onPremisesSyncEnabled": None, "preferredDataLocation": None,
            "preferredLanguage": None, "proxyAddresses": [f"SMTP:{mail}"] if mail else [],
            "renewedDateTime": "2024-03-01T08:00:00Z", "resourceBehaviorOptions": [],
            "resourceProvisioningOptions": [], "securityEnabled": not group.unified, "theme": None,
            "uniqueName": None, "visibility": "Public" if group.unified else None,
            "onPremisesProvisioningErrors": [], "serviceProvisioningErrors": [],
        }  # fmt: skip

    def _group(self, display_name: str, nickname: str, members: range, *, unified: bool = False) -> Group:
        return Group(self._object_id(nickname), display_name, nickname, members, unified)

    def _named(self, said: dict[str, Any], users: TenantUsers) -> Group:
        """A group of the seed; members that no user is called are none."""
        found = (users.find(f"{name}@{users.domain}") for name in said.get("members", []))
        members = tuple(sorted(user.number for user in found if user is not None))
        inner = tuple(map(self._id_of_named, said.get("groups", [])))
        nickname = _nickname(said["name"])
        return Group(
            self._object_id(nickname), said["name"], nickname, members, False, inner, said.get("dynamic", False)
        )

    def _id_of_named(self, name: str) -> str:
        known = next((each.object_id for each in self.all if each.display_name == name), "")
        return known or self._object_id(_nickname(name))

    def _object_id(self, nickname: str) -> str:
        digest = hashlib.sha256(f"{self._tenant_id}/{nickname}".encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-9{digest[15:18]}-{digest[18:30]}"


def _nickname(name: str) -> str:
    return name.lower().replace(" ", "-")


PROPERTIES = tuple(TenantGroups("", TenantUsers("", "", {"count": 1})).shape(Group("", "", "", (), unified=False)))
