"""What the judge compares with: every element of a small answer, a fixed sample of a large one."""

from dataclasses import replace
from itertools import product

import ml_dtypes
import numpy as np
import pytest

from convformance.expect import (
    TERM_BUDGET,
    _sample,
    _spread,
    broken_clause,
    elements,
    expectation,
    numpy_dtype,
    terms_each,
)
from convformance.fills import make_arrays
from convformance.problem import Case, Problem


def expected(line, seed=0):
    case = Case.parse(f"{line} fill=integers#{seed}")
    return expectation(case.problem, make_arrays(case), seed=seed)


# How much there is to add up


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("conv x=1x4x5 w=6x2x3 groups=2 float32", 2 * 3),
        ("conv x=1x4x5 w=6x2x3 groups=2 complex64", 2 * 3 * 4),
        ("conv1x1 x=2x3x5 w=4x3 float32", 3),
        ("conv_transpose x=1x4x5 w=4x3x2 groups=2 float32", 2 * 2),
        ("depthwise_conv x=1x4x5 w=4x3x2 float32", 2),
        ("separable_conv x=1x2x5 w=2x3x2 pointwise=4x6 float32", 2 * 6),
        ("max_pool x=1x1x5x5 kernel=2x3 float32", 2 * 3),
        ("adaptive_avg_pool x=1x1x7 output=3 float32", 3 + 1),
        ("adaptive_max_pool x=1x1x7x4 output=3x2 float32", (3 + 1) * (2 + 1)),
        ("global_avg_pool x=1x1x4x5 float32", (4 + 1) * (5 + 1)),
        ("unfold x=1x1x5 kernel=3 float32", 1),
        ("fold x=1x3x3 kernel=3 output=5 float32", 3),
        ("conv x=1x0x5 w=1x0x3 float32", 1),
        ("avg_pool x=3x1x5 kernel=2 grad=x float32", 2),
        ("conv x=3x2x5 w=6x1x2 groups=2 grad=w float32", 3 * 4),
        ("conv x=3x2x5x6 w=6x2x2x2 bias grad=bias float32", 3 * 4 * 5),
        ("conv x=3x2x5 w=6x1x2 groups=2 grad=x float32", 6 // 2 * 2),
        ("conv x=1x1x5x5 w=1x1x2x2 padding=1 padding_mode=reflect grad=x float32", 4 * 9),
        ("conv_transpose x=1x4x5 w=4x3x2 groups=2 grad=x float32", 3 * 2),
        ("conv x=0x1x5 w=1x1x2 grad=w float32", 1),
    ],
)
def test_an_element_has_so_many_terms(line, terms):
    assert terms_each(Problem.parse(line)) == terms


def test_what_has_no_meaning_has_terms_too():
    """The sizes are asked of invalid problems, before they are refused."""
    assert terms_each(Problem.parse("conv x=1x4x5 w=6x2x3 groups=0 float32")) == 6
    assert terms_each(Problem.parse("conv_transpose x=1x4x5 w=4x3x2 groups=0 float32")) == 8
    assert terms_each(Problem.parse("adaptive_avg_pool x=1x1x7 output=0 float32")) == 8
    assert terms_each(Problem.parse("adaptive_max_pool x=1x1x4x4 output=1x2x3 float32")) == 5 * 3
    assert terms_each(Problem.parse("conv x=1x4x5 w=6x2x3 groups=0 grad=x float32")) == 6 * 3


# What is compared


def test_an_answer_within_the_budget_is_compared_whole():
    found = expected("conv1x1 x=1x60x1000 w=1x60 float32")
    assert TERM_BUDGET == 60 * 1000
    assert not found.sampled
    assert found.positions == tuple((0, 0, i) for i in range(1000))


def test_a_larger_answer_is_sampled():
    found = expected("conv1x1 x=1x60x1001 w=1x60 float32")
    assert found.sampled
    assert {(0, 0, 0), (0, 0, 500), (0, 0, 1000)} <= set(found.positions)
    assert 20 < len(found.positions) <= 3 + 24


LARGE = Problem.parse("conv x=2x3x51x60 w=3x3x1x1 float32")
SHAPE = (2, 3, 51, 60)


def test_a_sample_has_every_corner_and_the_middle_of_every_side():
    found = _sample(LARGE, SHAPE, seed=1)
    assert list(found) == sorted(set(found))
    corners = set(product((0, 1), (0, 2), (0, 50), (0, 59)))
    middle = (0, 1, 25, 29)
    sides = {
        (*middle[:axis], side, *middle[axis + 1 :])
        for axis, end in enumerate((1, 2, 50, 59))
        for side in (0, end)
    }
    fixed = corners | sides | {middle}
    assert fixed <= set(found)
    assert len(fixed) + 20 < len(found) <= len(fixed) + 24
    assert all(i < size for place in found for i, size in zip(place, SHAPE, strict=True))


def test_the_rest_of_a_sample_follows_from_its_seed():
    assert _sample(LARGE, SHAPE, seed=1) == _sample(LARGE, SHAPE, seed=1)
    assert _sample(LARGE, SHAPE, seed=1) != _sample(LARGE, SHAPE, seed=2)
    most = max(len(_sample(LARGE, SHAPE, seed)) for seed in range(9))
    assert most == 16 + 8 + 24  # corners, sides (the middle of an axis of 2 is its start), drawn
    drawn = {place[3] for seed in range(9) for place in _sample(LARGE, SHAPE, seed)}
    assert len(drawn) > 40  # of 60: every column can be drawn


def test_a_sample_of_very_long_sums_keeps_to_the_budget_but_for_16_elements():
    problem = Problem.parse("conv1x1 x=1x30000x9x9 w=1x30000 float32")
    found = _sample(problem, (1, 1, 9, 9), seed=0)
    assert len(found) == 16
    assert set(product((0,), (0,), (0, 8), (0, 8))) <= set(found)
    shorter = Problem.parse("conv1x1 x=1x3000x9x9 w=1x3000 float32")
    assert len(_sample(shorter, (1, 1, 9, 9), seed=0)) == 60_000 // 3000


def test_what_is_too_many_is_thinned_evenly():
    assert _spread(list(range(10)), 4) == (0, 2, 5, 7)
    assert _spread([3, 4], 2) == (3, 4)
    assert _spread([3, 4], 3) == (3, 4)
    assert _spread([3, 4], 0) == ()


def test_the_elements_of_an_answer_are_taken_at_the_positions():
    found = expected("conv1x1 x=1x60x1001 w=1x60 float32")
    array = np.arange(1001).reshape(1, 1, 1001)
    assert found.elements_of(array).tolist() == [place[2] for place in found.positions]
    assert found.shape == (1, 1, 1001)


def test_a_complex_element_is_compared_by_its_parts():
    found = expected("conv1x1 x=1x1x2 w=1x1 complex64")
    assert (found.shape, found.operation.shape) == ((1, 1, 2), (1, 1, 2, 2))
    array = np.array([[[1 + 2j, 3 + 4j]]])
    assert found.elements_of(array).tolist() == [1, 2, 3, 4]


def test_the_expected_elements_have_the_dtype_of_the_answer():
    assert expected("conv1x1 x=1x1x2 w=1x1 bfloat16").y.dtype == ml_dtypes.bfloat16
    assert expected("conv1x1 x=1x1x2 w=1x1 uint8").y.dtype == np.uint8
    assert numpy_dtype("bfloat16") == ml_dtypes.bfloat16
    assert numpy_dtype("float16") == np.float16
    whole = elements([2**62 + 1], "int64")
    assert (whole.dtype, whole.tolist()) == (np.int64, [2**62 + 1])
    assert elements([255], "uint8").tolist() == [255]


def test_indices_are_expected_where_the_problem_asks_for_them():
    line = "max_pool x=1x1x3 kernel=3{} float32"
    assert expected(line.format("")).indices is None
    found = expected(line.format(" indices"))
    assert found.indices.dtype == np.int64
    assert found.indices.tolist() == [found.operation.index((0, 0, 0))]


def test_a_sample_is_that_of_seed_0_unless_another_is_given():
    case = Case.parse("conv1x1 x=1x60x9999 w=1x60 float32 fill=integers#0")
    arrays = make_arrays(case)
    found = expectation(case.problem, arrays)
    assert found.positions == expectation(case.problem, arrays, seed=0).positions
    assert found.positions != expectation(case.problem, arrays, seed=1).positions


def test_the_choices_and_the_problem_stand_in_the_expectation():
    case = Case.parse("conv1x1 x=1x1x1 w=1x1 float32 fill=integers#0")
    tiny = {"x": np.full((1, 1, 1), 2.0**-149, np.float32), "w": np.ones((1, 1), np.float32)}
    assert expectation(case.problem, tiny).y.tolist() == [2.0**-149]
    found = expectation(case.problem, tiny, {"value.subnormal": "flush"})
    assert (found.problem, found.y.tolist()) == (case.problem, [0.0])


def test_a_subnormal_input_is_one_of_its_own_dtype_whatever_the_output():
    case = Case.parse("conv x=1x1x2 w=1x1x2 float32 output_dtype=float64 fill=integers#0")
    x = np.array([[[2.0**-127, 2.0**-126]]], np.float32)
    given = {"x": x, "w": np.ones((1, 1, 2), np.float32)}
    assert expectation(case.problem, given).y.tolist() == [2.0**-127 + 2.0**-126]
    found = expectation(case.problem, given, {"value.subnormal": "flush"})
    assert found.y.tolist() == [2.0**-126]


def test_a_broken_clause_is_told_and_a_valid_problem_has_none():
    assert broken_clause(LARGE) is None
    assert broken_clause(Problem.parse("conv x=1x1x3 w=1x1x0 float32")).label == "window.kernel"


# The parts of complex elements


@pytest.mark.parametrize("many", range(2, 10))
def test_joined_parts_are_whole_complex_elements_also_where_a_sample_ends_between_them(many):
    whole = expected("conv x=1x1x6 w=1x1x2 complex64")
    some = replace(whole, positions=whole.positions[:many])
    pairs = some.y[0 : many - 1 : 2] + 1j * some.y[1:many:2]
    assert some.joined.dtype == np.complex64
    assert some.joined.tolist() == pairs.tolist()
    assert len(pairs) == many // 2


def test_real_elements_need_no_joining():
    whole = expected("conv x=1x1x6 w=1x1x2 float32")
    assert whole.joined.dtype == np.float32
    assert whole.joined.tolist() == whole.y.tolist()
