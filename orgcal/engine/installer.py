"""The vendor's archive with the engine: downloaded, compared with its pinned SHA-256, and only then unpacked.

A child process asks, since looking up a name has no time limit of its own.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from orgcal.child_environ import passed_on
from orgcal.engine.cache import EngineCache, digest_files
from orgcal.engine.checksums import ENGINE_ADDRESS, ENGINE_CHECKSUM_VARIABLE, engine_archive, engine_checksum
from orgcal.engine.child import run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.versions import PULUMI_VERSION, platform_name
from orgcal.errors import EngineError

PROBE_LIMIT_S = 5.0
INSTALL_LIMIT_S = 300.0
UNPINNED = "the checksum of Pulumi's archive for this platform is not pinned"

_PROBE = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], method="HEAD")
with urllib.request.urlopen(request, timeout=60) as answer:
    sys.exit(0 if answer.status == 200 else 1)
"""
_DOWNLOAD = """
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as answer, open(sys.argv[2], "xb") as file:
    shutil.copyfileobj(answer, file)
"""
_NEEDED = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")


def engine_address() -> str:
    """Address of the archive for this machine."""
    return f"{ENGINE_ADDRESS}{engine_archive(platform_name())}"


def installer_refusal(environ: Mapping[str, str], *, address: str = "", limit_s: float = PROBE_LIMIT_S) -> str:
    """Why the archive cannot be had, in a few words; empty if it can.

    Args:
        environ: proxies and certificates in it are honoured, and a checksum that the user names.
        address: of the archive; the vendor's unless given.

    Raises:
        UsageError: the user's variable is no SHA-256.
    """
    if not engine_checksum(environ):
        return UNPINNED
    command = [sys.executable, "-I", "-c", _PROBE, address or engine_address()]
    ended = run_child(command, env=passed_on(environ), cwd=Path("/"), limit_s=limit_s)
    if ended.timed_out:
        return f"Pulumi's download server did not answer within {limit_s:g} s"
    return "" if ended.status == 0 else "Pulumi's download server cannot be reached"


def install_engine(
    cache: EngineCache,
    environ: Mapping[str, str],
    progress: Progress,
    *,
    address: str = "",
    limit_s: float = INSTALL_LIMIT_S,
) -> None:
    """Download the engine and make it the cached one. Only to be called while the cache is locked.

    Args:
        environ: as for `installer_refusal`.
        address: of the archive; the vendor's unless given.

    Raises:
        EngineError: its checksum is not pinned or is another one, there is no network, or it holds no engine.
        UsageError: the user's variable is no SHA-256.
    """
    address, expected = address or engine_address(), engine_checksum(environ)
    if not expected:
        raise EngineError(UNPINNED, where=address, repair=f"ENGINE=build, or name it in {ENGINE_CHECKSUM_VARIABLE}")
    progress.say(f"engine: downloading Pulumi {PULUMI_VERSION}, once, into {cache.home}")
    with cache.staging() as staging:
        archive = staging / "archive.tar.gz"
        ended = run_child(
            [sys.executable, "-I", "-c", _DOWNLOAD, address, str(archive)],
            env={**passed_on(environ), "HOME": str(staging), "TMPDIR": str(staging)},
            cwd=staging,
            limit_s=limit_s,
            on_tick=lambda seconds: progress.pulse(f"engine: downloading, {in_words(seconds)}"),
        )
        if ended.status != 0:
            what, repair = trouble_in(ended)
            raise EngineError(f"the download failed: {what}", where=address, repair=repair or "ENGINE=build")
        found = digest_files([archive])[archive]
        if found != expected:
            raise EngineError(
                f"the downloaded archive has SHA-256 {found}, and {expected} is pinned; it was not unpacked",
                where=address,
                repair="find out what changes downloads between you and the source, or ENGINE=build",
            )
        out = staging / "bin"
        out.mkdir()
        _unpack(archive, out, address)
        cache.publish(out, source="installer", recipe=expected)
    progress.say(f"engine: downloaded in {in_words(ended.seconds)}")


def _unpack(archive: Path, out: Path, address: str) -> None:
    """The programs that we start, out of an archive that was compared already; no path in it is believed."""
    try:
        with tarfile.open(archive) as unpacked:
            for member in unpacked:
                name = PurePosixPath(member.name).name
                # Of the other languages' hosts (300 MB) none is started by us.
                wanted = member.isfile() and (name == "pulumi" or "python" in name)
                content = unpacked.extractfile(member) if wanted else None
                if content is not None:
                    with (out / name).open("xb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EngineError(f"the archive cannot be unpacked ({type(error).__name__})", where=address) from error
    for needed in _NEEDED:
        if not (out / needed).exists():
            raise EngineError(f"the archive holds no {needed}", where=address, repair="ENGINE=build")
