"""Checks of the connector itself: do platform, application and outputs agree, and how long does the credential last?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from orgcal.durations import rfc3339
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.operator import operator_tokens
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.shapes import APPLICATION, fitting
from orgcal.errors import EntraError, GraphError, explained
from orgcal.platforms.model import ConnectorSettings, StoredCredential
from orgcal.stack.outputs import StackOutputs
from verify.context import RunContext
from verify.models import CheckResult, Verdict

WARN_DAYS = 30
"""Two weeks to notice and two to act; `orgcal rotate` needs minutes."""


def check_deployment(context: RunContext) -> Iterator[CheckResult]:
    """The results of `agreement` and `expiry`; none where the verification does not start from a stack."""
    outputs = context.options.connector.outputs
    if outputs is None:
        return
    yield check_agreement(outputs, context)
    yield check_expiry(outputs, context.options.now())


def check_expiry(outputs: StackOutputs, now: datetime) -> CheckResult:
    """How long the active credential lasts."""
    active = next((item for item in outputs.credentials if item.generation == outputs.active_generation), None)
    if active is None:
        return CheckResult("expiry", Verdict.SKIP, "the stack holds no credential that expires")
    days = (active.expires_at - now).total_seconds() / 86400
    ends = {"expires_at": rfc3339(active.expires_at), "days_left": round(days, 1)}
    result = partial(CheckResult, "expiry", evidence={"generation": active.generation, **ends})
    until = f"{active.expires_at:%Y-%m-%d} UTC"
    if days <= 0:
        return result(Verdict.FAIL, f"the credential expired on {until}", "orgcal rotate")
    if outputs.revocation:
        return result(Verdict.FAIL, outputs.revocation, f"orgcal rotate --stack {outputs.stack}")
    sentence = f"the credential lasts until {until}, {int(days)} days from now"
    if days < WARN_DAYS:
        return result(Verdict.WARN, sentence, "orgcal rotate")
    return result(Verdict.PASS, sentence)


def check_agreement(outputs: StackOutputs, context: RunContext) -> CheckResult:
    """Do the connector in its platform and the application in the directory say what the stack's outputs say?"""
    differences: list[str] = []
    compared: list[str] = []
    unknown: list[str] = []
    for name, compare in (("connector", _connector), ("application", _application)):
        try:
            differences += compare(outputs, context)
            compared.append(name)
        except (EntraError, GraphError) as error:
            unknown.append(f"{name} could not be read ({error.what})")
        except Exception as error:  # noqa: BLE001  # whatever an answer breaks is this check's error, not the run's end
            refused = explained(error)
            sentence = f"the {name} could not be read: {refused.what}"
            return CheckResult("agreement", Verdict.ERROR, sentence, refused.repair)
    evidence = {"compared": compared, "differences": differences, "unknown": unknown}
    result = partial(CheckResult, "agreement", evidence=evidence)
    if differences:
        return result(Verdict.FAIL, "; ".join(differences), "pulumi refresh, then pulumi up")
    if unknown:
        agree = f"{' and '.join(compared) or 'nothing'} agree{'s' if len(compared) < 2 else ''} with the stack"
        return result(Verdict.WARN, "; ".join([agree, *unknown]), "log in as the operator to compare everything")
    return result(Verdict.PASS, "connector, application and stack agree")


def _connector(outputs: StackOutputs, context: RunContext) -> list[str]:
    """Where the connector's entry and credential differ from the outputs; never a value of a secret."""
    from orgcal.platforms import open_platform

    platform = open_platform(outputs.platform, context.options.environ or os.environ)
    entry = platform.read_connector(outputs.connector_key)
    if entry is None:
        return [f"the platform has no connector {outputs.connector_key!r}"]
    declared = ConnectorSettings(
        outputs.connector_key, outputs.connector_name, entry.description or "", outputs.scopes, entry.published or False
    )
    differences = [*entry.differences(declared).values()]
    if entry.callback_url and entry.callback_url != outputs.callback_url:
        differences.append(f"callback {entry.callback_url} instead of {outputs.callback_url}")
    if outputs.credential_kind != "federated":  # such a platform proves itself with tokens of its own
        differences += credential_differences(outputs, platform.read_credentials(outputs.connector_key))
    return [f"connector: {item}" for item in differences]


def credential_differences(outputs: StackOutputs, stored: StoredCredential | None) -> Iterator[str]:
    """How the credential that a platform stores (None: it has none) differs from the stack's, as far as it tells."""
    if stored is None:
        yield "it has no credential"
        return
    if stored.client_id is not None and stored.client_id != outputs.client_id:
        yield f"client id {stored.client_id} instead of {outputs.client_id}"
    if stored.generation is not None and stored.generation != outputs.active_generation:
        yield f"credential of generation {stored.generation} instead of {outputs.active_generation}"
    elif (
        outputs.credential_kind == "secret"
        and outputs.client_secret is not None
        and stored.credential is not None
        and stored.credential.credential != ClientSecret(outputs.client_secret.get_secret_value())
    ):
        yield "its secret is not the stack's"


def _application(outputs: StackOutputs, context: RunContext) -> list[str]:
    """Where the application in the directory differs from the outputs."""
    environ = context.options.environ or os.environ
    tokens = operator_tokens(context.endpoints, environ, outputs.tenant_id, context.session)
    graph = GraphClient(context.endpoints, tokens, context.session, budget_s=context.options.pace.single_budget_s)
    select = "id,appId,signInAudience,web,requiredResourceAccess,passwordCredentials,keyCredentials"
    path = f"/applications/{outputs.application_object_id}"
    application = fitting(graph.get(path, {"$select": select}), APPLICATION, where=f"GET {path}")
    differences: list[str] = []
    if application.get("appId") != outputs.client_id:
        differences.append(f"application: client id {application.get('appId')} instead of {outputs.client_id}")
    if application.get("signInAudience") != "AzureADMultipleOrgs":
        differences.append(f"application: {application.get('signInAudience')} instead of multitenant")
    uris = set((application.get("web") or {}).get("redirectUris") or [])
    if missing := sorted(set(outputs.redirect_uris) - uris):
        differences.append(f"application: redirect URI missing: {', '.join(missing)}")
    if surplus := sorted(uris - set(outputs.redirect_uris)):
        differences.append(f"application: redirect URI that the stack does not know: {', '.join(surplus)}")
    declared = {permission.role_id: permission.name for permission in outputs.permissions}
    now = _declared_roles(application)
    differences += [f"application: it does not declare {declared[role]}" for role in sorted(set(declared) - now)]
    surplus = sorted(now - set(declared))
    differences += [f"application: it declares {role}, which no scope asks for" for role in surplus]
    keys = [*_parts(application, "passwordCredentials"), *_parts(application, "keyCredentials")]
    key_ids = {str(item.get("keyId")) for item in keys}
    if any(item.kind == "federated" for item in outputs.credentials):
        listed = graph.pages(f"/applications/{outputs.application_object_id}/federatedIdentityCredentials")
        key_ids |= {str(item.get("id")) for item in listed}
    for item in outputs.credentials:
        if item.key_id and item.key_id not in key_ids:
            differences.append(f"application: credential {item.generation} ({item.key_id}) is gone")
    return differences


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
