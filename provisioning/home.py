"""The home tenant during a run of the program: its policy, and looks that a careful operator takes before a change.

All of it is best effort. What the operator may not read, or cannot at the moment, is left to Entra itself, which
decides anyway; so `pulumi up` never needs it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pulumi

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.policy import CredentialPolicy, read_policy
from orgcal.entra.home.preflight import Intent, PreflightCheck, check_name, preflight
from orgcal.errors import OrgcalError
from orgcal.resource_types import APPLICATION
from orgcal.settings import Settings
from orgcal.settings.credential_section import lifetime_of

DEPLOYER_VARIABLE = "ORGCAL_DEPLOYER_ID"
"""In previews: object id of the service principal that will deploy, where that is not the caller."""
_BUDGET_S = 10.0
"""Seconds that one question may wait for a throttled Graph; nothing depends on the answer."""

_READ = "pulumi:pulumi:readStackResourceOutputs"
"""A function of the engine itself, which answers `{"outputs": {urn: {"type": ..., "outputs": {...}}}}`.
Source: https://github.com/pulumi/pulumi/blob/v3.274.1/pkg/resource/deploy/builtins.go"""
_PAUSES_S = (0.05, 0.2, 0.0)
"""After each try. A state in files may be read while the engine writes it, and is then cut short."""


class HomeTenant:
    """What can be known of the home tenant; it is asked while the program goes on, with the login in `environ`."""

    def __init__(self, settings: Settings, endpoints: CloudEndpoints, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._environ = environ
        pool = ThreadPoolExecutor(1)
        preview, deployed = pulumi.runtime.is_dry_run(), _application_in_state()
        self._looked = pool.submit(self._look, preview, settings.intent(), deployed)
        pool.shutdown(wait=False)

    @property
    def lifetime(self) -> str:
        """How long a new credential will live: as set, or the longest that the tenant's policy allows."""
        wanted = self._settings.credential.lifetime
        policy, _ = self._looked.result()
        longest = policy.longest(self._settings.credential.newest_kind) if policy else None
        asked = lifetime_of(wanted)
        if longest is None or (asked is not None and asked <= longest):
            return wanted
        return f"{max(longest.days, 1)}d"

    def tell(self) -> None:
        """Shows what a preview should: warnings, each with what to do."""
        _, findings = self._looked.result()
        quiet = ["name", "recycle bin", *([] if self._settings.protected else ["publisher", "owners"])]
        if self._environ.get(DEPLOYER_VARIABLE):  # then the rights of another matter
            quiet.append("rights")
        for finding in findings:
            if finding.verdict in ("warning", "bad") and finding.name not in quiet:
                pulumi.log.warn(_sentence(finding))

    def before_create(self) -> pulumi.ResourceHookBinding:
        """Looks before the application is created, and only then: refuses a name that another one has.

        An application in the recycle bin, or one of this stack that no state holds, is a warning.
        """
        intent = self._settings.intent()

        def look(_: pulumi.ResourceHookArgs) -> None:
            try:
                with self._graph() as graph:
                    findings = check_name(graph, intent)
            except OrgcalError as error:
                pulumi.log.debug(f"the name could not be checked: {error.what}")
                return
            refused = [finding for finding in findings if finding.verdict == "bad"]
            for finding in findings:
                expected = finding.name == "recycle bin" and self._settings.ephemeral
                if finding not in refused and not expected:
                    pulumi.log.warn(_sentence(finding))
            if refused and not self._settings.application.same_name:
                raise pulumi.RunError("\n".join(map(_sentence, refused)))

        hook = pulumi.ResourceHook("free-name", look, pulumi.ResourceHookOptions(on_dry_run=True))
        return pulumi.ResourceHookBinding(before_create=[hook])

    def _look(
        self, preview: bool, intent: Intent, deployed: str
    ) -> tuple[CredentialPolicy | None, list[PreflightCheck]]:
        """Policy and, in previews, findings; `deployed` is the object id of the stack's application, if it has one."""
        try:
            with self._graph() as graph:
                return read_policy(graph, deployed), preflight(graph, intent, deployed) if preview else []
        except OrgcalError:
            return None, []

    @contextmanager
    def _graph(self) -> Iterator[GraphClient]:
        """Microsoft Graph as the operator; its libraries are loaded only now, and beside the program."""
        from orgcal.entra.operator import operator_tokens
        from orgcal.entra.session import new_session

        tenant_id = self._endpoints.home_tenant_id(self._settings.entra.tenant_id)
        with new_session(self._endpoints) as session:
            tokens = operator_tokens(self._endpoints, self._environ, tenant_id, session)
            yield GraphClient(self._endpoints, tokens, session, budget_s=_BUDGET_S)


def _sentence(finding: PreflightCheck) -> str:
    return f"{finding.says}\n  repair: {finding.repair}" if finding.repair else finding.says


def _application_in_state() -> str:
    """Object id of the application in the stack's own state; empty if it holds none, or the engine cannot tell.

    The stack's tag does not tell it: what a killed run left behind carries the same one.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for pause_s in _PAUSES_S:
        try:
            said = pulumi.runtime.invoke(_READ, {"stackName": name}).value
        except Exception as error:  # noqa: BLE001  # invoke raises no narrower one
            pulumi.log.debug(f"the stack's state could not be read: {error}")
            time.sleep(pause_s)
        else:
            resources: Mapping[str, Mapping[str, Any]] = (said or {}).get("outputs") or {}
            found = [item.get("outputs") or {} for item in resources.values() if item.get("type") == APPLICATION]
            return str(found[0].get("objectId") or "") if len(found) == 1 else ""
    return ""
