"""One sentence, with its repair, out of what the engine printed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable

from orgcal.engine.hints import PROTECTED, hint
from orgcal.engine.passphrase import FILE_VARIABLE, copied_salt, foreign_values
from orgcal.engine.stacks import DEV_STACK, project_dir
from orgcal.errors import EngineError, StackLocked, UsageError

MARKUP = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
"""The engine's own markup and colours."""
_PROTECTED = re.compile(r'resource "urn:[^"]*:(\w+)::([^":]+)" cannot be deleted\s+because it is protected')
"""What the engine says of each, besides advice to edit the state; type and name."""
_OF_THE_SETTINGS = re.compile(r"settings? (is|are) wrong:|the stack's world is")
"""Sentences of our program about settings and surroundings; they end a command as wrong usage does."""

_RAISED = re.compile(r"^(?:\s*pulumi:pulumi:Stack \S+)?\s*[A-Za-z_][\w.]*(?:Error|Exception): ([^<\s].*)", re.MULTILINE)
"""The last line of a Python traceback, in the engine's frame or without it; gRPC's own errors go on for lines."""


_TOKEN_ANSWER = re.compile(r"(?:clientCredentialsToken: )?received HTTP status \d+ with response: (\{.*\})")
_IMPORT = re.compile(r": To be managed via Terraform, this resource needs to be imported.*", re.DOTALL)
_LOST = re.compile(r"expected non-nil error with nil state during Create of urn:\S+:(\w+)::(\S+)")
_NOISE = (
    (re.compile(r"\S+\.go:\d+: (?:sdk\.\w+: )?"), ""),
    (re.compile(r": provider=\w+@[\d.]+(?: \w+=\S+)*\s*$", re.MULTILINE), ""),
    (re.compile(r"\d+ errors? occurred:\s*\n\s*\* "), ""),
    (re.compile(r"^\s*\* ", re.MULTILINE), ""),
    (re.compile(r"invocation of \S+ returned an error: "), ""),
    (re.compile(r"unexpected status (\d+) \(\1[^)]*\) with (?:OData )?error: "), r"Microsoft Graph answered \1 "),
    (_TOKEN_ANSWER, lambda found: _refusal(found[1])),
    (_IMPORT, ", and the state does not hold it"),
    (_LOST, r"the azuread plugin could not follow what it made (\1 \2)"),
    (re.compile(r"\n{2,}"), "\n"),
)
"""Wordings of the plugin's bridge, and what they become."""


def _refusal(text: str) -> str:
    """What Entra ID says in the body of a refused token request."""
    try:
        said = str(json.loads(text)["error_description"])
    except (ValueError, KeyError, TypeError):
        return "Entra ID refused the login"
    return re.split(r"\s+Trace ID:", said)[0]


def explain(transcript: str, diagnostics: list[str], *, stack: str) -> EngineError:
    """One sentence out of what the engine printed.

    Args:
        transcript: the command's whole output.
        diagnostics: the engine's own error diagnostics, best first; may be empty.
    """
    plain = MARKUP.sub("", transcript)
    where = f"stack {stack}"
    if "incorrect passphrase" in plain:
        return _wrong_passphrase(stack, where)
    foreign = foreign_values(project_dir(), stack) if "message authentication failed" in plain else None
    if foreign is not None:
        return EngineError(foreign.what, where=foreign.where, repair=foreign.repair)
    if "the stack is currently locked" in plain or "Another update is currently in progress" in plain:
        return StackLocked(
            "another update of this stack is running, or one was killed elsewhere",
            where=where,
            repair=f"wait for it; if none runs any more: pulumi cancel --stack {stack}",
        )
    if "no space left on device" in plain:
        return EngineError("the disk is full", where=where, repair="free some space and run the same command again")
    protected = dict.fromkeys(" ".join(found) for text in (*diagnostics, plain) for found in _PROTECTED.findall(text))
    if protected:
        what = f"protected against deletion: {', '.join(protected)}"
        return EngineError(what, where=where, repair=hint(PROTECTED, stack))
    sentences = _without_repeats(map(sentence_of, diagnostics))
    if not sentences:
        sentences = [line.removeprefix("error: ") for line in plain.splitlines() if line.startswith("error: ")]
    # Our own program and plugins end a sentence with its repair; the engine's only tell what happened.
    parted = [text.partition("\n  repair: ") for text in sentences]
    what = "\n".join(dict.fromkeys(part[0] for part in parted))
    repair = "; ".join(dict.fromkeys(part[2] for part in parted if part[2]))
    if stack == DEV_STACK and "generation would fall" in what:
        repair += "; or make the stack anew: make clean, then make up"
    error = EngineError(what or _last_line(plain), where=where, repair=repair or hint(what, stack))
    if _OF_THE_SETTINGS.search(what):
        error.exit_code = UsageError.exit_code
    return error


def _without_repeats(sentences: Iterable[str]) -> list[str]:
    """The sentences that say something that no longer one of them says."""
    told = dict.fromkeys(text for text in sentences if text)
    return [text for text in told if not any(text in other for other in told if other != text)]


def _wrong_passphrase(stack: str, where: str) -> EngineError:
    copied = copied_salt(project_dir(), stack, os.environ)
    if copied is not None:
        return EngineError(copied.what, where=copied.where, repair=copied.repair)
    return EngineError(
        "the passphrase is not the one that the stack's secrets were encrypted with",
        where=where,
        repair="git checkout Pulumi.dev.yaml orgcal/engine/dev_passphrase.txt"
        if stack == DEV_STACK
        else f"name the right file in {FILE_VARIABLE}",
    )


def _last_line(transcript: str) -> str:
    """What an engine says that names no error: its last complaint, or else what its program last raised."""
    parts = re.split(r"^\s*stderr:", transcript, flags=re.MULTILINE)  # as the Automation API labels them
    complaints = [line for line in map(_unlabelled, parts[-1].splitlines()) if line]
    return (complaints or _RAISED.findall(transcript) or ["the engine failed without saying why"])[-1]


def _unlabelled(line: str) -> str:
    """A line without the label that the Automation API puts before exit code and standard output, or the engine's."""
    return re.sub(r"^(code: \d+|stdout:|error:)", "", line.strip()).strip()


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
