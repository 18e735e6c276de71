"""`orgcal ci setup|preview|lint|token`: CI without a stored secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result, progress_lines
from orgcal.cli.grammar import CommandGroup
from orgcal.errors import UsageError
from orgcal.printable import printable_lines

if TYPE_CHECKING:
    from orgcal.ci.backends import Backends
    from orgcal.ci.dry_run import SetupPlan
    from orgcal.ci.plan import StackFacts
    from orgcal.ci.request import SetupRequest
    from orgcal.ci.setup import CiSetupResult
    from orgcal.entra.permissions import AppRole
    from orgcal.stack.git_folder import GitFolder
    from orgcal.stack.open_stack import OpenStack

app = CommandGroup(help="CI without a stored secret: set it up, and what its jobs run.")

KINDS = ("github", "generic")


@app.command(short_help="Make identities, environments and workflows")
def setup(
    kind: Annotated[
        str,
        typer.Argument(
            help="github, or generic for any runner with an OIDC token.",
            metavar="KIND",
            autocompletion=lambda: list(KINDS),
        ),
    ] = "",
    kind_option: Annotated[
        str, typer.Option("--kind", help="The same as an option.", metavar="KIND", hidden=True)
    ] = "",
    repo: Annotated[str, typer.Option("--repo", help="Repository on GitHub.", metavar="OWNER/NAME")] = "",
    environment: Annotated[
        str, typer.Option("--environment", help="GitHub environment that deploys.", metavar="NAME")
    ] = "",
    owner_id: Annotated[str, typer.Option(help="GitHub's number of the owner; looked up without --print.")] = "",
    repo_id: Annotated[
        str, typer.Option(help="GitHub's number of the repository; looked up without --print.", metavar="NUMBER")
    ] = "",
    stack: StackOption = "",
    backend: Annotated[
        str, typer.Option(help="Where the state is kept: azblob://, s3://, gs://, https://.", metavar="URL")
    ] = "",
    secrets_provider: Annotated[str, typer.Option(help="What encrypts the state's secrets.", metavar="URL")] = "",
    registry: Annotated[
        str, typer.Option(help="Customer organisations: postgresql://USER@HOST/DATABASE.", metavar="URL")
    ] = "",
    registry_password_file: Annotated[
        Path | None, typer.Option(help="File with its password; PGPASSWORD unless given.")
    ] = None,
    branch: Annotated[
        str, typer.Option(help="Branch that is deployed; the default one unless given.", metavar="BRANCH")
    ] = "",
    reviewer: Annotated[list[str] | None, typer.Option(help="Login who approves deployments.", metavar="LOGIN")] = None,
    ephemeral_backend: Annotated[
        str, typer.Option(help="Give pull requests stacks of their own, with their state here.", metavar="URL")
    ] = "",
    record: Annotated[str, typer.Option(help="How a rotation is recorded.", metavar="commit|pull-request")] = "commit",
    issuer: Annotated[str, typer.Option(help="generic: issuer of the runners' tokens.", metavar="URL")] = "",
    subject: Annotated[list[str] | None, typer.Option(help="generic: subject that deploys.", metavar="SUBJECT")] = None,
    preview_subject: Annotated[
        list[str] | None, typer.Option(help="generic: subject that only previews.", metavar="SUBJECT")
    ] = None,
    preview_cannot_decrypt: Annotated[
        bool,
        typer.Option("--preview-cannot-decrypt", help="The preview's Pulumi Cloud token has no stack:decrypt."),
    ] = False,
    print_only: Annotated[
        bool, typer.Option("--print", help="Make identities and files, print gh commands for the rest.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write workflows and secrets anew; accept open environments.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the identities that CI acts as, set its environments up, and write its workflows."""
    from orgcal.ci.backends import check_places, read_password
    from orgcal.ci.place import place_in_repository
    from orgcal.ci.plan import stack_facts
    from orgcal.ci.request import SetupRequest
    from orgcal.ci.roles import check_repository, environment_of_folder
    from orgcal.settings import load_stack_file

    chosen = _kind(kind, kind_option)
    _require({"--stack": stack, "--backend": backend, "--secrets-provider": secrets_provider, "--registry": registry})
    if record not in ("commit", "pull-request"):
        raise UsageError(f"found {record!r}, expected commit or pull-request", where="--record")
    if dry_run and print_only:
        raise UsageError("--print makes identities and --dry-run makes nothing", repair="leave one of the two out")
    places = check_places(backend, secrets_provider, registry, read_password(registry_password_file, os.environ))
    opened = open_stack(stack)
    facts = stack_facts(load_stack_file(opened.project_dir, stack))
    if chosen == "generic":
        _require({"--issuer": issuer})
        subjects = {"deploy": subject or [], "preview": preview_subject or []}
        _set_up_generic(
            issuer,
            subjects,
            places,
            facts,
            opened,
            record,
            preview_cannot_decrypt=preview_cannot_decrypt,
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    _require({"--repo": repo, "--environment": environment})
    if branch and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", branch):
        raise UsageError(f"found {branch!r}, expected the name of a branch", where="--branch")
    check_repository(repo)
    git = place_in_repository(opened.project_dir, repo, os.environ)
    wanted = SetupRequest(
        repository=repo,
        environment=environment_of_folder(environment, git.slug),
        places=places,
        owner_id=owner_id,
        repository_id=repo_id,
        branch=branch,
        reviewers=tuple(reviewer or ()),
        ephemeral_backend=ephemeral_backend,
        record=record,
        print_only=print_only,
        force=force,
        pinned=facts.pinned,
        slug=git.slug,
        preview_cannot_decrypt=preview_cannot_decrypt,
    )
    wanted.check()
    _set_up_github(wanted, facts, opened, git, dry_run=dry_run, as_json=as_json)


def _set_up_github(
    wanted: SetupRequest, facts: StackFacts, opened: OpenStack, git: GitFolder, *, dry_run: bool, as_json: bool
) -> None:
    from orgcal.ci.dry_run import plan_github
    from orgcal.ci.setup import set_up_github
    from orgcal.ci.texts import PRINT_MAKES, plan_lines, setup_lines
    from orgcal.cli.progress import StepPrinter
    from orgcal.platforms.rest import read_key_file

    key = facts.key_variable
    platform_key = read_key_file(os.environ, key) if os.environ.get(key) else ""
    if dry_run:
        planned = plan_github(wanted, facts, opened, git, os.environ, platform_key=platform_key)
        print_result(_plan_json(planned), plan_lines(planned), as_json=as_json)
        return
    tell = progress_lines(as_json)
    if wanted.print_only:
        tell(PRINT_MAKES)
    opened.choose_plugin(tell)
    opened.environment.running_endpoints()
    with StepPrinter(quiet=as_json) as printer:
        outcome = set_up_github(
            wanted, facts, opened, git, opened.environ, platform_key=platform_key, on_step=printer, tell=tell
        )
    result = _result_json(outcome)
    if wanted.print_only:
        result["notes"] = [PRINT_MAKES, *outcome.notes]
    print_result(result, setup_lines(outcome), as_json=as_json)


def _set_up_generic(
    issuer: str,
    subjects: dict[str, list[str]],
    places: Backends,
    facts: StackFacts,
    opened: OpenStack,
    record: str,
    *,
    preview_cannot_decrypt: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from orgcal.ci.dry_run import plan_generic
    from orgcal.ci.install import read_installation
    from orgcal.ci.recipe import recipe_of
    from orgcal.ci.setup import set_up_generic
    from orgcal.ci.texts import plan_lines, setup_lines
    from orgcal.cli.progress import StepPrinter
    from orgcal.stack.git_folder import find_git_folder

    git = find_git_folder(opened.project_dir, os.environ)  # identities carry the folder, so nothing is guessed here
    installation = read_installation(opened.project_dir)
    tenant_id = facts.tenant_id
    if dry_run:
        planned = plan_generic(
            issuer, subjects, places, facts, opened, git, preview_cannot_decrypt=preview_cannot_decrypt
        )
        result, lines = _plan_json(planned), plan_lines(planned)
        client_ids = {identity.role: identity.client_id for identity in planned.identities}
    else:
        tell = progress_lines(as_json)
        opened.choose_plugin(tell)
        opened.environment.running_endpoints()
        with StepPrinter(quiet=as_json) as printer:
            outcome = set_up_generic(
                issuer,
                subjects,
                places,
                facts,
                opened,
                git,
                preview_cannot_decrypt=preview_cannot_decrypt,
                on_step=printer,
                tell=tell,
            )
        result, lines, tenant_id = _result_json(outcome), setup_lines(outcome), outcome.made.tenant_id
        client_ids = {role: identity.client_id for role, identity in outcome.made.identities.items()}
    recipe = recipe_of(facts, places, tenant_id, client_ids, installation, git.path if git else "", record)
    print_result({**result, **asdict(recipe)}, (*lines, *recipe.lines()), as_json=as_json)


def _plan_json(planned: SetupPlan) -> dict[str, Any]:
    from dataclasses import asdict

    return {"dry_run": True, **asdict(planned)}


def _result_json(outcome: CiSetupResult) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "tenant_id": outcome.made.tenant_id,
        "identities": [asdict(identity) for identity in outcome.made.identities.values()],
        "changes": list(outcome.changes),
        "files": dict(outcome.files),
        "notes": list(outcome.notes),
        "commands": list(outcome.commands),
    }


@app.command(short_help="Judge settings without any login")
def lint(
    stack: StackOption = "dev",
    directory: Annotated[
        bool, typer.Option("--directory", help="Ask the home tenant which permissions there are; needs a login.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a stack's settings without any login, as for pull requests from forks; exit 1 if something is wrong.

    Without --directory, a scope that orgcal's own table of permissions lacks is wrong.
    """
    from orgcal.ci.lint import lint_stack
    from orgcal.stack.project import find_project

    result = lint_stack(find_project(os.environ), stack, _published(stack) if directory else None)
    text = result.as_markdown(stack)
    _summarise(text)
    found = {"problems": list(result.problems), "advice": list(result.advice)}
    print_result(found, [text], as_json=as_json, ok=not result.problems)


def _published(stack: str) -> dict[str, AppRole]:
    """The application permissions of the stack's home tenant."""
    from orgcal.entra.home.published import read_published

    with open_stack(stack) as opened:
        opened.environment.running_endpoints()
        with opened.home_graph() as graph:
            return read_published(graph)


@app.command(short_help="Preview without the stack's secrets")
def preview(
    stack: StackOption = "dev",
    output: Annotated[Path | None, typer.Option(help="Write the comment into this file too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Preview an update without the stack's secrets, by whoever may read the directory and the state."""
    from dataclasses import asdict

    from orgcal.ci.preview import as_markdown
    from orgcal.files.whole import write_whole
    from orgcal.stack.preview_redacted import preview_without_secrets

    opened = open_stack(stack)
    opened.choose_plugin()
    opened.environment.running_endpoints()
    result = preview_without_secrets(opened)
    git = _git_folder(opened.project_dir)
    text = as_markdown(stack, result, git.path if git else "")
    if output is not None:
        write_whole(output, printable_lines(text), private=False)
    _summarise(text)
    print_result(asdict(result), [text], as_json=as_json)


@app.command(short_help="Write the runner's token into a private file")
def token(
    cloud: Annotated[str, typer.Argument(help="Where the state is kept.", metavar="azure|aws|google")],
    as_json: JsonOption = False,
) -> None:
    """Write a token of the runner's issuer into a private file of the job, for Pulumi's own login to its state."""
    from orgcal.engine.runner_tokens import Cloud, write_token

    if cloud not in ("azure", "aws", "google"):
        raise UsageError(f"found {cloud!r}, expected azure, aws or google", where="orgcal ci token")
    variable, path = write_token(cast("Cloud", cloud), os.environ)
    print_result({"variable": variable, "file": str(path)}, [f"{variable}={path}"], as_json=as_json)


def _kind(argument: str, option: str) -> Literal["github", "generic"]:
    chosen = argument or option
    if chosen not in KINDS or (argument and option and argument != option):
        raise UsageError(
            f"found {' and '.join(filter(None, [argument, option])) or 'nothing'}, expected {' or '.join(KINDS)}",
            where="orgcal ci setup",
            repair="orgcal ci setup github --repo OWNER/NAME --environment ENV --stack STACK ...",
        )
    return cast("Literal['github', 'generic']", chosen)


def _require(options: dict[str, str]) -> None:
    missing = [name for name, value in options.items() if not value]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} must be given: CI keeps nothing on its runners",
            where="orgcal ci setup",
            repair="orgcal ci setup --help; docs/ci.md says what to choose",
        )


def _git_folder(project_dir: Path) -> GitFolder | None:
    """Where the project lies in its repository; None where git, which a runner may lack, cannot tell."""
    from orgcal.stack.git_folder import find_git_folder

    try:
        return find_git_folder(project_dir, os.environ)
    except UsageError:
        return None


def _summarise(text: str) -> None:
    """Adds to the summary of a job of GitHub Actions."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(printable_lines(text) + "\n")
