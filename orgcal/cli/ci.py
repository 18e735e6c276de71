"""`orgcal ci setup|preview|lint|token`: CI without a stored secret."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from orgcal.cli.common import JsonOption, open_stack, print_result, progress_lines
from orgcal.errors import UsageError

if TYPE_CHECKING:
    from orgcal.ci.setup import CiSetupResult

app = typer.Typer(help="CI without a stored secret: set it up, and what its jobs run.", no_args_is_help=True)

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Stack that CI deploys.")]
KINDS = ("github", "generic")


@app.command(short_help="Make identities, environments and workflows")
def setup(
    kind: Annotated[str, typer.Argument(help="github, or generic for any runner with an OIDC token.")] = "",
    kind_option: Annotated[str, typer.Option("--kind", help="The same as an option.")] = "",
    repo: Annotated[str, typer.Option("--repo", help="Repository, OWNER/NAME.")] = "",
    environment: Annotated[str, typer.Option("--environment", help="GitHub environment that deploys.")] = "",
    owner_id: Annotated[str, typer.Option(help="GitHub's number of the owner; looked up without --print.")] = "",
    repo_id: Annotated[str, typer.Option(help="GitHub's number of the repository; looked up without --print.")] = "",
    stack: StackOption = "",
    backend: Annotated[str, typer.Option(help="Where the state is kept: azblob://, s3://, gs://, https://.")] = "",
    secrets_provider: Annotated[str, typer.Option(help="What encrypts the state's secrets.")] = "",
    registry: Annotated[str, typer.Option(help="Customer organisations: postgresql://USER@HOST/DATABASE.")] = "",
    registry_password_file: Annotated[
        Path | None, typer.Option(help="File with its password; PGPASSWORD unless given.")
    ] = None,
    branch: Annotated[str, typer.Option(help="Branch that is deployed; the default one unless given.")] = "",
    reviewer: Annotated[list[str] | None, typer.Option(help="Login who approves deployments; repeatable.")] = None,
    ephemeral_backend: Annotated[
        str, typer.Option(help="Give pull requests stacks of their own, with their state here.")
    ] = "",
    record: Annotated[str, typer.Option(help="How a rotation is recorded: commit or pull-request.")] = "commit",
    issuer: Annotated[str, typer.Option(help="generic: issuer of the runners' tokens.")] = "",
    subject: Annotated[list[str] | None, typer.Option(help="generic: subject that deploys; repeatable.")] = None,
    preview_subject: Annotated[
        list[str] | None, typer.Option(help="generic: subject that only previews; repeatable.")
    ] = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print gh commands, write nothing to GitHub.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write workflows and secrets anew.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the identities that CI acts as, set its environments up, and write its workflows."""
    from dataclasses import asdict

    from orgcal.ci.backends import check_places, read_password
    from orgcal.ci.plan import stack_facts
    from orgcal.ci.request import SetupRequest
    from orgcal.ci.setup import set_up_generic, set_up_github
    from orgcal.cli.progress import StepPrinter
    from orgcal.platforms.rest import read_key_file
    from orgcal.settings import load_stack_file

    chosen = _kind(kind, kind_option)
    _require({"--stack": stack, "--backend": backend, "--secrets-provider": secrets_provider, "--registry": registry})
    if record not in ("commit", "pull-request"):
        raise UsageError(f"found {record!r}, expected commit or pull-request", where="--record")
    places = check_places(backend, secrets_provider, registry, read_password(registry_password_file, os.environ))
    opened = open_stack(stack)
    facts = stack_facts(load_stack_file(opened.project_dir, stack))
    key = facts.key_variable
    wanted = None
    if chosen == "github":
        _require({"--repo": repo, "--environment": environment})
        if branch and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", branch):
            raise UsageError(f"found {branch!r}, expected the name of a branch", where="--branch")
        wanted = SetupRequest(
            repository=repo,
            environment=environment,
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
        )
        wanted.check()
    else:
        _require({"--issuer": issuer})
    tell = progress_lines(as_json)
    opened.choose_plugin(tell)
    opened.environment.running_endpoints()
    with StepPrinter(quiet=as_json) as printer:
        if wanted is not None:
            outcome = set_up_github(
                wanted,
                facts,
                opened,
                opened.environ,
                platform_key=read_key_file(os.environ, key) if os.environ.get(key) else "",
                on_step=printer,
                tell=tell,
            )
        else:
            subjects = {"deploy": subject or [], "preview": preview_subject or []}
            outcome = set_up_generic(issuer, subjects, places, facts, opened, on_step=printer, tell=tell)
    result = {
        "tenant_id": outcome.made.tenant_id,
        "identities": [asdict(identity) for identity in outcome.made.identities.values()],
        "changes": list(outcome.changes),
        "files": dict(outcome.files),
        "notes": list(outcome.notes),
        "commands": list(outcome.commands),
    }
    extra = () if wanted is not None else _generic_lines(outcome, stack, backend, key)
    print_result(result, (*_lines(outcome), *extra), as_json=as_json)


@app.command(short_help="Judge settings without any login")
def lint(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Judge a stack's settings without any login, as for pull requests from forks; exit 1 if something is wrong."""
    from orgcal.ci.lint import lint_stack
    from orgcal.stack.project import find_project

    result = lint_stack(find_project(os.environ), stack)
    text = result.as_markdown(stack)
    typer.echo(json.dumps({"problems": result.problems, "advice": result.advice}) if as_json else text)
    _summarise(text)
    if result.problems:
        raise typer.Exit(1)


@app.command(short_help="Preview without the stack's secrets")
def preview(
    stack: StackOption = "dev",
    output: Annotated[Path | None, typer.Option(help="Write the comment into this file too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Preview an update without the stack's secrets, by whoever may read the directory and the state."""
    from dataclasses import asdict

    from orgcal.ci.preview import as_markdown
    from orgcal.stack.preview_redacted import preview_without_secrets

    opened = open_stack(stack)
    opened.choose_plugin()
    opened.environment.running_endpoints()
    result = preview_without_secrets(opened)
    text = as_markdown(stack, result)
    if output is not None:
        output.write_text(text, encoding="utf-8")
    typer.echo(json.dumps(asdict(result)) if as_json else text)
    _summarise(text)


@app.command(short_help="Write the runner's token into a private file")
def token(cloud: Annotated[str, typer.Argument(help="azure, aws or google: where the state is kept.")]) -> None:
    """Write a token of the runner's issuer into a private file of the job, for Pulumi's own login to its state."""
    from orgcal.engine.runner_tokens import Cloud, write_token

    if cloud not in ("azure", "aws", "google"):
        raise UsageError(f"found {cloud!r}, expected azure, aws or google", where="orgcal ci token")
    variable, path = write_token(cast("Cloud", cloud), os.environ)
    typer.echo(f"{variable}={path}")


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


def _lines(outcome: CiSetupResult) -> Iterator[str]:
    """A set-up for people: identities and what each right is for, changes, and what is left to a person."""
    from orgcal.ci.roles import RIGHTS

    for identity in outcome.made.identities.values():
        yield f"{identity.display_name}  client id {identity.client_id}"
        for permission in identity.permissions:
            yield f"  {permission}: it may {RIGHTS[permission]}"
        for subject in identity.subjects:
            yield f"  accepts tokens of {subject}"
    yield from outcome.changes or ("nothing to change",)
    if outcome.notes:
        yield "left to you:"
        yield from (f"  - {note}" for note in outcome.notes)
    if outcome.commands:
        yield "commands:"
        yield from (f"  {command}" for command in outcome.commands)


def _generic_lines(outcome: CiSetupResult, stack: str, backend: str, key_variable: str) -> Iterator[str]:
    """What any runner must be told, and what its jobs run."""
    run = f".venv/bin/orgcal {{}} --stack {stack}".format
    yield "variables of a job:"
    yield "  ARM_USE_OIDC=true"
    for identity in outcome.made.identities.values():
        yield f"  ARM_CLIENT_ID={identity.client_id}  # jobs that {identity.role}"
    yield f"  ARM_TENANT_ID={outcome.made.tenant_id}"
    yield "  ARM_OIDC_TOKEN_FILE_PATH=FILE  # with the job's token, audience api://AzureADTokenExchange"
    yield "  # or, where tokens are handed out on request: ARM_OIDC_REQUEST_URL, ARM_OIDC_REQUEST_TOKEN"
    yield f"  PULUMI_BACKEND_URL={backend}"
    yield "secrets of the jobs that deploy:"
    yield "  ORGCAL_REGISTRY_URL=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    if key_variable:
        yield f"  {key_variable}=FILE  # with the platform's API key"
    yield "jobs:"
    yield "  make setup"
    yield f"  {run('ci preview')}  # each merge request, by the identity that previews"
    yield f"  {run('up')}  # what is merged"
    yield f"  {run('verify')} --junit report.xml  # after it, and nightly"
    yield f"  {run('status')}  # nightly: drift, credentials about to expire"
    yield f"  {run('rotate')} --if-expiring-within 30d --record commit  # daily"


def _summarise(text: str) -> None:
    """Adds to the summary of a job of GitHub Actions."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
