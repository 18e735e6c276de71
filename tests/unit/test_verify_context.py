"""What the checks of one run share: a session, the credential, and threads."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import UsageError
from verify import context as contexts
from verify.context import RunContext
from verify.models import Connector, Options, Pace, SecretReference

CONNECTOR = Connector("public", "client", (), SecretReference("file", "f"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked while contexts were made, without a cloud."""
    asked: list[Any] = []

    def load(cloud: str, environ: Any) -> str:
        asked.append((cloud, environ))
        return "endpoints"

    def session(endpoints: Any, *, pool_size: int) -> Any:
        asked.append((endpoints, pool_size))
        return SimpleNamespace(close=lambda: asked.append("closed"))

    monkeypatch.setattr(contexts, "load_endpoints", load)
    monkeypatch.setattr(contexts, "new_session", session)
    return asked


@pytest.mark.parametrize(("fixed", "connections"), [(0, 64 + 2 * 5), (3, 3 + 2 * 5)])
def test_session_has_a_connection_for_each_batch_and_two_for_each_organisation(
    made: list[Any], fixed: int, connections: int
) -> None:
    options = Options(CONNECTOR, environ={"NAME": "v"}, pace=Pace(fixed=fixed), organisations_at_once=5)

    shared = RunContext(options)
    shared.close()

    assert made == [("public", {"NAME": "v"}), ("endpoints", connections), "closed"]
    with pytest.raises(RuntimeError):
        shared.pool.submit(print)


def test_credential_is_looked_for_once_and_so_is_its_absence(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def find(options: Options) -> Any:
        asked.append(options)
        if options.strict:
            raise UsageError("none")
        return "located"

    monkeypatch.setattr(contexts, "find_credential", find)
    options = Options(CONNECTOR, environ={"NAME": "v"})
    there, gone = RunContext(options), RunContext(replace(options, strict=True))

    assert [str(there.credential()) for _ in range(2)] == ["located", "located"]
    for _ in range(2):
        with pytest.raises(UsageError, match="none"):
            gone.credential()
    assert asked == [there.options, gone.options]
    for each in (there, gone):
        each.close()


def test_variables_of_this_process_name_the_cloud_where_none_were_given(
    made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORGCAL_OF_THIS_PROCESS", "yes")

    RunContext(Options(CONNECTOR)).close()

    assert made[0][1]["ORGCAL_OF_THIS_PROCESS"] == "yes"
