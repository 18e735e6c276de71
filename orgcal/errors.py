"""Every error a user can meet, as one tree.

    OrgcalError                     something we can explain: what, where, how to repair   exit 1
    ├── UsageError                  the command or a setting is wrong                   exit 2
    │   ├── ConfigError             one or more settings of the stack are wrong
    │   └── CloudMismatch           emulator and real clouds would be mixed
    ├── Refused                     a person has not agreed, or must not                exit 1
    ├── EngineError                 no engine, or the engine refused                    exit 1
    │   └── StackLocked             another update of the stack is running
    ├── EntraError                  Entra ID said no to a token request                 exit 4
    ├── GraphError                  Microsoft Graph answered with an error              exit 1
    ├── PlatformError               the integration platform answered with an error     exit 1
    ├── Unreachable                 a server gave no (usable) answer                    exit 1
    └── Unforeseen                  a defect of orgcal, such as a wrong reading of an answer   exit 3

Rules: the message is one sentence for a person, without secrets; `where` names the file, key or
address; `repair` is a command or an action. Lower-layer exceptions are translated once, where the
lower layer is called, with `raise ... from error`.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping, Sequence


class ExitCode(enum.IntEnum):
    """How a command ended, for whoever called it; the same for all of them (docs/exit-codes.md)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERNAL = 3
    NO_TOKEN = 4
    NOTHING_YET = 5
    INTERRUPTED = 130


EXIT_CODES: Mapping[ExitCode, str] = {
    ExitCode.OK: "done, and all is well",
    ExitCode.FAILED: "something is wrong, or was refused: a check failed, there is drift, a customer lost access, "
    "nobody agreed; or engine, platform or Microsoft Graph refused or could not be reached",
    ExitCode.USAGE: "the words of the command, a variable or a setting are wrong; of `orgcal up --preview` alone: "
    "there are changes",
    ExitCode.INTERNAL: "a defect of orgcal: please report it",
    ExitCode.NO_TOKEN: "Entra ID gave no token: the operator's login or every customer's consent is missing",
    ExitCode.NOTHING_YET: "nothing was checked, as there is nothing to check yet",
    ExitCode.INTERRUPTED: "interrupted, by Ctrl-C or SIGTERM",
}
"""What each exit code means; the table of docs/exit-codes.md."""


class OrgcalError(Exception):
    """Base of every error we can explain.

    Args:
        what: one sentence: what happened.
        where: file, setting, address or resource concerned; empty if `what` names it.
        repair: what the reader can do about it, as a command where there is one.
    """

    exit_code: int = ExitCode.FAILED
    kind = "error"
    """In JSON: what kind of error it is, for programs."""

    def __init__(self, what: str, *, where: str = "", repair: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.repair = repair

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  repair: {self.repair}" if self.repair else text

    def as_json(self) -> dict[str, str]:
        """The error for programs: `kind`, `what`, `where`, `repair`."""
        return {"kind": self.kind, "what": self.what, "where": self.where, "repair": self.repair}


class UsageError(OrgcalError):
    """The command line, an environment variable or a setting is wrong."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class ConfigError(UsageError):
    """Settings of a stack are wrong; all of them are reported at once.

    Args:
        problems: one line a setting, each with key, found, expected and repair.

    Attributes:
        summary: how many there are, in words.
    """

    kind = "settings"

    def __init__(self, problems: Sequence[str], *, where: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        self.summary = "1 setting is wrong" if count == 1 else f"{count} settings are wrong"
        super().__init__("\n".join([f"{self.summary}:", *(f"  - {line}" for line in self.problems)]), where=where)


class Refused(OrgcalError):
    """Nothing was done: a person has not agreed to it, or it costs customers what nobody can give back."""


class CloudMismatch(UsageError):
    """The stack's cloud and its surroundings (variables, plugin, addresses) disagree."""

    kind = "cloud"


class EngineError(OrgcalError):
    """The Pulumi engine is missing, cannot be built, or refused an operation."""

    kind = "engine"


class StackLocked(EngineError):
    """Another update of the stack holds the backend's lock."""

    kind = "locked"


class EntraError(OrgcalError):
    """Entra ID refused a token request.

    Args:
        error: the OAuth error, such as `invalid_client`.
        aadsts: the number of the AADSTS code or 0; `orgcal.entra.aadsts.meaning_of` says what the two mean.
    """

    exit_code = ExitCode.NO_TOKEN
    kind = "entra"

    def __init__(
        self,
        what: str,
        *,
        error: str = "",
        aadsts: int = 0,
        status: int = 0,
        correlation_id: str = "",
        where: str = "",
        repair: str = "",
    ) -> None:
        super().__init__(what, where=where, repair=repair)
        self.error = error
        self.aadsts = aadsts
        self.status = status
        self.correlation_id = correlation_id


class GraphError(OrgcalError):
    """Microsoft Graph answered with an error body.

    Args:
        status: HTTP status.
        code: Graph's code, such as `Authorization_RequestDenied`.
        request_id: Graph's request id, to be quoted to Microsoft's support.
        retry_after_s: seconds to wait before trying again, or None where Graph named none.
    """

    kind = "graph"

    def __init__(
        self,
        what: str,
        *,
        status: int,
        code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
        where: str = "",
        repair: str = "",
    ) -> None:
        super().__init__(what, where=where, repair=repair)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class PlatformError(OrgcalError):
    """The integration platform answered with an error.

    Args:
        status: HTTP status, or 0 where the platform is not spoken to over HTTP.
    """

    kind = "platform"

    def __init__(self, what: str, *, status: int = 0, where: str = "", repair: str = "") -> None:
        super().__init__(what, where=where, repair=repair)
        self.status = status


class Unreachable(OrgcalError):
    """A server could not be reached, was not trusted, or answered with something that is no answer.

    Args:
        retry_after_s: seconds to wait before trying again, or None where the server named none.
    """

    kind = "unreachable"

    def __init__(self, what: str, *, where: str = "", repair: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(what, where=where, repair=repair)
        self.retry_after_s = retry_after_s


class Unforeseen(OrgcalError):
    """Something broke that nobody foresaw, in one organisation or one check; the others go on.

    Args:
        error: what broke; only its type is told, as its text may quote an answer.
    """

    exit_code = ExitCode.INTERNAL
    kind = "internal"

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"internal error, {type(error).__name__}", repair="set ORGCAL_DEBUG=1 for a traceback, and report it"
        )


def explained(error: Exception) -> OrgcalError:
    """Return `error` if it can be explained, otherwise one that says that nobody foresaw it.

    Raises:
        Exception: `error` itself, where `ORGCAL_DEBUG` asks for tracebacks.
    """
    if isinstance(error, OrgcalError):
        return error
    if os.environ.get("ORGCAL_DEBUG"):
        raise error
    return Unforeseen(error)
