"""A Dask cluster as the executor of a verification; needs the package `distributed`.

What a cluster buys is isolation, fail-over and several ways out to the internet, not quota: Microsoft counts an
application's requests in all tenants together.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from orgcal.errors import UsageError


@contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """The cluster at `address` as an executor, and its number of workers.

    A task that fails is not repeated, and equal ones are not taken for one. One whose worker is lost runs again on
    another: the scheduler sees to that (`distributed.scheduler.allowed-failures`), and `run_on` need not.

    Args:
        address: of the scheduler, such as `tls://10.0.0.5:8786`; use TLS, since results name organisations.

    Raises:
        UsageError: the package is missing, nobody answers, or the cluster has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "the package `distributed` is not installed", where="--dask", repair="pip install 'orgcal[dask]'"
        ) from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"there is no Dask scheduler ({type(error).__name__})", where=f"--dask {address}", repair="dask scheduler"
        ) from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        if workers == 0:
            raise UsageError("the cluster has no workers", where=f"--dask {address}", repair=f"dask worker {address}")
        with client.get_executor(retries=0, pure=False) as executor:  # type: ignore[no-untyped-call]
            yield executor, workers
