"""Every path of the NumPy kernel gives what plain taps give: blocks, phases, planes and pieces.

Which path a problem takes hangs on its size. The limits are moved, so that small problems take each
of them, and problems of the sizes where paths change over are asked with the limits as they are.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convformance import kernel
from convformance.kernel import geometry

PATH = "convformance.kernel."
MANY, FEW = 1 << 40, 1
LIMITS = {
    "blocks of one column": {"columns.COLUMNS": 1},
    "blocks of seven columns": {"columns.COLUMNS": 7},
    "columns that fill the buffer": {"columns._BYTES": 200},
    "a product for each row of taps": {
        "rows.TAPS": 1,
        "rows.INNER": 1,
        "rows.PLACES": 1,
        "rows.HALO": 0,
        "rows.BYTES": MANY,
    },
    "integers as integers": {"convolution._EXACT": 0},
    "whole planes": {"channelwise.SHORT": FEW},
    "whole planes, no longer than they are": {"channelwise.SHORT": FEW, "channelwise.LONG": FEW},
    "channels innermost": {"channelwise.SHORT": MANY},
    "a channel at a time": {"channelwise.SHORT": FEW, "channelwise._BYTES": 1},
    "channels innermost, one at a time": {"channelwise.SHORT": MANY, "channelwise._INNER": 1},
    "a sample at a time": {"channelwise.LONG": 40, "channelwise.SHORT": 1},
    "pieces of one channel": {"phases.DEEP": 0, "scatter._BYTES": 1},
    "pieces of some": {"phases.DEEP": 0, "scatter._BYTES": 1500},
    "products added up": {"phases.DEEP": 0},
    "phases, one by one": {"phases.DEEP": MANY},
    "phases together, a row at a time": {"phases.DEEP": MANY, "phases.LONG": 1, "phases.WIDTH": 1},
    "phases together, some rows": {"phases.DEEP": MANY, "phases.LONG": 1, "phases.WIDTH": 9},
    "a plane at a time": {"separable.BYTES": 1, "separable._WIDE_BYTES": 1},
    "nothing of pools kept": {"geometry.SHORT": 0},
    "everything at once": {"small.CELLS": MANY},
    "as it is": {},
}


@pytest.fixture(params=LIMITS, ids=str)
def limits(request, monkeypatch):
    chosen = LIMITS[request.param]
    geometry._axes_of.cache_clear()  # what was kept goes by the limits of then
    for name, value in ({"small.CELLS": 0, **chosen} if chosen else {}).items():
        monkeypatch.setattr(PATH + name, value)


# Taps, one at a time, on arrays padded by NumPy; no geometry of the kernel.


def under(padded, k, stride, dilation, counts):
    places = [
        slice(tap * d, tap * d + (count - 1) * s + 1, s)
        for tap, s, d, count in zip(k, stride, dilation, counts, strict=True)
    ]
    return padded[(..., *places)]


def counts_of(spatial, kernel_size, stride, pads, dilation):
    return [
        (before + size + after - d * (taps - 1) - 1) // s + 1
        for size, taps, s, (before, after), d in zip(
            spatial, kernel_size, stride, pads, dilation, strict=True
        )
    ]


def plain_conv(x, w, options):
    stride, dilation, groups = options["stride"], options["dilation"], options["groups"]
    counts = counts_of(x.shape[2:], w.shape[2:], stride, options["padding"], dilation)
    padded = np.pad(x, [(0, 0), (0, 0), *options["padding"]])
    depth, width = w.shape[1], w.shape[0] // groups
    y = np.zeros((x.shape[0], w.shape[0], *counts), x.dtype)
    for k in np.ndindex(*w.shape[2:]):
        seen = under(padded, k, stride, dilation, counts)
        for m, c in itertools.product(range(w.shape[0]), range(depth)):
            y[:, m] += w[(m, c, *k)] * seen[:, m // width * depth + c]
    return y


def plain_spread(x, w, options, sizes, before):
    """Add x under w (C, M / groups, *kernel) to an output of `sizes` whose padding is cut off."""
    stride, dilation, groups = options["stride"], options["dilation"], options["groups"]
    width, depth = w.shape[1], w.shape[0] // groups
    y = np.zeros((x.shape[0], groups * width, *sizes), x.dtype)
    for o, k in itertools.product(np.ndindex(*x.shape[2:]), list(np.ndindex(*w.shape[2:]))):
        i = [
            at * s + tap * d - b
            for at, s, tap, d, b in zip(o, stride, k, dilation, before, strict=True)
        ]
        if all(0 <= one < size for one, size in zip(i, sizes, strict=True)):
            for c, m in itertools.product(range(w.shape[0]), range(width)):
                y[(slice(None), c // depth * width + m, *i)] += x[:, c][(..., *o)] * w[(c, m, *k)]
    return y


@st.composite
def layers(draw, depthwise=False):
    """Draw (x, w, options), with a window at least, of whole numbers."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    groups = draw(st.integers(1, 4))
    depth, width = (1, draw(st.integers(1, 2))) if depthwise else (draw(st.integers(1, 3)), 2)
    kernel_size = [draw(st.integers(1, 3)) for _ in range(rank)]
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    dilation = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True)]
    padding = [tuple(draw(st.integers(0, 2)) for _ in range(2)) for _ in range(rank)]
    spatial = [
        draw(st.integers(max(1, extent - sum(pair)), extent + 6))
        for extent, pair in zip(extents, padding, strict=True)
    ]
    dtype = draw(st.sampled_from(["float32", "float64", "int32", "uint8"]))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    low = 0 if dtype == "uint8" else -4
    shape = (draw(st.integers(1, 3)), groups * depth, *spatial)
    x = random.integers(low, 5, shape).astype(dtype)
    w = random.integers(low, 5, (groups * width, depth, *kernel_size)).astype(dtype)
    return x, w, {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}


def agree(got, expected):
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


HELD = settings(max_examples=25, suppress_health_check=[], deadline=None, derandomize=True)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolution_is_the_same_on_every_path(depthwise):
    @HELD
    @given(layers(depthwise=depthwise))
    def check(layer):
        x, w, options = layer
        agree(kernel.conv(x, w, **options), plain_conv(x, w, options))

    check()


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zero_times_a_special_number_is_nan_however_small_the_product(special, dtype):
    """A product of one row, column or term may be another routine of BLAS, which skips zeros."""
    options = {"stride": (1,), "dilation": (1,), "padding": [(0, 0)], "groups": 1}
    for N, C, M, count in itertools.product((1, 2), (1, 2), (1, 2, 3), (1, 2, 5)):
        x, w = np.zeros((N, C, count), dtype), np.zeros((M, C, 1), dtype)
        beside_x, beside_w = x.copy(), w.copy()
        beside_x[-1, -1, -1] = beside_w[-1, -1, 0] = special
        dy = np.zeros((N, M, count), dtype)
        beside_dy = dy.copy()
        beside_dy[-1, -1, -1] = special
        assert np.isnan(kernel.conv(beside_x, w, **options)[-1, :, -1]).all()
        assert np.isnan(kernel.conv(x, beside_w, **options)[:, -1]).all()
        assert np.isnan(kernel.conv1x1(beside_x, w[..., 0])[-1, :, -1]).all()
        assert np.isnan(kernel.conv1x1(x, beside_w[..., 0])[:, -1]).all()
        assert np.isnan(kernel.conv_transpose(beside_dy, w, **options)[-1, :, -1]).all()
        assert np.isnan(kernel.conv_transpose(dy, beside_w, **options)[:, -1]).all()
        assert np.isnan(kernel.conv_gradient("x", x, w, beside_dy, **options)[-1, :, -1]).all()
        assert np.isnan(kernel.conv_gradient("x", x, beside_w, dy, **options)[:, -1]).all()
        assert np.isnan(kernel.conv_gradient("w", x, w, beside_dy, **options)[-1]).all()
        assert np.isnan(kernel.conv_gradient("w", beside_x, w, dy, **options)[:, -1]).all()


@pytest.mark.usefixtures("limits")
def test_gradients_and_transposed_convolution_are_the_same_on_every_path():
    @HELD
    @given(layers())
    def check(layer):
        x, w, options = layer
        x, w = x.astype("float64"), w.astype("float64")
        counts = counts_of(
            x.shape[2:], w.shape[2:], options["stride"], options["padding"], options["dilation"]
        )
        before = [pair[0] for pair in options["padding"]]
        dy = np.arange(x.shape[0] * w.shape[0] * math.prod(counts)) % 7 - 3.0
        dy = dy.reshape(x.shape[0], w.shape[0], *counts)
        expected = plain_spread(dy, w, options, x.shape[2:], before)
        agree(kernel.conv_gradient("x", x, w, dy, **options), expected)
        # <dy, conv(x, w)> is linear in w: the gradient gives it back for every w.
        dw = kernel.conv_gradient("w", x, w, dy, **options)
        assert (dw * w).sum() == (dy * plain_conv(x, w, options)).sum()
        y = kernel.conv_transpose(dy, w, **options)
        agree(y, plain_spread(dy, w, options, y.shape[2:], before))

    check()


@st.composite
def upsamplings(draw):
    """Draw (x, w, bias, options) whose phases have as many taps as each other."""
    rank = draw(st.sampled_from([1, 2, 2, 3]))
    depth, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    dilation = tuple(draw(st.sampled_from([1, 1, s + 1, 2 * s + 1])) for s in stride)
    kernel_size = [s * draw(st.integers(1, 2)) for s in stride]
    spatial = [draw(st.integers(1, 5)) for _ in range(rank)]
    padding = [
        tuple(draw(st.integers(-1, min(2, (d * (k - 1) + 1) // 2))) for _ in range(2))
        for d, k in zip(dilation, kernel_size, strict=True)
    ]
    dtype = draw(st.sampled_from(["float16", "float32", "float64", "complex64", "int32"]))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    x = random.integers(-4, 5, (draw(st.integers(1, 3)), depth, *spatial)).astype(dtype)
    w = random.integers(-4, 5, (depth, width, *kernel_size)).astype(dtype)
    bias = random.integers(-4, 5, width).astype(dtype) if draw(st.booleans()) else None
    return x, w, bias, {"stride": stride, "dilation": dilation, "padding": padding}


@pytest.mark.usefixtures("limits")
def test_upsampling_is_the_same_on_every_path():
    @HELD
    @given(upsamplings())
    def check(layer):
        x, w, bias, options = layer
        y = kernel.conv_transpose(x, w, bias, **options)
        before = [pair[0] for pair in options["padding"]]
        expected = plain_spread(x, w, {**options, "groups": 1}, y.shape[2:], before)
        spread = 0 if bias is None else bias.reshape(-1, *(1,) * (x.ndim - 2))
        agree(y, expected + spread)

    check()


def test_a_large_upsampling_lays_its_columns_out_once_for_all_phases(monkeypatch):
    """Planes of 43 x 41 are above every size where the path changes."""
    from convformance.kernel import phases

    x = (np.arange(2 * 3 * 43 * 41) % 9 - 4.0).reshape(2, 3, 43, 41)
    w = (np.arange(3 * 2 * 4 * 2) % 7 - 3.0).reshape(3, 2, 4, 2)
    options = {"stride": (2, 1), "dilation": (1, 1), "padding": [(1, 2), (1, 0)]}
    taken = []
    together = phases._together
    monkeypatch.setattr(phases, "_together", lambda *given: taken.append(together(*given)))
    y = kernel.conv_transpose(x, w, **options)
    assert taken == [None]
    agree(y, plain_spread(x, w, {**options, "groups": 1}, y.shape[2:], (1, 1)))
    weights = w.copy()
    weights[0, 0, 0, 0] = np.nan
    assert not np.isnan(kernel.conv_transpose(x, weights, **options)).all(axis=(0, 2, 3)).any()
    assert taken == [None]


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("special", [False, True])
def test_pools_are_the_same_on_every_path(special):
    @HELD
    @given(layers(depthwise=True))
    def check(layer):
        x, w, options = layer
        kernel_size, x = w.shape[2:], x.astype("float64")
        if special:
            flat = x.reshape(-1)
            flat[:: max(2, flat.size // 3)] = np.nan
            flat[1 :: max(2, flat.size // 2)] = np.inf
        window = {name: options[name] for name in ("stride", "dilation", "padding")}
        steps = window["stride"], window["dilation"]
        counts = counts_of(x.shape[2:], kernel_size, steps[0], window["padding"], steps[1])
        taps = list(np.ndindex(*kernel_size))
        lows = np.pad(x, [(0, 0), (0, 0), *options["padding"]], constant_values=-np.inf)
        largest = -np.inf
        for k in taps:
            largest = np.maximum(largest, under(lows, k, *steps, counts))
        agree(kernel.max_pool(x, kernel_size, **window), largest)
        zeros = np.pad(x, [(0, 0), (0, 0), *options["padding"]])
        total = 0
        for k in taps:
            total = total + under(zeros, k, *steps, counts)
        mean = kernel.avg_pool(x, kernel_size, **window, count_include_pad=True)
        agree(mean, total / len(taps))
        ones = np.pad(np.ones(x.shape[2:]), options["padding"])
        seen = sum(under(ones, k, *steps, counts) for k in taps)
        with np.errstate(invalid="ignore"):
            agree(kernel.avg_pool(x, kernel_size, **window), total / seen)

    check()


@given(
    st.builds(
        geometry.Axis,
        size=st.integers(0, 12),
        kernel_size=st.integers(1, 5),
        stride=st.integers(1, 4),
        dilation=st.integers(1, 4),
        before=st.integers(-3, 6),
        after=st.integers(-3, 6),
        ceil_mode=st.booleans(),
    ),
    st.booleans(),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_the_taps_of_an_average_are_counted_as_they_lie(axis, include):
    agree(axis.counted(include), axis.counting(include).sum(axis=1))


# Sizes where the paths change over, limits as they are.


@pytest.fixture
def in_blocks(monkeypatch):
    monkeypatch.setattr(PATH + "small.CELLS", 0)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.usefixtures("in_blocks")
@pytest.mark.parametrize("batch", [1, 2])
def test_columns_around_the_width_of_a_block(more, batch):
    """A block is 1,024 columns; half of it for a sample of two."""
    x = np.arange(batch * 2 * (1024 // batch + more)) % 9 - 4.0
    x = x.reshape(batch, 2, -1)
    w = np.array([[[1.0, -2.0, 3.0], [2.0, 1.0, 1.0]]])
    options = {"stride": (1,), "dilation": (1,), "padding": [(1, 1)], "groups": 1}
    agree(kernel.conv(x, w, **options), plain_conv(x, w, options))


@pytest.mark.usefixtures("in_blocks")
@pytest.mark.parametrize("size", [(2, 510), (2, 512), (3, 1023), (1025, 1), (5, 1024), (2, 1025)])
def test_planes_around_the_width_of_a_block(size):
    x = (np.arange(math.prod(size)) % 9 - 4.0).reshape(1, 1, *size)
    w = np.array([1.0, -2.0, 3.0, 2.0]).reshape(2, 1, 1, 2)
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": [(0, 0), (0, 1)], "groups": 1}
    agree(kernel.conv(x, w, **options), plain_conv(x, w, options))


@pytest.fixture
def rows_taken(monkeypatch):
    """Return the list of samples that were answered by a product for each row of taps."""
    from convformance.kernel import convolution

    right, taken = convolution.row_columns, []

    def counted(*given):
        for columns in right(*given):
            taken.append(len(columns))
            yield columns

    monkeypatch.setattr(convolution, "row_columns", counted)
    return taken


@pytest.mark.parametrize(
    ("kernel_size", "size", "taken"),
    [
        ((5, 5), (16, 32), True),
        ((5, 5), (16, 31), False),  # 496 windows
        ((5, 5), (8, 64), True),
        ((5, 5), (7, 74), False),  # taps reach 4 rows beyond 7
        ((5, 4), (16, 32), False),  # 20 taps
        ((9, 3), (16, 32), True),
        ((13, 2), (32, 32), False),  # 62 rows of columns
        ((3, 3, 3), (8, 8, 8), True),
        ((3, 3, 3), (4, 11, 12), True),
        ((3, 3, 3), (3, 14, 14), False),
        ((25,), (512,), True),
        ((1, 25), (16, 32), False),
    ],
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "complex128", "int32"])
@pytest.mark.usefixtures("in_blocks")
def test_planes_around_the_sizes_of_a_product_for_each_row_of_taps(
    kernel_size, size, taken, dtype, rows_taken
):
    """Two groups of 64 rows of columns or some more, but for one that has too few, and a bias."""
    C = 31 if kernel_size == (13, 2) else -(-64 // math.prod(kernel_size[1:]))
    x = (np.arange(4 * C * math.prod(size)) % 9 - 4.0).reshape(2, 2 * C, *size).astype(dtype)
    w = (np.arange(6 * C * math.prod(kernel_size)) % 7 - 3.0).reshape(6, C, *kernel_size)
    w = w.astype(dtype)
    bias = np.arange(6).astype(dtype)
    pads = [((taps - 1) // 2, taps // 2) for taps in kernel_size]
    if kernel_size == (25,):
        pads = [(12, 12)]
    options = {"stride": (1,) * len(size), "dilation": (1,) * len(size)}
    options |= {"padding": pads, "groups": 2}
    found = kernel.conv(x, w, bias, **options)
    agree(found, plain_conv(x, w, options) + bias.reshape(-1, *(1,) * len(size)))
    is_own = dtype in ("float32", "complex128")
    assert rows_taken == ([kernel_size[0]] * 2 if taken and is_own else [])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_columns_around_the_size_that_is_answered_at_once(more, batch, dtype):
    """32,768 cells: six for each of 5,461 windows."""
    x = np.arange(batch * 2 * (5461 // batch + more)) % 9 - 4
    x = x.reshape(batch, 2, -1).astype(dtype)
    w = np.array([[[1, -2, 3], [2, 1, 1]], [[0, 1, 0], [1, 0, 2]]], dtype)
    options = {"stride": (1,), "dilation": (1,), "padding": [(1, 1)], "groups": 1}
    agree(kernel.conv(x, w, **options), plain_conv(x, w, options))
    bias = np.array([1, -1], dtype)
    found = kernel.conv(x, w, bias, **options)
    agree(found, plain_conv(x, w, options) + bias[:, None])


@pytest.mark.parametrize(
    ("stride", "width"),
    [
        (1, 28),
        (1, 29),
        (2, 118),
        (2, 119),
        (3, 253),
        (3, 254),
        (1, 57),
        (1, 58),
        (1, 59),
        (1, 60),
        (1, 61),
        (1, 62),
        (2, 238),
        (2, 239),
        (2, 240),
        (2, 241),
        (3, 508),
        (3, 511),
    ],
)
def test_depthwise_planes_around_the_lengths_where_their_path_changes(stride, width):
    """34 padded rows: 1,024 positions, from where planes are taken whole, are reached at widths of
    29, 119 and 254 by stride; 2,049 up to the last window, from where none are added, near 59 to
    61, 239 and 509.
    """
    x = (np.arange(2 * 32 * width) % 9 - 4.0).reshape(1, 2, 32, width).astype("float32")
    w = (np.arange(18) % 5 - 2.0).reshape(2, 1, 3, 3).astype("float32")
    options = {"stride": (stride,) * 2, "dilation": (1, 2), "padding": [(1, 1)] * 2, "groups": 2}
    agree(kernel.conv(x, w, **options), plain_conv(x, w, options))


@pytest.mark.parametrize("pool", [kernel.max_pool, kernel.avg_pool])
@pytest.mark.parametrize("pads", list(itertools.product(range(-2, 6), repeat=2)), ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_a_pool_by_one_with_any_padding(pool, pads, kernel_size):
    """As many windows as samples are written where samples lie, unless the padding is too long."""
    x = np.arange(16.0).reshape(1, 2, 8)
    cropped = x[..., max(0, -pads[0]) : 8 + min(0, pads[1])]
    lowest = -math.inf if pool is kernel.max_pool else 0.0
    filled = [(0, 0), (0, 0), tuple(max(0, pad) for pad in pads)]
    canvas = np.pad(cropped, filled, constant_values=lowest)
    windows = np.lib.stride_tricks.sliding_window_view(canvas, kernel_size, 2)
    expected = windows.max(-1) if pool is kernel.max_pool else windows.sum(-1) / kernel_size
    options = {} if pool is kernel.max_pool else {"count_include_pad": True}
    agree(pool(x, kernel_size, stride=1, padding=[pads], **options), expected)


def test_integers_whose_sums_pass_float64_wrap_as_integers():
    x = np.full((1, 1, 3), 2**31 - 1, "int32")
    w = np.full((1, 1, 3), 2**31 - 1, "int32")
    assert kernel.conv(x, w).item() == 3  # 3 * (2^31 - 1)^2 is 3 modulo 2^32
    small = x // 2**12
    assert kernel.conv(small, small).item() == (3 * (2**19 - 1) ** 2 + 2**31) % 2**32 - 2**31


def test_an_average_whose_sum_overflows_is_finite_beside_one_that_does_not():
    top = np.finfo("float32").max
    x = np.array([[[1, 3, top, top]]], "float32")
    assert kernel.avg_pool(x, 2, stride=2).ravel().tolist() == [2.0, float(top)]
    assert kernel.global_avg_pool(x[..., 2:]).item() == top


@pytest.mark.parametrize("before", [-1, 0, 1])
def test_a_pool_does_not_see_a_sample_that_negative_padding_crops_behind(before):
    x = np.array([[[3.0, 5.0, 7.0, 9.0]]])
    options = {"stride": 2, "padding": [(before, -1)], "ceil_mode": True}
    seen = x[..., max(0, -before) : 3]
    start = [(max(0, before), 0)]
    windows = {**options, "padding": start}
    for pool in (kernel.max_pool, kernel.avg_pool):
        found, cropped = pool(x, 2, **options), pool(seen, 2, **windows)
        agree(found[..., : cropped.shape[-1]], cropped)
    one = kernel.max_pool(x[..., 1:], 1, stride=2, padding=[(0, -1)], ceil_mode=True)
    assert one.ravel().tolist() == [5.0, -math.inf]


# The checks above can fail.


@pytest.mark.usefixtures("in_blocks")
def test_a_lost_block_is_noticed(monkeypatch):
    from convformance.kernel import columns

    right = columns._pieces
    monkeypatch.setattr(columns, "_pieces", lambda *sizes: list(right(*sizes))[:-1])
    # New memory may hold the right answer of a call before.
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float, **_: np.full(shape, 77, dtype))
    with pytest.raises(AssertionError):
        test_columns_around_the_width_of_a_block(1, 1)


def test_a_row_of_taps_that_starts_elsewhere_is_noticed(monkeypatch):
    from convformance.kernel import convolution

    right = convolution.row_columns
    monkeypatch.setattr(
        convolution, "row_columns", lambda *given: (rows[::-1] for rows in right(*given))
    )
    with pytest.raises(AssertionError, match="not equal"):
        test_planes_around_the_sizes_of_a_product_for_each_row_of_taps(
            (5, 5), (16, 32), True, "float32", [5, 5]
        )


def test_a_window_that_starts_elsewhere_is_noticed_where_all_is_answered_at_once(monkeypatch):
    from convformance.kernel.geometry import Axes

    right = Axes.columns.func
    monkeypatch.setattr(Axes, "columns", property(lambda axes: shifted(right(axes))))
    with pytest.raises(AssertionError):
        test_columns_around_the_size_that_is_answered_at_once(0, 2, "float32")


def shifted(columns):
    shape, strides = columns
    return shape, {item: (*some[:1], 0, *some[2:]) for item, some in strides.items()}


def test_a_tap_of_another_phase_is_noticed(monkeypatch):
    from convformance.kernel import phases

    right = phases._offsets
    monkeypatch.setattr(phases, "_offsets", lambda *given: right(*given)[::-1])
    with pytest.raises(AssertionError):
        test_a_large_upsampling_lays_its_columns_out_once_for_all_phases(monkeypatch)


def test_a_phase_on_the_wrong_plane_is_noticed(monkeypatch):
    from convformance.kernel import channelwise

    right = channelwise._Planes._places_of
    monkeypatch.setattr(
        channelwise._Planes, "_places_of", lambda self, phases: right(self, phases[::-1])
    )
    with pytest.raises(AssertionError):
        test_depthwise_planes_around_the_lengths_where_their_path_changes(2, 240)
