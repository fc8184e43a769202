"""What was tried and how, and what could not be: counts of cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convformance.problem import DTYPES, OPS
from convreport.columns import Column, Tried
from convreport.text import one_line

SOURCES = (
    "explored", "invalid", "corpus", "covering", "probe", "large", "ledger", "replayed", "given",
)  # fmt: skip
WHOLE = "whole, by the kernel after the oracle's samples agreed"


@dataclass(frozen=True)
class CountTable:
    """Counts under a caption; `names` heads the columns, each row starts with its own name."""

    caption: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Reason:
    """Why, or how, how often and for which op."""

    text: str
    op: str
    cases: int
    is_recipe: bool = False


@dataclass(frozen=True)
class Reasons:
    """The reasons of one backend, the most frequent first."""

    label: str
    cases: int
    reasons: tuple[Reason, ...]


def op_tables(columns: Sequence[Column]) -> tuple[CountTable, ...]:
    """Return one table of cases per op and dtype for each column; an empty cell is a 0."""
    ops = _names(OPS, (one.op for column in columns for one in column.cases))
    dtypes = _names(DTYPES, (one.dtype for column in columns for one in column.cases))
    tables = []
    for column in columns:
        counts = Counter((one.op, one.dtype) for one in column.cases)
        rows = [(op, tuple(counts[op, dtype] for dtype in dtypes)) for op in ops]
        tables.append(CountTable(column.label, dtypes, tuple(rows)))
    return tuple(tables)


def source_table(columns: Sequence[Column]) -> CountTable:
    """Return how many cases came from where, and how many were judged at sampled positions."""
    sources = _names(SOURCES, (one.record.source for column in columns for one in column.cases))
    counts = [Counter(one.record.source for one in column.cases) for column in columns]
    rows = [(source, tuple(one[source] for one in counts)) for source in sources]
    sampled = tuple(sum(one.record.sampled for one in column.cases) for column in columns)
    rows.append(("judged at a sample of the output", sampled))
    whole = tuple(sum(bool(one.record.reference) for one in column.cases) for column in columns)
    rows.append((WHOLE, whole))
    return CountTable("Cases by source", tuple(column.label for column in columns), tuple(rows))


def unsupported(columns: Sequence[Column]) -> tuple[Reasons, ...]:
    """Return why each backend has no way to say a problem, by op."""
    return tuple(
        _reasons(column.label, (one for one in column.cases if one.status == "unsupported"))
        for column in columns
    )


def ways(columns: Sequence[Column]) -> tuple[Reasons, ...]:
    """Return the paths that each backend took, the recipes among them, over all ops."""
    result = []
    for column in columns:
        taken = [one for one in column.cases if one.record.how or one.record.recipe]
        counts = Counter((one_line(one.record.how), one.record.recipe) for one in taken)
        reasons = [Reason(how, "", cases, recipe) for (how, recipe), cases in counts.items()]
        result.append(Reasons(column.label, len(taken), _ordered(reasons)))
    return tuple(result)


def _reasons(label: str, cases: Iterable[Tried]) -> Reasons:
    counts = Counter((one.op, one_line(one.record.message)) for one in cases)
    reasons = [Reason(text or "no reason given", op, many) for (op, text), many in counts.items()]
    return Reasons(label, counts.total(), _ordered(reasons))


def _ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda one: (one.op, -one.cases, one.text, one.is_recipe)))


def _names(fixed: Iterable[str], met: Iterable[str]) -> tuple[str, ...]:
    """Return the fixed names in their order, then what else was met."""
    known = tuple(fixed)
    return (*known, *sorted(set(met) - set(known)))
