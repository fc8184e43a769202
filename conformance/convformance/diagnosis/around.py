"""Fresh cases around a case: its own problem with other data, and problems a step away."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from math import prod
from typing import Any

import numpy as np

from convformance.expect import broken_clause
from convformance.meaning import output_shape
from convformance.problem import OPS, Case, Problem
from convformance.simpler import simpler_problems
from convformance.sizes import with_its_columns
from convformance.verdict import Kind, Verdict

SHARED = (
    "grad", "padding_mode", "flip", "output_dtype", "indices", "unbatched", "layout", "memory",
)  # fmt: skip
LARGEST = 4000  # elements of an array of a fresh case
Random = np.random.Generator


def around(case: Case, wrong: Sequence[Case] = ()) -> Iterator[Case]:
    """Yield fresh cases without end, always the same ones.

    One of three is on the problem itself or on one of the `wrong` ones, a list that may grow, one
    a step away from such a one, and one farther off. Of data other than whole or real numbers
    every fourth has the fill `special`.
    """
    random = np.random.Generator(np.random.PCG64(zlib.crc32(case.line.encode())))
    for turn in count(1):
        known = [case, *wrong]
        problem = known[int(random.integers(len(known)))].problem
        for _ in range((0, 1, int(random.integers(2, 6)))[turn % 3]):
            problem = varied(problem, random)
        plain = case.fill in ("integers", "real") or not problem.is_float
        fill = "special" if turn % 4 == 0 and not plain else case.fill
        yield replace(case, problem=problem, fill=fill, seed=case.seed + turn)


def varied(problem: Problem, random: Random) -> Problem:
    """Return a valid problem in which one to three numbers are other ones."""
    found = problem
    for _ in range(int(random.integers(1, 4))):
        other = _step(found, random)
        if other is not None and _is_fit(other):
            found = other
    return found


def _is_fit(problem: Problem) -> bool:
    if broken_clause(problem) is not None:
        return False
    return prod(output_shape(problem)) > 0 and max(prod(problem.x), prod(problem.w)) < LARGEST


def _step(problem: Problem, random: Random) -> Problem | None:
    step = STEPS[int(random.integers(len(STEPS)))]
    try:
        other = step(problem, random)
        return with_its_columns(other) if other and other.op == "fold" else other
    except (ValueError, IndexError):
        return None  # it would be no problem


def _moved(values: tuple[int, ...], random: Random, least: int, most: int = 2) -> tuple[int, ...]:
    """Return the numbers with one of them a little larger or smaller."""
    place = int(random.integers(len(values)))
    more = int(random.integers(1, most + 1)) * (1 if random.random() < 0.6 else -1)
    return (*values[:place], max(least, values[place] + more), *values[place + 1 :])


def _sized(problem: Problem, random: Random) -> Problem:
    most = 4 if random.random() < 0.8 else 16
    if problem.op == "fold":
        return replace(problem, output=_moved(problem.output, random, 1, most))
    return replace(problem, x=(*problem.x[:2], *_moved(problem.x[2:], random, 1, most)))


def _batched(problem: Problem, random: Random) -> Problem | None:
    if problem.unbatched:
        return None
    return replace(problem, x=(int(random.integers(1, 5)) * problem.batch_groups, *problem.x[1:]))


def _kernel(problem: Problem, random: Random) -> Problem:
    if problem.kernel:
        return replace(problem, kernel=_moved(problem.kernel, random, 1))
    return replace(problem, w=(*problem.w[:2], *_moved(problem.w[2:], random, 1)))


def _strided(problem: Problem, random: Random) -> Problem:
    return replace(problem, stride=_moved(problem.stride, random, 1))


def _dilated(problem: Problem, random: Random) -> Problem:
    return replace(problem, dilation=_moved(problem.dilation, random, 1))


def _spread(problem: Problem, random: Random) -> Problem | None:
    if max(problem.input_dilation, default=1) == 1:
        return None
    return replace(problem, input_dilation=_moved(problem.input_dilation, random, 1))


def _norm(problem: Problem, random: Random) -> Problem | None:
    return replace(problem, p=int(random.integers(1, 5))) if problem.op == "lp_pool" else None


def _grouped(problem: Problem, random: Random) -> Problem | None:
    """Return the problem with another number of groups of the same size."""
    if problem.groups == 1:
        return None
    groups = int(random.integers(2, 5))
    scaled = [problem.x[1] // problem.groups * groups, problem.w[0] // problem.groups * groups]
    return replace(
        problem,
        groups=groups,
        x=(problem.x[0], scaled[0], *problem.x[2:]),
        w=(scaled[1], *problem.w[1:]),
    )


def _padded(problem: Problem, random: Random) -> Problem | None:
    if isinstance(problem.padding, str):
        return None
    sides = _moved(tuple(side for pair in problem.padding for side in pair), random, 0)
    return replace(problem, padding=tuple(zip(sides[::2], sides[1::2], strict=True)))


def _flagged(problem: Problem, random: Random) -> Problem:
    """Return the problem with another way of padding, or with a flag turned."""
    flags = [name for name in ("ceil_mode", "count_include_pad", "bias") if name in OPS[problem.op]]
    if problem.grad:
        flags = []
    kinds = ["padding"] if "padding" in OPS[problem.op] else []
    name = [*flags, *kinds][int(random.integers(len(flags) + len(kinds)))]
    if name != "padding":
        turned: dict[str, Any] = {name: not getattr(problem, name)}
        return replace(problem, **turned)
    sides = [int(random.integers(3)) for _ in range(2 * problem.rank)]
    explicit = tuple(zip(sides[::2], sides[1::2], strict=True))
    kinds_of: tuple[Any, ...] = ("valid", explicit, explicit, "same_upper", problem.padding)
    return replace(problem, padding=kinds_of[int(random.integers(len(kinds_of)))])


def _channels(problem: Problem, random: Random) -> Problem | None:
    """Return the problem with more or fewer input channels in each group."""
    return _of_channels(problem, _more(problem.x[1] // problem.groups, random))


def _of_channels(problem: Problem, each: int) -> Problem:
    groups = problem.groups
    change: dict[str, Any] = {}
    change["x"] = (problem.x[0], each * groups, *problem.x[2:])
    if problem.op in ("conv", "conv1x1"):
        change["w"] = (problem.w[0], each, *problem.w[2:])
    elif problem.op == "conv_transpose":
        change["w"] = (each * groups, *problem.w[1:])
    elif problem.op == "depthwise_conv":
        change["w"] = (each, *problem.w[1:])
    elif problem.op == "separable_conv":
        change["w"] = (each, *problem.w[1:])
        change["pointwise"] = (problem.pointwise[0], each * problem.w[1])
    elif problem.op == "fold":
        taps = prod(problem.kernel)
        change["x"] = (problem.x[0], each * taps, *problem.x[2:])
    return replace(problem, **change)


def plain(problem: Problem) -> Iterator[Problem]:
    """Yield the problem without one of its features, one after the other, and on one channel.

    A feature that every case `around` shares is left: where it is a condition of the discrepancy,
    what is right without it refutes nothing.
    """
    others = [one for _, one in simpler_problems(problem, Verdict(Kind.VALUE))]
    seen = {problem}
    for one in (*others, _of_channels(problem, 1)):
        if one not in seen and _shared(one) == _shared(problem) and _is_fit(one):
            seen.add(one)
            yield one


def _shared(problem: Problem) -> tuple[object, ...]:
    """Return what no step changes."""
    spread = max(problem.input_dilation, default=1) > 1
    kept = (getattr(problem, name) for name in SHARED)
    return (*kept, problem.groups > 1, problem.batch_groups > 1, spread)


def _more(number: int, random: Random) -> int:
    """Return a number near to it, or about twice it: a block of channels may end in between."""
    if random.random() < 0.7:
        return max(1, number + int(random.integers(-1, 3)))
    return 2 * number + int(random.integers(-2, 9)) if number > 1 else int(random.integers(1, 33))


def _outputs(problem: Problem, random: Random) -> Problem | None:
    """Return the problem with more or fewer output channels in each group."""
    if problem.op not in ("conv", "conv1x1") or not problem.w[0]:
        return None
    groups = problem.groups * problem.batch_groups
    each = _more(problem.w[0] // groups, random)
    return replace(problem, w=(each * groups, *problem.w[1:]))


STEPS = (
    _sized, _sized, _batched, _kernel, _strided, _dilated, _padded, _channels, _outputs, _flagged,
    _spread, _norm, _grouped,
)  # fmt: skip
