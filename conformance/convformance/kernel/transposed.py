"""Transposed convolution: products of every sample with every tap, added where they belong."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convformance.kernel.convolution import factor, summed
from convformance.kernel.geometry import (
    KEPT,
    ArgumentError,
    Array,
    Axis,
    Padding,
    Sizes,
    bare_axes,
    explicit_pairs,
    same_sides,
    whole,
)
from convformance.kernel.phases import by_phases
from convformance.kernel.scatter import scattered
from convformance.kernel.windows import public, same_dtype


@public
def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Return x (N, C, *spatial) spread by w (C, M / groups, *kernel): (N, M, *output).

    bias is (M,). padding crops the output: "valid" not at all, "same" to size * stride, or by
    pairs (before, after). Raises `ArgumentError`.
    """
    check_spread(x, w, groups)
    same_dtype(x, w=w, bias=bias)
    M = w.shape[1] * groups
    if bias is not None and bias.shape != (M,):
        raise ArgumentError("conv.bias", f"{bias.shape=} is not ({M},)")
    axes = spread_axes(
        x.shape[2:], w.shape[2:], stride=stride, padding=padding,
        output_padding=output_padding, dilation=dilation,
    )  # fmt: skip
    quick = by_phases(x, w, axes, bias=bias, groups=groups, out=x.dtype)
    if quick is not None:
        return quick
    N, C, width = x.shape[0], x.shape[1], w.shape[1]
    dtype = factor(x, w, C * math.prod(w.shape[2:]))
    samples = x.astype(dtype, copy=False).reshape(N, groups, C // groups, *x.shape[2:])
    kernels = w.astype(dtype, copy=False).reshape(groups, C // groups, *w.shape[1:])
    y = np.empty((N, groups, width, *[axis.size for axis in axes]), x.dtype)
    for (n, g, m), sums in scattered(samples, kernels, axes):
        added = None
        if bias is not None:
            added = bias.reshape(groups, width, *(1,) * len(axes))[g, m]
        y[n, g, m] = summed(sums, added, x)  # [value.round] [value.wrap] only here
    return y.reshape(N, M, *y.shape[3:])


def check_spread(x: Array, w: Array, groups: int) -> None:
    """Raise `ArgumentError` unless w (C, M / groups, *kernel) fits x."""
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    if w.ndim != x.ndim:
        raise ArgumentError("transpose.weight", f"{w.shape=} has not as many axes as {x.shape=}")
    C = x.shape[1]
    if groups < 1 or C % groups:
        raise ArgumentError("conv.groups", f"{groups=} does not divide {C=}")
    if w.shape[0] != C:
        raise ArgumentError("transpose.weight", f"{w.shape=} is not for {C=} channels")


def spread_axes(
    spatial: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sizes,
    padding: Padding,
    output_padding: Sizes,
    dilation: Sizes,
) -> tuple[Axis, ...]:
    """Return axes whose `size` is the output's; the windows on them are the input's samples."""
    sizes = whole(stride), whole(dilation), whole(output_padding)
    pairs = padding if isinstance(padding, str) else tuple(map(whole, padding))
    return _spread_axes(tuple(spatial), tuple(kernel_size), sizes, pairs)


@functools.lru_cache(maxsize=KEPT)
def _spread_axes(
    spatial: tuple[int, ...],
    kernel_size: tuple[int, ...],
    sizes: tuple[Sizes, Sizes, Sizes],
    padding: Padding,
) -> tuple[Axis, ...]:
    stride, dilation, output_padding = sizes
    bare = bare_axes(spatial, kernel_size, stride, dilation)
    rank = len(spatial)
    more = (
        tuple(output_padding) if isinstance(output_padding, Sequence) else (output_padding,) * rank
    )
    if len(more) != rank:
        raise ArgumentError("problem.axes", f"{output_padding=} has not {rank} entries")
    named = [padding] * rank if isinstance(padding, str) else explicit_pairs(padding, rank)
    found = []
    for a, axis in enumerate(bare):
        extra = operator.index(more[a])
        if not 0 <= extra < max(axis.stride, axis.dilation):
            text = f"{output_padding=} is below neither stride nor dilation, or negative"
            raise ArgumentError("transpose.output_padding", text)
        before, size = _cropped(axis, named[a], extra)
        found.append(replace(axis, size=size, before=before))
    return tuple(found)


def _cropped(axis: Axis, padding: str | tuple[int, int], extra: int) -> tuple[int, int]:
    """Return (before, output size): `axis.size` still counts the input's samples."""
    touched = (axis.size - 1) * axis.stride + axis.extent if axis.size else 0
    if padding in ("same", "same_upper", "same_lower"):  # [transpose.same]
        room = axis.size * axis.stride
        return same_sides(room, axis, lower=padding == "same_lower")[0], room + extra
    named = {"valid": (0, 0), "causal": (axis.extent - 1, 0), "full": (axis.extent - 1,) * 2}
    before, after = named[padding] if isinstance(padding, str) else padding
    return before, max(0, touched - before - after + extra)  # [transpose.count]
