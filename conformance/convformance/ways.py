"""Ways to say a problem in a framework by its own call and what stands around it: pads and cuts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convformance.backend import Unsupported
from convformance.backends import layouts, onnx_graph
from convformance.backends.source import call
from convformance.backends.wording import joined, native, padded
from convformance.problem import Problem
from convformance.sizes import axes_of

Pads = tuple[tuple[int, int], ...]
CONVS = ("conv", "depthwise_conv")
POOLS = ("max_pool", "avg_pool")
WHOLE = (
    "lp_pool", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool",
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """A problem as a framework means it: pads of each axis, or what is cropped; y's sizes."""

    problem: Problem
    pads: Pads
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """The lines between the moves of axes."""

    lines: tuple[str, ...]
    asks: Problem
    whole: bool = False
    planar: bool = False  # indices are positions in a plane, whatever the framework's own are


@dataclass(frozen=True)
class Place:
    """Where lines are written for: a framework, and whether its arrays have channels last."""

    framework: str
    last: bool

    def call(self, problem: Problem) -> list[str]:
        """Write the framework's own call."""
        return native(self.framework, problem, self.last)

    def padded(self, name: str, pairs: Pads, dtype: str, value: str = "0") -> list[str]:
        """Write a pad by a number; none where nothing is padded."""
        if not any(map(any, pairs)):
            return []
        return padded(self.framework, name, pairs, dtype=dtype, value=value, last=self.last)


def leave_if(condition: bool, reason: str = "") -> None:
    """Leave a way that does not fit; without a reason it is not worth telling."""
    if condition:
        raise Unsupported(reason)


def own_call(meaning: Meaning, place: Place) -> Way:
    """Say the problem as it stands."""
    problem = meaning.problem
    leave_if(bool(problem.grad))  # what differentiates it has its own lines
    added = problem.op == "max_unpool" and place.framework == "tensorflow"
    leave_if(added, "tf.scatter_nd adds up what comes to one place")
    return Way(tuple(place.call(problem)), problem, whole=True)


def in_numbers(meaning: Meaning, place: Place) -> Way:
    """Say the pads that a word stands for."""
    problem = meaning.problem
    leave_if(problem.op in WHOLE or problem.padding == meaning.pads or bool(problem.grad))
    said = replace(problem, padding=meaning.pads)
    if problem.op == "conv_transpose":
        pads, more = exact_crop(meaning)
        said = replace(said, padding=pads, output_padding=more)
    return Way(tuple(place.call(said)), said, whole=True)


def full_sizes(problem: Problem) -> list[int]:
    """Return the sizes that a transposed convolution touches before it is cropped."""
    axes = zip(problem.x[2:], problem.stride, problem.dilation, problem.kernel_size, strict=True)
    return [(size - 1) * stride + step * (k - 1) + 1 for size, stride, step, k in axes]


def exact_crop(meaning: Meaning) -> tuple[Pads, tuple[int, ...]]:
    """Return the crop and the output padding that give exactly the sizes."""
    pads, mores = [], []
    for full, size, (before, after) in zip(
        full_sizes(meaning.problem), meaning.sizes, meaning.pads, strict=True
    ):
        more = size - (full - before - after)
        pads.append((before, after - min(more, 0)))
        mores.append(max(more, 0))
    return tuple(pads), tuple(mores)


def with_output_padding(meaning: Meaning, place: Place) -> Way:
    """Crop both sides alike, and give back what is too much at the end."""
    leave_if(meaning.problem.op != "conv_transpose")
    pads, mores = exact_crop(meaning)
    more = tuple(m + before - after for m, (before, after) in zip(mores, pads, strict=True))
    leave_if(min(more) < 0, "output padding only adds at the end")
    alike = tuple((before, before) for before, _ in pads)
    said = replace(meaning.problem, padding=alike, output_padding=more)
    return Way(tuple(place.call(said)), said)


def cut_after(meaning: Meaning, place: Place) -> Way:
    """Spread without padding, then cut."""
    problem = meaning.problem
    leave_if(problem.op != "conv_transpose" or min(map(min, meaning.pads)) < 0)
    ends = [before + size for (before, _), size in zip(meaning.pads, meaning.sizes, strict=True)]
    more = tuple(max(0, end - f) for end, f in zip(ends, full_sizes(problem), strict=True))
    said = replace(problem, padding="valid", output_padding=more)
    cuts = ", ".join(f"{before}:{end}" for (before, _), end in zip(meaning.pads, ends, strict=True))
    if place.framework == "onnx":
        sides = [[before for before, _ in meaning.pads], ends]
        numbers = [onnx_graph.whole(*one) for one in zip(("starts", "ends"), sides, strict=True)]
        axes = onnx_graph.whole("axes", range(2, 2 + problem.rank))
        cut = onnx_graph.node("Slice", ["y", "starts", "ends", "axes"], ["y"])
        return Way((*place.call(said), *numbers, axes, cut), said)
    cut = f"y = y[:, {cuts}]" if place.last else f"y = y[:, :, {cuts}]"
    return Way((*place.call(said), cut), said)


def reach(meaning: Meaning) -> Pads:
    """Return the pads with the samples that ceil_mode lets the last window overrun."""
    axes = zip(axes_of(replace(meaning.problem, padding=meaning.pads)), meaning.pads, strict=True)
    return tuple(
        (before, max(axis.stride * (axis.count - 1) + axis.extent - before - axis.size, 0))
        if meaning.problem.ceil_mode
        else (before, after)
        for axis, (before, after) in axes
    )


def without_ceil(meaning: Meaning, place: Place) -> Way:
    """Say in the padding what ceil_mode adds."""
    problem = meaning.problem
    leave_if(problem.op not in POOLS or not problem.ceil_mode)
    leave_if(problem.count_include_pad, "what ceil_mode lets overrun is not counted, padding is")
    pads = reach(meaning)
    said = replace(problem, padding=pads if any(map(any, pads)) else "valid", ceil_mode=False)
    return Way(tuple(place.call(said)), said)


def lowest(problem: Problem) -> str:
    """Write the number that no maximum sees."""
    return "-np.inf" if problem.is_float else str(np.iinfo(problem.dtype).min)


def pad_first(meaning: Meaning, place: Place) -> Way:
    """Pad with what changes nothing, then call without padding."""
    problem = meaning.problem
    leave_if(problem.op not in (*CONVS, *POOLS))
    leave_if(problem.indices, "an index would count the padding")
    pads = reach(meaning)
    if problem.op == "avg_pool":
        uniform = not any(map(any, pads)) or (problem.count_include_pad and pads == meaning.pads)
        leave_if(not uniform, "the divisor of the windows at the border is another one")
    x = tuple(size + sum(pair) for size, pair in zip(problem.x[2:], pads, strict=True))
    values: dict[str, Any] = {"x": (*problem.x[:2], *x), "padding": "valid"}
    if problem.op in POOLS:
        values |= {"ceil_mode": False}
    if problem.op == "avg_pool":
        values |= {"count_include_pad": False}
    said = replace(problem, **values)
    value = lowest(problem) if problem.op == "max_pool" else "0"
    return Way((*place.padded("x", pads, problem.dtype, value), *place.call(said)), said)


def beneath_the_layer(meaning: Meaning, place: Place) -> Way:
    """A convolution by keras.ops, which makes no weight: a layer cannot make one of integers."""
    problem = meaning.problem
    leave_if(problem.op != "conv" or place.framework != "keras")
    convolved = call(
        "keras.ops.conv",
        "x",
        "w",
        strides=problem.stride,
        padding="valid",
        data_format="channels_last",
        dilation_rate=problem.dilation,
    )
    lines = [*place.padded("x", meaning.pads, problem.dtype), f"y = {convolved}"]
    return Way((*lines, *["y = y + bias"] * problem.bias), problem)


def widened(inner: Callable[[Meaning, Place], Way]) -> Callable[[Meaning, Place], Way]:
    """Return the way on a kernel that holds zeros where the dilation skips."""

    def way(meaning: Meaning, place: Place) -> Way:
        problem = meaning.problem
        fits = problem.w and any(step > 1 for step in problem.dilation)
        leave_if(not fits or place.framework not in (*layouts.LAST, "torch"))
        kernel = tuple(
            step * (k - 1) + 1
            for step, k in zip(problem.dilation, problem.kernel_size, strict=True)
        )
        said = replace(problem, w=(*problem.w[:2], *kernel), dilation=(1,) * problem.rank)
        steps = ", ".join(f"::{step}" for step in problem.dilation)
        zeros, first = f"np.zeros({kernel} + w.shape[-2:], w.dtype)", ""
        if place.framework == "torch":
            zeros, first = f"w.new_zeros(w.shape[:2] + {kernel})", ":, :, "
        lines = (
            f"wide = {zeros}",
            f"wide[{first}{steps}] = w  # zeros where the dilation skips",
            "w = wide",
        )
        done = inner(replace(meaning, problem=said), place)
        return Way((*lines, *done.lines), done.asks)

    return way


def by_group(inner: Callable[[Meaning, Place], Way]) -> Callable[[Meaning, Place], Way]:
    """Return the way for one group after the other."""

    def way(meaning: Meaning, place: Place) -> Way:
        problem, G = meaning.problem, meaning.problem.groups
        leave_if(G < 2 or place.framework not in layouts.LAST)
        C, spread = problem.x[1] // G, problem.op == "conv_transpose"
        w = (problem.w[0] // G, *problem.w[1:])
        step = w[0]  # both weights have what is split on their last axis here
        alone = replace(problem, x=(problem.x[0], C, *problem.x[2:]), w=w, groups=1, bias=False)
        done = inner(replace(meaning, problem=alone), place)
        join, axis = joined(place.framework, place.last)
        lines = [
            "all_x, all_w, parts = x, w, []",
            f"for g in range({G}):",
            f"    x = all_x[..., {C} * g:{C} * (g + 1)]",
            f"    w = all_w[..., {C if spread else step} * g:{C if spread else step} * (g + 1)]",
            *(f"    {line}" for line in done.lines),
            "    parts.append(y)",
            f"y = {join}(parts, {axis})",
            *["y = y + bias"] * problem.bias,
        ]
        return Way(tuple(lines), done.asks)

    return way
