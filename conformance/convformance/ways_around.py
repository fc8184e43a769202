"""Ways to take one attribute off a problem: what is written around the code of the plainer one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from convformance.backends import layouts
from convformance.backends.wording import joined
from convformance.backends.wording_arrays import (
    cast,
    gathered,
    padded_by,
    spread,
    turned,
)
from convformance.problem import Problem
from convformance.ways import Meaning, Place, leave_if

Lines = Sequence[str]


@dataclass(frozen=True)
class Around:
    """A plainer meaning, and how the lines that compute it become those of the one asked for."""

    meaning: Meaning
    write: Callable[[Lines], Lines]


def without_padding(meaning: Meaning, problem: Problem) -> Meaning:
    """Return the meaning without padding."""
    return Meaning(replace(problem, padding="valid"), ((0, 0),) * problem.rank, meaning.sizes)


def in_output_dtype(meaning: Meaning, place: Place) -> Around:
    """Convert the operands first: products and sums of a wider dtype are the same numbers."""
    problem, dtype = meaning.problem, meaning.problem.output_dtype
    leave_if(not dtype)
    names = [name for name in ("x", "w", "bias") if name in layouts.inputs(problem)]
    before = [cast(place.framework, name, dtype) for name in names]
    said = replace(problem, dtype=dtype, output_dtype="")
    return Around(replace(meaning, problem=said), lambda lines: [*before, *lines])


def by_batch_group(meaning: Meaning, place: Place) -> Around:
    """A part of the batch with a part of the weight, one after the other."""
    problem, G = meaning.problem, meaning.problem.batch_groups
    leave_if(G == 1)
    leave_if(place.framework == "onnx", "a node of ONNX has no batch groups")
    N, M = problem.x[0] // G, problem.w[0] // G
    said = replace(
        problem, x=(N, *problem.x[1:]), w=(M, *problem.w[1:]), batch_groups=1, bias=False
    )
    join, axis = joined(place.framework, place.last)
    bias = ["y = y + bias" + ("" if place.last else f"[:{', None' * problem.rank}]")]
    own = f"..., {M} * b:{M} * (b + 1)" if place.last else f"{M} * b:{M} * (b + 1)"

    def write(lines: Lines) -> Lines:
        return [
            "batch_x, batch_w, answers = x, w, []",
            f"for b in range({G}):",
            f"    x = batch_x[{N} * b:{N} * (b + 1)]",
            f"    w = batch_w[{own}]",
            *(f"    {line}" for line in lines),
            "    answers.append(y)",
            f"y = {join}(answers, {axis})",
            *bias * problem.bias,
        ]

    return Around(replace(meaning, problem=said), write)


def in_parts(meaning: Meaning, place: Place) -> Around:
    """Complex numbers as their real and imaginary parts: four products."""
    problem = meaning.problem
    leave_if(not problem.is_complex or place.framework == "torch")  # torch's own call takes them
    leave_if(place.framework == "onnx", "Conv of ONNX takes no complex elements")
    real = {"complex64": "float32", "complex128": "float64"}[problem.dtype]
    said = replace(problem, dtype=real, bias=False)
    bias = "y = y + bias" + ("" if place.last else f"[:{', None' * problem.rank}]")

    def write(lines: Lines) -> Lines:
        return [
            "products = []",
            "both_x, both_w = np.asarray(x), np.asarray(w)",
            "for of_x, of_w in ((np.real, np.real), (np.imag, np.imag), "
            "(np.real, np.imag), (np.imag, np.real)):",
            "    x, w = of_x(both_x), of_w(both_w)",
            *(f"    {line}" for line in lines),
            "    products.append(np.asarray(y))",
            "y = (products[0] - products[1]) + 1j * (products[2] + products[3])",
            *[bias] * problem.bias,
        ]

    return Around(replace(meaning, problem=said), write)


def kernel_turned(meaning: Meaning, place: Place) -> Around:
    """Turn the kernel around first."""
    leave_if(not meaning.problem.flip)
    line = turned(place.framework, meaning.problem.rank, place.last)
    said = replace(meaning.problem, flip=False)
    return Around(replace(meaning, problem=said), lambda lines: [line, *lines])


def holes_first(meaning: Meaning, place: Place) -> Around:
    """Put the zeros between the samples first."""
    problem = meaning.problem
    leave_if(all(step == 1 for step in problem.input_dilation))
    leave_if(0 in problem.x, "an input without a sample has nothing to put zeros between")
    before = spread(place.framework, problem, place.last)
    each = zip(problem.x[2:], problem.input_dilation, strict=True)
    wide = tuple(step * (size - 1) + 1 for size, step in each)
    said = replace(problem, x=(*problem.x[:2], *wide), input_dilation=())
    return Around(replace(meaning, problem=said), lambda lines: [*before, *lines])


def _repeating(meaning: Meaning) -> Problem:
    problem = meaning.problem
    leave_if(problem.padding_mode == "zeros")
    leave_if(any(step != 1 for step in problem.input_dilation))  # they stand before the padding
    leave_if(min(map(min, meaning.pads)) < 0, "a mode fills what is padded, and this crops")
    return problem


def mode_first(meaning: Meaning, place: Place) -> Around:
    """Pad by the mode first."""
    problem = _repeating(meaning)
    before = (
        padded_by(place.framework, meaning.pads, problem.padding_mode, place.last)
        if any(map(any, meaning.pads))
        else []
    )
    return _of_padded(meaning, before)


def gathered_first(meaning: Meaning, place: Place) -> Around:
    """Gather the samples that the mode repeats."""
    problem, mode = _repeating(meaning), meaning.problem.padding_mode
    before = gathered(place.framework, problem.x[2:], meaning.pads, mode, place.last)
    return _of_padded(meaning, before)


def _of_padded(meaning: Meaning, before: Lines) -> Around:
    problem = meaning.problem
    each = zip(problem.x[2:], meaning.pads, strict=True)
    sizes = tuple(size + sum(pair) for size, pair in each)
    said = replace(problem, x=(*problem.x[:2], *sizes), padding_mode="zeros")
    return Around(without_padding(meaning, said), lambda lines: [*before, *lines])


AROUND = {
    "in the output's dtype": in_output_dtype,
    "in parts": in_parts,
    "part by part of the batch": by_batch_group,
    "the kernel turned around": kernel_turned,
    "zeros between the samples": holes_first,
    "a pad of the mode": mode_first,
    "a gather for the mode": gathered_first,
}
