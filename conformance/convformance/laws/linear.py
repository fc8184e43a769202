"""Linearity: in the input, in the weight, over the channels, and under powers of two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from convformance.backend import Array, Arrays
from convformance.laws.law import Ask, Pair
from convformance.laws.numbers import other_samples, whole_numbers
from convformance.problem import Case, Problem

A, B = 3, -2  # both exact, and not symmetric
POWERS = (8.0, 0.25)


def linear_input(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.linear_input] A combination of two inputs gives that of their answers."""
    arrays = whole_numbers(case, _factors(case.problem))
    x, other = arrays["x"], other_samples(case, _factors(case.problem))
    yield _combined(ask, case.problem, arrays, {"x": (x, other)})


def linear_weight(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.linear_weight] A combination of two weights gives that of their answers."""
    arrays = whole_numbers(case, _factors(case.problem))
    other = whole_numbers(replace(case, seed=case.seed + 1), _factors(case.problem))
    for name in ("w", "pointwise"):
        if name in arrays:
            pair = arrays[name], other[name]
            yield _combined(ask, case.problem, arrays, {name: pair})


def _combined(
    ask: Ask, problem: Problem, arrays: Arrays, operands: Mapping[str, tuple[Array, Array]]
) -> Pair:
    [(name, (first, second))] = operands.items()
    both = (A * first + B * second).astype(first.dtype)
    y, y2, got = (ask(problem, {**arrays, name: one}) for one in (first, second, both))
    expected = A * y.astype(np.float64) + B * y2.astype(np.float64)
    return Pair(f"{A} {name} - {-B} {name}'", expected, got)


def channels(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.channels] The answer is the sum of the answers to the first channels and the rest."""
    problem, arrays = case.problem, whole_numbers(case, _factors(case.problem))
    depth = problem.x[1] // problem.groups
    got = ask(problem, arrays)
    for cut in dict.fromkeys((1, depth // 2)):
        parts = (_part(problem, arrays, 0, cut), _part(problem, arrays, cut, depth))
        first, rest = (ask(*part).astype(np.float64) for part in parts)
        yield Pair(f"channels :{cut} plus channels {cut}: of each group", first + rest, got)


def _part(
    problem: Problem, arrays: Arrays, start: int, stop: int
) -> tuple[Problem, dict[str, Array]]:
    """Return the problem with the channels start:stop of each group, and its arrays."""
    some = slice(start, stop)
    found = {**arrays, "x": _of_groups(arrays["x"], 1, problem.groups, some)}
    if problem.op == "conv_transpose":
        found["w"] = _of_groups(arrays["w"], 0, problem.groups, some)
    elif problem.op == "separable_conv":
        found["w"] = arrays["w"][some]
        multiplier = problem.w[1]
        found["pointwise"] = arrays["pointwise"][:, start * multiplier : stop * multiplier]
    else:
        found["w"] = arrays["w"][:, some]
    return replace(problem, **{name: array.shape for name, array in found.items()}), found


def _of_groups(array: Array, axis: int, groups: int, some: slice) -> Array:
    """Return some of the channels of each group, which lie side by side along the axis."""
    lead, rest = array.shape[:axis], array.shape[axis + 1 :]
    grouped = array.reshape(*lead, groups, -1, *rest)
    chosen = grouped[(slice(None),) * (axis + 1) + (some,)]
    return chosen.reshape(*lead, -1, *rest)


def homogeneous(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.homogeneous] A power of two comes through every rounding unchanged."""
    problem, arrays = case.problem, whole_numbers(case, _factors(case.problem))
    y = ask(problem, arrays)
    for power in POWERS:
        scaled = {**arrays, "x": (arrays["x"] * power).astype(arrays["x"].dtype)}
        yield Pair(f"samples times {power:g}", y.astype(np.float64) * power, ask(problem, scaled))


def _factors(problem: Problem) -> int:
    """Return how many numbers are multiplied in one term."""
    return 3 if problem.op == "separable_conv" else 2
