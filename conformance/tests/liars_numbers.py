"""Liars about numbers, and at the sizes where a fast path starts or ends."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from liars import (
    CONVS,
    EVERY,
    FLOATS,
    changed,
    converted,
    convolved,
    honest,
    is_whole,
    liar,
    summed,
    with_y,
)

from convformance.verdict import Kind

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
