"""Liars about causal, full and negative padding.

They are registered beside those of liars.py.
"""

from __future__ import annotations

import numpy as np
from liars import FLOATS, honest, liar, spatial

from convformance.sizes import axes_of
from convformance.verdict import Kind

ANYWAY = {"dtypes": FLOATS, "where": "forms"}
SHAPES = (Kind.SHAPE, Kind.VALUE)


def swapped(problem):
    """Return the padding with its two sides exchanged, for each axis."""
    return tuple((axis.after, axis.before) for axis in axes_of(problem))


# Causal and full.


def tails(problem):
    """Return the samples of a window beside one of them, for each axis."""
    return [axis.extent - 1 for axis in axes_of(problem)]


@liar("conv", "padding.causal", Kind.SHAPE, form="causal", **ANYWAY)
def pads_causal_by_the_kernel(problem, arrays):
    """Causal padding is computed without the dilation."""
    return honest(problem, arrays, padding=tuple((k - 1, 0) for k in problem.kernel_size))


@liar("conv", "padding.causal", form="causal", **ANYWAY)
def halves_causal_padding(problem, arrays):
    """Causal padding is spread over both sides, as same padding is."""
    return honest(
        problem, arrays, padding=tuple((one - one // 2, one // 2) for one in tails(problem))
    )


@liar("conv", "padding.causal", form="causal", **ANYWAY)
def is_causal_along_the_last_axis_only(problem, arrays):
    """Only the last axis is causal; the others are padded after the input."""
    *others, last = tails(problem)
    return honest(problem, arrays, padding=(*((0, one) for one in others), (last, 0)))


@liar("conv", "padding.causal", form="causal", **ANYWAY)
def hides_the_present(problem, arrays):
    """A window ends with the sample before its own: the input is delayed by one too many."""
    return honest(problem, arrays, padding=tuple((one + 1, -1) for one in tails(problem)))


@liar("conv", "padding.full", Kind.SHAPE, form="full", **ANYWAY)
def pads_full_by_the_kernel(problem, arrays):
    """Full padding is computed without the dilation."""
    return honest(problem, arrays, padding=tuple((k - 1, k - 1) for k in problem.kernel_size))


@liar("conv", "padding.full", Kind.SHAPE, form="full", **ANYWAY)
def pads_a_whole_window(problem, arrays):
    """Full padding is as long as a window, so that the first one sees no sample."""
    return honest(problem, arrays, padding=tuple((one + 1, one + 1) for one in tails(problem)))


@liar("conv", "padding.full", *SHAPES, form="full", **ANYWAY)
def is_full_along_the_first_axis_only(problem, arrays):
    """Only the first axis is padded; the others are not."""
    first, *others = tails(problem)
    return honest(problem, arrays, padding=((first, first), *((0, 0) for _ in others)))


@liar("conv", "padding.full", form="full", **ANYWAY)
def puts_full_padding_before(problem, arrays):
    """Full padding lies before the input alone, twice as long."""
    return honest(problem, arrays, padding=tuple((2 * one, 0) for one in tails(problem)))


# Negative padding.

CROPPED = "padding.negative window.none padding.explicit"


@liar("conv", CROPPED, *SHAPES, form="negative", **ANYWAY)
def crops_the_other_end(problem, arrays):
    """What is to be cropped before is cropped after, and the other way round."""
    return honest(problem, arrays, padding=swapped(problem))


@liar("conv", CROPPED, *SHAPES, form="negative", **ANYWAY)
def pads_where_it_should_crop(problem, arrays):
    """The sign of a padding is lost."""
    return honest(problem, arrays, padding=tuple((abs(a), abs(b)) for a, b in problem.padding))


@liar("conv", CROPPED, *SHAPES, form="negative", **ANYWAY)
def clears_what_it_should_crop(problem, arrays):
    """Cropped samples read as zeros and still have their place."""
    x = arrays["x"].copy()
    for a, (before, after) in enumerate(problem.padding, 2):
        places = np.moveaxis(x, a, 0)
        places[: max(0, -before)] = 0
        places[len(places) - max(0, -after) :] = 0
    sides = tuple((max(0, a), max(0, b)) for a, b in problem.padding)
    return honest(problem, {**arrays, "x": x}, padding=sides)


@liar("conv", CROPPED, *SHAPES, form="negative", **ANYWAY)
def crops_the_output(problem, arrays):
    """Windows are cropped from the output, not samples from the input."""
    sides = tuple((max(0, a), max(0, b)) for a, b in problem.padding)
    y = honest(problem, arrays, padding=sides)["y"]
    for a, (before, after) in zip(spatial(problem), problem.padding, strict=True):
        kept = np.arange(max(0, -before), y.shape[a] - max(0, -after))
        y = np.take(y, kept, axis=a)
    return {"y": y}


@liar("conv", CROPPED, *SHAPES, form="negative", **ANYWAY)
def crops_at_the_start_only(problem, arrays):
    """A negative padding after the input counts as none."""
    return honest(problem, arrays, padding=tuple((a, max(0, b)) for a, b in problem.padding))
