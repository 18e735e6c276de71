"""The workflows that `orgcal ci setup github` writes: valid, pinned, with least rights, and closed to forks."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.ci.action_versions import PINS
from orgcal.ci.install import read_installation
from orgcal.ci.workflows import comment_mark, compare, refuse_different, write
from orgcal.errors import UsageError
from tests.support.ci_workflows import BY_LOCK, CLOUDS, parsed, texts

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "infra/orgcal"


def jobs(found: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in found.items():
        for job, said in parsed(text)["jobs"].items():
            yield f"{name}: {job}", said


@pytest.fixture(scope="module", params=CLOUDS, ids="-".join)
def written(request: pytest.FixtureRequest) -> dict[str, str]:
    return texts(request.param)


def test_actions_are_pinned_by_a_commit_that_two_projects_agree_on(written: dict[str, str]) -> None:
    used = [line.split("uses: ", 1)[1] for text in written.values() for line in text.splitlines() if "uses: " in line]

    assert set(used) == {str(pin) for pin in PINS.values()}
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
    for pin in PINS.values():
        assert len({source.split()[0] for source in pin.sources}) == 2
        assert all(re.search(r" @ [0-9a-f]{40}$", source) for source in pin.sources)


def test_rights_are_none_but_what_each_job_asks_for_with_its_reason(written: dict[str, str]) -> None:
    allowed = {
        "orgcal-pull-request.yml: lint": {"contents": "read"},
        "orgcal-pull-request.yml: comment": {"pull-requests": "write"},
        "orgcal-rotate.yml: rotate": {"contents": "write", "id-token": "write"},
        "orgcal-nightly.yml: sweep": {"contents": "read", "pull-requests": "read", "id-token": "write"},
    }
    usual = {"contents": "read", "id-token": "write"}

    assert all(parsed(text)["permissions"] == {} for text in written.values())
    for name, job in jobs(written):
        assert job["permissions"] == allowed.get(name, usual), name
        assert "timeout-minutes" in job, name
    for text in written.values():
        rights = re.findall(r"^      (?:contents|id-token|pull-requests): \w+(.*)$", text, re.MULTILINE)
        assert rights
        assert all(reason.startswith(" # ") for reason in rights)


def test_no_checkout_leaves_a_key_to_the_repository_in_a_file(written: dict[str, str]) -> None:
    assert {step["with"]["persist-credentials"] for step in uses(written, "checkout")} == {False}


def test_push_of_a_rotation_asks_gh_for_the_token_of_its_step(written: dict[str, str]) -> None:
    # gh answers git with the token that its environment holds: `helperRun` in pkg/cmd/auth/gitcredential/helper.go of
    # cli/cli @ 061392ed679a3befca333061a5c2edb399211931.
    (step,) = [step for step in one_of(written, "orgcal-rotate.yml")["steps"] if step.get("name") == "Rotate"]
    environ = {name: value for name, value in step["env"].items() if name.startswith("GIT_")}

    said = subprocess.run(
        ["git", "config", "--get-urlmatch", "credential.helper", "https://github.com/acme/app"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "!gh auth git-credential\n"
    assert step["env"]["GH_TOKEN"] == "${{ github.token }}"


def test_stored_tokens_are_given_to_steps_that_run_orgcal_on_the_stack_alone() -> None:
    found = texts(["pulumi", "vault"])
    given = 0
    for name, job in jobs(found):
        assert not [value for value in job.get("env", {}).values() if "secrets." in str(value)], name
        for step in job["steps"]:
            stored = {"PULUMI_ACCESS_TOKEN", "VAULT_TOKEN"} & set(step.get("env") or {})
            assert not stored or ".venv/bin/orgcal " in step["run"], name
            given += bool(stored)

    assert given >= 10
    (preview,) = [step for _, job in jobs(found) for step in job["steps"] if step.get("name") == "Preview"]
    assert set(preview["env"]) == {"PULUMI_ACCESS_TOKEN"}


def test_comment_is_found_by_a_mark_that_no_pull_request_can_choose(tmp_path: Path) -> None:
    job = parsed(texts(["azure"], folder=FOLDER)["orgcal-infra--orgcal-pull-request.yml"])["jobs"]["comment"]
    (step,) = job["steps"]
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\ncase "$*" in *--paginate*) printf %s "$MARK" > asked;; *) cat comment.md;; esac\n')
    program.chmod(0o755)
    environ = {"MARK": step["env"]["MARK"], "BODY": "\nMine", "REPOSITORY": "acme/app", "NUMBER": "7"}

    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environ},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (tmp_path / "asked").read_text() == "<!-- orgcal preview infra--orgcal prod -->"
    assert done.stdout == "<!-- orgcal preview infra--orgcal prod -->\n\nMine\n"
    assert comment_mark("prod", FOLDER) == environ["MARK"]


def test_comments_of_two_projects_in_one_repository_have_marks_of_their_own() -> None:
    assert len({comment_mark("prod", folder) for folder in ("", FOLDER, "infra-orgcal", "prod")}) == 4


def test_scripts_hold_no_expression_and_print_no_secret(written: dict[str, str]) -> None:
    for name, job in jobs(written):
        for step in job["steps"]:
            script = str(step.get("run", ""))
            assert "${{" not in script, f"{name}: what an expression holds would become part of the script"
            secret = {key for key, value in (step.get("env") or {}).items() if "secrets." in str(value)}
            for variable in secret:
                uses = [line for line in script.splitlines() if f"${variable}" in line]
                assert all(line.rstrip().endswith('> "$RUNNER_TEMP/platform-key"') for line in uses), name
            assert "set -x" not in script
    for text in written.values():
        untrusted = re.findall(
            r"github\.(?:event\.(?!pull_request\.(?:number|head\.repo\.full_name|labels)|action)|head_ref)\S*", text
        )
        assert untrusted == []


def test_scripts_are_what_a_shell_takes(written: dict[str, str]) -> None:
    scripts = [str(step["run"]) for _, job in jobs(written) for step in job["steps"] if "run" in step]

    for script in scripts:
        done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(scripts) > 20


def test_forks_reach_no_environment_no_token_and_no_secret(written: dict[str, str]) -> None:
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    reached = 0
    for name, text in written.items():
        said = parsed(text)
        triggers = said[True]  # YAML 1.1 takes the word `on` for a truth
        assert "pull_request_target" not in triggers
        assert "workflow_run" not in triggers
        if "pull_request" not in triggers:
            continue
        for job_name, job in said["jobs"].items():
            reached += 1
            open_to_forks = same not in str(job.get("if", "")) and "needs" not in job
            if open_to_forks:
                assert (name, job_name) == ("orgcal-pull-request.yml", "lint")
                assert "environment" not in job
                assert "id-token" not in job["permissions"]
                assert "secrets." not in str(job)
                assert "vars." not in str(job)
    assert reached == 5


def test_previews_hold_no_secret_of_the_stack_and_act_as_the_identity_that_reads(written: dict[str, str]) -> None:
    job = parsed(written["orgcal-pull-request.yml"])["jobs"]["preview"]

    assert job["environment"] == "production-preview"
    assert set(re.findall(r"\{\{ secrets\.(\w+)", str(job))) <= {"PULUMI_ACCESS_TOKEN"}


def test_no_deployment_is_cut_off_and_none_that_waits_for_a_reviewer_holds_up_a_rotation(
    written: dict[str, str],
) -> None:
    groups = {name: parsed(text)["concurrency"] for name, text in written.items()}

    assert groups["orgcal-deploy.yml"] == {"group": "orgcal-deploy-prod", "cancel-in-progress": False}
    assert groups["orgcal-rotate.yml"] == {"group": "orgcal-rotate-prod", "cancel-in-progress": False}
    assert groups["orgcal-ephemeral.yml"]["cancel-in-progress"] is False


def test_rotation_commits_on_top_of_the_branch_as_it_is_when_the_job_starts(written: dict[str, str]) -> None:
    (checkout,) = [
        step
        for step in parsed(written["orgcal-rotate.yml"])["jobs"]["rotate"]["steps"]
        if str(step.get("uses", "")).startswith("actions/checkout@")
    ]

    assert checkout["with"]["ref"] == "${{ github.ref_name }}"


def test_project_in_a_folder_shares_no_name_with_another_project_of_the_repository() -> None:
    root, mine, other = (texts(["azure"], folder=folder) for folder in ("", FOLDER, "infra-orgcal"))

    for one, two in ((root, mine), (mine, other), (root, other)):
        assert not set(one) & set(two)
        for what in (named, groups, artifacts, caches):
            assert not what(one) & what(two), what
    assert set(mine) == {f"orgcal-infra--orgcal-{name[7:]}" for name in root}


def named(found: dict[str, str]) -> set[str]:
    return {parsed(text)["name"] for text in found.values()}


def groups(found: dict[str, str]) -> set[str]:
    return {parsed(text)["concurrency"]["group"] for text in found.values()}


def artifacts(found: dict[str, str]) -> set[str]:
    return {step["with"]["name"] for step in uses(found, "upload-artifact")}


def caches(found: dict[str, str]) -> set[str]:
    return {step["with"]["key"] for step in uses(found, "cache")}


def uses(found: dict[str, str], action: str) -> list[dict[str, Any]]:
    """Steps that use an action of GitHub's."""
    steps = [step for _, job in jobs(found) for step in job["steps"]]
    return [step for step in steps if str(step.get("uses", "")).startswith(f"actions/{action}@")]


def test_project_in_a_folder_runs_there_and_only_when_something_in_it_changes() -> None:
    found = texts(["azure"], folder=FOLDER)

    for name, job in jobs(found):
        expected = None if name.endswith(": comment") else {"run": {"working-directory": FOLDER}}
        assert job.get("defaults") == expected, f"{name}: only what checks the repository out has the folder"
    for name, text in found.items():
        triggers = parsed(text)[True]
        for event in {"push", "pull_request"} & set(triggers):
            assert triggers[event]["paths"] == [f"{FOLDER}/**", f".github/workflows/{name}"]
    for step in uses(found, "upload-artifact"):
        kept = step["with"]["path"].split()
        assert kept[:2] == [f"{FOLDER}/verification.xml", f"{FOLDER}/verification.html"]
        assert kept[2:] in ([], [f"{FOLDER}/health.html"])
    assert all(f"hashFiles('{FOLDER}/requirements.txt')" in key for key in caches(found))


def test_project_at_the_root_of_its_repository_has_neither_filter_nor_folder(written: dict[str, str]) -> None:
    assert sorted(written) == [
        f"orgcal-{name}.yml" for name in ("deploy", "ephemeral", "nightly", "pull-request", "rotate")
    ]
    assert all("paths:" not in text and "working-directory" not in text for text in written.values())


@pytest.mark.parametrize("folder", ["infra/[orgcal]", "a*b", "what?", "quo'te", "x${{ y }}", "a+b"])
def test_folder_that_github_would_read_as_a_pattern_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="cannot name the project's folder") as caught:
        texts(["azure"], folder=folder)

    assert "rename it" in caught.value.repair


def test_jobs_install_by_the_lock_keep_engine_and_packages_and_run_no_make(written: dict[str, str]) -> None:
    for name, job in jobs(written):
        scripts = [str(step.get("run", "")) for step in job["steps"]]
        assert not [script for script in scripts if re.search(r"^\s*make\b", script, re.MULTILINE)], name
        if name.endswith(": comment"):
            continue
        assert BY_LOCK.commands[0] in scripts[[bool(script) for script in scripts].index(True)], name
        kept = {step["with"]["path"].strip(): step["with"]["key"] for step in uses({"w": one_job(job)}, "cache")}
        assert "${{ runner.os }}-${{ runner.arch }}" in kept["~/.cache/pip"], name
        if not name.endswith(": lint"):
            assert f"-{BY_LOCK.engine_version}-${{{{ hashFiles(" in kept["~/.cache/orgcal\n~/.pulumi/plugins"], name
            assert scripts.index(".venv/bin/python -m orgcal.engine ensure") > 0


def one_of(found: dict[str, str], name: str) -> dict[str, Any]:
    """The only job of a workflow."""
    (job,) = parsed(found[name])["jobs"].values()
    assert isinstance(job, dict)
    return job


def one_job(job: dict[str, Any]) -> str:
    return yaml.safe_dump({"jobs": {"job": job}})


def test_installation_is_that_of_what_lies_in_the_folder(tmp_path: Path) -> None:
    own = read_installation(ROOT)
    (tmp_path / "requirements.txt").write_text("orgcal==0.1.0 --hash=sha256:00\n")

    other = read_installation(tmp_path)

    assert other.lock == "requirements.txt"
    assert other.commands[-1].endswith("install --require-hashes -r requirements.txt")
    assert own.lock == "requirements.lock"
    assert own.commands[-1].endswith("install --no-deps --no-build-isolation -e .")
    assert all((ROOT / name.split("*", 1)[0]).exists() for name in own.engine_inputs)


@pytest.mark.parametrize(("lock", "says"), [(None, "no requirements.txt"), ("orgcal==0.1.0\n", "no hashes")])
def test_project_whose_lock_pins_nothing_is_refused_in_one_sentence(
    tmp_path: Path, lock: str | None, says: str
) -> None:
    if lock is not None:
        (tmp_path / "requirements.txt").write_text(lock)

    with pytest.raises(UsageError, match=says) as caught:
        read_installation(tmp_path)

    assert "\n" not in caught.value.what
    assert "--generate-hashes" in caught.value.repair


def test_registry_and_its_password_are_given_to_the_steps_that_ask_it_alone(written: dict[str, str]) -> None:
    for name, job in jobs(written):
        assert "ORGCAL_REGISTRY_URL" not in job.get("env", {}), name
        given = [step["run"] for step in job["steps"] if "ORGCAL_REGISTRY_URL" in (step.get("env") or {})]
        assert all(".venv/bin/orgcal " in script for script in given), name


def test_files_with_other_content_are_shown_and_left_until_forced(tmp_path: Path) -> None:
    wanted = texts(["azure"])
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "orgcal-nightly.yml").write_text(wanted["orgcal-nightly.yml"].replace("17 3 * * *", "0 0 * * *"))
    files = compare(tmp_path, wanted)

    with pytest.raises(UsageError) as caught:
        refuse_different(files, tmp_path, force=False)

    assert '-    - cron: "0 0 * * *"' in caught.value.what
    assert '+    - cron: "17 3 * * *"' in caught.value.what
    assert "--force" in caught.value.repair
    assert sorted(path.name for path in folder.iterdir()) == ["orgcal-nightly.yml"]
    refuse_different(files, tmp_path, force=True)
    write(files)
    assert {path.name: path.read_text() for path in folder.iterdir()} == wanted
    assert {file.state for file in compare(tmp_path, wanted)} == {"unchanged"}


def test_nightly_and_rotate_tell_what_has_changed_with_the_secrets_that_the_targets_name(
    written: dict[str, str],
) -> None:
    for name in ("orgcal-nightly.yml", "orgcal-rotate.yml"):
        steps = next(iter(parsed(written[name])["jobs"].values()))["steps"]
        (step,) = [step for step in steps if "alerts send" in step.get("run", "")]
        assert step["if"] == "${{ !cancelled() }}", name
        assert step["env"]["ORGCAL_ALERT_URL"] == "${{ secrets.ORGCAL_ALERT_URL }}", name
        assert step["env"]["ORGCAL_ALERT_SECRET"] == "${{ secrets.ORGCAL_ALERT_SECRET }}", name
    others = set(written) - {"orgcal-nightly.yml", "orgcal-rotate.yml"}
    assert not [name for name in others if "ORGCAL_ALERT" in written[name]]


def test_nightly_keeps_the_page_of_the_history_beside_the_reports(written: dict[str, str]) -> None:
    steps = parsed(written["orgcal-nightly.yml"])["jobs"]["look"]["steps"]
    (kept,) = [
        step["with"]["path"].split() for step in steps if "path" in step.get("with", {}) and "name" in step["with"]
    ]

    assert kept == ["verification.xml", "verification.html", "health.html"]
    assert any("orgcal report" in step.get("run", "") for step in steps)
    assert "health.html" not in written["orgcal-deploy.yml"]
