r"""What is said of each wrong setting: place, key, found, expected with its limits, and a repair for this stack.

A row of the tables is two lines: section and its content, then key, what is found, what is expected, how to repair it.
`#!` marks the line that the message must name (`! ` before a section's content: the section's), `= ` begins a value
that is no section, `\n` begins another line, and `<121n>` stands for 121 times `n`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from orgcal.ci.lint import Lint, lint_stack
from orgcal.errors import ConfigError, UsageError
from orgcal.settings import read_settings
from verify.sources import from_file, from_variables

TENANT = "7b3d0a54-0c1f-4d6e-9a55-1f2e3d4c5b6a"
SECRET = "hunter2"
SECTIONS = {
    "entra": rf"cloud: public\ntenant_id: {TENANT}",
    "application": "display_name: Northwind Calendar Sync",
    "connector": r"platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]",
    "consent": "public_url: https://calendar.northwind-traders.io/callback",
}
CONNECTOR = r"platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]"


@dataclass(frozen=True)
class Wrong:
    """A row: `place` is the setting, and the others are parts of what is said of it."""

    section: str
    content: str
    place: str
    found: str
    expected: str
    repair: str


def rows(table: str) -> list[Wrong]:
    lines = table.strip().splitlines()
    pairs = zip(lines[::2], lines[1::2], strict=True)
    made = [Wrong(*(part.strip() for part in " || ".join(pair).split(" || "))) for pair in pairs]
    return [Wrong(row.section, filled(row.content), row.place, row.found, row.expected, row.repair) for row in made]


def filled(content: str) -> str:
    """Content with its placeholders replaced: `NAME`, `CONNECTOR` and `<121n>`."""
    content = content.replace("NAME", SECTIONS["application"]).replace("CONNECTOR", CONNECTOR)
    return re.sub(r"<([0-9]+)([a-z])>", lambda match: match[2] * int(match[1]), content)


def stack_text(row: Wrong) -> str:
    """A stack's file whose only fault is the row's."""
    sections = {**SECTIONS, row.section: row.content}
    text = "config:\n"
    for name, content in sections.items():
        if content.startswith("= "):
            text += f"  orgcal:{name}:{content[1:]}\n"
            continue
        text += f"  orgcal:{name}:{' #!' if content.startswith('! ') else ''}\n"
        text += "".join(f"    {line}\n" for line in content.removeprefix("! ").split(r"\n"))
    return text


def marked_line(text: str) -> int:
    """The number of the line with the mark."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if "#!" in line)


WRONG = rows(r"""
entra || cloud: pubic #!
.cloud || found "pubic" || emulator, public, usgov or china || set --stack prod --path orgcal:entra.cloud public
entra || cloud: public\ntenant_id: contoso.com #!
.tenant_id || found "contoso.com" || a GUID || --path orgcal:entra.tenant_id 00000000-1111-2222-3333-444444444444
entra || cloud: public\nlookup: directry #!
.lookup || found "directry" || directory or pinned || --path orgcal:entra.lookup directory
entra || cloud: public\ntenantid: abc #!
.tenantid || did you mean tenant_id? || cloud, tenant_id || orgcal:entra.tenant_id abc, then pulumi config rm
entra || = public #!
 || found "public" || a mapping with `cloud` || write `orgcal:entra: {cloud: public}` into Pulumi.prod.yaml
entra || cloud: {secure: hunter2} #!
.cloud || found an encrypted value || usgov || --path orgcal:entra.cloud public --plaintext
application || display_name: true #!
.display_name || found true || a text: 1 to 120 characters || --path orgcal:application.display_name "Contoso
application || display_name: {a: hunter2} #!
.display_name || found a mapping || a text: 1 to 120 characters || --path orgcal:application.display_name "Contoso
application || display_name: "" #!
.display_name || found "" || 1 to 120 characters || --path orgcal:application.display_name "Contoso
application || display_name: <121n> #!
.display_name || (121 characters) || 1 to 120 characters || --path orgcal:application.display_name
application || display_name: "a\x0ab" #!
.display_name || a line break (U+000A) || 1 to 120 characters || --path orgcal:application.display_name
application || display_name: "a\u202eb" #!
.display_name || it holds U+202E || 1 to 120 characters || --path orgcal:application.display_name
application || NAME\nsame_name: perhaps #!
.same_name || found "perhaps" || true or false || --path orgcal:application.same_name true
application || NAME\nnotes: <1025n> #!
.notes || (1025 characters) || at most 1024 characters || --path orgcal:application.notes
application || NAME\nowners: [Alice] #!
.owners[0] || found "Alice" || object ids (GUIDs) || --path 'orgcal:application.owners[0]' 00000000
application || NAME\nowners: Alice #!
.owners || found "Alice" || a list: object ids || write `orgcal:application.owners: [00000000
application || NAME\ntags: [<257t>] #!
.tags[0] || (257 characters) || 1 to 256 characters || --path 'orgcal:application.tags[0]' calendar
application || NAME\nlinks: {privacy: somewhere} #!
.links.privacy || found "somewhere" || a web address || --path orgcal:application.links.privacy https://
application || NAME\nlinks: {privcy: https://x.io/p} #!
.links.privcy || did you mean privacy? || homepage, privacy || orgcal:application.links.privacy https://x.io/p, then
application || NAME\nlinks: {privacy: 'https://u:hunter2@x.io'} #!
.links.privacy || found "https://***@x.io" || a web address || --path orgcal:application.links.privacy
application || NAME\nredirect_uris: [https://a.io/<250a>] #!
.redirect_uris[0] || (263 characters) || at most 256 characters: an || --path 'orgcal:application.redirect_uris[0]'
application || NAME\nredirect_uris: ['https://*.a.io/cb'] #!
.redirect_uris[0] || "https://*.a.io/cb" || none of *!$'(),; in it || --path 'orgcal:application.redirect_uris[0]'
application || NAME\nredirect_uris: [https://müller.de/cb] #!
.redirect_uris[0] || "https://müller.de/cb" || host is in ASCII || --path 'orgcal:application.redirect_uris[0]'
application || NAME\nredirect_uris: [http://a.io/cb] #!
.redirect_uris[0] || "http://a.io/cb" || an https address || --path 'orgcal:application.redirect_uris[0]' https://
consent || public_url: https://u:hunter2@a.io/cb #!
.public_url || "https://***@a.io/cb" || without a user || --path orgcal:consent.public_url https://
consent || public_url: https://a.io/cb?x=1 #!
.public_url || "https://a.io/cb?x=1" || query or fragment || --path orgcal:consent.public_url https://
consent || public_url: https://a.io/cb\npublisher: <121n> #!
.publisher || (121 characters) || at most 120 characters || --path orgcal:consent.publisher "Acme Inc."
connector || ! key: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform || found nothing || a mapping with `kind` || write `orgcal:connector.platform: {kind: local}` into
connector || platform: nango #!\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform || found "nango" || a mapping with `kind` || write `orgcal:connector.platform: {kind: local}` into
connector || platform: {kind: nagno} #!\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform.kind || found "nagno" (did you mean nango?) || one of aws || --path orgcal:connector.platform.kind nango
connector || platform: {kind: nango, bas_url: hunter2} #!\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform.bas_url || did you mean base_url? || base_url || rename it to base_url in Pulumi.prod.yaml
connector || platform: {kind: nango, base_url: http://x.io} #!\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform.base_url || "http://x.io" || an https address || --path orgcal:connector.platform.base_url https://
connector || platform: {kind: nango, key_file_variable: sk-hunter2} #!\nkey: o\nname: O\nscopes: [Calendars.Read]
.platform.key_file_variable || a value that is not shown || environment variable || platform.key_file_variable NANGO
connector || platform: {kind: local} #!\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read]
.platform.kind || found 'local' || one of aws || --path orgcal:connector.platform.kind nango
connector || CONNECTOR\ndescription: hello #!
.description || keeps no description || leave it out || rm --stack prod --path orgcal:connector.description
connector || CONNECTOR\npublished: false #!
.published || cannot hide || leave `published` true || set --stack prod --path orgcal:connector.published true
connector || CONNECTOR\nalso_push_to: {app: {kind: nango}} #!
.also_push_to.app || the same place || another one || rm --stack prod --path orgcal:connector.also_push_to.app
connector || CONNECTOR\nalso_push_to: {My App: {kind: nango}} #!
.also_push_to || found "My App" || lower-case letters || write `orgcal:connector.also_push_to: {app:
connector || platform: {kind: nango}\nkey: Outlook Calendar #!\nname: Outlook\nscopes: [Calendars.Read]
.key || "Outlook Calendar" || at most 64 || --path orgcal:connector.key outlook-calendar-admin
connector || platform: {kind: nango}\nkee: outlook #!\nname: Outlook\nscopes: [Calendars.Read]
.kee || did you mean key? || platform, also_push_to, key || --path orgcal:connector.key outlook, then pulumi config rm
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [] #!
.scopes || found [] || Microsoft Graph application permissions || --path 'orgcal:connector.scopes[0]' Calendars.Read
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: Calendars.Read #!
.scopes || found "Calendars.Read" || a list: names || write `orgcal:connector.scopes: [Calendars.Read]` into
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscope: [Calendars.Read] #!
.scope || did you mean scopes? || calendars, purpose || rename it to scopes in Pulumi.prod.yaml, where its value
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Contacts.Read] #!
.scopes || none of which opens calendars || Calendars.ReadBasic.All || --path 'orgcal:connector.scopes[1]' Calendars
connector || CONNECTOR\ncalendars: exchnge #!
.calendars || found "exchnge" || consented, exchange or none || --path orgcal:connector.calendars exchange
connector || CONNECTOR\npurpose: reading #!
.purpose || found "reading" || availability, read or write || --path orgcal:connector.purpose read
credential || kind: secrets #!
.kind || found "secrets" || secret, certificate or federated || --path orgcal:credential.kind secret
credential || lifetime: 6 months #!
.lifetime || found "6 months" || 1d to 3650d, or never || --path orgcal:credential.lifetime 180d
credential || lifetme: 90d #!
.lifetme || did you mean lifetime? || kinds, lifetime || --path orgcal:credential.lifetime 90d, then pulumi config rm
credential || generations: [2, 1] #!
.generations || found [2, 1] || one or two ascending numbers || write `orgcal:credential.generations: [1, 2]` into
credential || generations: [1, 2, 3] #!
.generations || found 3 entries || at most 2 entries || remove 1 of them from Pulumi.prod.yaml
credential || generations: [one] #!
.generations[0] || found "one" || a number: one or two || --path 'orgcal:credential.generations[0]' 1
credential || active: 0 #!
.active || found 0 || one of the generations || --path orgcal:credential.active 1
credential || revoked: [7] #!
.revoked || found [7] || some of the generations || write `orgcal:credential.revoked: [1]` into
credential || kind: federated\ntrusts: {1: {issuer: 'http://x.io', subject: s}} #!
.trusts.1.issuer || "http://x.io" || at most 600 characters || --path orgcal:credential.trusts.1.issuer https://
credential || kind: certificate\ncertificates: {1: {certificate_file: a.pem}} #!
.certificates.1.private_key_file || found nothing || PEM or PKCS#12 || orgcal:credential.certificates.1.private_key_file
history || keep: 1y #!
.keep || found "1y" || 1d to 9999d || --path orgcal:history.keep 400d
alerts || days_left: [0] #!
.days_left[0] || found 0 || each from 1 to 3650 || --path 'orgcal:alerts.days_left[0]' 30
alerts || off: [concent] #!
.off[0] || found "concent" || names of rules: credential-ends || --path 'orgcal:alerts.off[0]' consent
alerts || quiet_hours: 25:00-07:00 #!
.quiet_hours || found "25:00-07:00" || HH:MM-HH:MM || --path orgcal:alerts.quiet_hours "22:00-07:00"
alerts || time_zone: Europe/Berln #!
.time_zone || no time zone 'Europe/Berln'; did you mean Europe/Berlin? || IANA || --path orgcal:alerts.time_zone
alerts || targets: {ops: {url_file: a, url_variable: B}} #!
.targets.ops || one of url_file and url_variable || a mapping with `url_file` || write `orgcal:alerts.targets: {ops:
alerts || targets: {ops: 'https://hooks.io/hunter2'} #!
.targets.ops || a value that is not shown || a mapping with `url_file` || write `orgcal:alerts.targets: {ops:
alerts || targets: {ops: {url_file: 'https://hooks.io/hunter2'}} #!
.targets.ops.url_file || not shown || path of a file || --path orgcal:alerts.targets.ops.url_file /run/secrets/alerts
alerts || targets: {ops: {url_variable: 'slack://hunter2'}} #!
.targets.ops.url_variable || not shown || environment variable || orgcal:alerts.targets.ops.url_variable ORGCAL
alerts || verified_within: 2d #!
.verified_within || found "2d" || 1h to 9999h || --path orgcal:alerts.verified_within 36h
protect || = maybe #!
 || found "maybe" || true or false || --path orgcal:protect true
origin || = my stack #!
 || found "my stack" || name of a stack || --path orgcal:origin dev
conector || ! a: hunter2
 || did you mean connector? || entra, ephemeral || rename it to orgcal:connector in Pulumi.prod.yaml
""")

ONLY_OF_LINT = rows(r"""
entra || ! cloud: public
.tenant_id || found nothing || a GUID || set --stack prod --path orgcal:entra.tenant_id YOURS
application || NAME\nlogo: gone.png #!
.logo || No such file || at most 100 KB || set --stack prod --path orgcal:application.logo logo.png
application || display_name: Acme Calendar Sync #!
.display_name || the example's 'Acme Calendar Sync' || your own || orgcal:application.display_name YOURS
consent || public_url: https://acme.example/hunter2 #!
.public_url || the example's host acme.example || your own || --path orgcal:consent.public_url YOURS
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Calender.Read] #!
.scopes[0] || "Calender.Read" (did you mean Calendars.Read?) || application permission || scopes[0]' Calendars.Read
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [calendars.read] #!
.scopes[0] || "calendars.read" (did you mean Calendars.Read?) || application permission || scopes[0]' Calendars.Read
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Calendars.Read.Shared] #!
.scopes[0] || signed-in users only || application permission || scopes[0]' Calendars.Read
connector || platform: {kind: nango}\nkey: outlook\nname: Outlook\nscopes: [Foo.Bar] #!
.scopes[0] || found "Foo.Bar": not in orgcal's own table || application permission || remove it from Pulumi.prod.yaml
""")


def lint(folder: Path, text: str) -> Lint:
    (folder / "Pulumi.prod.yaml").write_text(text, encoding="utf-8")
    return lint_stack(folder, "prod")


def check(row: Wrong, problem: str, line: int) -> None:
    start = f"Pulumi.prod.yaml:{line}: orgcal:{row.section}{row.place}: "
    assert problem.startswith(start)
    found, _, rest = problem.removeprefix(start).partition("; expected " if "; expected " in problem else "; ")
    expected, _, repair = rest.partition("; repair: ")
    assert row.found in found
    assert row.expected in expected
    assert row.repair in repair
    assert "--stack prod" in repair or "Pulumi.prod.yaml" in repair
    assert SECRET not in problem


@pytest.mark.parametrize("row", WRONG, ids=lambda row: f"{row.section}{row.place} {row.found}")
def test_wrong_setting_is_told_with_place_found_limit_and_repair(tmp_path: Path, row: Wrong) -> None:
    text = stack_text(row)

    (problem,) = lint(tmp_path, text).problems
    with pytest.raises(ConfigError) as refused:
        read_settings(tmp_path, "prod")

    check(row, problem, marked_line(text))
    assert refused.value.problems == (problem,)


@pytest.mark.parametrize("row", ONLY_OF_LINT, ids=lambda row: f"{row.section}{row.place} {row.found}")
def test_setting_that_only_lint_finds_wrong_is_told_in_the_same_way(tmp_path: Path, row: Wrong) -> None:
    text = stack_text(row)

    (problem,) = lint(tmp_path, text).problems

    check(row, problem, marked_line(text))


def test_list_that_is_too_long_is_told_with_its_length_and_the_limit(tmp_path: Path) -> None:
    uris = "".join(rf"\n- https://a.io/{number}" for number in range(300))
    (problem,) = lint(
        tmp_path, stack_text(Wrong("application", filled(f"NAME\\nredirect_uris:{uris}"), *"abcd"))
    ).problems

    assert "orgcal:application.redirect_uris: found 300 entries; expected at most 254 entries: an https" in problem
    assert problem.endswith("repair: remove 46 of them from Pulumi.prod.yaml")


def test_generations_and_active_that_are_both_wrong_are_both_told(tmp_path: Path) -> None:
    row = Wrong("credential", r"generations: [2, 1]\nactive: 3", *"abcd")

    problems = lint(tmp_path, stack_text(row)).problems

    assert [problem.split(": ")[1:3] for problem in problems] == [
        ["orgcal:credential.generations", "found [2, 1]; expected one or two ascending numbers from 1; repair"],
        ["orgcal:credential.active", "found 3; expected one of the generations; repair"],
    ]


def test_name_with_html_is_advised_against_and_not_refused(tmp_path: Path) -> None:
    found = lint(tmp_path, stack_text(Wrong("application", "display_name: <b>Sync</b>", *"abcd")))

    assert found.problems == ()
    assert any("orgcal:application.display_name holds HTML" in sentence for sentence in found.advice)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    cloud", "\tcloud", 3, "a tab stands where YAML takes spaces only"),
        ("public", "pub\x00lic", 3, "it holds U+0000"),
        ("public", "[public", 4, "this is not YAML"),
        ("Northwind", "Sync: Northwind", 6, "a colon stands within a value"),
        ("    tenant_id", "   tenant_id", 4, "this is not YAML"),
        ("  orgcal:connector", "  orgcal:entra", 7, "orgcal:entra is written twice"),
    ],
)
def test_stack_file_that_is_not_yaml_is_told_with_its_line_and_a_repair(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    text = stack_text(Wrong("entra", SECTIONS["entra"], *"abcd")).replace(old, new, 1)

    with pytest.raises(UsageError) as refused:
        lint(tmp_path, text)

    assert refused.value.where == f"{tmp_path}/Pulumi.prod.yaml:{line}"
    assert says in refused.value.what
    assert refused.value.repair


CONNECTOR_FILE = f"client_id: {TENANT}\nscopes: [Calendars.Read]\nclient_secret_file: secret\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("scopes", "scope", "connector.yaml:2: scope: found a setting that does not exist (did you mean scopes?)"),
        (TENANT, "x", 'connector.yaml:1: client_id: found "x"; expected the application\'s (client) id, a GUID'),
        ("Calendars.Read", "Calender.Read", 'yaml:2: scopes[0]: found "Calender.Read" (did you mean Calendars.Read?)'),
        ("client_secret_file", "client_secret", "yaml:3: client_secret: found a setting that does not exist (did you"),
        ("client_secret_file: secret", "cloud: pubic", 'connector.yaml:3: cloud: found "pubic"; expected one of'),
        ("client_secret_file: secret", "tenants: [{tenant_id: C}]", "yaml:3: tenants[0].tenant_id: 'C' is neither"),
        ("client_secret_file: secret", "tenants: [{tenant: c.io}]", "tenants[0].tenant: found a setting that does not"),
        (
            "client_secret_file: secret",
            "client_secret_variable: hunter2!",
            "yaml:3: client_secret_variable: found a value",
        ),
    ],
)
def test_wrong_connector_file_is_told_with_line_and_nearest(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "connector.yaml").write_text(CONNECTOR_FILE.replace(old, new))

    with pytest.raises(ConfigError) as refused:
        from_file(tmp_path / "connector.yaml")

    (problem,) = refused.value.problems
    assert says in problem
    assert "; expected " in problem
    assert "; repair: " in problem
    assert SECRET not in str(refused.value)


def test_wrong_connector_file_in_json_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "connector.json"
    path.write_text('{"client_id": "x",\n\t"scopes": ["Calendars.Read"],\n\t"tenant": []}')
    with pytest.raises(ConfigError) as refused:
        from_file(path)
    path.write_text('{"client_id":\n')
    with pytest.raises(UsageError) as broken:
        from_file(path)

    assert [problem.split(": ")[:2] for problem in refused.value.problems] == [
        ["connector.json:1", "client_id"], ["connector.json:3", "tenant"],
    ]  # fmt: skip
    assert broken.value.where == f"{path}:2"


def test_wrong_variables_of_verify_are_told_all_at_once_with_a_repair_each() -> None:
    environ = {"ORGCAL_CLIENT_ID": "x", "ORGCAL_SCOPES": "Calender.Read", "ORGCAL_CLOUD": "pubic",
               "ORGCAL_LOOKUP": "directry", "ORGCAL_TENANTS": "Contoso", "ORGCAL_CLIENT_SECRET": SECRET}  # fmt: skip

    with pytest.raises(ConfigError) as refused:
        from_variables(environ)

    told = refused.value.problems
    assert {problem.partition(":")[0] for problem in told} == environ.keys() - {"ORGCAL_CLIENT_SECRET"}
    assert all("; expected " in problem and "; repair: export ORGCAL_" in problem for problem in told)
    assert any(problem.endswith("repair: export ORGCAL_CLOUD=public") for problem in told)
    assert SECRET not in str(refused.value)
