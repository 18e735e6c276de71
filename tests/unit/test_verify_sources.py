"""The connector's file that verification reads, as editors write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orgcal.errors import ConfigError, UsageError
from verify.sources import from_file, from_variables

DESCRIBED = {
    "cloud": "public",
    "client_id": "5f0c8a0e-0000-4000-8000-000000000001",
    "client_secret_file": "secret",
    "scopes": ["Calendars.Read"],
    "tenants": [{"tenant_id": "8f0c8a0e-0000-4000-8000-000000000001", "name": "Contoso"}],
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["connector.json", "connector.yaml"])
def test_connector_file_that_an_editor_of_windows_wrote_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(DESCRIBED), encoding=encoding)
    connector, targets = from_file(path)
    assert connector.client_id == DESCRIBED["client_id"]
    assert len(targets) == 1


@pytest.mark.parametrize("name", ["connector.json", "connector.yaml"])
def test_connector_file_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\xffPK\x03\x04" * 9)
    with pytest.raises(UsageError) as error:
        from_file(path)
    assert error.value.where.startswith(str(path))
    assert error.value.repair


@pytest.mark.parametrize(
    ("name", "wrong", "repair"),
    [
        ("scopes", 3, "write `scopes: [Calendars.Read]` into this file"),
        ("client_secret_file", [], "write `client_secret_file: /run/secrets/connector` into this file"),
    ],
)
def test_repair_of_a_setting_shows_one_that_would_be_taken(
    tmp_path: Path, name: str, wrong: object, repair: str
) -> None:
    path = tmp_path / "connector.json"
    path.write_text(json.dumps({**DESCRIBED, name: wrong}), encoding="utf-8")

    with pytest.raises(ConfigError) as refused:
        from_file(path)

    [problem] = refused.value.problems
    assert problem.startswith(f"connector.json:1: {name}: found ")
    assert problem.endswith(f"repair: {repair}")


def test_quotes_and_blanks_around_our_variables_are_an_accident_and_around_others_are_not_ours() -> None:
    client_id = str(DESCRIBED["client_id"])
    environ = {
        "ORGCAL_CLIENT_ID": f'"{client_id}"',
        "ORGCAL_SCOPES": " 'Calendars.Read' ",
        "ORGCAL_TENANTS": '"contoso.com"\n',
        "ORGCAL_CLIENT_SECRET": "x",
    }

    connector, targets = from_variables(environ)

    assert (connector.client_id, connector.permissions) == (client_id, ("Calendars.Read", "Directory.Read.All"))
    assert [target.tenant_id for target in targets] == ["contoso.com"]
