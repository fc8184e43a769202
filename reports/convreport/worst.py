"""The worst case on real numbers of each backend, op and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convformance.problem import DTYPES, OPS
from convreport.columns import Column, Tried
from convreport.text import margin


@dataclass(frozen=True)
class WorstCase:
    """The case whose margin is the largest of its op and dtype."""

    op: str  # with the gradient that was asked for
    dtype: str
    cases: int
    margin: str
    exceeds: bool
    line: str


@dataclass(frozen=True)
class WorstCases:
    """The worst cases of one backend, op by op."""

    label: str
    cases: tuple[WorstCase, ...]


def worst_cases(columns: Sequence[Column]) -> tuple[WorstCases, ...]:
    """Return the worst cases of each column that was judged on real numbers.

    Where no answer of an op and dtype errs at all there is no worst case, and no row.
    """
    found = (WorstCases(column.label, _worst(column)) for column in columns)
    return tuple(one for one in found if one.cases)


def _worst(column: Column) -> tuple[WorstCase, ...]:
    groups: dict[tuple[str, str], list[Tried]] = {}
    for one in column.cases:
        if one.record.margin is not None:
            groups.setdefault((_asked(one), one.dtype), []).append(one)
    rows = [_row(op, dtype, cases) for (op, dtype), cases in sorted(groups.items(), key=_order)]
    return tuple(row for row in rows if row.margin != margin(0.0))


def _row(op: str, dtype: str, cases: Sequence[Tried]) -> WorstCase:
    worst = max(cases, key=lambda one: (_margin(one), -len(one.record.line)))
    number = _margin(worst)
    return WorstCase(op, dtype, len(cases), margin(number), number > 1, worst.record.line)


def _margin(one: Tried) -> float:
    return one.record.margin or 0.0


def _asked(one: Tried) -> str:
    grad = next((word for word in one.record.line.split() if word.startswith("grad=")), "")
    return f"{one.op} {grad}".strip()


def _order(group: tuple[tuple[str, str], list[Tried]]) -> tuple[int, str, int]:
    (op, dtype), cases = group
    names, dtypes = list(OPS), list(DTYPES)
    return (
        names.index(cases[0].op) if cases[0].op in names else len(names),
        op,
        dtypes.index(dtype) if dtype in dtypes else len(dtypes),
    )
