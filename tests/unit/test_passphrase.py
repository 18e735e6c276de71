"""The passphrase of a stack: made once, never beside a salt; a copied salt and a lost file are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orgcal.errors import UsageError
from orgcal.stack.errors import explain
from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE, copied_salt, ensure_passphrase, passphrase_variables

ROOT = Path(__file__).resolve().parents[2]
DEV_SALT = str(yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["encryptionsalt"])
OTHER_SALT = "v1:AAAAAAAAAAA=:v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
INCORRECT = "error: getting secrets manager: incorrect passphrase"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "dev", encryptionsalt=DEV_SALT)
    write(tmp_path, "prod")
    return tmp_path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"ORGCAL_DATA_DIR": str(tmp_path / "data")}


def write(project: Path, stack: str, **said: object) -> None:
    text = yaml.safe_dump({"config": {"orgcal:entra": {"cloud": "public"}}, **said}, sort_keys=False)
    (project / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def own_dir(project: Path, stack: str = "prod") -> Path:
    path = project / "data" / "stacks" / stack
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_passphrase_of_a_new_stack_is_made_once_and_private(project: Path, environ: dict[str, str]) -> None:
    ensure_passphrase(project, "prod", own_dir(project), environ)
    path = own_dir(project) / "passphrase"
    first = path.read_text()
    write(project, "prod", encryptionsalt=OTHER_SALT)  # as Pulumi writes it when it makes the stack

    ensure_passphrase(project, "prod", own_dir(project), environ)

    assert passphrase_variables(project, "prod", own_dir(project), environ) == {
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(path)
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(first) >= 40
    assert path.read_text() == first


def test_passphrase_missing_beside_a_salt_is_refused_and_none_is_made(project: Path, environ: dict[str, str]) -> None:
    write(project, "prod", encryptionsalt=OTHER_SALT)

    with pytest.raises(UsageError, match="is missing, and no other one opens them") as caught:
        ensure_passphrase(project, "prod", own_dir(project), environ)

    assert caught.value.where == str(own_dir(project) / "passphrase")
    assert "from your backup" in caught.value.repair
    assert "docs/destroy-and-restore.md#a-lost-passphrase" in caught.value.repair
    assert list(own_dir(project).iterdir()) == []


def test_passphrase_of_a_file_copied_with_its_salt_names_the_line_to_remove(
    project: Path, environ: dict[str, str]
) -> None:
    write(project, "two", encryptionsalt=DEV_SALT)

    with pytest.raises(UsageError, match=r"encryptionsalt was copied from Pulumi\.dev\.yaml") as caught:
        ensure_passphrase(project, "two", own_dir(project, "two"), environ)

    assert caught.value.where == "Pulumi.two.yaml"
    assert caught.value.repair == (
        "remove that line from Pulumi.two.yaml; the first orgcal up --stack two writes one of its own"
    )
    assert list(own_dir(project, "two").iterdir()) == []


def test_passphrase_copied_encrypted_values_are_to_be_set_anew(project: Path, environ: dict[str, str]) -> None:
    config = {"orgcal:connector": {"platform": {"key": {"secure": "v1:x"}}, "list": [{"secure": "v1:y"}]}}
    write(project, "two", encryptionsalt=DEV_SALT, config=config)

    problem = copied_salt(project, "two", environ)

    assert problem is not None
    assert problem.repair == (
        "remove that line from Pulumi.two.yaml, then pulumi stack init two, then set anew what only stack dev can "
        "decrypt: pulumi config set --stack two --secret --path 'orgcal:connector.platform.key' "
        "(and so orgcal:connector.list[0])"
    )


def test_passphrase_copied_values_without_the_salt_are_named(project: Path) -> None:
    write(project, "two", config={"orgcal:application": {"notes": {"secure": "v1:x"}}})
    failed = "error: validating stack config: cipher: message authentication failed"

    error = explain(failed, [], stack="two", project=project)

    assert (
        error.what == "a value was encrypted for another stack and cannot be decrypted here: orgcal:application.notes"
    )
    assert error.repair == "pulumi config set --stack two --secret --path 'orgcal:application.notes'"
    assert explain(failed, [], stack="prod", project=project).what == failed.removeprefix("error: ")


def test_passphrase_of_the_original_is_lost_and_not_copied(project: Path, environ: dict[str, str]) -> None:
    """The copy has the same salt; its passphrase does not open it, so removing the original's salt would be wrong."""
    write(project, "prod", encryptionsalt=OTHER_SALT)
    write(project, "stage", encryptionsalt=OTHER_SALT)
    (own_dir(project, "stage") / "passphrase").write_text("made by an older orgcal")

    with pytest.raises(UsageError, match="is missing"):
        ensure_passphrase(project, "prod", own_dir(project), environ)


def test_passphrase_that_exists_beside_a_copied_salt_is_told_as_copied(project: Path, environ: dict[str, str]) -> None:
    write(project, "two", encryptionsalt=DEV_SALT)

    error = explain(INCORRECT, [], stack="two", project=project)

    assert error.where == "Pulumi.two.yaml"
    assert "was copied from Pulumi.dev.yaml" in error.what
    assert explain(INCORRECT, [], stack="prod", project=project).what.startswith("the passphrase is not the one")
    assert explain(INCORRECT, [], stack="gone", project=project).what.startswith("the passphrase is not the one")


def test_passphrase_in_ci_is_not_made_where_its_runner_loses_it(project: Path, environ: dict[str, str]) -> None:
    environ |= {"CI": "true", "PULUMI_BACKEND_URL": "azblob://state?storage_account=acme"}

    with pytest.raises(UsageError, match="gone after this job") as caught:
        ensure_passphrase(project, "prod", own_dir(project), environ)

    assert "--secrets-provider" in caught.value.repair
    assert list(own_dir(project).iterdir()) == []
    ensure_passphrase(project, "prod", own_dir(project), environ | {"PULUMI_CONFIG_PASSPHRASE": "mine"})
    assert list(own_dir(project).iterdir()) == []
    ensure_passphrase(project, "prod", own_dir(project), environ | {"PULUMI_BACKEND_URL": "https://api.pulumi.com"})
    assert [path.name for path in own_dir(project).iterdir()] == ["passphrase"]


def test_passphrase_of_the_users_own_is_left_alone(project: Path, environ: dict[str, str]) -> None:
    write(project, "prod", encryptionsalt=OTHER_SALT)
    file = project / "mine"
    file.write_text("mine")
    for named in ({"PULUMI_CONFIG_PASSPHRASE": "mine"}, {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}):
        ensure_passphrase(project, "prod", own_dir(project), environ | named)

        assert passphrase_variables(project, "prod", own_dir(project), environ | named) == {}
        assert list(own_dir(project).iterdir()) == []


def test_passphrase_file_that_the_user_names_and_that_is_not_there_is_refused(
    project: Path, environ: dict[str, str]
) -> None:
    named = environ | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(project / "gone")}

    with pytest.raises(UsageError, match=r"there is no file .*gone") as caught:
        ensure_passphrase(project, "prod", own_dir(project), named)

    assert caught.value.where == "PULUMI_CONFIG_PASSPHRASE_FILE"
    ensure_passphrase(project, "prod", own_dir(project), named | {"PULUMI_BACKEND_URL": "https://api.pulumi.com"})
    write(project, "prod", secretsprovider="azurekeyvault://vault/keys/key")
    ensure_passphrase(project, "prod", own_dir(project), named)


def test_passphrase_of_a_key_service_is_none(project: Path, environ: dict[str, str]) -> None:
    write(project, "prod", secretsprovider="azurekeyvault://vault/keys/key")

    assert passphrase_variables(project, "prod", own_dir(project), environ) == {}


def test_passphrase_of_dev_is_the_public_one(project: Path, environ: dict[str, str]) -> None:
    assert passphrase_variables(project, "dev", own_dir(project, "dev"), environ) == {
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(DEV_PASSPHRASE_FILE)
    }
