"""What a set-up amounts to, before anything is made: trusts, variables, secrets, and what is left to a person."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orgcal.ci.backends import Backends, Cloud
from orgcal.ci.identities import CiIdentities, consent_commands
from orgcal.ci.roles import Role
from orgcal.platforms import read_platform
from orgcal.platforms.rest import segment
from orgcal.settings import StackFile, settings_of
from orgcal.stack.git_folder import GitFolder

REGISTRY_SECRET = "ORGCAL_REGISTRY_URL"  # noqa: S105  # a name
REGISTRY_VARIABLE = "ORGCAL_REGISTRY"
"""The registry without its password, so that a change of it can be seen: secrets cannot be read back."""
PLATFORM_SECRET = "ORGCAL_PLATFORM_KEY"  # noqa: S105  # a name
_ACCESS_NOTES: Mapping[Cloud, str] = {
    "aws": "AWS: set variables AWS_ROLE_ARN and AWS_REGION in each environment; the roles trust its subject, and the "
    "preview's may read the state and not use the key",
    "google": "Google: set variable GOOGLE_WORKLOAD_IDENTITY_PROVIDER in each environment; the preview's subject may "
    "read the state and not use the key",
    "pulumi": "Pulumi Cloud: set secret PULUMI_ACCESS_TOKEN in each environment; the preview's may only read",
    "vault": "Vault: set variable VAULT_ADDR and secret VAULT_TOKEN in the environments that deploy",
}


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What a set-up needs to know of the stack that CI is to deploy.

    Attributes:
        tenant_id: home tenant; empty on the emulator.
        key_variable: names the file with the connector platform's API key; empty where it needs none.
        secrets_provider: as the stack's file has it; empty for a passphrase.
        owners: of the application, besides whoever deploys.
        pinned: whether it looks nothing up in the home tenant.
        alert_variables: hold addresses and keys of the targets of its alerts; secrets of the same names fill them.
    """

    stack: str
    tenant_id: str
    key_variable: str
    secrets_provider: str
    owners: tuple[str, ...]
    pinned: bool = False
    alert_variables: tuple[str, ...] = ()


def stack_facts(file: StackFile) -> StackFacts:
    """What a set-up needs to know of a stack; raises ConfigError where its settings are wrong."""
    settings = settings_of(file)
    targets = settings.alerts.targets.values()
    named = {name for target in targets for name in (target.url_variable, target.secret_variable) if name}
    return StackFacts(
        stack=settings.stack,
        tenant_id=settings.entra.tenant_id,
        key_variable=read_platform(settings.platform()).key_variable,
        secrets_provider=str(file.values.get("secretsprovider") or ""),
        owners=settings.application.owners,
        pinned=settings.entra.lookup == "pinned",
        alert_variables=tuple(sorted(named)),
    )


@dataclass(frozen=True, slots=True)
class Values:
    """What one environment is to hold."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def values_of(
    roles: Sequence[Role], made: CiIdentities, places: Backends, ephemeral_backend: str, platform_key: str
) -> dict[str, Values]:
    """Variables and secrets by environment; only environments that deploy what is merged hold secrets."""
    found = {}
    for role in roles:
        variables = {
            "ARM_CLIENT_ID": made.identities[role.name].client_id,
            "ARM_TENANT_ID": made.tenant_id,
            "PULUMI_BACKEND_URL": ephemeral_backend if role.name == "ephemeral" else places.backend,
        }
        if role.name == "preview":
            variables["ORGCAL_DEPLOYER_ID"] = made.identities["deploy"].service_principal_id
        for environment in role.environments:
            if not environment.secrets:
                found[environment.name] = Values(variables)
                continue
            secrets = {REGISTRY_SECRET: places.registry_url}
            if platform_key:
                secrets[PLATFORM_SECRET] = platform_key
            found[environment.name] = Values({**variables, REGISTRY_VARIABLE: places.registry}, secrets)
    return found


def gh_commands(
    repository: str, roles: Sequence[Role], branch: str, places: Backends, values: Mapping[str, Values]
) -> Iterator[str]:
    """The same by hand; secrets are asked for by `gh` and stand in no command.

    An environment that exists is left alone: making it anew would take its protection away.
    """
    limited = "-F 'deployment_branch_policy[protected_branches]=false' "
    limited += "-F 'deployment_branch_policy[custom_branch_policies]=true'"
    for environment in (item for role in roles for item in role.environments):
        held = values[environment.name]
        where = f"--repo {shlex.quote(repository)} --env {shlex.quote(environment.name)}"
        path = f"repos/{repository}/environments/{segment(environment.name)}"
        make = f"gh api --silent --method PUT {path}"
        if environment.branch_only:
            make += f" {limited} && gh api --silent --method POST {path}/deployment-branch-policies -f name={branch}"
        yield f"gh api --silent {path} || {{ {make}; }}  # it {environment.does}"
        settings = f"https://github.com/{repository}/settings/environments"
        if environment.branch_only:
            yield f"# if it existed, limit it to branch {branch}: {settings}"
        if environment.reviewers:
            yield f"# add its reviewers: {settings}"
        for name, value in held.variables.items():
            yield f"gh variable set {name} {where} --body {shlex.quote(value)}"
        for name in held.secrets:
            shown = (
                places.registry.replace("@", ":PASSWORD@", 1) if name == REGISTRY_SECRET else "the platform's API key"
            )
            yield f"gh secret set {name} {where}  # asks for it: {shown}"


def left_to_a_person(
    facts: StackFacts, places: Backends, made: CiIdentities, git: GitFolder | None, *, workflows: Path | None = None
) -> tuple[list[str], list[str]]:
    """Notes, and commands to be run in the project's folder, for what this program may not or should not decide.

    Args:
        git: the project's folder in its repository; None where it lies in none.
        workflows: their folder, to be committed; None where there are none.
    """
    notes, commands = [], consent_commands(list(made.identities.values()))
    if commands:
        notes.append("an administrator grants the identities' permissions once")
    deploy = made.identities["deploy"]
    stack = shlex.quote(facts.stack)
    if deploy.service_principal_id not in facts.owners:
        notes.append(
            f"an application that you have deployed already needs {deploy.display_name} among its owners, and one more "
            "deployment by you, or CI may not change it"
        )
        place = f"orgcal:application.owners[{len(facts.owners)}]"
        commands.append(f"pulumi config set --stack {stack} --path '{place}' {deploy.service_principal_id}")
    if places.secrets_provider not in (facts.secrets_provider, "default"):
        provider = shlex.quote(places.secrets_provider)
        notes.append("the stack's secrets are not encrypted by that provider yet; of these two, the one that fits")
        commands.append(f"pulumi stack init {stack} --secrets-provider {provider}")
        commands.append(f"pulumi stack change-secrets-provider --stack {stack} {provider}")
    commit_notes, commit_commands = _to_commit(f"Pulumi.{facts.stack}.yaml", git, workflows)
    notes, commands = [*notes, *commit_notes], [*commands, *commit_commands]
    cloud_notes, cloud_commands = _cloud_access(places.clouds, made)
    return [*notes, *cloud_notes], [*commands, *cloud_commands]


def _to_commit(stack_file: str, git: GitFolder | None, workflows: Path | None) -> tuple[list[str], list[str]]:
    """What CI needs in the repository and git does not track yet."""
    if git is None:
        return [f"CI needs the project's folder in its repository, {stack_file} included"], []
    names = ("Pulumi.yaml", "__main__.py", "requirements.txt", "requirements.lock", stack_file)
    present = [name for name in names if (git.project / name).exists()]
    tracked = git.tracked(present)
    missing = [name for name in present if name not in tracked]
    ignored = sorted(git.ignored(missing))
    notes = [f"git ignores {name}, and CI needs it in the repository" for name in ignored]
    added = [*missing, *([os.path.relpath(workflows, git.project)] if workflows else [])]
    if not added:
        return notes, []
    return notes, [shlex.join(["git", "add", *(["--force"] if ignored else []), *added])]


def _cloud_access(clouds: Sequence[Cloud], made: CiIdentities) -> tuple[list[str], list[str]]:
    """How the identities reach state and key, which lie outside the directory."""
    notes: list[str] = []
    commands: list[str] = []
    if "azure" in clouds:
        notes.append("the identities reach state and key by Azure roles; put in the container's and the key's ids")
        for identity in made.identities.values():
            scopes = {
                "Storage Blob Data Contributor": "CONTAINER-RESOURCE-ID",
                "Key Vault Crypto User": "KEY-RESOURCE-ID",
            }
            if identity.role == "preview":
                scopes = {"Storage Blob Data Reader": "CONTAINER-RESOURCE-ID"}
            commands += [
                f"az role assignment create --assignee-object-id {identity.service_principal_id} "
                f"--assignee-principal-type ServicePrincipal --role '{role}' --scope {scope}"
                for role, scope in scopes.items()
            ]
    return [*notes, *(note for cloud, note in _ACCESS_NOTES.items() if cloud in clouds)], commands
