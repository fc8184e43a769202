"""Time the parts of the NumPy kernel's answer where its floor alone does not tell what it takes.

    python benchmarks/kernel_parts.py

Each part is the calls of NumPy that the kernel makes for it, on arrays of the layer's sizes; parts,
the kernel and PyTorch are called in turns. A figure is a ratio of medians to PyTorch's whole layer.
A part alone finds its arrays in the cache. "All of these in a row" does what the kernel does for
this very layer, with nothing left to decide and in new memory: what NumPy's calls take, whoever
makes them. For a tiny convolution the figures are microseconds.
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
from kernel_contenders import onnxruntime_calls  # noqa: E402 -- as above
from numpy.lib.stride_tricks import as_strided  # noqa: E402 -- as above

from convformance import kernel  # noqa: E402 -- as above
from convformance.problem import Problem  # noqa: E402 -- as above

Array = np.ndarray[Any, np.dtype[Any]]
Calls = dict[str, Callable[[], Any]]
SECONDS = 2.0
ROW = "all of these in a row"


def numbers(*shape: int, dtype: str = "float32") -> Array:
    """Return small whole numbers, the same in each run: in any order they have the same sums."""
    return np.random.default_rng(1).integers(-8, 8, shape).astype(dtype)


def of_convolution(
    N: int, C: int, size: int, M: int, *, kernel_size: int = 3, stride: int = 1,
    dilation: int = 1, dtype: str = "float32",
) -> Calls:  # fmt: skip
    """Columns in blocks, a product for each; what the answer is written to is new memory."""
    pad = kernel_size // 2 * dilation
    x = numbers(N, C, size, size, dtype=dtype)
    w = numbers(M, C, kernel_size, kernel_size, dtype=dtype)
    count = (size + 2 * pad - dilation * (kernel_size - 1) - 1) // stride + 1
    options: dict[str, Any] = {
        "stride": stride, "padding": [(pad, pad)] * 2, "dilation": dilation,
    }  # fmt: skip
    rows = min(count, max(1, 1024 // count))
    matrix = w.reshape(M, -1)
    given, weights = torch.from_numpy(x), torch.from_numpy(w)
    canvas = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    plane, row, item = canvas.strides[1:]
    steps = (plane, row * dilation, item * dilation, row * stride, item * stride)
    buffer = np.empty(matrix.shape[1] * rows * count, x.dtype)
    product = np.empty(M * rows * count, x.dtype)
    # (first row of windows, columns of the block, the same as a matrix): the last has fewer rows
    blocks = []
    for first in range(0, count, rows):
        shape = (C, kernel_size, kernel_size, min(rows, count - first), count)
        columns = buffer[: math.prod(shape)].reshape(shape)
        blocks.append((first, columns, columns.reshape(matrix.shape[1], -1)))

    def lay(sample: Array, first: int, columns: Array) -> None:
        under = as_strided(sample[:, first * stride :], columns.shape, steps, writeable=False)
        columns[...] = under

    def laid() -> None:
        for sample in canvas:
            for first, columns, _ in blocks:
                lay(sample, first, columns)

    def products() -> None:
        for _ in range(N):
            for _, _, flat in blocks:
                np.matmul(matrix, flat, out=product[: M * flat.shape[1]].reshape(M, -1))

    def padded() -> Array:
        held = np.zeros(canvas.shape, x.dtype)
        held[..., pad : pad + size, pad : pad + size] = x
        return held

    def in_a_row() -> Array:
        y = np.empty((N, M, count * count), x.dtype)
        for sample, into in zip(padded(), y, strict=True):
            for first, columns, flat in blocks:
                lay(sample, first, columns)
                start = first * count
                np.matmul(matrix, flat, out=into[:, start : start + flat.shape[1]])
        return y.reshape(N, M, count, count)

    return {
        "torch": lambda: torch.nn.functional.conv2d(given, weights, None, stride, pad, dilation),
        "kernel": partial(kernel.conv, x, w, **options),
        "padding": padded,
        "columns": laid,
        "products": products,
        "new memory of the answer": lambda: np.empty((N, M, count, count), x.dtype).fill(0),
        ROW: in_a_row,
    }


def of_global(N: int) -> Calls:
    """A product with ones for each plane."""
    x = numbers(N, 2048, 7, 7)
    planes, ones, y = x.reshape(-1, 49), np.ones(49, x.dtype), numbers(N * 2048)
    given = torch.from_numpy(x)

    def in_a_row() -> Array:
        mean = x.reshape(-1, 49).dot(np.ones(49, x.dtype))
        math.isfinite(np.add.reduce(mean))
        mean /= 49
        return mean.reshape(N, 2048, 1, 1)

    return {
        "torch": lambda: torch.nn.functional.adaptive_avg_pool2d(given, 1),
        "kernel": partial(kernel.global_avg_pool, x),
        "product with ones": lambda: planes.dot(ones),
        "sum, which tells whether one overflowed": lambda: math.isfinite(np.add.reduce(y)),
        "division": lambda: y.__itruediv__(49),
        ROW: in_a_row,
    }


def of_average() -> Calls:
    """Rows are added, then neighbours in them, of which every other is kept."""
    x = numbers(256, 56, 56)
    rows, y, by = numbers(256, 28, 56), numbers(256, 28, 28), np.array(4, x.dtype)
    flat, sums = rows.reshape(-1), numbers(256, 28, 56)
    running = sums.reshape(-1)[:-1]
    given = torch.from_numpy(x[None])

    def in_a_row() -> Array:
        total = np.empty((256, 28, 28), x.dtype)
        added, shifted = np.empty(rows.shape, x.dtype), np.empty(rows.shape, x.dtype)
        np.add(x[:, ::2], x[:, 1::2], out=added)
        line = added.reshape(-1)
        np.add(line[:-1], line[1:], out=shifted.reshape(-1)[:-1])
        total[...] = shifted[..., ::2]
        math.isfinite(total.sum())
        np.divide(total, by, out=total)
        return total[None]

    return {
        "torch": lambda: torch.nn.functional.avg_pool2d(given, 2, 2),
        "kernel": partial(kernel.avg_pool, x[None], 2, stride=2),
        "rows": lambda: np.add(x[:, ::2], x[:, 1::2], out=rows),
        "neighbours in a row": lambda: np.add(flat[:-1], flat[1:], out=running),
        "every other": lambda: np.copyto(y, sums[..., ::2]),
        "sum, which tells whether one overflowed": lambda: math.isfinite(y.sum()),
        "division": lambda: np.divide(y, by, out=y),
        ROW: in_a_row,
    }


def of_maximum() -> Calls:
    """Rows, then neighbours in them, written where they belong; what hangs over an edge apart."""
    problem = Problem.parse("max_pool x=1x480x14x14 kernel=3x3 padding=1+1x1+1 float32")
    x, y = numbers(480, 14, 14), numbers(480, 14, 14)
    rows = numbers(480, 14, 14)
    given = torch.from_numpy(x[None])
    beside = onnxruntime_calls(problem, {"x": x[None]})

    def by_rows(into: Array) -> None:
        into[...] = x
        np.maximum(into[:, 1:], x[:, :-1], out=into[:, 1:])
        np.maximum(into[:, :-1], x[:, 1:], out=into[:, :-1])

    def along_rows(rows: Array, into: Array) -> None:
        flat, running = rows.reshape(-1), into.reshape(-1)[1:-1]
        np.maximum(flat[:-2], flat[1:-1], out=running)
        np.maximum(running, flat[2:], out=running)

    def edges(rows: Array, into: Array) -> None:
        for o, inner in ((0, 1), (13, 12)):
            np.maximum(rows[..., o], rows[..., inner], out=into[..., o])

    def in_a_row() -> Array:
        larger, found = np.empty(x.shape, x.dtype), np.empty(y.shape, x.dtype)
        by_rows(larger)
        along_rows(larger, found)
        edges(larger, found)
        return found[None]

    return {
        "torch": lambda: torch.nn.functional.max_pool2d(given, 3, 1, 1),
        "kernel": partial(kernel.max_pool, x[None], 3, padding=[(1, 1)] * 2),
        "rows": lambda: by_rows(rows),
        "neighbours in a row": lambda: along_rows(rows, y),
        "windows over an edge": lambda: edges(rows, y),
        ROW: in_a_row,
        **({"onnxruntime": beside} if beside else {}),
    }


def of_halving() -> Calls:
    """The larger of two rows, then of neighbours in them, of which every other is kept."""
    x, y = numbers(64, 224, 224), numbers(64, 112, 112)
    step = (3 << 19) // (224 * 224 * 4)
    held, shifted = numbers(2, step, 112, 224)
    given = torch.from_numpy(x[None])

    def rows(first: int, into: Array) -> Array:
        part = x[first : first + step]
        return np.maximum(part[:, ::2], part[:, 1::2], out=into[: len(part)])

    def neighbours(larger: Array, into: Array) -> None:
        line = larger.reshape(-1)
        np.maximum(line[:-1], line[1:], out=into.reshape(-1)[: line.size - 1])

    def kept(moved: Array, into: Array) -> None:
        into[...] = moved[: len(into), :, ::2]

    def each(work: Callable[[int], Any]) -> None:
        for first in range(0, 64, step):
            work(first)

    def in_a_row() -> Array:
        found = np.empty(y.shape, x.dtype)
        larger, moved = np.empty_like(held), np.empty_like(shifted)

        def work(first: int) -> None:
            neighbours(rows(first, larger), moved)
            kept(moved, found[first : first + step])

        each(work)
        return found[None]

    return {
        "torch": lambda: torch.nn.functional.max_pool2d(given, 2, 2),
        "kernel": partial(kernel.max_pool, x[None], 2, stride=2),
        "rows": lambda: each(lambda first: rows(first, held)),
        "neighbours in a row": lambda: each(lambda first: neighbours(held[: 64 - first], shifted)),
        "every other": lambda: each(lambda first: kept(shifted, y[first : first + step])),
        ROW: in_a_row,
    }


def of_overlapping(combine: np.ufunc) -> Calls:
    """3x3 by two, padded by one: three rows, then three in a row, of which every other is kept.

    The first window along an axis sees two samples. Sums are divided by the samples they have.
    """
    x, y = numbers(64, 112, 112), numbers(64, 56, 56)
    step = 22  # three blocks, of at most 1.5 MB
    held, shifted = numbers(2, step, 56, 112)
    given, is_average = torch.from_numpy(x[None]), combine is np.add
    along = np.array([2.0] + [3.0] * 55, x.dtype)
    divisor = np.multiply.outer(along, along)

    def rows(first: int, into: Array) -> Array:
        part = x[first : first + step]
        found = combine(part[:, ::2], part[:, 1::2], out=into[: len(part)])
        combine(found[:, 1:], part[:, 1:-1:2], out=found[:, 1:])
        return found

    def neighbours(three: Array, into: Array) -> None:
        line, running = three.reshape(-1), into[: len(three)].reshape(-1)[:-2]
        combine(line[:-2], line[1:-1], out=running)
        combine(running, line[2:], out=running)

    def kept(three: Array, moved: Array, into: Array) -> None:
        into[..., 1:] = moved[: len(into), :, 1:-1:2]
        combine(three[: len(into), :, 0], three[: len(into), :, 1], out=into[..., 0])

    def divided(into: Array) -> None:
        math.isfinite(into.sum())
        np.divide(into, divisor, out=into)

    def each(work: Callable[[Array, int], Any], into: Array) -> None:
        for first in range(0, 64, step):
            work(into[first : first + step], first)

    def in_a_row() -> Array:
        found = np.empty(y.shape, x.dtype)
        total, moved = np.empty_like(held), np.empty_like(shifted)

        def work(into: Array, first: int) -> None:
            three = rows(first, total)
            neighbours(three, moved)
            kept(three, moved, into)
            if is_average:
                divided(into)

        each(work, found)
        return found[None]

    options: dict[str, Any] = {"stride": 2, "padding": [(1, 1)] * 2}
    pools = torch.nn.functional
    average = partial(pools.avg_pool2d, given, 3, 2, 1, count_include_pad=False)
    maximum = partial(pools.max_pool2d, given, 3, 2, 1)
    ours = kernel.avg_pool if is_average else kernel.max_pool
    division = {"sum and division": lambda: each(lambda into, _: divided(into), y)}
    return {
        "torch": average if is_average else maximum,
        "kernel": partial(ours, x[None], 3, **options),
        "rows": lambda: each(lambda _, first: rows(first, held), y),
        "neighbours in a row": lambda: each(
            lambda into, _: neighbours(held[: len(into)], shifted), y
        ),
        "every other, and windows over an edge": lambda: each(
            lambda into, _: kept(held, shifted, into), y
        ),
        **(division if is_average else {}),
        ROW: in_a_row,
    }


def of_depthwise() -> Calls:
    """Channels innermost, eight to spare: moved there, added up by `einsum`, moved back."""
    x, w = numbers(1, 512, 14, 14), numbers(512, 1, 3, 3)
    last, y = numbers(1, 16, 16, 520), numbers(1, 1, 14, 14, 520)[..., :512]
    steps = last.strides
    shape, strides = (1, 14, 14, 3, 3, 512), (*steps[:3], *steps[1:3], steps[3])
    view: Array = np.ndarray(shape, x.dtype, last, 0, strides)
    inside = last[:, 1:-1, 1:-1, :512]
    kernels, kept = numbers(1, 3, 3, 512), numbers(1, 512, 1, 14, 14)
    given, weights = torch.from_numpy(x), torch.from_numpy(w)

    def in_a_row() -> Array:
        held = np.zeros(last.shape, x.dtype)
        held[:, 1:-1, 1:-1, :512] = x.transpose(0, 2, 3, 1)
        under: Array = np.ndarray(shape, x.dtype, held, 0, strides)
        factors = np.ascontiguousarray(w.transpose(1, 2, 3, 0))
        sums = np.empty((1, 1, 14, 14, 520), x.dtype)[..., :512]
        np.einsum("nuvijc,mijc->nmuvc", under, factors, out=sums)
        answer = np.empty(kept.shape, x.dtype)
        answer[...] = sums.transpose(0, 4, 1, 2, 3)
        return answer.reshape(x.shape)

    return {
        "torch": lambda: torch.nn.functional.conv2d(given, weights, padding=1, groups=512),
        "kernel": partial(kernel.depthwise_conv, x, w, padding=[(1, 1), (1, 1)]),
        "channels moved innermost": lambda: np.copyto(inside, x.transpose(0, 2, 3, 1)),
        "einsum": lambda: np.einsum("nuvijc,mijc->nmuvc", view, kernels, out=y),
        "channels moved back": lambda: np.copyto(kept, y.transpose(0, 4, 1, 2, 3)),
        ROW: in_a_row,
    }


def of_planes(N: int, C: int, size: int, *, stride: int = 1, dtype: str = "float32") -> Calls:
    """Whole planes as long rows, those of each phase of the stride; some channels at a time."""
    x, w = numbers(N, C, size, size, dtype=dtype), numbers(C, 1, 3, 3, dtype=dtype)
    item, count, side = x.itemsize, (size - 1) // stride + 1, -(-(size + 2) // stride)
    step = max(1, (1 << 20) // ((size + 2) ** 2 * item))
    step = -(-C // -(-C // step))
    phases = [(i, j) for i in range(stride) for j in range(stride)]
    length, spare = side * side, 2 * side + 2
    planes = [np.zeros((step, length + spare), x.dtype) for _ in phases]
    sums = np.empty((2, step, length), x.dtype)
    total, more = sums[0].T, sums[1].T
    taps = [w[:, 0, i::stride, j::stride] for i, j in phases]
    views: list[Array] = [
        np.ndarray(
            (length, step, *some.shape[1:]), x.dtype, plane, 0,
            (item, plane.strides[0], side * item, item),
        )
        for plane, some in zip(planes, taps, strict=True)
    ]  # fmt: skip
    given, weights = torch.from_numpy(x), torch.from_numpy(w)

    def moved(part: Array) -> None:
        for (i, j), plane in zip(phases, planes, strict=True):
            rows = plane[:, :length].reshape(step, side, side)
            top, left = int(i == 0), int(j == 0)  # a row of padding stands before the samples
            found = part[:, (i - 1) % stride :: stride, (j - 1) % stride :: stride]
            if stride == 1:
                top = left = 1
                found = part
            rows[: len(part), top : top + found.shape[1], left : left + found.shape[2]] = found

    def added(first: int) -> None:
        for number, (view, some) in enumerate(zip(views, taps, strict=True)):
            weight = some[first : first + step]
            into = (more if number else total)[:, : len(weight)]
            np.einsum("pckl,ckl->pc", view[:, : len(weight)], weight, out=into, order="F")
            if number:
                total[:, : len(weight)] += into

    def kept(into: Array) -> None:
        into[...] = sums[0, : len(into)].reshape(-1, side, side)[:, :count, :count]

    def each(work: Callable[[int, int], None]) -> None:
        for n in range(N):
            for first in range(0, C, step):
                work(n, first)

    y = np.empty((N, C, count, count), x.dtype)

    def in_a_row() -> Array:
        answer = np.empty(y.shape, x.dtype)
        for plane in planes:
            plane[...] = 0  # as each call must

        def work(n: int, first: int) -> None:
            moved(x[n, first : first + step])
            added(first)
            kept(answer[n, first : first + step])

        each(work)
        return answer

    return {
        "torch": lambda: torch.nn.functional.conv2d(given, weights, None, stride, 1, 1, C),
        "kernel": partial(kernel.depthwise_conv, x, w, stride=stride, padding=[(1, 1)] * 2),
        "samples moved into planes": lambda: each(lambda n, c: moved(x[n, c : c + step])),
        "einsum": lambda: each(lambda _, c: added(c)),
        "sums moved out of them": lambda: each(lambda n, c: kept(y[n, c : c + step])),
        ROW: in_a_row,
    }


def of_upsampling() -> Calls:
    """Columns of four taps, a product for each of four phases, each written at its places."""
    x, w = numbers(1, 64, 56, 56), numbers(64, 32, 4, 4)
    row, shift = 58, 59  # of a padded row; of the phase that starts last
    canvas, columns = numbers(64, 60 * row), numbers(4, 64, 28 * row + shift)
    matrix, kernels, product = columns.reshape(256, -1), numbers(32, 256), numbers(32, 28 * row)
    y = numbers(32, 112, 112)
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

    def in_a_row() -> Array:
        held, answer = np.zeros(canvas.shape, x.dtype), np.empty(y.shape, x.dtype)
        held.reshape(64, 60, row)[:, 1:57, 1:57] = x[0]
        phases = [
            (i, j, i * row + j, w[:, :, 3 - i :: -2, 3 - j :: -2].transpose(1, 2, 3, 0))
            for i, j in np.ndindex(2, 2)
        ]
        for top in (0, 28):
            for tap, offset in enumerate((0, 1, row, row + 1)):
                columns[tap] = held[:, top * row + offset :][:, : columns.shape[2]]
            for i, j, first, factors in phases:
                some = matrix[:, first : first + 28 * row]
                np.matmul(factors.reshape(32, 256), some, out=product)
                planes = product.reshape(32, 28, row)[..., :56]
                answer[:, 2 * top + i : 2 * top + 56 : 2, j::2] = planes
        return answer[None]

    options: dict[str, Any] = {"stride": 2, "padding": [(1, 1), (1, 1)]}
    return {
        "torch": lambda: torch.nn.functional.conv_transpose2d(given, weights, None, 2, 1),
        "kernel": partial(kernel.conv_transpose, x, w, **options),
        "columns": laid,
        "products": products,
        "places": placed,
        ROW: in_a_row,
    }


def of_tiny(dtype: str) -> Calls:
    """Three channels of 8x8 under four kernels: a padded copy, a view, columns, one product."""
    x, w = numbers(1, 3, 8, 8, dtype=dtype), numbers(4, 3, 3, 3, dtype=dtype)
    canvas, item = np.zeros((1, 3, 10, 10), dtype), x.itemsize
    inside, shape = (..., slice(1, 9), slice(1, 9)), (3, 3, 3, 1, 8, 8)
    strides = tuple(item * one for one in (100, 10, 1, 300, 10, 1))
    view: Array = np.ndarray(shape, x.dtype, canvas, 0, strides)
    kernels, columns = w.reshape(4, 27), numbers(27, 64, dtype=dtype)

    @np.errstate(all="ignore")
    def product() -> Array:
        found: Array = kernels.dot(columns)
        return found

    @np.errstate(all="ignore")
    def in_a_row() -> Array:
        held = np.zeros((1, 3, 10, 10), dtype)
        held[inside] = x
        windows: Array = np.ndarray(shape, x.dtype, held, 0, strides)
        found: Array = w.reshape(4, 27).dot(windows.reshape(27, 64)).reshape(1, 4, 8, 8)
        return found

    return {
        "kernel": partial(kernel.conv, x, w, padding=[(1, 1), (1, 1)]),
        "padded copy": lambda: (np.zeros((1, 3, 10, 10), dtype), canvas.__setitem__(inside, x)),
        "view of the windows": lambda: np.ndarray(shape, x.dtype, canvas, 0, strides),
        "columns": lambda: view.reshape(27, 64),
        "product, without warnings": product,
        ROW: in_a_row,
    }


LAYERS: dict[str, Callable[[], Calls]] = {
    "VGG-16 conv1_1": partial(of_convolution, 1, 3, 224, 64),
    "VGG-16 conv1_1, float64": partial(of_convolution, 1, 3, 224, 64, dtype="float64"),
    "VGG-16 conv2_2": partial(of_convolution, 1, 128, 112, 128),
    "VGG-16 conv2_2, eight samples": partial(of_convolution, 8, 128, 112, 128),
    "ResNet-50 conv1": partial(of_convolution, 1, 3, 224, 64, kernel_size=7, stride=2),
    "ResNet-50 conv1, eight samples": partial(
        of_convolution, 8, 3, 224, 64, kernel_size=7, stride=2
    ),
    "ResNet-50 conv2 3x3": partial(of_convolution, 1, 64, 56, 64),
    "ResNet-50 conv2 3x3, float64": partial(of_convolution, 1, 64, 56, 64, dtype="float64"),
    "ResNet-50 conv3 3x3/2": partial(of_convolution, 1, 128, 56, 128, stride=2),
    "GoogLeNet 3b 5x5": partial(of_convolution, 1, 32, 28, 96, kernel_size=5),
    "dilated head": partial(of_convolution, 1, 512, 28, 512, dilation=2),
    "MobileNet dw2": partial(of_planes, 1, 32, 112),
    "MobileNet dw2, eight samples": partial(of_planes, 8, 32, 112),
    "MobileNet dw3/2": partial(of_planes, 1, 64, 112, stride=2),
    "MobileNet dw3/2, float64": partial(of_planes, 1, 64, 112, stride=2, dtype="float64"),
    "MobileNet dw5": partial(of_planes, 1, 128, 56),
    "MobileNet dw8": of_depthwise,
    "VGG-16 pool1": of_halving,
    "ResNet-50 pool1": partial(of_overlapping, np.maximum),
    "GoogLeNet pool 3x3": of_maximum,
    "average 3x3/2": partial(of_overlapping, np.add),
    "average 2x2/2": of_average,
    "ResNet-50 global": partial(of_global, 1),
    "ResNet-50 global, eight samples": partial(of_global, 8),
    "upsampling 4x4/2": of_upsampling,
}
TINY = {f"tiny 2-D, {dtype}": partial(of_tiny, dtype) for dtype in ("float32", "float64")}


def checked(calls: Calls) -> Calls:
    """Return the calls; raise `ValueError` unless those in a row answer as the kernel does."""
    if not np.array_equal(calls[ROW](), calls["kernel"]()):
        raise ValueError("the calls in a row do not answer as the kernel does")
    return calls


def main() -> int:
    """Print the tables."""
    torch.set_num_threads(1)
    large = numbers(SIZE, SIZE)
    np.matmul(large, large)
    print("| layer | part | of PyTorch's time |\n|---|---|---|")
    for layer, make in LAYERS.items():
        calls = checked(make())
        times = turns(calls, SECONDS)
        whole = median(times.pop("torch"))
        for name, some in times.items():
            print(f"| {layer} | {name} | {median(some) / whole:.2f} |", flush=True)
    print("\n| problem | part | microseconds |\n|---|---|---|")
    for layer, make in TINY.items():
        for name, some in turns(checked(make()), SECONDS).items():
            print(f"| {layer} | {name} | {median(some) * 1e6:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
