"""What all differing elements have in common, where that tells one trouble from another.

It ends the message of a verdict, and the ledger's entries ask for it there: a clause alone would
also cover any other number that the same op gives.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from convformance.backend import Array
from convformance.bounds import is_exact
from convformance.expect import Expectation
from convformance.margins import margin
from convoracle.exact import FORMATS

INDICES_ALONE = ", indices alone"
BUT_FOR_NAN = " but where NaN is due"
OF_LOWEST = ", each of a maximum that is the lowest number"
AND_INDICES = ", and indices"
LOWEST_FINITE = ", each the lowest finite number where minus infinity is due"
ZERO = ", each zero where no more than the lowest finite number is due"
OVER_PADDING = ", each zero over padding alone"
LARGEST = ", each the largest finite number"
NOT_FINITE = " where NaN or infinity is due"
LIMITS = ", each the largest or the lowest finite number"
BEYOND = " where that infinity is due"
SAME_IN_FLOAT64 = ", each the same number in float64"
IN_FLOAT32 = ", each the nearest number of float32"
ROUNDED = ", each by no more than the rounding of its terms"
Place = tuple[str, tuple[int, ...]]


def in_common(expected: Expectation, arrays: Mapping[str, Array], wrong: Collection[Place]) -> str:
    """Return the end of a message about differing places, by array name; empty if there is none."""
    main = expected.problem.answers[0]
    row_of = {position: i for i, position in enumerate(expected.positions)}
    rows = [row_of[position] for name, position in wrong if name == main]
    if len(rows) < len(wrong):
        others = [i for i in rows if not math.isnan(float(expected.y[i]))]
        if not others:
            indices = [row_of[position] for name, position in wrong if name != main]
            beside = BUT_FOR_NAN if rows else OF_LOWEST * _of_lowest(expected, indices)
            return INDICES_ALONE + beside
        told = _lowest_or_in_float32(expected, expected.elements_of(arrays[main]), rows)
        return told + AND_INDICES if told else ""
    found = expected.elements_of(arrays[main])
    if expected.operation.dtype not in FORMATS:
        if _same_in_float64(expected, found, rows):
            return SAME_IN_FLOAT64
        return _lowest_or_in_float32(expected, found, rows)
    told = _lowest_or_in_float32(expected, found, rows)
    if not told and (kept := limits(expected, found, rows)).endswith(BEYOND):
        told = kept
    return told or ROUNDED * _rounded(expected, found, rows)


def _same_in_float64(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    return all(float(found[i]) == float(expected.y[i]) for i in rows)


def _lowest_or_in_float32(expected: Expectation, found: Array, rows: Sequence[int]) -> str:
    if expected.operation.dtype in FORMATS:
        if _lowest_finite(expected, found, rows):
            return LOWEST_FINITE
        if _zero(expected, found, rows):
            return ZERO
        if _zero_over_padding(expected, found, rows):
            return OVER_PADDING
        return largest(expected, found, rows)
    return IN_FLOAT32 if _in_float32(expected, found, rows) else ""


def _in_float32(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    """Whether whole numbers went through float32, and back within the limits of their dtype.

    What is past a limit may be the limit, or the last number of float32 ahead of it.
    """
    if found.dtype.kind not in "iu":
        return False
    limits = np.iinfo(found.dtype)
    last = int(np.nextafter(np.float32(limits.max), np.float32(0)))
    return all(
        int(found[i]) in ((nearest,) if nearest <= limits.max else (last, limits.max))
        for i, nearest in ((i, int(np.float32(int(expected.y[i])))) for i in rows)
    )


def _lowest_finite(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    """Whether it stands for the minus infinity of samples; what a NaN makes is another trouble."""
    wanted, lowest = _numbers(expected, rows), -_largest_of(expected)
    return bool(wanted) and all(
        float(expected.y[i]) == -math.inf and float(found[i]) == lowest for i in wanted
    )


def _zero(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    """Whether a maximum that no sample is above of was never taken; NaN is another trouble."""
    wanted, lowest = _numbers(expected, rows), -_largest_of(expected)
    return bool(wanted) and all(
        float(expected.y[i]) <= lowest and float(found[i]) == 0 for i in wanted
    )


def _of_lowest(expected: Expectation, rows: Sequence[int]) -> bool:
    """Whether no sample is above the number that a maximum may begin with."""
    dtype = expected.operation.dtype
    lowest = -_largest_of(expected) if dtype in FORMATS else np.iinfo(dtype).min
    return all(float(expected.y[i]) <= lowest for i in rows)


def _numbers(expected: Expectation, rows: Sequence[int]) -> list[int]:
    """Return the rows where a number is due, none if one of them has no sample."""
    wanted = [i for i in rows if not math.isnan(float(expected.y[i]))]
    # [max.empty] has no terms
    return wanted if all(expected.operation.terms(expected.positions[i]) for i in wanted) else []


def _zero_over_padding(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    """Whether nothing was taken of windows without a sample; [max.empty] has no terms."""
    return bool(rows) and all(
        float(found[i]) == 0 and not expected.operation.terms(expected.positions[i]) for i in rows
    )


def largest(expected: Expectation, found: Array, rows: Sequence[int]) -> str:
    """Tell of sums that were cut at the largest number, where another group's came in too."""
    end = _largest_of(expected)
    if not rows or not all(float(found[i]) == end for i in rows):
        return ""
    due = [float(expected.y[i]) for i in rows]
    return LARGEST + NOT_FINITE * all(math.isnan(one) or one == math.inf for one in due)


def limits(expected: Expectation, found: Array, rows: Sequence[int]) -> str:
    """Tell of sums that were kept between the limits of the finite numbers."""
    end = _largest_of(expected)
    if not _numbers(expected, rows) or not all(abs(float(found[i])) == end for i in rows):
        return ""
    due = [float(expected.y[i]) for i in rows]
    beyond = all(math.isinf(one) and one * found[i] > 0 for i, one in zip(rows, due, strict=True))
    return LIMITS + BEYOND * beyond


def _largest_of(expected: Expectation) -> float:
    return float(FORMATS[expected.operation.dtype].largest)


def _rounded(expected: Expectation, found: Array, rows: Sequence[int]) -> bool:
    """Whether each would be within the bound of real numbers, summed in the answer's own dtype."""
    dtype = expected.operation.dtype  # a wider sum may be rounded to it between two axes
    return not is_exact(expected.problem) and all(
        math.isfinite(float(found[i])) and margin(float(found[i]), expected, i, dtype) <= 1
        for i in rows
    )
