"""Where a verification starts from: a stack's outputs, a file that describes the connector, or variables."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ValidationError

from orgcal.entra.clouds import Cloud
from orgcal.entra.credentials import ClientSecret, Credential
from orgcal.entra.permissions import AppRole, application_permissions
from orgcal.entra.pinned_roles import DELEGATED_ONLY
from orgcal.entra.role_relation import canonical
from orgcal.entra.secret_text import SecretSource, bare
from orgcal.entra.tenant_ids import GUID, checked_tenant
from orgcal.errors import ConfigError, UsageError
from orgcal.fields import NameText, Section, describe_problems, dotted, setting
from orgcal.settings.scope_rules import WrongScope, wrong_scopes
from orgcal.settings.yaml_document import YamlDocument, with_line
from orgcal.stack.outputs import StackOutputs
from verify.models import Connector, SecretReference, Target

CLIENT_ID, SCOPES, LOOKUP, TENANTS = "ORGCAL_CLIENT_ID", "ORGCAL_SCOPES", "ORGCAL_LOOKUP", "ORGCAL_TENANTS"
SECRET_FILE, SECRET, CLOUD = "ORGCAL_CLIENT_SECRET_FILE", "ORGCAL_CLIENT_SECRET", "ORGCAL_CLOUD"
_CLOUDS = f"one of {', '.join(get_args(Cloud))}"


def _tenant(name: str) -> str:
    """`name` as it is, if it names a tenant; ValueError, for pydantic, where it does not."""
    try:
        checked_tenant(name, where="tenants")
    except UsageError as error:
        raise ValueError(error.what) from None
    return name.strip()


class ConnectorTarget(Section):
    """An organisation in a connector config file."""

    tenant_id: Annotated[str, AfterValidator(_tenant)] = setting(
        expected="a tenant id (a GUID) or a domain", example="contoso.com", about="The organisation's tenant."
    )
    name: NameText = setting("", expected="a text in one line", example="Contoso", about="Its name in reports.")


class ConnectorFile(Section):
    """A connector config file, YAML or JSON: what to verify where no stack of ours deployed it.

    cloud: public
    client_id: 00000000-0000-0000-0000-000000000000
    scopes: [Calendars.Read]
    client_secret_file: /run/secrets/connector
    tenants: [{tenant_id: contoso.com, name: Contoso}]
    """

    cloud: Cloud = setting("public", expected=_CLOUDS, example="public", about="Cloud that the application lives in.")
    client_id: str = setting(
        expected="the application's (client) id, a GUID",
        example="00000000-1111-2222-3333-444444444444",
        about="The application.",
        pattern=f"^{GUID}$",
    )
    scopes: tuple[str, ...] = setting(
        expected="names of Microsoft Graph application permissions",
        example="[Calendars.Read]",
        about="What a token of each organisation must hold.",
    )
    lookup: Literal["directory", "pinned"] = setting(
        "pinned",
        expected="directory or pinned",
        example="directory",
        about="Whether names that orgcal's own table lacks are taken as they are.",
    )
    name: NameText = setting("", expected="a text in one line", example="Outlook", about="The connector's name.")
    client_secret_file: str = setting(
        "",
        expected="path of a file, from this file's folder unless absolute",
        example="/run/secrets/connector",
        about="File that holds the client secret.",
        secret=True,
    )
    client_secret_variable: str = setting(
        "",
        expected="name of an environment variable",
        example="CONNECTOR_SECRET",
        about="Variable that holds it instead.",
        pattern=r"^$|^[A-Za-z_][A-Za-z0-9_]*$",
        secret=True,
    )
    platform: Mapping[str, Any] | None = setting(
        None,
        expected="a mapping with `kind` and that platform's settings",
        example="{kind: nango}",
        about="Integration platform that holds the secret instead.",
    )
    connector_key: str = setting("", expected="a text", example="outlook", about="The connector's key in the platform.")
    tenants: tuple[ConnectorTarget, ...] = setting(
        (),
        expected="mappings with `tenant_id`",
        example="[{tenant_id: contoso.com, name: Contoso}]",
        about="Organisations to verify.",
    )


def from_outputs(outputs: StackOutputs) -> tuple[Connector, Credential | None]:
    """The connector that a stack deployed, and its secret, which must stay in this process; None if it has none."""
    secret = outputs.client_secret
    given = None if secret is None else ClientSecret(secret.get_secret_value())
    connector = Connector(
        cloud=outputs.cloud,
        client_id=outputs.client_id,
        permissions=tuple(permission.name for permission in outputs.permissions),
        credential=SecretReference("platform", outputs.connector_key, dict(outputs.platform)),
        fallback=None if given is None else SecretReference("given", "stack"),
        name=outputs.connector_name,
        federated=outputs.credential_kind == "federated",
        outputs=outputs,
    )
    return connector, given


def from_file(path: Path) -> tuple[Connector, list[Target]]:
    """The connector and the organisations that a connector config file describes.

    Raises:
        UsageError: the file cannot be read.
        ConfigError: settings in it are wrong, all of them at once, each with its line.
    """
    data, lines = _read(path)

    def wrong(problems: Iterable[str]) -> ConfigError:
        return ConfigError([with_line(problem, path.name, lines) for problem in problems], where=str(path))

    try:
        described = ConnectorFile.model_validate(data)
    except ValidationError as error:
        raise wrong(describe_problems(error, ConnectorFile, namespace="")) from None
    otherwise = "with `lookup: directory` in this file orgcal takes it as it is"
    permissions, unknown = _permissions(described.scopes, described.lookup)
    problems = [
        scope.line(f"scopes[{scope.number}]", f"write {scope.nearest}" if scope.nearest else "remove it", otherwise)
        for scope in unknown
    ]
    credential = _place_of_secret(described, path)
    if credential is None:
        problems.append(
            "client_secret_file: found nothing; expected the place of the client secret; repair: write "
            "`client_secret_file: FILE`, or `client_secret_variable: NAME`, or `platform: {kind: nango}` into this file"
        )
    if problems or credential is None:
        raise wrong(problems)
    connector = Connector(
        cloud=described.cloud,
        client_id=described.client_id,
        permissions=permissions,
        credential=credential,
        name=described.name,
    )
    return connector, [Target(item.tenant_id, item.name) for item in described.tenants]


def _read(path: Path) -> tuple[Any, dict[str, int]]:
    """What a YAML or JSON file holds, and the line of each setting.

    Raises:
        UsageError: it cannot be read, or is neither.
    """
    text = SecretSource.of_file(path).text()
    if path.suffix != ".json":
        document = YamlDocument(path, text)
        return document.values, _lines(document)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        repair = "look at this line and the one above it: commas, quotes and brackets"
        raise UsageError(f"this is not JSON: {error.msg}", where=f"{path}:{error.lineno}", repair=repair) from None
    except (ValueError, RecursionError):
        raise UsageError("this is not JSON that orgcal reads", where=str(path), repair="name another file") from None
    if not isinstance(data, dict):
        raise UsageError("this is not a mapping of settings", where=f"{path}:1", repair='write {"name": "value"}')
    try:
        return data, _lines(YamlDocument(path, text.replace("\t", " ")))  # which YAML takes for JSON
    except UsageError:
        return data, {}


def _lines(document: YamlDocument) -> dict[str, int]:
    return {dotted(path): line for path, line in document.lines.items()}


def from_variables(environ: Mapping[str, str]) -> tuple[Connector, list[Target]]:
    """The connector and the organisations that the environment describes.

    Raises:
        ConfigError: variables are missing or wrong, all of them at once.
    """
    environ = {name: bare(value) if name.startswith("ORGCAL_") else value for name, value in environ.items()}
    lookup = environ.get(LOOKUP) or "pinned"
    scopes, tenants = _words(environ.get(SCOPES, "")), _words(environ.get(TENANTS, ""))
    problems = list(_wrong_variables(environ))
    for name in tenants:
        try:
            _tenant(name)
        except ValueError as error:
            problems.append(f"{TENANTS}: {error}; expected tenant ids or domains; repair: export {TENANTS}=contoso.com")
    permissions, unknown = _permissions(scopes, lookup)
    for scope in unknown:
        named = [scope.nearest if number == scope.number else name for number, name in enumerate(scopes)]
        repair = f"export {SCOPES}='{' '.join(filter(None, named))}'"
        problems.append(scope.line(SCOPES, repair, f"with {LOOKUP}=directory orgcal takes it as it is"))
    if problems:
        raise ConfigError(problems, where="environment")
    file = environ.get(SECRET_FILE, "")
    connector = Connector(
        cloud=environ.get(CLOUD) or "public",
        client_id=environ[CLIENT_ID],
        permissions=permissions,
        credential=SecretReference("file", file) if file else SecretReference("environment", SECRET),
    )
    return connector, [Target(tenant) for tenant in tenants]


def _wrong_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with single variables, a line each; of none that may hold a secret the value."""
    client_id, cloud, lookup = (environ.get(name, "") for name in (CLIENT_ID, CLOUD, LOOKUP))
    example = "00000000-1111-2222-3333-444444444444"
    if not re.fullmatch(GUID, client_id):
        found = repr(client_id[:60]) if client_id else "nothing"
        yield (
            f"{CLIENT_ID}: found {found}; expected the application's (client) id, a GUID; "
            f"repair: export {CLIENT_ID}={example}"
        )
    if not environ.get(SCOPES):
        yield (
            f"{SCOPES}: found nothing; expected names of Microsoft Graph application permissions; "
            f"repair: export {SCOPES}=Calendars.Read"
        )
    if not environ.get(SECRET_FILE) and not environ.get(SECRET):
        yield (
            f"{SECRET_FILE}: found nothing; expected the path of a file that holds the client secret; "
            f"repair: export {SECRET_FILE}=/run/secrets/connector"
        )
    for name, value, choices in ((CLOUD, cloud, get_args(Cloud)), (LOOKUP, lookup, ("directory", "pinned"))):
        if value and value not in choices:
            near = next(iter(difflib.get_close_matches(value, choices, n=1)), choices[0])
            expected = f"one of {', '.join(choices)}"
            yield f"{name}: found {value[:60]!r}; expected {expected}; repair: export {name}={near}"


def _place_of_secret(described: ConnectorFile, path: Path) -> SecretReference | None:
    if described.platform is not None:
        return SecretReference("platform", described.connector_key, dict(described.platform))
    if described.client_secret_file:
        return SecretReference("file", str(path.parent / described.client_secret_file))
    if described.client_secret_variable:
        return SecretReference("environment", described.client_secret_variable)
    return None


def _permissions(scopes: Sequence[str], lookup: str) -> tuple[tuple[str, ...], list[WrongScope]]:
    """Names of the permissions that a token must have, and the scopes that are none.

    Args:
        lookup: `directory` takes names that orgcal's own table lacks as they are, since a token has them if they exist.
    """
    taken: dict[str, AppRole] | None = None
    if lookup == "directory":
        taken = {name: AppRole(name, "") for name in map(canonical, scopes) if name not in DELEGATED_ONLY}
    if wrong := wrong_scopes(scopes, taken):
        return (), wrong
    return tuple(role.name for role in application_permissions(scopes, taken)), []


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
