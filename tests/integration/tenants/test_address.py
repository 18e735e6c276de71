"""The registry's address, as variables of containers and secrets of Kubernetes have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.tenants.registry import Registry


@pytest.mark.parametrize("around", ["{}\n", '"{}"', " '{}'\r\n"])
def test_address_is_read_without_quotes_and_line_ends(tmp_path: Path, around: str) -> None:
    address = around.format(f"sqlite:///{tmp_path / 'tenants.sqlite'}")

    Registry(address, connector="orgcal/dev", operator="somebody").close()

    assert [path.name for path in tmp_path.iterdir()] == ["tenants.sqlite"]
