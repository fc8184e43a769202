from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from convformance.runfile import CaseRecord, Run
from convreport.columns import columns
from convreport.worst import worst_cases
from convreport.write import render

MakeRun = Callable[..., Run]
WIDE = "conv x=1x9x5 w=1x9x2 float32 fill=real#7"


def case(line: str, margin: float) -> CaseRecord:
    return CaseRecord(line, "c-9", "explored", "agrees", ["conv.sum"], margin=margin)


def run_of(make_run: MakeRun, *cases: CaseRecord) -> Run:
    run = make_run()
    return replace(run, cases=(*run.cases, *cases))


def test_the_worst_case_of_each_op_gradient_and_dtype_stands_with_its_line(
    make_run: MakeRun,
) -> None:
    dtype16, gradient = WIDE.replace("32", "16"), WIDE.replace(" float32", " grad=w float32")
    run = run_of(make_run, case(WIDE, 0.75), case(dtype16, 0.5), case(gradient, 1.5))
    (group,) = worst_cases(columns([run]))
    rows = [(one.op, one.dtype, one.cases, one.margin, one.line) for one in group.cases]
    assert rows == [
        ("conv", "float16", 1, "0.5", dtype16),
        ("conv", "float32", 2, "0.75", WIDE),  # the other is the fixture's, of 0.25
        ("conv grad=w", "float32", 1, "1.5", gradient),
    ]
    assert [one.exceeds for one in group.cases] == [False, False, True]


def test_what_never_errs_has_no_worst_case(make_run: MakeRun) -> None:
    exact = case("max_pool x=1x1x4 kernel=2 float32 fill=real#1", 0.0)
    (group,) = worst_cases(columns([run_of(make_run, exact)]))
    assert {one.op for one in group.cases} == {"conv"}


def test_the_page_folds_the_worst_cases_away_and_lets_each_line_be_copied(
    make_run: MakeRun,
) -> None:
    text = render([run_of(make_run, case(WIDE, 0.75))])
    folded = text[text.index("<summary>The worst case of each op") :].partition("</details>")[0]
    assert WIDE in folded
    assert folded.count('class="copy"') == 1
