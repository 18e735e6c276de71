"""Every platform as the contract suites see it: how to open it, how to meddle with it, how to break its server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trustme
import yaml
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.credentials import ClientSecret
from orgcal.platforms import Capabilities, capabilities_of, open_platform, testing
from orgcal.platforms.testing_server import FakeTime, StrictServer
from tests.support import secret_store_cases
from tests.support.airflow_api import AirflowApi
from tests.support.gitlab_api import GitlabApi
from tests.support.heroku_api import HerokuApi
from tests.support.local_platform_api import LocalPlatformApi, write_emulator_file
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY, GithubApi, NylasApi, XkitApi

CALLBACK = "https://app.example.com/oauth/callback"

LOCAL_AS_HTTP: dict[str, Any] = {
    "kind": "http",
    "entry": {
        "read": {"method": "GET", "path": "/platform/local/connectors/{key}"},
        "create": {
            "method": "POST",
            "path": "/platform/local/connectors",
            "body": {
                "key": "{key}",
                "name": "{display_name}",
                "description": "{description}",
                "scopes": "{scopes}",
                "published": "{published}",
            },
        },
        "update": {
            "method": "PATCH",
            "path": "/platform/local/connectors/{key}",
            "body": {
                "name": "{display_name}",
                "description": "{description}",
                "scopes": "{scopes}",
                "published": "{published}",
            },
        },
        "delete": {"method": "DELETE", "path": "/platform/local/connectors/{key}"},
        "fields": {
            "callback_url": "callback_url",
            "display_name": "name",
            "description": "description",
            "scopes": "scopes",
            "published": "published",
        },
    },
    "credentials": {
        "read": {"method": "GET", "path": "/platform/local/connectors/{key}/credentials"},
        "push": {
            "method": "PUT",
            "path": "/platform/local/connectors/{key}/credentials",
            "body": {"client_id": "{client_id}", "client_secret": "{client_secret}", "generation": "{generation}"},
        },
        "remove": {"method": "DELETE", "path": "/platform/local/connectors/{key}/credentials"},
        "fields": {"client_id": "client_id", "client_secret": "client_secret", "generation": "generation"},
    },
}

NYLAS: dict[str, Any] = {
    "kind": "http",
    "name": "Nylas",
    "callback_url": "https://api.us.nylas.com/v3/connect/callback",
    "credentials": {
        "read": {"method": "GET", "path": "/v3/connectors/{key}"},
        "create": {
            "method": "POST",
            "path": "/v3/connectors",
            "body": {
                "provider": "{key}",
                "settings": {"client_id": "{client_id}", "client_secret": "{client_secret}"},
                "scope": "{scopes}",
            },
        },
        "push": {
            "method": "PATCH",
            "path": "/v3/connectors/{key}",
            "body": {
                "settings": {"client_id": "{client_id}", "client_secret": "{client_secret}"},
                "scope": "{scopes}",
            },
        },
        "remove": {"method": "DELETE", "path": "/v3/connectors/{key}"},
        "fields": {
            "client_id": "data.settings.client_id",
            "client_secret": "data.settings.client_secret",
            "scopes": "data.scope",
        },
    },
}


def _of_the_docs(name: str) -> dict[str, Any]:
    """The settings that `docs/platforms.md` shows for a platform of this name."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "platforms.md").read_text(encoding="utf-8")
    blocks = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    found: dict[str, Any] = next(block["platform"] for block in blocks if block.get("platform", {}).get("name") == name)
    return found


GITHUB: dict[str, Any] = {
    "kind": "github-environment",
    "repository": "acme/app",
    "environment": "production",
    "callback_url": CALLBACK,
}


@dataclass(kw_only=True)
class Case(testing.Case):
    """One of our platforms under test.

    Attributes:
        drop: makes the platform lose a field that it accepts, None where nothing can.
    """

    name: str
    drop: Callable[[str], None] | None = None


DOTENV_FIELDS = ("display_name", "description", "scopes", "published", "client_id", "client_secret", "generation")

SETTINGS: dict[str, dict[str, Any]] = {
    "local": {"kind": "local"},
    "local-strict": {"kind": "local"},
    "file-yaml": {"kind": "file", "path": "settings.yaml", "callback_url": CALLBACK},
    "file-json": {"kind": "file", "path": "settings.json", "callback_url": CALLBACK},
    "file-dotenv": {
        "kind": "file",
        "path": ".env",
        "callback_url": CALLBACK,
        "names": {name: f"CAL_{name.upper()}" for name in DOTENV_FIELDS},
    },
    "file-toml": {"kind": "file", "path": "settings.toml", "callback_url": CALLBACK},
    "file-dotenv-base64": {
        "kind": "file",
        "path": ".env.production",
        "callback_url": CALLBACK,
        "names": {name: f"CAL_{name.upper()}" for name in DOTENV_FIELDS},
        "base64": ["client_secret"],
    },
    "http": {**LOCAL_AS_HTTP, "base_url": "https://localhost"},
    "nylas": {**NYLAS, "base_url": "https://api.us.nylas.com"},
    "xkit": {**_of_the_docs("Xkit"), "key_file_variable": "ORGCAL_PLATFORM_KEY_FILE"},
    "gitlab": {**_of_the_docs("GitLab"), "key_file_variable": "ORGCAL_PLATFORM_KEY_FILE"},
    "heroku": {**_of_the_docs("Heroku"), "key_file_variable": "ORGCAL_PLATFORM_KEY_FILE"},
    "airflow": {**_of_the_docs("Airflow"), "key_file_variable": "ORGCAL_PLATFORM_KEY_FILE"},
    "nango": {"kind": "nango"},
    "nango-emulator": {"kind": "nango"},
    "github-environment": GITHUB,
    **secret_store_cases.SETTINGS,
}
"""Every case by its name, with the settings of a real stack."""

NAMES = tuple(SETTINGS)
SERVED = ("local-strict", "http", "nylas", "xkit", "gitlab", "heroku", "airflow", "nango", "github-environment")
"""Cases with a server of ours, in which faults can be armed."""


def able(condition: Callable[[Capabilities], bool], names: tuple[str, ...] = NAMES) -> list[str]:
    """Names of the cases whose capabilities fit."""
    return [name for name in names if condition(capabilities_of(SETTINGS[name]))]


@contextmanager
def open_case(name: str, folder: Path, authority: trustme.CA, keys: Any) -> Iterator[Case]:
    """The case `name`, with its servers running and its files below `folder`."""
    with ExitStack() as stack:
        if name in ("local", "nango-emulator"):
            yield _emulator(name, stack, keys)
        elif name.startswith("file-"):
            yield _file(name, folder)
        elif name in ("local-strict", "http"):
            yield _local_strict(name, stack, folder, authority)
        elif name in secret_store_cases.SETTINGS:
            yield _secret_store(name, stack, folder)
        else:
            yield _rest(name, stack, folder)


def _emulator(name: str, stack: ExitStack, keys: Any) -> Case:
    ready = stack.enter_context(RunningEmulator(keys=keys)).ready
    environ = {"ORGCAL_EMULATOR_FILE": str(Path(ready["ca_file"]).with_name("ready.json"))}
    settings, time = dict(SETTINGS[name]), FakeTime()
    if name == "nango-emulator":
        settings["base_url"] = ready["nango"]["url"]
        environ["NANGO_API_KEY_FILE"] = ready["nango"]["api_key_file"]
    platform = open_platform(settings, environ, clock=time.clock())

    def meddle() -> None:
        held = platform.read_credentials("outlook")
        assert held is not None
        assert held.credential is not None
        platform.push_credentials("outlook", replace(held.credential, credential=ClientSecret("typed-in")))

    forgets = name == "local"
    return Case(settings, environ, platform, name=name, time=time, meddle=meddle, forgets=forgets)


def _local_strict(name: str, stack: ExitStack, folder: Path, authority: trustme.CA) -> Case:
    api = LocalPlatformApi()
    server = stack.enter_context(StrictServer(api, ca=authority).running())
    ready = write_emulator_file(folder, server, authority)
    environ = {"ORGCAL_EMULATOR_FILE": str(ready), "ORGCAL_PLATFORM_KEY_FILE": str(folder / "platform.key")}
    settings = dict(SETTINGS[name])
    if name == "http":
        settings["base_url"] = server.base_url
    time = FakeTime()
    platform = open_platform(settings, environ, clock=time.clock())

    def meddle() -> None:
        api.credentials["outlook"]["client_secret"] = "typed-in"

    return Case(
        settings,
        environ,
        platform,
        name=name,
        time=time,
        server=server,
        key_file=folder / "platform.key",
        meddle=meddle,
        drop=lambda field: api.drops.add(field),
    )


def _rest(name: str, stack: ExitStack, folder: Path) -> Case:
    apis = {
        "nylas": NylasApi,
        "xkit": XkitApi,
        "gitlab": GitlabApi,
        "heroku": HerokuApi,
        "airflow": AirflowApi,
        "nango": NangoApi,
        "github-environment": GithubApi,
    }
    api: Any = apis[name]()
    server = stack.enter_context(StrictServer(api).running())
    key_file = folder / "api.key"
    key_file.write_text(API_KEY + "\n")
    key_file.chmod(0o600)
    variables = ("NANGO_API_KEY_FILE", "ORGCAL_PLATFORM_KEY_FILE", "GITHUB_TOKEN_FILE")
    environ = {variable: str(key_file) for variable in variables}
    address = "api_url" if name == "github-environment" else "base_url"
    settings = {**SETTINGS[name], address: server.base_url}
    time = FakeTime()
    platform = open_platform(settings, environ, clock=time.clock())

    def meddle() -> None:
        if name == "nylas":
            api.connectors["outlook"]["settings"]["client_secret"] = "typed-in"
        elif name == "xkit":
            api.connectors["outlook"]["credentials_updated_at"] = "2026-02-02T00:00:00Z"
        elif name == "gitlab":
            api.variables["OUTLOOK_CLIENT_SECRET", "production"]["value"] = "typed-in"
        elif name == "heroku":
            api.config_vars["MS_CLIENT_SECRET"] = "typed-in"
        elif name == "airflow":
            api.connections["outlook"]["password"] = "typed-in"
        elif name == "nango":
            api.integrations["outlook"]["credentials"]["client_secret"] = "typed-in"
        else:
            api.secrets["ORGCAL_CLIENT_SECRET"] = {"value": "other", "updated_at": "2026-02-02T00:00:00Z"}

    return Case(
        settings,
        environ,
        platform,
        name=name,
        time=time,
        server=server,
        key_file=key_file,
        push_method={"nango": "PATCH", "nylas": "PATCH", "airflow": "PATCH", "heroku": "PATCH"}.get(name, "PUT"),
        meddle=meddle,
        drop=lambda field: api.drops.add(field),
        forgets=name not in ("nango", "xkit"),
    )


def _file(name: str, folder: Path) -> Case:
    path = folder / SETTINGS[name]["path"]
    settings = {**SETTINGS[name], "path": str(path)}
    time = FakeTime()

    def meddle() -> None:
        path.write_text(path.read_text().replace("hush-1", "typed-in").replace("aHVzaC0x", "dHlwZWQtaW4="))

    platform = open_platform(settings, {}, clock=time.clock())
    any_text = name != "file-dotenv"
    return Case(settings, {}, platform, name=name, time=time, meddle=meddle, any_text=any_text)


def _secret_store(name: str, stack: ExitStack, folder: Path) -> Case:
    store = stack.enter_context(secret_store_cases.open_store(name, folder))
    time = FakeTime()
    platform = open_platform(store.settings, store.environ, clock=time.clock())
    return Case(store.settings, store.environ, platform, name=name, time=time, meddle=store.meddle, server=store.server)
