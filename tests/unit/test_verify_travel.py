"""What of a run's options travels to workers in other processes, and what stays."""

from __future__ import annotations

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from verify.models import Connector, Options, Pace, SecretReference
from verify.runner import for_workers

PLATFORM = SecretReference("platform", "outlook", {"kind": "file", "path": "calendar.yaml"})
GIVEN = SecretReference("given", "stack")
NEEDED = {
    "ORGCAL_EMULATOR_FILE": "/home/me/emulator.json",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "https_proxy": "http://proxy.example:3129",
    "NO_PROXY": "a.example",
    "no_proxy": "b.example",
}


def options(**changed: object) -> Options:
    connector = Connector("public", "client", ("Calendars.Read",), PLATFORM, fallback=GIVEN)
    return Options(connector, **changed)  # type: ignore[arg-type]


def test_workers_get_the_variables_of_proxies_in_both_spellings_and_of_the_emulator_and_no_other() -> None:
    environ = {**NEEDED, "ARM_CLIENT_SECRET": "secret", "PATH": "/bin"}

    assert for_workers(options(environ=environ), 2).environ == NEEDED


def test_workers_get_no_credential_and_nothing_that_belongs_to_this_process() -> None:
    given = options(given_credential=ClientSecret("secret"), stop=lambda: True, strict=True, sample=3, seed=4)

    travelling = for_workers(given, 2)

    assert travelling.given_credential is None
    assert travelling.connector.fallback is None
    assert travelling.connector.outputs is None
    assert not travelling.stop()
    assert travelling.organisations_at_once == 1
    assert (travelling.strict, travelling.sample, travelling.seed) == (True, 3, 4)


def test_fallback_that_workers_can_read_themselves_travels() -> None:
    connector = Connector("public", "client", (), PLATFORM, fallback=SecretReference("file", "secret.txt"))

    assert for_workers(Options(connector), 2).connector.fallback == SecretReference("file", "secret.txt")


@pytest.mark.parametrize(
    ("workers", "cap", "start"), [(1, 64, 8), (2, 32, 8), (8, 8, 8), (10, 6, 6), (16, 4, 4), (100, 4, 4)]
)
def test_rate_is_divided_among_workers_down_to_four_batches_each(workers: int, cap: int, start: int) -> None:
    pace = for_workers(options(pace=Pace(start=8, cap=64)), workers).pace

    assert (pace.cap, pace.start) == (cap, start)


def test_credential_that_only_this_process_knows_cannot_be_verified_elsewhere() -> None:
    with pytest.raises(UsageError, match="known to this process only") as refused:
        for_workers(Options(Connector("public", "client", (), GIVEN)), 2)

    assert refused.value.where == "connector.credential"
    assert "name a platform, a file or a variable" in refused.value.repair
