"""A job's login to the cloud that keeps the state: a token of the runner's issuer, in a file that Pulumi reads.

The azuread plugin and orgcal's own commands ask for tokens by themselves; this is for the state's storage and for the
key of its secrets, which Pulumi reaches with each cloud's own libraries. GitHub's tokens live for minutes, and those
libraries exchange one for a login of an hour; a longer job runs this again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from orgcal.errors import UsageError
from orgcal.msgraph.operator import AUDIENCE, request_token
from orgcal.msgraph.session import new_session
from orgcal.msgraph.worlds import load_world

Cloud = Literal["azure", "aws", "google"]
GOOGLE_PROVIDER = "GOOGLE_WORKLOAD_IDENTITY_PROVIDER"


def write_token(cloud: Cloud, environ: Mapping[str, str]) -> tuple[str, Path]:
    """Ask for a token and write it into a private file of the job.

    Args:
        cloud: whose login.
        environ: the job's; `RUNNER_TEMP` says where, `GITHUB_ENV` takes the variable for the steps that follow.

    Returns:
        The variable that names the file, and the file.

    Raises:
        UsageError: there is no issuer, or no directory of the job.
        OrgcalError: the issuer gave no token.
    """
    folder = environ.get("RUNNER_TEMP", "")
    if not folder or not Path(folder).is_dir():
        raise UsageError(
            "the environment names no directory of the job", where="RUNNER_TEMP", repair="export RUNNER_TEMP=DIRECTORY"
        )
    provider = environ.get(GOOGLE_PROVIDER, "").strip("/")
    if cloud == "google" and not provider:
        raise UsageError(
            "the environment names no workload identity provider",
            where=GOOGLE_PROVIDER,
            repair="projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
        )
    audiences = {"azure": AUDIENCE, "aws": "sts.amazonaws.com", "google": f"https://iam.googleapis.com/{provider}"}
    with new_session(load_world("public", environ), environ=environ) as session:
        token = request_token(environ, session, audiences[cloud])
    path = Path(folder) / f"orgcal-{cloud}-token"
    _write_private(path, token)
    names = {"azure": "AZURE_FEDERATED_TOKEN_FILE", "aws": "AWS_WEB_IDENTITY_TOKEN_FILE"}
    if cloud == "google":
        # Source: https://google.aip.dev/auth/4117
        login = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{provider}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {"file": str(path)},
        }
        path = Path(folder) / "orgcal-google-login.json"
        _write_private(path, json.dumps(login))
    variable = names.get(cloud, "GOOGLE_APPLICATION_CREDENTIALS")
    if environ.get("GITHUB_ENV"):
        with Path(environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
            file.write(f"{variable}={path}\n")
    return variable, path


def _write_private(path: Path, text: str) -> None:
    staging = path.with_name(f"{path.name}.new")
    staging.unlink(missing_ok=True)
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    staging.replace(path)
