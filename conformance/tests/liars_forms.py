"""Liars about true convolution, input dilation and batch groups.

They are registered beside those of liars.py.
"""

from __future__ import annotations

import numpy as np
from liars import FLOATS, changed, honest, liar, spatial
from liars_ops import of

from convformance.sizes import axes_of
from convformance.verdict import Kind

ANYWAY = {"dtypes": FLOATS, "where": "forms"}
SHAPES = (Kind.SHAPE, Kind.VALUE)


# True convolution.


@liar("conv", "conv.flip", form="flip", **ANYWAY)
def flips_channels_too(problem, arrays):
    """A true convolution turns the order of the input channels around as well."""
    return honest(problem, {**arrays, "w": arrays["w"][:, ::-1].copy()})


@liar("conv", "conv.flip", form="flip", **ANYWAY)
def answers_backwards(problem, arrays):
    """The output runs from the last window to the first."""
    return changed(problem, arrays, lambda y: np.flip(y, spatial(problem)).copy())


@liar("conv", "conv.flip", form="flip", **ANYWAY)
def turns_the_kernel_by_one_axis_exchange(problem, arrays):
    """The kernel's taps are read with its axes in the other order, not backwards."""
    w = arrays["w"]
    turned = w.transpose(0, 1, *spatial(problem)[::-1]).reshape(w.shape)
    return honest(problem, {**arrays, "w": turned.copy()}, flip=False)


# Input dilation.


@liar("conv", "window.input_dilation", *SHAPES, form="input_dilation", **ANYWAY)
def makes_no_holes(problem, arrays):
    """The samples lie side by side."""
    return honest(problem, arrays, input_dilation=())


@liar("conv", "window.input_dilation", *SHAPES, form="input_dilation", **ANYWAY)
def makes_holes_after_the_last_sample(problem, arrays):
    """Every sample is followed by holes, the last one too."""
    sides = tuple(
        (axis.before, axis.after + holes - 1)
        for axis, holes in zip(axes_of(problem), problem.input_dilation, strict=True)
    )
    return honest(problem, arrays, padding=sides)


@liar("conv", "window.input_dilation", *SHAPES, form="input_dilation", **ANYWAY)
def makes_the_holes_of_the_first_axis_everywhere(problem, arrays):
    """Every axis gets the holes of the first."""
    return honest(problem, arrays, input_dilation=problem.input_dilation[:1] * problem.rank)


@liar("conv", "window.input_dilation", *SHAPES, form="input_dilation", **ANYWAY)
def exchanges_holes_and_dilation(problem, arrays):
    """The holes are made between the taps and the dilation between the samples."""
    holes = problem.input_dilation
    return honest(problem, arrays, input_dilation=problem.dilation, dilation=holes)


@liar("conv", "window.input_dilation", *SHAPES, form="input_dilation", **ANYWAY)
def makes_one_hole_too_many(problem, arrays):
    """As many holes follow a sample as the input dilation says, not one fewer."""
    more = tuple(one + (one > 1) for one in problem.input_dilation)
    return honest(problem, arrays, input_dilation=more)


# Batch groups.


def in_turn(count, groups):
    """Return the order of numbers that are dealt out to the groups one by one."""
    return np.arange(count).reshape(count // groups, groups).T.ravel()


@liar("conv", "conv.batch_groups", form="batch_groups", **ANYWAY)
def deals_samples_out_in_turn(problem, arrays):
    """Sample n belongs to group n % groups, not to one of the blocks of neighbours."""
    x = arrays["x"]
    return honest(problem, {**arrays, "x": of(x, 0, in_turn(len(x), problem.batch_groups))})


@liar("conv", "conv.batch_groups", form="batch_groups", **ANYWAY)
def deals_output_channels_in_turn(problem, arrays):
    """The output channels of the groups stand by turns."""
    order = in_turn(problem.w[0], problem.w[0] // problem.batch_groups)
    return changed(problem, arrays, lambda y: of(y, 1, order))


@liar("conv", "conv.batch_groups", form="batch_groups", **ANYWAY)
def takes_the_groups_from_the_end(problem, arrays):
    """The first output channels read the last batch group."""
    parts = np.split(arrays["x"], problem.batch_groups)
    return honest(problem, {**arrays, "x": np.concatenate(parts[::-1])})


@liar("conv", "conv.batch_groups", form="batch_groups", **ANYWAY)
def adds_the_batch_groups_up(problem, arrays):
    """Every output channel reads the sum of the batch groups."""
    parts = np.split(arrays["x"], problem.batch_groups)
    return honest(problem, {**arrays, "x": np.concatenate([sum(parts)] * problem.batch_groups)})
