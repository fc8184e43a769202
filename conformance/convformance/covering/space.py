"""Which classes go together: the space of an op, as a product of small tables.

Within an op the factors fall into groups that know nothing of each other: its windows, its
channels, its data. What of a group is possible is enumerated, so that a tuple of classes is
valid just where a case of it exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

from convformance.covering.factors import (
    FACTORS,
    channels_class,
    classes_of,
    groups_class,
)
from convformance.exhaustive import ADAPTIVE, GLOBAL, Geometry, axis_of, geometries, problem_of
from convformance.expect import broken_clause
from convformance.problem import DTYPES, FILLS, MEMORIES, OPS, Case, Problem
from convformance.sizes import UNWINDOWED

WINDOWS = (
    "padding",
    "kernel against stride",
    "kernel against input",
    "dilation",
    "ceil",
    "divisor",
)
CHANNELS = ("groups", "channels", "output channels")
DATA = ("dtype", "fill", "memory", "batch")
ALONE = ("rank", "layout", "bias")

COUNTS = (1, 2, 3, 5, 8, 9, 12, 16, 17, 33, 64, 65)
MULTIPLIERS = (1, 2, 3, 8)
ONE_BYTE = ("int8", "uint8")  # always aligned, and without a byte order
BATCHES = {"1": 1, "2 to 4": 2, "5 or more": 5}
Classes = tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """Channels in and out, and the groups they fall into; M is 0 where the op has no weights."""

    C: int
    M: int = 0
    groups: int = 1


@dataclass(frozen=True)
class Space:
    """What of the factors an op has; `tables` is {group: {classes: what makes them}}."""

    op: str
    tables: Mapping[tuple[str, ...], Mapping[Classes, Sequence[Any]]]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that the op has, its own name first."""
        return ("op", *(name for group in self.tables for name in group))

    def is_possible(self, classes: Mapping[str, str]) -> bool:
        """Return whether a case of these classes exists; a factor left out may be any."""
        for group in self.tables:
            asked = tuple(name for name in group if name in classes)
            if asked and tuple(classes[name] for name in asked) not in _part(self.op, group, asked):
                return False
        return True

    def tuples(self, strength: int) -> Iterator[frozenset[tuple[str, str]]]:
        """Yield every valid set of so many (factor, class), of different factors."""
        for names in combinations(self.factors, strength):
            choices = [(self.op,) if name == "op" else self.classes(name) for name in names]
            for classes in product(*choices):
                if self.is_possible(dict(zip(names, classes, strict=True))):
                    yield frozenset(zip(names, classes, strict=True))

    def classes(self, name: str) -> tuple[str, ...]:
        """Return the classes of a factor that the op can have, in their order."""
        group = next(one for one in self.tables if name in one)
        met = _part(self.op, group, (name,))
        return tuple(one for one in FACTORS[name] if (one,) in met)


@cache
def space(op: str) -> Space:
    """Return the space of an op."""
    tables: dict[tuple[str, ...], dict[Classes, list[Any]]] = {}
    for names, found in ((WINDOWS, _windows(op)), (CHANNELS, _channels(op)), (DATA, _data(op))):
        own = tuple(name for name in names if name in found[0][0])
        table = tables.setdefault(own, {}) if own else {}
        for classes, made in found:
            table.setdefault(tuple(classes[name] for name in own), []).append(made)
    for name in ALONE:
        if name != "bias" or "bias" in OPS[op]:
            tables[name,] = {(one,): [one] for one in FACTORS[name]}
    return Space(op, tables)


@cache
def _part(op: str, group: tuple[str, ...], names: tuple[str, ...]) -> frozenset[Classes]:
    """Return what the table of a group has of some of its factors."""
    places = [group.index(name) for name in names]
    return frozenset(tuple(key[i] for i in places) for key in space(op).tables[group])


Found = list[tuple[dict[str, str], Any]]


def _windows(op: str) -> Found:
    """Return the classes of every small geometry with an output, and the geometry."""
    if op in UNWINDOWED or op == "conv1x1":
        return plain_axes(op)
    kind = "depthwise_conv" if op == "separable_conv" else op
    found = []
    for one in (*geometries(kind), *_more(kind)):
        if not _gives(kind, one):
            continue
        problem = problem_of(kind, [one])
        if broken_clause(problem) is None:
            classes = classes_of(Case(problem))
            found.append(({name: classes[name] for name in WINDOWS if name in classes}, one))
    return found


def plain_axes(op: str) -> Found:
    """Return the axes of an op without windows: they have no classes."""
    if op in (*ADAPTIVE, *GLOBAL):
        return [({}, one) for one in geometries(op) if one.size > 1]
    return [({}, Geometry(size)) for size in (1, 2, 3)]


def _gives(op: str, geometry: Geometry) -> bool:
    """Whether the geometry has samples and windows, and most frameworks' output padding."""
    if not geometry.size:
        return False
    axis = axis_of(op, geometry)
    spread = op != "conv_transpose" or (axis.size > 0 and geometry.more < geometry.stride)
    return spread and axis.count > 0


def _more(op: str) -> Iterator[Geometry]:
    """Yield geometries with paddings that the exhaustive profile has not."""
    if op == "max_unpool":
        return
    paddings: tuple[tuple[int, int] | str, ...] = (
        "causal",
        "full",
        (-1, 0),
        (0, -1),
        (-1, -1),
        (-1, 2),
        (2, -1),
    )
    shared = dict.fromkeys((one.ceil_mode, one.count_include_pad) for one in geometries(op))
    sizes = range(1, 9)
    for size, k, stride, d, padding in product(sizes, (1, 2, 3), (1, 2, 3), (1, 2, 3), paddings):
        for ceil, counts in shared:
            yield Geometry(size, k, stride, d, padding, ceil_mode=ceil, count_include_pad=counts)


def _channels(op: str) -> Found:
    """Return the classes of the counts of channels that the op can have, and the counts."""
    found = []
    for one in dict.fromkeys(_counts(op)):
        classes = {"channels": channels_class(one.C)}
        if one.M:
            classes["output channels"] = channels_class(one.M)
        if "groups" in OPS[op]:
            classes["groups"] = groups_class(one.C, one.M, one.groups)
        found.append((classes, one))
    return found


def _counts(op: str) -> Iterator[Counts]:
    if "w" not in OPS[op]:
        yield from map(Counts, COUNTS)
    elif op == "depthwise_conv":
        yield from (Counts(C, C * each) for C, each in product(COUNTS, MULTIPLIERS))
    elif "groups" not in OPS[op]:
        yield from (Counts(C, M) for C, M in product(COUNTS, COUNTS))
    else:
        yield from (Counts(C, M) for C, M in product(COUNTS, COUNTS))
        yield from (Counts(C, C * each, C) for C, each in product(COUNTS[1:], MULTIPLIERS))
        for C, M, groups in product(COUNTS, COUNTS, (2, 3, 8)):
            if C % groups == M % groups == 0 and groups < C:
                yield Counts(C, M, groups)


def _data(op: str) -> Found:
    """Return the classes of dtype, fill, memory and batch that have a meaning together."""
    found = []
    for dtype, fill in product(DTYPES, FILLS):
        if not _has_case(op, dtype, fill):
            continue
        for memory, batch in product(MEMORIES, BATCHES):
            if memory == "broadcast" and batch == "1":
                continue  # nothing is repeated
            if memory == "unaligned" and dtype in ONE_BYTE:
                continue
            if memory == "byteswapped" and dtype in (*ONE_BYTE, "bfloat16"):
                continue
            classes = dict(zip(DATA, (dtype, fill, memory, batch), strict=True))
            found.append((classes, (dtype, fill, memory, BATCHES[batch])))
    return found


def _has_case(op: str, dtype: str, fill: str) -> bool:
    """Return whether the fill has a meaning for the op and the dtype."""
    try:
        problem = small_problem(op, dtype)
        Case(problem, fill)
    except ValueError:
        return False
    return broken_clause(problem) is None


def small_problem(op: str, dtype: str) -> Problem:
    """Return some problem of the op."""
    needed: dict[str, Any] = {"kernel": (1,), "output": (1,), "w": (1, 1, 1), "pointwise": (1, 1)}
    if op == "conv1x1":
        needed["w"] = (1, 1)
    values = {name: value for name, value in needed.items() if name in OPS[op]}
    return Problem(op, (1, 1, 1), dtype=dtype, **values)
