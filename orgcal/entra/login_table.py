"""The table of logins in `docs/create.md`; `python -m orgcal.entra.login_table` prints it."""

from __future__ import annotations

import re
import sys

from orgcal.entra.login import LOGIN_FORMS, LoginForm


def login_table() -> str:
    """The table in Markdown, a row a form in the order in which they count."""
    head = ["| login | variables | `orgcal` | `pulumi` by hand | stand-in |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, LOGIN_FORMS)]) + "\n"


def _row(form: LoginForm) -> str:
    whose = form.variables and form.kind != "managed identity" and "ARM_USE_AKS_WORKLOAD_IDENTITY" not in form.variables
    named = [*(["ARM_CLIENT_ID"] if whose else []), *form.variables]
    variables = ", ".join(f"`{name}=true`" if name.startswith("ARM_USE_") else f"`{name}`" for name in named) or "none"
    note = re.sub(r"\b((?:ARM|AZURE|ACTIONS|SYSTEM)_[A-Z_]+)\b", r"`\1`", form.note)
    plugin, standin = ("yes" if takes else "no" for takes in (form.plugin, form.standin))
    return f"| {form.kind} | {variables}{f' ({note})' if note else ''} | yes | {plugin} | {standin} |"


if __name__ == "__main__":
    sys.stdout.write(login_table())
