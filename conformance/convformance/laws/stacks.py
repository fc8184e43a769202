"""Stacks of layers: receptive field, jump and start, computed and then seen in an impulse.

The stacks are of one, two and three layers of the problem, and of two with a 2x2 pool between:
two layers of 3x3 see 5x5 samples, three see 7x7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convformance.backend import Array
from convformance.expect import numpy_dtype
from convformance.laws.fits import windowed
from convformance.laws.geometry import box, reached
from convformance.laws.law import Ask, NotAnswered, Pair, is_solid
from convformance.laws.numbers import cells, random
from convformance.meaning import output_shape
from convformance.problem import Case, Problem
from convformance.sizes import axes_of
from convoracle.axis import Axis

LARGEST_KERNEL, LARGEST_STEP = 7, 2


@dataclass(frozen=True)
class Field:
    """What element o of a stack sees: `size` samples from start + o * jump on."""

    size: int = 1
    jump: int = 1
    start: int = 0

    def through(self, axis: Axis) -> Field:
        """Return the field with one more layer on top."""
        return Field(
            self.size + (axis.extent - 1) * self.jump,
            self.jump * axis.stride,
            self.start - axis.before * self.jump,
        )

    def span(self, o: int) -> range:
        """Return the samples that element o sees; they may lie in padding."""
        first = self.start + o * self.jump
        return range(first, first + self.size)


def receptive_field(axes: Sequence[Axis]) -> Field:
    """Return the field of a stack along one axis, from its layers, the first below."""
    field = Field()
    for axis in axes:
        field = field.through(axis)
    return field


def stack(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.stack] Put 1 at one sample, 0 elsewhere, and see which elements are not zero."""
    places = cells(case.problem.x[2:], random(case))
    seen = False
    for layers in stacks(case.problem):
        columns = [[axes_of(layer)[a] for layer in layers] for a in range(case.problem.rank)]
        fields = [receptive_field(column) for column in columns]
        for i in places:
            got = _impulse(ask, layers, i)
            yield from _pairs(columns, fields, i, got)
        seen = True
    if not seen:
        raise NotAnswered("the input is too small for the layer")


def stacks(problem: Problem) -> Iterator[tuple[Problem, ...]]:
    """Yield the stacks of the problem that leave an output."""
    pool = Problem("max_pool", problem.x, kernel=(2,), stride=(2,), dtype=problem.dtype)
    for kinds in ((problem,), (problem,) * 2, (problem,) * 3, (problem, pool, problem)):
        layers: list[Problem] = []
        shape = problem.x
        for kind in kinds:
            layers.append(replace(kind, x=shape))
            if not is_solid(layers[-1]):
                break
            shape = output_shape(layers[-1])
        else:
            yield tuple(layers)


def _impulse(ask: Ask, layers: Sequence[Problem], i: tuple[int, ...]) -> Array:
    """Return which positions of the top are reached: all weights are 1, so nothing cancels."""
    dtype = numpy_dtype(layers[0].dtype)
    y: Array = np.zeros(layers[0].x, dtype)
    y[(0, 0, *i)] = 1
    for layer in layers:
        arrays = {"x": y} | ({"w": np.ones(layer.w, dtype)} if layer.w else {})
        y = (ask(layer, arrays) > 0).astype(dtype)  # a path counts once, so that none overflows
        if y.shape != output_shape(layer):
            return y > 0
    return y > 0


def _pairs(
    columns: Sequence[Sequence[Axis]], fields: Sequence[Field], i: tuple[int, ...], got: Array
) -> Iterator[Pair]:
    sizes = [column[-1].count for column in columns]
    told = "x".join(str(field.size) for field in fields)
    depth = len(columns[0])
    layers = f"{depth} layers that see" if depth > 1 else "1 layer that sees"
    what = f"{layers} {told} samples, impulse at {list(i)}"
    paths = [climb(column, j) for column, j in zip(columns, i, strict=True)]
    yield Pair(what, box(sizes, paths), got[0, 0])
    if not all(map(is_whole, columns)):
        return
    inside = [_inside(column, field) for column, field in zip(columns, fields, strict=True)]
    seen = [
        [o for o in one if j in field.span(o)]
        for one, field, j in zip(inside, fields, i, strict=True)
    ]
    if got[0, 0].shape == tuple(sizes) and all(map(len, inside)):
        expected, window = box(sizes, seen), np.ix_(*inside)
        yield Pair(f"{what}, by size, jump and start", expected[window], got[0, 0][window])


def climb(column: Sequence[Axis], i: int) -> set[int]:
    """Return the elements of the top that sample i reaches along one axis."""
    found = {i}
    for axis in column:
        found = reached(axis, found)
    return found


def is_whole(column: Sequence[Axis]) -> bool:
    """Whether no layer leaves samples out between its taps or its windows."""
    return all(axis.dilation == 1 and axis.stride <= axis.kernel_size for axis in column)


def _inside(column: Sequence[Axis], field: Field) -> list[int]:
    """Return the elements of the top that see no padding."""
    size = column[0].size
    spans = ((o, field.span(o)) for o in range(column[-1].count))
    return [o for o, span in spans if span.start >= 0 and span.stop <= size]


def stackable(problem: Problem) -> Problem:
    """Return a layer that keeps its channels, with padding that no window lies in alone."""
    plain = replace(windowed(problem), padding_mode="zeros", input_dilation=(), ceil_mode=False)
    stride = tuple(min(step, LARGEST_STEP) for step in plain.stride)
    dilation = tuple(min(step, LARGEST_STEP) for step in plain.dilation)
    kernel = tuple(min(taps, LARGEST_KERNEL) for taps in plain.kernel_size)
    C = plain.x[1]
    if plain.w:
        plain = replace(plain, groups=1, w=(C, C, *kernel))
    else:
        plain = replace(plain, kernel=kernel)
    plain = replace(plain, stride=stride, dilation=dilation, x=(1, *plain.x[1:]))
    if not isinstance(plain.padding, str):
        extents = [step * (taps - 1) for step, taps in zip(dilation, kernel, strict=True)]
        sides = [
            (min(max(0, before), most), min(max(0, after), most))
            for (before, after), most in zip(plain.padding, extents, strict=True)
        ]
        plain = replace(plain, padding=tuple(sides))
    return plain
