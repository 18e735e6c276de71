"""What a stack's state holds, by the ids that Graph knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orgcal.engine.command import run_engine
from orgcal.engine.find import EngineMissing, look_for_engine
from orgcal.entra.home.applications import APPLICATION_TYPE

if TYPE_CHECKING:
    from orgcal.stack.environment import StackEnvironment

_PRINCIPAL = "azuread:index/servicePrincipal:ServicePrincipal"
_FEDERATED = "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential"
_KEYS = frozenset(
    {
        "azuread:index/applicationPassword:ApplicationPassword",
        "azuread:index/applicationCertificate:ApplicationCertificate",
    }
)


@dataclass(frozen=True, slots=True)
class Held:
    """Ids of what the state holds.

    Attributes:
        applications: object ids.
        principals: object ids of service principals.
        keys: key ids of secrets and certificates, ids of federated credentials.
        urns: of all resources.
    """

    applications: frozenset[str]
    principals: frozenset[str]
    keys: frozenset[str]
    urns: frozenset[str]

    @property
    def has_application(self) -> bool:
        """Whether the stack holds an application."""
        return bool(self.applications)


def read_state(exported: Mapping[str, Any]) -> Held:
    """What `exported` (`Drive.export`) holds."""
    resources: list[dict[str, Any]] = (exported.get("deployment") or {}).get("resources") or []
    return Held(
        applications=frozenset(_outputs(resources, {APPLICATION_TYPE}, "objectId")),
        principals=frozenset(_outputs(resources, {_PRINCIPAL}, "objectId")),
        keys=frozenset([*_outputs(resources, _KEYS, "keyId"), *_outputs(resources, {_FEDERATED}, "credentialId")]),
        urns=frozenset(str(item.get("urn")) for item in resources),
    )


def deployed_application(environment: StackEnvironment, environ: Mapping[str, str]) -> str:
    """Object id of the application in a stack's state; empty where none is known.

    Nothing is made for it: without an engine, a backend that answers or a deployment there is none to know.

    Args:
        environment: of the stack.
        environ: what it is applied to.
    """
    engine = look_for_engine(environ)
    if isinstance(engine, EngineMissing):
        return ""
    ran = run_engine(
        engine.pulumi,
        ["stack", "export", "--stack", environment.stack],
        cwd=environment.project_dir,
        environ=environment.to_environ(environ),
    )
    found = read_state(json.loads(ran.out)).applications if ran.code == 0 else frozenset()
    return next(iter(found)) if len(found) == 1 else ""


def _outputs(resources: list[dict[str, Any]], types: frozenset[str] | set[str], name: str) -> Iterator[str]:
    for item in resources:
        value = (item.get("outputs") or {}).get(name)
        if item.get("type") in types and isinstance(value, str):
            yield value
