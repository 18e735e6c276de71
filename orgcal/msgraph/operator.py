"""The operator's own login: whoever deploys and looks after the application, not the connector.

Who that is is read from the variables that the azuread plugin reads too (`ARM_*`), so that commands and plugin act as
one and the same: a certificate, a secret, a token of another issuer (OIDC, also of GitHub's and Azure's pipelines), a
managed identity, or whoever is logged in with `az login`. In the emulator's world it is the emulator's operator, who
has a secret, or a runner with a token of its own issuer, where the variables name that very emulator.

Source: https://www.pulumi.com/registry/packages/azuread/installation-configuration/
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgcal.errors import EntraError, OrgcalError, Unreachable, UsageError
from orgcal.msgraph.auth import TokenSource, refusal_in
from orgcal.msgraph.credentials import ClientSecret
from orgcal.msgraph.tokens import Tokens
from orgcal.msgraph.worlds import World

if TYPE_CHECKING:
    import requests

AUDIENCE = "api://AzureADTokenExchange"
"""Of a token that Entra ID takes for a secret."""
_RETRIES = 2
"""azure-identity would try ten times, for a minute, where a network is not there."""


def operator_tokens(world: World, environ: Mapping[str, str], tenant_id: str, session: requests.Session) -> Tokens:
    """Tokens of the operator in the home tenant; nobody is asked before the first one is needed.

    Args:
        world: where Entra ID is.
        environ: the process environment.
        tenant_id: the home tenant.
        session: of `new_session(world)`; its trust and proxies are used.

    Raises:
        UsageError: a variable is missing, or a file that one names cannot be used.
    """
    if world.emulated is not None and not federated_login(world, environ):
        secret = ClientSecret(_read(world.emulated.operator_client_secret_file))
        return TokenSource(world, tenant_id, world.emulated.operator_client_id, secret, session)
    return OperatorTokens(world, tenant_id, _credential(world, environ, tenant_id, session), _who(environ))


def federated_login(world: World, environ: Mapping[str, str]) -> bool:
    """Whether the variables log a runner in at this emulator by a token of another issuer.

    They must name its address (`ARM_METADATA_HOSTNAME`): a shell or runner that is set up for a real tenant does not,
    and its tokens never reach an emulator.
    """
    named = environ.get("ARM_METADATA_HOSTNAME", "")
    return bool(world.metadata_host) and named == world.metadata_host and _kind(environ) == "federated token"


def _who(environ: Mapping[str, str]) -> str:
    """How the operator logs in, in words; never a value of a secret."""
    kind = _kind(environ)
    return kind if kind == "az login" else f"{kind} of {_client_id(environ) or 'this machine'}"


class OperatorTokens:
    """Tokens of an azure-identity credential, with its errors in our words.

    Args:
        credential: any `azure.core.credentials.TokenCredential`.
        where: who logs in, for messages.
    """

    def __init__(self, world: World, tenant_id: str, credential: Any, where: str) -> None:
        self._scope = world.graph_scope
        self._tenant_id = tenant_id
        self._credential = credential
        self._where = f"{where}, in tenant {tenant_id}"

    def __repr__(self) -> str:
        return f"OperatorTokens({self._where!r})"

    def token(self) -> str:
        """A token; azure-identity keeps it while it lasts.

        Raises:
            EntraError: nobody is logged in, or Entra ID refused.
            Unreachable: Entra ID gave no usable answer.
        """
        from azure.core.exceptions import (
            AzureError,
            ClientAuthenticationError,
            ServiceRequestError,
            ServiceResponseError,
        )
        from azure.identity import CredentialUnavailableError

        try:
            return str(self._credential.get_token(self._scope).token)
        except CredentialUnavailableError as error:
            raise EntraError(
                "there is no login of an operator",
                where=self._where,
                repair=f"az login --tenant {self._tenant_id} --allow-no-subscriptions, or set ARM_CLIENT_ID and one of "
                "ARM_CLIENT_SECRET_FILE_PATH, ARM_CLIENT_CERTIFICATE_PATH, ARM_USE_OIDC",
            ) from error
        except ClientAuthenticationError as error:
            # Whatever fails on the way to a token arrives wrapped in this one.
            if isinstance(error.__cause__, OrgcalError):
                raise error.__cause__ from None
            if isinstance(error.__cause__, ServiceRequestError | ServiceResponseError):
                raise Unreachable(
                    "Entra ID cannot be reached", where=self._where, repair="check the network, then try again"
                ) from error
            raise refusal_in(str(error.message), self._where) from error
        except AzureError as error:
            raise Unreachable(f"Entra ID gave no usable answer ({type(error).__name__})", where=self._where) from error

    def renewed(self, refused: str) -> str:  # noqa: ARG002  # azure-identity decides what is current
        """A current token; raises as `token` does."""
        return self.token()


def _kind(environ: Mapping[str, str]) -> str:
    if environ.get("ARM_CLIENT_CERTIFICATE") or environ.get("ARM_CLIENT_CERTIFICATE_PATH"):
        return "certificate"
    if environ.get("ARM_CLIENT_SECRET") or environ.get("ARM_CLIENT_SECRET_FILE_PATH"):
        return "secret"
    if _flag(environ, "ARM_USE_OIDC") or environ.get("ARM_OIDC_TOKEN_FILE_PATH") or environ.get("ARM_OIDC_TOKEN"):
        return "federated token"
    return "managed identity" if _flag(environ, "ARM_USE_MSI") else "az login"


def _client_id(environ: Mapping[str, str]) -> str:
    return _value(environ, "ARM_CLIENT_ID", "ARM_CLIENT_ID_FILE_PATH")


def _credential(world: World, environ: Mapping[str, str], tenant_id: str, session: requests.Session) -> Any:
    """The azure-identity credential of `_kind`."""
    from azure import identity

    logger = logging.getLogger("azure")
    if not logger.handlers:  # its warnings repeat what our errors say, and would reach the terminal
        logger.addHandler(logging.NullHandler())
    kind, client_id = _kind(environ), _client_id(environ)
    if kind == "az login":
        return identity.AzureCliCredential(tenant_id=tenant_id)
    if kind == "managed identity":
        return identity.ManagedIdentityCredential(client_id=client_id or None)
    if not client_id:
        raise UsageError(
            f"a {kind} is given, and it is not said whose", where="ARM_CLIENT_ID", repair="export ARM_CLIENT_ID=..."
        )
    options = _options(world, session)
    if kind == "certificate":
        data, password = _certificate(environ), environ.get("ARM_CLIENT_CERTIFICATE_PASSWORD")
        try:
            return identity.CertificateCredential(
                tenant_id, client_id, certificate_data=data, password=password, **options
            )
        except ValueError as error:
            raise UsageError(
                "this is no certificate with a private key that ARM_CLIENT_CERTIFICATE_PASSWORD opens",
                where="ARM_CLIENT_CERTIFICATE",
            ) from error
    if kind == "federated token":
        return identity.ClientAssertionCredential(
            tenant_id, client_id, lambda: _federated_token(environ, session), **options
        )
    secret = _value(environ, "ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH")
    return identity.ClientSecretCredential(tenant_id, client_id, secret, **options)


def _options(world: World, session: requests.Session) -> dict[str, Any]:
    """Our own session carries the requests, so that trust and proxies are those of every other client of ours."""
    from azure.core.pipeline.transport import RequestsTransport

    transport: Any = RequestsTransport(session=session, session_owner=False, connection_verify=session.verify)
    return {
        "authority": world.login_url,
        # It would ask Microsoft whether the address is one of theirs; a world's addresses are pinned here.
        "disable_instance_discovery": True,
        "transport": transport,
        "retry_total": _RETRIES,
    }


def _certificate(environ: Mapping[str, str]) -> bytes:
    named = environ.get("ARM_CLIENT_CERTIFICATE_PATH")
    if named:
        try:
            return Path(named).read_bytes()
        except OSError as error:
            raise UsageError(f"the file cannot be read ({error.strerror})", where=named) from error
    try:
        return base64.b64decode(environ["ARM_CLIENT_CERTIFICATE"], validate=True)
    except binascii.Error as error:
        raise UsageError("this is not base64", where="ARM_CLIENT_CERTIFICATE") from error


def _federated_token(environ: Mapping[str, str], session: requests.Session) -> str:
    """The token of the other issuer, current at each call: such tokens live for minutes."""
    return _value(environ, "ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH") or request_token(environ, session, AUDIENCE)


def request_token(environ: Mapping[str, str], session: requests.Session, audience: str) -> str:
    """A new token of the runner's own issuer, as GitHub's and Azure's pipelines hand them out.

    Args:
        environ: names the issuer's address and the job's key to it.
        session: of `new_session`.
        audience: whom the token is for.

    Raises:
        UsageError: the environment names no issuer.
        OrgcalError: it gave no token.
    """
    url = environ.get("ARM_OIDC_REQUEST_URL") or environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    key = environ.get("ARM_OIDC_REQUEST_TOKEN") or environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not key:
        raise UsageError(
            "a token of another issuer is to be used, and none is named",
            where="ARM_USE_OIDC",
            repair="set ARM_OIDC_TOKEN_FILE_PATH; in a GitHub workflow: permissions: id-token: write",
        )
    try:
        answer = session.get(url, params={"audience": audience}, headers={"Authorization": f"Bearer {key}"})
        return str(answer.json()["value"])
    except (OSError, ValueError, KeyError) as error:  # requests' errors are OSErrors
        raise OrgcalError(
            f"the issuer gave no token ({type(error).__name__})", where="ARM_OIDC_REQUEST_URL"
        ) from None  # the error's text may quote the request's key


def _value(environ: Mapping[str, str], direct: str, by_file: str) -> str:
    return environ.get(direct) or (_read(Path(environ[by_file])) if environ.get(by_file) else "")


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() in ("true", "1")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"the file cannot be read ({error.strerror})", where=str(path)) from error
