"""The named fills: what each holds, that no order of summation is accused, who is caught."""

from dataclasses import replace
from pathlib import Path

import liars_data
import ml_dtypes
import numpy as np
import pytest
from all_liars import LIARS

from convformance.attribute import clause_of
from convformance.backend import Outcome
from convformance.bench import Bench
from convformance.bounds import may_overflow
from convformance.drawn_data import LINES, data_dtypes, data_list
from convformance.expect import expectation, numpy_dtype
from convformance.fills import make_arrays
from convformance.judge import Trial, judge
from convformance.named import BOUNDED, CHOOSING, NAMED, Asked, misfit
from convformance.named_arrays import MAKERS, walked
from convformance.plan import ALL_OPS, in_area
from convformance.problem import DTYPES, Case, Problem, applicable
from convformance.verdict import Kind, Verdict

FLOATS = ("float16", "bfloat16", "float32", "float64")


# Which fill fits what.


def test_every_named_fill_has_a_reason_and_a_maker():
    assert list(MAKERS) == list(NAMED)
    assert all(one.reason and not one.reason.endswith(".") for one in NAMED.values())


def test_the_documents_tell_every_named_fill_with_its_reason():
    told = (Path(__file__).parents[2] / "docs" / "fills.md").read_text()
    assert [name for name, one in NAMED.items() if f"| `{name}` | {one.reason} |" not in told] == []


@pytest.mark.parametrize("name", NAMED)
def test_every_named_fill_fits_some_op_and_tells_the_others_why_not(name):
    asked = [Asked(op, dtype) for op in ALL_OPS for dtype in DTYPES]
    told = [misfit(name, one) for one in asked]
    assert "" in told
    assert any(told)


@pytest.mark.parametrize("op", ALL_OPS)
def test_the_area_has_every_fill_that_fits_the_op(op):
    fitting = {name for dtype in DTYPES for name in NAMED if not misfit(name, Asked(op, dtype))}
    drawn = {case.fill for dtype in data_dtypes(op) for case in data_list(op, dtype)}
    assert drawn >= fitting  # a gradient adds up what a maximum does not


def test_the_area_is_small_enough_to_be_tried_whole():
    assert set(LINES) == set(ALL_OPS)
    assert sum(one.examples for one in in_area("data")) < 4_000


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("conv x=1x1x3 w=1x1x2 float32 fill=ties#1", "only a maximum has ties"),
        ("conv x=1x1x3 w=1x1x2 int8 fill=nan#1", "int8 has no such number"),
        ("conv x=1x1x3 w=1x1x2 complex64 fill=nan#1", "a complex number is a pair"),
        ("conv x=1x1x3 w=1x1x2 float32 fill=integers+nan#1", "cannot share"),
        ("conv x=1x1x3 w=1x1x2 float32 fill=nonsense#1", "is none of integers"),
    ],
)
def test_a_line_with_a_fill_that_does_not_fit_is_refused_with_the_reason(line, told):
    with pytest.raises(ValueError, match=told):
        Case.parse(line)


def test_a_case_on_a_problem_that_its_fill_does_not_fit_has_whole_numbers():
    case = Case.parse("max_pool x=1x1x3 kernel=2 uint8 fill=unsigned#3")
    assert case.on(replace(case.problem, dtype="float32")).fill == "integers"
    assert case.on(replace(case.problem, kernel=(1,))).fill == "unsigned"


def test_a_clause_is_found_where_the_float32_problem_has_no_such_fill():
    case = Case.parse("conv x=1x1x3 w=1x1x2 uint8 fill=unsigned#3")
    arrays = make_arrays(case)
    trial = Trial(case, expectation(case.problem, arrays), Outcome("refused", message="no"), {})
    tried = []

    def try_out(other):
        tried.append(other)
        return Verdict(Kind.AGREES)

    verdict = judge(trial)
    assert clause_of(trial, verdict, try_out)
    assert tried


# What each holds.


def places(fill, shape, seeds):
    problem = Problem("max_pool", shape, kernel=(1, 1))
    found = []
    for seed in range(seeds):
        x = make_arrays(Case(problem, fill, seed))["x"]
        (place,) = np.argwhere(~np.isfinite(x) if fill != "spike" else x > 1)
        found.append(tuple(map(int, place)))
    return found


def test_the_seeds_walk_a_nan_through_the_corners_and_then_through_every_place():
    found = places("nan", (1, 1, 3, 4), 4 + 12)
    assert [one[2:] for one in found[:4]] == [(0, 0), (0, 3), (2, 0), (2, 3)]
    assert {one[2:] for one in found[4:]} == {
        (row, column) for row in range(3) for column in range(4)
    }
    every = places("nan", (2, 3, 3, 4), 6 * 16)
    assert len(set(every)) == 2 * 3 * 3 * 4


def test_the_sign_of_the_infinity_alternates_at_every_place():
    problem = Problem("max_pool", (1, 1, 2, 2), kernel=(1, 1))
    found = [make_arrays(Case(problem, "infinity", seed))["x"] for seed in range(8)]
    for plus, minus in zip(found[::2], found[1::2], strict=True):
        assert np.array_equal(np.isposinf(plus), np.isneginf(minus))
        assert np.isposinf(plus).sum() == 1


def test_a_place_of_no_plane_is_walked_too():
    assert walked((3, 2), 0) == (0, 0)
    assert len({walked((3, 2), step) for step in range(12)}) == 6


@pytest.mark.parametrize("dtype", FLOATS)
def test_underflow_is_of_normal_numbers_whose_products_are_subnormal(dtype):
    case = Case(Problem("conv1x1", (1, 1, 9), (2, 1), dtype=dtype), "underflow", 1)
    arrays = make_arrays(case)
    least = float(ml_dtypes.finfo(numpy_dtype(dtype)).tiny)
    sizes = np.concatenate([np.abs(one.astype(float)).ravel() for one in arrays.values()])
    assert sizes.min() >= least
    y = expectation(case.problem, arrays).y.astype(float)
    assert np.all((y != 0) & (np.abs(y) < least))


@pytest.mark.parametrize("dtype", FLOATS)
def test_subnormals_stand_by_turn_in_samples_and_in_weights(dtype):
    problem = Problem("conv1x1", (1, 1, 9), (2, 1), dtype=dtype)
    least = float(ml_dtypes.finfo(numpy_dtype(dtype)).tiny)
    small = []
    for seed in range(2):
        arrays = make_arrays(Case(problem, "subnormal", seed))
        small.append(
            [name for name in ("x", "w") if np.all(np.abs(arrays[name].astype(float)) < least)]
        )
    assert small == [["x"], ["w"]]


def test_the_ends_hold_numbers_that_float32_does_not():
    problem = Problem("max_pool", (1, 1, 8, 8), kernel=(1, 1), dtype="int32")
    for seed in range(4):
        x = make_arrays(Case(problem, "ends", seed))["x"]
        assert (x.astype(np.float32).astype(np.int64) != x).any()


# No false alarm: honest sums in other orders.


def sequential(terms):
    return np.cumsum(terms, dtype=terms.dtype)[-1]


def pairwise(terms):
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = np.concatenate([terms[0:-1:2][: len(terms) // 2] + terms[1::2], odd])
    return terms[0]


def blocked(terms):
    wide = np.zeros(-(-len(terms) // 8) * 8, terms.dtype)
    wide[: len(terms)] = terms
    return sequential(np.array([sequential(lane) for lane in wide.reshape(-1, 8).T], terms.dtype))


ORDERS = {
    "sequential": sequential,
    "reversed": lambda terms: sequential(terms[::-1]),
    "pairwise": pairwise,
    "blocked by 8": blocked,
}


def answered(expected, order, accumulator):
    """Return the elements whose terms are added in that order, in the accumulator's dtype."""
    operation, values = expected.operation, []
    for position in expected.positions:
        terms = np.array([float(term) for term in operation.terms(position)] or [0.0])
        total = order(terms.astype(numpy_dtype(accumulator)))
        values.append(float(operation.finish(position, float(total))))
    return np.array(values).astype(numpy_dtype(operation.dtype)).reshape(expected.shape)


def summed_cases(op):
    dtypes = [dtype for dtype in data_dtypes(op) if dtype in FLOATS]
    found = [case for dtype in dtypes for case in data_list(op, dtype) if case.seed < 4]
    if "float16" in dtypes:
        narrow = [case for case in found if case.problem.dtype == "float16"]
        for case in narrow:
            problem = replace(case.problem, dtype="bfloat16")
            if case.fill in applicable(problem):
                found.append(replace(case, problem=problem))
    return found


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("op", [op for op in ALL_OPS if op not in CHOOSING])
def test_no_order_of_summation_is_accused(op, name):
    for case in summed_cases(op):
        expected = expectation(case.problem, make_arrays(case))
        dtype = case.problem.dtype
        for accumulator in {"float32", "float64", dtype}:
            if accumulator == dtype != "float32" and case.fill not in BOUNDED:
                continue  # a half type's own sums are exact only as far as its significand
            with np.errstate(all="ignore"):
                y = answered(expected, ORDERS[name], accumulator)
            outcome = Outcome("arrays", {case.problem.answers[0]: y})
            verdict = judge(Trial(case, expected, outcome, {dtype: accumulator}))
            assert verdict.kind is Kind.AGREES, (case.line, accumulator, verdict.message)


# Overflow on the way.


def test_a_sum_may_overflow_only_where_its_magnitudes_pass_the_accumulator():
    case = Case.parse("conv1x1 x=1x3x1 w=1x3 float16 fill=integers#1")
    large = np.full((1, 3, 1), 65504, np.float16)
    w = np.array([[1, 1, -1]], np.float16)
    operation = expectation(case.problem, {"x": large, "w": w}).operation
    assert may_overflow(operation, (0, 0, 0), "float16")
    assert not may_overflow(operation, (0, 0, 0), "float32")
    assert not may_overflow(operation, (0, 0, 0), "int64")


@pytest.mark.parametrize(
    ("accumulator", "got", "kind"),
    [
        ("float16", np.inf, Kind.AGREES),
        ("float16", np.nan, Kind.AGREES),
        ("float32", np.inf, Kind.BOUND),
        ("float32", 65504, Kind.AGREES),
        ("float16", 3, Kind.BOUND),
    ],
)
def test_an_overflow_on_the_way_is_asked_of_a_wider_accumulator_alone(accumulator, got, kind):
    case = Case.parse("conv1x1 x=1x3x1 w=1x3 float16 fill=overflow#1")
    arrays = {
        "x": np.full((1, 3, 1), 65504, np.float16),
        "w": np.array([[1, 1, -1]], np.float16),
    }
    outcome = Outcome("arrays", {"y": np.full((1, 1, 1), got, np.float16)})
    trial = Trial(case, expectation(case.problem, arrays), outcome, {"float16": accumulator})
    assert judge(trial).kind is kind


# Who is caught.


def catching(one):
    """Return the named fills whose cases show that the backend lies."""
    bench = Bench(one)
    cases = [case for dtype in one.dtypes for case in data_list(one.op, dtype)]
    return {case.fill for case in cases if bench.by_standard(case).is_discrepancy}


def test_every_named_fill_alone_catches_some_liar():
    assert set(liars_data.ONLY.values()) == set(NAMED)


@pytest.mark.parametrize(
    "one",
    [one for one in LIARS if one.tell.__name__.replace("_", "-") in liars_data.ONLY],
    ids=lambda one: one.name,
)
def test_one_named_fill_catches_what_no_other_does(one):
    assert catching(one) == {liars_data.ONLY[one.tell.__name__.replace("_", "-")]}


@pytest.mark.parametrize(("dtype", "fits"), [("float16", True), ("bfloat16", False)])
def test_an_overflow_is_asked_of_a_wider_output_if_its_range_is_wider(dtype, fits):
    problem = Problem.parse(f"conv x=1x3x4 w=1x3x2 output_dtype=float32 {dtype}")
    assert ("overflow" in applicable(problem)) is fits


def test_the_sums_of_an_overflow_pass_the_range_of_float16_in_a_wider_output():
    case = Case.parse("conv x=1x3x9 w=2x3x3 output_dtype=float32 float16 fill=overflow#1")
    y = expectation(case.problem, make_arrays(case)).y
    assert np.isfinite(y).all()
    assert np.abs(y).max() > np.finfo(np.float16).max
