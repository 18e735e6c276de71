"""The connector's file that verification reads, as editors write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import ConfigError, UsageError
from orgcal.stack.outputs import GraphPermission
from tests.support.stack_record import outputs
from verify.models import Connector, SecretReference, Target
from verify.sources import from_file, from_outputs, from_variables

DESCRIBED = {
    "cloud": "public",
    "client_id": "5f0c8a0e-0000-4000-8000-000000000001",
    "client_secret_file": "secret",
    "scopes": ["Calendars.Read"],
    "tenants": [{"tenant_id": "8f0c8a0e-0000-4000-8000-000000000001", "name": "Contoso"}],
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["connector.json", "connector.yaml"])
def test_connector_file_that_an_editor_of_windows_wrote_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(DESCRIBED), encoding=encoding)
    connector, targets = from_file(path)
    assert connector.client_id == DESCRIBED["client_id"]
    assert len(targets) == 1


@pytest.mark.parametrize("name", ["connector.json", "connector.yaml"])
def test_connector_file_that_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\xffPK\x03\x04" * 9)
    with pytest.raises(UsageError) as error:
        from_file(path)
    assert error.value.where.startswith(str(path))
    assert error.value.repair


@pytest.mark.parametrize(
    ("name", "wrong", "repair"),
    [
        ("scopes", 3, "write `scopes: [Calendars.Read]` into this file"),
        ("client_secret_file", [], "write `client_secret_file: /run/secrets/connector` into this file"),
    ],
)
def test_repair_of_a_setting_shows_one_that_would_be_taken(
    tmp_path: Path, name: str, wrong: object, repair: str
) -> None:
    path = tmp_path / "connector.json"
    path.write_text(json.dumps({**DESCRIBED, name: wrong}), encoding="utf-8")

    with pytest.raises(ConfigError) as refused:
        from_file(path)

    [problem] = refused.value.problems
    assert problem.startswith(f"connector.json:1: {name}: found ")
    assert problem.endswith(f"repair: {repair}")


def test_quotes_and_blanks_around_our_variables_are_an_accident_and_around_others_are_not_ours() -> None:
    client_id = str(DESCRIBED["client_id"])
    environ = {
        "ORGCAL_CLIENT_ID": f'"{client_id}"',
        "ORGCAL_SCOPES": " 'Calendars.Read' ",
        "ORGCAL_TENANTS": '"contoso.com"\n',
        "ORGCAL_CLIENT_SECRET": "x",
    }

    connector, targets = from_variables(environ)

    assert (connector.client_id, connector.permissions) == (client_id, ("Calendars.Read", "Directory.Read.All"))
    assert [target.tenant_id for target in targets] == ["contoso.com"]


CLIENT_ID = str(DESCRIBED["client_id"])
READS = ("Calendars.Read", "Directory.Read.All")
TENANT = "8f0c8a0e-0000-4000-8000-000000000001"


def read(tmp_path: Path, **described: Any) -> tuple[Connector, list[Target]]:
    """What a file says that has these settings beside the two that each needs."""
    path = tmp_path / "connector.json"
    path.write_text(json.dumps({"client_id": CLIENT_ID, "scopes": ["Calendars.Read"], **described}), encoding="utf-8")
    return from_file(path)


@pytest.mark.parametrize(
    ("described", "credential"),
    [
        ({"client_secret_file": "secret"}, SecretReference("file", "{folder}/secret")),
        ({"client_secret_file": "/run/secret"}, SecretReference("file", "/run/secret")),
        ({"client_secret_variable": "CONNECTOR_SECRET"}, SecretReference("environment", "CONNECTOR_SECRET")),
        ({"client_secret_file": "/f", "client_secret_variable": "V"}, SecretReference("file", "/f")),
        ({"client_secret_file": "/f", "platform": {"kind": "nango"}, "connector_key": "outlook"},
         SecretReference("platform", "outlook", {"kind": "nango"})),
        ({"client_secret_file": "/f", "client_secret_variable": ""}, SecretReference("file", "/f")),
        ({"platform": {"kind": "nango"}}, SecretReference("platform", "", {"kind": "nango"})),
    ],
)  # fmt: skip
def test_connector_file_names_the_place_of_the_secret(
    tmp_path: Path, described: dict[str, Any], credential: SecretReference
) -> None:
    named = SecretReference(credential.kind, credential.name.format(folder=tmp_path), credential.settings)

    assert read(tmp_path, **described) == (Connector("public", CLIENT_ID, READS, named), [])


def test_connector_file_describes_connector_and_organisations(tmp_path: Path) -> None:
    given = {"client_secret_file": "/f", "cloud": "usgov", "name": "Calendar", "lookup": "directory"}
    tenants = [{"tenant_id": f" {TENANT} ", "name": "Contoso"}, {"tenant_id": "fabrikam.com"}]

    connector, targets = read(tmp_path, **given, scopes=["New.Thing", "Mail.Read"], tenants=tenants)

    permissions = ("Directory.Read.All", "Mail.Read", "New.Thing")
    assert connector == Connector("usgov", CLIENT_ID, permissions, SecretReference("file", "/f"), name="Calendar")
    assert targets == [Target(TENANT, "Contoso"), Target("fabrikam.com")]


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        from_file(path)
    assert refused.value.where == str(path)
    return list(refused.value.problems)


def test_wrong_settings_of_a_file_are_told_all_at_once_with_an_example_each(tmp_path: Path) -> None:
    wrong = ["cloud: x", "client_id: 3", "scopes: 7", "lookup: foo", "name: []", "client_secret_file: []",
             "client_secret_variable: 9x", "platform: 7", "connector_key: []", "tenants: 3"]  # fmt: skip
    (tmp_path / "connector.yaml").write_text("\n".join(wrong))

    hidden = "a value that is not shown here, as it may be a secret"
    expected = [
        ("cloud", 'found "x"', "one of emulator, public, usgov, china", "public"),
        ("client_id", "found 3", "the application's (client) id, a GUID", "00000000-1111-2222-3333-444444444444"),
        ("scopes", "found 7", "a list: names of Microsoft Graph application permissions", "[Calendars.Read]"),
        ("lookup", 'found "foo"', "directory or pinned", "directory"),
        ("name", "found []", "a text: a text in one line", "Outlook"),
        ("client_secret_file", f"found {hidden}",
         "a text: path of a file, from this file's folder unless absolute", "/run/secrets/connector"),
        ("client_secret_variable", f"found {hidden}", "name of an environment variable", "CONNECTOR_SECRET"),
        ("platform", "found 7", "a mapping with `kind` and that platform's settings", "{kind: nango}"),
        ("connector_key", "found []", "a text: a text", "outlook"),
        ("tenants", "found 3", "a list: mappings with `tenant_id`", "[{tenant_id: contoso.com, name: Contoso}]"),
    ]  # fmt: skip
    assert problems_of(tmp_path / "connector.yaml") == [
        f"connector.yaml:{line}: {name}: {found}; expected {wanted}; repair: write `{name}: {example}` into this file"
        for line, (name, found, wanted, example) in enumerate(expected, 1)
    ]


def test_wrong_organisation_of_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    head = f"client_id: {CLIENT_ID}\nscopes: [Mail.Read]\nclient_secret_file: s\n"
    path.write_text(head + "tenants:\n  - {tenant_id: x, name: []}\n")

    assert problems_of(path) == [
        "connector.yaml:5: tenants[0].tenant_id: 'x' is neither a tenant id nor a domain; expected a tenant id (a "
        "GUID) or a domain; repair: write `tenants[0].tenant_id: contoso.com` into this file",
        "connector.yaml:5: tenants[0].name: found []; expected a text: a text in one line; "
        "repair: write `tenants[0].name: Contoso` into this file",
    ]


NOT_IN_TABLE = (
    "not in orgcal's own table of Microsoft Graph's application permissions; "
    "expected an application permission of Microsoft Graph; repair:"
)
OTHERWISE = "or, with `lookup: directory` in this file orgcal takes it as it is"
USERS_ONLY = (
    'scopes[2]: found "User.Read" (did you mean User.Read.All?): this permission exists for signed-in users only, and '
    "the connector acts without one; expected an application permission of Microsoft Graph; repair: write User.Read.All"
)
NO_SECRET = (
    "connector.yaml: client_secret_file: found nothing; expected the place of the client secret; repair: write "
    "`client_secret_file: FILE`, or `client_secret_variable: NAME`, or `platform: {kind: nango}` into this file"
)


def test_scopes_of_a_file_that_no_table_has_are_told_with_the_nearest_and_what_else_can_be_done(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    text = f"client_id: {CLIENT_ID}\nscopes: [Calender.Read, Foo.Bar, User.Read]\n"
    path.write_text(text)
    pinned = problems_of(path)
    path.write_text(f"{text}lookup: directory\n")

    assert pinned == [
        f'connector.yaml:2: scopes[0]: found "Calender.Read" (did you mean Calendars.Read?): {NOT_IN_TABLE} write '
        f"Calendars.Read, {OTHERWISE}",
        f'connector.yaml:2: scopes[1]: found "Foo.Bar": {NOT_IN_TABLE} remove it, {OTHERWISE}',
        f"connector.yaml:2: {USERS_ONLY}",
        NO_SECRET,
    ]
    assert problems_of(path) == [f"connector.yaml:2: {USERS_ONLY}", NO_SECRET]


@pytest.mark.parametrize(
    ("text", "line", "what", "repair"),
    [
        ("[1]", ":1", "this is not a mapping of settings", 'write {"name": "value"}'),
        ('{"a": 1,\n}', ":2", "this is not JSON: Expecting property name enclosed in double quotes",
         "look at this line and the one above it: commas, quotes and brackets"),
        ("[" * 100_000, "", "this is not JSON that orgcal reads", "name another file"),
        ("1" * 5000, "", "this is not JSON that orgcal reads", "name another file"),
    ],
)  # fmt: skip
def test_json_that_is_no_settings_is_refused_with_its_line(
    tmp_path: Path, text: str, line: str, what: str, repair: str
) -> None:
    path = tmp_path / "connector.json"
    path.write_text(text)

    with pytest.raises(UsageError) as refused:
        from_file(path)

    assert (refused.value.where, refused.value.what, refused.value.repair) == (f"{path}{line}", what, repair)


def test_json_whose_lines_cannot_be_told_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "connector.json"
    path.write_text('{"client_id": 3,\n\t"scopes": ["Mail.Read"],\n"client_id": 4}')
    twice = problems_of(path)
    path.write_text('{"client_id": "x",\n\t"scopes":\t["Mail.Read"],\n"client_secret_file": "s"}')

    assert [problem.partition("; ")[0] for problem in twice] == ["connector.json: client_id: found 4"]
    assert [problem.partition("; ")[0] for problem in problems_of(path)] == ['connector.json:1: client_id: found "x"']


DESCRIBING = {"ORGCAL_CLIENT_ID": CLIENT_ID, "ORGCAL_SCOPES": "Calendars.Read"}


@pytest.mark.parametrize(
    ("environ", "connector", "tenants"),
    [
        ({"ORGCAL_CLIENT_SECRET": "s"},
         Connector("public", CLIENT_ID, READS, SecretReference("environment", "ORGCAL_CLIENT_SECRET")), []),
        ({"ORGCAL_CLIENT_SECRET": "s", "ORGCAL_CLIENT_SECRET_FILE": "/f", "ORGCAL_CLOUD": "usgov",
          "ORGCAL_TENANTS": "contoso.com,fabrikam.com  x.example"},
         Connector("usgov", CLIENT_ID, READS, SecretReference("file", "/f")),
         ["contoso.com", "fabrikam.com", "x.example"]),
        ({"ORGCAL_CLIENT_SECRET": "s", "ORGCAL_LOOKUP": "directory", "ORGCAL_SCOPES": "New.Thing Mail.Read"},
         Connector("public", CLIENT_ID, ("Directory.Read.All", "Mail.Read", "New.Thing"),
                   SecretReference("environment", "ORGCAL_CLIENT_SECRET")), []),
        ({"ORGCAL_CLIENT_SECRET": "s", "ORGCAL_LOOKUP": "pinned", "ORGCAL_CLOUD": "china"},
         Connector("china", CLIENT_ID, READS, SecretReference("environment", "ORGCAL_CLIENT_SECRET")), []),
    ],
)  # fmt: skip
def test_variables_describe_connector_and_organisations(
    environ: dict[str, str], connector: Connector, tenants: list[str]
) -> None:
    assert from_variables({**DESCRIBING, **environ}) == (connector, [Target(name) for name in tenants])


def wrong_variables(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        from_variables(environ)
    assert refused.value.where == "environment"
    return list(refused.value.problems)


def test_variables_that_are_missing_are_told_all_at_once() -> None:
    assert wrong_variables({}) == [
        "ORGCAL_CLIENT_ID: found nothing; expected the application's (client) id, a GUID; repair: export "
        "ORGCAL_CLIENT_ID=00000000-1111-2222-3333-444444444444",
        "ORGCAL_SCOPES: found nothing; expected names of Microsoft Graph application permissions; repair: export "
        "ORGCAL_SCOPES=Calendars.Read",
        "ORGCAL_CLIENT_SECRET_FILE: found nothing; expected the path of a file that holds the client secret; repair: "
        "export ORGCAL_CLIENT_SECRET_FILE=/run/secrets/connector",
    ]


def test_variables_that_are_wrong_are_told_with_the_nearest_and_sixty_characters_of_them() -> None:
    environ = {"ORGCAL_CLIENT_ID": "x" * 61, "ORGCAL_CLOUD": "y" * 61, "ORGCAL_LOOKUP": "pined",
               "ORGCAL_SCOPES": "Calender.Read,Foo.Bar Mail.Read", "ORGCAL_TENANTS": "x, contoso.com",
               "ORGCAL_CLIENT_SECRET": "s"}  # fmt: skip
    otherwise = "or, with ORGCAL_LOOKUP=directory orgcal takes it as it is"

    assert wrong_variables(environ) == [
        f"ORGCAL_CLIENT_ID: found '{'x' * 60}'; expected the application's (client) id, a GUID; repair: export "
        "ORGCAL_CLIENT_ID=00000000-1111-2222-3333-444444444444",
        f"ORGCAL_CLOUD: found '{'y' * 60}'; expected one of emulator, public, usgov, china; repair: export "
        "ORGCAL_CLOUD=emulator",
        "ORGCAL_LOOKUP: found 'pined'; expected one of directory, pinned; repair: export ORGCAL_LOOKUP=pinned",
        "ORGCAL_TENANTS: 'x' is neither a tenant id nor a domain; expected tenant ids or domains; repair: export "
        "ORGCAL_TENANTS=contoso.com",
        f'ORGCAL_SCOPES: found "Calender.Read" (did you mean Calendars.Read?): {NOT_IN_TABLE} export '
        f"ORGCAL_SCOPES='Calendars.Read Foo.Bar Mail.Read', {otherwise}",
        f"ORGCAL_SCOPES: found \"Foo.Bar\": {NOT_IN_TABLE} export ORGCAL_SCOPES='Calender.Read Mail.Read', {otherwise}",
    ]
    assert "found 'directry'; expected one of directory, pinned; repair: export ORGCAL_LOOKUP=directory" in str(
        wrong_variables({**DESCRIBING, "ORGCAL_LOOKUP": "directry", "ORGCAL_CLIENT_SECRET": "s"})
    )


def test_stack_describes_the_connector_and_gives_its_secret() -> None:
    permissions = tuple(GraphPermission(name=name, role_id=name) for name in READS)
    stack = outputs(permissions=permissions, platform={"kind": "nango"}, cloud="usgov")

    connector, given = from_outputs(stack)

    assert given == ClientSecret("secret of the stack")
    assert connector == Connector(
        "usgov",
        "client_id",
        READS,
        SecretReference("platform", "connector_key", {"kind": "nango"}),
        SecretReference("given", "stack"),
        "connector_name",
        False,
        stack,
    )
    federated = outputs(credential_kind="federated", client_secret=None)
    connector, given = from_outputs(federated)
    assert (connector.federated, connector.fallback, given) == (True, None, None)
