"""What a call of the NumPy kernel leaves alone, what it takes, and how exact it is."""

from __future__ import annotations

import collections
import itertools
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convformance import kernel
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bench import Bench
from convformance.kernel import geometry, pool, separable
from convformance.problem import Case, Problem
from convformance.verdict import Kind


def layer_calls():
    """Return calls on whole layers: (name, bytes of the padded input, call)."""
    random = np.random.default_rng(1)

    def normal(*shape):
        return random.normal(size=shape).astype("float32")

    x, w, dy = normal(2, 64, 120, 120), normal(64, 64, 3, 3), normal(2, 64, 120, 120)
    same = {"padding": [(1, 1), (1, 1)]}
    size = 2 * 64 * 122 * 122 * 4
    volume, long = normal(1, 16, 24, 96, 96), normal(1, 32, 200_000)
    cube, row = normal(16, 16, 3, 3, 3), normal(32, 32, 3)
    volume_size = 16 * 26 * 98 * 98 * 4
    plane, many = np.ones((2, 16, 78, 78), complex), np.ones((80, 16, 5, 5), complex)
    many_groups = normal(64, 8, 5, 5)
    row_of_one, wide = normal(1, 1, 2000), normal(8, 16_384, 1, 1)
    infinite = np.where(x > 4, np.inf, x)  # a sum is, so that it is summed again in float64
    return [
        ("conv", size, lambda: kernel.conv(x, w, **same)),
        ("conv1x1", size, lambda: kernel.conv1x1(x, w[:, :, 0, 0])),
        ("conv 5x5", 2 * 16 * 82 * 82 * 16, lambda: kernel.conv(plane, many, padding="same")),
        ("conv 5x5, groups", size, lambda: kernel.conv(x, many_groups, padding="same", groups=8)),
        ("conv 3-D", volume_size, lambda: kernel.conv(volume, cube, padding="same")),
        ("conv 1-D", 32 * 200_002 * 4, lambda: kernel.conv(long, row, padding="same")),
        ("by input", size, lambda: kernel.conv_gradient("x", x, w, dy, **same)),
        ("by weight", size, lambda: kernel.conv_gradient("w", x, w, dy, **same)),
        ("transposed", size, lambda: kernel.conv_transpose(x, w[:, :32], stride=2)),
        ("depthwise", size, lambda: kernel.depthwise_conv(x, w[:, :1], **same)),
        ("depthwise by 2", size, lambda: kernel.depthwise_conv(x, w[:, :1], stride=2, **same)),
        ("max", size, lambda: kernel.max_pool(x, 3, **same)),
        ("max, indices", size, lambda: kernel.max_pool(x, 3, return_indices=True, **same)),
        ("max 3-D", volume_size, lambda: kernel.max_pool(volume, 3, padding="same")),
        ("avg", size, lambda: kernel.avg_pool(x, 3, **same)),
        ("avg, infinite", size, lambda: kernel.avg_pool(infinite, 3, **same)),
        ("lp", size, lambda: kernel.lp_pool(x, 3, **same)),
        ("distance", size, lambda: kernel.distance_pool(x, abs(w[0, 0]), **same)),
        ("global", size, lambda: kernel.global_avg_pool(x)),
        ("global, infinite", size, lambda: kernel.global_avg_pool(infinite)),
        ("as long as its row", 16_000, lambda: kernel.max_pool(row_of_one, 2001, padding="same")),
        ("far beyond", 4 << 19, lambda: kernel.max_pool(wide, 1, padding=[(20, 20), (0, 0)])),
        ("no window", 8000, lambda: kernel.max_pool(row_of_one, 10**6)),
    ]  # fmt: skip


def test_a_call_does_not_hang_on_those_before():
    """1 and 1.0 are one key of a cache."""
    x, w = np.ones((1, 1, 5), "float32"), np.ones((1, 1, 2), "float32")
    assert kernel.conv(x, w, stride=1, padding=[(1, 1)]).shape == (1, 1, 6)
    for given in ({"stride": 1.0}, {"padding": [(1.0, 1.0)]}, {"dilation": (1.0,)}):
        with pytest.raises(TypeError, match="integer"):
            kernel.conv(x, w, **{"stride": 1, "padding": [(1, 1)], **given})


W = np.ones((1, 1, 3, 3), "float32")
PADDED = {"padding": [(1, 1), (1, 1)]}


@pytest.mark.parametrize(
    "call",
    [
        lambda x: kernel.conv(x, W, **PADDED),
        lambda x: kernel.conv_transpose(x, W, **PADDED),
        lambda x: kernel.max_pool(x, 12, stride=5, ceil_mode=True, padding=[(6, 6)] * 2),
        lambda x: kernel.avg_pool(x, 2, stride=2, **PADDED),
    ],
    ids=["conv", "conv_transpose", "max_pool", "avg_pool"],
)
def test_what_is_kept_between_calls_is_bounded(call):
    """More different geometries than are kept."""
    x = np.ones((1, 1, 40, 40), "float32")
    sizes = itertools.product(range(7, 40), repeat=2)
    assert 0 < kept_of(call(x[..., :height, :width]) for height, width in sizes) < 4 << 20


def test_of_long_windows_the_steps_are_not_kept():
    x = np.ones((1, 1, 900, 1), "float32")
    pads = ((400, 400), (0, 0))
    calls = (kernel.max_pool(x[:, :, :size], (801, 1), padding=pads) for size in range(830, 900))
    assert 0 < kept_of(calls) < 4 << 20


def kept_of(calls):
    """Return the bytes that stay after calls, which are made as they are asked for."""
    for kept in (geometry._axes_of, separable._kept_steps, pool._kept_divisor):
        kept.cache_clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        collections.deque(calls, maxlen=0)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def held(answer):
    return sum(one.nbytes for one in answer) if isinstance(answer, tuple) else answer.nbytes


@pytest.mark.parametrize("call", layer_calls(), ids=lambda call: call[0])
def test_a_call_takes_32_mb_beside_the_padded_input_and_the_output_at_most(call):
    _, padded, run = call
    tracemalloc.start()
    try:
        answer = run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - held(answer) - padded <= 32 << 20


def test_calls_in_threads_do_not_disturb_each_other():
    random = np.random.default_rng(2)
    pairs = [
        (random.integers(-4, 5, (2, 8, 40, 40)).astype("float32"), kind) for kind in range(4)
    ] * 8

    def run(pair):
        x, kind = pair
        w = np.ones((8, 8, 3, 3), "float32")
        calls = (
            lambda: kernel.conv(x, w, padding="same"),
            lambda: kernel.depthwise_conv(x, w[:, :1], stride=2),
            lambda: kernel.max_pool(x, 3, stride=2),
            lambda: kernel.conv_transpose(x, w, stride=2),
        )
        return calls[kind]()

    alone = list(map(run, pairs))
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, pairs))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(other, one, strict=True)


@pytest.mark.parametrize("read", ["strided", "backwards", "other order", "read-only", "broadcast"])
def test_an_array_may_lie_in_memory_as_it_likes(read):
    x = (np.arange(2 * 4 * 12 * 12) % 9 - 4.0).reshape(2, 4, 12, 12).astype("float32")
    x = x[:1].repeat(2, 0) if read == "broadcast" else x
    made = {
        "strided": lambda: np.repeat(x, 2, 3)[..., ::2],
        "backwards": lambda: x[..., ::-1].copy()[..., ::-1],
        "other order": lambda: x.astype(x.dtype.newbyteorder()),
        "read-only": x.copy,
        "broadcast": lambda: np.broadcast_to(x[:1], x.shape),
    }[read]()
    made.flags.writeable = False
    before = made.copy()
    w = (np.arange(4 * 9) % 5 - 2.0).reshape(4, 1, 3, 3).astype("float32")
    deep = np.repeat(w, 4, 1)
    for call in (
        lambda x: kernel.conv(x, deep, padding="same"),
        lambda x: kernel.conv1x1(x, deep[:, :, 0, 0]),
        lambda x: kernel.depthwise_conv(x, w, stride=2),
        lambda x: kernel.conv_transpose(x, deep, stride=2),
        lambda x: kernel.max_pool(x, 3, padding=[(1, 1), (1, 1)]),
        lambda x: kernel.avg_pool(x, 3, stride=2),
        kernel.global_avg_pool,
        lambda x: kernel.conv_gradient("w", x, deep, x[:, :, 2:, 2:]),
    ):
        np.testing.assert_array_equal(call(made), call(x), strict=True)
        np.testing.assert_array_equal(made, before)


# How exact it is.

NORMAL = (
    "conv x=1x64x6x6 w=4x64x3x3 padding=1+1x1+1",
    "conv x=2x16x40 w=3x16x5 stride=2",
    "conv x=1x8x4x4x4 w=3x8x2x2x2",
    "conv1x1 x=1x200x3x3 w=5x200",
    "conv x=1x16x5x5 w=8x16x3x3 grad=x",
    "conv x=2x4x9x9 w=3x4x3x3 grad=w",
    "conv_transpose x=1x32x4x4 w=32x2x4x4 stride=2 padding=1+1x1+1",
    "depthwise_conv x=1x3x60x60 w=3x1x5x5 padding=2+2x2+2",
    "depthwise_conv x=1x40x7x7 w=40x1x3x3",
    "separable_conv x=1x16x6x6 w=16x1x3x3 pointwise=4x16",
    "avg_pool x=1x2x20x20 kernel=7x7 stride=3",
    "global_avg_pool x=1x4x30x30",
    "lp_pool x=1x2x9x9 kernel=3x3 p=3",
    "distance_pool x=1x2x9x9 kernel=3x3",
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", NORMAL)
def test_normal_numbers_take_at_most_half_of_the_bound(line, dtype):
    bench = Bench(NumpyBackend(), ())
    for number in range(3):
        found = bench.ask(Case(Problem.parse(f"{line} {dtype}"), "real", number)).verdict
        assert found.kind == Kind.AGREES
        assert found.margin <= 0.5
