"""The demo after somebody did what it suggests, and more: it ends well again, and says what is true."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

import pytest
import requests

from orgcal.entra.clouds import read_emulator_file
from tests.support.administrator import answer, heading
from tests.support.checkout import Checkout, Ran, make_checkout
from tests.support.outside import Outside

pytestmark = pytest.mark.timeout(400)
LINK = re.compile(r"^https://localhost:\d+/33333333-\S+/v2\.0/adminconsent\?\S+$", re.MULTILINE)
BROKEN = "99999999-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout after `make demo KEEP=1`; each test finds the two organisations in whatever state another left."""
    copy = make_checkout(tmp_path_factory.mktemp("kept"))
    try:
        first = copy.orgcal("demo", "--keep")
        assert first.code == 0, first.text
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


@contextmanager
def serving(checkout: Checkout) -> Iterator[str]:
    """`orgcal consent serve`, as the demo suggests, at a free port; host and port where it waits."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "orgcal.cli", "consent", "serve", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=checkout.path, env=checkout.environ, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        try:
            waiting = re.search(r"waiting for consents at https?://([^/,;\s]+)", process.stdout.readline())
            assert waiting is not None
            yield waiting[1]
        finally:
            process.send_signal(signal.SIGINT)


def invite(checkout: Checkout) -> str:
    """Fabrikam without consent, in registry and directory, and the link that a demo then prints."""
    outside = Outside(checkout.ready)
    removed = checkout.orgcal("tenants", "remove", "Fabrikam", "--force", "--yes")
    assert removed.code == 0, removed.text
    outside.withdraw_consent("33333333-3333-3333-3333-333333333333")
    demo = checkout.orgcal("demo")
    assert demo.code == 0, demo.text
    assert "Fabrikam was removed, and is taken in again" in demo.out
    found = LINK.search(demo.out)
    assert found is not None, demo.out
    return found[0]


def answered(checkout: Checkout, link: str, decision: Literal["accept", "cancel"]) -> str:
    """Fabrikam's administrator answers; the heading of the page that is shown."""
    endpoints = read_emulator_file(checkout.path / ".local" / "dev" / "emulator" / "ready.json")
    with serving(checkout) as place:
        sent_back = answer(endpoints, link, "admin@fabrikam.example", decision, follow=False).headers["Location"]
        # Other tests use the usual port too; Entra ID itself does not mind the port of localhost.
        page = requests.get(urlsplit(sent_back)._replace(netloc=place).geturl(), timeout=20)
        return heading(page)


def last_line(ran: Ran) -> str:
    """The last line before the one that says where the page is."""
    *_, line, page = ran.out.strip().splitlines()
    assert page.startswith("the history as a page: ")
    return line


def test_demo_after_the_invited_organisation_consented_proves_both(kept: Checkout) -> None:
    assert answered(kept, invite(kept), "accept") == "Done"

    again = kept.orgcal("demo")
    keeping = kept.orgcal("demo", "--keep")

    for ran in (again, keeping):
        assert ran.code == 0, ran.text
        assert re.search(r"^Fabrikam +│ verified .*│ +20 │", ran.out, re.MULTILINE), ran.out
        assert "has not consented" not in ran.out
        assert "adminconsent" not in ran.out
    assert last_line(again).startswith("proven: Contoso and Fabrikam can be read (")
    assert "consent serve" not in keeping.out
    assert "emulator stops with this demo" not in again.out, "it was running before, and goes on"


def test_demo_after_the_invited_organisation_declined_says_so(kept: Checkout) -> None:
    assert answered(kept, invite(kept), "cancel") != "Done"

    again = kept.orgcal("demo")

    assert again.code == 0, again.text
    assert "Fabrikam has declined. To ask its administrator again, send this link, good for 7 days:" in again.out
    assert LINK.search(again.out)
    assert last_line(again).startswith("proven: Contoso can be read; Fabrikam is waiting for its administrator")


def test_demo_after_a_consent_was_withdrawn_says_that_a_new_one_is_needed(kept: Checkout) -> None:
    assert answered(kept, invite(kept), "accept") == "Done"
    outside = Outside(kept.ready)
    outside.withdraw_consent("33333333-3333-3333-3333-333333333333")
    outside.withdraw_consent("22222222-2222-2222-2222-222222222222")

    again = kept.orgcal("demo")

    assert again.code == 0, again.text
    assert "Contoso: admin@contoso.example consented, proved by a fresh token" in again.out
    assert re.search(r"^Fabrikam +│ revoked +│ +- │", again.out, re.MULTILINE), again.out
    assert "Fabrikam has to consent again: the application is not known in this tenant" in again.out
    assert last_line(again).startswith("proven: Contoso can be read; Fabrikam has to consent again")


def test_demo_keeps_names_and_domains_that_the_user_gave(kept: Checkout) -> None:
    named = kept.orgcal("tenants", "add", "contoso.example", "--name", "Contoso Ltd")
    again = kept.orgcal("demo")
    shown = kept.orgcal("tenants", "show", "contoso.example", "--json")
    kept.orgcal("tenants", "add", "contoso.example", "--name", "Contoso")

    assert named.code == again.code == shown.code == 0, named.text + again.text + shown.text
    assert json.loads(shown.out)["name"] == "Contoso Ltd"
    assert "proven: Contoso Ltd" in again.out


def test_demo_tells_what_fails_elsewhere_and_does_not_end_by_it(kept: Checkout) -> None:
    exported = kept.orgcal("tenants", "export").out.splitlines()[0]
    broken = {**json.loads(exported), "tenant_id": BROKEN, "name": "Broken", "domain": "", "state": "consented"}
    file = kept.home / "broken.jsonl"
    file.write_text(json.dumps(broken) + "\n")
    imported = kept.orgcal("tenants", "import", str(file))
    try:
        again = kept.orgcal("demo")
        judged = kept.orgcal("verify")
    finally:
        kept.orgcal("tenants", "remove", BROKEN, "--force", "--yes")

    assert imported.code == 0, imported.text
    assert again.code == 0, again.text
    assert "Organisations of your own that could not be read; the demo does not depend on them:" in again.out
    assert re.search(r"^  Broken, (tenant|token): ", again.out, re.MULTILINE), again.out
    assert last_line(again).startswith("proven: Contoso")
    assert judged.code == 1, "orgcal verify is the judge of everybody"


def test_demo_that_ends_badly_says_why_in_its_last_lines(kept: Checkout) -> None:
    outside = Outside(kept.ready)
    (application,) = outside.applications()
    outside.graph.patch(f"/applications/{application['id']}", {"requiredResourceAccess": []})
    try:
        bad = kept.orgcal("demo", "--keep")
    finally:
        mended = kept.shell("pulumi refresh --yes --skip-preview --stack dev && pulumi up --yes --stack dev")

    assert bad.code == 1
    assert "proven" not in bad.out.split("Organisations")[1]
    end = bad.out[bad.out.index("the demo did not end as it should") :]
    assert "connector, agreement: " in end
    assert "does not declare Calendars.Read" in end
    assert "repair: " in end
    assert "The emulator goes on running" not in end, "advice comes before the reasons"
    assert mended.code == 0, mended.text
