"""Everything that sizes alone tell of a problem: output, pads, borders, cost, and who agrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from convformance.facts import EMPTY, value_points
from convformance.meaning import output_shape
from convformance.problem import Problem
from convformance.repairs import OVER_OUTPUT, sees_only_padding
from convformance.sizes import AXIS_NAMES, axes_of, size_lines
from convoracle import CLAUSES, VARIANTS, Axis
from convreport.advice import advice
from convreport.predict import COMPUTES, STANDS_FOR, Prediction, predict
from convreport.profiles import Profile, load_profiles

Pads = tuple[tuple[int, int], ...]
LONGEST = 100_000  # windows times taps of an axis that are gone through one by one
MOST_UNREAD = 6


@dataclass(frozen=True)
class Border:
    """One window at an end of an axis: the positions of its taps, and how many lie outside.

    They go from `first` to `last` by `step`, among the samples; those of padding lie below 0 or
    past the end. For an op whose windows slide over the output they are positions of the output.
    """

    window: int
    first: int
    last: int
    step: int
    outside: int


@dataclass(frozen=True)
class AxisView:
    """One spatial axis: its windows at the ends, and the samples that no window reads."""

    name: str
    size: int
    before: int
    after: int
    count: int
    extent: int
    stride: int
    dilation: int
    kernel_size: int
    borders: tuple[Border, ...]
    touching_before: int  # windows that touch what lies before the first sample
    touching_after: int
    unread: int  # samples, or elements of the output, that no window touches; -1: not counted
    unread_at: tuple[int, ...]  # the first of them


@dataclass(frozen=True)
class Cost:
    """What the layer costs; taps over padding are counted as any."""

    multiply_adds: int
    parameters: int
    bias: int
    taps: int  # of one output element, channels included


@dataclass(frozen=True)
class Group:
    """Frameworks that compute the same: one shape and the same samples under each window."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    pads: Pads
    words: str


@dataclass(frozen=True)
class Parting:
    """A variant point at which the frameworks that compute the problem give other values."""

    clause: str
    sentence: str
    choices: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Explanation:
    """What `convformance explain` tells."""

    line: str
    op: str
    shape: tuple[int, ...]
    sizes: tuple[str, ...]
    axes: tuple[AxisView, ...]
    over_output: bool
    predictions: tuple[Prediction, ...]
    groups: tuple[Group, ...]
    partings: tuple[Parting, ...]
    advice: tuple[str, ...]
    cost: Cost
    clauses: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def explain(problem: Problem, notes: Sequence[str] = ()) -> Explanation:
    """Explain a valid problem; raise `InvalidProblem`. A gradient is told as its forward op."""
    if problem.grad:
        problem = replace(problem, grad="")
        notes = (*notes, "the sizes are those of the forward op; the gradient has its input's")
    if max(problem.input_dilation, default=1) > 1:
        notes = (*notes, "positions count the holes between samples")
    shape = output_shape(problem)
    profiles = load_profiles()
    predictions = tuple(told for one in profiles.values() for told in _ways(one, problem))
    return Explanation(
        line=problem.line,
        op=problem.op,
        shape=shape,
        sizes=together(size_lines(problem)),
        axes=tuple(_views(problem)),
        over_output=problem.op in OVER_OUTPUT,
        predictions=predictions,
        groups=groups(predictions),
        partings=tuple(_partings(problem, profiles, predictions)),
        advice=tuple(advice(problem, predictions, profiles)),
        cost=cost(problem, shape),
        clauses=tuple((label, CLAUSES[label].sentence) for label in _clauses(problem)),
        notes=tuple(notes),
    )


def _ways(profile: Profile, problem: Problem) -> Iterator[Prediction]:
    """Yield what the framework does; plain same has two ways where it names the side."""
    yield predict(profile, problem)
    if problem.padding == "same":
        lower = predict(profile, replace(problem, padding="same_lower"))
        if lower.does == COMPUTES:
            yield lower


def together(lines: Sequence[str]) -> tuple[str, ...]:
    """Join axes whose derivations are alike: "H, W: ..."."""
    names: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        names.setdefault(text, []).append(name)
    return tuple(f"{', '.join(axes)}: {text}" for text, axes in names.items())


def _views(problem: Problem) -> Iterator[AxisView]:
    axes = axes_of(problem)
    names = AXIS_NAMES.get(problem.rank) or tuple(f"axis {a}" for a in range(problem.rank))
    for a, axis in enumerate(axes):
        count = problem.x[2 + a] if problem.op in ("conv_transpose", "max_unpool") else axis.count
        yield view(names[a], axis, count)


def view(name: str, axis: Axis, count: int) -> AxisView:
    """Return what is told of an axis with so many windows."""
    ends = sorted({o for o in (0, 1, count - 2, count - 1) if 0 <= o < count})
    # Window o touches the padding after if its last tap, o * stride + extent - 1 - before, does.
    inside = -(-(axis.spread + axis.before - axis.extent + 1) // axis.stride)
    unread, unread_at = _unread(axis, count)
    return AxisView(
        name=name,
        size=axis.size,
        before=axis.before,
        after=axis.after,
        count=count,
        extent=axis.extent,
        stride=axis.stride,
        dilation=axis.dilation,
        kernel_size=axis.kernel_size,
        borders=tuple(_border(axis, o) for o in ends),
        touching_before=min(count, max(0, -(-axis.before // axis.stride))),
        touching_after=count - min(count, max(0, inside)),
        unread=unread,
        unread_at=unread_at,
    )


def _border(axis: Axis, o: int) -> Border:
    first, last = axis.position(o, 0), axis.position(o, axis.kernel_size - 1)
    outside = sum(not 0 <= i < axis.spread for i in range(first, last + 1, axis.dilation))
    return Border(o, first, last, axis.dilation, outside)


def _unread(axis: Axis, count: int) -> tuple[int, tuple[int, ...]]:
    """Return how many positions no window covers, and the first of them."""
    if axis.spread <= LONGEST and count * axis.kernel_size <= LONGEST:
        read = {axis.position(o, k) for o in range(count) for k in range(axis.kernel_size)}
        found = [i for i in range(axis.spread) if i not in read]
        return len(found), tuple(found[:MOST_UNREAD])
    if axis.stride > axis.extent or axis.dilation > 1 or axis.before < 0:
        return -1, ()
    behind = range(axis.position(count - 1, axis.kernel_size - 1) + 1, axis.spread)
    return len(behind), tuple(behind[:MOST_UNREAD])


def groups(predictions: Sequence[Prediction]) -> tuple[Group, ...]:
    """Return who agrees, the largest group first; those that compute nothing are in none."""
    names: dict[tuple[tuple[int, ...], Pads], list[str]] = {}
    for one in predictions:
        if one.does == COMPUTES:
            twice = sum(other.framework == one.framework for other in predictions) > 1
            names.setdefault((one.shape, one.pads), []).append(
                f"{one.framework} {way(one)}" if twice else one.framework
            )
    ordered = sorted(names.items(), key=lambda item: -len(item[1]))
    return tuple(
        Group(tuple(who), shape, pads, _beside(shape, pads, ordered[0][0]) if i else "")
        for i, ((shape, pads), who) in enumerate(ordered)
    )


def _beside(shape: tuple[int, ...], pads: Pads, first: tuple[tuple[int, ...], Pads]) -> str:
    """Say how a group differs from the first."""
    if shape != first[0]:
        return "another shape"
    moved = {one[0] - other[0] for one, other in zip(pads, first[1], strict=True)} - {0}
    if not moved:
        return "the same size, with other padding after"
    by = moved.pop()
    side = "earlier" if by > 0 else "later"
    return f"the same size, but windows start {abs(by)} sample{'s'[: abs(by) > 1]} {side}"


def way(one: Prediction) -> str:
    """Return the framework's own word for the padding of a prediction, or nothing."""
    words = [word for word in one.problem.split() if word.startswith("padding=same")]
    if not words:
        return ""
    lower = words[0] == "padding=same_lower"
    if one.framework in ("torch", "keras"):
        return "'same'"
    upper = "SAME_UPPER" if one.framework == "onnx" else "SAME"
    return "SAME_LOWER" if lower else upper


def cost(problem: Problem, shape: tuple[int, ...]) -> Cost:
    """Return multiply-adds and parameters; a pool has none, whatever it compares or adds."""
    kernel, places = prod(problem.kernel_size), prod(shape[2:])
    N, M = problem.x[0], shape[1] if len(shape) > 1 else 0
    depth = {
        "conv": (*problem.w, 0, 0)[1],
        "conv1x1": (*problem.w, 0, 0)[1],
        "depthwise_conv": 1,
        "separable_conv": 1,
    }.get(problem.op, 0)
    taps = depth * kernel
    multiply_adds = shape[0] * M * places * taps
    if problem.op == "conv_transpose":  # each input element is spread over its window
        taps = problem.x[1] // problem.groups * kernel
        multiply_adds = prod(problem.x) * problem.w[1] * kernel
    if problem.op == "separable_conv":
        between = prod(problem.w[:2])
        multiply_adds = N * places * between * (kernel + M)
    bias = M if problem.bias else 0
    weights = prod(problem.w) if problem.w else 0
    weights += prod(problem.pointwise) if problem.pointwise else 0
    if problem.op.endswith("_pool") and problem.kernel:
        taps = kernel
    return Cost(multiply_adds, weights + bias, bias, taps)


def _partings(
    problem: Problem, profiles: dict[str, Profile], predictions: Sequence[Prediction]
) -> Iterator[Parting]:
    computing = {one.framework for one in predictions if one.does == COMPUTES}
    for point in _value_points(problem):
        found: dict[str, list[str]] = {}
        for name, profile in profiles.items():
            choice = _choice(profile, problem.op, point)
            if name in computing and choice:
                found.setdefault(choice, []).append(name)
        if len(found) > 1:
            choices = tuple((choice, tuple(names)) for choice, names in found.items())
            yield Parting(point, VARIANTS[point].sentence, choices)


def _choice(profile: Profile, op: str, point: str) -> str:
    at = {one.op: one.choice for one in profile.choices if one.point == point}
    return at.get(op) or at.get(STANDS_FOR.get(op, ""), "")


def _value_points(problem: Problem) -> Iterator[str]:
    """Yield the variant points of values that the problem can meet."""
    axes = axes_of(problem)
    padded = any(max(axis.before, axis.after) > 0 for axis in axes)
    meets = {
        "padding.product": padded and problem.is_float,
        "max.tie": problem.indices,
        "max.nan_index": problem.indices and problem.is_float,
        "avg.integer": not problem.is_float,
        "unpool.overlap": True,
        "value.subnormal": problem.is_float,
    }
    empty = EMPTY.get(problem.op)
    if empty and sees_only_padding(axes):
        yield empty
    yield from (
        point for point in value_points(problem) if point != empty and meets.get(point, False)
    )


def _clauses(problem: Problem) -> Iterator[str]:
    """Yield the labels of the clauses that decide the output's size."""
    if problem.op.startswith("adaptive"):
        yield "adaptive.window"
        return
    if problem.op.startswith("global"):
        yield "global.window"
        return
    spreads = problem.op == "conv_transpose"
    yield "transpose.count" if spreads else "window.count"
    yield "window.extent"
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        yield "transpose.same" if spreads else "padding.same"
        if problem.padding == "same":
            yield "padding.same_side"
    elif isinstance(problem.padding, str):
        yield (
            "transpose.valid"
            if spreads and problem.padding == "valid"
            else (f"padding.{problem.padding}")
        )
    else:
        yield "padding.explicit"
    if problem.ceil_mode:
        yield "window.ceil"
    if any(problem.output_padding):
        yield "transpose.odd"
    if any(step > 1 for step in problem.input_dilation):
        yield "window.input_dilation"
    if problem.op in ("max_unpool", "fold"):
        yield "unpool.output" if problem.op == "max_unpool" else "fold.columns"
