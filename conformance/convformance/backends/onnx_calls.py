"""Problems written as nodes of ONNX, by its operator documentation; nothing here is measured.

`Unsupported` where one node has no way to say the problem. The operators are those of opset 22,
or of an older one that is asked for; https://onnx.ai/onnx/operators/ has a page for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convformance.backend import Unsupported
from convformance.backends.source import call, full_in_numbers
from convformance.problem import Problem, default_of

OPSET = 22  # the last in which one of the operators changed
# What an operator has had from which opset on; what stands here not it has had from the first.
SINCE = {
    "MaxUnpool": 9,
    "Col2Im": 18,
    "MaxPool indices": 8,
    "MaxPool ceil_mode": 10,
    "MaxPool dilations": 10,
    "AveragePool count_include_pad": 7,
    "AveragePool ceil_mode": 10,
    "AveragePool dilations": 19,
    "LpPool ceil_mode": 18,
    "LpPool dilations": 18,
}
LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "output_dtype": "an output dtype of its own",
    "padding_mode": "a padding mode: a node Pad stands before it",
    "flip": "a kernel that is turned around",
    "grad": "a gradient",
}


@dataclass(frozen=True)
class Call:
    """The nodes that say the problem, as calls of `onnx.helper.make_node`."""

    lines: tuple[str, ...]
    recipe: bool = False


@dataclass(frozen=True)
class Node:
    """One node, before it is text."""

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: Mapping[str, Any]

    def line(self, opset: int) -> str:
        """Write the node as that opset has it; raise `Unsupported` where it has it not."""
        for name in ("", *self.outputs, *self.options):
            part = f"{self.kind} {name}".rstrip()
            if opset < SINCE.get(part, 1) and not self._is_left_out(name):
                raise Unsupported(f"opset {opset} has no {part}: opset {SINCE[part]} brought it")
        options = {
            name: value
            for name, value in self.options.items()
            if opset >= SINCE.get(f"{self.kind} {name}", 1)
        }
        names = [repr(self.kind), repr(list(self.inputs)), repr(list(self.outputs))]
        return call("onnx.helper.make_node", *names, **options)

    def _is_left_out(self, name: str) -> bool:
        """Whether the attribute says what its absence says."""
        if name not in self.options:
            return False
        value = self.options[name]
        return all(step == 1 for step in value) if isinstance(value, list) else value == 0


def written(problem: Problem, opset: int = OPSET) -> Call:
    """Write the node that says the problem; raise `Unsupported` where there is none."""
    if problem.op not in _NODES:
        raise Unsupported(f"ONNX has no operator for {problem.op}")
    if problem.unbatched or problem.layout != "channels_first":
        raise Unsupported("a node of ONNX takes (N, C, *spatial) and nothing else")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"a node of ONNX lacks {words}")
    nodes = _NODES[problem.op](full_in_numbers(problem))
    return Call(tuple(node.line(opset) for node in nodes), recipe=len(nodes) > 1)


def _node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str] = ("y",), **options: Any
) -> Node:
    return Node(kind, inputs, outputs, options)


def _sliding(problem: Problem) -> dict[str, Any]:
    return {
        "kernel_shape": list(problem.kernel_size),
        "strides": list(problem.stride),
        **_padding(problem),
        "dilations": list(problem.dilation),
    }


def _padding(problem: Problem) -> dict[str, Any]:
    padding = problem.padding
    if padding == "valid":
        return {"pads": [0] * (2 * problem.rank)}
    if padding in ("same", "same_upper", "same_lower"):
        return {"auto_pad": "SAME_LOWER" if padding == "same_lower" else "SAME_UPPER"}
    pairs = padding
    if isinstance(pairs, str):  # causal
        axes = zip(problem.dilation, problem.kernel_size, strict=False)
        pairs = tuple((step * (k - 1), 0) for step, k in axes)
    if any(side < 0 for pair in pairs for side in pair):
        raise Unsupported("pads of ONNX are at least 0")
    return {"pads": [*(before for before, _ in pairs), *(after for _, after in pairs)]}


def _given(problem: Problem) -> list[str]:
    return ["x", "w", *["bias"] * problem.bias]


def _conv(problem: Problem) -> list[Node]:
    return [_node("Conv", _given(problem), **_sliding(problem), group=problem.groups)]


def _depthwise(problem: Problem) -> list[Node]:
    return [_node("Conv", ["x", "w"], **_sliding(problem), group=problem.w[0])]


def _separable(problem: Problem) -> list[Node]:
    between = _node("Conv", ["x", "w"], ["between"], **_sliding(problem), group=problem.w[0])
    return [between, _node("Conv", ["between", "pointwise"], kernel_shape=[1] * problem.rank)]


def _conv_transpose(problem: Problem) -> list[Node]:
    same = isinstance(problem.padding, str) and problem.padding.startswith("same")
    if same and any(problem.output_padding):
        raise Unsupported(
            "beside auto_pad SAME_* the output has size * stride elements, and output_padding "
            "only widens what is cropped"
        )
    options = _sliding(problem) | {"output_padding": list(problem.output_padding)}
    return [_node("ConvTranspose", _given(problem), **options, group=problem.groups)]


def _pool(kind: str, **own: str) -> Callable[[Problem], list[Node]]:
    def written_node(problem: Problem) -> list[Node]:
        options = _sliding(problem) | {"ceil_mode": int(problem.ceil_mode)}
        options |= {name: _number(getattr(problem, one)) for name, one in own.items()}
        return [_node(kind, ["x"], problem.answers, **options)]

    return written_node


def _number(value: float) -> int:
    if value == math.inf:
        raise Unsupported(f"p of LpPool is a whole number, not {value}")
    return int(value)


def _global(kind: str) -> Callable[[Problem], list[Node]]:
    return lambda problem: [_node(kind, ["x"])]


def _max_unpool(problem: Problem) -> list[Node]:
    options = _sliding(problem)
    if "auto_pad" in options:
        raise Unsupported("MaxUnpool has pads in numbers alone")
    del options["dilations"]
    given = ["x", "indices", *["output_shape"] * bool(problem.output)]
    return [_node("MaxUnpool", given, **options)]


def _fold(problem: Problem) -> list[Node]:
    options = _sliding(problem)
    if "auto_pad" in options:
        raise Unsupported("Col2Im has pads in numbers alone")
    del options["kernel_shape"]
    return [_node("Col2Im", ["x", "image_shape", "block_shape"], **options)]


_NODES: dict[str, Callable[[Problem], list[Node]]] = {
    "conv": _conv,
    "conv1x1": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
    "max_pool": _pool("MaxPool"),
    "avg_pool": _pool("AveragePool", count_include_pad="count_include_pad"),
    "lp_pool": _pool("LpPool", p="p"),
    "max_unpool": _max_unpool,
    "global_max_pool": _global("GlobalMaxPool"),
    "global_avg_pool": _global("GlobalAveragePool"),
    "fold": _fold,
}
