"""Faults of weights, channels, groups, batches and bias."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import Asked, after, before, spatial, with_arrays
from convformance.expect import Expectation
from convformance.problem import Problem


def weight(problem: Problem, arrays: Arrays) -> Array | None:
    """Return the weight if it has spatial axes."""
    w = arrays.get("w")
    return w if w is not None and problem.w and w.ndim > 2 else None


@before("kernel flipped", "the kernel is flipped along every axis")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = weight(problem, arrays)
    return None if w is None else with_arrays(problem, arrays, w=np.flip(w, tuple(spatial(w))))


def _flipped(back: int, words: str) -> None:
    @before(
        f"kernel flipped along the {words} axis", f"the kernel is flipped along its {words} axis"
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        w = weight(problem, arrays)
        if w is None or w.ndim < max(4, 2 + back):
            return None
        return with_arrays(problem, arrays, w=np.flip(w, w.ndim - back))


_flipped(1, "last")
_flipped(2, "second last")
_flipped(3, "third last")


@before("kernel transposed", "the kernel is read with its last two axes swapped")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = weight(problem, arrays)
    if w is None or w.ndim < 4 or w.shape[-1] != w.shape[-2]:
        return None
    return with_arrays(problem, arrays, w=w.swapaxes(-1, -2))


@before("weight channels swapped", "the weight is read with its two channel axes swapped")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = arrays.get("w") if problem.w else None
    if w is None or w.shape[0] != w.shape[1]:
        return None
    return with_arrays(problem, arrays, w=w.swapaxes(0, 1))


@before(
    "weight in another memory order", "the weight's numbers are read with the input channels last"
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = weight(problem, arrays)
    if w is None:
        return None
    last = np.moveaxis(np.empty(w.shape), 1, -1).shape
    return with_arrays(problem, arrays, w=np.moveaxis(w.reshape(last), -1, 1))


@before("pointwise transposed", "the pointwise weight is read with its axes swapped")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = arrays.get("pointwise")
    if w is None or w.shape[0] != w.shape[1]:
        return None
    return with_arrays(problem, arrays, pointwise=w.T)


def _taps(name: str, says: str, where: Any) -> None:
    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        w = weight(problem, arrays)
        if w is None or not w[where].size:
            return None
        return with_arrays(problem, arrays, w=_zeroed(w, where))


_taps("last tap not read", "the last tap along the last axis is not read", (..., slice(-1, None)))
_taps("first tap not read", "the first tap along the last axis is not read", (..., slice(0, 1)))


def _long(most: int) -> None:
    @before(f"taps past {most} not read", f"taps past the first {most} along an axis are not read")
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        w = weight(problem, arrays)
        if w is None or max(w.shape[2:]) <= most:
            return None
        for axis in spatial(w):
            w = _zeroed(w, (slice(None),) * axis + (slice(most, None),))
        return with_arrays(problem, arrays, w=w)


for taps in (3, 5, 7, 8):
    _long(taps)


@before("groups by remainder", "output channel m reads group m % groups")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _regrouped(problem, arrays, lambda m, groups, each: m % groups * each + m // groups)


def _regrouped(problem: Problem, arrays: Arrays, source: Any) -> Asked | None:
    """Return the convolution as a dense one, in which output channel m has another group."""
    if problem.groups == 1 or problem.op != "conv" or problem.grad:
        return None
    w, groups = arrays["w"], problem.groups
    M, depth = w.shape[:2]
    dense = np.zeros((M, depth * groups, *w.shape[2:]), w.dtype)
    for m in range(M):
        g = source(m, groups, M // groups) // (M // groups)
        dense[m, depth * g : depth * (g + 1)] = w[m]
    return replace(problem, groups=1, w=dense.shape), {**arrays, "w": dense}


@before(
    "input channels interleaved", "group g reads the input channels g, g + groups, g + 2 groups ..."
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.groups == 1:
        return None
    x = arrays["x"]
    order = np.argsort(np.arange(x.shape[1]) % problem.groups, kind="stable")
    return with_arrays(problem, arrays, x=x[:, order])


@before("every group reads the first", "every group reads the input channels of the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.groups == 1 or arrays["x"].shape[1] % problem.groups:
        return None
    x = arrays["x"]
    first = x[:, : x.shape[1] // problem.groups]
    return with_arrays(problem, arrays, x=np.concatenate([first] * problem.groups, axis=1))


@before(
    "every group has the weights of the first",
    "every group is weighted with the weights of the first",
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    w = arrays.get("w")
    if problem.groups == 1 or w is None or w.shape[0] % problem.groups:
        return None
    first = w[: w.shape[0] // problem.groups]
    return with_arrays(problem, arrays, w=np.concatenate([first] * problem.groups))


@before("groups reversed", "the groups are taken in the opposite order")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.groups == 1 or arrays["x"].shape[1] % problem.groups:
        return None
    x = arrays["x"]
    split = x.reshape(len(x), problem.groups, -1, *x.shape[2:])[:, ::-1]
    return with_arrays(problem, arrays, x=split.reshape(x.shape))


@after("multiplier outermost", "the output is ordered by multiplier, then by channel")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    groups = problem.x[1] if problem.op == "depthwise_conv" else problem.groups
    if groups <= 1 or y.shape[1] % groups or y.shape[1] == groups or not y.size:
        return None
    split = y.reshape(len(y), groups, -1, *y.shape[2:])
    return split.swapaxes(1, 2).reshape(y.shape)


def _channels(name: str, says: str, order: Any) -> None:
    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        x = arrays["x"]
        if x.shape[1] < 2:
            return None
        return with_arrays(problem, arrays, x=order(x))


_channels(
    "input channels reversed",
    "the input channels are read in the opposite order",
    lambda x: x[:, ::-1],
)
_channels(
    "input channels rotated", "each input channel is taken for the next", lambda x: np.roll(x, 1, 1)
)
_channels(
    "first channel everywhere",
    "every input channel reads the first",
    lambda x: np.repeat(x[:, :1], x.shape[1], 1),
)
_channels(
    "last input channel lost",
    "the last input channel is not read",
    lambda x: _zeroed(x, (slice(None), slice(-1, None))),
)


def _blocks(block: int) -> None:
    @before(
        f"input channels past a multiple of {block} lost",
        f"input channels past the last multiple of {block} are not read",
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        x = arrays["x"]
        if x.shape[1] <= block or x.shape[1] % block == 0:
            return None
        return with_arrays(
            problem, arrays, x=_zeroed(x, (slice(None), slice(x.shape[1] // block * block, None)))
        )

    @before(
        f"input channels past {block} lost", f"input channels past the first {block} are not read"
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        x = arrays["x"]
        if x.shape[1] <= block:
            return None
        return with_arrays(problem, arrays, x=_zeroed(x, (slice(None), slice(block, None))))

    @after(
        f"output channels past {block} lost", f"output channels past the first {block} stay zero"
    )
    def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
        if y.ndim < 2 or y.shape[1] <= block or not y.size:
            return None
        return _zeroed(y, (slice(None), slice(block, None)))

    @after(
        f"output channels past a multiple of {block} lost",
        f"output channels past the last multiple of {block} stay zero",
    )
    def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
        if y.ndim < 2 or y.shape[1] <= block or y.shape[1] % block == 0 or not y.size:
            return None
        return _zeroed(y, (slice(None), slice(y.shape[1] // block * block, None)))


for size in (2, 3, 4, 8, 16, 32, 64, 128):
    _blocks(size)


@after("odd output channel lost", "of an odd number of output channels the last stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if y.ndim < 2 or y.shape[1] % 2 == 0 or not y.size:
        return None
    return _zeroed(y, (slice(None), slice(-1, None)))


@after(
    "output groups rotated",
    "the output channels of each group stand in the place of the next group's",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.groups == 1 or y.ndim < 2 or problem.grad or y.shape[1] % problem.groups:
        return None
    return np.roll(y, y.shape[1] // problem.groups, 1)


@after(
    "gradient's groups rotated",
    "the gradient by the weight of each group stands in the place of the next group's",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.groups == 1 or problem.grad != "w" or y.shape[0] % problem.groups:
        return None
    return np.roll(y, y.shape[0] // problem.groups, 0)


@before("first batch group for all", "every output channel reads the first batch group")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x, groups = arrays["x"], problem.batch_groups
    if groups == 1 or len(x) % groups:
        return None
    return with_arrays(problem, arrays, x=np.concatenate([x[: len(x) // groups]] * groups))


@after("output channels reversed", "the output channels are in the opposite order")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y[:, ::-1] if y.ndim > 1 and y.shape[1] > 1 else None


@after("last output channel lost", "the last output channel stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _zeroed(y, (slice(None), slice(-1, None))) if y.ndim > 1 and y.size else None


@after("first output channel everywhere", "every output channel is the first")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return np.repeat(y[:, :1], y.shape[1], 1) if y.ndim > 1 and y.shape[1] > 1 else None


@before("first item for the whole batch", "every item of the batch is the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x = arrays["x"]
    if len(x) < 2:
        return None
    return with_arrays(problem, arrays, x=np.repeat(x[:1], len(x), 0))


@after("last item lost", "the last item of the batch stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return (
        _zeroed(y, slice(-1, None)) if len(y) > 1 and y.size and not expected.problem.grad else None
    )


@after("all but the first item lost", "every item of the batch but the first stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return (
        _zeroed(y, slice(1, None)) if len(y) > 1 and y.size and not expected.problem.grad else None
    )


@after("items past the second lost", "items of the batch past the second stay zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return (
        _zeroed(y, slice(2, None)) if len(y) > 2 and y.size and not expected.problem.grad else None
    )


@after("batch reversed", "the items of the batch are in the opposite order")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y[::-1] if len(y) > 1 and not expected.problem.grad else None


def _flat(block: int) -> None:
    @before(
        f"samples past a multiple of {block} lost",
        f"the samples of the input past the last multiple of {block} in memory are not read",
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        x = arrays["x"]
        if x.size % block == 0:
            return None
        flat = np.ascontiguousarray(x).ravel().copy()
        flat[x.size // block * block :] = 0
        return with_arrays(problem, arrays, x=flat.reshape(x.shape))


for size in (4, 8, 16):
    _flat(size)


@before("image axes swapped", "the input is read with its last two axes swapped")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x = arrays["x"]
    if problem.rank < 2 or x.shape[-1] != x.shape[-2]:
        return None
    return with_arrays(problem, arrays, x=x.swapaxes(-1, -2))


@before(
    "input in another memory order", "the input's numbers are read as if the channels stood last"
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x = arrays["x"]
    if x.ndim < 3 or x.shape[1] < 2:
        return None
    last = np.moveaxis(np.empty(x.shape), 1, -1).shape
    return with_arrays(problem, arrays, x=np.moveaxis(np.ascontiguousarray(x).reshape(last), -1, 1))


def _biased(name: str, says: str, change: Any) -> None:
    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        bias = arrays.get("bias")
        if bias is None or not bias.size:
            return None
        return with_arrays(problem, arrays, bias=change(bias).astype(bias.dtype))


_biased("bias dropped", "the bias is not added", np.zeros_like)
_biased("bias twice", "the bias is added twice", lambda bias: bias + bias)
_biased("bias subtracted", "the bias is subtracted", lambda bias: -bias)
_biased(
    "first bias everywhere",
    "every channel gets the first bias",
    lambda bias: np.repeat(bias[:1], len(bias)),
)
_biased("bias reversed", "the biases are taken in the opposite order", lambda bias: bias[::-1])
_biased(
    "bias of the next channel",
    "each channel gets the bias of the one before",
    lambda bias: np.roll(bias, 1),
)


@before("bias once per tap", "the bias is added once for each input channel")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    bias = arrays.get("bias")
    if bias is None or len(problem.w) < 2 or problem.w[1] < 2:
        return None
    return with_arrays(
        problem, arrays, bias=(bias * np.asarray(problem.w[1], bias.dtype)).astype(bias.dtype)
    )


def _zeroed(array: Array, where: Any) -> Array:
    out = array.copy()
    out[where] = 0
    return out
