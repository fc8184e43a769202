"""Variant points: which choice each backend was measured to follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convformance.runfile import Choice
from convoracle import VARIANTS
from convreport.columns import Column

UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Measured:
    """One choice in a cell; `ops` names those that follow it where not all do."""

    choice: str
    ops: str
    is_standard: bool


@dataclass(frozen=True)
class Followed:
    """What one backend follows at one point; nothing measured leaves it empty."""

    measured: tuple[Measured, ...]
    is_mixed: bool


@dataclass(frozen=True)
class Probe:
    """The case that measured a choice."""

    label: str
    op: str
    choice: str
    line: str


@dataclass(frozen=True)
class Point:
    """A variant point, its choices with their meaning, and what each backend follows."""

    clause: str
    sentence: str
    choices: tuple[tuple[str, str], ...]
    followed: tuple[Followed, ...]
    probes: tuple[Probe, ...]


def points(columns: Sequence[Column]) -> tuple[Point, ...]:
    """Return every variant point, in the specification's order."""
    foreign = sorted(
        {one.point for column in columns for one in column.run.choices} - set(VARIANTS)
    )
    return tuple(_point(label, columns) for label in (*VARIANTS, *foreign))


def _point(label: str, columns: Sequence[Column]) -> Point:
    clause = VARIANTS.get(label)
    at = [[one for one in column.run.choices if one.point == label] for column in columns]
    probes = [
        Probe(column.label, one.op, one.choice, one.line)
        for column, choices in zip(columns, at, strict=True)
        for one in sorted(choices, key=lambda one: (one.op, one.choice, one.line))
    ]
    return Point(
        label,
        clause.sentence if clause else "This release's specification has no such variant point.",
        clause.choices if clause else (),
        tuple(_followed(choices, clause.standard if clause else "") for choices in at),
        tuple(probes),
    )


def _followed(choices: Iterable[Choice], standard: str) -> Followed:
    ops: dict[str, set[str]] = {}
    for one in choices:
        ops.setdefault(one.choice, set()).add(one.op)
    names = sorted(ops, key=lambda name: (name == UNSUPPORTED, name != standard, name))
    measured = tuple(
        Measured(name, ", ".join(sorted(ops[name])) if len(names) > 1 else "", name == standard)
        for name in names
    )
    return Followed(measured, len(set(names) - {UNSUPPORTED}) > 1)
