"""Layers that are other layers: pointwise, separable, average pooling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np

from convformance.backend import Array
from convformance.expect import terms_each
from convformance.fills import limit
from convformance.laws.fits import handed_plainly, windowed
from convformance.laws.law import Ask, NotAnswered, Pair
from convformance.laws.numbers import LARGEST, ROOM, random, whole_numbers
from convformance.problem import Case, Problem

MOST_ROWS = 4  # output channels of a pointwise step that a problem does not name


def pointwise(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.pointwise] w @ x[n, :, i] at every position i, computed in integers."""
    problem, arrays = case.problem, whole_numbers(case)
    w = arrays["w"].reshape(problem.w[:2]).astype(np.int64)
    expected = np.einsum("mc,nc...->nm...", w, arrays["x"].astype(np.int64))
    yield Pair("the matrix product at every position", expected, ask(problem, arrays))


def one_tap(problem: Problem) -> Problem:
    """Return the convolution with a kernel of one tap and nothing that moves a window."""
    plain = windowed(problem)
    if plain.op == "conv1x1":
        return plain
    ones = (1,) * plain.rank
    return replace(
        plain,
        w=(plain.w[0], plain.x[1], *ones),
        stride=(),
        padding="valid",
        dilation=(),
        input_dilation=(),
        groups=1,
    )


def separable(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.separable] Depthwise and pointwise, in two calls or one, against the product."""
    problem, arrays = case.problem, whole_numbers(case, 3)
    C = problem.x[1]
    depthwise = arrays["w"].reshape(C, -1, *problem.kernel_size)
    points = _points(case, depthwise.shape[1])
    product = np.einsum("mcq,cq...->mc...", points.reshape(-1, *depthwise.shape[:2]), depthwise)
    whole = Problem(
        "conv",
        problem.x,
        product.shape,
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        dtype=problem.dtype,
    )
    expected = ask(whole, {"x": arrays["x"], "w": product.astype(points.dtype)})
    if problem.op == "separable_conv":
        yield Pair("one convolution with the product kernel", expected, ask(problem, arrays))
        return
    between = ask(problem, arrays)
    second = Problem("conv1x1", between.shape, points.shape, dtype=problem.dtype)
    got = ask(second, {"x": between, "w": points})
    yield Pair("one convolution with the product kernel", expected, got)


def _points(case: Case, multiplier: int) -> Array:
    """Return the weights of the pointwise step: the problem's own, or drawn ones."""
    problem, C = case.problem, case.problem.x[1]
    if problem.op == "separable_conv":
        return whole_numbers(case, 3)["pointwise"]
    if limit(problem) < ROOM * LARGEST**3 * terms_each(problem) * C * multiplier:
        raise NotAnswered(f"a sum may not fit the significand of {problem.dtype}")
    x = whole_numbers(case, 3)["x"]
    return random(case).integers(1, LARGEST + 1, (MOST_ROWS, C * multiplier)).astype(x.dtype)


def by_channel(problem: Problem) -> Problem:
    """Return the problem of a depthwise step: each group one channel, zeros as padding."""
    plain = replace(windowed(problem), padding_mode="zeros", input_dilation=(), flip=False)
    if plain.op != "conv":
        return plain
    C = plain.x[1]
    M = max(1, plain.w[0] // max(1, C)) * C
    return replace(plain, groups=C, w=(M, 1, *plain.w[2:]))


def pool_as_conv(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.pool_as_conv] Windows of 2, 4, 8 ... taps, whose division is exact."""
    problem, arrays = case.problem, whole_numbers(case)
    C, taps = problem.x[1], prod(problem.kernel)
    uniform = Problem(
        "conv",
        problem.x,
        (C, 1, *problem.kernel),
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        groups=C,
        dtype=problem.dtype,
    )
    x = arrays["x"]
    expected = ask(uniform, {"x": x, "w": np.full(uniform.w, 1 / taps).astype(x.dtype)})
    yield Pair(f"a depthwise convolution by 1/{taps}", expected, ask(problem, arrays))


def power_windows(problem: Problem) -> Problem:
    """Return the average pool with powers of two as kernel, all of whose taps count."""
    kernel = tuple(1 << (max(1, size).bit_length() - 1) for size in problem.kernel)
    plain = replace(handed_plainly(problem), kernel=kernel, ceil_mode=False)
    return replace(plain, count_include_pad=plain.padding != "valid" or plain.count_include_pad)
