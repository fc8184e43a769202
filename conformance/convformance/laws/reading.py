"""Sparsity: what an element depends on, by changing a sample and by the backend's derivative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from convformance.backend import Array
from convformance.laws.geometry import box, reached, read_channels, reading_channels, reads
from convformance.laws.law import Ask, Pair
from convformance.laws.numbers import cells, random, whole_numbers
from convformance.meaning import output_shape
from convformance.problem import Case
from convformance.sizes import axes_of

PEAK = 64  # larger than every other sample, so that it also wins a maximum


def sparse(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.sparse] Change one sample; the elements whose windows read it move, no others do."""
    problem, arrays = case.problem, _positive(whole_numbers(case))
    axes, shape = axes_of(problem), output_shape(problem)
    y = ask.in_shape(problem, arrays)
    for n, c, *i in cells(problem.x, random(case)):
        x = arrays["x"].copy()
        x[(n, c, *i)] = PEAK
        again = ask.in_shape(problem, {**arrays, "x": x})
        windows = [reached(axis, {j}) for axis, j in zip(axes, i, strict=True)]
        expected = box(shape, [{n}, reading_channels(problem, c), *windows])
        yield Pair(f"elements moved by x{[n, c, *i]}", expected, _moved(y, again))


def jacobian(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.jacobian] A row of the Jacobian: the gradient where dy is 1 at one element."""
    problem, arrays = case.problem, _positive(whole_numbers(case))
    backward, axes = replace(problem, grad="x"), axes_of(problem)
    shape = output_shape(problem)
    for n, m, *o in cells(shape, random(case)):
        dy = np.zeros(shape, arrays["x"].dtype)
        dy[(n, m, *o)] = 1
        dx = ask.in_shape(backward, {**arrays, "dy": dy})
        samples = [reads(axis, j) for axis, j in zip(axes, o, strict=True)]
        expected = box(problem.x, [{n}, read_channels(problem, m), *samples])
        yield Pair(f"samples with a derivative of y{[n, m, *o]}", expected, dx != 0)
        if problem.op == "conv" and expected.any():
            yield _difference(ask, case, arrays, dx, (n, m, *o))


def _difference(
    ask: Ask, case: Case, arrays: dict[str, Array], dx: Array, element: tuple[int, ...]
) -> Pair:
    """Compare the derivative with what the element gains by 1 more at a sample it reads."""
    cell = tuple(np.argwhere(dx != 0)[-1]) if (dx != 0).any() else (0,) * dx.ndim
    x = arrays["x"].copy()
    x[cell] += 1
    y, again = ask.in_shape(case.problem, arrays), ask.in_shape(case.problem, {**arrays, "x": x})
    gained = np.asarray(again[element] - y[element])
    place = [int(i) for i in cell]
    return Pair(f"what y{list(element)} gains by x{place} + 1", np.asarray(dx[cell]), gained)


def _positive(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return positive numbers: taps that read one sample twice cannot cancel."""
    return {name: np.abs(array) for name, array in arrays.items()}


def _moved(before: Array, after: Array) -> Array:
    nan = (before != before) & (after != after)  # noqa: PLR0124  averages of nothing
    moved: Array = (before != after) & ~nan
    return moved
