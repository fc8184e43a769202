"""How windows lie along one spatial axis; an image of any rank is a product of such axes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Sizes = int | Sequence[int]
Padding = str | Sequence[tuple[int, int]]


class ArgumentError(ValueError):
    """Raised for arguments that define no convolution or pool; names the clause broken."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(f"[{label}] {message}")
        self.label = label


@dataclass(frozen=True)
class Axis:
    """One spatial axis and the windows on it; all fields but the flag count samples."""

    size: int
    kernel_size: int
    stride: int
    dilation: int
    before: int = 0
    after: int = 0
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """[window.extent] Samples from a window's first tap to its last, both included."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def padded(self) -> int:
        """Samples and padding together."""
        return self.before + self.size + self.after

    @property
    def count(self) -> int:
        """[window.count] [window.none] Number of windows."""
        whole, rest = divmod(self.padded - self.extent, self.stride)
        windows = whole + 1
        # [window.ceil] One more, unless it would start in the padding after the samples.
        if self.ceil_mode and rest and windows * self.stride < self.before + self.size:
            windows += 1
        return max(0, windows)

    @property
    def reach(self) -> int:
        """Samples from the start of the padding to the end of the last window, if any."""
        return (self.count - 1) * self.stride + self.extent if self.count else 0

    def positions(self) -> Array:
        """[window.tap] Return the input position under each tap: (count, kernel_size)."""
        starts = self.stride * np.arange(self.count) - self.before
        return np.add.outer(starts, self.dilation * np.arange(self.kernel_size))

    def counting(self, count_include_pad: bool) -> Array:
        """Return which taps count for an average: booleans, (count, kernel_size).

        [avg.divisor] [distance.divisor] Never those that ceil_mode lets overrun.
        """
        positions = self.positions()
        if count_include_pad:
            return (-self.before <= positions) & (positions < self.size + self.after)
        return (positions >= 0) & (positions < self.size)


def axes_of(
    x: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    ceil_mode: bool = False,
) -> tuple[Axis, ...]:
    """Return the spatial axes of x (N, C, *spatial); raise `ArgumentError` on bad attributes."""
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    spatial = x.shape[2:]
    kernels = _per_axis("kernel", "kernel_size", kernel_size, len(spatial))
    strides = _per_axis("stride", "stride", stride, len(spatial))
    dilations = _per_axis("dilation", "dilation", dilation, len(spatial))
    bare = [
        Axis(*numbers, ceil_mode=ceil_mode)
        for numbers in zip(spatial, kernels, strides, dilations, strict=True)
    ]
    return tuple(
        replace(axis, before=before, after=after)
        for axis, (before, after) in zip(bare, _pairs(padding, bare), strict=True)
    )


def _per_axis(clause: str, name: str, value: Sizes, rank: int) -> tuple[int, ...]:
    """Return one positive integer per axis; a single integer stands for all axes."""
    entries = tuple(value) if isinstance(value, Sequence) else (value,) * rank
    if len(entries) != rank:
        raise ArgumentError(
            "problem.axes", f"{name} {entries} has not {rank} entries, one per axis"
        )
    numbers = tuple(operator.index(entry) for entry in entries)
    if any(number < 1 for number in numbers):
        raise ArgumentError(f"window.{clause}", f"{name} {numbers} has an entry below 1")
    return numbers


def _pairs(padding: Padding, bare: Sequence[Axis]) -> list[tuple[int, int]]:
    """Return (before, after) for each of the still unpadded axes."""
    if padding == "valid":
        return [(0, 0) for _ in bare]
    if padding in ("same", "same_upper", "same_lower"):
        return [_same(axis, lower=padding == "same_lower") for axis in bare]
    if isinstance(padding, str):
        raise ArgumentError(
            "padding.explicit",
            f"padding {padding!r} is not valid, same, same_upper, same_lower or pairs",
        )
    if len(padding) != len(bare) or any(len(pair) != 2 for pair in padding):
        raise ArgumentError(
            "problem.axes",
            f"padding {tuple(padding)} is not {len(bare)} pairs (before, after), one per axis",
        )
    pairs = [(operator.index(before), operator.index(after)) for before, after in padding]
    if any(min(pair) < 0 for pair in pairs):
        raise ArgumentError("padding.negative", f"padding {tuple(pairs)} has a negative entry")
    return pairs


def _same(axis: Axis, *, lower: bool) -> tuple[int, int]:
    """[padding.same] Return the least padding that gives ceil(size / stride) windows."""
    windows = -(-axis.size // axis.stride)
    total = max(0, (windows - 1) * axis.stride + axis.extent - axis.size)
    less, more = total // 2, total - total // 2
    # [padding.same_side] plain "same" puts the extra sample after, as same_upper does
    return (more, less) if lower else (less, more)
