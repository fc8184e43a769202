"""A problem as an ONNX model, and what any engine of such models needs to answer it."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from typing import Any, ClassVar

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.layouts_index import in_plane
from convformance.backends.onnx_calls import OPSET, Call, written
from convformance.backends.onnx_inputs import given, with_pads
from convformance.backends.source import execute, nested
from convformance.problem import EXTRAS, Problem

IR_VERSION = 10
# Older opsets say less, or say it otherwise: 10 brought ceil_mode and the dilations of MaxPool, 11
# made strides 1 by default, 19 the dilations of AveragePool, 22 bfloat16. `auto_pad` is no opset:
# same padding is then the operator's own SAME_UPPER or SAME_LOWER, not numbers.
VARIANTS: dict[str, dict[str, Any]] = {
    "opset7": {"opset": 7},
    "opset10": {"opset": 10},
    "opset11": {"opset": 11},
    "opset19": {"opset": 19},
    "auto_pad": {"auto_pad": True},
}
# Weights of a model that was trained, and sizes: what a file of ONNX holds as initializers.
CONSTANTS = frozenset({"w", "bias", "pointwise", "output_shape", "image_shape", "block_shape"})
HEAD = "import numpy as np\nimport onnx\n"


class OnnxModel(ABC):
    """One node or two, whose graph is given every array; a subclass says how a model is run."""

    name: str
    distribution: str  # that the version is of
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    variants: ClassVar[dict[str, dict[str, Any]]] = VARIANTS
    # What is no input of the graph but an initializer, for an engine that asks for it.
    constants: Set[str] = frozenset()

    def __init__(self, *, opset: int = OPSET, auto_pad: bool = False) -> None:
        import onnx

        self._onnx: Any = onnx
        self.opset, self._auto_pad = opset, auto_pad
        self.version = importlib.metadata.version(self.distribution)
        parts = dict.fromkeys((self.distribution, "onnx", "numpy"))
        self.libraries = {one: importlib.metadata.version(one) for one in parts}

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        return f"opset {self.opset}"

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; the engine's own exceptions pass through."""
        call = self._written(problem)
        feeds = given(problem, arrays)
        nodes = [execute(f"node = {line}", {"onnx": self._onnx})["node"] for line in call.lines]
        for node in nodes:
            self._check_dtypes(node, feeds)
        found = self.answers(self._model(problem, nodes, feeds), feeds, problem.answers)
        if "indices" in found:
            found["indices"] = in_plane(problem, "onnx", found["indices"])
        in_numbers = str(problem.padding).startswith("same") and not self._auto_pad
        note = "; same padding as pads" if in_numbers else ""
        return Result(found, self.how + note, call.recipe)

    @abstractmethod
    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Run a `ModelProto` on the arrays and return those of the names."""

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        feeds = given(problem, arrays)
        made = [f"{name} = {_literal(one)}" for name, one in feeds.items()]
        words = ", ".join(f"{name!r}: {name}" for name in feeds)
        head = ["from math import inf, nan", HEAD] if any(_odd(one) for one in made) else [HEAD]
        return "\n".join(
            [
                *head,
                *made,
                f"feeds = {{{words}}}",
                f"nodes = [{', '.join(self._written(problem).lines)}]",
                _MODEL.format(
                    constants=sorted(self.constants & feeds.keys()),
                    answers=list(problem.answers),
                    axes=problem.rank + 2,
                    opset=self.opset,
                    ir=IR_VERSION,
                ),
                *self.call(),
                "print(answers)",
            ]
        )

    @abstractmethod
    def call(self) -> list[str]:
        """Return the lines of a script that set `answers` from `model` and `feeds`."""

    def _written(self, problem: Problem) -> Call:
        return written(problem if self._auto_pad else with_pads(problem), self.opset)

    def _check_dtypes(self, node: Any, feeds: Mapping[str, Array]) -> None:
        """Raise `Unsupported` where the operator does not take the dtype of an input."""
        schema = self._onnx.defs.get_schema(node.op_type, self.opset, "")
        # Not of `formal.types`, which onnx 1.20 cannot hand to Python.
        types = {one.type_param_str: one.allowed_type_strs for one in schema.type_constraints}
        for formal, name in zip(schema.inputs, node.input, strict=False):
            if name in feeds:
                type_name = f"tensor({_type_name(feeds[name])})"
                if type_name not in types.get(formal.type_str, (formal.type_str,)):
                    raise Unsupported(f"{node.op_type} of opset {self.opset} takes no {type_name}")

    def _model(self, problem: Problem, nodes: list[Any], feeds: Mapping[str, Array]) -> Any:
        helper = self._onnx.helper
        inputs = [
            helper.make_tensor_value_info(name, element_type(self._onnx, one), one.shape)
            for name, one in feeds.items()
            if name not in self.constants
        ]
        constants = [
            self._onnx.numpy_helper.from_array(one, name)
            for name, one in feeds.items()
            if name in self.constants
        ]
        # Their sizes are the engine's to find.
        kinds = {"indices": self._onnx.TensorProto.INT64}
        own = element_type(self._onnx, feeds["x"])
        outputs = [
            helper.make_tensor_value_info(name, kinds.get(name, own), [None] * (problem.rank + 2))
            for name in problem.answers
        ]
        graph = helper.make_graph(nodes, "problem", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def element_type(onnx: Any, array: Array) -> int:
    """Return the number that ONNX has for the array's dtype."""
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype.newbyteorder("=")))


_NAMES = {"float32": "float", "float64": "double"}


def _type_name(array: Array) -> str:
    return _NAMES.get(array.dtype.name, array.dtype.name)


def _literal(array: Array) -> str:
    values = f"{nested(array)}, {array.dtype.name!r}"
    return f"np.array({values}).reshape({array.shape})"


def _odd(text: str) -> bool:
    return "inf" in text or "nan" in text


_MODEL = """\
def info(name, array=None):
    kind = onnx.helper.np_dtype_to_tensor_dtype(feeds["x"].dtype if array is None else array.dtype)
    kind = onnx.TensorProto.INT64 if name == "indices" else kind
    sizes = [None] * {axes} if array is None else array.shape
    return onnx.helper.make_tensor_value_info(name, kind, sizes)


constants = {constants}
graph = onnx.helper.make_graph(
    nodes,
    "problem",
    [info(*one) for one in feeds.items() if one[0] not in constants],
    [info(one) for one in {answers}],
    [onnx.numpy_helper.from_array(feeds[one], one) for one in constants],
)
model = onnx.helper.make_model(
    graph, opset_imports=[onnx.helper.make_opsetid("", {opset})], ir_version={ir}
)"""
