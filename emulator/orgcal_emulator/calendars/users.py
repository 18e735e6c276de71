"""Users of a tenant, each computed from its number: nothing is stored for them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Sequence
from math import gcd
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args

from orgcal_emulator.calendars.names import GIVEN_NAMES, JOB_TITLES, OFFICES, SURNAMES

MailboxClass = Literal[
    "mailbox",
    "without",
    "on_premises",
    "guest",
    "disabled",
    "restricted",
    "access_policy",
    "vanished",
    "many_calendars",
]
MAILBOX_CLASSES: tuple[str, ...] = get_args(MailboxClass)
"""What can be the matter with a user.

`mailbox`: nothing. `without`: no mailbox (unlicensed). `on_premises`: the mailbox is elsewhere. `guest`: invited, not
known to Exchange. `disabled`: the account is blocked, its mailbox can be read. `restricted`: outside of the scope that
the tenant's Exchange RBAC gives the application. `access_policy`: an application access policy keeps the application
off. `vanished`: listed, then deleted before anyone reads it. `many_calendars`: more calendars than one page holds.
"""

_PAIRS = len(GIVEN_NAMES) * len(SURNAMES)
_STEP = 1237  # odd, so that it walks through all 4,096 pairs in an order that does not look sorted
_BACK = pow(_STEP, -1, _PAIRS)
_ID_FACTOR = 0x5DEECE66D
_ID_BACK = pow(_ID_FACTOR, -1, 1 << 48)
_ID_SHIFT = 0xB5AD4ECEDA1
_STRIDES = (7919, 104_729, 15_485_863, 7, 11, 13, 1)
_GIVEN_BY_NAME = {name.lower(): number for number, name in enumerate(GIVEN_NAMES)}
_SURNAME_BY_NAME = {name.lower(): number for number, name in enumerate(SURNAMES)}


class User(NamedTuple):
    """One user; a tuple, as one is made for each request about a mailbox.

    Attributes:
        number: place in the tenant's list, from 0.
    """

    number: int
    object_id: str
    given_name: str
    surname: str
    principal_name: str
    mail: str | None
    mailbox: MailboxClass
    administrator: bool = False

    @property
    def display_name(self) -> str:
        """Name for people."""
        return f"{self.given_name} {self.surname}".strip()


class TenantUsers:
    """The users of one tenant.

    Args:
        tenant_id: the tenant.
        domain: its default domain.
        rule: `{"count": users in all, "mailboxes": {class: how many}, "named": [..]}`; named users come first:
            `{"name": "Grace Hopper", "user": "grace", "mailbox": "mailbox", "administrator": true}`.
            With `"exchange_online": false` the tenant has no Exchange Online, and so no mailbox. `"groups"` are further
            groups: `{"name": .., "members": [user, ..], "groups": [name, ..], "dynamic": true}`.
    """

    def __init__(self, tenant_id: str, domain: str, rule: dict[str, Any]) -> None:
        self.domain = domain.lower()
        self.exchange_online = bool(rule.get("exchange_online", True))
        self.count = int(rule["count"])
        self.groups: list[dict[str, Any]] = rule.get("groups", [])
        self._named: list[dict[str, Any]] = rule.get("named", [])
        self._named_by_name = {f"{each['user']}@{domain}".lower(): n for n, each in enumerate(self._named)}
        digest = hashlib.sha256(tenant_id.encode()).hexdigest()
        self._prefix = f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-8{digest[15:18]}-"
        self._generated = self.count - len(self._named)
        self._stride = next(stride for stride in _STRIDES if gcd(stride, max(self._generated, 1)) == 1)
        self._orders: dict[str, array[int]] = {}
        self._limits: list[tuple[int, MailboxClass]] = []
        limit = 0
        for name, number in rule.get("mailboxes", {}).items():
            limit += int(number)
            self._limits.append((limit, name))

    def object_id(self, number: int) -> str:
        """The id of the user at a place in the list."""
        return f"{self._prefix}{(number * _ID_FACTOR + _ID_SHIFT) % (1 << 48):012x}"

    def at(self, number: int) -> User:
        """The user at a place in the list."""
        object_id = self.object_id(number)
        if number < len(self._named):
            return self._named_user(number, object_id)
        block, pair = divmod(number, _PAIRS)
        place = pair * _STEP % _PAIRS
        given, surname = GIVEN_NAMES[place % 64], SURNAMES[place // 64]
        mailbox = self._class_of(number - len(self._named))
        local = f"{given}.{surname}{block + 1 if block else ''}".lower()
        if mailbox == "guest":
            address = f"{local}@guest.example"
            name = f"{local}_guest.example#EXT#@{self.domain}"
            return User(number, object_id, given, surname, name, address, "guest")
        name = f"{local}@{self.domain}"
        mail = None if mailbox == "without" else name
        return User(number, object_id, given, surname, name, mail, mailbox)

    def sorted_by(self, name: str, *, descending: bool) -> Sequence[int]:
        """Numbers of the users in the order of a property, without regard to case; kept, as sorting takes long.

        Args:
            name: `displayName` or `userPrincipalName`.
        """
        if name not in self._orders:
            text = attrgetter("display_name" if name == "displayName" else "principal_name")
            numbers = sorted(range(self.count), key=lambda number: str(text(self.at(number))).casefold())
            self._orders[name] = array("L", numbers)
        return self._orders[name][::-1] if descending else self._orders[name]

    def may_have(self, mailbox: MailboxClass) -> bool:
        """Whether a user can be of this class."""
        return any(each.get("mailbox") == mailbox for each in self._named) or any(
            name == mailbox for _, name in self._limits
        )

    def _named_user(self, number: int, object_id: str) -> User:
        named = self._named[number]
        given, _, surname = str(named["name"]).partition(" ")
        name = f"{named['user']}@{self.domain}"
        mailbox: MailboxClass = named.get("mailbox", "mailbox")
        mail = None if mailbox == "without" else name
        return User(number, object_id, given, surname, name, mail, mailbox, bool(named.get("administrator")))

    def _class_of(self, number: int) -> MailboxClass:
        """Exactly as many users of a class as the rule says, spread over the list."""
        place = number * self._stride % self._generated
        for limit, name in self._limits:
            if place < limit:
                return name
        return "mailbox"

    def find(self, named: str) -> User | None:
        """The user with this object id or user principal name."""
        lower = named.lower()
        number = self._number_of_id(lower) if lower.startswith(self._prefix) else self._number_of_name(lower)
        return self.at(number) if number is not None and 0 <= number < self.count else None

    def administrators(self) -> list[User]:
        """Users who may consent for the tenant."""
        return [self.at(n) for n, each in enumerate(self._named) if each.get("administrator")]

    def _number_of_id(self, object_id: str) -> int | None:
        try:
            return (int(object_id[len(self._prefix) :], 16) - _ID_SHIFT) * _ID_BACK % (1 << 48)
        except ValueError:
            return None

    def _number_of_name(self, name: str) -> int | None:
        if name in self._named_by_name:
            return self._named_by_name[name]
        local = name.partition("@")[0].partition("_guest.example#ext#")[0]
        given, _, surname = local.partition(".")
        letters = surname.rstrip("0123456789")
        if given not in _GIVEN_BY_NAME or letters not in _SURNAME_BY_NAME:
            return None
        place = _GIVEN_BY_NAME[given] + 64 * _SURNAME_BY_NAME[letters]
        digits = surname[len(letters) :]
        block = int(digits) - 1 if digits and len(digits) < 9 else 0
        number = block * _PAIRS + place * _BACK % _PAIRS
        if not len(self._named) <= number < self.count:
            return None
        return number if self.at(number).principal_name.lower() == name else None


def user_shape(user: User) -> dict[str, Any]:
    """A user with every property that is modelled, as on the wire."""
    return {
        "id": user.object_id,
        "businessPhones": [],
        "displayName": user.display_name,
        "givenName": user.given_name,
        "jobTitle": JOB_TITLES[user.number % len(JOB_TITLES)],
        "mail": user.mail,
        "mobilePhone": None,
        "officeLocation": OFFICES[user.number % len(OFFICES)],
        "preferredLanguage": None,
        "surname": user.surname,
        "userPrincipalName": user.principal_name,
        "accountEnabled": user.mailbox != "disabled",
        "assignedLicenses": [],
        "companyName": None,
        "createdDateTime": "2024-03-01T08:00:00Z",
        "department": None,
        "deletedDateTime": None,
        "mailNickname": user.principal_name.partition("@")[0].partition("_")[0],
        "otherMails": [],
        "proxyAddresses": [f"SMTP:{user.mail}"] if user.mail else [],
        "usageLocation": "CH",
        "userType": "Guest" if user.mailbox == "guest" else "Member",
    }


def user_with(user: User, names: Collection[str]) -> dict[str, Any]:
    """The properties `names` of a user."""
    shape = user_shape(user)
    if not FURTHER.isdisjoint(names):
        shape |= further_shape(guest=user.mailbox == "guest")
    return {name: shape[name] for name in names}


def further_shape(*, guest: bool) -> dict[str, Any]:
    """What few clients ask for: properties that no user here has, and how a guest came in."""
    return {
        "ageGroup": None, "city": None, "consentProvidedForMinor": None, "country": None,
        "creationType": "Invitation" if guest else None, "employeeHireDate": None, "employeeId": None,
        "employeeOrgData": None, "employeeType": None, "externalUserState": "Accepted" if guest else None,
        "faxNumber": None, "imAddresses": [], "onPremisesDistinguishedName": None, "onPremisesDomainName": None,
        "onPremisesImmutableId": None, "onPremisesSamAccountName": None, "onPremisesSecurityIdentifier": None,
        "onPremisesSyncEnabled": None, "onPremisesUserPrincipalName": None, "postalCode": None,
        "showInAddressList": None, "state": None, "streetAddress": None,
    }  # fmt: skip


DEFAULT_PROPERTIES = ("businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
                      "officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id")  # fmt: skip
"""What Graph returns of a user without `$select`: https://learn.microsoft.com/en-us/graph/api/resources/user"""

_NOBODY = User(0, "", "", "", "", None, "mailbox")
FURTHER = frozenset(further_shape(guest=False))
PROPERTIES = (*user_shape(_NOBODY), *further_shape(guest=False))
"""Properties that can be selected, among them all that the azuread provider selects (user_data_source.go)."""
