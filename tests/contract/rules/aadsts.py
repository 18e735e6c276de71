"""What Microsoft says about AADSTS numbers.

Read on 2026-11-28: docs/identity-platform/reference-error-codes.md of MicrosoftDocs/entra-docs, commit 04f6554
(`PAGE`). Numbers that the page leaves out name the page or the report that has them; Microsoft's look-up is `LOOK_UP`
and the number. The page also says that clients must never depend on a number or a text, and that `error` is what they
may react to.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

PAGE = "https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"
LOOK_UP = "https://login.microsoftonline.com/error?code="
_LOGIN = "https://github.com/Azure/login/issues/"
_JAVA = "https://learn.microsoft.com/en-us/azure/developer/java/sdk/troubleshooting-authentication-service-principal"
_FEDERATION = "https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations"
_WORKLOAD = "https://azure.github.io/azure-workload-identity/docs/troubleshooting.html"
_IDENTITY_WEB = "https://github.com/AzureAD/microsoft-identity-web"
_CONSENT = (
    "https://learn.microsoft.com/en-us/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error"
)

Follows = Literal[
    "no such tenant",
    "not in this tenant",
    "credential refused",
    "kept out",
    "passes",
    "declined",
    "no administrator",
    "another account",
    "request is wrong",
]
"""What the sentence of the page means for an application: the tenant is wrong; the application is unknown there, or a
service of it; its own proof is refused; a policy or an administrator keeps it, or the person, out; the same request may
succeed later; whoever was asked said no; whoever signed in may not consent; whoever signed in belongs elsewhere; the
request or the registration is wrong."""


class Number(NamedTuple):
    """An AADSTS number.

    Attributes:
        words: what its message contains, in lower case; empty where the page has a name and no message.
        error: the OAuth error of the answer, where a page or a recorded answer has it.
        status: the HTTP status of the answer, likewise; 0 where none has it.
    """

    number: int
    follows: Follows
    words: str
    page: str = PAGE
    error: str = ""
    status: int = 0


# fmt: off
NUMBERS: tuple[Number, ...] = (
    Number(90002, "no such tenant", "not found", error="invalid_request", status=400),
    Number(90038, "no such tenant", "belongs to the national cloud"),
    Number(900382, "no such tenant", "isn't supported in cross cloud request"),
    Number(50059, "no such tenant", ""),
    Number(50128, "no such tenant", "invalid domain name"),
    Number(90019, "no such tenant", "unable to determine the tenant identifier"),
    Number(900023, "no such tenant", "neither a valid dns name, nor a valid external domain", LOOK_UP + "900023"),
    Number(700016, "not in this tenant", "was not found in the directory", error="unauthorized_client", status=400),
    Number(700011, "not in this tenant", "was not found in the directory"),
    Number(7000229, "not in this tenant", "missing service principal in the tenant",
           "https://go.microsoft.com/fwlink/?linkid=2225119", "invalid_client", 401),
    Number(90099, "not in this tenant", "has not been authorized in the tenant"),
    Number(650052, "not in this tenant", "service"),
    Number(7000215, "credential refused", "invalid client secret", error="invalid_client", status=401),
    Number(70002, "credential refused", "error validating the credentials"),
    Number(7000222, "credential refused", "are expired", error="invalid_client", status=401),
    Number(7000218, "credential refused", "must contain the following parameter: 'client_assertion' or 'client_secret'",
           error="invalid_client", status=401),
    Number(700025, "credential refused", "client is public"),
    Number(700027, "credential refused", "client assertion"),
    Number(1000502, "credential refused", "certificate is not within its valid time range", _IDENTITY_WEB),
    Number(7000214, "credential refused", "certificate has been revoked", _IDENTITY_WEB),
    Number(7000274, "credential refused", "certificate is not within its valid time range", _IDENTITY_WEB),
    Number(7000277, "credential refused", "certificate has been revoked", _IDENTITY_WEB),
    Number(700030, "credential refused", "subject name in certificate isn't authorized"),
    Number(50012, "credential refused", "authentication failed"),
    Number(700021, "credential refused", "client assertion application identifier", _JAVA),
    Number(700023, "credential refused", "client assertion audience claim does not match", _JAVA),
    Number(50027, "credential refused", "jwt token"),
    Number(50013, "credential refused", "assertion"),
    Number(500133, "credential refused", "not within its valid time range"),
    Number(50032, "credential refused", "rsa key"),
    Number(700024, "credential refused", "not within its valid time range", _LOGIN + "372"),
    Number(70021, "credential refused", "no matching federated identity record found", _FEDERATION),
    Number(70025, "credential refused", "no configured federated identity credentials",
           "https://github.com/dotnet-foundation/projects/issues/503"),
    Number(700211, "credential refused", "no matching federated identity record found for presented assertion issuer",
           _LOGIN + "360"),
    Number(700212, "credential refused", "no matching federated identity record found for presented assertion audience",
           _WORKLOAD),
    Number(700213, "credential refused", "no matching federated identity record found for presented assertion subject",
           _LOGIN + "453"),
    Number(7002138, "credential refused", "matches with case-insensitive comparison, but not with case-sensitive",
           _LOGIN + "517"),
    Number(7002381, "credential refused", "enterprise", "https://github.com/triton-lang/triton/issues/10680"),
    Number(50166, "credential refused", "request to external oidc endpoint failed",
           "https://github.com/Azure/azure-workload-identity/issues/642", "invalid_request"),
    Number(5002738, "credential refused", "signature algorithm", LOOK_UP + "5002738"),
    Number(700229, "credential refused", "only app-only tokens can be used as federated identity credentials"),
    Number(53003, "kept out", "blocked by conditional access"),
    Number(530032, "kept out", "security policy that blocks this request"),
    Number(530035, "kept out", "blocked by security defaults"),
    Number(7000112, "kept out", "disabled", error="unauthorized_client"),
    Number(70001, "kept out", "the application is disabled"),
    Number(1000031, "kept out", "can't be accessed at this time"),
    Number(500011, "kept out", "the resource principal named", error="invalid_resource"),
    Number(500014, "kept out", "service principal for resource is disabled",
           "https://learn.microsoft.com/en-us/microsoft-365/troubleshoot/microsoft-forms/sorry-something-went-wrong"),
    Number(500021, "kept out", "access to the tenant is denied"),
    Number(500022, "kept out", "access to the tenant is denied"),
    Number(50053, "kept out", "account is locked"),
    Number(50057, "kept out", "user account is disabled"),
    Number(50076, "kept out", "must use multifactor authentication"),
    Number(50079, "kept out", "required to use multifactor authentication"),
    Number(50173, "kept out", "grant has expired due to it being revoked"),
    Number(70043, "kept out", "sign-in frequency checks by conditional access"),
    Number(700082, "kept out", "has expired due to inactivity"),
    Number(53000, "kept out", "requires a compliant device"),
    Number(53001, "kept out", "requires a domain joined device"),
    Number(50196, "passes", "a client loop has been detected"),
    Number(90055, "passes", "too many incoming requests"),
    Number(50033, "passes", "transient error"),
    Number(90006, "passes", "temporarily unavailable"),
    Number(90012, "passes", "has timed out"),
    Number(90024, "passes", "a transient error has occurred"),
    Number(90033, "passes", "isn't available"),
    Number(90090, "passes", "temporarily unavailable"),
    Number(65004, "declined", "declined to consent", error="consent_required"),
    Number(65001, "no administrator", "hasn't consented to use the application"),
    Number(90093, "no administrator", "forbidden error code"),
    Number(90094, "no administrator", "administrator consent is required"),
    Number(90095, "no administrator", "need to ask the admin for consent"),
    Number(900941, "no administrator", "administrator consent is required; the app is considered risky", _CONSENT),
    Number(900981, "no administrator", "an admin consent request was received for a risky app", _CONSENT),
    Number(50105, "no administrator", "isn't assigned to a role"),
    Number(50020, "another account", "does not exist in tenant"),
    Number(16000, "another account", "doesn't exist in tenant"),
    Number(50034, "another account", "must be added to the directory"),
    Number(51004, "another account", "doesn't exist in the directory"),
    Number(50177, "another account", "passthrough users"),
    Number(90072, "another account", "doesn't exist on the tenant"),
    Number(500208, "another account", "not a valid login domain for the account type"),
    Number(500212, "another account", "outbound access policy"),
    Number(500213, "another account", "cross-tenant access policy doesn't allow this user"),
    Number(65005, "request is wrong", "required resource access list"),
    Number(650054, "request is wrong", "removed or is no longer available"),
    Number(650056, "request is wrong", "misconfigured application"),
    Number(650057, "request is wrong", "isn't listed in the requested permissions"),
    Number(650059, "request is wrong", "not configured as a multi-tenant application", LOOK_UP + "650059"),
    Number(50194, "request is wrong", "isn't configured as a multitenant application"),
    Number(50011, "request is wrong", "does not match"),
    Number(90014, "request is wrong", ""),
    Number(1002012, "request is wrong", "client credential flows must have a scope value with /.default",
           LOOK_UP + "1002012", "invalid_scope"),
    Number(70011, "request is wrong", "scope", error="invalid_scope"),
    Number(900144, "request is wrong", "must contain the following parameter"),
    Number(50000, "request is wrong", "issue with the sign-in service"),
    Number(5000224, "request is wrong", "is not available", "https://github.com/KelvinTegelaar/CIPP-API"),
    Number(650053, "request is wrong", "doesn't exist on the resource",
           "https://github.com/microsoft/Agent365-devTools/pull/432"),
    Number(70003, "request is wrong", "unsupported grant type", error="unsupported_grant_type"),
    Number(90100, "request is wrong", "parameter"),
    Number(900561, "request is wrong", "the endpoint only accepts post"),
    Number(901002, "request is wrong", "'resource' request parameter"),
    Number(5002741, "credential refused", "audience", LOOK_UP + "5002741"),
    Number(50049, "request is wrong", "unknown or invalid instance", error="invalid_instance"),
)
# fmt: on

REACT_TO = {
    "invalid_client": "credential refused",
    "temporarily_unavailable": "passes",
}
"""The OAuth errors that say on their own, with whatever number, what follows (`PAGE`, "Handling error codes")."""

BODY = {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"}
"""Fields of an error answer of the token address (`PAGE`, sample); `error_uri` only where there is such a page."""
