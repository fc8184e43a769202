"""Faults of windows: stride, dilation, padding, and how many windows there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import Asked, after, before, whole
from convformance.expect import Expectation, expectation
from convformance.problem import Problem
from convformance.sizes import axes_of

Pairs = tuple[tuple[int, int], ...]


def padded(problem: Problem) -> Pairs:
    """Return the padding of each axis as numbers."""
    return tuple((axis.before, axis.after) for axis in axes_of(problem))


def asked_with(problem: Problem, arrays: Arrays, **wrong: Any) -> Asked | None:
    """Return the problem with wrong attributes, or None if they are the right ones."""
    changed = replace(problem, **wrong)
    return None if changed == problem else (changed, arrays)


def is_same(problem: Problem) -> bool:
    """Whether the padding is one of the same modes."""
    return isinstance(problem.padding, str) and problem.padding.startswith("same")


def ones(problem: Problem) -> tuple[int, ...]:
    """Return a one for each axis."""
    return (1,) * problem.rank


@before("stride axes swapped", "the strides are taken in the opposite order of the axes")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=problem.stride[::-1])


@before("stride of the first axis", "every axis gets the stride of the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=problem.stride[:1] * problem.rank)


@before("stride of the last axis", "every axis gets the stride of the last")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=problem.stride[-1:] * problem.rank)


@before("stride ignored", "the stride is taken for 1")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=ones(problem))


def _along(back: int, words: str) -> None:
    """Register faults of one axis alone, counted from the last."""

    def only(values: tuple[int, ...], wrong: int) -> tuple[int, ...]:
        return (*values[: len(values) - back], wrong, *values[len(values) - back + 1 :])

    @before(
        f"stride ignored along the {words} axis",
        f"the stride along the {words} axis is taken for 1",
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        return (
            asked_with(problem, arrays, stride=only(problem.stride, 1))
            if problem.rank > max(1, back - 1)
            else None
        )

    @before(
        f"dilation ignored along the {words} axis",
        f"the dilation along the {words} axis is taken for 1",
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        return (
            asked_with(problem, arrays, dilation=only(problem.dilation, 1))
            if problem.rank > max(1, back - 1)
            else None
        )

    @before(
        f"pads swapped along the {words} axis",
        f"the padding before and after the {words} axis change places",
    )
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        pads = list(padded(problem))
        if len(pads) <= max(1, back - 1):
            return None
        pads[-back] = pads[-back][::-1]
        return (
            asked_with(problem, arrays, padding=tuple(pads))
            if tuple(pads) != padded(problem)
            else None
        )


for place, ordinal in ((1, "last"), (2, "second last"), (3, "third last")):
    _along(place, ordinal)


@before("stride is the kernel", "the stride is taken to be the kernel size")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=problem.kernel_size)


@before("stride cut to the kernel", "a stride larger than the kernel is cut to it")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=tuple(map(min, problem.stride, problem.kernel_size)))


@before("dilation axes swapped", "the dilations are taken in the opposite order of the axes")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, dilation=problem.dilation[::-1])


@before("dilation of the first axis", "every axis gets the dilation of the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, dilation=problem.dilation[:1] * problem.rank)


@before("dilation of the last axis", "every axis gets the dilation of the last")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, dilation=problem.dilation[-1:] * problem.rank)


@before("dilation ignored", "the dilation is taken for 1, so that the taps lie side by side")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, dilation=ones(problem))


@before("stride and dilation swapped", "the stride is taken for the dilation, and the reverse")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, stride=problem.dilation, dilation=problem.stride)


@before("input dilation of the first axis", "every axis gets the holes of the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, input_dilation=problem.input_dilation[:1] * problem.rank)


@before("input dilation of the last axis", "every axis gets the holes of the last")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, input_dilation=problem.input_dilation[-1:] * problem.rank)


@before("input dilation ignored", "the holes between the samples of the input are left out")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, input_dilation=())


@before("pads swapped", "the padding before and after an axis change places")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    swapped = tuple((last, first) for first, last in padded(problem))
    return asked_with(problem, arrays, padding=swapped) if swapped != padded(problem) else None


@before("padding ignored", "nothing is padded")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, padding="valid") if any(map(any, padded(problem))) else None


@before("padding before on both sides", "the padding before an axis is used on both its sides")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    twice = tuple((first, first) for first, _ in padded(problem))
    return asked_with(problem, arrays, padding=twice) if twice != padded(problem) else None


@before("padding after on both sides", "the padding after an axis is used on both its sides")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    twice = tuple((last, last) for _, last in padded(problem))
    return asked_with(problem, arrays, padding=twice) if twice != padded(problem) else None


@before("padding axes swapped", "the paddings are taken in the opposite order of the axes")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    turned = padded(problem)[::-1]
    return asked_with(problem, arrays, padding=turned) if turned != padded(problem) else None


@before("padding of the first axis", "every axis gets the padding of the first")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    first = padded(problem)[:1] * problem.rank
    return asked_with(problem, arrays, padding=first) if first != padded(problem) else None


@before("negative padding as zero", "negative padding crops nothing")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    kept = tuple((max(0, first), max(0, last)) for first, last in padded(problem))
    return asked_with(problem, arrays, padding=kept) if kept != padded(problem) else None


@before("negative padding as positive", "negative padding pads as many samples as it should crop")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    kept = tuple((abs(first), abs(last)) for first, last in padded(problem))
    return asked_with(problem, arrays, padding=kept) if kept != padded(problem) else None


@before("odd sample on the other side", "same padding puts its odd sample on the other side")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not is_same(problem):
        return None
    swapped = tuple((last, first) for first, last in padded(problem))
    return asked_with(problem, arrays, padding=swapped) if swapped != padded(problem) else None


@before("same padding crops", "same padding crops where its total is below zero")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not is_same(problem) or problem.op.endswith("transpose"):
        return None
    sides = []
    for axis in axes_of(problem):
        total = (axis.count - 1) * axis.stride + axis.extent - axis.spread
        half = int(total / 2)
        late = problem.padding != "same_lower"
        sides.append((half, total - half) if late else (total - half, half))
    return asked_with(problem, arrays, padding=tuple(sides)) if min(map(min, sides)) < 0 else None


@before(
    "same padding adds nothing", "what same padding would add to a transposed output is left out"
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    # The stride is longer than the kernel, and the zeros between the last two would be missed.
    if not is_same(problem) or problem.op != "conv_transpose":
        return None
    return asked_with(problem, arrays, padding=padded(problem))


@before("same padding without the stride", "same padding is computed as if the stride were 1")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not is_same(problem) or set(problem.stride) == {1}:
        return None
    plain = replace(problem, stride=ones(problem), output_padding=())
    return asked_with(problem, arrays, padding=padded(plain))


@before("same padding without the dilation", "same padding is computed as if the dilation were 1")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not is_same(problem) or set(problem.dilation) == {1}:
        return None
    plain = replace(problem, dilation=ones(problem), output_padding=())
    return asked_with(problem, arrays, padding=padded(plain))


@before("half padding", "same padding is kernel // 2 on both sides, whatever the stride")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not is_same(problem):
        return None
    half = tuple((axis.extent // 2, axis.extent // 2) for axis in axes_of(problem))
    return asked_with(problem, arrays, padding=half) if half != padded(problem) else None


@before("causal padding after", "causal padding stands after the input instead of before it")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.padding != "causal":
        return None
    swapped = tuple((last, first) for first, last in padded(problem))
    return asked_with(problem, arrays, padding=swapped)


@before("ceil_mode ignored", "ceil_mode changes nothing")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, ceil_mode=False)


@before("ceil_mode always on", "the number of windows is always rounded up")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not problem.op.endswith("_pool") or not problem.kernel:
        return None
    return asked_with(problem, arrays, ceil_mode=True)


@before(
    "overrun taken for padding",
    "what ceil_mode overruns is padding: a window may start in it, and averages may count it",
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not problem.ceil_mode:
        return None
    pairs = []
    for axis in axes_of(problem):
        count = -(-axis.room // axis.stride) + 1
        reach = (count - 1) * axis.stride + axis.extent
        pairs.append((axis.before, axis.after + max(0, reach - axis.extent - axis.room)))
    return asked_with(problem, arrays, padding=tuple(pairs), ceil_mode=False)


@before("output padding ignored", "output_padding changes nothing")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, output_padding=())


@before("output size ignored", "the output has the least size, whatever size is asked for")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return asked_with(problem, arrays, output=()) if problem.op == "max_unpool" else None


@before("output padding before", "output_padding extends the output before its first element")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if not any(problem.output_padding):
        return None
    more = zip(padded(problem), problem.output_padding, strict=True)
    moved = tuple((first - extra, last + extra) for (first, last), extra in more)
    return asked_with(problem, arrays, padding=moved)


@before("padding repeats the edge", "padding repeats the sample at the edge")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _on_canvas(problem, arrays, mode="edge")


@before("padding mirrors", "padding mirrors the samples, without the one at the edge")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _on_canvas(problem, arrays, mode="reflect")


@before("padding mirrors the edge too", "padding mirrors the samples, the one at the edge too")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _on_canvas(problem, arrays, mode="symmetric")


@before("padding wraps around", "padding takes the samples of the other end")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _on_canvas(problem, arrays, mode="wrap")


@before("padding is zero", "padding is zeros, and zeros count as samples")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    is_sum = not problem.op.startswith("max")  # where zeros count anyway, or are another fault
    return None if is_sum else _on_canvas(problem, arrays, mode="constant")


@before("padding is one", "padding is ones")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _on_canvas(
        problem, arrays, mode="constant", constant_values=np.ones((), arrays["x"].dtype)
    )


@before(
    "padding is the lowest finite number",
    "padding is the lowest finite number, and wins against minus infinity",
)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    dtype = arrays["x"].dtype
    if not problem.op.startswith("max") or not problem.is_float or dtype.name == "bfloat16":
        return None
    return _on_canvas(problem, arrays, mode="constant", constant_values=np.finfo(dtype).min)


def _on_canvas(problem: Problem, arrays: Arrays, **how: Any) -> Asked | None:
    """Return the problem on an input that is padded already."""
    if problem.op in ("conv_transpose", "max_unpool", "fold") or problem.grad or problem.unbatched:
        return None
    pairs = [(max(0, first), max(0, last)) for first, last in padded(problem)]
    if not any(map(any, pairs)) or 0 in problem.x:
        return None
    left = tuple((min(0, first), min(0, last)) for first, last in padded(problem))
    x = np.pad(arrays["x"], [(0, 0), (0, 0), *pairs], **how)
    wide = replace(problem, x=x.shape, padding=left, padding_mode="zeros")
    return wide, {**arrays, "x": x}


@after("last window dropped", "the last window along the last axis is missing")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y[..., :-1] if expected.problem.rank and y.shape[-1] else None


@after("last window of the first axis dropped", "the last window along the first axis is missing")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y[:, :, :-1] if expected.problem.rank > 1 and y.shape[2] else None


@after("last window twice", "the last window along the last axis is there twice")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return np.concatenate([y, y[..., -1:]], axis=-1) if expected.problem.rank else None


@after("last column lost", "the last column of the output stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _zeroed(y, (..., slice(-1, None))) if expected.problem.rank else None


@after("first column lost", "the first column of the output stays zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _zeroed(y, (..., slice(0, 1))) if expected.problem.rank else None


def _tail(block: int) -> None:
    @after(
        f"columns past a multiple of {block} lost",
        f"columns past the last multiple of {block} stay zero",
    )
    def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
        if not expected.problem.rank or y.shape[-1] <= block or y.shape[-1] % block == 0:
            return None
        return _zeroed(y, (..., slice(y.shape[-1] // block * block, None)))


for size in (2, 4, 8, 16, 32):
    _tail(size)


@after(
    "output cropped", "negative padding crops windows from the output, not samples from the input"
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    pads = padded(problem)
    if problem.grad or problem.op in ("conv_transpose", "max_unpool", "fold"):
        return None
    if min(map(min, pads), default=0) >= 0:
        return None
    kept = tuple((max(0, first), max(0, last)) for first, last in pads)
    full = whole(expectation(replace(problem, padding=kept), arrays))
    ends = [
        slice(max(0, -first), size - max(0, -last))
        for (first, last), size in zip(pads, full.shape[2:], strict=True)
    ]
    return full[(slice(None), slice(None), *ends)]


@after("output transposed", "the last two axes of the output change places")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y.swapaxes(-1, -2) if expected.problem.rank > 1 else None


@after("output moved by one", "each window starts one sample later along the last axis")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _zeroed(np.roll(y, -1, -1), (..., slice(-1, None))) if expected.problem.rank else None


def _zeroed(y: Array, where: Any) -> Array | None:
    """Return y with zeros there, or None if there are zeros already."""
    if not y.size:
        return None
    out = y.copy()
    out[where] = 0
    return out
