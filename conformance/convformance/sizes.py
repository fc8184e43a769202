"""The axes of a problem, and the derivation of its output size with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

from convformance.problem import Problem
from convoracle import Axis, slide
from convoracle.adaptive import adaptive_window
from convoracle.transpose import spread_axes
from convoracle.unpool import unpooled_size

AXIS_NAMES = {1: ("W",), 2: ("H", "W"), 3: ("D", "H", "W")}
UNWINDOWED = ("adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool")


def axes_of(problem: Problem) -> tuple[Axis, ...]:
    """Return the axes of a valid problem; an adaptive or global pool has none.

    Those of conv_transpose, max_unpool and fold slide over the output.
    """
    if problem.op in UNWINDOWED:
        return ()
    window: dict[str, Any] = {"stride": problem.stride, "padding": problem.padding}
    if problem.op == "conv_transpose":
        return spread_axes(
            problem.x[2:],
            problem.kernel_size,
            dilation=problem.dilation,
            output_padding=problem.output_padding,
            **window,
        )
    return slide(
        slid_over(problem),
        problem.kernel_size,
        dilation=problem.dilation,
        ceil_mode=problem.ceil_mode,
        input_dilation=problem.input_dilation,
        mode=problem.padding_mode,
        **window,
    )


def with_its_columns(problem: Problem) -> Problem:
    """Return the folding on an input of a column for each window."""
    columns = prod(axis.count for axis in axes_of(problem))
    return replace(problem, x=(*problem.x[:2], columns))


def slid_over(problem: Problem) -> tuple[int, ...]:
    """Return the spatial sizes of what the windows slide over."""
    if problem.op == "fold":
        return problem.output
    if problem.op == "max_unpool":
        return unpooled_size(
            problem.x,
            problem.kernel,
            stride=problem.stride,
            padding=problem.padding,
            output=problem.output,
        )
    return problem.x[2:]


def size_lines(problem: Problem) -> tuple[str, ...]:
    """Return the derivation of the output size with the problem's numbers, a line an axis."""
    names = AXIS_NAMES.get(problem.rank) or tuple(f"axis {a}" for a in range(problem.rank))
    if problem.op in UNWINDOWED:
        return tuple(_adaptive_lines(problem, names))
    axes = zip(names, axes_of(problem), strict=True)
    if problem.op == "conv_transpose":
        return tuple(_spread_line(name, axis, problem, a) for a, (name, axis) in enumerate(axes))
    return tuple(_size_line(name, axis, problem.padding) for name, axis in axes)


def _size_line(name: str, axis: Axis, padding: Any) -> str:
    words = f"{axis.spread} + {axis.before} + {axis.after} - {axis.extent}"
    text = f"{name}: "
    if axis.input_dilation > 1:
        text += f"with holes {axis.input_dilation} * ({axis.size} - 1) + 1 = {axis.spread}; "
    if axis.dilation > 1:
        text += f"extent {axis.dilation} * ({axis.kernel_size} - 1) + 1 = {axis.extent}; "
    if isinstance(padding, str) and padding != "valid":
        text += f"{padding} pads {axis.before} + {axis.after}; "
    floor = axis.room // axis.stride + 1
    text += f"floor(({words}) / {axis.stride}) + 1 = {floor}"
    if floor < 0:
        text += ", and less than none is 0 [window.none]"
    elif axis.count != floor:
        text += f"; ceil_mode keeps the last window: {axis.count} [window.ceil]"
    return text


def _spread_line(name: str, axis: Axis, problem: Problem, a: int) -> str:
    size, more = problem.x[2 + a], problem.output_padding[a]
    text = f"{name}: "
    if axis.dilation > 1:
        text += f"extent {axis.dilation} * ({axis.kernel_size} - 1) + 1 = {axis.extent}; "
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        words, full = f"{size} * {axis.stride}", size * axis.stride
        text += f"{problem.padding} crops {axis.before} + {axis.after}; "
    else:
        words = f"({size} - 1) * {axis.stride} + {axis.extent} - {axis.before} - {axis.after}"
        full = (size - 1) * axis.stride + axis.extent - axis.before - axis.after
    if more:
        words, full = f"{words} + {more}", full + more
    text += f"{words} = {full}"
    if full < 0:
        return f"{text}, and less than none is 0 [transpose.count]"
    return text if full == axis.size else f"{text}; without a sample {axis.size}"


def _adaptive_lines(problem: Problem, names: tuple[str, ...]) -> Iterator[str]:
    output = problem.output or (1,) * problem.rank
    for name, size, count in zip(names, problem.x[2:], output, strict=True):
        found = [adaptive_window(size, count, o) for o in range(min(count, 4))]
        windows = ", ".join(f"{one.start}..{one.stop - 1}" for one in found)
        more = ", ..." if count > len(found) else ""
        yield f"{name}: {count} windows over {size} samples: {windows}{more}"
