"""Liars about convolution: kernels, groups, bias."""

from __future__ import annotations

import numpy as np
from liars import (
    CONVS,
    FLOATS,
    honest,
    liar,
    ones,
    pairs,
    spatial,
    with_y,
)

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
