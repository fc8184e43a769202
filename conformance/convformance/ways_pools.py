"""Ways to say a pool by other means: sums over counts, roots, slices, windows one by one."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from convformance.backends.wording import divided, norm_words, ones_like, stacked_largest, sums
from convformance.problem import Problem
from convformance.ways import Meaning, Place, Way, leave_if, lowest, reach
from convoracle.adaptive import adaptive_window

MOST_TAPS = 64  # of a maximum that is written tap by tap


def quotient(meaning: Meaning, place: Place) -> Way:
    """An average as a sum over a count, where the count differs from window to window."""
    problem = meaning.problem
    leave_if(problem.op != "avg_pool")
    leave_if(not problem.is_float, "a quotient of integers is rounded in another way")
    pads = reach(meaning)
    ones = ones_like(place.framework, problem, place.last)
    first = [f"count = {ones}"]
    rest = pads
    if problem.count_include_pad:  # what ceil_mode adds is padding that is never counted
        explicit = tuple((b, min(a, r)) for (b, a), (_, r) in zip(meaning.pads, pads, strict=True))
        first.append(f"count = {place.pad('count', explicit, '1')}")
        rest = tuple((0, r - a) for (_, r), (_, a) in zip(pads, explicit, strict=True))
    if any(map(any, rest)):
        first.append(f"count = {place.pad('count', rest)}")
    x = [f"x = {place.pad('x', pads)}"] if any(map(any, pads)) else []
    total = sums(place.framework, "x", problem, problem.x[1], place.last)
    count = sums(place.framework, "count", problem, 1, place.last)
    return Way(
        (*first, *x, *divided(place.framework, total, count)), replace(problem, padding="valid")
    )


def largest_of_slices(meaning: Meaning, place: Place) -> Way:
    """A maximum as the largest of one strided slice for each tap."""
    problem = meaning.problem
    leave_if(problem.op != "max_pool" or place.framework == "onnx")
    leave_if(prod(problem.kernel) > MOST_TAPS, f"more than {MOST_TAPS} taps are not written out")
    pads, names = reach(meaning), "ijk"[: problem.rank]
    axes = zip(names, problem.dilation, problem.stride, meaning.sizes, strict=True)
    slices = ", ".join(
        f"{step} * {name}:{step} * {name} + {(size - 1) * stride + 1}:{stride}"
        for name, step, stride, size in axes
    )
    loops = " ".join(
        f"for {name} in range({k})" for name, k in zip(names, problem.kernel, strict=True)
    )
    x = [f"x = {place.pad('x', pads, lowest(problem))}"] if any(map(any, pads)) else []
    where = f"x[:, {slices}]" if place.last else f"x[:, :, {slices}]"
    y = stacked_largest(place.framework, f"[{where} {loops}]")
    return Way((*x, f"y = {y}"), replace(problem, padding="valid"))


def _even_pool(meaning: Meaning) -> Meaning:
    """Return the pool that an adaptive pool is whose windows are all alike."""
    problem = meaning.problem
    leave_if(not problem.op.startswith(("adaptive", "global")))
    output = problem.output or (1,) * problem.rank
    even = all(o and size and size % o == 0 for size, o in zip(problem.x[2:], output, strict=True))
    leave_if(not even, "its windows are of different sizes")
    kernel = tuple(size // o for size, o in zip(problem.x[2:], output, strict=True))
    op = "max_pool" if "max" in problem.op else "avg_pool"
    said = Problem(op, problem.x, kernel=kernel, stride=kernel, dtype=problem.dtype)
    return Meaning(said, ((0, 0),) * problem.rank, meaning.sizes)


def equal_windows(meaning: Meaning, place: Place) -> Way:
    """An adaptive pool as the plain one that it is where all windows are alike."""
    said = _even_pool(meaning).problem
    return Way(tuple(place.call(said)), said)


def equal_windows_quotient(meaning: Meaning, place: Place) -> Way:
    """The same as a sum over a count."""
    return quotient(_even_pool(meaning), place)


def axis_by_axis(meaning: Meaning, place: Place) -> Way:
    """An adaptive pool in JAX, which has none: one axis after the other, window by window.

    A sum over windows is one of sums over each axis, as a maximum is; the count comes at the end.
    """
    problem = meaning.problem
    leave_if(not problem.op.startswith("adaptive") or place.framework != "jax")
    leave_if(prod(problem.output) > MOST_TAPS, f"more than {MOST_TAPS} windows are not written out")
    first, is_max = 1 if place.last else 2, "max" in problem.op
    leave_if(
        not is_max and not problem.is_float, "a quotient of integers is rounded in another way"
    )
    lines, counts = [], []
    for axis, (size, count) in enumerate(zip(problem.x[2:], problem.output, strict=True)):
        windows = [adaptive_window(size, count, o) for o in range(count)]
        bounds = [(one.start, one.stop) for one in windows]
        a, colons = axis + first, ":, " * (axis + first)
        part = f"x[{colons}a:b].{'max' if is_max else 'sum'}({a})"
        lines.append(f"x = jnp.stack([{part} for a, b in {bounds}], {a})")
        counts.append(f"np.array({[len(one) for one in windows]})")
    if is_max:
        return Way((*lines, "y = x"), problem)
    whole = (1, *problem.output, 1) if place.last else (1, 1, *problem.output)
    outer = counts[0]
    for other in counts[1:]:
        outer = f"np.multiply.outer({outer}, {other})"
    lines.append(f"count = {outer}.astype(x.dtype).reshape({whole})")
    return Way((*lines, "y = lax.div(x, jnp.broadcast_to(count, x.shape))"), problem)


def norm(meaning: Meaning, place: Place) -> Way:
    """A norm as the root of a sum, where the root is exact."""
    problem = meaning.problem
    leave_if(problem.op != "lp_pool")
    leave_if(problem.p not in (1, 2) or not problem.is_float, "its root is rounded in another way")
    pads = reach(meaning)
    absolute, root = norm_words(place.framework)
    x = [f"x = {place.pad('x', pads)}"] if any(map(any, pads)) else []
    powers = "x * x" if problem.p == 2 else f"{absolute}(x)"
    total = sums(place.framework, powers, problem, problem.x[1], place.last)
    y = f"{root}({total})" if problem.p == 2 else total
    return Way((*x, f"y = {y}"), replace(problem, padding="valid"))
