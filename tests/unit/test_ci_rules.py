"""What a CI set-up refuses before anybody is asked: subjects, addresses, names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.ci.backends import Backends, check_places
from orgcal.ci.identities import Identity, consent_commands
from orgcal.ci.plan import StackFacts
from orgcal.ci.request import GenericRequest, SetupRequest
from orgcal.ci.roles import check_environment, check_repository, display_name, identity_stack, roles_of
from orgcal.entra.home.federation import GITHUB_ISSUER, Trust, github_trusts, other_trusts, refuse_unfit
from orgcal.errors import UsageError

BACKEND, KEY = "azblob://state?storage_account=acme", "azurekeyvault://acme.vault.azure.net/keys/k"
REGISTRY = "postgresql://orgcal@db.example/orgcal"
PLACES = Backends(BACKEND, KEY, REGISTRY)
PULUMI_CLOUD = Backends("https://api.pulumi.com", "default", REGISTRY)


@pytest.mark.parametrize("subject", ["repo:acme/app:pull_request", "repo:acme@1/app@2:pull_request", "a*b", " "])
def test_refuse_unfit_subject_that_nobody_should_trust_is_refused(subject: str) -> None:
    with pytest.raises(UsageError):
        refuse_unfit([Trust("t", GITHUB_ISSUER, subject)])


def test_refuse_unfit_environment_called_pull_request_is_an_environment() -> None:
    refuse_unfit(github_trusts("acme/app", ["my-pull_request"]))


@pytest.mark.parametrize("issuer", ["http://ci.example", "ci.example", ""])
def test_refuse_unfit_issuer_without_https_is_refused(issuer: str) -> None:
    with pytest.raises(UsageError, match="no https address"):
        refuse_unfit([Trust("t", issuer, "s")])


def test_refuse_unfit_counts_what_is_there_already() -> None:
    trusts = other_trusts("https://ci.example", [f"job-{number}" for number in range(20)])

    refuse_unfit(trusts)
    with pytest.raises(UsageError, match="may have 20 federated credentials, and 20 are asked for besides the 1"):
        refuse_unfit(trusts, present=1)
    with pytest.raises(UsageError, match="twice"):
        refuse_unfit([*trusts[:1], *trusts[:1]])


@given(st.text(min_size=1, max_size=80))
def test_identity_stack_of_any_place_is_a_name_that_pulumi_takes(place: str) -> None:
    name = identity_stack("github", place)

    assert len(name) <= 100
    assert all(char.isascii() and (char.isalnum() or char in "-_.") for char in name)


def test_identity_stack_of_places_that_read_alike_differs() -> None:
    assert identity_stack("github", "a-b/c d") != identity_stack("github", "a/b-c d")
    assert identity_stack("github", "Acme/App Production") == identity_stack("github", "acme/app production")


def test_display_name_of_a_long_place_is_what_entra_takes() -> None:
    assert display_name("deploy", "acme/app production") == "orgcal deploy (acme/app production)"
    assert len(display_name("deploy", "x" * 300)) <= 120


@pytest.mark.parametrize(
    "repository", ["acme", "acme/", "/app", "acme/app/x", "acme/..", "ac me/app", "acme/app;rm", "-a/b"]
)
def test_check_repository_what_is_none_is_refused(repository: str) -> None:
    with pytest.raises(UsageError, match="expected owner/name"):
        check_repository(repository)


@pytest.mark.parametrize("environment", ["", " ", "x" * 250, "a${{ secrets.X }}", "a\nb"])
def test_check_environment_what_a_workflow_cannot_hold_is_refused(environment: str) -> None:
    with pytest.raises(UsageError):
        check_environment(environment)


@pytest.mark.parametrize("environment", ["production", "Prod: EU/west", 'quo"ted', "Üniçøde"])
def test_check_environment_odd_characters_are_taken(environment: str) -> None:
    check_environment(environment)


def test_roles_only_what_is_merged_or_reviewed_may_deploy() -> None:
    for role in roles_of("production", ephemeral=True):
        for environment in role.environments:
            writes = "Application.ReadWrite.OwnedBy" in role.permissions
            assert (environment.reviewers or environment.branch_only) == writes, environment
            assert not environment.secrets or environment.branch_only


@pytest.mark.parametrize(
    ("backend", "provider", "registry", "said"),
    [
        ("file:///var/state", KEY, REGISTRY, "local files"),
        ("~/state", KEY, REGISTRY, "local files"),
        ("", KEY, REGISTRY, "local files"),
        ("azblob://state", KEY, REGISTRY, "names no storage account"),
        ("s3://", KEY, REGISTRY, "names no bucket"),
        ("ftp://state", KEY, REGISTRY, "no backend of this kind"),
        ("s3://me:pw@bucket", KEY, REGISTRY, "holds a login"),
        (BACKEND, "passphrase", REGISTRY, "passphrase"),
        (BACKEND, "", REGISTRY, "passphrase"),
        (BACKEND, "default", REGISTRY, "only Pulumi Cloud"),
        (BACKEND, "awskms://", REGISTRY, "names no key"),
        (BACKEND, "pgp://x", REGISTRY, "none that Pulumi has"),
        (BACKEND, KEY, "sqlite:///tenants.sqlite", "local file"),
        (BACKEND, KEY, "tenants.sqlite", "local file"),
        (BACKEND, KEY, "mysql://u@h/d", "PostgreSQL only"),
        (BACKEND, KEY, "postgresql://u@localhost/d", "where no runner reaches it"),
        (BACKEND, KEY, "postgresql://h/d", "lacks user"),
    ],
)
def test_check_places_what_no_runner_can_use_is_one_sentence_with_a_repair(
    backend: str, provider: str, registry: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        check_places(backend, provider, registry)

    assert "\n" not in caught.value.what


def test_check_places_password_in_the_command_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="stands in the command") as caught:
        check_places(BACKEND, KEY, "postgresql://u:hush@h/d")

    assert "hush" not in str(caught.value)
    assert "--registry-password-file" in caught.value.repair


@pytest.mark.parametrize(
    ("backend", "provider", "clouds"),
    [
        (BACKEND, KEY, ("azure",)),
        ("s3://bucket?region=eu-central-1", "awskms:///arn:aws:kms:eu:1:key/x", ("aws",)),
        ("gs://bucket", "gcpkms://projects/p/x", ("google",)),
        ("https://api.pulumi.com", "default", ("pulumi",)),
        ("https://api.pulumi.com", KEY, ("pulumi", "azure")),
        ("s3://bucket", "hashivault://key", ("aws", "vault")),
    ],
)
def test_check_places_tells_which_clouds_a_job_logs_in_to(backend: str, provider: str, clouds: tuple[str, ...]) -> None:
    assert check_places(backend, provider, REGISTRY).clouds == clouds


def test_places_registry_url_holds_the_password_whatever_is_in_it_and_no_repr_does() -> None:
    places = check_places(BACKEND, KEY, REGISTRY, "p@ss/w:rd")

    assert places.registry == "postgresql+psycopg://orgcal@db.example/orgcal"
    assert places.registry_url == "postgresql+psycopg://orgcal:p%40ss%2Fw%3Ard@db.example/orgcal"
    assert "p@ss" not in repr(places)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SetupRequest("acme/app", "production", PLACES, owner_id="1"),
        lambda: SetupRequest("acme/app", "production", PLACES, owner_id="one", repository_id="2"),
        lambda: SetupRequest("acme/app", "production", PLACES, ephemeral_backend=BACKEND),
        lambda: SetupRequest("acme/app", "production", PLACES, ephemeral_backend="file:///x"),
        lambda: SetupRequest("acme/app", "e" * 250, PLACES),
        lambda: SetupRequest("acme/app", "production", PULUMI_CLOUD),
    ],
)
def test_wanted_what_cannot_be_right_is_refused(wrong: Callable[[], SetupRequest]) -> None:
    with pytest.raises(UsageError):
        wrong().check()


def test_wanted_preview_with_a_key_service_beside_pulumi_cloud_needs_no_reviewer() -> None:
    SetupRequest("acme/app", "production", Backends("https://api.pulumi.com", KEY, REGISTRY)).check()


def test_generic_preview_that_could_decrypt_is_refused_unless_its_role_cannot() -> None:
    subjects = {"deploy": ["d"], "preview": ["p"]}
    facts = StackFacts("prod", "", "", "", ())
    with pytest.raises(UsageError, match="decrypts the stack's secrets") as caught:
        GenericRequest.of("https://ci.example", subjects, facts, None, PULUMI_CLOUD)

    made = GenericRequest.of("https://ci.example", subjects, facts, None, PULUMI_CLOUD, preview_cannot_decrypt=True)
    assert "--preview-subject" in caught.value.repair
    assert [role.name for role in made.roles] == ["deploy", "preview"]


def test_consent_commands_only_for_what_is_not_granted() -> None:
    waiting = Identity("deploy", "c-1", "s-1", "orgcal deploy", ("Application.Read.All",), False, ())
    done = Identity("preview", "c-2", "s-2", "orgcal preview", ("Application.Read.All",), True, ())

    commands = consent_commands([waiting, done])

    assert commands[0] == "az ad app permission admin-consent --id c-1"
    assert "appId/c-1" in commands[1]
    assert len(commands) == 2
