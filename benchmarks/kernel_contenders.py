"""What the kernel is timed beside: each makes, for a layer and its arrays, a call to be timed.

Arrays are brought into a framework's own layout and memory before; the layer alone is timed.
A contender that cannot do a layer, or would take minutes, gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convformance import kernel
from convformance.backend import Array, Arrays
from convformance.backends.numpy_backend import LATER, OPTIONS
from convformance.meaning import output_shape
from convformance.problem import Problem

Call = Callable[[], Any]
Maker = Callable[[Problem, Arrays], Call | None]
SLOW = 40e6  # multiplications of a layer that scipy is not asked beyond


def work(problem: Problem) -> int:
    """Return the multiplications, or the additions of a pool, of a layer.

    A gradient takes as many as the layer itself.
    """
    outputs = prod(output_shape(replace(problem, grad="")))
    if problem.op == "conv_transpose":
        return prod(problem.x) * prod(problem.w[1:])
    if problem.w:
        return outputs * prod(problem.w[1:] if problem.op != "depthwise_conv" else problem.w[2:])
    return prod(problem.x) if problem.op.startswith("global") else outputs * prod(problem.kernel)


def numpy_kernel(problem: Problem, arrays: Arrays) -> Call:
    """Our own kernel."""
    options = {
        name: getattr(problem, name)
        for name in OPTIONS.get(problem.op, ())
        if name not in LATER or getattr(problem, name) != LATER[name](problem)
    }
    if problem.grad:
        function: Any = kernel.conv_gradient
        given: list[Any] = [problem.grad, arrays["x"], arrays["w"], arrays["dy"]]
    else:
        function = getattr(kernel, problem.op)
        given = [arrays["x"], *([arrays["w"]] if problem.w else [])]
        given += [problem.kernel] if problem.kernel else []
    return lambda: function(*given, **options)


def torch_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """torch.nn.functional, and its own backward function for gradients."""
    import torch
    from torch.nn import functional

    held = {name: torch.from_numpy(one) for name, one in arrays.items()}
    x, rank = held["x"], problem.rank
    pads = [pair[0] for pair in pads_of(problem)]
    if problem.grad:
        mask = [problem.grad == "x", problem.grad == "w", False]
        ones, stride = [1] * rank, list(problem.stride)
        return lambda: torch.ops.aten.convolution_backward(
            held["dy"], x, held["w"], None, stride, pads, ones, False, [0] * rank, 1, mask
        )
    if problem.op == "global_avg_pool":
        return lambda: getattr(functional, f"adaptive_avg_pool{rank}d")(x, 1)
    if problem.op in ("max_pool", "avg_pool"):
        function = getattr(functional, f"{problem.op}{rank}d")
        more = {"count_include_pad": False} if problem.op == "avg_pool" else {}
        return lambda: function(x, problem.kernel, problem.stride, pads, **more)
    w = held["w"].reshape(*problem.w, *(1,) * (rank if problem.op == "conv1x1" else 0))
    name = "conv_transpose" if problem.op == "conv_transpose" else "conv"
    function, options = getattr(functional, f"{name}{rank}d"), common(problem)
    return lambda: function(x, w, stride=problem.stride, padding=pads, **options)


def common(problem: Problem) -> dict[str, Any]:
    """Return what PyTorch's convolutions are told beside stride and padding."""
    groups = problem.x[1] if problem.op == "depthwise_conv" else problem.groups
    return {"dilation": problem.dilation, "groups": groups}


def pads_of(problem: Problem) -> list[tuple[int, int]]:
    """Return (before, after) of every axis; the layers pad in numbers or not at all."""
    if isinstance(problem.padding, str):
        return [(0, 0)] * problem.rank
    return [(before, after) for before, after in problem.padding]


def jax_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """jax.lax under jit, in NCHW."""
    import jax
    from jax import lax

    if problem.grad or problem.op == "conv_transpose":
        return None
    jax.config.update("jax_enable_x64", True)
    x = jax.device_put(arrays["x"])
    pads = [(0, 0), (0, 0), *pads_of(problem)]
    window = (1, 1, *(problem.kernel or problem.x[2:]))
    steps = (1, 1, *(problem.stride if problem.kernel else (1,) * problem.rank))
    if problem.op == "max_pool":
        made = jax.jit(lambda x: lax.reduce_window(x, -np.inf, lax.max, window, steps, pads))
    elif problem.op.endswith("avg_pool"):
        made = jax.jit(
            lambda x: lax.reduce_window(x, 0.0, lax.add, window, steps, pads) / prod(window)
        )
    else:
        w = arrays["w"].reshape(*problem.w, *(1,) * (problem.rank if len(problem.w) == 2 else 0))
        groups = common(problem)["groups"]
        held = jax.device_put(w)
        options = {"rhs_dilation": problem.dilation, "feature_group_count": groups}
        convolve = jax.jit(
            lambda x, w: lax.conv_general_dilated(x, w, problem.stride, pads[2:], **options)
        )
        return lambda: convolve(x, held).block_until_ready()
    return lambda: made(x).block_until_ready()


def tensorflow_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """tf.nn, channels last, which is all that its kernels for the CPU take."""
    import tensorflow as tf

    if problem.grad or problem.op == "conv_transpose":
        return None
    x = tf.constant(np.moveaxis(arrays["x"], 1, -1))
    if problem.op == "global_avg_pool":
        return lambda: tf.reduce_mean(x, axis=list(range(1, problem.rank + 1)))
    padded = any(map(any, pads_of(problem)))
    numbers: Any = [(0, 0), *pads_of(problem), (0, 0)]
    window = problem.kernel, list(problem.stride or (1,) * problem.rank)
    if problem.op == "max_pool":
        return lambda: tf.nn.max_pool(x, *window, numbers if padded else "VALID")
    if problem.op == "avg_pool":  # it pads averages by the word SAME alone
        return None if padded else lambda: tf.nn.avg_pool(x, *window, "VALID")
    return _tensorflow_conv(problem, arrays["w"], x, numbers)


def _tensorflow_conv(problem: Problem, kernels: Array, x: Any, pads: Any) -> Call:
    import tensorflow as tf

    stride, holes = list(problem.stride or (1,) * problem.rank), list(problem.dilation or ())
    if problem.op == "depthwise_conv":
        held = tf.constant(kernels.transpose(2, 3, 0, 1))
        return lambda: tf.nn.depthwise_conv2d(x, held, [1, *stride, 1], pads)
    kernels = kernels.reshape(*problem.w, *(1,) * (problem.rank + 2 - len(problem.w)))
    w = tf.constant(np.moveaxis(kernels, (0, 1), (-1, -2)))
    if problem.rank == 2:
        return lambda: tf.nn.conv2d(x, w, stride, pads, dilations=holes or 1)
    words = "SAME" if any(map(any, pads)) else "VALID"  # at stride 1 the same numbers
    return lambda: tf.nn.convolution(x, w, stride, words, dilations=holes)


def _model(problem: Problem, arrays: Arrays) -> tuple[bytes, Any, Arrays] | None:
    from convformance.backends.onnx_backend import OnnxBackend
    from convformance.backends.onnx_inputs import given
    from convformance.backends.source import execute

    if problem.grad:
        return None
    maker = OnnxBackend()
    feeds = given(problem, arrays)
    lines = maker._written(problem).lines
    nodes = [execute(f"node = {line}", {"onnx": maker._onnx})["node"] for line in lines]
    model = maker._model(problem, nodes, feeds)
    return model.SerializeToString(), model, feeds


def onnxruntime_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """A session of one node in onnxruntime."""
    import onnxruntime

    made = _model(problem, arrays)
    if made is None:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads()
    try:
        session = onnxruntime.InferenceSession(made[0], options, ["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return None  # no kernel for this dtype
    return lambda: session.run(None, made[2])


def onnx_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """The reference evaluator of the onnx package."""
    from onnx.reference import ReferenceEvaluator

    made = _model(problem, arrays)
    if made is None or (problem.x[0] > 1 and problem.op not in ("conv", "conv1x1")):
        return None  # minutes for the pools of a batch
    evaluator = ReferenceEvaluator(made[1])
    return lambda: evaluator.run(None, made[2])


def scipy_calls(problem: Problem, arrays: Arrays) -> Call | None:
    """scipy.signal.correlate of each pair of channels; scipy.ndimage's filters of each plane."""
    from scipy import ndimage, signal

    x = arrays["x"]
    if problem.op in ("max_pool", "avg_pool"):
        size, filters = (1, 1, *problem.kernel), {"max_pool": ndimage.maximum_filter}
        function = filters.get(problem.op, ndimage.uniform_filter)
        steps = (..., *(slice(None, None, step) for step in problem.stride))
        return lambda: function(x, size=size, mode="constant")[steps]
    plain = problem.op == "conv" and not problem.grad and max(problem.dilation) == 1
    if not plain or work(problem) > SLOW:
        return None
    padded = np.pad(x, [(0, 0), (0, 0), *pads_of(problem)])
    steps = tuple(slice(None, None, step) for step in problem.stride)

    def run() -> Any:
        return [
            signal.correlate(sample, kernels, "valid", "direct")[(0, *steps)]
            for sample in padded
            for kernels in arrays["w"]
        ]

    return run


def floor(problem: Problem, arrays: Arrays) -> Call | None:
    """The NumPy calls that an answer cannot do without, on arrays that are laid out for them."""
    x = arrays["x"]
    if problem.op == "global_avg_pool":
        rows, ones = x.reshape(*x.shape[:2], -1), np.ones(prod(x.shape[2:]), x.dtype)
        return lambda: rows @ ones
    if problem.op == "depthwise_conv":
        return _depthwise_floor(problem, x.dtype)
    if problem.op in ("max_pool", "avg_pool"):
        return _pool_floor(problem, x.dtype)
    return _product_floor(problem, x.dtype)


def _product_floor(problem: Problem, dtype: np.dtype[Any]) -> Call:
    """The product of the weights with columns, in blocks that are in the cache."""
    M, terms = problem.w[0], prod(problem.w[1:])
    columns = problem.x[0] * prod(output_shape(replace(problem, grad=""))[2:])
    if problem.op == "conv_transpose":
        M, terms, columns = prod(problem.w[1:]), problem.w[0], problem.x[0] * prod(problem.x[2:])
    if problem.grad == "x":  # the transposed weights by the gradient
        M, terms = terms, M
    width = min(1024, columns)
    a, b = np.ones((M, terms), dtype), np.ones((terms, width), dtype)
    if problem.grad == "w":  # the gradient by the transposed columns
        a, b = np.ones((M, width), dtype), np.ones((width, terms), dtype)
    out, turns = np.empty((len(a), b.shape[1]), dtype), columns / width

    def run() -> None:
        for _ in range(int(turns)):
            np.matmul(a, b, out=out)
        rest = round((turns - int(turns)) * width)
        if rest and problem.grad == "w":
            np.matmul(a[:, :rest], b[:rest], out=out)
        elif rest:
            np.matmul(a, b[:, :rest], out=out[:, :rest])

    return run


def _blocks(cells: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return how many planes of so many cells fit a block of 512 KB, and the bytes of a cell."""
    return max(1, (1 << 19) // (cells * dtype.itemsize)), dtype.itemsize


def _depthwise_floor(problem: Problem, dtype: np.dtype[Any]) -> Call:
    """A multiplication and addition for each tap over planes of the size of the output.

    The taps of one phase of the stride are one call, whose sums are added to those before.
    """
    planes, sizes = prod(problem.x[:2]), output_shape(problem)[2:]
    length, kernel = prod(sizes), problem.w[2:]
    step, item = _blocks(length, dtype)
    step = min(step, planes)
    x = np.ones((step, length + prod(kernel)), dtype)
    out, more = np.empty((2, step, length), dtype)
    phases = []
    for phase in np.ndindex(*problem.stride):
        combs = zip(phase, kernel, problem.stride, strict=True)
        taps = prod(len(range(first, size, every)) for first, size, every in combs)
        view: Array = np.ndarray((length, step, taps), dtype, x, 0, (item, x.strides[0], item))
        phases.append((view, np.ones((step, taps), dtype)))

    def run() -> None:
        for _ in range(-(-planes // step)):
            for number, (view, w) in enumerate(phases):
                np.einsum("pck,ck->pc", view, w, out=(more if number else out).T, order="F")
                if number:
                    np.add(out, more, out=out)

    return run


def _pool_floor(problem: Problem, dtype: np.dtype[Any]) -> Call:
    """The passes of each axis over planes, one for each tap but the first, and every other kept."""
    planes, counts = prod(problem.x[:2]), output_shape(problem)[2:]
    height, width = problem.x[2:]
    step, _ = _blocks(height * width, dtype)
    step = min(step, planes)
    combine = np.maximum if problem.op == "max_pool" else np.add
    x, y = np.ones((step, height, width), dtype), np.empty((step, *counts), dtype)
    rows, sums = np.empty((2, step, counts[0], width), dtype)
    every = slice(None, counts[0] * problem.stride[0], problem.stride[0])
    kept = slice(None, counts[1] * problem.stride[1], problem.stride[1])

    def run() -> None:
        for _ in range(-(-planes // step)):
            for _ in range(problem.kernel[0] - 1):
                combine(x[:, every], x[:, every], out=rows)
            for _ in range(problem.kernel[1] - 1):
                combine(rows, rows, out=sums)
            y[...] = sums[..., kept]
            if problem.op == "avg_pool":
                np.divide(y, y, out=y)

    return run


def laying(problem: Problem, arrays: Arrays) -> Call | None:
    """What it takes to lay samples out for the calls of `floor`, and to take the answer from there.

    Nothing is multiplied. None where samples are read as they stand, and for tiny problems.
    """
    if prod(problem.x) < 4096:
        return None
    if problem.op in ("max_pool", "avg_pool"):
        return _planes_read(problem, arrays["x"])
    if problem.op == "depthwise_conv":
        return _planes_laid(problem, arrays["x"])
    if problem.op == "conv" and problem.grad != "x":
        return _columns_laid(problem, arrays["x"])
    if problem.grad == "x":  # the columns of the gradient, under as many taps
        turned = replace(problem, grad="", x=(problem.x[0], problem.w[0], *problem.x[2:]))
        return _columns_laid(turned, arrays["dy"])
    return None


def _columns_laid(problem: Problem, x: Array) -> Call:
    """The windows of each tap, in blocks of 1,024 columns or a row of them."""
    taps, counts = problem.w[2:], output_shape(problem)[2:]
    pads = [(0, 0), (0, 0), *pads_of(problem)]
    held = [size + sum(pair) for size, pair in zip(x.shape, pads, strict=True)]
    inside = tuple(slice(pair[0], pair[0] + size) for size, pair in zip(x.shape, pads, strict=True))
    rows = max(1, 1024 // prod(counts[1:]))
    columns = np.empty((x.shape[1], *taps, min(rows, counts[0]), *counts[1:]), x.dtype)

    def run() -> None:
        canvas = np.zeros(held, x.dtype)
        canvas[inside] = x
        steps = canvas.strides[2:]
        moves = [step * by for step, by in zip(steps, problem.stride, strict=True)]
        apart = [step * by for step, by in zip(steps, problem.dilation, strict=True)]
        shape, strides = (x.shape[1], *taps, *counts), (canvas.strides[1], *apart, *moves)
        for sample in canvas:
            view = as_strided(sample, shape, strides, writeable=False)
            lead = (slice(None),) * (1 + len(taps))
            for first in range(0, counts[0], rows):
                block = view[(*lead, slice(first, first + rows))]
                columns[(*lead, slice(block.shape[len(lead)]))] = block

    return run


def _planes_laid(problem: Problem, x: Array) -> Call:
    """Padded planes of each phase of the stride, and the windows that are kept, in blocks."""
    counts, steps = output_shape(problem)[2:], problem.stride
    pads = pads_of(problem)
    held = [
        -(-(size + sum(pair)) // step)
        for size, pair, step in zip(x.shape[2:], pads, steps, strict=True)
    ]
    planes = x.reshape(-1, *x.shape[2:])
    step, _ = _blocks(prod(problem.x[2:]), x.dtype)
    canvas = np.zeros((min(step, len(planes)), *held), x.dtype)
    y = np.empty((len(planes), *counts), x.dtype)
    kept = tuple(slice(count) for count in counts)
    phases = [
        tuple(slice(first, None, every) for first, every in zip(phase, steps, strict=True))
        for phase in np.ndindex(*steps)
    ]

    def run() -> None:
        for first in range(0, len(planes), step):
            part, into = planes[first : first + step], y[first : first + step]
            for phase in phases:
                samples = part[(slice(None), *phase)]
                canvas[tuple(map(slice, samples.shape))] = samples
            into[...] = canvas[(slice(len(into)), *kept)]

    return run


def _planes_read(problem: Problem, x: Array) -> Call:
    """Blocks of planes brought into the cache, and answers written from there."""
    planes, counts = x.reshape(-1, *x.shape[2:]), output_shape(problem)[2:]
    step, _ = _blocks(prod(problem.x[2:]), x.dtype)
    near = np.empty((step, *planes.shape[1:]), x.dtype)
    answer, y = np.ones((step, *counts), x.dtype), np.empty((len(planes), *counts), x.dtype)

    def run() -> None:
        for first in range(0, len(planes), step):
            part, into = planes[first : first + step], y[first : first + step]
            near[: len(part)] = part
            into[...] = answer[: len(into)]

    return run


def threads() -> int:
    """Return the number of threads that this process is to use."""
    import os

    return int(os.environ["OMP_NUM_THREADS"])


CONTENDERS: dict[str, Maker] = {
    "numpy": numpy_kernel,
    "floor": floor,
    "laying": laying,
    "torch": torch_calls,
    "jax": jax_calls,
    "tensorflow": tensorflow_calls,
    "onnxruntime": onnxruntime_calls,
    "onnx": onnx_calls,
    "scipy": scipy_calls,
}
