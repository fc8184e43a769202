"""Maximum pooling, with and without the positions of the maxima."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from convformance.kernel.geometry import Array, Axis, Padding, Sizes, axes_of
from convformance.kernel.separable import Passes, as_one_sample, planes
from convformance.kernel.windows import (
    combined,
    is_float,
    native,
    output_shape,
    public,
    taps,
    windows,
)


@public
def max_pool(
    x: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, Array]:
    """Return the largest sample of each window of x (N, C, *spatial): (N, C, *output).

    With return_indices return (values, indices): int64, flat row-major positions in the
    unpadded input plane, of the first maximum or the first NaN; -1 where a window sees only
    padding. Raises `ArgumentError`.
    """
    # [max.padding] [max.empty] what lies under the taps over padding
    lowest = -math.inf if is_float(x) else np.iinfo(x.dtype).min
    axes = axes_of(
        x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    y = np.empty(output_shape(x, axes), x.dtype)
    if return_indices:
        index = np.empty(y.shape, np.int64)
        for n, channels in planes(x, index.itemsize):
            view = windows(x[n, None, channels], axes, lowest, native(x))
            y[n, None, channels], index[n, None, channels] = first_largest(view, axes, lowest)
        return y, index
    passes = Passes(axes, np.maximum, lowest)
    samples, found = as_one_sample(x, y)
    for n, channels in planes(samples, counts=axes.counts):
        part, into = samples[n, channels].astype(native(x), copy=False), found[n, channels]
        values = into if part.dtype == y.dtype else np.empty(into.shape, part.dtype)
        passes.write(part, values)
        if values is not into:
            into[...] = values
    return y


def largest(view: Array, axes: Sequence[Axis]) -> Array:
    """[max.nan] Return the maximum of each window; NumPy's maximum hands on NaN."""
    return functools.reduce(np.maximum, (samples for _, samples in taps(view, axes)))


def first_largest(view: Array, axes: Sequence[Axis], lowest: float) -> tuple[Array, Array]:
    """Return the maximum of each window and where it stands; [max.tie] the first of equals.

    Taps come in row-major order, so the first to beat all before it is the first.
    """
    positions = [axis.positions() for axis in axes]
    inside = [axis.counting(count_include_pad=False) for axis in axes]
    best = np.full(view.shape[: -len(axes)], lowest, view.dtype)
    index = np.full(best.shape, -1, np.int64)
    for k, samples in taps(view, axes):
        nan = np.isnan(samples) & ~np.isnan(best)  # [max.nan_index]
        beats = combined(np.logical_and, inside, k) & ((index < 0) | (samples > best) | nan)
        best = np.where(beats, samples, best)
        index = np.where(beats, _flat(axes, positions, k), index)
    return best, index


def _flat(axes: Sequence[Axis], positions: Sequence[Array], k: tuple[int, ...]) -> Array:
    """[max.index] Return (*count): the row-major position in the input plane under tap k."""
    flat: Array = np.zeros((), np.int64)
    for axis, position, tap in zip(axes, positions, k, strict=True):
        flat = np.add.outer(flat * axis.size, position[:, tap])
    return flat
