"""Ways to say an op as another one, with what is written around it."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod

from convformance.backends import layouts, onnx_graph
from convformance.backends.wording_arrays import cast, magnitude, one_hot
from convformance.problem import Problem
from convformance.sizes import axes_of
from convformance.ways import Meaning, Place, Way, exact_crop, leave_if, reach
from convformance.ways_around import Around, without_padding


def in_two_steps(meaning: Meaning, place: Place) -> Around:
    """A separable convolution: by channel, then a convolution of one tap."""
    problem = meaning.problem
    leave_if(problem.op != "separable_conv")
    first = Problem(
        "depthwise_conv",
        problem.x,
        problem.w,
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        dtype=problem.dtype,
    )
    between = (problem.x[0], problem.w[0] * problem.w[1], *meaning.sizes)
    ones = (1,) * problem.rank
    second = Problem("conv", between, (*problem.pointwise, *ones), dtype=problem.dtype)
    if place.framework == "onnx":
        after = [onnx_graph.node("Conv", ["y", "pointwise"], ["y"])]
    else:
        after = ["x, w = y, pointwise", *place.call(second)]
    return Around(replace(meaning, problem=first), lambda lines: [*lines, *after])


def by_groups_of_one(meaning: Meaning, place: Place) -> Around:
    """A depthwise convolution as one with as many groups as channels."""
    problem = meaning.problem
    leave_if(problem.op != "depthwise_conv")
    C, multiplier, *kernel = problem.w
    said = Problem(
        "conv",
        problem.x,
        (C * multiplier, 1, *kernel),
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        groups=C,
        dtype=problem.dtype,
    )
    joined_axes = place.last and place.framework in layouts.LAST  # JAX's weight comes so
    before = [f"w = w.reshape({(*kernel, 1, C * multiplier)})"] if joined_axes else []
    return Around(replace(meaning, problem=said), lambda lines: [*before, *lines])


def largest_magnitude(meaning: Meaning, place: Place) -> Around:
    """A norm with p = inf: a maximum, to which a padding of zeros adds nothing."""
    problem = meaning.problem
    leave_if(problem.op != "lp_pool" or problem.p != inf or not problem.is_float)
    pads = reach(meaning)
    before = [magnitude(place.framework), *place.padded("x", pads, problem.dtype)]
    sizes = tuple(size + sum(pair) for size, pair in zip(problem.x[2:], pads, strict=True))
    said = Problem(
        "max_pool",
        (*problem.x[:2], *sizes),
        kernel=problem.kernel,
        stride=problem.stride,
        dilation=problem.dilation,
        dtype=problem.dtype,
    )
    return Around(without_padding(meaning, said), lambda lines: [*before, *lines])


def one_hot_convolution(meaning: Meaning, place: Place) -> Around:
    """An unfolding as a convolution with a channel for each tap."""
    problem = meaning.problem
    leave_if(problem.op != "unfold")
    taps, C = prod(problem.kernel), problem.x[1]
    counts = tuple(axis.count for axis in axes_of(problem))
    weight = one_hot(place.framework, problem, taps, C, place.last)
    said = Problem(
        "conv",
        problem.x,
        (taps * C, C, *problem.kernel),
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        dtype=problem.dtype,
    )
    after = [] if place.last else _flat(place, (C * taps, -1))
    return Around(Meaning(said, meaning.pads, counts), lambda lines: [weight, *lines, *after])


def one_hot_spread(meaning: Meaning, place: Place) -> Around:
    """A folding as the transposed convolution with a channel for each tap."""
    problem = meaning.problem
    leave_if(problem.op != "fold")
    taps = prod(problem.kernel)
    C = problem.x[1] // taps
    counts = tuple(axis.count for axis in axes_of(problem))
    weight = one_hot(place.framework, problem, taps, C, place.last)
    said = Problem(
        "conv_transpose",
        (problem.x[0], taps * C, *counts),
        (taps * C, C, *problem.kernel),
        stride=problem.stride,
        padding=meaning.pads,
        dilation=problem.dilation,
        dtype=problem.dtype,
    )
    pads, more = exact_crop(Meaning(said, meaning.pads, problem.output))
    said = replace(said, padding=pads, output_padding=more)
    before = [] if place.last else _flat(place, (taps * C, *counts), "x")
    return Around(
        Meaning(said, pads, problem.output),
        lambda lines: [weight, *before, *lines],
    )


def _flat(place: Place, shape: tuple[int, ...], name: str = "y") -> list[str]:
    """Write an array in another shape, its batch kept."""
    if place.framework == "onnx":
        return [
            onnx_graph.whole("shape", (0, *shape)),
            onnx_graph.node("Reshape", [name, "shape"], [name]),
        ]
    sizes = ", ".join(map(str, shape))
    return [f"{name} = {name}.reshape(len({name}), {sizes})"]


def convolved_integers(meaning: Meaning, place: Place) -> Way:
    """A convolution of bytes into 32 bits, as ONNX has it in a node of its own."""
    problem = meaning.problem
    fits = problem.op == "conv" and (problem.dtype, problem.output_dtype) in BYTES
    leave_if(place.framework != "onnx" or not fits)
    plain = replace(problem, output_dtype="", bias=False)
    nodes = [line.replace("'Conv'", "'ConvInteger'") for line in place.call(plain)]
    if problem.bias:
        shape = (1, -1, *(1,) * problem.rank)
        nodes += [
            cast("onnx", "bias", problem.output_dtype),
            onnx_graph.whole("shape", shape),
            onnx_graph.node("Reshape", ["bias", "shape"], ["bias"]),
            onnx_graph.node("Add", ["y", "bias"], ["y"]),
        ]
    return Way(tuple(nodes), problem, whole=True)


BYTES = (("int8", "int32"), ("uint8", "int32"))
AS_OTHER = {
    "channel by channel, then across them": in_two_steps,
    "as many groups as channels": by_groups_of_one,
    "the largest magnitude": largest_magnitude,
    "a convolution with one-hot weights": one_hot_convolution,
    "a transposed convolution with one-hot weights": one_hot_spread,
}
