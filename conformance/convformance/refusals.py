"""Refusals: what a backend must not answer, one attribute wrong at a time and in pairs.

A table of wrong values for any valid problem, each with the clause that it breaks. A default run
applies the whole of it to a small problem of each op and rank, and of each gradient on one rank;
the exhaustive profile does on each. An exploration draws from it for problems of every kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

from convformance.drawing import FLOAT_OPS
from convformance.expect import broken_clause
from convformance.problem import OPS, PADDING_MODES, Case, Problem, default_of
from convformance.refusals_weights import weights

RANKS = (1, 2, 3)
GRADIENT_RANKS = (2,)  # of a default run: a gradient is checked at the door of its op
LEAST = {  # the clause by which each entry of an attribute is at least 1
    "kernel": "window.kernel",
    "stride": "window.stride",
    "dilation": "window.dilation",
    "input_dilation": "window.input_dilation",
}
ENTRIES = ("kernel", "stride", "dilation", "input_dilation", "output_padding", "output")


@dataclass(frozen=True)
class Wrong:
    """Values of attributes that make a valid problem invalid, and the clause that they break."""

    clause: str
    values: Mapping[str, Any]

    @property
    def attributes(self) -> frozenset[str]:
        """The names of what is wrong."""
        return frozenset(self.values)


@dataclass(frozen=True)
class Asked:
    """An op, or the gradient of one, of which refusals are asked."""

    op: str
    grad: str = ""

    @property
    def name(self) -> str:
        """The words of a test's name."""
        return f"{self.op}-gradient-{self.grad}" if self.grad else self.op


ASKED = tuple(
    Asked(op, grad)
    for op in OPS
    for grad in ("", *(("x", "w") if "w" in OPS[op] else ("x",)))
    if not grad or "grad" in OPS[op]
)


def refusals(asked: Asked, profile: str = "default") -> list[Case]:
    """Return the cases of the table: one wrong on each rank, two wrongs on the first ranks.

    Two wrongs can cancel: a pair that has a meaning is left out.
    """
    found: dict[Problem, None] = {}
    alone = GRADIENT_RANKS if asked.grad and profile == "default" else RANKS
    for rank in RANKS:
        problem = small_problem(asked, rank)
        if rank in alone:
            found |= dict.fromkeys(spoilt(problem, one) for one in wrongs(problem))
        if asked.grad != "w":  # what pairs ask of a gradient is asked of that by x
            found |= dict.fromkeys(pairs(problem, to_pair(problem)))
    return [Case(problem) for problem in found]


def to_pair(problem: Problem) -> list[Wrong]:
    """Return the wrongs that are put together: the first of each clause and attributes.

    That on rank 2; on rank 1, and for a gradient only there, the last of the same attributes.
    """
    found = wrongs(problem)
    if problem.rank == 2 and not problem.grad:
        return [*{(one.clause, one.attributes): one for one in reversed(found)}.values()]
    if problem.rank == 1:
        return [*{one.attributes: one for one in found}.values()]
    return []


def pairs(problem: Problem, found: Sequence[Wrong]) -> Iterator[Problem]:
    """Yield the problem with two wrongs of different attributes, where it is invalid."""
    for one, other in combinations(found, 2):
        if not one.attributes & other.attributes:
            both = invalid(problem, one, other)
            if both is not None:
                yield both


def invalid(problem: Problem, *found: Wrong) -> Problem | None:
    """Return the problem with wrong values, or None if it has a meaning or no line says it."""
    try:
        problem = spoilt(problem, *found)
    except ValueError:  # such as groups beside batch groups
        return None
    return problem if broken_clause(problem) else None


def spoilt(problem: Problem, *found: Wrong) -> Problem:
    """Return the problem with wrong values in place of its own; raise `ValueError` if no line can.

    Wrong values may leave another problem that has a meaning.
    """
    names = [*OPS[problem.op], "dtype"]
    given = {name: getattr(problem, name) for name in names}
    # What is at its default stays so: a wrong rank has another number of entries.
    kept = {name: value for name, value in given.items() if value != default_of(name, problem.rank)}
    for one in found:
        kept |= one.values
    return Problem(problem.op, **kept)


def small_problem(asked: Asked, rank: int) -> Problem:
    """Return the valid problem of the op to which the table is applied.

    Everything that a framework may not support is at its default, so that a refusal is one of
    what is wrong.
    """
    op, spatial, kernel = asked.op, (5, 6, 4)[:rank], (3, 2, 2)[:rank]
    values: dict[str, Any] = {"x": (2, 4, *spatial), "kernel": kernel, "output": (2, 3, 2)[:rank]}
    values["w"] = {
        "conv1x1": (3, 4),
        "depthwise_conv": (4, 2, *kernel),
        "separable_conv": (4, 2, *kernel),
    }.get(op, (4, 4, *kernel))
    values["pointwise"] = (5, 8)
    if op in ("conv_transpose", "max_unpool"):
        values["stride"] = (2,) * rank
    if op == "max_unpool":
        values |= {"kernel": (2,) * rank, "output": tuple(2 * size for size in spatial)}
    if op == "fold":
        windows = (2, 3, 2)[:rank]
        output = tuple(map(sum, zip(windows, kernel, strict=True)))
        values |= {"output": tuple(size - 1 for size in output)}
        values |= {"x": (2, 2 * prod(kernel), prod(windows))}
    taken = {name: value for name, value in values.items() if name in OPS[op]}
    return Problem(op, grad=asked.grad, **taken)


def wrongs(problem: Problem) -> list[Wrong]:
    """Return the table for a valid problem; each value breaks its clause if it stands alone.

    That holds for the plain problems of a default run; of others some may have a meaning.
    """
    found = [*_input(problem), *_entries(problem), *_dtype(problem)]
    found += [Wrong(clause, values) for clause, values in weights(problem)]
    if "padding" in OPS[problem.op]:
        found += _wrong_lengths("padding", ((0, 0),) * problem.rank, (0, 0))
    if "padding_mode" in OPS[problem.op]:
        found += _repeated_nothing(problem)
    if problem.op in ("max_unpool", "fold"):
        found += _sizes_apart(problem)
    if problem.op == "lp_pool":
        found += [Wrong("lp.p", {"p": p}) for p in (0, -1)]
    return found


def _input(problem: Problem) -> list[Wrong]:
    x = problem.x
    if problem.op == "fold":
        return [
            Wrong("fold.columns", {"x": shape})
            for shape in ((*x[:2], x[2] + 1), (*x[:2], max(0, x[2] - 1)), x[:2], (*x, 1))
        ]
    found = [Wrong("problem.rank", {"x": x[:2]})]
    if "kernel" in OPS[problem.op] and problem.rank > 1:  # one entry stands for every axis
        found += [Wrong("problem.axes", {"x": shape}) for shape in (x[:-1], (*x, 3))]
    return found


def _entries(problem: Problem) -> Iterator[Wrong]:
    """Yield wrongs of the attributes that have an entry for each spatial axis."""
    for name in ENTRIES:
        if name not in OPS[problem.op]:
            continue
        whole = getattr(problem, name) or (9,) * problem.rank  # max_unpool's size may be its own
        if name in LEAST:
            yield from _too_small(LEAST[name], name, whole)
        if name == "output" and problem.op.startswith("adaptive"):
            yield from _too_small("adaptive.output", name, whole)
        if name == "output_padding":
            yield from _output_paddings(problem)
        if problem.op == "fold" and name == "output":
            continue  # its entries say how many axes there are
        if name in ("dilation", "input_dilation", "output_padding"):
            # Where it is at the default an adapter need not tell it: a pool may have none.
            whole = tuple(entry + 1 for entry in whole)
        yield from _wrong_lengths(name, whole, whole[-1])


def _too_small(clause: str, name: str, whole: tuple[int, ...]) -> Iterator[Wrong]:
    """Yield an entry of 0 on the last axis, and a negative one on the first."""
    yield Wrong(clause, {name: (*whole[:-1], 0)})
    yield Wrong(clause, {name: (-1, *whole[1:])})


def _wrong_lengths(name: str, whole: tuple[Any, ...], entry: Any) -> Iterator[Wrong]:
    """Yield an entry too many, and one too few where one left does not stand for all."""
    yield Wrong("problem.axes", {name: (*whole, entry)})
    if len(whole) > 2:
        yield Wrong("problem.axes", {name: whole[:-1]})


def _output_paddings(problem: Problem) -> Iterator[Wrong]:
    most = max(problem.stride[-1], problem.dilation[-1])
    none = (0,) * (problem.rank - 1)
    for values in ((*none, most), (*none, most + 1), (-1, *none)):
        yield Wrong("transpose.output_padding", {"output_padding": values})


def _dtype(problem: Problem) -> Iterator[Wrong]:
    """Yield elements for which the op has no meaning; no line says a pool of complex ones."""
    if problem.grad or problem.op in FLOAT_OPS:
        yield from (Wrong("problem.float", {"dtype": one}) for one in ("int32", "int8", "uint8"))


def _repeated_nothing(problem: Problem) -> Iterator[Wrong]:
    """Yield padding that repeats the samples of an axis which has none."""
    empty = (*problem.x[:2], 0, *problem.x[3:])
    padding = ((1, 1),) * problem.rank
    for mode in PADDING_MODES[1:]:
        values = {"x": empty, "padding": padding, "padding_mode": mode}
        yield Wrong("padding.mode", values)


def _sizes_apart(problem: Problem) -> Iterator[Wrong]:
    """Yield sizes of unpooling and fold that do not belong together."""
    if problem.op == "fold":
        N, rows, columns = problem.x
        if prod(problem.kernel) > 1:
            yield Wrong("fold.columns", {"x": (N, rows + 1, columns)})
        longer = (*problem.output[:-1], problem.output[-1] + problem.stride[-1])
        yield Wrong("fold.columns", {"output": longer})
        return
    whole = problem.output or (9,) * problem.rank
    for more in (9 * problem.stride[-1], -problem.stride[-1]):
        yield Wrong("unpool.output", {"output": (*whole[:-1], max(1, whole[-1] + more))})
    fewer = (*problem.x[:-1], max(0, problem.x[-1] - 1))
    if problem.output:
        yield Wrong("unpool.output", {"x": fewer})
