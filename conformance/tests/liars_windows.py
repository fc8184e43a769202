"""Liars about windows: padding, stride, dilation, their number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from liars import (
    POOLS,
    WINDOWED,
    axes,
    changed,
    fitted,
    honest,
    liar,
    misread,
    ones,
    pairs,
)

from convformance.verdict import Kind

# Padding.


@liar(WINDOWED, "padding.explicit max.empty avg.empty window.ceil", Kind.VALUE, Kind.SHAPE)
def pads_swapped(problem, arrays):
    """Explicit padding before and after an axis change places."""
    swapped = tuple((after, before) for before, after in pairs(problem, arrays))
    wrong = {} if isinstance(problem.padding, str) else {"padding": swapped}
    return honest(problem, arrays, **wrong)


@liar("conv avg_pool", "padding.explicit avg.divisor", Kind.SHAPE, Kind.VALUE)
def padding_before_on_both_sides(problem, arrays):
    """The padding before an axis is used on both of its sides."""
    twice = tuple((before, before) for before, _ in pairs(problem, arrays))
    return honest(problem, arrays, padding=twice)


@liar("conv max_pool", "padding.explicit max.padding", Kind.SHAPE, Kind.VALUE)
def padding_of_first_axis_everywhere(problem, arrays):
    """Every axis gets the padding of the first."""
    return honest(problem, arrays, padding=pairs(problem, arrays)[:1] * problem.rank)


@liar("conv max_pool lp_pool", "padding.same_side padding.same")
def odd_same_sample_on_the_other_side(problem, arrays):
    """same_upper puts the odd sample before the input and same_lower after it."""
    other = {"same_upper": "same_lower", "same_lower": "same_upper"}
    return honest(problem, arrays, padding=other.get(problem.padding, problem.padding))


@liar("conv max_pool distance_pool", "padding.same padding.same_side")
def same_padding_as_for_stride_one(problem, arrays):
    """Same padding is computed without the stride: the right shape, other windows."""
    if not isinstance(problem.padding, str) or problem.padding == "valid":
        return honest(problem, arrays)
    plain = replace(problem, stride=ones(problem), ceil_mode=False)
    return misread(problem, arrays, padding=pairs(plain, arrays))


@liar("conv avg_pool", "padding.same window.dilation window.extent", Kind.SHAPE, Kind.VALUE)
def same_padding_without_dilation(problem, arrays):
    """Same padding is computed from the kernel instead of its extent."""
    if not isinstance(problem.padding, str) or problem.padding == "valid":
        return honest(problem, arrays)
    return honest(problem, arrays, padding=pairs(replace(problem, dilation=ones(problem)), arrays))


@liar("conv", "padding.zero padding.explicit padding.same")
def padding_repeats_the_edge(problem, arrays):
    """Padding repeats the sample at the edge instead of zero."""
    x = arrays["x"]
    if 0 in x.shape:
        return honest(problem, arrays)
    wide = [(0, 0), (0, 0), *pairs(problem, arrays)]
    return honest(problem, {**arrays, "x": np.pad(x, wide, mode="edge")}, padding="valid")


# Stride and dilation.


@liar(WINDOWED, "window.stride", Kind.SHAPE, Kind.VALUE)
def stride_axes_swapped(problem, arrays):
    """The strides are taken in the opposite order of axes."""
    return honest(problem, arrays, stride=problem.stride[::-1])


@liar("conv max_pool", "window.stride", Kind.SHAPE)
def stride_of_first_axis_everywhere(problem, arrays):
    """Every axis gets the stride of the first."""
    return honest(problem, arrays, stride=problem.stride[:1] * problem.rank)


@liar("avg_pool lp_pool", "window.stride window.count padding.same padding.explicit", Kind.SHAPE)
def stride_is_the_kernel(problem, arrays):
    """A stride of 1 is taken for not given, and becomes the kernel size."""
    if set(problem.stride) == {1}:
        return honest(problem, arrays, stride=problem.kernel)
    return honest(problem, arrays)


@liar("conv max_pool", "window.stride window.count", Kind.SHAPE, Kind.VALUE)
def stride_no_larger_than_the_kernel(problem, arrays):
    """A stride larger than the kernel is cut to it."""
    return honest(problem, arrays, stride=tuple(map(min, problem.stride, problem.kernel_size)))


@liar(WINDOWED, "window.dilation")
def dilation_ignored(problem, arrays):
    """Taps lie side by side, though the shape is that of the dilated window."""
    return misread(problem, arrays, dilation=ones(problem))


@liar(WINDOWED, "window.dilation")
def dilation_of_first_axis_everywhere(problem, arrays):
    """Every axis is read with the dilation of the first, in the right shape."""
    return misread(problem, arrays, dilation=problem.dilation[:1] * problem.rank)


@liar("conv", "window.dilation conv.groups")
def dilation_ignored_with_groups(problem, arrays):
    """The grouped path has no dilation."""
    return misread(problem, arrays, **{"dilation": ones(problem)} if problem.groups > 1 else {})


@liar("conv", "window.dilation window.stride")
def dilation_ignored_with_stride(problem, arrays):
    """The strided path has no dilation."""
    plain = set(problem.stride) == {1}
    return misread(problem, arrays, **{} if plain else {"dilation": ones(problem)})


# The number of windows.


@liar(WINDOWED, "window.count", Kind.SHAPE)
def last_window_lost(problem, arrays):
    """The + 1 of the number of windows is missing along the last axis."""
    return changed(problem, arrays, lambda y: y[..., :-1])


@liar("conv max_pool", "window.count window.stride", Kind.SHAPE)
def last_window_lost_where_it_just_fits(problem, arrays):
    """The last window is lost if it ends exactly where the padded input ends."""
    last = axes(problem, arrays["x"])[-1]
    fits = last.stride > 1 and last.reach == last.padded
    return changed(problem, arrays, lambda y: y[..., :-1] if fits else y)


@liar(WINDOWED, "window.count", Kind.SHAPE)
def one_extra_window(problem, arrays):
    """There is one window too many along the last axis."""
    return changed(problem, arrays, lambda y: np.concatenate([y, y[..., -1:]], axis=-1))


@liar(
    "conv max_pool",
    "window.count window.none padding.explicit padding.zero size.spatial",
    Kind.SHAPE,
)
def at_least_one_window(problem, arrays):
    """An input shorter than the kernel gives one window of zeros."""
    return changed(
        problem,
        arrays,
        lambda y: fitted(y, (*y.shape[:2], *(max(1, size) for size in y.shape[2:]))),
    )


@liar("avg_pool", "window.count window.stride padding.explicit avg.divisor", Kind.SHAPE)
def kernel_of_the_input_size_is_global(problem, arrays):
    """A kernel as large as the input is taken for global pooling, whatever the padding."""
    if problem.kernel == arrays["x"].shape[2:]:
        return honest(
            problem, arrays, padding="valid", stride=ones(problem), dilation=ones(problem)
        )
    return honest(problem, arrays)


@liar("conv", "window.stride padding.zero padding.explicit", Kind.SHAPE)
def one_tap_shortcut(problem, arrays):
    """A kernel of one tap is a matrix product that forgets stride and padding."""
    if set(problem.kernel_size) == {1}:
        return honest(problem, arrays, stride=ones(problem), padding="valid")
    return honest(problem, arrays)


# ceil_mode.


@liar(POOLS, "window.ceil", Kind.SHAPE)
def ceil_mode_ignored(problem, arrays):
    """ceil_mode changes nothing."""
    return honest(problem, arrays, ceil_mode=False)


@liar(POOLS, "window.ceil window.count window.stride window.none", Kind.SHAPE)
def ceil_mode_always_on(problem, arrays):
    """The number of windows is always rounded up."""
    return honest(problem, arrays, ceil_mode=True)


@liar("max_pool avg_pool", "window.ceil", Kind.SHAPE)
def ceil_window_in_after_padding_kept(problem, arrays):
    """A last window that starts in the after-padding is kept."""
    if not problem.ceil_mode:
        return honest(problem, arrays)
    found = axes(problem, arrays["x"])
    count = [max(axis.count, -(-(axis.padded - axis.extent) // axis.stride) + 1) for axis in found]
    return changed(problem, arrays, lambda y: fitted(y, (*y.shape[:2], *count)))
