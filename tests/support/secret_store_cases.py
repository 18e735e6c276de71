"""Secret stores as the contract suites see them: unmodified SDKs against servers on this machine."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import requests
import trustme
from azure.keyvault.secrets._shared.http_challenge_cache import clear
from botocore.loaders import create_loader

from orgcal.platforms import open_platform
from orgcal.platforms.testing_server import Api, FakeTime, Reply, Request, StrictServer
from tests.support.key_vault_api import TENANT, KeyVaultApi
from tests.support.local_platform_api import bundle_of
from tests.support.platform_apis import API_KEY
from tests.support.tunnel import Tunnel
from tests.support.vault_api import VaultApi

CALLBACK = "https://app.example.com/oauth/callback"
PLAIN = "{client_secret}"
LOGIN_SECRET = "Nq8Q~yV3tLw0fJ6hR1zKp9bXc5mGd2sAe7uEXAMPLE"
AWS_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AWS_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN4711"
REGION = "eu-central-1"
VAULT_HOST = "acme-prod.vault.azure.net"
_ENDPOINTS = {"token": "token", "authorization": "authorize", "device_authorization": "devicecode"}
_AWS = {"kind": "aws-secrets-manager", "region": REGION, "callback_url": CALLBACK}
_KEY_VAULT = {"kind": "azure-key-vault", "vault_url": f"https://{VAULT_HOST}", "callback_url": CALLBACK}

SETTINGS: dict[str, dict[str, Any]] = {
    "aws-secrets-manager": _AWS,
    "aws-secrets-manager-plain": {**_AWS, "value": PLAIN},
    "azure-key-vault": _KEY_VAULT,
    "azure-key-vault-plain": {**_KEY_VAULT, "value": PLAIN, "tags": {"connector": "{key}"}},
    "hashicorp-vault": {
        "kind": "hashicorp-vault",
        "address": "https://vault.example.com:8200",
        "callback_url": CALLBACK,
        "tags": {"orgcal": "{key}"},
    },
}
"""Every case by its name, with the settings of a real stack."""


@dataclass
class OpenStore:
    """A running store.

    Attributes:
        settings: with the address of the server.
        environ: for `open_platform`.
        api: of Key Vault or Vault; None for moto.
        server: which all requests of the SDK go through; faults can be armed there.
        change: a function from the stored value to the one that somebody else stores.
        refusal: an answer of the store with that status, and those words wherever it has words.
        versions: how many there are, also those before the current one.
        before: the value of the version before the current one.
        keys: texts of the login that no message may show.
    """

    settings: dict[str, Any]
    environ: dict[str, str]
    api: Any
    server: StrictServer
    change: Callable[[Callable[[Any], Any]], None]
    refusal: Callable[[int, str], Reply]
    versions: Callable[[], int]
    before: Callable[[], Any]
    keys: tuple[str, ...]

    def opened(self, **settings: Any) -> Any:
        """The platform with further settings."""
        return open_platform({**self.settings, **settings}, self.environ, clock=FakeTime().clock())

    def meddle(self) -> None:
        """Somebody else stores another secret."""

        def typed_in(value: Any) -> Any:
            if isinstance(value, dict):
                return {**value, "client_secret": "typed-in"}
            return value.replace("hush-1", "typed-in")

        self.change(typed_in)

    def writes(self) -> list[str]:
        """The operations that changed something."""
        found = []
        for request in self.server.seen:
            operation = request.headers.get("x-amz-target", "").rpartition(".")[2] or request.method
            if operation not in ("GET", "DescribeSecret", "GetSecretValue"):
                found.append(f"{operation} {request.path}")
        return found


@contextmanager
def open_store(name: str, folder: Path) -> Iterator[OpenStore]:
    """The store of the case `name`, new and empty."""
    kinds = {"aws-secrets-manager": _aws, "azure-key-vault": _key_vault, "hashicorp-vault": _vault}
    with ExitStack() as stack:
        yield kinds[name.removesuffix("-plain")](dict(SETTINGS[name]), stack, folder)


@cache
def moto_url() -> str:
    """The address of a moto server that runs as long as this process."""
    from moto.server import ThreadedMotoServer  # not where every process that collects tests waits for it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    return "http://{}:{}".format(*server.get_host_and_port())


def forwarding(url: str) -> Api:
    """An API that is the one at `url`."""

    def forward(request: Request) -> Reply:
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        with requests.request(
            request.method, url + request.path, json=request.body, headers=headers, timeout=30
        ) as got:
            return Reply(got.status_code, got.content)

    return forward


def aws_variables(folder: Path) -> dict[str, str]:
    """What boto3 finds in the environment, and none of this machine's configuration."""
    missing = str(folder / "missing")
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": AWS_SECRET_KEY,
        "AWS_SESSION_TOKEN": AWS_TOKEN,
        "AWS_CONFIG_FILE": missing,
        "AWS_SHARED_CREDENTIALS_FILE": missing,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


_descriptions = cache(create_loader)
"""What the SDK knows of AWS's services, megabytes that a process reads once."""


def _aws(settings: dict[str, Any], stack: ExitStack, folder: Path) -> OpenStore:
    stack.enter_context(mock.patch.dict(os.environ, aws_variables(folder)))
    stack.enter_context(mock.patch("botocore.session.create_loader", _descriptions))
    requests.post(f"{moto_url()}/moto-api/reset", timeout=30).close()
    server = stack.enter_context(StrictServer(forwarding(moto_url())).running())
    settings["endpoint_url"] = server.base_url

    def call(operation: str, **body: Any) -> Any:
        headers = {
            "X-Amz-Target": f"secretsmanager.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=A/20260101/{REGION}/secretsmanager/aws4_request",
        }
        with requests.post(moto_url(), json={"SecretId": "orgcal/outlook", **body}, headers=headers, timeout=30) as got:
            return got.json()

    def change(changed: Callable[[Any], Any]) -> None:
        text = call("GetSecretValue")["SecretString"]
        call("PutSecretValue", SecretString=_changed(text, changed))

    def refusal(status: int, words: str) -> Reply:
        return Reply(status, {"__type": words, "message": words})

    def versions() -> int:
        return len(call("ListSecretVersionIds")["Versions"])

    def before() -> Any:
        return call("GetSecretValue", VersionStage="AWSPREVIOUS")["SecretString"]

    return OpenStore(settings, {}, call, server, change, refusal, versions, before, (AWS_SECRET_KEY, AWS_TOKEN))


def _key_vault(settings: dict[str, Any], stack: ExitStack, folder: Path) -> OpenStore:
    api, authority = KeyVaultApi(), trustme.CA()
    host = urlsplit(settings["vault_url"]).hostname or ""
    entra = "login.microsoftonline.com"
    login = stack.enter_context(StrictServer(_tokens, ca=authority, hosts=(entra,)).running())
    server = stack.enter_context(StrictServer(api, ca=authority, hosts=(host,)).running())
    tunnel = stack.enter_context(Tunnel({host: server.port, entra: login.port}).running())
    proxies = {"https_proxy": tunnel.url, "no_proxy": "127.0.0.1,localhost"}
    stack.enter_context(mock.patch.dict(os.environ, proxies | {name.upper(): text for name, text in proxies.items()}))
    stack.callback(clear)
    environ = {
        "ARM_TENANT_ID": TENANT,
        "ARM_CLIENT_ID": "c0000000-0000-4000-8000-000000000001",
        "ARM_CLIENT_SECRET": LOGIN_SECRET,
        "REQUESTS_CA_BUNDLE": str(bundle_of(authority, folder)),
    }

    def change(changed: Callable[[Any], Any]) -> None:
        api.edit("orgcal-outlook", _changed(api.values("orgcal-outlook")[-1], changed))

    def refusal(status: int, words: str) -> Reply:
        return Reply(status, {"error": {"code": words, "message": words, "innererror": {"code": words}}})

    def versions() -> int:
        return len(api.values("orgcal-outlook"))

    def before() -> Any:
        return api.values("orgcal-outlook")[-2]

    return OpenStore(settings, environ, api, server, change, refusal, versions, before, (API_KEY, LOGIN_SECRET))


def _tokens(request: Request) -> Reply:
    """What azure-identity asks Entra ID for a token of an application."""
    issuer = f"https://login.microsoftonline.com/{TENANT}"
    if request.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
        found = {f"{name}_endpoint": f"{issuer}/oauth2/v2.0/{path}" for name, path in _ENDPOINTS.items()}
        return Reply(200, {"issuer": f"{issuer}/v2.0", **found})
    if request.path == f"/{TENANT}/oauth2/v2.0/token" and request.body.get("client_secret") == LOGIN_SECRET:
        assert request.body["scope"] == "https://vault.azure.net/.default"
        return Reply(200, {"access_token": API_KEY, "token_type": "Bearer", "expires_in": 3599})
    return Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."})


def _vault(settings: dict[str, Any], stack: ExitStack, folder: Path) -> OpenStore:
    api = VaultApi()
    server = stack.enter_context(StrictServer(api).running())
    settings["address"] = server.base_url
    token = folder / "vault.key"
    token.write_text(API_KEY + "\n")
    token.chmod(0o600)

    def value(age: int) -> Any:
        entry = api.kv.entries["orgcal/outlook"]
        return entry.versions[entry.current - age].data

    def change(changed: Callable[[Any], Any]) -> None:
        api.kv.write("orgcal/outlook", changed(value(0)))

    def refusal(status: int, words: str) -> Reply:
        return Reply(status, {"errors": [words]})

    def versions() -> int:
        return api.kv.entries["orgcal/outlook"].current

    environ = {"VAULT_TOKEN_FILE": str(token)}
    return OpenStore(settings, environ, api, server, change, refusal, versions, lambda: value(1), (API_KEY,))


def _changed(text: str, changed: Callable[[Any], Any]) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return str(changed(text))
    return json.dumps(changed(value))
