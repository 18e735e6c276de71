"""Kinds of platforms: what each can do, those that installed packages add, and what is said of one that is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgcal import platforms
from orgcal.errors import ConfigError, UsageError
from orgcal.platforms import (
    KINDS,
    Capabilities,
    CatalogField,
    CredentialKind,
    capabilities_of,
    check_settings,
    kinds,
    open_platform,
    place_of,
    read_platform,
    settings_class,
    usable_kinds,
)
from orgcal.platforms.aws_secrets_manager import AwsSettings
from orgcal.platforms.azure_key_vault import KeyVaultSettings
from orgcal.platforms.file import FileSettings
from orgcal.platforms.github_environment import GithubSettings
from orgcal.platforms.hashicorp_vault import VaultSettings
from orgcal.platforms.http_api import HttpSettings
from orgcal.platforms.local import LocalSettings
from orgcal.platforms.nango import NangoSettings
from tests.support.platform_cases import SETTINGS

CATALOG: frozenset[CatalogField] = frozenset({"display_name", "description", "scopes", "published"})
SECRET: frozenset[CredentialKind] = frozenset({"secret"})
BOTH: frozenset[CredentialKind] = frozenset({"secret", "certificate"})
KEY = "orgcal:connector.platform.kind"

GOOD = """
from typing import Literal
from orgcal.platforms.local import LocalSettings
class Settings(LocalSettings):
    kind: Literal["{kind}"]
"""


# Ours ----------------------------------------------------------------------------------------------------------------


def test_kinds_are_those_of_their_settings() -> None:
    assert {kind: settings_class(kind) for kind in KINDS} == {
        "local": LocalSettings,
        "file": FileSettings,
        "http": HttpSettings,
        "nango": NangoSettings,
        "github-environment": GithubSettings,
        "azure-key-vault": KeyVaultSettings,
        "aws-secrets-manager": AwsSettings,
        "hashicorp-vault": VaultSettings,
    }
    assert [kind for kind in kinds() if kind in KINDS] == list(KINDS)


@pytest.mark.parametrize(
    ("settings", "able"),
    [
        (
            SETTINGS["file-yaml"],
            Capabilities(
                callback="configured",
                reads_back="value",
                catalog=CATALOG,
                credential_kinds=BOTH,
                connections="none",
                tokens=False,
                limits={},
                emulated=False,
                keyed=True,
                created_with="settings",
            ),
        ),
        (SETTINGS["aws-secrets-manager"], Capabilities("configured", "value", frozenset(), BOTH)),
        (SETTINGS["azure-key-vault-plain"], Capabilities("configured", "value", frozenset(), SECRET)),
        (SETTINGS["hashicorp-vault"], Capabilities("configured", "value", frozenset(), BOTH)),
        (SETTINGS["nylas"], Capabilities("fixed", "value", frozenset(), SECRET, "own flow")),
        (SETTINGS["http"], Capabilities("created", "value", CATALOG, SECRET, "own flow")),
    ],
    ids=lambda given: given.get("kind") if isinstance(given, dict) else "",
)
def test_kind_can_do_what_its_platform_does(settings: dict[str, Any], able: Capabilities) -> None:
    assert capabilities_of(settings) == able


def test_platform_is_opened_with_the_environment_and_has_its_place(tmp_path: Path) -> None:
    settings = {**SETTINGS["file-yaml"], "path": "a.yaml"}

    platform = open_platform(settings, {"ORGCAL_PROJECT": str(tmp_path)})

    assert (platform.place, platform.called) == (str(tmp_path / "a.yaml"), "a file")
    assert place_of(settings) == "file:a.yaml#connectors.{key}"


@pytest.mark.parametrize(
    ("kind", "found", "repaired"),
    [
        (None, "nothing", "nango"),
        ("", '""', "nango"),
        ("nagno", '"nagno" (did you mean nango?)', "nango"),
        ("github-env", '"github-env" (did you mean github-environment?)', "github-environment"),
        ("zzz", '"zzz"', "nango"),
        (5, "5", "nango"),
        (["local"], '["local"] (did you mean local?)', "local"),
        ({1}, '"{1}"', "nango"),
    ],
)
def test_kind_that_is_none_is_told_with_the_nearest(kind: Any, found: str, repaired: str) -> None:
    where = "orgcal:connector.also_push_to.app"

    assert check_settings({"kind": kind}, where) == [
        f"{where}.kind: found {found}; expected one of aws-secrets-manager, azure-key-vault, file, github-environment, "
        f"hashicorp-vault, http, local, nango; repair: pulumi config set --path {where}.kind {repaired}"
    ]
    with pytest.raises(KeyError):
        settings_class("zzz")


def test_settings_that_are_right_have_no_problems() -> None:
    assert check_settings({"kind": "local"}) == []
    assert read_platform({"kind": "local"}) == LocalSettings(kind="local")


# Of installed packages -----------------------------------------------------------------------------------------------


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Installs a package that adds a kind by a module with this code, and returns the package's name."""
    forget = (platforms._installed.cache_clear, settings_class.cache_clear)
    installed: list[str] = []

    def package(kind: str, code: str, *, folder: str = "", module: str = "") -> str:
        name = f"pack-{len(installed) + 1}"
        module = module or f"orgcal_test_{tmp_path.name.replace('-', '_')}_{len(installed)}"
        site = tmp_path / (folder or name)
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[orgcal.platforms]\n{kind} = {module}:Settings\n")
        (site / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(site)
        installed.append(name)
        for each in forget:
            each()
        return name

    yield package
    monkeypatch.undo()
    for each in forget:
        each()


def test_kinds_of_packages_come_after_ours_and_replace_none(install: Callable[..., str]) -> None:
    for kind in ("zeta", "acme", "local"):
        install(kind, GOOD.format(kind=kind))

    assert kinds() == [*KINDS, "acme", "zeta"]
    assert usable_kinds() == [*KINDS, "acme", "zeta"]
    assert read_platform({"kind": "acme"}).kind == "acme"
    assert settings_class("local") is LocalSettings
    assert check_settings({"kind": "acm"})[0].startswith(
        f'{KEY}: found "acm" (did you mean acme?); expected one of acme, '
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("raise ValueError('x' * 300)", f"cannot be imported (ValueError: {'x' * 159}…)"),
        ("def Settings(): pass", "has no class of PlatformSettings"),
        ("class Settings: pass", "has no class of PlatformSettings"),
        (GOOD.format(kind="other"), "is called otherwise in its settings"),
    ],
    ids=["import", "error", "function", "class", "name"],
)
def test_package_that_is_broken_is_named_and_hurts_no_other_kind(
    install: Callable[..., str], code: str, said: str
) -> None:
    name = install("acme", code)

    with pytest.raises(ConfigError) as refused:
        read_platform({"kind": "acme"})

    assert refused.value.problems == (
        f"{KEY}: the kind 'acme' of the package {name} {said}; repair: correct, update or uninstall {name}",
    )
    assert usable_kinds() == list(KINDS)
    with pytest.raises(UsageError) as broken:
        settings_class("acme")
    assert broken.value.what == f"the kind 'acme' of the package {name} {said}"


def test_two_packages_with_the_same_kind_are_both_named(install: Callable[..., str]) -> None:
    for _ in range(2):
        install("acme", GOOD.format(kind="acme"))

    assert check_settings({"kind": "acme"}) == [
        f"{KEY}: several packages add the kind 'acme': pack-1 and pack-2; "
        "repair: uninstall all but one of pack-1 and pack-2"
    ]


def test_one_package_in_two_folders_of_the_path_is_one(install: Callable[..., str]) -> None:
    for folder in ("a", "b"):
        install("acme", GOOD.format(kind="acme"), folder=folder, module="orgcal_test_same")

    assert read_platform({"kind": "acme"}).kind == "acme"
