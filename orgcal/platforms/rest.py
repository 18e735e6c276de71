"""JSON over HTTP as all REST platforms use it: API key, trust, retries, one form of errors, no secret in a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from orgcal.entra.answers import parse_json, retry_after_s, shorten
from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE, load_endpoints, origin_of
from orgcal.entra.secret_text import SecretSource, bare, readable_by_others
from orgcal.entra.session import new_session
from orgcal.errors import PlatformError, Unreachable, UsageError
from orgcal.patience import Clock, Patience
from orgcal.platforms.templates import at
from orgcal.redaction import hiding, redactor_of

if TYPE_CHECKING:
    import requests

_Part = TypeVar("_Part")

CONNECT_TIMEOUT_S = 10.0
LONGEST_PAUSE_S = 10.0
_NOTHING_DONE = frozenset({429, 503})
"""Answers that say that nothing was done, so that even a POST may be repeated; so does 403 with `Retry-After`.

Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (secondary rate limits)
"""

_REPEATED_WHEN_SAFE = frozenset({408, 500, 502, 504})
_SAFE_METHODS = frozenset({"GET", "PUT", "PATCH", "DELETE"})
"""Methods whose repetition ends in the same state (our PATCH bodies hold absolute values)."""


@dataclass(eq=False, repr=False)
class RestClient:
    """Requests to one platform.

    Attributes:
        session: of `orgcal.entra.session.new_session`, which takes what was sent out of refusals.
        base_url: without a slash at the end.
        headers: sent with each request; the place for the API key.
        name: how messages call the platform.
        key_hint: where its API key is configured, for the repair of a 401 or 403.
        secrets: texts among the headers that no message may show, beyond those that the headers' names give away.
        error_at: place in an answer, as `templates.at` takes it, where anything but nothing is an error, whatever its
            status.
        budget_s: seconds that one call may wait for retries in all.
        silence_s: seconds without a packet after which an answer is given up.
    """

    session: requests.Session
    base_url: str
    headers: Mapping[str, str]
    _: KW_ONLY
    name: str
    key_hint: str
    secrets: tuple[str, ...] = ()
    error_at: str = ""
    budget_s: float = 60.0
    silence_s: float = 30.0
    clock: Clock | None = None

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        absent: frozenset[int] = frozenset({404}),
    ) -> Any:
        """Return the parsed answer, an empty dict for an empty one, or None if its status is among `absent`.

        Args:
            path: below `base_url`.
            body: sent as JSON unless it is None.
            form: sent as a form instead.
            params: of the query; servers log them, so they hold no secret.
            absent: statuses that mean "there is none".

        Raises:
            PlatformError: the platform answered with another error status.
            Unreachable: no answer, an untrusted one, one that is too long, or something that is not JSON.
        """
        with hiding(*self.secrets):
            sent, kind = _encoded(body, form)
            status, content, headers = self._send(method, path, sent, kind, params)
            if status in absent:
                return None
            if status >= 300:
                raise self._refused(method, path, status, content, headers)
            if not content.strip():
                return {}
            try:
                answer = parse_json(content)
            except ValueError:
                raise Unreachable(
                    f"{self.name} answered with something that is not JSON", where=self._where(method, path)
                ) from None
            answer = {} if answer is None else answer
            if self.error_at and at(answer, self.error_at):
                shown = redactor_of(self.headers, sent).value({"error": at(answer, self.error_at)})
                raise self._refused(method, path, status, json.dumps(shown).encode(), headers)
            return answer

    def part(self, answer: Any, name: str, kind: type[_Part]) -> _Part:
        """Return what an answer has by a name, where the platform's documentation says that it always has it.

        Raises:
            PlatformError: it has none, or one of another type; so it is not the platform's answer, or not one we know.
        """
        part = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(part, kind):
            raise PlatformError(
                f"{self.name} answered without {name!r}",
                where=self.base_url,
                repair=f"check that {self.base_url} is the address of its API",
            )
        return part

    def _send(
        self, method: str, path: str, body: bytes | None, kind: str, params: Mapping[str, str] | None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers of the answer, once one is worth having."""
        import requests

        headers = {"Accept": "application/json", **({"Content-Type": kind} if body is not None else {}), **self.headers}
        patience = Patience(self.budget_s, self.clock, longest_s=LONGEST_PAUSE_S)
        while True:
            try:
                response = self.session.request(
                    method,
                    self.base_url + path,
                    data=body,
                    params=params,
                    headers=headers,
                    allow_redirects=False,
                    timeout=(CONNECT_TIMEOUT_S, self.silence_s),
                )
            except requests.exceptions.TooManyRedirects as error:  # the session follows none, as the key would go along
                if error.response is None:
                    raise self._unreachable(method, path, error) from None
                return error.response.status_code, error.response.content, error.response.headers
            except requests.exceptions.RequestException as error:
                trusted = not isinstance(error, requests.exceptions.SSLError)
                if trusted and method in _SAFE_METHODS and patience.wait():
                    continue
                raise self._unreachable(method, path, error) from None  # its text may hold the URL's credentials
            status = response.status_code
            limited = status in _NOTHING_DONE or (status == 403 and "Retry-After" in response.headers)
            repeated = limited or (status in _REPEATED_WHEN_SAFE and method in _SAFE_METHODS)
            if repeated and patience.wait(retry_after_s(response.headers)):
                continue
            return status, response.content, response.headers

    def _refused(
        self, method: str, path: str, status: int, content: bytes, headers: Mapping[str, str]
    ) -> PlatformError:
        message = _message(content)
        repair = ""
        if 300 <= status < 400:
            repair = "check the platform's address; redirects are not followed, as the API key would go along"
        elif status == 429 or "Retry-After" in headers:
            repair = "wait, then try again"
        elif status in (401, 403):
            repair = f"check the API key ({self.key_hint}) and its rights"
        return PlatformError(
            f"{self.name} answered {status}{f': {message}' if message else ''}",
            status=status,
            where=self._where(method, path),
            repair=repair,
        )

    def _unreachable(self, method: str, path: str, error: Exception) -> Unreachable:
        what, repair = no_answer(self.name, error)
        return Unreachable(what, where=self._where(method, path), repair=repair)

    def _where(self, method: str, path: str) -> str:
        return f"{method} {self.base_url}{path}"


def no_answer(name: str, error: BaseException | None) -> tuple[str, str]:
    """Return why there is no answer, and how to repair it.

    Args:
        name: how messages call the server.
        error: of requests; its text is not shown, as it may hold the URL's credentials.
    """
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        what = f"the certificate of {name} is not trusted"
        return what, "name its authority in REQUESTS_CA_BUNDLE if it is your own"
    if isinstance(error, requests.exceptions.Timeout):
        return f"{name} did not answer in time", "try again; what did happen is then adopted"
    return f"{name} cannot be reached ({type(error).__name__})", "check its address and the network"


def _encoded(body: Any, form: Mapping[str, str] | None) -> tuple[bytes | None, str]:
    """Return the body as it is sent, and its media type."""
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return None if body is None else json.dumps(body).encode(), "application/json"


def session_for(base_url: str, environ: Mapping[str, str]) -> requests.Session:
    """Return a session for the server of `base_url`, which trusts the emulator's authority where it is the emulator."""
    if environ.get(EMULATOR_FILE_VARIABLE):
        emulator = load_endpoints("emulator", environ)
        if origin_of(base_url) == origin_of(emulator.login_url):
            return new_session(emulator, servers=[base_url], environ=environ)
    return new_session(load_endpoints("public", environ), servers=[base_url], environ=environ)


def read_key_file(environ: Mapping[str, str], variable: str) -> str:
    """Return the API key in the file that an environment variable names.

    Raises:
        UsageError: the variable or the file is missing, others may read the file, or it holds something else than one
            key.
    """
    named = environ.get(variable, "")
    repair = f"write the key into a file that only you can read, and: export {variable}=/path/to/that/file"
    if not named:
        raise UsageError("the environment names no file with the platform's API key", where=variable, repair=repair)
    path = Path(bare(named))
    key = SecretSource.of_file(path, variable).secret("API key", ascii_only=True)
    if readable_by_others(path):
        raise UsageError(f"the file {path} can be read by others", where=variable, repair=f"chmod 600 {path}")
    return key


def segment(text: str) -> str:
    """Return `text` as one segment of a path."""
    return quote(text, safe="")


def _message(content: bytes) -> str:
    """Return the platform's own words about an error, shortened; never the page of some proxy."""
    try:
        body = parse_json(content)
    except ValueError:
        return ""
    error = body.get("error", body) if isinstance(body, dict) else {}
    if isinstance(error, str):
        return shorten(error)
    if not isinstance(error, dict):
        return ""
    parts = [error[name] for name in ("code", "type", "message", "title", "detail") if error.get(name)]
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts]
    return shorten(": ".join([*texts, *_problems(error.get("errors"))]))


def _problems(listed: Any) -> list[str]:
    """Return what a list of problems, each with `message` and perhaps `path`, says, as one text or none."""
    texts = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("message"), str):
            path = each.get("path")
            place = ".".join(map(str, path)) if isinstance(path, list) else ""
            texts.append(f"{each['message']} ({place})" if place else each["message"])
    return ["; ".join(texts)] if texts else []
