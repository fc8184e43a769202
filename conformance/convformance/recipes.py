"""Ways to say in one framework what a problem means in another, the closest to one call first.

A recipe is source text: it takes the arrays as the source framework has them and gives y as the
source would. Nothing here is believed: `porting` runs the text beside the source's own call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from convformance import ways, ways_gradient, ways_maxima, ways_pools
from convformance.backend import Unsupported
from convformance.backends import layouts, layouts_lines, onnx_graph
from convformance.backends.wording import IMPORTS, X64
from convformance.problem import Problem
from convformance.ways import Meaning, Place, Way
from convformance.ways_around import AROUND, Around
from convformance.ways_as_other import AS_OTHER, convolved_integers

OWN, IN_NUMBERS = "its own call", "the padding in numbers"
DIFFERENTIATED = "differentiated"


class UnknownError(ValueError):
    """Raised for a problem that no recipe speaks of."""


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
    answers: tuple[str, ...] = ("y",)

    @property
    def source(self) -> str:
        """The program, without the arrays."""
        return "\n".join(self.lines) + "\n"


def plain(problem: Problem) -> Problem:
    """Return the problem that recipes speak of; raise `UnknownError` where there is none.

    The layout and the memory of arrays are left out: a port has them as its source has them.
    """
    if problem.op == "distance_pool":
        raise UnknownError("distance_pool: none of the frameworks has it, by any call")
    if not 1 <= problem.rank <= 3:
        raise UnknownError(f"{problem.rank} spatial axes: recipes have 1 to 3")
    problem = replace(problem, layout="channels_first", memory="contiguous")
    if problem.op == "conv1x1":
        return replace(problem, op="conv", w=(*problem.w, *(1,) * problem.rank))
    return problem


def recipes(meaning: Meaning, source: str, target: str) -> tuple[list[Recipe], list[str]]:
    """Return the ways that can be written, the closest to one call first, and why others not."""
    place = Place(target, layouts.is_last_in(target, source, meaning.problem))
    handed = meaning.problem
    meaning = replace(meaning, problem=replace(handed, unbatched=False))
    found: list[Recipe] = []
    reasons: dict[str, None] = {}
    for name, way in written(meaning, place, reasons):
        lines = _whole_text(way, handed, source, target)
        if all(lines != one.lines for one in found):
            found.append(Recipe(target, name, lines, way.asks, way.whole, handed.answers))
    return found, list(reasons)


def written(meaning: Meaning, place: Place, reasons: dict[str, None]) -> Iterator[tuple[str, Way]]:
    """Yield the ways that can be written: an attribute that a call cannot say is taken off."""
    for name, way in WAYS.items():
        if name not in (OWN, IN_NUMBERS) and name not in SPECIAL and not _is_bare(meaning):
            continue
        try:
            yield name, way(meaning, place)
        except Unsupported as reason:
            if str(reason):
                reasons[str(reason)] = None
    taken_off = False
    outermost = {DIFFERENTIATED: ways_gradient.differentiated}
    for name, around in (outermost if meaning.problem.grad else AROUND | AS_OTHER).items():
        try:
            one = around(meaning, place)
        except Unsupported as reason:
            if str(reason):
                reasons[str(reason)] = None
            continue
        if taken_off and name not in ALTERNATIVES:
            continue
        taken_off = True
        yield from _around(name, one, place, reasons)


def _around(
    name: str, one: Around, place: Place, reasons: dict[str, None]
) -> Iterator[tuple[str, Way]]:
    for inner, way in written(one.meaning, place, reasons):
        lines = tuple(one.write(way.lines))
        whole = name == DIFFERENTIATED and way.whole
        words = name if inner == OWN else f"{name}, {inner}"
        yield words, Way(lines, way.asks, whole, way.planar)


def _is_bare(meaning: Meaning) -> bool:
    """Whether nothing is asked that only a framework's own call, or what is around it, says."""
    problem = meaning.problem
    repeated = problem.padding_mode != "zeros" or any(step != 1 for step in problem.input_dilation)
    asked = problem.grad or problem.flip or problem.output_dtype or problem.batch_groups != 1
    return not repeated and not asked


def _whole_text(way: Way, problem: Problem, source: str, target: str) -> tuple[str, ...]:
    body = [*layouts_lines.brought(problem, source, target)]
    if target == "onnx":
        body += onnx_graph.program(way.lines, problem.answers)
    else:
        body += way.lines
    body += layouts_lines.back(problem, source, target, way.planar)
    wide = target == "jax" and any(
        dtype.endswith(("64", "128")) and dtype != "complex64"
        for dtype in (problem.dtype, problem.answer_dtype)
    )
    return (*_imports(target, body), *[X64] * wide, "", *body)


def _imports(target: str, body: list[str]) -> list[str]:
    """Return the imports that the lines need: names of ONNX's modules are left out if unused."""
    text = "\n".join(body)
    found = []
    for line in IMPORTS[target]:
        start, given, names = line.partition("from onnx import ")
        used = [name for name in names.split(", ") if f"{name}." in text]
        found.append(f"{given}{', '.join(used)}" if given and not start else line)
    return [*found, *["import numpy as np"] * ("np." in text)]


def _ways() -> Iterator[tuple[str, Callable[[Meaning, Place], Way]]]:
    base = {
        OWN: ways.own_call,
        IN_NUMBERS: ways.in_numbers,
        "output padding": ways.with_output_padding,
        "ceil_mode said by the padding": ways.without_ceil,
        "a pad before the call": ways.pad_first,
        "a cut after the call": ways.cut_after,
        "the function beneath the layer": ways.beneath_the_layer,
    }
    yield from base.items()
    yield from SPECIAL.items()
    yield "Col2Im", ways_maxima.columns_to_image
    yield "a pool of equal windows", ways_pools.equal_windows
    yield "a sum over a count", ways_pools.quotient
    yield "a sum over a count, for equal windows", ways_pools.equal_windows_quotient
    yield "the root of a sum", ways_pools.norm
    yield "one axis after the other", ways_pools.axis_by_axis
    last = ("a pad before the call", "a cut after the call")
    for name in (IN_NUMBERS, *last):
        yield f"zeros in the kernel, {name}", ways.widened(base[name])
    for name in (OWN, IN_NUMBERS, *last):
        yield f"group by group, {name}", ways.by_group(base[name])
    for name in last:
        yield (
            f"group by group, zeros in the kernel, {name}",
            ways.by_group(ways.widened(base[name])),
        )
    yield "the largest of slices", ways_pools.largest_of_slices
    yield "the first of slices", ways_maxima.first_of_slices
    yield "the first of slices, for equal windows", ways_maxima.first_of_equal_windows
    yield "values put into zeros", ways_maxima.scattered


# Ways that know an attribute which the others have taken off first.
SPECIAL = {
    "a transposed convolution of dy": ways_gradient.spread_back,
    "a convolution of dy": ways_gradient.convolved_back,
    "a convolution under dy": ways_gradient.convolved_by_dy,
    "the sum of dy": ways_gradient.added_up,
    "ConvInteger": convolved_integers,
}
ALTERNATIVES = ("a gather for the mode",)  # beside the pad of the mode
WAYS = dict(_ways())
