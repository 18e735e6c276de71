"""A dry run of a CI set-up: what it tells, and that it writes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from orgcal.ci.backends import check_places
from orgcal.ci.dry_run import SetupPlan, plan_generic, plan_github
from orgcal.ci.install import read_installation
from orgcal.ci.place import place_in_repository
from orgcal.ci.plan import stack_facts
from orgcal.ci.recipe import recipe_of
from orgcal.ci.request import SetupRequest
from orgcal.ci.roles import environment_of_folder
from orgcal.ci.texts import plan_lines
from orgcal.errors import UsageError
from orgcal.platforms.testing_server import StrictServer
from orgcal.settings import load_stack_file
from orgcal.stack.open_stack import OpenStack
from tests.support import github_repository_api as github
from tests.support.platform_apis import API_KEY

ROOT = Path(__file__).resolve().parents[2]
PLACES = check_places(
    "azblob://state?storage_account=acme",
    "azurekeyvault://acme.vault.azure.net/keys/k",
    "postgresql://orgcal@db.example/orgcal",
    "hush-registry",
)
FOLDER = "infra/orgcal"
DEPLOY_FILE = ".github/workflows/orgcal-infra--orgcal-deploy.yml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository, whose stack's emulator does not run."""
    made = tmp_path / "app" / FOLDER
    made.mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "app", check=True)
    (made / "Pulumi.try.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text())
    (made / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (made / ".gitignore").write_text("Pulumi.*.yaml\n")
    (made / "requirements.txt").write_text("orgcal==0.1.0 --hash=sha256:00\n")
    return made


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "ORGCAL_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path / "home")}


@pytest.fixture
def api() -> github.GithubRepositoryApi:
    return github.GithubRepositoryApi()


@pytest.fixture
def server(api: github.GithubRepositoryApi) -> Iterator[StrictServer]:
    with StrictServer(api).running() as found:
        yield found


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}


def planned(project: Path, environ: Mapping[str, str], **more: object) -> SetupPlan:
    git = place_in_repository(project, "acme/calendar-app", environ)
    wanted = SetupRequest(
        "acme/calendar-app",
        environment_of_folder("production", git.slug),
        PLACES,
        slug=git.slug,
        **more,  # type: ignore[arg-type]
    )
    facts = stack_facts(load_stack_file(project, "try"))
    return plan_github(wanted, facts, OpenStack("try", environ, project=project), git, environ, platform_key="hush-key")


def test_dry_run_without_any_login_tells_the_plan_and_what_it_could_not_ask(
    project: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    before = files_below(tmp_path)

    plan = planned(project, environ, ephemeral_backend="s3://passing", branch="trunk", reviewers=("ada",))

    assert files_below(tmp_path) == before
    assert not (tmp_path / "data").exists()
    assert set(plan.files.values()) == {"new"}
    assert DEPLOY_FILE in plan.files
    environments = {item.name: item for item in plan.environments}
    deploys = environments["infra--orgcal--production"]
    assert (deploys.state, deploys.branch, deploys.reviewers) == ("unknown", "trunk", ("ada",))
    assert {"ARM_CLIENT_ID", "ARM_TENANT_ID", "PULUMI_BACKEND_URL"} <= set(deploys.variables)
    assert deploys.secrets == ("ORGCAL_REGISTRY_URL", "ORGCAL_PLATFORM_KEY")
    assert environments["infra--orgcal--production-preview"].secrets == ()
    identity = plan.identities[0]
    assert (identity.role, identity.state, identity.client_id) == ("deploy", "unknown", "")
    assert identity.display_name == "orgcal deploy (acme/calendar-app infra--orgcal--production)"
    trust = identity.federated_credentials[0]
    assert trust.name == "github-infra--orgcal-classic-1"
    assert trust.subject == "repo:acme/calendar-app:environment:infra--orgcal--production"
    notes = "\n".join(plan.notes)
    assert "GitHub was not asked" in notes
    assert "the home tenant was not asked: the stack's emulator does not run" in notes
    assert "which format the subjects of the repository's tokens have, only GitHub knows" in notes
    text = "\n".join(plan_lines(plan))
    assert text.startswith("a dry run: nothing was changed in the home tenant, on GitHub or in files\n")
    assert "Application.Read.All: it may look up" in text
    for secret in ("hush-registry", "hush-key"):
        assert secret not in text
        assert secret not in str(asdict(plan))


def test_dry_run_with_a_token_reads_github_and_writes_nothing_there(
    project: Path, environ: dict[str, str], server: StrictServer
) -> None:
    plan = planned(project, {**environ, "GH_TOKEN": API_KEY, "GITHUB_API_URL": server.base_url}, reviewers=("ada",))

    assert {item.state for item in plan.environments} == {"new"}
    assert {item.branch for item in plan.environments} == {"trunk", ""}
    assert [trust.subject for trust in plan.identities[1].federated_credentials] == [
        "repo:Acme@123456/Calendar-App@456789:environment:infra--orgcal--production-preview",
    ]
    assert server.seen
    assert server.writes() == []


def test_dry_run_with_a_token_that_github_refuses_says_so_and_goes_on(
    project: Path, environ: dict[str, str], server: StrictServer
) -> None:
    plan = planned(project, {**environ, "GH_TOKEN": "hush-wrong", "GITHUB_API_URL": server.base_url})

    assert any("GitHub did not tell: " in note for note in plan.notes)
    assert "hush-wrong" not in str(asdict(plan))


def test_dry_run_of_what_the_setup_refuses_is_refused(
    project: Path, environ: dict[str, str], server: StrictServer
) -> None:
    told = {**environ, "GH_TOKEN": API_KEY, "GITHUB_API_URL": server.base_url}

    with pytest.raises(UsageError, match="is 123456, not 1"):
        planned(project, told, owner_id="1", repository_id="456789")
    with pytest.raises(UsageError, match="expected an https address"):
        planned(project, {**told, "GITHUB_API_URL": "ftp://x"})


def test_dry_run_says_what_the_setup_would_refuse_and_who_could_be_trusted_by_a_name(
    project: Path, environ: dict[str, str], server: StrictServer, api: github.GithubRepositoryApi
) -> None:
    api._make("infra--orgcal--production", {"deployment_branch_policy": None})
    api.subjects["sub_claim_prefix"] = github.CLASSIC

    plan = planned(project, {**environ, "GH_TOKEN": API_KEY, "GITHUB_API_URL": server.base_url})

    assert any("is open to every branch" in note and "only --force" in note for note in plan.notes)
    forced = planned(project, {**environ, "GH_TOKEN": API_KEY, "GITHUB_API_URL": server.base_url}, force=True)
    assert not any("only --force" in note for note in forced.notes)
    assert any("use_immutable_subject=true" in note for note in plan.notes)
    assert [trust.name for trust in plan.identities[1].federated_credentials] == ["github-infra--orgcal-classic-1"]


def test_dry_run_says_which_files_are_there_with_other_content(project: Path, environ: dict[str, str]) -> None:
    path = project.parents[1] / DEPLOY_FILE
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\n")

    plan, forced = planned(project, environ), planned(project, environ, force=True)

    assert plan.files[DEPLOY_FILE] == "different"
    assert any(f"{DEPLOY_FILE}: there with other content" in note for note in plan.notes)
    assert not any("other content" in note for note in forced.notes)
    assert path.read_text() == "name: mine\n"


def test_what_has_to_be_committed_is_what_git_does_not_track(project: Path, environ: dict[str, str]) -> None:
    first = planned(project, environ)
    subprocess.run(["git", "add", "--force", "."], cwd=project, check=True)
    then = planned(project, environ)

    assert "git ignores Pulumi.try.yaml, and CI needs it in the repository" in first.notes
    added = "git add --force Pulumi.yaml requirements.txt Pulumi.try.yaml ../../.github/workflows"
    assert added in first.commands
    assert not any("git ignores" in note for note in then.notes)
    assert "git add ../../.github/workflows" in then.commands


def test_generic_dry_run_prints_every_job_rotation_included_and_no_make(
    project: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    before = files_below(tmp_path)
    git = place_in_repository(project, "acme/calendar-app", environ)
    facts = stack_facts(load_stack_file(project, "try"))
    stack = OpenStack("try", environ, project=project)
    plan = plan_generic("https://ci.example", {"deploy": ["job-1"], "preview": []}, PLACES, facts, stack, git)
    ids = {item.role: item.client_id for item in plan.identities}

    recipe = recipe_of(facts, PLACES, "", ids, read_installation(project), git.path, "pull-request")

    assert files_below(tmp_path) == before
    assert [item.federated_credentials[0].subject for item in plan.identities] == ["job-1"]
    assert recipe.installation[0] == "cd infra/orgcal"
    assert recipe.installation[-1] == ".venv/bin/python -m orgcal.engine ensure"
    assert "ARM_CLIENT_ID=CLIENT-ID-OF-DEPLOY  # jobs that act as deploy" in recipe.variables
    assert [job.name for job in recipe.jobs] == ["preview", "deploy", "look", "rotate"]
    rotate = recipe.jobs[-1]
    assert rotate.when.startswith("daily")
    assert rotate.commands == (".venv/bin/orgcal rotate --stack try --if-expiring-within 30d --record pull-request",)
    text = "\n".join((*plan_lines(plan), *recipe.lines()))
    assert "make" not in text.split()
    assert "hush-registry" not in text
    with pytest.raises(UsageError, match="no subject is named"):
        plan_generic("https://ci.example", {"deploy": []}, PLACES, facts, stack, git)


def test_environments_of_two_folders_whose_names_run_on_differ() -> None:
    assert environment_of_folder("eu-prod", "calendar") != environment_of_folder("prod", "calendar-eu")
    assert environment_of_folder(environment_of_folder("prod", "calendar"), "calendar") == "calendar--prod"
