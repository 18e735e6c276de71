"""Organisations as JSON: what is read, and what is refused in which words; links and rows of the log as values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orgcal.tenants.model import ACTIVE, OF_SCOPED, Link, LogEntry, State, Tenant

TENANT_ID, USER = "22222222-2222-2222-2222-222222222222", "aaaaaaaa-0000-4000-8000-000000000001"
AT = datetime(2026, 11, 1, tzinfo=UTC)
FULL = Tenant(
    TENANT_ID, "Contoso", "contoso.com", State.WAITING, "not yet", "hash", ("A", "B"),
    added_at=AT, changed_at=AT + timedelta(hours=1), consented_at=AT + timedelta(hours=2), invited_by="ada",
    verified_at=AT + timedelta(hours=3), checked_at=AT + timedelta(hours=4), verdict="warn", access="scoped",
    scope_group="Pilot", group_id=USER.replace("1", "2"), inside=USER, outside=USER.replace("1", "3"),
    awaited_since=AT + timedelta(hours=5),
)  # fmt: skip
JSON = {
    "tenant_id": TENANT_ID, "name": "Contoso", "domain": "contoso.com", "state": "waiting-for-exchange",
    "reason": "not yet", "permission_hash": "hash", "permissions": ("A", "B"), "added_at": "2026-11-01T00:00:00Z",
    "changed_at": "2026-11-01T01:00:00Z", "consented_at": "2026-11-01T02:00:00Z", "invited_by": "ada",
    "verified_at": "2026-11-01T03:00:00Z", "checked_at": "2026-11-01T04:00:00Z", "verdict": "warning",
    "access": "scoped", "scope_group": "Pilot", "group_id": USER.replace("1", "2"), "inside": USER,
    "outside": USER.replace("1", "3"), "awaited_since": "2026-11-01T05:00:00Z",
}  # fmt: skip
"""The same, as docs/reference/json.md has the fields and words."""
NEEDED = {name: JSON[name] for name in ("tenant_id", "name", "domain", "state", "added_at", "changed_at")}


def test_organisation_is_written_as_json_and_read_again() -> None:
    assert FULL.as_json() == JSON
    assert Tenant.from_json(JSON) == FULL
    assert Tenant.from_json({**JSON, "schema_version": 1, "permissions": ["A", "B"]}) == FULL
    assert Tenant.from_json({**JSON, "verdict": "warn"}) == FULL, "as earlier versions wrote it"


def test_organisation_of_an_earlier_orgcal_has_nothing_in_later_fields() -> None:
    bare = Tenant(
        TENANT_ID, "Contoso", "contoso.com", State.WAITING, added_at=AT, changed_at=AT + timedelta(hours=1)
    )  # fmt: skip

    assert Tenant.from_json(NEEDED) == bare
    assert Tenant.from_json({**NEEDED, "permissions": None, "checked_at": None}) == bare
    assert (bare.access, bare.permissions, bare.verdict, bare.scope_group) == ("all", (), "", "")
    assert bare.as_json()["consented_at"] is None


def test_time_of_another_zone_is_read_as_it_is() -> None:
    read = Tenant.from_json({**NEEDED, "added_at": "2026-11-01T02:00:00+02:00"})

    assert (read.added_at, read.added_at.utcoffset()) == (AT, timedelta(hours=2))
    assert read.as_json()["added_at"] == "2026-11-01T00:00:00Z"


LONG = "y" * 60
SHOWN = "y" * 40
STATES = (
    "invited, consented, verified, reconsent-needed, waiting-for-exchange, too-much-access, too-little-access, "
    "revoked, removed, failed"
)
TEXTS = (
    "tenant_id, name, domain, reason, permission_hash, invited_by, verdict, "
    "access, scope_group, group_id, inside, outside"
)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"nam": "x"}, "an organisation has no field 'nam' (did you mean name?)"),
        ({LONG: 1}, f"an organisation has no field '{SHOWN}'"),
        ({"zzz": 1, "domian": 1}, "an organisation has no field 'domian' (did you mean domain?)"),
        ({"tenant_id": None}, "tenant_id is missing"),
        ({"state": None, "name": None, "added_at": None}, "name, state, added_at are missing"),
        ({"domain": None}, "domain is missing"),
        ({"changed_at": None}, "changed_at is missing"),
        ({"state": LONG}, f"state is '{SHOWN}'; expected one of {STATES}"),
        ({"state": 5}, f"state is '5'; expected one of {STATES}"),
        ({"state": "removed"}, "it was removed"),
        ({"permissions": "A"}, "permissions is not a list of names"),
        ({"permissions": {"A": 1}}, "permissions is not a list of names"),
        ({"permissions": ["A", 5]}, f"{TEXTS} and permissions are texts"),
        *(({name: 5}, f"{TEXTS} and permissions are texts") for name in TEXTS.split(", ")),
        ({"reason": "a\ud800"}, "a text holds characters that no database keeps"),
        ({"permissions": ["a\0"]}, "a text holds characters that no database keeps"),
        ({"permission_hash": "h" * 65}, "permission_hash has 65 characters, and 64 are kept"),
        ({"invited_by": "h" * 201}, "invited_by has 201 characters, and 200 are kept"),
        ({"verdict": "h" * 11}, "verdict has 11 characters, and 10 are kept"),
        ({"scope_group": "h" * 257}, "scope_group has 257 characters, and 256 are kept"),
        ({"name": "h" * 201}, "the name has 201 characters, and 200 are kept"),
        ({"name": " "}, "the name is empty"),
        ({"name": "a\u202eb"}, "the name holds U+202E, which cannot be shown"),
        ({"tenant_id": LONG}, f"'{SHOWN}' is not a tenant id"),
        ({"domain": f"{LONG}/"}, f"'{SHOWN}' is not a domain"),
        ({"access": LONG}, f"access is '{SHOWN}', and all or scoped can be"),
        ({"group_id": LONG}, f"group_id is '{SHOWN}', which is no object id"),
        ({"inside": "megan@contoso.com"}, "inside is 'megan@contoso.com', which is no object id"),
        ({"outside": "x"}, "outside is 'x', which is no object id"),
        *(
            ({name: "yesterday"}, f"{name} is 'yesterday'; expected a time such as 2026-11-01T00:00:00Z")
            for name in ("added_at", "changed_at", "consented_at", "verified_at", "checked_at", "awaited_since")
        ),
        ({"added_at": LONG}, f"added_at is '{SHOWN}'; expected a time such as 2026-11-01T00:00:00Z"),
        ({"checked_at": ""}, "checked_at is ''; expected a time such as 2026-11-01T00:00:00Z"),
        (
            {"changed_at": "2026-11-01T00:00:00"},
            "changed_at is '2026-11-01T00:00:00', a time without a zone; "
            "expected one such as 2026-11-01T00:00:00Z",
        ),
        (
            {"changed_at": "9999-12-31T23:59:59-01:00"},
            "changed_at is '9999-12-31T23:59:59-01:00', a time outside the calendar",
        ),
    ],
)  # fmt: skip
def test_organisation_that_cannot_be_is_refused_by_its_field(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Tenant.from_json({**JSON, **wrong})

    assert str(refused.value) == says
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("said", [[], "Contoso", None])
def test_what_is_no_object_is_no_organisation(said: Any) -> None:
    with pytest.raises(ValueError, match=r"^not an organisation as `orgcal tenants export` writes it$"):
        Tenant.from_json(said)


@pytest.mark.parametrize(
    "longest",
    [
        {"permission_hash": "h" * 64},
        {"invited_by": "h" * 200},
        {"verdict": "h" * 10},
        {"scope_group": "h" * 256},
        {"name": "h" * 200},
        {"domain": ""},
        {"group_id": "", "inside": "", "outside": ""},
        {"permissions": (), "access": "all"},
    ],
)
def test_organisation_with_the_longest_or_without_texts_is_taken(longest: dict[str, Any]) -> None:
    assert Tenant.from_json({**JSON, **longest}) == replace(FULL, **longest)


@pytest.mark.parametrize("missing", ["added_at", "changed_at"])
def test_organisation_without_its_times_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=r"^a time is missing$"):
        replace(FULL, **{missing: None}).check()  # type: ignore[arg-type]


def test_label_can_stand_in_a_line() -> None:
    assert replace(FULL, name="a\nb").label == "a\\u000ab"


def test_states_with_some_access_are_told_apart() -> None:
    limited = {"waiting-for-exchange", "too-much-access", "too-little-access"}

    assert limited == OF_SCOPED
    assert limited | {"consented", "verified", "reconsent-needed"} == ACTIVE


def test_link_begins_unused_and_a_row_of_the_log_is_json() -> None:
    link = Link("hash", TENANT_ID, "https://app", "h", created_at=AT, expires_at=AT)
    entry = LogEntry(7, AT.astimezone(timezone(timedelta(hours=1))), "ada", "add", TENANT_ID, "added", {"name": "x"})

    assert (link.permissions, link.used_at, link.revoked_at, link.finished_at) == ((), None, None, None)
    assert (link.outcome, link.detail) == ("", "")
    assert entry.as_json() == {
        "entry": 7, "at": "2026-11-01T00:00:00Z", "operator": "ada", "action": "add", "subject": TENANT_ID,
        "result": "added", "detail": {"name": "x"},
    }  # fmt: skip
