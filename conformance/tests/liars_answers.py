"""Liars about what is answered and what is refused."""

from __future__ import annotations

import numpy as np
from liars import (
    CONVS,
    EVERY,
    FLOATS,
    WINDOWED,
    changed,
    converted,
    honest,
    liar,
    spatial,
)

from convformance.verdict import Kind

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
