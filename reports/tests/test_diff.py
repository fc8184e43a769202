"""Two runs side by side: new, changed and fixed, and what was not asked again, which is neither."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from convformance.runfile import (
    Arithmetic,
    CaseRecord,
    Choice,
    Finding,
    LawRecord,
    Run,
)
from convreport.cli import main
from convreport.diff import Diff, OtherBackendError, compare
from convreport.difftext import print_diff
from convreport.write import render_diff

MakeRun = Callable[..., Run]
WriteRun = Callable[[Run, Path], Path]
KNOWN_LINE = "max_pool x=1x1x1x4 kernel=1x2 float32 fill=special#3"
NEW_LINE = "conv x=1x1x5 w=1x1x2 dilation=3 float32 fill=integers#4"
OTHER_LINE = "conv x=1x1x6 w=1x1x2 dilation=3 float32 fill=integers#4"
NEW_SIGNATURE = "conv window.dilation value"
KNOWN_SIGNATURE = "max_pool max.nan value"


def answered(run: Run, line: str, verdict: str, signature: str = "", message: str = "") -> Run:
    """Return the run with another answer at a line; it is added if it was not asked."""
    kept = [one for one in run.cases if one.line != line]
    record = CaseRecord(line, "c-9", "explored", verdict, message=message, signature=signature)
    return replace(run, cases=(*kept, record))


def unasked(run: Run, *lines: str) -> Run:
    return replace(run, cases=[one for one in run.cases if one.line not in lines])


def finding(run: Run, status: str) -> Finding:
    return next(one for one in run.findings if one.status == status)


def with_finding(run: Run, old: Finding, **values: object) -> Run:
    changed = replace(old, **values)
    return replace(run, findings=[changed if one is old else one for one in run.findings])


def words(diff: Diff) -> dict[str, list[str]]:
    return {
        name: [row.id for row in getattr(diff, name)]
        for name in ("appeared", "changed", "fixed", "unasked", "fickle")
        if getattr(diff, name)
    }


def piped(diff: Diff) -> str:
    file = io.StringIO()
    print_diff(diff, Console(file=file, width=40))
    return file.getvalue()


@pytest.fixture
def fixed(make_run: MakeRun) -> Run:
    """Return a later run in which the new discrepancy's case is right."""
    return answered(make_run(version="2.1"), NEW_LINE, "agrees")


def test_a_run_beside_itself_has_nothing_new(make_run: MakeRun) -> None:
    run = make_run(with_new=True)
    diff = compare(run, run)
    assert words(diff) == {}
    assert (diff.same, diff.is_red) == (2, False)
    assert diff.headline == "nothing new, 2 as before"


def test_what_was_right_before_and_is_wrong_now_is_new(make_run: MakeRun) -> None:
    old = answered(make_run(), NEW_LINE, "agrees")
    diff = compare(old, make_run(with_new=True, version="2.1"))
    assert words(diff) == {"appeared": ["d-11aa22bb"]}
    assert diff.is_red
    assert diff.appeared[0].why == "1 of its cases was right before"


@pytest.mark.parametrize("before", ["", "unsupported"])
def test_what_is_new_says_if_it_was_not_asked_before(make_run: MakeRun, before: str) -> None:
    old = answered(make_run(), NEW_LINE, before) if before else make_run()
    (row,) = compare(old, make_run(with_new=True, version="2.1")).appeared
    told = {"": "no case of it was asked before", "unsupported": "unsupported before"}
    assert row.why == told[before]


def test_fixed_is_what_was_asked_again_and_is_right(make_run: MakeRun, fixed: Run) -> None:
    diff = compare(make_run(with_new=True), fixed)
    assert words(diff) == {"fixed": ["d-11aa22bb"]}
    assert not diff.is_red
    assert diff.fixed[0].why == "its only case asked again and right"


def test_runs_swapped_in_time_tell_the_reverse(make_run: MakeRun, fixed: Run) -> None:
    assert words(compare(fixed, make_run(with_new=True))) == {"appeared": ["d-11aa22bb"]}


def test_what_no_case_asks_again_is_not_fixed(make_run: MakeRun) -> None:
    diff = compare(make_run(with_new=True), make_run(version="2.1"))
    assert words(diff) == {"unasked": ["d-11aa22bb"]}
    assert diff.unasked[0].why == "no case of it was asked"
    assert not diff.is_red


def test_what_is_unsupported_now_is_not_fixed(make_run: MakeRun) -> None:
    new = answered(make_run(version="2.1"), NEW_LINE, "unsupported", message="no dilation here")
    diff = compare(make_run(with_new=True), new)
    assert words(diff) == {"unasked": ["d-11aa22bb"]}
    assert diff.unasked[0].why == "unsupported now: no dilation here"
    assert [(one.op, one.reason, one.cases) for one in diff.dropped] == [
        ("conv", "no dilation here", 1)
    ]


def test_a_smallest_case_that_is_unsupported_outweighs_others_that_are_right(
    make_run: MakeRun,
) -> None:
    old = answered(make_run(with_new=True), OTHER_LINE, "differs in value", NEW_SIGNATURE)
    new = answered(make_run(version="2.1"), OTHER_LINE, "agrees")
    new = answered(new, NEW_LINE, "unsupported", message="no dilation here")
    assert words(compare(old, new)) == {"unasked": ["d-11aa22bb"]}


@pytest.mark.parametrize(
    ("narrower", "told"),
    [
        ({"selection": "-k conv"}, "narrowed: -k conv"),
        ({"max_examples": 3}, "the smallest not among them"),
    ],
)
def test_a_narrowed_run_that_misses_the_smallest_case_fixes_nothing(
    make_run: MakeRun, narrower: dict[str, object], told: str
) -> None:
    old = answered(make_run(with_new=True), OTHER_LINE, "differs in value", NEW_SIGNATURE)
    whole = answered(make_run(version="2.1"), OTHER_LINE, "agrees")
    narrow = replace(whole, header=replace(whole.header, **narrower))
    assert words(compare(old, whole)) == {"fixed": ["d-11aa22bb"]}
    assert compare(old, whole).fixed[0].why == (
        "1 of its 2 cases asked again and right, the smallest not among them"
    )
    (row,) = compare(old, narrow).unasked
    assert told in row.why


def test_a_default_run_after_an_exhaustive_one_is_narrower(make_run: MakeRun) -> None:
    old = answered(make_run(with_new=True), OTHER_LINE, "differs in value", NEW_SIGNATURE)
    new = answered(make_run(version="2.1"), OTHER_LINE, "agrees")
    exhaustive = [
        replace(run, header=replace(run.header, profile="exhaustive")) for run in (old, new)
    ]
    assert words(compare(exhaustive[0], new)) == {"unasked": ["d-11aa22bb"]}
    assert words(compare(old, exhaustive[1])) == {"fixed": ["d-11aa22bb"]}


def test_a_run_with_a_test_that_failed_is_not_as_wide(make_run: MakeRun) -> None:
    old = answered(make_run(with_new=True), OTHER_LINE, "differs in value", NEW_SIGNATURE)
    new = answered(make_run(version="2.1", failed=("test_x (call)",)), OTHER_LINE, "agrees")
    diff = compare(old, new)
    assert words(diff) == {"unasked": ["d-11aa22bb"]}
    assert diff.failed == ("test_x (call)",)
    assert diff.is_red


def test_a_finding_whose_case_still_differs_under_another_clause_is_changed(
    make_run: MakeRun,
) -> None:
    """The signature holds the clause, and the id is made from it: only the case stays."""
    old = make_run(with_new=True)
    was = finding(old, "new")
    new = answered(make_run(version="2.1"), NEW_LINE, "differs in value", "conv conv.sum value")
    now = replace(was, id="d-33", signature="conv conv.sum value", clause="conv.sum")
    new = replace(new, findings=(*new.findings, now))
    diff = compare(old, new)
    assert words(diff) == {"changed": ["d-33"]}
    assert [(one.name, one.before, one.after) for one in diff.changed[0].moved] == [
        ("id", "d-11aa22bb", "d-33"),
        ("clause", "window.dilation", "conv.sum"),
    ]
    assert not diff.is_red


def test_a_known_deviation_that_the_ledger_no_longer_covers_is_worse(make_run: MakeRun) -> None:
    old = make_run()
    new = answered(make_run(version="2.1"), KNOWN_LINE, "differs in value", "max_pool now new")
    now = replace(finding(old, "known"), id="d-44", signature="max_pool now new", status="new")
    new = replace(new, findings=[now])
    diff = compare(old, new)
    assert words(diff) == {"changed": ["d-44"]}
    assert diff.changed[0].is_worse
    assert diff.is_red
    assert diff.headline == "nothing new, 1 changed (1 for the worse), 0 as before"
    back = compare(new, old)
    assert words(back) == {"changed": ["d-7c1e0a93"]}
    assert not back.is_red


def test_two_findings_that_become_one_are_both_changed(make_run: MakeRun) -> None:
    old = make_run(with_new=True)
    new = answered(old, NEW_LINE, "differs in value", KNOWN_SIGNATURE)
    new = replace(new, findings=[finding(old, "known")])
    assert words(compare(old, new)) == {"changed": ["d-7c1e0a93"]}
    assert words(compare(new, old)) == {"changed": ["d-11aa22bb"]}


def test_another_message_or_smallest_case_is_a_change_and_not_for_the_worse(
    make_run: MakeRun,
) -> None:
    old = make_run()
    message = with_finding(old, finding(old, "known"), message="2 of 3 compared elements differ")
    line = with_finding(old, finding(old, "known"), line="max_pool x=1x1x4 kernel=2 float32")
    for new, name in ((message, "message"), (line, "smallest case")):
        diff = compare(old, new)
        assert [moved.name for moved in diff.changed[0].moved] == [name]
        assert not diff.is_red


def test_the_process_and_the_clock_in_the_message_of_a_death_are_no_change(
    make_run: MakeRun,
) -> None:
    old = make_run()
    one, other = (
        with_finding(
            old, finding(old, "known"), verdict="crashed", message=f"Aborted (signal 6): F00 {pid}"
        )
        for pid in (29578, 642)
    )
    assert words(compare(one, other)) == {}


def test_a_persisting_finding_with_a_case_that_was_right_is_worse(make_run: MakeRun) -> None:
    old = answered(make_run(), OTHER_LINE, "agrees")
    new = answered(make_run(version="2.1"), OTHER_LINE, "differs in value", KNOWN_SIGNATURE)
    diff = compare(old, new)
    assert words(diff) == {"changed": ["d-7c1e0a93"]}
    assert diff.changed[0].why == "1 case right before, wrong now"
    assert diff.is_red
    assert not compare(new, old).is_red


@pytest.mark.parametrize("swapped", [False, True])
def test_a_flaky_deviation_that_one_run_met_is_neither_new_nor_fixed(
    make_run: MakeRun, swapped: bool
) -> None:
    run = make_run()
    entry = {"kind": "bug", "flaky": "two threads race"}
    met = with_finding(run, finding(run, "known"), entry=entry)
    not_met = replace(answered(run, KNOWN_LINE, "agrees"), findings=())
    diff = compare(not_met, met) if swapped else compare(met, not_met)
    assert words(diff) == {"fickle": ["d-7c1e0a93"]}
    assert not diff.is_red


def test_a_choice_away_from_the_standard_is_worse_and_towards_it_is_not(make_run: MakeRun) -> None:
    old = make_run()
    line = old.choices[1].line
    moved = [*old.choices[:1], Choice("padding.same_side", "conv", "before", line), old.choices[2]]
    new = replace(old, choices=moved)
    (shift,) = compare(old, new).choices.changed
    assert (shift.name, shift.op, shift.before, shift.after) == (
        "padding.same_side", "conv", "after", "before",
    )  # fmt: skip
    assert compare(old, new).is_red
    assert not compare(new, old).is_red


@pytest.mark.parametrize("choice", [None, "unsupported"])
def test_a_choice_that_is_not_measured_again_is_no_change(
    make_run: MakeRun, choice: str | None
) -> None:
    old = make_run()
    left = [Choice("max.tie", "max_pool", choice, KNOWN_LINE)] if choice else []
    diff = compare(old, replace(old, choices=[*left, *old.choices[1:]]))
    assert diff.choices.changed == ()
    assert [(one.name, one.before) for one in diff.choices.unasked] == [("max.tie", "last")]
    assert not diff.is_red


def law(held: bool | None, *, exact: bool = False, line: str = NEW_LINE) -> LawRecord:
    by = None if held is None else 0.0 if held else 2e-7
    return LawRecord("law.batch", "conv", line, held, by, exact=exact)


@pytest.mark.parametrize(
    ("before", "after", "changed", "unasked_"),
    [
        (law(True), law(False), True, False),
        (law(False), law(True), True, False),
        (law(False), law(True, line=OTHER_LINE), False, True),  # the other line held before too
        (law(False), law(None), False, True),
        (law(True), law(True, line=OTHER_LINE), False, False),
    ],
)
def test_a_law_holds_again_only_where_it_is_asked_again(
    make_run: MakeRun, before: LawRecord, after: LawRecord, changed: bool, unasked_: bool
) -> None:
    run = make_run()
    diff = compare(replace(run, laws=[before]), replace(run, laws=[after]))
    assert (bool(diff.laws.changed), bool(diff.laws.unasked)) == (changed, unasked_)
    assert not diff.is_red  # to the last bit: a fact, no fault


def test_an_exact_law_that_breaks_is_worse_and_a_new_finding(make_run: MakeRun) -> None:
    run = make_run()
    broken = replace(law(False, exact=True), signature="other conv breaks a law")
    found = replace(
        finding(run, "known"), id="d-55", signature=broken.signature, status="new",
        verdict="breaks a law", clause="law.batch", line=broken.line,
    )  # fmt: skip
    new = replace(run, laws=[broken], findings=(*run.findings, found))
    old = replace(run, laws=[law(True, exact=True)])
    diff = compare(old, new)
    assert words(diff) == {"appeared": ["d-55"]}
    assert diff.appeared[0].why == "1 of its cases was right before"
    assert diff.laws.changed[0].is_worse
    assert words(compare(new, old)) == {"fixed": ["d-55"]}


def test_two_backends_are_not_compared(make_run: MakeRun) -> None:
    with pytest.raises(OtherBackendError, match="two backends, other and numpy"):
        compare(make_run(), make_run(backend="numpy"))


def test_unlike_runs_are_told_apart(make_run: MakeRun) -> None:
    new = make_run(seed=2, profile="exhaustive", selection="-k conv", convformance="0.2.0")
    assert compare(make_run(), new).notes == (
        "The new run was asked only in part: -k conv",
        "The runs are made by different releases of convformance: 0.1.0 and 0.2.0.",
        "The runs are of different profiles: default and exhaustive.",
        "The runs are of different seeds: 1 and 2.",
    )


def test_the_console_names_each_with_its_command(make_run: MakeRun, fixed: Run) -> None:
    text = piped(compare(fixed, make_run(with_new=True)))
    lines = text.splitlines()
    start = lines.index("NEW  d-11aa22bb · conv · [window.dilation] · differs in value")
    assert lines[start + 1] == f"     {NEW_LINE}"
    assert lines[start + 3] == f"     convformance case '{NEW_LINE}' --backend other"
    assert lines[-1] == "1 new, 1 as before"
    assert "\x1b" not in text
    assert "FIXED  d-11aa22bb" in piped(compare(make_run(with_new=True), fixed))
    assert "NOT ASKED AGAIN  d-11aa22bb" in piped(compare(make_run(with_new=True), make_run()))


def hostile(make_run: MakeRun) -> Sequence[Run]:
    evil = "</pre><script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}" + "x" * 1_000_000
    old, new = make_run(version=evil, system=evil), make_run(version=evil, selection=evil)
    known = finding(old, "known")
    new = with_finding(new, new.findings[0], message=evil, clause=evil, line=evil, id="d-x")
    return old, replace(new, findings=(*new.findings, replace(known, id=evil, signature=evil)))


def test_hostile_strings_are_text_on_the_page_and_on_the_console(make_run: MakeRun) -> None:
    diff = compare(*hostile(make_run))
    page, console = render_diff(diff), piped(diff)
    assert len(re.findall(r"<script\b", page, re.IGNORECASE)) == 1
    for text in (page, console):
        assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text) is None
    assert "{{ 7 * 7 }}" in page


def test_the_page_says_what_the_console_says(make_run: MakeRun, fixed: Run) -> None:
    page = render_diff(compare(make_run(with_new=True), fixed))
    assert 'id="fixed"' in page
    assert 'id="d-11aa22bb"' in page
    assert "https:" not in page
    assert "src=" not in page


def test_the_command_has_a_status_a_page_and_json(
    make_run: MakeRun,
    write_run: WriteRun,
    fixed: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = write_run(make_run(with_new=True), tmp_path / "old.jsonl")
    new = write_run(fixed, tmp_path / "new.jsonl")
    assert main(["diff", str(old), str(new), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.endswith(f"page  {tmp_path / 'out' / 'index.html'}\n")
    assert (tmp_path / "out" / "index.html").read_text().startswith("<!doctype html>")
    assert main(["diff", str(new), str(old), "--json"]) == 1
    read = json.loads(capsys.readouterr().out)
    assert read["appeared"][0]["id"] == "d-11aa22bb"
    assert read.keys() == asdict(compare(fixed, fixed)).keys()


def test_a_users_mistake_is_one_line_and_status_2(
    make_run: MakeRun, write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_run(make_run(), tmp_path / "one.jsonl")
    other = write_run(make_run(backend="numpy"), tmp_path / "other.jsonl")
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(one.read_text().splitlines(keepends=True)[:-1]))
    for arguments, told in (
        ([one, other], "two backends, other and numpy"),
        ([one, cut], "no footer"),
        ([one, tmp_path / "absent.jsonl"], "cannot be read"),
        ([tmp_path, one], "a folder"),
    ):
        assert main(["diff", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize("narrower", [{"minutes": None}, {"max_examples": 5}])
def test_a_run_of_less_time_or_fewer_examples_is_narrower(
    make_run: MakeRun, narrower: dict[str, Any]
) -> None:
    long = {"minutes": 30, "max_examples": 9}
    old = answered(make_run(with_new=True, **long), OTHER_LINE, "differs in value", NEW_SIGNATURE)
    new = answered(make_run(**long), OTHER_LINE, "agrees")
    assert words(compare(old, new)) == {"fixed": ["d-11aa22bb"]}
    less = replace(new, header=replace(new.header, **narrower))
    assert words(compare(old, less)) == {"unasked": ["d-11aa22bb"]}


@pytest.mark.parametrize(("selection", "fate"), [("-k conv", "fixed"), ("-k conv -x", "unasked")])
def test_two_runs_narrowed_alike_are_as_wide_unless_one_may_have_stopped_early(
    make_run: MakeRun, selection: str, fate: str
) -> None:
    old = make_run(with_new=True, selection=selection)
    old = answered(old, OTHER_LINE, "differs in value", NEW_SIGNATURE)
    new = answered(make_run(selection=selection), OTHER_LINE, "agrees")
    assert words(compare(old, new)) == {fate: ["d-11aa22bb"]}


def test_a_case_that_was_right_once_and_wrong_once_is_wrong(make_run: MakeRun) -> None:
    old = make_run(with_new=True)
    again = CaseRecord(NEW_LINE, "c-6", "replayed", "agrees")
    for cases in ((again, *old.cases), (*old.cases, again)):
        assert words(compare(old, replace(old, cases=cases))) == {}


def test_a_finding_with_a_case_that_was_right_continues_no_other(make_run: MakeRun) -> None:
    """Its clause moved, and it took in more: that is new, however much of it was wrong before."""
    old = answered(make_run(with_new=True), OTHER_LINE, "agrees")
    new = make_run(version="2.1")
    for line in (NEW_LINE, OTHER_LINE):
        new = answered(new, line, "differs in value", "conv conv.sum value")
    now = replace(finding(old, "new"), id="d-33", signature="conv conv.sum value")
    diff = compare(old, replace(new, findings=(*new.findings, now)))
    assert words(diff) == {"appeared": ["d-33"], "changed": ["d-33"]}
    assert diff.appeared[0].why == "1 of its cases was right before"


def test_a_flaky_deviation_that_meets_other_cases_has_not_changed(make_run: MakeRun) -> None:
    run = make_run()
    run = with_finding(run, finding(run, "known"), entry={"kind": "bug", "flaky": "a race"})
    old = answered(run, OTHER_LINE, "agrees")
    new = answered(run, OTHER_LINE, "differs in value", KNOWN_SIGNATURE)
    moved = with_finding(new, finding(new, "known"), line=OTHER_LINE, clause="max.value")
    for pair in ((old, new), (new, old), (old, moved)):
        diff = compare(*pair)
        assert words(diff) == {}
        assert not diff.is_red


def test_a_choice_that_was_measured_at_a_flaky_case_says_nothing(make_run: MakeRun) -> None:
    run = make_run()
    old = with_finding(run, finding(run, "known"), entry={"kind": "bug", "flaky": "a race"})
    moved = [Choice("max.tie", "max_pool", "none of them", KNOWN_LINE), *run.choices[1:]]
    assert compare(run, replace(run, choices=moved)).choices.changed
    new = replace(old, choices=moved)
    assert compare(old, new).choices.changed == ()


def test_another_arithmetic_is_a_fact_and_not_for_the_worse(make_run: MakeRun) -> None:
    wide = Arithmetic("conv", "float16", "float32", products="fused with the sum")
    narrow = replace(wide, accumulator="float16", products="")
    lost = Arithmetic("conv", "bfloat16", "float32")
    old = replace(make_run(), arithmetic=[wide, lost])
    diff = compare(old, replace(old, arithmetic=[narrow]))
    (shift,) = diff.arithmetic.changed
    assert (shift.name, shift.op, shift.before, shift.after) == (
        "float16", "conv", "sums in float32; fused with the sum", "sums in float16",
    )  # fmt: skip
    assert [(one.name, one.after) for one in diff.arithmetic.unasked] == [("bfloat16", "not asked")]
    assert not diff.is_red
    assert "CHANGED  arithmetic · conv · float16: sums in float32" in piped(diff)
    assert "sums in float16" in render_diff(diff)


def test_the_diagnosis_of_a_new_finding_is_told(make_run: MakeRun) -> None:
    new = make_run(with_new=True)
    new = with_finding(new, finding(new, "new"), diagnosis=["dilation ignored on the last axis"])
    diff = compare(make_run(), new)
    assert "     why: dilation ignored on the last axis" in piped(diff).splitlines()
    assert "<li>dilation ignored on the last axis</li>" in render_diff(diff)
