"""Liars about pooling: maxima and their indices, averages, norms, weights."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from liars import (
    FLOATS,
    INTEGERS,
    axes,
    converted,
    honest,
    liar,
    lowest,
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


@liar("avg_pool distance_pool", "avg.divisor distance.divisor")
def divisor_counts_padding_where_it_must_not(problem, arrays):
    """count_include_pad is taken for its opposite."""
    return honest(problem, arrays, count_include_pad=not problem.count_include_pad)


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
