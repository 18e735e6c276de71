"""Proves for organisations that a connector can read their users and calendars.

    from verify import Connector, Options, SecretReference, Target, run

    connector = Connector(
        cloud="public",
        client_id="…",
        permissions=("Calendars.Read", "Directory.Read.All"),
        credential=SecretReference("file", "/run/secrets/connector"),
    )
    for result in run([Target("contoso.com", "Contoso")], Options(connector)):
        print(result.organisation, result.check, result.verdict, result.sentence)

Memory does not grow with the number of users, and importing this package loads neither the command
line nor the reports nor the registry of organisations.
"""

from verify.models import (
    CheckResult,
    Connector,
    Listener,
    Mailbox,
    MailboxClass,
    Options,
    Pace,
    Proof,
    SecretReference,
    Target,
    Verdict,
)
from verify.runner import run, run_on
from verify.summary import Summary, exit_code

__all__ = [
    "CheckResult",
    "Connector",
    "Listener",
    "Mailbox",
    "MailboxClass",
    "Options",
    "Pace",
    "Proof",
    "SecretReference",
    "Summary",
    "Target",
    "Verdict",
    "exit_code",
    "run",
    "run_on",
]
