"""An emulator on a thread of this process, for tests."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from orgcal_emulator.errors import CannotServeError
from orgcal_emulator.exchange.models import Right
from orgcal_emulator.files import write_private
from orgcal_emulator.journal import JournalEntry
from orgcal_emulator.launch import Emulator
from orgcal_emulator.state import Client
from orgcal_emulator.state_directory import Keys, StateDirectory
from orgcal_emulator.throttling.limits import LimitSettings
from orgcal_emulator.throttling.settings import Latency, set_lag

__all__ = ["CannotServeError", "Keys", "RunningEmulator"]

T = TypeVar("T")


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
        ready: what `python -m orgcal_emulator` prints.
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

    def set_lag(self, **lag: Any) -> None:
        """Let reads lag behind writes: `reads`, `seconds`, `kinds`; nothing at all ends it."""
        self._call(lambda: set_lag(self.cloud.directory, lag))

    def set_latency(self, **seconds: float) -> None:
        """Let answers take real time: `identity_s`, `outlook_s`, `entra_s`; nothing at all ends it."""
        self._call(lambda: setattr(self.cloud.traffic, "latency", Latency(**seconds)))

    def set_limits(self, **limits: Any) -> None:
        """Other limits, by the names of `LimitSettings`; those not named have their defaults again."""
        self._call(lambda: self.cloud.traffic.limits.configure(LimitSettings(**limits)))

    def set_exchange(self, tenant: str, *, online: bool) -> None:
        """Give a tenant (id or domain) Exchange Online, or take it away."""
        self._call(lambda: self.cloud.set_exchange(tenant, online=online))

    def set_exchange_delay(self, seconds: float) -> None:
        """Let changes of Exchange's rights take so many emulated seconds; 1,800 unless set."""
        self._call(lambda: self.cloud.exchange.set_delay(seconds))

    def set_access_policy(self, tenant: str, client_id: str, group: str, right: Right | None) -> None:
        """Limit an application by an application access policy of a group (id or name); None removes its policies."""
        self._call(lambda: self.cloud.set_access_policy(tenant, client_id, group, right))

    def expire_page_tokens(self, after: int = 0) -> None:
        """Take no token of a page any more, after so many more pages."""
        self._call(lambda: self.cloud.traffic.pages.expire(after))

    def leave_out_oid(self, tokens: int) -> None:
        """Let the next tokens in customers' tenants have neither `oid` nor roles."""
        self._call(lambda: self.cloud.tokens.leave_out_oid(tokens))

    def add_fault(self, path: str, **fault: Any) -> None:
        """Script a fault, by the fields of `orgcal_emulator.throttling.faults.Fault`."""
        self._call(lambda: self.cloud.traffic.faults.add({"path": path, **fault}))

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
        await self._emulator.serve()

    def _clean(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()
