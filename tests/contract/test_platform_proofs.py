"""Which proof of a credential each platform allows, and that verification says which it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.entra.credentials import ClientSecret
from orgcal.platforms import ConnectorSettings, PlatformCredential, ensure_connector, push_credentials
from tests.support.platform_cases import NAMES, open_case
from verify.credentials import find_credential
from verify.models import Connector, Options, SecretReference

CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"


@pytest.mark.parametrize("name", NAMES)
def test_credential_is_read_back_where_the_platform_can_show_it_and_said_to_be_the_stacks_elsewhere(
    name: str, tmp_path: Path, emulator_keys: Any
) -> None:
    with open_case(name, tmp_path, trustme.CA(), emulator_keys) as case:
        ensure_connector(case.platform, ConnectorSettings("outlook", "Outlook"))
        push_credentials(case.platform, "outlook", PlatformCredential(CLIENT_ID, 1, ClientSecret("hush-1")))
        place = SecretReference("platform", "outlook", case.settings)
        connector = Connector("public", CLIENT_ID, (), place, SecretReference("given", "stack"))
        stacks_own = ClientSecret("hush-1")

        found = find_credential(Options(connector, environ=case.environ, given_credential=stacks_own))

    shown = case.platform.capabilities.reads_back == "value"
    stacks = "from the stack, not the connector's own, as the platform does not show credentials"
    told = "read back from the connector" if shown else stacks
    assert found.origin == told
    assert found.credential == ClientSecret("hush-1")
