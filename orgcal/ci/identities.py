"""Runs the program `provisioning.ci_identity`: the identities that CI acts as.

Its Pulumi project is written into the own directory of the stack that CI deploys, since the package may be read-only.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import yaml

from orgcal.ci.roles import IDENTITY_PROJECT, Role, display_name
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.applications import service_principal_of, tagged
from orgcal.entra.home.federation import Trust, refuse_unfit
from orgcal.entra.home.rights import GRANT, read_operator
from orgcal.entra.home.tags import deployment_tag
from orgcal.entra.permissions import names_of
from orgcal.errors import UsageError
from orgcal.files.whole import write_whole
from orgcal.operations.interrupted import InterruptedRuns
from orgcal.resource_types import APP_ROLE_ASSIGNMENT
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE
from orgcal.stack.runner import OnStep, StackRunner

_FOLDER = "ci"
_PROJECT_FILES = {
    "Pulumi.yaml": f"""\
name: {IDENTITY_PROJECT}
description: The identities that CI deploys and previews with, and whose tokens they accept; no secret anywhere.
runtime: python
""",
    "__main__.py": """\
import runpy

runpy.run_module("provisioning.ci_identity", run_name="__main__")
""",
}
_OURS = ("github-", "oidc-")
"""Beginnings of the names of federated credentials that this program makes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity as the program made it; nothing of it is secret.

    Attributes:
        granted: whether its permissions are granted; otherwise a person does it.
    """

    role: str
    client_id: str
    service_principal_id: str
    display_name: str
    permissions: tuple[str, ...]
    granted: bool
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CiIdentities:
    """What a run has made."""

    tenant_id: str
    identities: Mapping[str, Identity]
    changed: int


class IdentityProgram:
    """The program for one place, such as a repository's environment.

    Args:
        deployed: the stack that CI is to deploy: its cloud, home tenant, engine and plugin are the identities' too.
        stack: name of the identities' own stack.
        tenant_id: the home tenant; empty on the emulator.
    """

    def __init__(self, deployed: OpenStack, stack: str, tenant_id: str) -> None:
        self._cloud = deployed.cloud
        self._tenant_id = tenant_id
        self._stack = stack
        self._folder = deployed.stack_dir / _FOLDER
        self._guarded = self._cloud != "emulator"
        self.tag = identity_tag(stack)
        for name, text in _PROJECT_FILES.items():
            write_whole(self._folder / name, text)
        of_deployed = deployed.engine_environment(plugin=True)
        environment = dataclasses.replace(
            of_deployed,
            project_dir=self._folder,
            stack=stack,
            # No secret is in this state; so its passphrase may be public, and no machine has to keep one.
            variables={**of_deployed.variables, "PULUMI_CONFIG_PASSPHRASE_FILE": str(DEV_PASSPHRASE_FILE)},
            removed=(*of_deployed.removed, "PULUMI_CONFIG_PASSPHRASE"),
        )
        self._runner = StackRunner(deployed.engine, environment, deployed.shell_environ)

    def check(self, graph: GraphClient, trusts: Mapping[str, Sequence[Trust]]) -> None:
        """Look before anything is written: is there room, and does our state know what there is?

        Raises:
            UsageError: a trust is unfit, there would be too many, or the identities were made elsewhere.
            OrgcalError: the home tenant could not be asked.
        """
        if check_room(graph, self.tag, trusts) and not self._runner.state().application_ids:
            raise UsageError(
                "the identities exist, and the state that they were made with is not in this backend",
                where=self._stack,
                repair="export PULUMI_BACKEND_URL=the backend that was used then; or delete the applications with tag "
                f"{self.tag}",
            )

    def bring_up(
        self,
        graph: GraphClient,
        roles: Sequence[Role],
        place: str,
        trusts: Mapping[str, Sequence[Trust]],
        *,
        on_step: OnStep | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> CiIdentities:
        """Make the identities, or bring them up to date; nothing changes where nothing is to be changed.

        Args:
            graph: as the operator.
            place: for the identities' names.
            tell: is told in one line what a person has to do.
        """
        operator = read_operator(graph.token_source.token())
        kept = any(self._runner.state().live(APP_ROLE_ASSIGNMENT))
        granted = {} if kept else granted_by_role(graph, self.tag)
        by_hand = all(set(role.permissions) <= granted.get(role.name, frozenset()) for role in roles)
        grant = kept or (operator is not None and operator.has(GRANT) and not any(granted.values()))
        if not grant and not by_hand and tell:
            tell("you may not grant permissions in the home tenant: an administrator has to, see below")
        self._write_settings(roles, place, trusts, grant)
        self._runner.release_dead_lock()
        runs = InterruptedRuns(self._runner, self.tag, lambda: nullcontext(graph), tell or (lambda _: None))
        runs.settle_pending(self._runner.state())
        result = runs.up(preview_first=self._guarded, on_step=on_step)
        outputs = self._runner.plain_outputs()
        identities = {role: _identity(role, item, granted) for role, item in outputs["identities"].items()}
        return CiIdentities(str(outputs["tenant_id"]), identities, result.changed)

    def _write_settings(
        self, roles: Sequence[Role], place: str, trusts: Mapping[str, Sequence[Trust]], grant: bool
    ) -> None:
        path = self._folder / f"Pulumi.{self._stack}.yaml"
        before = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        entra = {"cloud": self._cloud, **({"tenant_id": self._tenant_id} if self._tenant_id else {})}
        identities = {
            role.name: {
                "display_name": display_name(role.name, place),
                "permissions": list(role.permissions),
                "trusts": [dataclasses.asdict(trust) for trust in trusts[role.name]],
            }
            for role in roles
        }
        config = {"orgcal:entra": entra, "orgcal:grant": grant, "orgcal:identities": identities}
        after = {**(before or {}), "config": config}
        if after != before:
            write_whole(path, yaml.safe_dump(after, sort_keys=False, allow_unicode=True))


def identity_tag(stack: str) -> str:
    """The tag on what the identities' stack of this name has made; its role after a colon is another."""
    return deployment_tag(IDENTITY_PROJECT, stack)


def check_room(graph: GraphClient, tag: str, trusts: Mapping[str, Sequence[Trust]]) -> bool:
    """Refuse, with UsageError, what Entra ID would refuse half-way; whether the place has identities already."""
    for wanted in trusts.values():
        refuse_unfit(wanted)
    found = tagged(graph, tag)
    for application in found:
        path = f"/applications/{application.application_object_id}/federatedIdentityCredentials"
        others = [item for item in graph.pages(path) if not str(item.get("name")).startswith(_OURS)]
        for role in trusts:
            if f"{tag}:{role}" in application.tags:
                refuse_unfit(trusts[role], present=len(others))
    return bool(found)


def granted_by_role(graph: GraphClient, tag: str) -> dict[str, frozenset[str]]:
    """Names of the permissions that each identity of a place has been granted, whoever did it."""
    found = {}
    for application in tagged(graph, tag):
        principal = service_principal_of(graph, application.client_id)
        role = next((name[len(tag) + 1 :] for name in application.tags if name.startswith(f"{tag}:")), "")
        if principal is not None and role:
            grants = graph.pages(f"/servicePrincipals/{principal['id']}/appRoleAssignments")
            found[role] = names_of(str(grant.get("appRoleId")) for grant in grants)
    return found


def _identity(role: str, said: Mapping[str, Any], granted: Mapping[str, frozenset[str]]) -> Identity:
    return Identity(
        role=role,
        client_id=str(said["client_id"]),
        service_principal_id=str(said["service_principal_id"]),
        display_name=str(said["display_name"]),
        permissions=tuple(said["permissions"]),
        granted=bool(said["granted"]) or set(said["permissions"]) <= granted.get(role, frozenset()),
        subjects=tuple(said["subjects"]),
    )


def consent_commands(identities: Sequence[Identity]) -> list[str]:
    """What an administrator of the home tenant runs, or opens, where the operator may not grant permissions."""
    lines = []
    for identity in identities:
        if not identity.granted:
            lines.append(f"az ad app permission admin-consent --id {shlex.quote(identity.client_id)}")
            lines.append(
                "# or in a browser, `Grant admin consent`: https://entra.microsoft.com/#view/"
                f"Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/{identity.client_id}"
            )
    return lines
