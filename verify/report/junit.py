"""JUnit XML: a suite for each organisation, a case for each check, and one for each failed user up to a cap.

The dialect is the subset that pytest's `xunit2` writes, which every CI reads. A failure means that the organisation is
wrong, an error that we could not tell. Users are named by object id.

Source: https://docs.pytest.org/en/stable/reference/reference.html#confval-junit_family
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from xml.etree import ElementTree

from orgcal.printable import printable_lines
from verify.models import CheckResult, Verdict
from verify.summary import Summary

MAX_USER_CASES = 100
"""A hundred thousand cases are tens of megabytes, which viewers choke on."""

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 forbids even as an entity. Source: https://www.w3.org/TR/xml/#charsets"""

_TAGS = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.SKIP: "skipped"}


def junit(summary: Summary, began: datetime) -> str:
    """The report as XML text."""
    root = ElementTree.Element("testsuites", name="orgcal verify")
    facts = summary.run.labelled(summary.duration_s) if summary.run else {}
    if summary.deployment:
        _suite(root, "connector", list(summary.deployment.values()), began, facts)
    for organisation in summary.organisations.values():
        _suite(root, organisation.organisation, list(organisation.results.values()), began, facts)
    if not summary.complete:
        suite = ElementTree.SubElement(
            root, "testsuite", name="run", tests="1", failures="0", errors="1", skipped="0", time="0"
        )
        case = ElementTree.SubElement(suite, "testcase", classname="run", name="complete", time="0")
        ElementTree.SubElement(case, "error", message="the run was interrupted", type="interrupted")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ElementTree.Element, name: str, results: list[CheckResult], began: datetime, facts: Mapping[str, str]
) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=legal(name))
    if facts:
        properties = ElementTree.SubElement(suite, "properties")
        for label, text in facts.items():
            ElementTree.SubElement(properties, "property", name=label, value=legal(text))
    for result in results:
        _case(suite, name, result.check, result.duration_s, result.verdict, result.sentence, result.repair)
    for result in results:
        for example in result.evidence.get("failed_examples", [])[:MAX_USER_CASES]:
            sentence = f"{example['reason']} (request {example['request_id'] or 'without id'})"
            _case(suite, name, f"user {example['user_id']}", 0.0, Verdict.FAIL, sentence, "")
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(result.duration_s for result in results):.3f}")
    suite.set("timestamp", began.strftime("%Y-%m-%dT%H:%M:%S"))


def _case(
    suite: ElementTree.Element,
    organisation: str,
    name: str,
    duration_s: float,
    verdict: Verdict,
    sentence: str,
    repair: str,
) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=legal(organisation), name=legal(name), time=f"{duration_s:.3f}"
    )
    if verdict in _TAGS:
        found = ElementTree.SubElement(case, _TAGS[verdict], message=legal(sentence), type=verdict.value)
        found.text = legal(repair)
    elif sentence:
        said = f"warning: {sentence}\n{repair}" if verdict is Verdict.WARN else sentence
        ElementTree.SubElement(case, "system-out").text = legal(said)


def legal(text: str) -> str:
    """`text` as it may be printed, without the characters that XML forbids besides."""
    return _ILLEGAL.sub("\ufffd", printable_lines(text))
