"""The numbers that laws are checked with: small whole ones, so that every sum is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convformance.backend import Array
from convformance.expect import terms_each
from convformance.fills import limit, make_arrays
from convformance.laws.law import NotAnswered
from convformance.problem import Case

LARGEST = 3
ROOM = 8  # a law adds up to three answers with factors up to 3: |a| + |b| + 3 of them fit


def whole_numbers(case: Case, factors: int = 2) -> dict[str, Array]:
    """Return the case's arrays cut down to whole numbers from 1 to 3, with their signs.

    `factors` of them are multiplied in one term. Raises `NotAnswered` if even ones add up to
    more than the significand holds.
    """
    room = limit(case.problem) // (ROOM * terms_each(case.problem))
    if room < 1:
        raise NotAnswered(f"a sum of ones may not fit the significand of {case.problem.dtype}")
    most = LARGEST if room >= LARGEST**factors else 1
    return {name: _cut(array, most) for name, array in make_arrays(case).items()}


def _cut(array: Array, most: int) -> Array:
    if array.dtype.kind in "iub":
        return array
    size = (np.abs(array) - 1) % most + 1
    return np.where(array < 0, -size, np.where(array == 0, 1, size)).astype(array.dtype)


def other_samples(case: Case, factors: int = 2) -> Array:
    """Return a second input of the same shape."""
    return whole_numbers(replace(case, seed=case.seed + 1), factors)["x"]


def random(case: Case) -> np.random.Generator:
    """Return the generator of a law's own choices: cells, shifts, orders."""
    return np.random.Generator(np.random.PCG64([case.seed, 77]))


def cells(sizes: Sequence[int], generator: np.random.Generator) -> list[tuple[int, ...]]:
    """Return the first corner, the middle and a drawn cell, each once."""
    drawn = tuple(int(generator.integers(size)) for size in sizes)
    middle = tuple(size // 2 for size in sizes)
    return list(dict.fromkeys(((0,) * len(sizes), middle, drawn)))
