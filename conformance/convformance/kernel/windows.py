"""Arrays of windows as views, and the dtypes in which their sums are kept."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from convformance.kernel.geometry import ArgumentError, Array, Axis

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_HALVES = (np.dtype(np.float16), BFLOAT16)
_FLOATS = (*_HALVES, np.dtype(np.float32), np.dtype(np.float64))
_INTEGERS = (np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint8))
_COMPLEX = (np.dtype(np.complex64), np.dtype(np.complex128))
F = TypeVar("F", bound=Callable[..., Any])


def public(function: F) -> F:
    """Make a function of the kernel quiet about overflow, and blind to the order of bytes."""

    quiet = np.errstate(all="ignore")(function)

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        named = {name: own_order(one) for name, one in options.items()}
        return quiet(*[own_order(one) for one in arguments], **named)

    return cast(F, called)


def own_order(argument: Any) -> Any:
    """[backend.memory] Return an array of the machine's own byte order."""
    if isinstance(argument, np.ndarray) and not argument.dtype.isnative:
        return argument.astype(argument.dtype.newbyteorder("="))
    return argument


def is_float(x: Array) -> bool:
    """Return whether x holds floating-point numbers; raise for complex and unknown dtypes."""
    if x.dtype in _COMPLEX:
        raise ArgumentError("problem.float", f"{x.dtype} elements have no meaning here")
    if x.dtype not in (*_FLOATS, *_INTEGERS):
        raise ArgumentError(
            "value.dtype", f"{x.dtype} is none of {[*map(str, _FLOATS + _INTEGERS)]}"
        )
    return x.dtype in _FLOATS


def is_complex(x: Array) -> bool:
    """Return whether x holds complex numbers."""
    return x.dtype in _COMPLEX


def only_floats(what: str, x: Array) -> None:
    """[problem.float] Raise unless x holds real floating-point numbers."""
    if x.dtype not in _FLOATS:
        raise ArgumentError("problem.float", f"{what} is not defined for {x.dtype}")


def accumulator(x: Array) -> np.dtype[np.generic]:
    """Return the dtype of the sums of products.

    Halves are summed in float32. Unsigned arithmetic is modulo 2^64 by definition, and what
    is right modulo 2^64 is right modulo 2^8 and 2^32 too.
    """
    if is_complex(x):
        return x.dtype
    if x.dtype.kind == "u":
        return np.dtype(np.uint64)
    return native(x) if is_float(x) else np.dtype(np.uint64)


def same_dtype(x: Array, **others: Array | None) -> None:
    """Raise unless every other array that is given has the dtype of x."""
    for name, other in others.items():
        if other is not None and other.dtype != x.dtype:
            raise ArgumentError("value.dtype", f"{name} is {other.dtype} and x is {x.dtype}")


def native(x: Array) -> np.dtype[np.generic]:
    """Return a dtype that NumPy itself computes in and that holds x exactly."""
    return np.dtype(np.float32) if x.dtype in _HALVES else x.dtype


def narrow(values: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return float64 values rounded once to `dtype`.

    ml_dtypes goes to bfloat16 by way of float32 and rounds at both; an odd last bit in the
    float32, wherever it is inexact, keeps the first rounding from making a tie.
    """
    if dtype != BFLOAT16:
        return values.astype(dtype)
    single = values.astype(np.float32)
    single = np.where(abs(single) > abs(values), np.nextafter(single, np.float32(0)), single)
    odd = single.view(np.uint32) | (single != values)
    return np.asarray(odd.view(np.float32).astype(dtype))


def windows(x: Array, axes: Sequence[Axis], fill: float, dtype: np.dtype[np.generic]) -> Array:
    """Return x (N, C, *spatial) as a read-only view (N, C, *count, *kernel_size) in `dtype`.

    `fill` stands under the taps over padding and under those that overrun it.
    """
    return sliding(padded(x, axes, fill, dtype), axes)


def sliding(canvas: Array, axes: Sequence[Axis]) -> Array:
    """Return the windows of a padded array (N, C, *positions) as a read-only view."""
    steps = canvas.strides[2:]
    shape = (
        *canvas.shape[:2],
        *[axis.count for axis in axes],
        *[axis.kernel_size for axis in axes],
    )
    strides = (
        *canvas.strides[:2],
        *[axis.stride * step for axis, step in zip(axes, steps, strict=True)],
        *[axis.dilation * step for axis, step in zip(axes, steps, strict=True)],
    )
    if not canvas.flags.c_contiguous or 0 in shape:
        return as_strided(canvas, shape, strides, writeable=False)
    # The same view in a tenth of the time of `as_strided`, which matters to tiny problems.
    view: Array = np.ndarray(shape, canvas.dtype, canvas, 0, strides)
    view.flags.writeable = False
    return view


def padded(x: Array, axes: Sequence[Axis], fill: float, dtype: np.dtype[np.generic]) -> Array:
    """Return x (N, C, *spatial) with its padding and holes, as far as windows reach."""
    if not all(axis.is_plain for axis in axes):
        return _gathered(x.astype(dtype), axes, fill)
    shape = (*x.shape[:2], *[axis.held for axis in axes])
    if shape == x.shape:
        return x.astype(dtype, copy=False)
    # Zeros cost less than a fill: the system hands them out.
    canvas = np.full(shape, fill, dtype) if fill else np.zeros(shape, dtype)
    canvas[at(..., *[slice(axis.before, axis.before + axis.size) for axis in axes])] = x
    return canvas


def _gathered(x: Array, axes: Sequence[Axis], fill: float) -> Array:
    for place, axis in enumerate(axes, 2):
        extra = np.full((*x.shape[:place], 1, *x.shape[place + 1 :]), fill, x.dtype)
        x = np.concatenate([x, extra], place).take(axis.sources(), place)  # -1 is the extra one
    return x


def handed_back(canvas: Array, axes: Sequence[Axis]) -> Array:
    """Return the sums (N, C, *spatial) of what stands on the positions of each sample.

    The adjoint of `padded`.
    """
    for place, axis in enumerate(axes, 2):
        sources = axis.sources()
        moved = np.moveaxis(canvas, place, 0)
        out = np.zeros((axis.size, *moved.shape[1:]), canvas.dtype)
        np.add.at(out, sources[sources >= 0], moved[: len(sources)][sources >= 0])
        canvas = np.moveaxis(out, 0, place)
    return canvas


def at(*places: Any) -> tuple[Any, ...]:
    """Return an index of as many slices and numbers as there are axes, whatever their number."""
    return places


def blank(lead: Sequence[int], axes: Sequence[Axis], dtype: np.dtype[np.generic]) -> Array:
    """Return zeros (*lead, *positions that windows and padding reach)."""
    return np.zeros((*lead, *(len(axis.sources()) for axis in axes)), dtype)


def under_tap(canvas: Array, axes: Sequence[Axis], k: tuple[int, ...]) -> Array:
    """Return the view (..., *count) of what lies under tap k of every window."""
    places = (
        slice(
            tap * axis.dilation,
            tap * axis.dilation + (axis.count - 1) * axis.stride + 1,
            axis.stride,
        )
        if axis.count
        else slice(0, 0)
        for axis, tap in zip(axes, k, strict=True)
    )
    return canvas[(..., *places)]


def taps(view: Array, axes: Sequence[Axis]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield each tap k of a view of windows, row-major, with what lies under it: (N, C, *count)."""
    for k in np.ndindex(*(axis.kernel_size for axis in axes)):
        yield k, view[(..., *k)]


def combined(combine: np.ufunc, per_axis: Sequence[Array], k: tuple[int, ...]) -> Array:
    """Return (*count): tap k's columns of the (count, kernel_size) arrays, combined."""
    columns = (one[:, tap] for one, tap in zip(per_axis, k, strict=True))
    return np.asarray(functools.reduce(combine.outer, columns))


def output_shape(x: Array, axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return (N, C, *count)."""
    return (*x.shape[:2], *(axis.count for axis in axes))


def cells(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape, and at least 1, so that one can divide by it."""
    return max(1, math.prod(shape))
