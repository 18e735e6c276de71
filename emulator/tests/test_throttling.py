"""Limits, latency, lag and scripted faults: deterministic, on a clock that the test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from orgcal_emulator.server import RunningEmulator

USER = "admin@contoso.example"


class Control:
    """Calls the control routes."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._url: str = emulator.ready["control"]["url"]
        token = Path(emulator.ready["control"]["token_file"]).read_text()
        self._arguments: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {token}"},
            "verify": emulator.ready["ca_file"],
        }

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(self._url + path, json=body, **self._arguments)

    def get(self, path: str) -> Any:
        return requests.get(self._url + path, **self._arguments).json()


@pytest.fixture
def control(emulator: RunningEmulator) -> Control:
    return Control(emulator)


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "User.Read.All", "Calendars.Read")


# Limits --------------------------------------------------------------------------------------------------------------


def test_identity_units_over_the_limit_answer_429_with_graphs_headers(
    reader: Any, control: Control, emulator: RunningEmulator
) -> None:
    control.post("/limits", {"identity_medium": 6})  # 57 users: a medium tenant
    costs = [reader.get(f"users?{query}").headers["x-ms-resource-unit"] for query in ("$top=500", "$select=id")]
    assert costs == ["2", "1"]
    third = reader.get("users?$top=5")
    assert third.headers["x-ms-resource-unit"] == "1"
    assert "x-ms-throttle-limit-percentage" not in third.headers
    fourth = reader.get("users?$top=5")
    # 5 of 6 units; what a busy machine lets pass between two requests is given back.
    assert fourth.headers["x-ms-throttle-limit-percentage"] in {"0.80", "0.81", "0.82", "0.83"}
    refused = reader.get("users")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert refused.headers["Retry-After"] == "2"
    assert refused.headers["x-ms-throttle-scope"].endswith(f"{reader.client_id}/{reader.tenant_id}")
    assert refused.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    emulator.move_clock(2)
    assert reader.get("users?$top=5").status_code == 200


def test_client_that_comes_back_early_is_refused_and_counted(
    reader: Any, control: Control, emulator: RunningEmulator
) -> None:
    control.post("/limits", {"mailbox_requests": 2, "mailbox_s": 10.0})
    path = f"users/{USER}/calendars"
    assert [reader.get(path).status_code for _ in range(3)] == [200, 200, 429]
    emulator.move_clock(1)
    assert reader.get(path).status_code == 429
    assert control.get("/limits")["early"] == 1
    emulator.move_clock(5)
    assert reader.get(path).status_code == 200
    assert (control.get("/limits")["refused"], control.get("/limits")["early"]) == (2, 1)


def test_one_mailbox_over_its_limit_does_not_touch_another(reader: Any, control: Control) -> None:
    control.post("/limits", {"mailbox_requests": 1})
    assert reader.get(f"users/{USER}/calendars").status_code == 200
    assert reader.get(f"users/{USER}/calendars").status_code == 429
    assert reader.get("users/megan@contoso.example/calendars").status_code == 200


def test_throttled_request_inside_a_batch_has_its_own_429_in_an_outer_200(reader: Any, control: Control) -> None:
    control.post("/limits", {"mailbox_requests": 1})
    entries = [{"id": str(n), "method": "GET", "url": f"/users/{USER}/calendars"} for n in range(2)]
    answer = reader.post("$batch", {"requests": entries})
    assert answer.status_code == 200
    first, second = answer.json()["responses"]
    assert (first["status"], second["status"]) == (200, 429)
    assert int(second["headers"]["Retry-After"]) >= 1


def test_global_limit_is_per_application(reader: Any, control: Control, log_in_to: Callable[..., Any]) -> None:
    other = log_in_to("contoso.example", "User.Read.All")
    reader.token()
    control.post("/limits", {"global_requests": 1, "global_s": 60.0})
    assert [reader.get("users").status_code for _ in range(2)] == [200, 429]
    assert other.get("users").status_code == 200


@pytest.mark.parametrize("body", [{"nothing": 1}, {"mailbox_requests": 0}, {"mailbox_s": "x"}, {"enabled": 1}])
def test_impossible_limits_answer_400(control: Control, body: dict[str, Any]) -> None:
    assert control.post("/limits", body).status_code == 400


def test_mailbox_takes_four_requests_at_a_time(reader: Any, control: Control, emulator: RunningEmulator) -> None:
    reader.token()
    control.post("/latency", {"outlook_s": 0.5})
    statuses: list[int] = []
    barrier = threading.Barrier(5)

    def call() -> None:
        with requests.Session() as session:
            session.trust_env, session.verify = False, emulator.ready["ca_file"]
            barrier.wait()
            headers = {"Authorization": f"Bearer {reader.token()}"}
            statuses.append(session.get(f"{reader.base_url}/v1.0/users/{USER}/calendars", headers=headers).status_code)

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 200, 200, 429]
    assert reader.get(f"users/{USER}/calendars").status_code == 200


# Latency -------------------------------------------------------------------------------------------------------------


def test_latency_of_a_batch_is_that_of_four_calendar_reads_at_a_time(reader: Any, control: Control) -> None:
    reader.token()
    control.post("/latency", {"outlook_s": 0.05})
    users = [each["id"] for each in reader.get("users?$top=8&$select=id").json()["value"]]
    entries = [{"id": each, "method": "GET", "url": f"/users/{each}/calendars"} for each in users]
    began = time.perf_counter()
    reader.post("$batch", {"requests": entries})
    took = time.perf_counter() - began
    assert took >= 0.1
    assert control.post("/latency", {"outlook_s": -1}).status_code == 400


# Lag -----------------------------------------------------------------------------------------------------------------


def test_reads_lag_a_creation_by_as_many_reads_as_told(operator: Any, control: Control) -> None:
    control.post("/lag", {"reads": 2, "kinds": ["application"]})
    made = operator.post("applications", {"displayName": "x"}).json()
    path = f"applications/{made['id']}"
    assert [operator.get(path).status_code for _ in range(4)] == [404, 404, 200, 200]
    assert operator.patch(path, {"displayName": "y"}).status_code == 204
    assert [operator.get(path).json()["displayName"] for _ in range(4)] == ["x", "x", "y", "y"]
    assert operator.delete(path).status_code == 204
    assert [operator.get(path).status_code for _ in range(3)] == [200, 200, 404]


def test_reads_lag_by_seconds_of_the_emulated_clock(operator: Any, control: Control, emulator: RunningEmulator) -> None:
    control.post("/lag", {"seconds": 30})
    made = operator.post("applications", {"displayName": "x"}).json()
    assert operator.get(f"applications/{made['id']}").status_code == 404
    emulator.move_clock(31)
    assert operator.get(f"applications/{made['id']}").status_code == 200


def test_new_credential_is_not_known_to_the_token_endpoint_at_once(operator: Any, control: Control) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    operator.post("servicePrincipals", {"appId": made["appId"]})
    control.post("/lag", {"reads": 1, "kinds": ["credential"]})
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    assert operator.get(f"applications/{made['id']}").json()["passwordCredentials"] != []
    form = {"client_id": made["appId"], "client_secret": secret}
    assert operator.log_in(**form).json()["error_codes"] == [7000215]
    assert operator.log_in(**form).status_code == 200


def test_new_principal_is_not_known_to_the_token_endpoint_at_once(operator: Any, control: Control) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    control.post("/lag", {"reads": 1, "kinds": ["servicePrincipal"]})
    operator.post("servicePrincipals", {"appId": made["appId"]})
    form = {"client_id": made["appId"], "client_secret": secret}
    assert operator.log_in(**form).json()["error_codes"] == [7000229]
    assert operator.log_in(**form).status_code == 200


def test_lag_ends_when_told_and_unknown_kinds_are_refused(operator: Any, control: Control) -> None:
    control.post("/lag", {"reads": 5})
    control.post("/lag", {})
    made = operator.post("applications", {"displayName": "x"}).json()
    assert operator.get(f"applications/{made['id']}").status_code == 200
    assert control.post("/lag", {"reads": 1, "kinds": ["user"]}).status_code == 400


# Faults --------------------------------------------------------------------------------------------------------------


def test_fault_hits_as_many_matching_requests_as_told(reader: Any, control: Control) -> None:
    fault = {"path": "^/v1.0/users", "times": 2, "status": 503, "headers": {"Retry-After": "3"}}
    assert control.post("/faults", fault).status_code == 200
    reader.token()
    assert reader.get("applications").status_code == 403
    first = reader.get("users")
    assert (first.status_code, first.headers["Retry-After"]) == (503, "3")
    assert first.json()["error"]["code"] == "serviceNotAvailable"
    assert first.json()["error"]["innerError"]["request-id"] == first.headers["request-id"]
    assert first.headers["client-request-id"] == first.headers["request-id"]
    assert [reader.get("users").status_code for _ in range(2)] == [503, 200]
    assert control.get("/faults") == {"faults": []}


def test_fault_with_every_hits_the_first_match_and_each_nth_after_it(reader: Any, control: Control) -> None:
    control.post("/faults", {"path": "^/v1.0/users", "times": 2, "every": 3, "status": 502})
    reader.token()

    assert [reader.get("users").status_code for _ in range(5)] == [502, 200, 200, 502, 200]
    assert control.get("/faults") == {"faults": []}


def test_fault_inside_a_batch_hits_the_inner_request(reader: Any, control: Control) -> None:
    control.post("/faults", {"path": "/calendars", "status": 429, "code": "TooManyRequests"})
    entries = [{"id": str(n), "method": "GET", "url": f"/users/{USER}/calendars"} for n in range(2)]
    answers = reader.post("$batch", {"requests": entries}).json()["responses"]
    assert [each["status"] for each in answers] == [429, 200]


@pytest.mark.parametrize(("body", "said"), [("plain", {"error": {"code": "Odd", "message": "m"}}), ("empty", None)])
def test_fault_answers_with_less_of_a_body(reader: Any, control: Control, body: str, said: Any) -> None:
    control.post("/faults", {"path": "users", "times": 2, "status": 400, "code": "Odd", "message": "m", "body": body})
    alone = reader.get("users")
    (inside,) = reader.post("$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users"}]}).json()["responses"]

    assert (alone.status_code, inside["status"]) == (400, 400)
    assert inside.get("body") == said
    assert (alone.json() if alone.content else None) == said


def test_fault_of_the_token_endpoint_has_entras_shape(reader: Any, control: Control) -> None:
    control.post("/faults", {"path": "/oauth2/v2.0/token", "status": 503, "code": "temporarily_unavailable"})
    answer = reader.log_in()
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert reader.log_in().status_code == 200


def test_reset_connection_reaches_the_client_as_an_error(reader: Any, control: Control) -> None:
    reader.token()
    control.post("/faults", {"path": "/users", "action": "reset"})
    with pytest.raises(requests.ConnectionError):
        reader.get("users")
    assert reader.get("users").status_code == 200


def test_cut_body_reaches_the_client_as_an_error_though_the_write_was_done(operator: Any, control: Control) -> None:
    operator.token()
    control.post("/faults", {"path": "/applications", "method": "POST", "action": "cut"})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        operator.post("applications", {"displayName": "half"})
    names = [each["displayName"] for each in operator.get("applications").json()["value"]]
    assert "half" in names


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"path": "("},
        {"path": "x", "times": 0},
        {"path": "x", "every": 0},
        {"path": "x", "status": 200},
        {"path": "x", "action": "explode"},
        {"path": "x", "headers": {"A": "b\r\nC: d"}},
        {"path": "x", "unknown": 1},
    ],
)
def test_impossible_fault_answers_400(control: Control, fault: dict[str, Any]) -> None:
    assert control.post("/faults", fault).status_code == 400


# Export and import ---------------------------------------------------------------------------------------------------


def test_export_can_be_imported_again_and_holds_no_secret_of_the_directory(
    operator: Any, control: Control, emulator: RunningEmulator
) -> None:
    made = operator.post("applications", {"displayName": "kept"}).json()
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    exported = control.get("/export")
    assert secret not in str(exported)
    emulator.reset()
    assert operator.fresh().get(f"applications/{made['id']}").status_code == 404
    assert control.post("/import", exported).status_code == 200
    assert operator.fresh().get(f"applications/{made['id']}").json()["displayName"] == "kept"
    assert control.post("/import", {"version": 0}).status_code == 400
    assert control.post("/import", {**exported, "objects": {"application": {"x": {"y": 1}}}}).status_code == 400
    assert operator.get(f"applications/{made['id']}").status_code == 200
