"""The fault of a dilated convolution by phases that takes the stride within each phase."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import after, whole
from convformance.diagnosis.faults_windows import ones, padded
from convformance.expect import Expectation, expectation
from convformance.problem import Problem

SLIDING = ("conv", "depthwise_conv", "separable_conv")


@after(
    "stride taken within each phase",
    "the input is split into phases by the dilation, and the stride steps within each of them",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op not in SLIDING or problem.grad or max(problem.input_dilation) > 1:
        return None
    if max(problem.stride) == 1 or max(problem.dilation) == 1 or problem.padding_mode != "zeros":
        return None
    pads = padded(problem)
    if min(map(min, pads)) < 0 or 0 in problem.x:
        return None
    sizes = [n + sum(pair) for n, pair in zip(problem.x[2:], pads, strict=True)]
    more = [-n % d for n, d in zip(sizes, problem.dilation, strict=True)]  # to whole phases
    sides = [(a, b + extra) for (a, b), extra in zip(pads, more, strict=True)]
    x = np.pad(arrays["x"], [(0, 0), (0, 0), *sides])
    full = _interleaved(problem, {**arrays, "x": x})
    kept = [slice(size - extra) for size, extra in zip(full.shape[2:], more, strict=True)]
    return full[(slice(None), slice(None), *kept)]


def _interleaved(problem: Problem, arrays: Arrays) -> Array:
    """Return the answers of the phases, put between each other as the phases are."""
    found: dict[tuple[int, ...], Array] = {}
    for phase in product(*map(range, problem.dilation)):
        x = arrays["x"][_every(phase, problem.dilation)]
        part = replace(
            problem, x=x.shape, dilation=ones(problem), padding="valid", unbatched=False,
            layout="channels_first", memory="contiguous",
        )  # fmt: skip
        found[phase] = whole(expectation(part, {**arrays, "x": x}))
    first = next(iter(found.values()))
    sizes = [n * d for n, d in zip(first.shape[2:], problem.dilation, strict=True)]
    full = np.zeros((*first.shape[:2], *sizes), first.dtype)
    for phase, y in found.items():
        full[_every(phase, problem.dilation)] = y
    return full


def _every(phase: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    places = [slice(start, None, step) for start, step in zip(phase, steps, strict=True)]
    return (slice(None), slice(None), *places)
