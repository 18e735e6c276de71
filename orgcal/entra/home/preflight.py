"""Looks before a stack is deployed: would the home tenant allow what its settings ask for?

Every check tells what to do. None writes, and none is needed for `pulumi up`, which asks Entra itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from orgcal.entra.graph import GraphClient
from orgcal.entra.home import applications
from orgcal.entra.home.policy import CredentialPolicy, read_policy
from orgcal.entra.home.published import read_published
from orgcal.entra.home.rights import GRANT, LOOK_UP, MANAGE, Operator, read_operator
from orgcal.entra.permissions import application_permissions
from orgcal.entra.scope_advice import Purpose, scope_advice
from orgcal.errors import ConfigError, GraphError, explained
from orgcal.printable import counted

MAX_FEDERATED = 20
"""https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations"""
MAX_ENTRIES = 1200
"""Of an application's collections together; redirect URIs, permissions and credentials count.

https://learn.microsoft.com/en-us/entra/identity/users/directory-service-limits-restrictions
"""
FEWEST_OWNERS = 2

Verdict = Literal["ok", "warning", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """What one check found.

    Attributes:
        says: one sentence.
        repair: what to do; empty where nothing is to be done.
    """

    name: str
    verdict: Verdict
    says: str
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a stack's settings ask of the home tenant.

    Attributes:
        tag: of the stack (`deployment_tag`).
        kind: of the credential.
        lifetime: of a new generation; None for `never`.
        further_owners: besides the deploying principal.
        looks_up: whether names of permissions are looked up in the home tenant.
        scopes: of the connector.
        purpose: what it does with calendars.
    """

    stack: str
    tag: str
    display_name: str
    kind: Literal["secret", "certificate", "federated"]
    lifetime: timedelta | None
    home_grants: bool = False
    further_owners: int = 0
    looks_up: bool = True
    scopes: tuple[str, ...] = ()
    purpose: Purpose | None = None


def preflight(graph: GraphClient, intent: Intent, application_object_id: str = "") -> list[PreflightCheck]:
    """All findings, in the order in which they matter; a check that cannot be made is `unknown`.

    Args:
        graph: as the operator.
        application_object_id: of the application that the stack's state holds; empty where none is known.

    Raises:
        EntraError: the operator cannot log in, so nothing can be checked.
        Unreachable: Entra ID gave no usable answer.
    """
    operator = read_operator(graph.token_source.token())
    findings = check_rights(operator, intent)
    findings += _looked("permissions", lambda: check_permissions(graph, intent))
    findings += _looked("policy", lambda: check_policy(read_policy(graph, application_object_id), intent))
    findings += _looked("application", lambda: _check_application(graph, intent, application_object_id))
    return findings


def check_rights(operator: Operator | None, intent: Intent) -> list[PreflightCheck]:
    """Has the operator every right that a deployment needs?"""
    check = partial(PreflightCheck, "rights")
    if operator is None:
        return [check("unknown", "the operator's token cannot be read, so its rights are not known")]
    needed = [MANAGE, *([LOOK_UP] if intent.looks_up else []), *([GRANT] if intent.home_grants else [])]
    findings = []
    for right in needed:
        if not operator.has(right):
            says = f"the operator lacks what is needed to {right.purpose}"
            permission = f"Application permission {right.any_of[0]} of Microsoft Graph"
            give = f"give a person the role {right.least_role}; give a service principal that role or the {permission}"
            findings.append(check("warning" if operator.person else "bad", says, give))
    return findings or [check("ok", "the operator has every right that a deployment needs")]


def check_permissions(graph: GraphClient, intent: Intent) -> list[PreflightCheck]:
    """Is each scope an application permission, and could one go? Raises as `read_published` does."""
    check = partial(PreflightCheck, "permissions")
    published = read_published(graph) if intent.looks_up else None
    try:
        roles = application_permissions(intent.scopes, published)
    except ConfigError as error:
        repair = "correct orgcal:connector.scopes"
        return [check("bad", problem, repair) for problem in error.problems]
    where = "published by the directory" if intent.looks_up else "in orgcal's own table"
    names = ", ".join(role.name for role in roles)
    return [
        check("ok", f"{where}: {names}"),
        *(check("warning", sentence) for sentence in scope_advice(intent.scopes, intent.purpose)),
    ]


def check_policy(policy: CredentialPolicy | None, intent: Intent) -> list[PreflightCheck]:
    """Does the app management policy allow the application and its credential?"""
    check = partial(PreflightCheck, "policy")
    if policy is None:
        says = "the operator may not read the tenant's app management policy"
        grant = "grant the operator Policy.Read.All (a person: the role Global Reader)"
        return [check("unknown", says, f"to have lifetimes fitted to it, {grant}")]
    findings = []
    if not policy.multitenant:
        findings.append(check("bad", f"{policy.name} forbids applications for other organisations", AUDIENCE_BLOCKED))
    if intent.kind == "secret" and not policy.secrets:
        findings.append(check("bad", f"{policy.name} forbids client secrets", OTHER_KINDS.format(stack=intent.stack)))
    longest = policy.longest(intent.kind)
    if longest is not None and (intent.lifetime or timedelta.max) > longest:
        says = f"{policy.name} allows a {intent.kind} to live {longest.days} days at most; new generations will"
        command = f"pulumi config set --stack {intent.stack} --path orgcal:credential.lifetime {longest.days}d"
        findings.append(check("warning", says, command))
    return findings or [check("ok", f"{policy.name} allows this")]


AUDIENCE_BLOCKED = (
    "ask its administrator to exempt the operator from `audiences.azureAdMultipleOrgs` (excludeActors), or to switch "
    "that restriction off while the application is created"
)
OTHER_KINDS = (
    "pulumi config set --stack {stack} --path orgcal:credential.kind certificate (or federated, if the platform "
    "issues tokens of its own)"
)


def check_name(graph: GraphClient, intent: Intent) -> list[PreflightCheck]:
    """Before the application is created: is its name free, and does one wait in the recycle bin?"""
    adopt = f"orgcal adopt --stack {intent.stack} --client-id"
    findings = []
    for other in applications.named(graph, intent.display_name):
        if intent.tag in other.tags:
            says = f"this stack has made the application {other.client_id} before, and its state does not hold it"
            repair = f"use it: {adopt} {other.client_id}; remove it: orgcal sweep --stack {intent.stack}"
            findings.append(PreflightCheck("name", "warning", says, repair))
        else:
            says = f"the tenant has another application called {other.display_name!r}, client id {other.client_id}"
            both = f"pulumi config set --stack {intent.stack} --path orgcal:application.same_name true"
            findings.append(
                PreflightCheck("name", "bad", says, f"take it over: {adopt} {other.client_id}; or have both: {both}")
            )
    for gone in applications.deleted_named(graph, intent.display_name):
        says = (
            f"an application called {gone.display_name!r}, client id {gone.client_id}, can still be restored; "
            "organisations that consented to it would have to consent to a new one again"
        )
        findings.append(
            PreflightCheck("recycle bin", "warning", says, f"restore it: {adopt} {gone.client_id} --restore")
        )
    return findings


def _check_application(graph: GraphClient, intent: Intent, application_object_id: str) -> list[PreflightCheck]:
    deployed = applications.by_object_id(graph, application_object_id) if application_object_id else None
    ours = [deployed] if deployed is not None else applications.tagged(graph, intent.tag)
    if not ours:
        found = check_name(graph, intent)
        free = [PreflightCheck("name", "ok", f"no other application is called {intent.display_name!r}")]
        return [*(found or free), _check_owners(1 + intent.further_owners, intent)]
    return [finding for application in ours for finding in _check_ours(graph, application, intent)]


def _check_ours(graph: GraphClient, application: applications.FoundApplication, intent: Intent) -> list[PreflightCheck]:
    """Room for another credential, owners, and the verified publisher."""
    raw = application.raw
    path = f"/applications/{application.application_object_id}/federatedIdentityCredentials"
    federated = sum(1 for _ in graph.pages(path))
    collections = [
        application.credentials(),
        (raw.get("web") or {}).get("redirectUris") or [],
        [item for access in raw.get("requiredResourceAccess") or [] for item in access.get("resourceAccess") or []],
        application.tags,
    ]
    entries = sum(map(len, collections))
    full = entries >= MAX_ENTRIES or (intent.kind == "federated" and federated >= MAX_FEDERATED)
    secrets = counted(len(application.credentials()), "secret or certificate", "secrets and certificates")
    said = f"{secrets}, {counted(federated, 'federated credential')}"
    room = PreflightCheck(
        "room",
        "bad" if full else "ok",
        f"the application has {said}, and " + ("no room for another" if full else "room for another"),
        "remove what nobody uses; orgcal sweep finds what is ours" if full else "",
    )
    present = len(applications.owners_of(graph, application.application_object_id))
    owners = _check_owners(max(present, 1 + intent.further_owners), intent)
    publisher = PreflightCheck("publisher", "warning", UNVERIFIED, VERIFY_PUBLISHER)
    if application.verified_publisher:
        publisher = PreflightCheck("publisher", "ok", f"the publisher is verified: {application.verified_publisher}")
    return [room, owners, publisher]


def _check_owners(count: int, intent: Intent) -> PreflightCheck:
    """Can somebody step in if the deploying principal is lost?

    Source: https://learn.microsoft.com/en-us/entra/identity-platform/security-best-practices-for-app-registration
    """
    if count >= FEWEST_OWNERS:
        return PreflightCheck("owners", "ok", f"the application has {counted(count, 'owner')}")
    return PreflightCheck(
        "owners",
        "warning",
        "the deploying principal is the application's only owner; if it is lost, nobody can step in",
        f"name a person by object id: pulumi config set --stack {intent.stack} --path "
        "'orgcal:application.owners[0]' OBJECT-ID",
    )


UNVERIFIED = "the application has no verified publisher; consent pages of other organisations say `unverified`"
VERIFY_PUBLISHER = (
    "a person does it in the portal (Branding & properties) with your Partner ID, once "
    "https://YOUR-DOMAIN/.well-known/microsoft-identity-association.json names the client id; no application can"
)


def _looked(name: str, look: Callable[[], list[PreflightCheck]]) -> list[PreflightCheck]:
    """What `look` finds, or that it could not look."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  # whatever an answer breaks is this check's, not the command's
        known = explained(error)
        denied = isinstance(known, GraphError) and known.status == 403
        says = "the operator may not look" if denied else known.what
        return [PreflightCheck(name, "unknown", f"this could not be checked: {says}", known.repair)]
