"""The operator's own login: whoever deploys and looks after the application, not the connector.

Looked for in this order: the emulator's operator, in its world; a service principal in `ARM_*` variables, as the
azuread plugin reads them; the login of the Azure command line.

Source: https://www.pulumi.com/registry/packages/azuread/installation-configuration/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orgcal.errors import EntraError, UsageError
from orgcal.msgraph.auth import TokenSource
from orgcal.msgraph.credentials import ClientSecret, Credential, FederatedToken
from orgcal.msgraph.tokens import Tokens
from orgcal.msgraph.worlds import World

if TYPE_CHECKING:
    import requests


def operator_tokens(world: World, environ: Mapping[str, str], tenant_id: str, session: requests.Session) -> Tokens:
    """Tokens of the operator in the home tenant.

    Args:
        world: where Entra ID is.
        environ: the process environment.
        tenant_id: the home tenant.
        session: of `new_session(world)`.

    Raises:
        UsageError: a file that the environment names cannot be read.
    """
    if world.emulated is not None:
        secret = _read(world.emulated.operator_client_secret_file)
        return TokenSource(world, tenant_id, world.emulated.operator_client_id, ClientSecret(secret), session)
    client_id = environ.get("ARM_CLIENT_ID", "")
    credential = _from_variables(environ)
    if client_id and credential is not None:
        return TokenSource(world, tenant_id, client_id, credential, session)
    return AzureCliTokens(world, tenant_id)


class AzureCliTokens:
    """Tokens of whoever is logged in with `az login`."""

    def __init__(self, world: World, tenant_id: str) -> None:
        self._world = world
        self._tenant_id = tenant_id

    def token(self) -> str:
        """A token; the Azure command line keeps it while it lasts.

        Raises:
            EntraError: nobody is logged in, or not in this tenant.
        """
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import AzureCliCredential

        try:
            with AzureCliCredential(tenant_id=self._tenant_id) as credential:
                return str(credential.get_token(self._world.graph_scope).token)
        except ClientAuthenticationError as error:
            raise EntraError(
                "there is no login of an operator",
                where=f"az login in tenant {self._tenant_id}",
                repair=f"az login --tenant {self._tenant_id} --allow-no-subscriptions, or set ARM_CLIENT_ID",
            ) from error

    def renewed(self, refused: str) -> str:  # noqa: ARG002  # the command line decides what is current
        """A current token."""
        return self.token()


def _from_variables(environ: Mapping[str, str]) -> Credential | None:
    if environ.get("ARM_CLIENT_SECRET_FILE_PATH"):
        return ClientSecret(_read(Path(environ["ARM_CLIENT_SECRET_FILE_PATH"])))
    if environ.get("ARM_CLIENT_SECRET"):
        return ClientSecret(environ["ARM_CLIENT_SECRET"])
    if environ.get("ARM_OIDC_TOKEN_FILE_PATH"):
        path = Path(environ["ARM_OIDC_TOKEN_FILE_PATH"])
        return FederatedToken(lambda: _read(path))
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"the file cannot be read ({error.strerror})", where=str(path)) from error
