"""A job's login to the cloud that keeps the state: a token of the runner's issuer, in a file that Pulumi reads.

The azuread plugin and orgcal's own commands ask for tokens by themselves; this is for the state's storage and for the
key of its secrets, which Pulumi reaches with each cloud's own libraries. They exchange the token for a login of an
hour, but each process of the engine does so anew, while GitHub's tokens live for five minutes: so whoever starts the
engine renews the file first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from orgcal.errors import UsageError
from orgcal.files.whole import write_whole

Cloud = Literal["azure", "aws", "google"]
GOOGLE_PROVIDER = "GOOGLE_WORKLOAD_IDENTITY_PROVIDER"
RENEWED_AFTER_S = 60.0
"""Young enough for the engine to start with it."""


def write_token(cloud: Cloud, environ: Mapping[str, str]) -> tuple[str, Path]:
    """Ask for a token and write it into a private file of the job; the variable that names the file, and the file.

    `RUNNER_TEMP` says where, `GITHUB_ENV` takes the variable for the steps that follow.

    Raises:
        UsageError: there is no issuer, or no directory of the job.
        OrgcalError: the issuer gave no token.
    """
    folder = environ.get("RUNNER_TEMP", "")
    if not folder or not Path(folder).is_dir():
        raise UsageError(
            "the environment names no directory of the job", where="RUNNER_TEMP", repair="export RUNNER_TEMP=DIRECTORY"
        )
    path = _ask(cloud, Path(folder), environ)
    variable = {"azure": "AZURE_FEDERATED_TOKEN_FILE", "aws": "AWS_WEB_IDENTITY_TOKEN_FILE"}.get(cloud)
    if variable is None:
        # Source: https://google.aip.dev/auth/4117
        login = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{_google_provider(environ)}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {"file": str(path)},
        }
        variable, path = "GOOGLE_APPLICATION_CREDENTIALS", Path(folder) / "orgcal-google-login.json"
        write_whole(path, json.dumps(login))
    if environ.get("GITHUB_ENV"):
        with Path(environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
            file.write(f"{variable}={path}\n")
    return variable, path


def renew_tokens(environ: Mapping[str, str]) -> None:
    """Ask anew for each token that `write_token` has written in this job and that is not fresh any more.

    Raises:
        OrgcalError: the issuer gave no token.
    """
    folder = environ.get("RUNNER_TEMP", "")
    for cloud in get_args(Cloud) if folder else ():
        path = _token_file(cloud, Path(folder))
        try:
            age_s = time.time() - path.stat().st_mtime
        except OSError:
            continue
        if not 0 <= age_s <= RENEWED_AFTER_S:  # a clock that was set back tells nothing
            _ask(cloud, Path(folder), environ)


def _token_file(cloud: Cloud, folder: Path) -> Path:
    return folder / f"orgcal-{cloud}-token"


def _ask(cloud: Cloud, folder: Path, environ: Mapping[str, str]) -> Path:
    """Write a new token; its file."""
    from orgcal.entra.clouds import load_endpoints
    from orgcal.entra.operator import AUDIENCE, issuer_session, request_token

    audience = {"azure": AUDIENCE, "aws": "sts.amazonaws.com"}.get(cloud) or (
        f"https://iam.googleapis.com/{_google_provider(environ)}"
    )
    with issuer_session(load_endpoints("public", environ), environ) as session:
        token = request_token(environ, session, audience)
    path = _token_file(cloud, folder)
    write_whole(path, token)
    return path


def _google_provider(environ: Mapping[str, str]) -> str:
    provider = environ.get(GOOGLE_PROVIDER, "").strip("/")
    if not provider:
        raise UsageError(
            "the environment names no workload identity provider",
            where=GOOGLE_PROVIDER,
            repair="projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
        )
    return provider
