"""What is typed after `python -m verify` becomes targets, options and reports; nothing is verified here."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from orgcal.errors import EntraError, UsageError
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.history import runs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import AccessProfile, MailboxScope
from tests.support.stack_record import outputs
from verify import __main__
from verify.models import Baseline, CheckResult, Connector, Options, Pace, SecretReference, Target, Verdict

CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"
CONTOSO = "22222222-2222-2222-2222-222222222222"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
READS = ("Calendars.Read", "Directory.Read.All")
MAILBOXES = {"ok": 3, "no_mailbox": 0, "restricted": 0, "deleted": 0, "failed": 0, "not_read": 0}


def result(check: str, verdict: Verdict = Verdict.PASS, **evidence: Any) -> CheckResult:
    return CheckResult(check, verdict, f"{check} told", "", CONTOSO, "Contoso", evidence)  # type: ignore[arg-type]


WELL = [result("users", listed=3), result("calendars", mailboxes=MAILBOXES, refusals={}, calendars=3)]


class Runs:
    """Stands in for the runs of a verification: what they were given, and what they tell."""

    def __init__(self) -> None:
        self.results: list[CheckResult | BaseException] = list(WELL)
        self.targets: list[Target] = []
        self.options: list[Options] = []
        self.elsewhere: list[tuple[Any, Any]] = []
        self.closed = False
        self.during: Any = lambda: None

    def run(self, targets: Iterable[Target], options: Options) -> Iterator[CheckResult]:
        self.targets, self.options = list(targets), [*self.options, options]
        self.during()
        try:
            for each in self.results:
                if isinstance(each, BaseException):
                    raise each
                yield each
        finally:
            self.closed = True

    def run_on(
        self, executor: Any, targets: Iterable[Target], options: Options, *, workers: int, again: bool
    ) -> Iterator[CheckResult]:
        self.elsewhere.append((executor, (workers, again)))
        return self.run(targets, options)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs()
    for name in [name for name in os.environ if name.startswith(("ORGCAL_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("verify.runner.run", found.run)
    monkeypatch.setattr("verify.runner.run_on", found.run_on)
    return found


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A connector's file with two organisations."""
    tenants = [{"tenant_id": CONTOSO, "name": "Contoso"}, {"tenant_id": "fabrikam.example"}]
    described = {"client_id": CLIENT_ID, "scopes": ["Calendars.Read"], "tenants": tenants}
    (tmp_path / "secret").write_text("a-secret-of-forty-characters-0123456789-")
    path = tmp_path / "connector.json"
    path.write_text(json.dumps({**described, "client_secret_file": "secret"}))
    return f"--connector-config={path}"


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command with these words."""
    monkeypatch.setattr("sys.argv", ["verify", *words])
    with pytest.raises(SystemExit) as exited:
        __main__.main()
    assert isinstance(exited.value.code, int)
    return exited.value.code


def test_command_without_options_verifies_everybody_as_its_help_says(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, file) == 0

    [options] = ran.options
    assert ran.targets == [Target(CONTOSO, "Contoso"), Target("fabrikam.example")]
    secret = SecretReference("file", f"{Path(file.partition('=')[2]).parent}/secret")
    assert options.connector == Connector("public", CLIENT_ID, READS, secret)
    assert options.environ == dict(os.environ)
    assert (options.strict, options.sample, options.seed, options.probes) == (False, 0, 0, frozenset())
    assert (options.through_platform, options.show_users, options.organisations_at_once) == (False, False, 16)
    assert options.pace == Pace(fixed=0, budget_s=900.0)
    assert not options.stop()
    assert options.given_credential is None
    shown = capsys.readouterr()
    assert "ok      Contoso  users: users told" in shown.out
    assert shown.out.splitlines()[-1] == "all checks passed"
    assert ran.closed


def test_command_takes_each_option(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--tenant=contoso", "--tenant", CONTOSO.upper(), "--strict", "--sample=5", "--seed=7", "--probe=events",
             "--concurrency=3", "--budget=1.5", "--at-once=2", "--show-users", "--json"]  # fmt: skip
    files = {name: tmp_path / f"report.{name}" for name in ("jsonl", "junit", "html")}

    assert ended(monkeypatch, file, *words, *(f"--{name}={path}" for name, path in files.items())) == 0

    [options] = ran.options
    assert ran.targets == [Target(CONTOSO, "Contoso", named=True)]
    assert (options.strict, options.sample, options.seed, options.probes) == (True, 5, 7, frozenset({"events"}))
    assert (options.show_users, options.organisations_at_once) == (True, 2)
    assert options.pace == Pace(fixed=3, budget_s=1.5)
    assert options.listener is not None
    assert options.listener.wants_mailboxes
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["complete"], told["run"]["client_id"]) == (0, True, CLIENT_ID)
    assert told["run"]["duration_s"] < 60
    assert json.loads(files["jsonl"].read_text().splitlines()[-1])["type"] == "end"
    assert files["junit"].read_text().startswith("<?xml")
    assert files["html"].read_text().startswith("<!doctype html>")


def test_options_at_their_bounds_are_taken(monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str) -> None:
    assert ended(monkeypatch, file, "--concurrency=256", "--at-once=64") == 0
    assert ended(monkeypatch, file, "--concurrency=0", "--at-once=1", "--sample=0", "--budget=0") == 0


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("--concurrency=257", "--concurrency: found '257', expected 0 to 256"),
        ("--concurrency=-1", "--concurrency: found '-1', expected 0 to 256"),
        ("--at-once=0", "--at-once: found '0', expected 1 to 64"),
        ("--at-once=65", "--at-once: found '65', expected 1 to 64"),
        ("--sample=-1", "--sample: found '-1', expected 0 or more"),
        ("--budget=-0.1", "--budget: found '-0.1', expected 0 or more"),
        ("--sampel=1", "there is no option --sampel; did you mean --sample?"),
    ],
)
def test_option_beyond_its_bound_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, capsys: pytest.CaptureFixture[str], word: str, what: str
) -> None:
    assert ended(monkeypatch, file, word) == 2

    assert capsys.readouterr().err == f"verify: {what}\n  repair: python -m verify --help\n"
    assert ran.options == []


@pytest.mark.parametrize(
    ("words", "what", "where", "repair"),
    [
        (["--probe=events", "--probe=mail", "--probe=files"], "there is no probe 'files'", "--probe",
         "--probe events"),
        (["--accept"], "only a stack has a registry to write it down in", "--accept", "--stack NAME"),
        (["--stack=prod"], "a stack and a file both describe the connector", "--stack, --connector-config", ""),
        (["--through-platform"], "no platform is known to go through", "--through-platform",
         "start from a stack, or name `platform` and `connector_key` in the connector config file"),
        (["--tenant=Contosso"], "no organisation is called 'Contosso', and it is neither a tenant id nor a domain",
         "--tenant", "did you mean 'Contoso'?"),
        (["--tenant=fabrikam"], "no organisation is called 'fabrikam', and it is neither a tenant id nor a domain",
         "--tenant", "did you mean 'fabrikam.example'?"),
        (["--tenant=??"], "no organisation is called '??', and it is neither a tenant id nor a domain", "--tenant",
         "name one that is known, a tenant id or a domain"),
        (["--json", "--jsonl=-"], "both would be on standard output", "--json, --jsonl -", "name a file"),
    ],
)  # fmt: skip
def test_words_that_cannot_be_meant_are_refused_before_the_run(
    monkeypatch: pytest.MonkeyPatch,
    ran: Runs,
    file: str,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    what: str,
    where: str,
    repair: str,
) -> None:
    assert ended(monkeypatch, file, *words) == 2

    assert capsys.readouterr().err == f"verify: {UsageError(what, where=where, repair=repair)}\n"
    assert ran.options == []


def test_command_ends_with_the_code_of_its_summary_or_of_its_error(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran.results = [result("token", Verdict.FAIL)]
    assert ended(monkeypatch, file) == 4
    ran.results = [EntraError("refused", repair="log in")]
    assert ended(monkeypatch, file) == 4
    assert capsys.readouterr().err == "verify: refused\n  repair: log in\n"
    ran.results = [KeyboardInterrupt()]
    assert ended(monkeypatch, file) == 130
    ran.results = [typer.Abort()]
    assert ended(monkeypatch, file) == 130
    assert ended(monkeypatch, "--help") == 0
    assert "Usage: python -m verify" in capsys.readouterr().out


def test_interrupted_run_reports_what_is_known_and_gives_the_signals_back(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    ran.during = lambda: signal.raise_signal(signal.SIGTERM)

    assert ended(monkeypatch, file) == 130

    assert ran.options[0].stop()
    shown = capsys.readouterr()
    assert shown.err == "\nending; what is known so far is reported. Ctrl-C again ends at once.\n"
    assert shown.out.splitlines()[-1] == "interrupted; this is what was found so far"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_second_interrupt_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        assert codes == []
        signal.raise_signal(signal.SIGINT)

    ran.during = twice
    assert ended(monkeypatch, file) == 130
    assert codes == [130]


def test_command_on_a_cluster_leaves_lost_workers_to_it(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str, tmp_path: Path
) -> None:
    closed: list[str] = []

    @contextmanager
    def dask_executor(address: str) -> Iterator[tuple[str, int]]:
        yield f"executor of {address}", 3
        closed.append(address)

    monkeypatch.setattr("verify.dask.dask_executor", dask_executor)
    (tmp_path / "secret").unlink()  # workers have files of their own

    assert ended(monkeypatch, file, "--dask=tcp://scheduler:1") == 0

    assert ran.elsewhere == [("executor of tcp://scheduler:1", (3, False))]
    assert closed == ["tcp://scheduler:1"]


def test_variables_describe_the_connector_unless_a_stack_or_a_file_does(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, file: str
) -> None:
    monkeypatch.setenv("ORGCAL_CLIENT_ID", CLIENT_ID.replace("1", "2"))
    monkeypatch.setenv("ORGCAL_SCOPES", "Mail.Read")
    monkeypatch.setenv("ORGCAL_CLIENT_SECRET", "s3cret")
    monkeypatch.setenv("ORGCAL_TENANTS", "contoso.com")

    assert ended(monkeypatch) == ended(monkeypatch, file) == 0

    variables, described = (options.connector for options in ran.options)
    assert variables.credential == SecretReference("environment", "ORGCAL_CLIENT_SECRET")
    assert (variables.client_id, described.client_id) == (CLIENT_ID.replace("1", "2"), CLIENT_ID)
    assert ran.options[0].environ == dict(os.environ)


# --- a stack ---


class Stack:
    """An open stack with a registry."""

    environ: Mapping[str, str] = {"OF": "the stack"}

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.outputs: StackOutputs = outputs(stack="prod")
        self.history = SimpleNamespace(keep_time=timedelta(days=9))
        self.opened: list[Any] = []
        self.environment = SimpleNamespace(running_endpoints=lambda: self.opened.append("emulator"))
        self.noted: list[Any] = []

    def open(self, name: str, environ: Mapping[str, str]) -> Any:
        self.opened.append((name, environ))

        @contextmanager
        def opened() -> Iterator[Stack]:
            yield self

        return opened()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    made = Registry(f"sqlite:///{path}", connector="orgcal/prod", operator="ada", now=lambda: NOW)
    made.add(CONTOSO, "Contoso", profile=AccessProfile("scoped", "Pilot"))
    made.note("measure", CONTOSO, "7 mailboxes", readable=7)
    made.close()
    return path


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, ran: Runs, database: Path, tmp_path: Path) -> Iterator[Stack]:
    url = f"sqlite:///{shutil.copy(database, tmp_path / 'registry.db')}"
    registry = Registry(url, connector="orgcal/prod", operator="ada", now=lambda: NOW)
    made = Stack(registry)
    monkeypatch.setattr("orgcal.stack.open_stack.OpenStack", made.open)
    monkeypatch.setattr("orgcal.stack.known_credentials.note_credentials", lambda *given: made.noted.append(given))
    yield made
    registry.close()


@pytest.mark.parametrize(
    ("words", "variable", "name"),
    [([], "", "dev"), ([], "prod", "prod"), (["--stack=test"], "prod", "test"), (["-s", "test"], "", "test")],
)
def test_stack_is_the_named_one_or_that_of_the_variable_or_dev(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, stack: Stack, words: list[str], variable: str, name: str
) -> None:
    monkeypatch.setenv("ORGCAL_STACK", variable)
    if words:
        monkeypatch.setenv("ORGCAL_CLIENT_ID", CLIENT_ID)

    assert ended(monkeypatch, *words) == 0

    assert stack.opened == [(name, os.environ), "emulator"]


def test_stack_gives_connector_secret_and_organisations_and_is_told_what_was_found(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, stack: Stack
) -> None:
    assert ended(monkeypatch, "--accept") == 0

    [options] = ran.options
    assert options.connector.outputs is stack.outputs
    assert options.environ == {"OF": "the stack"}
    assert options.given_credential is not None
    measure, scope = Baseline(7, at=NOW), MailboxScope("Pilot", waiting=True)
    assert ran.targets == [Target(CONTOSO, "Contoso", True, baseline=measure, scope=scope)]
    assert stack.noted == [(stack.registry, stack.outputs)]
    assert [run.verdict for run in runs(stack.registry, CONTOSO)] == ["pass"]
    assert [entry.result for entry in stack.registry.log(CONTOSO) if entry.action == "measure"] == [
        "7 mailboxes",
        "3 mailboxes",
    ]


def test_organisation_of_a_registry_that_is_named_brings_measure_and_scope(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, stack: Stack
) -> None:
    assert ended(monkeypatch, "--tenant=contoso", "--tenant=new.example") == 0

    measure, scope = Baseline(7, at=NOW), MailboxScope("Pilot", waiting=True)
    assert ran.targets == [
        Target(CONTOSO, "Contoso", named=True, baseline=measure, scope=scope),
        Target("new.example", named=True),
    ]
    assert [entry.result for entry in stack.registry.log(CONTOSO) if entry.action == "measure"] == ["7 mailboxes"]


def test_interrupted_run_writes_nothing_into_the_registry(
    monkeypatch: pytest.MonkeyPatch, ran: Runs, stack: Stack
) -> None:
    ran.during = lambda: signal.raise_signal(signal.SIGINT)

    assert ended(monkeypatch, "--accept") == 130

    assert list(runs(stack.registry, CONTOSO)) == []
    assert stack.registry.wanted(CONTOSO).state is State.INVITED
