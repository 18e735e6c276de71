"""A preview without secrets: what the copy of a state holds, and what a comment says."""

from __future__ import annotations

import json
from pathlib import Path

from orgcal.ci.lint import lint_stack
from orgcal.ci.preview import MAX_COMMENT, as_markdown
from orgcal.platforms.model import NOT_SHOWN
from orgcal.stack.preview_redacted import Change, Preview
from orgcal.stack.state import replace_secrets

SECRET = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "v1:AAAA:BBBB",
}


def test_replace_secrets_leaves_nothing_encrypted_at_any_depth_and_the_rest_as_it_is() -> None:
    state = {"resources": [{"outputs": {"value": SECRET, "list": [SECRET, 1]}, "inputs": {"name": "x"}}]}

    copied = replace_secrets(state, NOT_SHOWN)

    assert "ciphertext" not in json.dumps(copied)
    assert copied["resources"][0]["inputs"] == {"name": "x"}
    assert copied["resources"][0]["outputs"]["list"][1] == 1
    assert json.loads(copied["resources"][0]["outputs"]["value"]["plaintext"]) == NOT_SHOWN
    assert state["resources"][0]["outputs"]["value"] == SECRET  # type: ignore[index]


def test_comment_of_a_change_names_what_changes() -> None:
    change = Change("update", "azuread:index/application:Application", "outlook", ("owners", "web"))

    text = as_markdown("prod", Preview((change,), 5, ("scope `X` adds nothing",), new=False))

    assert text.startswith("### orgcal preview of stack `prod`\n")
    assert "1 resource changes, 5 stay as they are." in text
    assert "~ Application outlook  update: owners, web" in text
    assert "- scope 'X' adds nothing" in text


def test_comment_names_the_folder_of_its_project() -> None:
    text = as_markdown("prod", Preview((), 0, (), new=False), "infra/orgcal")

    assert text.startswith("### orgcal preview of stack `prod` in `infra/orgcal`\n")


def test_comment_of_a_new_stack_and_of_no_change_says_so() -> None:
    assert "has not been deployed yet" in as_markdown("prod", Preview((), 0, (), new=True))
    assert "Merging changes nothing; 6 resources stay" in as_markdown("prod", Preview((), 6, (), new=False))


def test_comment_that_github_would_not_take_is_shortened() -> None:
    changes = tuple(Change("create", "t", f"name-{number}" * 10) for number in range(1000))

    text = as_markdown("prod", Preview(changes, 0, (), new=False))

    assert len(text) <= MAX_COMMENT
    assert text.endswith("```\n(shortened)\n")


def test_lint_says_what_is_wrong_and_what_could_go(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    good = (root / "Pulumi.dev.yaml").read_text()

    assert lint_stack(root, "dev").as_markdown("dev").endswith("Nothing to say.\n")
    (tmp_path / "Pulumi.a.yaml").write_text(good.replace("lifetime: 180d", "lifetime: 180 days"))
    (tmp_path / "Pulumi.b.yaml").write_text(
        good.replace("- Calendars.Read\n", "- Calendars.Read\n      - User.Read.All\n")
    )
    (tmp_path / "Pulumi.c.yaml").write_text(good.replace("- Calendars.Read\n", "- Calendars.Reed\n"))
    wrong, surplus, misspelt = (lint_stack(tmp_path, stack) for stack in "abc")

    assert 'found "180 days"' in wrong.problems[0]
    assert 'orgcal:connector.scopes[0]: found "Calendars.Reed" (did you mean Calendars.Read?)' in misspelt.problems[0]
    assert "not in orgcal's own table" in misspelt.problems[0]
    assert "**wrong**" in wrong.as_markdown("a")
    assert surplus.problems == ()
    assert "User.Read.All adds nothing" in surplus.advice[0]
