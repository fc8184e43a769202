"""Ways to say where a maximum stood, and to put it back there."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convformance.backends import onnx_graph
from convformance.backends.layouts_index import plane_of
from convformance.backends.source import call
from convformance.backends.tensorflow_pools import unpooled
from convformance.backends.wording_arrays import argmaxed, cast
from convformance.ways import Meaning, Place, Way, leave_if, lowest, reach
from convformance.ways_pools import MOST_TAPS, even_pool, tap_slices


def first_of_slices(meaning: Meaning, place: Place) -> Way:
    """A maximum and its index as the first largest of one strided slice for each tap."""
    problem = meaning.problem
    leave_if(problem.op != "max_pool" or not problem.indices or place.framework == "onnx")
    leave_if(prod(problem.kernel) > MOST_TAPS, f"more than {MOST_TAPS} taps are not written out")
    pads, dtype = reach(meaning), problem.dtype
    is_byte = dtype in ("int8", "uint8")  # its lowest number may be a sample: the first is sought
    value = str(np.iinfo(dtype).min - 1) if is_byte else lowest(problem)
    stacked, largest, best = argmaxed(place.framework, tap_slices(meaning, place.last))
    ends = "[..., None]" if place.last else ""
    index = f"indices = first{ends} + taps[np.asarray({best})]"
    lines = (
        *[cast(place.framework, "x", "int32")] * is_byte,
        *place.padded("x", pads, dtype, value),
        f"parts = {stacked}",
        f"y = {largest}",
        f"first = {_positions(meaning, taps=False)}",
        f"taps = {_positions(meaning, taps=True)}.ravel()",
        index,
        *[cast(place.framework, "y", dtype)] * is_byte,
    )
    return Way(lines, replace(problem, padding="valid"), planar=True)


def first_of_equal_windows(meaning: Meaning, place: Place) -> Way:
    """The same for an adaptive maximum whose windows are all alike."""
    return first_of_slices(even_pool(meaning), place)


def _positions(meaning: Meaning, taps: bool) -> str:
    """Write where the windows start in a plane, or how far from there their taps lie."""
    problem, text = meaning.problem, ""
    for axis in range(problem.rank):
        row = prod(problem.x[3 + axis :])
        count, step = (
            (problem.kernel[axis], problem.dilation[axis])
            if taps
            else (meaning.sizes[axis], problem.stride[axis])
        )
        before = 0 if taps else meaning.pads[axis][0]
        one = f"np.arange({count})"
        if step * row != 1:
            one += f" * {step * row}"
        if before:
            one += f" - {before * row}"
        text = f"np.add.outer({text}, {one})" if text else one
    return text if problem.rank > 1 else f"({text})"


def scattered(meaning: Meaning, place: Place) -> Way:
    """An unpooling as a scatter into zeros."""
    problem = meaning.problem
    leave_if(problem.op != "max_unpool")
    size = unpooled(problem)
    if place.framework == "onnx":
        return Way(tuple(_unpool_nodes(meaning)), problem)
    if place.framework == "tensorflow":
        shape = [problem.x[0], *size, problem.x[1]]
        zeros = call("tf.zeros", repr([prod(shape)]), "x.dtype")
        put = call("tf.tensor_scatter_nd_update", "y", "tf.reshape(indices, [-1, 1])",
                   "tf.reshape(x, [-1])")  # fmt: skip
        return Way((f"y = {zeros}", f"y = {put}", f"y = tf.reshape(y, {shape})"), problem)
    leave_if(place.framework != "keras")
    N, C = problem.x[:2]
    plane = plane_of(problem)
    lines = (
        f"sample = {plane * C} * np.arange({N}).reshape({(N, *(1,) * (problem.rank + 1))})",
        f"places = np.asarray(indices) * {C} + np.arange({C}) + sample",
        f"y = keras.ops.zeros(({N * C * plane},), x.dtype)",
        "y = keras.ops.scatter_update(y, places.reshape(-1, 1), keras.ops.reshape(x, (-1,)))",
        f"y = keras.ops.reshape(y, {(N, *size, C)})",
    )
    return Way(lines, problem)


def _unpool_nodes(meaning: Meaning) -> list[str]:
    """MaxUnpool, but where the size is given: of that its text and its evaluators differ."""
    problem = meaning.problem
    if problem.output:
        size = (*problem.x[:2], *problem.output)
        zeros = f"np.zeros({prod(size)}, {problem.dtype!r})"
        node, whole = onnx_graph.node, onnx_graph.whole
        return [
            onnx_graph.array("zeros", zeros),
            whole("flat", [-1]),
            node("Reshape", ["x", "flat"], ["x"]),
            node("Reshape", ["indices", "flat"], ["indices"]),
            node("ScatterElements", ["zeros", "indices", "x"], ["y"]),
            whole("size", size),
            node("Reshape", ["y", "size"], ["y"]),
        ]
    pads = [before for before, _ in meaning.pads] + [after for _, after in meaning.pads]
    options = {
        "kernel_shape": str(list(problem.kernel)),
        "strides": str(list(problem.stride)),
        "pads": str(pads),
    }
    return [onnx_graph.node("MaxUnpool", ["x", "indices"], ["y"], **options)]


def columns_to_image(meaning: Meaning, place: Place) -> Way:
    """A folding as Col2Im of ONNX."""
    problem = meaning.problem
    leave_if(problem.op != "fold" or place.framework != "onnx")
    leave_if(min(map(min, meaning.pads)) < 0, "pads of Col2Im are at least 0")
    pads = [before for before, _ in meaning.pads] + [after for _, after in meaning.pads]
    options = {
        "strides": str(list(problem.stride)),
        "pads": str(pads),
        "dilations": str(list(problem.dilation)),
    }
    node = onnx_graph.node("Col2Im", ["x", "image", "block"], ["y"], **options)
    sizes = onnx_graph.whole("image", problem.output), onnx_graph.whole("block", problem.kernel)
    return Way((*sizes, node), problem, whole=True)
