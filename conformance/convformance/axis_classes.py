"""What kinds of axes there are: an N-D problem is a product of axes, each of some classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from convformance.exhaustive import ADAPTIVE, GLOBAL, Geometry, axis_of
from convoracle import Axis

HOLLOW = ("no output", "no sample")  # an axis that leaves nothing, or only padding, to compare


@cache
def classes(op: str, geometry: Geometry) -> frozenset[str]:
    """Return the classes of an axis; one that shows no sample has no other class than that."""
    if op in GLOBAL:
        return frozenset({"one sample" if geometry.size == 1 else "samples"})
    if op in ADAPTIVE:
        return frozenset(_of_adaptive(geometry))
    kind = op if op in ("conv_transpose", "fold", "max_unpool") else ""
    name = geometry.padding if isinstance(geometry.padding, str) else ""
    return _classes(kind, axis_of(op, geometry), geometry.size, geometry.more, name)


@cache  # many geometries, and ops, have one axis in common
def _classes(op: str, axis: Axis, size: int, more: int, name: str) -> frozenset[str]:
    outputs = axis.size if op in ("conv_transpose", "fold") else axis.count
    if not outputs:
        return frozenset({"no output"})
    windows = size if op == "conv_transpose" else axis.count
    if not _shows_a_sample(axis, windows):
        return frozenset({"no sample"})
    found = {*_of_window(axis), *_of_padding(axis), *([name] if name else ())}
    if op == "conv_transpose":
        return frozenset(found | set(_of_spread(axis, size, more)))
    return frozenset(found | set(_of_end(axis)))


def is_solid(op: str, geometry: Geometry) -> bool:
    """Whether some output of the axis reads a sample."""
    return not classes(op, geometry) & set(HOLLOW)


def _shows_a_sample(axis: Axis, windows: int) -> bool:
    return any(
        axis.holds(axis.position(o, k)) for o in range(windows) for k in range(axis.kernel_size)
    )


def _of_window(axis: Axis) -> Iterator[str]:
    """Yield how kernel, stride and dilation stand to each other, and to the input."""
    if axis.kernel_size == 1:
        yield "kernel 1"
    elif axis.dilation > 1:
        yield f"dilation {axis.dilation}"
    if axis.stride == 1:
        yield "stride 1"
    elif axis.stride < axis.extent:
        yield "windows overlap"
    else:
        yield "windows meet" if axis.stride == axis.extent else "windows lie apart"
    if axis.extent > axis.size:
        yield "window past input"


def _of_padding(axis: Axis) -> Iterator[str]:
    if axis.before == axis.after:
        yield "padded alike" if axis.before else "unpadded"
    elif not axis.after or not axis.before:
        yield "padded after" if axis.after else "padded before"
    else:
        yield "padded unevenly"


def _of_end(axis: Axis) -> Iterator[str]:
    """Yield how the last window lies to the end of the padded input."""
    left = axis.room % axis.stride if axis.room >= 0 else 0
    if axis.count == 1:
        yield "one window"
    if axis.stride > 1:
        yield "nothing left over" if not left else "left over"
        if left == axis.stride - 1:
            yield "all but one left over"
    last = (axis.count - 1) * axis.stride
    if axis.ceil_mode:
        yield "overrun" if last > axis.room else "no overrun"
    if not all(
        any(axis.holds(axis.position(o, k)) for k in range(axis.kernel_size))
        for o in range(axis.count)
    ):
        yield "a window over padding"


def _of_spread(axis: Axis, size: int, more: int) -> Iterator[str]:
    if size == 1:
        yield "one window"
    if more:
        yield "output padding" if more < axis.stride else "output padding past stride"


def _of_adaptive(geometry: Geometry) -> Iterator[str]:
    size, output = geometry.size, geometry.output
    if output == 1:
        yield "one window"
    if output > size:
        yield "samples repeat"
    elif size % output:
        yield "windows overlap"
    else:
        yield "windows of one" if output == size else "windows meet"
