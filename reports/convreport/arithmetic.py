"""How the backends compute: one row for each op, one cell for each dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convformance.drawing import FLOATS
from convformance.runfile import Arithmetic
from convreport.columns import Column


@dataclass(frozen=True)
class Row:
    """An op of a backend; the cells stand in the order of `dtypes`."""

    label: str
    op: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Computing:
    """The table: empty where no run measured it."""

    dtypes: tuple[str, ...]
    rows: tuple[Row, ...]


def computing(columns: Sequence[Column]) -> Computing:
    """Return what was measured of sums, inputs and products."""
    rows = []
    for column in columns:
        found = {(one.op, one.dtype): one for one in column.run.arithmetic}
        for op in dict.fromkeys(one.op for one in column.run.arithmetic):
            cells = tuple(words(found.get((op, dtype))) for dtype in FLOATS)
            rows.append(Row(column.label, op, cells))
    return Computing(FLOATS, tuple(rows))


def words(one: Arithmetic | None) -> str:
    """Return how sums, inputs and products were found to be kept; nothing of what is unknown."""
    if one is None:
        return ""
    told = [f"sums in {one.accumulator}"]
    if one.inputs and one.inputs != "whole":
        told.append(f"inputs {one.inputs}")
    if one.products:
        told.append(f"products {one.products}")
    return ", ".join(told)
