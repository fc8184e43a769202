"""Translation and sharing: all windows of a layer do the same.

An input that is moved by t * stride samples moves the output by t windows. A window answers so
if none of its taps reads padding, nor, after the move, what was moved in from outside:
    valid padding      every window but those that read what was moved in
    zeros, reflect ... the windows inside the input, likewise
    circular           every window, if the stride divides the size and there are size / stride
                       windows: then the whole output goes round
A move by less than a stride is no move of the output at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convformance.backend import Array
from convformance.laws.geometry import interior
from convformance.laws.law import Ask, Pair
from convformance.laws.numbers import other_samples, random, whole_numbers
from convformance.problem import Case, Problem
from convformance.sizes import axes_of
from convoracle.axis import Axis

ALL: tuple[Any, ...] = (slice(None), slice(None))  # batch and channels


def translation(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.translation] Move the input by a stride along each axis, then along all of them."""
    problem, arrays = case.problem, whole_numbers(case)
    y, axes, fresh = ask.in_shape(problem, arrays), axes_of(problem), other_samples(case)
    once = np.eye(problem.rank, dtype=int).tolist()
    for windows in [*once, [1] * problem.rank] if problem.rank > 1 else once:
        samples = [t * axis.stride for t, axis in zip(windows, axes, strict=True)]
        again = ask.in_shape(problem, {**arrays, "x": moved(arrays["x"], samples, fresh)})
        inner = [interior(axis, first) for axis, first in zip(axes, samples, strict=True)]
        before = [range(one.start - t, one.stop - t) for one, t in zip(inner, windows, strict=True)]
        what = f"moved by {_sizes(samples)} samples, windows {_spans(inner)}"
        yield Pair(what, y[_boxed(before)], again[_boxed(inner)])
    if goes_round(problem, axes):
        rolled = np.roll(arrays["x"], problem.stride, axis=_spatial(problem))
        again = ask.in_shape(problem, {**arrays, "x": rolled})
        expected = np.roll(y, (1,) * problem.rank, axis=_spatial(problem))
        yield Pair(f"gone round by {_sizes(problem.stride)} samples", expected, again)


def sharing(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.sharing] The same patch under two windows far apart, with other samples around."""
    problem, arrays = case.problem, whole_numbers(case)
    axes, generator = axes_of(problem), random(case)
    inner = [interior(axis) for axis in axes]
    here = [one.start for one in inner]
    there = [int(generator.integers(one.start, one.stop)) for one in inner]
    for target in dict.fromkeys((tuple(one.stop - 1 for one in inner), tuple(there))):
        x = other_samples(case)
        x[patch(axes, target)] = arrays["x"][patch(axes, here)]
        y, again = ask.in_shape(problem, arrays), ask.in_shape(problem, {**arrays, "x": x})
        what = f"the patch of window {_sizes(here)} under window {_sizes(target)}"
        yield Pair(what, y[(*ALL, *here)], again[(*ALL, *target)])


def goes_round(problem: Problem, axes: Sequence[Axis]) -> bool:
    """Whether circular padding makes every window that of a torus."""
    return problem.padding_mode == "circular" and all(
        axis.size == axis.count * axis.stride for axis in axes
    )


def moved(x: Array, samples: Sequence[int], fresh: Array) -> Array:
    """Return x moved along its spatial axes; `fresh` samples come in from outside."""
    found = fresh.copy()
    to = tuple(slice(by, None) for by in samples)
    source = tuple(
        slice(0, max(0, size - by)) for size, by in zip(x.shape[2:], samples, strict=True)
    )
    found[(*ALL, *to)] = x[(*ALL, *source)]
    return found


def patch(axes: Sequence[Axis], window: Sequence[int]) -> tuple[Any, ...]:
    """Return where the samples of a window lie that is wholly inside."""
    starts = [axis.position(o, 0) for axis, o in zip(axes, window, strict=True)]
    spans = [slice(i, i + axis.extent) for axis, i in zip(axes, starts, strict=True)]
    return (*ALL, *spans)


def _spatial(problem: Problem) -> tuple[int, ...]:
    return tuple(range(2, 2 + problem.rank))


def _boxed(ranges: Sequence[range]) -> tuple[Any, ...]:
    return (*ALL, *(slice(one.start, one.stop) for one in ranges))


def _sizes(numbers: Sequence[int]) -> str:
    return "x".join(map(str, numbers))


def _spans(ranges: Sequence[range]) -> str:
    return "x".join(f"{one.start}:{one.stop}" for one in ranges)
