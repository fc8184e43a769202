"""Maximum unpooling: values back to the places that their indices name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convformance.kernel.geometry import (
    ArgumentError,
    Array,
    Axis,
    Padding,
    Sizes,
    axes_of,
    bare_axes,
)
from convformance.kernel.windows import is_float, public


@public
def max_unpool(
    x: Array,
    indices: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    output: Sequence[int] = (),
) -> Array:
    """Return x (N, C, *pooled) at its flat indices among zeros: (N, C, *output).

    Of several values with one index the last stays. Raises `ArgumentError`.
    """
    is_float(x)
    size = _output(x, kernel_size, stride, padding, output)
    planes, places = x.shape[0] * x.shape[1], math.prod(x.shape[2:])
    y = np.zeros((planes, math.prod(size)), x.dtype)
    rows = np.arange(planes)[:, None]
    # [unpool.overlap] NumPy assigns in the order of memory: contiguous, that is row-major order.
    flat = np.ascontiguousarray(indices).reshape(planes, places)
    y[rows, flat] = np.ascontiguousarray(x).reshape(planes, places)
    return y.reshape(*x.shape[:2], *size)


def _output(
    x: Array, kernel_size: Sizes, stride: Sizes, padding: Padding, output: Sequence[int]
) -> tuple[int, ...]:
    """[unpool.output] Return the spatial sizes; raise unless they pool to those of x."""
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    pooled = bare_axes(x.shape[2:], kernel_size, stride, 1)
    size = tuple(output) or tuple(map(_least, pooled, _sums(padding, len(pooled))))
    hollow = np.broadcast_to(np.zeros(()), (1, 1, *size))
    axes = axes_of(hollow, kernel_size, stride=stride, padding=padding, dilation=1)
    if tuple(axis.count for axis in axes) != x.shape[2:]:
        raise ArgumentError("unpool.output", f"an output of {size} does not pool to {x.shape[2:]}")
    return size


def _sums(padding: Padding, rank: int) -> list[int]:
    return [0] * rank if isinstance(padding, str) else [sum(pair) for pair in padding]


def _least(axis: Axis, padded: int) -> int:
    return max(0, (axis.size - 1) * axis.stride + axis.kernel_size - padded)
