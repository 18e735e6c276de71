"""What escapes from a command: a refusal of the disk is one sentence, everything else is named without its text."""

from __future__ import annotations

import errno
import os

import pytest
import requests
import typer

from orgcal import cli


def ended(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    """Exit code of `orgcal up` where it ends with this error."""

    def fail() -> None:
        raise error

    app = typer.Typer()
    app.callback()(lambda: None)
    app.command("up")(fail)
    monkeypatch.setattr(cli, "build_app", lambda _: app)
    monkeypatch.setattr("sys.argv", ["orgcal", "up"])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert isinstance(exited.value.code, int)
    return exited.value.code


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES], ids=errno.errorcode.get)
def test_refusal_of_the_disk_names_file_and_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    code = ended(monkeypatch, OSError(number, os.strerror(number), "/data/ready.json"))

    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith(f"orgcal: /data/ready.json: cannot be read or written ({os.strerror(number)})\n  repair: ")
    assert said.count("\n") == 2


def test_refusal_of_the_disk_without_a_name_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err.startswith("orgcal: a file: cannot be read or written (No space left on device)\n")


@pytest.mark.parametrize("error", [requests.ConnectionError("hush"), ValueError("hush")], ids=repr)
def test_other_error_is_internal_and_its_text_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    assert ended(monkeypatch, error) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"orgcal: internal error, {type(error).__name__} at ")
    assert "hush" not in said
