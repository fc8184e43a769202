"""Ways to say in one framework what a problem means in another, the closest to one call first.

A recipe is source text: it takes the arrays as the source framework has them and gives y as the
source would. Nothing here is believed: `porting` runs the text beside the source's own call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from convformance.backend import Unsupported
from convformance.backends import layouts
from convformance.backends.wording import (
    IMPORTS,
    X64,
    divided,
    joined,
    native,
    norm_words,
    ones_like,
    pad,
    stacked_largest,
    sums,
)
from convformance.problem import Problem
from convformance.sizes import axes_of
from convoracle.adaptive import adaptive_window

Pads = tuple[tuple[int, int], ...]
CONVS = ("conv", "depthwise_conv")
POOLS = ("max_pool", "avg_pool")
WHOLE = (
    "lp_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool",
)  # fmt: skip
KNOWN = (*CONVS, "conv1x1", "conv_transpose", *POOLS, *WHOLE)
# Attributes that no recipe knows yet, and their default.
UNKNOWN = {
    "padding_mode": "zeros",
    "batch_groups": 1,
    "flip": False,
    "output_dtype": "",
    "grad": "",
    "unbatched": False,
    "indices": False,
}
UNKNOWN_DTYPES = ("bfloat16", "complex64", "complex128")  # NumPy or torch lacks them
MOST_TAPS = 64  # of a maximum that is written tap by tap


class UnknownError(ValueError):
    """Raised for a problem that no recipe speaks of yet."""


@dataclass(frozen=True)
class Meaning:
    """A problem as a framework means it: pads of each axis, or what is cropped; y's sizes."""

    problem: Problem
    pads: Pads
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """Text that computes the meaning; `asks` is the problem that its call is given.

    `whole` says that `asks` means all of it, with nothing done before or after but moving axes.
    """

    framework: str
    way: str
    lines: tuple[str, ...]
    asks: Problem
    whole: bool

    @property
    def source(self) -> str:
        """The program, without the arrays."""
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Way:
    """The lines between the moves of axes."""

    lines: tuple[str, ...]
    asks: Problem
    whole: bool = False


@dataclass(frozen=True)
class Place:
    """Where lines are written for: a framework, and whether its arrays have channels last."""

    framework: str
    last: bool

    def call(self, problem: Problem) -> list[str]:
        """Write the framework's own call."""
        return native(self.framework, problem, self.last)

    def pad(self, name: str, pairs: Pads, value: str = "0") -> str:
        """Write a pad as an expression."""
        return pad(self.framework, name, pairs, value, self.last)


def plain(problem: Problem) -> Problem:
    """Return the problem that recipes speak of; raise `UnknownError` where there is none.

    How arrays are handed over is left out: a port has them as its source has them.
    """
    if problem.op not in KNOWN:
        raise UnknownError(problem.op)
    problem = replace(problem, layout="channels_first", memory="contiguous")
    for name, default in UNKNOWN.items():
        if getattr(problem, name) != default:
            raise UnknownError(
                name if isinstance(default, bool) else f"{name}={getattr(problem, name)}"
            )
    if any(step != 1 for step in problem.input_dilation):
        raise UnknownError("input_dilation")
    if problem.dtype in UNKNOWN_DTYPES:
        raise UnknownError(problem.dtype)
    if not 1 <= problem.rank <= 3:
        raise UnknownError(f"{problem.rank} spatial axes")
    if problem.op == "conv1x1":
        return replace(problem, op="conv", w=(*problem.w, *(1,) * problem.rank))
    return problem


def recipes(meaning: Meaning, source: str, target: str) -> tuple[list[Recipe], list[str]]:
    """Return the ways that can be written, the closest to one call first, and why others not."""
    place = Place(target, layouts.is_last(source if target in layouts.FREE else target))
    found: list[Recipe] = []
    reasons: dict[str, None] = {}
    for name, way in WAYS.items():
        try:
            written = way(meaning, place)
            lines = _whole_text(written, meaning.problem, source, target)
        except Unsupported as reason:
            if str(reason):
                reasons[str(reason)] = None
            continue
        if all(lines != one.lines for one in found):
            found.append(Recipe(target, name, lines, written.asks, written.whole))
    return found, list(reasons)


def _whole_text(way: Way, problem: Problem, source: str, target: str) -> tuple[str, ...]:
    body = [*layouts.brought(problem, source, target), *way.lines]
    if not (target == "onnx" and layouts.is_last(source)):
        body += layouts.back(source, target)
    wide = target == "jax" and problem.dtype.endswith("64")
    imports = [*IMPORTS[target], *[X64] * wide]
    if any("np." in line for line in body):
        imports = sorted([*imports, "import numpy as np"], key=lambda line: line == X64)
    return (*imports, "", *body)


def _own(meaning: Meaning, place: Place) -> Way:
    problem = meaning.problem
    return Way(tuple(place.call(problem)), problem, whole=True)


def _unless(condition: bool, reason: str = "") -> None:
    """Leave a way that does not fit; without a reason it is not worth telling."""
    if condition:
        raise Unsupported(reason)


def _in_numbers(meaning: Meaning, place: Place) -> Way:
    problem = meaning.problem
    _unless(problem.op in WHOLE or problem.padding == meaning.pads)
    said = replace(problem, padding=meaning.pads)
    if problem.op == "conv_transpose":
        pads, more = _exact_crop(meaning)
        said = replace(said, padding=pads, output_padding=more)
    return Way(tuple(place.call(said)), said, whole=True)


def _full_sizes(problem: Problem) -> list[int]:
    """Return the sizes that a transposed convolution touches."""
    axes = zip(problem.x[2:], problem.stride, problem.dilation, problem.kernel_size, strict=True)
    return [(size - 1) * stride + step * (k - 1) + 1 for size, stride, step, k in axes]


def _exact_crop(meaning: Meaning) -> tuple[Pads, tuple[int, ...]]:
    """Return the crop and the output padding that give exactly the sizes."""
    pads, mores = [], []
    for full, size, (before, after) in zip(
        _full_sizes(meaning.problem), meaning.sizes, meaning.pads, strict=True
    ):
        more = size - (full - before - after)
        pads.append((before, after - min(more, 0)))
        mores.append(max(more, 0))
    return tuple(pads), tuple(mores)


def _with_output_padding(meaning: Meaning, place: Place) -> Way:
    """Crop both sides alike, and give back what is too much at the end."""
    _unless(meaning.problem.op != "conv_transpose")
    pads, mores = _exact_crop(meaning)
    more = tuple(m + before - after for m, (before, after) in zip(mores, pads, strict=True))
    _unless(min(more) < 0, "output padding only adds at the end")
    alike = tuple((before, before) for before, _ in pads)
    said = replace(meaning.problem, padding=alike, output_padding=more)
    return Way(tuple(place.call(said)), said)


def _crop_after(meaning: Meaning, place: Place) -> Way:
    """Spread without padding, then cut."""
    problem = meaning.problem
    _unless(problem.op != "conv_transpose" or min(map(min, meaning.pads)) < 0)
    ends = [before + size for (before, _), size in zip(meaning.pads, meaning.sizes, strict=True)]
    more = tuple(max(0, end - f) for end, f in zip(ends, _full_sizes(problem), strict=True))
    said = replace(problem, padding="valid", output_padding=more)
    cuts = ", ".join(f"{before}:{end}" for (before, _), end in zip(meaning.pads, ends, strict=True))
    cut = f"y = y[:, {cuts}]" if place.last else f"y = y[:, :, {cuts}]"
    return Way((*place.call(said), cut), said)


def _reach(meaning: Meaning) -> Pads:
    """Return the pads with the samples that ceil_mode lets the last window overrun."""
    axes = zip(axes_of(replace(meaning.problem, padding=meaning.pads)), meaning.pads, strict=True)
    return tuple(
        (before, max(axis.stride * (axis.count - 1) + axis.extent - before - axis.size, 0))
        if meaning.problem.ceil_mode
        else (before, after)
        for axis, (before, after) in axes
    )


def _without_ceil(meaning: Meaning, place: Place) -> Way:
    """Say in the padding what ceil_mode adds."""
    problem = meaning.problem
    _unless(problem.op not in POOLS or not problem.ceil_mode)
    _unless(problem.count_include_pad, "what ceil_mode lets overrun is not counted, padding is")
    pads = _reach(meaning)
    said = replace(problem, padding=pads if any(map(any, pads)) else "valid", ceil_mode=False)
    return Way(tuple(place.call(said)), said)


def _lowest(problem: Problem) -> str:
    return "-np.inf" if problem.is_float else str(np.iinfo(problem.dtype).min)


def _pad_first(meaning: Meaning, place: Place) -> Way:
    """Pad with what changes nothing, then call without padding."""
    problem = meaning.problem
    _unless(problem.op not in (*CONVS, *POOLS))
    pads = _reach(meaning)
    if problem.op == "avg_pool":
        uniform = not any(map(any, pads)) or (problem.count_include_pad and pads == meaning.pads)
        _unless(not uniform, "the divisor of the windows at the border is another one")
    x = tuple(size + sum(pair) for size, pair in zip(problem.x[2:], pads, strict=True))
    values: dict[str, Any] = {"x": (*problem.x[:2], *x), "padding": "valid"}
    if problem.op in POOLS:
        values |= {"ceil_mode": False}
    if problem.op == "avg_pool":
        values |= {"count_include_pad": False}
    said = replace(problem, **values)
    value = _lowest(problem) if problem.op == "max_pool" else "0"
    before = [f"x = {place.pad('x', pads, value)}"] if any(map(any, pads)) else []
    return Way((*before, *place.call(said)), said)


def _quotient(meaning: Meaning, place: Place) -> Way:
    """An average as a sum over a count, where the count differs from window to window."""
    problem = meaning.problem
    _unless(problem.op != "avg_pool")
    _unless(not problem.is_float, "a quotient of integers is rounded in another way")
    pads = _reach(meaning)
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


def _taps(meaning: Meaning, place: Place) -> Way:
    """A maximum as the largest of one strided slice for each tap."""
    problem = meaning.problem
    _unless(problem.op != "max_pool" or place.framework == "onnx")
    _unless(prod(problem.kernel) > MOST_TAPS, f"more than {MOST_TAPS} taps are not written out")
    pads, names = _reach(meaning), "ijk"[: problem.rank]
    axes = zip(names, problem.dilation, problem.stride, meaning.sizes, strict=True)
    slices = ", ".join(
        f"{step} * {name}:{step} * {name} + {(size - 1) * stride + 1}:{stride}"
        for name, step, stride, size in axes
    )
    loops = " ".join(
        f"for {name} in range({k})" for name, k in zip(names, problem.kernel, strict=True)
    )
    x = [f"x = {place.pad('x', pads, _lowest(problem))}"] if any(map(any, pads)) else []
    where = f"x[:, {slices}]" if place.last else f"x[:, :, {slices}]"
    y = stacked_largest(place.framework, f"[{where} {loops}]")
    return Way((*x, f"y = {y}"), replace(problem, padding="valid"))


def _even_pool(meaning: Meaning) -> Meaning:
    """Return the pool that an adaptive pool is whose windows are all alike."""
    problem = meaning.problem
    _unless(not problem.op.startswith(("adaptive", "global")))
    output = problem.output or (1,) * problem.rank
    even = all(o and size and size % o == 0 for size, o in zip(problem.x[2:], output, strict=True))
    _unless(not even, "its windows are of different sizes")
    kernel = tuple(size // o for size, o in zip(problem.x[2:], output, strict=True))
    op = "max_pool" if "max" in problem.op else "avg_pool"
    said = Problem(op, problem.x, kernel=kernel, stride=kernel, dtype=problem.dtype)
    return Meaning(said, ((0, 0),) * problem.rank, meaning.sizes)


def _evenly(meaning: Meaning, place: Place) -> Way:
    said = _even_pool(meaning).problem
    return Way(tuple(place.call(said)), said)


def _even_quotient(meaning: Meaning, place: Place) -> Way:
    return _quotient(_even_pool(meaning), place)


def _axis_by_axis(meaning: Meaning, place: Place) -> Way:
    """An adaptive pool in JAX, which has none: one axis after the other, window by window.

    A sum over windows is one of sums over each axis, as a maximum is; the count comes at the end.
    """
    problem = meaning.problem
    _unless(not problem.op.startswith("adaptive") or place.framework != "jax")
    _unless(prod(problem.output) > MOST_TAPS, f"more than {MOST_TAPS} windows are not written out")
    first, is_max = 1 if place.last else 2, "max" in problem.op
    _unless(not is_max and not problem.is_float, "a quotient of integers is rounded in another way")
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


def _norm(meaning: Meaning, place: Place) -> Way:
    """A norm as the root of a sum, where the root is exact."""
    problem = meaning.problem
    _unless(problem.op != "lp_pool")
    _unless(problem.p not in (1, 2) or not problem.is_float, "its root is rounded in another way")
    pads = _reach(meaning)
    absolute, root = norm_words(place.framework)
    x = [f"x = {place.pad('x', pads)}"] if any(map(any, pads)) else []
    powers = "x * x" if problem.p == 2 else f"{absolute}(x)"
    total = sums(place.framework, powers, problem, problem.x[1], place.last)
    y = f"{root}({total})" if problem.p == 2 else total
    return Way((*x, f"y = {y}"), replace(problem, padding="valid"))


def _widened(inner: Callable[[Meaning, Place], Way]) -> Callable[[Meaning, Place], Way]:
    """Return the way on a kernel that holds zeros where the dilation skips."""

    def way(meaning: Meaning, place: Place) -> Way:
        problem = meaning.problem
        fits = problem.w and any(step > 1 for step in problem.dilation)
        _unless(not fits or place.framework not in layouts.LAST)
        kernel = tuple(
            step * (k - 1) + 1
            for step, k in zip(problem.dilation, problem.kernel_size, strict=True)
        )
        said = replace(problem, w=(*problem.w[:2], *kernel), dilation=(1,) * problem.rank)
        steps = ", ".join(f"::{step}" for step in problem.dilation)
        lines = (
            f"wide = np.zeros({kernel} + w.shape[-2:], w.dtype)",
            f"wide[{steps}] = w  # zeros where the dilation skips",
            "w = wide",
        )
        done = inner(replace(meaning, problem=said), place)
        return Way((*lines, *done.lines), done.asks)

    return way


def _by_group(inner: Callable[[Meaning, Place], Way]) -> Callable[[Meaning, Place], Way]:
    """Return the way for one group after the other."""

    def way(meaning: Meaning, place: Place) -> Way:
        problem, G = meaning.problem, meaning.problem.groups
        _unless(G < 2 or place.framework not in layouts.LAST)
        C, spread = problem.x[1] // G, problem.op == "conv_transpose"
        w = (problem.w[0] // G, *problem.w[1:])
        step = w[0]  # both weights have what is split on their last axis here
        alone = replace(problem, x=(problem.x[0], C, *problem.x[2:]), w=w, groups=1, bias=False)
        done = inner(replace(meaning, problem=alone), place)
        join, axis = joined(place.framework)
        lines = [
            "all_x, all_w, parts = x, w, []",
            f"for g in range({G}):",
            f"    x = all_x[..., {C} * g:{C} * (g + 1)]",
            f"    w = all_w[..., {C if spread else step} * g:{C if spread else step} * (g + 1)]",
            *(f"    {line}" for line in done.lines),
            "    parts.append(y)",
            f"y = {join}(parts, {axis})",
            *["y = y + bias"] * problem.bias,
        ]
        return Way(tuple(lines), done.asks)

    return way


def _ways() -> Iterator[tuple[str, Callable[[Meaning, Place], Way]]]:
    base = {
        "its own call": _own,
        "the padding in numbers": _in_numbers,
        "output padding": _with_output_padding,
        "ceil_mode said by the padding": _without_ceil,
        "a pad before the call": _pad_first,
        "a cut after the call": _crop_after,
    }
    yield from base.items()
    yield "a pool of equal windows", _evenly
    yield "a sum over a count", _quotient
    yield "a sum over a count, for equal windows", _even_quotient
    yield "the root of a sum", _norm
    yield "one axis after the other", _axis_by_axis
    last = ("a pad before the call", "a cut after the call")
    for name in ("the padding in numbers", *last):
        yield f"zeros in the kernel, {name}", _widened(base[name])
    for name in ("its own call", "the padding in numbers", *last):
        yield f"group by group, {name}", _by_group(base[name])
    for name in last:
        yield f"group by group, zeros in the kernel, {name}", _by_group(_widened(base[name]))
    yield "the largest of slices", _taps


WAYS = dict(_ways())
