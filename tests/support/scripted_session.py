"""A session of requests that answers what a test says, without a server."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from orgcal.errors import PlatformError
from orgcal.platforms.rest import RestClient
from orgcal.platforms.testing_server import FakeTime
from tests.support.platform_apis import API_KEY

URL = "https://platform.example/api"
HEADERS = {"X-Api-Key": API_KEY}


def reply(status: int = 200, body: Any = None, **headers: str) -> requests.Response:
    """Return an answer; `body` is sent as JSON unless it is bytes, `Retry_After` is the header `Retry-After`."""
    response = requests.Response()
    response.status_code = status
    response.headers = CaseInsensitiveDict({name.replace("_", "-"): text for name, text in headers.items()})
    response._content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return response


class ScriptedSession:
    """Answers requests in the order of its script, the last one for ever; an exception is raised."""

    def __init__(self, *script: requests.Response | Exception) -> None:
        self._script = list(script)
        self.sent: list[tuple[str, str]] = []
        self.options: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """As `requests.Session.request`."""
        self.sent.append((method, url))
        self.options.append(options)
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client_of(session: ScriptedSession, time: FakeTime | None = None, **options: Any) -> RestClient:
    """Return the client of a platform called Acme."""
    return RestClient(
        cast(requests.Session, session),
        URL,
        HEADERS,
        name="Acme",
        key_hint="ACME_KEY_FILE",
        secrets=(API_KEY,),
        clock=(time or FakeTime()).clock(),
        **options,
    )


def refused(*script: requests.Response | Exception, **options: Any) -> PlatformError:
    """Return what that client says of these answers."""
    with pytest.raises(PlatformError) as caught:
        client_of(ScriptedSession(*script), **options).call("GET", "/x")
    return caught.value
