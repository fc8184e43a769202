"""Empty sizes, special numbers and the choices at the variant points, on a few numbers each."""

import math

import pytest

from convoracle import (
    VARIANTS,
    Tensor,
    avg_pool,
    conv,
    conv1x1,
    depthwise_conv,
    distance_pool,
    lp_pool,
    max_pool,
)

INF, NAN = math.inf, math.nan
ONE = {"stride": [1], "dilation": [1]}
POOLS = {
    "max": max_pool,
    "avg": avg_pool,
    "lp": lp_pool,
    "distance": lambda x, kernel, **rest: distance_pool(
        x, Tensor(tuple(kernel), [1.0] * math.prod(kernel)), **rest
    ),
}


def row(*values):
    """One sample, one channel, one axis."""
    return Tensor((1, 1, len(values)), values)


def told(op):
    """Return the elements; a NaN as the word, since it equals nothing."""
    return ["nan" if math.isnan(value) else value for value in op.result().values]


# Empty sizes


@pytest.mark.parametrize("pool", POOLS)
def test_size_batch_zero_gives_a_batch_of_zero(pool):
    op = POOLS[pool](Tensor((0, 2, 5), []), [2], **ONE)
    assert (op.shape, op.result().values) == ((0, 2, 4), [])


def test_size_batch_zero_gives_a_convolution_a_batch_of_zero():
    x, w = Tensor((0, 2, 5), []), Tensor((3, 2, 2), [1.0] * 12)
    assert conv(x, w, **ONE).result() == Tensor((0, 3, 4), [])
    assert conv1x1(x, Tensor((3, 2), [1.0] * 6)).result() == Tensor((0, 3, 5), [])


@pytest.mark.parametrize("pool", POOLS)
def test_size_channels_zero_gives_a_pool_zero_channels(pool):
    op = POOLS[pool](Tensor((2, 0, 5), []), [2], **ONE)
    assert (op.shape, op.result().values) == ((2, 0, 4), [])


def test_size_channels_zero_of_input_give_the_bias_or_zero():
    x, w, bias = Tensor((1, 0, 2), []), Tensor((2, 0, 1), []), Tensor.of([3.0, -4.0])
    assert conv(x, w, **ONE).result().nested() == [[[0, 0], [0, 0]]]
    assert conv(x, w, bias, **ONE).result().nested() == [[[3, 3], [-4, -4]]]
    assert conv(x, w, bias, groups=2, **ONE).result().nested() == [[[3, 3], [-4, -4]]]
    assert conv1x1(x, Tensor((2, 0), []), bias).result().nested() == [[[3, 3], [-4, -4]]]


def test_size_channels_zero_of_output_give_an_empty_output():
    x = row(1.0, 2.0)
    assert conv(x, Tensor((0, 1, 1), []), **ONE).result() == Tensor((1, 0, 2), [])
    assert conv1x1(x, Tensor((0, 1), [])).result() == Tensor((1, 0, 2), [])


def test_size_spatial_zero_has_the_windows_that_padding_gives():
    x, w = Tensor((1, 1, 0), []), Tensor.of([[[5.0, 6.0]]])
    shapes = [conv(x, w, padding=[(p, p)], **ONE).shape for p in range(3)]
    assert shapes == [(1, 1, 0), (1, 1, 1), (1, 1, 3)]
    assert told(conv(x, w, padding=[(1, 1)], **ONE)) == [0]
    assert told(max_pool(x, [2], padding=[(1, 1)], **ONE)) == [-INF]
    assert told(avg_pool(x, [2], padding=[(1, 1)], **ONE)) == ["nan"]
    assert told(lp_pool(x, [2], padding=[(1, 1)], **ONE)) == [0]


def test_size_spatial_zero_with_same_padding_has_no_window():
    x = Tensor((1, 1, 0), [])
    for padding in ("same_upper", "same_lower"):
        assert max_pool(x, [3], padding=padding, **ONE).shape == (1, 1, 0)


@pytest.mark.parametrize("pool", POOLS)
def test_window_none_on_one_axis_leaves_the_other_axis_its_size(pool):
    op = POOLS[pool](Tensor((1, 1, 2, 4), [1.0] * 8), [3, 2], stride=[1, 1], dilation=[1, 1])
    assert (op.shape, op.result().values) == ((1, 1, 0, 3), [])


# Sums of special numbers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_padding_product_of_zero_and_an_infinite_weight_is_nan_at_a_padded_tap(dtype):
    x, w = row(2.0, 3.0), Tensor.of([[[INF, 1.0]]])
    standard = conv(x, w, padding=[(1, 0)], dtype=dtype, **ONE)
    assert told(standard) == ["nan", INF]
    skipping = {"padding.product": "skip"}
    assert told(conv(x, w, padding=[(1, 0)], dtype=dtype, choices=skipping, **ONE)) == [2, INF]


def test_padding_product_skipped_in_every_tap_leaves_the_bias():
    x, w, bias = Tensor((1, 1, 0), []), Tensor.of([[[NAN]]]), Tensor.of([7.0])
    skipping = {"padding.product": "skip"}
    assert told(conv(x, w, bias, padding=[(1, 0)], **ONE)) == ["nan"]
    assert told(conv(x, w, bias, padding=[(1, 0)], choices=skipping, **ONE)) == [7]


def test_padding_product_is_multiplied_or_skipped_in_a_depthwise_convolution_too():
    x, w = row(2.0, 3.0), Tensor.of([[[INF, 1.0]]])
    standard = depthwise_conv(x, w, padding=[(1, 0)], stride=[1], dilation=[1])
    assert told(standard) == ["nan", INF]
    skipping = {"padding.product": "skip"}
    skipped = depthwise_conv(x, w, padding=[(1, 0)], stride=[1], dilation=[1], choices=skipping)
    assert told(skipped) == [2, INF]


def test_padding_zero_times_a_finite_weight_adds_nothing():
    assert told(conv(row(5.0), Tensor.of([[[2.0, 3.0]]]), padding=[(1, 1)], **ONE)) == [15, 10]


def test_value_nan_comes_of_a_nan_and_of_infinities_of_both_signs():
    w = Tensor.of([[[1.0, 1.0]]])
    assert told(conv(row(NAN, 1.0, INF, -INF), w, **ONE)) == ["nan", INF, "nan"]
    assert told(conv(row(0.0, INF), w, **ONE)) == [INF]
    assert told(conv(row(1.0), Tensor.of([[[1.0]]]), Tensor.of([NAN]), **ONE)) == ["nan"]


def test_value_infinity_outweighs_every_finite_term():
    w = Tensor.of([[[1.0, 1.0]]])
    for dtype in ("float32", "float64"):
        assert told(conv(row(-3e38, INF), w, dtype=dtype, **ONE)) == [INF]
    assert told(avg_pool(row(1.0, -INF), [2], **ONE)) == [-INF]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_value_overflow_is_of_the_result_and_never_of_a_partial_sum(dtype):
    top = {"float16": 65504.0, "float32": 2.0**128 - 2.0**104, "float64": 2.0**1023 * (2 - 2**-52)}
    large = top[dtype]
    w = Tensor.of([[[1.0, 1.0, 1.0]]])
    assert told(conv(row(large, large, -large), w, dtype=dtype, **ONE)) == [large]
    assert told(conv(row(large, large, 0.0), w, dtype=dtype, **ONE)) == [INF]
    assert told(avg_pool(row(large, large), [2], dtype=dtype, **ONE)) == [large]
    assert told(lp_pool(row(large, 0.0), [2], p=2, dtype=dtype, **ONE)) == [large]


def test_conv_bias_is_a_term_of_the_exact_sum_and_not_added_to_a_rounded_one():
    w, bias = Tensor.of([[[1.0, 1.0]]]), Tensor.of([1.0])
    assert told(conv(row(2.0**24, 1.0), w, bias, **ONE)) == [2**24 + 2]


def test_value_round_is_of_products_that_float64_cannot_hold():
    """(1 + e)^2 - (1 + 2e) is e^2, which no float64 product shows."""
    e = 2.0**-52
    x, w = row(1 + e, -1.0), Tensor.of([[[1 + e, 1 + 2 * e]]])
    assert told(conv(x, w, dtype="float64", **ONE)) == [e**2]


def test_value_wrap_is_of_the_result_and_an_average_is_divided_before_it():
    x, w = row(100, 100), Tensor.of([[[1, 1]]])
    assert told(conv(x, w, dtype="int8", **ONE)) == [-56]
    assert told(conv1x1(row(100), Tensor.of([[3]]), dtype="int8")) == [300 - 256]
    assert told(avg_pool(x, [2], dtype="int8", **ONE)) == [100]
    assert told(conv(row(2**62), Tensor.of([[[2]]]), dtype="int64", **ONE)) == [-(2**63)]


def test_value_dtype_of_the_elements_are_ints_for_ints_and_floats_for_floats():
    w = Tensor.of([[[1]]])
    assert type(conv(row(1), w, dtype="int32", **ONE).result().values[0]) is int
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        assert type(conv(row(1.0), w, dtype=dtype, **ONE).result().values[0]) is float
        assert type(max_pool(row(1.0), [1], dtype=dtype, **ONE).result().values[0]) is float


@pytest.mark.parametrize(
    ("dtype", "normal"), [("float16", 2.0**-14), ("float32", 2.0**-126), ("float64", 2.0**-1022)]
)
def test_value_subnormal_is_kept_or_flushed_as_input_and_as_output(dtype, normal):
    small = normal / 4
    flush = {"value.subnormal": "flush"}
    half = Tensor.of([[[0.5]]])
    assert told(conv(row(small, normal), half, dtype=dtype, **ONE)) == [small / 2, normal / 2]
    assert told(conv(row(small, normal), half, dtype=dtype, choices=flush, **ONE)) == [0, 0]
    # as input: four times a flushed number is zero, though the product would be normal
    four = Tensor.of([[[4.0]]])
    assert told(conv(row(small), four, dtype=dtype, **ONE)) == [normal]
    assert told(conv(row(small), four, dtype=dtype, choices=flush, **ONE)) == [0]
    assert told(conv(row(4.0), Tensor.of([[[small]]]), dtype=dtype, choices=flush, **ONE)) == [0]
    assert told(max_pool(row(small, -1.0), [2], dtype=dtype, **ONE)) == [small]
    assert told(max_pool(row(small, -1.0), [2], dtype=dtype, choices=flush, **ONE)) == [0]


def test_value_zero_terms_of_both_signs_give_a_zero():
    w = Tensor.of([[[1.0, 1.0]]])
    for x in (row(-0.0, -0.0), row(0.0, -0.0), row(1.0, -1.0)):
        assert told(conv(x, w, **ONE)) == [0]


# Convolutions that are not their neighbours


def test_conv_sum_runs_over_the_channels_and_the_taps():
    x, w = Tensor.of([[[1.0, 2.0], [3.0, 4.0]]]), Tensor.of([[[1.0, 10.0], [100.0, 1000.0]]])
    assert told(conv(x, w, **ONE)) == [1 + 20 + 300 + 4000]


def test_conv_kernel_is_not_flipped():
    assert told(conv(row(1.0, 2.0, 3.0), Tensor.of([[[100.0, 10.0, 1.0]]]), **ONE)) == [123]


def test_conv_weight_of_another_depth_is_no_group():
    x, w = Tensor.of([[[1.0], [2.0], [4.0], [8.0]]]), Tensor((2, 2, 1), [1.0, 1.0, 1.0, 1.0])
    assert told(conv(x, w, groups=2, **ONE)) == [3, 12]


def test_conv1x1_product_is_one_matrix_at_every_position():
    x, w = Tensor.of([[[1.0, 2.0], [10.0, 20.0]]]), Tensor.of([[1.0, 1.0], [2.0, -1.0]])
    assert conv1x1(x, w).result().nested() == [[[11, 22], [-8, -16]]]


# Maxima


def test_max_value_is_the_largest_sample():
    assert told(max_pool(row(1.0, 4.0, 3.0, 2.0), [2], **ONE)) == [4, 4, 3]


def test_max_padding_never_wins_over_negative_samples():
    assert told(max_pool(row(-3.0, -5.0), [2], padding=[(1, 1)], **ONE)) == [-3, -3, -5]


def test_max_nan_gives_nan_whatever_stands_beside_it():
    assert told(max_pool(row(INF, NAN, 2.0, 3.0), [2], **ONE)) == ["nan", "nan", 3]


def test_max_empty_is_minus_infinity_or_the_least_integer():
    padding = [(1, 1)]
    assert told(max_pool(row(5.0), [1], padding=padding, **ONE)) == [-INF, 5, -INF]
    for dtype, least in (("int8", -128), ("int32", -(2**31)), ("int64", -(2**63))):
        assert told(max_pool(row(5), [1], padding=padding, dtype=dtype, **ONE)) == [least, 5, least]


def test_max_index_is_row_major_in_the_plane_and_knows_no_padding():
    x = Tensor((1, 2, 2, 3), [1.0, 2.0, 3.0, 6.0, 5.0, 4.0, 9.0, 8.0, 7.0, 0.0, 0.0, 0.0])
    op = max_pool(x, [2, 2], stride=[1, 1], padding=[(1, 0), (0, 0)], dilation=[1, 1])
    assert op.indices().nested() == [[[[1, 2], [3, 4]], [[0, 1], [0, 1]]]]


def test_max_index_of_minus_infinity_is_that_of_a_sample_and_of_padding_none():
    op = max_pool(row(-INF, -INF), [2], padding=[(2, 0)], **ONE)
    assert (told(op), op.indices().values) == ([-INF, -INF, -INF], [-1, 0, 0])


def test_max_tie_goes_to_the_first_or_the_last():
    x = row(7.0, 7.0, 1.0, 7.0)
    assert max_pool(x, [4], **ONE).indices().values == [0]
    assert max_pool(x, [4], choices={"max.tie": "last"}, **ONE).indices().values == [3]


def test_max_tie_of_zeros_of_both_signs_is_a_tie():
    assert max_pool(row(-0.0, 0.0), [2], **ONE).indices().values == [0]
    assert max_pool(row(0.0, -0.0), [2], choices={"max.tie": "last"}, **ONE).indices().values == [1]


def test_max_nan_index_is_of_the_first_nan_or_the_last():
    x = row(9.0, NAN, 9.0, NAN)
    assert max_pool(x, [4], **ONE).indices().values == [1]
    assert max_pool(x, [4], choices={"max.nan_index": "last"}, **ONE).indices().values == [3]
    assert max_pool(x, [4], choices={"max.tie": "last"}, **ONE).indices().values == [1]


# Averages and norms


def test_avg_value_is_the_sum_over_the_divisor():
    assert told(avg_pool(row(1.0, 2.0, 3.0, 5.0), [2], stride=[2], dilation=[1])) == [1.5, 4]


def test_avg_divisor_counts_samples_or_padding_too_and_never_the_overrun():
    x, attributes = row(3.0, 3.0, 3.0, 3.0), {"stride": [2], "dilation": [1], "ceil_mode": True}
    without = avg_pool(x, [3], padding=[(1, 1)], **attributes)
    counted = avg_pool(x, [3], padding=[(1, 1)], count_include_pad=True, **attributes)
    assert (told(without), told(counted)) == ([3, 3, 3], [2, 3, 1.5])


def test_avg_divisor_in_two_axes_leaves_out_a_tap_that_overruns_one_of_them():
    """The corner window has four taps: one sample, and three that overrun an axis."""
    x = Tensor((1, 1, 3, 3), [4.0] * 9)
    op = avg_pool(x, [2, 2], stride=[2, 2], dilation=[1, 1], ceil_mode=True, count_include_pad=True)
    assert op.result().nested() == [[[[4, 4], [4, 4]]]]


def test_avg_empty_is_nan_or_zero():
    x, padding = row(5.0), [(1, 1)]
    zero = {"avg.empty": "zero"}
    assert told(avg_pool(x, [1], padding=padding, **ONE)) == ["nan", 5, "nan"]
    assert told(avg_pool(x, [1], padding=padding, choices=zero, **ONE)) == [0, 5, 0]
    counted = avg_pool(x, [1], padding=padding, count_include_pad=True, **ONE)
    assert told(counted) == [0, 5, 0]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("truncate", [-2, -1, -1, 1, 1]),
        ("floor", [-3, -2, -1, 1, 1]),
        ("nearest", [-2, -2, -1, 1, 2]),
    ],
)
def test_avg_integer_is_cut_floored_or_rounded_to_even(choice, expected):
    """The sums are -5, -3, -2, 2 and 3."""
    x = row(-5, 0, -3, 0, -2, 0, 2, 0, 3, 0)
    op = avg_pool(x, [2], stride=[2], dilation=[1], dtype="int32", choices={"avg.integer": choice})
    assert told(op) == expected


def test_avg_integer_over_no_tap_is_zero():
    assert told(avg_pool(row(5), [1], padding=[(1, 0)], dtype="int8", **ONE)) == [0, 5]


def test_lp_value_is_the_root_of_the_sum_of_powers_of_magnitudes():
    assert told(lp_pool(row(3.0, -4.0), [2], p=2, **ONE)) == [5]
    assert told(lp_pool(row(3.0, -4.0, 5.0), [3], p=3, **ONE)) == [6]
    assert told(lp_pool(row(-3.0, 2.0), [2], p=1, **ONE)) == [5]
    assert told(lp_pool(row(-3.0, 2.0), [2], p=INF, **ONE)) == [3]


def test_lp_value_of_special_numbers():
    for p in (1, 2, 3, INF):
        assert told(lp_pool(row(-INF, 1.0, NAN), [2], p=p, **ONE)) == [INF, "nan"]


def test_lp_value_squares_neither_overflow_nor_underflow():
    assert told(lp_pool(row(3e30, 4e30), [2], p=2, dtype="float64", **ONE)) == [5e30]
    assert told(lp_pool(row(3 * 2.0**-140, 4 * 2.0**-140), [2], p=2, **ONE)) == [5 * 2.0**-140]


@pytest.mark.parametrize("p", [1, 2, INF])
def test_lp_padding_adds_nothing(p):
    assert told(lp_pool(row(-3.0), [1], p=p, padding=[(1, 1)], **ONE)) == [0, 3, 0]


def test_distance_value_divides_by_the_weights():
    w = Tensor.of([1.0, 2.0, 1.0])
    assert told(distance_pool(row(4.0, 8.0, 12.0), w, **ONE)) == [8]


def test_distance_weight_is_one_for_each_tap_and_the_same_for_every_channel():
    x, w = Tensor.of([[[1.0, 5.0], [10.0, 50.0]]]), Tensor.of([3.0, 1.0])
    assert distance_pool(x, w, **ONE).result().nested() == [[[2], [20]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distance_divisor_counts_samples_or_padding_too_and_never_the_overrun(dtype):
    x, w = row(8.0, 8.0, 8.0), Tensor.of([1.0, 2.0, 5.0])
    padded = {"padding": [(1, 1)], "dtype": dtype, **ONE}
    assert told(distance_pool(x, w, **padded)) == [8, 8, 8]
    assert told(distance_pool(x, w, count_include_pad=True, **padded)) == [7, 8, 3]
    overrun = distance_pool(
        row(8.0, 8.0, 8.0), Tensor.of([1.0, 3.0, 4.0]), stride=[2], padding=[(1, 0)], dilation=[1],
        ceil_mode=True, count_include_pad=True, dtype=dtype,
    )  # fmt: skip
    assert told(overrun) == [7, 8]


def test_distance_value_with_weights_that_add_up_to_zero_is_that_of_ieee_754():
    w = Tensor.of([1.0, -1.0])
    assert told(distance_pool(row(2.0, 2.0, 5.0, 1.0), w, **ONE)) == ["nan", -INF, INF]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distance_divisor_an_infinite_weight_on_counted_padding_gives_nan(dtype):
    w = Tensor.of([INF, 1.0])
    counted = distance_pool(
        row(2.0), w, padding=[(1, 0)], count_include_pad=True, dtype=dtype, **ONE
    )
    assert told(counted) == ["nan"]


# The side of same padding, and the choices


def test_padding_same_side_shifts_the_windows_by_one_sample():
    x, w = row(1.0, 2.0, 3.0), Tensor.of([[[1.0, 10.0]]])
    assert told(conv(x, w, padding="same", **ONE)) == [21, 32, 3]
    assert told(conv(x, w, padding="same_upper", **ONE)) == [21, 32, 3]
    assert told(conv(x, w, padding="same_lower", **ONE)) == [10, 21, 32]


def test_the_first_choice_of_a_variant_point_is_what_no_choice_gives():
    standard = {label: clause.standard for label, clause in VARIANTS.items()}
    x, w = row(7.0, NAN, 7.0, NAN), Tensor.of([[[INF, 1.0]]])
    for op in (
        lambda choices: conv(x, w, padding=[(1, 1)], choices=choices, **ONE),
        lambda choices: max_pool(x, [2], padding=[(2, 2)], choices=choices, **ONE),
        lambda choices: avg_pool(x, [2], padding=[(2, 2)], choices=choices, **ONE),
    ):
        assert told(op(standard)) == told(op({}))
    assert max_pool(x, [4], choices=standard, **ONE).indices() == max_pool(x, [4], **ONE).indices()


def test_only_a_maximum_has_indices():
    with pytest.raises(ValueError, match="this op has no indices"):
        avg_pool(row(1.0), [1], **ONE).indices()
