"""Time the parts of the NumPy kernel's answer where its floor alone does not tell what it takes.

    python benchmarks/kernel_parts.py

Each part is the calls of NumPy that the kernel makes for it, on arrays of the layer's sizes; parts,
the kernel and PyTorch are called in turns. A figure is a ratio of medians to PyTorch's whole layer,
so that the parts add up to about the kernel's own figure.
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
import torch  # noqa: E402 -- as above
from numpy.lib.stride_tricks import as_strided  # noqa: E402 -- as above

from convformance import kernel  # noqa: E402 -- as above

Array = np.ndarray[Any, np.dtype[Any]]
Calls = dict[str, Callable[[], Any]]
SECONDS = 2.0


def normal(*shape: int) -> Array:
    """Return float32 numbers, the same in each run."""
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def of_convolution(
    N: int, C: int, size: int, M: int, *, kernel_size: int = 3, stride: int = 1
) -> Calls:
    """Columns in blocks, a product for each; what the answer is written to is new memory."""
    pad = kernel_size // 2
    x, w = normal(N, C, size, size), normal(M, C, kernel_size, kernel_size)
    count = (size + 2 * pad - kernel_size) // stride + 1
    options: dict[str, Any] = {"stride": stride, "padding": [(pad, pad)] * 2}
    rows = max(1, 1024 // count)
    matrix, columns = w.reshape(M, -1), normal(C, kernel_size, kernel_size, rows, count)
    product, blocks = np.empty((M, rows * count), x.dtype), -(-count // rows)
    given, weights = torch.from_numpy(x), torch.from_numpy(w)
    canvas = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    plane, row, item = canvas.strides[1:]
    steps = (plane, row, item, row * stride, item * stride)

    def laid() -> None:
        for sample in canvas:
            for block in range(blocks):
                part = sample[:, min(block * rows, count - rows) * stride :]
                columns[...] = as_strided(part, columns.shape, steps, writeable=False)

    def products() -> None:
        for _ in range(N * blocks):
            np.matmul(matrix, columns.reshape(matrix.shape[1], -1), out=product)

    def padded() -> None:
        held = np.zeros(canvas.shape, x.dtype)
        held[..., pad:-pad, pad:-pad] = x

    return {
        "torch": lambda: torch.nn.functional.conv2d(given, weights, None, stride, pad),
        "kernel": partial(kernel.conv, x, w, **options),
        "padding": padded,
        "columns": laid,
        "products": products,
        "new memory of the answer": lambda: np.empty((N, M, count, count), x.dtype).fill(0),
    }


def of_global() -> Calls:
    """A product with ones for each plane."""
    x = normal(1, 2048, 7, 7)
    planes, ones, y = x.reshape(2048, -1), np.ones(49, x.dtype), normal(2048)
    given = torch.from_numpy(x)
    return {
        "torch": lambda: torch.nn.functional.adaptive_avg_pool2d(given, 1),
        "kernel": partial(kernel.global_avg_pool, x),
        "product with ones": lambda: planes @ ones,
        "sum, which tells whether one overflowed": lambda: math.isfinite(y.sum()),
        "division": lambda: y.__itruediv__(49),
        "views": lambda: (x.reshape(2048, -1), np.ones(49, x.dtype), y.reshape(1, 2048, 1, 1)),
    }


def of_average() -> Calls:
    """Rows are added, then neighbours in them, of which every other is kept."""
    x = normal(256, 56, 56)
    rows, y, by = normal(256, 28, 56), normal(256, 28, 28), np.full((28, 28), 4, x.dtype)
    flat, sums = rows.reshape(-1), normal(256, 28, 56)
    running = sums.reshape(-1)[:-1]
    given = torch.from_numpy(x[None])
    return {
        "torch": lambda: torch.nn.functional.avg_pool2d(given, 2, 2),
        "kernel": partial(kernel.avg_pool, x[None], 2, stride=2),
        "rows": lambda: np.add(x[:, ::2], x[:, 1::2], out=rows),
        "neighbours in a row": lambda: np.add(flat[:-1], flat[1:], out=running),
        "every other": lambda: np.copyto(y, sums[..., ::2]),
        "sum, which tells whether one overflowed": lambda: math.isfinite(y.sum()),
        "division": lambda: np.divide(y, by, out=y),
    }


def of_depthwise() -> Calls:
    """Channels innermost, eight to spare: moved there, added up by `einsum`, moved back."""
    x, w = normal(1, 512, 14, 14), normal(512, 1, 3, 3)
    last, y = normal(1, 16, 16, 520), normal(1, 1, 14, 14, 520)[..., :512]
    steps = last.strides
    view: Array = np.ndarray(
        (1, 14, 14, 3, 3, 512), x.dtype, last, 0, (*steps[:3], *steps[1:3], steps[3])
    )
    inside = last[:, 1:-1, 1:-1, :512]
    kernels, kept = normal(1, 3, 3, 512), normal(1, 512, 1, 14, 14)
    given, weights = torch.from_numpy(x), torch.from_numpy(w)
    return {
        "torch": lambda: torch.nn.functional.conv2d(given, weights, padding=1, groups=512),
        "kernel": partial(kernel.depthwise_conv, x, w, padding=[(1, 1), (1, 1)]),
        "channels moved innermost": lambda: np.copyto(inside, x.transpose(0, 2, 3, 1)),
        "einsum": lambda: np.einsum("nuvijc,mijc->nmuvc", view, kernels, out=y),
        "channels moved back": lambda: np.copyto(kept, y.transpose(0, 4, 1, 2, 3)),
    }


def of_upsampling() -> Calls:
    """Columns of four taps, a product for each of four phases, each written at its places."""
    x, w = normal(1, 64, 56, 56), normal(64, 32, 4, 4)
    row, shift = 58, 59  # of a padded row; of the phase that starts last
    canvas, columns = normal(64, 60 * row), normal(4, 64, 28 * row + shift)
    matrix, kernels, product = columns.reshape(256, -1), normal(32, 256), normal(32, 28 * row)
    y = normal(32, 112, 112)
    given, weights = torch.from_numpy(x), torch.from_numpy(w)

    def laid() -> None:
        for top in (0, 28 * row):
            for tap, offset in enumerate((0, 1, row, row + 1)):
                columns[tap] = canvas[:, top + offset :][:, : columns.shape[2]]

    def products() -> None:
        for _ in range(2):
            for first in (0, 1, row, row + 1):
                np.matmul(kernels, matrix[:, first : first + 28 * row], out=product)

    def placed() -> None:
        planes = product.reshape(32, 28, row)[..., :56]
        for top in (0, 56):
            for i, j in np.ndindex(2, 2):
                y[:, top + i : top + 56 : 2, j::2] = planes

    options: dict[str, Any] = {"stride": 2, "padding": [(1, 1), (1, 1)]}
    return {
        "torch": lambda: torch.nn.functional.conv_transpose2d(given, weights, None, 2, 1),
        "kernel": partial(kernel.conv_transpose, x, w, **options),
        "columns": laid,
        "products": products,
        "places": placed,
    }


LAYERS: dict[str, Callable[[], Calls]] = {
    "VGG-16 conv2_2, eight samples": partial(of_convolution, 8, 128, 112, 128),
    "ResNet-50 conv1, eight samples": partial(
        of_convolution, 8, 3, 224, 64, kernel_size=7, stride=2
    ),
    "ResNet-50 conv2 3x3": partial(of_convolution, 1, 64, 56, 64),
    "ResNet-50 global": of_global,
    "average 2x2/2": of_average,
    "MobileNet dw8": of_depthwise,
    "upsampling 4x4/2": of_upsampling,
}


def main() -> int:
    """Print the table."""
    torch.set_num_threads(1)
    large = normal(SIZE, SIZE)
    np.matmul(large, large)
    print("| layer | part | of PyTorch's time |\n|---|---|---|")
    for layer, calls in LAYERS.items():
        times = turns(calls(), SECONDS)
        whole = median(times.pop("torch"))
        for name, some in times.items():
            print(f"| {layer} | {name} | {median(some) / whole:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
