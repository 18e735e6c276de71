"""What the AADSTS numbers in Entra ID's refusals mean: one table for every command.

Microsoft changes numbers and texts, and asks clients to depend on neither. So a number that is not in the table is
judged by the OAuth error, and no number opens access: it only says why there is none.

`docs/entra-errors.md` shows the table (`python -m orgcal.entra.docs_tables`). Each row has its source; the page of
Microsoft was read as `docs/identity-platform/reference-error-codes.md` of MicrosoftDocs/entra-docs, commit 3164b3b.
`https://login.microsoftonline.com/error?code=NUMBER` has those that the page leaves out.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import Literal


class Kind(enum.Enum):
    """What follows from a refusal."""

    NO_TENANT = enum.auto()
    """There is no such tenant in this cloud: nothing to wait for."""
    NOT_CONSENTED = enum.auto()
    """The tenant exists, and the application has no access there: a consent link helps."""
    CREDENTIAL = enum.auto()
    """The application's own credential is refused, which says nothing about the organisation."""
    BLOCKED = enum.auto()
    """A policy or an administrator keeps the application out, in the tenant or everywhere."""
    BUSY = enum.auto()
    """The same request may succeed a little later."""
    DECLINED = enum.auto()
    """An administrator was asked for consent, and declined."""
    NOT_ADMINISTRATOR = enum.auto()
    """Whoever signed in at the consent page may not consent for the organisation."""
    WRONG_ORGANISATION = enum.auto()
    """Whoever signed in at the consent page belongs to another organisation."""
    UNKNOWN = enum.auto()
    """None of these; the repair says what to do, where there is one."""


Actor = Literal["you", "the organisation's administrator", "whoever signed in", "nobody"]
"""Who repairs it; where it is nobody, it passes by itself."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a number means.

    Attributes:
        sentence: the cause, for a person; empty where Entra ID's own words are all there is.
        repair: what to do; `TENANT` in it stands for the organisation.
        actor: who does it; None where nobody can tell.
        operator_repair: what to do where the operator's own login was refused; empty where it is the same.
        quoted: whether Entra ID's words name what must be compared (a subject, a policy), so that they are shown too.
        source: where the number is documented or reported.
    """

    number: int
    kind: Kind
    sentence: str = ""
    repair: str = ""
    actor: Actor | None = None
    operator_repair: str = ""
    quoted: bool = False
    source: str = ""

    @property
    def for_operator(self) -> str:
        """What to do where the operator's own login was refused; empty where nothing is known."""
        return self.operator_repair or self.repair


SEND_LINK = "send the organisation's administrator the link of `orgcal consent link TENANT`, and check the tenant id"

_PAGE = "https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"
_LOOK_UP = "https://login.microsoftonline.com/error?code="
_LOGIN_ISSUE = "https://github.com/Azure/login/issues/"
_ASSERTIONS = (
    "https://learn.microsoft.com/en-us/azure/developer/java/sdk/troubleshooting-authentication-service-principal"
)
_FEDERATION = "https://azure.github.io/azure-workload-identity/docs/troubleshooting.html"
_ENTERPRISE = "https://github.com/triton-lang/triton/issues/10680"
_NO_FEDERATION = "https://github.com/dotnet-foundation/projects/issues/503"
_CONSENT_PAGE = (
    "https://learn.microsoft.com/en-us/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error"
)
_IDENTITY_WEB = "https://github.com/AzureAD/microsoft-identity-web"  # which reloads its certificate for these
_LAPSED = "https://learn.microsoft.com/en-us/microsoft-365/troubleshoot/microsoft-forms/sorry-something-went-wrong"

_OTHER_RUN = "the job runs in another environment, or the repository makes its own subjects (docs/ci.md)"
# Entra ID's text is the same whether the customer or the owner disabled it, so it is no consent that was taken back.
_ENABLE = (
    "an administrator of the organisation enables it under Enterprise applications, Properties; if every organisation "
    "answers so, the home tenant's does"
)
_OWN_APPLICATION = "check ARM_CLIENT_ID and the tenant: the operator's own application must be registered there"
_SET_ARM = "give ARM_CLIENT_SECRET the secret's value, not its id, or make a new one for the operator's application"
_OWN_CERTIFICATE = "add the operator's certificate to its application, or name the right one (docs/create.md)"
_AZ_LOGIN = "az login --tenant TENANT --allow-no-subscriptions"
_CLOUD = "set orgcal:entra.cloud to the tenant's cloud"
_WAIT = "wait some minutes"
_CLOCK = "set this machine's clock (tokens live for minutes), and let each run ask for a new one"
_NEW_KEY = "orgcal rotate --now"
_ANOTHER_ACCOUNT = "sign in with an administrator account of the organisation that the link is for"
_SEND_TO_ADMINISTRATOR = "pass the link on to a Global Administrator or Privileged Role Administrator"
_REGISTRATION = "orgcal up, so that the application is registered as the settings say; then a new consent link"
_DEVICE = "sign in from a device that the tenant's policy allows, or use a service principal (docs/create.md)"
_POLICY = "exclude the application in the tenant's Conditional Access policies for workload identities"

_YOU: Actor = "you"
_ADMIN: Actor = "the organisation's administrator"
_SIGNED_IN: Actor = "whoever signed in"
_NOBODY: Actor = "nobody"


def _row(
    number: int,
    actor: Actor,
    sentence: str,
    repair: str,
    source: str = _PAGE,
    *,
    operator: str = "",
    quoted: bool = False,
) -> Meaning:
    return Meaning(number, Kind.UNKNOWN, sentence, repair, actor, operator, quoted, source)


# fmt: off
_TABLE: dict[Kind, tuple[Meaning, ...]] = {
    Kind.NO_TENANT: (
        _row(90002, _YOU, "there is no such tenant in this cloud", "check the tenant id and the stack's cloud"),
        _row(90038, _YOU, "the tenant lives in another national cloud", _CLOUD),
        _row(900382, _YOU, "the tenant lives in another cloud than the application", _CLOUD),
        _row(50059, _YOU, "the request names no tenant that exists", "check the tenant id"),
        _row(50128, _YOU, "the domain belongs to no tenant", "check the domain, or give the tenant id"),
        _row(90019, _YOU, "the request names no tenant", "check the tenant id"),
        _row(900023, _YOU, "the tenant is neither an id nor a domain", "check the tenant id", _LOOK_UP + "900023"),
    ),
    Kind.NOT_CONSENTED: (
        _row(700016, _ADMIN, "the application is not known in this tenant", SEND_LINK, operator=_OWN_APPLICATION),
        _row(700011, _ADMIN, "the application was not found in this tenant", SEND_LINK, operator=_OWN_APPLICATION),
        _row(7000229, _ADMIN, "the application has no service principal in this tenant", SEND_LINK,
             "https://go.microsoft.com/fwlink/?linkid=2225119", operator=_OWN_APPLICATION),
        _row(90099, _ADMIN, "the application has not been authorised in this tenant", SEND_LINK),
        _row(650052, _ADMIN, "the organisation lacks a service that the application needs",
             f"Exchange Online must be enabled there; then {SEND_LINK}", quoted=True),
    ),
    Kind.CREDENTIAL: (
        _row(7000215, _YOU, "the client secret is wrong",
             "set the secret's value, not its id; `pulumi up` pushes the current one", operator=_SET_ARM),
        _row(70002, _YOU, "the client secret is not the application's",
             "set the secret's value, not its id; `pulumi up` pushes the current one", operator=_SET_ARM),
        _row(7000222, _YOU, "the client secret has expired", "orgcal rotate", operator=_SET_ARM),
        _row(7000218, _YOU, "the request held neither a client secret nor an assertion",
             "give the connector its credential: orgcal up",
             operator="set ARM_CLIENT_SECRET, or another login of docs/create.md"),
        _row(700025, _YOU, "the application is registered as a public client, which proves itself with nothing",
             "set `Allow public client flows` to No in the application's registration"),
        _row(700027, _YOU, "the certificate is not one of the application's", "pulumi up", _ASSERTIONS,
             operator=_OWN_CERTIFICATE),
        _row(1000502, _YOU, "the certificate is not valid now", _NEW_KEY, _IDENTITY_WEB, operator=_OWN_CERTIFICATE),
        _row(7000214, _YOU, "the certificate was revoked", _NEW_KEY, _IDENTITY_WEB, operator=_OWN_CERTIFICATE),
        _row(7000274, _YOU, "the certificate is not valid now", _NEW_KEY, _IDENTITY_WEB, operator=_OWN_CERTIFICATE),
        _row(7000277, _YOU, "the certificate was revoked", _NEW_KEY, _IDENTITY_WEB, operator=_OWN_CERTIFICATE),
        _row(700030, _YOU, "the certificate's subject is not one that the application trusts",
             "add the certificate itself to the application", quoted=True),
        _row(50012, _YOU, "the signature or the certificate of the request is not accepted",
             "give the application this certificate", operator=_OWN_CERTIFICATE, quoted=True),
        _row(700021, _YOU, "the assertion names another application than the request",
             "issuer and subject of the assertion must be the client id", _ASSERTIONS, quoted=True),
        _row(700023, _YOU, "the assertion is for another audience than this tenant's token address",
             "check the stack's cloud; the audience is the address that the token is asked of", _ASSERTIONS,
             quoted=True),
        _row(50027, _YOU, "the assertion is no valid token", "let the issuer make a new one", quoted=True),
        _row(50013, _YOU, "the assertion is not accepted", "let the issuer make a new one", quoted=True),
        _row(500133, _YOU, "the assertion is not valid now", _CLOCK),
        _row(700024, _YOU, "the token of the other issuer is not valid now", _CLOCK, _LOGIN_ISSUE + "372"),
        _row(70021, _YOU, "no federated credential matches the token",
             "compare issuer, subject and audience; new ones need minutes", _FEDERATION, quoted=True),
        _row(70025, _YOU, "the application has no federated credential at all",
             "check the client id; orgcal up makes the credentials of `trusts`", _NO_FEDERATION,
             operator="check ARM_CLIENT_ID; orgcal ci setup makes the federated credentials of CI"),
        _row(700211, _YOU, "the application trusts no token of this issuer",
             "compare issuers, letter by letter; a slash at the end counts", _LOGIN_ISSUE + "360", quoted=True),
        _row(700212, _YOU, "the application trusts no token for this audience",
             "the token must be for api://AzureADTokenExchange (usgov: api://AzureADTokenExchangeUSGov, china: "
             "api://AzureADTokenExchangeChina), as the federated credential says", _FEDERATION, quoted=True),
        _row(700213, _YOU, "the application trusts no token with this subject",
             f"compare subjects: {_OTHER_RUN}", _LOGIN_ISSUE + "453", quoted=True),
        _row(7002138, _YOU, "the token's subject differs from the federated credential's in capitals only",
             "write the subject as the token has it, letter by letter: a new federated credential, then remove the "
             "old one", _LOGIN_ISSUE + "517", quoted=True),
        _row(7002381, _YOU, "the tenant accepts tokens of this issuer from named enterprises only",
             "run the job in a repository of an enterprise that the tenant's policy names, or ask its administrator",
             _ENTERPRISE, quoted=True),
        _row(50166, _YOU, "Entra ID could not fetch the keys of the token's issuer",
             "check that the issuer's address answers on the internet; then try again", quoted=True),
        _row(5002738, _YOU, "the assertion is signed in a way that Entra ID does not take",
             "sign it with RS256 or PS256, by a key of RSA", _LOOK_UP + "5002738", quoted=True),
        _row(700229, _YOU, "a person's token was given where an application's token is trusted",
             "let the federated credential's issuer give a token of an application"),
    ),
    Kind.BLOCKED: (
        _row(53003, _ADMIN, "Conditional Access of this tenant blocks the application",
             "ask for a workload identity exception there", operator=_POLICY),
        _row(530032, _ADMIN, "a security policy of this tenant blocks the request",
             "ask its administrator which policy it was (sign-in log, by the correlation id)", quoted=True),
        _row(530035, _ADMIN, "security defaults of this tenant block the request",
             "ask its administrator; the sign-in log has the reason, by the correlation id", operator=_AZ_LOGIN),
        _row(7000112, _ADMIN, "the application is disabled", _ENABLE, operator="enable the operator's application"),
        _row(70001, _ADMIN, "the application is disabled in this tenant", _ENABLE,
             operator="enable the operator's application"),
        _row(1000031, _ADMIN, "this tenant gives no access to the application at this time",
             "ask its administrator to look at it under Enterprise applications"),
        _row(500011, _ADMIN, "the tenant has no service principal of what the token is for",
             "check the stack's cloud; in the right one, the administrator adds Microsoft Graph "
             "(az ad sp create --id 00000003-0000-0000-c000-000000000000)", quoted=True),
        _row(500014, _ADMIN, "a service that the token is for is disabled in this tenant, or not paid for any more",
             "ask its administrator to look at the subscription of Microsoft 365", _LAPSED, quoted=True),
        _row(500021, _YOU, "the network between here and Entra ID allows other tenants only",
             "ask whoever runs the proxy to allow the tenant (tenant restrictions), or run elsewhere"),
        _row(500022, _YOU, "the network between here and Entra ID allows other tenants only",
             "ask whoever runs the proxy to allow the tenant (tenant restrictions), or run elsewhere"),
        _row(50053, _SIGNED_IN, "the account is locked, or the address is known for attacks",
             "its administrator unlocks it; the sign-in log tells which of the two it is"),
        _row(50057, _SIGNED_IN, "the account is disabled", "its administrator enables it, or another account signs in"),
        _row(50076, _SIGNED_IN, "the tenant asks for another factor", _AZ_LOGIN),
        _row(50079, _SIGNED_IN, "the tenant asks for another factor, which is not set up yet", _AZ_LOGIN),
        _row(50173, _SIGNED_IN, "the login was revoked, as by a new password", _AZ_LOGIN),
        _row(70043, _SIGNED_IN, "the login is older than the tenant allows", _AZ_LOGIN),
        _row(700082, _SIGNED_IN, "the login has expired, as nobody used it", _AZ_LOGIN),
        _row(53000, _SIGNED_IN, "the tenant asks for a compliant device", _DEVICE),
        _row(53001, _SIGNED_IN, "the tenant asks for a device of its domain", _DEVICE),
    ),
    Kind.BUSY: (
        _row(50196, _NOBODY, "Entra ID saw a loop of token requests", _WAIT),
        _row(90055, _NOBODY, "Entra ID received too many token requests", _WAIT),
        _row(50033, _NOBODY, "Entra ID failed for a moment", "try again"),
        _row(90006, _NOBODY, "Entra ID is not available for the moment", "try again"),
        _row(90012, _NOBODY, "Entra ID took too long", "try again"),
        _row(90024, _NOBODY, "Entra ID failed for a moment", "try again"),
        _row(90033, _NOBODY, "Entra ID's directory is not available for the moment", "try again"),
        _row(90090, _NOBODY, "Entra ID's directory is not available for the moment", "try again"),
    ),
    # Answers of the consent page.
    Kind.DECLINED: (
        _row(65004, _ADMIN, "the administrator declined",
             "a new link, if that was a mistake: orgcal consent link TENANT"),
    ),
    Kind.NOT_ADMINISTRATOR: (
        _row(65001, _ADMIN, "nobody has consented for the organisation yet", SEND_LINK),
        _row(90093, _SIGNED_IN, "whoever signed in may not consent for the organisation", _SEND_TO_ADMINISTRATOR),
        _row(90094, _SIGNED_IN, "only an administrator may consent", _SEND_TO_ADMINISTRATOR),
        _row(90095, _SIGNED_IN, "only an administrator may consent; a request was offered", _SEND_TO_ADMINISTRATOR),
        _row(900941, _SIGNED_IN, "only an administrator may consent, as Microsoft takes the application for risky",
             f"{_SEND_TO_ADMINISTRATOR}; a verified publisher takes the warning away (docs/create.md)", _CONSENT_PAGE),
        _row(900981, _SIGNED_IN, "a request for an application that Microsoft takes for risky was made",
             f"{_SEND_TO_ADMINISTRATOR}; a verified publisher takes the warning away (docs/create.md)", _CONSENT_PAGE),
        _row(50105, _SIGNED_IN, "whoever signed in is not assigned to the application",
             "an administrator assigns them, or opens the link"),
    ),
    Kind.WRONG_ORGANISATION: (
        _row(50020, _SIGNED_IN, "the account belongs to another organisation", _ANOTHER_ACCOUNT),
        _row(16000, _SIGNED_IN, "the account is not known in the organisation", _ANOTHER_ACCOUNT),
        _row(50034, _SIGNED_IN, "the account is not known in the organisation", _ANOTHER_ACCOUNT),
        _row(51004, _SIGNED_IN, "the account is not known in the organisation", _ANOTHER_ACCOUNT),
        _row(50177, _SIGNED_IN, "the account belongs to another organisation", _ANOTHER_ACCOUNT),
        _row(90072, _SIGNED_IN, "the account is not known in the organisation", _ANOTHER_ACCOUNT),
        _row(500208, _SIGNED_IN, "the account is of another type than the organisation's", _ANOTHER_ACCOUNT),
        _row(500212, _ADMIN, "the account's own organisation forbids access to this one", _ANOTHER_ACCOUNT),
        _row(500213, _ADMIN, "the organisation lets no account of the other one in", _ANOTHER_ACCOUNT),
    ),
    Kind.UNKNOWN: (
        _row(65005, _YOU, "the application asks for something that the organisation does not have",
             "check that the organisation has the services that the scopes are about", quoted=True),
        _row(650054, _YOU, "the application asks for something that is not available any more", _REGISTRATION,
             quoted=True),
        _row(650056, _YOU, "the application declares no permission of what it asks for", _REGISTRATION, quoted=True),
        _row(650057, _YOU, "the application asks for something that it does not declare", _REGISTRATION, quoted=True),
        _row(650059, _YOU, "the application is registered for its own organisation only", _REGISTRATION),
        _row(50194, _YOU, "the application is registered for its own organisation only", _REGISTRATION),
        _row(50011, _YOU, "the redirect URI of the link is not one of the application's", _REGISTRATION, quoted=True),
        _row(1002012, _YOU, "the scope of the request is not one for applications", "check the stack's cloud",
             _LOOK_UP + "1002012", quoted=True),
        _row(70011, _YOU, "the scope of the request is not valid", "check the stack's cloud", quoted=True),
        _row(900144, _YOU, "the request lacks a parameter", "use the link as a whole, as it was made", quoted=True),
        _row(50000, _NOBODY, "Entra ID could not make a token",
             "try again; then ask Microsoft, with the correlation id"),
        _row(5000224, _ADMIN, "the tenant is not available; it may have been deleted",
             "ask the organisation; if it is gone: orgcal tenants remove TENANT",
             "https://github.com/KelvinTegelaar/CIPP-API", quoted=True),
    ),
}
# fmt: on
MEANINGS = {row.number: replace(row, kind=kind) for kind, rows in _TABLE.items() for row in rows}
"""Every number of the table, in the order of its kinds."""


def meaning_of(number: int, error: str = "") -> Meaning:
    """What a refusal means; of a number that is not in the table, what its OAuth error says.

    Args:
        number: of the AADSTS code; 0 where there is none.
        error: the OAuth error, such as `invalid_client`.
    """
    by_error = {"invalid_client": Kind.CREDENTIAL, "temporarily_unavailable": Kind.BUSY, "access_denied": Kind.DECLINED}
    return MEANINGS.get(number) or Meaning(number, by_error.get(error, Kind.UNKNOWN))


def number_in(text: str) -> int:
    """The number of the first AADSTS code in `text`; 0 where there is none."""
    match = re.search(r"AADSTS([0-9]{3,9})", text)
    return int(match[1]) if match else 0
