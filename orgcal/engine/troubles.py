"""What went wrong in a program that is not ours, read from its last lines."""

from __future__ import annotations

import re

from orgcal.engine.child import Ended
from orgcal.engine.progress import in_words

_DISK = re.compile(
    r"no space left|file size limit|disk quota exceeded|file too large|not enough space|errno 28", re.IGNORECASE
)
_NETWORK = re.compile(
    r"no such host|name resolution|name or service not known|nodename nor servname|connection refused|"
    r"connection reset|network is unreachable|no route to host|i/o timeout|timed? ?out|tls handshake|"
    r"proxyconnect|could not connect|no matching distribution|connection error|newconnectionerror|urlopen error",
    re.IGNORECASE,
)
_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)|host='([A-Za-z0-9.-]+)'|lookup ([A-Za-z0-9.-]+)")
_CHECKSUM = re.compile(r"checksum mismatch|security error|do not match the hashes", re.IGNORECASE)
_NO_PIP = re.compile(r"no module named pip", re.IGNORECASE)


def trouble_in(ended: Ended) -> tuple[str, str]:
    """What a failed command tried to say, and how to repair it.

    Returns:
        A half sentence, and a repair that is empty where the output does not tell one.
    """
    text = "\n".join(ended.tail)
    if ended.timed_out:
        return f"it was not done after {in_words(ended.seconds)}", "try again, or with a better connection"
    if _DISK.search(text):
        return "the disk is full", "free some space, or set ORGCAL_CACHE_DIR to a directory on a larger disk"
    if _NO_PIP.search(text):
        return "this Python has no pip", "make setup"
    if _CHECKSUM.search(text):
        return (
            f"what was downloaded is not what we pinned ({ended.last_words})",
            "do not use it; look for what stands between you and the source (a proxy, a mirror)",
        )
    for line in reversed(ended.tail):
        found = _NETWORK.search(line)
        if found:
            host = _HOST.search(line)
            heard = f"{next(filter(None, host.groups()))}: {found[0]}" if host else found[0]
            return (
                f"no network ({heard})",
                "connect to the network, or set GOPROXY and pip's index to mirrors that you can reach",
            )
    return ended.last_words[:300], ""
