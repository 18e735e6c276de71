"""Makes one sentence with its repair out of what the engine printed about a stack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from orgcal.engine.errors import MARKUP, sentence_of
from orgcal.entra.aadsts import meaning_of, number_in
from orgcal.errors import EngineError, StackLocked, UsageError
from orgcal.stack.files import DEV_STACK, START_OVER
from orgcal.stack.passphrase import FILE_VARIABLE, copied_salt, foreign_values

_PROTECTED = re.compile(r'resource "urn:[^"]*:(\w+)::([^":]+)" cannot be deleted\s+because it is protected')
"""What the engine says of each, besides advice to edit the state; type and name."""
_OTHER_THAN_PLANNED = re.compile(r"violates plan|not allowed by the plan|expected resource operations for")
"""What the engine says where an update plan does not allow what it is about to do, or it would do less."""
_NAMED = re.compile(r"\burn:[^\s\"]*:(\w+)::([^\s\":]+)")
"""Type and name of a resource."""
_OF_THE_SETTINGS = re.compile(r"settings? (is|are) wrong:|the stack's cloud is")
"""Sentences of our program about settings and cloud; they end a command as wrong usage does."""

_RAISED = re.compile(r"^(?:\s*pulumi:pulumi:Stack \S+)?\s*[A-Za-z_][\w.]*(?:Error|Exception): ([^<\s].*)", re.MULTILINE)
"""The last line of a Python traceback, in the engine's frame or without it; gRPC's own errors go on for lines."""

_SETTINGS_UNWRITABLE = re.compile(r"open (/[^:\n]*Pulumi\.[^/:\n]+\.yaml): (read-only file system|permission denied)")
"""The engine keeps a new stack's salt, and secrets, in the stack's file."""

_DESTROY = (
    "to delete it although customers use it: pulumi config set --stack {stack} orgcal:protect false, then "
    "orgcal up --stack {stack}, then this again"
)
_RIGHTS = "orgcal preflight --stack {stack} names the right that the operator lacks, and who has it"
_POLICY = (
    "orgcal preflight --stack {stack} tells what the tenant's policy allows; certificates and federated credentials "
    "are other kinds (pulumi config set --stack {stack} --path orgcal:credential.kind certificate)"
)
_AUDIENCE = (
    "the tenant forbids applications for other organisations: orgcal preflight --stack {stack} tells what to ask its "
    "administrator for"
)
_GONE = "pulumi refresh --stack {stack}; a deleted application can be restored: orgcal preflight --stack {stack}"

_LEFT_OVER = "orgcal up --stack {stack} once more; what no state holds: orgcal sweep --stack {stack}"
_AGAIN = "orgcal up --stack {stack} once more (no refresh, which would not see it yet)"
_LOGIN = "log in as docs/create.md says (az login, or ARM_ variables); orgcal doctor --stack {stack} tries the login"

PROTECTED = "is protected"

# The first that is in the text; in lower case.
_HINTS = (
    (PROTECTED, _DESTROY),
    ("protected resource", _DESTROY),
    ("authorization_requestdenied", _RIGHTS),
    ("insufficient privileges", _RIGHTS),
    ("credentialtypenotallowed", _POLICY),
    ("credentialinvalidlifetime", _POLICY),
    ("signinaudiencenotallowed", _AUDIENCE),
    ("asperapppolicy", _POLICY),
    ("to be replicated", _AGAIN),
    ("request_resourcenotfound", _GONE),
    ("no password credential found", _GONE),
    ("already exists, and the state does not hold it", _LEFT_OVER),
    ("could not follow what it made", _LEFT_OVER),
    ("failed to load azure credentials", _LOGIN),
    ("no authorizer could be configured", _LOGIN),
)


def explain(transcript: str, diagnostics: list[str], *, stack: str, project: Path) -> EngineError:
    """One sentence out of what the engine printed: its error diagnostics, best first, or the whole transcript.

    Args:
        project: the folder of the stack's project, whose files may tell more.
    """
    plain = MARKUP.sub("", transcript)
    where = f"stack {stack}"
    if "incorrect passphrase" in plain:
        return _wrong_passphrase(project, stack, where)
    foreign = foreign_values(project, stack) if "message authentication failed" in plain else None
    if foreign is not None:
        return EngineError(foreign.what, where=foreign.where, repair=foreign.repair)
    if "the stack is currently locked" in plain or "Another update is currently in progress" in plain:
        return StackLocked(
            "another update of this stack is running, or one was killed elsewhere",
            where=where,
            repair=f"wait for it; if none runs any more: pulumi cancel --stack {stack}",
        )
    if "Legacy DIY state is deprecated" in plain:
        return EngineError(
            "the backend keeps its stacks without their project, which this engine refuses",
            where=where,
            repair="PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR=1 pulumi state upgrade, once (docs/upgrade.md)",
        )
    if "no space left on device" in plain:
        return EngineError("the disk is full", where=where, repair="free some space and run the same command again")
    unwritable = _SETTINGS_UNWRITABLE.search(plain)
    if unwritable:
        return EngineError(
            f"the engine cannot write the stack's settings ({unwritable[2]})",
            where=unwritable[1],
            repair="use a copy of the project in a folder of your own, and run the same command again",
        )
    protected = dict.fromkeys(" ".join(names) for text in (*diagnostics, plain) for names in _PROTECTED.findall(text))
    if protected:
        what = f"protected against deletion: {', '.join(protected)}"
        return EngineError(what, where=where, repair=hint(PROTECTED, stack))
    if _OTHER_THAN_PLANNED.search(plain) or any(map(_OTHER_THAN_PLANNED.search, diagnostics)):
        moved = [" ".join(names) for text in diagnostics for names in _NAMED.findall(text)]
        return EngineError(
            "what would be done now is not what the plan allows"
            + (f": {', '.join(dict.fromkeys(moved))}" if moved else ""),
            where=where,
            repair=f"review it anew: orgcal up --stack {stack} --preview --plan FILE",
        )
    sentences = _without_repeats(map(sentence_of, diagnostics))
    if not sentences:
        sentences = [line.removeprefix("error: ") for line in plain.splitlines() if line.startswith("error: ")]
    # Our own program and plugins end a sentence with its repair; the engine's only tell what happened.
    parted = [text.partition("\n  repair: ") for text in sentences]
    what = "\n".join(dict.fromkeys(part[0] for part in parted))
    repair = "; ".join(dict.fromkeys(part[2] for part in parted if part[2]))
    if stack == DEV_STACK and "generation would fall" in what:
        repair += f"; or make the stack anew: {START_OVER} && orgcal emulator start && orgcal up"
    error = EngineError(what or _last_line(plain), where=where, repair=repair or hint(what, stack))
    if _OF_THE_SETTINGS.search(what):
        error.exit_code = UsageError.exit_code
    return error


def _without_repeats(sentences: Iterable[str]) -> list[str]:
    """The sentences without those that are part of a longer one."""
    told = dict.fromkeys(text for text in sentences if text)
    return [text for text in told if not any(text in other for other in told if other != text)]


def _wrong_passphrase(project: Path, stack: str, where: str) -> EngineError:
    copied = copied_salt(project, stack, os.environ)
    if copied is not None:
        return EngineError(copied.what, where=copied.where, repair=copied.repair)
    return EngineError(
        "the passphrase is not the one that the stack's secrets were encrypted with",
        where=where,
        repair="git checkout Pulumi.dev.yaml, whose encryptionsalt is the one that orgcal came with"
        if stack == DEV_STACK
        else f"name the right file in {FILE_VARIABLE}",
    )


def _last_line(transcript: str) -> str:
    """Of an output without an error: the last line on standard error, or else what the program last raised."""
    parts = re.split(r"^\s*stderr:", transcript, flags=re.MULTILINE)  # as the Automation API labels them
    complaints = [line for line in map(_unlabelled, parts[-1].splitlines()) if line]
    return (complaints or _RAISED.findall(transcript) or ["the engine failed without saying why"])[-1]


def _unlabelled(line: str) -> str:
    """A line without the label that the Automation API puts before exit code and standard output, or the engine's."""
    return re.sub(r"^(code: [0-9]+|stdout:|error:)", "", line.strip()).strip()


def hint(text: str, stack: str) -> str:
    """What to do about `text` of the engine, a plugin or Graph; empty where nothing is known."""
    lowered = text.lower()
    known = next((repair for needle, repair in _HINTS if needle in lowered), "")
    if not known and (number := number_in(text)):  # the operator's login: the engine knows no other
        known = "; ".join(filter(None, (meaning_of(number).for_operator, _LOGIN)))
    return known.replace("{stack}", stack)
