"""A program that reads calendars, and its test. `pip install orgcal-emulator pytest azure-identity requests`."""

import requests
from azure.identity import EnvironmentCredential
from orgcal_emulator import RunningEmulator


def calendars_by_user(graph: str) -> dict[str, list[str]]:
    """Names of calendars by user; users without a mailbox are left out."""
    credential = EnvironmentCredential(disable_instance_discovery=graph != "https://graph.microsoft.com")
    with credential, requests.Session() as session:
        token = credential.get_token("https://graph.microsoft.com/.default").token
        session.headers["Authorization"] = f"Bearer {token}"
        users = session.get(f"{graph}/v1.0/users?$select=id,userPrincipalName").json()["value"]
        found = {}
        for user in users:
            answer = session.get(f"{graph}/v1.0/users/{user['id']}/calendars")
            if answer.ok:
                found[user["userPrincipalName"]] = [each["name"] for each in answer.json()["value"]]
    return found


def test_users_without_a_mailbox_are_left_out(entra_emulator_environ: dict[str, str]) -> None:
    found = calendars_by_user(entra_emulator_environ["ORGCAL_EMULATOR_URL"])
    assert len(found) == 17  # of 20, three of them without a mailbox
    assert all("Calendar" in names for names in found.values())


def test_user_whose_calendars_cannot_be_read_is_left_out(
    entra_emulator: RunningEmulator, entra_emulator_environ: dict[str, str]
) -> None:
    entra_emulator.add_fault("/v1.0/users/.*/calendars", status=500)
    assert len(calendars_by_user(entra_emulator_environ["ORGCAL_EMULATOR_URL"])) == 16
