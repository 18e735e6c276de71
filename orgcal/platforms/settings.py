"""The base of each kind's settings, and the fields that kinds share."""

from __future__ import annotations

import base64
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator

from orgcal.fields import Section, setting
from orgcal.patience import Clock
from orgcal.platforms.model import Capabilities, Platform
from orgcal.platforms.rest import RestClient, read_key_file, session_for

ADDRESS = r"^(https://[^/?#@\s]+|http://(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?)(/[^?#\s]*)?$"
"""An address without a password: https, or http on this machine."""

Address = Annotated[str, AfterValidator(lambda address: address.rstrip("/"))]
"""An address that has no slash at its end; its field is made by `address_setting`."""


class PlatformSettings(Section):
    """Settings of one platform, a class a kind, which has `kind` as a `Literal` of its name.

    Its fields are what a stack writes under `orgcal:connector.platform`, its properties are what follows from them
    without asking anybody, and `open` gives the platform itself.
    """

    kind: str

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the platform can do."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Which platform these settings mean; the connector's entry moves when this changes."""

    @property
    def key_variable(self) -> str:
        """Environment variable that names the file with the platform's API key; empty where none is needed."""
        return ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables that the kind reads in a plugin; `*` at the end of one stands for any ending."""
        return (self.key_variable,) if self.key_variable else ()

    @abstractmethod
    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> Platform:
        """Return the platform, or raise UsageError where the environment lacks something.

        Args:
            environ: names the emulator, and the files with API keys.
            clock: for tests.
        """


class KeyedSettings(PlatformSettings):
    """Settings of a platform that takes an API key; each kind gives `key_file_variable` its default."""

    key_file_variable: str

    @property
    def key_variable(self) -> str:
        return self.key_file_variable

    def client(
        self,
        base_url: str,
        environ: Mapping[str, str],
        clock: Clock | None,
        *,
        name: str,
        headers: Mapping[str, str] = MappingProxyType({"Authorization": "Bearer {api_key}"}),
        user: str | None = None,
        error_at: str = "",
    ) -> RestClient:
        """Return a client of the platform's API; raises as `read_key_file` does.

        Args:
            base_url: without a slash at the end.
            name: how messages call the platform.
            headers: sent with each request; `{api_key}` in them stands for the key.
            user: name of basic authentication, of which the key is the password; where the name is `{api_key}`, the
                password is empty.
            error_at: as `RestClient` takes it.
        """
        key = read_key_file(environ, self.key_file_variable)
        filled = {header: value.replace("{api_key}", key) for header, value in headers.items()}
        if user is not None:
            pair = f"{key}:" if user == "{api_key}" else f"{user}:{key}"
            filled["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return RestClient(
            session_for(base_url, environ),
            base_url,
            filled,
            name=name,
            key_hint=self.key_file_variable,
            secrets=(key,),
            error_at=error_at,
            clock=clock,
        )


def kind_setting(name: str, about: str) -> Any:
    """Return the field `kind` of the kind called `name`."""
    return setting(expected=name, example=name, about=about)


def key_file_setting(default: str) -> Any:
    """Return the field `key_file_variable`."""
    return setting(
        default,
        expected="the name of an environment variable",
        example=default,
        about="Environment variable that names the file with the API key; only you may read that file.",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        secret=True,
    )


def address_setting(default: Any = ..., *, example: str = "") -> Any:
    """Return the field with the platform's address; its type is `Address`."""
    return setting(
        default,
        expected="an https address (http on this machine only) without a password: the API key belongs in a file",
        example=example or default,
        about="Address of the platform's API.",
        pattern=ADDRESS,
    )


def callback_setting(default: Any = ..., *, about: str, expected: str = "an address", **rules: Any) -> Any:
    """Return the field `callback_url`."""
    return setting(default, expected=expected, example="https://app.example.com/oauth/callback", about=about, **rules)


CONFIGURED_CALLBACK = "Redirect URI of the application that takes the credential from here."
