"""Consent links of platforms with a flow of their own, and of stacks without a callback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orgcal.consent import ConsentService
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.errors import UsageError
from orgcal.platforms import PlatformCredential, open_platform, push_credentials
from orgcal.platforms.testing_server import StrictServer
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY


def test_link_of_a_platform_with_its_own_flow_leads_there(
    registry: Registry,
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    tmp_path: Path,
) -> None:
    api, key_file = NangoApi(), tmp_path / "key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    with StrictServer(api).running() as nango:
        platform = {"kind": "nango", "base_url": nango.base_url}
        environ = {**emulator_environ, "NANGO_API_KEY_FILE": str(key_file)}
        credential = PlatformCredential(outputs.client_id, 1, ClientSecret("hush"), display_name="Outlook")
        push_credentials(open_platform(platform, environ), outputs.connector_key, credential)
        # Such a stack needs no callback of ours.
        theirs = outputs.model_copy(update={"platform": platform, "consent_redirect_uri": ""})
        service = ConsentService(registry, theirs, endpoints, environ)
        link = service.link(registry.wanted("Contoso"))
        service.close()

    assert link.made_by == "platform"
    assert link.url.startswith("https://connect.nango.dev/")
    assert link.url in link.message
    assert "2026-11-25 17:30 UTC" in link.message
    entry = list(registry.log(CONTOSO))[-1]
    assert (entry.action, entry.result, entry.detail["by"]) == ("link", "made", "nango")
    assert link.url not in str(entry)


def test_link_without_a_callback_of_ours_says_what_to_set(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    service = ConsentService(
        registry, outputs.model_copy(update={"consent_redirect_uri": ""}), endpoints, emulator_environ
    )
    with pytest.raises(UsageError, match=r"consent\.public_url"):
        service.link(registry.wanted("Contoso"))
    service.close()
