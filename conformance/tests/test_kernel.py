"""The NumPy kernel: facts on small arrays, and loops written here that share nothing with it."""

import itertools
import math
import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from convformance import kernel
from convformance.backend import Backend
from convformance.backends.numpy_backend import NumpyBackend
from convformance.problem import Problem

NAN, INF = math.nan, math.inf
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]
INTEGERS = [np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64)]


def row(*values, dtype="float32"):
    """One sample, one channel, one spatial axis."""
    return np.array([[values]], dtype=dtype)


def values(array):
    return array.ravel().tolist()


# Loops, one window at a time; no geometry of the kernel.


def loop_pads(size, extent, stride, padding):
    if padding == "valid":
        return 0, 0
    if isinstance(padding, tuple):
        return padding
    total = 0
    while (size + total - extent) // stride + 1 < math.ceil(size / stride):
        total += 1
    half = total // 2
    return (half, total - half) if padding == "same_upper" else (total - half, half)


def loop_starts(size, extent, stride, pads, ceil_mode):
    """Starts of the windows, counted from sample 0."""
    before, after = pads
    starts, start = [], 0
    while start + extent <= before + size + after:
        starts.append(start - before)
        start += stride
    covered = start - stride + extent if starts else None
    short = before + size + after - extent
    overruns = covered != before + size + after if starts else short > -stride
    if ceil_mode and overruns and start < before + size:
        starts.append(start - before)
    return starts


def loop_windows(spatial, kernel_size, options):
    """Yield (output position, [(tap, input position, lies in, lies in or on padding)])."""
    per_axis = []
    for axis, (size, taps) in enumerate(zip(spatial, kernel_size, strict=True)):
        stride, dilation = options["stride"][axis], options["dilation"][axis]
        padding = options["padding"]
        padding = padding if isinstance(padding, str) else padding[axis]
        extent = 1 + dilation * (taps - 1)
        pads = before, after = loop_pads(size, extent, stride, padding)
        starts = loop_starts(size, extent, stride, pads, options.get("ceil_mode", False))
        per_axis.append(
            [
                [
                    (k, i, 0 <= i < size, -before <= i < size + after)
                    for k in range(taps)
                    for i in [start + k * dilation]
                ]
                for start in starts
            ]
        )
    shape = tuple(len(starts) for starts in per_axis)
    for o in np.ndindex(*shape):
        window = []
        for cell in itertools.product(
            *(per_axis[axis][position] for axis, position in enumerate(o))
        ):
            k, i, inside, padded = zip(*cell, strict=True)
            window.append((k, i, all(inside), all(padded)))
        yield shape, o, window


def loop_output(x, kernel_size, options, element, channels=None):
    shape, found = None, {}
    for one_shape, o, window in loop_windows(x.shape[2:], kernel_size, options):
        shape = one_shape
        for n in range(x.shape[0]):
            for m in range(x.shape[1] if channels is None else channels):
                found[(n, m, *o)] = element(n, m, window)
    return shape, found


def plain(value):
    """A Python number; exact."""
    return int(value) if isinstance(value, np.integer) else float(value)


def wrap(total, dtype):
    bits = 8 * dtype.itemsize
    return (total + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def cast(value, dtype):
    """Round a fraction or float to the dtype; the numbers of these tests need no more care."""
    with np.errstate(all="ignore"):
        return wrap(value, dtype) if dtype.kind == "i" else float(np.float64(value).astype(dtype))


def loop_conv(x, w, bias, options):
    M, depth = w.shape[:2]

    def element(n, m, window):
        first = m // (M // options["groups"]) * depth
        total = plain(bias[m])
        for k, i, inside, _ in window:
            for c in range(depth):
                total += (plain(x[(n, first + c, *i)]) if inside else 0) * plain(w[(m, c, *k)])
        return cast(total, x.dtype)

    return loop_output(x, w.shape[2:], options, element, M)


def loop_max(x, kernel_size, options):
    lowest = -INF if x.dtype.kind != "i" else int(np.iinfo(x.dtype).min)

    def element(n, c, window):
        seen = [(plain(x[(n, c, *i)]), i) for _, i, inside, _ in window if inside]
        if not seen:
            return lowest, -1
        nans = [one for one in seen if one[0] != one[0]]
        value, i = nans[0] if nans else max(seen, key=lambda one: one[0])
        return value, int(np.ravel_multi_index(i, x.shape[2:]))

    return loop_output(x, kernel_size, options, element)


def loop_avg(x, kernel_size, options):
    def element(n, c, window):
        seen = [plain(x[(n, c, *i)]) for _, i, inside, _ in window if inside]
        count = sum(padded if options["count_include_pad"] else True for *_, padded in window)
        count = count if options["count_include_pad"] else len(seen)
        if x.dtype.kind == "i":
            return math.trunc(Fraction(sum(seen), count)) if count else 0
        return cast(sum(seen) / count, x.dtype) if count else NAN

    return loop_output(x, kernel_size, options, element)


def loop_lp(x, kernel_size, options):
    p = options["p"]

    def element(n, c, window):
        seen = [abs(plain(x[(n, c, *i)])) for _, i, inside, _ in window if inside]
        if p == INF:
            return max(seen, default=0.0)
        return cast(sum(one**p for one in seen) ** (1 / p), x.dtype)

    return loop_output(x, kernel_size, options, element)


def loop_distance(x, weights, options):
    def element(n, c, window):
        total = divisor = 0.0
        for k, i, inside, padded in window:
            if padded if options["count_include_pad"] else inside:
                total += plain(weights[k]) * (plain(x[(n, c, *i)]) if inside else 0.0)
                divisor += plain(weights[k])
        return cast(total / divisor, x.dtype) if divisor else NAN

    return loop_output(x, weights.shape, options, element)


def check(y, found, units=0):
    """Compare exactly, or within so many units in the last place."""
    assert len(found) == y.size
    for where, expected in found.items():
        actual = plain(y[where])
        both_nan = math.isnan(actual) and math.isnan(expected)
        near = units and abs(actual - expected) <= units * math.ulp(expected)
        assert actual == expected or both_nan or near, where


def drawn_options(draw, rank):
    kind = draw.choice(["valid", "same_upper", "same_lower", "pairs", "pairs"])
    pairs = tuple((draw.randrange(4), draw.randrange(4)) for _ in range(rank))
    return {
        "stride": tuple(draw.randint(1, 4) for _ in range(rank)),
        "dilation": tuple(draw.randint(1, 3) for _ in range(rank)),
        "padding": pairs if kind == "pairs" else kind,
    }


def drawn_array(draw, shape, dtype, limit=4):
    flat = [draw.randint(-limit, limit) for _ in range(math.prod(shape))]
    return np.array(flat, dtype=dtype).reshape(shape)


def drawn_pool(draw, dtype):
    rank = draw.choice([1, 2, 2, 3])
    kernel_size = tuple(draw.randint(1, 3) for _ in range(rank))
    spatial = tuple(draw.randint(0, 6) for _ in range(rank))
    x = drawn_array(draw, (draw.randint(1, 2), draw.randint(1, 2), *spatial), dtype)
    return x, kernel_size, drawn_options(draw, rank) | {"ceil_mode": draw.random() < 0.5}


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_conv_agrees_with_plain_loops(dtype, seed):
    draw = random.Random(seed)
    rank, groups = draw.choice([1, 2, 2, 3]), draw.randint(1, 3)
    depth, M = draw.randint(1, 2), groups * draw.randint(1, 2)
    x = drawn_array(draw, (2, groups * depth, *(draw.randint(0, 6) for _ in range(rank))), dtype, 3)
    w = drawn_array(draw, (M, depth, *(draw.randint(1, 3) for _ in range(rank))), dtype, 3)
    bias = drawn_array(draw, (M,), dtype)
    options = drawn_options(draw, rank) | {"groups": groups}
    y = kernel.conv(x, w, bias, **options)
    assert y.dtype == dtype
    check(y, loop_conv(x, w, bias, options)[1])


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_max_pool_agrees_with_plain_loops(dtype, seed):
    draw = random.Random(seed)
    x, kernel_size, options = drawn_pool(draw, dtype)
    if dtype in FLOATS and seed % 2:
        x[x == 3] = NAN
        x[x == 1] = -INF
    y, indices = kernel.max_pool(x, kernel_size, **options, return_indices=True)
    _, found = loop_max(x, kernel_size, options)
    check(y, {where: value for where, (value, _) in found.items()})
    check(indices, {where: index for where, (_, index) in found.items()})
    alone = kernel.max_pool(x, kernel_size, **options)
    assert (y.dtype, indices.dtype, alone.dtype) == (dtype, np.int64, dtype)
    np.testing.assert_array_equal(alone.astype("float64"), y.astype("float64"))


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_avg_pool_agrees_with_plain_loops(dtype, seed):
    draw = random.Random(seed)
    x, kernel_size, options = drawn_pool(draw, dtype)
    options["count_include_pad"] = draw.random() < 0.5
    y = kernel.avg_pool(x, kernel_size, **options)
    assert y.dtype == dtype
    check(y, loop_avg(x, kernel_size, options)[1])


@pytest.mark.parametrize("p", [1, 2, 3, 5, INF])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("seed", range(10))
def test_lp_pool_agrees_with_plain_loops(dtype, p, seed):
    draw = random.Random(seed)
    x, kernel_size, options = drawn_pool(draw, dtype)
    options["p"] = p
    y = kernel.lp_pool(x, kernel_size, **options)
    assert y.dtype == dtype
    # In float64 both sides round: n terms of p factors each, the whole divided by p by the root,
    # and the root itself. In the narrower dtypes float64 holds all that.
    units = math.prod(kernel_size) + 4 if dtype == np.float64 else 0
    check(y, loop_lp(x, kernel_size, options)[1], units)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("seed", range(30))
def test_distance_pool_agrees_with_plain_loops(dtype, seed):
    draw = random.Random(seed)
    x, kernel_size, options = drawn_pool(draw, dtype)
    options["count_include_pad"] = draw.random() < 0.5
    weights = np.abs(drawn_array(draw, kernel_size, dtype)) + np.ones((), dtype)
    y = kernel.distance_pool(x, weights, **options)
    assert y.dtype == dtype
    check(y, loop_distance(x, weights, options)[1])


# Windows and padding.


def test_kernel_is_not_flipped():
    y = kernel.conv(row(1, 2, 3, 4), row(1, 10, 100))
    assert values(y) == [321, 432]


def test_same_upper_puts_the_odd_sample_after_and_same_lower_before():
    x, w = row(1, 2, 3), row(1, 10)
    assert values(kernel.conv(x, w, padding="same_upper")) == [21, 32, 3]
    assert values(kernel.conv(x, w, padding="same_lower")) == [10, 21, 32]
    assert values(kernel.conv(x, w, padding="same")) == [21, 32, 3]


def test_explicit_padding_is_one_pair_for_each_axis():
    x, w = np.ones((1, 1, 2, 2), "float32"), np.ones((1, 1, 1, 1), "float32")
    y = kernel.conv(x, w, padding=((1, 0), (0, 2)))
    assert y[0, 0].tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]


def test_padding_may_be_larger_than_the_kernel():
    assert values(kernel.conv(row(5), row(1), padding=((2, 3),))) == [0, 0, 5, 0, 0, 0]


def test_last_ceil_window_never_starts_in_after_padding():
    x = row(1, 2, 3)
    options = {"stride": 2, "ceil_mode": True}
    assert values(kernel.max_pool(x, 2, padding=((0, 0),), **options)) == [2, 3]
    assert values(kernel.max_pool(x, 2, padding=((1, 1),), **options)) == [1, 3]
    assert values(kernel.max_pool(row(1, 2), 2, padding=((0, 1),), **options)) == [2]


def test_ceil_mode_keeps_a_window_that_starts_in_the_input_and_is_longer_than_it():
    assert values(kernel.max_pool(row(1, 2), 3, stride=2, ceil_mode=True)) == [2]
    assert kernel.max_pool(row(1, 2), 3, stride=1, ceil_mode=True).shape == (1, 1, 0)


def test_input_shorter_than_the_extent_gives_an_output_of_size_zero():
    w = np.ones((2, 1, 3, 3), "float32")
    y = kernel.conv(np.ones((1, 1, 2, 5), "float32"), w, np.ones(2, "float32"))
    assert y.shape == (1, 2, 0, 3)
    y, indices = kernel.max_pool(np.ones((1, 1, 2, 5)), (3, 3), return_indices=True)
    assert y.shape == indices.shape == (1, 1, 0, 3)


def test_an_enormous_dilation_over_a_small_input_needs_no_memory():
    y = kernel.conv(np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2)), dilation=10**7)
    assert y.shape == (1, 1, 0, 0)


def test_zero_sizes_are_sizes():
    w, bias = np.ones((2, 0, 3), "float32"), np.array([4, 5], "float32")
    without_channels = np.ones((1, 0, 4), "float32")
    assert kernel.conv(without_channels, w, bias).tolist() == [[[4, 4], [5, 5]]]
    assert kernel.conv(without_channels, w).tolist() == [[[0, 0], [0, 0]]]
    assert kernel.conv(np.ones((0, 1, 4)), np.ones((2, 1, 3))).shape == (0, 2, 2)
    assert kernel.conv(np.ones((1, 2, 4)), np.ones((0, 1, 3)), groups=2).shape == (1, 0, 2)
    assert kernel.conv1x1(without_channels, w[:, :, 0], bias).shape == (1, 2, 4)
    assert kernel.conv1x1(np.ones((2, 1, 3, 0)), np.ones((3, 1))).shape == (2, 3, 3, 0)
    for pool in (kernel.max_pool, kernel.avg_pool, kernel.lp_pool):
        assert pool(without_channels, 3).shape == (1, 0, 2)
        assert pool(np.ones((0, 3, 4)), 3).shape == (0, 3, 2)


def test_padding_alone_decides_how_many_windows_an_empty_axis_has():
    empty = np.ones((1, 1, 0), "float32")
    assert values(kernel.conv(empty, row(7), row(2)[0, 0], padding=((1, 1),))) == [2, 2]
    assert values(kernel.max_pool(empty, 2, padding=((1, 1),))) == [-INF]
    assert kernel.max_pool(empty, 3, padding="same_upper").shape == (1, 1, 0)


# Convolution.


def test_groups_read_their_own_channels_only():
    x = np.array([[[1], [2], [3], [4]]], "float32")
    w = np.array([[[1], [10]], [[1], [10]]], "float32")
    assert values(kernel.conv(x, w, groups=2)) == [21, 43]


def test_conv1x1_is_the_same_product_at_every_position():
    x = np.array([[[[1, 2]], [[3, 4]]]], "float32")
    w, bias = np.array([[1, 10], [0, 1], [2, 0]], "float32"), np.array([0, 100, 0], "float32")
    assert kernel.conv1x1(x, w, bias).tolist() == [[[[31, 42]], [[103, 104]], [[2, 4]]]]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_conv1x1_is_a_convolution_with_one_tap(dtype):
    draw = random.Random(1)
    x, w = drawn_array(draw, (2, 3, 4, 5), dtype), drawn_array(draw, (4, 3), dtype)
    bias = drawn_array(draw, (4,), dtype)
    y = kernel.conv1x1(x, w, bias)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, kernel.conv(x, w[:, :, None, None], bias))


@pytest.mark.parametrize("weight", [INF, -INF, NAN])
def test_zero_times_a_non_finite_weight_is_nan_at_a_padded_tap(weight):
    y = kernel.conv(row(1, 1), row(weight, 1), padding=((1, 0),))
    np.testing.assert_array_equal(y, row(NAN, weight + 1))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_non_finite_sample_reaches_every_product_it_stands_in(dtype):
    x = np.zeros((1, 20, 3, 40), dtype)
    x[0, 3, 1, 7], w = INF, np.zeros((17, 20, 1, 1), dtype)
    y = kernel.conv(x, w)
    assert np.isnan(y[0, :, 1, 7]).all()
    assert np.count_nonzero(np.isnan(y)) == 17
    w[:] = -1
    assert (kernel.conv1x1(x, w[:, :, 0, 0])[0, :, 1, 7] == -INF).all()
    x[0, 4, 1, 7] = -INF
    assert np.isnan(kernel.conv(x, w)[0, :, 1, 7]).all()


@pytest.mark.parametrize(("dtype", "top"), [("int8", 2**7), ("int32", 2**31), ("int64", 2**63)])
def test_integers_wrap_in_twos_complement(dtype, top):
    x, w = row(top - 1, -top, dtype=dtype), row(2, dtype=dtype)
    assert values(kernel.conv(x, w, row(3, dtype=dtype)[0, 0])) == [1, 3]
    assert values(kernel.conv1x1(x, w[0])) == [-2, 0]


def test_halves_are_summed_wide_and_rounded_once_bias_included():
    # 2048 + 1 + 1 is 2050, a float16; rounded after each sum it stays 2048.
    x, w = row(2048, 1, dtype="float16"), row(1, 1, dtype="float16")
    assert values(kernel.conv(x, w, np.ones(1, "float16"))) == [2050]
    assert values(kernel.conv(row(60000, 60000, dtype="float16"), w)) == [INF]


def test_subnormal_numbers_are_kept():
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    assert values(kernel.conv(row(tiny, tiny), row(1, 2))) == [3 * tiny]
    assert values(kernel.max_pool(row(0, tiny), 2)) == [tiny]


def test_blocks_join_without_a_seam(monkeypatch):
    draw = random.Random(2)
    x, w = drawn_array(draw, (2, 4, 9, 8), "float32"), drawn_array(draw, (6, 2, 3, 3), "float32")
    whole = kernel.conv(x, w, padding="same_upper", groups=2)
    monkeypatch.setattr("convformance.kernel.columns.COLUMNS", 20)
    np.testing.assert_array_equal(kernel.conv(x, w, padding="same_upper", groups=2), whole)


def test_float32_sums_stay_within_the_derived_bound():
    draw = np.random.default_rng(3)
    x, w = draw.normal(size=(1, 64, 6, 6)), draw.normal(size=(8, 64, 3, 3))
    x, w = x.astype("float32"), w.astype("float32")
    exact = kernel.conv(x.astype("float64"), w.astype("float64"))
    magnitude = kernel.conv(abs(x).astype("float64"), abs(w).astype("float64"))
    terms, unit = 64 * 9 + 2, 2.0**-24
    bound = terms * unit / (1 - terms * unit) * magnitude + abs(exact) * unit
    assert (abs(kernel.conv(x, w) - exact) <= bound).all()


# Pools.


def test_padding_never_wins_a_maximum():
    x = row(-5, -7, dtype="int8")
    y, indices = kernel.max_pool(x, 2, padding=((1, 1),), return_indices=True)
    assert (values(y), values(indices)) == ([-5, -5, -7], [0, 0, 1])


@pytest.mark.parametrize(("dtype", "lowest"), [("float16", -INF), ("int8", -128)])
def test_a_maximum_over_padding_alone_is_the_lowest_value_at_index_minus_one(dtype, lowest):
    x = row(1, dtype=dtype)
    y, indices = kernel.max_pool(x, 1, padding=((1, 0),), return_indices=True)
    assert (values(y), values(indices)) == ([lowest, 1], [-1, 0])


def test_a_sample_as_low_as_padding_has_its_own_index():
    x = row(-INF, -INF)
    _, indices = kernel.max_pool(x, 2, padding=((1, 0),), return_indices=True)
    assert values(indices) == [0, 0]


def test_index_names_the_first_of_equal_maxima_and_the_first_nan():
    _, ties = kernel.max_pool(row(1, 5, 5, 5), 4, return_indices=True)
    y, nans = kernel.max_pool(row(9, NAN, 5, NAN), 4, return_indices=True)
    assert (values(ties), values(nans)) == ([1], [1])
    assert np.isnan(y).all()


def test_index_is_flat_in_the_unpadded_plane():
    x = np.arange(6, dtype="float32").reshape(1, 1, 2, 3)
    _, indices = kernel.max_pool(x, 2, padding=((1, 1), (1, 1)), return_indices=True)
    assert indices[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]]


def test_average_divisor_never_counts_what_ceil_mode_overruns():
    options = {"stride": 2, "ceil_mode": True, "padding": ((1, 0),)}
    x = row(6, 6, 6, 6)  # windows over (pad 6 6), (6 6 6), and (6, overrun)
    assert values(kernel.avg_pool(x, 3, **options)) == [6, 6]
    assert values(kernel.avg_pool(x, 3, **options, count_include_pad=True)) == [4, 6]
    x = row(6, 6, 6)
    assert values(kernel.avg_pool(x, 2, stride=2, ceil_mode=True)) == [6, 6]


def test_average_over_no_tap_is_nan_for_floats_and_zero_for_integers():
    pads = {"padding": ((1, 0),)}
    assert np.isnan(kernel.avg_pool(row(4), 1, **pads)[0, 0, 0])
    assert values(kernel.avg_pool(row(4, dtype="int32"), 1, **pads)) == [0, 4]
    assert values(kernel.avg_pool(row(4), 1, **pads, count_include_pad=True)) == [0, 4]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_mean_of_the_largest_numbers_is_finite(dtype):
    top = float(ml_dtypes.finfo(dtype).max)
    x = row(top, top, -INF, dtype=dtype)
    assert values(kernel.avg_pool(x, 2)) == [top, -INF]
    for weights in ([1, 3], [top, top]):
        y = kernel.distance_pool(x, np.array(weights, dtype))
        assert values(y) == [top, -INF]


def test_integer_average_is_cut_towards_zero():
    assert values(kernel.avg_pool(row(-1, -2, -2, dtype="int8"), 2)) == [-1, -2]
    assert values(kernel.avg_pool(row(1, 2, 2, dtype="int8"), 2)) == [1, 2]


def test_integer_average_is_exact_where_the_sum_passes_64_bits():
    draw = random.Random(4)
    top = 2**63
    for _ in range(200):
        samples = [draw.choice([draw.randrange(-top, top), top - 1, -top]) for _ in range(7)]
        expected = math.trunc(Fraction(sum(samples), 7))
        assert values(kernel.avg_pool(row(*samples, dtype="int64"), 7)) == [expected]


def test_bfloat16_average_is_rounded_once():
    # The mean is 0.5 + 2^-9 + 2^-31: a tie of bfloat16 in the eyes of float32, but above it.
    x = row(1 + 2**-7, 1, 2**-30, 2**-30, dtype=BFLOAT16)
    assert values(kernel.avg_pool(x, 4).astype("float64")) == [0.5 + 2**-8]


def test_lp_of_small_whole_numbers_is_exact():
    assert values(kernel.lp_pool(row(3, -4), 2, p=2)) == [5]
    assert values(kernel.lp_pool(row(3, -4), 2, p=1)) == [7]
    assert values(kernel.lp_pool(row(3, 4, 5), 3, p=3)) == [6]
    assert values(kernel.lp_pool(row(3, -4), 2, p=INF)) == [4]


@pytest.mark.parametrize("p", [1, 2, 3, 7, 64, 65, 3000])
@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_lp_norm_of_one_sample_neither_overflows_nor_vanishes(p, size):
    y = kernel.lp_pool(row(size, 0, dtype="float64"), 2, p=p)
    # p - 1 products round, the root divides their error by p and adds two roundings of its own.
    (norm,) = values(y)
    assert abs(norm - size) <= 3 * math.ulp(size)


@pytest.mark.parametrize("p", [1, 2, 3, 65, INF])
def test_lp_norm_of_special_values(p):
    x = row(NAN, 0, -INF, 0, 0)
    np.testing.assert_array_equal(kernel.lp_pool(x, 2, p=p), row(NAN, INF, INF, 0))
    assert values(kernel.lp_pool(row(2), 1, p=p, padding=((1, 0),))) == [0, 2]


def test_distance_pool_leaves_padding_out_of_both_sums_unless_it_counts():
    x, weights = row(8, 8), np.array([1, 3], "float32")
    assert values(kernel.distance_pool(x, weights, padding=((1, 0),))) == [8, 8]
    y = kernel.distance_pool(x, weights, padding=((1, 0),), count_include_pad=True)
    assert values(y) == [6, 8]


def test_distance_pool_multiplies_infinite_weights_with_counted_padding_only():
    x, weights = row(8, 8), np.array([INF, 1], "float32")
    y = kernel.distance_pool(x, weights, padding=((1, 0),))
    np.testing.assert_array_equal(y, row(8, NAN))
    y = kernel.distance_pool(x, weights, padding=((1, 0),), count_include_pad=True)
    np.testing.assert_array_equal(y, row(NAN, NAN))


def test_distance_pool_with_weights_that_sum_to_zero_divides_by_zero():
    weights = np.array([1, -1], "float32")
    y = kernel.distance_pool(row(2, 1, 1, 3), weights)
    np.testing.assert_array_equal(y, row(INF, NAN, -INF))


# Invalid calls.

PLANE, WEIGHT = np.ones((1, 4, 5, 5), "float32"), np.ones((4, 4, 3, 3), "float32")


@pytest.mark.parametrize(
    ("label", "invalid"),
    [
        ("problem.rank", lambda: kernel.conv(PLANE[0, 0], WEIGHT[0, 0])),
        ("problem.rank", lambda: kernel.conv1x1(PLANE[0, 0], WEIGHT[0, 0])),
        ("problem.rank", lambda: kernel.max_pool(PLANE[0, 0], ())),
        ("problem.axes", lambda: kernel.conv(PLANE, WEIGHT, stride=(1, 1, 1))),
        ("problem.axes", lambda: kernel.conv(PLANE, WEIGHT, padding=((1, 1),))),
        ("problem.axes", lambda: kernel.avg_pool(PLANE, (2,))),
        ("problem.float", lambda: kernel.lp_pool(PLANE.astype("int8"), 2)),
        ("problem.float", lambda: kernel.distance_pool(PLANE.astype("int8"), WEIGHT[0, 0])),
        ("window.kernel", lambda: kernel.max_pool(PLANE, (2, 0))),
        ("window.kernel", lambda: kernel.conv(PLANE, WEIGHT[:, :, :0])),
        ("window.stride", lambda: kernel.conv(PLANE, WEIGHT, stride=(1, 0))),
        ("window.dilation", lambda: kernel.conv(PLANE, WEIGHT, dilation=-1)),
        ("padding.explicit", lambda: kernel.conv(PLANE, WEIGHT, padding="half")),
        ("conv.groups", lambda: kernel.conv(PLANE, WEIGHT, groups=0)),
        ("conv.groups", lambda: kernel.conv(PLANE, WEIGHT, groups=3)),
        ("conv.groups", lambda: kernel.conv(PLANE, WEIGHT[:3, :2], groups=2)),
        ("conv.weight", lambda: kernel.conv(PLANE, WEIGHT, groups=2)),
        ("conv.weight", lambda: kernel.conv(PLANE, WEIGHT[0])),
        ("conv.bias", lambda: kernel.conv(PLANE, WEIGHT, np.ones(3, "float32"))),
        ("conv1x1.weight", lambda: kernel.conv1x1(PLANE, np.ones((4, 3), "float32"))),
        ("lp.p", lambda: kernel.lp_pool(PLANE, 2, p=0)),
        ("lp.p", lambda: kernel.lp_pool(PLANE, 2, p=1.5)),
        ("lp.p", lambda: kernel.lp_pool(PLANE, 2, p=NAN)),
        ("value.dtype", lambda: kernel.conv(PLANE, WEIGHT.astype("float64"))),
        ("value.dtype", lambda: kernel.max_pool(PLANE.astype("uint16"), 2)),
    ],
)
def test_an_invalid_call_names_the_clause_it_breaks(label, invalid):
    with pytest.raises(kernel.ArgumentError) as caught:
        invalid()
    assert caught.value.label == label
    assert str(caught.value).startswith(f"[{label}] ")


# The adapter.

LINES = [
    "conv x=1x2x4 w=2x1x2 padding=1+0 groups=2 bias float32",
    "conv1x1 x=1x2x3 w=2x2 int8",
    "max_pool x=1x1x3x3 kernel=2x2 padding=same_lower indices bfloat16",
    "avg_pool x=1x1x5 kernel=2 stride=2 ceil_mode count_include_pad int64",
    "lp_pool x=1x1x4 kernel=2 p=inf float16",
    "distance_pool x=1x1x4 kernel=2 padding=1 float64",
]


def arrays_of(problem):
    draw, dtype = random.Random(5), np.dtype(problem.dtype)
    arrays = {"x": drawn_array(draw, problem.x, dtype)}
    if problem.op == "distance_pool":
        arrays["w"] = np.array([1, 3], dtype)
    elif problem.w:
        arrays["w"] = drawn_array(draw, problem.w, dtype)
    if problem.bias:
        arrays["bias"] = drawn_array(draw, problem.w[:1], dtype)
    return arrays


@pytest.mark.parametrize("line", LINES)
def test_backend_answers_with_the_arrays_of_its_op_and_keeps_its_input(line):
    problem = Problem.parse(line)
    arrays = arrays_of(problem)
    before = {name: array.copy() for name, array in arrays.items()}
    result = NumpyBackend().run(problem, arrays)
    assert set(result.arrays) == ({"y", "indices"} if problem.indices else {"y"})
    assert result.arrays["y"].dtype == problem.dtype
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("line", LINES)
def test_printed_script_prints_what_the_backend_answers(line, capsys):
    problem, backend = Problem.parse(line), NumpyBackend()
    arrays = arrays_of(problem)
    exec(backend.script(problem, arrays), {})
    outputs = backend.run(problem, arrays).arrays
    assert capsys.readouterr().out == "".join(f"{array}\n" for array in outputs.values())


def test_printed_script_knows_nan_and_empty_arrays(capsys):
    problem = Problem.parse("max_pool x=1x1x2 kernel=2 bfloat16")
    exec(NumpyBackend().script(problem, {"x": row(NAN, INF, dtype=BFLOAT16)}), {})
    assert capsys.readouterr().out == "[[[nan]]]\n"
    problem = Problem.parse("max_pool x=0x3x2 kernel=2 float32")
    exec(NumpyBackend().script(problem, {"x": np.ones((0, 3, 2), "float32")}), {})
    assert capsys.readouterr().out == "[]\n"


def test_backend_has_a_name_a_version_and_an_accumulator_for_every_dtype():
    backend = NumpyBackend()
    assert isinstance(backend, Backend)
    assert (backend.name, backend.libraries) == ("numpy", {"numpy": np.__version__})
    plain = {key for key in backend.accumulators if " " not in key}
    assert set(map(np.dtype, plain)) == {*FLOATS, *INTEGERS, np.dtype(np.uint8)}


def test_backend_refuses_an_invalid_problem_with_its_numbers():
    problem = Problem.parse("conv x=1x3x4 w=2x1x2 groups=2 float32")
    with pytest.raises(ValueError, match=r"\[conv.groups\] groups=2 does not divide C=3 and M=2"):
        NumpyBackend().run(problem, arrays_of(problem))


def test_a_padding_mode_mirrors_the_whole_input_though_the_other_side_is_cropped():
    """[padding.negative] x = 1 2 3 4: circular padding of 2 before is 3 4, not 2 3."""
    x, w = np.arange(1.0, 5).reshape(1, 1, 4), np.ones((1, 1, 1))
    y = kernel.conv(x, w, padding=((2, -1),), padding_mode="circular")
    assert y.tolist() == [[[3, 4, 1, 2, 3]]]
