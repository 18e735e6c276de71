"""The engine's cache: whole or not there, private, and unchanged."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from orgcal.engine.cache import EngineCache, cache_dir, remove_tree
from orgcal.engine.progress import Progress
from orgcal.engine.versions import PULUMI_VERSION
from orgcal.errors import EngineError
from tests.support.fake_programs import write_program


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache({"ORGCAL_CACHE_DIR": str(tmp_path / "cache")})


def _publish(cache: EngineCache, text: str = "one") -> None:
    with cache.locked(Progress(io.StringIO())), cache.staging() as staging:
        out = staging / "bin"
        for name in ("pulumi", "pulumi-language-python"):
            write_program(out / name, f"{name} {text}")
        cache.publish(out, source="build", recipe="r")


def test_cache_published_programs_are_checked_against_their_hashes(cache: EngineCache) -> None:
    _publish(cache)
    manifest = cache.manifest()
    assert manifest is not None
    assert (manifest.version, manifest.source, manifest.recipe) == (PULUMI_VERSION, "build", "r")
    assert set(manifest.files) == {"pulumi", "pulumi-language-python"}
    assert cache.damage(manifest) == ""


def test_cache_directories_are_for_their_owner_only(cache: EngineCache) -> None:
    _publish(cache)
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(cache.home.stat().st_mode) == 0o700


def test_cache_root_open_to_others_is_closed(cache: EngineCache) -> None:
    cache.root.mkdir(parents=True, mode=0o755)
    cache.root.chmod(0o755)
    _publish(cache)
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o700


def test_cache_changed_program_is_damage(cache: EngineCache) -> None:
    _publish(cache)
    manifest = cache.manifest()
    assert manifest is not None
    (cache.bin_dir / "pulumi").write_text("other", encoding="utf-8")
    assert cache.damage(manifest) == "pulumi has changed"


def test_cache_missing_strange_or_linked_programs_are_damage(cache: EngineCache) -> None:
    _publish(cache)
    manifest = cache.manifest()
    assert manifest is not None
    extra = write_program(cache.bin_dir / "git", "#!/bin/sh\n")
    assert cache.damage(manifest) == "git is not ours"
    extra.unlink()
    target = (cache.bin_dir / "pulumi").rename(cache.root / "elsewhere")
    assert cache.damage(manifest) == "pulumi is missing"
    (cache.bin_dir / "pulumi").symlink_to(target)
    assert cache.damage(manifest) == "pulumi is no program any more"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": []}', '{"files": {}, "version": 1}'])
def test_cache_unreadable_manifest_counts_as_nothing(cache: EngineCache, text: str) -> None:
    _publish(cache)
    (cache.home / "manifest.json").write_text(text, encoding="utf-8")
    assert cache.manifest() is None


def test_cache_publish_replaces_what_was_there(cache: EngineCache) -> None:
    _publish(cache, "one")
    _publish(cache, "two")
    assert (cache.bin_dir / "pulumi").read_text(encoding="utf-8") == "pulumi two"
    assert sorted(path.name for path in cache.root.iterdir()) == [cache.name, f"{cache.name}.lock"]


def test_cache_failed_making_leaves_nothing(cache: EngineCache) -> None:
    def fail_halfway() -> None:
        with cache.locked(Progress(io.StringIO())), cache.staging() as staging:
            (staging / "half").write_text("x", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.name for path in cache.root.iterdir()] == [f"{cache.name}.lock"]


def test_cache_lock_removes_what_a_killed_build_left(cache: EngineCache) -> None:
    left = cache.root / f".making-{cache.name}-abcd"
    other = cache.root / ".making-9.9.9-linux-amd64-abcd"
    for folder in (left / "modules", other):
        folder.mkdir(parents=True)
    (left / "modules").chmod(0o500)
    with cache.locked(Progress(io.StringIO())):
        assert not left.exists()
        assert other.exists()


def test_cache_in_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = EngineCache({"ORGCAL_CACHE_DIR": str(tmp_path / "file")})
    with pytest.raises(EngineError, match="cannot be made") as caught, cache.locked(Progress(io.StringIO())):
        pass
    assert "ORGCAL_CACHE_DIR" in caught.value.repair


def test_cache_dir_without_variable_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in cache_dir({}).parents


def test_remove_tree_read_only_directories_are_removed(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text(json.dumps({}), encoding="utf-8")
    deep.chmod(0o500)
    (tmp_path / "a").chmod(0o500)
    remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()
