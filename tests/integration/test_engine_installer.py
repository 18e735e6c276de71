"""Pulumi's installer: asked with a limit, ended with a limit, never left half-made."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from orgcal.engine.cache import EngineCache
from orgcal.engine.installer import install_engine, installer_answers
from orgcal.engine.progress import Progress
from orgcal.errors import EngineError

ENVIRON = {"PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

# What stands for `PulumiCommand.install`: an engine for four languages.
_BRINGS = """
import os, sys
folder = os.path.join(sys.argv[1], "bin")
os.makedirs(folder)
for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-language-go", "pulumi-watch"):
    open(os.path.join(folder, name), "w").write(sys.argv[2])
"""


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/install.sh"


@pytest.fixture
def speaking_address() -> Iterator[str]:
    """A server with /install.sh and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if self.path == "/install.sh" else 403)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EngineCache]:
    cache = EngineCache({"ORGCAL_CACHE_DIR": str(tmp_path)})
    with cache.locked(Progress(io.StringIO())):
        yield cache


def test_installer_answers_silent_server_is_given_up_in_time(silent_address: str) -> None:
    assert installer_answers(ENVIRON, address=silent_address, limit_s=0.6) == (
        "Pulumi's installer did not answer within 0.6 s"
    )


def test_installer_answers_served_script_is_an_answer(speaking_address: str) -> None:
    assert installer_answers(ENVIRON, address=f"{speaking_address}/install.sh") == ""


def test_installer_answers_refusing_proxy_is_none(speaking_address: str) -> None:
    assert installer_answers(ENVIRON, address=f"{speaking_address}/blocked") == "Pulumi's installer cannot be reached"


def test_installer_answers_nobody_there_is_none(silent_address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert installer_answers(ENVIRON, address=f"http://127.0.0.1:{port}/") == "Pulumi's installer cannot be reached"


def test_install_engine_keeps_what_python_needs(cache: EngineCache) -> None:
    install_engine(cache, ENVIRON, Progress(io.StringIO()), script=_BRINGS)
    manifest = cache.manifest()
    assert manifest is not None
    assert manifest.source == "installer"
    assert sorted(manifest.files) == ["pulumi", "pulumi-language-python", "pulumi-language-python-exec"]
    assert cache.damage(manifest) == ""


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("import threading; threading.Event().wait()", "it was not done after"),
        ("import os; os.kill(os.getpid(), 9)", "ended with status 137"),
        ("raise SystemExit('<urlopen error [Errno -2] Name or service not known>')", "no network"),
        ("import os, sys; os.makedirs(sys.argv[1] + '/bin')", "brought no pulumi"),
    ],
)
def test_install_engine_failure_is_one_sentence_and_leaves_nothing(cache: EngineCache, script: str, what: str) -> None:
    with pytest.raises(EngineError) as caught:
        install_engine(cache, ENVIRON, Progress(io.StringIO()), script=script, limit_s=1.0)
    assert what in caught.value.what
    assert "\n" not in caught.value.what
    assert cache.manifest() is None
    assert list(cache.root.glob(".making-*")) == []
