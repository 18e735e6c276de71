"""The sections `orgcal:history` and `orgcal:alerts`: how long the history is kept, and who is told what changes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from orgcal.fields import Section, setting

DAYS = r"^[1-9][0-9]{0,3}d$"
_HOURS = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_NO_ADDRESS = r"^(?!.*://)"
_VARIABLE = r"^$|^[A-Za-z_][A-Za-z0-9_]*$"

RuleName = Literal[
    "credential-ends",
    "credential-revoked",
    "access-lost",
    "access-too-wide",
    "coverage-fell",
    "verification-old",
    "rotation-failed",
    "consent",
]


class HistorySettings(Section):
    """What the registry remembers of verifications and checks."""

    keep: str = setting(
        "400d",
        expected="1d to 9999d",
        example="400d",
        about="How long the registry keeps how each verification and check of each organisation ended. The default is "
        "more than a year, so that each month has its like before it.",
        pattern=DAYS,
    )

    @property
    def keep_time(self) -> timedelta:
        """How long rows are kept."""
        return timedelta(days=int(self.keep[:-1]))


class AlertTarget(Section):
    """Where messages go; the address is a secret, so a file or a variable holds it."""

    url_file: str = setting(
        "",
        expected="path of a file that holds the address",
        example="/run/secrets/alerts",
        pattern=_NO_ADDRESS,
        secret=True,
        about="File with the target's address: https gets a signed webhook, any other is one of apprise.",
    )
    url_variable: str = setting(
        "",
        expected="name of an environment variable",
        example="ORGCAL_ALERT_URL",
        about="Variable with the address instead, for jobs that get secrets so.",
        pattern=_VARIABLE,
        secret=True,
    )
    secret_file: str = setting(
        "",
        expected="path of a file that holds the key",
        example="/run/secrets/alerts-signing",
        secret=True,
        about="File with the key that signs a webhook, as `whsec_` and base64 or as it is.",
    )
    secret_variable: str = setting(
        "",
        expected="name of an environment variable",
        example="ORGCAL_ALERT_SECRET",
        about="Variable with that key instead.",
        pattern=_VARIABLE,
        secret=True,
    )

    @model_validator(mode="after")
    def _one_place_each(self) -> AlertTarget:
        if bool(self.url_file) == bool(self.url_variable):
            raise ValueError("one of url_file and url_variable names the address")
        if self.secret_file and self.secret_variable:
            raise ValueError("one of secret_file and secret_variable names the signing key")
        return self


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # zoneinfo raises all three
        near = difflib.get_close_matches(name[:40], available_timezones(), n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"there is no time zone {name[:40]!r}{meant}") from None
    return name


class AlertSettings(Section):
    """Who is told when something changes: a message for each change and one when it is well again."""

    targets: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")], AlertTarget] = setting(
        {},
        expected="a name (lower-case letters, digits and dashes) -> a mapping with `url_file` or `url_variable`",
        example="{ops: {url_file: /run/secrets/alerts}}",
        secret=True,
        about="Where messages go, each under a name of your choice; none are made without one.",
    )
    off: tuple[RuleName, ...] = setting(
        (),
        expected=f"names of rules: {', '.join(get_args(RuleName))}",
        example="[consent]",
        about="Rules that are not asked; all are on by default (docs/health.md).",
    )
    days_left: tuple[Annotated[int, Field(ge=1, le=3650)], ...] = setting(
        (30, 14, 7, 1),
        expected="numbers of days, each from 1 to 3650",
        example="[30, 14, 7, 1]",
        about="Days before the end of the connector's credential at which a message is sent.",
        max_length=20,
    )
    verified_within: str = setting(
        "36h",
        expected="1h to 9999h",
        example="36h",
        about="How old the last verification of an organisation may be.",
        pattern=r"^[1-9][0-9]{0,3}h$",
    )
    quiet_hours: str = setting(
        "",
        expected="HH:MM-HH:MM, or absent",
        example='"22:00-07:00"',
        about="Messages wait until these hours are over, but for a revoked credential that still works.",
        pattern=f"^$|^{_HOURS}-{_HOURS}$",
    )
    time_zone: Annotated[str, AfterValidator(_known_zone)] = setting(
        "UTC",
        expected="a time zone of the IANA database, such as UTC",
        example="Europe/Berlin",
        about="Zone of the quiet hours.",
    )
    mute: tuple[str, ...] = setting(
        (),
        expected="tenant ids, domains or names",
        example="[contoso.com]",
        about="Organisations about which no message is made.",
    )

    @property
    def verified_within_time(self) -> timedelta:
        """How old the last verification may be."""
        return timedelta(hours=int(self.verified_within[:-1]))

    @property
    def quiet(self) -> tuple[time, time] | None:
        """Begin and end of the quiet hours in `time_zone`; None without any."""
        if not self.quiet_hours:
            return None
        begin, _, end = self.quiet_hours.partition("-")
        return time.fromisoformat(begin), time.fromisoformat(end)
