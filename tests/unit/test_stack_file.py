"""A stack's file: what is taken from it, and what is refused in one sentence."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from orgcal.errors import ConfigError, UsageError
from orgcal.fields import ENCRYPTED
from orgcal.settings import load_stack_file, read_core_settings, read_credential, read_settings

ROOT = Path(__file__).resolve().parents[2]
BOMB = "a: &a [1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "Pulumi.x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("hello", "not a mapping of settings"),
        ("[1]", "not a mapping of settings"),
        ("config: hello", "`config` is not a mapping of settings"),
        ("config: [1]", "`config` is not a mapping of settings"),
        ("config: [", "this is not YAML"),
        ("config:\n  a: \x00", "this is not YAML"),
        ("config:\n  a: &b [*b]\n", "nested deeper than 32 levels"),
        ("# one\n# two: \xe9".encode("latin-1"), ":2: this is not UTF-8 text"),
        ("a: " + "[" * 5000, ":1: settings are nested deeper than 32 levels"),
        ("a: " + "{b: " * 400_000, "larger than 1 MiB"),
        ("x" * (1024 * 1024 + 1), "larger than 1 MiB"),
        (BOMB, "more than 100,000 values"),
        ("config:\n  orgcal:entra: {cloud: public, cloud: china}\n", ":2: cloud is written twice"),
        ("config:\n  a: 1\n  a: 2\n", ":3: a is written twice"),
        ("config:\n  entra: {}\n  orgcal:entra: {}\n", ":3: entra and orgcal:entra are one setting"),
        ("config:\n  ? [a]\n  : b\n", "name is a list or a mapping"),
        ("config:\n  a: {<<: 5}\n", "what `<<` merges is not a mapping"),
        ("config:\n  a: .inf\n", "not a number that Pulumi takes"),
        ("config:\n  a: !!binary /w==\n", "`!!binary` holds no text"),
    ],
)
def test_stack_file_that_pulumi_could_not_read_is_refused_in_one_sentence(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        load_stack_file(written(tmp_path, content), "x")

    told = f"{refused.value.where}: {refused.value.what}"
    assert says in told
    assert "\n" not in told
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/Pulumi\.x\.yaml(:[0-9]+)?", refused.value.where)


def test_stack_file_that_is_a_fifo_a_device_or_a_directory_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Pulumi.fifo.yaml")
    (tmp_path / "Pulumi.zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "Pulumi.folder.yaml").mkdir()

    for stack, says in (("fifo", "not a regular file"), ("zero", "not a regular file"), ("folder", "directory")):
        with pytest.raises(UsageError, match=says):
            load_stack_file(tmp_path, stack)


def test_stack_file_that_is_missing_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no stack 'stage' here") as refused:
        load_stack_file(tmp_path, "stage")

    assert refused.value.repair == "cp Pulumi.prod.yaml.example Pulumi.stage.yaml, then edit it"


@pytest.mark.parametrize("name", ["../dev", "a/b", "", "x" * 101, "dev\n", ".."])
def test_stack_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid stack name"):
        load_stack_file(tmp_path, name)


@pytest.mark.parametrize("content", ["", "config:\n", "# nothing\n", "encryptionsalt: v1:x\n"])
def test_stack_file_without_settings_has_none(tmp_path: Path, content: str) -> None:
    assert load_stack_file(written(tmp_path, content), "x").config == {}


def test_stack_file_of_deep_but_sensible_nesting_is_read(tmp_path: Path) -> None:
    content = "config:\n  orgcal:a: " + "[" * 29 + "]" * 29

    assert load_stack_file(written(tmp_path, content), "x").config["orgcal:a"]


def test_stack_file_names_encrypted_settings_and_shows_none(tmp_path: Path) -> None:
    content = "config:\n  orgcal:a: {secure: v1:x}\n  orgcal:b: {c: [{secure: v1:y}], d: {secure: v1:z, e: 1}}\n"

    file = load_stack_file(written(tmp_path, content), "x")

    assert file.encrypted == ("orgcal:a", "orgcal:b.c[0]")
    assert file.config["orgcal:a"] == ENCRYPTED
    assert file.config["orgcal:b"] == {"c": [ENCRYPTED], "d": {"secure": "v1:z", "e": 1}}


def test_encrypted_setting_that_commands_need_is_named_with_its_repair(tmp_path: Path) -> None:
    written(tmp_path, "config:\n  orgcal:entra:\n    cloud: public\n    tenant_id:\n      secure: v1:x\n")

    with pytest.raises(ConfigError) as refused:
        read_core_settings(tmp_path, "x")

    assert refused.value.problems == (
        "Pulumi.x.yaml:4: orgcal:entra.tenant_id: found an encrypted value, which only the program can read; expected "
        "the home tenant's id, a GUID; repair: pulumi config set --stack x --path orgcal:entra.tenant_id "
        "00000000-1111-2222-3333-444444444444 --plaintext",
    )


def test_problems_name_line_key_nearest_value_and_stack(tmp_path: Path) -> None:
    text = (ROOT / "Pulumi.dev.yaml").read_text()
    text = text.replace("cloud: emulator", "cloud: pubic").replace("published: true", "published: perhaps")
    written(tmp_path, text)

    with pytest.raises(ConfigError) as refused:
        read_settings(tmp_path, "x")

    lines = text.splitlines()
    cloud = next(number for number, line in enumerate(lines, 1) if "pubic" in line)
    published = next(number for number, line in enumerate(lines, 1) if "perhaps" in line)
    assert refused.value.where == "Pulumi.x.yaml"
    assert refused.value.problems == (
        f'Pulumi.x.yaml:{cloud}: orgcal:entra.cloud: found "pubic"; expected emulator, public, usgov or china; '
        "repair: pulumi config set --stack x --path orgcal:entra.cloud public",
        f'Pulumi.x.yaml:{published}: orgcal:connector.published: found "perhaps"; expected true or false; '
        "repair: pulumi config set --stack x --path orgcal:connector.published true",
    )


def test_missing_setting_has_the_line_of_its_section(tmp_path: Path) -> None:
    written(
        tmp_path, (ROOT / "Pulumi.dev.yaml").read_text().replace("    display_name: Acme Calendar Sync (dev)\n", "")
    )
    text = (tmp_path / "Pulumi.x.yaml").read_text().splitlines()
    line = next(number for number, line in enumerate(text, 1) if "orgcal:application" in line)

    with pytest.raises(ConfigError) as refused:
        read_settings(tmp_path, "x")

    assert refused.value.problems[0].startswith(f"Pulumi.x.yaml:{line}: orgcal:application")


def test_core_settings_are_read_although_others_are_wrong(tmp_path: Path) -> None:
    written(tmp_path, "config:\n  orgcal:entra.cloud: public\n  orgcal:connector: nonsense\n  orgcal:origin: 2024\n")

    core = read_core_settings(tmp_path, "x")

    assert (core.entra.cloud, core.origin, core.protected, core.tag) == ("public", "2024", True, "orgcal:orgcal/x")


def test_setting_written_flat_and_nested_is_refused_with_its_repair(tmp_path: Path) -> None:
    written(tmp_path, "config:\n  orgcal:entra: {cloud: public}\n  orgcal:entra.cloud: usgov\n")

    with pytest.raises(ConfigError) as refused:
        read_core_settings(tmp_path, "x")

    assert refused.value.problems == (
        "Pulumi.x.yaml:3: orgcal:entra.cloud: found this key beside the same setting in orgcal:entra; expected one of "
        "them; repair: pulumi config rm --stack x orgcal:entra.cloud",
    )


@pytest.mark.parametrize("kept", ["[1]", "{", "\xff"])
def test_generations_that_rotation_did_not_write_are_refused(tmp_path: Path, kept: str) -> None:
    written(tmp_path, "config:\n  orgcal:entra.cloud: emulator\n")
    overlay = tmp_path / ".local" / "x" / "credential.json"
    overlay.parent.mkdir(parents=True)
    overlay.write_bytes(kept.encode("latin-1"))

    with pytest.raises(UsageError, match="not what orgcal rotate wrote"):
        read_credential(tmp_path, "x")
    assert read_core_settings(tmp_path, "x").entra.cloud == "emulator"


@pytest.mark.parametrize("text", ["[" * 5000, '{"a": ' * 5000, "[1"])
def test_text_that_is_no_json_is_one_wrong_setting(tmp_path: Path, text: str) -> None:
    written(tmp_path, f"config:\n  orgcal:entra: {json.dumps(text)}\n")

    with pytest.raises(ConfigError, match=r"orgcal:entra: found .*; expected a mapping with `cloud`"):
        read_core_settings(tmp_path, "x")
