"""One emulator that is ready to serve, and serving it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uvicorn

from orgcal_emulator.app import EmulatorApp
from orgcal_emulator.errors import CannotServeError, StateError
from orgcal_emulator.files import write_private
from orgcal_emulator.http_server import JoiningProtocol, StoppableServer, listen
from orgcal_emulator.names_proxy import NamesProxy
from orgcal_emulator.seed import seed_source
from orgcal_emulator.state import EmulatedCloud
from orgcal_emulator.state_directory import OPERATOR_BUNDLE, OPERATOR_LOGIN, Keys, StateDirectory
from orgcal_emulator.tls import MICROSOFT_NAMES, issue_leaf, new_authority, server_context

_COLLECTED_EVERY = 10_000
"""Objects between two looks for garbage; a batch makes thousands, nearly all of which need no collector."""
_HTTPS_PORT = 443
_NAMES_CA = "names-ca.pem"


class Emulator:
    """One emulator that is ready to serve: state, socket, TLS.

    Args:
        seed: path or YAML text; None for the default seed.
        state: its directory.
        in_memory: keep nothing but the files that clients need in `state`.
        port: 0 for a free one.
        keys: shared keys, else those of the state directory.
        names: also serve Microsoft's own host names, from a second authority that lives in memory.

    Raises:
        CannotServeError: port taken, state in use by another emulator, or of another version.
        SeedError: the seed is wrong.
    """

    def __init__(
        self,
        *,
        seed: Path | str | None,
        state: StateDirectory,
        in_memory: bool,
        port: int = 0,
        keys: Keys | None = None,
        names: bool = False,
    ) -> None:
        if not state.take():
            raise CannotServeError(f"another emulator ({state.holder}) runs on the state in {state.path}.")
        try:
            self.listener = listen(port)
        except BaseException:
            state.release()
            raise
        try:
            own_keys = state.keys(keys)
            own = state.secrets(own_keys)
            source = seed_source(seed) if seed is not None else None
            self.cloud = EmulatedCloud(source, None if in_memory else state.database, own_keys.signing, own)
        except BaseException as error:
            self.listener.close()
            state.release()
            if isinstance(error, StateError):
                raise CannotServeError(f"{error}.") from error
            raise
        self.state = state
        self.port: int = self.listener.getsockname()[1]
        self.app = EmulatorApp(self.cloud)
        hosts = own_hosts(("localhost", "127.0.0.1"), self.port)
        self.context = server_context(own_keys.leaf_pem)
        self.names_proxy: NamesProxy | None = None
        if names:
            hosts |= own_hosts(MICROSOFT_NAMES, self.port) | set(MICROSOFT_NAMES)
            self._serve_names_too()
            self.names_proxy = NamesProxy(MICROSOFT_NAMES, self.port)
        self.app.serve_as(frozenset(hosts))
        config = uvicorn.Config(
            self.app, http=JoiningProtocol, log_config=None, access_log=False, lifespan="off", server_header=False,
            loop="asyncio", ws="none", timeout_keep_alive=75,
        )  # fmt: skip
        config.load()
        # Given directly: uvicorn itself would read certificate and key from files.
        config.ssl = self.context
        config.ssl_certfile = "in memory"
        self.server = StoppableServer(config)

    def _serve_names_too(self) -> None:
        authority = new_authority(MICROSOFT_NAMES)
        other = server_context(issue_leaf(authority, MICROSOFT_NAMES))
        write_private(self.state.path / _NAMES_CA, authority.cert_pem.bytes().decode())

        def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
            if name in MICROSOFT_NAMES:
                connection.context = other

        self.context.sni_callback = choose

    def ready(self) -> dict[str, Any]:
        """The record that tells clients where everything is."""
        base_url = f"https://localhost:{self.port}"
        path = self.state.path
        tenant_id, client_id = self.cloud.operator
        proxy = self.names_proxy
        names = {"names": {"proxy_url": proxy.url, "ca_file": str(path / _NAMES_CA)}} if proxy is not None else {}
        return {
            "pid": os.getpid(),
            "port": self.port,
            "base_url": base_url,
            "directory_id": self.cloud.directory_id,
            "ca_file": str(path / "ca.pem"),
            "operator": {
                "tenant_id": tenant_id,
                "client_id": client_id,
                "client_secret_file": str(path / "operator-secret"),
                "client_certificate_file": str(path / OPERATOR_BUNDLE),
                "client_certificate_pem_file": str(path / OPERATOR_LOGIN),
            },
            "platform": {
                "url": f"{base_url}/platform/local",
                "api_key_file": str(path / "platform-api-key"),
            },
            "nango": {
                "url": f"{base_url}/platform/nango",
                "api_key_file": str(path / "platform-api-key"),
            },
            "control": {"url": f"{base_url}/_emulator", "token_file": str(path / "control-token")},
            **names,
            "tenants": [self._tenant(each) for each in self.cloud.directory.tenants.newest()],
        }

    def _tenant(self, tenant: Any) -> dict[str, Any]:
        users = self.cloud.users.of(tenant.tenant_id)
        return {
            "tenant_id": tenant.tenant_id,
            "display_name": tenant.display_name,
            "default_domain": tenant.default_domain,
            "home": tenant.home,
            "administrator": users.administrators()[0].principal_name,
            "users": users.count,
        }

    async def serve(self) -> None:
        """Serve until the server is told to stop."""
        async with contextlib.AsyncExitStack() as stack:
            if self.names_proxy is not None:
                await stack.enter_async_context(self.names_proxy.serving())
            await self.server.serve([self.listener])

    def close(self) -> None:
        """Let go of the state."""
        self.cloud.database.close()
        self.listener.close()
        if self.names_proxy is not None:
            self.names_proxy.close()
        self.state.release()


def own_hosts(names: Iterable[str], port: int) -> set[str]:
    """What clients may write into `Host`: on HTTPS's own port they leave the port out."""
    return {f"{name}:{port}" for name in names} | (set(names) if port == _HTTPS_PORT else set())


def run(emulator: Emulator, *, announce: bool) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        announce: print the ready record as one line and keep it in the state directory while serving.
    """

    def tell() -> None:
        record = json.dumps(emulator.ready())
        write_private(emulator.state.ready, record)
        print(record, flush=True)  # noqa: T201 - the ready line is the program's output

    # Code and state that are loaded stay: the collector need not walk through them again and again while it serves.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_EVERY)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, emulator.server.stop)
        if announce:
            # The socket listens already, so a client that reads this line at once is served a moment later.
            loop.call_soon(tell)
        await emulator.serve()

    try:
        asyncio.run(serve())
    finally:
        if announce:
            emulator.state.ready.unlink(missing_ok=True)
        emulator.close()
