"""Ways to say in one framework what a problem means in another, the closest to one call first.

A recipe is source text: it takes the arrays as the source framework has them and gives y as the
source would. Nothing here is believed: `porting` runs the text beside the source's own call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from convformance import ways, ways_pools
from convformance.backend import Unsupported
from convformance.backends import layouts
from convformance.backends.wording import IMPORTS, X64
from convformance.problem import Problem
from convformance.ways import CONVS, POOLS, WHOLE, Meaning, Place, Way

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


class UnknownError(ValueError):
    """Raised for a problem that no recipe speaks of yet."""


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


def _ways() -> Iterator[tuple[str, Callable[[Meaning, Place], Way]]]:
    base = {
        "its own call": ways.own_call,
        "the padding in numbers": ways.in_numbers,
        "output padding": ways.with_output_padding,
        "ceil_mode said by the padding": ways.without_ceil,
        "a pad before the call": ways.pad_first,
        "a cut after the call": ways.cut_after,
    }
    yield from base.items()
    yield "a pool of equal windows", ways_pools.equal_windows
    yield "a sum over a count", ways_pools.quotient
    yield "a sum over a count, for equal windows", ways_pools.equal_windows_quotient
    yield "the root of a sum", ways_pools.norm
    yield "one axis after the other", ways_pools.axis_by_axis
    last = ("a pad before the call", "a cut after the call")
    for name in ("the padding in numbers", *last):
        yield f"zeros in the kernel, {name}", ways.widened(base[name])
    for name in ("its own call", "the padding in numbers", *last):
        yield f"group by group, {name}", ways.by_group(base[name])
    for name in last:
        yield (
            f"group by group, zeros in the kernel, {name}",
            ways.by_group(ways.widened(base[name])),
        )
    yield "the largest of slices", ways_pools.largest_of_slices


WAYS = dict(_ways())
