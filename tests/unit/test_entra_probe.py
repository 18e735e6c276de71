"""What AADSTS numbers mean, and how an organisation's access is judged by them: the same for every command."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests

from orgcal.consent.outcomes import ConsentOutcome, read_answer
from orgcal.entra.aadsts import SEND_LINK, Kind, meaning_of, number_in
from orgcal.entra.auth import refusal_in
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.probe import Access, TenantAccess, probe_tenant, token_refusal
from orgcal.errors import EntraError, OrgcalError, PlatformError, Unreachable
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.states import after_probe
from verify.access import _refused
from verify.models import Connector, SecretReference, Target, Verdict

DECLARED = frozenset({"Calendars.Read", "Directory.Read.All"})
NOW = datetime(2026, 11, 28, tzinfo=UTC)


class GivenTokens:
    """Tokens that are given, or refused."""

    def __init__(self, answer: str | OrgcalError) -> None:
        self.answer = answer

    def token(self) -> str:
        if isinstance(self.answer, OrgcalError):
            raise self.answer
        return self.answer

    def renewed(self, refused: str) -> str:
        return self.token()


def entra(number: int, error: str = "invalid_request") -> EntraError:
    """The refusal that Entra ID's words become."""
    return refusal_in(f"AADSTS{number}: words. Trace ID: 1 ({error})", "token")


def judged(error: OrgcalError) -> TenantAccess:
    refusal = token_refusal(GivenTokens(error), DECLARED)
    assert refusal is not None
    return refusal


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_client", Kind.CREDENTIAL),
        ("temporarily_unavailable", Kind.BUSY),
        ("access_denied", Kind.DECLINED),
        ("invalid_request", Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
    ],
)
def test_number_that_is_not_in_the_table_is_judged_by_the_oauth_error(error: str, kind: Kind) -> None:
    assert meaning_of(7999999, error).kind is kind


def test_number_in_a_text_is_its_first_aadsts_code() -> None:
    assert number_in("AADSTS7000215: wrong. See AADSTS1") == 7000215
    assert number_in("no code") == 0


@pytest.mark.parametrize(
    ("error", "access", "may_change"),
    [
        (entra(90002), "no tenant", False),
        (entra(90038), "no tenant", False),
        (entra(700016, "unauthorized_client"), "none", False),
        (entra(650052, "invalid_client"), "none", False),
        (entra(7000229, "invalid_client"), "none", False),
        (entra(7000215, "invalid_client"), "credential refused", True),
        (entra(7999999, "invalid_client"), "credential refused", True),
        (entra(90055), "unknown", True),
        (entra(53003), "unknown", False),
        (entra(7000112, "unauthorized_client"), "unknown", False),
        (entra(7999999), "unknown", False),
        (Unreachable("no answer"), "unknown", True),
        (PlatformError("refused"), "unknown", False),
    ],
)
def test_refusal_is_judged_by_its_number_first(error: OrgcalError, access: Access, may_change: bool) -> None:
    refusal = judged(error)

    assert (refusal.access, refusal.may_change, refusal.sentence) == (access, may_change, error.what)
    assert refusal.missing == (tuple(sorted(DECLARED)) if access == "none" else ())


def test_tenant_of_another_cloud_fails_in_verification_and_in_the_registry() -> None:
    refusal = judged(entra(90038))
    tenant = Tenant("t", "Contoso", "contoso.com", State.CONSENTED, added_at=NOW, changed_at=NOW)
    results = {result.check: result for result in _refused(Target("t", "Contoso"), refusal, entra(90038))}

    assert after_probe(tenant, refusal)[0] is State.FAILED
    assert (results["tenant"].verdict, results["token"].verdict) == (Verdict.FAIL, Verdict.SKIP)
    assert results["tenant"].repair == "set orgcal:entra.cloud to the tenant's cloud"


@pytest.mark.parametrize(
    ("link", "repair"),
    [
        ("", "`orgcal consent link 'Contoso Ltd'`"),
        ("https://login.example/adminconsent?x", "administrator: https://login.example/adminconsent?x"),
    ],
)
def test_organisation_without_a_needed_service_has_not_consented_and_is_offered_a_link(link: str, repair: str) -> None:
    error = entra(650052, "invalid_client")
    refusal = judged(error)
    tenant = Tenant("t", "Contoso", "contoso.com", State.VERIFIED, added_at=NOW, changed_at=NOW)
    result = _refused(Target("t", "Contoso Ltd", consent_link=link), refusal, error)[1]
    answer = [("state", "s"), ("error", "access_denied"), ("error_description", "AADSTS650052: x")]

    assert after_probe(tenant, refusal)[0] is State.REVOKED
    assert result.verdict is Verdict.FAIL
    assert result.repair.startswith("Exchange Online must be enabled there; then send ")
    assert repair in result.repair
    assert read_answer(answer).claimed is ConsentOutcome.SERVICE_MISSING


@pytest.mark.parametrize(
    ("stack", "repair"),
    [
        ("prod", "orgcal tenants add t.example --stack prod; then send the organisation's administrator the link of "
         "`orgcal consent link t.example`, and check the tenant id"),
        ("", "send the organisation's administrator a consent link of the application client, and check the tenant id"),
    ],
)  # fmt: skip
def test_repair_for_an_organisation_that_nobody_knows_can_be_followed(stack: str, repair: str) -> None:
    error = entra(700016)
    outputs: Any = SimpleNamespace(stack=stack) if stack else None
    connector = Connector("public", "client", (), SecretReference("file", "f"), outputs=outputs)

    assert _refused(Target("t.example", named=True), judged(error), error, connector)[1].repair == repair


def test_repair_of_a_missing_consent_names_the_command_that_makes_a_link() -> None:
    assert "orgcal consent link TENANT" in SEND_LINK
    assert judged(entra(700016)).repair == SEND_LINK


@pytest.mark.parametrize(
    ("roles", "access", "missing", "surplus"),
    [
        (["Calendars.Read", "Directory.Read.All"], "granted", (), ()),
        (["Calendars.Read", "Directory.Read.All", "Mail.Read"], "granted", (), ("Mail.Read",)),
        (["Calendars.Read"], "partial", ("Directory.Read.All",), ()),
        ([], "none", ("Calendars.Read", "Directory.Read.All"), ()),
    ],
)
def test_token_is_judged_by_the_permissions_in_it(
    roles: list[str], access: Access, missing: tuple[str, ...], surplus: tuple[str, ...]
) -> None:
    token = jwt.encode({"oid": "principal", "roles": roles}, "k" * 32, algorithm="HS256")

    probe = probe_tenant(load_endpoints("public", {}), GivenTokens(token), requests.Session(), "client", DECLARED)

    assert (probe.access, probe.missing, probe.surplus) == (access, missing, surplus)
    assert (probe.effective, probe.source, probe.decided) == (frozenset(roles), "token", True)
    assert (probe.users_readable, probe.error, probe.repair) == (None, None, "")
