"""The exit code and the lines of `orgcal consent check`: red where somebody has lost access, or cannot be checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import orgcal.cli.consent as commands
from orgcal.cli.tenants import app as tenants_app
from orgcal.consent import check
from orgcal.consent.check import CheckedTenant, lost_permissions
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.consent.recording import Declared
from orgcal.consent.service import ConsentLink, ConsentResult
from orgcal.entra.probe import TenantAccess
from orgcal.errors import UsageError
from orgcal.settings import HistorySettings
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.scope import GroupReading, ScopedAccess, ScopeVerdict

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DECLARED = Declared(("Calendars.Read", "Directory.Read.All"), "hash")
GRANTED = TenantAccess("granted", "every declared permission is effective")
NONE = TenantAccess("none", "the application is not known in this tenant", missing=DECLARED.permissions)
PARTIAL = TenantAccess("partial", "not effective: Calendars.Read", missing=("Calendars.Read",))
UNKNOWN = TenantAccess("unknown", "Entra ID cannot be reached")


def organisation(state: State = State.VERIFIED, name: str = "Contoso", **more: Any) -> Tenant:
    return Tenant(
        "22222222-2222-2222-2222-222222222222", name, "contoso.com", state, added_at=NOW, changed_at=NOW, **more
    )


def checked(*found: CheckedTenant, as_json: bool = False) -> Any:
    @contextmanager
    def opened(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(
            begin_reading_outputs=lambda: None,
            history=HistorySettings(),
            registry=SimpleNamespace(tenants=lambda: [item.tenant for item in found]),
            outputs=SimpleNamespace(client_id="cccccccc-0000-4000-8000-000000000001"),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "open_stack", opened)
        patch.setattr(commands, "consent_service", opened)
        patch.setattr(check, "check_tenants", lambda *_, **__: iter(found))
        return CliRunner().invoke(commands.app, ["check", "--all", *(["--json"] if as_json else [])])


def test_check_that_finds_access_lost_is_red_and_says_what_to_do() -> None:
    ended = checked(
        CheckedTenant(organisation(State.CONSENTED), State.CONSENTED, GRANTED),
        CheckedTenant(organisation(State.REVOKED, "Fabrikam"), State.VERIFIED, NONE, ("Calendars.Read",)),
    )

    assert ended.exit_code == 1
    assert ended.output.splitlines() == [
        "Contoso: consented",
        "Fabrikam: revoked",
        "  has lost: Calendars.Read",
        "  next: orgcal consent link 22222222-2222-2222-2222-222222222222 --stack dev",
    ]
    assert json.loads(checked(CheckedTenant(organisation(), State.VERIFIED, NONE, ("X",)), as_json=True).output)[
        "lost"
    ] == ["X"]


def test_check_that_finds_everything_as_it_should_be_is_green() -> None:
    found = [
        CheckedTenant(organisation(State.INVITED), State.INVITED, NONE),
        CheckedTenant(organisation(State.RECONSENT_NEEDED), State.VERIFIED, PARTIAL),
    ]

    assert checked(*found).exit_code == 0, "nobody has lost what they had given"


def test_check_that_nobody_can_decide_is_red() -> None:
    assert checked(CheckedTenant(organisation(), State.VERIFIED, UNKNOWN)).exit_code == 1


def test_check_shows_a_name_that_gives_commands_without_giving_them() -> None:
    ended = checked(CheckedTenant(organisation(name="::stop-commands::x\x1b[2K"), State.VERIFIED, GRANTED))

    assert ended.output == ":\\u003astop-commands::x\\u001b[2K: verified\n"


@pytest.mark.parametrize(
    ("tenant", "probe", "lost"),
    [
        (organisation(permissions=DECLARED.permissions), NONE, DECLARED.permissions),
        (organisation(permissions=DECLARED.permissions), PARTIAL, ("Calendars.Read",)),
        (organisation(permissions=("Directory.Read.All",)), PARTIAL, ()),
        (organisation(State.REVOKED, permissions=DECLARED.permissions), NONE, DECLARED.permissions),
        (organisation(permission_hash="hash"), PARTIAL, ("Calendars.Read",)),
        (organisation(permission_hash="of less"), PARTIAL, ()),
        (organisation(permission_hash="of less"), NONE, DECLARED.permissions),
        (organisation(State.INVITED), NONE, ()),
        (organisation(State.FAILED), NONE, ()),
        (organisation(permissions=DECLARED.permissions), UNKNOWN, ()),
        (organisation(permissions=DECLARED.permissions), GRANTED, ()),
    ],
)
def test_lost_is_what_was_consented_to_and_is_declared_and_not_effective(
    tenant: Tenant, probe: TenantAccess, lost: tuple[str, ...]
) -> None:
    assert lost_permissions(tenant, probe, DECLARED) == lost


# --- organisations that limit the connector ---


def limited(state: State, sentence: str, *reaching: str, warnings: tuple[str, ...] = ()) -> CheckedTenant:
    group = GroupReading("g", "Pilot", frozenset({"a", "b"}))
    seen = ScopedAccess(GRANTED, reaching, group)
    tenant = organisation(state, access="scoped", reason=sentence)
    return CheckedTenant(tenant, State.VERIFIED, GRANTED, (), seen, ScopeVerdict(state, sentence, warnings))


def test_limited_organisation_that_is_proved_is_green_with_the_size_of_its_group() -> None:
    ended = checked(limited(State.VERIFIED, "", warnings=("the group Pilot is dynamic",)))

    assert ended.exit_code == 0
    assert "2 members of Pilot; one inside was read, one outside refused" in ended.output
    assert "warning: the group Pilot is dynamic" in ended.output


def test_exchange_that_is_waited_for_is_5_alone_and_no_failure_beside_others() -> None:
    waiting = limited(State.WAITING, "the mailboxes are not open yet")
    well = CheckedTenant(organisation(), State.VERIFIED, GRANTED)

    assert checked(waiting).exit_code == 5
    assert checked(waiting, well).exit_code == 0
    assert checked(waiting, limited(State.TOO_LITTLE, "refused")).exit_code == 1


def test_too_much_access_is_red_with_the_command_that_removes_the_grant() -> None:
    ended = checked(limited(State.TOO_MUCH, "the grant in Entra still reaches every mailbox", "Calendars.Read"))

    assert ended.exit_code == 1
    assert "too-much-access (the grant in Entra still reaches every mailbox)" in ended.output
    assert "m365 entra approleassignment remove --appId cccccccc-0000-4000-8000-000000000001" in ended.output


def test_check_as_json_tells_the_scope() -> None:
    ended = checked(limited(State.TOO_MUCH, "it reaches all", "Calendars.Read"), as_json=True)

    scope = json.loads(ended.output)["scope"]
    assert (scope["members"], scope["reaching"], scope["sentence"]) == (2, ["Calendars.Read"], "it reaches all")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["Contoso", "--home"],
        ["Contoso", "--m365", "--powershell"],
        ["Contoso", "--json", "--graph"],
        ["Contoso", "--undo", "--json"],
        ["Contoso", "--html", "page.html", "--m365"],
    ],
)
def test_script_of_options_that_do_not_go_together_is_refused(words: list[str]) -> None:
    ended = CliRunner().invoke(commands.app, ["script", *words])

    assert isinstance(ended.exception, UsageError)
    assert "does not go together" in ended.exception.what


@pytest.mark.parametrize(
    "words",
    [
        ["--group", "Pilot"],
        ["--inside", "x"],
        ["--access", "all", "--group", "Pilot"],
        ["--access", "scoped", "--inside", "x"],
    ],
)
def test_mailboxes_without_their_profile_are_refused_before_anything_is_asked(words: list[str]) -> None:
    ended = CliRunner().invoke(tenants_app, ["add", "contoso.example", *words])

    assert isinstance(ended.exception, UsageError)
    assert ended.exception.repair


# --- waiting for an answer ---


def waited(outcome: ConsentOutcome | None, *words: str, handle: str = "handle", detail: str = "") -> Any:
    """`orgcal consent link Contoso --wait 10m`, whose answer is `outcome`."""
    tenant = organisation(State.INVITED)
    registry = SimpleNamespace(current=lambda _: tenant, get=lambda _: tenant, now=lambda: NOW)
    made = ConsentLink(tenant.tenant_id, "https://login.example/?state=hunter2", NOW, handle, "Dear administrator")

    def wait_for(_: str, timeout_s: float, on_look: Any) -> ConsentResult:
        assert timeout_s == 600
        on_look(ConsentResult(tenant.tenant_id, None, ""))
        return ConsentResult(tenant.tenant_id, outcome, detail)

    service = SimpleNamespace(
        registry=registry, outputs=SimpleNamespace(stack="dev"), link=lambda *_, **__: made, wait_for=wait_for
    )

    @contextmanager
    def opened(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(begin_reading_outputs=lambda: None, registry=registry)

    @contextmanager
    def consenting(*_: object) -> Iterator[Any]:
        yield service

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "open_stack", opened)
        patch.setattr(commands, "consent_service", consenting)
        return CliRunner().invoke(commands.app, ["link", "Contoso", "--wait", "10m", *words])


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (ConsentOutcome.DONE, 0, "has consented: every permission"),
        (ConsentOutcome.DECLINED, 1, "has declined the consent"),
        (ConsentOutcome.NOT_ARRIVED, 1, "the permissions have not arrived in time"),
        (ConsentOutcome.PROVING, 1, "its permissions are looked for"),
        (None, 1, "has not answered within 10 minutes; next: orgcal log"),
    ],
)
def test_waiting_for_an_answer_ends_by_what_it_says(outcome: ConsentOutcome | None, code: int, told: str) -> None:
    ended, as_json = waited(outcome), waited(outcome, "--json")

    assert (ended.exit_code, as_json.exit_code) == (code, code)
    assert ended.stdout.startswith("Dear administrator\n")
    assert told in ended.stdout.splitlines()[-1]
    assert "waiting for the answer, at most 10 minutes" in ended.stderr
    link, answer = map(json.loads, as_json.stdout.splitlines())
    assert link["tenant_id"] == answer["tenant_id"]
    assert answer["outcome"] == (outcome.value if outcome is not None else None)
    assert "hunter2" not in json.dumps(answer) + ended.stdout
    assert as_json.stderr == "", "progress is not printed where JSON is asked for"


def test_waiting_for_an_answer_that_the_platform_takes_itself_is_refused() -> None:
    ended = waited(None, handle="")

    assert isinstance(ended.exception, UsageError)
    assert "orgcal consent check 22222222-2222-2222-2222-222222222222 --stack dev" in ended.exception.repair


@pytest.mark.parametrize("words", [["--reconsent", "--wait", "10m"], ["Contoso", "--revoke", "--wait", "10m"]])
def test_waiting_is_for_one_new_link(words: list[str]) -> None:
    ended = CliRunner().invoke(commands.app, ["link", *words])

    assert isinstance(ended.exception, UsageError)
    assert ended.exception.repair == "TENANT --wait 10m"
