"""What a CI set-up would do: GitHub and the home tenant are read where they can be, and nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from orgcal.ci import plan, workflows
from orgcal.ci.backends import Backends
from orgcal.ci.environments import look_at_environments
from orgcal.ci.github import TOKEN_VARIABLES, GithubRepository, classic_note, open_github
from orgcal.ci.identities import CiIdentities, Identity, check_room, granted_by_role, identity_tag
from orgcal.ci.install import read_installation
from orgcal.ci.request import GenericRequest, SetupRequest
from orgcal.ci.roles import Role, display_name, identity_stack
from orgcal.ci.setup import DEFAULT_BRANCH, workflow_texts
from orgcal.entra.clouds import load_endpoints, read_emulator_file
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.applications import service_principal_of, tagged
from orgcal.entra.home.federation import Trust
from orgcal.entra.home.rights import GRANT, read_operator
from orgcal.entra.operator import operator_tokens
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError, UsageError
from orgcal.stack.emulator import EmulatorOfStack
from orgcal.stack.files import emulator_home
from orgcal.stack.git_folder import GitFolder
from orgcal.stack.open_stack import OpenStack

_GRAPH_BUDGET_S = 60.0
"""What throttling may cost in all."""


@dataclass(frozen=True, slots=True)
class PlannedIdentity:
    """An identity that a set-up makes, or keeps.

    Attributes:
        state: `new`, `present`, or `unknown` where the home tenant could not be asked.
        client_id: empty where it is not made yet, or not known.
        granted: whether its permissions are granted already.
    """

    role: str
    display_name: str
    state: str
    client_id: str
    permissions: tuple[str, ...]
    granted: bool
    federated_credentials: tuple[Trust, ...]


@dataclass(frozen=True, slots=True)
class PlannedEnvironment:
    """A GitHub environment that a set-up makes, or keeps.

    Attributes:
        state: `new`, `present`, or `unknown` where GitHub was not asked.
        branch: that alone may use it; empty where all may.
        reviewers: logins who approve its jobs, where it is new.
        variables: names.
        secrets: names; a secret that exists is kept unless `--force` is given.
    """

    name: str
    state: str
    does: str
    branch: str
    reviewers: tuple[str, ...]
    variables: tuple[str, ...]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What a set-up would do.

    Attributes:
        files: workflow files and whether each is `new`, `unchanged` or `different`.
        notes: what was not asked, what would be refused, and what is left to a person; sentences.
        commands: for a person afterwards; ids that are not known yet stand there in capitals.
    """

    identities: tuple[PlannedIdentity, ...]
    environments: tuple[PlannedEnvironment, ...]
    files: Mapping[str, str]
    notes: tuple[str, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _TenantLook:
    """What the home tenant says about the identities; `problem` is why it could not be asked."""

    problem: str = ""
    present: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    may_grant: bool = False


def plan_github(
    wanted: SetupRequest,
    facts: plan.StackFacts,
    stack: OpenStack,
    git: GitFolder,
    environ: Mapping[str, str],
    *,
    platform_key: str = "",
) -> SetupPlan:
    """What `set_up_github` would do with these arguments; without a token for GitHub, GitHub is not asked.

    Raises:
        UsageError: it would refuse.
    """
    wanted.check()
    installation = read_installation(stack.project_dir)
    wanted, states, notes = _look_at_github(wanted, environ)
    files = workflows.compare(git.root, workflow_texts(wanted, facts, installation, git.path))
    shown = {str(file.path.relative_to(git.root)): file.state for file in files}
    different = [name for name, state in shown.items() if state == "different"]
    if different and not wanted.force:
        notes.append(f"{', '.join(different)}: there with other content, which only --force overwrites")
    look = _look_at_tenant(stack, identity_stack("github", wanted.place), wanted.trusts())
    identities = _identities(wanted.roles, wanted.place, wanted.trusts(), look)
    made = _as_if_made(identities, facts, look)
    values = plan.values_of(wanted.roles, made, wanted.places, wanted.ephemeral_backend, platform_key)
    environments = tuple(
        PlannedEnvironment(
            name=item.name,
            state=states.get(item.name, "unknown"),
            does=item.does,
            branch=(wanted.branch or DEFAULT_BRANCH) if item.branch_only else "",
            reviewers=wanted.reviewers if item.reviewers else (),
            variables=tuple(values[item.name].variables),
            secrets=tuple(values[item.name].secrets),
        )
        for role in wanted.roles
        for item in role.environments
    )
    left, commands = plan.left_to_a_person(facts, wanted.places, made, git, workflows=git.root / workflows.FOLDER)
    return SetupPlan(identities, environments, shown, (*notes, *_tenant_notes(look), *left), tuple(commands))


def plan_generic(
    issuer: str,
    subjects: Mapping[str, Sequence[str]],
    places: Backends,
    facts: plan.StackFacts,
    stack: OpenStack,
    git: GitFolder | None,
    *,
    preview_cannot_decrypt: bool = False,
) -> SetupPlan:
    """What `set_up_generic` would do with these arguments; raises UsageError where it would refuse."""
    wanted = GenericRequest.of(issuer, subjects, facts, git, places, preview_cannot_decrypt=preview_cannot_decrypt)
    look = _look_at_tenant(stack, identity_stack("generic", wanted.place), wanted.trusts)
    identities = _identities(wanted.roles, wanted.name, wanted.trusts, look)
    left, commands = plan.left_to_a_person(facts, places, _as_if_made(identities, facts, look), git)
    return SetupPlan(identities, (), {}, (*_tenant_notes(look), *left), tuple(commands))


def _look_at_github(wanted: SetupRequest, environ: Mapping[str, str]) -> tuple[SetupRequest, dict[str, str], list[str]]:
    """The request as GitHub has it, its environments by state, and notes; all are read only."""
    unasked = (
        "which format the subjects of the repository's tokens have, only GitHub knows" if not wanted.owner_id else ""
    )
    if not any(environ.get(name) for name in TOKEN_VARIABLES):
        why = f"GitHub was not asked: neither {' nor '.join(TOKEN_VARIABLES)} is set"
        return wanted, {}, [why, *([unasked] if unasked else [])]
    try:
        repository = GithubRepository(open_github(environ), wanted.repository)
        wanted = wanted.as_github_has_it(repository.look())
        for login in wanted.reviewers:
            repository.user_id(login)
        looked = look_at_environments(repository, wanted.roles, reviewed=bool(wanted.reviewers))
    except UsageError:
        raise
    except OrgcalError as error:
        return wanted, {}, [f"GitHub did not tell: {error.what}", *([unasked] if unasked else [])]
    wanted.check()
    names = [item.name for role in wanted.roles for item in role.environments]
    refused = "" if wanted.force else "; only --force accepts it as it is"
    notes = [*(f"{sentence}{refused}" for sentence in looked.unsafe), *looked.notes]
    notes += [classic_note(wanted.repository)] if not wanted.owner_id else []
    return wanted, {name: "new" if name in looked.missing else "present" for name in names}, notes


def _look_at_tenant(deployed: OpenStack, stack: str, trusts: Mapping[str, Sequence[Trust]]) -> _TenantLook:
    """What the home tenant has of the identities.

    Raises:
        UsageError: an application would have more federated credentials than Entra ID takes.
    """
    tag = identity_tag(stack)
    with ExitStack() as opened:
        try:
            graph = opened.enter_context(_home_graph(deployed))
            operator = read_operator(graph.token_source.token())
            present = {}
            for application in tagged(graph, tag):
                principal = service_principal_of(graph, application.client_id) or {}
                for role in trusts:
                    if f"{tag}:{role}" in application.tags:
                        present[role] = (application.client_id, str(principal.get("id") or ""))
            granted = granted_by_role(graph, tag)
        except OrgcalError as error:
            return _TenantLook(problem=error.what)
        check_room(graph, tag, trusts)
    return _TenantLook("", present, granted, operator is not None and operator.has(GRANT))


@contextmanager
def _home_graph(stack: OpenStack) -> Iterator[GraphClient]:
    """As `OpenStack.home_graph`, which makes the stack's directories besides."""
    environ, home = stack.shell_environ, emulator_home(stack.project_dir, stack.core, stack.shell_environ)
    emulator = EmulatorOfStack(home)
    if stack.cloud != "emulator":
        endpoints = load_endpoints(stack.cloud, environ)
    elif emulator.running():
        endpoints = read_emulator_file(emulator.ready_file)
    else:
        raise UsageError("the stack's emulator does not run", where=stack.where)
    tenant_id = endpoints.home_tenant_id(stack.core.entra.tenant_id)
    if not tenant_id:
        raise UsageError("the stack names no home tenant", where="orgcal:entra.tenant_id")
    with new_session(endpoints, environ=environ) as session:
        tokens = operator_tokens(endpoints, environ, tenant_id, session)
        yield GraphClient(endpoints, tokens, session, budget_s=_GRAPH_BUDGET_S)


def _identities(
    roles: Sequence[Role], place: str, trusts: Mapping[str, Sequence[Trust]], look: _TenantLook
) -> tuple[PlannedIdentity, ...]:
    return tuple(
        PlannedIdentity(
            role=role.name,
            display_name=display_name(role.name, place),
            state="unknown" if look.problem else "present" if role.name in look.present else "new",
            client_id=look.present.get(role.name, ("", ""))[0],
            permissions=role.permissions,
            granted=set(role.permissions) <= look.granted.get(role.name, frozenset()),
            federated_credentials=tuple(trusts[role.name]),
        )
        for role in roles
    )


def _as_if_made(identities: Sequence[PlannedIdentity], facts: plan.StackFacts, look: _TenantLook) -> CiIdentities:
    """The identities with ids as far as they are known."""
    found = {}
    for item in identities:
        name = item.role.upper()
        principal_id = look.present.get(item.role, ("", ""))[1]
        found[item.role] = Identity(
            item.role,
            item.client_id or f"CLIENT-ID-OF-{name}",
            principal_id or f"SERVICE-PRINCIPAL-ID-OF-{name}",
            item.display_name,
            item.permissions,
            item.granted or look.may_grant,
            tuple(trust.subject for trust in item.federated_credentials),
        )
    return CiIdentities(facts.tenant_id, found, 0)


def _tenant_notes(look: _TenantLook) -> list[str]:
    return [f"the home tenant was not asked: {look.problem}"] if look.problem else []
