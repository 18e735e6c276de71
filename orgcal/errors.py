"""Every error a user can meet, as one tree.

    OrgcalError                     something we can explain: what, where, how to repair
    ├── UsageError                  the command or a setting is wrong                   exit 2
    │   ├── ConfigError             one or more settings of the stack are wrong
    │   └── CloudMismatch           emulator and real clouds would be mixed
    ├── EngineError                 no engine, or the engine refused                    exit 1
    │   └── StackLocked             another update of the stack is running
    ├── EntraError                  Entra ID said no to a token request                 exit 4
    ├── GraphError                  Microsoft Graph answered with an error              exit 1
    ├── PlatformError               the integration platform answered with an error     exit 1
    ├── Unreachable                 a server gave no (usable) answer                    exit 1
    └── Unforeseen                  a defect of orgcal, such as a wrong reading of an answer   exit 1

Rules: the message is one sentence for a person, without secrets; `where` names the file, key or
address; `repair` is a command or an action. Lower-layer exceptions are translated once, where the
lower layer is called, with `raise ... from error`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

EXIT_CODES: Mapping[int, str] = {
    0: "done, and all is well",
    1: "refused, or something is wrong: a check failed, or the engine, the platform or Microsoft said no",
    2: "the words of the command or a setting are wrong",
    3: "an error of orgcal's own",
    4: "no token: the login or an organisation's consent is missing",
    5: "nothing to check yet",
    130: "interrupted",
}
"""Exit code of every command -> what it means."""


class OrgcalError(Exception):
    """Base of every error we can explain.

    Args:
        what: one sentence: what happened.
        where: file, setting, address or resource concerned; empty if `what` names it.
        repair: what the reader can do about it, as a command where there is one.
    """

    exit_code = 1
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

    exit_code = 2
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

    exit_code = 4
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
