"""What AADSTS numbers mean, and how an organisation's access is judged by them: the same for every command."""

from __future__ import annotations

from datetime import UTC, datetime

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
from verify.models import Target, Verdict

DECLARED = frozenset({"Calendars.Read", "Directory.Read.All"})
NOW = datetime(2026, 11, 28, tzinfo=UTC)

# Number, name on Microsoft's page (or its text, where the page gives no name), what follows.
# Source: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
MICROSOFT = [
    (90002, "InvalidTenantName", Kind.NO_TENANT),
    (90038, "NationalCloudTenantRedirection", Kind.NO_TENANT),
    (700016, "UnauthorizedClient_DoesNotMatchRequest", Kind.NOT_CONSENTED),
    (7000229, "The client application is missing service principal in the tenant", Kind.NOT_CONSENTED),
    (650052, "a service that your organization hasn't subscribed to or enabled", Kind.NOT_CONSENTED),
    (7000215, "Invalid client secret is provided", Kind.CREDENTIAL),
    (7000222, "InvalidClientSecretExpiredKeysProvided", Kind.CREDENTIAL),
    (700027, "Client assertion failed signature validation", Kind.CREDENTIAL),
    (700024, "Client assertion is not within its valid time range", Kind.CREDENTIAL),
    (70021, "No matching federated identity record found", Kind.CREDENTIAL),
    (700211, "No matching federated identity record found for presented assertion issuer", Kind.CREDENTIAL),
    (700213, "No matching federated identity record found for presented assertion subject", Kind.CREDENTIAL),
    (53003, "BlockedByConditionalAccess", Kind.BLOCKED),
    (7000112, "UnauthorizedClientApplicationDisabled", Kind.BLOCKED),
    (50196, "LoopDetected", Kind.BUSY),
    (90055, "TenantThrottlingError", Kind.BUSY),
    (65004, "UserDeclinedConsent", Kind.DECLINED),
    (65001, "DelegationDoesNotExist", Kind.NOT_ADMINISTRATOR),
    (90093, "GraphUserUnauthorized", Kind.NOT_ADMINISTRATOR),
    (90094, "AdminConsentRequired", Kind.NOT_ADMINISTRATOR),
    (90095, "AdminConsentRequiredRequestAccess", Kind.NOT_ADMINISTRATOR),
    (900941, "Administrator consent is required", Kind.NOT_ADMINISTRATOR),
    (50105, "EntitlementGrantsNotFound", Kind.NOT_ADMINISTRATOR),
    (50020, "UserUnauthorized", Kind.WRONG_ORGANISATION),
    (50177, "ExternalChallengeNotSupportedForPassthroughUsers", Kind.WRONG_ORGANISATION),
    (90072, "PassThroughUserMfaError", Kind.WRONG_ORGANISATION),
    (500212, "NotAllowedByOutboundPolicyTenant", Kind.WRONG_ORGANISATION),
    (500213, "NotAllowedByInboundPolicyTenant", Kind.WRONG_ORGANISATION),
    (900382, "Confidential Client isn't supported in Cross Cloud request", Kind.NO_TENANT),
    (50059, "MissingTenantRealmAndNoUserInformationProvided", Kind.NO_TENANT),
    (50128, "Invalid domain name", Kind.NO_TENANT),
    (90019, "MissingTenantRealm", Kind.NO_TENANT),
    (700011, "UnauthorizedClientAppNotFoundInOrgIdTenant", Kind.NOT_CONSENTED),
    (90099, "The application has not been authorized in the tenant", Kind.NOT_CONSENTED),
    (70002, "InvalidClient", Kind.CREDENTIAL),
    (7000218, "The request body must contain 'client_assertion' or 'client_secret'", Kind.CREDENTIAL),
    (700025, "InvalidClientPublicClientWithCredential", Kind.CREDENTIAL),
    (700030, "Invalid certificate - subject name in certificate isn't authorized", Kind.CREDENTIAL),
    (50012, "AuthenticationFailed", Kind.CREDENTIAL),
    (50013, "InvalidAssertion", Kind.CREDENTIAL),
    (500133, "Assertion isn't within its valid time range", Kind.CREDENTIAL),
    (50027, "InvalidJwtToken", Kind.CREDENTIAL),
    (700229, "ForbiddenTokenType", Kind.CREDENTIAL),
    (700212, "No matching federated identity record found for presented assertion audience", Kind.CREDENTIAL),
    (7002138, "matches with case-insensitive comparison, but not with case-sensitive", Kind.CREDENTIAL),
    (530032, "BlockedByConditionalAccessOnSecurityPolicy", Kind.BLOCKED),
    (530035, "BlockedBySecurityDefaults", Kind.BLOCKED),
    (70001, "UnauthorizedClient - The application is disabled", Kind.BLOCKED),
    (1000031, "Application can't be accessed at this time", Kind.BLOCKED),
    (500011, "InvalidResourceServicePrincipalNotFound", Kind.BLOCKED),
    (500021, "the tenant restriction feature is configured", Kind.BLOCKED),
    (50076, "UserStrongAuthClientAuthNRequired", Kind.BLOCKED),
    (90033, "MsodsServiceUnavailable", Kind.BUSY),
    (90024, "RequestBudgetExceededError", Kind.BUSY),
    (16000, "InteractionRequired - User account doesn't exist in tenant", Kind.WRONG_ORGANISATION),
    (50034, "UserAccountNotFound", Kind.WRONG_ORGANISATION),
    (51004, "UserAccountNotInDirectory", Kind.WRONG_ORGANISATION),
    (650057, "Invalid resource", Kind.UNKNOWN),
    (650059, "The application is not configured for use in the tenant", Kind.UNKNOWN),
    (50011, "InvalidReplyTo", Kind.UNKNOWN),
    (65005, "MisconfiguredApplication", Kind.UNKNOWN),
    (650054, "a resource that has been removed or is no longer available", Kind.UNKNOWN),
    (650056, "Misconfigured application", Kind.UNKNOWN),
]


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


@pytest.mark.parametrize(("number", "name", "kind"), MICROSOFT, ids=[str(row[0]) for row in MICROSOFT])
def test_number_means_what_microsofts_page_says(number: int, name: str, kind: Kind) -> None:
    meaning = meaning_of(number, "access_denied")

    assert meaning.kind is kind, name


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


def test_token_without_principal_and_roles_is_not_yet_and_decides_nothing() -> None:
    """Entra ID gives such tokens for about a minute after a consent (retire-service-principal-less-authentication)."""
    token = jwt.encode({"appid": "client"}, "k" * 32, algorithm="HS256")

    probe = probe_tenant(load_endpoints("public", {}), GivenTokens(token), requests.Session(), "client", DECLARED)

    assert (probe.access, probe.decided, probe.may_change) == ("unknown", False, True)
    assert "has not arrived" in probe.sentence
