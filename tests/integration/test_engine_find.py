"""Which engine is taken: PATH, cache, installer, build."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from orgcal.engine import build, find
from orgcal.engine.cache import EngineCache
from orgcal.engine.find import Engine, build_ahead, find_engine, look_for_engine
from orgcal.engine.progress import Progress
from orgcal.errors import EngineError, UsageError
from tests.support.fake_programs import build_environ, builds, fake_go, fake_pulumi, write_program


@pytest.fixture(autouse=True)
def _no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installer is out of reach unless a test says otherwise; the pretended build needs no 4 GB."""
    monkeypatch.setattr(build, "DISK_NEEDED_BYTES", 1)
    monkeypatch.setattr(find, "installer_refusal", lambda environ: "Pulumi's download server cannot be reached")


def _auto(tmp_path: Path, **more: str) -> dict[str, str]:
    environ = build_environ(tmp_path, **more)
    return {name: value for name, value in environ.items() if name != "ENGINE"} | more


@pytest.mark.parametrize("version", ["v3.274.1", "v3.301.2"])
def test_find_engine_fitting_pulumi_on_path_is_taken(tmp_path: Path, version: str) -> None:
    fake_pulumi(tmp_path / "tools", version)
    engine = find_engine(_auto(tmp_path), progress=Progress(io.StringIO()))
    assert engine.source == "path"
    assert engine.version == version.removeprefix("v")
    assert engine.bin_dir == tmp_path / "tools"
    assert engine.language_host == tmp_path / "tools" / "pulumi-language-python"
    assert builds(tmp_path) == []


@pytest.mark.parametrize("version", ["v3.274.0", "v4.0.0", "v3.274.1-alpha.1", "nonsense"])
def test_find_engine_unfitting_pulumi_on_path_is_passed_over_with_its_reason(tmp_path: Path, version: str) -> None:
    program = fake_pulumi(tmp_path / "tools", version)
    said = io.StringIO()
    engine = find_engine(_auto(tmp_path), progress=Progress(said))
    assert engine.source == "build"
    assert f"{program} is {version}, not 3.274.1 or newer" in said.getvalue()


def test_look_for_engine_pulumi_without_language_host_is_passed_over(tmp_path: Path) -> None:
    fake_pulumi(tmp_path / "tools", host=False)
    found = look_for_engine(_auto(tmp_path))
    assert isinstance(found, str)
    assert "has no pulumi-language-python beside it" in found


def test_look_for_engine_linked_pulumi_finds_the_host_beside_its_target(tmp_path: Path) -> None:
    target = fake_pulumi(tmp_path / "opt")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pulumi").symlink_to(target)
    found = look_for_engine(_auto(tmp_path))
    assert isinstance(found, Engine)
    assert found.language_host == tmp_path / "opt" / "pulumi-language-python"


def test_look_for_engine_pulumi_that_fails_is_passed_over(tmp_path: Path) -> None:
    write_program(tmp_path / "tools" / "pulumi", "#!/bin/sh\nexit 1\n")
    found = look_for_engine(_auto(tmp_path))
    assert isinstance(found, str)
    assert "no engine that tells its version" in found


def test_look_for_engine_own_cache_on_path_is_judged_by_its_hashes(tmp_path: Path) -> None:
    environ = _auto(tmp_path)
    engine = find_engine(environ, progress=Progress(io.StringIO()))
    on_path = {**environ, "PATH": f"{engine.bin_dir}:{environ['PATH']}"}
    assert look_for_engine(on_path) == engine
    engine.pulumi.write_text("#!/bin/sh\necho v3.274.1\n# evil\n", encoding="utf-8")
    assert isinstance(look_for_engine(on_path), str)


def test_find_engine_path_asked_for_and_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="ENGINE=path, and no pulumi on PATH") as caught:
        find_engine(_auto(tmp_path, ENGINE="path"), progress=Progress(io.StringIO()))
    assert "unset ENGINE" in caught.value.repair


def test_find_engine_build_asked_for_passes_over_path(tmp_path: Path) -> None:
    fake_pulumi(tmp_path / "tools")
    assert find_engine(_auto(tmp_path, ENGINE="build"), progress=Progress(io.StringIO())).source == "build"


def test_find_engine_unknown_choice_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="known are auto, path, installer, build"):
        find_engine(_auto(tmp_path, ENGINE="brew"), progress=Progress(io.StringIO()))


def test_find_engine_installer_asked_for_and_silent_is_refused_without_a_build(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="ENGINE=installer, and Pulumi's download server cannot be reached"):
        find_engine(_auto(tmp_path, ENGINE="installer"), progress=Progress(io.StringIO()))
    assert builds(tmp_path) == []


def _install(cache: EngineCache, environ: object, progress: object) -> None:
    with cache.staging() as staging:
        fake_pulumi(staging / "bin")
        write_program(staging / "bin" / "pulumi-language-python-exec", "#!/bin/sh\n")
        cache.publish(staging / "bin", source="installer", recipe="0" * 64)


def test_find_engine_installer_that_answers_comes_before_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "installer_refusal", lambda environ: "")
    monkeypatch.setattr(find, "install_engine", _install)
    engine = find_engine(_auto(tmp_path), progress=Progress(io.StringIO()))
    assert engine.source == "installer"
    assert builds(tmp_path) == []


def test_find_engine_installer_that_fails_is_followed_by_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(cache: object, environ: object, progress: object) -> None:
        raise EngineError("the download failed: the moon is full")

    monkeypatch.setattr(find, "installer_refusal", lambda environ: "")
    monkeypatch.setattr(find, "install_engine", fail)
    said = io.StringIO()
    assert find_engine(_auto(tmp_path), progress=Progress(said)).source == "build"
    assert "the download failed: the moon is full; building" in said.getvalue()


def test_find_engine_cached_from_another_source_is_replaced_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "installer_refusal", lambda environ: "")
    monkeypatch.setattr(find, "install_engine", _install)
    environ = _auto(tmp_path)
    assert find_engine(environ, progress=Progress(io.StringIO())).source == "installer"
    assert find_engine({**environ, "ENGINE": "build"}, progress=Progress(io.StringIO())).source == "build"
    assert find_engine(environ, progress=Progress(io.StringIO())).source == "build"


def test_cached_engine_that_others_could_replace_is_neither_used_nor_built_again(tmp_path: Path) -> None:
    environ = _auto(tmp_path)
    find_engine(environ, progress=Progress(io.StringIO()))
    (tmp_path / "cache").chmod(0o777)

    found = look_for_engine(environ)
    with pytest.raises(EngineError, match="others could replace the engine") as caught:
        find_engine(environ, progress=Progress(io.StringIO()))

    assert found == (
        f"no pulumi on PATH; others could replace the cached engine: {tmp_path / 'cache'} can be changed by everybody"
    )
    assert "ORGCAL_CACHE_DIR" in caught.value.repair
    assert len(builds(tmp_path)) == 2


@pytest.mark.parametrize("part", ["bin", "bin/pulumi", "manifest.json"])
def test_cached_program_that_others_could_write_is_built_again(tmp_path: Path, part: str) -> None:
    environ = _auto(tmp_path)
    opened = find_engine(environ, progress=Progress(io.StringIO())).bin_dir.parent / part
    opened.chmod(0o777)

    engine = find_engine(environ, progress=Progress(io.StringIO()))

    assert len(builds(tmp_path)) == 4
    assert engine.bin_dir.stat().st_mode & 0o022 == 0


def test_cached_engine_that_an_older_version_downloaded_unchecked_is_not_used(tmp_path: Path) -> None:
    environ = _auto(tmp_path)
    cache = EngineCache(environ)
    with cache.locked(Progress(io.StringIO())), cache.staging() as staging:
        fake_pulumi(staging / "bin")
        cache.publish(staging / "bin", source="installer", recipe="")

    assert "downloaded without a pinned checksum" in str(look_for_engine(environ))


def test_pulumi_on_path_that_others_could_replace_is_passed_over(tmp_path: Path) -> None:
    fake_pulumi(tmp_path / "tools")
    (tmp_path / "tools").chmod(0o777)

    assert "others could replace the pulumi on PATH" in str(look_for_engine(_auto(tmp_path)))


def _ahead(environ: dict[str, str], python: str = sys.executable) -> str:
    said = io.StringIO()
    build_ahead(environ, progress=Progress(said), python=Path(python))
    return said.getvalue()


def test_build_ahead_builds_where_nothing_else_brings_an_engine(tmp_path: Path) -> None:
    environ = _auto(tmp_path)
    said = _ahead(environ)
    assert "no pulumi on PATH; none made yet; Pulumi's download server cannot be reached; building" in said
    assert len(builds(tmp_path)) == 2
    assert _ahead(environ) == ""
    assert find_engine(environ, progress=Progress(io.StringIO())).source == "build"
    assert len(builds(tmp_path)) == 2


@pytest.mark.parametrize("choice", ["path", "installer"])
def test_build_ahead_another_source_asked_for_builds_nothing(tmp_path: Path, choice: str) -> None:
    assert _ahead(_auto(tmp_path, ENGINE=choice)) == ""
    assert builds(tmp_path) == []


def test_build_ahead_installer_that_answers_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "installer_refusal", lambda environ: "")
    assert _ahead(_auto(tmp_path)) == ""
    assert builds(tmp_path) == []
    _ahead(_auto(tmp_path, ENGINE="build"))
    assert len(builds(tmp_path)) == 2


def test_build_ahead_pulumi_on_path_builds_nothing(tmp_path: Path) -> None:
    fake_pulumi(tmp_path / "tools")
    assert _ahead(_auto(tmp_path)) == ""
    assert builds(tmp_path) == []


def test_build_ahead_go_is_fetched_with_the_python_it_is_given(tmp_path: Path) -> None:
    environ = _auto(tmp_path)
    fake_go(tmp_path / "tools", "1.25.7")
    python = write_program(tmp_path / "venv" / "python", f'#!/bin/sh\necho "$@" > {tmp_path}/asked; exit 1\n')
    with pytest.raises(EngineError, match="no Go to build the engine with"):
        _ahead(environ, str(python))
    assert "-m pip install" in (tmp_path / "asked").read_text(encoding="utf-8")
