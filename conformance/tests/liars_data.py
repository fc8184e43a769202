"""Liars about data: right on plain numbers, wrong on what one of the named fills holds.

They are registered beside those of liars.py. `ONLY` says which one fill catches a liar.
"""

from __future__ import annotations

import numpy as np
from liars import changed, converted, convolved, honest, liar, ones, pairs, tapped, with_y

from convformance.named import UNSIGNED
from convformance.verdict import Kind

SINGLE = ("float32",)
ONLY: dict[str, str] = {}  # name of a liar -> the fill that no other named fill can stand for


def alone(fill):
    """Note that the one fill catches the lie."""

    def note(tell):
        ONLY[tell.__name__.replace("_", "-")] = fill
        return tell

    return note


def reading(problem, arrays, read):
    """Return the honest answer to samples that are read otherwise."""
    main = "dy" if problem.grad else "x"
    return honest(problem, {**arrays, main: read(arrays[main])})


def normal(x):
    return np.finfo(x.dtype).tiny


# Not a number, and infinity.


@liar("conv max_pool avg_pool", "value.nan max.nan", dtypes=SINGLE, where="data")
@alone("nan")
def loses_a_nan_in_the_last_column(problem, arrays):
    """The tail of a row is read through a mask that turns NaN to zero."""

    def read(x):
        x = x.copy()
        x[..., -1] = np.where(np.isnan(x[..., -1]), 0, x[..., -1])
        return x

    return reading(problem, arrays, read)


@liar("conv_transpose depthwise_conv", "value.nan", dtypes=SINGLE, where="data")
@alone("nan")
def loses_a_nan_in_the_first_corner(problem, arrays):
    """A NaN in the first corner of a plane is taken for an empty place."""

    def read(x):
        x = x.copy()
        corner = (..., *(0,) * problem.rank)
        x[corner] = np.where(np.isnan(x[corner]), 0, x[corner])
        return x

    return reading(problem, arrays, read)


@liar("avg_pool fold", "value.infinity", dtypes=SINGLE, where="data")
@alone("infinity")
def takes_infinity_for_the_largest(problem, arrays):
    """Infinite samples are clamped to the largest finite number."""
    most = np.finfo("float32").max
    return reading(problem, arrays, lambda x: np.where(np.isinf(x), np.copysign(most, x), x))


@liar("conv1x1", "value.infinity value.nan", dtypes=SINGLE, where="data")
@alone("weights")
def skips_zeros(problem, arrays):
    """A product with a zero is left out: zero times infinity is zero."""

    def times(w, x):
        return np.where((w == 0) | (x == 0), 0, w * x)

    return with_y(problem, arrays, convolved(problem, arrays, times, np.float32))


# Maxima.


@liar("max_pool global_max_pool", "max.value value.infinity", dtypes=SINGLE, where="data")
@alone("lowest")
def starts_at_the_lowest_finite_number(problem, arrays):
    """A maximum starts at the lowest finite number, not at minus infinity."""
    least = np.finfo("float32").min
    return {
        name: np.maximum(one, least) if name == "y" else one
        for name, one in honest(problem, arrays).items()
    }


@liar("max_pool adaptive_max_pool", "max.value", dtypes=("int8", "int32"), where="data")
@alone("lowest")
def starts_an_integer_maximum_above_the_least(problem, arrays):
    """A maximum of integers starts at minus the largest one, which is not the least."""
    return changed(problem, arrays, lambda y: np.maximum(y, -np.iinfo(y.dtype).max))


@liar("max_pool adaptive_max_pool", "max.tie", dtypes=SINGLE, where="data")
@alone("ties")
def holds_plus_zero_above_minus_zero(problem, arrays):
    """The index of a maximum is found by the bits, where +0 stands above -0."""
    if not problem.indices:
        return honest(problem, arrays)
    x = arrays["x"].astype(np.float64)
    x = np.where(x == 0, np.copysign(1e-300, x), x)
    indices = honest(problem, {**arrays, "x": x}, dtype="float64")["indices"]
    return {**honest(problem, arrays), "indices": indices}


@liar("max_pool unfold", "value.overflow max.value", dtypes=SINGLE, where="data")
@alone("largest")
def takes_the_largest_for_infinity(problem, arrays):
    """A sample that is not below the largest finite number counts as infinite."""
    most = np.finfo("float32").max
    return reading(problem, arrays, lambda x: np.where(x >= most, np.inf, x).astype(x.dtype))


# The ends of the range.


@liar("conv avg_pool", "value.subnormal", dtypes=SINGLE, where="data")
@alone("subnormal")
def gives_subnormals_a_leading_one(problem, arrays):
    """The exponent field of zero is not told from the others: a leading one is read."""

    def read(x):
        small = (x != 0) & (np.abs(x) < normal(x))
        return np.where(small, x + np.copysign(normal(x), x), x)

    return reading(problem, arrays, read)


@liar("conv1x1", "value.subnormal", dtypes=SINGLE, where="data")
@alone("underflow")
def clamps_the_exponent_of_a_product(problem, arrays):
    """A product of normal numbers is never below the smallest normal number."""

    def times(w, x):
        product, least = w * x, normal(x)
        lost = (product != 0) & (np.abs(product) < least)
        lost = lost & (np.abs(w) >= least) & (np.abs(x) >= least)
        return np.where(lost, np.copysign(least, product), product)

    return with_y(problem, arrays, convolved(problem, arrays, times, np.float32))


@liar("conv fold", "value.overflow backend.accuracy", Kind.VALUE, Kind.BOUND,
      dtypes=SINGLE, where="data")  # fmt: skip
def clamps_sums_at_the_largest(problem, arrays):
    """A sum past the largest finite number is that number."""
    most = np.finfo("float32").max
    if not all(np.isfinite(one).all() for one in arrays.values()):
        return honest(problem, arrays)
    return changed(problem, arrays, lambda y: np.clip(y, -most, most))


@liar("conv1x1", "backend.accuracy", Kind.BOUND, dtypes=("float16",), where="data")
@alone("overflow")
def passes_partial_sums_in_half_range(problem, arrays):
    """Sums have the bits of float32, but the range of float16 on the way."""
    x, w = arrays["x"].astype(np.float32), arrays["w"].astype(np.float32)
    y = np.zeros((), np.float32)
    for c in range(x.shape[1]):
        y = y + w[:, c].reshape(-1, *ones(problem)) * x[:, c : c + 1]
        y = np.where(np.abs(y) > np.finfo(np.float16).max, np.copysign(np.inf, y), y)
    if "bias" in arrays:
        y = y + arrays["bias"].astype(np.float32).reshape(-1, *ones(problem))
    return with_y(problem, arrays, y)


@liar("conv1x1 avg_pool", "backend.accuracy value.overflow avg.value conv1x1.product",
      Kind.BOUND, Kind.VALUE, dtypes=("float16",), where="data")  # fmt: skip
def keeps_sums_in_half_and_declares_single(problem, arrays):
    """Running sums are float16; float32 is declared."""
    if problem.grad:
        return honest(problem, arrays)
    if problem.op == "conv1x1":
        y = convolved(problem, arrays, np.multiply, np.float16)
        return with_y(problem, arrays, y)
    total, taps = np.zeros((), np.float16), np.zeros((), np.float16)
    marked = {"x": np.ones_like(arrays["x"])}
    for (_, samples), (_, under) in zip(
        tapped(problem, arrays["x"], 0, np.float16),
        tapped(problem, marked["x"], 0, np.float16),
        strict=True,
    ):
        total, taps = total + samples, taps + under
    return with_y(problem, arrays, total / taps)


@liar("conv1x1 unfold", "value.wrap conv1x1.product", dtypes=("int32",), where="data")
@alone("ends")
def goes_through_single(problem, arrays):
    """Integers are computed as float32."""
    y = converted(problem, arrays, "float32").astype(np.float64)
    return with_y(problem, arrays, y.astype(np.int64).astype(np.int32))


@liar("max_unpool", "unpool.value value.round", dtypes=SINGLE, where="data")
@alone("ends")
def copies_through_bfloat16(problem, arrays):
    """Large whole numbers are copied with eight bits."""

    def cut(x):
        whole = (np.abs(x) >= 2**20) & (np.abs(x) < 2**30)
        return np.where(whole, np.round(x / 2**16) * 2**16, x).astype(x.dtype)

    return reading(problem, arrays, cut)


@liar("max_pool", "max.value", dtypes=UNSIGNED, where="data")
@alone("unsigned")
def compares_bytes_with_their_sign(problem, arrays):
    """Bytes are compared as signed ones."""
    x = arrays["x"].view(np.int8)
    answer = honest(problem, {**arrays, "x": x}, dtype="int8")
    return {**answer, "y": answer["y"].view(np.uint8)}


# Accuracy.


@liar("conv", "backend.accuracy", Kind.BOUND, dtypes=SINGLE, where="data")
@alone("spike")
def shares_one_exponent(problem, arrays):
    """Block floating point: the samples share the exponent of the largest."""

    def read(x):
        if not x.size or not np.isfinite(x).all() or not x.any():
            return x
        quantum = np.exp2(np.floor(np.log2(np.abs(x.astype(np.float64)).max())) - 23)
        return (np.round(x / quantum) * quantum).astype(x.dtype)

    return reading(problem, arrays, read)


@liar("avg_pool", "backend.accuracy", Kind.BOUND, dtypes=SINGLE, where="data")
@alone("cancel")
def takes_nearly_nothing_for_nothing(problem, arrays):
    """A sum that nearly cancels is taken for zero."""
    if problem.grad or not np.isfinite(arrays["x"]).all():
        return honest(problem, arrays)
    y = honest(problem, arrays)["y"]
    size = honest(problem, {**arrays, "x": np.abs(arrays["x"])})["y"]
    return {"y": np.where(np.abs(y) < size * 2.0**-16, 0, y).astype(y.dtype)}


@liar("conv conv1x1", "backend.accuracy", Kind.BOUND, dtypes=SINGLE, where="data")
def cuts_inputs_to_ten_bits(problem, arrays):
    """TensorFloat-32: samples and weights have eleven significant bits."""

    def cut(x):
        bits = x.copy().view(np.int32)
        finite = np.isfinite(x)
        return np.where(finite, (bits & ~0x1FFF).view(np.float32), x)

    return honest(problem, {name: cut(one) for name, one in arrays.items()})


def is_plain(problem):
    """Whether a fast algorithm for 3 x 3 kernels takes the problem."""
    plain = {(1, 1): (problem.stride, problem.dilation), (3, 3): (problem.kernel_size,)}
    fits = all(value == wanted for wanted, values in plain.items() for value in values)
    return fits and not problem.grad and problem.groups == 1


def padded(problem, arrays):
    return np.pad(arrays["x"], [(0, 0), (0, 0), *pairs(problem, arrays)])


def with_bias(problem, arrays, y):
    if "bias" in arrays:
        y = y + arrays["bias"].reshape(-1, *ones(problem))
    return with_y(problem, arrays, y)


SPREADING = "backend.accuracy value.nan value.infinity value.overflow conv.sum padding.zero"


@liar("conv", SPREADING, Kind.VALUE, Kind.BOUND, dtypes=SINGLE, where="data")
def convolves_by_winograd(problem, arrays):
    """F(2x2, 3x3): tiles of 4 x 4 are transformed, multiplied and transformed back."""
    if not is_plain(problem):
        return honest(problem, arrays)
    into = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32)
    kernel = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
    back = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float32)
    x, w = padded(problem, arrays), arrays["w"]
    H, W = (size - 2 for size in x.shape[2:])
    x = np.pad(x, [(0, 0), (0, 0), (0, H % 2), (0, W % 2)])
    u = np.einsum("ia,mcab,jb->mcij", kernel, w, kernel)
    y = np.zeros((x.shape[0], w.shape[0], H + H % 2, W + W % 2), np.float32)
    for row in range(0, H, 2):
        for column in range(0, W, 2):
            tile = x[:, :, row : row + 4, column : column + 4]
            v = np.einsum("ia,ncab,jb->ncij", into, tile, into)
            product = np.einsum("mcij,ncij->nmij", u, v)
            square = np.einsum("ai,nmij,bj->nmab", back, product, back)
            y[:, :, row : row + 2, column : column + 2] = square
    return with_bias(problem, arrays, y[:, :, :H, :W])


@liar("conv", SPREADING, Kind.VALUE, Kind.BOUND, dtypes=SINGLE, where="data")
def convolves_by_fft(problem, arrays):
    """Planes and kernels are multiplied in the frequency domain, in single precision."""
    if not is_plain(problem):
        return honest(problem, arrays)
    x = padded(problem, arrays)
    H, W = x.shape[2:]
    x_waves = np.fft.rfft2(x).astype(np.complex64)
    w_waves = np.fft.rfft2(arrays["w"], (H, W)).astype(np.complex64)
    waves = np.einsum("ncij,mcij->nmij", x_waves, w_waves.conj())
    y = np.fft.irfft2(waves, (H, W)).astype(np.float32)
    return with_bias(problem, arrays, y[:, :, : H - 2, : W - 2])
