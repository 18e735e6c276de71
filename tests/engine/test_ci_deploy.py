"""CI set up on the emulator; then the workflows' own commands deploy, verify and notice drift, without any secret.

The project is the folder `checkout` of a larger repository, so that all of this holds for a folder too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.ci.identities import granted_by_role
from orgcal.entra.clouds import read_emulator_file
from orgcal.entra.session import new_session
from orgcal.errors import GraphError
from orgcal.platforms.testing_server import StrictServer
from tests.support import github_repository_api as github
from tests.support.administrator import answer
from tests.support.checkout import Checkout, Ran, make_checkout
from tests.support.oidc_issuer import OidcIssuer
from tests.support.outside import Outside
from tests.support.platform_apis import API_KEY
from tests.support.runner import Runner

ISSUER = "https://token.actions.githubusercontent.com"
PASSWORD = "hush-registry"
ASKED = "api repos/Acme/Calendar-App/pulls/7 --jq .state"
CONNECTOR = "/connectors/outlook-calendar-admin"
INSTALL = ["Install orgcal by the lock", "Have the Pulumi engine"]
PRODUCTION = "checkout--production"
SETUP = [
    "ci", "setup", "github", "--repo", "acme/calendar-app", "--environment", "production", "--stack", "try",
    "--backend", "azblob://state?storage_account=acme", "--secrets-provider", "azurekeyvault://acme.vault.azure.net/keys/k",
    "--registry", "postgresql://orgcal@db.example/orgcal", "--reviewer", "ada",
    "--ephemeral-backend", "azblob://passing?storage_account=acme",
]  # fmt: skip


@dataclass
class Place:
    """A checkout, its emulator, and a repository on GitHub."""

    checkout: Checkout
    api: github.GithubRepositoryApi
    server: StrictServer
    issuer: OidcIssuer
    issuer_url: str

    @property
    def root(self) -> Path:
        """The repository; the project is a folder in it."""
        return self.checkout.path.parent

    def files(self) -> dict[Path, bytes]:
        """Everything that a set-up could write; what the running emulator writes is not of it."""
        kept = (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())
        return {path: path.read_bytes() for path in kept if not {".git", "emulator", "__pycache__"} & set(path.parts)}

    @property
    def data(self) -> Path:
        return self.checkout.home / "data" / "stacks" / "try"

    @property
    def ready(self) -> dict[str, Any]:
        ready: dict[str, Any] = json.loads((self.data / "emulator" / "ready.json").read_text())
        return ready

    def setup(self, *more: str) -> Ran:
        environ = {"GITHUB_TOKEN": API_KEY, "GITHUB_API_URL": self.server.base_url, "PGPASSWORD": PASSWORD}
        return self.checkout.orgcal(*SETUP, *more, environ=environ)

    def runner(self, workflow: str, job: str, *, pull_request: str = "open") -> Runner:
        """A job as GitHub would start it, on a machine that only this emulator tells apart from theirs.

        Args:
            workflow: its name, such as `deploy`.
            job: in it.
            pull_request: what GitHub says of the pull request, where the job asks.
        """
        path = self.root / ".github" / "workflows" / f"orgcal-checkout-{workflow}.yml"
        environment = yaml.safe_load(path.read_text())["jobs"][job]["environment"]
        self.issuer.subject = (
            f"repo:Acme@{github.OWNER_ID}/Calendar-App@{github.REPOSITORY_ID}:environment:{environment}"
        )
        programs = self.checkout.home / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "gh").write_text(f'#!/bin/sh\n[ "$*" = "{ASKED}" ] && echo {pull_request}\n')
        (programs / "gh").chmod(0o755)
        around = self.checkout.environ | {
            "PATH": f"{programs}:{self.checkout.environ['PATH']}",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer_url}/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.issuer.key,
            "ARM_METADATA_HOSTNAME": f"localhost:{self.ready['port']}",
        }
        overridden = {"PULUMI_BACKEND_URL": (self.checkout.home / "backend").as_uri()}
        event = {"repository": "Acme/Calendar-App", "event.pull_request.number": "7", "token": "job's own"}
        variables = self.api.environments[environment].variables
        return Runner(self.root, path, job, variables, around, overridden, event)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Set up by an operator who may grant permissions; stack `try` is not deployed yet."""
    copy = make_checkout(tmp_path_factory.mktemp("ci"))
    seed = copy.path / "emulator" / "orgcal_emulator" / "seeds" / "default.yaml"
    text = seed.read_text()
    assert text.endswith("    - Application.Read.All\n")
    seed.write_text(f"{text}    - AppRoleAssignment.ReadWrite.All\n")
    said = yaml.safe_load((copy.path / "Pulumi.dev.yaml").read_text())
    del said["encryptionsalt"]
    (copy.path / "Pulumi.try.yaml").write_text(yaml.safe_dump(said))
    copy.extra["ORGCAL_DATA_DIR"] = str(copy.home / "data")
    (copy.home / "backend").mkdir()
    api, issuer = github.GithubRepositoryApi(), OidcIssuer(ISSUER, "")
    with ExitStack() as stack:
        server = stack.enter_context(StrictServer(api).running())
        asked = stack.enter_context(StrictServer(issuer).running())
        assert copy.run("git", "init", "-q", "-b", "main", "..").code == 0
        (copy.path.parent / ".git/info/exclude").write_text("/home\n/runner\n")  # elsewhere on a real machine
        stack.callback(copy.orgcal, "emulator", "stop", "--stack", "try")
        assert copy.orgcal("emulator", "start", "--stack", "try").code == 0
        made = Place(copy, api, server, issuer, asked.base_url)
        publish(made)
        done = made.setup("--json")
        assert done.code == 0, done.text
        yield made


@pytest.fixture(scope="module")
def first(place: Place) -> dict[str, Ran]:
    """What the first deployment's job did; Contoso has consented since."""
    done = place.runner("deploy", "deploy").run(without=INSTALL)
    consent(place)
    return done


def publish(place: Place) -> None:
    """Tell the emulator which keys GitHub's issuer publishes."""
    endpoints = read_emulator_file(place.data / "emulator" / "ready.json")
    token = Path(place.ready["control"]["token_file"]).read_text().strip()
    with new_session(endpoints) as session:
        session.post(
            f"{place.ready['control']['url']}/issuers",
            json={"issuer": ISSUER, "keys": place.issuer.keys()},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()


def consent(place: Place) -> None:
    """Contoso consents, by its administrator's browser."""
    added = place.checkout.orgcal("tenants", "add", "contoso.example", "--stack", "try")
    assert added.code == 0, added.text
    environ = {"PULUMI_BACKEND_URL": (place.checkout.home / "backend").as_uri()}
    link = place.checkout.orgcal("consent", "link", "contoso.example", "--stack", "try", "--json", environ=environ)
    assert link.code == 0, link.text
    endpoints = read_emulator_file(place.data / "emulator" / "ready.json")
    answer(endpoints, json.loads(link.out)["url"], "admin@contoso.example", follow=False)
    checked = place.checkout.orgcal("consent", "check", "--all", "--stack", "try", environ=environ)
    assert checked.code == 0, checked.text


def codes(done: dict[str, Ran]) -> dict[str, int]:
    return {name: ran.code for name, ran in done.items() if not name.startswith("Log in")}


def describe(place: Place, description: str) -> None:
    """What a pull request changes: the connector's text."""
    path = place.checkout.path / "Pulumi.try.yaml"
    said = yaml.safe_load(path.read_text())
    said["config"]["orgcal:connector"]["description"] = description
    path.write_text(yaml.safe_dump(said))


def test_setup_makes_what_it_says_and_again_changes_nothing_anywhere(place: Place) -> None:
    outside = Outside(place.ready)
    mark, writes = outside.mark(), len(place.server.writes())
    shutil.rmtree(place.data / "ci")  # as on another machine

    again = place.setup("--json")

    assert again.code == 0, again.text
    said = json.loads(again.out)
    assert said["changes"] == []
    assert set(said["files"].values()) == {"unchanged"}
    assert outside.writes_since(mark) == []
    assert len(place.server.writes()) == writes
    assert PASSWORD not in again.text
    identities = {item["role"]: item for item in said["identities"]}
    assert identities["preview"]["permissions"] == ["Application.Read.All"]
    assert all(item["granted"] for item in identities.values())
    assert (
        f"repo:Acme@{github.OWNER_ID}/Calendar-App@{github.REPOSITORY_ID}:environment:{PRODUCTION}"
        in (identities["deploy"]["subjects"])
    )
    held = place.api.environments[PRODUCTION]
    assert held.opened("ORGCAL_REGISTRY_URL") == f"postgresql+psycopg://orgcal:{PASSWORD}@db.example/orgcal"
    assert place.api.environments[f"{PRODUCTION}-preview"].secrets == {}
    assert place.api.environments[f"{PRODUCTION}-ephemeral"].secrets == {}
    assert place.api.protection[PRODUCTION]["protection_rules"][0]["type"] == "required_reviewers"
    assert place.api.protection[f"{PRODUCTION}-scheduled"]["branches"] == ["trunk"]
    made = {item["appId"]: item for item in outside.applications()}
    (tag,) = {tag for item in outside.applications() for tag in item["tags"] if tag.endswith(":deploy")}
    granted = granted_by_role(outside.graph, tag.removesuffix(":deploy"))
    assert granted == {role: frozenset(item["permissions"]) for role, item in identities.items()}
    for item in identities.values():
        assert made[item["client_id"]]["passwordCredentials"] == []
        assert made[item["client_id"]]["signInAudience"] == "AzureADMyOrg"


def test_dry_run_reads_the_tenant_and_changes_nothing_anywhere(place: Place) -> None:
    outside, files = Outside(place.ready), place.files()
    mark, writes = outside.mark(), len(place.server.writes())

    same, other, text = (
        place.setup("--dry-run", *more) for more in (["--json"], ["--json", "--environment", "staging"], [])
    )

    assert (same.code, other.code, text.code) == (0, 0, 0), other.text
    assert outside.writes_since(mark) == []
    assert len(place.server.writes()) == writes
    assert place.files() == files
    assert text.out.startswith("a dry run: nothing was changed")
    said, new = json.loads(same.out), json.loads(other.out)
    assert {(item["state"], item["granted"]) for item in said["identities"]} == {("present", True)}
    assert {item["state"] for item in said["environments"]} == {"present"}
    assert set(said["files"].values()) == {"unchanged"}
    assert {(item["state"], item["granted"]) for item in new["identities"]} == {("new", False)}
    assert {item["name"] for item in new["environments"]} >= {"checkout--staging", "checkout--staging-scheduled"}
    assert not any("was not asked" in note for note in [*said["notes"], *new["notes"]])
    for ran in (same, other, text):
        assert PASSWORD not in ran.text


def test_print_says_first_that_it_makes_identities_and_leaves_github_alone(place: Place) -> None:
    named = ["--repo", github.FULL_NAME, "--owner-id", str(github.OWNER_ID), "--repo-id", str(github.REPOSITORY_ID)]
    writes = len(place.server.writes())

    printed = place.setup("--print", "--branch", "trunk", *named)
    both = place.setup("--print", "--dry-run")

    assert printed.code == 0, printed.text
    assert printed.out.startswith("--print makes identities in the home tenant and writes the workflow files")
    assert f"gh variable set ARM_CLIENT_ID --repo {github.FULL_NAME} --env {PRODUCTION} " in printed.out
    assert PASSWORD not in printed.text
    assert len(place.server.writes()) == writes
    assert both.code == 2
    assert "leave one of the two out" in both.err


def test_generic_setup_prints_the_jobs_for_any_runner(place: Place) -> None:
    words = ["ci", "setup", "generic", *SETUP[7:15], "--issuer", "https://ci.example", "--subject", "job-1"]

    told = place.checkout.orgcal(*words, "--dry-run")
    said = place.checkout.orgcal(*words, "--dry-run", "--json")

    assert told.code == 0, told.text
    assert "rotate --stack try --if-expiring-within 30d --record commit" in told.out
    assert "  cd checkout\n" in told.out
    assert "make " not in told.out
    assert [job["name"] for job in json.loads(said.out)["jobs"]] == ["preview", "deploy", "look", "rotate"]


def test_workflows_deploy_verify_and_notice_drift_with_a_token_and_no_secret(
    place: Place, first: dict[str, Ran]
) -> None:
    outside, settings = Outside(place.ready), place.checkout.path / "Pulumi.try.yaml"

    deploy = place.runner("deploy", "deploy")
    second = deploy.run(without=INSTALL)
    night = place.runner("nightly", "look").run(without=INSTALL)
    before, mark = settings.read_text(), outside.mark()
    describe(place, "Reviewed")
    proposed = place.runner("pull-request", "preview").run(without=INSTALL)
    assert outside.writes_since(mark) == []
    settings.write_text(before)
    name = outside.platform("GET", CONNECTOR)["name"]
    outside.platform("PATCH", CONNECTOR, {"name": "Renamed by hand"})
    drifted = place.runner("nightly", "look").run(without=INSTALL)
    outside.platform("PATCH", CONNECTOR, {"name": name})

    assert codes(first) == {"Deploy": 0, "Verify every organisation": 0}, first
    assert "6 changed" in first["Deploy"].out
    assert "::warning::no organisation has consented yet" in first["Verify every organisation"].out
    assert codes(second) == {"Deploy": 0, "Verify every organisation": 0}, second
    assert "0 changed, " in second["Deploy"].out
    assert "all checks passed" in second["Verify every organisation"].out
    assert 'name="calendars"' in (place.checkout.path / "verification.xml").read_text()
    assert (place.checkout.path / "verification.html").exists()
    shown = {"Show the history": 0}
    assert codes(night) == {"Drift, and credentials about to expire": 0, "Verify every organisation": 0} | shown, night
    assert codes(proposed) == {"Preview": 0}, proposed
    assert "1 resource changes, " in proposed["Preview"].out
    assert "~ Connector outlook-calendar  update: description" in proposed["Preview"].out
    red = {"Drift, and credentials about to expire": 1, "Verify every organisation": 1}
    assert codes(drifted) == red | shown, drifted
    assert "drift  connector" in drifted["Drift, and credentials about to expire"].out
    secret = Path(place.ready["operator"]["client_secret_file"]).read_text().strip()
    assert not [name for name, value in deploy.environs.items() if secret in value or PASSWORD in value]
    assert not any(name.endswith(("_SECRET", "_SECRET_FILE_PATH")) for name in deploy.environs)
    assert set(place.issuer.asked) == {"api://AzureADTokenExchange"}
    (application,) = [item for item in outside.applications() if item["displayName"].startswith("Acme")]
    (owner,) = outside.graph.pages(f"/applications/{application['id']}/owners")
    assert owner["displayName"] == f"orgcal deploy (Acme/Calendar-App {PRODUCTION})"
    with pytest.raises(GraphError, match="403"):  # the emulator's operator has the same rights, and does not own it
        outside.graph.patch(f"/applications/{application['id']}", {"notes": "not mine"})


@pytest.mark.usefixtures("first")
def test_workflow_rotates_with_a_token_and_pushes_its_record(place: Place) -> None:
    outside, git = Outside(place.ready), in_git(place)
    before = outside.platform("GET", f"{CONNECTOR}/credentials")

    rested = place.runner("rotate", "rotate").run(without=INSTALL)
    path = place.checkout.path / "Pulumi.try.yaml"
    said = yaml.safe_load(path.read_text())
    said["config"]["orgcal:credential"] = {"generations": [1, 2], "active": 1}  # asks for a rotation by the file
    path.write_text(yaml.safe_dump(said))
    git("commit", "-qam", "Another generation")
    git("push", "-q")
    runner = place.runner("rotate", "rotate")
    rotated = runner.run(without=INSTALL)
    deployed = place.runner("deploy", "deploy").run(without=INSTALL)

    assert set(codes(rested).values()) == {0}, rested
    assert json.loads(rested["Rotate"].out)["done"] == [], "it lasts longer than 30 days"
    assert set(codes(rotated).values()) == {0}, rotated
    told = json.loads(rotated["Rotate"].out)
    assert [(step["step"], step["generation"]) for step in told["done"]] == [("add", 2), ("activate", 2)]
    assert [proof["organisations"] for proof in told["proofs"]] == [["contoso.example"]] * 2
    assert told["next"]["step"] == "wait"
    held = outside.platform("GET", f"{CONNECTOR}/credentials")
    assert (held["generation"], held["client_secret"] != before["client_secret"]) == (2, True)
    recorded = yaml.safe_load(git("show", "origin/main:checkout/Pulumi.try.yaml").out)["config"]["orgcal:credential"]
    assert (recorded["generations"], recorded["active"]) == ([1, 2], 2)
    assert git("log", "-1", "--format=%an", "origin/main").out.strip() == "github-actions[bot]"
    assert git("status", "--porcelain", "Pulumi.try.yaml").out == ""
    assert codes(deployed) == {"Deploy": 0, "Verify every organisation": 0}, deployed
    assert "0 changed" in deployed["Deploy"].out
    # What the runner takes as an order to mask, it does not show.
    shown = "\n".join(line for line in rotated["Rotate"].text.splitlines() if not line.startswith("::add-mask::"))
    for text in (held["client_secret"], before["client_secret"]):
        assert text not in shown
        assert text not in "".join(runner.environs.values())


def test_workflows_give_a_pull_request_a_stack_that_is_gone_once_it_is_closed(place: Place) -> None:
    outside = Outside(place.ready)
    kept = {item["id"] for item in outside.applications()}
    later = {"--older-than 3d": "--older-than 0s"}

    deployed = place.runner("ephemeral", "deploy").run(without=INSTALL)
    made = [item for item in outside.applications() if item["id"] not in kept]
    (place.checkout.path / "Pulumi.pr-7.yaml").unlink()  # the next job's checkout has no such file
    still_open = place.runner("nightly", "sweep").run(without=INSTALL, later=later)
    after_open = {item["id"] for item in outside.applications()}
    closed = place.runner("nightly", "sweep", pull_request="closed").run(without=INSTALL, later=later)
    again = place.runner("ephemeral", "destroy").run(without=INSTALL)

    assert codes(deployed) == {"Deploy": 0, "Verify": 0}, deployed
    (application,) = made
    assert application["displayName"].endswith("(pr-7)")
    assert set(codes(still_open).values()) == {0}, still_open
    assert after_open == kept | {application["id"]}
    assert set(codes(closed).values()) == {0}, closed
    assert "stack pr-7" in closed["Destroy what closed pull requests still have deployed"].out
    assert {item["id"] for item in outside.applications()} == kept
    assert list(outside.graph.pages("/directory/deletedItems/microsoft.graph.application")) == []
    assert set(codes(again).values()) == {0}, again
    assert not (place.checkout.path / "Pulumi.pr-7.yaml").exists()


def in_git(place: Place) -> Callable[..., Ran]:
    """The checkout as a job of the main branch has it; its remote is a bare repository beside it."""

    def git(*words: str) -> Ran:
        ran = place.checkout.run("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *words)
        assert ran.code == 0, ran.text
        return ran

    git("add", "-A", ".")
    git("add", "--force", "Pulumi.try.yaml")
    git("commit", "-q", "-m", "As it is deployed")
    remote = str(place.checkout.home / "acme" / "calendar-app.git")
    git("init", "-q", "--bare", remote)
    git("remote", "add", "origin", remote)
    git("push", "-q", "--set-upstream", "origin", "main")
    return git
