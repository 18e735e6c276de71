"""What the programs that we start get of the caller's environment, and what a stack adds to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgcal.child_environ import ENGINE, GIT, GO, PIP, passed_on
from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE
from orgcal.entra.login import LOGIN_FORMS, LOGIN_VARIABLES
from orgcal.masking import SOCKET_VARIABLE
from orgcal.platforms.model import PROJECT_VARIABLE
from orgcal.stack.engine_variables import engine_variables, platform_variables
from orgcal.stack.environment import stack_environment
from orgcal.stack.files import DATA_DIR_VARIABLE
from provisioning.home import DEPLOYER_VARIABLE

SECRETS = {
    "GH_TOKEN": "hush-1",
    "GITHUB_TOKEN": "hush-2",
    "AWS_SECRET_ACCESS_KEY": "hush-3",
    "AZURE_STORAGE_KEY": "hush-4",
    "GOOGLE_CREDENTIALS": "hush-5",
    "VAULT_TOKEN": "hush-6",
    "PULUMI_ACCESS_TOKEN": "hush-7",
    "PULUMI_CONFIG_PASSPHRASE": "hush-8",
    "ORGCAL_REGISTRY_URL": "hush-9",
    "ORGCAL_OLD_ARM_CLIENT_SECRET": "hush-10",
    "NANGO_API_KEY_FILE": "hush-11",
    "SOMETHING_ELSE": "hush-12",
}
NEEDED = {
    "PATH": "/bin",
    "HOME": "/home/ada",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://proxy:8080",
    "HTTPS_PROXY": "http://proxy:8080",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/roots.pem",
    "REQUESTS_CA_BUNDLE": "/etc/roots.pem",
}
ENTRA = "  orgcal:entra: {cloud: public, tenant_id: 00000000-1111-2222-3333-444444444444}\n"
AWS = "{kind: aws-secrets-manager, region: eu-central-1, callback_url: 'https://a.example/c'}"
NANGO = "{kind: nango}"


def needs(folder: Path, *, backend: str = "file:///state", provider: str = "", connector: str = "") -> set[str]:
    """Which of `SECRETS` the engine of a stack with these settings gets."""
    top = f"secretsprovider: {provider}\n" if provider else ""
    section = f"  orgcal:connector: {connector}\n" if connector else ""
    (folder / "Pulumi.prod.yaml").write_text(f"{top}config:\n{ENTRA}{section}")
    allowed = (*ENGINE, *engine_variables(folder, "prod", backend))
    return passed_on(SECRETS, allowed).keys() & SECRETS.keys()


def test_passed_on_keeps_places_language_proxies_and_certificates_and_no_login() -> None:
    assert passed_on({**SECRETS, **NEEDED}) == NEEDED


def test_passed_on_lets_through_what_the_user_names() -> None:
    environ = {**SECRETS, "ORGCAL_PASS_VARIABLES": "SOMETHING_ELSE, AWS_* PULUMI_*"}

    assert passed_on(environ).keys() == {"SOMETHING_ELSE", "AWS_SECRET_ACCESS_KEY"}
    assert passed_on({**environ, "ORGCAL_PASS_VARIABLES": "PULUMI_ACCESS_TOKEN"}).keys() == {"PULUMI_ACCESS_TOKEN"}


def test_git_gets_what_a_push_needs_and_no_login_of_a_cloud() -> None:
    environ = {**SECRETS, "GIT_SSH_COMMAND": "ssh -i key", "SSH_AUTH_SOCK": "/run/agent"}

    assert passed_on(environ, GIT).keys() == {"GH_TOKEN", "GITHUB_TOKEN", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK"}


def test_go_and_pip_get_their_mirrors_and_no_login_of_others() -> None:
    go = {"GOPROXY": "https://mirror.example", "GOPRIVATE": "x", "GOAUTH": "netrc", "NETRC": "/n", "GOSUMDB": "x"}
    pip = {"PIP_INDEX_URL": "https://mirror.example", "PIP_CERT": "/roots.pem", "PIP_CONFIG_FILE": "/pip.conf"}
    changing = {"GOFLAGS": "-mod=mod", "GOINSECURE": "*", "GONOSUMDB": "*", "GOOS": "plan9", "GOCACHEPROG": "x"}
    environ = {**SECRETS, **go, **pip, **changing, **NEEDED}

    assert passed_on(environ, GO) == {**go, **NEEDED}
    assert passed_on(environ, PIP) == {**pip, "NETRC": "/n", **NEEDED}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"PULUMI_CONFIG_PASSPHRASE"}),
        ({"backend": "s3://bucket"}, {"PULUMI_CONFIG_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"}),
        ({"backend": "azblob://state", "provider": "azurekeyvault://v/keys/k"}, {"AZURE_STORAGE_KEY"}),
        ({"backend": "gs://bucket", "provider": "gcpkms://k"}, {"GOOGLE_CREDENTIALS"}),
        ({"backend": "s3://bucket", "provider": "hashivault://k"}, {"AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN"}),
        ({"backend": "https://api.pulumi.com", "provider": "default"}, {"PULUMI_ACCESS_TOKEN"}),
        (
            {"provider": "awskms://k", "connector": f"{{platform: {NANGO}}}"},
            {"AWS_SECRET_ACCESS_KEY", "NANGO_API_KEY_FILE"},
        ),
        (
            {"provider": "gcpkms://k", "connector": f"{{platform: {NANGO}, also_push_to: {{aws: {AWS}}}}}"},
            {"GOOGLE_CREDENTIALS", "NANGO_API_KEY_FILE", "AWS_SECRET_ACCESS_KEY"},
        ),
        ({"connector": "[not, a, mapping]"}, {"PULUMI_CONFIG_PASSPHRASE"}),
        ({"connector": "{platform: {kind: nowhere}, also_push_to: [x]}"}, {"PULUMI_CONFIG_PASSPHRASE"}),
    ],
)
def test_engine_gets_the_logins_of_backend_key_service_and_platforms_alone(
    tmp_path: Path, settings: dict[str, str], expected: set[str]
) -> None:
    assert needs(tmp_path, **settings) == expected


def test_engine_of_a_stack_whose_file_cannot_be_read_gets_the_login_of_its_backend(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.broken.yaml").write_text("a: [")

    for stack in ("broken", "missing"):
        assert "AWS_*" in engine_variables(tmp_path, stack, "s3://bucket")


def test_engine_gets_every_form_of_the_operators_login_and_of_a_jobs() -> None:
    names = {
        *LOGIN_VARIABLES,
        *(name for form in LOGIN_FORMS for name in form.variables),
        *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "RUNNER_TEMP"),
        *("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURE_CONFIG_DIR"),
    }

    assert passed_on(dict.fromkeys(names, "x"), ENGINE).keys() == names


def test_engine_gets_what_program_and_plugins_of_ours_read() -> None:
    names = {PROJECT_VARIABLE, EMULATOR_FILE_VARIABLE, DEPLOYER_VARIABLE, SOCKET_VARIABLE, DATA_DIR_VARIABLE}

    assert passed_on(dict.fromkeys(names, "x"), ENGINE).keys() == names


def test_engine_environ_of_a_stack_holds_its_own_variables_and_no_foreign_one(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config:\n{ENTRA}")
    environ = {**SECRETS, "PATH": os.defpath, "ORGCAL_DATA_DIR": str(tmp_path / "data"), "ARM_CLIENT_SECRET": "mine"}
    environment = stack_environment(tmp_path, "prod", environ)

    found = environment.to_engine_environ(environ, platform_variables([{"kind": "nango"}]))

    assert environment.variables.items() <= found.items()
    assert found["ARM_CLIENT_SECRET"] == "mine"
    assert found.keys() & SECRETS.keys() == {"PULUMI_CONFIG_PASSPHRASE", "NANGO_API_KEY_FILE"}
