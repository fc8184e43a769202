"""How many pairs and triples of classes there are, and which a set of cases meets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations

from convformance.covering.factors import classes_of
from convformance.covering.space import space
from convformance.problem import OPS, Case

Tuple = frozenset[tuple[str, str]]  # of (factor, class)


@cache
def valid(strength: int) -> frozenset[Tuple]:
    """Return every tuple of so many classes that some case has."""
    return frozenset(one for op in OPS for one in space(op).tuples(strength))


def tuples_of(case: Case, strength: int) -> frozenset[Tuple]:
    """Return the tuples of classes that a valid case meets."""
    return frozenset(map(frozenset, combinations(classes_of(case).items(), strength)))


def tuples_met(cases: Iterable[Case], strength: int) -> set[Tuple]:
    """Return the tuples that the cases meet."""
    return {one for case in cases for one in tuples_of(case, strength)}
