"""The connector's file that verification reads, as editors write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orgcal.errors import UsageError
from verify.sources import from_file

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
