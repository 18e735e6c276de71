"""Running the emulator: state directory, TLS, ready record, a server on this or another thread."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import trustme
import uvicorn

from emulator.app import EmulatorApp
from emulator.entra.keys import SigningKey
from emulator.files import make_private_directory, read_or_make, write_private
from emulator.http_server import JoiningProtocol
from emulator.journal import JournalEntry
from emulator.seed import seed_source
from emulator.store import StateInUseError
from emulator.tls import MICROSOFT_NAMES, is_current, issue_leaf, new_authority, server_context
from emulator.world import Client, EmulatedCloud, Secrets

READY_FILE = "ready.json"

T = TypeVar("T")


class CannotServeError(Exception):
    """The emulator cannot start; the message says why in one sentence."""


@dataclass(frozen=True)
class Keys:
    """Keys that may be shared by several emulators of one test run, since making them is slow.

    Attributes:
        ca_pem: certificate of the authority.
        leaf_pem: server certificate with its key.
        signing: signs tokens.
    """

    ca_pem: str
    leaf_pem: str
    signing: SigningKey

    @classmethod
    def new(cls) -> Keys:
        """Fresh keys."""
        authority = new_authority()
        return cls(authority.cert_pem.bytes().decode(), issue_leaf(authority), SigningKey.new())

    def __repr__(self) -> str:
        return "Keys(…)"


class StateDirectory:
    """The files beside the database. Each is 0600, the folder 0700.

    Args:
        path: the folder; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = make_private_directory(path.absolute())
        self.database = self.path / "state.sqlite"
        self.ready = self.path / READY_FILE

    def secrets(self) -> Secrets:
        """Secrets of the emulator's own clients, made once."""
        return Secrets(
            operator_secret=read_or_make(self.path / "operator-secret", secrets.token_urlsafe(30)),
            platform_api_key=read_or_make(self.path / "platform-api-key", secrets.token_urlsafe(30)),
            control_token=read_or_make(self.path / "control-token", secrets.token_urlsafe(30)),
        )

    def keys(self, given: Keys | None = None) -> Keys:
        """Authority, server certificate and signing key: `given`, or made once and renewed before they expire."""
        if given is not None:
            write_private(self.path / "ca.pem", given.ca_pem)
            return given
        return Keys(*self._certificates(), self._signing_key())

    def _certificates(self) -> tuple[str, str]:
        ca, leaf = self.path / "ca.pem", self.path / "server.pem"
        if ca.exists() and leaf.exists() and is_current(leaf.read_text()):
            return ca.read_text(), leaf.read_text()
        authority_file = self.path / "authority.pem"
        if authority_file.exists() and is_current(authority_file.read_text()):
            raw = authority_file.read_bytes()
            cut = raw.index(b"-----BEGIN CERTIFICATE")
            authority = trustme.CA.from_pem(raw[cut:], raw[:cut])
        else:
            authority = new_authority()
            pem = authority.private_key_pem.bytes() + authority.cert_pem.bytes()
            write_private(authority_file, pem.decode())
        write_private(ca, authority.cert_pem.bytes().decode())
        write_private(leaf, issue_leaf(authority))
        return ca.read_text(), leaf.read_text()

    def _signing_key(self) -> SigningKey:
        path = self.path / "signing.pem"
        if path.exists():
            return SigningKey.from_pem(path.read_text())
        key = SigningKey.new()
        write_private(path, key.to_pem())
        return key

    def running(self) -> int | None:
        """Process id in `ready.json` if that process is alive and not this one."""
        try:
            pid = int(json.loads(self.ready.read_text(encoding="utf-8"))["pid"])
            os.kill(pid, 0)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if pid != os.getpid() else None


def listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1.

    Raises:
        CannotServeError: the port is taken or not allowed.
    """
    # The protocol is named because asyncio sets TCP_NODELAY on no other socket: without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Not on every system: lets a restarted emulator take its port back from connections that are still closing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotServeError(f"port {port} of 127.0.0.1 cannot be used: {reason}.") from error
    return listener


class _Server(uvicorn.Server):
    """A server that stops at once and leaves signals to its caller."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = threading.Event()
        self._stopping: asyncio.Event | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn would raise a caught SIGTERM again, and the process would not exit with 0."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping = asyncio.Event()
        await super().startup(sockets)
        self.has_started.set()

    def stop(self) -> None:
        """Stop serving; called on the server's own thread."""
        self.should_exit = True
        if self._stopping is not None:
            self._stopping.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does (it keeps the Date header), but end without waiting for the next tick."""
        assert self._stopping is not None
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests under way, for at most a second."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=1.0)
        # Answers are out. Clients that keep idle connections open are not waited for (TLS would, for 30 seconds).
        left = list(self.server_state.connections)
        for connection in left:
            if connection.transport is not None:
                connection.transport.abort()
        for _ in range(100):
            await asyncio.sleep(0)
            if not self.server_state.connections:
                break


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
        CannotServeError: port taken, or state in use by another emulator.
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
        other = state.running()
        if other is not None:
            raise CannotServeError(f"another emulator (process {other}) runs on the state in {state.path}.")
        self.listener = listen(port)
        try:
            found = state.keys(keys)
            own = state.secrets()
            source = seed_source(seed) if seed is not None else None
            self.cloud = EmulatedCloud(source, None if in_memory else state.database, found.signing, own)
        except StateInUseError as error:
            self.listener.close()
            raise CannotServeError(f"{error}.") from error
        except BaseException:
            self.listener.close()
            raise
        self.state = state
        self.port: int = self.listener.getsockname()[1]
        self.app = EmulatorApp(self.cloud)
        hosts = {f"localhost:{self.port}", f"127.0.0.1:{self.port}"}
        self.context = server_context(found.leaf_pem)
        if names:
            hosts |= set(MICROSOFT_NAMES) | {f"{name}:{self.port}" for name in MICROSOFT_NAMES}
            self._serve_names_too()
        self.app.serve_as(frozenset(hosts))
        config = uvicorn.Config(
            self.app, http=JoiningProtocol, log_config=None, access_log=False, lifespan="off", server_header=False,
            loop="asyncio", ws="none", timeout_keep_alive=75, h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
        config.load()
        # Given directly: uvicorn itself would read certificate and key from files.
        config.ssl = self.context
        config.ssl_certfile = "in memory"
        self.server = _Server(config)

    def _serve_names_too(self) -> None:
        authority = new_authority(MICROSOFT_NAMES)
        other = server_context(issue_leaf(authority, MICROSOFT_NAMES))
        write_private(self.state.path / "names-ca.pem", authority.cert_pem.bytes().decode())

        def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
            if name in MICROSOFT_NAMES:
                connection.context = other

        self.context.sni_callback = choose

    def ready(self) -> dict[str, Any]:
        """The record that tells clients where everything is."""
        base_url = f"https://localhost:{self.port}"
        path = self.state.path
        tenant_id, client_id = self.cloud.operator
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

    def close(self) -> None:
        """Let go of the state."""
        self.cloud.database.close()
        self.listener.close()


def run(emulator: Emulator, *, announce: bool) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        announce: print the ready record as one line and keep it in the state directory while serving.
    """

    def tell() -> None:
        record = json.dumps(emulator.ready())
        write_private(emulator.state.ready, record)
        print(record, flush=True)  # noqa: T201 - the ready line is the program's output

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, emulator.server.stop)
        if announce:
            # The socket listens already, so a client that reads this line at once is served a moment later.
            loop.call_soon(tell)
        await emulator.server.serve([emulator.listener])

    try:
        asyncio.run(serve())
    finally:
        if announce:
            emulator.state.ready.unlink(missing_ok=True)
        emulator.close()


class RunningEmulator:
    """An emulator on a thread of this process, for tests.

        with RunningEmulator() as emulator:
            requests.get(emulator.ready["base_url"] + "/metadata/endpoints", verify=emulator.ready["ca_file"])

    Args:
        seed: path or YAML text; None for the default seed.
        state_dir: where to keep state; None for memory, with the clients' files in a private temporary folder.
        port: 0 for a free one.
        keys: keys to share between several emulators of one process.

    Attributes:
        ready: what `python -m emulator` prints.
        app: the ASGI application.
        cloud: its parts, for tests that look inside.
    """

    def __init__(
        self,
        seed: Path | str | None = None,
        state_dir: Path | None = None,
        port: int = 0,
        *,
        keys: Keys | None = None,
        names: bool = False,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="emulator-") if state_dir is None else None
        path = Path(self._temporary.name) if self._temporary is not None else Path(str(state_dir))
        state = StateDirectory(path)
        try:
            self._emulator = Emulator(
                seed=seed, state=state, in_memory=state_dir is None, port=port, keys=keys, names=names
            )
        except BaseException:
            self._clean()
            raise
        self.app = self._emulator.app
        self.cloud = self._emulator.cloud
        self.ready = self._emulator.ready()
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> RunningEmulator:
        self._thread.start()
        if not self._emulator.server.has_started.wait(10):
            raise CannotServeError("the emulator did not start within 10 seconds.")
        write_private(self._emulator.state.ready, json.dumps(self.ready))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._emulator.server.stop)
        self._thread.join(10)
        self._emulator.state.ready.unlink(missing_ok=True)
        self._emulator.close()
        self._clean()

    def journal(self, after: int = 0) -> list[JournalEntry]:
        """Requests so far, oldest first."""
        return self._call(lambda: self.cloud.journal.entries(after))

    def move_clock(self, seconds: float) -> float:
        """Move the emulated time forward and return it."""
        return self._call(lambda: self.cloud.move_clock(seconds))

    def reset(self) -> None:
        """Back to the seed."""
        self._call(self.cloud.reset)

    def add_client(self, tenant: str, *permissions: str, audience: str = "AzureADMyOrg") -> Client:
        """A new application in `tenant` (id or domain) with a secret and these permissions on Graph."""
        return self._call(lambda: self.cloud.add_client(tenant, *permissions, audience=audience))

    def _call(self, action: Callable[[], T]) -> T:
        """Run `action` on the emulator's thread, so that it never meets a half-done request."""
        if self._loop is None:
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._emulator.server.serve([self._emulator.listener])

    def _clean(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
