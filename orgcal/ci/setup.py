"""CI set-up from one command: everything is checked, then made, in an order that can be repeated at any point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orgcal.ci import plan, workflows
from orgcal.ci.backends import Backends
from orgcal.ci.environments import key_note, look_at_environments, make_environments, set_values
from orgcal.ci.github import GithubRepository, classic_note, open_github
from orgcal.ci.identities import CiIdentities, IdentityProgram
from orgcal.ci.install import Installation, read_installation
from orgcal.ci.request import GenericRequest, SetupRequest
from orgcal.ci.roles import identity_stack
from orgcal.stack.git_folder import GitFolder
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.runner import OnStep

DEFAULT_BRANCH = "main"
"""Where GitHub is not asked."""


@dataclass(frozen=True, slots=True)
class CiSetupResult:
    """What was done, and what is left.

    Attributes:
        changes: one line each; empty where all was there already.
        files: workflow files and what became of them.
        notes: sentences for a person.
        commands: for a person; none holds a secret.
    """

    made: CiIdentities
    changes: tuple[str, ...]
    files: Mapping[str, str]
    notes: tuple[str, ...]
    commands: tuple[str, ...]


def set_up_github(
    wanted: SetupRequest,
    facts: plan.StackFacts,
    stack: OpenStack,
    git: GitFolder,
    environ: Mapping[str, str],
    *,
    platform_key: str = "",
    on_step: OnStep | None = None,
    tell: Callable[[str], object] | None = None,
) -> CiSetupResult:
    """Set a repository up: identities, environments, what they hold, workflows.

    Args:
        wanted: what was asked for; checked here.
        git: where the project lies in the repository; the workflows are written at its root.
        environ: of the process; GitHub's token is read from it.
        platform_key: of the connector's platform; empty leaves the secret as it is.

    Raises:
        OrgcalError: what is wrong, before anything was written; or what failed, and the same command goes on.
    """
    wanted.check()
    installation = read_installation(stack.project_dir)
    repository = None if wanted.print_only else GithubRepository(open_github(environ), wanted.repository)
    notes: list[str] = []
    looked = None
    reviewer_ids: list[int] = []
    if repository is not None:
        wanted = wanted.as_github_has_it(repository.look())
        wanted.check()
        repository = GithubRepository(open_github(environ), wanted.repository)
        reviewer_ids = [repository.user_id(login) for login in wanted.reviewers]
        looked = look_at_environments(repository, wanted.roles, reviewed=bool(wanted.reviewers))
        looked.refuse_unsafe(force=wanted.force)
        notes += [classic_note(wanted.repository)] if not wanted.owner_id else []
    files = workflows.compare(git.root, workflow_texts(wanted, facts, installation, git.path))
    workflows.refuse_different(files, git.root, force=wanted.force)
    program = IdentityProgram(stack, identity_stack("github", wanted.place), facts.tenant_id)
    changes: list[str] = []
    with stack.home_graph() as graph:
        program.check(graph, wanted.trusts())
        if repository is not None and looked is not None:
            changes += make_environments(repository, wanted.roles, wanted.branch, looked, reviewer_ids)
            notes += (*looked.unsafe, *looked.notes)
        made = program.bring_up(graph, wanted.roles, wanted.place, wanted.trusts(), on_step=on_step, tell=tell)
    changes += [f"identities: {made.changed} resources changed"] if made.changed else []
    values = plan.values_of(wanted.roles, made, wanted.places, wanted.ephemeral_backend, platform_key)
    left, commands = plan.left_to_a_person(facts, wanted.places, made, git, workflows=git.root / workflows.FOLDER)
    if repository is None:
        by_hand = plan.gh_commands(
            wanted.repository, wanted.roles, wanted.branch or DEFAULT_BRANCH, wanted.places, values
        )
        commands = [*by_hand, *commands]
    else:
        for environment, held in values.items():
            changes += set_values(repository, environment, held, force=wanted.force)
        if facts.key_variable and not platform_key:
            notes += key_note(repository, wanted.roles, facts.key_variable)
    workflows.write(files)
    states = {str(file.path.relative_to(git.root)): file.state for file in files}
    changes += [f"{name} written" for name, state in states.items() if state != "unchanged"]
    return CiSetupResult(made, tuple(changes), states, (*notes, *left), tuple(commands))


def set_up_generic(
    issuer: str,
    subjects: Mapping[str, Sequence[str]],
    places: Backends,
    facts: plan.StackFacts,
    stack: OpenStack,
    git: GitFolder | None,
    *,
    preview_cannot_decrypt: bool = False,
    on_step: OnStep | None = None,
    tell: Callable[[str], object] | None = None,
) -> CiSetupResult:
    """Identities for any runner with a token of its own; raises as `set_up_github` does.

    Args:
        issuer: the tokens' `iss`.
        subjects: by role, `deploy` and perhaps `preview`.
        git: where the project lies in its repository; None where it lies in none.
        preview_cannot_decrypt: as for `SetupRequest`.
    """
    wanted = GenericRequest.of(issuer, subjects, facts, git, places, preview_cannot_decrypt=preview_cannot_decrypt)
    program = IdentityProgram(stack, identity_stack("generic", wanted.place), facts.tenant_id)
    with stack.home_graph() as graph:
        program.check(graph, wanted.trusts)
        made = program.bring_up(graph, wanted.roles, wanted.name, wanted.trusts, on_step=on_step, tell=tell)
    changes = (f"identities: {made.changed} resources changed",) if made.changed else ()
    notes, commands = plan.left_to_a_person(facts, places, made, git)
    return CiSetupResult(made, changes, {}, tuple(notes), tuple(commands))


def workflow_texts(
    wanted: SetupRequest, facts: plan.StackFacts, installation: Installation, folder: str
) -> dict[str, str]:
    """The workflows of a set-up by file name; raises as `workflows.render` does."""
    names = {"deploy": wanted.environment} | {
        environment.name.removeprefix(f"{wanted.environment}-"): environment.name
        for role in wanted.roles
        for environment in role.environments
        if environment.name != wanted.environment
    }
    return workflows.render(
        {
            "stack": facts.stack,
            "branch": wanted.branch or DEFAULT_BRANCH,
            "environments": names,
            "clouds": list(wanted.places.clouds),
            "state_clouds": [wanted.places.clouds[0]],
            "key_variable": facts.key_variable,
            "record": wanted.record,
            "alert_variables": list(facts.alert_variables),
        },
        installation,
        folder,
        ephemeral=bool(wanted.ephemeral_backend),
    )
