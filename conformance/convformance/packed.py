"""The cases of the exhaustive profile, and the part of them that a default run asks.

Axes of different geometries stand together in one problem: a 2-D case asks two tap maps at
once, a 3-D case three. An axis is met if the others show samples, for else nothing of it is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from math import prod
from typing import Any

from convformance.axis_classes import classes, is_solid
from convformance.exhaustive import (
    ADAPTIVE,
    CONVOLVING,
    FORMS,
    GLOBAL,
    PLAIN,
    Geometry,
    Map,
    axis_of,
    geometries,
    problem_of,
    tap_map,
)
from convformance.expect import TERM_BUDGET, terms_each
from convformance.meaning import output_shape
from convformance.problem import Case, Problem

# A compiler takes up to 0.1 s for each shape: the cases of all ops together stay within a minute.
MOST = {"conv": 150, "conv_transpose": 130, "max_pool": 150, "avg_pool": 150}
MOST_OF_OTHERS = 80
FEW_TERMS = 12_000  # of a packed case: the oracle loops over all of them
TRIED = 8  # axes of a class that are tried for a pair of classes
Pair = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """A case and the geometries of its axes."""

    case: Case
    axes: tuple[Geometry, ...]

    @property
    def maps(self) -> frozenset[Map]:
        """The tap maps that its values meet."""
        op = self.case.problem.op
        solid = [is_solid(op, one) for one in self.axes]
        met = [a for a in range(len(solid)) if all(solid[:a] + solid[a + 1 :])]
        return frozenset(tap_map(op, self.axes[a]) for a in met)


@dataclass(frozen=True)
class Covering:
    """Cases, and how much of the small geometries of the op they meet."""

    op: str
    asked: tuple[Asked, ...]

    @property
    def maps(self) -> tuple[int, int]:
        """(tap maps met, tap maps there are)."""
        return len(met(self.asked)), len(all_maps(self.op))

    @property
    def geometries(self) -> tuple[int, int]:
        """(geometries asked, geometries there are)."""
        found = {one for asked in self.asked for one in asked.axes}
        return len(found), len(geometries(self.op))


def met(asked: Iterable[Asked]) -> set[Map]:
    """Return the tap maps that the cases meet."""
    return {one for each in asked for one in each.maps}


@cache
def all_maps(op: str) -> dict[Map, Geometry]:
    """Return {tap map: its geometry that most frameworks can follow}, in a fixed order."""
    found: dict[Map, Geometry] = {}
    for one in sorted(geometries(op), key=_oddity):
        found.setdefault(tap_map(op, one), one)
    return found


def _oddity(geometry: Geometry) -> tuple[bool, ...]:
    """Sort first what fits beside most other axes, and what most frameworks can say."""
    name = isinstance(geometry.padding, str)
    before, after = (0, 0) if isinstance(geometry.padding, str) else geometry.padding
    return (
        name,
        before != after,
        2 * max(before, after) > geometry.kernel,
        geometry.dilation > 1,
        geometry.more >= geometry.stride,
        geometry.ceil_mode,
    )


def whole(op: str) -> Iterator[Asked]:
    """Yield a case for every geometry, then those of `covering`; the seed is the place."""
    seen: set[Map] = set()
    for i, one in enumerate(geometries(op)):
        found = tap_map(op, one)
        form = PLAIN if found in seen else FORMS[i % len(FORMS)]
        seen.add(found)
        yield Asked(Case(problem_of(op, [one], form), seed=i), (one,))
    yield from covering(op).asked


@cache
def covering(op: str) -> Covering:
    """Return the cases of a default run: pairs of classes, and as many tap maps as fit."""
    asked = list(_pairs(op))
    asked += _thirds(op, len(asked))
    already = met(asked)
    left = [one for found, one in all_maps(op).items() if found not in already]
    most = MOST.get(op, MOST_OF_OTHERS) - len(asked)
    asked += _packed(op, left, most, len(asked))
    return Covering(op, tuple(asked))


def _asked(op: str, axes: Sequence[Geometry], seed: int) -> Asked:
    """Return the case of the axes, in the richest form whose terms are few."""
    forms = [FORMS[(seed + turn) % len(FORMS)] for turn in range(len(FORMS))]
    problems = [problem_of(op, axes, form) for form in (*forms, PLAIN)]
    chosen = next((one for one in problems if terms_of(one) <= FEW_TERMS), problems[-1])
    return Asked(Case(chosen, seed=seed), tuple(axes))


def terms_of(problem: Problem) -> int:
    """Return how many terms the oracle adds up for the whole answer."""
    return prod(output_shape(problem)) * terms_each(problem)


@cache
def by_class(op: str) -> dict[str, dict[tuple[str, bool, bool, bool], list[Geometry]]]:
    """Return {class: {what is shared: geometries of different sets of classes}}."""
    found: dict[str, dict[tuple[str, bool, bool, bool], list[Geometry]]] = {}
    seen = set()
    for one in sorted(geometries(op), key=_oddity):
        key = classes(op, one), one.shared
        if key in seen:
            continue
        seen.add(key)
        for name in sorted(key[0]):
            found.setdefault(name, {}).setdefault(one.shared, []).append(one)
    return found


def possible_pairs(op: str) -> list[Pair]:
    """Return the pairs of different classes that two axes of one problem can have."""
    table = by_class(op)
    return [
        (one, other) for one, other in permutations(table, 2) if set(table[one]) & set(table[other])
    ]


def _pairs(op: str) -> Iterator[Asked]:
    """Yield 2-D cases until every possible pair of classes is covered."""
    left = dict.fromkeys(possible_pairs(op))
    fresh: set[Map] = set()
    seed = 0
    while left:
        axes = _best(op, next(iter(left)), left, fresh)
        for pair in product(classes(op, axes[0]), classes(op, axes[1])):
            left.pop(pair, None)
        asked = _asked(op, axes, seed)
        fresh |= asked.maps
        seed += 1
        yield asked


def _best(op: str, pair: Pair, left: dict[Pair, None], seen: set[Map]) -> tuple[Geometry, Geometry]:
    """Return two axes of the pair's classes that cover most of what is left, and new maps."""
    table = by_class(op)
    ones, others = table[pair[0]], table[pair[1]]
    found = [
        axes
        for shared in ones
        if shared in others
        for axes in product(_spread(ones[shared], TRIED), _spread(others[shared], TRIED))
    ]

    def gain(axes: tuple[Geometry, Geometry]) -> tuple[int, int]:
        pairs = product(classes(op, axes[0]), classes(op, axes[1]))
        fresh = sum(tap_map(op, one) not in seen for one in set(axes))
        return sum(pair in left for pair in pairs), fresh

    return max(found, key=gain)


def _spread(found: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` of them, evenly spread."""
    if len(found) <= most:
        return list(found)
    return [found[i * len(found) // most] for i in range(most)]


def _thirds(op: str, seed: int) -> Iterator[Asked]:
    """Yield 3-D cases until every class has stood on the third axis."""
    left = dict.fromkeys(by_class(op))
    while left:
        table = by_class(op)[next(iter(left))]
        last = max(
            (one for group in table.values() for one in group),
            key=lambda one: len(classes(op, one) & left.keys()),
        )
        for name in classes(op, last):
            left.pop(name, None)
        yield _asked(op, (*_light(op, last), last), seed)
        seed += 1


def _light(op: str, last: Geometry) -> tuple[Geometry, Geometry]:
    """Return two different solid axes with few terms that fit beside `last`."""
    fitting = [one for one in geometries(op) if one.shared == last.shared and is_solid(op, one)]
    fitting = [one for one in fitting if 1 < weight(op, one) <= 9] or fitting
    return fitting[len(fitting) // 3], fitting[2 * len(fitting) // 3]


@cache
def weight(op: str, geometry: Geometry) -> int:
    """Return about how many terms the axis multiplies a problem's by."""
    if op in (*ADAPTIVE, *GLOBAL):
        return geometry.size + geometry.output
    axis = axis_of(op, geometry)
    outputs = axis.size if op in ("conv_transpose", "fold") else axis.count
    return max(1, outputs * axis.kernel_size)


def _packed(op: str, left: Sequence[Geometry], most: int, seed: int) -> list[Asked]:
    """Return at most `most` cases that meet the maps of these geometries, evenly spread."""
    plain: list[tuple[Geometry, ...]] = []
    others: list[tuple[Geometry, ...]] = []
    for axes in _bundles(op, left):
        (others if any(any(_oddity(one)[:-1]) for one in axes) else plain).append(axes)
    # Every framework can follow the plain ones: half of the room is theirs.
    chosen = _spread(plain, max(most // 2, most - len(others)))
    chosen += _spread(others, most - len(chosen))
    return [_asked(op, axes, seed + i) for i, axes in enumerate(chosen)]


def _bundles(op: str, left: Sequence[Geometry]) -> Iterator[tuple[Geometry, ...]]:
    """Put axes of one company together: heavy beside light, so that no case is large."""
    companies: dict[object, list[Geometry]] = {}
    for one in left:
        if not is_solid(op, one):
            yield one, *_light(op, one)  # nothing else can be seen beside it
            continue
        companies.setdefault(_company(op, one), []).append(one)
    for group in companies.values():
        group.sort(key=lambda one: weight(op, one))
        third = -(-len(group) // 3)
        parts = group[:third], group[third : 2 * third][::-1], group[2 * third :][::-1]
        for i in range(third):
            found = [part[i] for part in parts if i < len(part)]
            turn = i % len(found)
            yield from _split(op, (*found[turn:], *found[:turn]))


def _split(op: str, axes: tuple[Geometry, ...]) -> Iterator[tuple[Geometry, ...]]:
    if len(axes) > 1 and terms_of(problem_of(op, axes)) > TERM_BUDGET // 2:
        yield axes[:1]
        yield axes[1:]
    else:
        yield axes


def _company(op: str, geometry: Geometry) -> object:
    """Return what axes should have in common for a framework to take all of them or none."""
    _, uneven, beyond, dilated, past, _ = _oddity(geometry)
    return geometry.shared, uneven, beyond, dilated and op not in CONVOLVING, past
