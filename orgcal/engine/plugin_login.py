"""Tries the login of the azuread plugin that a stack would use: what `orgcal doctor` needs to know before a deployment.

The engine itself finds and starts the plugin. It is configured as the engine would do it and asked who it is; nothing
is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orgcal.child_environ import ENGINE, passed_on
from orgcal.engine.child import run_child
from orgcal.engine.errors import sentence_of
from orgcal.engine.find import Engine
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.login import engine_login
from orgcal.errors import OrgcalError
from orgcal.numbers import whole_number

LIMIT_S = 60.0
_REPAIR = "log in as docs/create.md says: az login, or ARM_ variables"
_URN = "urn:pulumi:doctor::orgcal::pulumi:providers:azuread::entra"
_WHO = "azuread:index/getClientConfig:getClientConfig"


class _Answered(Exception):  # no error: it ends the wait
    """What the plugin said: empty if it logged in."""


def login_trouble(
    engine: Engine, environ: Mapping[str, str], endpoints: CloudEndpoints, tenant_id: str
) -> tuple[str, str]:
    """Why the plugin cannot log in, in a few words, and how to repair it; both empty if it can.

    The engine finds the plugin, on PATH before its own. `tenant_id` is the home tenant.
    """
    arguments = {
        "environment": endpoints.azuread_environment,
        "metadataHost": endpoints.metadata_host,
        "tenantId": tenant_id,
    }

    def ask_at_port(line: str) -> None:
        port = whole_number(line.strip())
        if port is not None:
            raise _Answered(_ask(port, arguments))

    command = [str(engine.pulumi), "plugin", "run", "--kind", "resource", f"azuread@{AZUREAD_PLUGIN_VERSION}"]
    try:
        with engine_login(passed_on(environ, ENGINE)) as exact:
            ended = run_child(
                [*command, "127.0.0.1:1"],  # where the engine would listen: not asked for a login
                env={**exact, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"},
                cwd=Path("/"),
                limit_s=LIMIT_S,
                on_line=ask_at_port,
            )
    except _Answered as answered:
        said = str(answered)
        return said, _REPAIR if said else ""
    except OrgcalError as error:
        return (f"{error.where}: {error.what}" if error.where else error.what), error.repair
    return (
        f"it does not start: {ended.last_words[:200]}",
        "pip install --require-hashes -r requirements.txt, in the project's virtual environment",
    )


def _ask(port: int, arguments: Mapping[str, str]) -> str:
    """Configure the plugin that serves on `port` and ask it who it is; what it refused, empty if nothing."""
    import grpc
    from google.protobuf.struct_pb2 import Struct
    from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

    given: Any = Struct()
    given.update({name: value for name, value in arguments.items() if value})
    options = [("grpc.enable_http_proxy", 0)]  # it is on this machine, whatever the proxy's variables say
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        plugin: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        try:
            checked = plugin.CheckConfig(provider_pb2.CheckRequest(urn=_URN, news=given), timeout=LIMIT_S)
            if checked.failures:
                return "; ".join(sentence_of(failure.reason) for failure in checked.failures)
            plugin.Configure(provider_pb2.ConfigureRequest(args=checked.inputs, acceptSecrets=True), timeout=LIMIT_S)
            answer = plugin.Invoke(provider_pb2.InvokeRequest(tok=_WHO), timeout=LIMIT_S)
        except grpc.RpcError as error:
            return sentence_of(str(getattr(error, "details", lambda: "")() or error))
    return "; ".join(sentence_of(failure.reason) for failure in answer.failures)
