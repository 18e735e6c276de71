"""What `orgcal env` prints: a real shell sets it and takes it back."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

from orgcal.cli.env import set_script, unset_script
from orgcal.stack.environment import StackEnvironment, original_environment

SHELL = "/bin/sh"


def prepared(tmp_path: Path, **variables: str) -> StackEnvironment:
    return StackEnvironment(
        project_dir=tmp_path,
        stack="dev",
        cloud="emulator",
        stack_dir=tmp_path,
        backend_url="file:///state",
        endpoints=None,
        variables=variables,
        path_first=(tmp_path / "tools with space",),
        removed=("ARM_CLIENT_SECRET",),
    )


def environment_after(script: str, environ: dict[str, str]) -> dict[str, str]:
    """Variables of a shell after it has run `script`."""
    printed = subprocess.run(
        [SHELL, "-c", f"{script}\nenv -0"], env=environ, capture_output=True, text=True, check=True, timeout=10
    ).stdout
    pairs = (entry.split("=", 1) for entry in printed.split("\0") if "=" in entry)
    return {name: value for name, value in pairs if name not in ("PWD", "_", "SHLVL", "OLDPWD")}


def test_env_set_and_unset_give_back_what_was_there(tmp_path: Path) -> None:
    before = {"PATH": "/usr/bin:/bin", "ARM_CLIENT_SECRET": "s3cr3t", "SSL_CERT_FILE": "/roots.pem"}
    stack = prepared(tmp_path, SSL_CERT_FILE="/both roots.pem", ARM_TENANT_ID="t")

    during = environment_after(set_script(stack), before)
    # In the same shell, as a user does it: the secret's old value is a variable of this shell alone.
    after = environment_after(f"{set_script(stack)}\n{unset_script(during)}", before)

    assert "s3cr3t" not in during.values()
    assert during["SSL_CERT_FILE"] == "/both roots.pem"
    assert during["ARM_TENANT_ID"] == "t"
    assert during["PATH"] == f"{tmp_path}/tools with space:/usr/bin:/bin"
    assert "ARM_CLIENT_SECRET" not in during
    assert after == before


def test_env_printed_text_holds_no_secret_of_the_shell(tmp_path: Path) -> None:
    text = set_script(prepared(tmp_path, ARM_TENANT_ID="t"))

    assert "s3cr3t" not in text
    assert 'ORGCAL_OLD_ARM_CLIENT_SECRET="$ARM_CLIENT_SECRET"' in text


def test_env_set_twice_and_unset_once_gives_back_what_was_there(tmp_path: Path) -> None:
    before = {"PATH": "/usr/bin:/bin", "SSL_CERT_FILE": "/roots.pem"}
    first = environment_after(set_script(prepared(tmp_path, SSL_CERT_FILE="/a", ONLY_FIRST="1")), before)
    script = "\n".join([unset_script(first), set_script(prepared(tmp_path, SSL_CERT_FILE="/b"))])

    second = environment_after(script, first)
    after = environment_after(unset_script(second), second)

    assert second["SSL_CERT_FILE"] == "/b"
    assert "ONLY_FIRST" not in second
    assert after == before


def test_env_unset_in_a_plain_shell_changes_nothing() -> None:
    assert unset_script({"PATH": "/bin"}) == ""


def test_original_environment_is_what_unset_would_give_back(tmp_path: Path) -> None:
    before = {"PATH": "/usr/bin:/bin", "ARM_USE_CLI": "true", "SSL_CERT_FILE": "/roots.pem"}
    during = environment_after(set_script(prepared(tmp_path, SSL_CERT_FILE="/both.pem", ARM_TENANT_ID="t")), before)

    assert original_environment(during) == before


def test_env_without_tools_leaves_path_alone(tmp_path: Path) -> None:
    before = {"PATH": "/usr/bin:/bin"}
    stack = dataclasses.replace(prepared(tmp_path, PULUMI_SKIP_UPDATE_CHECK="true"), path_first=())

    during = environment_after(set_script(stack), before)

    assert during["PATH"] == "/usr/bin:/bin"
    assert environment_after(unset_script(during), during) == before
