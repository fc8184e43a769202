"""Every small geometry of one axis, the problems made of such axes, and what they read.

A *geometry* is what one spatial axis brings to a problem. Its *tap map* is what the values can
show of it: which tap of which output reads which sample, and what an average divides by. Two
geometries with one map ask the same question of the values; each still asks its size.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import Any

from convformance.problem import Problem
from convformance.sizes import axes_of
from convoracle import Axis, slide
from convoracle.adaptive import adaptive_window
from convoracle.axis import SAME
from convoracle.transpose import spread_axes
from convoracle.unpool import unpooled_size

SIZES, KERNELS, STRIDES, DILATIONS, PADS = range(9), range(1, 5), range(1, 5), range(1, 4), range(4)
SPREAD_SIZES = range(1, 6)  # of what is spread over a longer output
NAMES = ("valid", *SAME)
CONVOLVING = ("conv", "depthwise_conv")
POOLS = ("max_pool", "avg_pool", "lp_pool", "distance_pool")
DIVIDED = ("avg_pool", "distance_pool")  # with a choice of what counts
ADAPTIVE = ("adaptive_max_pool", "adaptive_avg_pool")
GLOBAL = ("global_max_pool", "global_avg_pool")
EXHAUSTED = (
    *CONVOLVING, *POOLS, "conv_transpose", "unfold", "fold", "max_unpool", *ADAPTIVE, *GLOBAL,
)  # fmt: skip
Map = Hashable


@dataclass(frozen=True)
class Geometry:
    """What one axis brings: `size` is that of the input, of fold that of the output.

    `output` is 0 where the problem does not name it, `kernel` where the op has none. Padding by
    name, ceil_mode, count_include_pad and whether an output is named hold for a whole problem.
    """

    size: int
    kernel: int = 0
    stride: int = 1
    dilation: int = 1
    padding: tuple[int, int] | str = (0, 0)
    more: int = 0  # output padding
    output: int = 0
    ceil_mode: bool = False
    count_include_pad: bool = False

    @property
    def shared(self) -> tuple[str, bool, bool, bool]:
        """What all axes of a problem must have in common."""
        name = self.padding if isinstance(self.padding, str) else ""
        return name, self.ceil_mode, self.count_include_pad, self.output > 0


@lru_cache
def geometries(op: str) -> tuple[Geometry, ...]:
    """Return every small geometry of the op, in a fixed order."""
    if op in GLOBAL:
        return tuple(Geometry(size) for size in SIZES[1:])
    if op in ADAPTIVE:
        return tuple(Geometry(size, output=out) for size, out in product(SIZES[1:], SIZES[1:]))
    if op == "max_unpool":
        return tuple(_unpooled())
    return tuple(_spread() if op == "conv_transpose" else _slid(op))


def _slid(op: str) -> Iterator[Geometry]:
    ceils = (False, True) if op in POOLS else (False,)
    counted = (False, True) if op in DIVIDED else (False,)
    sizes = SIZES[1:] if op == "fold" else SIZES  # [size.spatial] also none
    windows = product(sizes, KERNELS, STRIDES, DILATIONS, _paddings())
    for (size, kernel, stride, dilation, padding), ceil, counts in product(windows, ceils, counted):
        found = Geometry(size, kernel, stride, dilation, padding)
        yield _with(found, ceil_mode=ceil, count_include_pad=counts)


def _spread() -> Iterator[Geometry]:
    windows = product(SPREAD_SIZES, KERNELS, STRIDES, DILATIONS, _paddings())
    for size, kernel, stride, dilation, padding in windows:
        for more in range(max(stride, dilation)):
            yield Geometry(size, kernel, stride, dilation, padding, more)


def _unpooled() -> Iterator[Geometry]:
    """Yield unpoolings of what pools to the size, where every window sees a sample."""
    for size, kernel, stride in product(SPREAD_SIZES, KERNELS, STRIDES):
        for padding in _paddings()[: -len(SAME)]:
            before, after = (0, 0) if isinstance(padding, str) else padding
            least = (size - 1) * stride + kernel - before - after
            for output in (0, *range(max(1, least), least + stride)):
                axis = Axis(output or least, kernel, stride, before=before, after=after)
                if axis.count == size and all(_samples(axis)):
                    yield Geometry(size, kernel, stride, padding=padding, output=output)


def _paddings() -> tuple[tuple[int, int] | str, ...]:
    return (*product(PADS, PADS), *NAMES)


def _with(geometry: Geometry, **values: Any) -> Geometry:
    same = all(getattr(geometry, name) == value for name, value in values.items())
    return geometry if same else replace(geometry, **values)


def axis_of(op: str, geometry: Geometry) -> Axis:
    """Return the oracle's axis: that of an op over its output slides over the output."""
    kind = op if op in ("conv_transpose", "max_unpool") else ""
    return _axis(kind, _with(geometry, count_include_pad=False))


@cache  # many ops, and both divisors, have one axis in common
def _axis(kind: str, geometry: Geometry) -> Axis:
    spatial, kernel = (geometry.size,), (geometry.kernel,)
    window: dict[str, Any] = {"stride": (geometry.stride,), "padding": _padding([geometry])}
    if kind == "max_unpool":
        output = (geometry.output,) if geometry.output else ()
        spatial = unpooled_size((1, 1, *spatial), kernel, output=output, **window)  # type: ignore[assignment] # one axis
    window["dilation"] = (geometry.dilation,)
    if kind == "conv_transpose":
        return spread_axes(spatial, kernel, output_padding=(geometry.more,), **window)[0]
    return slide(spatial, kernel, ceil_mode=geometry.ceil_mode, **window)[0]


@cache
def tap_map(op: str, geometry: Geometry) -> Map:
    """Return what the values of the op can show of the geometry, the sizes among it."""
    if op in (*ADAPTIVE, *GLOBAL):
        count = geometry.output or 1
        return geometry.size, tuple(adaptive_window(geometry.size, count, o) for o in range(count))
    axis = axis_of(op, geometry)
    if op in ("conv_transpose", "fold"):
        count = geometry.size if op == "conv_transpose" else axis.count
        return count, axis.size, _readers(axis, count)
    return axis.size, *_of_windows(op, axis, geometry)


def _of_windows(op: str, axis: Axis, geometry: Geometry) -> tuple[Map, ...]:
    """Return what the op makes of the windows of the axis, as far as the values show it."""
    samples = _samples(axis)
    if op in CONVOLVING:  # a tap over padding adds nothing
        return (samples,)
    if op == "unfold":  # its zeros stand in the answer
        return axis.kernel_size, samples
    if op == "distance_pool":  # its divisor is a sum of weights: which taps count
        return samples, _counted(axis, geometry)
    plain = tuple(tuple(i for _, i in window) for window in samples)  # the taps have no weights
    if op == "avg_pool":
        return plain, tuple(map(len, _counted(axis, geometry)))
    return (plain,)


@cache
def _samples(axis: Axis) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the (tap, sample) pairs of each window."""
    return tuple(
        tuple(
            (k, i)
            for k in range(axis.kernel_size)
            if (i := axis.sample(axis.position(o, k))) is not None
        )
        for o in range(axis.count)
    )


def _counted(axis: Axis, geometry: Geometry) -> tuple[tuple[int, ...], ...]:
    """Return the taps of each window that a divisor counts: over padding too, or samples alone."""
    counts = axis.pads if geometry.count_include_pad else axis.holds
    return tuple(
        tuple(k for k in range(axis.kernel_size) if counts(axis.position(o, k)))
        for o in range(axis.count)
    )


def _readers(axis: Axis, count: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the (window, tap) pairs that touch each sample of the output."""
    return tuple(
        tuple(
            (o, k)
            for o in range(count)
            for k in range(axis.kernel_size)
            if axis.sample(axis.position(o, k)) == i
        )
        for i in range(axis.size)
    )


@dataclass(frozen=True)
class Form:
    """What a problem has besides its geometry; M is that of a group."""

    N: int = 1
    C: int = 1
    M: int = 1
    groups: int = 1
    bias: bool = False
    p: float = 2
    indices: bool = False


PLAIN = Form()
FORMS = (  # those that a representative of a map goes through
    Form(2, 2, 1, 1, True, 2, True),
    Form(2, 2, 1, 2, False, 1),
    Form(1, 2, 2, 2, True, 3, True),
    Form(2, 1, 2, 1, False, float("inf")),
)


def problem_of(op: str, axes: Sequence[Geometry], form: Form = PLAIN) -> Problem:
    """Return the problem with these axes, which must share what a whole problem shares."""
    kernel = tuple(one.kernel for one in axes)
    sizes = tuple(one.size for one in axes)
    outputs = tuple(one.output for one in axes)
    values: dict[str, Any] = {}
    if op not in (*ADAPTIVE, *GLOBAL):
        values = {"stride": tuple(one.stride for one in axes), "padding": _padding(axes)}
        if op != "max_unpool":
            values["dilation"] = tuple(one.dilation for one in axes)
    if op == "conv":
        weights = {"w": (form.M * form.groups, form.C // form.groups, *kernel)}
        values |= {**weights, "groups": form.groups, "bias": form.bias}
    elif op == "conv_transpose":
        more = tuple(one.more for one in axes)
        values |= {"w": (form.C, form.M, *kernel), "output_padding": more}
        values |= {"groups": form.groups, "bias": form.bias}
    elif op == "depthwise_conv":
        values["w"] = (form.C, form.M, *kernel)
    elif kernel[0]:
        values["kernel"] = kernel
    if op in POOLS:
        values["ceil_mode"] = axes[0].ceil_mode
    if op in DIVIDED:
        values["count_include_pad"] = axes[0].count_include_pad
    if op in ("max_pool", "adaptive_max_pool"):
        values["indices"] = form.indices
    if op == "lp_pool":
        values["p"] = form.p
    if outputs[0]:
        values["output"] = outputs
    if op == "fold":
        values["output"] = sizes
        columns = prod(axis.count for axis in axes_of(Problem("unfold", (1, 1, *sizes),
                                                              **_window(values))))  # fmt: skip
        return Problem(op, (form.N, form.C * prod(kernel), columns), **values)
    return Problem(op, (form.N, form.C, *sizes), **values)


def _window(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("kernel", "stride", "padding", "dilation")}


def _padding(axes: Sequence[Geometry]) -> Any:
    named = axes[0].padding
    return named if isinstance(named, str) else tuple(one.padding for one in axes)
