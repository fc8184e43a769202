"""Average, Lp and distance-weighted pooling.

Each is a loop over the taps of the kernel; what lies under one tap, for all windows, is a view.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from convformance.kernel.geometry import (
    KEPT_SHORT,
    ArgumentError,
    Array,
    Axes,
    Axis,
    Padding,
    Sizes,
    axes_of,
)
from convformance.kernel.maximum import largest
from convformance.kernel.scaling import headroom, power, root, unit
from convformance.kernel.separable import Passes, as_one_sample, planes
from convformance.kernel.windows import (
    combined,
    is_float,
    narrow,
    only_floats,
    output_shape,
    public,
    same_dtype,
    taps,
    windows,
)

# Holds the sums of pools for every floating-point dtype; products of float32 are exact in it.
_WIDE = np.dtype(np.float64)
SUMMED = (np.dtype(np.float32), _WIDE)  # whose averages are first tried in their own dtype
_LOW = 0xFFFFFFFF  # the low half of an int64


@public
def avg_pool(
    x: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Return the mean of each window of x (N, C, *spatial): (N, C, *output).

    Integers give the exact quotient cut towards zero. Raises `ArgumentError`.
    """
    floating = is_float(x)
    axes = axes_of(
        x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    divisor = (_kept_divisor if axes.is_short else _divisor)(axes, bool(count_include_pad))
    mean = _mean if floating else _integer_mean
    y = np.empty(output_shape(x, axes), x.dtype)
    passes = Passes(axes, np.add, 0)
    single = divisor.astype(x.dtype) if x.dtype in SUMMED else None
    samples, found = as_one_sample(x, y)
    for n, channels in planes(samples, counts=axes.counts):
        part, into = samples[n, channels], found[n, channels]
        if single is None or not _quick_mean(part, passes, single, into):
            for _, some in planes(part[None], _WIDE.itemsize):
                into[None, some] = mean(part[None, some], axes, divisor)
    return y


def _divisor(axes: Axes, count_include_pad: bool) -> Array:
    """[avg.divisor] Return the taps that count, for each window (*count) or for all of them ()."""
    if all(axis.is_inside for axis in axes):
        return np.array(math.prod(axis.kernel_size for axis in axes))
    per_axis = (axis.counted(count_include_pad) for axis in axes)
    divisor: Array = functools.reduce(np.multiply.outer, per_axis)
    divisor.flags.writeable = False
    return divisor


_kept_divisor = functools.lru_cache(maxsize=KEPT_SHORT)(_divisor)


def _quick_mean(part: Array, passes: Passes, divisor: Array, into: Array) -> bool:
    """Write the means of `part` (C, *spatial), summed in its own dtype, and return True.

    False where a sum is infinite or NaN: it may have overflowed where the mean is finite.
    """
    passes.write(part, into)
    if not math.isfinite(into.sum()):
        return False
    into /= divisor  # [avg.empty] 0 / 0
    return True


def _mean(x: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    shrink = _shrink(x, axes)
    total = _sum(windows(x, axes, 0, _WIDE), axes, shrink)
    return narrow(total / divisor / shrink, x.dtype)


@public
def lp_pool(
    x: Array,
    kernel_size: Sizes,
    *,
    p: float = 2,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the p-norm of each window of x (N, C, *spatial), p = 1, 2, ... or inf.

    Raises `ArgumentError`.
    """
    only_floats("lp_pool", x)
    if not (p >= 1 and (p == math.inf or p == int(p))):
        raise ArgumentError("lp.p", f"{p=} is not a whole number of at least 1, and not inf")
    axes = axes_of(
        x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    y = np.empty(output_shape(x, axes), x.dtype)
    for n, channels in planes(x, _WIDE.itemsize):
        part = np.abs(x[n, None, channels].astype(_WIDE))
        view = windows(part, axes, 0, _WIDE)  # [lp.padding]
        y[n, None, channels] = narrow(norms(view, axes, p), x.dtype)
    return y


def norms(view: Array, axes: Sequence[Axis], p: float) -> Array:
    """Return the p-norm of each window of magnitudes, in float64."""
    peak = largest(view, axes)
    if p == math.inf:
        return peak
    scale = unit(peak, p)
    total = np.zeros_like(scale)
    for _, samples in taps(view, axes):
        total += power(samples / scale, p)
    return root(total, p) * scale


@public
def distance_pool(
    x: Array,
    weights: Array,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Return sum(weight * sample) / sum(weight) over each window of x (N, C, *spatial).

    weights has the shape of the kernel and the dtype of x. Raises `ArgumentError`.
    """
    only_floats("distance_pool", x)
    same_dtype(x, weights=weights)
    axes = axes_of(
        x, weights.shape, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    counting = [axis.counting(count_include_pad) for axis in axes]
    wide = weights.astype(_WIDE)
    # A common factor cancels in the quotient. The heaviest weight becomes about 2^52: whole
    # numbers stay whole, so that their products with subnormal samples are exact.
    wide = wide / unit(abs(wide).max(), 1) * 2.0**52
    y = np.empty(output_shape(x, axes), x.dtype)
    for n, channels in planes(x, _WIDE.itemsize):
        y[n, None, channels] = _weighted_mean(x[n, None, channels], wide, axes, counting)
    return y


def _weighted_mean(
    x: Array, weights: Array, axes: Sequence[Axis], counting: Sequence[Array]
) -> Array:
    shrink = _shrink(x, axes)
    total = np.zeros(output_shape(x, axes), _WIDE)
    divisor = np.zeros(total.shape[2:], _WIDE)
    for k, samples in taps(windows(x, axes, 0, _WIDE), axes):
        counts = combined(np.logical_and, counting, k)  # [distance.divisor]
        # Left out, not added as zero: the weight may be infinite or NaN.
        total += np.where(counts, weights[k] * (samples * shrink), 0.0)
        divisor += np.where(counts, weights[k], 0.0)
    return narrow(total / divisor / shrink, x.dtype)


def _shrink(x: Array, axes: Sequence[Axis]) -> Array | int:
    """Return the `headroom` of each window, or 1: only float64 can fill a float64."""
    return headroom(largest(windows(abs(x), axes, 0, _WIDE), axes)) if x.dtype == _WIDE else 1


def _sum(view: Array, axes: Sequence[Axis], shrink: Array | int = 1) -> Array:
    total = np.zeros(view.shape[: -len(axes)], view.dtype)
    for _, samples in taps(view, axes):
        total += samples * shrink
    return total


def _integer_mean(x: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    """[avg.integer] Return the exact quotient of each window, cut towards zero."""
    parts = halves(x.astype(np.int64))
    high, low = (_sum(windows(half, axes, 0, half.dtype), axes) for half in parts)
    return quotient(high, low, divisor)


def halves(x: Array) -> tuple[Array, Array]:
    """Return int64 samples as high * 2^32 + low, whose sums are safe up to 2^30 taps."""
    return x >> 32, x & _LOW


def quotient(high: Array, low: Array, divisor: Array) -> Array:
    """Return (high * 2^32 + low) / divisor, cut towards zero."""
    count = np.maximum(divisor, 1)  # over no tap the sum is 0, and so is 0 / 1
    whole, rest = np.divmod(high, count)
    part, rest = np.divmod((rest << 32) + low, count)
    floor = (whole << 32) + part
    return np.asarray(floor + ((floor < 0) & (rest > 0)))
