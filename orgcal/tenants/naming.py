"""What somebody meant who named an organisation that is not known."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from orgcal.entra.discovery import is_domain, is_guid


def meant_by(wanted: str, known: Sequence[str], connector: str) -> str:
    """One that is called nearly so, or how to take a new one in.

    Args:
        wanted: what was named.
        known: names and domains of the connector's organisations.
        connector: `project/stack`.
    """
    near = difflib.get_close_matches(wanted, known, n=1)
    return f"did you mean {near[0]!r}?" if near else command_to_add(wanted, connector)


def command_to_add(name: str, connector: str) -> str:
    """The command that takes an organisation in; its domain is to be filled in where `name` is only a name."""
    named = name if is_guid(name) or is_domain(name) else f"DOMAIN --name {shlex.quote(name)}"
    return f"orgcal tenants add {named} --stack {connector.partition('/')[2]}"
