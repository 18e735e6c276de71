"""Texts of `orgcal help TOPIC`; pages of the reference are written from the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from orgcal.errors import EXIT_CODES

ENVIRONMENT: Mapping[str, str] = {
    "ORGCAL_STACK": "Stack to work on, unless -s names one.",
    "ORGCAL_PROJECT": "Folder of the project, unless -C names one.",
    "ORGCAL_DEBUG": "Show traces and the engine's words, as -v does; they may hold secrets.",
    "ORGCAL_DATA_DIR": "Folder of what stacks keep on this machine: passphrases, registries, states.",
    "ORGCAL_CACHE_DIR": "Folder of what can be made again, such as the engine.",
    "ORGCAL_REGISTRY_URL": "Database of customer organisations; else a file of the stack.",
    "ORGCAL_OPERATOR": "Name of whoever works, for the log of organisations; else the login's.",
    "ORGCAL_CLIENT_ID": "With others of docs/verify.md: the connector that `orgcal verify` proves without a stack.",
    "ARM_TENANT_ID": "With other ARM_ variables: the login to the home tenant; else that of `az login`.",
    "NO_COLOR": "Where it is set, nothing is coloured.",
    "CLICOLOR_FORCE": "Where it is 1, output is coloured also where it is no terminal.",
    "COLUMNS": "Width of help where standard output is no terminal.",
    "CI": "Where it is true, nobody is asked, and rotations are commits.",
}
"""Variables that commands read -> what they do; docs tell of those of the engine, the login and platforms."""

GLOSSARY: Mapping[str, str] = {
    "stack": "one connector in one cloud; a Pulumi stack with its `Pulumi.<stack>.yaml`",
    "cloud": "`public`, `usgov`, `china` or `emulator`: where Entra ID and Graph are (`CloudEndpoints`)",
    "home tenant": "the tenant in which the application is registered",
    "organisation, customer tenant": "a tenant whose administrator consents to the application",
    "operator": "who deploys: the login that `ARM_*` variables or `az` give",
    "connector": "the entry in the integration platform",
    "credential": "client secret, certificate or federated trust of the application",
    "generation": "the number of a credential; several may live at once, one is active",
    "overlap": "the time for which the old generation stays after a rotation",
    "permission, scope": "a Microsoft Graph application permission; the connector calls it a scope",
    "declared, granted, effective": "on the application; in a tenant; in the roles of a fresh token",
    "probe": "a fresh token of an organisation, and what it says about access",
    "registry": "the database of organisations, links and states",
    "consent link": "the address that an organisation's administrator opens",
    "check, verdict": "one question that verification answers about an organisation, and its answer",
    "alert, rule, target": ("what is wrong now, what finds it (`orgcal/health/rules.py`), and who is told"),
    "protected": "a stack whose resources Pulumi must not delete (`orgcal:protect`)",
    "ephemeral": "a short-lived copy of a stack",
}
"""Words that commands use; the same as in CONTRIBUTING.md, as far as users meet them."""

WORDS: Mapping[str, str] = {
    "ok": "it is as it should be",
    "warning": "it works, and somebody should look at it",
    "failed": "it does not work",
    "skipped": "it was not looked at, for the reason that is told",
    "unknown": "nobody could tell",
    "drift": "the cloud differs from what the stack deployed",
}
"""Words of results, in lines and in JSON."""


def _exit_codes() -> Iterator[str]:
    yield "Every command ends with one of these codes:\n"
    yield from (f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())


def _json() -> Iterator[str]:
    yield """With --json a command prints one object on standard output, and progress nowhere:

  {"schema_version": 1, "ok": true, ...}

`ok` is true exactly where the exit code is 0. Times are RFC 3339, in UTC, with whole seconds and a Z.
Commands whose help says JSON Lines print an object a line; each has `schema_version`.
An error is an object too, beside its sentence on standard error:

  {"schema_version": 1, "ok": false, "error": {"kind": ..., "what": ..., "where": ..., "repair": ...}}

Names stay; new ones may come. The shape of each command is in schema/commands.schema.json.
Words of results are the same everywhere:
"""
    yield from (f"  {word:<9} {meaning}" for word, meaning in WORDS.items())


def _environment() -> Iterator[str]:
    yield "Variables that commands read:\n"
    width = max(map(len, ENVIRONMENT))
    yield from (f"  {name:<{width}}  {meaning}" for name, meaning in ENVIRONMENT.items())


def _settings() -> Iterator[str]:
    from orgcal.settings.model import Settings
    from orgcal.settings.stack_file import NAMESPACE

    yield "Settings of a stack are in its file, Pulumi.STACK.yaml, below `config:`. `orgcal ci lint` judges them.\n"
    for name, field in Settings.model_fields.items():
        needed = "; required" if field.is_required() else ""
        yield f"  {NAMESPACE}:{field.alias or name}{needed}"
        yield f"      {' '.join((field.description or '').split())}".rstrip()


def _stacks() -> Iterator[str]:
    yield """A stack is one connector in one cloud. Its settings are in Pulumi.STACK.yaml, in the folder of the project.
A command works on the stack that -s/--stack names, else ORGCAL_STACK, else dev.

  orgcal doctor -s prod            is everything there that it needs?
  orgcal up -s prod                deploy it
  orgcal status -s prod            permissions, credentials, drift
  orgcal destroy -s prod           remove what it made

A new one begins with the file of another, without its line `encryptionsalt`.
A short-lived copy of one, such as for a pull request: orgcal ephemeral create pr-123 --from dev"""


def _glossary() -> Iterator[str]:
    for word, meaning in GLOSSARY.items():
        yield word
        yield f"    {meaning}"


TOPICS: Mapping[str, Callable[[], Iterator[str]]] = {
    "exit-codes": _exit_codes,
    "json": _json,
    "environment": _environment,
    "settings": _settings,
    "stacks": _stacks,
    "glossary": _glossary,
}


def topic_text(topic: str) -> str:
    """The text of one of `TOPICS`."""
    return "\n".join(TOPICS[topic]())
