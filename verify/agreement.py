"""Checks of the connector itself: do platform, application and outputs agree, and how long does the credential last?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.operator import operator_tokens
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.errors import EntraError, GraphError, OrgcalError
from orgcal.stack.outputs import StackOutputs
from verify.context import RunContext
from verify.models import CheckResult, Options, Verdict

WARN_DAYS = 30
"""Two weeks to notice and two to act; `orgcal rotate` needs minutes."""


def check_deployment(shared: RunContext) -> Iterator[CheckResult]:
    """The results of `agreement` and `expiry`; none where the verification does not start from a stack."""
    outputs = shared.options.connector.outputs
    if outputs is None:
        return
    yield check_agreement(outputs, shared)
    yield check_expiry(outputs, shared.options.now())


def check_expiry(outputs: StackOutputs, now: datetime) -> CheckResult:
    """How long the active credential lasts."""
    active = next((item for item in outputs.credentials if item.generation == outputs.active_generation), None)
    if active is None:
        return CheckResult("expiry", Verdict.SKIP, "the stack holds no credential that expires")
    days = (active.expires_at - now).total_seconds() / 86400
    evidence = {
        "generation": active.generation,
        "expires_at": active.expires_at.isoformat(),
        "days_left": round(days, 1),
    }
    until = f"{active.expires_at:%Y-%m-%d} UTC"
    if days <= 0:
        return CheckResult(
            "expiry", Verdict.FAIL, f"the credential expired on {until}", "orgcal rotate", evidence=evidence
        )
    sentence = f"the credential lasts until {until}, {int(days)} days from now"
    if days < WARN_DAYS:
        return CheckResult("expiry", Verdict.WARN, sentence, "orgcal rotate", evidence=evidence)
    return CheckResult("expiry", Verdict.PASS, sentence, evidence=evidence)


def check_agreement(outputs: StackOutputs, shared: RunContext) -> CheckResult:
    """Do the connector in its platform and the application in the directory say what the stack's outputs say?"""
    differences: list[str] = []
    compared: list[str] = []
    unknown: list[str] = []
    for name, compare in (("connector", _connector), ("application", _application)):
        try:
            differences += compare(outputs, shared)
            compared.append(name)
        except (EntraError, GraphError) as error:
            unknown.append(f"{name} could not be read ({error.what})")
        except OrgcalError as error:
            return CheckResult("agreement", Verdict.ERROR, f"the {name} could not be read: {error.what}", error.repair)
    evidence: dict[str, Any] = {"compared": compared, "differences": differences, "unknown": unknown}
    if differences:
        return CheckResult(
            "agreement", Verdict.FAIL, "; ".join(differences), "pulumi refresh, then pulumi up", evidence=evidence
        )
    if unknown:
        return CheckResult(
            "agreement",
            Verdict.WARN,
            f"{' and '.join(compared) or 'nothing'} agree{'s' if len(compared) < 2 else ''} with the stack; "
            + "; ".join(unknown),
            "log in as the operator to compare everything",
            evidence=evidence,
        )
    return CheckResult("agreement", Verdict.PASS, "connector, application and stack agree", evidence=evidence)


def _connector(outputs: StackOutputs, shared: RunContext) -> list[str]:
    """Where the connector's entry and credential differ from the outputs; never a value of a secret."""
    from orgcal.platforms import open_platform
    from orgcal.platforms.model import ConnectorSettings

    platform = open_platform(outputs.platform, shared.options.environ or os.environ)
    entry = platform.read_connector(outputs.connector_key)
    if entry is None:
        return [f"the platform has no connector {outputs.connector_key!r}"]
    declared = ConnectorSettings(
        outputs.connector_key, outputs.connector_name, entry.description or "", outputs.scopes, entry.published or False
    )
    said = [f"connector: {line}" for line in entry.differences(declared).values()]
    if entry.callback_url and entry.callback_url != outputs.callback_url:
        said.append(f"connector: callback {entry.callback_url} instead of {outputs.callback_url}")
    if outputs.credential_kind == "federated":  # the platform proves itself with tokens of its own
        return said
    held = platform.read_credentials(outputs.connector_key)
    if held is None:
        return [*said, "connector: it has no credential"]
    if held.client_id is not None and held.client_id != outputs.client_id:
        said.append(f"connector: client id {held.client_id} instead of {outputs.client_id}")
    if held.generation is not None and held.generation != outputs.active_generation:
        said.append(f"connector: credential {held.generation} instead of {outputs.active_generation}")
    ours = outputs.client_secret
    if held.credential is not None and ours is not None and outputs.credential_kind == "secret":
        same = held.credential.credential == ClientSecret(ours.get_secret_value())
        said += [] if same else ["connector: its secret is not the stack's"]
    return said


def _application(outputs: StackOutputs, shared: RunContext) -> list[str]:
    """Where the application in the directory differs from the outputs."""
    options: Options = shared.options
    tokens = operator_tokens(shared.endpoints, options.environ or os.environ, outputs.tenant_id, shared.session)
    graph = GraphClient(shared.endpoints, tokens, shared.session, budget_s=30.0)
    select = "id,appId,signInAudience,web,requiredResourceAccess,passwordCredentials,keyCredentials"
    application = graph.get(f"/applications/{outputs.application_object_id}", {"$select": select})
    said: list[str] = []
    if application.get("appId") != outputs.client_id:
        said.append(f"application: client id {application.get('appId')} instead of {outputs.client_id}")
    if application.get("signInAudience") != "AzureADMultipleOrgs":
        said.append(f"application: {application.get('signInAudience')} instead of multitenant")
    uris = set((application.get("web") or {}).get("redirectUris") or [])
    if missing := sorted(set(outputs.redirect_uris) - uris):
        said.append(f"application: redirect URI missing: {', '.join(missing)}")
    if surplus := sorted(uris - set(outputs.redirect_uris)):
        said.append(f"application: redirect URI that the stack does not know: {', '.join(surplus)}")
    declared = {permission.role_id: permission.name for permission in outputs.permissions}
    found = _declared_roles(application)
    said += [f"application: it does not declare {declared[role]}" for role in sorted(set(declared) - found)]
    said += [f"application: it declares {role}, which no scope asks for" for role in sorted(found - set(declared))]
    held = {
        str(item.get("keyId"))
        for item in [*_parts(application, "passwordCredentials"), *_parts(application, "keyCredentials")]
    }
    if any(item.kind == "federated" for item in outputs.credentials):
        listed = graph.pages(f"/applications/{outputs.application_object_id}/federatedIdentityCredentials")
        held |= {str(item.get("id")) for item in listed}
    for item in outputs.credentials:
        if item.key_id and item.key_id not in held:
            said.append(f"application: credential {item.generation} ({item.key_id}) is gone")
    return said


def _declared_roles(application: Mapping[str, Any]) -> set[str]:
    return {
        str(item.get("id"))
        for access in _parts(application, "requiredResourceAccess")
        if access.get("resourceAppId") == GRAPH_APP_ID
        for item in _parts(access, "resourceAccess")
        if item.get("type") == "Role"
    }


def _parts(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [item for item in holder.get(name) or [] if isinstance(item, Mapping)]
