"""What went wrong in a program that is not ours: read from its last lines, or from a diagnostic of the engine."""

from __future__ import annotations

import json
import re

from orgcal.engine.child import ProcessResult
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
MARKUP = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
"""The engine's own markup and colours."""
_TOKEN_ANSWER = re.compile(r"(?:clientCredentialsToken: )?received HTTP status [0-9]+ with response: (\{.*\})")
_IMPORT = re.compile(r": To be managed via Terraform, this resource needs to be imported.*", re.DOTALL)
_LOST = re.compile(r"expected non-nil error with nil state during Create of urn:\S+:(\w+)::(\S+)")
_NOISE = (
    (re.compile(r"\S+\.go:[0-9]+: (?:sdk\.\w+: )?"), ""),
    (re.compile(r": provider=\w+@[0-9.]+(?: \w+=\S+)*\s*$", re.MULTILINE), ""),
    (re.compile(r"[0-9]+ errors? occurred:\s*\n\s*\* "), ""),
    (re.compile(r"^\s*\* ", re.MULTILINE), ""),
    (re.compile(r"invocation of \S+ returned an error: "), ""),
    (re.compile(r"unexpected status ([0-9]+) \(\1[^)]*\) with (?:OData )?error: "), r"Microsoft Graph answered \1 "),
    (_TOKEN_ANSWER, lambda match: _refusal(match[1])),
    (_IMPORT, ", and the state does not hold it"),
    (_LOST, r"the azuread plugin could not follow what it made (\1 \2)"),
    (re.compile(r"\n{2,}"), "\n"),
)
"""Wordings of the plugin's bridge, and what they become."""


def trouble_in(ended: ProcessResult) -> tuple[str, str]:
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
        return "this Python has no pip", "python -m ensurepip, or make the virtual environment anew"
    if _CHECKSUM.search(text):
        return (
            f"what was downloaded is not what we pinned ({ended.last_words})",
            "do not use it; look for what stands between you and the source (a proxy, a mirror)",
        )
    for line in reversed(ended.tail):
        trouble = _NETWORK.search(line)
        if trouble:
            host = _HOST.search(line)
            what = f"{next(filter(None, host.groups()))}: {trouble[0]}" if host else trouble[0]
            return (
                f"no network ({what})",
                "connect to the network, or set GOPROXY and pip's index to mirrors that you can reach",
            )
    return ended.last_words[:300], ""


def sentence_of(diagnostic: str) -> str:
    """The telling part of a diagnostic of the engine or a plugin; empty where it tells nothing of its own.

    Left out are the engine's wrapping, and what the bridge of the azuread plugin adds to each sentence: a place in Go
    sources before it, its own name behind it, and a count of errors above a list of one.
    """
    text = diagnostic.removeprefix("error: ")
    if re.match(r"(an unhandled error occurred: program exited|(update|preview|refresh|destroy) failed)", text):
        return ""
    text = re.sub(r"^Program failed with an unhandled exception:\n", "", text)
    text = re.sub(r"^.*?rpc error: code = \w+ desc = ", "", text, flags=re.DOTALL)
    text = re.sub(r"^\S+ resource '[^']*' has a problem: ", "", text)
    for noise, plain in _NOISE:
        text = noise.sub(plain, text)
    return text.strip()


def _refusal(text: str) -> str:
    """What Entra ID says in the body of a refused token request."""
    try:
        description = str(json.loads(text)["error_description"])
    except (ValueError, KeyError, TypeError):
        return "Entra ID refused the login"
    return re.split(r"\s+Trace ID:", description)[0]
