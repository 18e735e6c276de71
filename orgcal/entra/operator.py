"""The operator's own login: whoever deploys and looks after the application, not the connector.

`orgcal.entra.login` reads who that is; here it becomes tokens. On the emulator it is the emulator's operator,
who has a secret, or a runner with a token of its own issuer, where the variables name that very emulator.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orgcal.entra.answers import parse_json
from orgcal.entra.auth import Tokens, TokenSource, refusal_in
from orgcal.entra.clouds import CloudEndpoints, is_loopback, origin_of
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.login import Login, no_login, read_login, variable
from orgcal.entra.secret_text import SecretSource
from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import OrgcalError, Unreachable, UsageError

if TYPE_CHECKING:
    import requests
    from azure.core.credentials import AccessToken

AUDIENCE = "api://AzureADTokenExchange"
"""Of a token that Entra ID takes for a secret."""
_ISSUER = ("ARM_OIDC_REQUEST_URL", "ARM_OIDC_REQUEST_TOKEN", "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID")
"""A runner's issuer, the job's key to it, and the service connection that Azure Pipelines want named."""
_RETRIES = 2
"""azure-identity would try ten times, for a minute, where a network is not there."""


def operator_tokens(
    endpoints: CloudEndpoints, environ: Mapping[str, str], tenant_id: str, session: requests.Session
) -> Tokens:
    """Tokens of the operator in the home tenant; nobody is asked before the first one is needed.

    Args:
        tenant_id: the home tenant.
        session: of `new_session(endpoints)`; its trust and proxies are used.

    Raises:
        UsageError: a variable is missing, or a file that one names cannot be used.
        EntraError: there is no login.
    """
    if endpoints.emulated is not None and not federated_login(endpoints, environ):
        secret = ClientSecret(SecretSource.of_file(endpoints.emulated.operator_client_secret_file).secret())
        return TokenSource(endpoints, tenant_id, endpoints.emulated.operator_client_id, secret, session)
    return operator_credential(endpoints, environ, tenant_id, session)


def operator_credential(
    endpoints: CloudEndpoints, environ: Mapping[str, str], tenant_id: str, session: requests.Session
) -> OperatorTokens:
    """The operator's login in a real cloud, as a credential that the SDKs of Azure take.

    Arguments and errors are those of `operator_tokens`.
    """
    login = read_login(environ)
    if tenant_id:
        tenant_id = checked_tenant(tenant_id, where="the operator's tenant")
    return OperatorTokens(endpoints, tenant_id, _credential(endpoints, login, tenant_id, session), login)


def federated_login(endpoints: CloudEndpoints, environ: Mapping[str, str]) -> bool:
    """Whether the variables log a runner in at this emulator by a token of another issuer.

    They must name its address (`ARM_METADATA_HOSTNAME`): a shell or runner that is set up for a real tenant does not,
    and its tokens never reach an emulator.
    """
    if not endpoints.metadata_host or environ.get("ARM_METADATA_HOSTNAME", "") != endpoints.metadata_host:
        return False
    try:
        return read_login(environ).kind == "federated token"
    except OrgcalError:  # no login, or half of one: then it is not this runner's
        return False


class OperatorTokens:
    """Tokens of an azure-identity credential, which `login` led to, with its errors as ours."""

    def __init__(self, endpoints: CloudEndpoints, tenant_id: str, credential: Any, login: Login) -> None:
        who = login.kind if login.kind == "az login" else f"{login.kind} of {login.client_id or 'this machine'}"
        self._scope = endpoints.graph_scope
        self._tenant_id = tenant_id
        self._credential = credential
        self._login = login
        self._where = f"{who}, in tenant {tenant_id}"

    def token(self) -> str:
        """A token for Microsoft Graph; raises as `get_token` does."""
        return str(self.get_token(self._scope).token)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token as the SDKs of Azure ask for one; azure-identity keeps it while it lasts.

        Args:
            scopes: what it is for.
            options: of `azure.core.credentials.TokenCredential.get_token`.

        Raises:
            EntraError: nobody is logged in, or Entra ID refused.
            Unreachable: Entra ID gave no usable answer.
        """
        from azure.core import exceptions
        from azure.identity import CredentialUnavailableError

        try:
            token: AccessToken = self._credential.get_token(*scopes, **options)
            return token
        except CredentialUnavailableError as error:
            raise no_login(self._where, self._login.environ, self._tenant_id) from error
        except exceptions.ClientAuthenticationError as error:
            # Whatever fails on the way to a token arrives wrapped in this one.
            if isinstance(error.__cause__, OrgcalError):
                raise error.__cause__ from None
            if isinstance(error.__cause__, exceptions.ServiceRequestError | exceptions.ServiceResponseError):
                again = "check the network, then try again"
                raise Unreachable("Entra ID cannot be reached", where=self._where, repair=again) from error
            raise refusal_in(str(error.message), self._where, home_tenant=self._tenant_id) from error
        except exceptions.AzureError as error:
            raise Unreachable(f"Entra ID gave no usable answer ({type(error).__name__})", where=self._where) from error

    def renewed(self, refused: str) -> str:  # noqa: ARG002  # azure-identity decides what is current
        """A current token; raises as `token` does."""
        return self.token()


def _credential(endpoints: CloudEndpoints, login: Login, tenant_id: str, session: requests.Session) -> Any:
    """The azure-identity credential of a login."""
    from azure import identity
    from azure.core.pipeline.transport import RequestsTransport

    logger = logging.getLogger("azure")
    if not logger.handlers:  # its warnings repeat what our errors say, and would reach the terminal
        logger.addHandler(logging.NullHandler())
    if login.kind == "az login":
        return identity.AzureCliCredential(tenant_id=tenant_id)
    if login.kind == "managed identity":
        return identity.ManagedIdentityCredential(client_id=login.client_id or None)
    # Our own session carries the requests, so that trust and proxies are those of every other client of ours.
    transport: Any = RequestsTransport(session=session, session_owner=False, connection_verify=session.verify)
    options: dict[str, Any] = {
        "authority": endpoints.login_url,
        # It would ask Microsoft whether the address is one of theirs; a cloud's addresses are pinned here.
        "disable_instance_discovery": True,
        "transport": transport,
        "retry_total": _RETRIES,
    }
    if login.kind == "certificate":
        certificate = login.certificate()
        pem = f"{certificate.private_key_pem}{certificate.certificate_pem}".encode()
        return identity.CertificateCredential(tenant_id, login.client_id, certificate_data=pem, **options)
    if login.kind == "federated token":
        return identity.ClientAssertionCredential(
            tenant_id,
            login.client_id,
            lambda: login.token() or _token_of_issuer(endpoints, login.environ),  # such tokens live for minutes
            **options,
        )
    return identity.ClientSecretCredential(tenant_id, login.client_id, login.secret(), **options)


def _token_of_issuer(endpoints: CloudEndpoints, environ: Mapping[str, str]) -> str:
    with issuer_session(endpoints, environ) as session:
        return request_token(environ, session, AUDIENCE)


def issuer_session(endpoints: CloudEndpoints, environ: Mapping[str, str]) -> requests.Session:
    """A session for the runner's own issuer, which alone gets the job's key to it; with the trust of `endpoints`."""
    from orgcal.entra.session import new_session

    issuer = variable(environ, _ISSUER[0])
    return new_session(endpoints, servers=[issuer] if issuer else (), environ=environ)


def request_token(environ: Mapping[str, str], session: requests.Session, audience: str) -> str:
    """A new token of the runner's own issuer, as GitHub's and Azure's pipelines hand them out.

    Args:
        environ: names the issuer's address and the job's key to it.
        session: of `issuer_session`.
        audience: whom the token is for.

    Raises:
        UsageError: the environment names no issuer, or one whose address is not https.
        OrgcalError: it gave no token.
    """
    url, key, connection = (variable(environ, name) for name in _ISSUER)
    if not url or not key:
        raise UsageError(
            "a token of another issuer is to be used, and none is named",
            where="ARM_USE_OIDC",
            repair="set ARM_OIDC_TOKEN_FILE_PATH; in a GitHub workflow: permissions: id-token: write",
        )
    server = origin_of(url)
    if not server or not (server.startswith("https:") or is_loopback(urlsplit(url).hostname)):
        raise UsageError(
            "the issuer's address is not an https address, so that anybody on the way could read the job's key",
            where="ARM_OIDC_REQUEST_URL",
            repair="set the address that the runner names",
        )
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    try:
        if connection:
            # Source: sdk/auth/ado_pipeline_oidc_authorizer.go of hashicorp/go-azure-sdk
            asked = {"api-version": "7.1", "serviceConnectionId": connection, "audience": audience}
            answer = session.post(url, params=asked, headers={**headers, "Content-Type": "application/json"})
        else:
            answer = session.get(url, params={"audience": audience}, headers=headers)
        token = parse_json(answer.content)["oidcToken" if connection else "value"]
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token):
            raise ValueError("no token")
    except (OSError, ValueError, LookupError, TypeError) as error:  # requests' errors are OSErrors
        what = f"the issuer gave no token ({type(error).__name__})"
        raise OrgcalError(what, where="ARM_OIDC_REQUEST_URL") from None  # error's text may quote the request's key
    return token
