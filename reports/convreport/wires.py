"""The tap map as drawings: which input cells feed the differing outputs, expected and got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convformance.runfile import Finding

CELL, HEIGHT, GAP, TOP = 22, 22, 12, 18  # of a cell: least width, height; between; for words
FALL = 92  # from the input row to the output row
LETTER = 7  # the width of a letter in a cell
MOST_OUTPUTS, MOST_INPUTS = 6, 24
MOST_FACTORS = 12  # of a drawing; with more the lines stand alone

Spot = tuple[int, ...]  # (channel, *spatial)


@dataclass(frozen=True)
class Box:
    """One cell, of the input above or of the output below."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Wire:
    """One connection; `differs` if the other side lacks it or has another factor."""

    x1: int
    y1: int
    x2: int
    y2: int
    differs: bool
    factor: str
    fx: int
    fy: int


@dataclass(frozen=True)
class Wiring:
    """One side of the map; `told` is for who does not see it."""

    side: str
    width: int
    height: int
    cell: int
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    told: str


@dataclass(frozen=True)
class TapMapView:
    """Both sides, and how much is left out."""

    sides: tuple[Wiring, ...]
    note: str


@dataclass(frozen=True)
class _Fed:
    """An output cell and its factors on both sides."""

    output: Spot
    expected: Mapping[Spot, float]
    got: Mapping[Spot, float]


def tap_map_of(finding: Finding) -> TapMapView | None:
    """Return the drawings of a finding's connections; None where it has none, or no true ones."""
    try:
        fed = [_fed(one) for one in finding.connections]
    except (TypeError, ValueError, KeyError, OverflowError):
        return None  # a run file of another hand
    shown: list[_Fed] = []
    cells: set[Spot] = set()
    for one in fed[:MOST_OUTPUTS]:
        more = cells | {*one.expected, *one.got}
        if len(more) <= MOST_INPUTS:
            shown, cells = [*shown, one], more
    if not shown:
        return None
    inputs, outputs = sorted(cells), [one.output for one in shown]
    left = len(fed) - len(shown)
    note = f"and {left} more output cell{'s'[: left > 1]} fed in another way" if left else ""
    sides = tuple(_wiring(side, shown, inputs, outputs) for side in ("expected", "got"))
    return TapMapView(sides, note)


def _fed(one: Mapping[str, Any]) -> _Fed:
    sides = [
        {_spot(cell): float(factor) for cell, factor in one[side]} for side in ("expected", "got")
    ]
    return _Fed(_spot(one["output"]), *sides)


def _spot(cell: Sequence[Any]) -> Spot:
    return tuple(int(i) for i in cell)


def _wiring(
    side: str, shown: Sequence[_Fed], inputs: Sequence[Spot], outputs: Sequence[Spot]
) -> Wiring:
    above, below = _labels(inputs), _labels(outputs)
    cell = max(CELL, LETTER * max(map(len, (*above.values(), *below.values()))) + 6)
    width = max(len(inputs), len(outputs)) * (cell + GAP) + GAP
    at = {("x", spot): x for spot, x in zip(inputs, _places(len(inputs), cell, width), strict=True)}
    at |= {
        ("y", spot): x for spot, x in zip(outputs, _places(len(outputs), cell, width), strict=True)
    }
    low = TOP + HEIGHT + FALL
    boxes = [Box(at["x", spot], TOP, above[spot]) for spot in inputs]
    boxes += [Box(at["y", spot], low, below[spot]) for spot in outputs]
    wires = tuple(_wires(side, shown, at, cell))
    return Wiring(side, width, low + HEIGHT + TOP, cell, tuple(boxes), wires, _told(side, shown))


def _places(many: int, cell: int, width: int) -> list[int]:
    """Return the left edges of a row of cells, in the middle of the drawing."""
    start = (width - many * (cell + GAP) + GAP) // 2
    return [start + i * (cell + GAP) for i in range(many)]


def _labels(spots: Sequence[Spot]) -> dict[Spot, str]:
    """Return what stands in each cell: its position, without a channel that all share at 0."""
    bare = all(spot[:1] == (0,) and len(spot) > 1 for spot in spots)
    return {spot: ",".join(map(str, spot[1:] if bare else spot)) for spot in spots}


def _wires(
    side: str, shown: Sequence[_Fed], at: Mapping[tuple[str, Spot], int], cell: int
) -> Iterator[Wire]:
    fed = [(one, *_sides(one, side)) for one in shown]
    is_few = sum(len(own) for _, own, _ in fed) <= MOST_FACTORS
    for one, own, other in fed:
        many = len(own)
        for i, (spot, factor) in enumerate(sorted(own.items())):
            x1, x2 = at["x", spot] + cell // 2, at["y", one.output] + cell // 2
            y1, y2 = TOP + HEIGHT, TOP + HEIGHT + FALL
            # Factors stand at one of three heights, so that those of neighbours stay apart.
            down = (1 + i % 3) / 4 if many > 1 else 0.5
            yield Wire(
                x1, y1, x2, y2,
                differs=not _close(factor, other.get(spot)),
                factor=f"{factor:.3g}" if is_few else "",
                fx=round(x1 + (x2 - x1) * down),
                fy=round(y1 + (y2 - y1) * down) + 4,
            )  # fmt: skip


def _sides(one: _Fed, side: str) -> tuple[Mapping[Spot, float], Mapping[Spot, float]]:
    return (one.expected, one.got) if side == "expected" else (one.got, one.expected)


def _close(factor: float, other: float | None) -> bool:
    return other is not None and abs(factor - other) <= 1e-5 * abs(factor)


def _told(side: str, shown: Sequence[_Fed]) -> str:
    told = []
    for one in shown:
        own, _ = _sides(one, side)
        words = " + ".join(
            f"{factor:.3g} {_named('x', spot)}" for spot, factor in sorted(own.items())
        )
        told.append(f"{_named('y', one.output)} reads {words or 'nothing'}")
    return f"{side}: {'; '.join(told)}"


def _named(name: str, spot: Spot) -> str:
    return f"{name}[{', '.join(map(str, spot))}]"
