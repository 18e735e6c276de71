"""One table of exit codes: the errors', verification's, and the page's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orgcal import errors
from orgcal.consent.check import CheckedTenant
from orgcal.entra.probe import Access, TenantAccess
from orgcal.errors import EXIT_CODES, ExitCode, OrgcalError
from orgcal.operations.status import Status, TenantStatus
from orgcal.tenants.model import State, Tenant
from verify import summary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exit-codes.md"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
OTHER_THAN_1 = {
    errors.UsageError: ExitCode.USAGE,
    errors.ConfigError: ExitCode.USAGE,
    errors.CloudMismatch: ExitCode.USAGE,
    errors.EntraError: ExitCode.NO_TOKEN,
    errors.Unforeseen: ExitCode.INTERNAL,
}


def every(kind: type[OrgcalError]) -> Iterator[type[OrgcalError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from every(narrower)


OURS = sorted(
    {kind for kind in every(OrgcalError) if kind.__module__ == "orgcal.errors"}, key=lambda kind: kind.__name__
)


@pytest.mark.parametrize("kind", OURS)
def test_error_ends_a_command_with_a_code_of_the_table(kind: type[OrgcalError]) -> None:
    assert kind.exit_code == OTHER_THAN_1.get(kind, ExitCode.FAILED)
    (line,) = [
        line
        for line in (errors.__doc__ or "").splitlines()
        if f"─ {kind.__name__} " in line or (kind is OrgcalError and line.strip().startswith("OrgcalError"))
    ]
    if "exit " in line:
        assert line.rstrip().endswith(f"exit {int(kind.exit_code)}")


def test_errors_of_other_modules_end_with_a_code_of_the_table_too() -> None:
    assert {int(kind.exit_code) for kind in every(OrgcalError)} <= {1, 2, 3, 4}


def test_page_has_every_exit_code_with_its_meaning() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]

    assert rows == [f"| {int(code)} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    assert set(EXIT_CODES) == set(ExitCode)


def test_verification_ends_with_the_same_codes() -> None:
    assert (summary.ALL_PASS, summary.FAILED, summary.AUTHENTICATION, summary.NOTHING_CHECKED, summary.INTERRUPTED) == (
        ExitCode.OK,
        ExitCode.FAILED,
        ExitCode.NO_TOKEN,
        ExitCode.NOTHING_YET,
        ExitCode.INTERRUPTED,
    )


@pytest.mark.parametrize(
    ("state", "access", "failed"),
    [
        (State.VERIFIED, "granted", False),
        (State.INVITED, "none", False),
        (State.REVOKED, "none", True),
        (State.CONSENTED, "unknown", True),
    ],
)
def test_check_of_consent_is_red_where_a_customer_has_revoked_it(state: State, access: Access, failed: bool) -> None:
    tenant = Tenant("id", "Contoso", "", state, added_at=NOW, changed_at=NOW)

    assert CheckedTenant(tenant, State.VERIFIED, TenantAccess(access, "a sentence")).failed is failed


@pytest.mark.parametrize(
    ("state", "ok"),
    [("verified", True), ("invited", True), ("revoked", False), ("too-little-access", False), ("removed", True)],
)
def test_status_is_red_where_a_customer_lost_access(state: str, ok: bool) -> None:
    organisation = TenantStatus("id", "Contoso", state)

    assert Status("dev", "id", (), "", (), (organisation,), ()).ok is ok
