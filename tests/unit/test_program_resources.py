"""The program's side of our provider: what it sends is what the plugin declares."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from orgcal.provider.connector import certificates, connectors, credentials, ledgers
from provisioning.connector import CertificateKey, Connector, ConnectorCredentials, CredentialLedger
from tests.support.program_mocks import program_test, use_mocks


class Sent(pulumi.runtime.Mocks):
    """Answers with the inputs, and keeps what the SDK registered."""

    def __init__(self) -> None:
        self.inputs: dict[str, Any] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.inputs = args.inputs
        return "id", {**args.inputs, "certificatePem": "C", "privateKeyPem": "K", "callbackUrl": "https://back"}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError("no function is called")


@pytest.fixture
def sent() -> Sent:
    mocks = Sent()
    use_mocks(mocks)
    return mocks


@program_test
def test_credentials_send_secrets_as_secrets_and_leave_absent_ones_out(sent: Sent) -> Any:
    made = ConnectorCredentials(
        "c", platform={"kind": "http", "callback_url": "u"}, connector_key="k", client_id="i", client_secret="s",
        private_key_pem=None, generation=1,
    )  # fmt: skip

    def look(_: Any) -> None:
        assert sent.inputs["platform"] == {"kind": "http", "callback_url": "u"}, "a platform's own names stay"
        assert sent.inputs["connectorKey"] == "k"
        assert sent.inputs["clientSecret"]["value"] == "s"
        assert "privateKeyPem" not in sent.inputs

    return made.urn.apply(look)


@program_test
def test_outputs_have_python_names(sent: Sent) -> Any:
    entry = Connector("c", platform={"kind": "local"}, key="k", display_name="d", scopes=[])
    key = CertificateKey("k", common_name="n", end_date="2027-05-22T12:00:00Z")

    def look(values: list[str]) -> None:
        assert values == ["https://back", "k", "C", "K"]

    outputs = pulumi.Output.all(entry.callback_url, entry.key, key.certificate_pem, key.private_key_pem)
    return outputs.apply(look)


@program_test
def test_input_that_is_not_declared_reaches_the_plugin_which_refuses_it(sent: Sent) -> Any:
    entry = Connector("c", platform={"kind": "local"}, key="k", display_nam="d", scopes=[])

    def look(_: Any) -> None:
        assert sent.inputs["displayNam"] == "d"

    return entry.urn.apply(look)


@program_test
def test_options_of_the_program_count_more_than_our_own(sent: Sent) -> Any:
    engine = use_mocks(sent)
    made = Connector(
        "c", platform={}, key="k", display_name="d", scopes=[], opts=pulumi.ResourceOptions(version="9.9.9")
    )

    def look(_: Any) -> None:
        assert engine.registered["c", "Connector"].version == "9.9.9"

    return made.urn.apply(look)


@pytest.mark.parametrize(
    ("ours", "plugin"),
    [
        (Connector, connectors.Connector),
        (CredentialLedger, ledgers.CredentialLedger),
        (ConnectorCredentials, credentials.ConnectorCredentials),
        (CertificateKey, certificates.CertificateKey),
    ],
)
def test_every_typed_output_is_declared_by_the_plugin(ours: type, plugin: Any) -> None:
    declared = {name.lower() for name in (*plugin.inputs, *plugin.outputs)}

    assert {name.replace("_", "") for name in ours.__annotations__ if not name.startswith("_")} <= declared
