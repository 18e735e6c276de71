"""Kind `file`: what is written for each field, what is read back, and which files are refused, without git."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import (
    Capabilities,
    ConnectorEntry,
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
    capabilities_of,
    check_settings,
    place_of,
)
from orgcal.platforms.file import FilePlatform, FileSettings

CALLBACK = "https://app.example.com/oauth/callback"
DECLARED = ConnectorSettings("outlook", "Outlook", "for all", ("A", "B"), published=False)
SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
CERTIFICATE = PlatformCredential("client", 5, ClientCertificate("KEY", "CERT"))
BASE = {"kind": "file", "callback_url": CALLBACK}
NAMES = {"client_id": "ID", "client_secret": "SECRET"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def opened(project: Path, path: str = "a.json", **more: Any) -> FilePlatform:
    settings = FileSettings.model_validate({**BASE, "path": path, **more})
    return settings.open({"ORGCAL_PROJECT": str(project)})


def connector(project: Path, **fields: Any) -> Path:
    """A file that has these fields of the connector."""
    path = project / "a.json"
    path.write_text(json.dumps({"connectors": {"outlook": fields}}))
    return path


# Entry ---------------------------------------------------------------------------------------------------------------


def entry(name: str = "", text: str = "", scopes: tuple[str, ...] = (), *, published: bool = True) -> ConnectorEntry:
    return ConnectorEntry("outlook", CALLBACK, name, text, scopes, published)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"client_id": "client"}, None),
        ({"display_name": "Outlook"}, entry("Outlook")),
        ({"description": "x"}, entry("", "x")),
        ({"scopes": ["A", "B"]}, entry("", "", ("A", "B"))),
        ({"scopes": "A,B"}, entry("", "", ("A", "B"))),
        ({"published": True}, entry()),
        ({"published": "true"}, entry()),
        ({"published": False}, entry(published=False)),
        ({"published": "false"}, entry(published=False)),
        ({"published": "yes"}, entry(published=False)),
        ({"display_name": None}, None),
    ],
)
def test_entry_is_what_the_file_has_of_the_catalog(project: Path, fields: Any, expected: Any) -> None:
    connector(project, **fields)

    assert opened(project).read_connector("outlook") == expected


def test_entry_has_no_field_that_has_no_name(project: Path) -> None:
    connector(project, NAME="Outlook", description="x", scopes=["A"], published=False)

    named = opened(project, names={**NAMES, "display_name": "NAME"})
    assert named.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK, "Outlook")
    published = opened(project, names={**NAMES, "published": "published"})
    assert published.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK, published=False)
    scopes = opened(project, names={**NAMES, "scopes": "scopes", "description": "description"})
    assert scopes.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK, None, "x", ("A",))
    assert opened(project, names=NAMES).read_connector("nothing") == ConnectorEntry("nothing", CALLBACK)


def test_entry_is_written_changed_in_part_and_removed(project: Path) -> None:
    platform, path = opened(project), project / "a.json"

    assert platform.create_connector(DECLARED) == entry("Outlook", "for all", ("A", "B"), published=False)
    fields = {"display_name": "Outlook", "description": "for all", "scopes": ["A", "B"], "published": False}
    assert json.loads(path.read_text()) == {"connectors": {"outlook": fields}}
    changed = platform.update_connector(ConnectorSettings("outlook", "Calendar", "y", ("C",)), ["scopes"])
    assert changed == entry("Outlook", "for all", ("C",), published=False)
    platform.push_credentials("outlook", SECRET)
    platform.delete_connector("outlook")
    held = {"client_id": "client", "client_secret": "hush", "generation": 4}
    assert json.loads(path.read_text()) == {"connectors": {"outlook": held}}
    platform.remove_credentials("outlook")
    assert json.loads(path.read_text()) == {}


# Credential ----------------------------------------------------------------------------------------------------------


def test_credential_replaces_that_of_another_kind(project: Path) -> None:
    platform, path = opened(project), project / "a.json"
    stored = {"client_id": "client", "certificate_pem": "CERT", "private_key_pem": "KEY", "generation": 5}

    assert platform.push_credentials("outlook", SECRET) == StoredCredential("client", 4)
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=SECRET)
    assert platform.push_credentials("outlook", CERTIFICATE) == StoredCredential("client", 5)
    assert json.loads(path.read_text()) == {"connectors": {"outlook": stored}}
    assert platform.read_credentials("outlook") == StoredCredential("client", 5, credential=CERTIFICATE)


@pytest.mark.parametrize("fields", [{}, {"display_name": "Outlook"}, {"client_id": None}])
def test_credential_of_which_the_file_has_nothing_is_none(project: Path, fields: dict[str, Any]) -> None:
    connector(project, **fields)

    assert opened(project).read_credentials("outlook") is None


@pytest.mark.parametrize("field", ["client_id", "client_secret", "certificate_pem", "private_key_pem", "generation"])
def test_credential_of_which_the_file_has_a_part_is_shown(project: Path, field: str) -> None:
    connector(project, **{field: "7"})

    held = opened(project).read_credentials("outlook")

    assert held is not None
    assert held.client_id == ("7" if field == "client_id" else "")
    assert held.generation == (7 if field == "generation" else 0)


def test_generation_without_a_name_is_not_known(project: Path) -> None:
    path = project / "a.env"
    platform = opened(project, "a.env", names=NAMES)

    platform.push_credentials("outlook", SECRET)

    assert path.read_text() == "ID=client\nSECRET=hush\n"
    held = PlatformCredential("client", 0, ClientSecret("hush"))
    assert platform.read_credentials("outlook") == StoredCredential("client", None, credential=held)


@pytest.mark.parametrize(
    ("text", "secret"), [("aHVzaA==", "hush"), ("aHV zaA==", ""), ("hush!", ""), ("/w==", ""), ("", "")]
)
def test_base64_that_was_changed_to_something_else_is_no_secret(project: Path, text: str, secret: str) -> None:
    (project / "a.env").write_text(f"ID=client\nSECRET='{text}'\n")

    held = opened(project, "a.env", names=NAMES, base64=["client_secret"]).read_credentials("outlook")

    assert held is not None
    assert held.credential == PlatformCredential("client", 0, ClientSecret(secret))


def test_base64_is_what_the_file_has(project: Path) -> None:
    platform = opened(project, "a.env", names=NAMES, base64=["client_secret"])

    platform.push_credentials("outlook", SECRET)

    assert (project / "a.env").read_text() == "ID=client\nSECRET=aHVzaA==\n"


# Files beside it -----------------------------------------------------------------------------------------------------


def test_field_in_a_file_of_its_own_is_there_and_in_no_other(project: Path) -> None:
    files = {"client_secret": "keys/{key}.txt"}
    platform, path = opened(project, files=files), project / "a.json"

    platform.push_credentials("outlook", SECRET)

    held = {"client_id": "client", "client_secret": "keys/outlook.txt", "generation": 4}
    assert json.loads(path.read_text()) == {"connectors": {"outlook": held}}
    assert (project / "keys/outlook.txt").read_text() == "hush"
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=SECRET)
    platform.create_connector(DECLARED)
    assert (project / "keys/outlook.txt").read_text() == "hush", "the entry is no matter of that file"
    (project / "keys/outlook.txt").unlink()
    lost = PlatformCredential("client", 4, ClientSecret(""))
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=lost)
    platform.push_credentials("outlook", SECRET)
    platform.push_credentials("outlook", CERTIFICATE)
    assert list((project / "keys").iterdir()) == []
    platform.remove_credentials("outlook")
    platform.remove_credentials("outlook")
    assert platform.read_credentials("outlook") is None


def test_files_that_are_there_keep_who_may_read_them(project: Path) -> None:
    path, own = connector(project, client_id="x"), project / "key.txt"
    own.write_text("old")
    for each in (path, own):
        each.chmod(0o640)
    platform = opened(project, files={"client_secret": "key.txt"})

    platform.push_credentials("outlook", SECRET)

    assert [each.stat().st_mode & 0o777 for each in (path, own)] == [0o640, 0o640]
    before = [(each.stat().st_ino, each.stat().st_mtime_ns) for each in (path, own)]
    platform.push_credentials("outlook", SECRET)
    assert [(each.stat().st_ino, each.stat().st_mtime_ns) for each in (path, own)] == before


def test_file_that_cannot_take_its_part_leaves_the_other_as_it_is(project: Path) -> None:
    (project / "a.json").write_text("no json")

    with pytest.raises(PlatformError, match="is not JSON"):
        opened(project, files={"client_secret": "key.txt"}).push_credentials("outlook", SECRET)

    assert not (project / "key.txt").exists()


@pytest.mark.parametrize("which", ["a.json", "key.txt"])
@pytest.mark.parametrize("change", ["push_credentials", "remove_credentials"])
def test_link_that_leads_out_of_the_project_is_refused_for_each_file(project: Path, which: str, change: str) -> None:
    outside = project.parent / "outside"
    (project / which).symlink_to(outside)
    platform = opened(project, files={"client_secret": "key.txt"})

    with pytest.raises(PlatformError) as refused:
        getattr(platform, change)(*(("outlook", SECRET) if change == "push_credentials" else ("outlook",)))

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": f"a symbolic link leads from here out of the project, to {outside}",
        "where": str(project / which),
        "repair": "name that file itself by `path`, if it is the one that is meant",
    }
    assert not outside.exists()


def test_file_outside_of_the_project_is_the_one_that_is_meant(project: Path) -> None:
    real = project.parent / "real.json"
    (project.parent / "link.json").symlink_to(real)

    opened(project, "../link.json").push_credentials("outlook", SECRET)

    assert "hush" in real.read_text()


def test_two_settings_that_lead_to_one_file_are_refused(project: Path) -> None:
    (project / "one.txt").symlink_to(project / "two.txt")
    files = {"private_key_pem": "one.txt", "certificate_pem": "two.txt"}

    with pytest.raises(PlatformError) as refused:
        opened(project, files=files).push_credentials("outlook", CERTIFICATE)

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "two settings of this file lead to the same file by symbolic links",
        "where": str(project / "a.json"),
        "repair": "name files of their own by `files`",
    }
    assert sorted(each.name for each in project.iterdir()) == ["one.txt"]


def test_home_of_nobody_is_told(project: Path) -> None:
    with pytest.raises(PlatformError) as refused:
        opened(project, "~no-such-user/a.json")

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "there is no such user",
        "where": "~no-such-user/a.json",
        "repair": "write the folder out",
    }


# Settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "more", "place", "keyed"),
    [
        ("a.yaml", {}, "a.yaml#connectors.{key}", True),
        ("a.yaml", {"at": "x"}, "a.yaml#x", False),
        ("a.yaml", {"files": {"client_secret": "{key}.txt"}}, "a.yaml#connectors.{key}", True),
        ("a.yaml", {"files": {"client_secret": "one.txt"}}, "a.yaml#connectors.{key}", False),
        ("a.env", {"names": NAMES}, "a.env", False),
        ("a.conf", {"names": NAMES, "format": "dotenv"}, "a.conf", False),
        ("a.env", {"format": "yaml"}, "a.env#connectors.{key}", True),
    ],
)
def test_place_is_the_file_and_where_in_it(path: str, more: dict[str, Any], place: str, keyed: bool) -> None:
    settings = {**BASE, "path": path, **more}

    assert place_of(settings) == f"file:{place}"
    assert capabilities_of(settings).keyed is keyed


def test_fields_with_names_are_what_the_platform_keeps() -> None:
    both = {"client_id": "I", "certificate_pem": "C", "private_key_pem": "K", "published": "P", "scopes": "S"}
    settings = {**BASE, "path": "a.env", "names": both, "files": {"client_secret": "s.txt"}}

    assert capabilities_of(settings) == Capabilities(
        callback="configured",
        reads_back="value",
        catalog=frozenset({"published", "scopes"}),
        credential_kinds=frozenset({"secret", "certificate"}),
        connections="none",
        tokens=False,
        limits={},
        emulated=False,
        keyed=False,
        created_with="settings",
    )


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"path": "a.conf"}, "format"),
        ({"path": "a.env"}, "names"),
        ({"names": {"client_secret": "S"}}, "names"),
        ({"names": {"client_id": "I"}}, "names"),
        ({"names": {"client_id": "I", "certificate_pem": "C"}}, "names"),
        ({"names": {"client_id": "A", "client_secret": "A"}}, "names"),
        ({"files": {"client_secret": "./x/../a.json"}}, "files"),
        ({"files": {"certificate_pem": "x", "private_key_pem": "./x"}}, "files"),
        ({"callback_url": ""}, "callback_url"),
        ({"path": "a\x1fb.json"}, "path"),
        ({"path": ""}, "path"),
        ({"files": {"client_secret": "a\x00"}}, "files.client_secret"),
    ],
)
def test_setting_that_is_guilty_is_named(more: dict[str, Any], wrong: str) -> None:
    (problem,) = check_settings({**BASE, "path": "a.json", **more})

    assert problem.startswith(f"orgcal:connector.platform.{wrong}: found ")


@pytest.mark.parametrize(
    "more",
    [
        {"names": {"client_id": "I", "private_key_pem": "K"}},
        {"names": {"client_id": "I"}, "files": {"client_secret": "s"}},
        {"names": {"client_id": "I"}, "files": {"private_key_pem": "s"}},
        {"path": "a.conf", "format": "json"},
        {"path": "a b.json"},
        {"callback_url": "u"},
    ],
)
def test_settings_with_what_a_credential_needs_are_taken(more: dict[str, Any]) -> None:
    assert check_settings({**BASE, "path": "a.json", **more}) == []


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("yaml", yaml.safe_load),
        ("yml", yaml.safe_load),
        ("json", json.loads),
        ("jsonc", json.loads),
        ("toml", tomllib.loads),
    ],
)
def test_file_is_written_in_the_format_that_its_name_tells(
    project: Path, name: str, parsed: Callable[[str], Any]
) -> None:
    platform, path = opened(project, f"a.{name}", at="app"), project / f"a.{name}"

    platform.push_credentials("outlook", SECRET)

    text = path.read_text()
    assert parsed(text) == {"app": {"client_id": "client", "client_secret": "hush", "generation": 4}}
    path.write_text(f"// ours\n{text}")
    if name == "jsonc":
        assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=SECRET)
    else:
        with pytest.raises(PlatformError):
            platform.read_credentials("outlook")
