"""The laws: held, not held by how much, or not applicable, for each backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from convformance.laws import LAWS
from convformance.problem import Case, LineError
from convformance.runfile import LawRecord
from convreport.anchors import safe
from convreport.columns import Column, law_status
from convreport.findings import FindingView, sentence
from convreport.text import count, law_command, one_line, sizes

CSS = {"held": "agrees", "apart": "variant", "inapplicable": "unsupported"}
ORDER = ("new", "known", "apart", "held", "inapplicable")


@dataclass(frozen=True)
class LawPart:
    """One outcome of a law in a cell, and the ops it was met in."""

    text: str
    status: str
    ops: str
    target: str = ""


@dataclass(frozen=True)
class LawCell:
    """What one backend made of one law; without parts it was not checked."""

    parts: tuple[LawPart, ...]
    size: str = ""  # how many cases, and the largest input
    example: str = ""  # the anchor of the row with a line


@dataclass(frozen=True)
class LawRow:
    """A law and its cells, one per column."""

    clause: str
    sentence: str
    is_exact: bool
    cells: tuple[LawCell, ...]


@dataclass(frozen=True)
class Example:
    """A line that shows a law once more, and what it shows."""

    anchor: str
    clause: str
    label: str
    text: str
    status: str
    command: str


@dataclass(frozen=True)
class Silence:
    """Why a law was not applicable, how often and for which op."""

    clause: str
    label: str
    op: str
    reason: str
    cases: int


@dataclass(frozen=True)
class LawTable:
    """The section of the laws."""

    rows: tuple[LawRow, ...]
    examples: tuple[Example, ...]
    silences: tuple[Silence, ...]
    cases: int


def law_table(columns: Sequence[Column], findings: Sequence[FindingView]) -> LawTable:
    """Return every law, in the specification's order, and what each backend made of it."""
    labels = dict.fromkeys((*LAWS, *sorted(one.law for column in columns for one in column.laws)))
    targets = {(one.label, one.line): one.anchor for one in reversed(findings)}
    by_law = {
        label: [[one for one in column.laws if one.law == label] for column in columns]
        for label in labels
    }
    shown = [
        (label, rank, records)
        for label, cells in by_law.items()
        for rank, records in enumerate(cells)
        if records
    ]
    return LawTable(
        tuple(_row(label, columns, cells, targets) for label, cells in by_law.items()),
        tuple(_example(label, columns[rank], records) for label, rank, records in shown),
        tuple(one for label, rank, some in shown for one in _silences(label, columns[rank], some)),
        sum(len(column.laws) for column in columns),
    )


def _row(
    label: str,
    columns: Sequence[Column],
    cells: Sequence[Sequence[LawRecord]],
    targets: dict[tuple[str, str], str],
) -> LawRow:
    exact = all(one.exact for records in cells for one in records)
    if label in LAWS:
        exact = LAWS[label].exact
    made = (
        _cell(label, column, records, targets)
        for column, records in zip(columns, cells, strict=True)
    )
    return LawRow(label, sentence(label), exact, tuple(made))


def _cell(
    label: str,
    column: Column,
    records: Sequence[LawRecord],
    targets: dict[tuple[str, str], str],
) -> LawCell:
    if not records:
        return LawCell(())
    answered = [one for one in records if one.held is not None]
    parts = []
    for status in ORDER:
        some = [one for one in records if law_status(one, column.known) == status]
        if some and (status != "inapplicable" or not answered):
            anchors = (targets.get((column.label, one.line), "") for one in some)
            target = next(filter(None, anchors), "") if status in ("new", "known") else ""
            parts.append(LawPart(_words(status, some), CSS.get(status, status), _ops(some), target))
    return LawCell(tuple(parts), _size(records, answered), _anchor(label, column))


def _words(status: str, records: Sequence[LawRecord]) -> str:
    if status == "apart":
        worst = max(one.by_how_much or 0.0 for one in records)
        return f"not held, by {worst:.2g}"
    return {
        "held": "held",
        "new": "broken",
        "known": "broken, known",
        "inapplicable": "not applicable",
    }[status]


def _ops(records: Iterable[LawRecord]) -> str:
    return ", ".join(dict.fromkeys(one.op for one in records))


def _size(records: Sequence[LawRecord], answered: Sequence[LawRecord]) -> str:
    silent = len(records) - len(answered)
    parts = [count(len(answered), "case")] if answered else []
    if answered:
        parts.append(f"largest {sizes(max(map(_input, answered), key=prod))}")
    if silent:
        parts.append(f"{silent:,} not applicable")
    return ", ".join(parts)


def _input(record: LawRecord) -> tuple[int, ...]:
    """Return the shape of a record's input; of a line that this release cannot read none."""
    try:
        return Case.parse(record.line).problem.x
    except LineError:
        return (0,)


def _example(label: str, column: Column, records: Sequence[LawRecord]) -> Example:
    """Return the record that tells most: broken, furthest from holding, else the largest."""
    best = max(records, key=lambda one: _telling(one, column))
    status = law_status(best, column.known)
    text = {"held": "held", "apart": one_line(best.message)}.get(status, one_line(best.message))
    given = column.run.header.given or column.backend
    return Example(
        _anchor(label, column),
        label,
        column.label,
        text,
        CSS.get(status, status),
        law_command(label, best.line, given),
    )


def _telling(record: LawRecord, column: Column) -> tuple[int, float, int]:
    rank = -ORDER.index(law_status(record, column.known))
    return rank, record.by_how_much or 0.0, prod(_input(record))


def _silences(label: str, column: Column, records: Sequence[LawRecord]) -> list[Silence]:
    silent = Counter((one.op, one_line(one.message)) for one in records if one.held is None)
    return [
        Silence(label, column.label, op, reason or "no reason given", cases)
        for (op, reason), cases in sorted(silent.items(), key=lambda pair: (pair[0][0], -pair[1]))
    ]


def _anchor(label: str, column: Column) -> str:
    return f"{safe(label.replace('.', '-'))}-{column.mark}"
