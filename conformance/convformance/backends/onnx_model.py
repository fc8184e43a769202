"""A problem as an ONNX model, and what any engine of such models needs to answer it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.layouts_index import in_plane, of_framework
from convformance.backends.onnx_calls import written
from convformance.backends.source import execute, nested
from convformance.problem import EXTRAS, Problem

OPSET = 22
IR_VERSION = 10
HEAD = "import numpy as np\nimport onnx\n"


class OnnxModel:
    """One node or two, whose graph is given every array; a subclass says how a model is run."""

    name: str
    distribution: str  # that the version is of
    opset = OPSET
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})

    def __init__(self) -> None:
        import onnx

        self._onnx: Any = onnx
        self.version = importlib.metadata.version(self.distribution)
        parts = dict.fromkeys((self.distribution, "onnx", "numpy"))
        self.libraries = {one: importlib.metadata.version(one) for one in parts}

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        return f"opset {self.opset}"

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answers; the engine's own exceptions pass through."""
        call = written(problem)
        feeds = given(problem, arrays)
        nodes = [execute(f"node = {line}", {"onnx": self._onnx})["node"] for line in call.lines]
        for node in nodes:
            self._check_dtypes(node, feeds)
        found = self.answers(self._model(problem, nodes, feeds), feeds, problem.answers)
        if "indices" in found:
            found["indices"] = in_plane(problem, "onnx", found["indices"])
        return Result(found, self.how, call.recipe)

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Run a `ModelProto` on the arrays and return those of the names."""
        raise NotImplementedError

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
                f"nodes = [{', '.join(written(problem).lines)}]",
                _MODEL.format(answers=list(problem.answers), opset=self.opset, ir=IR_VERSION),
                *self.call(),
                "print(answers)",
            ]
        )

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers` from `model` and `feeds`."""
        raise NotImplementedError

    def _check_dtypes(self, node: Any, feeds: Mapping[str, Array]) -> None:
        """Raise `Unsupported` where the operator does not take the dtype of an input."""
        schema = self._onnx.defs.get_schema(node.op_type, self.opset, "")
        for formal, name in zip(schema.inputs, node.input, strict=False):
            if name in feeds and formal.types:
                type_name = f"tensor({_type_name(feeds[name])})"
                if type_name not in formal.types:
                    raise Unsupported(f"{node.op_type} of opset {self.opset} takes no {type_name}")

    def _model(self, problem: Problem, nodes: list[Any], feeds: Mapping[str, Array]) -> Any:
        helper = self._onnx.helper
        inputs = [
            helper.make_tensor_value_info(name, element_type(self._onnx, one), one.shape)
            for name, one in feeds.items()
        ]
        # Their shapes are the engine's to find.
        kinds = {"indices": self._onnx.TensorProto.INT64}
        own = element_type(self._onnx, feeds["x"])
        outputs = [
            helper.make_tensor_value_info(name, kinds.get(name, own), None)
            for name in problem.answers
        ]
        graph = helper.make_graph(nodes, "problem", inputs, outputs)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


class OnnxRuntimeBackend(OnnxModel):
    """onnxruntime on the CPU; its graph optimisations as by default."""

    name = distribution = "onnxruntime"

    @cached_property
    def _runtime(self) -> Any:
        import onnxruntime

        return onnxruntime

    @property
    def how(self) -> str:
        """One line on the path that is taken."""
        return f"CPUExecutionProvider, opset {self.opset}"

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Run a model in a session of its own; what has no kernel is unsupported."""
        runtime = self._runtime
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # its log is no answer
        errors = runtime.capi.onnxruntime_pybind11_state
        try:
            session = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            values = {name: self._value(array) for name, array in feeds.items()}
            found = session.run_with_ort_values(list(names), values)
        except errors.NotImplemented as error:
            raise Unsupported(str(error)) from None
        return {name: _array(one) for name, one in zip(names, found, strict=True)}

    def _value(self, array: Array) -> Any:
        if not array.dtype.isnative:
            raise Unsupported("values of onnxruntime are in the machine's byte order")
        kind = element_type(self._onnx, array)
        bits = array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array
        # It reads memory in order alone, as its own Python interface brings it.
        bits = np.ascontiguousarray(bits)
        return self._runtime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, kind)

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "import onnxruntime",
            "session = onnxruntime.InferenceSession(model.SerializeToString())",
            "answers = session.run(None, feeds)",
        ]


class OnnxReferenceBackend(OnnxModel):
    """The evaluator of the onnx package: NumPy, and by its authors the meaning of each operator."""

    name = distribution = "onnx"

    def answers(
        self, model: Any, feeds: Mapping[str, Array], names: tuple[str, ...]
    ) -> dict[str, Array]:
        """Evaluate a model."""
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(model).run(list(names), dict(feeds))
        return dict(zip(names, found, strict=True))

    def call(self) -> list[str]:
        """Return the lines of a script that set `answers`."""
        return [
            "from onnx.reference import ReferenceEvaluator",
            "answers = ReferenceEvaluator(model).run(None, feeds)",
        ]


def given(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the graph's inputs: the arrays, and the shapes that some operators take as one."""
    feeds = {name: one for name, one in arrays.items() if name != "indices"}
    if "indices" in arrays:
        feeds["indices"] = of_framework(problem, "onnx", arrays["indices"]).astype(np.int64)
    if problem.op == "max_unpool" and problem.output:
        feeds["output_shape"] = np.array([*problem.x[:2], *problem.output], np.int64)
    if problem.op == "fold":
        feeds["image_shape"] = np.array(problem.output, np.int64)
        feeds["block_shape"] = np.array(problem.kernel, np.int64)
    return feeds


def element_type(onnx: Any, array: Array) -> int:
    """Return the number that ONNX has for the array's dtype."""
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype.newbyteorder("=")))


_NAMES = {"float32": "float", "float64": "double"}


def _type_name(array: Array) -> str:
    return _NAMES.get(array.dtype.name, array.dtype.name)


def _array(value: Any) -> Array:
    if value.element_type() == 16:  # TensorProto.BFLOAT16
        bits: Array = value.numpy()
        return bits.view(ml_dtypes.bfloat16)
    array: Array = value.numpy()
    return array


def _literal(array: Array) -> str:
    values = f"{nested(array)}, {array.dtype.name!r}"
    return f"np.array({values}).reshape({array.shape})"


def _odd(text: str) -> bool:
    return "inf" in text or "nan" in text


_MODEL = """\
def info(name, array=None):
    kind = onnx.helper.np_dtype_to_tensor_dtype(feeds["x"].dtype if array is None else array.dtype)
    kind = onnx.TensorProto.INT64 if name == "indices" else kind
    return onnx.helper.make_tensor_value_info(name, kind, None if array is None else array.shape)


graph = onnx.helper.make_graph(
    nodes, "problem", [info(*one) for one in feeds.items()], [info(one) for one in {answers}]
)
model = onnx.helper.make_model(
    graph, opset_imports=[onnx.helper.make_opsetid("", {opset})], ir_version={ir}
)"""
