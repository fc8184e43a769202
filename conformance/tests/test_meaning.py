"""From a problem to the oracle's op: shapes, dtypes, and what has no meaning."""

import ml_dtypes
import numpy as np
import pytest

from convformance.expect import broken_clause
from convformance.meaning import (
    define,
    dy_shape,
    input_shapes,
    operation,
    output_channels,
    output_shape,
    tensor,
)
from convformance.problem import Problem
from convoracle import Tensor


def label(line):
    error = broken_clause(Problem.parse(line))
    return error.label if error else None


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("float32", "float64"),
        ("float32", "float32"),
        ("int8", "int32"),
        ("int8", "int8"),
        ("int32", "int64"),
        ("uint8", "int32"),
        ("uint8", "uint8"),
    ],
)
def test_an_output_dtype_that_holds_every_element_is_valid(narrow, wide):
    assert label(f"conv x=1x1x3 w=1x1x2 output_dtype={wide} {narrow}") is None


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("float16", "bfloat16"),
        ("bfloat16", "float16"),
        ("float64", "float32"),
        ("int64", "int32"),
        ("uint8", "int8"),
        ("int8", "uint8"),
        ("float32", "int64"),
        ("int8", "float32"),
        ("float32", "uint8"),
    ],
)
def test_an_output_dtype_that_does_not_hold_every_element_is_refused(narrow, wide):
    line = f"conv x=1x1x3 w=1x1x2 output_dtype={wide} {narrow}"
    assert label(line) == "conv.output_dtype"


@pytest.mark.parametrize(
    "line",
    [
        "lp_pool x=1x1x3 kernel=2 int8",
        "distance_pool x=1x1x3 kernel=2 uint8",
        "max_pool x=1x1x3 kernel=2 grad=x int8",
        "conv x=1x1x3 w=1x1x2 grad=w int32",
        "conv x=1x1x3 w=1x1x2 grad=x complex64",
    ],
)
def test_an_op_without_a_meaning_for_its_elements_is_refused(line):
    assert label(line) == "problem.float"


@pytest.mark.parametrize(
    "line",
    [
        "max_pool x=1x1x3 kernel=2 int8",
        "avg_pool x=1x1x3 kernel=2 uint8",
        "lp_pool x=1x1x3 kernel=2 float16",
        "conv x=1x1x3 w=1x1x2 complex64",
        "conv1x1 x=1x1x3 w=1x1 complex128",
        "conv_transpose x=1x1x3 w=1x1x2 complex64",
        "conv x=1x1x3 w=1x1x2 bias grad=bias bfloat16",
    ],
)
def test_an_op_with_a_meaning_for_its_elements_is_not(line):
    assert label(line) is None


def test_the_refusal_says_whether_it_is_of_the_gradient():
    told = broken_clause(Problem.parse("max_pool x=1x1x3 kernel=2 grad=x int8")).message
    assert told == "the gradient of max_pool has no meaning for int8 elements"
    told = broken_clause(Problem.parse("lp_pool x=1x1x3 kernel=2 int8")).message
    assert told == "lp_pool has no meaning for int8 elements"


@pytest.mark.parametrize(
    ("line", "shapes"),
    [
        ("conv x=2x4x5 w=6x2x3 groups=2 bias float32", {"w": (6, 2, 3), "bias": (6,)}),
        ("conv1x1 x=2x4x5 w=6x4 float32", {"w": (6, 4)}),
        ("conv_transpose x=2x4x5 w=4x3x2 groups=2 bias float32", {"w": (4, 3, 2), "bias": (6,)}),
        (
            "separable_conv x=2x4x5 w=4x1x3 pointwise=6x4 float32",
            {"w": (4, 1, 3), "pointwise": (6, 4)},
        ),
        ("distance_pool x=2x4x5 kernel=3 float32", {"w": (3,)}),
        ("distance_pool x=2x4x5 kernel=-1 float32", {"w": (0,)}),
        ("unfold x=2x4x5 kernel=2 float32", {}),
        ("max_unpool x=2x4x5 kernel=2 float32", {"indices": (2, 4, 5)}),
        ("max_pool x=2x4x5 kernel=3 float32", {}),
        ("max_pool x=2x4x5 kernel=3 grad=x float32", {"dy": (2, 4, 3)}),
        ("conv x=2x4x5 w=6x4x3 grad=w float32", {"w": (6, 4, 3), "dy": (2, 6, 3)}),
    ],
)
def test_each_op_has_these_inputs(line, shapes):
    assert input_shapes(Problem.parse(line)) == {"x": (2, 4, 5), **shapes}


def test_the_channels_of_the_output_are_those_that_the_weight_says():
    assert output_channels(Problem.parse("conv x=1x4x5 w=6x2x3 groups=2 float32")) == 6
    assert output_channels(Problem.parse("conv_transpose x=1x4x5 w=4x3x2 groups=2 float32")) == 6
    assert output_channels(Problem.parse("conv_transpose x=1x4x5 w=4x3x2 groups=-2 float32")) == 0
    assert output_channels(Problem.parse("conv_transpose x=1x4x5 w=4 float32")) == 0
    assert output_channels(Problem.parse("max_pool x=1x4x5 kernel=2 float32")) == 0


def test_the_gradient_of_an_invalid_problem_s_output_has_some_shape():
    assert dy_shape(Problem.parse("conv x=1x4x5 w=6x3x2 grad=x float32")) == (1, 1, 1)


def test_the_shape_of_a_complex_output_does_not_count_the_parts():
    assert output_shape(Problem.parse("conv x=2x4x5 w=6x4x3 complex64")) == (2, 6, 3)
    assert output_shape(Problem.parse("conv x=2x4x5 w=6x4x3 float32")) == (2, 6, 3)
    bias = "conv x=2x4x5 w=6x4x3 bias complex64"
    assert output_shape(Problem.parse(bias)) == (2, 6, 3)


def test_arrays_become_python_s_numbers():
    assert tensor(np.array([[1, 2]], np.int8)) == Tensor((1, 2), [1, 2])
    assert tensor(np.array([255], np.uint8)) == Tensor((1,), [255])
    assert tensor(np.array([0.5], np.float64)) == Tensor((1,), [0.5])
    assert tensor(np.array([0.5], ml_dtypes.bfloat16)) == Tensor((1,), [0.5])
    assert tensor(np.array([1 + 2j, 3 + 4j])) == Tensor((2, 2), [1, 2, 3, 4])


def test_only_plain_same_padding_depends_on_the_side_that_is_chosen():
    before = {"padding.same_side": "before"}
    other = {"padding.product": "skip"}

    def told(padding, choices):
        problem = Problem.parse(f"conv x=1x1x2 w=1x1x2 padding={padding} float32")
        arrays = {"x": np.array([[[1, 2]]], np.float32), "w": np.array([[[1, 10]]], np.float32)}
        return operation(problem, arrays, choices).result().values

    assert told("same", {}) == told("same_upper", before) == told("same", other) == [21, 2]
    assert told("causal", before) == told("causal", {}) == [10, 21]
    assert told("1+0", before) == told("1+0", {}) == [10, 21]
    assert told("same", before) == told("same_lower", {}) == [10, 21]
    assert told("same", {"padding.same_side": "after"}) == [21, 2]


def test_the_bias_of_a_complex_convolution_is_added_once():
    problem = Problem.parse("conv x=1x1x1 w=1x1x1 bias complex64")
    arrays = {"x": [[[1 + 2j]]], "w": [[[3 + 4j]]], "bias": [10 + 100j]}
    given = {name: np.array(one, np.complex64) for name, one in arrays.items()}
    assert operation(problem, given).result().values == [5, 110]
    without = Problem.parse("conv x=1x1x1 w=1x1x1 complex64")
    inputs = {name: tensor(given[name]) for name in ("x", "w")}
    assert define(without, inputs).result().values == [-5, 10]


@pytest.mark.parametrize(("choice", "y"), [("keep", 2.0**-140), ("flush", 0.0)])
def test_what_is_subnormal_is_so_by_the_dtype_of_the_inputs_not_by_a_wider_output(choice, y):
    problem = Problem.parse("conv x=1x1x1 w=1x1x1 output_dtype=float64 float32")
    arrays = {"x": np.full((1, 1, 1), 2.0**-140, np.float32), "w": np.ones((1, 1, 1), np.float32)}
    assert operation(problem, arrays, {"value.subnormal": choice}).value((0, 0, 0)) == y
