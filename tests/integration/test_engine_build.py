"""Building the engine with a `go` that only pretends: whole or not at all, once, and unchanged."""

from __future__ import annotations

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from orgcal.engine import build
from orgcal.engine.cache import EngineCache
from orgcal.engine.find import Engine, find_engine, look_for_engine
from orgcal.engine.progress import Progress
from orgcal.engine.toolchain import Toolchain, fetch_go
from orgcal.errors import EngineError
from tests.support.fake_programs import build_environ, builds, endless_build, fake_go, write_program

ROOT = Path(__file__).resolve().parents[2]
Ensure = Callable[..., "subprocess.Popen[str]"]
BOTH = ["pulumi", "pulumi-language-python"]
LOGINS = dict.fromkeys(
    ("GH_TOKEN", "ARM_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "PULUMI_CONFIG_PASSPHRASE", "VAULT_TOKEN"), "hush"
)


@pytest.fixture(autouse=True)
def _small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pretended build needs no 4 GB."""
    monkeypatch.setattr(build, "DISK_NEEDED_BYTES", 1)


@pytest.fixture
def ensure() -> Iterator[Ensure]:
    """Starts `python -m orgcal.engine path`.

    What a failed test leaves running ends with it: an abandoned process is reported in whichever test runs when it is
    collected.
    """
    with ExitStack() as running:

        def begin(environ: dict[str, str], **more: object) -> subprocess.Popen[str]:
            process: subprocess.Popen[str] = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "orgcal.engine", "path"],
                    cwd=ROOT,
                    env=environ,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    **more,  # type: ignore[call-overload]
                )
            )
            running.callback(process.kill)
            return process

        yield begin


def _leftovers(environ: dict[str, str]) -> list[str]:
    return [path.name for path in EngineCache(environ).root.glob(".making-*")]


def test_find_engine_no_engine_builds_it_with_both_programs_and_scripts(tmp_path: Path) -> None:
    environ = build_environ(tmp_path)
    said = io.StringIO()
    engine = find_engine(environ, progress=Progress(said))
    assert sorted(builds(tmp_path)) == BOTH
    assert engine.source == "build"
    assert sorted(path.name for path in engine.bin_dir.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    ]
    assert _leftovers(environ) == []
    # The reason, the time and the disk are said before the first minute passes.
    first = said.getvalue().splitlines()[0]
    assert all(words in first for words in ("ENGINE=build", "about 4 min", "GB of disk"))


def test_build_of_a_go_that_somebody_has_changed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "built_checksums", lambda version: {"pulumi": "0" * 64} if version == "1.26.8" else {})
    said = io.StringIO()

    find_engine(build_environ(tmp_path), progress=Progress(said))

    assert "makes another pulumi than Go's own 1.26.8" in said.getvalue()


def test_build_with_the_pinned_go_that_gives_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object, **__: object) -> Toolchain:
        return Toolchain(tmp_path / "tools" / "go", "1.26.6", goroot=str(tmp_path))

    monkeypatch.setattr(build, "built_checksums", lambda _: {"pulumi": "0" * 64})
    monkeypatch.setattr(build, "go_on_path", lambda _: "no go on PATH")
    monkeypatch.setattr(build, "fetch_go", fetched)
    environ = build_environ(tmp_path)

    with pytest.raises(EngineError, match=r"the build made another pulumi than go 1\.26\.6 makes"):
        find_engine(environ, progress=Progress(io.StringIO()))

    assert EngineCache(environ).manifest() is None
    assert _leftovers(environ) == []


def test_find_engine_second_call_uses_the_cache(tmp_path: Path) -> None:
    environ = build_environ(tmp_path)
    first = find_engine(environ, progress=Progress(io.StringIO()))
    said = io.StringIO()
    assert find_engine(environ, progress=Progress(said)) == first
    assert sorted(builds(tmp_path)) == BOTH
    assert said.getvalue() == ""


def test_build_settings_of_go_are_ours_where_they_protect_and_the_users_elsewhere(tmp_path: Path) -> None:
    environ = build_environ(
        tmp_path,
        GOPROXY="https://mirror.example",
        GOFLAGS="-mod=mod",
        GOSUMDB="off",
        GONOSUMDB="*",
        GOINSECURE="*",
        GOOS="plan9",
        GOMODCACHE="/elsewhere",
        GOGC="1",
        GOMEMLIMIT="1MiB",
    )
    find_engine(environ, progress=Progress(io.StringIO()))
    seen = dict(
        line.split("=", 1) for line in (tmp_path / "go.log.env").read_text(encoding="utf-8").splitlines() if "=" in line
    )
    assert seen["GOPROXY"] == "https://mirror.example"
    assert seen["CGO_ENABLED"] == "0"
    assert seen["GOTOOLCHAIN"] == "local"
    assert seen["GOGC"] == "off"
    assert 512 << 20 <= int(seen["GOMEMLIMIT"]) <= 1 << 30
    assert not {"GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOFLAGS", "GOOS"} & seen.keys()
    root = str(EngineCache(environ).root)
    assert all(seen[name].startswith(root) for name in ("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOPATH"))
    asked = (tmp_path / "go.log").read_text(encoding="utf-8")
    assert asked.count("list -deps -mod=readonly") == 2
    assert asked.count("-trimpath -mod=readonly") == 2
    assert asked.count("-tags=disable_grpc_modules") == 4  # what is downloaded is what is built


def test_build_gives_go_no_login_of_the_caller(tmp_path: Path) -> None:
    find_engine(build_environ(tmp_path, GOAUTH="netrc", **LOGINS), progress=Progress(io.StringIO()))

    seen = (tmp_path / "go.log.env").read_text(encoding="utf-8")
    assert "hush" not in seen
    assert "GOAUTH=netrc" in seen


def test_pip_that_fetches_go_gets_its_index_and_no_login_of_others(tmp_path: Path) -> None:
    script = """#!/bin/sh
env > {told}
while [ "$1" != "--target" ]; do shift; done
mkdir -p "$2/go/bin"
printf '#!/bin/sh\nenv >> {told}\necho go version go1.26.8 linux/amd64\n' > "$2/go/bin/go"
chmod +x "$2/go/bin/go"
"""
    told = tmp_path / "told"
    python = write_program(tmp_path / "python", script.replace("{told}", str(told)))
    (tmp_path / "into").mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_INDEX_URL": "https://mirror.example", **LOGINS}

    found = fetch_go(tmp_path / "into", environ, Progress(io.StringIO()), python=python)

    seen = told.read_text(encoding="utf-8")
    assert found.version == "1.26.8"
    assert "hush" not in seen
    assert "PIP_INDEX_URL=https://mirror.example" in seen
    assert f"GOROOT={found.goroot}" in seen


@pytest.mark.parametrize(("gib", "cores", "mib"), [(24, 2, 1024), (4, 2, 1024), (3, 2, 768), (2, 2, 512), (8, 16, 512)])
def test_build_memory_of_a_compiler_leaves_half_of_the_machine(gib: int, cores: int, mib: int) -> None:
    assert build.compiler_memory_bytes(gib << 30, cores) == mib << 20


def test_find_engine_build_that_fails_ends_the_one_beside_it(tmp_path: Path) -> None:
    started, host = tmp_path / "started", tmp_path / "host"
    os.mkfifo(started)
    script = f"""case "$last" in
        *python) echo $$ > {started}; exec sleep 600 ;;
        *) cat {started} > {host}; echo 'no space left on device'; exit 1 ;;
    esac"""
    environ = build_environ(tmp_path, FAKE_GO_BUILD=script)
    with pytest.raises(EngineError, match="the disk is full"):
        find_engine(environ, progress=Progress(io.StringIO()))
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(host.read_text(encoding="utf-8"))).wait(timeout=10.0)
    assert _leftovers(environ) == []


def test_find_engine_tampered_program_is_refused_and_built_again(tmp_path: Path) -> None:
    environ = build_environ(tmp_path)
    engine = find_engine(environ, progress=Progress(io.StringIO()))
    with engine.pulumi.open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    found = look_for_engine(environ)
    assert isinstance(found, str)
    assert "damaged (pulumi has changed)" in found
    said = io.StringIO()
    again = find_engine(environ, progress=Progress(said))
    assert sorted(builds(tmp_path)) == sorted(BOTH * 2)
    assert "has changed" in said.getvalue()
    assert "# changed" not in again.pulumi.read_text(encoding="utf-8")


def test_find_engine_other_recipe_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = build_environ(tmp_path)
    find_engine(environ, progress=Progress(io.StringIO()))
    monkeypatch.setattr("orgcal.engine.find.recipe_digest", lambda: "another")
    found = look_for_engine(environ)
    assert found == "ENGINE=build; the cached engine was built from other modules"


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("echo 'write a.o: no space left on device'; exit 1", "the disk is full"),
        ("echo 'dial tcp: lookup mirror.example: no such host'; exit 1", "no network (mirror.example: no such host)"),
        ("echo 'verifying m@v1: checksum mismatch'; exit 1", "not what we pinned"),
        ("kill -9 $$", "ended with status 137"),
    ],
)
def test_find_engine_failing_go_is_one_sentence_and_leaves_nothing(tmp_path: Path, script: str, what: str) -> None:
    environ = build_environ(tmp_path, FAKE_GO_BUILD=script)
    with pytest.raises(EngineError) as caught:
        find_engine(environ, progress=Progress(io.StringIO()))
    assert what in caught.value.what
    assert "\n" not in caught.value.what
    assert caught.value.repair
    assert _leftovers(environ) == []
    assert EngineCache(environ).manifest() is None


def test_find_engine_too_little_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DISK_NEEDED_BYTES", 10**18)
    environ = build_environ(tmp_path)
    with pytest.raises(EngineError, match="GB of free disk") as caught:
        find_engine(environ, progress=Progress(io.StringIO()))
    assert "ORGCAL_CACHE_DIR" in caught.value.repair
    assert builds(tmp_path) == []


def test_ensure_disk_full_in_the_middle_is_one_sentence_and_leaves_nothing(tmp_path: Path, ensure: Ensure) -> None:
    if shutil.disk_usage(tmp_path).free < 4_000_000_000:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs 4 GB of free disk")
    environ = build_environ(tmp_path, FAKE_GO_BUILD='head -c 3000000 /dev/zero > "$2half" || exit 1')
    # No file of this process and its children may grow beyond 1 MB: the disk is full for them.
    run = ensure(environ, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)))
    out, err = run.communicate(timeout=60.0)
    assert run.returncode == 1
    assert out == ""
    assert "the engine could not be built: the disk is full" in err
    assert "Traceback" not in err
    assert _leftovers(environ) == []


def test_ensure_killed_build_dies_whole_and_the_next_one_goes_on(tmp_path: Path, ensure: Ensure) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    environ = build_environ(tmp_path, FAKE_GO_BUILD=endless_build(started))
    run = ensure(environ)
    go_pid = int(started.read_text(encoding="utf-8"))  # waits until the build is in its middle
    go = psutil.Process(go_pid)
    run.kill()
    run.communicate(timeout=10.0)
    go.wait(timeout=10.0)
    assert len(_leftovers(environ)) == 1
    assert EngineCache(environ).manifest() is None

    engine = find_engine({**environ, "FAKE_GO_BUILD": ""}, progress=Progress(io.StringIO()))
    assert engine.source == "build"
    assert _leftovers(environ) == []


def test_ensure_interrupted_build_leaves_nothing_and_says_so(tmp_path: Path, ensure: Ensure) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    environ = build_environ(tmp_path, FAKE_GO_BUILD=endless_build(started))
    run = ensure(environ)
    go = psutil.Process(int(started.read_text(encoding="utf-8")))
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30.0)
    go.wait(timeout=10.0)
    assert run.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert _leftovers(environ) == []


def test_ensure_two_at_once_one_builds_and_the_other_waits(tmp_path: Path, ensure: Ensure) -> None:
    started, go_on = tmp_path / "started", tmp_path / "go_on"
    os.mkfifo(started)
    os.mkfifo(go_on)
    # Only the first of the two packages waits.
    script = f'case "$last" in *python) echo up > {started}; cat {go_on};; esac'
    environ = build_environ(tmp_path, FAKE_GO_BUILD=script)
    first = ensure(environ)
    started.read_text(encoding="utf-8")
    second = ensure(environ)
    assert second.stderr is not None
    assert "another process makes it" in second.stderr.readline()
    go_on.write_text("\n", encoding="utf-8")
    outs = [run.communicate(timeout=60.0)[0] for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0]
    assert outs == [f"{EngineCache(environ).bin_dir}\n"] * 2
    assert sorted(builds(tmp_path)) == BOTH


def test_find_engine_old_go_and_no_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = build_environ(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    fake_go(tmp_path / "tools", "1.26.5")
    said = io.StringIO()
    with pytest.raises(EngineError, match="no Go to build the engine with") as caught:
        find_engine(environ, progress=Progress(said))
    assert "go 1.26.5 on PATH is older than 1.26.6" in said.getvalue()
    assert "no network" in caught.value.what
    assert builds(tmp_path) == []
    assert _leftovers(environ) == []


def test_look_for_engine_nothing_there_makes_nothing(tmp_path: Path) -> None:
    environ = build_environ(tmp_path)
    assert not isinstance(look_for_engine(environ), Engine)
    assert not (tmp_path / "cache").exists()
