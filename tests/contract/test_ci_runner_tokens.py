"""The token with which a job in GitHub Actions reads the state: private, renewed, refused in one sentence."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from orgcal.ci.github import open_github
from orgcal.engine.find import Engine
from orgcal.engine.runner_tokens import renew_tokens, write_token
from orgcal.errors import OrgcalError, UsageError
from orgcal.platforms.testing_server import StrictServer
from orgcal.stack.runner import ExactEnvironment
from tests.support.oidc_issuer import OidcIssuer


def test_token_for_the_state_is_private_and_named_for_later_steps(tmp_path: Path) -> None:
    issuer = OidcIssuer("https://token.actions.githubusercontent.com", "s")
    with StrictServer(issuer).running() as server:
        environ = {
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_ENV": str(tmp_path / "env"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.base_url}/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.key,
            "GOOGLE_WORKLOAD_IDENTITY_PROVIDER": "projects/1/locations/global/workloadIdentityPools/p/providers/q",
        }
        found = {cloud: write_token(cloud, environ) for cloud in ("azure", "aws", "google")}
        again = write_token("azure", environ)
        with pytest.raises(OrgcalError, match="the issuer gave no token") as caught:
            write_token("azure", {**environ, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "other-key"})

    assert again == found["azure"]
    assert {variable for variable, _ in found.values()} == {
        "AZURE_FEDERATED_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
    }
    assert all(stat.S_IMODE(os.stat(path).st_mode) == 0o600 for _, path in found.values())
    assert f"AZURE_FEDERATED_TOKEN_FILE={found['azure'][1]}" in (tmp_path / "env").read_text()
    assert issuer.asked[:3] == [
        "api://AzureADTokenExchange",
        "sts.amazonaws.com",
        "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    ]
    assert "other-key" not in str(caught.value)


def test_token_is_renewed_before_each_start_of_the_engine_as_it_lives_for_minutes(tmp_path: Path) -> None:
    issuer, written = OidcIssuer("https://token.actions.githubusercontent.com", "s"), tmp_path / "environment"
    program = tmp_path / "pulumi"
    program.write_text(f'#!/bin/sh\ncat "$AZURE_FEDERATED_TOKEN_FILE" > {written}\n')
    program.chmod(0o755)
    engine = ExactEnvironment(Engine(tmp_path, program, program, "3.274.1", "path", "for this test"))
    with StrictServer(issuer).running() as server:
        environ = {
            "RUNNER_TEMP": str(tmp_path),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.base_url}/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.key,
            "ARM_USE_OIDC": "true",
            "ARM_CLIENT_ID": "c",
        }
        variable, path = write_token("azure", environ)
        first = path.read_text()
        engine.run(["up"], str(tmp_path), {**environ, variable: str(path)})
        young = written.read_text()
        os.utime(path, (time.time() - 600, time.time() - 600))
        issuer.subject = "renewed"
        engine.run(["up"], str(tmp_path), {**environ, variable: str(path)})

    assert young == first
    assert jwt.decode(written.read_text(), options={"verify_signature": False})["sub"] == "renewed"
    assert issuer.asked == ["api://AzureADTokenExchange"] * 2, "nobody is asked for other clouds"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    renew_tokens({})  # by hand there is no job


def test_token_of_a_clock_that_was_set_back_is_renewed(tmp_path: Path) -> None:
    issuer = OidcIssuer("https://token.actions.githubusercontent.com", "s")
    with StrictServer(issuer).running() as server:
        environ = {
            "RUNNER_TEMP": str(tmp_path),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.base_url}/token",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.key,
        }
        path = write_token("azure", environ)[1]
        for ahead_s in (3600, 600, 90):  # the file was written before the clock was set back by so much
            os.utime(path, (time.time() + ahead_s,) * 2)
            issuer.subject = f"renewed-{ahead_s}"
            renew_tokens(environ)

            token = jwt.decode(path.read_text(), options={"verify_signature": False})
            assert token["sub"] == f"renewed-{ahead_s}"
            assert path.stat().st_mtime <= time.time()

    assert len(issuer.asked) == 4


@pytest.mark.parametrize(
    ("cloud", "missing"),
    [
        ("azure", "RUNNER_TEMP"),
        ("azure", "ACTIONS_ID_TOKEN_REQUEST_URL"),
        ("google", "GOOGLE_WORKLOAD_IDENTITY_PROVIDER"),
    ],
)
def test_token_where_the_job_lacks_something_names_it(cloud: Any, missing: str, tmp_path: Path) -> None:
    environ = {
        "RUNNER_TEMP": str(tmp_path),
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "k",
        "GOOGLE_WORKLOAD_IDENTITY_PROVIDER": "projects/1",
    }

    with pytest.raises(UsageError):
        write_token(cloud, {name: value for name, value in environ.items() if name != missing})


@pytest.mark.parametrize("token", ["two\nlines", "with blank", "schl\u00fcssel", '""'])
def test_token_for_github_that_is_none_is_refused_without_its_text(token: str) -> None:
    with pytest.raises(UsageError, match="GH_TOKEN: its value") as caught:
        open_github({"GH_TOKEN": token})

    assert token not in str(caught.value) or token == '""'
    assert caught.value.repair
