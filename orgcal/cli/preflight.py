"""`orgcal preflight`: would the home tenant allow what a stack asks for?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result

if TYPE_CHECKING:
    from orgcal.entra.home.preflight import PreflightCheck

_WORDS = {"bad": "failed"}


def preflight(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Check rights, policy, name, room, owners, publisher before deploying; exit 1 if something stands in the way."""
    from orgcal.entra.home import preflight as home

    with open_stack(stack) as opened:
        intent = opened.settings.intent()
        opened.environment.running_endpoints()
        deployed = opened.deployed_application_id()
        with opened.home_graph() as graph:
            checks = home.preflight(graph, intent, deployed)
    ok = not any(check.verdict == "bad" for check in checks)
    result = {"stack": stack, "checks": [{**asdict(check), "verdict": _word(check)} for check in checks]}
    print_result(result, (line for check in checks for line in _lines(check)), as_json=as_json, ok=ok)


def _word(check: PreflightCheck) -> str:
    return _WORDS.get(check.verdict, check.verdict)


def _lines(check: PreflightCheck) -> Iterator[str]:
    yield f"{_word(check):<7}  {check.name:<11}  {check.says}"
    if check.repair and check.verdict != "ok":
        yield f"{'':<22}repair: {check.repair}"
