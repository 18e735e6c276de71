"""Proxies of the environment never get what Pulumi's processes say to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.engine.proxies import loopback_variables, proxies_of_loopback
from orgcal.operations.doctor_stack import check_proxy
from orgcal.stack.environment import stack_environment

PROXY = "http://user:s3cr3t@proxy.example:3128"
NAMES = ["https_proxy", "http_proxy", "all_proxy", "grpc_proxy"]


@pytest.mark.parametrize("name", [*NAMES, *map(str.upper, NAMES)])
def test_loopback_variables_any_proxy_gets_both_spellings(name: str) -> None:
    variables, removed = loopback_variables({name: PROXY})

    assert variables == {"no_proxy": "localhost,127.0.0.1,::1", "NO_PROXY": "localhost,127.0.0.1,::1"}
    assert removed == ()


def test_loopback_variables_keeps_the_exceptions_of_both_spellings() -> None:
    environ = {"https_proxy": PROXY, "no_proxy": "corp.example, localhost", "NO_PROXY": "10.0.0.0/8,corp.example"}

    variables, _ = loopback_variables(environ)

    assert variables["no_proxy"] == variables["NO_PROXY"] == "corp.example,localhost,10.0.0.0/8,127.0.0.1,::1"


def test_loopback_variables_grpcs_own_exceptions_are_completed_too() -> None:
    variables, _ = loopback_variables({"https_proxy": PROXY, "no_grpc_proxy": "corp.example"})

    assert variables["no_grpc_proxy"] == "corp.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize("environ", [{}, {"https_proxy": ""}, {"no_proxy": "corp.example"}])
def test_loopback_variables_without_a_proxy_changes_nothing(environ: dict[str, str]) -> None:
    assert loopback_variables(environ) == ({}, ())


def test_loopback_variables_everything_excepted_removes_the_proxies() -> None:
    """GRPC does not know `*`, and Python knows it only alone."""
    environ = {"https_proxy": PROXY, "ALL_PROXY": PROXY, "NO_PROXY": "*"}

    assert loopback_variables(environ) == ({}, ("https_proxy", "ALL_PROXY"))


@pytest.mark.parametrize(
    ("environ", "taken"),
    [
        ({"https_proxy": PROXY}, ("https_proxy",)),
        ({"https_proxy": PROXY, "http_proxy": PROXY, "no_proxy": "corp.example"}, ("https_proxy", "http_proxy")),
        ({"https_proxy": PROXY, "no_proxy": "*"}, ("https_proxy",)),
        ({"https_proxy": PROXY, "NO_PROXY": "127.0.0.1"}, ("https_proxy",)),
        ({"https_proxy": PROXY, "no_proxy": "127.0.0.1", "no_grpc_proxy": "corp.example"}, ("https_proxy",)),
        ({"https_proxy": PROXY, "no_proxy": "a,127.0.0.1"}, ()),
        ({"https_proxy": PROXY, "no_proxy": "127.0.0.0/8"}, ()),
        ({"HTTPS_PROXY": PROXY, "all_proxy": PROXY}, ()),
        ({}, ()),
    ],
)
def test_proxies_of_loopback_are_those_that_grpc_reads(environ: dict[str, str], taken: tuple[str, ...]) -> None:
    assert proxies_of_loopback(environ) == taken


def test_proxies_of_loopback_are_none_in_a_childs_environment(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  orgcal:entra: {cloud: emulator}\n")
    for exceptions in ({}, {"no_proxy": "corp.example"}, {"no_proxy": "*"}):
        environ = {"PATH": "/bin", "https_proxy": PROXY, "HTTP_PROXY": PROXY, **exceptions}

        child = stack_environment(tmp_path, "dev", environ).to_environ(environ)

        assert proxies_of_loopback(child) == ()


def test_check_proxy_names_the_variable_and_never_its_value() -> None:
    finding = check_proxy("dev", {"https_proxy": PROXY})

    assert not finding.ok
    assert finding.says.startswith("https_proxy would take")
    assert "orgcal env --stack dev" in finding.repair
    assert "s3cr3t" not in repr(finding)
    assert check_proxy("dev", {"https_proxy": PROXY, "no_proxy": "127.0.0.1"}).ok
