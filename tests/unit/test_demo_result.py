"""How a demo ends, from the results of its verification."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orgcal.cli.demo_result import judge_demo
from orgcal.tenants.model import State, Tenant
from verify.models import CheckId, CheckResult, Verdict
from verify.summary import Summary

NOW = datetime(2026, 11, 28, tzinfo=UTC)
CONTOSO = Tenant("c", "Contoso", "", State.VERIFIED, added_at=NOW, changed_at=NOW)
FABRIKAM = Tenant("f", "Fabrikam", "", State.INVITED, added_at=NOW, changed_at=NOW)


def result(
    check: CheckId, verdict: Verdict = Verdict.PASS, tenant: tuple[str, str] = ("", ""), **evidence: Any
) -> CheckResult:
    return CheckResult(
        check,
        verdict,
        f"{check} says {verdict}",
        "mend it",
        tenant_id=tenant[0],
        organisation=tenant[1],
        evidence=evidence,
    )


def read(tenant_id: str, name: str, users: int = 57, calendars: int = 130) -> list[CheckResult]:
    return [
        result("users", tenant=(tenant_id, name), listed=users),
        result("calendars", tenant=(tenant_id, name), calendars=calendars),
    ]


def summary(*results: CheckResult) -> Summary:
    found = Summary()
    for item in results:
        found.add(item)
    return found


SKIPPED = result("token", Verdict.SKIP, ("f", "Fabrikam"))


def test_ending_one_read_and_one_invited_is_well() -> None:
    ending = judge_demo(summary(*read("c", "Contoso"), SKIPPED), proven=CONTOSO, second=FABRIKAM, consented=False)

    assert ending.ok
    assert ending.text == "Contoso can be read; Fabrikam is waiting for its administrator"


def test_ending_both_read_is_well_and_says_both() -> None:
    found = summary(*read("c", "Contoso"), *read("f", "Fabrikam"))

    ending = judge_demo(found, proven=CONTOSO, second=FABRIKAM, consented=True)

    assert ending.ok
    assert ending.text == "Contoso and Fabrikam can be read"


def test_ending_second_that_lost_its_consent_decides_nothing() -> None:
    revoked = Tenant("f", "Fabrikam", "", State.REVOKED, added_at=NOW, changed_at=NOW)
    found = summary(*read("c", "Contoso"), result("token", Verdict.FAIL, ("f", "Fabrikam")))

    ending = judge_demo(found, proven=CONTOSO, second=revoked, consented=False)

    assert ending.ok
    assert ending.others == ()
    assert ending.text == "Contoso can be read; Fabrikam has to consent again"


def test_ending_failure_of_an_organisation_of_the_users_own_is_told_and_decides_nothing() -> None:
    broken = result("tenant", Verdict.ERROR, ("b", "Broken"))

    ending = judge_demo(
        summary(*read("c", "Contoso"), SKIPPED, broken), proven=CONTOSO, second=FABRIKAM, consented=False
    )

    assert ending.ok
    assert ending.others == ("Broken, tenant: tenant says error\n  repair: mend it",)


def test_ending_failure_of_the_demos_own_is_a_reason_each() -> None:
    found = summary(
        result("agreement", Verdict.FAIL),
        *read("c", "Contoso"),
        result("roles", Verdict.FAIL, ("f", "Fabrikam")),
    )

    ending = judge_demo(found, proven=CONTOSO, second=FABRIKAM, consented=True)

    assert not ending.ok
    assert ending.text == "the demo did not end as it should"
    assert ending.reasons == (
        "connector, agreement: agreement says fail\n  repair: mend it",
        "Fabrikam, roles: roles says fail\n  repair: mend it",
    )


def test_ending_nothing_read_is_a_reason_even_where_no_check_failed() -> None:
    for found in (summary(SKIPPED), summary(*read("c", "Contoso", users=57, calendars=0))):
        ending = judge_demo(found, proven=CONTOSO, second=FABRIKAM, consented=False)

        assert ending.reasons == ("Contoso: no user or no calendar was read\n  repair: orgcal verify --tenant c",)
