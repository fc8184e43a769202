"""What a node of ONNX is given: padding as numbers, weights and indices in its shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convformance.backend import Array, Arrays, Unsupported
from convformance.backends.layouts_index import of_framework
from convformance.problem import Problem
from convformance.sizes import axes_of
from convoracle import InvalidProblem


def with_pads(problem: Problem) -> Problem:
    """Return the problem with same padding as the numbers that it comes to.

    ONNX can say both, `pads` and `auto_pad`; what an engine takes SAME_UPPER for is asked apart.
    """
    unsized = problem.op == "max_unpool" and not problem.output  # its size needs the numbers
    if not isinstance(problem.padding, str) or not problem.padding.startswith("same") or unsized:
        return problem
    try:
        axes = axes_of(problem)
    except InvalidProblem:
        return replace(problem, padding="valid")  # what is wrong is another thing, and stays
    pairs = tuple((axis.before, axis.after) for axis in axes)
    if problem.op != "conv_transpose":
        return replace(problem, padding=pairs)
    more = tuple(
        axis.size - (axis.stride * (spatial - 1) + axis.extent) + axis.before + axis.after
        if spatial
        else own
        for axis, spatial, own in zip(axes, problem.x[2:], problem.output_padding, strict=True)
    )
    limits = map(max, problem.stride, problem.dilation)
    if any(map(int.__ge__, more, limits)) and any(problem.output_padding):
        raise Unsupported(
            "output_padding of ONNX is below the stride or the dilation; here more is to be added"
        )
    return replace(problem, padding=pairs, output_padding=more)


def given(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the graph's inputs: the arrays, and the sizes that some operators take as one.

    A weight comes as (M, C / group, *kernel), whatever the op; indices count in the whole array.
    """
    feeds = dict(arrays)
    ones = (1,) * problem.rank
    for name in ("w", "pointwise"):
        if name in feeds and (problem.op == "conv1x1" or name == "pointwise"):
            feeds[name] = feeds[name].reshape(*feeds[name].shape, *ones)
    if problem.op in ("depthwise_conv", "separable_conv"):
        C, multiplier, *kernel = feeds["w"].shape
        feeds["w"] = feeds["w"].reshape(C * multiplier, 1, *kernel)
    if "indices" in feeds:
        feeds["indices"] = of_framework(problem, "onnx", feeds["indices"]).astype(np.int64)
    if problem.op == "max_unpool" and problem.output:
        feeds["output_shape"] = np.array([*problem.x[:2], *problem.output], np.int64)
    if problem.op == "fold":
        feeds["image_shape"] = np.array(problem.output, np.int64)
        feeds["block_shape"] = np.array(problem.kernel, np.int64)
    return feeds
