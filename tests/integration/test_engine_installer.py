"""The engine's archive: asked for with a limit, unpacked only with the pinned checksum, never left half-made."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from orgcal.engine import checksums, installer
from orgcal.engine.cache import EngineCache
from orgcal.engine.installer import UNPINNED, install_engine, installer_refusal
from orgcal.engine.progress import Progress
from orgcal.errors import EngineError, UsageError
from scripts.pin_downloads import pinned_anew

ENVIRON = {"PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
PROGRAMS = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-language-go", "pulumi-watch")


def archived(names: tuple[str, ...], folder: str = "pulumi") -> bytes:
    """An archive as the vendor's: programs in one folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = 5, 0o4777
            archive.addfile(entry, io.BytesIO(b"bytes"))
        link = tarfile.TarInfo(f"{folder}/pulumi-resource-pulumi-python")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return made.getvalue()


def named(content: bytes) -> dict[str, str]:
    """An environment that names the checksum of this archive."""
    return {**ENVIRON, "ENGINE_SHA256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/pulumi.tar.gz"


@pytest.fixture
def files() -> dict[str, bytes]:
    """What the server has, by path."""
    return {"/pulumi.tar.gz": archived(PROGRAMS)}


@pytest.fixture
def address(files: Mapping[str, bytes]) -> Iterator[str]:
    """A server with these files and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path, b"")
            self.send_response(200 if content else 403)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/pulumi.tar.gz"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EngineCache]:
    cache = EngineCache({"ORGCAL_CACHE_DIR": str(tmp_path)})
    with cache.locked(Progress(io.StringIO())):
        yield cache


def test_archive_whose_checksum_nobody_has_pinned_is_not_even_asked_for(
    silent_address: str, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "pinned", dict)

    assert installer_refusal(ENVIRON, address=silent_address, limit_s=60.0) == UNPINNED
    with pytest.raises(EngineError, match="is not pinned") as caught:
        install_engine(cache, ENVIRON, Progress(io.StringIO()), address=silent_address)
    assert "ENGINE_SHA256" in caught.value.repair


def test_checksum_of_the_user_that_is_none_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="no SHA-256") as caught:
        installer_refusal({**ENVIRON, "ENGINE_SHA256": "abc"})
    assert caught.value.where == "ENGINE_SHA256"


def test_silent_server_is_given_up_in_time(silent_address: str) -> None:
    assert installer_refusal(named(b""), address=silent_address, limit_s=0.6) == (
        "Pulumi's download server did not answer within 0.6 s"
    )


def test_served_archive_is_an_answer_and_a_refusal_is_none(address: str) -> None:
    assert installer_refusal(named(b""), address=address) == ""
    assert installer_refusal(named(b""), address=f"{address}.blocked") == "Pulumi's download server cannot be reached"


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = installer_refusal(named(b""), address=f"http://127.0.0.1:{port}/")
    assert found == "Pulumi's download server cannot be reached"


def test_install_engine_keeps_the_programs_that_python_needs_and_no_link(
    cache: EngineCache, address: str, files: Mapping[str, bytes]
) -> None:
    install_engine(cache, named(files["/pulumi.tar.gz"]), Progress(io.StringIO()), address=address)

    manifest = cache.manifest()
    assert manifest is not None
    assert manifest.source == "installer"
    assert sorted(manifest.files) == ["pulumi", "pulumi-language-python", "pulumi-language-python-exec"]
    assert cache.damage(manifest) == ""
    assert cache.who_else_may_change() == ""
    assert {path.stat().st_mode & 0o7777 for path in cache.bin_dir.iterdir()} == {0o755}


def test_archive_with_another_checksum_is_not_unpacked(
    cache: EngineCache, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "_unpack", lambda *_: pytest.fail("it was unpacked"))

    with pytest.raises(EngineError, match="is pinned; it was not unpacked"):
        install_engine(cache, named(b"other"), Progress(io.StringIO()), address=address)

    assert cache.manifest() is None
    assert list(cache.root.glob(".making-*")) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (archived(PROGRAMS)[:-40], "cannot be unpacked"),
        (b"no archive", "cannot be unpacked"),
        (archived(PROGRAMS[:1]), "holds no pulumi-language-python"),
        (archived(PROGRAMS[:2], "../../../outside"), "holds no pulumi-language-python-exec"),
        (archived(("pulumi", "pulumi")), "cannot be unpacked"),
    ],
)
def test_install_engine_failure_is_one_sentence_and_leaves_nothing(
    cache: EngineCache, address: str, files: dict[str, bytes], content: bytes, what: str
) -> None:
    files["/pulumi.tar.gz"] = content

    with pytest.raises(EngineError) as caught:
        install_engine(cache, named(content), Progress(io.StringIO()), address=address)

    assert what in caught.value.what
    assert "\n" not in caught.value.what
    assert cache.manifest() is None
    assert list(cache.root.glob(".making-*")) == []


def test_install_engine_silent_server_is_ended_in_time(cache: EngineCache, silent_address: str) -> None:
    with pytest.raises(EngineError, match="it was not done after"):
        install_engine(cache, named(b""), Progress(io.StringIO()), address=silent_address, limit_s=1.0)


def test_pinned_checksums_name_programs_and_archives_of_the_versions_in_use() -> None:
    platforms = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")
    named = (checksums.engine_archive, checksums.plugin_archive)
    archives = {name(platform) for name in named for platform in platforms}

    for name, digest in checksums.pinned().items():
        assert len(bytes.fromhex(digest)) == 32
        assert name in archives or name.startswith("built/"), name
    assert set(checksums.built_checksums("1.26.8")) <= {"pulumi", "pulumi-language-python"}


def test_pin_downloads_replaces_archives_and_keeps_what_the_build_makes() -> None:
    text = "# why\nab  built/linux-amd64/go1.26.8/pulumi\n# archives\ncd  pulumi-v1.tar.gz\n"

    assert pinned_anew(text, {"pulumi-v2.tar.gz": "ef"}) == (
        "# why\nab  built/linux-amd64/go1.26.8/pulumi\n# archives\nef  pulumi-v2.tar.gz\n"
    )
