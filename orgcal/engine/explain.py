"""One sentence, with its repair, out of what the engine printed."""

from __future__ import annotations

import os
import re

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
    sentences = [text for text in map(_sentence, diagnostics) if text]
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


def _sentence(diagnostic: str) -> str:
    """The telling part of a diagnostic, without the engine's wrapping; empty where it tells nothing of its own."""
    text = diagnostic.removeprefix("error: ")
    if re.match(r"(an unhandled error occurred: program exited|(update|preview|refresh|destroy) failed)", text):
        return ""
    text = re.sub(r"^Program failed with an unhandled exception:\n", "", text)
    text = re.sub(r"^.*?rpc error: code = \w+ desc = ", "", text, flags=re.DOTALL)
    return re.sub(r"^\S+ resource '[^']*' has a problem: ", "", text).strip()
