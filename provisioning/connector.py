"""The program's side of our own provider, package `orgcal`; its plugin is `orgcal/provider/connector`.

entry = Connector("connector", platform={"kind": "local"}, key="outlook", display_name="Outlook Calendar",
                  scopes=["Calendars.Read"])
ledger = CredentialLedger("ledger", generations=[1], active=1, lifetime="180d")
ConnectorCredentials("credentials", platform={"kind": "local"}, connector_key=entry.key,
                     client_id=app.client_id, client_secret=password.value, generation=1)

The plugin's declarations say which inputs and outputs there are, and which are secret; their names in Python are in
snake case. The plugin refuses unknown and missing inputs by name, so this module does not check them.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pulumi

from orgcal import __version__
from orgcal.provider._sdk import Resource
from orgcal.provider.connector import certificates, connectors, credentials, ledgers
from orgcal.provider.connector.version import GetVersion


def start_plugin(*, after: pulumi.Resource) -> None:
    """Let the engine start the plugin now, and not only for its first resource, which saves a third of a second.

    What keeps it from starting is told by the first resource.

    Args:
        after: the azuread provider. The engine starts one plugin after the other, and the program waits for what that
            one looks up, while ours starts.
    """
    options = pulumi.InvokeOutputOptions(version=__version__, depends_on=[after])
    pulumi.runtime.invoke_output(GetVersion.token, {}, options)


class _Resource(pulumi.CustomResource):
    """A resource of the plugin, with the inputs that the plugin declares; None stands for an input that is absent."""

    _declared: ClassVar[type[Resource]]

    def __init__(self, resource_name: str, *, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> None:
        given = {_wire_name(name): value for name, value in inputs.items()}
        declared = {**self._declared.inputs, **self._declared.outputs}
        secrets = [name for name, prop in declared.items() if prop.secret]
        for name in given.keys() & set(secrets):
            given[name] = None if given[name] is None else pulumi.Output.secret(given[name])
        ours = pulumi.ResourceOptions(version=__version__, additional_secret_outputs=secrets or None)
        super().__init__(
            self._declared.token,
            resource_name,
            {**dict.fromkeys(declared), **given},
            pulumi.ResourceOptions.merge(ours, opts),
        )
        # The SDK could translate names itself, but would then translate those in a platform's own settings too.
        vars(self).update({_python_name(name): vars(self)[name] for name in declared})


class Connector(_Resource):
    """A connector's entry in an integration platform (steps 1, 5, 6 and 8 of the guide)."""

    _declared = connectors.Connector
    key: pulumi.Output[str]
    callback_url: pulumi.Output[str]


class CredentialLedger(_Resource):
    """Every generation of the connector's credential there is or was; refuses configs that go backwards.

    Credentials take their end date from `end_dates`, so that the engine asks the ledger before it makes any of them.
    """

    _declared = ledgers.CredentialLedger
    end_dates: pulumi.Output[dict[str, str]]
    entries: pulumi.Output[dict[str, dict[str, str]]]


class ConnectorCredentials(_Resource):
    """The credential in a connector's settings (step 4): a secret, or a certificate with its private key."""

    _declared = credentials.ConnectorCredentials


class CertificateKey(_Resource):
    """A key pair with a self-signed certificate, kept in the stack's state; new only when its keepers change."""

    _declared = certificates.CertificateKey
    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _python_name(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
