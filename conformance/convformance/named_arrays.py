"""The arrays of the named fills, made of the whole numbers of the same seed.

Those whole numbers fit the significand, so that what a fill puts among them is all that is odd.
The right answer depends on no order of summation, or the fill is judged by the derived bound.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np

from convformance.backend import Array
from convformance.expect import terms_each
from convformance.named import AVERAGES, CHOOSING, WEIGHTED
from convformance.problem import Case, Problem
from convoracle.exact import FORMATS, UNSIGNED, Format

Random = np.random.Generator
Whole = dict[str, Array]
Make = Callable[[Case, Whole, Random], Whole]
STREAM = 100  # of random numbers: those below are the arrays' of the drawn fills
SMALL = 1e-2  # around a spike
SPIKE = {"float16": 2.0**3, "bfloat16": 2.0**12, "float32": 2.0**12, "float64": 2.0**40}
NEARLY = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-3, "float64": 1e-3}


def named_arrays(case: Case, whole: Whole) -> dict[str, Array]:
    """Return the arrays of a named fill, not yet in the dtype; `whole` are those of `integers`."""
    random = np.random.Generator(np.random.PCG64([case.seed, STREAM]))
    floats = case.problem.is_float
    given = {
        name: one.astype(float) if floats and name != "indices" else one
        for name, one in whole.items()
    }
    return {**given, **MAKERS[case.fill](case, given, random)}


def walked(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Return the place of a step: a plane's corners, then every position, then other planes."""
    sizes = shape[2:]
    corners = list(product(*(sorted({0, size - 1}) for size in sizes)))
    turn, spot = divmod(step, len(corners) + prod(sizes))
    if spot < len(corners):
        place = corners[spot]
    else:
        place = tuple(map(int, np.unravel_index(spot - len(corners), sizes))) if sizes else ()
    plane = np.unravel_index((turn + spot) % prod(shape[:2]), shape[:2])
    return (*map(int, plane), *place)


def _main(problem: Problem) -> str:
    """Return the array in which what is odd stands."""
    return "dy" if problem.grad else "x"


def _form(problem: Problem) -> Format:
    return FORMATS[problem.dtype]


def _put(x: Array, value: float, step: int) -> Array:
    """Return x with the value at the place of a step."""
    if x.size:
        x = x.copy()
        x[walked(x.shape, step)] = value
    return x


def _nan(case: Case, whole: Whole, _random: Random) -> Whole:
    main = _main(case.problem)
    return {main: _put(whole[main], np.nan, case.seed)}


def _infinity(case: Case, whole: Whole, _random: Random) -> Whole:
    main = _main(case.problem)
    return {main: _put(whole[main], (np.inf, -np.inf)[case.seed % 2], case.seed // 2)}


def _lowest(case: Case, whole: Whole, _random: Random) -> Whole:
    problem, x = case.problem, whole["x"]
    if problem.is_float:
        least, next_up = -np.inf, -float(_form(problem).largest)
    else:
        least = int(np.iinfo(problem.dtype).min)
        next_up = least + 1
    x = np.full_like(x, least)
    return {"x": _put(x, next_up, case.seed // 2) if case.seed % 2 else x}


def _ties(case: Case, whole: Whole, random: Random) -> Whole:
    few: tuple[float, ...] = (-1, 0, 1)
    if case.problem.dtype in UNSIGNED:
        few = (0, 1)
    elif case.problem.is_float:
        few = ((0.0, -0.0, 0.0, -0.0, 1.0, -1.0), (0.0, -0.0))[case.seed % 2]
    return {"x": random.choice(few, whole["x"].shape)}


def _weights(case: Case, whole: Whole, random: Random) -> Whole:
    x, w, kind = whole["x"], whole["w"], case.seed % 4
    if kind == 3:
        infinite = random.random(x.shape) < 0.125
        x = np.where(infinite, random.choice((np.inf, -np.inf), x.shape), x)
        return {"x": x, "w": np.where(random.random(w.shape) < 0.5, 0, w)}
    x = np.where(random.random(x.shape) < 0.5, 0, x)
    return {"x": x, "w": _put(w, (np.inf, -np.inf, np.nan)[kind], case.seed // 4)}


def _subnormal(case: Case, whole: Whole, _random: Random) -> Whole:
    problem, tiny = case.problem, float(_form(case.problem).subnormal)
    by_weight = case.seed % 2 and problem.op in WEIGHTED and problem.grad in ("", "x")
    small = ["w" if by_weight else _main(problem), *(["bias"] if problem.bias else [])]
    return {name: np.asarray(whole[name] * tiny) for name in small}


def _underflow(case: Case, whole: Whole, random: Random) -> Whole:
    problem, form = case.problem, _form(case.problem)
    if problem.op in AVERAGES:
        x = random.choice((0, 0, 0, 1, 0, 0, 0, -1), whole["x"].shape)
        return {"x": x * float(form.normal)}
    one, other = {"": ("w", "x"), "x": ("w", "dy"), "w": ("x", "dy")}[problem.grad]
    exponent = form.least_exponent - form.precision + 1  # of the smallest number above zero
    half = exponent // 2
    less = np.trunc(whole[one] / 2)  # the sums stay below the normal numbers, where they can
    scaled = {
        one: (less if less.any() else whole[one]) * 2.0**half,
        other: whole[other] * 2.0 ** (exponent - half),
    }
    return scaled | ({"bias": whole["bias"] * 0} if problem.bias else {})


def _largest(case: Case, whole: Whole, random: Random) -> Whole:
    problem, main = case.problem, _main(case.problem)
    largest, sign = float(_form(problem).largest), (1, -1)[case.seed % 2]
    x = whole[main]
    if problem.op in CHOOSING and not problem.grad:
        return {main: random.choice((largest, -largest, 0, 1, largest * 0.75), x.shape)}
    if problem.op in AVERAGES:  # two would overflow on the way
        return {main: _put(np.zeros_like(x), sign * largest, case.seed // 2)}
    # All terms have one sign: a sum past the largest number never comes back.
    there = np.asarray(random.random(x.shape) < _density(problem, 1.5))
    found: Whole = {main: sign * largest * there}
    return found | _others(problem, whole, lambda one: random.choice((0, 1, 1, 2), one.shape))


def _overflow(case: Case, whole: Whole, random: Random) -> Whole:
    problem, main = case.problem, _main(case.problem)
    large = 1.5 * 2.0 ** (1 - _form(problem).least_exponent)  # twice that is past the largest
    shape = whole[main].shape
    x = random.choice((large, -large), shape) * (random.random(shape) < _density(problem, 6))
    return {main: x} | _others(problem, whole, lambda one: random.choice((1, -1, 1, 0), one.shape))


def _density(problem: Problem, number: float) -> float:
    """Return the part of the samples of which about `number` stand under one window."""
    return min(0.5, number / terms_each(problem))


def _others(problem: Problem, whole: Whole, make: Callable[[Array], Array]) -> Whole:
    """Return the other operand of the products, made anew, and no bias."""
    found = {}
    if problem.op in WEIGHTED:
        names = ("x",) if problem.grad == "w" else ("w", "pointwise")
        found = {name: make(whole[name]) for name in names if name in whole}
    return found | ({"bias": whole["bias"] * 0} if problem.bias else {})


def _ends(case: Case, whole: Whole, random: Random) -> Whole:
    problem, main = case.problem, _main(case.problem)
    shape = whole[main].shape
    signs = random.choice((-1, 1), shape)
    if problem.is_float:
        end = 2.0 ** _form(problem).precision
        return {main: signs * (end + random.choice((-3, -2, -1, 0, 2, 4), shape))}
    info = np.iinfo(problem.dtype)
    ends = [*(info.max - random.integers(0, 3, 4)), *(info.min + random.integers(0, 3, 4))]
    around = {
        "int8": (),
        "int32": (2**24,),
        "int64": (2**24, 2**31, 2**32, 2**53),
    }[problem.dtype]
    kind = case.seed % (1 + len(around))
    if kind < len(around):
        x = signs * (around[kind] + random.integers(-3, 4, shape))
    else:
        x = random.choice(np.array([*ends, 0, 1, -1], np.int64), shape)
    return {main: x} | _others(problem, whole, lambda one: random.choice((-1, 0, 1, 2), one.shape))


def _unsigned(_case: Case, whole: Whole, random: Random) -> Whole:
    low = {"x": 120, "w": 0, "pointwise": 0, "bias": 100}
    high = {"x": 256, "w": 4, "pointwise": 4, "bias": 256}
    found: Whole = {}
    for name in filter(whole.__contains__, low):
        found[name] = np.asarray(random.integers(low[name], high[name], whole[name].shape))
    return found


def _spike(case: Case, whole: Whole, random: Random) -> Whole:
    problem, main = case.problem, _main(case.problem)
    found = _noise(problem, whole, random, 0.0, 1.0)
    found[main] = _put(SMALL * found[main], SPIKE[problem.dtype], case.seed)
    return found


def _cancel(case: Case, whole: Whole, random: Random) -> Whole:
    problem, main = case.problem, _main(case.problem)
    found = _noise(problem, whole, random, 1.0, NEARLY[problem.dtype])
    x = found[main]
    found[main] = x * np.where(np.arange(x.size).reshape(x.shape) % 2, 1, -1)
    return found


def _noise(
    problem: Problem, whole: Whole, random: Random, middle: float, spread: float
) -> dict[str, Array]:
    """Return real numbers around the middle for every array that is multiplied or added."""
    fixed = ("indices", "w") if problem.op == "distance_pool" else ("indices",)
    found: Whole = {}
    for name, one in whole.items():
        if name not in fixed:
            found[name] = np.asarray(middle + spread * random.standard_normal(one.shape))
    return found


MAKERS: dict[str, Make] = {
    "nan": _nan,
    "infinity": _infinity,
    "lowest": _lowest,
    "ties": _ties,
    "weights": _weights,
    "subnormal": _subnormal,
    "underflow": _underflow,
    "largest": _largest,
    "overflow": _overflow,
    "ends": _ends,
    "unsigned": _unsigned,
    "spike": _spike,
    "cancel": _cancel,
}
