"""Single facts that no table and no law states: the smallest numbers that show them."""

import dataclasses
import importlib
import math
import pkgutil
from dataclasses import replace
from fractions import Fraction

import pytest

import convoracle
from convformance.meaning import define, input_shapes
from convformance.problem import Problem
from convoracle import (
    Axis,
    InvalidProblem,
    Tensor,
    adaptive_max_pool,
    avg_pool,
    avg_pool_gradient,
    conv,
    conv_gradient,
    conv_transpose,
    conv_transpose_gradient,
    distance_pool,
    global_avg_pool,
    global_max_pool,
    in_parts,
    lp_pool,
    lp_pool_gradient,
    max_pool,
    max_pool_gradient,
    max_unpool,
    separable_conv,
    slide,
)
from convoracle.conv import flipped, zero_of
from convoracle.depthwise import multiply_adds
from convoracle.exact import exact_sum, lowest, quotient, root, rounded
from convoracle.tensor import flat_index
from convoracle.transpose import relationship, spread_axes
from convoracle.unpool import unpooled_size

ONE = {"stride": [1], "dilation": [1]}


def records():
    """Return every dataclass of the oracle."""
    names = [one.name for one in pkgutil.iter_modules(convoracle.__path__, "convoracle.")]
    found = [vars(importlib.import_module(name)).values() for name in names]
    return sorted(
        {one for some in found for one in some if dataclasses.is_dataclass(one)}, key=repr
    )


@pytest.mark.parametrize("record", records())
def test_no_record_can_be_changed(record):
    assert record.__dataclass_params__.frozen


# Subnormal numbers

FLUSHED = (
    "conv x=1x1x3 w=1x1x2 {}float32",
    "conv_transpose x=1x1x3 w=1x1x2 {}float32",
    "conv1x1 x=1x1x3 w=1x1 float32",
    "depthwise_conv x=1x1x3 w=1x1x2 float32",
    "separable_conv x=1x1x3 w=1x1x2 pointwise=1x1 float32",
    "max_pool x=1x1x3 kernel=2 {}float32",
    "avg_pool x=1x1x3 kernel=2 {}float32",
    "lp_pool x=1x1x3 kernel=2 p=2 {}float32",
    "lp_pool x=1x1x3 kernel=2 p=inf {}float32",
    "distance_pool x=1x1x3 kernel=2 float32",
    "max_unpool x=1x1x3 kernel=1 float32",
    "adaptive_max_pool x=1x1x3 output=2 float32",
    "adaptive_avg_pool x=1x1x3 output=2 float32",
    "global_max_pool x=1x1x3 float32",
    "global_avg_pool x=1x1x3 float32",
    "unfold x=1x1x3 kernel=2 float32",
    "fold x=1x2x2 kernel=2 output=3 float32",
)
LINES = [
    line.format(grad)
    for line in FLUSHED
    for grad in (("", "grad=x ", "grad=w ") if " w=" in line else ("", "grad=x "))
    if "{}" in line or not grad
]


@pytest.mark.parametrize("line", LINES)
def test_value_subnormal_is_flushed_in_every_op_by_choice(line):
    problem = Problem.parse(line)
    small, shapes = 2.0**-140, input_shapes(problem)
    given = {
        name: [small if name in ("x", "dy") else 1.0] * math.prod(shapes[name]) for name in shapes
    }
    if problem.grad == "w" or (problem.grad and "pool" in line):
        given["x"] = [1.0] * math.prod(problem.x)
    if "indices" in given:
        given["indices"] = list(range(3))
    inputs = {name: Tensor(shapes[name], given[name]) for name in shapes}
    kept = define(problem, inputs).result().values
    flushed = define(problem, inputs, {"value.subnormal": "flush"}).result().values
    assert any(0 < value < 2.0**-126 for value in kept)
    assert all(value == 0 for value in flushed)


# Sizes


def test_an_unpooled_size_is_the_least_that_pools_to_the_input():
    kept = {"stride": [2], "padding": [(1, 1)]}
    assert unpooled_size((1, 1, 3), [3], **kept) == (5,)
    assert unpooled_size((1, 1, 3), [4], stride=[3], padding=[(2, 1)]) == (7,)
    assert unpooled_size((1, 1, 0), [2], stride=[3]) == (0,)
    assert unpooled_size((1, 1, 2, 3, 4), [2, 2, 2], stride=[2, 2, 2]) == (4, 6, 8)


def test_a_global_pool_of_three_axes_leaves_one_element_of_each_plane():
    x = Tensor((1, 2, 1, 2, 3), [float(number) for number in range(12)])
    assert global_max_pool(x).result() == Tensor((1, 2, 1, 1, 1), [5.0, 11.0])
    assert global_avg_pool(x).result() == Tensor((1, 2, 1, 1, 1), [2.5, 8.5])


def test_unpooling_needs_an_index_for_every_value():
    x, indices = Tensor((1, 1, 2), [1.0, 2.0]), Tensor((1, 1, 1), [0])
    with pytest.raises(ValueError, match="shorter"):
        max_unpool(x, indices, [1], stride=[1]).result()


# What is not said

THREE = Tensor((1, 1, 3), [3.0, 4.0, 12.0])
TWO = {"stride": [2], "dilation": [1]}


def values(op):
    return list(op.result().values)


def test_without_ceil_mode_said_a_window_that_overruns_is_dropped():
    ones, dy = Tensor((2,), [1.0, 1.0]), Tensor((1, 1, 1), [2.0])
    assert values(max_pool(THREE, [2], **TWO)) == [4]
    assert values(avg_pool(THREE, [2], **TWO)) == [3.5]
    assert values(lp_pool(THREE, [2], **TWO)) == [5]
    assert values(distance_pool(THREE, ones, **TWO)) == [3.5]
    assert values(max_pool_gradient(THREE, dy, [2], **TWO)) == [0, 2, 0]
    assert values(avg_pool_gradient(THREE, dy, [2], **TWO)) == [1, 1, 0]
    assert values(lp_pool_gradient(THREE, Tensor((1, 1, 1), [5.0]), [2], **TWO)) == [3, 4, 0]


def test_padding_that_is_not_asked_to_count_does_not():
    ones, padded = Tensor((2,), [1.0, 1.0]), {"padding": [(1, 0)], "stride": [4], "dilation": [1]}
    assert values(avg_pool(THREE, [2], **padded)) == [3]
    assert values(distance_pool(THREE, ones, **padded)) == [3]
    assert values(avg_pool_gradient(THREE, Tensor((1, 1, 1), [2.0]), [2], **padded)) == [2, 0, 0]


# Ties


@pytest.mark.parametrize(("how", "told"), [("first", 1), ("last", 4)])
def test_an_adaptive_maximum_has_the_index_of_the_first_or_the_last_of_equals(how, told):
    x = Tensor((1, 1, 6), [1.0, 7.0, 2.0, 7.0, 7.0, 0.0])
    op = adaptive_max_pool(x, [1], choices={"max.tie": how})
    assert op.indices().values == [told]


@pytest.mark.parametrize(("how", "told"), [("first", 1), ("last", 3)])
def test_an_adaptive_maximum_has_the_index_of_the_first_or_the_last_nan(how, told):
    x = Tensor((1, 1, 5), [9.0, math.nan, 2.0, math.nan, 0.0])
    op = adaptive_max_pool(x, [1], choices={"max.nan_index": how})
    assert op.indices().values == [told]


def test_an_adaptive_maximum_has_its_index_in_its_own_plane():
    op = adaptive_max_pool(Tensor((1, 2, 2), [5.0, 1.0, 1.0, 5.0]), [1])
    assert op.indices().values == [0, 1]


def test_an_adaptive_maximum_of_no_sample_has_no_index():
    op = adaptive_max_pool(Tensor((1, 1, 0), []), [1])
    assert (op.indices().values, values(op)) == ([-1], [-math.inf])


def test_an_adaptive_pool_needs_an_output_size_for_every_axis():
    with pytest.raises(InvalidProblem, match="output has 1 entries for 2 spatial axes"):
        adaptive_max_pool(Tensor((1, 1, 1, 1), [1.0]), [1])


# Depthwise and separable


def test_multiply_adds_grow_with_the_multiplier():
    # 6 places, 9 taps, 4 channels of 2 kernels each, 5 outputs
    assert multiply_adds((2, 3), (3, 3), C=4, M=5, multiplier=2) == (432 + 240, 1080)


def test_an_error_of_the_depthwise_result_grows_by_the_pointwise_row():
    x, w = Tensor((1, 2, 1), [1.0, 1.0]), Tensor((2, 1, 1), [1.0, 1.0])
    op = separable_conv(x, w, Tensor((2, 2), [5.0, -6.0, 7.0, 8.0]), **ONE)
    assert [op.gain((0, m, 0)) for m in (0, 1)] == [11, 15]


# Gradients of convolutions

X = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]  # n, c
DY = [[1, -1, 10, 100, 2, 5], [1000, 3, -2, 7, 0, 4]]  # n, m
W = [  # m or c, and a channel of its group of three
    [1, 2, 4], [3, 5, 9], [7, 11, 1], [13, 17, 8], [19, 23, 2], [29, 31, 6],
]  # fmt: skip
GROUPED = {**ONE, "groups": 2}


def columns(rows):
    """Rows of channels as a tensor with one spatial axis of size 1."""
    return Tensor((len(rows), len(rows[0]), 1), [float(one) for row in rows for one in row])


def group(position):
    """Return the channels of the group of three that a channel is in."""
    return range(position // 3 * 3, position // 3 * 3 + 3)


def test_a_grouped_convolution_and_a_transposed_one_stay_within_the_group():
    x, w = columns(X), columns(W)
    told = [sum(W[m][c % 3] * row[c] for c in group(m)) for row in X for m in range(6)]
    assert values(conv(x, w, **GROUPED)) == told
    told = [sum(W[c][m % 3] * row[c] for c in group(m)) for row in X for m in range(6)]
    assert values(conv_transpose(x, w, **GROUPED)) == told


def test_batch_groups_read_samples_of_their_own():
    x = columns([[1], [2], [3], [10], [20], [30]])
    w = columns([[1], [2], [3], [4], [5], [6]])
    op = conv(x, w, **ONE, batch_groups=2)
    assert values(op) == [
        one * weight if weight < 4 else 10 * one * weight
        for one in (1, 2, 3)
        for weight in (1, 2, 3, 4, 5, 6)
    ]


def test_a_transposed_convolution_has_a_bias_for_every_output_channel():
    bias = Tensor((6,), [100.0, 200.0, 300.0, 400.0, 500.0, 600.0])
    x, w = columns([[0] * 6]), columns(W)
    assert values(conv_transpose(x, w, bias, **GROUPED)) == list(bias.values)


def test_each_kernel_is_turned_within_itself():
    w = Tensor((2, 1, 3), [1, 2, 3, 4, 5, 6])
    assert flipped(w, 3) == Tensor((2, 1, 3), [3, 2, 1, 6, 5, 4])
    dy, x = Tensor((1, 1, 1), [1.0]), Tensor((1, 2, 2), [0.0] * 4)
    both = Tensor((1, 2, 2), [1.0, 2.0, 3.0, 4.0])
    assert values(conv_gradient("x", x, both, dy, **ONE, flip=True)) == [2, 1, 4, 3]


def test_padded_taps_are_left_out_by_choice_and_the_others_are_products():
    x, w = Tensor((1, 1, 1), [3.0]), Tensor((1, 1, 2), [math.inf, 2.0])
    padded = {**ONE, "padding": [(1, 0)], "choices": {"padding.product": "skip"}}
    assert values(conv(x, w, **padded)) == [6]


def test_the_zero_of_the_padding_is_of_the_kind_of_the_elements():
    assert [repr(zero_of(dtype)) for dtype in ("float16", "float64", "int8", "uint8")] == [
        "0.0", "0.0", "0", "0",
    ]  # fmt: skip


# Numbers


def test_an_unsigned_number_wraps_at_256():
    assert [rounded(number, "uint8") for number in (0, 255, 256, 257, -1)] == [0, 255, 0, 1, 255]


def test_the_least_unsigned_number_is_0():
    assert [lowest(dtype) for dtype in ("uint8", "int8", "float16")] == [0, -128, -math.inf]


def test_a_small_number_over_zero_is_infinite_with_its_sign():
    assert [quotient(0.5, 0), quotient(-0.5, 0)] == [math.inf, -math.inf]


def test_a_root_that_is_whole_is_found_exactly():
    assert [root(27, 3), root(32, 5), root(2**40, 4), root(49, 2), root(0, 3)] == [
        3,
        2,
        2**10,
        7,
        0,
    ]
    assert root(Fraction(1, 8), 3) == Fraction(1, 2)


def test_a_sum_is_exact_where_its_nearest_float_is_1_off():
    assert exact_sum([2.0**53, 1.0]) == 2**53 + 1
    assert exact_sum([2.0**53 + 2, 1.0]) == 2**53 + 3


# One axis


def test_an_axis_of_which_only_the_sizes_are_said_slides_by_1_without_padding():
    assert (Axis(5, 2).count, Axis(5, 2).position(1, 1)) == (4, 2)


def test_what_lies_outside_the_padded_input_is_never_a_sample():
    cropped = Axis(4, 1, before=-1, after=-1)
    assert [cropped.sample(i) for i in range(-1, 5)] == [None, None, 1, 2, None, None]
    torus = Axis(3, 1, before=1, after=1, mode="circular")
    assert [torus.sample(i) for i in range(-2, 5)] == [None, 2, 0, 1, 2, 0, None]


def test_padding_repeats_no_sample_where_there_is_none():
    assert Axis(0, 1, before=1, mode="circular").sample(-1) is None
    for sides in ((0, 0), (-1, -1), (0, -1)):
        (axis,) = slide([0], [1], **ONE, padding=[sides], mode="reflect")
        assert axis.count == 0
    for sides in ((1, 0), (0, 1), (1, -1)):
        with pytest.raises(InvalidProblem, match=r"^\[padding\.mode\]"):
            slide([0], [1], **ONE, padding=[sides], mode="reflect")


def test_padding_has_a_pair_for_every_axis_and_there_is_an_axis():
    two = {"stride": [1, 1], "dilation": [1, 1]}
    for pairs in ([(0, 0)], [(0, 0)] * 3):
        with pytest.raises(InvalidProblem, match=r"^\[problem\.axes\] padding has . pairs for 2"):
            slide([4, 4], [1, 1], **two, padding=pairs)
    with pytest.raises(InvalidProblem, match=r"^\[problem\.rank\] the input has no spatial axis"):
        slide([], [], stride=[], dilation=[], padding="valid")


# Sizes of transposed convolutions


def spread(size, kernel, **attributes):
    (axis,) = spread_axes([size], [kernel], **{"dilation": [1], **attributes})
    return axis.size, axis.before, axis.after


def test_output_padding_lengthens_the_output_of_valid_padding():
    assert spread(3, 3, stride=[3], output_padding=[1]) == (10, 0, 0)


def test_causal_padding_of_a_transposed_convolution_crops_ahead_and_full_on_both_sides():
    assert spread(5, 3, stride=[1], padding="causal") == (5, 2, 0)
    assert spread(5, 3, stride=[1], padding="full") == (3, 2, 2)


def test_half_the_extent_is_shared_out_as_the_padding_says():
    half = {"stride": [2], "output_padding": [1], "choices": {"transpose.same_odd": "half"}}
    assert spread(3, 3, padding="same", **half) == (6, 0, 1)
    assert spread(3, 5, padding="same", **half) == (6, 1, 2)
    assert spread(3, 5, padding="same_lower", **half) == (6, 2, 1)
    assert spread(3, 1, padding="same", **half) == (6, 0, 0)
    assert spread(0, 3, padding="same", **half) == (0, 0, 0)


def test_no_window_touches_nothing():
    assert spread(0, 3, stride=[2]) == (0, 0, 0)
    assert spread(0, 3, stride=[2], output_padding=[1]) == (1, 0, 0)
    assert spread(0, 3, stride=[2], padding=[(0, 0)], output_padding=[1]) == (1, 0, 0)


def test_output_padding_has_an_entry_for_every_axis():
    for more in ([], [0, 0]):
        with pytest.raises(InvalidProblem, match=r"output_padding has . entries for 1 spatial"):
            spread(3, 3, stride=[1], output_padding=more)


@pytest.mark.parametrize(
    ("kernel", "padding", "label"),
    [
        (5, 2, "half"),
        (7, 3, "half"),
        (3, 1, "half"),
        (4, 2, "unit_padded"),
        (1, 0, "unit"),
        (4, 3, "full"),
        (3, 0, "unit"),
    ],
)
def test_the_relationships_of_stride_1_follow_from_the_padding(kernel, padding, label):
    axis = Axis(9, kernel, before=padding, after=padding)
    assert relationship(axis, 9, 0) == f"transpose.{label}"
    assert relationship(replace(axis, dilation=2), 9, 0) == ""
    assert relationship(replace(axis, after=padding + 1), 9, 0) == ""
    assert relationship(replace(axis, before=padding + 1), 9, 0) == ""
    assert relationship(axis, 0, 0) == relationship(axis, 9, 1) == ""


def test_the_gradients_of_a_grouped_convolution_stay_within_the_group():
    x, w, dy = columns(X), columns(W), columns(DY)
    by_w = [sum(DY[n][m] * X[n][c] for n in range(2)) for m in range(6) for c in group(m)]
    assert values(conv_gradient("w", x, w, dy, **GROUPED)) == by_w
    by_x = [sum(DY[n][m] * W[m][c % 3] for m in group(c)) for n in range(2) for c in range(6)]
    assert values(conv_gradient("x", x, w, dy, **GROUPED)) == by_x
    by_bias = [1001, 2, 8, 107, 2, 9]
    assert values(conv_gradient("bias", x, w, dy, **GROUPED)) == by_bias


def test_the_gradients_of_a_grouped_transposed_convolution_stay_within_the_group():
    x, w, dy = columns(X), columns(W), columns(DY)
    by_w = [sum(X[n][c] * DY[n][m] for n in range(2)) for c in range(6) for m in group(c)]
    assert values(conv_transpose_gradient("w", x, w, dy, **GROUPED)) == by_w
    by_x = [sum(DY[n][m] * W[c][m % 3] for m in group(c)) for n in range(2) for c in range(6)]
    assert values(conv_transpose_gradient("x", x, w, dy, **GROUPED)) == by_x
    by_bias = [1001, 2, 8, 107, 2, 9]
    assert values(conv_transpose_gradient("bias", x, w, dy, **GROUPED)) == by_bias


def test_the_gradient_by_a_flipped_weight_is_turned_on_every_axis():
    x = Tensor((1, 1, 3, 4), [float(number) for number in range(12)])
    w, dy = Tensor((1, 1, 3, 4), [1.0] * 12), Tensor((1, 1, 1, 1), [1.0])
    op = conv_gradient("w", x, w, dy, stride=[1, 1], dilation=[1, 1], flip=True)
    assert values(op) == list(range(11, -1, -1))


def test_the_gradient_by_a_weight_of_two_axes_has_its_taps_in_order():
    x = Tensor((1, 1, 2, 3), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    w, dy, two = (
        Tensor((1, 1, 2, 2), [1.0] * 4),
        Tensor((1, 1, 1, 2), [1.0, 100.0]),
        {"stride": [1, 1], "dilation": [1, 1]},
    )
    assert values(conv_gradient("w", x, w, dy, **two)) == [201, 402, 1608, 3216]
    assert values(conv_gradient("w", x, w, dy, **two, flip=True)) == [3216, 1608, 402, 201]
    assert values(conv_transpose_gradient("w", dy, w, x, **two)) == [201, 402, 1608, 3216]


def test_a_padding_zero_is_a_factor_of_the_gradient_unless_it_is_skipped():
    x, w = Tensor((1, 1, 1), [3.0]), Tensor((1, 1, 1), [1.0])
    dy, padded = Tensor((1, 1, 2), [math.inf, 5.0]), {**ONE, "padding": [(1, 0)]}
    (product,) = values(conv_gradient("w", x, w, dy, **padded))
    skipped = conv_gradient("w", x, w, dy, **padded, choices={"padding.product": "skip"})
    assert (math.isnan(product), values(skipped)) == (True, [15])


def test_gradients_without_a_channel_are_empty_or_zero():
    none, dy = Tensor((1, 0, 2), []), Tensor((1, 2, 2), [1.0] * 4)
    assert values(conv_gradient("x", none, Tensor((2, 0, 1), []), dy, **ONE)) == []
    assert values(conv_gradient("w", none, Tensor((2, 0, 1), []), dy, **ONE)) == []
    w = Tensor((0, 2, 1), [])
    assert values(conv_transpose_gradient("x", none, w, dy, **ONE)) == []
    assert values(conv_transpose_gradient("w", none, w, dy, **ONE)) == []
    some, empty = Tensor((1, 2, 2), [1.0] * 4), Tensor((1, 0, 2), [])
    assert values(conv_gradient("x", some, Tensor((0, 2, 1), []), empty, **ONE)) == [0] * 4
    assert values(conv_transpose_gradient("x", some, Tensor((2, 0, 1), []), empty, **ONE)) == [
        0, 0, 0, 0,
    ]  # fmt: skip


def test_the_gradients_of_an_empty_batch_are_zero():
    x, dy = Tensor((0, 1, 2), []), Tensor((0, 1, 1), [])
    w = Tensor((1, 1, 2), [1.0, 2.0])
    assert values(conv_gradient("w", x, w, dy, **ONE)) == [0, 0]
    assert values(conv_gradient("bias", x, w, dy, **ONE)) == [0]
    assert values(conv_transpose_gradient("w", dy, w, x, **ONE)) == [0, 0]


# Gradients of pools

PLANES = Tensor((2, 2, 2), [3.0, 4.0, 4.0, 3.0, -3.0, -4.0, 1.0, 0.0])
GIVEN = Tensor((2, 2, 1), [5.0, 10.0, 15.0, 20.0])


def test_a_pool_hands_its_gradient_back_within_its_own_plane():
    assert values(max_pool_gradient(PLANES, GIVEN, [2], **ONE)) == [0, 5, 10, 0, 15, 0, 20, 0]
    assert values(avg_pool_gradient(PLANES, GIVEN, [2], **ONE)) == [
        2.5, 2.5, 5, 5, 7.5, 7.5, 10, 10,
    ]  # fmt: skip
    assert values(lp_pool_gradient(PLANES, GIVEN, [2], **ONE)) == [3, 4, 8, 6, -9, -12, 20, 0]
    assert values(lp_pool_gradient(PLANES, GIVEN, [2], p=math.inf, **ONE)) == [
        0, 5, 10, 0, 0, -15, 20, 0,
    ]  # fmt: skip
    assert values(lp_pool_gradient(PLANES, GIVEN, [2], p=1, **ONE)) == [
        5, 5, 10, 10, -15, -15, 20, 0,
    ]  # fmt: skip


def test_a_pool_of_two_axes_hands_back_what_each_window_has():
    x = Tensor((1, 1, 2, 3), [1.0, 9.0, 2.0, 3.0, 4.0, 8.0])
    dy, two = Tensor((1, 1, 1, 2), [10.0, 100.0]), {"stride": [1, 1], "dilation": [1, 1]}
    assert values(max_pool_gradient(x, dy, [2, 2], **two)) == [0, 110, 0, 0, 0, 0]
    assert values(avg_pool_gradient(x, dy, [2, 2], **two)) == [2.5, 27.5, 25, 2.5, 27.5, 25]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("first", [12, 0, 0, 0]),
        ("last", [0, 0, 0, 12]),
        ("share", [4, 0, 4, 4]),
        ("all", [12, 0, 12, 12]),
    ],
)
def test_of_equal_maxima_and_of_several_nan_the_choice_says_who_gets_the_gradient(how, told):
    dy, choices = Tensor((1, 1, 1), [12.0]), {"grad.tie": how}
    for one in (7.0, math.nan):
        x = Tensor((1, 1, 4), [one, 1.0, one, one])
        assert values(max_pool_gradient(x, dy, [4], **ONE, choices=choices)) == told


def test_what_is_infinite_is_handed_back_with_the_sign_of_its_share():
    x, dy = Tensor((1, 1, 2), [-3.0, 4.0]), Tensor((1, 1, 1), [math.inf])
    assert values(max_pool_gradient(x, dy, [2], **ONE)) == [0, math.inf]
    assert values(avg_pool_gradient(x, dy, [2], **ONE)) == [math.inf, math.inf]
    assert values(lp_pool_gradient(x, dy, [2], **ONE)) == [-math.inf, math.inf]
    assert values(lp_pool_gradient(x, dy, [2], p=1, **ONE)) == [-math.inf, math.inf]
    tiny = Tensor((1, 1, 2), [-1e-200, 1e200])  # the share of the first is below every float
    given = values(lp_pool_gradient(tiny, dy, [2], dtype="float64", **ONE))
    assert given == [-math.inf, math.inf]


def test_nan_is_handed_back_and_a_share_that_is_nan_hands_back_nan():
    x, dy = Tensor((1, 1, 2), [-3.0, 4.0]), Tensor((1, 1, 1), [math.nan])
    assert all(math.isnan(one) for one in values(lp_pool_gradient(x, dy, [2], **ONE)))
    x, dy = Tensor((1, 1, 1), [math.inf]), Tensor((1, 1, 1), [-math.inf])
    assert all(math.isnan(one) for one in values(lp_pool_gradient(x, dy, [1], **ONE)))


def test_the_gradient_of_a_sum_of_magnitudes_does_not_ask_for_the_norm():
    x, dy = Tensor((1, 1, 2), [0.0, 0.0]), Tensor((1, 1, 1), [3.0])
    for choices, told in (({"grad.lp_zero": "nan"}, [0, 0]), ({"grad.absolute": "one"}, [3, 3])):
        assert values(lp_pool_gradient(x, dy, [2], p=1, **ONE, choices=choices)) == told


def test_a_small_sample_has_a_sign_too():
    x, dy = Tensor((1, 1, 2), [-0.25, 0.25]), Tensor((1, 1, 1), [3.0])
    assert values(lp_pool_gradient(x, dy, [2], p=1, **ONE)) == [-3, 3]


def test_an_infinite_norm_leaves_the_finite_samples_nothing():
    x, dy = Tensor((1, 1, 2), [math.inf, 4.0]), Tensor((1, 1, 1), [2.0])
    first, second = values(lp_pool_gradient(x, dy, [2], **ONE))
    assert (math.isnan(first), second) == (True, 0)


def test_the_gradient_of_an_average_counts_padding_where_the_average_does():
    x, dy = Tensor((1, 1, 1), [1.0]), Tensor((1, 1, 1), [6.0])
    padded = {"padding": [(1, 1)], "stride": [1], "dilation": [1]}
    assert values(avg_pool_gradient(x, dy, [3], **padded)) == [6]
    assert values(avg_pool_gradient(x, dy, [3], **padded, count_include_pad=True)) == [2]


def test_the_products_of_a_gradient_of_float64_are_exact():
    x, dy = Tensor((1, 1, 3), [1.0, 1.0, 1.0]), Tensor((1, 1, 2), [1.0, -1.0 - 2.0**-52])
    op = avg_pool_gradient(x, dy, [2], **ONE, dtype="float64")
    assert op.exact((0, 0, 1)) == -Fraction(1, 2**53)
    third = avg_pool_gradient(x, Tensor((1, 1, 1), [1.0]), [3], **ONE, dtype="float64")
    assert third.exact((0, 0, 0)) == Fraction(1, 3)


def test_a_gradient_of_the_output_has_its_shape():
    with pytest.raises(InvalidProblem, match=r"^\[grad\.shape\]"):
        max_pool_gradient(THREE, Tensor((1, 1, 1), [1.0]), [2], **ONE)


# Complex numbers


def complex_row(*numbers):
    return Tensor(
        (1, 1, len(numbers), 2), [part for one in numbers for part in (one.real, one.imag)]
    )


def complex_conv(x, w, choices=None):
    def real(x, w, bias):
        return conv(x, w, bias, **ONE, choices=choices)

    return in_parts(real, x, w, None, dtype="complex64", choices=choices)


def test_the_magnitude_of_a_complex_element_counts_all_four_products():
    op = complex_conv(complex_row(1 + 2j, 10 + 20j), complex_row(3 - 4j))
    # 1 * 3, 2 * 4, 1 * 4 and 2 * 3, for the real part and for the imaginary one
    assert [op.magnitude((0, 0, 0, part)) for part in (0, 1)] == [21, 21]
    assert [op.magnitude((0, 0, 1, part)) for part in (0, 1)] == [210, 210]


def test_the_magnitude_of_a_real_element_is_that_of_its_terms():
    op = conv(Tensor((1, 1, 2), [1.0, -2.0]), Tensor((1, 1, 2), [3.0, 4.0]), **ONE)
    assert (op.exact((0, 0, 0)), op.magnitude((0, 0, 0))) == (-5, 11)


def test_a_part_of_a_complex_result_is_flushed_by_choice():
    x, w = complex_row(2.0**-100 + 0j), complex_row(2.0**-40 + 1j)
    kept = complex_conv(x, w).result().values
    flushed = complex_conv(x, w, {"value.subnormal": "flush"}).result().values
    assert (kept, flushed) == ([2.0**-140, 2.0**-100], [0.0, 2.0**-100])


# Arrays


def test_a_tensor_holds_no_more_values_than_its_shape():
    with pytest.raises(ValueError, match=r"3 values do not fill the shape \(2,\)"):
        Tensor((2,), [1, 2, 3])


def test_rows_of_unequal_length_are_no_tensor():
    with pytest.raises(ValueError, match=r"3 values do not fill the shape \(2, 2\)"):
        Tensor.of([[1, 2], [3]])


def test_a_position_has_an_entry_for_every_axis():
    assert flat_index((1, 2), (3, 4)) == 6
    with pytest.raises(ValueError, match="longer"):
        flat_index((1,), (3, 4))
