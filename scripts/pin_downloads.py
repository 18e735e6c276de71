"""Pin the vendor's archives, at each new version of the engine or the plugin (for maintainers; needs the network).

    .venv/bin/python -m scripts.pin_downloads

Writes the SHA-256 of each platform's archives into `orgcal/engine/checksums.lock`. Compare them with those that the
vendor publishes with its releases before you commit. Nothing is unpacked or run. What the build makes is pinned by
hand, out of the manifests of two machines.
"""

from __future__ import annotations

import hashlib
import sys
import urllib.error
import urllib.request

from orgcal.engine.checksums import ENGINE_ADDRESS, LOCK, PLUGIN_ADDRESS, engine_archive, plugin_archive

PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")


def archives() -> dict[str, str]:
    """Address of each archive by its name."""
    engines = {engine_archive(platform): ENGINE_ADDRESS for platform in PLATFORMS}
    plugins = {plugin_archive(platform): PLUGIN_ADDRESS for platform in PLATFORMS}
    return {name: f"{folder}{name}" for name, folder in (engines | plugins).items()}


def digest_of(address: str) -> str:
    """SHA-256 of what an address serves."""
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  # addresses of ours, all https
        return hashlib.file_digest(answer, "sha256").hexdigest()


def pinned_anew(text: str, found: dict[str, str]) -> str:
    """The lock's text with these archives, SHA-256 by name, in place of all that it had."""
    kept = [line for line in text.splitlines() if line.startswith("#") or " built/" in line]
    return "\n".join([*kept, *(f"{digest}  {name}" for name, digest in sorted(found.items()))]) + "\n"


def main() -> int:
    """Write the lock; the exit status."""
    try:
        found = {name: digest_of(address) for name, address in archives().items()}
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"pin_downloads: {error}; nothing was written", file=sys.stderr)
        return 1
    LOCK.write_text(pinned_anew(LOCK.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(f"pin_downloads: {len(found)} archives in {LOCK.name}; compare them with the vendor's release, then commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
