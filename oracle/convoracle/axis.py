"""Integer geometry, one spatial axis at a time. Every length counts input samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convoracle.errors import InvalidProblem

Padding = str | Sequence[tuple[int, int]]
SAME = ("same", "same_upper", "same_lower")
MODES = ("zeros", "reflect", "symmetric", "replicate", "circular")


@dataclass(frozen=True)
class Axis:
    """How a window slides along one spatial axis."""

    size: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0  # padding ahead of sample 0
    after: int = 0  # padding behind the last sample
    ceil_mode: bool = False
    input_dilation: int = 1  # neighbouring samples lie so far apart, with holes between
    mode: str = "zeros"  # what stands in the padding

    @property
    def extent(self) -> int:
        """[window.extent] Samples from the first tap to the last, both included."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def spread(self) -> int:
        """[window.input_dilation] Positions from the first sample to the last, holes included."""
        return self.input_dilation * (self.size - 1) + 1 if self.size else 0

    @property
    def room(self) -> int:
        """How far the first window can move before its last tap leaves the padded input."""
        return self.before + self.spread + self.after - self.extent

    @property
    def count(self) -> int:
        """[window.count] Windows along this axis: the output size."""
        floor = max(0, self.room // self.stride + 1)  # [window.none] never negative
        return floor + 1 if self.ceil_mode and self._keeps_overrun(floor) else floor

    def _keeps_overrun(self, o: int) -> bool:
        """[window.ceil] Window o overruns, sees new samples, starts before the after-padding."""
        overrun = o * self.stride - self.room
        return 0 < overrun < self.stride and o * self.stride < self.before + self.spread

    def position(self, o: int, k: int) -> int:
        """[window.tap] Input position under tap k of window o; may lie in padding."""
        # [window.stride] windows start `stride` apart; [window.dilation] taps lie `dilation` apart
        return o * self.stride + k * self.dilation - self.before

    def sample(self, i: int) -> int | None:
        """Return the sample that a tap over position i reads; None over zeros and holes."""
        if not self.pads(i) or not self.size:
            return None  # [padding.negative] what is cropped is not read
        if not 0 <= i < self.spread:
            if self.mode == "zeros":
                return None
            i = mirrored(i, self.spread, self.mode)
        return None if i % self.input_dilation else i // self.input_dilation

    def holds(self, i: int) -> bool:
        """Whether a tap over position i reads a sample of the input."""
        return self.sample(i) is not None

    def pads(self, i: int) -> bool:
        """Whether position i lies in the padded input: a sample, or padding, but no overrun."""
        return -self.before <= i < self.spread + self.after


def mirrored(i: int, size: int, mode: str) -> int:
    """Return the sample that stands at position i of the padding, by the padding mode."""
    if mode == "replicate":  # [padding.replicate]
        return min(max(i, 0), size - 1)
    if mode == "circular":  # [padding.circular]
        return i % size
    if mode == "symmetric":  # [padding.symmetric] the edge stands there twice
        i %= 2 * size
        return min(i, 2 * size - 1 - i)
    i %= max(1, 2 * (size - 1))  # [padding.reflect] the edge stands there once
    return min(i, 2 * (size - 1) - i)


def same_padding(size: int, extent: int, stride: int, padding: str) -> tuple[int, int]:
    """[padding.same] Return (before, after): the least padding for ceil(size / stride) windows."""
    count = -(-size // stride)
    return shared(max(0, (count - 1) * stride + extent - size), padding)


def shared(total: int, padding: str) -> tuple[int, int]:
    """[padding.same_side] Return (before, after): the odd sample goes where the name says.

    By plain "same" it goes after.
    """
    small, large = total // 2, total - total // 2
    return (large, small) if padding == "same_lower" else (small, large)


def slide(
    spatial: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    ceil_mode: bool = False,
    input_dilation: Sequence[int] | None = None,
    mode: str = "zeros",
) -> tuple[Axis, ...]:
    """Return one `Axis` per spatial axis; raise `InvalidProblem` for what has no meaning."""
    if mode not in MODES:
        raise ValueError(f"padding mode {mode!r} is none of {', '.join(MODES)}")
    axes = tuple(
        replace(axis, ceil_mode=ceil_mode, mode=mode)
        for axis in bare_axes(spatial, kernel_size, stride, dilation, input_dilation)
    )
    check_padding(len(axes), padding)
    found = []
    for a, axis in enumerate(axes):
        before, after = _sides(axis, padding, a)
        if mode != "zeros" and max(before, after) > 0 and axis.size == 0:
            text = f"{mode} padding of spatial axis {a}, which has no sample to repeat"
            raise InvalidProblem("padding.mode", text)
        found.append(replace(axis, before=before, after=after))
    return tuple(found)


def bare_axes(
    spatial: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    input_dilation: Sequence[int] | None = None,
) -> tuple[Axis, ...]:
    """Return one `Axis` per spatial axis, still without padding; raise `InvalidProblem`."""
    rank = len(spatial)
    holes = (1,) * rank if input_dilation is None else input_dilation
    _check_lengths(
        rank, kernel_size=kernel_size, stride=stride, dilation=dilation, input_dilation=holes
    )
    _check_least("window.kernel", "kernel size", kernel_size)
    _check_least("window.stride", "stride", stride)
    _check_least("window.dilation", "dilation", dilation)
    _check_least("window.input_dilation", "input dilation", holes)
    return tuple(
        Axis(spatial[a], kernel_size[a], stride[a], dilation[a], input_dilation=holes[a])
        for a in range(rank)
    )


def _sides(axis: Axis, padding: Padding, a: int) -> tuple[int, int]:
    if not isinstance(padding, str):
        return padding[a]  # [padding.explicit]
    if padding in SAME:
        return same_padding(axis.spread, axis.extent, axis.stride, padding)
    if padding == "valid":
        return 0, 0  # [padding.valid]
    if padding == "causal":
        return axis.extent - 1, 0  # [padding.causal] no window reads ahead of itself
    if padding == "full":
        return axis.extent - 1, axis.extent - 1  # [padding.full] every overlap has a window
    raise ValueError(f"padding {padding!r} is none of valid, causal, full, {', '.join(SAME)}")


def _check_lengths(rank: int, **attributes: Sequence[int]) -> None:
    if rank < 1:
        raise InvalidProblem(
            "problem.rank", "the input has no spatial axis: it must be (N, C, *spatial)"
        )
    for name, values in attributes.items():
        if len(values) != rank:
            text = f"{name} has {len(values)} entries for {rank} spatial axes"
            raise InvalidProblem("problem.axes", text)


def _check_least(label: str, name: str, values: Sequence[int]) -> None:
    for a, value in enumerate(values):
        if value < 1:
            raise InvalidProblem(label, f"{name} {value} on spatial axis {a} is less than 1")


def check_padding(rank: int, padding: Padding) -> None:
    """Raise `InvalidProblem` unless explicit padding has a pair for every axis."""
    if not isinstance(padding, str) and len(padding) != rank:
        text = f"padding has {len(padding)} pairs for {rank} spatial axes"
        raise InvalidProblem("problem.axes", text)
