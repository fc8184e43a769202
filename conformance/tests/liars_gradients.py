"""Liars about gradients of convolutions by input, weight and bias, and of pools.

They are registered beside those of liars.py and liars_ops.py.
"""

from __future__ import annotations

import numpy as np
from liars import FLOATS, changed, honest, liar, ones, spatial
from liars_ops import LINEAR, SPREAD, explicit, misgraded

from convformance.sizes import axes_of

ANYWAY = {"dtypes": FLOATS, "where": "gradient"}


def given(problem, arrays, change):
    """Return the honest gradient of another dy."""
    return honest(problem, {**arrays, "dy": change(arrays["dy"].copy())})


def rounded(array, dtype):
    return array.astype(np.float64).astype(dtype)


# By the input.


@liar(LINEAR, "window.stride", form="grad=x", **ANYWAY)
def takes_every_stride_of_a_gradient_for_the_first(problem, arrays):
    """The gradient by the input uses the stride of the first axis on every axis."""
    more = {"output_padding": ()} if problem.op == SPREAD else {}
    return misgraded(problem, arrays, stride=problem.stride[:1] * problem.rank, **more)


@liar(LINEAR, "window.dilation", form="grad=x", **ANYWAY)
def forgets_the_dilation_of_a_gradient(problem, arrays):
    """The gradient by the input knows no dilation."""
    more = {"output_padding": ()} if problem.op == SPREAD else {}
    return misgraded(problem, arrays, dilation=ones(problem), **more)


@liar(LINEAR, "conv.groups", form="grad=x", **ANYWAY)
def hands_all_groups_back_through_the_first(problem, arrays):
    """The gradient by the input of every group goes through the weights of the first."""
    w = arrays["w"]
    first = w[: len(w) // problem.groups]
    return honest(problem, {**arrays, "w": np.concatenate([first] * problem.groups)})


@liar(LINEAR, "grad.x", form="grad=x", **ANYWAY)
def hands_back_from_the_first_output_channel(problem, arrays):
    """The gradient by the input is not summed over the output channels."""

    def first(dy):
        dy[:, 1:] = 0
        return dy

    return given(problem, arrays, first)


@liar(SPREAD, "padding.explicit transpose.same transpose.count grad.x", form="grad=x", **ANYWAY)
def crops_the_other_side_of_a_gradient(problem, arrays):
    """The gradient that comes in is taken to be cropped at the other side."""
    if not explicit(problem):
        return honest(problem, arrays)
    return honest(problem, arrays, padding=tuple(pair[::-1] for pair in problem.padding))


# By the weight.


@liar(LINEAR, "grad.w", form="grad=w", **ANYWAY)
def turns_the_gradient_by_the_weight(problem, arrays):
    """The gradient by the weight stands at the taps in reverse order."""
    return changed(problem, arrays, lambda dw: np.flip(dw, spatial(problem)).copy())


@liar(LINEAR, "grad.w", form="grad=w", **ANYWAY)
def exchanges_the_channels_of_a_gradient(problem, arrays):
    """The gradient by the weight is written with its two channel axes exchanged."""
    return changed(problem, arrays, lambda dw: dw.swapaxes(0, 1).reshape(dw.shape))


@liar(LINEAR, "grad.w", form="grad=w", **ANYWAY)
def leaves_the_last_column_of_windows_out(problem, arrays):
    """The sum of the gradient by the weight ends one window early."""

    def shorter(dy):
        dy[..., -1:] = 0
        return dy

    return given(problem, arrays, shorter)


@liar("conv", "padding.zero padding.explicit padding.same", form="grad=w", **ANYWAY)
def reads_the_edge_in_padding_of_a_gradient(problem, arrays):
    """In the gradient by the weight a tap over padding reads the sample at the edge."""
    if 0 in problem.x or any(min(axis.before, axis.after) < 0 for axis in axes_of(problem)):
        return honest(problem, arrays)
    sides = tuple((axis.before, axis.after) for axis in axes_of(problem))
    return honest(problem, arrays, padding=sides, padding_mode="replicate")


@liar(SPREAD, "window.stride", form="grad=w", **ANYWAY)
def takes_every_stride_by_the_weight_for_the_first(problem, arrays):
    """The gradient by the weight uses the stride of the first axis on every axis."""
    stride = problem.stride[:1] * problem.rank
    return misgraded(problem, arrays, stride=stride, output_padding=())


# By the weight or the bias.


@liar(LINEAR, "grad.bias", form="grad=bias", **ANYWAY)
def averages_the_bias_over_the_batch(problem, arrays):
    """The gradient by the bias is divided by the number of samples."""
    many = max(1, problem.x[0])
    return changed(problem, arrays, lambda db: rounded(db.astype(np.float64) / many, db.dtype))


@liar(LINEAR, "grad.bias", form="grad=bias", **ANYWAY)
def hands_the_bias_the_first_sample(problem, arrays):
    """The gradient by the bias is that of the first sample of the batch."""

    def first(dy):
        dy[1:] = 0
        return dy

    return given(problem, arrays, first)


@liar(LINEAR, "grad.bias", form="grad=bias", **ANYWAY)
def hands_every_channel_the_whole(problem, arrays):
    """The gradient by the bias sums over the output channels too."""

    def whole(db):
        return np.broadcast_to(rounded(db.astype(np.float64).sum(), db.dtype), db.shape).copy()

    return changed(problem, arrays, whole)


@liar(LINEAR, "grad.bias", form="grad=bias", **ANYWAY)
def leaves_the_last_place_out_of_the_bias(problem, arrays):
    """The gradient by the bias sums all places of a plane but the last one."""

    def shorter(dy):
        dy[(..., *(slice(-1, None),) * problem.rank)] = 0
        return dy

    return given(problem, arrays, shorter)


# Of pools.


@liar("max_pool", "max.padding grad.max padding.explicit padding.same", form="grad=x", **ANYWAY)
def counts_padding_in_the_place_of_a_maximum(problem, arrays):
    """The place of a maximum counts from the start of the padding."""
    places = [axis.before for axis in axes_of(problem)]
    return changed(problem, arrays, lambda dx: np.roll(dx, places, spatial(problem)))


@liar("max_pool", "grad.max", form="grad=x", **ANYWAY)
def hands_the_gradient_to_the_first_sample(problem, arrays):
    """The gradient goes to the first sample of a window, whichever is the maximum."""
    return honest(problem, {**arrays, "x": np.zeros_like(arrays["x"])})


@liar("max_pool", "grad.max", form="grad=x", **ANYWAY)
def looks_for_all_maxima_in_the_first_channel(problem, arrays):
    """The gradient of every channel goes where the first one has its maximum."""
    x = arrays["x"]
    return honest(problem, {**arrays, "x": np.broadcast_to(x[:, :1], x.shape).copy()})


@liar("avg_pool", "avg.divisor", form="grad=x", **ANYWAY)
def forgets_whether_padding_counts_in_a_gradient(problem, arrays):
    """The gradient is always divided by the number of samples, whether padding counts or not."""
    return honest(problem, arrays, count_include_pad=False)


@liar("avg_pool", "grad.avg", form="grad=x", **ANYWAY)
def hands_the_average_to_the_first_sample(problem, arrays):
    """The whole gradient goes to the first sample of a window."""
    options = {"op": "max_pool", "count_include_pad": False}
    return honest(problem, {**arrays, "x": np.zeros_like(arrays["x"])}, **options)


@liar("lp_pool", "grad.lp lp.value", dtypes=FLOATS[2:], where="gradient", form="grad=x")
def takes_the_norm_for_that_of_one_power_more(problem, arrays):
    """The gradient is that of p + 1."""
    return honest(problem, arrays, p=problem.p + 1)
