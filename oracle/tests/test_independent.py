"""The oracle beside programs that share nothing with it: SciPy, and PyTorch in float64.

Whole numbers, so that any order of summation gives the same bits: equality is exact.
"""

import math
import random

import numpy as np
import pytest
from scipy import ndimage, signal

from convoracle import Tensor, avg_pool, conv, conv1x1, lp_pool, max_pool

SEEDS = range(60)


def whole(source, shape, least=-9, most=9):
    count = math.prod(shape)
    return np.array([source.randint(least, most) for _ in range(count)], float).reshape(shape)


def tensor(array):
    return Tensor(array.shape, array.ravel().tolist())


def array(op):
    return np.array(op.result().values, float).reshape(op.shape)


def drawn(seed, most_rank=3):
    """Return a source of numbers, a rank, and one entry per axis for each attribute."""
    source = random.Random(seed)
    rank = source.randint(1, most_rank)

    def per_axis(least, most):
        return [source.randint(least, most) for _ in range(rank)]

    sizes = per_axis(3, 5) if rank == 3 else per_axis(3, 9)
    return source, rank, sizes, per_axis


def pads(sides):
    return [(0, 0), (0, 0), *sides]


# SciPy


@pytest.mark.parametrize("seed", SEEDS)
def test_conv_sum_is_scipy_correlate_on_a_padded_copy(seed):
    source, _, sizes, per_axis = drawn(seed)
    kernel, stride, dilation = per_axis(1, 3), per_axis(1, 3), per_axis(1, 2)
    sides = list(zip(per_axis(0, 3), per_axis(0, 3), strict=True))
    groups, depth, width = source.randint(1, 2), source.randint(1, 2), source.randint(1, 2)
    x = whole(source, (2, groups * depth, *sizes))
    w = whole(source, (groups * width, depth, *kernel))
    op = conv(
        tensor(x), tensor(w), stride=stride, padding=sides, dilation=dilation, groups=groups,
        dtype="float64",
    )  # fmt: skip
    expected = correlated(np.pad(x, pads(sides)), w, stride, dilation, groups)
    np.testing.assert_array_equal(array(op), expected, strict=True)


def correlated(x, w, stride, dilation, groups):
    """Correlate with a kernel that has zeros between its taps, then take every nth element."""
    extents = [d * (size - 1) + 1 for d, size in zip(dilation, w.shape[2:], strict=True)]
    wide = np.zeros((*w.shape[:2], *extents))
    wide[(..., *(slice(None, None, d) for d in dilation))] = w
    room = [size - extent + 1 for size, extent in zip(x.shape[2:], extents, strict=True)]
    steps = tuple(slice(None, None, s) for s in stride)
    counts = [len(range(0, max(0, each), s)) for each, s in zip(room, stride, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *counts))
    if min(room) < 1:
        return out
    for n, m in np.ndindex(out.shape[:2]):
        group = m // (w.shape[0] // groups)
        part = x[n, group * w.shape[1] : (group + 1) * w.shape[1]]
        # over the channels too: the kernel has as many, so that axis has one position
        out[n, m] = signal.correlate(part, wide[m], mode="valid", method="direct")[0][steps]
    return out


@pytest.mark.parametrize("seed", SEEDS)
def test_conv1x1_product_is_einsum(seed):
    source, rank, sizes, _ = drawn(seed)
    x, w, bias = whole(source, (2, 3, *sizes)), whole(source, (4, 3)), whole(source, (4,))
    expected = np.einsum("mc,nc...->nm...", w, x) + bias.reshape(1, 4, *[1] * rank)
    got = array(conv1x1(tensor(x), tensor(w), tensor(bias), dtype="float64"))
    np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_max_value_is_scipy_maximum_filter_at_the_window_starts(seed):
    """A footprint with one 1 per tap and an origin at its first tap; outside lies -inf."""
    source, _, sizes, per_axis = drawn(seed)
    kernel, stride, dilation = per_axis(1, 3), per_axis(1, 3), per_axis(1, 2)
    sides = list(zip(per_axis(0, 2), per_axis(0, 2), strict=True))
    x = whole(source, (1, 2, *sizes))
    op = max_pool(tensor(x), kernel, stride=stride, padding=sides, dilation=dilation)
    room = [
        before + size + after - (d * (k - 1) + 1)
        for (before, after), size, k, d in zip(sides, sizes, kernel, dilation, strict=True)
    ]
    if min(room) < 0:
        assert array(op).size == 0
        return
    footprint = np.zeros([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)], bool)
    footprint[tuple(slice(None, None, d) for d in dilation)] = True
    origin = [-(extent // 2) for extent in footprint.shape]
    wide = np.pad(x, pads(sides), constant_values=-np.inf)
    steps = tuple(slice(0, each + 1, s) for each, s in zip(room, stride, strict=True))
    for c in range(2):
        filtered = ndimage.maximum_filter(
            wide[0, c], footprint=footprint, origin=origin, mode="constant", cval=-np.inf
        )
        np.testing.assert_array_equal(array(op)[0, c], filtered[steps], strict=True)


# PyTorch


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="PyTorch is not installed: no second opinion")
    module.set_num_threads(1)
    return module


@pytest.mark.parametrize("seed", SEEDS)
def test_conv_groups_stride_padding_and_dilation_are_those_of_pytorch(torch, seed):
    source, rank, sizes, per_axis = drawn(seed)
    kernel, stride, dilation = per_axis(1, 3), per_axis(1, 3), per_axis(1, 2)
    sides = [source.randint(d * (k - 1) // 2, 3) for k, d in zip(kernel, dilation, strict=True)]
    groups, depth, width = source.randint(1, 3), source.randint(1, 2), source.randint(1, 2)
    x = whole(source, (2, groups * depth, *sizes))
    w, bias = whole(source, (groups * width, depth, *kernel)), whole(source, (groups * width,))
    native = getattr(torch.nn.functional, f"conv{rank}d")
    expected = native(
        torch.tensor(x), torch.tensor(w), torch.tensor(bias), stride, sides, dilation, groups
    )
    op = conv(
        tensor(x), tensor(w), tensor(bias), stride=stride, padding=[(p, p) for p in sides],
        dilation=dilation, groups=groups, dtype="float64",
    )  # fmt: skip
    np.testing.assert_array_equal(array(op), expected.numpy(), strict=True)


# PyTorch warns that sides which differ cost it a copy.
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("seed", SEEDS)
def test_padding_same_at_stride_1_is_that_of_pytorch(torch, seed):
    source, rank, sizes, per_axis = drawn(seed)
    kernel, dilation, ones = per_axis(1, 4), per_axis(1, 2), [1] * rank
    x, w = whole(source, (1, 1, *sizes)), whole(source, (1, 1, *kernel))
    native = getattr(torch.nn.functional, f"conv{rank}d")
    expected = native(torch.tensor(x), torch.tensor(w), padding="same", dilation=dilation)
    op = conv(
        tensor(x), tensor(w), stride=ones, padding="same_upper", dilation=dilation, dtype="float64"
    )
    np.testing.assert_array_equal(array(op), expected.numpy(), strict=True)


def pool_problem(seed, most_dilation=2):
    """Return a problem within PyTorch's limit: padding of at most half a kernel."""
    source, rank, sizes, per_axis = drawn(seed)
    kernel, stride, dilation = per_axis(1, 3), per_axis(1, 3), per_axis(1, most_dilation)
    sides = [source.randint(0, k // 2) for k in kernel]
    sizes = [size + d * k for size, k, d in zip(sizes, kernel, dilation, strict=True)]
    if rank == 3:
        sizes = [min(size, 6) for size in sizes]
    x = whole(source, (1, 2, *sizes))
    attributes = {
        "stride": stride,
        "padding": [(p, p) for p in sides],
        "dilation": dilation,
        "ceil_mode": source.random() < 0.5,
    }
    return source, rank, x, kernel, sides, attributes


@pytest.mark.parametrize("seed", SEEDS)
def test_max_index_max_tie_and_window_ceil_are_those_of_pytorch(torch, seed):
    _, rank, x, kernel, sides, attributes = pool_problem(seed)
    op = max_pool(tensor(x), kernel, dtype="float64", **attributes)
    native = getattr(torch.nn.functional, f"max_pool{rank}d")
    rest = {name: attributes[name] for name in ("stride", "dilation", "ceil_mode")}
    y, indices = native(torch.tensor(x), kernel, padding=sides, return_indices=True, **rest)
    np.testing.assert_array_equal(array(op), y.numpy(), strict=True)
    assert op.indices().nested() == indices.tolist()


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_avg_divisor_is_that_of_pytorch(torch, seed, counted):
    """The exact quotient, rounded once: what a float64 sum over a whole number gives."""
    _, rank, x, kernel, sides, attributes = pool_problem(seed, most_dilation=1)
    op = avg_pool(tensor(x), kernel, count_include_pad=counted, dtype="float64", **attributes)
    native = getattr(torch.nn.functional, f"avg_pool{rank}d")
    y = native(
        torch.tensor(x), kernel, attributes["stride"], sides, attributes["ceil_mode"], counted
    )
    np.testing.assert_array_equal(array(op), y.numpy(), strict=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_lp_value_of_a_square_sum_is_the_root_of_a_pytorch_convolution(torch, seed):
    """LPPool is not asked: it roots through a power of 1/2. IEEE 754 has sqrt rounded once."""
    _, rank, x, kernel, _, attributes = pool_problem(seed, most_dilation=1)
    rest = {"stride": attributes["stride"], "dilation": attributes["dilation"]}
    op = lp_pool(tensor(x), kernel, p=2, dtype="float64", **rest)
    native = getattr(torch.nn.functional, f"conv{rank}d")
    ones = torch.ones((2, 1, *kernel), dtype=torch.float64)
    squares = native(torch.tensor(x) ** 2, ones, groups=2, **rest)
    np.testing.assert_array_equal(array(op), np.sqrt(squares.numpy()), strict=True)
