"""One `requests.Session` as every client of ours uses it: pinned trust, enforced timeouts, known proxies.

Traps that this module takes away:

- `REQUESTS_CA_BUNDLE` in the environment overrides `Session.verify` when requests reads the environment for each call;
  a netrc file would even replace our Authorization header. So nothing is read per call (`trust_env=False`), which also
  saves time, and what a user may rightly set (proxies, a company's authority) is read once, here.
- requests waits for ever unless each call names a timeout; the adapter adds it.
- A redirect of a token request would carry a client secret to wherever the answer points: redirects are not followed.
- MSAL posts the secret to whatever `token_endpoint` the tenant's metadata names (`msal/authority.py`, 1.39.0): a
  session speaks to the servers that it was made for, and a request to any other is refused before it leaves.
- An answer of some kilobytes may unpack to gigabytes: no more than `MAX_ANSWER_BYTES` of one is ever held.
- A refusal may quote what was sent. Its secrets are taken out before anybody reads it (`orgcal.redaction`).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies

from orgcal import __version__
from orgcal.entra.clouds import CloudEndpoints, is_loopback, origin_of
from orgcal.entra.wire import MAX_ANSWER_BYTES, Wire
from orgcal.errors import Unreachable
from orgcal.redaction import redactor_of

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
"""Silence between two packets, not the length of an answer."""

USER_AGENT = f"orgcal/{__version__}"


MAX_REFUSAL_BYTES = 64 * 1024
"""A refusal is read up to here; what is longer is no sentence of an API."""


class RedactingAdapter(HTTPAdapter):
    """Adds timeouts, bounds answers, and takes what a request kept secret out of its refusal."""

    def send(  # type: ignore[override]  # as requests calls it
        self, request: requests.PreparedRequest, timeout: Any = None, **options: Any
    ) -> requests.Response:
        response = super().send(request, timeout=timeout or (CONNECT_TIMEOUT_S, READ_TIMEOUT_S), **options)
        if response.status_code >= 300:
            redactor = redactor_of(request.headers, request.body)
            response.reason = redactor.text(str(response.reason))
            for name, value in response.headers.items():
                response.headers[name] = redactor.text(value)
            content = _start_of(response)
            response._content, response._content_consumed = content and redactor.body(content), True  # type: ignore[attr-defined]
        else:
            response._content, response._content_consumed = _whole(response), True  # type: ignore[attr-defined]
        return response


def _whole(response: requests.Response) -> bytes:
    """Read and unpack an answer, a part at a time.

    Raises:
        Unreachable: it is longer than `MAX_ANSWER_BYTES`.
    """
    content = bytearray()
    for part in response.iter_content(64 * 1024):
        content += part
        if len(content) > MAX_ANSWER_BYTES:
            response.close()
            raise Unreachable(
                f"the answer has more than {MAX_ANSWER_BYTES // 1024 // 1024} MiB",
                where=response.url.partition("?")[0],
                repair="check the server's address, and what stands between here and it",
            )
    return bytes(content)


def _start_of(response: requests.Response) -> bytes:
    """Read the body of a refusal up to `MAX_REFUSAL_BYTES`, and close the connection of a longer one."""
    content = bytearray()
    for part in response.iter_content(8192):
        content += part
        if len(content) > MAX_REFUSAL_BYTES:
            response.close()
            break
    return bytes(content)


class _Adapter(RedactingAdapter):
    """Sends to known servers only, and adds proxies by host: loopback addresses are never sent through one.

    Args:
        pool_size: connections kept open to one host.
        servers: origins that requests may go to.
        whose: of which cloud or connection they are, for the refusal.
    """

    def __init__(self, pool_size: int, servers: frozenset[str], whose: str) -> None:
        self._servers = servers
        self._whose = whose
        self._proxies_by_host: dict[str | None, dict[str, str]] = {}
        self._trust: ssl.SSLContext | None = None
        super().__init__(pool_connections=8, pool_maxsize=pool_size)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # as requests calls it
        url = str(request.url)
        self.check(url)
        options["proxies"] = self.proxies_to(url)
        return super().send(request, **options)

    def check(self, url: str) -> None:
        """Refuse an address of a server that the session was not made for.

        Raises:
            Unreachable: it is one; nothing was sent.
        """
        server = origin_of(url)
        if server not in self._servers:
            raise Unreachable(
                f"an answer leads to {server or 'no server'}, which is not {self._whose}; nothing was sent there",
                where=" or ".join(sorted(self._servers)),
                repair="something between here and that server changes its answers, or it belongs to another cloud",
            )

    def trust(self, verify: bool | str | None) -> ssl.SSLContext:
        """The authorities of a session, read once: reading them for each connection costs more than its handshake."""
        if self._trust is None:
            where = Path(verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)
            folder = where.is_dir()
            self._trust = ssl.create_default_context(
                cafile=None if folder else str(where), capath=str(where) if folder else None
            )
        return self._trust

    def proxies_to(self, url: str) -> dict[str, str]:
        """The proxies for an address, by scheme."""
        host = urlsplit(url).hostname
        if host not in self._proxies_by_host:
            self._proxies_by_host[host] = {} if is_loopback(host) else dict(get_environ_proxies(url))
        return self._proxies_by_host[host]


def wire(session: requests.Session, url: str, headers: Mapping[str, str]) -> Wire:
    """What posts to one address of a session of `new_session` with less work; refusals are not cleaned of secrets."""
    prepared = session.prepare_request(requests.Request("POST", url))
    adapter = session.get_adapter(url)
    assert isinstance(adapter, _Adapter)
    adapter.check(url)
    pool = adapter.get_connection_with_tls_context(prepared, session.verify, proxies=adapter.proxies_to(url))
    all_headers = {"User-Agent": USER_AGENT, **headers}
    trust = adapter.trust(session.verify) if url.startswith("https:") else None
    return Wire(pool, prepared.path_url, all_headers, trust, (CONNECT_TIMEOUT_S, READ_TIMEOUT_S))


def new_session(
    endpoints: CloudEndpoints,
    *,
    servers: Collection[str] = (),
    pool_size: int = 10,
    environ: Mapping[str, str] | None = None,
) -> requests.Session:
    """A session for the servers of `endpoints`; it may be shared by threads that leave its headers alone.

    Args:
        endpoints: its certificate authority, if it has one of its own, is the only one trusted.
        servers: addresses whose servers alone get requests; Entra ID and Microsoft Graph of `endpoints` unless given.
        pool_size: connections kept open to one host; requests beyond it open connections that are then thrown away.
        environ: the process environment unless given. In real clouds `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`
            (a company's inspecting proxy) adds its authority as requests users expect.

    Returns:
        A session with `trust_env` off, without redirects, with timeouts of 10 s to connect and 60 s of silence. Its
        requests raise Unreachable for other servers, and for answers longer than `MAX_ANSWER_BYTES`.
    """
    environ = os.environ if environ is None else environ
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.headers["User-Agent"] = USER_AGENT
    company = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or True
    session.verify = company if endpoints.ca_file is None else str(endpoints.ca_file)
    known = servers or (endpoints.login_url, endpoints.graph_url)
    whose = "the server that this request is for" if servers else f"a server of the {endpoints.cloud} cloud"
    adapter = _Adapter(pool_size, frozenset(map(origin_of, known)) - {""}, whose)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
