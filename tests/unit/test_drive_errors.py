"""What the engine says, as one sentence with its repair."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orgcal.stack.errors import explain

HERE = Path(__file__).parent

LOCKS = """\
Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.
  file:///state/.pulumi/locks/organization/orgcal/prod/5a.json: created by ada@host (pid 7) at 2026-11-28T12:00:00Z"""
"""As `checkForLock` of the engine writes it (pulumi/pulumi, pkg/backend/diy/lock.go at 99dd438853b4); the words of a
full disk are those of the system, in lower case as Go has them. tests/engine/test_engine_says.py has them from the
engine itself."""
UNHANDLED = "an unhandled error occurred: program exited with non-zero exit code: 1"


@pytest.mark.parametrize(
    ("transcript", "sentence", "repair"),
    [
        ("error: getting secrets manager: incorrect passphrase", "passphrase", "_FILE"),
        (f"error: the stack is currently locked by 2 lock(s). {LOCKS}", "another update", "pulumi cancel --stack prod"),
        (
            "error: \n====\nLegacy DIY state is deprecated, please upgrade",
            "without their project",
            "state upgrade, once",
        ),
        (f"error: write /x/state.json: {os.strerror(errno.ENOSPC).lower()}", "the disk is full", "free some space"),
    ],
)
def test_explain_known_trouble_of_the_backend_names_the_repair(transcript: str, sentence: str, repair: str) -> None:
    error = explain(transcript, [], stack="prod", project=HERE)

    assert sentence in error.what
    assert repair in error.repair
    assert error.where == "stack prod"


def test_explain_names_protected_resources_once_without_the_engines_advice() -> None:
    refusal = (
        'resource "urn:pulumi:prod::orgcal::orgcal:index:EntraApplication$azuread:index/application:Application::c" '
        "cannot be deleted\nbecause it is protected. To unprotect the resource, edit the state"
    )
    error = explain("", [refusal, f"Preview failed: {refusal}"], stack="prod", project=HERE)

    assert error.what == "protected against deletion: Application c"
    assert "orgcal:protect false, then orgcal up --stack prod" in error.repair


def test_explain_keeps_sentence_and_repair_of_our_program() -> None:
    said = "ARM_TENANT_ID: it belongs to another cloud\n  repair: unset ARM_TENANT_ID"

    error = explain("a long transcript", [said, UNHANDLED], stack="dev", project=HERE)

    assert error.what == "ARM_TENANT_ID: it belongs to another cloud"
    assert error.repair == "unset ARM_TENANT_ID"


def test_explain_takes_the_engines_wrapping_off_a_plugins_sentence() -> None:
    wrapped = "1 error occurred:\n\t* updating urn: rpc error: code = Unknown desc = the key is wrong"

    error = explain("", [wrapped, "update failed"], stack="dev", project=HERE)

    assert error.what == "the key is wrong"


# What the real azuread plugin 6.11.1 said, by engine 3.258.0 (2026-11-28).
DENIED = "Could not create application: unexpected status 403 (403 Forbidden) with error: Graph_Code: No."
EXISTS = (
    'A resource with the ID "0b04eba2" already exists: To be managed via Terraform, this resource needs to be imported '
    'into the State. Please see the resource documentation for "azuread_service_principal" for more information.'
)
REFUSED = (
    "building client: unable to obtain access token: clientCredentialsToken: received HTTP status 401 with response: "
    '{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: e0 '
    'Correlation ID: 84","error_codes":[7000215]}'
)


@pytest.mark.parametrize(
    ("said", "sentence", "repair"),
    [
        (
            DENIED,
            "Could not create application: Microsoft Graph answered 403 Graph_Code: No.",
            "",
        ),
        (
            EXISTS,
            'A resource with the ID "0b04eba2" already exists, and the state does not hold it',
            "orgcal up --stack dev once more",
        ),
        (
            REFUSED,
            "building client: unable to obtain access token: AADSTS7000215: Invalid client secret provided.",
            "orgcal doctor --stack dev",
        ),
    ],
)
def test_explain_tells_the_azuread_plugins_sentence_once_without_its_noise(
    said: str, sentence: str, repair: str
) -> None:
    logged = f"sdk-v2/provider2.go:571: sdk.helper_schema: {said}: provider=azuread@6.11.1"
    listed = f"invocation of azuread:index/getX:getX returned an error: 1 error occurred:\n\t* {said}\n\n"

    error = explain("", [logged, listed, "update failed"], stack="dev", project=HERE)

    assert error.what == sentence
    assert repair in error.repair


def test_explain_creation_that_the_plugin_lost_names_the_resource() -> None:
    urn = "urn:pulumi:dev::orgcal::orgcal:index:EntraApplication$azuread:index/application:Application::outlook"
    error = explain("", [f"expected non-nil error with nil state during Create of {urn}"], stack="dev", project=HERE)

    assert error.what == "the azuread plugin could not follow what it made (Application outlook)"
    assert "orgcal sweep --stack dev" in error.repair


def test_explain_several_sentences_are_said_once_each() -> None:
    error = explain("", ["first", "second", "first"], stack="dev", project=HERE)

    assert error.what == "first\nsecond"


def test_explain_without_diagnostics_falls_back_to_the_transcript() -> None:
    error = explain("code: 255\nstderr: x\nerror: no such backend\n", [], stack="dev", project=HERE)

    assert error.what == "no such backend"


CRASHED = """
 code: 1
 stdout: Updating (dev):
    pulumi:pulumi:Stack orgcal-dev  Traceback (most recent call last):
    pulumi:pulumi:Stack orgcal-dev  pulumi.errors.RunError: Resource monitor has terminated, shutting down
    pulumi:pulumi:Stack orgcal-dev  grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:
    pulumi:pulumi:Stack orgcal-dev  \tdetails = "failed to connect to all addresses"
    pulumi:pulumi:Stack orgcal-dev  >

Resources:
    1 errored

Duration: 1s

 stderr: """


@pytest.mark.parametrize(
    ("transcript", "sentence"),
    [
        (CRASHED, "Resource monitor has terminated, shutting down"),
        ("\n code: 255\n stdout: Updating (dev):\n stderr: first\n second\n", "second"),
        ("stderr: only this", "only this"),
        ("\n code: 255\n stdout: \n stderr: error: no such key\n", "no such key"),
        ("\n code: 1\n stdout: \n stderr: ", "the engine failed without saying why"),
        ("code: 1\nstdout:\nstderr:", "the engine failed without saying why"),
        ("", "the engine failed without saying why"),
    ],
)
def test_explain_an_engine_that_names_no_error_never_says_an_empty_label(transcript: str, sentence: str) -> None:
    assert explain(transcript, [UNHANDLED], stack="dev", project=HERE).what == sentence
