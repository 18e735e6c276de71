"""`python -m verify` with credentials as people have them: each is used, or refused in one sentence."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.stack.outputs import StackOutputs
from tests.support.administrator import answer
from tests.support.certificates import bundle, ec_pair, rsa_pair
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, deploy, operator_graph
from tests.support.verification import verify

ROOT = Path(__file__).resolve().parents[2]
ATTRIBUTES = "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n"
Run = Callable[[bytes], subprocess.CompletedProcess[str]]


@pytest.fixture
def outputs(endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]) -> StackOutputs:
    """A connector whose application has a certificate too, and which Contoso consented to."""
    found = deploy(endpoints, emulator_environ)
    der = "".join(line for line in rsa_pair().certificate.splitlines() if "-----" not in line)
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": der}
    with new_session(endpoints, environ={}) as session:
        graph = operator_graph(endpoints, emulator_environ, session)
        graph.patch(f"/applications/{found.application_object_id}", {"keyCredentials": [key]})
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=found.client_id, redirect_uri=CONSENT_URI, state="s")
    assert "admin_consent=True" in answer(endpoints, url, "admin@contoso.example", follow=False).headers["Location"]
    return found


@pytest.fixture
def secret(outputs: StackOutputs) -> str:
    assert outputs.client_secret is not None
    return outputs.client_secret.get_secret_value()


@pytest.fixture
def run(outputs: StackOutputs, emulator_environ: Mapping[str, str], tmp_path: Path) -> Run:
    """Verifies with what the credential's file holds."""

    def run(content: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "credential").write_bytes(content)
        text = (
            f"cloud: emulator\nclient_id: {outputs.client_id}\nscopes: [Calendars.Read]\n"
            f"client_secret_file: credential\ntenants: [{{tenant_id: {CONTOSO}}}]\n"
        )
        (tmp_path / "connector.yaml").write_bytes(text.encode("utf-16"))
        return verify(emulator_environ, f"--connector-config={tmp_path / 'connector.yaml'}", "--sample=3")

    return run


@pytest.mark.parametrize("form", ["attributes", "bundle", "escaped"])
def test_certificate_of_the_connector_is_used_in_whatever_form_it_is(run: Run, form: str) -> None:
    pair, chain = rsa_pair(), rsa_pair("authority").certificate
    content = {
        "attributes": f"{ATTRIBUTES}{pair.certificate}{chain}{ATTRIBUTES}{pair.key}".encode(),
        "bundle": bundle(pair),
        "escaped": pair.pem.replace("\n", "\\n").encode("utf-8-sig"),
    }[form]

    ended = run(content)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_client_secret_is_used_as_powershell_and_docker_leave_it(
    run: Run, secret: str, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    described = {
        "ORGCAL_CLIENT_ID": f"{outputs.client_id}\n",
        "ORGCAL_CLOUD": "emulator",
        "ORGCAL_SCOPES": '"Calendars.Read"',
        "ORGCAL_TENANTS": CONTOSO,
        "ORGCAL_CLIENT_SECRET": f'"{secret}"\n',
    }

    assert run(f"{secret}\r\n".encode("utf-16")).returncode == 0
    ended = verify({**emulator_environ, **described}, "--sample=3")

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("content", "reason", "repair"),
    [
        (ec_pair().pem.encode(), "elliptic curve", "openssl req -x509 -newkey rsa:2048"),
        (bundle(rsa_pair(), "open"), "with a password", "openssl pkcs12 -in"),
        (rsa_pair(bits=1024).pem.encode(), "1024 bits", "openssl req -x509 -newkey rsa:2048"),
        (base64.b64encode(bundle(rsa_pair(), "open")), "with a password", "openssl pkcs12 -in"),
        (b"one\ntwo", "2 lines", "nothing else"),
        (b"gr\xfc\xdfe", "is not text", "iconv"),
        (b"", "is empty", "nothing else"),
    ],
    ids=["curve", "password", "weak", "base64", "lines", "latin-1", "empty"],
)
def test_credential_that_cannot_be_used_is_refused_before_anybody_is_asked(
    run: Run, content: bytes, reason: str, repair: str
) -> None:
    ended = run(content)

    assert ended.returncode == 2
    assert reason in ended.stderr
    assert repair in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "report this" not in ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 2
