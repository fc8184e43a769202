"""Make the covering list: arrays of pairs for each op, and of them the cases that meet most.

All pairs of an op's factors are all triples with the op; most other triples are met by the rows
of one op or another, and rows are added for those that are not. Of all these cases one after the
other is taken that meets most of what is left.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from allpairspy import AllPairs

from convformance.covering.count import Tuple, tuples_met, tuples_of, valid
from convformance.covering.factors import classes_of
from convformance.covering.space import Counts, Space, plain_axes, space
from convformance.exhaustive import Form, Geometry, problem_of
from convformance.expect import TERM_BUDGET, broken_clause
from convformance.packed import terms_of
from convformance.problem import OPS, Case, Problem

TRIES = 12  # rows of which the one is taken that meets most
ENOUGH = 0.955  # of the triples
PAIR = 20  # triples that a pair is worth
LIGHTEST = 12  # geometries of one kind among which an axis is chosen
Row = Mapping[str, str]


def rows(one: Space) -> list[Row]:
    """Return rows of classes that meet every valid pair of the op's factors."""
    order = list(one.factors[1:])
    random.Random(0).shuffle(order)
    # A long backtrack is spared if the data come first.
    order.sort(key=lambda name: name not in ("dtype", "fill", "memory"))
    found: list[Row] = []
    left = set(one.tuples(2))
    while left:
        before = len(left)
        tested = [[row[name] for name in order] for row in found]
        for made in AllPairs(
            [one.classes(name) for name in order],
            filter_func=lambda some: one.is_possible(dict(zip(order, some, strict=False))),
            previously_tested=tested,
        ):
            row = {"op": one.op, **dict(zip(order, made, strict=True))}
            found.append(row)
            left -= {frozenset(pair) for pair in combinations(row.items(), 2)}
        if len(left) == before:
            mended = _completed(one, dict(min(left, key=sorted)))
            found.append(mended)
            left -= {frozenset(pair) for pair in combinations(mended.items(), 2)}
    return found


def _completed(one: Space, given: Row, dice: random.Random | None = None) -> Row:
    """Return a row of the given classes, the rest the first that is possible, or by the dice."""
    row, names = {"op": one.op, **given}, [name for name in one.factors if name not in given]
    if dice:
        dice.shuffle(names)
    for name in names:
        if name != "op":
            choices = [each for each in one.classes(name) if one.is_possible({**row, name: each})]
            row[name] = dice.choice(choices) if dice else choices[0]
    return {name: row[name] for name in one.factors}


def _mended(missing: set[Tuple]) -> Iterator[Row]:
    """Yield rows that meet the missing triples, each the best of a few."""
    dice = random.Random(0)
    for triple in sorted(missing, key=sorted):
        if triple not in missing:
            continue
        given = dict(triple)
        spaces = [space(op) for op in OPS if _has(space(op), given)]
        tried = [_completed(dice.choice(spaces), given, dice) for _ in range(TRIES)]
        row, met = max(
            ((row, missing & _triples(row)) for row in tried), key=lambda found: len(found[1])
        )
        missing -= met
        yield row


def _triples(row: Row) -> set[Tuple]:
    return set(map(frozenset, combinations(row.items(), 3)))


def _has(one: Space, given: Row) -> bool:
    """Whether the op has all the factors, and the classes go together."""
    if given.get("op", one.op) != one.op or not set(given) <= set(one.factors):
        return False
    return one.is_possible(given)


def case_of(row: Row, seed: int) -> Case:
    """Return a case of just these classes, the seed choosing among its sizes."""
    one, dice = space(row["op"]), random.Random(seed)
    made = {group: table[tuple(row[name] for name in group)] for group, table in one.tables.items()}
    windows = next((found for group, found in made.items() if "padding" in group), None)
    counts: Counts = dice.choice(next(v for group, v in made.items() if "channels" in group))
    dtype, fill, memory, N = next(v for group, v in made.items() if "dtype" in group)[0]
    rank = int(row["rank"])
    for lightest in (LIGHTEST, 4, 1):
        axes = _axes(one.op, windows, rank, lightest, dice)
        problem = _problem(row, axes, counts, N, dice)
        problem = replace(problem, dtype=dtype, layout=row["layout"], memory=memory)
        if terms_of(problem) <= TERM_BUDGET:
            break
    case = Case(problem, fill, seed)
    broken = broken_clause(problem)
    if broken or classes_of(case) != dict(row):
        raise AssertionError(f"{case.line}: {broken or classes_of(case)} for {row}")
    return case


def _axes(
    op: str, windows: Sequence[Geometry] | None, rank: int, lightest: int, dice: random.Random
) -> list[Geometry]:
    """Return one geometry an axis, of those with few terms; what they share is the same."""
    found = windows or [one for _, one in plain_axes(op)]
    chosen = dice.choice(sorted({one.shared for one in found}))
    light = sorted((one for one in found if one.shared == chosen), key=lambda one: _weight(op, one))
    return [dice.choice(light[:lightest]) for _ in range(rank)]


def _weight(op: str, one: Geometry) -> int:
    return one.size * max(1, one.kernel) * max(1, one.output)


def _problem(
    row: Row, axes: list[Geometry], counts: Counts, N: int, dice: random.Random
) -> Problem:
    op, bias = row["op"], row.get("bias") == "with"
    spatial = tuple(one.size for one in axes)
    C, M, groups = counts.C, counts.M, counts.groups
    if op == "conv1x1":
        return Problem(op, (N, C, *spatial), (M, C), bias=bias)
    form = Form(N, C, M // groups, groups, bias, dice.choice((1, 2, 3)), dice.random() < 0.5)
    if op == "separable_conv":
        plain = problem_of("depthwise_conv", axes, replace(form, M=1))
        return Problem(op, plain.x, plain.w, stride=plain.stride, padding=plain.padding,
                       dilation=plain.dilation, pointwise=(M, C))  # fmt: skip
    if op == "depthwise_conv":
        form = replace(form, M=M // C)
    return problem_of(op, axes, form)


def pool() -> list[Case]:
    """Return the cases of an array of each op, and of what all of them leave out."""
    found: list[Case] = []
    for op in OPS:
        found += [case_of(row, len(found) + i) for i, row in enumerate(rows(space(op)))]
    missing = set(valid(3)) - tuples_met(found, 3)
    return found + [case_of(row, len(found) + i) for i, row in enumerate(_mended(missing))]


def chosen(found: Sequence[Case]) -> list[Case]:
    """Return the cases that meet all pairs and enough triples, those that meet most first."""
    places = {one: i for i, one in enumerate([*valid(2), *valid(3)])}
    pairs = len(valid(2))
    left = np.ones(len(places))
    left[:pairs] = PAIR
    met = [_places(case, places) for case in found]
    longest = max(map(len, met))
    # A case without so many tuples meets its last one again: a table has rows of one length.
    table = np.stack([np.pad(one, (0, longest - len(one)), mode="edge") for one in met])
    twice = np.array([longest - len(one) for one in met])
    spare = len(valid(3)) * (1 - ENOUGH)
    result: list[Case] = []
    while left[:pairs].any() or left[pairs:].sum() > spare:
        gains = left[table].sum(axis=1) - twice * left[table[:, -1]]
        best = int(gains.argmax())
        result.append(found[best])
        left[met[best]] = 0
    return result


def _places(case: Case, places: Mapping[Tuple, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([places[one] for strength in (2, 3) for one in tuples_of(case, strength)])
