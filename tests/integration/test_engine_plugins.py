"""The azuread plugin of a stack: which one, why, and that it stays."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from orgcal.engine import plugins
from orgcal.engine.find import Engine
from orgcal.engine.plugin_trust import KNOWN, installed_program
from orgcal.engine.plugins import AzureadPlugin, choose_azuread, installed_azuread, kept_choice, write_standin
from orgcal.engine.progress import Progress
from orgcal.errors import CloudMismatch, EngineError, PlatformError, UsageError
from tests.support.fake_programs import write_program

_OFFLINE = "echo 'warning: Error downloading plugin: dial tcp: lookup plugins.example: no such host'; exit 255"
# As the engine lists its plugins: by folder, and only those whose installation was completed.
_LISTS = """
d="$PULUMI_HOME/plugins/resource-azuread-v6.11.1"
if [ "$2" = ls ]; then
    [ -d "$d" ] && [ ! -e "$d.partial" ] && entry='{"name": "azuread", "kind": "resource", "version": "6.11.1"}'
    echo "[$entry]"
    exit 0
fi
"""
_ONLINE = (
    'd="$PULUMI_HOME/plugins/resource-azuread-v6.11.1"; mkdir -p "$d"; '
    'printf "#!/bin/sh\\n" > "$d/pulumi-resource-azuread"; chmod +x "$d/pulumi-resource-azuread"'
)


class _Machine:
    """A machine with an engine that lists plugins, and whose `plugin install` does what the test says."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path
        self.stack = tmp_path / "stack"
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "PULUMI_HOME": str(tmp_path / "home"),
            "ORGCAL_CACHE_DIR": str(tmp_path / "cache"),
        }
        self.network(_OFFLINE)

    def network(self, script: str) -> None:
        text = f'#!/bin/sh\n{_LISTS}\necho "$@" >> {self.path / "asked"}\n{script}\n'
        self.pulumi = write_program(self.path / "bin" / "pulumi", text)

    def install(self) -> None:
        write_program(
            self.path / "home" / "plugins" / "resource-azuread-v6.11.1" / "pulumi-resource-azuread", "#!/bin/sh\n"
        )

    @property
    def tries(self) -> int:
        asked = self.path / "asked"
        return len(asked.read_text(encoding="utf-8").splitlines()) if asked.exists() else 0

    @property
    def engine(self) -> Engine:
        return Engine(self.pulumi.parent, self.pulumi, self.pulumi, "3.274.1", "build", "")

    def choose(self, cloud: str = "emulator", system: str = "linux", **environ: str) -> AzureadPlugin:
        return choose_azuread(
            self.engine,
            stack_dir=self.stack,
            cloud=cloud,
            environ={**self.environ, **environ},
            progress=Progress(io.StringIO()),
            system=system,
        )


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    return _Machine(tmp_path)


def test_choose_azuread_offline_takes_the_standin_and_says_why(machine: _Machine) -> None:
    plugin = machine.choose()
    assert plugin.kind == "standin"
    assert plugin.path_dir == machine.stack / "plugins"
    assert plugin.line == "azuread plugin: our stand-in (the real one cannot be installed: no network)"


def test_standin_launcher_is_the_owners_and_rewritten_where_it_differs(machine: _Machine) -> None:
    launcher = write_standin(machine.stack) / "pulumi-resource-azuread"
    as_written = (launcher.read_bytes(), launcher.stat().st_mtime_ns)

    write_standin(machine.stack)

    assert (launcher.read_bytes(), launcher.stat().st_mtime_ns) == as_written
    assert launcher.stat().st_mode & 0o7777 == 0o700
    assert launcher.parent.stat().st_mode & 0o7777 == 0o700
    launcher.write_bytes(b"#!/bin/sh\nexec /gone/bin/python \xff")
    launcher.chmod(0o600)
    write_standin(machine.stack)
    assert launcher.read_bytes() == as_written[0]
    assert launcher.stat().st_mode & 0o7777 == 0o700


def test_standin_launcher_that_cannot_be_written_is_one_sentence(machine: _Machine) -> None:
    machine.stack.write_text("no folder", encoding="utf-8")

    with pytest.raises(PlatformError, match="cannot be written") as caught:
        write_standin(machine.stack)

    assert caught.value.where.startswith(str(machine.stack / "plugins"))


def test_choose_azuread_online_installs_the_real_one(machine: _Machine) -> None:
    machine.network(_ONLINE)
    plugin = machine.choose()
    assert (plugin.kind, plugin.path_dir) == ("real", None)
    assert (machine.path / "asked").read_text(encoding="utf-8") == "plugin install resource azuread 6.11.1\n"


def test_choose_azuread_installs_with_the_checksum_that_the_user_names(machine: _Machine) -> None:
    machine.network(_ONLINE)
    checksum = "0f" * 32
    machine.choose(AZUREAD_PLUGIN_SHA256=checksum)
    asked = (machine.path / "asked").read_text(encoding="utf-8")
    assert asked == f"plugin install resource azuread 6.11.1 --checksum {checksum}\n"


@pytest.mark.parametrize("part", ["", "..", "../.."])
def test_installed_plugin_that_others_could_replace_is_refused(machine: _Machine, part: str) -> None:
    machine.install()
    opened = (installed_program(machine.environ) / part).resolve()
    opened.chmod(0o777)

    with pytest.raises(EngineError, match="others could replace the azuread plugin") as caught:
        machine.choose(cloud="public")

    assert f"{opened} can be changed by everybody" in caught.value.what
    assert machine.choose().kind == "standin"


def test_plugin_on_path_that_others_could_replace_is_refused(machine: _Machine) -> None:
    program = write_program(machine.path / "tools" / "pulumi-resource-azuread", "#!/bin/sh\n")
    program.chmod(0o777)

    with pytest.raises(EngineError, match="others could replace the azuread plugin"):
        machine.choose(cloud="public", PATH=f"{program.parent}:/usr/bin:/bin")


def test_installed_plugin_that_has_changed_since_its_first_use_is_refused(machine: _Machine) -> None:
    machine.install()
    machine.choose(cloud="public")
    kept = machine.path / "cache" / KNOWN
    machine.choose(cloud="public")
    installed_program(machine.environ).write_text("#!/bin/sh\necho forged\n")

    with pytest.raises(EngineError, match="has changed since it was first used") as caught:
        machine.choose(cloud="public")

    assert str(kept) in caught.value.repair
    kept.parent.chmod(0o777)
    with pytest.raises(EngineError, match="others could replace what is known"):
        machine.choose(cloud="public")


def test_choose_azuread_installed_is_taken_without_asking_the_network(machine: _Machine) -> None:
    machine.install()
    assert machine.choose().kind == "real"
    assert machine.tries == 0


def test_choose_azuread_choice_is_kept_when_the_real_one_arrives_later(machine: _Machine) -> None:
    machine.choose()
    machine.install()
    plugin = machine.choose()
    assert plugin.kind == "standin"
    assert "kept from this stack's first run" in plugin.line
    assert kept_choice(machine.stack) == "standin"


@pytest.mark.parametrize(("asked", "kind"), [("real", "real"), ("standin", "standin"), ("auto", "real")])
def test_choose_azuread_variable_changes_the_kept_choice(machine: _Machine, asked: str, kind: str) -> None:
    machine.choose()
    machine.install()
    assert machine.choose(AZUREAD_PLUGIN=asked).kind == kind
    assert machine.choose().kind == kind


def test_choose_azuread_failed_try_is_remembered_for_a_day(machine: _Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget_choice() -> None:
        (machine.stack / "azuread-plugin.json").unlink()

    now = 1_000_000.0
    monkeypatch.setattr("orgcal.engine.plugins.time.time", lambda: now)
    machine.choose()
    forget_choice()
    machine.choose()
    assert machine.tries == 1
    now += 86_401.0
    forget_choice()
    machine.choose()
    assert machine.tries == 2


def test_choose_azuread_asked_by_name_tries_again_at_once(machine: _Machine) -> None:
    machine.choose()
    machine.network(_ONLINE)
    assert machine.choose(AZUREAD_PLUGIN="real").kind == "real"


def test_choose_azuread_real_one_asked_for_and_out_of_reach_is_refused(machine: _Machine) -> None:
    with pytest.raises(EngineError, match="cannot be installed: no network") as caught:
        machine.choose(AZUREAD_PLUGIN="real")
    assert "AZUREAD_PLUGIN=standin" in caught.value.repair
    assert kept_choice(machine.stack) is None


def test_choose_azuread_installation_without_end_is_ended(machine: _Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "INSTALL_LIMIT_S", 0.5)
    machine.network("exec sleep 600")
    assert "it was not done after" in machine.choose().line


def test_choose_azuread_on_macos_emulator_stacks_take_the_standin(machine: _Machine) -> None:
    machine.install()
    plugin = machine.choose(system="darwin", AZUREAD_PLUGIN="real")
    assert plugin.kind == "standin"
    assert "macOS" in plugin.line


def test_choose_azuread_on_macos_real_clouds_take_the_real_one(machine: _Machine) -> None:
    machine.install()
    assert machine.choose(cloud="public", system="darwin").kind == "real"


@pytest.mark.parametrize("cloud", ["public", "usgov", "china"])
def test_choose_azuread_standin_outside_the_emulator_is_refused(machine: _Machine, cloud: str) -> None:
    machine.install()
    with pytest.raises(CloudMismatch, match="serves the emulator only"):
        machine.choose(cloud=cloud, AZUREAD_PLUGIN="standin")


def test_choose_azuread_stack_moved_out_of_the_emulator_is_refused(machine: _Machine) -> None:
    machine.choose()
    machine.install()
    with pytest.raises(CloudMismatch, match="kept from this stack's first run"):
        machine.choose(cloud="public")


def test_choose_azuread_standin_on_path_outside_the_emulator_is_refused(machine: _Machine) -> None:
    machine.install()
    path = f"{write_standin(machine.path / 'another')}:/usr/bin:/bin"
    with pytest.raises(CloudMismatch, match="on PATH and would be used"):
        machine.choose(cloud="public", PATH=path)


def test_choose_azuread_outside_the_emulator_offline_is_refused(machine: _Machine) -> None:
    with pytest.raises(EngineError, match="cannot be installed") as caught:
        machine.choose(cloud="public")
    assert "standin" not in caught.value.repair


def test_choose_azuread_plugin_of_the_users_own_on_path_is_named(machine: _Machine) -> None:
    machine.install()
    own = write_program(machine.path / "own" / "pulumi-resource-azuread", "#!/bin/sh\n")
    assert str(own) in machine.choose(PATH=f"{own.parent}:/usr/bin:/bin").line


def test_choose_azuread_unknown_choice_is_a_usage_error(machine: _Machine) -> None:
    with pytest.raises(UsageError, match="known are real, standin, auto"):
        machine.choose(AZUREAD_PLUGIN="fake")


def test_choose_azuread_plugin_on_path_alone_is_the_real_one(machine: _Machine) -> None:
    own = write_program(machine.path / "own" / "pulumi-resource-azuread", "#!/bin/sh\n")
    plugin = machine.choose(PATH=f"{own.parent}:/usr/bin:/bin", AZUREAD_PLUGIN="real")
    assert (plugin.kind, plugin.path_dir) == ("real", None)
    assert machine.choose(cloud="public", PATH=f"{own.parent}:/usr/bin:/bin").kind == "real"


def test_choose_azuread_installation_that_the_engine_does_not_find_is_told(machine: _Machine) -> None:
    machine.network("exit 0")
    with pytest.raises(EngineError, match="installed it and does not find it") as caught:
        machine.choose(AZUREAD_PLUGIN="real")
    assert "PULUMI_HOME" in caught.value.what


def test_installed_azuread_unfinished_installation_does_not_count(machine: _Machine) -> None:
    machine.install()
    assert installed_azuread(machine.engine, machine.environ)
    (machine.path / "home" / "plugins" / "resource-azuread-v6.11.1.partial").write_text("", encoding="utf-8")
    assert not installed_azuread(machine.engine, machine.environ)


@pytest.mark.parametrize("script", ["echo no json", "exit 3", "exec sleep 600"])
def test_installed_azuread_engine_that_lists_nothing_is_told(
    machine: _Machine, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(plugins, "_LIST_LIMIT_S", 0.5)
    write_program(machine.pulumi, f"#!/bin/sh\n{script}\n")
    with pytest.raises(EngineError, match="does not list its plugins"):
        installed_azuread(machine.engine, machine.environ)
