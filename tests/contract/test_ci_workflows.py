"""The workflows that `orgcal ci setup github` writes: valid, pinned, with least rights, and closed to forks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.ci.action_versions import PINS
from orgcal.ci.workflows import compare, refuse_different, render, write
from orgcal.errors import UsageError
from tests.support.actionlint import actionlint

ENVIRONMENTS = {
    "deploy": 'Prod: "EU"/1',
    "scheduled": "production-scheduled",
    "preview": "production-preview",
    "ephemeral": "production-ephemeral",
    "sweep": "production-sweep",
}
CLOUDS = [["azure"], ["aws"], ["google"], ["pulumi", "azure"], ["azure", "vault"]]


def texts(clouds: list[str], record: str = "commit") -> dict[str, str]:
    facts = {
        "stack": "prod",
        "branch": "main",
        "environments": ENVIRONMENTS,
        "clouds": clouds,
        "state_clouds": clouds[:1],
        "key_variable": "NANGO_API_KEY_FILE",
        "record": record,
    }
    return render(facts, ephemeral=True)


def jobs(found: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in found.items():
        for job, said in yaml.safe_load(text)["jobs"].items():
            yield f"{name}: {job}", said


@pytest.fixture(scope="module", params=CLOUDS, ids="-".join)
def written(request: pytest.FixtureRequest) -> dict[str, str]:
    return texts(request.param)


@pytest.mark.timeout(600)  # once on a machine, actionlint is built
@pytest.mark.parametrize("record", ["commit", "pull-request"])
def test_workflows_pass_actionlint(written: dict[str, str], record: str, tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, text in (written if record == "commit" else texts(["azure"], record)).items():
        (folder / name).write_text(text)

    done = subprocess.run(
        [str(actionlint()), "-shellcheck=", "-pyflakes=", *map(str, sorted(folder.iterdir()))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        "on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ vars.A || }}\n"
    )

    done = subprocess.run([str(actionlint()), str(wrong)], capture_output=True, text=True, check=False)

    assert done.returncode == 1


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

    assert all(yaml.safe_load(text)["permissions"] == {} for text in written.values())
    for name, job in jobs(written):
        assert job["permissions"] == allowed.get(name, usual), name
        assert "timeout-minutes" in job, name
    for text in written.values():
        rights = re.findall(r"^      (?:contents|id-token|pull-requests): \w+(.*)$", text, re.MULTILINE)
        assert rights
        assert all(reason.startswith(" # ") for reason in rights)


def test_only_the_rotation_keeps_a_key_to_the_repository(written: dict[str, str]) -> None:
    for name, job in jobs(written):
        for step in job["steps"]:
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == (name == "orgcal-rotate.yml: rotate"), name


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
        said = yaml.safe_load(text)
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
    job = yaml.safe_load(written["orgcal-pull-request.yml"])["jobs"]["preview"]

    assert job["environment"] == "production-preview"
    assert set(re.findall(r"\{\{ secrets\.(\w+)", str(job))) <= {"PULUMI_ACCESS_TOKEN"}


def test_no_deployment_is_cut_off_and_none_that_waits_for_a_reviewer_holds_up_a_rotation(
    written: dict[str, str],
) -> None:
    groups = {name: yaml.safe_load(text)["concurrency"] for name, text in written.items()}

    assert groups["orgcal-deploy.yml"] == {"group": "orgcal-deploy-prod", "cancel-in-progress": False}
    assert groups["orgcal-rotate.yml"] == {"group": "orgcal-rotate-prod", "cancel-in-progress": False}
    assert groups["orgcal-ephemeral.yml"]["cancel-in-progress"] is False


def test_rotation_commits_on_top_of_the_branch_as_it_is_when_the_job_starts(written: dict[str, str]) -> None:
    (checkout,) = [
        step
        for step in yaml.safe_load(written["orgcal-rotate.yml"])["jobs"]["rotate"]["steps"]
        if str(step.get("uses", "")).startswith("actions/checkout@")
    ]

    assert checkout["with"]["ref"] == "${{ github.ref_name }}"


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
