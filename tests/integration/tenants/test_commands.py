"""`orgcal tenants`, as typed, on a stack whose emulator runs; no engine is needed for them."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.deployed_connector import CONTOSO
from tests.support.postgresql import PostgresqlServer
from tests.support.warm_checkout import warm

pytestmark = pytest.mark.closed_loop


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose emulator runs."""
    checkout = warm(make_checkout(tmp_path_factory.mktemp("tenants")))
    started = checkout.orgcal("emulator", "start")
    assert started.code == 0, started.text
    yield checkout
    checkout.orgcal("emulator", "stop")


def test_tenant_added_by_domain_is_listed_and_carried_over(checkout: Checkout, tmp_path: Path) -> None:
    added = checkout.orgcal("tenants", "add", "contoso.example", "--name", "Contoso", "--json")
    assert added.code == 0, added.text
    assert json.loads(added.out)["tenant_id"] == CONTOSO

    again = checkout.orgcal("tenants", "add", " contoso.example ")
    assert "Contoso (" in again.out, "its name stays"
    listed = checkout.orgcal("tenants", "list")
    assert listed.out.splitlines()[1].split() == ["Contoso", "invited", "–", "–", "–", CONTOSO]

    long_name = "Contoso and everybody who ever worked with it in any part of the world, Ltd"
    renamed = checkout.orgcal("tenants", "add", "contoso.example", "--name", long_name)
    assert renamed.code == 0, renamed.text
    uncut = checkout.orgcal("tenants", "list").out
    assert long_name in uncut
    assert uncut.rstrip().endswith(CONTOSO)

    shown = json.loads(checkout.orgcal("tenants", "show", "contoso.example", "--json").out)
    assert [entry["action"] for entry in shown["log"]] == ["add"] * 3

    (tmp_path / "tenants.jsonl").write_text(checkout.orgcal("tenants", "export").out)
    taken = checkout.orgcal("tenants", "import", str(tmp_path / "tenants.jsonl"), "--json")
    assert json.loads(taken.out) == {"schema_version": 1, "ok": True, "new": 0, "known": 1, "removed": 0}

    removed = checkout.orgcal("tenants", "remove", CONTOSO)
    assert (removed.code, removed.out) == (0, f"{long_name} is removed; its log is kept\n")
    assert (
        checkout.orgcal("tenants", "list").out == "no organisations yet; next: orgcal tenants add DOMAIN --stack dev\n"
    )
    again = checkout.orgcal("tenants", "import", str(tmp_path / "tenants.jsonl"), "--json")
    assert json.loads(again.out)["removed"] == 1, "only `add` brings it back"
    assert checkout.orgcal("tenants", "add", CONTOSO).code == 0


def test_group_without_a_command_prints_its_help_and_nothing_else(checkout: Checkout) -> None:
    ended = checkout.orgcal("tenants")

    assert ended.code == 2
    assert ended.err.startswith("Usage: orgcal tenants [OPTIONS] COMMAND")
    assert "repair" not in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "nobody.example"), "there is no tenant 'nobody.example' in the emulator cloud"),
        (("add", "not a domain"), "neither a tenant id nor a domain"),
        (("show", "fabrikam.example"), "orgcal tenants add fabrikam.example --stack dev"),
        (("show", "Wide World"), "orgcal tenants add DOMAIN --name 'Wide World' --stack dev"),
        (("show",), "repair: orgcal tenants show --help"),
        (("shwo",), "no such command 'shwo'. Did you mean 'show'?"),
        (("list", "--stack", "nowhere"), "there is no stack 'nowhere' here"),
        (("list", "--stack", "../nowhere"), "'../nowhere' is not a valid stack name"),
    ],
)
def test_tenant_command_that_cannot_be_done_says_what_to_do(
    checkout: Checkout, words: tuple[str, ...], says: str
) -> None:
    ended = checkout.orgcal("tenants", *words)

    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.text


def test_tenant_import_of_something_else_names_the_line(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"state": "invited"}\n')

    ended = checkout.orgcal("tenants", "import", str(tmp_path / "wrong.jsonl"))

    assert ended.code == 2
    assert "wrong.jsonl:1: tenant_id, name, domain, added_at, changed_at are missing" in ended.err


def test_tenant_import_takes_a_text_that_holds_a_line_separator(checkout: Checkout, tmp_path: Path) -> None:
    tenant_id, moment = "99999999-9999-4999-8999-999999999999", "2026-11-01T00:00:00+00:00"
    named = {"tenant_id": tenant_id, "name": "Tailspin", "domain": "", "state": "invited", "reason": "two\u2028lines"}
    text = json.dumps({**named, "added_at": moment, "changed_at": moment}, ensure_ascii=False)
    (tmp_path / "tenants.jsonl").write_text(f"{text}\r\n", encoding="utf-8")

    ended = checkout.orgcal("tenants", "import", str(tmp_path / "tenants.jsonl"), "--json")

    assert ended.code == 0, ended.text
    assert json.loads(ended.out)["new"] == 1
    assert checkout.orgcal("tenants", "remove", tenant_id).code == 0


def test_registry_is_its_owners_only(checkout: Checkout) -> None:
    checkout.orgcal("tenants", "list")
    assert (checkout.path / ".local/dev/tenants.sqlite").stat().st_mode & 0o777 == 0o600


def test_registry_on_postgresql_serves_the_commands(checkout: Checkout, server: PostgresqlServer) -> None:
    environ = {"ORGCAL_REGISTRY_URL": server.new_registry()}

    added = checkout.orgcal("tenants", "add", "contoso.example", "--name", "Contoso", environ=environ)
    listed = checkout.orgcal("tenants", "list", "--json", environ=environ)
    logged = checkout.orgcal("log", "--json", environ=environ)

    assert added.code == 0, added.text
    assert [tenant["name"] for tenant in json.loads(listed.out)["organisations"]] == ["Contoso"]
    assert [json.loads(line)["action"] for line in logged.out.splitlines()] == ["add"]


@pytest.mark.parametrize("trouble", ["wrong password", "no server", "no answer", "bad option", "unescaped"])
def test_registry_that_cannot_be_asked_never_shows_its_password(
    checkout: Checkout, server: PostgresqlServer, trouble: str
) -> None:
    word = "never-to-be-seen"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        port = silent.getsockname()[1]
        urls = {
            "wrong password": f"postgresql://orgcal:{word}@/postgres?host={server.folder}",
            "no server": f"postgresql://orgcal:{word}@127.0.0.1:1/registry",
            "no answer": f"postgresql://orgcal:{word}@127.0.0.1:{port}/registry?connect_timeout=2",
            "bad option": f"postgresql://orgcal:{word}@127.0.0.1:{port}/registry?unheardof=1",
            "unescaped": f"postgresql://orgcal:some@{word}@127.0.0.1/registry",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "orgcal.cli", "tenants", "list"],
            cwd=checkout.path,
            env={**checkout.environ, "ORGCAL_REGISTRY_URL": urls[trouble]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lists: set[str] = set()
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                lists.update(" ".join(member.cmdline()) for member in family)
            time.sleep(0.02)
        out, err = process.communicate()

    assert process.returncode in (1, 2)
    assert "registry" in err
    assert "repair:" in err or trouble == "bad option"
    assert "Traceback" not in err
    assert any("orgcal.cli" in line for line in lists)
    assert word not in out + err + "".join(lists)
