"""Problems without the odd thing that a variant point is about: too little room, no sample ..."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from convformance.facts import EMPTY
from convformance.problem import Problem
from convformance.sizes import UNWINDOWED, axes_of, with_its_columns
from convoracle import Axis

Repair = Callable[[Problem], Problem]
OVER_OUTPUT = ("conv_transpose", "max_unpool", "fold")  # their windows slide over the output


def repairs(problem: Problem) -> list[tuple[str, Repair]]:
    """Return (variant point, how to take away what it is about) for the points that apply."""
    axes = axes_of(problem)
    found: list[tuple[str, Repair]] = []
    if problem.x[0] == 0:
        found.append(("size.batch", with_batch))
    if 0 in (problem.x[1], *problem.w[:2], *problem.pointwise[:1]):
        found.append(("size.channels", with_channels))
    if problem.op != "fold" and 0 in problem.x[2:]:
        found.append(("size.spatial", with_room))
    if problem.op not in OVER_OUTPUT and any(axis.count == 0 for axis in axes):
        found.append(("window.none", with_room))
    if problem.op == "conv_transpose":
        return found + _spread_repairs(problem, axes)
    found += _padding_repairs(problem, axes)
    if problem.op in EMPTY and sees_only_padding(axes):
        found.append((EMPTY[problem.op], with_samples_everywhere))
    return found


def _padding_repairs(problem: Problem, axes: tuple[Axis, ...]) -> list[tuple[str, Repair]]:
    found: list[tuple[str, Repair]] = []
    sides = [max(axis.before, axis.after) for axis in axes]
    if any(min(axis.before, axis.after) < 0 for axis in axes):
        found.append(("padding.negative", without_cropping))
    if problem.padding_mode != "zeros" and any(
        side >= axis.size for side, axis in zip(sides, axes, strict=True)
    ):
        found.append(("padding.mode_limit", with_long_axes))
    if any(2 * side > axis.kernel_size for side, axis in zip(sides, axes, strict=True)):
        found.append(("padding.limit", with_less_padding))
    return found


def _spread_repairs(problem: Problem, axes: tuple[Axis, ...]) -> list[tuple[str, Repair]]:
    found: list[tuple[str, Repair]] = []
    pairs = list(zip(problem.output_padding, axes, strict=True))
    pads = any(problem.output_padding)
    if any(min(axis.before, axis.after) < 0 for axis in axes):
        found.append(("padding.negative", without_cropping))
    if any(more >= axis.stride for more, axis in pairs):
        found.append(("transpose.output_padding", with_less_output_padding))
    if isinstance(problem.padding, str) and problem.padding.startswith("same") and pads:
        found.append(("transpose.same_odd", without_output_padding))
    if problem.padding == "valid" and any(axis.extent < axis.stride for axis in axes):
        found.append(("transpose.valid", with_touching_windows))
    return found


def with_channels(problem: Problem) -> Problem:
    """Return the problem with at least one channel in and out."""
    groups = problem.groups
    C = problem.x[1] or groups
    if problem.op == "fold":
        C = max(C, prod(problem.kernel))
    x = (problem.x[0], C, *problem.x[2:])
    if not problem.w:
        return replace(problem, x=x)
    first, second, *kernel = problem.w
    if problem.op == "conv_transpose":
        return replace(problem, x=x, w=(C, second or 1, *kernel))
    if problem.op in ("depthwise_conv", "separable_conv"):
        w = (C, second or 1, *kernel)
        pointwise = (problem.pointwise[0] or 1, C * w[1]) if problem.pointwise else ()
        return replace(problem, x=x, w=w, pointwise=pointwise)
    return replace(problem, x=x, w=(first or groups, C // groups, *kernel))


def with_batch(problem: Problem) -> Problem:
    """Return the problem with a batch of at least one."""
    return replace(problem, x=(max(1, problem.batch_groups), *problem.x[1:]))


def with_room(problem: Problem) -> Problem:
    """Return the problem with an input in which the window fits at least once."""
    if problem.op == "fold":
        return problem
    if problem.op in (*UNWINDOWED, "conv_transpose", "max_unpool"):
        output = () if problem.op == "max_unpool" else problem.output
        sizes = (max(1, size) for size in problem.x[2:])
        return replace(problem, x=(*problem.x[:2], *sizes), output=output)
    fitting = (max(axis.size, axis.extent) for axis in axes_of(problem))
    return replace(problem, x=(*problem.x[:2], *fitting))


def with_less_padding(problem: Problem, most: Callable[[int], int] = lambda k: k // 2) -> Problem:
    """Return the problem with at most half the kernel, or `most(kernel_size)`, of padding."""
    if isinstance(problem.padding, str) and problem.padding != "full":
        return with_room(problem)
    less = tuple(
        (min(axis.before, most(axis.kernel_size)), min(axis.after, most(axis.kernel_size)))
        for axis in axes_of(problem)
    )
    return replace(with_room(problem), padding=less)


def without_cropping(problem: Problem) -> Problem:
    """Return the problem with nothing where it has negative padding."""
    if isinstance(problem.padding, str):
        return problem
    padding = tuple((max(0, one), max(0, other)) for one, other in problem.padding)
    whole = replace(problem, padding=padding)
    return with_its_columns(whole) if problem.op == "fold" else whole


def with_long_axes(problem: Problem) -> Problem:
    """Return the problem with an input that is longer than its padding."""
    sizes = (max(axis.size, axis.before + 1, axis.after + 1) for axis in axes_of(problem))
    return replace(problem, x=(*problem.x[:2], *sizes))


def with_less_output_padding(problem: Problem) -> Problem:
    """Return the problem with output padding below the stride."""
    pairs = zip(problem.output_padding, problem.stride, strict=True)
    return replace(problem, output_padding=tuple(min(more, step - 1) for more, step in pairs))


def without_output_padding(problem: Problem) -> Problem:
    """Return the problem with an output that is not made longer."""
    return replace(problem, output_padding=())


def with_touching_windows(problem: Problem) -> Problem:
    """Return the problem with strides of at most the extent."""
    stride = tuple(min(axis.stride, axis.extent) for axis in axes_of(problem))
    pairs = zip(problem.output_padding, stride, problem.dilation, strict=True)
    less = tuple(min(more, max(step, wide) - 1) for more, step, wide in pairs)
    return replace(problem, stride=stride, output_padding=less)


def with_samples_everywhere(problem: Problem) -> Problem:
    """Return the problem without padding."""
    return replace(with_room(problem), padding="valid")


def sees_only_padding(axes: tuple[Axis, ...]) -> bool:
    """Whether some window has no sample: it is so if that holds along one axis."""
    return any(
        not any(axis.holds(axis.position(o, k)) for k in range(axis.kernel_size))
        for axis in axes
        for o in range(axis.count)
    )
