"""Adjointness: the transposed convolution moves to the other side of an inner product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from convformance.backend import Array
from convformance.laws.fits import windowed
from convformance.laws.law import Ask, Pair
from convformance.laws.numbers import random, whole_numbers
from convformance.meaning import output_shape
from convformance.problem import Case, Problem
from convformance.sizes import axes_of


def adjoint(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.adjoint] Both inner products in Python's integers, so that nothing is rounded."""
    problem, arrays = case.problem, whole_numbers(case)
    x, w = arrays["x"], arrays["w"]
    shape = output_shape(problem)
    y = random(case).integers(1, 4, shape) * random(case).choice((-1, 1), shape)
    back = ask.in_shape(transposed(problem), {"x": y.astype(x.dtype), "w": w})
    forth = ask.in_shape(problem, arrays)
    left, right = inner(forth, y), inner(x, back)
    yield Pair("<conv(x), y> and <x, conv_transpose(y)>", np.array(left), np.array(right))


def inner(one: Array, other: Array) -> int:
    """Return the inner product of two arrays of whole numbers as a Python integer."""
    pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    return sum(int(a) * int(b) for a, b in pairs)


def transposed(problem: Problem) -> Problem:
    """Return the transposed convolution whose output has the size of the problem's input."""
    axes = axes_of(problem)
    sides = tuple((axis.before, axis.after) for axis in axes)
    return Problem(
        "conv_transpose",
        output_shape(problem),
        problem.w,
        stride=problem.stride,
        padding=sides if any(map(any, sides)) else "valid",
        dilation=problem.dilation,
        groups=problem.groups,
        output_padding=tuple(axis.room % axis.stride for axis in axes),
        dtype=problem.dtype,
    )


def transposable(problem: Problem) -> Problem:
    """Return the convolution with zeros as padding and no stride past its extent."""
    plain = replace(windowed(problem), padding_mode="zeros", input_dilation=(), flip=False)
    extents = [
        step * (taps - 1) + 1 for step, taps in zip(plain.dilation, plain.w[2:], strict=True)
    ]
    stride = tuple(map(min, plain.stride, extents))
    return replace(plain, stride=stride)
