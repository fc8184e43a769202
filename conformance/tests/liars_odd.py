"""Liars about gradients of forms, cropping in other ops, four spatial axes, and empty arrays.

They are registered beside those of liars.py.
"""

from __future__ import annotations

import numpy as np
from liars import honest, liar, misread

from convformance.plan import CROPPED
from convformance.sizes import axes_of
from convformance.verdict import Kind

AXES = "conv max_pool avg_pool conv_transpose"
MODES = "padding.reflect padding.symmetric padding.replicate padding.circular padding.mode grad.x"
SIZED = " ".join(op for op in CROPPED if op not in ("fold", "max_unpool"))
EMPTY = "conv conv_transpose depthwise_conv max_pool avg_pool unfold"
FORWARD = {"where": "cropped", "form": "negative"}


def among_zeros(problem, arrays):
    """Return the answer to as much padding of zeros."""
    pads = tuple((axis.before, axis.after) for axis in axes_of(problem))
    return honest(problem, arrays, padding_mode="zeros", padding=pads)


@liar("conv", MODES, form="mode grad", where="gradient forms")
def sends_nothing_back_from_padding(problem, arrays):
    """What padding holds is taken for a constant: its gradient does not reach the input."""
    if problem.grad != "x":
        return honest(problem, arrays)
    return among_zeros(problem, arrays)


@liar("conv", f"{MODES} grad.w", form="mode grad", where="gradient forms")
def weighs_no_padding(problem, arrays):
    """The gradient by the weight is that of padding by zeros."""
    if problem.grad != "w":
        return honest(problem, arrays)
    return among_zeros(problem, arrays)


@liar("conv", f"{MODES} grad.w", form="mode grad", where="gradient forms")
def mirrors_with_the_edge(problem, arrays):
    """Backwards, the edge is met twice where it is met once, and once where twice."""
    other = {"reflect": "symmetric", "symmetric": "reflect"}.get(problem.padding_mode)
    pads = [side for axis in axes_of(problem) for side in (axis.before, axis.after)]
    if not other or max(pads) >= min(problem.x[2:]):
        return honest(problem, arrays)
    return honest(problem, arrays, padding_mode=other)


@liar("conv", f"{MODES} grad.w", form="mode grad", where="gradient forms")
def keeps_the_last_of_what_returns(problem, arrays):
    """Of several gradients that return to a border sample only one is kept."""
    found = honest(problem, arrays)
    if problem.grad != "x":
        return found
    plain = among_zeros(problem, arrays)["dx"]
    return {"dx": np.where(plain != 0, plain, found["dx"])}


@liar(SIZED, "padding.negative padding.explicit transpose.count", Kind.SHAPE, **FORWARD)
def takes_cropping_for_none(problem, arrays):
    """Negative padding is taken for none."""
    pads = tuple((max(0, one), max(0, other)) for one, other in problem.padding)
    return honest(problem, arrays, padding=pads)


@liar(
    "fold max_unpool",
    "padding.negative padding.explicit fold.sum unpool.output window.stride",
    **FORWARD,
)
def puts_nothing_where_it_should_crop(problem, arrays):
    """The last row that cropping moves is lost."""
    y = honest(problem, arrays)["y"].copy()
    y[:, :, -1] = 0
    return {"y": y}


@liar(AXES, "window.stride", Kind.SHAPE, where="four axes")
def strides_three_axes(problem, arrays):
    """A stride along the fourth axis is taken for one."""
    if problem.rank < 4 or problem.grad:
        return honest(problem, arrays)
    return honest(problem, arrays, stride=(*problem.stride[:3], 1), output_padding=())


@liar(AXES, "window.dilation window.extent", where="four axes")
def dilates_three_axes(problem, arrays):
    """A dilation along the fourth axis is taken for one; the size is right."""
    if problem.rank < 4 or problem.grad:
        return honest(problem, arrays)
    return misread(problem, arrays, dilation=(*problem.dilation[:3], 1), output_padding=())


@liar("conv conv_transpose", "conv.sum conv.kernel transpose.sum conv.groups", where="four axes")
def turns_the_fourth_axis(problem, arrays):
    """The kernel is turned around along the fourth axis."""
    if problem.rank < 4 or problem.grad:
        return honest(problem, arrays)
    return honest(problem, {**arrays, "w": arrays["w"][..., ::-1]})


@liar("max_pool avg_pool", "max.value avg.value avg.divisor window.tap window.kernel",
      where="four axes")  # fmt: skip
def pools_three_axes_alone(problem, arrays):
    """The window has one sample along the fourth axis; the size is right."""
    if problem.rank < 4 or problem.grad or problem.indices:
        return honest(problem, arrays)
    return misread(problem, arrays, kernel=(*problem.kernel[:3], 1))


@liar(EMPTY, "size.batch size.channels size.spatial window.none", Kind.SHAPE, where="empty")
def answers_nothing_with_something(problem, arrays):
    """An empty answer has one element along every axis."""
    found = honest(problem, arrays)
    return {
        name: array if array.size else np.zeros((1,) * array.ndim, array.dtype)
        for name, array in found.items()
    }


@liar("conv conv_transpose", "size.channels conv.sum transpose.sum", where="empty")
def leaves_sums_of_nothing_unwritten(problem, arrays):
    """Without input channels what lies in the output's memory is the answer."""
    found = honest(problem, arrays)
    if problem.grad or problem.x[1]:
        return found
    return {name: np.full_like(array, 7) for name, array in found.items()}
