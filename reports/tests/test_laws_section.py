"""The section of the laws, their rows in the overview, and the command that checks one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from convformance.journal import write_run
from convformance.laws import LAWS
from convformance.runfile import Finding, LawRecord, Run, RunFileError, load
from convformance.verdict import Kind
from convreport.cli import main
from convreport.laws import LawCell
from convreport.page import Page, make_page
from convreport.write import render

MakeRun = Callable[..., Run]
MakeFinding = Callable[..., Finding]
SMALL = "conv x=3x1x5 w=1x1x2 float32 fill=integers#1"
LARGE = "conv x=3x3x224x224 w=64x3x7x7 stride=2x2 float32 fill=integers#1"
BROKEN = "max_pool x=1x2x4 kernel=2 float32 fill=integers#3"
REAL = "conv x=3x1x5 w=1x1x2 float32 fill=real#1"
SIGNATURE = "other max_pool breaks a law [law.homogeneous]"
LAW_RECORDS = (
    LawRecord("law.order", "conv", SMALL, True, compared=12, calls=3),
    LawRecord("law.order", "conv", LARGE, True, compared=900, calls=3),
    LawRecord("law.order", "lp_pool", SMALL, None, message="lp_pool unsupported: no padding"),
    LawRecord("law.batch", "conv", REAL, False, 2e-7, "sample 0 alone", exact=False),
    LawRecord("law.batch", "conv", REAL, False, 3e-7, "sample 1 alone", exact=False),
    LawRecord("law.threads", "conv", REAL, None, message="no way to set threads", exact=False),
    LawRecord(
        "law.homogeneous", "max_pool", BROKEN, False, 0.5, "samples times 8", signature=SIGNATURE
    ),
)


@pytest.fixture
def run(make_run: MakeRun, make_finding: MakeFinding) -> Run:
    """Return a run that holds one law, breaks one, and knows two facts."""
    broken = make_finding(
        id="d-0123abcd",
        signature=SIGNATURE,
        status="new",
        line=BROKEN,
        verdict=str(Kind.LAW),
        clause="law.homogeneous",
        message="samples times 8",
        entry=None,
    )
    made = make_run(findings=(broken,))
    footer = replace(made.footer, laws=len(LAW_RECORDS))
    return replace(made, laws=LAW_RECORDS, footer=footer)


def cell(page: Page, law: str) -> LawCell:
    return next(row for row in page.laws.rows if row.clause == law).cells[0]


def overview(page: Page, clause: str) -> list[str]:
    rows = [row for area in page.matrix.areas for row in area.rows if row.clause == clause]
    return [part.text for part in rows[0].cells[0]]


def test_every_law_has_a_row_in_the_order_of_the_specification(run: Run) -> None:
    assert [row.clause for row in make_page([run]).laws.rows] == list(LAWS)


def test_a_held_law_tells_its_cases_its_largest_input_and_what_was_not_applicable(run: Run) -> None:
    found = cell(make_page([run]), "law.order")
    assert [(part.text, part.status, part.ops) for part in found.parts] == [
        ("held", "agrees", "conv")
    ]
    assert found.size == "2 cases, largest 3x3x224x224, 1 not applicable"


def test_a_fact_that_does_not_hold_tells_the_largest_difference(run: Run) -> None:
    found = cell(make_page([run]), "law.batch")
    assert [(part.text, part.status) for part in found.parts] == [("not held, by 3e-07", "variant")]


def test_a_law_without_an_answer_is_not_applicable_and_its_reason_stands_there(run: Run) -> None:
    page = make_page([run])
    assert [part.text for part in cell(page, "law.threads").parts] == ["not applicable"]
    reasons = {(one.clause, one.reason, one.cases) for one in page.laws.silences}
    assert ("law.threads", "no way to set threads", 1) in reasons
    assert ("law.order", "lp_pool unsupported: no padding", 1) in reasons


def test_a_law_that_was_not_checked_says_so(run: Run) -> None:
    assert cell(make_page([run]), "law.adjoint").parts == ()
    assert "not checked" in render([run])


def test_a_broken_law_is_red_and_leads_to_its_finding(run: Run) -> None:
    page = make_page([run])
    (part,) = cell(page, "law.homogeneous").parts
    assert (part.text, part.status, part.target) == ("broken", "new", "d-0123abcd")
    assert page.is_red
    assert page.runs[0].new == 2  # the law, and the case whose known finding is not in this run
    (finding,) = page.findings
    assert finding.cases == 1
    assert finding.command == f"convformance law homogeneous '{BROKEN}' --backend other"


def test_the_overview_counts_the_laws_in_words(run: Run) -> None:
    page = make_page([run])
    assert overview(page, "law.order") == ["2 hold", "1 not applicable"]
    assert overview(page, "law.batch") == ["2 do not hold"]
    assert overview(page, "law.homogeneous") == ["1 breaks the law"]


def test_an_example_is_the_line_that_tells_most_and_every_link_to_it_lands(run: Run) -> None:
    page = make_page([run])
    lines = {one.clause: one.command for one in page.laws.examples}
    assert LARGE in lines["law.order"]
    assert lines["law.order"].startswith("convformance law order ")
    text = render([run])
    anchors = set(re.findall(r'id="(law-[^"]+)"', text))
    assert anchors == set(re.findall(r'href="#(law-[^"]+)"', text))


def test_two_runs_of_one_backend_have_examples_of_their_own(run: Run) -> None:
    anchors = [one.anchor for one in make_page([run, run]).laws.examples]
    assert len(anchors) == len(set(anchors))


def test_a_run_without_laws_says_that_none_was_checked(make_run: MakeRun) -> None:
    assert "No law was checked." in render([make_run()])


def test_a_run_file_that_lost_a_law_is_not_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for records, whole in ((run.laws, True), (run.laws[1:], False)):
        write_run(path, run.header, (*run.cases, *run.findings, *records), run.footer)
        if whole:
            assert load(path).laws == list(LAW_RECORDS)
        else:
            with pytest.raises(RunFileError, match="6 laws where the footer says 7"):
                load(path)


def test_the_command_tells_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    line = "conv x=1x1x7 w=1x1x3 padding=1 float32"
    assert main(["law", "translation", line]) == 0
    out = capsys.readouterr().out
    assert "compared  moved by 1 samples, windows 2:6: 4 elements, all equal" in out
    assert out.endswith("verdict   held\n")


@pytest.mark.parametrize(
    ("name", "line", "text"),
    [
        ("gravity", SMALL, "law 'gravity' is none of translation"),
        ("order", "conv x=1x1x5 w=1x1x2 float32", "but of 'conv x=3x1x5 w=1x1x2 float32"),
        ("order", "unfold x=3x1x5 kernel=2 float32", "speaks of conv,"),
        ("order", "conv x=0x1x5 w=1x1x2 float32", "a size is 0"),
        ("batch", SMALL, "fill=real#1'"),
    ],
)
def test_the_command_says_what_a_law_speaks_of(
    name: str, line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["law", name, line]) == 2
    assert text in capsys.readouterr().err
