"""The code that differentiates: a framework's own means around the code of the plain op."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convformance.backends import layouts, onnx_graph
from convformance.problem import Problem
from convformance.ways import Meaning, Place, Way, full_sizes, leave_if
from convformance.ways_around import Around

Lines = Sequence[str]


def differentiated(meaning: Meaning, place: Place) -> Around:
    """Differentiate the code of the op: autograd, a tape, or jax.vjp."""
    problem, leaf = meaning.problem, meaning.problem.grad
    leave_if(not leaf)
    leave_if(place.framework == "onnx", "ONNX has no gradient")
    said = replace(problem, grad="")
    write = {"torch": _by_autograd, "jax": _by_vjp}.get(place.framework, _by_tape)
    return Around(
        replace(meaning, problem=said), lambda lines: write(problem, leaf, lines, place.framework)
    )


def _by_autograd(_problem: Problem, leaf: str, lines: Lines, _framework: str) -> Lines:
    kept = any(line.startswith(f"{leaf} = ") for line in lines)
    first = f"leaf = {leaf} = {leaf}.requires_grad_()" if kept else f"{leaf}.requires_grad_()"
    by = "leaf" if kept else leaf
    return [first, *lines, f"d{leaf}, = torch.autograd.grad(y, {by}, dy)"]


def _by_tape(_problem: Problem, leaf: str, lines: Lines, framework: str) -> Lines:
    imported = ["import tensorflow as tf  # the backend of Keras"] * (framework == "keras")
    return [
        *imported,
        f"leaf = {leaf} = tf.constant({leaf})",
        "with tf.GradientTape() as tape:",
        "    tape.watch(leaf)",
        *(f"    {line}" for line in _stateless(lines)),
        f"d{leaf} = tape.gradient(y, leaf, tf.constant(dy))",
    ]


def _stateless(lines: Lines) -> Lines:
    """Give a layer its weights with the call: those that are set are no part of the tape."""
    start = "layer.set_weights(["
    found, weights = [], ""
    for line in lines:
        bare = line.strip()
        if bare.startswith(start):
            weights = bare.removeprefix(start).removesuffix("])")
        elif bare == "y = layer(x)" and weights:
            indent = line[: len(line) - len(bare)]
            found.append(f"{indent}y, _ = layer.stateless_call([{weights}], [], x)")
        else:
            found.append(line)
    return found


def _by_vjp(problem: Problem, leaf: str, lines: Lines, _framework: str) -> Lines:
    names = ", ".join(name for name in layouts.inputs(problem) if name != "dy")
    return [
        f"def forward({names}):",
        *(f"    {line}" for line in lines),
        "    return y",
        f"y, back = jax.vjp(lambda {leaf}: forward({names}), {leaf})",
        f"d{leaf}, = back(dy)",
    ]


def spread_back(meaning: Meaning, place: Place) -> Way:
    """The gradient of a convolution by x in ONNX: the transposed convolution of dy."""
    problem = meaning.problem
    leave_if(problem.op != "conv" or problem.grad != "x" or place.framework != "onnx")
    plain = problem.padding_mode == "zeros" and not problem.flip
    leave_if(not plain or any(step != 1 for step in problem.input_dilation))
    leave_if(min(map(min, meaning.pads)) < 0, "what a padding crops has no gradient")
    said = Problem(
        "conv_transpose",
        (problem.x[0], problem.w[0], *meaning.sizes),
        problem.w,
        stride=problem.stride,
        dilation=problem.dilation,
        groups=problem.groups,
        dtype=problem.dtype,
    )
    pads, mores = [], []
    for full, size, (before, _) in zip(full_sizes(said), problem.x[2:], meaning.pads, strict=True):
        after = full - before - size  # what is behind x, less what no window reaches
        pads.append((before, max(after, 0)))
        mores.append(max(-after, 0))
    leave_if(any(more >= stride for more, stride in zip(mores, problem.stride, strict=True)))
    said = replace(said, padding=tuple(pads), output_padding=tuple(mores))
    nodes = [_renamed(line, {"x": "dy", "y": "dx"}) for line in place.call(said)]
    return Way(tuple(nodes), said)


def _renamed(line: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        line = line.replace(f"[{old!r}", f"[{new!r}")
    return line


def convolved_back(meaning: Meaning, place: Place) -> Way:
    """The gradient of a transposed convolution by x in ONNX: the convolution of dy."""
    problem = meaning.problem
    fits = problem.op == "conv_transpose" and problem.grad == "x"
    leave_if(not fits or place.framework != "onnx")
    leave_if(min(map(min, meaning.pads)) < 0, "pads of ONNX are at least 0")
    said = Problem(
        "conv",
        (problem.x[0], problem.groups * problem.w[1], *meaning.sizes),
        problem.w,
        stride=problem.stride,
        padding=meaning.pads,
        dilation=problem.dilation,
        groups=problem.groups,
        dtype=problem.dtype,
    )
    nodes = [_renamed(line, {"x": "dy", "y": "dx"}) for line in place.call(said)]
    return Way(tuple(nodes), said)


def added_up(meaning: Meaning, place: Place) -> Way:
    """The gradient by a bias in ONNX: the sum over everything but the channels."""
    problem = meaning.problem
    leave_if(problem.grad != "bias" or place.framework != "onnx")
    axes = onnx_graph.whole("axes", (0, *range(2, 2 + problem.rank)))
    total = onnx_graph.node("ReduceSum", ["dy", "axes"], ["dbias"], keepdims="0")
    return Way((axes, total), replace(problem, grad=""))


def convolved_by_dy(meaning: Meaning, place: Place) -> Way:
    """The gradient by w in ONNX: x with its batch as channels, under dy as the kernel."""
    problem = meaning.problem
    leave_if(problem.op != "conv" or problem.grad != "w" or place.framework != "onnx")
    bare = problem.padding_mode == "zeros" and not problem.flip and problem.groups == 1
    leave_if(not bare or any(step != 1 for step in problem.input_dilation))
    leave_if(min(map(min, meaning.pads)) < 0, "what a padding crops has no gradient")
    swap = str([1, 0, *range(2, 2 + problem.rank)])
    pads = [before for before, _ in meaning.pads] + [after for _, after in meaning.pads]
    options = {
        "strides": str(list(problem.dilation)),
        "dilations": str(list(problem.stride)),
        "pads": str(pads),
    }
    size = problem.kernel_size
    numbers = {"starts": (0,) * problem.rank, "ends": size, "axes": range(2, 2 + problem.rank)}
    return Way(
        (
            onnx_graph.node("Transpose", ["x"], ["x"], perm=swap),
            onnx_graph.node("Transpose", ["dy"], ["dy"], perm=swap),
            onnx_graph.node("Conv", ["x", "dy"], ["dw"], **options),
            onnx_graph.node("Transpose", ["dw"], ["dw"], perm=swap),
            *(onnx_graph.whole(name, values) for name, values in numbers.items()),
            onnx_graph.node("Slice", ["dw", *numbers], ["dw"]),
        ),
        replace(problem, grad=""),
    )
