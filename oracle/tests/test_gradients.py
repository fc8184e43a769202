"""Gradients are the coefficients of the change, and difference quotients where there are any."""

from fractions import Fraction
from itertools import product
from math import inf, isnan, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convformance.expect import elements
from convformance.meaning import define, input_shapes
from convformance.problem import Problem
from convoracle import Tensor
from convoracle.tensor import positions

EXACT = settings(max_examples=25, deadline=None, derandomize=True)
LINES = [
    "conv x=2x2x5 w=4x1x2 stride=2 padding=1+0 groups=2 bias grad={} float32",
    "conv x=1x1x3x4 w=2x1x2x2 dilation=1x2 padding=same bias grad={} float32",
    "conv x=1x1x4 w=1x1x3 padding=2 padding_mode=reflect bias grad={} float32",
    "conv x=1x1x3 w=1x1x2 padding=1 input_dilation=2 flip bias grad={} float32",
    "conv x=1x1x5 w=1x1x2 padding=-1+0 bias grad={} float32",
    "conv_transpose x=2x2x3 w=2x1x2 stride=2 padding=1+0 groups=2 bias output_padding=1 grad={}"
    " float32",
    "conv_transpose x=1x2x2x2 w=2x2x2x1 stride=1x3 dilation=2x1 bias grad={} float32",
]


def tensors(problem, draw):
    """Return small whole numbers for every input."""
    found = {}
    for name, shape in input_shapes(problem).items():
        numbers = st.lists(
            st.integers(-4, 4).map(float), min_size=prod(shape), max_size=prod(shape)
        )
        found[name] = Tensor(shape, draw(numbers))
    return found


def forward(problem, inputs):
    plain = Problem.parse(problem.line.replace(f" grad={problem.grad}", ""))
    return define(plain, {name: one for name, one in inputs.items() if name != "dy"})


def answer(problem, inputs):
    """Return <y, dy>: the number whose derivative the gradient is."""
    op = forward(problem, inputs)
    pairs = zip(positions(op.shape), inputs["dy"].values, strict=True)
    return sum(Fraction(op.exact(place)) * Fraction(given) for place, given in pairs)


def moved(inputs, name, place, step):
    one = inputs[name]
    values = list(one.values)
    values[place] = float(values[place] + step)
    return {**inputs, name: Tensor(one.shape, values)}


@pytest.mark.parametrize(("line", "by"), list(product(LINES, ("x", "w", "bias"))))
def test_grad_x_grad_w_and_grad_bias_are_what_one_more_of_an_input_adds(line, by):
    problem = Problem.parse(line.format(by))

    @EXACT
    @given(st.data())
    def holds(data):
        inputs = tensors(problem, data.draw)
        gradient = define(problem, inputs).result()
        assert gradient.shape == inputs[by].shape
        whole = answer(problem, inputs)
        for place, value in enumerate(gradient.values):
            assert answer(problem, moved(inputs, by, place, 1)) - whole == value

    holds()


def test_grad_shape_holds_samples_that_no_window_reads():
    problem = Problem.parse("conv x=1x1x5 w=1x1x2 stride=3 grad=x float32")
    x, w = Tensor((1, 1, 5), [1.0] * 5), Tensor((1, 1, 2), [2.0, 3.0])
    got = define(problem, {"x": x, "w": w, "dy": Tensor((1, 1, 2), [1.0, 10.0])}).result()
    assert got.values == [2, 3, 0, 20, 30]


def pooled(line, x, dy, **choices):
    problem = Problem.parse(line)
    shapes = input_shapes(problem)
    inputs = {"x": Tensor(shapes["x"], x), "dy": Tensor(shapes["dy"], dy)}
    return define(problem, inputs, {f"grad.{k}": v for k, v in choices.items()}).result().values


SEPARATE = st.permutations([-9.0, -7.0, -4.0, -2.0, 1.0, 3.0, 6.0, 8.0])


@EXACT
@given(SEPARATE, st.sampled_from(["", " ceil_mode", " padding=1"]))
def test_grad_max_is_the_difference_quotient_where_no_two_are_equal(x, form):
    line = f"max_pool x=1x1x8 kernel=3 stride=2{form} grad=x float32"
    problem = Problem.parse(line)
    dy = Tensor(
        input_shapes(problem)["dy"], [2.0**o for o in range(input_shapes(problem)["dy"][2])]
    )
    inputs = {"x": Tensor((1, 1, 8), x), "dy": dy}
    gradient = define(problem, inputs).result().values
    whole = answer(problem, inputs)
    for place, value in enumerate(gradient):
        step = 0.5  # less than what separates two samples
        assert answer(problem, moved(inputs, "x", place, step)) - whole == Fraction(
            value
        ) * Fraction(1, 2)


def test_grad_tie_sends_the_gradient_where_the_choice_says():
    line = "max_pool x=1x1x3 kernel=3 grad=x float32"
    told = {
        name: pooled(line, [5.0, 5.0, 1.0], [8.0], tie=name)
        for name in ("first", "last", "share", "all")
    }
    assert told == {"first": [8, 0, 0], "last": [0, 8, 0], "share": [4, 4, 0], "all": [8, 8, 0]}


def test_a_gradient_of_a_maximum_over_padding_goes_nowhere():
    assert pooled("max_pool x=1x1x1 kernel=1 padding=1 grad=x float32", [5.0], [1.0, 2.0, 4.0]) == [
        2
    ]


@EXACT
@given(SEPARATE, st.sampled_from(["", " ceil_mode", " padding=1", " padding=1 count_include_pad"]))
def test_grad_avg_is_the_difference_quotient(x, form):
    line = f"avg_pool x=1x1x8 kernel=3 stride=2{form} grad=x float32"
    line = line.replace(" padding=1 ceil_mode", " padding=1 ceil_mode")
    problem = Problem.parse(line)
    dy = Tensor(
        input_shapes(problem)["dy"], [2.0**o for o in range(input_shapes(problem)["dy"][2])]
    )
    inputs = {"x": Tensor((1, 1, 8), x), "dy": dy}
    op, whole = define(problem, inputs), answer(problem, inputs)
    for place in range(8):
        exact = answer(problem, moved(inputs, "x", place, 1)) - whole
        assert op.exact((0, 0, place)) == exact


def test_grad_lp_is_that_of_the_norm():
    line = "lp_pool x=1x1x2 kernel=2 p={} grad=x float32"
    assert pooled(line.format(1), [3.0, -4.0], [10.0]) == [10, -10]
    assert pooled(line.format(2), [3.0, -4.0], [10.0]) == [6, -8]
    assert pooled(line.format("inf"), [3.0, -4.0], [10.0]) == [0, -10]
    got = pooled(line.format(3), [3.0, -4.0], [10.0])
    root = (27 + 64) ** (1 / 3)
    told = elements([10 * (3 / root) ** 2, -10 * (4 / root) ** 2], "float32")
    assert abs(elements(got, "float32") - told).max() < 1e-6


def test_grad_absolute_is_zero_or_one_by_choice_where_a_zero_has_a_share():
    line = "lp_pool x=1x1x3 kernel=3 p={} grad=x float32"
    assert pooled(line.format(1), [0.0, -4.0, 3.0], [10.0]) == [0, -10, 10]
    assert pooled(line.format(1), [0.0, -4.0, 3.0], [10.0], absolute="one") == [10, -10, 10]
    assert pooled(line.format("inf"), [0.0, 0.0, 0.0], [10.0]) == [0, 0, 0]
    assert pooled(line.format("inf"), [0.0, 0.0, 0.0], [10.0], absolute="one") == [10, 0, 0]
    for p in (2, 3):
        assert 0 in pooled(line.format(p), [0.0, -4.0, 3.0], [10.0], absolute="one")


def test_grad_lp_zero_is_zero_or_nan_by_choice_and_for_p_1_zero():
    line = "lp_pool x=1x1x2 kernel=2 p={} grad=x float32"
    assert pooled(line.format(2), [0.0, 0.0], [10.0]) == [0, 0]
    assert all(map(isnan, pooled(line.format(2), [0.0, 0.0], [10.0], lp_zero="nan")))
    assert pooled(line.format(1), [0.0, 0.0], [10.0]) == [0, 0]
    assert pooled(line.format("inf"), [0.0, 0.0], [10.0], tie="all") == [0, 0]
    assert inf > 0
