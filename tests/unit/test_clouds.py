"""Where Entra ID and Microsoft Graph are in each cloud, what is this machine, and where an emulator says it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.clouds import (
    CloudEndpoints,
    EmulatorEndpoints,
    is_loopback,
    load_endpoints,
    origin_of,
    read_emulator_file,
)
from orgcal.errors import CloudMismatch, UsageError

TENANT = "00000000-1111-2222-3333-444444444444"


@pytest.mark.parametrize(
    ("cloud", "login", "graph", "azuread"),
    [
        ("public", "https://login.microsoftonline.com", "https://graph.microsoft.com", "public"),
        ("usgov", "https://login.microsoftonline.us", "https://graph.microsoft.us", "usgovernment"),
        ("china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn", "china"),
    ],
)
def test_addresses_of_a_cloud_are_the_documented_ones(cloud: Any, login: str, graph: str, azuread: str) -> None:
    """Sources: https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud (Microsoft Entra
    authentication endpoints), https://learn.microsoft.com/en-us/graph/deployments (root endpoints), and `environment`
    in https://registry.terraform.io/providers/hashicorp/azuread/latest/docs."""
    endpoints = load_endpoints(cloud, {"ORGCAL_EMULATOR_FILE": "/x/ready.json"})

    assert endpoints == CloudEndpoints(cloud, login, graph, azuread, metadata_host="", emulated=None)
    assert endpoints.graph_scope == f"{graph}/.default"
    assert (endpoints.ca_file, endpoints.home_tenant_id(""), endpoints.home_tenant_id("t")) == (None, "", "t")


def test_cloud_that_is_unknown_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError) as refused:
        load_endpoints("germany", {"ORGCAL_EMULATOR_FILE": "/x/ready.json"})

    assert vars(refused.value) == {
        "what": "there is no cloud 'germany'; known are emulator, public, usgov, china",
        "where": "orgcal:entra.cloud",
        "repair": "pulumi config set --path orgcal:entra.cloud public",
    }


@pytest.mark.parametrize("environ", [{}, {"ORGCAL_EMULATOR_FILE": ""}])
def test_emulator_that_no_variable_names_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        load_endpoints("emulator", environ)

    assert vars(refused.value) == {
        "what": "this stack lives on the emulator, and the environment names no emulator",
        "where": "ORGCAL_EMULATOR_FILE",
        "repair": "orgcal emulator start, or for another stack than dev: orgcal emulator start --stack STACK; before "
        'pulumi by hand also: eval "$(orgcal env --stack STACK)"',
    }


READY: dict[str, Any] = {
    "port": 8443,
    "base_url": "https://localhost:8443",
    "directory_id": "directory",
    "ca_file": "/e/c\u00e4.pem",
    "operator": {
        "tenant_id": TENANT.upper(),
        "client_id": "client",
        "client_secret_file": "/e/secret",
        "client_certificate_file": "/e/certificate.pem",
    },
    "platform": {"url": "http://localhost:9", "api_key_file": "/e/key"},
    "control": {"url": "http://localhost:10", "token_file": "/e/token"},
}


def written(folder: Path, ready: object) -> Path:
    path = folder / "ready.json"
    path.write_bytes(ready if isinstance(ready, bytes) else json.dumps(ready, ensure_ascii=False).encode())
    return path


def test_file_of_a_running_emulator_names_all_of_its_places(tmp_path: Path) -> None:
    path = written(tmp_path, READY)

    endpoints = load_endpoints("emulator", {"ORGCAL_EMULATOR_FILE": str(path)})

    emulated = EmulatorEndpoints(
        directory_id="directory",
        ca_file=Path("/e/c\u00e4.pem"),
        operator_tenant_id=TENANT,
        operator_client_id="client",
        operator_client_secret_file=Path("/e/secret"),
        operator_client_certificate_file=Path("/e/certificate.pem"),
        platform_url="http://localhost:9",
        platform_api_key_file=Path("/e/key"),
        control_url="http://localhost:10",
        control_token_file=Path("/e/token"),
    )
    url = "https://localhost:8443"
    assert endpoints == CloudEndpoints("emulator", url, url, "public", "localhost:8443", emulated)
    assert (endpoints.ca_file, endpoints.home_tenant_id("")) == (Path("/e/c\u00e4.pem"), TENANT)
    assert endpoints.home_tenant_id("named") == "named"
    assert replace(endpoints, emulated=None).home_tenant_id("") == ""


AGAIN = "orgcal emulator stop && orgcal emulator start"
OTHER_VERSION = "the emulator that runs is of another version than this orgcal (its file lacks {})"
NO_FILE = "this is not the file of a running emulator ({})"


@pytest.mark.parametrize(
    ("ready", "what"),
    [
        *[
            ({name: value for name, value in READY.items() if name != left_out}, OTHER_VERSION.format(f"'{left_out}'"))
            for left_out in READY
        ],
        *[
            ({**READY, part: {name: value for name, value in READY[part].items() if name != left_out}},
             OTHER_VERSION.format(f"'{left_out}'"))
            for part in ("operator", "platform", "control") for left_out in READY[part]
        ],
        ({**READY, "port": "x"}, NO_FILE.format("ValueError: invalid literal for int() with base 10: 'x'")),
        ({**READY, "port": None}, NO_FILE.format("TypeError: int() argument must be a string, a bytes-like object or a "
                                                 "real number, not 'NoneType'")),
        ({**READY, "operator": {**READY["operator"], "tenant_id": 5}},
         NO_FILE.format("AttributeError: 'int' object has no attribute 'strip'")),
        (b"{", NO_FILE.format("JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 "
                              "(char 1)")),
    ],
)  # fmt: skip
def test_file_that_is_none_of_this_version_says_what_is_wrong(tmp_path: Path, ready: object, what: str) -> None:
    path = written(tmp_path, ready)

    with pytest.raises(UsageError) as refused:
        read_emulator_file(path)

    assert vars(refused.value) == {"what": what, "where": str(path), "repair": AGAIN}


def test_tenant_of_an_emulator_is_an_id(tmp_path: Path) -> None:
    path = written(tmp_path, {**READY, "operator": {**READY["operator"], "tenant_id": "contoso.com"}})

    with pytest.raises(UsageError, match=r"'contoso.com' is not a tenant id \(a GUID\)") as refused:
        read_emulator_file(path)

    assert refused.value.where == str(path)


def test_emulator_that_does_not_run_is_started(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_emulator_file(tmp_path / "gone")

    where = str(tmp_path / "gone")
    assert vars(refused.value) == {
        "what": "the emulator is not running",
        "where": where,
        "repair": "orgcal emulator start",
    }


@pytest.mark.parametrize("url", ["https://localhost:8444", "http://localhost:8443", "https://evil.example:8443"])
def test_emulator_of_another_machine_is_refused(tmp_path: Path, url: str) -> None:
    path = written(tmp_path, {**READY, "base_url": url})

    with pytest.raises(CloudMismatch) as refused:
        read_emulator_file(path)

    assert vars(refused.value) == {
        "what": f"the emulator's file names {url}, which is not an address of this machine",
        "where": str(path),
        "repair": "remove the file and start the emulator again",
    }


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Graph.example/x?y", "https://graph.example:443"),
        ("HTTP://graph.example", "http://graph.example:80"),
        ("http://graph.example:8080/", "http://graph.example:8080"),
        ("https://graph.example:80", "https://graph.example:80"),
        ("ftp://graph.example:21", ""),
        ("https://", ""),
        ("graph.example", ""),
        ("https://[::1]:8443", "https://::1:8443"),
        ("https://graph.example:x", ""),
        ("", ""),
    ],
)
def test_origin_is_scheme_host_and_port_in_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *[(host, True) for host in ("localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1", "[::1]")],
        *[(host, False) for host in ("localhost.example", "10.0.0.1", "::2", "126.255.255.255", "", None, "[]")],
    ],
)
def test_host_is_this_machine_by_its_name_or_address(host: str | None, here: bool) -> None:
    assert is_loopback(host) is here
