"""Variables and sealed secrets of one GitHub environment: shared by the platform of that kind and `orgcal ci setup`.

Sources: https://docs.github.com/en/rest/actions/variables and https://docs.github.com/en/rest/actions/secrets
"""

from __future__ import annotations

import base64

from orgcal.errors import PlatformError, UsageError
from orgcal.masking import mask
from orgcal.platforms.rest import RestClient, segment

API_VERSION = "2022-11-28"


class EnvironmentValues:
    """What an environment holds.

    Args:
        repository: `owner/name`.
        prefix: beginning of the variables' and secrets' names, which the methods' `name` leaves out.
    """

    def __init__(self, client: RestClient, repository: str, environment: str, prefix: str = "") -> None:
        self._client = client
        self._repository = repository
        self._environment = environment
        self._prefix = prefix
        self.base = f"{repository_path(repository)}/environments/{segment(environment)}"

    def variable(self, name: str) -> str | None:
        """Its value, or None where there is none."""
        found = self._client.call("GET", f"{self.base}/variables/{self._prefix}{name}")
        return None if found is None else self._client.part(found, "value", str)

    def set_variable(self, name: str, value: str) -> None:
        """Make or change a variable; an empty one is removed, since GitHub keeps no variable without a value."""
        if not value:
            self.remove_variable(name)
            return
        body = {"name": f"{self._prefix}{name}", "value": value}
        changed = self._client.call("PATCH", f"{self.base}/variables/{body['name']}", body)
        if changed is None and self._client.call("POST", f"{self.base}/variables", body) is None:
            raise self.not_there()

    def remove_variable(self, name: str) -> None:
        """Remove a variable if it is there."""
        self._client.call("DELETE", f"{self.base}/variables/{self._prefix}{name}")

    def secret_updated_at(self, name: str) -> str:
        """When a secret was changed last; empty where there is none. Its value cannot be read."""
        found = self._client.call("GET", f"{self.base}/secrets/{self._prefix}{name}")
        return "" if found is None else self._client.part(found, "updated_at", str)

    def set_secrets(self, values: dict[str, str]) -> None:
        """Seal and set secrets; empty ones are removed. A job of GitHub Actions that does this masks them first."""
        mask(values.values())
        sealing = self._client.call("GET", f"{self.base}/secrets/public-key")
        if sealing is None:
            raise self.not_there()
        public_key, key_id = (self._client.part(sealing, name, str) for name in ("key", "key_id"))
        for name, value in values.items():
            if value:
                body = {"encrypted_value": seal(public_key, value), "key_id": key_id}
                self._client.call("PUT", f"{self.base}/secrets/{self._prefix}{name}", body, absent=frozenset())
            else:
                self.remove_secret(name)

    def remove_secret(self, name: str) -> None:
        """Remove a secret if it is there."""
        self._client.call("DELETE", f"{self.base}/secrets/{self._prefix}{name}")

    def not_there(self) -> PlatformError:
        """What a 404 means here."""
        return PlatformError(
            f"there is no environment {self._environment!r} that this token may write",
            status=404,
            where=self._repository,
            repair="make it under Settings, Environments; the token needs its variables and secrets, read and write",
        )


def repository_path(repository: str) -> str:
    """The path of a repository in GitHub's API."""
    owner, name = repository.split("/")
    return f"/repos/{segment(owner)}/{segment(name)}"


def seal(public_key_base64: str, text: str) -> str:
    """Return `text` sealed for the owner of the key, in base64: libsodium's box, which only GitHub can open.

    Source: https://docs.github.com/en/rest/guides/encrypting-secrets-for-the-rest-api

    Raises:
        UsageError: the library that seals is not installed.
    """
    try:
        import nacl.encoding
        import nacl.public
    except ImportError:
        raise UsageError(
            "GitHub takes secrets in sealed boxes, and PyNaCl, which makes them, is not installed",
            repair="pip install pynacl",
        ) from None
    box = nacl.public.SealedBox(nacl.public.PublicKey(public_key_base64.encode(), nacl.encoding.Base64Encoder))
    return base64.b64encode(box.encrypt(text.encode())).decode()
