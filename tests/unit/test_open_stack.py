"""An opened stack: what is found when, how often, and what needs no engine."""

from __future__ import annotations

import contextlib
import json
import os
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from orgcal import __version__
from orgcal.engine.plugins import AzureadPlugin
from orgcal.errors import ConfigError, EngineError, OrgcalError, UsageError
from orgcal.stack.open_stack import OpenStack
from orgcal.tenants.registry import FILE_NAME
from tests.support.fake_programs import write_program
from tests.support.stack_exports import exported, secret

STACK_FILE = "config:\n  orgcal:entra: {cloud: public, tenant_id: 00000000-1111-2222-3333-444444444444}\n"
ENGINE = """#!/bin/sh
[ "$1" = version ] && echo v3.274.1 && exit
echo "$@" >> {log}
cat {printed}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which no engine is to be had, and none can be made."""
    (tmp_path / "Pulumi.prod.yaml").write_text(STACK_FILE)
    installed = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages" / f"orgcal-{version('orgcal')}.dist-info"
    installed.mkdir(parents=True)
    return {
        "PATH": os.defpath,
        "ENGINE": "path",
        "ORGCAL_DATA_DIR": str(tmp_path / "data"),
        "ORGCAL_CACHE_DIR": str(tmp_path / "cache"),
    }


def with_engine(folder: Path, environ: dict[str, str], printed: object) -> dict[str, str]:
    """The environment with an engine that prints `printed`, and keeps a log of its commands."""
    (folder / "printed.json").write_text(json.dumps(printed))
    write_program(folder / "bin" / "pulumi-language-python", "#!/bin/sh\n")
    text = ENGINE.format(log=folder / "engine.log", printed=folder / "printed.json")
    write_program(folder / "bin" / "pulumi", text)
    return {**environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.defpath}"}


def commands(folder: Path) -> list[str]:
    log = folder / "engine.log"
    return log.read_text().splitlines() if log.exists() else []


def outputs() -> dict[str, object]:
    said = exported([3], 3)
    said["deployment"]["resources"][0]["outputs"]["orgcal"]["client_secret"] = secret("hush")
    return said


def test_stack_without_an_engine_tells_settings_environment_and_registry(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with OpenStack("prod", environ, project=tmp_path) as stack:
        assert stack.cloud == "public"
        assert stack.core.protected
        assert stack.environ["ORGCAL_PROJECT"] == str(tmp_path)
        known = [stack.has_registry, list(stack.registry.tenants()), stack.has_registry]
        assert known == [False, [], True]
        assert (stack.stack_dir / FILE_NAME).exists()
        assert stack.deployed_application_id() == ""
        with pytest.raises(EngineError, match="no pulumi on PATH"):
            _ = stack.outputs


def test_stack_reads_its_outputs_once_whoever_asks(tmp_path: Path, environ: dict[str, str]) -> None:
    environ = with_engine(tmp_path, environ, outputs())
    with OpenStack("prod", environ, project=tmp_path) as stack:
        assert commands(tmp_path) == []
        stack.begin_reading_outputs()
        stack.begin_reading_outputs()

        assert stack.outputs.client_id == "client"
        assert stack.outputs is stack.outputs
        assert "hush" not in repr(stack.outputs)

    assert commands(tmp_path) == ["--non-interactive stack export --show-secrets --stack prod"]


@pytest.mark.parametrize(("named", "revoked"), [("[3]", (3,)), ("[2]", ()), ("[]", ())])
def test_stack_tells_what_its_file_revokes_before_the_ledger_knows_it(
    tmp_path: Path, environ: dict[str, str], named: str, revoked: tuple[int, ...]
) -> None:
    section = f"  orgcal:credential: {{generations: [2, 3], active: 3, revoked: {named}}}\n"
    (tmp_path / "Pulumi.prod.yaml").write_text(STACK_FILE + section)

    with OpenStack("prod", with_engine(tmp_path, environ, outputs()), project=tmp_path) as stack:
        assert stack.outputs.revoked == revoked
        assert bool(stack.outputs.revocation) == bool(revoked)


def test_engine_of_a_stack_gets_its_needs_and_those_of_the_deployed_platform_alone(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orgcal.engine.plugins.choose_azuread", lambda *_, **__: AzureadPlugin("real", None, ""))
    monkeypatch.setattr("orgcal.engine.command.engine_login", contextlib.nullcontext)
    moved = {"type": "orgcal:index:Connector", "custom": True, "id": "x", "inputs": {"platform": {"kind": "nango"}}}
    environ = with_engine(tmp_path, environ, {"deployment": {"resources": [moved]}})
    program = tmp_path / "bin" / "pulumi"
    program.write_text(program.read_text().replace("\ncat ", f"\nenv > {tmp_path / 'env'}\ncat "))
    hush = {name: f"hush {name}" for name in ("GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "ORGCAL_REGISTRY_URL", "MINE")}
    environ |= {**hush, "NANGO_API_KEY_FILE": "key-file", "LANG": "C"}

    def engine_got() -> dict[str, str]:
        return dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())

    with OpenStack("prod", environ, project=tmp_path) as stack:
        stack.runner.state()
        plain = engine_got()
        stack.runner.preview()
        moving = engine_got()

    for found in (plain, moving):
        assert found["LANG"] == "C"
        assert found["ORGCAL_PROJECT"] == str(tmp_path)
        assert not [value for value in found.values() if value.startswith("hush")]
    assert "NANGO_API_KEY_FILE" not in plain, "the settings name no such platform"
    assert moving["NANGO_API_KEY_FILE"] == "key-file"


def test_stack_that_was_not_deployed_says_so_from_the_thread_too(tmp_path: Path, environ: dict[str, str]) -> None:
    environ = with_engine(tmp_path, environ, {})
    with OpenStack("prod", environ, project=tmp_path) as stack:
        stack.begin_reading_outputs()
        with pytest.raises(UsageError, match="has not been deployed") as refused:
            _ = stack.outputs
    assert refused.value.where == "stack prod"


def test_stack_tells_the_application_of_its_state_without_making_anything(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    application = {"type": "azuread:index/application:Application", "outputs": {"objectId": "object"}}
    environ = with_engine(tmp_path, environ, {"deployment": {"resources": [application]}})

    stack = OpenStack("prod", environ, project=tmp_path)

    assert stack.deployed_application_id() == "object"
    assert not (stack.stack_dir / "passphrase").exists()


def test_stack_looks_for_the_azuread_plugin_only_where_it_is_started(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = with_engine(tmp_path, environ, {})
    chosen: list[object] = []
    monkeypatch.setattr("orgcal.engine.plugins.choose_azuread", lambda *_, **given: chosen.append(given["cloud"]))

    (tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / f"orgcal-{__version__}.dist-info").mkdir(
        parents=True
    )
    stack = OpenStack("prod", environ, project=tmp_path)
    path = stack.engine_environment(plugin=False).path_first

    assert path == (tmp_path / ".venv" / "bin", tmp_path / "bin")
    assert stack.runner.state().resources == []
    assert chosen == []
    assert stack.plugin is stack.plugin
    assert chosen == ["public"]


def test_shell_of_a_stack_is_set_up_and_says_what_is_missing(tmp_path: Path, environ: dict[str, str]) -> None:
    environ = with_engine(tmp_path, environ, {}) | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "nowhere")}
    missing: list[OrgcalError] = []

    shell = OpenStack("prod", environ, project=tmp_path).shell_environment(missing.append)

    assert ["nowhere" in error.what for error in missing] == [True]
    assert shell.path_first == (tmp_path / ".venv" / "bin",), "the engine is on this shell's PATH already"


def test_stack_closes_its_registry_and_opens_it_again_when_asked(tmp_path: Path, environ: dict[str, str]) -> None:
    stack = OpenStack("prod", environ, project=tmp_path)
    first = stack.registry
    stack.close()
    stack.close()

    assert stack.registry is not first
    stack.close()


def test_projects_that_share_a_database_see_their_own_organisations(tmp_path: Path, environ: dict[str, str]) -> None:
    environ["ORGCAL_REGISTRY_URL"] = f"sqlite:///{tmp_path}/shared.sqlite"
    known = {}
    for project in ("orgcal", "contacts"):
        folder = tmp_path / project
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        (folder / "Pulumi.prod.yaml").write_text(STACK_FILE)
        with OpenStack("prod", environ, project=folder) as stack:
            stack.registry.add("22222222-2222-2222-2222-222222222222", f"Contoso of {project}")
            known[stack.registry.connector] = [tenant.name for tenant in stack.registry.tenants()]

    assert known == {"orgcal/prod": ["Contoso of orgcal"], "contacts/prod": ["Contoso of contacts"]}


def test_logo_is_read_where_the_settings_name_one(tmp_path: Path, environ: dict[str, str]) -> None:
    example = (Path(__file__).resolve().parents[2] / "Pulumi.dev.yaml").read_text()
    (tmp_path / "Pulumi.prod.yaml").write_text(example)
    (tmp_path / "logo.gif").write_bytes(b"GIF89a")
    with OpenStack("prod", environ, project=tmp_path) as stack:
        assert stack.read_logo() == b""
    named = yaml.safe_load(example)
    named["config"]["orgcal:application"]["logo"] = "logo.gif"
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump(named))
    with OpenStack("prod", environ, project=tmp_path) as stack:
        assert stack.read_logo() == b"GIF89a"
        (tmp_path / "logo.gif").write_bytes(b"<svg/>")
        with pytest.raises(ConfigError, match="found something else"):
            stack.read_logo()
    named["config"]["orgcal:application"]["display_name"] = ""
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump(named))
    with OpenStack("prod", environ, project=tmp_path) as stack:
        assert stack.read_logo() == b"", "pages are served, whatever else is wrong in the settings"
