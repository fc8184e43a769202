"""What all differing elements have in common is told, and nothing is told of any other number."""

import ml_dtypes
import numpy as np
import pytest

from convformance.backend import Outcome
from convformance.backends.numpy_backend import NumpyBackend
from convformance.expect import expectation
from convformance.fills import make_arrays
from convformance.judge import Trial, judge
from convformance.problem import Case
from convformance.tells import (
    AND_INDICES,
    BEYOND,
    BUT_FOR_NAN,
    IN_FLOAT32,
    INDICES_ALONE,
    LARGEST,
    LIMITS,
    LOWEST_FINITE,
    NOT_FINITE,
    OF_LOWEST,
    OVER_PADDING,
    ROUNDED,
    SAME_IN_FLOAT64,
    ZERO,
)

NAN, INF = float("nan"), float("inf")


def told(line, *arrays, **given):
    """Return what is told beside the count of what differs."""
    return judged(line, *arrays, **given).partition("differ")[2]


def judged(line, x=None, accumulators=None, w=None, **given):
    """Return the message on a right answer with some arrays put in its place."""
    case = Case.parse(line)
    arrays = dict(make_arrays(case))
    for name, values in {"x": x, "w": w}.items():
        if values is not None:
            arrays[name] = np.array(values, arrays[name].dtype).reshape(arrays[name].shape)
    right = dict(NumpyBackend().run(case.problem, arrays).arrays)
    for name, values in given.items():
        right[name] = np.array(values, right[name].dtype).reshape(right[name].shape)
    expected = expectation(case.problem, arrays)
    return judge(Trial(case, expected, Outcome("arrays", right), accumulators or {})).message


POOL = "max_pool x=1x1x3 kernel=2 float32 fill=integers#0"
INDEXED = "max_pool x=1x1x3 kernel=2 indices float32 fill=integers#0"
LOWEST = float(np.finfo(np.float32).min)


def test_indices_alone_are_told_from_a_wrong_number_beside_them():
    assert told(INDEXED, [1, 2, 3], indices=[0, 2]) == INDICES_ALONE
    assert told(INDEXED, [1, 2, 3], y=[1, 3], indices=[0, 2]) == ""
    assert told(INDEXED, [1, 2, 3], y=[1, 3]) == ""


@pytest.mark.parametrize(
    ("dtype", "lowest"),
    [("float32", LOWEST), ("float32", -INF), ("int8", -128), ("uint8", 0), ("float16", -65504.0)],
)
def test_indices_of_maxima_that_are_the_lowest_number_are_told(dtype, lowest):
    line = INDEXED.replace("float32", dtype)
    both = INDICES_ALONE + OF_LOWEST
    assert told(line, [lowest, lowest, lowest], indices=[0, 0]) == both
    assert told(line, [lowest, lowest, 3], indices=[1, 2]) == both
    assert told(line, [lowest, 2, lowest], indices=[1, 2]) == INDICES_ALONE
    assert told(line, [2, lowest, lowest], indices=[1, 2]) == INDICES_ALONE


def test_indices_are_told_beside_what_a_nan_makes():
    assert told(INDEXED, [NAN, 2, 3], y=[2, 3], indices=[0, 1]) == INDICES_ALONE + BUT_FOR_NAN
    assert told(INDEXED, [NAN, 2, 3], y=[2, 4], indices=[0, 1]) == ""


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([-INF, -INF, 1], [LOWEST, 1], LOWEST_FINITE),
        ([-INF, -INF, -INF], [LOWEST, LOWEST], LOWEST_FINITE),
        ([-INF, -INF, NAN], [LOWEST, LOWEST], LOWEST_FINITE),  # a NaN that is skipped besides
        ([-INF, -INF, 1], [LOWEST, 2], ""),
        ([-INF, -INF, 1], [0, 1], ZERO),
        ([-INF, -INF, -INF], [0, LOWEST], ""),
        ([LOWEST, -INF, 1], [0, 1], ZERO),
        ([LOWEST / 2, -INF, 1], [0, 1], ""),
        ([-INF, -INF, 1], [INF, 1], ""),
        ([NAN, 1, 1], [LOWEST, 1], ""),
        ([LOWEST, LOWEST, 1], [-INF, 1], ""),
        ([1, 2, 3], [LOWEST, 3], ""),
    ],
)
def test_what_a_maximum_starts_at_is_told_where_minus_infinity_is_due(x, y, text):
    assert told(POOL, x, y=y) == text


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([NAN, 1, 1], [-LOWEST, 2], LARGEST + NOT_FINITE),
        ([INF, 1, 1], [-LOWEST, 2], LARGEST + NOT_FINITE),
        ([-LOWEST, -LOWEST, -INF], [-LOWEST, -INF], LARGEST + NOT_FINITE),
        ([-INF, 1, 1], [-LOWEST, 2], LARGEST),
        ([NAN, 1, 1], [-LOWEST, 3], ""),
        ([NAN, 1, 1], [INF, 2], ""),
        ([1, 1, 1], [-LOWEST, 2], LARGEST),
    ],
)
def test_the_largest_finite_number_is_told_and_where_nan_or_infinity_is_due(x, y, text):
    line = "conv x=1x1x3 w=1x1x2 float32 fill=integers#0"
    assert told(line, x, w=[1, 1], y=y) == text


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([INF, 1, -INF], [-LOWEST, LOWEST], LIMITS + BEYOND),
        ([INF, 1, -INF], [LOWEST, -LOWEST], ""),
        ([INF, 1, 1], [-LOWEST, LOWEST], ""),
        ([INF, 1, -INF], [-LOWEST, 0], ""),
        ([-LOWEST, -LOWEST, -INF], [-LOWEST, LOWEST], LIMITS + BEYOND),
    ],
)
def test_sums_that_are_kept_between_the_finite_limits_are_told(x, y, text):
    line = "conv x=1x1x3 w=1x1x2 float32 fill=integers#0"
    assert told(line, x, w=[1, 1], y=y) == text


@pytest.mark.parametrize(("y", "text"), [(LOWEST, LIMITS + BEYOND), (LOWEST / 2, "")])
def test_a_bound_that_is_exceeded_by_the_finite_limit_is_told(y, text):
    line = "conv x=1x1x2 w=1x1x2 float32 fill=real#0"
    said = judged(line, [LOWEST, LOWEST], w=[1, 1], y=y)
    assert said.partition("times")[2] == text


def test_a_sum_that_was_cut_on_its_way_is_told_of_a_bound():
    line = "conv x=1x1x3 w=1x1x3 float32 fill=real#0"
    said = judged(line, [LOWEST, LOWEST, -LOWEST], w=[1, 1, 1], y=[-LOWEST / 2])
    assert said.partition("times")[2] == ""
    said = judged(line, [-LOWEST, LOWEST, 1], w=[1, 1, 1], y=LOWEST)
    assert said.partition("times")[2] == LIMITS


def test_the_lowest_finite_number_is_that_of_the_dtype():
    line = "max_pool x=1x1x2 kernel=2 bfloat16 fill=integers#0"
    lowest = float(ml_dtypes.finfo(ml_dtypes.bfloat16).min)
    assert told(line, [-INF, -INF], y=[lowest]) == LOWEST_FINITE
    assert told(line, [-INF, -INF], y=[lowest / 2]) == ""


def test_a_window_over_padding_alone_is_another_trouble():
    """It holds no sample, so that no minus infinity was passed over."""
    line = "max_pool x=1x1x1 kernel=1 padding=0+1 float32 fill=integers#0"
    assert told(line, [1], y=[1, LOWEST]) == ""


@pytest.mark.parametrize(
    ("y", "indices", "text"),
    [
        ([1, 0], [0, 0], OVER_PADDING),  # what stands there for an index is left open
        ([1, 0], [1, 0], OVER_PADDING + AND_INDICES),
        ([0, 0], [0, 0], ""),
        ([1, 2], [0, 0], ""),
        ([0, -INF], [0, 0], ""),
    ],
)
def test_zero_is_told_over_padding_alone(y, indices, text):
    line = "max_pool x=1x1x1 kernel=1 padding=0+1 indices float32 fill=integers#0"
    assert told(line, [1], y=y, indices=indices) == text


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([2.0**127, 2.0**127, -(2.0**127)], -LOWEST, LARGEST),
        ([1.5 * 2.0**127, 1.5 * 2.0**127, 1], -LOWEST, LARGEST + NOT_FINITE),
        ([2.0**127, 2.0**127, -(2.0**127)], 2.0**126, ""),
        ([1, 2, 3], -LOWEST, LARGEST),
    ],
)
def test_the_largest_finite_number_is_told_where_a_bound_is_exceeded(x, y, text):
    message = judged("conv x=1x1x3 w=1x1x3 float32 fill=overflow#0", x, w=[1, 1, 1], y=[y])
    assert message.partition(" times")[2] == text


def test_whole_numbers_that_float64_takes_for_one_are_told():
    line = "max_pool x=1x1x2 kernel=2 int64 fill=integers#0"
    assert told(line, [-(2**63), -(2**63) + 1], y=[-(2**63)]) == SAME_IN_FLOAT64
    assert told(line, [-(2**63), -(2**63) + 1], y=[-(2**63) + 4096]) == ""
    assert told(line, [1, 2], y=[1]) == ""


def test_what_rounding_explains_is_told_from_a_wrong_number():
    """4 roundings of 2**-24 on terms that sum to 3 are 7.2e-7: three last places, not four."""
    line = "lp_pool x=1x1x2 kernel=2 p=1 float32 fill=integers#0"
    assert told(line, [1, 2], y=[3 + 2**-22]) == ROUNDED
    assert told(line, [1, 2], {"float32": "float64"}, y=[3 + 2**-22]) == ROUNDED
    assert told(line, [1, 2], y=[3 + 3 * 2**-22]) == ROUNDED
    assert told(line, [1, 2], y=[3 + 2**-20]) == ""
    assert told(line, [1, 2], y=[INF]) == ""
    assert told(line, [1, 2], y=[7]) == ""


def test_a_sample_has_no_rounding():
    assert told(POOL, [1, 2, 3], y=[2 + 2**-22, 3]) == ""


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (2**24 + 3, 2**24 + 4, IN_FLOAT32),
        (2**24 + 3, 2**24 + 2, ""),  # a number of float32 too, and another one
        (2**31 - 1, 2**31 - 2, ""),
        (2**31 - 3, 2**31 - 1, IN_FLOAT32),  # 2^31 is past the limits
        (2**31 - 3, 2**31 - 128, IN_FLOAT32),
        (2**31 - 129, 2**31 - 1, ""),
        (1 - 2**31, -(2**31), IN_FLOAT32),
        (5, 6, ""),
    ],
)
def test_whole_numbers_that_went_through_float32_are_told(x, y, text):
    assert told("max_pool x=1x1x1 kernel=1 int32 fill=integers#0", [x], y=[y]) == text


def test_the_lowest_finite_number_is_told_beside_indices_that_differ_too():
    assert told(INDEXED, [1, -INF, -INF], y=[1, LOWEST], indices=[0, 0]) == (
        LOWEST_FINITE + AND_INDICES
    )
    assert told(INDEXED, [1, -INF, -INF], y=[2, LOWEST], indices=[0, 0]) == ""
