"""Integer geometry, one spatial axis at a time. Every length counts input samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convoracle.errors import InvalidProblem

Padding = str | Sequence[tuple[int, int]]
SAME = ("same", "same_upper", "same_lower")


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

    @property
    def extent(self) -> int:
        """[window.extent] Samples from the first tap to the last, both included."""
        return self.dilation * (self.kernel_size - 1) + 1

    @property
    def room(self) -> int:
        """How far the first window can move before its last tap leaves the padded input."""
        return self.before + self.size + self.after - self.extent

    @property
    def count(self) -> int:
        """[window.count] Windows along this axis: the output size."""
        floor = max(0, self.room // self.stride + 1)  # [window.none] never negative
        return floor + 1 if self.ceil_mode and self._keeps_overrun(floor) else floor

    def _keeps_overrun(self, o: int) -> bool:
        """[window.ceil] Window o overruns, sees new samples, starts before the after-padding."""
        overrun = o * self.stride - self.room
        return 0 < overrun < self.stride and o * self.stride < self.before + self.size

    def position(self, o: int, k: int) -> int:
        """[window.tap] Input position under tap k of window o; may lie in padding."""
        # [window.stride] windows start `stride` apart; [window.dilation] taps lie `dilation` apart
        return o * self.stride + k * self.dilation - self.before

    def holds(self, i: int) -> bool:
        """Whether position i is a sample of the input."""
        return 0 <= i < self.size

    def pads(self, i: int) -> bool:
        """Whether position i lies in the padded input: a sample, or padding, but no overrun."""
        return -self.before <= i < self.size + self.after


def same_padding(size: int, extent: int, stride: int, padding: str) -> tuple[int, int]:
    """[padding.same] Return (before, after): the least padding for ceil(size / stride) windows."""
    count = -(-size // stride)
    total = max(0, (count - 1) * stride + extent - size)
    small, large = total // 2, total - total // 2
    # [padding.same_side] the odd sample goes where the name says, by plain "same" after
    return (large, small) if padding == "same_lower" else (small, large)


def slide(
    spatial: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> tuple[Axis, ...]:
    """Return one `Axis` per spatial axis; raise `InvalidProblem` for what has no meaning."""
    rank = len(spatial)
    _check_lengths(rank, kernel_size=kernel_size, stride=stride, dilation=dilation)
    _check_least("window.kernel", "kernel size", kernel_size)
    _check_least("window.stride", "stride", stride)
    _check_least("window.dilation", "dilation", dilation)
    if not isinstance(padding, str):
        _check_padding(rank, padding)
    axes = []
    for a in range(rank):
        axis = Axis(spatial[a], kernel_size[a], stride[a], dilation[a])
        before, after = _sides(axis, padding, a)
        axes.append(
            Axis(spatial[a], kernel_size[a], stride[a], dilation[a], before, after, ceil_mode)
        )
    return tuple(axes)


def _sides(axis: Axis, padding: Padding, a: int) -> tuple[int, int]:
    if not isinstance(padding, str):
        return padding[a]  # [padding.explicit]
    if padding in SAME:
        return same_padding(axis.size, axis.extent, axis.stride, padding)
    if padding == "valid":
        return 0, 0  # [padding.valid]
    raise ValueError(f"padding {padding!r} is none of valid, {', '.join(SAME)}")


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


def _check_padding(rank: int, padding: Sequence[tuple[int, int]]) -> None:
    if len(padding) != rank:
        text = f"padding has {len(padding)} pairs for {rank} spatial axes"
        raise InvalidProblem("problem.axes", text)
    for a, (before, after) in enumerate(padding):
        if before < 0 or after < 0:
            text = f"padding {before}+{after} on spatial axis {a} is negative"
            raise InvalidProblem("padding.negative", text)
