"""Where a verification starts from: a stack's outputs, a file that describes the connector, or variables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from orgcal.entra.clouds import Cloud
from orgcal.entra.credentials import ClientSecret, Credential
from orgcal.entra.permissions import AppRole, application_permissions
from orgcal.entra.pinned_roles import DELEGATED_ONLY
from orgcal.entra.role_relation import canonical
from orgcal.entra.secret_text import SecretSource, bare
from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import ConfigError, UsageError
from orgcal.fields import NameText
from orgcal.stack.outputs import StackOutputs
from verify.models import Connector, SecretReference, Target

CLIENT_ID, SCOPES, LOOKUP, TENANTS = "ORGCAL_CLIENT_ID", "ORGCAL_SCOPES", "ORGCAL_LOOKUP", "ORGCAL_TENANTS"
SECRET_FILE, SECRET = "ORGCAL_CLIENT_SECRET_FILE", "ORGCAL_CLIENT_SECRET"


def _tenant(name: str) -> str:
    """`name` as it is, if it names a tenant; ValueError, for pydantic, where it does not."""
    try:
        checked_tenant(name, where="tenants")
    except UsageError as error:
        raise ValueError(error.what) from None
    return name.strip()


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConnectorTarget(_Model):
    """An organisation in a connector config file."""

    tenant_id: Annotated[str, AfterValidator(_tenant)]
    name: NameText = ""


class ConnectorFile(_Model):
    """A connector config file, YAML or JSON: what to verify where no stack of ours deployed it.

    cloud: public
    client_id: 00000000-0000-0000-0000-000000000000
    scopes: [Calendars.Read]
    client_secret_file: /run/secrets/connector
    tenants: [{tenant_id: contoso.com, name: Contoso}]
    """

    cloud: Cloud = "public"
    client_id: str
    scopes: tuple[str, ...]
    lookup: Literal["directory", "pinned"] = "pinned"
    name: NameText = ""
    client_secret_file: str = ""
    client_secret_variable: str = ""
    platform: Mapping[str, Any] | None = None
    connector_key: str = ""
    tenants: tuple[ConnectorTarget, ...] = ()


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
        ConfigError: settings in it are wrong, all of them at once.
    """
    import yaml

    text = SecretSource.of_file(path).text()
    try:
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        described = ConnectorFile.model_validate(data)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}" for item in error.errors()]
        raise ConfigError(problems, where=str(path)) from None
    except (ValueError, yaml.YAMLError) as error:
        said = str(error).partition("\n")[0]
        raise UsageError(f"the file is neither YAML nor JSON ({said})", where=str(path)) from None
    connector = Connector(
        cloud=described.cloud,
        client_id=described.client_id,
        permissions=_permissions(described.scopes, described.lookup, "lookup: directory in this file"),
        credential=_place_of_secret(described, path),
        name=described.name,
    )
    return connector, [Target(item.tenant_id, item.name) for item in described.tenants]


def from_variables(environ: Mapping[str, str]) -> tuple[Connector, list[Target]]:
    """The connector and the organisations that the environment describes.

    Raises:
        ConfigError: variables are missing, all of them at once.
    """
    environ = {name: bare(value) if name.startswith("ORGCAL_") else value for name, value in environ.items()}
    problems = [f"{name}: is not set" for name in (CLIENT_ID, SCOPES) if not environ.get(name)]
    if not environ.get(SECRET_FILE) and not environ.get(SECRET):
        problems.append(f"{SECRET_FILE}: is not set; it names the file that holds the client secret")
    lookup = environ.get(LOOKUP) or "pinned"
    if lookup not in ("directory", "pinned"):
        problems.append(f"{LOOKUP}: found {lookup!r}; expected directory or pinned")
    tenants = _words(environ.get(TENANTS, ""))
    for name in tenants:
        try:
            _tenant(name)
        except ValueError as error:
            problems.append(f"{TENANTS}: {error}")
    if problems:
        raise ConfigError(problems, where="environment")
    file = environ.get(SECRET_FILE, "")
    connector = Connector(
        cloud=environ.get("ORGCAL_CLOUD") or "public",
        client_id=environ[CLIENT_ID],
        permissions=_permissions(_words(environ[SCOPES]), lookup, f"{LOOKUP}=directory"),
        credential=SecretReference("file", file) if file else SecretReference("environment", SECRET),
    )
    return connector, [Target(tenant) for tenant in tenants]


def _place_of_secret(described: ConnectorFile, path: Path) -> SecretReference:
    if described.platform is not None:
        return SecretReference("platform", described.connector_key, dict(described.platform))
    if described.client_secret_file:
        return SecretReference("file", str(path.parent / described.client_secret_file))
    if described.client_secret_variable:
        return SecretReference("environment", described.client_secret_variable)
    raise ConfigError(
        ["client_secret_file: is missing; name a file, or a variable (client_secret_variable), or a platform"],
        where=str(path),
    )


def _permissions(scopes: Iterable[str], lookup: str, setting: str) -> tuple[str, ...]:
    """Names of the permissions that a token must have.

    Args:
        lookup: `directory` takes names that orgcal's own table lacks as they are, since a token has them if they exist.
        setting: how `lookup` is written here, for the error.
    """
    scopes = list(scopes)
    taken: dict[str, AppRole] | None = None
    if lookup == "directory":
        taken = {name: AppRole(name, "") for name in map(canonical, scopes) if name not in DELEGATED_ONLY}
    roles = application_permissions(scopes, taken, otherwise=f"with {setting} orgcal takes it as it is")
    return tuple(role.name for role in roles)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
