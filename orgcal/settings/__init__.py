"""A stack's settings: read once, with one meaning for the Pulumi program and for every command.

    settings = read_settings(project_dir, "prod")     # all of them, or a ConfigError that names all problems
    core = read_core_settings(project_dir, "prod")    # cloud, home tenant, protection; other settings may be wrong

Both are frozen pydantic models. `load_stack_file` gives the file itself, for what is not a setting.
"""

from orgcal.settings.credential_section import CredentialSettings, GenerationSet
from orgcal.settings.health_sections import AlertSettings, AlertTarget, HistorySettings, RuleName
from orgcal.settings.model import (
    CoreSettings,
    HealthSettings,
    Settings,
    core_settings_of,
    parse_settings,
    read_core_settings,
    read_credential,
    read_health,
    read_settings,
    settings_of,
)
from orgcal.settings.stack_file import (
    ProjectFile,
    StackFile,
    check_project_name,
    load_project_file,
    load_stack_file,
    project_name,
    stack_file,
)

__all__ = [
    "AlertSettings",
    "AlertTarget",
    "CoreSettings",
    "CredentialSettings",
    "GenerationSet",
    "HealthSettings",
    "HistorySettings",
    "ProjectFile",
    "RuleName",
    "Settings",
    "StackFile",
    "check_project_name",
    "core_settings_of",
    "load_project_file",
    "load_stack_file",
    "parse_settings",
    "project_name",
    "read_core_settings",
    "read_credential",
    "read_health",
    "read_settings",
    "settings_of",
    "stack_file",
]
