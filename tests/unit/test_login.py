"""The operator's login, read from variables: what the engine is given of it, and what is refused in which words."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orgcal.entra.login import SECRET_VARIABLES, Login, engine_login, no_login, read_login, variable
from orgcal.errors import EntraError, OrgcalError, UsageError
from tests.support.certificates import bundle, rsa_pair

OIDC = {"ARM_CLIENT_ID": "c", "ARM_USE_OIDC": "true"}


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What the engine is given."""
    with engine_login(environ) as exact:
        return exact


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(OrgcalError) as caught:
        read()
    return str(caught.value)


@pytest.fixture
def az(tmp_path: Path) -> str:
    """A PATH with an `az`."""
    (tmp_path / "az").write_text("#!/bin/sh\n")
    (tmp_path / "az").chmod(0o755)
    return str(tmp_path)


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A file with a token."""
    (tmp_path / "token").write_text("t0ken\n")
    return str(tmp_path / "token")


def test_engine_gets_one_form_and_none_of_the_others() -> None:
    environ = {
        "ARM_CLIENT_ID": " c ",
        "ARM_CLIENT_SECRET": "s3cret\n",
        "ARM_OIDC_TOKEN": "t0ken",
        "ARM_USE_MSI": "true",
        "ARM_MSI_ENDPOINT": "http://127.0.0.1/",
        "ARM_TENANT_ID": "'t'",
        "AWS_REGION": "eu-central-1",
    }

    assert given(environ) == {
        "ARM_CLIENT_ID": "c",
        "ARM_CLIENT_SECRET": "s3cret",
        "ARM_USE_CLI": "false",
        "ARM_TENANT_ID": "t",
        "AWS_REGION": "eu-central-1",
    }


def test_engine_gets_a_managed_identity_with_its_address(tmp_path: Path) -> None:
    at_home = {"ARM_USE_MSI": "True", "ARM_MSI_ENDPOINT": " http://127.0.0.1/ ", "ARM_CLIENT_ID": "c"}

    assert given(at_home) == {
        "ARM_USE_MSI": "true",
        "ARM_MSI_ENDPOINT": "http://127.0.0.1/",
        "ARM_CLIENT_ID": "c",
        "ARM_USE_CLI": "false",
    }
    assert given({"ARM_USE_MSI": "1"}) == {"ARM_USE_MSI": "true", "ARM_USE_CLI": "false"}


def test_engine_gets_the_login_of_az_by_its_path_alone(az: str) -> None:
    assert given({"PATH": az, "ARM_CLIENT_ID": "ignored", "ARM_USE_CLI": "true"}) == {"PATH": az}
    login = read_login({"PATH": az, "ARM_CLIENT_ID": "ignored"})
    assert (login.kind, login.client_id) == ("az login", "")


@pytest.mark.parametrize("flag", ["false", "F", "0"])
def test_login_of_az_is_left_out_only_by_a_flag_that_says_so(az: str, flag: str) -> None:
    assert read_login({"PATH": az, "ARM_USE_CLI": ""}).kind == "az login"
    with pytest.raises(EntraError) as caught:
        read_login({"PATH": az, "ARM_USE_CLI": flag})
    assert caught.value.where == "ARM_USE_CLI"


def test_engine_gets_a_runners_issuer_in_the_plugins_spelling() -> None:
    github = {**OIDC, "ACTIONS_ID_TOKEN_REQUEST_URL": "https://i.example/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key"}
    azure = {
        **OIDC,
        "SYSTEM_OIDCREQUESTURI": "https://a.example/",
        "SYSTEM_ACCESSTOKEN": "key",
        "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID": "connection",
    }

    assert given(github) == {
        **github,
        "ARM_OIDC_REQUEST_URL": "https://i.example/",
        "ARM_OIDC_REQUEST_TOKEN": "key",
        "ARM_USE_CLI": "false",
    }
    assert given(azure) == {
        **OIDC,
        "SYSTEM_OIDCREQUESTURI": "https://a.example/",
        "SYSTEM_ACCESSTOKEN": "key",
        "ARM_OIDC_REQUEST_URL": "https://a.example/",
        "ARM_OIDC_REQUEST_TOKEN": "key",
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "connection",
        "ARM_USE_CLI": "false",
    }


def test_engine_gets_a_token_by_its_file_where_that_holds_nothing_else(token: str) -> None:
    login = {"ARM_CLIENT_ID": "c", "ARM_USE_OIDC": "true", "ARM_USE_CLI": "false"}
    pod = {"ARM_USE_AKS_WORKLOAD_IDENTITY": "t", "AZURE_FEDERATED_TOKEN_FILE": token, "AZURE_CLIENT_ID": " pod "}

    assert given({**OIDC, "ARM_OIDC_TOKEN": " t0ken "}) == {**login, "ARM_OIDC_TOKEN": "t0ken"}
    assert given({**OIDC, "ARM_OIDC_TOKEN_FILE_PATH": token}) == {**login, "ARM_OIDC_TOKEN_FILE_PATH": token}
    assert given(pod) == {
        **login,
        "ARM_CLIENT_ID": "pod",
        "AZURE_FEDERATED_TOKEN_FILE": token,
        "AZURE_CLIENT_ID": " pod ",
        "ARM_OIDC_TOKEN_FILE_PATH": token,
    }
    assert given({**pod, "ARM_CLIENT_ID": "c"})["ARM_CLIENT_ID"] == "c", "ours counts before the pod's"


# A certificate -----------------------------------------------------------------------------------------------------

IN_A_VARIABLE = {"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE": rsa_pair().pem}


def test_certificate_of_a_variable_gets_a_file_that_no_folder_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with engine_login(IN_A_VARIABLE) as exact:
        path = Path(exact["ARM_CLIENT_CERTIFICATE_PATH"])
        assert path.read_bytes()
        assert list(tmp_path.iterdir()) == []
        assert not path.resolve().exists(), "no name leads to it but that of the open file"
        assert os.readlink(path) == "/memfd:certificate (deleted)", "whoever lists open files sees what it is"

    assert not path.exists()


def test_certificate_gets_a_private_file_where_the_system_has_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with engine_login(IN_A_VARIABLE) as exact:
        [path] = tmp_path.iterdir()
        assert exact["ARM_CLIENT_CERTIFICATE_PATH"] == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes()

    assert list(tmp_path.iterdir()) == []


def test_certificate_of_a_variable_is_closed_with_a_new_password_each_time() -> None:
    passwords = {given(IN_A_VARIABLE)["ARM_CLIENT_CERTIFICATE_PASSWORD"] for _ in range(2)}

    assert len(passwords) == 2
    assert all(len(password) == 32 for password in passwords), "192 random bits"


def test_certificate_in_a_variable_counts_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "other.pfx").write_bytes(bundle(rsa_pair("other")))
    both = {**IN_A_VARIABLE, "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "other.pfx")}

    assert read_login(both).certificate_source().where == "ARM_CLIENT_CERTIFICATE"
    assert read_login(both).certificate().certificate_pem == rsa_pair().certificate


def test_bundle_without_a_password_is_handed_over_without_one(tmp_path: Path) -> None:
    (tmp_path / "own.pfx").write_bytes(bundle(rsa_pair()))

    assert given({"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "own.pfx")}) == {
        "ARM_CLIENT_ID": "c",
        "ARM_CLIENT_CERTIFICATE_PATH": str(tmp_path / "own.pfx"),
        "ARM_USE_CLI": "false",
    }


# What is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ARM_USE_OIDC": "ja"},
         "ARM_USE_OIDC: found 'ja'; expected true or false\n  repair: export ARM_USE_OIDC=true"),
        ({"ARM_CLIENT_SECRET": "s"},
         "ARM_CLIENT_ID: a secret is given, and it is not said whose\n  repair: export ARM_CLIENT_ID=..."),
        ({"ARM_USE_AKS_WORKLOAD_IDENTITY": "1", "AZURE_FEDERATED_TOKEN_FILE": "token"},
         "ARM_CLIENT_ID: a federated token is given, and it is not said whose\n  repair: export ARM_CLIENT_ID=..."),
        ({"ARM_CLIENT_ID": "a\nb", "ARM_CLIENT_SECRET": "s"},
         "ARM_CLIENT_ID: its value holds 2 lines; expected the client id alone\n"
         "  repair: put the client id into it, and nothing else"),
    ],
)  # fmt: skip
def test_variables_that_cannot_be_meant_are_refused(environ: dict[str, str], said: str) -> None:
    assert refused(lambda: read_login(environ)) == said


@pytest.mark.parametrize("name", ["ARM_USE_OIDC", "ARM_USE_MSI", "ARM_USE_CLI", "ARM_USE_AKS_WORKLOAD_IDENTITY"])
def test_each_flag_is_true_or_false(name: str) -> None:
    assert refused(lambda: read_login({name: "maybe"})).startswith(f"{name}: found 'maybe'; ")


@pytest.mark.parametrize(
    ("direct", "by_file", "what", "read"),
    [
        ("ARM_CLIENT_SECRET", "ARM_CLIENT_SECRET_FILE_PATH", "client secret", Login.secret),
        ("ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH", "token", Login.token),
    ],
)
def test_value_and_file_must_agree_and_hold_one_thing(
    tmp_path: Path, direct: str, by_file: str, what: str, read: Callable[[Login], str]
) -> None:
    (tmp_path / "same").write_text("value\n")
    (tmp_path / "other").write_text("another")
    (tmp_path / "empty").write_text("")

    def login(value: str, file: str = "") -> Login:
        environ = {**OIDC, direct: value, **({by_file: str(tmp_path / file)} if file else {})}
        return read_login(environ)

    assert read(login("value")) == read(login("value", "same")) == read(login("", "same")) == "value"
    assert refused(lambda: read(login("value", "other"))) == (
        f"{direct}: it and the file of {by_file} differ\n  repair: unset {direct} or {by_file}"
    )
    assert refused(lambda: read(login("a\nb"))) == (
        f"{direct}: its value holds 2 lines; expected the {what} alone\n"
        f"  repair: put the {what} into it, and nothing else"
    )
    assert refused(lambda: read(login("", "empty"))) == (
        f"{by_file}: the file {tmp_path / 'empty'} is empty\n  repair: put the {what} into it, and nothing else"
    )


def test_file_of_a_pods_token_names_its_variable_where_it_holds_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("")
    pod = {"ARM_USE_AKS_WORKLOAD_IDENTITY": "1", "AZURE_CLIENT_ID": "c"}
    login = read_login({**pod, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")})

    assert refused(login.token) == (
        f"AZURE_FEDERATED_TOKEN_FILE: the file {tmp_path / 'token'} is empty\n"
        "  repair: put the token into it, and nothing else"
    )


def test_client_id_and_its_file_must_agree(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("from the file")
    environ = {"ARM_CLIENT_SECRET": "s", "ARM_CLIENT_ID_FILE_PATH": str(tmp_path / "id")}

    assert read_login(environ).client_id == "from the file"
    assert refused(lambda: read_login({**environ, "ARM_CLIENT_ID": "c"})) == (
        "ARM_CLIENT_ID: it and the file of ARM_CLIENT_ID_FILE_PATH differ\n"
        "  repair: unset ARM_CLIENT_ID or ARM_CLIENT_ID_FILE_PATH"
    )


def test_token_that_has_to_be_asked_for_is_empty() -> None:
    issuer = {**OIDC, "ARM_OIDC_REQUEST_URL": "https://i.example/", "ARM_OIDC_REQUEST_TOKEN": "key"}

    assert read_login(issuer).token() == ""


def test_runners_own_names_stand_for_ours_and_ours_count_first() -> None:
    url, key, connection = (
        "ARM_OIDC_REQUEST_URL",
        "ARM_OIDC_REQUEST_TOKEN",
        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
    )
    names = [
        (url, "ACTIONS_ID_TOKEN_REQUEST_URL"),
        (url, "SYSTEM_OIDCREQUESTURI"),
        (key, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        (key, "SYSTEM_ACCESSTOKEN"),
        (connection, "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID"),
    ]

    for name, other in names:
        assert variable({other: "'x' "}, name) == "x"
        assert variable({other: "x", name: "own"}, name) == "own"
        assert variable({other: "x", name: " "}, name) == "x"
    github_first = {"ACTIONS_ID_TOKEN_REQUEST_URL": "github", "SYSTEM_OIDCREQUESTURI": "azure"}
    assert variable(github_first, url) == "github"
    assert variable({}, url) == variable({}, "ARM_CLIENT_ID") == ""


@pytest.mark.parametrize(
    ("environ", "tenant_id", "repair"),
    [
        ({"ARM_OIDC_TOKEN": "t", "ARM_OIDC_TOKEN_FILE_PATH": "f"}, "",
         "export ARM_USE_OIDC=true, without which ARM_OIDC_TOKEN does not count"),
        ({"ARM_OIDC_TOKEN_FILE_PATH": "f"}, "",
         "export ARM_USE_OIDC=true, without which ARM_OIDC_TOKEN_FILE_PATH does not count"),
        ({"ARM_USE_OIDC": "true"}, "",
         "name a token in ARM_OIDC_TOKEN_FILE_PATH; in a GitHub workflow: permissions: id-token: write"),
        ({"ARM_USE_AKS_WORKLOAD_IDENTITY": "true"}, "",
         "ARM_USE_AKS_WORKLOAD_IDENTITY wants AZURE_FEDERATED_TOKEN_FILE, which AKS sets for a labelled pod"),
        *((environ, tenant_id,
           f"az login --tenant {named} --allow-no-subscriptions, or set ARM_CLIENT_ID and one of "
           "ARM_CLIENT_SECRET_FILE_PATH, ARM_CLIENT_CERTIFICATE_PATH, ARM_USE_OIDC")
          for environ, tenant_id, named in (({}, "", "TENANT"), ({"ARM_TENANT_ID": "t-1"}, "", "t-1"),
                                            ({"ARM_TENANT_ID": "t-1"}, "t-2", "t-2"))),
    ],
)  # fmt: skip
def test_repair_of_a_missing_login_says_what_the_half_of_it_lacks(
    environ: dict[str, str], tenant_id: str, repair: str
) -> None:
    error = no_login("here", environ, tenant_id)

    assert str(error) == f"here: there is no login of an operator\n  repair: {repair}"


def test_secret_variables_are_those_whose_values_must_not_be_shown() -> None:
    """Whoever reads one of these logs in with it, or opens what logs in; a path or an address alone does neither."""
    assert {
        "ARM_CLIENT_SECRET",
        "ARM_CLIENT_CERTIFICATE",
        "ARM_CLIENT_CERTIFICATE_PASSWORD",
        "ARM_OIDC_TOKEN",
        "ARM_OIDC_REQUEST_TOKEN",
    } == SECRET_VARIABLES


def test_usage_of_a_login_is_told_apart_from_its_lack() -> None:
    with pytest.raises(UsageError):
        read_login({"ARM_CLIENT_SECRET": "s"})
    with pytest.raises(EntraError):
        read_login({"ARM_USE_CLI": "0"})
