"""Which input cell, with which factor, feeds each output cell: expected and actual.

A linear op is asked with a batch of inputs that are one in one cell and zero elsewhere, and with
weights that are all different, so that the answer shows every connection and its factor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays, Backend
from convformance.diagnosis.faults import whole
from convformance.expect import broken_clause, expectation, terms_each
from convformance.meaning import input_shapes, output_shape
from convformance.perform import perform
from convformance.problem import Problem
from convformance.sizes import AXIS_NAMES

LINEAR = (
    "conv", "conv1x1", "conv_transpose", "depthwise_conv", "avg_pool", "distance_pool",
    "adaptive_avg_pool", "global_avg_pool", "unfold", "fold",
)  # fmt: skip
MOST_CELLS = 256  # input cells that are asked one by one
MOST_TERMS = 500_000  # of all answers together
MOST_LISTED = 3
MOST_DRAWN = 12

Cell = tuple[int, ...]  # (channel, *spatial)
Wires = Mapping[Cell, Mapping[Cell, float]]  # output cell -> input cell -> factor


@dataclass(frozen=True)
class TapMap:
    """The connections of a linear op on one item: those expected, and those of the backend."""

    expected: Wires
    actual: Wires
    sizes: tuple[int, ...]  # of the input's spatial axes

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.sizes)

    @cached_property
    def differing(self) -> tuple[Cell, ...]:
        """The output cells that are fed in another way."""
        cells = sorted({*self.expected, *self.actual})
        return tuple(o for o in cells if not _alike(self.expected.get(o), self.actual.get(o)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What moved, in words; how many connections differ where no word fits."""
        if not self.differing:
            return ()
        for told in (self._moved, self._turned, self._scaled):
            words = told()
            if words:
                return (words,)
        return self._listed()

    def _moved(self) -> str:
        """Whether every window reads the expected cells, moved by one distance along one axis."""
        for axis, name in enumerate(_names(self.rank)):
            for step in (1, -1, 2, -2, 3, -3):
                if self._fits(axis, step):
                    many = f"{abs(step)} sample{'s' if abs(step) > 1 else ''}"
                    when = "later" if step > 0 else "earlier"
                    return f"each window starts {many} {when} on axis {name}"
        return ""

    def _fits(self, axis: int, step: int) -> bool:
        """Whether moving the expected inputs gives the actual ones, but for those at the ends.

        A cell that is moved out of the input is lost, and one that was padding may come in.
        """
        some = False
        for o in {*self.expected, *self.actual}:
            moved = {
                _shifted(cell, axis, step): factor
                for cell, factor in self.expected.get(o, {}).items()
            }
            moved = {cell: factor for cell, factor in moved.items() if self._is_inside(cell)}
            got = {
                cell: factor
                for cell, factor in self.actual.get(o, {}).items()
                if self._is_inside(_shifted(cell, axis, -step))
            }
            if not _alike(moved, got):
                return False
            some = some or bool(moved)
        return some

    def _is_inside(self, cell: Cell) -> bool:
        return all(0 <= i < size for i, size in zip(cell[1:], self.sizes, strict=True))

    def _turned(self) -> str:
        """Whether every window reads the same cells, with its factors in the opposite order."""
        for axis, name in [(None, ""), *enumerate(_names(self.rank))]:
            if all(self._is_turned(o, axis) for o in {*self.expected, *self.actual}):
                along = f"along axis {name}" if name else "along every axis"
                return f"the weights of each window are applied in the opposite order {along}"
        return ""

    def _is_turned(self, o: Cell, axis: int | None) -> bool:
        wanted, got = self.expected.get(o, {}), self.actual.get(o, {})
        if set(wanted) != set(got):
            return False
        axes = range(self.rank) if axis is None else (axis,)
        ends = {a: [cell[1 + a] for cell in wanted] for a in axes}

        def mirror(cell: Cell) -> Cell:
            found = list(cell)
            for a in axes:
                found[1 + a] = min(ends[a]) + max(ends[a]) - cell[1 + a]
            return tuple(found)

        return _alike({mirror(cell): factor for cell, factor in wanted.items()}, got)

    def _scaled(self) -> str:
        """Whether every window reads the same cells with one factor where another is due."""
        told: dict[str, int] = defaultdict(int)
        for o in self.differing:
            wanted, got = self.expected.get(o, {}), self.actual.get(o, {})
            ones = {*wanted.values()}, {*got.values()}
            if set(wanted) != set(got) or any(len(some) != 1 for some in ones):
                return ""
            due, given = (Fraction(some.pop()).limit_denominator(10_000) for some in ones)
            if due.numerator != 1 or given.numerator != 1:
                return ""
            told[f"the divisor is {given.denominator} where {due.denominator} is due"] += 1
        words, many = max(told.items(), key=lambda item: item[1])
        others = f", and in {len(told) - 1} other ways" if len(told) > 1 else ""
        return f"{words}, in {many} of {len({*self.expected})} windows{others}"

    def _listed(self) -> tuple[str, ...]:
        lost, more = (
            self._unlike(self.expected, self.actual),
            self._unlike(self.actual, self.expected),
        )
        every = len({*self.expected, *self.actual})
        summary = (
            f"{len(self.differing)} of {every} output cells are fed in another way: connections "
            f"missing {lost}, needless {more} (weights are numbered 1, 2, 3 ...)"
        )
        return (summary, *(self._one(o) for o in self.differing[:MOST_LISTED]))

    def _unlike(self, one: Wires, other: Wires) -> int:
        return sum(len(set(one.get(o, {})) - set(other.get(o, {}))) for o in self.differing)

    @property
    def drawn(self) -> tuple[dict[str, Any], ...]:
        """The differing output cells with their connections, as plain data; the first of them."""
        return tuple(
            {
                "output": list(o),
                "expected": [
                    [list(cell), f] for cell, f in sorted(self.expected.get(o, {}).items())
                ],
                "got": [[list(cell), f] for cell, f in sorted(self.actual.get(o, {}).items())],
            }
            for o in self.differing[:MOST_DRAWN]
        )

    def _one(self, o: Cell) -> str:
        wanted, got = (_told(fed.get(o, {})) for fed in (self.expected, self.actual))
        return f"y[{', '.join(map(str, o))}] reads {got}, and should read {wanted}"


def _told(fed: Mapping[Cell, float]) -> str:
    words = [f"{factor:g} x[{', '.join(map(str, cell))}]" for cell, factor in sorted(fed.items())]
    more = f" + {len(words) - 8} more" if len(words) > 8 else ""
    return " + ".join(words[:8]) + more if words else "nothing"


def _alike(one: Mapping[Cell, float] | None, other: Mapping[Cell, float] | None) -> bool:
    one, other = one or {}, other or {}
    return set(one) == set(other) and all(
        abs(one[cell] - other[cell]) <= 1e-5 * abs(one[cell]) for cell in one
    )


def _names(rank: int) -> tuple[str, ...]:
    return AXIS_NAMES.get(rank) or tuple(str(a) for a in range(rank))


def _shifted(cell: Cell, axis: int, step: int) -> Cell:
    place = 1 + axis
    return (*cell[:place], cell[place] + step, *cell[place + 1 :])


def tap_map(backend: Backend, problem: Problem) -> TapMap | None:
    """Return the connections of a linear op; None where there is no such map to be had."""
    cells = prod(problem.x[1:])
    if problem.op not in LINEAR or problem.grad or not problem.is_float or problem.is_complex:
        return None
    if not 0 < cells <= MOST_CELLS or problem.batch_groups > 1 or broken_clause(problem):
        return None
    if cells * prod(output_shape(problem)[1:]) * terms_each(problem) > MOST_TERMS:
        return None
    plain = replace(
        problem, x=(cells, *problem.x[1:]), dtype="float32", output_dtype="", unbatched=False,
        memory="contiguous", bias=False,
    )  # fmt: skip
    arrays = _tagged(plain)
    outcome = perform(backend, plain, arrays)
    if outcome.kind != "arrays" or "y" not in outcome.arrays:
        return None
    expected, got = _expected(plain, arrays), outcome.arrays["y"]
    if got.ndim != expected.ndim or len(got) != cells:
        return None
    return TapMap(_wires(expected, plain), _wires(got, plain), problem.x[2:])


def _expected(problem: Problem, arrays: Arrays) -> Array:
    """Return the oracle's answer to every item; each is small enough to be answered whole."""
    one = replace(problem, x=(1, *problem.x[1:]))
    items = ({**arrays, "x": arrays["x"][i : i + 1]} for i in range(problem.x[0]))
    return np.concatenate([whole(expectation(one, item)) for item in items])


def _tagged(problem: Problem) -> Arrays:
    """Return the one-hot inputs, and weights that are all different: 1, 2, 3 ..."""
    shapes = input_shapes(problem)
    arrays = {"x": np.eye(problem.x[0], dtype=np.float32).reshape(problem.x)}
    for name, shape in shapes.items():
        if name != "x":
            arrays[name] = np.arange(1, prod(shape) + 1, dtype=np.float32).reshape(shape)
    return arrays


def _wires(y: Array, problem: Problem) -> dict[Cell, dict[Cell, float]]:
    found: dict[Cell, dict[Cell, float]] = {
        tuple(map(int, o)): {} for o in np.ndindex(*y.shape[1:])
    }
    with np.errstate(all="ignore"):
        for item, *o in np.argwhere((y != 0) & np.isfinite(y)).tolist():
            cell = tuple(int(i) for i in np.unravel_index(item, problem.x[1:]))
            found[tuple(o)][cell] = float(y[(item, *o)])
    return found
