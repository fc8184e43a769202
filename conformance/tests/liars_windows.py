"""Liars about convolution, 1x1 convolution and pooling by given windows, in their plain form."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
from liars import (
    CONVS,
    EVERY,
    FLOATS,
    INTEGERS,
    POOLS,
    WINDOWED,
    axes,
    changed,
    converted,
    convolved,
    fitted,
    honest,
    is_whole,
    liar,
    lowest,
    misread,
    on_canvas,
    ones,
    pairs,
    spatial,
    summed,
    tapped,
    with_y,
)

from convformance.kernel.windows import native
from convformance.problem import Problem
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


# Convolution: kernel, groups, bias.


@liar("conv", "conv.kernel conv.sum")
def kernel_flipped(problem, arrays):
    """A true convolution: the kernel is flipped along every axis."""
    return honest(problem, {**arrays, "w": np.flip(arrays["w"], spatial(problem))})


@liar("conv", "conv.kernel conv.sum")
def kernel_flipped_along_last_axis(problem, arrays):
    """The kernel is flipped along its last axis."""
    return honest(problem, {**arrays, "w": arrays["w"][..., ::-1]})


@liar("conv", "conv.kernel conv.weight conv.sum")
def kernel_transposed(problem, arrays):
    """A square kernel is read with its last two axes swapped."""
    w = arrays["w"]
    square = w.ndim > 3 and w.shape[-1] == w.shape[-2]
    return honest(problem, {**arrays, "w": w.swapaxes(-1, -2)} if square else arrays)


@liar("conv", "conv.weight conv.sum")
def weight_axes_swapped(problem, arrays):
    """A weight with as many inputs as outputs is read as (C, M, *kernel)."""
    w = arrays["w"]
    return honest(
        problem, {**arrays, "w": w.swapaxes(0, 1)} if w.shape[0] == w.shape[1] else arrays
    )


@liar("conv1x1", "conv1x1.weight conv1x1.product")
def square_weight_transposed(problem, arrays):
    """A square weight is read as (C, M)."""
    w = arrays["w"]
    return honest(problem, {**arrays, "w": w.T} if w.shape[0] == w.shape[1] else arrays)


@liar("conv", "conv.sum window.tap")
def long_kernels_cut(problem, arrays):
    """Taps past the fifth along an axis are not read."""
    w = arrays["w"].copy()
    for axis in spatial(problem):
        np.moveaxis(w, axis, 0)[5:] = 0
    return honest(problem, {**arrays, "w": w})


@liar("conv", "conv.groups")
def group_of_output_channel_by_remainder(problem, arrays):
    """Output channel m reads group m % groups."""
    order = np.argsort(np.arange(len(arrays["w"])) % problem.groups, kind="stable")
    y = honest(problem, {**arrays, "w": arrays["w"][order]} | _ordered_bias(arrays, order))["y"]
    out = np.empty_like(y)
    out[:, order] = y
    return out


def _ordered_bias(arrays, order):
    return {"bias": arrays["bias"][order]} if "bias" in arrays else {}


@liar("conv", "conv.groups")
def input_channels_interleaved(problem, arrays):
    """Group g reads the input channels g, g + groups, g + 2 * groups ..."""
    order = np.argsort(np.arange(arrays["x"].shape[1]) % problem.groups, kind="stable")
    return honest(problem, {**arrays, "x": arrays["x"][:, order]})


@liar("conv", "conv.groups")
def every_group_reads_the_first(problem, arrays):
    """Every group reads the channels of the first."""
    x = arrays["x"]
    first = x[:, : x.shape[1] // problem.groups]
    return honest(problem, {**arrays, "x": np.concatenate([first] * problem.groups, axis=1)})


@liar("conv", "conv.groups")
def depthwise_multiplier_outermost(problem, arrays):
    """A depthwise convolution orders its output by multiplier, then by channel."""
    y, groups = honest(problem, arrays)["y"], problem.groups
    if groups == 1 or arrays["w"].shape[1] != 1 or not y.size:
        return y
    split = y.reshape(len(y), groups, -1, *y.shape[2:])
    return split.swapaxes(1, 2).reshape(y.shape)


@liar("conv", "conv.groups value.nan value.infinity", dtypes=FLOATS)
def groups_as_one_dense_matrix(problem, arrays):
    """Groups are zeros in one dense weight, which turn a neighbour's infinity into NaN."""
    w, groups = arrays["w"], problem.groups
    M, depth = w.shape[:2]
    dense = np.zeros((M, depth * groups, *w.shape[2:]), w.dtype)
    for g in range(groups):
        rows = slice(M // groups * g, M // groups * (g + 1))
        dense[rows, depth * g : depth * (g + 1)] = w[rows]
    return honest(problem, {**arrays, "w": dense}, groups=1)


@liar(CONVS, "conv.bias")
def bias_dropped(problem, arrays):
    """The bias is not added."""
    return honest(problem, arrays, bias=False)


@liar(CONVS, "conv.bias")
def bias_added_twice(problem, arrays):
    """The bias is added before and after the sum."""
    twice = {"bias": arrays["bias"] * arrays["x"].dtype.type(2)} if problem.bias else {}
    return honest(problem, {**arrays, **twice})


@liar(CONVS, "conv.bias")
def bias_on_first_channel_only(problem, arrays):
    """Only the first output channel gets its bias."""
    if not problem.bias:
        return honest(problem, arrays)
    bias = arrays["bias"].copy()
    bias[1:] = 0
    return honest(problem, {**arrays, "bias": bias})


@liar("conv", "conv.bias size.channels")
def no_bias_without_channels(problem, arrays):
    """A convolution of zero channels gives zeros and forgets the bias."""
    if arrays["x"].shape[1]:
        return honest(problem, arrays)
    return np.zeros_like(honest(problem, arrays)["y"])


@liar("conv", "value.nan value.infinity conv.sum padding.same padding.zero", dtypes=FLOATS)
def transformed(problem, arrays):
    """A stride of 1 without dilation and groups goes through a Fourier transform."""
    if {*problem.stride, *problem.dilation, problem.groups} != {1}:
        return honest(problem, arrays)
    wide = [(0, 0), (0, 0), *pairs(problem, arrays)]
    x, w = np.pad(arrays["x"].astype(float), wide), arrays["w"].astype(float)
    y = honest(problem, arrays)["y"]
    if 0 in x.shape or 0 in y.shape:
        return y
    along, sizes = spatial(problem), x.shape[2:]
    spectrum = np.einsum(
        "nc...,mc...->nm...",
        np.fft.rfftn(x, axes=along),
        np.fft.rfftn(w, s=sizes, axes=along).conj(),
    )
    sums = np.fft.irfftn(spectrum, s=sizes, axes=along)[tuple(map(slice, y.shape))]
    bias = arrays["bias"].astype(float).reshape(-1, *ones(problem)) if problem.bias else 0.0
    return with_y(problem, arrays, sums + bias)


# Maximum pooling.


@liar("max_pool", "max.padding window.ceil padding.same padding.explicit")
def padding_of_zeros_wins(problem, arrays):
    """The maximum sees zeros over padding."""
    return with_y(problem, arrays, on_canvas(problem, arrays, 0)["y"])


@liar("max_pool", "max.empty max.padding padding.explicit")
def empty_maximum_is_zero(problem, arrays):
    """A window that sees only padding gives zero."""
    marks = tapped(problem, np.ones_like(arrays["x"]), 0, native(arrays["x"]))
    seen = np.max([samples for _, samples in marks], axis=0)
    return with_y(problem, arrays, np.where(seen == 1, honest(problem, arrays)["y"], 0))


@liar("max_pool", "max.nan", dtypes=FLOATS)
def nan_dropped(problem, arrays):
    """A NaN never wins."""
    x = arrays["x"]
    return with_y(
        problem,
        arrays,
        honest(problem, {"x": np.where(np.isnan(x), x.dtype.type(-np.inf), x)})["y"],
    )


@liar("max_pool", "max.nan", dtypes=FLOATS)
def nan_kept_only_if_first(problem, arrays):
    """The running maximum is replaced where a sample is larger: only a first NaN stays."""
    x = arrays["x"]
    under = tapped(problem, x, -np.inf, native(x))
    _, best = next(under)
    for _, samples in under:
        best = np.where(samples > best, samples, best)
    return with_y(problem, arrays, best)


@liar("max_pool", "max.value value.infinity max.empty", dtypes=FLOATS)
def starts_from_the_lowest_finite(problem, arrays):
    """The running maximum starts from the lowest finite number."""
    y = honest(problem, arrays)["y"]
    start = ml_dtypes.finfo(y.dtype).min
    return with_y(problem, arrays, np.where(y < start, start, y))


@liar("max_pool", "max.value", dtypes=INTEGERS)
def maximum_as_negated_minimum(problem, arrays):
    """The maximum is minus the minimum of the negated samples, which wraps at the least integer."""
    x = arrays["x"]
    under = tapped(problem, x, np.iinfo(x.dtype).max, x.dtype)
    negated = [np.where(samples == np.iinfo(x.dtype).max, samples, samples) for _, samples in under]
    return with_y(problem, arrays, _negated_minimum(problem, x)) if negated else None


def _negated_minimum(problem, x):
    largest = np.iinfo(x.dtype).max
    best = None
    for _, samples in tapped(problem, -x, largest, x.dtype):
        best = samples if best is None else np.minimum(best, samples)
    return np.where(best == largest, np.iinfo(x.dtype).min, -best)


@liar("max_pool", "max.value", dtypes=("int8",))
def compared_without_sign(problem, arrays):
    """Bytes are compared as if they had no sign."""
    x = arrays["x"]
    biased = (x.view(np.uint8) ^ 0x80).view(np.int8)  # the same order as that of the bare bytes
    y = honest(problem, {"x": biased})["y"]
    return with_y(problem, arrays, np.where(y == -128, y, (y.view(np.uint8) ^ 0x80).view(np.int8)))


# The indices of maximum pooling.


def reindexed(problem, arrays, change):
    """Return the honest answer with its indices changed, where there are any."""
    answer = honest(problem, arrays)
    if "indices" in answer:
        answer["indices"] = np.where(answer["indices"] < 0, -1, change(answer["indices"]))
    return answer


def unravelled(indices, shape):
    """Return the position along each spatial axis; an index left open becomes 0."""
    return np.unravel_index(np.maximum(indices, 0), [max(1, size) for size in shape])


@liar("max_pool", "max.index")
def index_counts_padding(problem, arrays):
    """An index counts the samples of the padded plane."""
    canvas = on_canvas(problem, arrays, lowest(arrays["x"]))
    return reindexed(problem, arrays, lambda _: canvas["indices"])


@liar("max_pool", "max.index")
def index_in_column_order(problem, arrays):
    """An index counts along the first spatial axis first."""
    plane = arrays["x"].shape[2:]
    return reindexed(
        problem,
        arrays,
        lambda indices: np.ravel_multi_index(
            unravelled(indices, plane), [max(1, size) for size in plane], order="F"
        ),
    )


@liar("max_pool", "max.index")
def index_within_the_window(problem, arrays):
    """An index is the number of the tap in its window."""

    def change(indices):
        tap = np.zeros_like(indices)
        places = unravelled(indices, arrays["x"].shape[2:])
        for a, (axis, place) in enumerate(zip(axes(problem, arrays["x"]), places, strict=True)):
            starts = np.arange(axis.count) * axis.stride - axis.before
            starts = starts.reshape(-1, *(1,) * (problem.rank - a - 1))
            tap = tap * axis.kernel_size + (place - starts) // axis.dilation
        return tap

    return reindexed(problem, arrays, change)


@liar("max_pool", "max.index")
def index_into_the_batch(problem, arrays):
    """An index counts the planes before its own too."""
    N, C, *plane = arrays["x"].shape
    first = np.arange(N * C).reshape(N, C, *ones(problem)) * np.prod(plane, dtype=np.int64)
    return reindexed(problem, arrays, lambda indices: indices + first)


@liar("max_pool", "max.tie max.index")
def tie_goes_to_the_first_column(problem, arrays):
    """Of equal maxima the index names the first in column order."""
    order = (0, 1, *reversed(spatial(problem)))
    turned = {name: getattr(problem, name)[::-1] for name in ("kernel", "stride", "dilation")} | {
        "padding": pairs(problem, arrays)[::-1]
    }
    other = honest(problem, {"x": arrays["x"].transpose(order)}, **turned)
    plane = arrays["x"].shape[2:]

    def change(_):
        places = unravelled(other["indices"].transpose(order), plane[::-1])
        return np.ravel_multi_index(places[::-1], [max(1, size) for size in plane])

    return reindexed(problem, arrays, change)


@liar("max_pool", "max.nan_index max.index", dtypes=FLOATS)
def index_of_nan_is_zero(problem, arrays):
    """The index of a NaN is that of the first sample."""
    answer = honest(problem, arrays)
    if "indices" in answer:
        answer["indices"] = np.where(np.isnan(answer["y"]), 0, answer["indices"])
    return answer


@liar("max_pool", "value.dtype", Kind.DTYPE)
def indices_of_32_bits(problem, arrays):
    """Indices are int32."""
    answer = honest(problem, arrays)
    return {name: y.astype(np.int32) if name == "indices" else y for name, y in answer.items()}


# Average pooling.


@liar("avg_pool", "avg.divisor")
def divisor_always_counts_padding(problem, arrays):
    """count_include_pad is always on."""
    return honest(problem, arrays, count_include_pad=True)


@liar("avg_pool", "avg.divisor")
def divisor_never_counts_padding(problem, arrays):
    """count_include_pad is always off."""
    return honest(problem, arrays, count_include_pad=False)


@liar("avg_pool", "avg.divisor window.ceil")
def divisor_counts_what_overruns(problem, arrays):
    """count_include_pad counts what ceil_mode lets overrun too."""
    if not problem.count_include_pad:
        return honest(problem, arrays)
    return on_canvas(problem, arrays, 0)


@liar("avg_pool", "avg.divisor window.ceil")
def divisor_is_the_kernel_size(problem, arrays):
    """Every sum is divided by the number of taps."""
    return on_canvas(problem, arrays, 0)


@liar("avg_pool", "avg.integer value.wrap", dtypes=("int8",))
def average_of_a_wrapped_sum(problem, arrays):
    """The sum of bytes is kept in a byte before it is divided."""
    x = arrays["x"]
    total = summed(problem, arrays, np.int8).astype(np.float64)
    counts = summed(problem, {"x": np.ones_like(x[:1, :1])}, np.float64)
    if problem.count_include_pad:
        return honest(problem, arrays)
    return with_y(problem, arrays, np.trunc(total / np.maximum(counts, 1)))


@liar("avg_pool", "avg.integer", dtypes=("int8", "int32"))
def average_rounds_halves_up(problem, arrays):
    """An average of integers is rounded to nearest, halves away from zero."""
    mean = np.nan_to_num(converted(problem, arrays, "float64"))
    return with_y(problem, arrays, np.trunc(mean + np.copysign(0.5, mean)))


@liar("avg_pool", "value.nan value.infinity avg.value backend.accuracy", dtypes=("float32",))
def average_from_running_sums(problem, arrays):
    """An average is made of differences of running sums, as from an integral image."""
    y = honest(problem, arrays)["y"]
    if problem.padding != "valid" or max(problem.dilation) > 1 or problem.ceil_mode:
        return y
    sums = arrays["x"]
    for a, k, stride in zip(spatial(problem), problem.kernel, problem.stride, strict=True):
        sums = np.cumsum(np.concatenate([np.zeros_like(sums.take([0], a)), sums], a), a)
        starts = np.arange(y.shape[a]) * stride
        sums = sums.take(starts + k, a) - sums.take(starts, a)
    return sums / np.float32(np.prod(problem.kernel))


# Lp pooling.


@liar("lp_pool", "lp.value")
def odd_powers_keep_their_sign(problem, arrays):
    """The absolute value is missing, so samples cancel for an odd p."""
    if problem.p == np.inf or problem.p % 2 == 0:
        return honest(problem, arrays)
    total = summed(problem, {"x": arrays["x"].astype(np.float64) ** problem.p})
    return with_y(problem, arrays, np.sign(total) * np.abs(total) ** (1 / problem.p))


@liar("lp_pool", "lp.value")
def largest_without_absolute_value(problem, arrays):
    """For p = inf the largest sample is taken, not the largest magnitude."""
    if problem.p != np.inf:
        return honest(problem, arrays)
    return _plain_maximum(problem, arrays)


def _plain_maximum(problem, arrays):
    fields = ("x", "kernel", "stride", "padding", "dilation", "ceil_mode", "dtype")
    other = Problem("max_pool", **{name: getattr(problem, name) for name in fields})
    y = honest(other, arrays)["y"]
    return np.where(y == -np.inf, y.dtype.type(0), y)


@liar("lp_pool", "lp.value")
def no_root(problem, arrays):
    """The sum of powers is given without its root."""
    y = honest(problem, arrays)["y"]
    return y if problem.p == np.inf else y**problem.p


@liar("lp_pool", "lp.value")
def p_always_two(problem, arrays):
    """Every norm is the Euclidean one."""
    return honest(problem, arrays, p=2)


@liar("lp_pool", "lp.value")
def mean_of_powers(problem, arrays):
    """The mean of the powers is taken instead of their sum."""
    if problem.p == np.inf:
        return honest(problem, arrays)
    taps_each = np.prod(problem.kernel)
    wide = converted(problem, arrays, "float64")
    return with_y(problem, arrays, wide / taps_each ** (1 / problem.p))


# Distance-weighted pooling.


@liar("distance_pool", "distance.value distance.divisor")
def weights_not_normalised(problem, arrays):
    """The weighted sum is not divided."""
    return with_y(problem, arrays, summed(problem, arrays))


@liar("distance_pool", "distance.divisor window.ceil")
def normalised_over_all_taps(problem, arrays):
    """The weighted sum is divided by the sum of all weights."""
    return with_y(problem, arrays, summed(problem, arrays) / arrays["w"].astype(np.float64).sum())


@liar("distance_pool", "distance.value distance.divisor")
def divided_by_the_number_of_taps(problem, arrays):
    """The weighted sum is divided by the number of taps."""
    return with_y(problem, arrays, summed(problem, arrays) / arrays["w"].size)


@liar("distance_pool", "distance.weight distance.value")
def weights_flipped(problem, arrays):
    """The weights are flipped along every axis."""
    return honest(problem, {**arrays, "w": np.flip(arrays["w"])})


@liar("distance_pool", "distance.weight distance.value")
def weights_ignored(problem, arrays):
    """All weights are taken for 1."""
    return honest(problem, {**arrays, "w": np.ones_like(arrays["w"])})


# Numbers.


@liar("conv", "backend.accuracy", Kind.BOUND, dtypes=("float32",), where="accuracy")
def one_element_three_bounds_off(problem, arrays):
    """One element of a sum that is not whole lies three error bounds off."""
    y = honest(problem, arrays)["y"]
    sizes = abs(arrays["x"][arrays["x"] != 0])
    if is_whole(arrays) or not y.size or not np.isfinite(y).all() or (sizes < 2.0**-100).any():
        return y
    magnitudes = converted(problem, {name: abs(array) for name, array in arrays.items()}, "float64")
    n = arrays["w"][0].size + problem.bias
    wide = y.astype(np.float64)
    wide.flat[-1] += 3 * (n + 3) * 2.0**-24 * magnitudes.flat[-1] + 2.0**-140
    return with_y(problem, arrays, wide)


@liar(
    CONVS,
    "backend.accuracy value.dtype value.round",
    Kind.BOUND,
    dtypes=("float16",),
)
def sums_of_halves_in_halves(problem, arrays):
    """The products of float16 are added up in float16, and float32 is declared."""
    if problem.extras:
        return honest(problem, arrays)
    return convolved(problem, arrays, np.multiply, np.float16)


@liar("avg_pool", "backend.accuracy value.overflow", Kind.BOUND, Kind.VALUE, dtypes=("float16",))
def average_summed_in_halves(problem, arrays):
    """The samples of float16 are added up in float16, and float32 is declared."""
    ones_like = {"x": np.ones_like(arrays["x"])}
    if problem.count_include_pad or problem.grad:
        return honest(problem, arrays)
    return summed(problem, arrays, np.float16) / summed(problem, ones_like, np.float16)


@liar(
    CONVS,
    "backend.accuracy value.dtype value.subnormal value.overflow",
    Kind.BOUND,
    Kind.VALUE,
    dtypes=("float32",),
)
def inputs_cut_to_ten_bits(problem, arrays):
    """Inputs of float32 keep the first ten bits of their significand, as in TF32."""
    cut = {
        name: (array.view(np.uint32) & ~np.uint32(0x1FFF)).view(np.float32)
        for name, array in arrays.items()
    }
    return honest(problem, cut)


@liar(
    EVERY,
    "backend.accuracy value.dtype value.overflow value.subnormal "
    "conv.sum conv1x1.product avg.value lp.value distance.value",
    Kind.BOUND,
    Kind.VALUE,
    dtypes=("float64",),
)
def doubles_computed_in_singles(problem, arrays):
    """float64 is computed in float32."""
    if problem.grad:
        return honest(problem, arrays)
    return with_y(problem, arrays, converted(problem, arrays, "float32"))


@liar(CONVS, "backend.accuracy value.round", Kind.BOUND, dtypes=("bfloat16",))
def bfloat16_cut_instead_of_rounded(problem, arrays):
    """A result is cut to bfloat16 instead of rounded."""
    if problem.output_dtype or problem.grad:
        return honest(problem, arrays)
    single = converted(problem, arrays, "float32")
    return (
        (single.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(arrays["x"].dtype)
    )


@liar(CONVS, "value.wrap", dtypes=("int8", "int32"))
def integers_saturate(problem, arrays):
    """A sum past the largest integer is the largest integer."""
    ends = np.iinfo(arrays["x"].dtype)
    return with_y(problem, arrays, converted(problem, arrays, "int64").clip(ends.min, ends.max))


@liar("conv conv1x1 avg_pool", "value.wrap avg.integer", dtypes=("int32",))
def int32_through_float32(problem, arrays):
    """int32 is computed in float32, which loses digits past 2^24."""
    return with_y(problem, arrays, converted(problem, arrays, "float32"))


@liar("conv conv1x1 max_pool avg_pool", "value.wrap avg.integer max.value", dtypes=("int64",))
def int64_through_float64(problem, arrays):
    """int64 is computed in float64, which loses digits past 2^53."""
    return with_y(problem, arrays, converted(problem, arrays, "float64"))


@liar("conv conv1x1", "value.nan value.infinity conv.sum conv1x1.product", dtypes=("float32",))
def zero_times_infinity_is_zero(problem, arrays):
    """A zero weight skips its sample, be it infinite or NaN."""
    return convolved(
        problem, arrays, lambda w, x: np.where(w == 0, np.float32(0), w * x), np.float32
    )


@liar(CONVS, "value.overflow", dtypes=FLOATS)
def overflow_is_the_largest_finite(problem, arrays):
    """A result past the largest finite number is that number."""
    y = honest(problem, arrays)["y"]
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return y
    most = ml_dtypes.finfo(y.dtype).max
    return np.clip(y, -most, most)


@liar("conv avg_pool lp_pool", "value.nan", dtypes=FLOATS)
def nan_taken_for_zero(problem, arrays):
    """A NaN sample is taken for zero."""
    x = arrays["x"]
    return honest(problem, {**arrays, "x": np.where(np.isnan(x), x.dtype.type(0), x)})


@liar("conv avg_pool", "conv.sum avg.value")
def negative_results_become_zero(problem, arrays):
    """A rectifier is fused that nobody asked for."""
    return changed(problem, arrays, lambda y: np.where(y < 0, y.dtype.type(0), y))


# Sizes at which a fast path starts or ends.


@liar(EVERY, "conv.sum conv1x1.product max.value avg.value lp.value distance.value")
def first_item_of_the_batch_for_all(problem, arrays):
    """Every item of the batch gets the answer of the first."""
    return changed(problem, arrays, lambda y: np.repeat(y[:1], len(y), axis=0))


@liar("conv conv1x1 max_pool", "conv.sum conv1x1.product max.value")
def third_item_of_the_batch_lost(problem, arrays):
    """Items of the batch past the second are zeros."""

    def change(y):
        y = y.copy()
        y[2:] = 0
        return y

    return changed(problem, arrays, change)


@liar(CONVS, "conv.sum conv1x1.product")
def input_channels_past_a_multiple_of_four_lost(problem, arrays):
    """More than four input channels are read in fours, and the rest is not read."""
    x, w = arrays["x"], arrays["w"].copy()
    if problem.groups == 1 and x.shape[1] > 4:
        w[:, x.shape[1] // 4 * 4 :] = 0
        x = np.where(np.isfinite(x), x, x.dtype.type(0)) if x.dtype.kind != "i" else x
    return honest(problem, {**arrays, "x": x, "w": w})


@liar("conv conv1x1 max_pool avg_pool", "conv.sum conv1x1.product conv.weight max.value avg.value")
def output_channels_past_a_multiple_of_eight_lost(problem, arrays):
    """More than eight output channels are written in eights, and the rest stays zero."""

    def change(y):
        y, M = y.copy(), y.shape[1]
        if M > 8:
            y[:, M // 8 * 8 :] = 0
        return y

    return changed(problem, arrays, change)


@liar("conv max_pool avg_pool", "conv.sum max.value avg.value window.count window.tap")
def columns_past_64_in_eights(problem, arrays):
    """Of rows longer than 64 the last columns that do not fill eight are zero."""

    def change(y):
        y, W = y.copy(), y.shape[-1]
        if W > 64:
            y[..., W // 8 * 8 :] = 0
        return y

    return changed(problem, arrays, change)


@liar(CONVS, "conv.sum conv1x1.product")
def input_channels_past_128_ignored(problem, arrays):
    """Input channels past the 128th are not read."""
    w = arrays["w"].copy()
    w[:, 128:] = 0
    return honest(problem, {**arrays, "w": w})


@liar(CONVS, "conv.sum conv1x1.product")
def sums_in_blocks_of_64_channels(problem, arrays):
    """Of more than 64 input channels only the last block of 64 is kept."""
    w = arrays["w"].copy()
    if w.shape[1] > 64:
        w[:, : (w.shape[1] - 1) // 64 * 64] = 0
    return honest(problem, {**arrays, "w": w})


# What is answered.


@liar("conv max_pool", "value.dtype", Kind.DTYPE, dtypes=("float32",))
def answers_in_double(problem, arrays):
    """float32 is answered as float64."""
    answer = honest(problem, arrays)
    return {**answer, "y": answer["y"].astype(np.float64)}


@liar(CONVS, "value.dtype", Kind.DTYPE, dtypes=("int8",))
def answers_in_the_accumulator(problem, arrays):
    """int8 is answered as int32."""
    return honest(problem, arrays)["y"].astype(np.int32)


@liar("conv avg_pool", "value.dtype", Kind.DTYPE, dtypes=("bfloat16",))
def bfloat16_answered_as_float32(problem, arrays):
    """bfloat16 is answered as float32."""
    return honest(problem, arrays)["y"].astype(np.float32)


@liar("conv max_pool", "window.count conv.sum max.value backend.answer", Kind.SHAPE, Kind.VALUE)
def channels_last(problem, arrays):
    """The answer is (N, *spatial, M)."""
    return changed(problem, arrays, lambda y: np.moveaxis(y, 1, -1))


@liar(CONVS, "window.count conv1x1.product backend.answer", Kind.SHAPE)
def batch_of_one_squeezed(problem, arrays):
    """A batch of one loses its axis."""
    return changed(problem, arrays, lambda y: y[0] if len(y) == 1 else y)


@liar(
    "conv1x1 avg_pool",
    "window.count conv1x1.product avg.value backend.answer",
    Kind.SHAPE,
    Kind.VALUE,
)
def output_transposed(problem, arrays):
    """The last two spatial axes of the answer change places."""
    return changed(problem, arrays, lambda y: y.swapaxes(-1, -2) if problem.rank > 1 else y)


@liar("max_pool", "backend.answer", Kind.ANSWER)
def indices_missing(problem, arrays):
    """Indices are never given."""
    return honest(problem, arrays)["y"]


@liar("conv", "backend.answer", Kind.ANSWER)
def answer_under_another_name(problem, arrays):
    """The answer is called output."""
    return {"output": honest(problem, arrays)["y"]}


@liar("conv", "value.dtype backend.answer", Kind.DTYPE, Kind.ANSWER)
def array_of_objects(problem, arrays):
    """The answer is an array of Python objects."""
    return honest(problem, arrays)["y"].astype(object)


@liar("conv", "backend.answer", Kind.ANSWER, Kind.SHAPE)
def nothing(problem, arrays):
    """The answer is None."""


@liar("lp_pool", "backend.answer", Kind.ANSWER, Kind.DTYPE)
def ragged_list(problem, arrays):
    """The answer is a list of rows of unequal length."""
    return [[1.0], [1.0, 2.0]]


@liar("conv", "backend.answer", Kind.CRASHED)
def key_error_with_groups(problem, arrays):
    """The table of grouped kernels has a hole."""
    if problem.groups == 3:
        raise KeyError("groups", problem.groups)
    return honest(problem, arrays)


# Inputs.


@liar("conv lp_pool", "backend.input", Kind.INPUT)
def input_made_positive(problem, arrays):
    """The magnitudes of the samples are written back to the input."""
    answer = honest(problem, arrays)
    np.abs(arrays["x"], out=arrays["x"])
    return answer


@liar("max_pool avg_pool", "backend.input", Kind.INPUT, dtypes=FLOATS)
def nan_cleared_in_place(problem, arrays):
    """NaN is cleared in the input after use."""
    answer = honest(problem, arrays)
    arrays["x"][np.isnan(arrays["x"])] = 0
    return answer


# What is refused.


@liar(WINDOWED, "backend.refusal", Kind.REFUSES)
def even_kernels_refused(problem, arrays):
    """An even kernel size is refused."""
    if any(size % 2 == 0 for size in problem.kernel_size):
        raise ValueError("kernel sizes must be odd")
    return honest(problem, arrays)


@liar("conv1x1 max_pool", "backend.refusal", Kind.REFUSES)
def batches_refused(problem, arrays):
    """A batch of more than one is refused."""
    if arrays["x"].shape[0] > 1:
        raise ValueError("only a batch of 1 is implemented")
    return honest(problem, arrays)


@liar("conv avg_pool", "backend.refusal", Kind.REFUSES)
def three_axes_refused(problem, arrays):
    """Three spatial axes are refused."""
    if problem.rank == 3:
        raise NotImplementedError("expected 1 or 2 spatial axes, got 3")
    return honest(problem, arrays)


@liar("conv", "window.dilation window.stride backend.refusal", Kind.REFUSES)
def dilation_with_stride_refused(problem, arrays):
    """Dilation and stride together are refused."""
    if max(problem.stride) > 1 and max(problem.dilation) > 1:
        raise ValueError("strides > 1 are not supported with dilation > 1")
    return honest(problem, arrays)


@liar("conv max_pool", "padding.explicit backend.refusal", Kind.REFUSES)
def uneven_padding_refused(problem, arrays):
    """Padding that differs before and after is refused."""
    if not isinstance(problem.padding, str) and any(a != b for a, b in problem.padding):
        raise ValueError("padding must be symmetric")
    return honest(problem, arrays)


@liar(EVERY, "backend.refusal", Kind.REFUSES)
def everything_refused(problem, arrays):
    """Nothing is implemented."""
    raise NotImplementedError("not implemented")


# What should be refused.


@liar(WINDOWED, "problem.axes padding.explicit", Kind.ACCEPTS)
def padding_past_the_axes_ignored(problem, arrays):
    """Padding for an axis that is not there is not read."""
    if isinstance(problem.padding, str):
        return honest(problem, arrays)
    return honest(problem, arrays, padding=problem.padding[: problem.rank])


@liar("conv", "conv.groups conv.weight", Kind.ACCEPTS)
def channels_left_over_by_groups_ignored(problem, arrays):
    """Groups that do not divide the channels leave some of them out."""
    x, w, groups = arrays["x"], arrays["w"], problem.groups
    if groups > 0:
        x, w = x[:, : x.shape[1] // groups * groups], w[: len(w) // groups * groups]
    bias = {"bias": arrays["bias"][: len(w)]} if problem.bias else {}
    return honest(problem, {"x": x, "w": w} | bias)


@liar("conv", "conv.weight", Kind.ACCEPTS)
def weights_past_the_channels_ignored(problem, arrays):
    """A weight that is too deep is cut to the channels of a group."""
    depth = arrays["x"].shape[1] // max(1, problem.groups)
    return honest(problem, {**arrays, "w": arrays["w"][:, :depth]})


@liar("conv1x1", "conv1x1.weight", Kind.ACCEPTS)
def columns_past_the_channels_ignored(problem, arrays):
    """Columns of the weight past the channels are not read."""
    return honest(problem, {**arrays, "w": arrays["w"][:, : arrays["x"].shape[1]]})


@liar("conv avg_pool", "window.stride", Kind.ACCEPTS)
def stride_zero_is_one(problem, arrays):
    """A stride of 0 is taken for 1."""
    return honest(problem, arrays, stride=tuple(stride or 1 for stride in problem.stride))


@liar("conv max_pool", "window.dilation", Kind.ACCEPTS)
def dilation_zero_is_one(problem, arrays):
    """A dilation of 0 is taken for 1."""
    return honest(problem, arrays, dilation=tuple(one or 1 for one in problem.dilation))


@liar("max_pool avg_pool", "window.stride", Kind.ACCEPTS)
def negative_stride_walks_back(problem, arrays):
    """A negative stride gives the windows in reverse."""
    walked = honest(problem, arrays, stride=tuple(map(abs, problem.stride)))
    back = tuple(
        a for a, stride in zip(spatial(problem), problem.stride, strict=False) if stride < 0
    )
    return {name: np.flip(array, back) for name, array in walked.items()}


@liar("conv", "problem.axes", Kind.ACCEPTS)
def strides_past_the_axes_ignored(problem, arrays):
    """A stride for an axis that is not there is not read."""
    return honest(problem, arrays, stride=problem.stride[: problem.rank])


@liar("max_pool", "window.kernel", Kind.ACCEPTS)
def kernel_zero_is_one(problem, arrays):
    """A kernel of size 0 is taken for one tap."""
    return honest(problem, arrays, kernel=tuple(size or 1 for size in problem.kernel))


@liar("conv", "window.kernel", Kind.ACCEPTS)
def kernel_without_taps_gives_zeros(problem, arrays):
    """A kernel without taps gives zeros, as an empty sum is zero."""
    w = arrays["w"]
    if w.ndim == arrays["x"].ndim and 0 in w.shape[2:]:
        w = np.zeros((*w.shape[:2], *(max(1, size) for size in w.shape[2:])), w.dtype)
    return honest(problem, {**arrays, "w": w})


@liar("lp_pool", "lp.p", Kind.ACCEPTS)
def p_below_one_is_one(problem, arrays):
    """p below 1 is taken for 1."""
    return honest(problem, arrays, p=max(1, problem.p))


@liar("lp_pool distance_pool", "problem.float", Kind.ACCEPTS)
def integers_pooled_as_floats(problem, arrays):
    """Integers are pooled as floating-point numbers and cut."""
    if problem.is_float:
        return honest(problem, arrays)
    return with_floats(problem, arrays)


def with_floats(problem, arrays):
    return converted(problem, arrays, "float64").astype(arrays["x"].dtype)
