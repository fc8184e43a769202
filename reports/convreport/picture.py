"""The accuracy picture: one strip of margins per backend and dtype, on a logarithmic axis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from convreport.columns import Column
from convreport.text import margin

LEFT, RIGHT, ZERO = 190.0, 24.0, 64.0  # room for labels, for the last tick, for exact zeros
WIDTH, ROW, TOP, BOTTOM = 860.0, 30.0, 26.0, 34.0
BAR, BARS_PER_DECADE = 20.0, 12  # the tallest bar of a strip; how fine it is
LABEL = 48.0  # room for the words of a tick
LEAST_DECADE = -8  # margins below count as 1e-8


@dataclass(frozen=True)
class Bar:
    """One bar of a strip."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Strip:
    """The margins of one backend and dtype: numbers as text, and where to draw them."""

    label: str
    is_first: bool  # of its backend
    dtype: str
    cases: int
    exact: int
    median: str
    high: str
    worst: str
    exceeds: bool
    base: float
    bars: tuple[Bar, ...]
    median_x: float
    high_x: float
    worst_x: float


@dataclass(frozen=True)
class Tick:
    """A place on the axis and its words."""

    x: float
    text: str


@dataclass(frozen=True)
class Picture:
    """All strips, the axis under them and the line of the bound."""

    width: float
    height: float
    bottom: float
    left: float
    zero_x: float
    bound_x: float
    ticks: tuple[Tick, ...]
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis over whole decades; zeros have a place of their own to its left."""

    low: int
    high: int

    def at(self, value: float) -> float:
        """Return the x of a margin."""
        if value <= 0:
            return round(LEFT + ZERO / 4, 1)
        start = LEFT + ZERO
        decades = math.log10(min(value, 10.0**self.high)) - self.low
        return round(
            start + max(0.0, decades) / (self.high - self.low) * (WIDTH - RIGHT - start), 1
        )


def picture(columns: Sequence[Column]) -> Picture:
    """Return the strips of all columns that were asked on real numbers."""
    groups = {
        (column.label, dtype): values
        for column in columns
        for dtype, values in sorted(_margins(column).items())
    }
    axis = _axis([value for values in groups.values() for value in values])
    labels = [label for label, _ in groups]
    strips = [
        _strip(key, values, axis, TOP + ROW * (i + 1) - 4, is_first=key[0] not in labels[:i])
        for i, (key, values) in enumerate(groups.items())
    ]
    ticks = ticks_of(axis)
    bottom = TOP + ROW * len(strips)
    return Picture(
        WIDTH, bottom + BOTTOM, bottom, LEFT, axis.at(0), axis.at(1), ticks, tuple(strips)
    )


def ticks_of(axis: Axis) -> tuple[Tick, ...]:
    """Return a tick for each decade; the words of some are left out where they would touch."""
    decades = range(axis.low, axis.high + 1)
    apart = axis.at(1.0) - axis.at(0.1)
    every = max(1, math.ceil(LABEL / apart))
    return tuple(
        Tick(axis.at(10.0**decade), "" if decade % every else _power(decade)) for decade in decades
    )


def _margins(column: Column) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = {}
    for tried in column.cases:
        if tried.record.margin is not None:
            groups.setdefault(tried.dtype, []).append(tried.record.margin)
    return groups


def _axis(values: Sequence[float]) -> Axis:
    finite = [value for value in values if 0 < value < math.inf]
    low = math.floor(math.log10(min(finite, default=0.1)))
    high = math.ceil(math.log10(max(finite, default=1.0)))
    # Infinite margins are drawn at the right end, clear of the bound.
    beyond = 1 if any(value > 1 for value in values) else 0
    return Axis(min(-1, max(LEAST_DECADE, low)), max(beyond, min(12, high)))


def _strip(
    key: tuple[str, str], values: Sequence[float], axis: Axis, base: float, *, is_first: bool
) -> Strip:
    ordered = sorted(values)
    median, high, worst = _quantile(ordered, 0.5), _quantile(ordered, 0.95), ordered[-1]
    return Strip(
        label=key[0],
        is_first=is_first,
        dtype=key[1],
        cases=len(ordered),
        exact=sum(value == 0 for value in ordered),
        median=margin(median),
        high=margin(high),
        worst=margin(worst),
        exceeds=worst > 1,
        base=base,
        bars=_bars(ordered, axis, base),
        median_x=axis.at(median),
        high_x=axis.at(high),
        worst_x=axis.at(worst),
    )


def _quantile(ordered: Sequence[float], part: float) -> float:
    """Return the nearest-rank quantile: always one of the values."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _bars(values: Sequence[float], axis: Axis, base: float) -> tuple[Bar, ...]:
    """Return a histogram; heights go by the square root, so that single cases stay visible."""
    start = axis.at(10.0**axis.low)
    width = (WIDTH - RIGHT - start) / ((axis.high - axis.low) * BARS_PER_DECADE)
    last = (axis.high - axis.low) * BARS_PER_DECADE - 1
    bins = Counter(
        min(last, int((axis.at(value) - start) / width)) if value > 0 else -1 for value in values
    )
    tallest = max((cases for place, cases in bins.items() if place >= 0), default=1)
    bars = []
    for place, cases in sorted(bins.items()):
        x = start + place * width if place >= 0 else axis.at(0) - width / 2
        height = round(BAR * min(1.0, math.sqrt(cases / tallest)), 1)
        bars.append(Bar(round(x + 0.5, 1), round(base - height, 1), round(width - 1, 1), height))
    return tuple(bars)


def _power(decade: int) -> str:
    return f"{10.0**decade:g}" if -3 <= decade <= 3 else f"1e{decade}"
