"""A drawing of an axis and of its windows at the ends: samples, padding and taps as cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convreport.explain import AxisView, Border

CELL, ROW, LEFT, TOP = 22, 22, 78, 20
WIDEST = 40  # cells of one drawing; a longer axis shows its two ends
END = 18  # cells of each of them


@dataclass(frozen=True)
class Cell:
    """One position: where it stands, what it is, and the number in it."""

    x: int
    y: int
    kind: str  # sample, pad, tap, tap-pad or gap
    text: str = ""


@dataclass(frozen=True)
class Drawing:
    """The rows of an axis: its positions, then a row for each window."""

    names: tuple[str, ...]
    width: int
    height: int
    cells: tuple[Cell, ...]
    rows: tuple[tuple[str, int], ...]  # words and their y
    told: str  # for who does not see it


def drawings(axes: Sequence[AxisView], over_output: bool) -> tuple[Drawing, ...]:
    """Return a drawing for each axis, axes that are alike in one."""
    alike: dict[tuple[object, ...], list[AxisView]] = {}
    for axis in axes:
        alike.setdefault((axis.borders, axis.size, axis.before, axis.after), []).append(axis)
    return tuple(
        _drawing(same[0], tuple(one.name for one in same), over_output)
        for same in alike.values()
        if same[0].borders
    )


def _drawing(axis: AxisView, names: tuple[str, ...], over_output: bool) -> Drawing:
    shown = _shown(axis)
    cells = [*_axis_cells(axis, shown)]
    rows = [("output" if over_output else "input", TOP)]
    word = "input" if over_output else "window"
    for i, border in enumerate(axis.borders, 1):
        y = TOP + i * (ROW + 4)
        rows.append((f"{word} {border.window}", y))
        cells += _tap_cells(axis, border, shown, y)
    told = "; ".join(
        f"{word} {one.window} at {one.first} to {one.last}, {one.outside} outside"
        for one in axis.borders
    )
    height = TOP + (len(axis.borders) + 1) * (ROW + 4) + 6
    return Drawing(names, LEFT + len(shown) * CELL + 8, height, tuple(cells), tuple(rows), told)


def _shown(axis: AxisView) -> list[int | None]:
    """Return the positions that are drawn, None for what is left out between the ends."""
    first = min(-axis.before, *(one.first for one in axis.borders))
    last = max(axis.size + axis.after - 1, *(one.last for one in axis.borders))
    whole = range(min(first, 0), max(last, axis.size - 1) + 1)
    if len(whole) <= WIDEST:
        return list(whole)
    return [*whole[:END], None, *whole[-END:]]


def _axis_cells(axis: AxisView, shown: Sequence[int | None]) -> Iterator[Cell]:
    for at, i in enumerate(shown):
        x = LEFT + at * CELL
        if i is None:
            yield Cell(x, TOP, "gap", "...")
        else:
            inside = 0 <= i < axis.size
            few = axis.size <= 1000
            yield Cell(x, TOP, "sample" if inside else "pad", str(i) if inside and few else "")


def _tap_cells(
    axis: AxisView, border: Border, shown: Sequence[int | None], y: int
) -> Iterator[Cell]:
    taps = range(border.first, border.last + 1, border.step)
    for at, i in enumerate(shown):
        if i is not None and i in taps:
            inside = 0 <= i < axis.size
            yield Cell(LEFT + at * CELL, y, "tap" if inside else "tap-pad")
