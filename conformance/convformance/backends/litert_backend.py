"""LiteRT, which was TensorFlow Lite: a problem is a model of one operator, or of two."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends import litert_model
from convformance.backends.litert_calls import ZEROS, Call, output_shape, written
from convformance.backends.litert_model import model_of
from convformance.backends.source import nested
from convformance.problem import EXTRAS, Problem

# The interpreter's own words for its sets of kernels, and ours for a report.
AUTO, PLAIN, REFERENCE = "AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"
HOW = {
    AUTO: "default kernels and delegates",
    PLAIN: "kernels without default delegates",
    REFERENCE: "reference kernels",
}


class LiteRtBackend:
    """The interpreter of LiteRT on the CPU, by default with its delegate XNNPACK."""

    name = "litert"
    distribution = "ai-edge-litert"
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    variants: ClassVar[dict[str, dict[str, Any]]] = {
        "no_xnnpack": {"kernels": PLAIN},
        "no_xnnpack_threads": {"kernels": PLAIN, "n": 4},  # convolutions of another library
        "reference": {"kernels": REFERENCE},
        "no_bias": {"no_bias": True},
    }
    accumulators = MappingProxyType({"float32": "float32"})

    def __init__(self, *, kernels: str = AUTO, n: int | None = None, no_bias: bool = False) -> None:
        from ai_edge_litert import interpreter

        self._litert: Any = interpreter
        self._kernels, self._n, self._no_bias = kernels, n, no_bias
        self.version = importlib.metadata.version("ai-edge-litert")
        parts = ("ai-edge-litert", "flatbuffers", "numpy")
        self.libraries = {one: importlib.metadata.version(one) for one in parts}

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have the interpreters of a `with` block use n threads."""
        before, self._n = self._n, n
        try:
            yield
        finally:
            self._n = before

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answer; what the interpreter raises passes through."""
        call = written(problem, no_bias=self._no_bias)
        given = seen(problem, call, arrays)
        interpreter = self._litert.Interpreter(
            model_content=model_of(call.operators, given),
            num_threads=self._n,
            experimental_op_resolver_type=getattr(self._litert.OpResolverType, self._kernels),
        )
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given["x"])
        interpreter.invoke()
        y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        if problem.layout == "channels_first":
            y = np.moveaxis(y, -1, 1)
        return Result({"y": y}, f"{HOW[self._kernels]}, {call.note}", call.recipe, "channels last")

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        call = written(problem, no_bias=self._no_bias)
        made = {name: _literal(one) for name, one in seen(problem, call, arrays).items()}
        odd = any("inf" in one or "nan" in one for one in made.values())
        return "\n".join(
            [
                inspect.getsource(litert_model),
                *["from math import inf, nan"] * odd,
                "from ai_edge_litert.interpreter import Interpreter, OpResolverType",
                "",
                "given = {",
                *(f"    {name!r}: {one}," for name, one in made.items()),
                "}",
                "operators = [",
                *(f"    {one!r}," for one in call.operators),
                "]",
                "interpreter = Interpreter(",
                "    model_content=model_of(operators, given),",
                f"    num_threads={self._n!r},",
                f"    experimental_op_resolver_type=OpResolverType.{self._kernels},",
                ")",
                "interpreter.allocate_tensors()",
                'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given["x"])',
                "interpreter.invoke()",
                'answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
                "print(answer)  # channels last",
                "",
            ]
        )


def seen(problem: Problem, call: Call, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays in the operators' axes: x (N, *spatial, C), w as each has it."""
    given = dict(arrays)
    for one in given.values():
        if not one.dtype.isnative:  # it would be read as if it were
            raise Unsupported("numbers of LiteRT are in the machine's byte order")
    if problem.layout == "channels_first":
        given["x"] = np.moveaxis(given["x"], 1, -1)
    given |= _weights(problem, call, given)
    if problem.op == "conv_transpose":
        given["output_shape"] = np.array(output_shape(problem), np.int32)
    if problem.op.startswith("global_"):
        given["axes"] = np.arange(1, 1 + problem.rank, dtype=np.int32)
    for operator in call.operators:
        for name in ZEROS & set(operator.inputs):
            weights = given[operator.inputs[1]].shape
            M = weights[-1 if operator.name == "DEPTHWISE_CONV_2D" else 0]
            given[name] = np.zeros(M, given["x"].dtype)
    return given


def _weights(problem: Problem, call: Call, given: Arrays) -> dict[str, Array]:
    """Return w and pointwise in the operator's axes; of a wrong number of axes as they are."""
    if "w" not in given or given["w"].ndim < 2:
        return {}
    w, name = given["w"], call.operators[0].name
    if problem.op == "conv1x1" and name != "FULLY_CONNECTED":
        w = w.reshape(*w.shape, *(1,) * problem.rank)
    match name:
        case "CONV_2D":  # (M, *kernel, C)
            w = np.moveaxis(w, 1, -1)
        case "CONV_3D":  # (*kernel, C, M)
            w = np.moveaxis(w, (0, 1), (-1, -2))
        case "TRANSPOSE_CONV":  # (M, *kernel, C)
            w = np.moveaxis(w, 0, -1)
        case "CONV_3D_TRANSPOSE":  # (*kernel, M, C)
            w = np.moveaxis(w, (0, 1), (-1, -2))
        case "DEPTHWISE_CONV_2D":  # (1, *kernel, C * multiplier)
            w = np.moveaxis(w, (0, 1), (-2, -1))
            w = w.reshape(1, *w.shape[:-2], w.shape[-2] * w.shape[-1])
    if "pointwise" not in given:
        return {"w": w}
    M, depth = given["pointwise"].shape
    return {"w": w, "pointwise": given["pointwise"].reshape(M, *(1,) * problem.rank, depth)}


def _literal(array: Array) -> str:
    return f"np.array({nested(array)}, {array.dtype.name!r}).reshape({array.shape})"
