"""A state in files whose engine was killed while it described it."""

from __future__ import annotations

from pathlib import Path

from orgcal.stack.state_files import remove_empty_sidecars


def test_remove_empty_sidecars_leaves_whatever_says_something(tmp_path: Path) -> None:
    kept = tmp_path / "a state" / ".pulumi"
    folder = kept / "stacks" / "orgcal"
    folder.mkdir(parents=True)
    empty = [kept / "meta.yaml.attrs", folder / "dev.json.attrs", folder / "dev.json.bak.attrs"]
    others = [folder / "dev.json", folder / "dev2.json.attrs", kept / "meta.yaml"]
    for path in (*empty, *others):
        path.write_text("")
    full = folder / "dev.json.gz.attrs"
    full.write_text("{}")

    remove_empty_sidecars((tmp_path / "a state").as_uri(), "dev")

    assert not any(path.exists() for path in empty)
    assert all(path.exists() for path in (*others, full))


def test_remove_empty_sidecars_of_a_backend_elsewhere_does_nothing(tmp_path: Path) -> None:
    remove_empty_sidecars("s3://bucket", "dev")
    remove_empty_sidecars("", "dev")
    remove_empty_sidecars((tmp_path / "nowhere").as_uri(), "dev")
