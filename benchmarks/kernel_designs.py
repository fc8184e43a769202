"""Time the designs that the NumPy kernel could have been beside what it is.

    python benchmarks/kernel_designs.py

Each design answers the same layer as the kernel, is compared with it first, and is then called in
turns with it: the figure is a ratio of medians, above 1 where the kernel is the faster. One large
product runs first: until then a process multiplies matrices more slowly.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from kernel import SIZE, turns, with_threads

with_threads(1)

import numpy as np  # noqa: E402 -- BLAS reads its threads when it is loaded
from numpy.lib.stride_tricks import as_strided, sliding_window_view  # noqa: E402 -- as above

from convformance import kernel  # noqa: E402 -- as above
from convformance.kernel import rows  # noqa: E402 -- as above

Array = np.ndarray[Any, np.dtype[Any]]
SECONDS = 2.0  # of turns for each layer


def normal(*shape: int) -> Array:
    """Return float32 numbers, the same in each run."""
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def padded(x: Array, pad: int) -> Array:
    """Return x (N, C, *spatial) with zeros on every side of its planes."""
    return np.pad(x, [(0, 0), (0, 0), *[(pad, pad)] * (x.ndim - 2)])


# Convolutions 3x3 of x (1, C, H, W) with w (M, C, 3, 3), padded by 1.


def by_einsum(x: Array, w: Array) -> Array:
    """One `einsum` over a view of windows."""
    view = sliding_window_view(padded(x, 1), w.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,mcij->nmhw", view, w, optimize=True)


def by_tensordot(x: Array, w: Array) -> Array:
    """One `tensordot` over a view of windows, which lays out all columns at once."""
    view = sliding_window_view(padded(x, 1), w.shape[2:], axis=(2, 3))
    return np.moveaxis(np.tensordot(view, w, ((1, 4, 5), (1, 2, 3))), -1, 1)


def by_all_columns(x: Array, w: Array) -> Array:
    """All columns at once and one product: im2col as it is taught."""
    (_, C, H, W), M = x.shape, len(w)
    view = sliding_window_view(padded(x, 1), w.shape[2:], axis=(2, 3))[0]
    columns = view.transpose(0, 3, 4, 1, 2).reshape(C * 9, H * W)
    return (w.reshape(M, -1) @ columns).reshape(1, M, H, W)


def by_rows(x: Array, w: Array) -> Array:
    """Every row laid out for the taps along it alone; the taps across rows are found by a stride.

    The output is cut into strips of rows, whose first rows are one product, and so on: one row has
    too few columns.
    """
    (_, C, H, W), M = x.shape, len(w)
    canvas = padded(x, 1)[0]
    strips = max(one for one in range(1, H + 1) if H % one == 0 and one * W <= 512)
    steps = H // strips
    plane, row, item = canvas.strides
    moves = (row, item, plane, row * steps, item)
    laid = np.empty((steps + 2, 3, C, strips, W), x.dtype)
    laid[...] = as_strided(canvas, laid.shape, moves, writeable=False)
    matrix, kernels = laid.reshape(-1, strips * W), w.transpose(0, 2, 3, 1).reshape(M, -1)
    y, product = np.empty((M, strips, steps, W), x.dtype), np.empty((M, strips * W), x.dtype)
    for step in range(steps):
        np.matmul(kernels, matrix[step * 3 * C : (step + 3) * 3 * C], out=product)
        y[:, :, step] = product.reshape(M, strips, W)
    return y.reshape(1, M, H, W)


def by_tap(x: Array, w: Array) -> Array:
    """A product for each tap, added up."""
    (_, C, H, W), M = x.shape, len(w)
    canvas, y = padded(x, 1), np.zeros((M, H * W), x.dtype)
    for i, j in np.ndindex(*w.shape[2:]):
        y += w[:, :, i, j] @ canvas[0, :, i : i + H, j : j + W].reshape(C, H * W)
    return y.reshape(1, M, H, W)


def by_fourier(x: Array, w: Array) -> Array:
    """A product of transforms at each frequency."""
    H, W = x.shape[2:]
    sizes = (H + 4, W + 4)
    of_x = np.fft.rfft2(padded(x, 1)[0], sizes)
    of_w = np.fft.rfft2(w[:, :, ::-1, ::-1], sizes)
    y = np.fft.irfft2(np.einsum("chw,mchw->mhw", of_x, of_w, optimize=True), sizes)
    return y[None, :, 2 : 2 + H, 2 : 2 + W].astype(x.dtype)


def by_winograd(x: Array, w: Array) -> Array:
    """Winograd's F(2x2, 3x3): tiles of 4x4 give 2x2, by 16 products where 36 are due.

    Source of the matrices: A. Lavin and S. Gray, Fast algorithms for convolutional neural networks
    (arXiv:1509.09308), section 4.1.
    """
    of_x = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], x.dtype)
    of_w = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], x.dtype) / 2
    of_y = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], x.dtype)
    (_, C, H, W), M = x.shape, len(w)
    tiles = sliding_window_view(padded(x, 1)[0], (4, 4), axis=(1, 2))[:, ::2, ::2]
    inputs = (of_x @ tiles @ of_x.T).transpose(3, 4, 0, 1, 2).reshape(4, 4, C, -1)
    kernels = (of_w @ w @ of_w.T).transpose(2, 3, 0, 1)
    sums = (kernels @ inputs).reshape(4, 4, M, H // 2, W // 2).transpose(2, 3, 4, 0, 1)
    y = of_y @ sums @ of_y.T  # (M, H / 2, W / 2, 2, 2)
    return y.transpose(0, 1, 3, 2, 4).reshape(1, M, H, W)


def by_planes_apart(x: Array, w: Array) -> Array:
    """Columns of 7x7 by 2, padded by 3, from two planes that each hold every other sample of a row.

    What is under a tap lies side by side there, and not with a gap after each sample.
    """
    (_, C, H, W), M = x.shape, len(w)
    canvas = padded(x, 3)[0]
    rows = max(one for one in range(1, H // 2 + 1) if H // 2 % one == 0 and one * W // 2 <= 1024)
    views = []
    for first in (0, 1):
        apart = np.ascontiguousarray(canvas[..., first::2])
        plane, row, item = apart.strides
        shape, steps = (C, 7, 4 - first, H // 2, W // 2), (plane, row, item, 2 * row, item)
        views.append(as_strided(apart, shape, steps, writeable=False))
    columns, y = np.empty((C, 7, 7, rows, W // 2), x.dtype), np.empty((M, H // 2, W // 2), x.dtype)
    for top in range(0, H // 2, rows):
        for first, view in enumerate(views):
            columns[:, :, first::2] = view[..., top : top + rows, :]
        product = w.reshape(M, -1) @ columns.reshape(C * 49, -1)
        y[:, top : top + rows] = product.reshape(M, rows, W // 2)
    return y[None]


def by_all_taps(x: Array, w: Array, **options: Any) -> Array:
    """The kernel's way with few taps: one product, of columns for all of them."""
    least, rows.TAPS = rows.TAPS, w.size
    try:
        return np.asarray(kernel.conv(x, w, **options))
    finally:
        rows.TAPS = least


def margin(design: Callable[[Array, Array], Array]) -> float:
    """Return the error of a convolution over its bound, on numbers with spikes among them.

    The bound is [backend.accuracy]'s: the terms of a sum times float32's half spacing times the
    sum of magnitudes.
    """
    x, w = normal(1, 16, 16, 16), normal(16, 16, 3, 3)
    x[0, :, 5, 5] *= 1e6
    wide = kernel.conv(x.astype("float64"), w.astype("float64"), **SAME)
    sizes = kernel.conv(abs(x).astype("float64"), abs(w).astype("float64"), **SAME)
    bound = 16 * 9 * np.finfo("float32").eps / 2 * sizes
    return float((abs(design(x, w) - wide) / bound).max())


# Depthwise convolutions 3x3 of x (1, C, H, W) with w (C, 1, 3, 3), padded by 1.


def by_multiplying(x: Array, w: Array) -> Array:
    """A multiplication and an addition for each tap."""
    H, W = x.shape[2:]
    canvas = padded(x, 1)
    y, one = np.zeros_like(x), np.empty_like(x)
    for i, j in np.ndindex(*w.shape[2:]):
        np.multiply(canvas[..., i : i + H, j : j + W], w[None, :, :, i, j, None], out=one)
        y += one
    return y


def by_correlate(x: Array, w: Array) -> Array:
    """`np.correlate` of whole padded planes with each row of a kernel."""
    _, C, H, W = x.shape
    canvas, y = padded(x, 1).reshape(C, -1), np.zeros((C, H * (W + 2)), x.dtype)
    for c in range(C):
        for i in range(3):
            found = np.correlate(canvas[c, i * (W + 2) :], w[c, 0, i], "valid")
            length = min(len(found), y.shape[1])
            y[c, :length] += found[:length]
    return y.reshape(1, C, H, W + 2)[..., :W]


def by_vectors(x: Array, w: Array) -> Array:
    """The columns of one channel, times its kernel: a vector times a matrix."""
    _, C, H, W = x.shape
    canvas, y = padded(x, 1), np.empty((C, H * W), x.dtype)
    for c in range(C):
        view = sliding_window_view(canvas[0, c], (3, 3)).transpose(2, 3, 0, 1)
        np.dot(w[c].reshape(9), view.reshape(9, H * W), out=y[c])
    return y.reshape(1, C, H, W)


# Pools of x (1, C, H, W).


def by_window(combine: np.ufunc, size: int, x: Array) -> Array:
    """Reduce the axes of a view of windows."""
    view = sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::size, ::size]
    return np.asarray(combine.reduce(view, axis=(4, 5)))


def by_pool_tap(size: int, x: Array) -> Array:
    """The maximum tap by tap, each a strided view."""
    views = [x[:, :, i::size, j::size] for i, j in np.ndindex(size, size)]
    y = np.maximum(views[0], views[1])
    for view in views[2:]:
        np.maximum(y, view, out=y)
    return y


def by_reshaping(combine: np.ufunc, size: int, x: Array) -> Array:
    """Split each axis in two and reduce the inner ones: windows that do not overlap."""
    N, C, H, W = x.shape
    return np.asarray(combine.reduce(x.reshape(N, C, H // size, size, W // size, size), (3, 5)))


def mean(total: Callable[[Array], Array], size: int, x: Array) -> Array:
    """Return the sums divided."""
    return total(x) / x.dtype.type(size * size)


# A transposed convolution by 2 of x (1, C, H, W) with w (C, M, 2, 2).


def by_zeros(x: Array, w: Array) -> Array:
    """Put zeros between the samples and convolve with the flipped kernel."""
    N, C, H, W = x.shape
    spread = np.zeros((N, C, 2 * H - 1, 2 * W - 1), x.dtype)
    spread[:, :, ::2, ::2] = x
    return by_all_columns_of(np.pad(spread, [(0, 0), (0, 0), (1, 1), (1, 1)]), w)


def by_all_columns_of(canvas: Array, w: Array) -> Array:
    """Convolve with w (C, M, 2, 2), flipped and its channels exchanged."""
    kernels = w.transpose(1, 0, 2, 3)[..., ::-1, ::-1]
    view = sliding_window_view(canvas, (2, 2), axis=(2, 3))[0]
    C, H, W = view.shape[:3]
    columns = view.transpose(0, 3, 4, 1, 2).reshape(C * 4, H * W)
    return (kernels.reshape(len(kernels), -1) @ columns).reshape(1, -1, H, W)


def by_adding(x: Array, w: Array) -> Array:
    """One product for all taps of a 4x4 kernel by 2, padded by 1, added at their places."""
    (_, C, H, W), M = x.shape, w.shape[1]
    products = (w.reshape(C, -1).T @ x.reshape(C, -1)).reshape(M, 4, 4, H, W)
    y = np.zeros((1, M, 2 * H + 2, 2 * W + 2), x.dtype)
    for i, j in np.ndindex(4, 4):
        y[0, :, i : i + 2 * H : 2, j : j + 2 * W : 2] += products[:, i, j]
    return y[:, :, 1:-1, 1:-1]


# A tiny problem, in steps that answer it as well.


def by_as_strided(x: Array, w: Array) -> Array:
    """All columns at once, by `np.pad` and `as_strided`."""
    (_, C, H, W), M = x.shape, len(w)
    canvas = padded(x, 1)
    steps = canvas.strides
    view = as_strided(canvas, (C, 3, 3, H, W), (*steps[1:], *steps[2:]))
    return (w.reshape(M, -1) @ view.reshape(C * 9, H * W)).reshape(1, M, H, W)


SAME: dict[str, Any] = {"padding": [(1, 1), (1, 1)]}
CONVOLUTIONS: dict[str, Callable[..., Array]] = {
    "sliding_window_view and einsum": by_einsum,
    "sliding_window_view and tensordot": by_tensordot,
    "all columns at once": by_all_columns,
    "rows laid out once": by_rows,
    "a product for each tap": by_tap,
    "Winograd, tiles of 4x4": by_winograd,
    "Fourier transforms": by_fourier,
}


def layers() -> list[tuple[str, Callable[[], Array], dict[str, Callable[[], Array]]]]:
    """Return (layer, the kernel's call, the calls of the other designs)."""
    found = []
    for name, C, size in (("3x3, 64 channels of 56x56", 64, 56), ("3x3, 256 of 28x28", 256, 28)):
        x, w = normal(1, C, size, size), normal(C, C, 3, 3)
        others = {one: partial(call, x, w) for one, call in CONVOLUTIONS.items()}
        found.append((name, partial(kernel.conv, x, w, **SAME), others))
    for name, x, w in (
        ("7x7, 64 of 28x28", normal(1, 64, 28, 28), normal(64, 64, 7, 7)),
        ("3x3x3, 16 of 16x16x16", normal(1, 16, 16, 16, 16), normal(16, 16, 3, 3, 3)),
    ):
        options = {"padding": "same"}
        every = {"one product for all taps": partial(by_all_taps, x, w, **options)}
        found.append((name, partial(kernel.conv, x, w, **options), every))
    x, w = normal(1, 3, 224, 224), normal(64, 3, 7, 7)
    ours = partial(kernel.conv, x, w, stride=2, padding=[(3, 3), (3, 3)])
    apart = {"planes of every other sample": partial(by_planes_apart, x, w)}
    found.append(("7x7/2, 3 channels of 224x224", ours, apart))
    for name, C, size in (
        ("depthwise, 32 of 112x112", 32, 112),
        ("depthwise, 512 of 14x14", 512, 14),
    ):
        x, w = normal(1, C, size, size), normal(C, 1, 3, 3)
        others = {
            "a multiplication for each tap": partial(by_multiplying, x, w),
            "np.correlate of rows": partial(by_correlate, x, w),
            "columns of a channel": partial(by_vectors, x, w),
        }
        found.append((name, partial(kernel.depthwise_conv, x, w, **SAME), others))
    x = normal(1, 64, 112, 112)
    found.append(
        (
            "maximum 2x2/2, 64 of 112x112",
            partial(kernel.max_pool, x, 2, stride=2),
            {
                "reduce windows": partial(by_window, np.maximum, 2, x),
                "split axes and reduce": partial(by_reshaping, np.maximum, 2, x),
                "strided taps": partial(by_pool_tap, 2, x),
            },
        )
    )
    found.append(
        (
            "average 2x2/2, 64 of 112x112",
            partial(kernel.avg_pool, x, 2, stride=2),
            {
                "reduce windows": partial(mean, partial(by_window, np.add, 2), 2, x),
                "split axes and reduce": partial(mean, partial(by_reshaping, np.add, 2), 2, x),
            },
        )
    )
    planes = normal(1, 2048, 7, 7)
    found.append(
        (
            "global average, 2,048 of 7x7",
            partial(kernel.global_avg_pool, planes),
            {"NumPy's mean": lambda: planes.mean(axis=(2, 3), keepdims=True)},
        )
    )
    x, w = normal(1, 128, 28, 28), normal(128, 64, 2, 2)
    spread = {"zeros between samples": partial(by_zeros, x, w)}
    found.append(("transposed 2x2/2", partial(kernel.conv_transpose, x, w, stride=2), spread))
    x, w = normal(1, 64, 56, 56), normal(64, 32, 4, 4)
    added = {"one product, added at its places": partial(by_adding, x, w)}
    ours = partial(kernel.conv_transpose, x, w, stride=2, **SAME)
    found.append(("transposed 4x4/2", ours, added))
    x, w = normal(1, 3, 8, 8), normal(4, 3, 3, 3)
    tiny = {
        "np.pad and as_strided": partial(by_as_strided, x, w),
        "sliding_window_view and einsum": partial(by_einsum, x, w),
    }
    found.append(("3x3, 3 channels of 8x8", partial(kernel.conv, x, w, **SAME), tiny))
    return found


def main() -> int:
    """Print the table."""
    large = normal(SIZE, SIZE)
    np.matmul(large, large)
    print("| layer | design | times the kernel's time |\n|---|---|---|")
    for layer, ours, others in layers():
        for name, design in others.items():
            wrong = np.abs(design() - ours()).max()
            if not wrong < 1e-3 * math.sqrt(ours().size):
                raise SystemExit(f"{layer}, {name}: differs by {wrong}")
        times = turns({"kernel": ours, **others}, SECONDS)
        for name in others:
            ratio = median(times[name]) / median(times["kernel"])
            print(f"| {layer} | {name} | {ratio:.2f} |", flush=True)
    print("\n| design | error over its bound, with spikes |\n|---|---|")
    for name, design in {"the kernel": partial(kernel.conv, **SAME), **CONVOLUTIONS}.items():
        print(f"| {name} | {margin(design):.3g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
