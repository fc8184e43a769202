"""How windows lie along one spatial axis; an image of any rank is a product of such axes.

The axes of a call are kept for the next call of the same sizes: on a tiny problem, to work them out
takes longer than the convolution.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Sizes = int | Sequence[int]
Padding = str | Sequence[tuple[int, int]]
KEPT = 1024  # calls whose axes are kept for the next of the same sizes, some 3 KB each
SHORT = 512  # taps of all windows along an axis, up to which a pool keeps more
SMALL = 4096  # windows of its plane, as many
KEPT_SHORT = 64  # pools of which it does, at most 32 KB of divisors each
_NUMPY_MODES: dict[str, Any] = {
    "reflect": "reflect",  # [padding.reflect]
    "symmetric": "symmetric",  # [padding.symmetric]
    "replicate": "edge",  # [padding.replicate]
    "circular": "wrap",  # [padding.circular]
}


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
    input_dilation: int = 1
    mode: str = "zeros"

    @functools.cached_property
    def extent(self) -> int:
        """[window.extent] Samples from a window's first tap to its last, both included."""
        return self.dilation * (self.kernel_size - 1) + 1

    @functools.cached_property
    def spread(self) -> int:
        """[window.input_dilation] Samples and the holes between them."""
        return (self.size - 1) * self.input_dilation + 1 if self.size else 0

    @functools.cached_property
    def padded(self) -> int:
        """Samples, holes and padding together; less than the samples where padding crops."""
        return self.before + self.spread + self.after

    @property
    def kept(self) -> int:
        """[padding.negative] Past the last sample that is not cropped off behind."""
        return self.size + min(0, self.after)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether the samples stand side by side in one block, with fill around them."""
        return (
            self.input_dilation == 1 and self.mode == "zeros" and min(self.before, self.after) >= 0
        )

    def sources(self) -> Array:
        """Return the sample under each padded position, and -1 for fill: (at least padded,)."""
        spread = np.full(self.spread, -1)
        spread[:: self.input_dilation] = np.arange(self.size)
        sides = max(0, self.before), max(0, self.after)
        if self.mode == "zeros":
            found = np.pad(spread, sides, constant_values=-1)
        else:
            found = np.pad(spread, sides, mode=_NUMPY_MODES[self.mode])
        # [padding.negative] Cropped last: the other side mirrors the whole input.
        found = found[max(0, -self.before) :]
        found = found[: max(0, len(found) + min(0, self.after))]
        return np.pad(found, (0, max(0, self.reach - len(found))), constant_values=-1)

    @functools.cached_property
    def count(self) -> int:
        """[window.count] [window.none] Number of windows."""
        whole, rest = divmod(self.padded - self.extent, self.stride)
        windows = whole + 1
        # [window.ceil] One more, unless it would start in the padding after the samples.
        if self.ceil_mode and rest and windows * self.stride < self.before + self.spread:
            windows += 1
        return max(0, windows)

    @functools.cached_property
    def reach(self) -> int:
        """Samples from the start of the padding to the end of the last window, if any."""
        return (self.count - 1) * self.stride + self.extent if self.count else 0

    @functools.cached_property
    def held(self) -> int:
        """Positions of a padded array: as far as padding and windows reach."""
        return max(self.padded, self.reach)

    @functools.cached_property
    def is_inside(self) -> bool:
        """Whether every window of a pool sees samples alone, so that all of its taps count."""
        return self.before <= 0 and self.reach - self.before <= self.kept

    def positions(self) -> Array:
        """[window.tap] Return the input position under each tap: (count, kernel_size)."""
        starts = self.stride * np.arange(self.count) - self.before
        return np.add.outer(starts, self.dilation * np.arange(self.kernel_size))

    def counting(self, count_include_pad: bool) -> Array:
        """Return which taps count for an average: booleans, (count, kernel_size).

        [avg.divisor] [distance.divisor] Never those that ceil_mode lets overrun.
        """
        positions = self.positions()
        padded = (-self.before <= positions) & (positions < self.size + self.after)
        if count_include_pad:
            return padded
        return padded & (positions >= 0) & (positions < self.size)

    def within(self, low: int, high: int) -> range:
        """Return the windows all of whose taps lie from position `low` to before `high`."""
        first = min(max(0, -(-(low + self.before) // self.stride)), self.count)
        past = (high - self.extent + self.before) // self.stride + 1
        return range(first, min(max(first, past), self.count))

    def counted(self, count_include_pad: bool) -> Array:
        """Return how many taps count for an average, those of `counting`: (count,).

        Windows that lie within what counts have all of their taps; the few others are asked.
        """
        low, high = -self.before, self.size + self.after
        if not count_include_pad:
            low, high = max(0, low), min(self.size, high)
        inside = self.within(low, high)
        found = np.full(self.count, self.kernel_size)
        for o in (*range(inside.start), *range(inside.stop, self.count)):
            start = o * self.stride - self.before
            ends = (-((start - end) // self.dilation) for end in (low, high))  # taps before each
            skipped, reached = (min(max(0, taps), self.kernel_size) for taps in ends)
            found[o] = max(0, reached - skipped)
        return found


class Axes(tuple[Axis, ...]):
    """All spatial axes of an array, and what one call works out of them for the next."""

    lead: tuple[int, int]  # (N, C)

    @functools.cached_property
    def is_short(self) -> bool:
        """Whether what a pool works out of them takes few bytes, so that it may be kept."""
        per_axis = [max(1, axis.count) * axis.kernel_size for axis in self]
        return max(per_axis) <= SHORT and math.prod(axis.count for axis in self) <= SMALL

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether every axis is plain."""
        return all(axis.is_plain for axis in self)

    @functools.cached_property
    def windows(self) -> int:
        """The number of all windows of all samples."""
        return self.lead[0] * math.prod(axis.count for axis in self)

    @functools.cached_property
    def canvas(self) -> tuple[int, ...]:
        """The shape of the padded array, as far as windows reach; the axes are plain."""
        return (*self.lead, *[axis.held for axis in self])

    @functools.cached_property
    def inside(self) -> tuple[Any, ...]:
        """The index of the array in the padded one."""
        return (..., *[slice(axis.before, axis.before + axis.size) for axis in self])

    @functools.cached_property
    def columns(self) -> tuple[tuple[int, ...], dict[int, tuple[int, ...]]]:
        """The shape (C, *kernel_size, N, *count), and its strides by the bytes of an element."""
        (N, C), rank = self.lead, len(self)
        sample, channel, *steps = (math.prod(self.canvas[a + 1 :]) for a in range(2 + rank))
        sizes = [axis.kernel_size for axis in self], [axis.count for axis in self]
        taps = [axis.dilation * step for axis, step in zip(self, steps, strict=True)]
        moves = [axis.stride * step for axis, step in zip(self, steps, strict=True)]
        found = (channel, *taps, sample, *moves)
        strides = {item: tuple(item * one for one in found) for item in (4, 8)}
        return (C, *sizes[0], N, *sizes[1]), strides

    @functools.cached_property
    def counts(self) -> tuple[int, ...]:
        """The number of windows along each axis."""
        return tuple(axis.count for axis in self)


def axes_of(
    x: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    ceil_mode: bool = False,
    input_dilation: Sizes = 1,
    mode: str = "zeros",
) -> Axes:
    """Return the spatial axes of x (N, C, *spatial); raise `ArgumentError` on bad attributes."""
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    sizes = whole(kernel_size), whole(stride), whole(dilation), whole(input_dilation)
    pairs = padding if isinstance(padding, str) else tuple(map(whole, padding))
    return _axes_of(x.shape, sizes, pairs, bool(ceil_mode), mode)


def whole(value: Sizes) -> Sizes:
    """Return a size or sizes as Python's own integers, by which a cache may look them up."""
    if type(value) is int:
        return value
    if type(value) is tuple:
        return tuple(map(operator.index, value))
    return (
        tuple(map(operator.index, value)) if isinstance(value, Sequence) else operator.index(value)
    )


@functools.lru_cache(maxsize=KEPT)
def _axes_of(
    shape: tuple[int, ...], sizes: tuple[Sizes, ...], padding: Padding, ceil_mode: bool, mode: str
) -> Axes:
    bare = bare_axes(shape[2:], *sizes)
    found = Axes(
        replace(axis, before=before, after=after, ceil_mode=ceil_mode, mode=mode)
        for axis, (before, after) in zip(bare, _pairs(padding, bare), strict=True)
    )
    found.lead = shape[0], shape[1]
    if mode != "zeros" and any(
        axis.size == 0 and max(axis.before, axis.after) > 0 for axis in found
    ):
        raise ArgumentError("padding.mode", f"x.shape={shape} has no sample to pad with")
    return found


def bare_axes(
    spatial: Sequence[int],
    kernel_size: Sizes,
    stride: Sizes,
    dilation: Sizes,
    input_dilation: Sizes = 1,
) -> tuple[Axis, ...]:
    """Return the axes without padding; raise `ArgumentError`."""
    rank = len(spatial)
    numbers = (
        spatial,
        _per_axis("kernel", "kernel_size", kernel_size, rank),
        _per_axis("stride", "stride", stride, rank),
        _per_axis("dilation", "dilation", dilation, rank),
    )
    holes = _per_axis("input_dilation", "input_dilation", input_dilation, rank)
    return tuple(
        Axis(*one, input_dilation=hole)
        for one, hole in zip(zip(*numbers, strict=True), holes, strict=True)
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
    if padding == "causal":
        return [(axis.extent - 1, 0) for axis in bare]  # [padding.causal]
    if padding == "full":
        return [(axis.extent - 1, axis.extent - 1) for axis in bare]  # [padding.full]
    if isinstance(padding, str):
        raise ArgumentError(
            "padding.explicit",
            f"padding {padding!r} is neither pairs nor valid, same, same_upper, same_lower, "
            "causal or full",
        )
    return explicit_pairs(padding, len(bare))


def explicit_pairs(padding: Sequence[tuple[int, int]], rank: int) -> list[tuple[int, int]]:
    """Return the pairs as integers, one per axis; raise `ArgumentError`."""
    if len(padding) != rank or any(len(pair) != 2 for pair in padding):
        raise ArgumentError(
            "problem.axes",
            f"padding {tuple(padding)} is not {rank} pairs (before, after), one per axis",
        )
    return [(operator.index(before), operator.index(after)) for before, after in padding]


def _same(axis: Axis, *, lower: bool) -> tuple[int, int]:
    """[padding.same] Return the least padding that gives ceil(spread / stride) windows."""
    return same_sides(axis.spread, axis, lower=lower)


def same_sides(size: int, axis: Axis, *, lower: bool) -> tuple[int, int]:
    """Return how [padding.same] pads `size` samples under the axis's windows."""
    windows = -(-size // axis.stride)
    total = max(0, (windows - 1) * axis.stride + axis.extent - size)
    less, more = total // 2, total - total // 2
    # [padding.same_side] plain "same" puts the extra sample after, as same_upper does
    return (more, less) if lower else (less, more)
