"""The file of a running emulator, as commands read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.entra.clouds import read_emulator_file
from orgcal.errors import UsageError


def test_emulator_file_of_another_version_names_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text(
        '{"port": 1, "base_url": "https://localhost:1", "directory_id": "d", "ca_file": "c", "operator": {}}'
    )

    with pytest.raises(UsageError, match="another version") as caught:
        read_emulator_file(path)

    assert "emulator stop" in caught.value.repair
