"""The section of the operations: which backend has what, and why it has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from convformance.problem import DTYPES, OPS
from convformance.runfile import CaseRecord, Run
from convformance.verdict import Kind
from convreport.columns import columns
from convreport.operations import OperationRow, operations
from convreport.write import render

MakeRun = Callable[..., Run]
PAD = "conv x=1x1x5 w=1x1x2 padding=1+2 float32 fill=integers#1"
CROP = "conv x=1x1x5x5 w=1x1x2x2 padding=0x-1+0 float32 fill=integers#1"
MIRROR = "conv x=1x1x5 w=1x1x2 padding=1 padding_mode=reflect float32 fill=integers#1"
GRADIENT = "conv x=1x1x5 w=1x1x2 dilation=2 grad=w float64 fill=integers#1"
FOLD = "fold x=1x2x3 kernel=2 output=4 float32 fill=integers#1"


def record(line: str, verdict: str = Kind.AGREES, message: str = "", **others: str) -> CaseRecord:
    source = others.pop("source", "explored")
    return CaseRecord(line, "c-0", source, verdict, message=message, **others)


def rows(make_run: MakeRun, *records: CaseRecord) -> dict[tuple[str, str], OperationRow]:
    groups = operations(columns([replace(make_run(), cases=records)]))
    return {(group.name, row.name): row for group in groups for row in group.rows}


def words(row: OperationRow) -> Sequence[str]:
    return [part.text for part in row.cells[0]]


def test_a_case_counts_in_every_row_that_describes_it(make_run: MakeRun) -> None:
    found = rows(make_run, record(GRADIENT), record(MIRROR))
    assert sorted(found) == [
        ("attribute", "dilation"),
        ("dtype", "float32"),
        ("dtype", "float64"),
        ("gradient", "conv by w"),
        ("op", "conv"),
        ("padding", "padding in numbers"),
        ("padding", "padding_mode=reflect"),
    ]
    assert words(found["op", "conv"]) == ["1 answered"]  # the gradient has a row of its own
    assert words(found["dtype", "float32"]) == ["1 answered"]


def test_padding_in_numbers_is_negative_on_any_side(make_run: MakeRun) -> None:
    assert ("padding", "negative padding") not in rows(make_run, record(PAD))
    assert ("padding", "negative padding") in rows(make_run, record(CROP))


def test_wrong_answers_are_answers_and_crashes_are_not(make_run: MakeRun) -> None:
    told = (Kind.VALUE, Kind.VARIANT, Kind.CRASHED, Kind.REFUSES, Kind.UNSUPPORTED)
    found = rows(make_run, *(record(PAD, one) for one in told))
    assert words(found["op", "conv"]) == ["2 answered", "2 refused", "1 unsupported"]
    assert found["op", "conv"].reasons == ("",)


def test_who_answers_nothing_says_why_most_often(make_run: MakeRun) -> None:
    no = [record(FOLD, Kind.UNSUPPORTED, text) for text in ("no fold", "no batch", "no fold")]
    found = rows(make_run, *no)
    assert words(found["op", "fold"]) == ["3 unsupported"]
    assert found["op", "fold"].reasons == ("no fold",)


def test_invalid_problems_do_not_count(make_run: MakeRun) -> None:
    refused = record(PAD, source="invalid")
    accepted = record(PAD, Kind.ACCEPTS, "it answered")
    assert rows(make_run, refused, accepted) == {}


def test_rows_come_in_the_order_of_the_specification(make_run: MakeRun) -> None:
    found = rows(make_run, record(FOLD), record(GRADIENT), record(PAD))
    assert [name for group, name in found if group == "op"] == ["conv", "fold"]
    assert [name for group, name in found if group == "dtype"] == ["float32", "float64"]
    assert list(OPS).index("conv") < list(OPS).index("fold")
    assert DTYPES.index("float32") < DTYPES.index("float64")


def test_what_only_one_backend_met_is_not_tried_by_the_other(make_run: MakeRun) -> None:
    runs = [replace(make_run(), cases=(record(one),)) for one in (FOLD, PAD)]
    text = render(runs)
    section = text[text.index('id="operations"') : text.index('id="overview"')]
    assert section.count("not tried") == 3  # fold and conv, and padding in numbers
    assert "<code>fold</code>" in section
