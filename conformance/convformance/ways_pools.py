"""Ways to say a pool by other means: sums over counts, roots, slices, windows one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf, prod

from convformance.backends import onnx_graph
from convformance.backends.wording import (
    divided,
    norm_words,
    ones_like,
    power_nodes,
    stacked_largest,
    summed_nodes,
    sums,
)
from convformance.backends.wording_arrays import reduced_windows, renamed
from convformance.problem import Problem
from convformance.ways import Meaning, Pads, Place, Way, leave_if, lowest, reach
from convoracle.adaptive import adaptive_window

MOST_TAPS = 64  # of a maximum that is written tap by tap


def quotient(meaning: Meaning, place: Place) -> Way:
    """An average as a sum over a count, where the count differs from window to window."""
    problem = meaning.problem
    leave_if(problem.op != "avg_pool")
    leave_if(not problem.is_float, "a quotient of integers is rounded in another way")
    pads = reach(meaning)
    asks = replace(problem, padding="valid")
    if place.framework == "onnx":
        return Way(tuple(_quotient_of_nodes(meaning, place, pads)), asks)
    dtype = problem.dtype
    lines = [f"count = {ones_like(place.framework, problem, place.last)}"]
    rest = pads
    if problem.count_include_pad:  # what ceil_mode adds is padding that is never counted
        explicit = tuple((b, min(a, r)) for (b, a), (_, r) in zip(meaning.pads, pads, strict=True))
        lines += place.padded("count", explicit, dtype, "1")
        rest = tuple((0, r - a) for (_, r), (_, a) in zip(pads, explicit, strict=True))
    lines += place.padded("count", rest, dtype)
    lines += place.padded("x", pads, dtype)
    total = sums(place.framework, "x", problem, problem.x[1], place.last)
    count = sums(place.framework, "count", problem, 1, place.last)
    return Way((*lines, *divided(place.framework, total, count)), asks)


def _quotient_of_nodes(meaning: Meaning, place: Place, pads: Pads) -> Iterator[str]:
    """The count is a constant of its graph: a product of the counts along each axis."""
    problem = meaning.problem
    yield from place.padded("x", pads, problem.dtype)
    yield from summed_nodes(problem, problem.x[1])
    count = outer([_counts_along(meaning, axis) for axis in range(problem.rank)])
    yield onnx_graph.array("count", f"{count}.astype({problem.dtype!r})")
    yield onnx_graph.node("Div", ["y", "count"], ["y"])


def _counts_along(meaning: Meaning, axis: int) -> list[int]:
    """Return how many taps of each window of an axis are counted."""
    problem, (before, after) = meaning.problem, meaning.pads[axis]
    first, end = (
        (-before, problem.x[2 + axis] + after)
        if problem.count_include_pad
        else (0, problem.x[2 + axis])
    )
    step, stride = problem.dilation[axis], problem.stride[axis]
    return [
        sum(first <= o * stride - before + step * k < end for k in range(problem.kernel[axis]))
        for o in range(meaning.sizes[axis])
    ]


def outer(counts: Sequence[Sequence[int]]) -> str:
    """Write the products of numbers along each axis."""
    text = f"np.array({list(counts[0])})"
    for other in counts[1:]:
        text = f"np.multiply.outer({text}, np.array({list(other)}))"
    return text


def largest_of_slices(meaning: Meaning, place: Place) -> Way:
    """A maximum as the largest of one strided slice for each tap."""
    problem = meaning.problem
    leave_if(problem.op != "max_pool" or problem.indices or place.framework == "onnx")
    leave_if(prod(problem.kernel) > MOST_TAPS, f"more than {MOST_TAPS} taps are not written out")
    x = place.padded("x", reach(meaning), problem.dtype, lowest(problem))
    y = stacked_largest(place.framework, tap_slices(meaning, place.last))
    return Way((*x, f"y = {y}"), replace(problem, padding="valid"))


def tap_slices(meaning: Meaning, last: bool) -> str:
    """Write a list of what each tap of the padded x sees, in row-major order."""
    problem, names = meaning.problem, "ijk"[: meaning.problem.rank]
    axes = zip(names, problem.dilation, problem.stride, meaning.sizes, strict=True)
    slices = ", ".join(
        f"{step} * {name}:{step} * {name} + {(size - 1) * stride + 1}:{stride}"
        for name, step, stride, size in axes
    )
    loops = " ".join(
        f"for {name} in range({k})" for name, k in zip(names, problem.kernel, strict=True)
    )
    where = f"x[:, {slices}]" if last else f"x[:, :, {slices}]"
    return f"[{where} {loops}]"


def even_pool(meaning: Meaning) -> Meaning:
    """Return the pool that an adaptive pool is whose windows are all alike."""
    problem = meaning.problem
    leave_if(not problem.op.startswith(("adaptive", "global")))
    output = problem.output or (1,) * problem.rank
    even = all(o and size and size % o == 0 for size, o in zip(problem.x[2:], output, strict=True))
    leave_if(not even, "its windows are of different sizes")
    kernel = tuple(size // o for size, o in zip(problem.x[2:], output, strict=True))
    op = "max_pool" if "max" in problem.op else "avg_pool"
    said = Problem(
        op,
        problem.x,
        kernel=kernel,
        stride=kernel,
        indices=problem.indices,
        dtype=problem.dtype,
    )
    return Meaning(said, ((0, 0),) * problem.rank, meaning.sizes)


def equal_windows(meaning: Meaning, place: Place) -> Way:
    """An adaptive pool as the plain one that it is where all windows are alike."""
    said = even_pool(meaning).problem
    return Way(tuple(place.call(said)), said)


def equal_windows_quotient(meaning: Meaning, place: Place) -> Way:
    """The same as a sum over a count."""
    return quotient(even_pool(meaning), place)


def axis_by_axis(meaning: Meaning, place: Place) -> Way:
    """An adaptive pool one axis after the other, window by window.

    A sum over windows is one of sums over each axis, as a maximum is; the count comes at the end.
    """
    problem = meaning.problem
    leave_if(not problem.op.startswith("adaptive") or place.framework == "torch")
    leave_if(problem.indices, "one axis after the other loses the index")
    many = max(problem.output) > MOST_TAPS
    leave_if(many, f"more than {MOST_TAPS} windows along an axis are not written out")
    first, is_max = 1 if place.last else 2, "max" in problem.op
    leave_if(
        not is_max and not problem.is_float, "a quotient of integers is rounded in another way"
    )
    lines: list[str] = []
    counts = []
    for axis, (size, count) in enumerate(zip(problem.x[2:], problem.output, strict=True)):
        windows = [adaptive_window(size, count, o) for o in range(count)]
        bounds = [(one.start, one.stop) for one in windows]
        lines += reduced_windows(place.framework, bounds, axis + first, is_max)
        counts.append([len(one) for one in windows])
    if is_max:
        return Way((*lines, renamed(place.framework, "x", "y")), problem)
    whole = (1, *problem.output, 1) if place.last else (1, 1, *problem.output)
    divisor = f"{outer(counts)}.astype({problem.dtype!r}).reshape({whole})"
    if place.framework == "onnx":
        divided_by = onnx_graph.node("Div", ["x", "count"], ["y"])
        return Way((*lines, onnx_graph.array("count", divisor), divided_by), problem)
    is_jax = place.framework == "jax"
    y = "lax.div(x, jnp.broadcast_to(count, x.shape))" if is_jax else "x / count"
    return Way((*lines, f"count = {divisor}", f"y = {y}"), problem)


def norm(meaning: Meaning, place: Place) -> Way:
    """A norm as the root of a sum of powers; only of p = 1 and 2 its root is exact."""
    problem = meaning.problem
    leave_if(problem.op != "lp_pool" or not problem.is_float or not 1 <= problem.p < inf)
    asks = replace(problem, padding="valid")
    x = place.padded("x", reach(meaning), problem.dtype)
    if place.framework == "onnx":
        before, after = power_nodes(problem)
        return Way((*x, *before, *summed_nodes(problem, problem.x[1]), *after), asks)
    powers, root = norm_words(place.framework, problem.p)
    total = sums(place.framework, powers, problem, problem.x[1], place.last)
    return Way((*x, f"y = {root.format(total)}"), asks)
