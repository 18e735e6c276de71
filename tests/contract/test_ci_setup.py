"""CI set-up against GitHub's documented API and the emulator's directory: refusals before the first write, repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.ci import environments, plan, setup
from orgcal.ci.backends import check_places
from orgcal.ci.github import GithubRepository, open_github
from orgcal.ci.identities import CiIdentities, Identity, check_room
from orgcal.ci.request import SetupRequest
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.federation import other_trusts
from orgcal.entra.session import new_session
from orgcal.errors import PlatformError, UsageError
from orgcal.platforms.testing_server import Reply, StrictServer
from orgcal.stack.git_folder import GitFolder
from tests.support import github_repository_api as github
from tests.support.deployed_connector import operator_graph
from tests.support.platform_apis import API_KEY

ROOT = Path(__file__).resolve().parents[2]
PLACES = check_places(
    "azblob://state?storage_account=acme",
    "azurekeyvault://acme.vault.azure.net/keys/k",
    "postgresql://orgcal@db.example/orgcal",
    "hush-registry",
)
FACTS = plan.StackFacts("prod", "", "NANGO_API_KEY_FILE", "", ())
MADE = CiIdentities(
    "tenant",
    {
        role: Identity(
            role, f"client-{role}", f"principal-{role}", f"orgcal {role}", ("Application.Read.All",), True, ()
        )
        for role in ("deploy", "preview", "ephemeral")
    },
    0,
)


@pytest.fixture
def api() -> github.GithubRepositoryApi:
    return github.GithubRepositoryApi()


@pytest.fixture
def server(api: github.GithubRepositoryApi) -> Iterator[StrictServer]:
    with StrictServer(api).running() as found:
        yield found


@pytest.fixture
def environ(server: StrictServer) -> dict[str, str]:
    return {"GH_TOKEN": API_KEY, "GITHUB_API_URL": server.base_url}


def wanted(**more: Any) -> SetupRequest:
    return SetupRequest(**{"repository": "acme/calendar-app", "environment": "production", "places": PLACES, **more})


def set_up(tmp_path: Path, environ: Mapping[str, str], request: SetupRequest) -> setup.CiSetupResult:
    """As the command does, where nothing may get as far as the directory."""

    def asked() -> Any:
        raise AssertionError("the directory was asked")

    stack: Any = SimpleNamespace(project_dir=ROOT, home_graph=asked)
    return setup.set_up_github(request, FACTS, stack, GitFolder(ROOT, tmp_path, ""), environ)


def test_setup_without_a_token_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no token for GitHub") as caught:
        set_up(tmp_path, {}, wanted())

    assert "--print" in caught.value.repair


def test_setup_of_a_repository_that_does_not_exist_is_one_sentence(
    tmp_path: Path, environ: dict[str, str], server: StrictServer
) -> None:
    with pytest.raises(UsageError, match="no such repository") as caught:
        set_up(tmp_path, environ, wanted(repository="acme/nowhere"))

    assert "\n" not in caught.value.what
    assert server.writes() == []
    assert list(tmp_path.iterdir()) == []


def test_setup_with_a_token_without_rights_stops_before_the_first_write(
    tmp_path: Path, environ: dict[str, str], server: StrictServer, api: github.GithubRepositoryApi
) -> None:
    api.admin = False
    with pytest.raises(PlatformError, match="may not administer"):
        set_up(tmp_path, environ, wanted())
    with pytest.raises(PlatformError, match="401"):
        set_up(tmp_path, {**environ, "GH_TOKEN": "wrong"}, wanted())
    server.arm("status", path="/repos", reply=Reply(403, {"message": "Resource not accessible"}))
    with pytest.raises(PlatformError, match="403: Resource not accessible") as caught:
        set_up(tmp_path, environ, wanted())

    assert API_KEY not in str(caught.value)
    assert server.writes() == []
    assert list(tmp_path.iterdir()) == []


def test_setup_with_numbers_of_another_repository_is_refused(
    tmp_path: Path, environ: dict[str, str], server: StrictServer
) -> None:
    with pytest.raises(UsageError, match="is 123456, not 1") as caught:
        set_up(tmp_path, environ, wanted(owner_id="1", repository_id="456789"))

    assert caught.value.where == "--owner-id"
    assert server.writes() == []


def test_setup_of_a_repository_with_subjects_of_its_own_is_refused(
    tmp_path: Path, environ: dict[str, str], api: github.GithubRepositoryApi
) -> None:
    api.subjects = {"use_default": False, "include_claim_keys": ["actor"]}

    with pytest.raises(UsageError, match="subjects of its own making") as caught:
        set_up(tmp_path, environ, wanted())

    assert "use_default=true" in caught.value.repair


def test_setup_of_a_repository_whose_subjects_begin_with_something_else_is_refused(
    tmp_path: Path, environ: dict[str, str], api: github.GithubRepositoryApi
) -> None:
    api.subjects["sub_claim_prefix"] = "repository_owner:Acme"

    with pytest.raises(UsageError, match="subjects of its own making"):
        set_up(tmp_path, environ, wanted())


@pytest.mark.parametrize(
    ("subjects", "trusted"),
    [
        ({"use_default": True, "sub_claim_prefix": github.CLASSIC, "use_immutable_subject": False}, github.CLASSIC),
        ({"use_default": True, "sub_claim_prefix": github.IMMUTABLE, "use_immutable_subject": True}, github.IMMUTABLE),
        # A repository that has the format from birth: nobody chose it.
        ({"use_default": True, "sub_claim_prefix": github.IMMUTABLE, "use_immutable_subject": False}, github.IMMUTABLE),
        ({"use_default": True, "use_immutable_subject": True}, github.IMMUTABLE),
        ({"use_default": True}, github.CLASSIC),
    ],
)
def test_only_the_subjects_that_the_repository_uses_are_trusted(
    subjects: dict[str, Any], trusted: str, environ: dict[str, str], api: github.GithubRepositoryApi
) -> None:
    api.subjects = subjects
    said = GithubRepository(open_github(environ), "acme/calendar-app").look()

    request = wanted(owner_id=str(github.OWNER_ID), repository_id=str(github.REPOSITORY_ID)).as_github_has_it(said)

    (preview,) = request.trusts()["preview"]
    assert preview.subject == f"{trusted}:environment:production-preview"
    assert len(request.trusts()["deploy"]) == 2


def test_setup_with_workflows_of_other_content_writes_nothing_anywhere(
    tmp_path: Path, environ: dict[str, str], server: StrictServer
) -> None:
    path = tmp_path / ".github" / "workflows" / "orgcal-deploy.yml"
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\n")

    with pytest.raises(UsageError, match="there with other content") as caught:
        set_up(tmp_path, environ, wanted())

    assert "-name: mine" in caught.value.what
    assert path.read_text() == "name: mine\n"
    assert server.writes() == []


def test_setup_subject_of_more_than_600_characters_is_refused_before_anybody_is_asked(
    tmp_path: Path, environ: dict[str, str], server: StrictServer
) -> None:
    with pytest.raises(UsageError, match="Entra ID takes 600"):
        set_up(tmp_path, environ, wanted(environment=":" * 240))  # each becomes %3A in the subject

    assert server.seen == []


def test_values_are_set_once_and_secrets_again_only_when_they_moved_or_by_force(
    environ: dict[str, str], server: StrictServer, api: github.GithubRepositoryApi
) -> None:
    request = wanted(repository=github.FULL_NAME, branch="trunk", ephemeral_backend="s3://passing")
    repository = GithubRepository(open_github(environ), request.repository)
    looked = environments.look_at_environments(repository, request.roles, reviewed=True)
    environments.make_environments(repository, request.roles, "trunk", looked, [])
    values = plan.values_of(request.roles, MADE, PLACES, "s3://passing", "platform-key")

    def settle(places: Any = PLACES, *, force: bool = False) -> list[str]:
        before = len(server.writes())
        held = plan.values_of(request.roles, MADE, places, "s3://passing", "platform-key")
        for environment, values in held.items():
            environments.set_values(repository, environment, values, force=force)
        return server.writes()[before:]

    assert set(values) == set(api.environments)
    assert len(settle()) > 0
    assert settle() == []
    moved = settle(
        check_places(PLACES.backend, PLACES.secrets_provider, "postgresql://orgcal@db2.example/orgcal", "new")
    )
    forced = settle(force=True)
    assert {path.rsplit("/", 1)[1] for path in moved} == {"ORGCAL_REGISTRY", "ORGCAL_REGISTRY_URL"}
    assert {path.rsplit("/", 1)[1] for path in forced} >= {"ORGCAL_REGISTRY_URL", "ORGCAL_PLATFORM_KEY"}
    held = api.environments["production"]
    assert held.opened("ORGCAL_REGISTRY_URL") == PLACES.registry_url
    assert held.opened("ORGCAL_PLATFORM_KEY") == "platform-key"
    assert held.variables["ORGCAL_REGISTRY"] == PLACES.registry
    preview = api.environments["production-preview"]
    assert preview.secrets == {}
    assert preview.variables["ORGCAL_DEPLOYER_ID"] == "principal-deploy"
    assert api.environments["production-ephemeral"].variables["PULUMI_BACKEND_URL"] == "s3://passing"


LISTED = {"protected_branches": False, "custom_branch_policies": True}
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}


@pytest.mark.parametrize(
    ("policy", "branches", "protected", "is_open"),
    [
        (None, [], ["trunk"], True),
        (LISTED, ["trunk", "*/*"], [], True),
        (LISTED, ["**"], [], True),
        (LISTED, ["trunk", "release/*"], [], False),
        (PROTECTED, [], [], True),  # GitHub lets every branch in as long as none is protected
        (PROTECTED, [], ["trunk"], False),
    ],
)
def test_environment_that_every_branch_may_use_is_refused_unless_forced(
    policy: Any,
    branches: list[str],
    protected: list[str],
    is_open: bool,
    tmp_path: Path,
    environ: dict[str, str],
    server: StrictServer,
    api: github.GithubRepositoryApi,
) -> None:
    api._make("production", {"deployment_branch_policy": policy})
    api.protection["production"]["branches"] = branches
    api.protected = protected
    repository = GithubRepository(open_github(environ), github.FULL_NAME)

    looked = environments.look_at_environments(repository, wanted().roles, reviewed=False)

    assert "production" not in looked.missing
    assert any("environment production has no reviewers" in note for note in looked.notes)
    assert any("production is open to every branch" in sentence for sentence in looked.unsafe) == is_open
    looked.refuse_unsafe(force=True)
    if is_open:
        with pytest.raises(UsageError, match="environment production is open to every branch") as caught:
            set_up(tmp_path, environ, wanted())
        assert "--force" in caught.value.repair
        assert list(tmp_path.iterdir()) == []
    assert server.writes() == []


def test_preview_that_can_decrypt_needs_an_environment_with_reviewers(
    tmp_path: Path, environ: dict[str, str], server: StrictServer, api: github.GithubRepositoryApi
) -> None:
    cloud = check_places("https://api.pulumi.com", "default", "postgresql://orgcal@db.example/orgcal")
    with pytest.raises(UsageError, match="decrypts the stack's secrets for every token") as caught:
        set_up(tmp_path, environ, wanted(places=cloud))
    assert "--preview-cannot-decrypt" in caught.value.repair
    assert server.seen == []

    api._make("production-preview", {"deployment_branch_policy": None})
    with pytest.raises(UsageError, match="environment production-preview has no reviewers"):
        set_up(tmp_path, environ, wanted(places=cloud, reviewers=("ada",)))
    assert server.writes() == []
    assert list(tmp_path.iterdir()) == []

    del api.environments["production-preview"]
    roles = wanted(repository=github.FULL_NAME, places=cloud, reviewers=("ada",)).roles
    repository = GithubRepository(open_github(environ), github.FULL_NAME)
    looked = environments.look_at_environments(repository, roles, reviewed=True)
    environments.make_environments(repository, roles, "trunk", looked, [1815])
    assert api.protection["production-preview"]["protection_rules"] != []
    wanted(places=cloud, preview_cannot_decrypt=True).check()


def test_environment_of_an_interrupted_setup_is_opened_to_its_branch_by_the_next(
    environ: dict[str, str], server: StrictServer, api: github.GithubRepositoryApi
) -> None:
    repository = GithubRepository(open_github(environ), github.FULL_NAME)
    roles = wanted().roles
    server.arm("status", method="POST", path="deployment-branch-policies", reply=Reply(500, {"message": "oops"}))
    looked = environments.look_at_environments(repository, roles, reviewed=True)
    with pytest.raises(PlatformError):
        environments.make_environments(repository, roles, "trunk", looked, [1])

    looked = environments.look_at_environments(repository, roles, reviewed=True)
    environments.make_environments(repository, roles, "trunk", looked, [1])
    settled = environments.look_at_environments(repository, roles, reviewed=True)

    assert api.protection["production"]["branches"] == ["trunk"]
    assert api.protection["production-scheduled"]["branches"] == ["trunk"]
    assert settled == environments.Looked((), (), (), ())


def test_gh_commands_say_all_but_the_secrets() -> None:
    request = wanted(environment="Prod: EU/1")
    values = plan.values_of(request.roles, MADE, PLACES, "", "platform-key")

    text = "\n".join(plan.gh_commands("acme/app", request.roles, "main", PLACES, values))

    assert "hush-registry" not in text
    assert "platform-key" not in text
    assert "gh secret set ORGCAL_REGISTRY_URL --repo acme/app --env 'Prod: EU/1'" in text
    assert "gh variable set ARM_CLIENT_ID --repo acme/app --env 'Prod: EU/1' --body client-deploy" in text
    path = "repos/acme/app/environments/Prod%3A%20EU%2F1"
    assert f"gh api --silent {path} || {{ gh api --silent --method PUT {path}" in text
    assert f"{path}/deployment-branch-policies -f name=main" in text
    assert "postgresql+psycopg://orgcal:PASSWORD@db.example/orgcal" in text
    assert "gh secret set" not in text.split("Prod: EU/1-preview")[-1]


def test_21st_federated_credential_is_refused_before_the_first_write(
    endpoints: CloudEndpoints, emulator_environ: Mapping[str, str], emulator: Any
) -> None:
    with new_session(endpoints) as session:
        graph: GraphClient = operator_graph(endpoints, emulator_environ, session)
        made = graph.post("/applications", {"displayName": "deployer", "tags": ["orgcal:x/y", "orgcal:x/y:deploy"]})
        for number in range(18):
            credential = {
                "issuer": "https://ci.example",
                "subject": f"s{number}",
                "audiences": ["api://AzureADTokenExchange"],
            }
            graph.post(
                f"/applications/{made['id']}/federatedIdentityCredentials", {**credential, "name": f"by-hand-{number}"}
            )
        room = {"deploy": other_trusts("https://ci.example", ["a", "b"])}
        full = {"deploy": other_trusts("https://ci.example", ["a", "b", "c"])}

        assert check_room(graph, "orgcal:x/y", room) is True
        assert check_room(graph, "orgcal:other/place", full) is False
        with pytest.raises(UsageError, match="3 are asked for besides the 18"):
            check_room(graph, "orgcal:x/y", full)
