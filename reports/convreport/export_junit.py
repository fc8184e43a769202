"""Runs as JUnit XML, for a build server: a suite for each run, a test for each op and clause."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convformance.runfile import Run
from convreport.columns import Column, columns
from convreport.findings import FindingView, finding_views, stale_entries
from convreport.text import clip, one_line, visible


@dataclass(frozen=True)
class _Test:
    """One testcase; `outcome` is the name of its element, nothing if it passed."""

    group: str
    name: str
    outcome: str = ""
    message: str = ""
    text: str = ""


def junit_text(runs: Sequence[Run]) -> str:
    """Return the runs as JUnit XML.

    What is new fails, what is known is skipped with its reason, a test that came to no verdict is
    an error. A clause that an op's cases ask about, and none contradicts, passes.
    """
    shown = columns(runs)
    root = ET.Element("testsuites", name="convformance")
    views = finding_views(shown)
    for column in shown:
        own = [view for view in views if view.label == column.label]
        _suite(root, column, list(_tests(column, own)))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _tests(column: Column, views: Sequence[FindingView]) -> Iterator[_Test]:
    for view in views:
        name = f"[{view.clause}] {view.verdict} {view.id}"
        outcome = "failure" if view.status == "new" else "skipped"
        reason = next((one.text for one in view.entry if one.name == "reason"), "")
        message = view.message.text if view.status == "new" else f"known: {reason}"
        yield _Test(view.op, name, outcome, message, _told(view))
    contradicted = {(view.op, view.clause) for view in views}
    for op, clause in sorted(_asked(column) - contradicted):
        yield _Test(op, f"[{clause}]")
    for stale in stale_entries([column]):
        facts = {fact.name: fact.text for fact in stale.facts}
        name = f"ledger {facts.get('id', facts.get('reason', 'entry'))}"
        text = "\n".join(f"{fact.name}: {fact.text}" for fact in stale.facts)
        yield _Test("ledger", name, "failure", "known, but no longer occurs", text)
    for failed in column.run.footer.failed:
        yield _Test("suite", failed, "error", "failed for another reason", failed)


def _asked(column: Column) -> set[tuple[str, str]]:
    """Return the ops and the clauses that their answered cases ask about."""
    answered = (one for one in column.cases if one.status in ("agrees", "variant"))
    asked = {(one.op, clause) for one in answered for clause in one.record.clauses}
    return asked | {(one.op, one.law) for one in column.laws if one.held}


def _told(view: FindingView) -> str:
    return "\n".join([view.sentence, view.line, view.message.text, view.versions, view.command])


def _suite(root: ET.Element, column: Column, tests: Sequence[_Test]) -> None:
    counted = {
        name: sum(one.outcome == outcome for one in tests)
        for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    header = column.run.header
    suite = _element(
        root,
        "testsuite",
        {
            "name": column.label,
            "tests": str(len(tests)),
            **{name: str(number) for name, number in counted.items()},
            "time": f"{column.run.footer.seconds:.3f}",
            "timestamp": header.started,
        },
    )
    properties = _element(suite, "properties", {})
    for name in ("convformance", "python", "system", "profile", "selection"):
        _element(properties, "property", {"name": name, "value": getattr(header, name)})
    for test in tests:
        group = f"{column.mark}.{test.group}"
        case = _element(suite, "testcase", {"classname": group, "name": test.name, "time": "0"})
        if test.outcome:
            outcome = _element(case, test.outcome, {"message": test.message})
            outcome.text = visible(clip(test.text, 8_000).text)  # XML has no control characters


def _element(parent: ET.Element, tag: str, attributes: Mapping[str, str]) -> ET.Element:
    return ET.SubElement(
        parent, tag, {name: one_line(value, 500) for name, value in attributes.items()}
    )
